//! `allOf`: what several schemas say of one value, as one schema.

use bitting_spec::Document;
use serde_json::{Map, Value, json};

/// A schema whose `allOf` parts are put together: members and requirements of all of them, and the types that they have
/// in common. Where two parts are unions, the second stays in an `allOf`.
pub(super) fn merged(document: &Document, schema: &Value) -> Value {
    if let ([only], Some(object)) = (list(schema, "allOf"), schema.as_object())
        && only.get("$ref").is_some()
        && object.keys().filter(|key| !is_annotation(key)).count() == 1
    {
        return only.clone();
    }
    merged_below(document, schema, &mut Vec::new())
}

/// [`merged`] inside of the components `above`, which a part that leads back to one of them cannot repeat.
fn merged_below<'a>(document: &'a Document, schema: &'a Value, above: &mut Vec<&'a Value>) -> Value {
    let parts = list(schema, "allOf");
    let Some(object) = schema.as_object().filter(|_| !parts.is_empty()) else { return schema.clone() };
    let mut whole = object.clone();
    whole.remove("allOf");
    for part in parts {
        let part = document.resolve(part);
        if above.iter().any(|other| std::ptr::eq(*other, part)) {
            continue;
        }
        above.push(part);
        let merged = merged_below(document, part, above);
        above.pop();
        if let Value::Object(mut part) = merged {
            // What extends the base of a union is one of its variants, and not the union.
            if variants(&part).any(|variant| document.resolve(variant) == schema) {
                part.retain(|key, _| !is_union(key) && key != "discriminator");
            }
            add(&mut whole, part);
        }
    }
    Value::Object(whole)
}

/// Adds what `part` says to the whole.
fn add(whole: &mut Map<String, Value>, mut part: Map<String, Value>) {
    if whole.keys().any(|key| is_union(key)) && part.keys().any(|key| is_union(key)) {
        let is_its = |key: &&String| is_union(key) || *key == "discriminator";
        let unions: Vec<String> = part.keys().filter(is_its).cloned().collect();
        let moved: Map<String, Value> = unions.into_iter().filter_map(|key| part.remove_entry(&key)).collect();
        part.insert("allOf".to_owned(), json!([moved]));
    }
    for (key, value) in part {
        match (whole.get_mut(&key), value) {
            (Some(Value::Object(into)), Value::Object(from)) if key == "properties" => into.extend(from),
            (Some(Value::Array(into)), Value::Array(from)) if key == "required" || key == "allOf" => {
                let new: Vec<Value> = from.into_iter().filter(|one| !into.contains(one)).collect();
                into.extend(new);
            }
            (Some(into), from) if key == "type" => {
                let common: Vec<Value> = kinds(into).into_iter().filter(|kind| kinds(&from).contains(kind)).collect();
                match common.as_slice() {
                    // They contradict each other: the first one stands.
                    [] => {}
                    [one] => *into = one.clone(),
                    _ => *into = Value::Array(common),
                }
            }
            (Some(_), _) => {}
            (None, _) if is_annotation(&key) => {}
            (None, value) => drop(whole.insert(key, value)),
        }
    }
}

fn variants(part: &Map<String, Value>) -> impl Iterator<Item = &Value> {
    part.iter().filter(|(key, _)| is_union(key)).filter_map(|(_, value)| value.as_array()).flatten()
}

fn kinds(value: &Value) -> Vec<Value> {
    if let Value::Array(kinds) = value { kinds.clone() } else { vec![value.clone()] }
}

/// What a union says of all its variants: its members, and the unions beside it.
pub(super) fn siblings(schema: &Value) -> Option<Value> {
    let key = ["oneOf", "anyOf"].into_iter().find(|key| !list(schema, key).is_empty())?;
    let kept = |name: &String| name != key && name != "discriminator" && name != "$defs" && !is_annotation(name);
    let beside: Map<String, Value> = schema
        .as_object()?
        .iter()
        .filter(|(name, _)| kept(name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    let says = ["properties", "allOf", "oneOf", "anyOf"];
    says.iter().any(|key| beside.contains_key(*key)).then_some(Value::Object(beside))
}

pub(super) fn list<'a>(schema: &'a Value, key: &str) -> &'a [Value] {
    schema.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn is_union(key: &str) -> bool {
    matches!(key, "oneOf" | "anyOf")
}

fn is_annotation(key: &str) -> bool {
    matches!(
        key,
        "description" | "title" | "example" | "examples" | "default" | "deprecated" | "readOnly" | "writeOnly"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What tells the variants of a union apart stays with it.
    #[test]
    fn of_two_unions_the_second_keeps_its_discriminator() {
        let text = r#"{"openapi": "3.1.0", "info": {"title": "t", "version": "1"}, "paths": {}}"#;
        let document = Document::parse("t.json", text).expect("it is valid");
        let (one, other) = (json!([{"const": 1}, {"const": 2}]), json!([{"const": 3}, {"const": 4}]));
        let second = json!({"oneOf": other, "discriminator": {"propertyName": "k"}, "required": ["k"]});
        let whole = merged(&document, &json!({"allOf": [{"oneOf": one, "required": ["k"]}, second]}));
        let moved = json!([{"oneOf": other, "discriminator": {"propertyName": "k"}}]);
        assert_eq!(whole, json!({"oneOf": one, "required": ["k"], "allOf": moved}));
    }
}
