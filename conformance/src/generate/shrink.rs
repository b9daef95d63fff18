//! Smaller cases: what to try next when a case fails, the largest cut first.

use bitting_spec::Operation;
use bitting_spec::table::Location;
use serde_json::{Map, Number, Value};

use super::Case;

/// The cases that are one step smaller than `case`. What a path names stays as it is.
pub(crate) fn smaller(operation: &Operation, case: &Case) -> Vec<Case> {
    let mut all = Vec::new();
    for (index, argument) in case.arguments.iter().enumerate() {
        let needed = operation.parameters.iter().any(|parameter| {
            parameter.required && parameter.name == argument.name && parameter.location == argument.location
        });
        if !needed {
            let mut less = case.clone();
            less.arguments.remove(index);
            all.push(less);
        }
        if argument.location != Location::Path {
            all.extend(simpler(&argument.value).into_iter().map(|value| {
                let mut less = case.clone();
                less.set(&argument.name, argument.location, value);
                less
            }));
        }
    }
    if let Some((media_type, value)) = &case.body {
        if operation.request_body.as_ref().is_some_and(|body| !body.required) {
            all.push(Case { body: None, ..case.clone() });
        }
        let bodies = simpler(value).into_iter();
        all.extend(bodies.map(|value| Case { body: Some((media_type.clone(), value)), ..case.clone() }));
    }
    all
}

/// Values that are one step simpler.
fn simpler(value: &Value) -> Vec<Value> {
    match value {
        Value::String(text) => shorter(text),
        Value::Number(number) => nearer_to_zero(number),
        Value::Array(items) => lists(items),
        Value::Object(object) => objects(object),
        _ => Vec::new(),
    }
}

fn nearer_to_zero(number: &Number) -> Vec<Value> {
    let candidates = match number.as_i64() {
        // Halves of what is left, so that the edge of a failure is met in few steps.
        Some(whole) => {
            let steps = (1..4).map(|power| Value::from(whole - whole / (1 << power)));
            std::iter::once(Value::from(0)).chain(steps).chain([Value::from(whole - whole.signum())]).collect()
        }
        None => vec![Value::from(0), Value::from(1)],
    };
    let size = |value: &Value| value.as_f64().map(f64::abs);
    let mut smaller: Vec<Value> =
        candidates.into_iter().filter(|value| size(value) < number.as_f64().map(f64::abs)).collect();
    smaller.dedup();
    smaller
}

fn shorter(text: &str) -> Vec<Value> {
    let letters: Vec<char> = text.chars().collect();
    let mut lengths = vec![0, 1, letters.len() / 2, letters.len().saturating_sub(1)];
    lengths.dedup();
    let mut all: Vec<Value> = lengths
        .into_iter()
        .filter(|length| *length < letters.len())
        .map(|length| Value::String(letters.iter().take(length).collect()))
        .collect();
    if letters.iter().any(|letter| !letter.is_ascii_alphanumeric()) {
        all.push(Value::String("a".repeat(letters.len())));
    }
    all
}

fn lists(items: &[Value]) -> Vec<Value> {
    let mut all = Vec::new();
    if items.len() > 1 {
        all.push(Value::Array(items.iter().take(items.len() / 2).cloned().collect()));
    }
    for index in 0..items.len().min(8) {
        let mut less = items.to_vec();
        less.remove(index);
        all.push(Value::Array(less));
    }
    for (index, item) in items.iter().enumerate().take(8) {
        all.extend(simpler(item).into_iter().map(|item| {
            let mut same = items.to_vec();
            same[index] = item;
            Value::Array(same)
        }));
    }
    all
}

fn objects(object: &Map<String, Value>) -> Vec<Value> {
    let without = object.keys().map(|name| {
        let mut less = object.clone();
        less.shift_remove(name);
        Value::Object(less)
    });
    let mut all: Vec<Value> = without.collect();
    let members: Vec<(&String, Vec<Value>)> = object.iter().map(|(name, member)| (name, simpler(member))).collect();
    // The largest cut of every member before the second of any: the replays are few.
    for round in 0..members.iter().map(|(_, simpler)| simpler.len()).max().unwrap_or(0) {
        for (name, member) in members.iter().filter_map(|(name, simpler)| Some((*name, simpler.get(round)?))) {
            let mut same = object.clone();
            same.insert(name.clone(), member.clone());
            all.push(Value::Object(same));
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Greedy shrinking ends at the smallest value that still fails.
    #[test]
    fn shrinking_keeps_only_what_fails() {
        let mut value = json!({"name": "some long name", "tags": ["a", "b", "c"], "count": 17, "deep": {"x": "yy"}});
        let fails = |value: &Value| value["tags"].as_array().is_some_and(|tags| tags.contains(&json!("b")));
        while let Some(next) = simpler(&value).into_iter().find(fails) {
            value = next;
        }
        assert_eq!(value, json!({"tags": ["b"]}));
    }
}
