//! What the text of a parameter may stand for: servers read types into it, take one value for a list of one, the first or
//! the last of many, a whole list for one text. Only what is invalid in every reading is invalid.

use bitting_spec::table::{Encoding, Style};
use serde_json::{Map, Value};

use super::case::text_of;
use super::of_text;

/// With more readings than these nobody is accused.
const MAX_READINGS: usize = 512;

/// The values that `value`, written by `encoding`, may stand for. `None`: too many to tell, or nothing is sent at all.
pub(super) fn readings(encoding: &Encoding, value: &Value) -> Option<Vec<Value>> {
    if matches!(encoding, Encoding::Content(_)) {
        return Some(vec![value.clone()]);
    }
    match value {
        Value::Null => None,
        Value::Array(items) => of_list(items, encoding),
        Value::Object(members) => of_object(members),
        scalar => Some(of_text(&text_of(scalar))),
    }
}

fn of_list(items: &[Value], encoding: &Encoding) -> Option<Vec<Value>> {
    let texts = texts(items.iter())?;
    let (first, last) = (texts.first()?, texts.last()?);
    let mut all: Vec<Value> = combined(&texts)?.into_iter().map(Value::Array).collect();
    // Whoever repeats a name says a list (OpenAPI 3.1, 4.8.12.4).
    if texts.len() > 1 && matches!(encoding, Encoding::Style { style: Style::Form, explode: true, .. }) {
        return Some(all);
    }
    // One value for all of them.
    all.extend(of_text(first).into_iter().chain(of_text(last)));
    all.extend([",", " ", "|"].iter().map(|delimiter| Value::from(texts.join(delimiter))));
    Some(all)
}

fn of_object(members: &Map<String, Value>) -> Option<Vec<Value>> {
    let texts = texts(members.values())?;
    let named = |values: Vec<Value>| members.keys().cloned().zip(values).collect::<Map<String, Value>>();
    let mut all: Vec<Value> = combined(&texts)?.into_iter().map(|values| Value::Object(named(values))).collect();
    let flat: Vec<&str> =
        members.keys().map(String::as_str).zip(texts.iter().map(String::as_str)).flat_map(|(k, v)| [k, v]).collect();
    all.push(Value::from(flat.join(",")));
    all.push(Value::from(flat));
    Some(all)
}

/// The texts of the items. `None` where one is left out, nested, or holds what may part it from another.
fn texts<'a>(items: impl Iterator<Item = &'a Value>) -> Option<Vec<String>> {
    let text = |item: &Value| match item {
        Value::Null | Value::Array(_) | Value::Object(_) => None,
        scalar => {
            Some(text_of(scalar)).filter(|text| !text.contains([',', ' ', '|', '=', '&', ';']) && !text.is_empty())
        }
    };
    let texts: Option<Vec<String>> = items.map(text).collect();
    texts.filter(|texts| !texts.is_empty())
}

/// Every choice of a reading for each text.
fn combined(texts: &[String]) -> Option<Vec<Vec<Value>>> {
    let mut all = vec![Vec::new()];
    for text in texts {
        let mut choices: Vec<Value> = Vec::new();
        for reading in of_text(text) {
            if !choices.contains(&reading) {
                choices.push(reading);
            }
        }
        all = all
            .iter()
            .flat_map(|begun: &Vec<Value>| {
                choices.iter().map(move |choice| [begun.as_slice(), std::slice::from_ref(choice)].concat())
            })
            .collect();
        if all.len() > MAX_READINGS {
            return None;
        }
    }
    Some(all)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_list_has_every_reading_that_servers_have() {
        let plain = Encoding::Style { style: Style::Form, explode: true, allow_reserved: false };
        let joined = Encoding::Style { style: Style::Form, explode: false, allow_reserved: false };
        let list = readings(&joined, &json!([1, "x"])).expect("they can be told");
        for reading in [json!([1, "x"]), json!(["1", "x"]), json!("x"), json!(1), json!("1,x")] {
            assert!(list.contains(&reading), "{reading} in {list:?}");
        }
        let repeated = readings(&plain, &json!([1, "x"])).expect("they can be told");
        assert!(repeated.contains(&json!(["1", "x"])) && repeated.iter().all(Value::is_array), "{repeated:?}");
        let object = readings(&plain, &json!({"a": 1})).expect("they can be told");
        assert!(object.contains(&json!({"a": "1"})) && object.contains(&json!({"a": 1})), "{object:?}");
        for untold in [json!(null), json!([]), json!([null]), json!(["a,b"]), json!({"a": {}}), json!([""])] {
            assert_eq!(readings(&plain, &untold), None, "{untold}");
        }
    }
}
