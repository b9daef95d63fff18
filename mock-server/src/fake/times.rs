//! The times of one object in their order: nothing is changed before it is made, and nothing ends before it begins.

use chrono::{DateTime, NaiveDate};
use serde_json::{Map, Value};

/// What a name says about when its time comes; what says nothing of it comes between the second and the last.
const FIRST: [&str; 5] = ["created", "registered", "issued", "joined", "added"];
const SECOND: [&str; 4] = ["start", "begin", "from", "since"];
const LAST: [&str; 9] = ["end", "finish", "complet", "clos", "expire", "until", "delet", "revok", "archiv"];

/// Gives the times of `object`, those of each form for themselves, to its members in the order of their names' meanings.
pub(super) fn put_in_order(object: &mut Map<String, Value>) {
    for is_it in [is_time as fn(&Value) -> bool, is_date] {
        let mut names: Vec<String> =
            object.iter().filter(|(_, value)| is_it(value)).map(|(name, _)| name.clone()).collect();
        if names.len() < 2 {
            continue;
        }
        let mut times: Vec<Value> = names.iter().filter_map(|name| object.get(name).cloned()).collect();
        names.sort_by_key(|name| rank(name));
        // All of them are written alike, so that their texts are in order as they are.
        times.sort_by(|one, other| one.as_str().cmp(&other.as_str()));
        for (name, time) in names.into_iter().zip(times) {
            object.insert(name, time);
        }
    }
}

/// Whether a whole number under `name` counts the seconds since 1970, or the milliseconds.
pub(crate) fn is_counted(name: &str, schema: &Map<String, Value>) -> bool {
    let format = schema.get("format").and_then(Value::as_str).unwrap_or_default();
    let is_bounded = |key: &str| schema.get(key).and_then(Value::as_f64).is_some_and(|bound| bound < 1e9);
    let name = name.trim_end_matches("_at").trim_end_matches("At").trim_end_matches("_time");
    let is_named =
        ["created", "updated", "modified", "expires", "timestamp"].contains(&name.to_ascii_lowercase().as_str());
    ["unix-time", "unixtime", "timestamp", "unix-timestamp"].contains(&format) || is_named && !is_bounded("maximum")
}

fn rank(name: &str) -> u8 {
    let name = name.to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| name.contains(word));
    match () {
        () if says(&FIRST) => 0,
        () if says(&SECOND) => 1,
        () if says(&LAST) => 3,
        () => 2,
    }
}

/// A time as [`timestamp`](super::timestamp) writes it.
fn is_time(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.len() == 20 && DateTime::parse_from_rfc3339(text).is_ok())
}

fn is_date(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.len() == 10 && text.parse::<NaiveDate>().is_ok())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_comes_first_is_earliest() {
        let mut object = json!({
            "expires_at": "2026-01-02T00:00:00Z", "updatedAt": "2026-01-03T00:00:00Z", "createdAt": "2026-01-04T00:00:00Z",
            "end_date": "2026-01-01", "start_date": "2026-01-09", "name": "2026-01-0x",
        });
        put_in_order(object.as_object_mut().expect("it is one"));
        let expected = json!({
            "expires_at": "2026-01-04T00:00:00Z", "updatedAt": "2026-01-03T00:00:00Z", "createdAt": "2026-01-02T00:00:00Z",
            "end_date": "2026-01-09", "start_date": "2026-01-01", "name": "2026-01-0x",
        });
        assert_eq!(object, expected);
    }
}
