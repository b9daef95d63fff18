//! Invalid values, each with one violation that is known by its keyword and place.

use std::collections::BTreeSet;

use bitting_spec::Document;
use serde_json::{Value, json};

use super::schema::{Keywords, alternatives, required, types, whole};

/// Longer texts and lists than these are not made to break a maximum.
const MAX_LENGTH: usize = 20_000;
const MAX_DEPTH: usize = 6;
/// More alternatives than these are not broken one by one.
const MAX_TRIED: usize = 4;

/// What stands for the keyword where `type` is broken by a `null`.
pub(crate) const NULL: &str = "null";
/// What stands for the keyword where `type` is broken by what many frameworks turn into the right type: `"3"` for `3`.
pub(crate) const ALIKE: &str = "alike";

/// A value that breaks one keyword of its schema.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Violation {
    /// Where in the value (RFC 6901).
    pub(crate) pointer: String,
    /// The keyword.
    pub(crate) keyword: &'static str,
    /// The whole value.
    pub(crate) value: Value,
}

/// The violations that can be made of `base`, a value of `schema`. They are not yet checked to be invalid.
pub(crate) fn violations(document: &Document, schema: &Value, base: &Value) -> Vec<Violation> {
    let mut found = Vec::new();
    collect(document, schema, base, 0, &mut found);
    found.into_iter().map(|(pointer, keyword, value)| Violation { pointer, keyword, value }).collect()
}

type Found = Vec<(String, &'static str, Value)>;

fn collect(document: &Document, schema: &Value, base: &Value, depth: usize, found: &mut Found) {
    let alternatives = alternatives(document, schema);
    // `null` is what servers take for absent, so it is tried for itself.
    let keyword = |value: &Value| if value.is_null() { NULL } else { "type" };
    found.extend(type_violations(&alternatives).into_iter().map(|value| (String::new(), keyword(&value), value)));
    found.extend(alike(&alternatives, base).into_iter().map(|value| (String::new(), ALIKE, value)));
    // A value that breaks one alternative may be of another: whoever uses it checks it against the whole schema.
    for keywords in alternatives.iter().take(MAX_TRIED) {
        collect_of(document, keywords, base, depth, found);
    }
}

fn collect_of(document: &Document, keywords: &Keywords, base: &Value, depth: usize, found: &mut Found) {
    let here =
        |list: Vec<(&'static str, Value)>| list.into_iter().map(|(keyword, value)| (String::new(), keyword, value));
    found.extend(here(choice(keywords)));
    match base {
        Value::String(text) => found.extend(here(of_string(keywords, text))),
        Value::Number(_) => found.extend(here(of_number(keywords))),
        Value::Array(items) => {
            found.extend(here(of_array(keywords, items)));
            if let (Some(schema), Some(first), true) = (keywords.get("items"), items.first(), depth < MAX_DEPTH) {
                nested(document, schema, first, depth, found, "/0", |value| replaced(items, value));
            }
        }
        Value::Object(object) => {
            found.extend(here(of_object(keywords, object)));
            let declared = keywords.get("properties").and_then(Value::as_object);
            for (name, schema) in declared.into_iter().flatten().filter(|_| depth < MAX_DEPTH) {
                let Some(member) = object.get(name) else { continue };
                let place = format!("/{}", name.replace('~', "~0").replace('/', "~1"));
                nested(document, schema, member, depth, found, &place, |value| {
                    let mut object = object.clone();
                    object.insert(name.clone(), value);
                    Value::Object(object)
                });
            }
        }
        _ => {}
    }
}

fn nested(
    document: &Document,
    schema: &Value,
    base: &Value,
    depth: usize,
    found: &mut Found,
    place: &str,
    put: impl Fn(Value) -> Value,
) {
    let mut inner = Vec::new();
    collect(document, schema, base, depth + 1, &mut inner);
    found.extend(inner.into_iter().map(|(pointer, keyword, value)| (format!("{place}{pointer}"), keyword, put(value))));
}

fn replaced(items: &[Value], value: Value) -> Value {
    let mut items = items.to_vec();
    if let Some(first) = items.first_mut() {
        *first = value;
    }
    Value::Array(items)
}

/// A value of a type that no alternative allows, and `null` where none allows that.
fn type_violations(alternatives: &[Keywords]) -> Vec<Value> {
    let Some(allowed) = allowed(alternatives) else { return Vec::new() };
    let others = [
        ("string", json!("bitting")),
        ("integer", json!(7)),
        ("boolean", json!(true)),
        ("array", json!([])),
        ("object", json!({})),
    ];
    let number = |kind: &str| kind == "integer" && allowed.contains("number");
    let other = others.into_iter().find(|(kind, _)| !allowed.contains(*kind) && !number(kind)).map(|(_, value)| value);
    // What is taken for a text or a number without a look breaks on an object.
    let is_plain = !allowed.contains("object") && !allowed.contains("array");
    let deep = is_plain.then(|| json!({"bitting": [true]}));
    other.into_iter().chain((!allowed.contains("null")).then_some(Value::Null)).chain(deep).collect()
}

/// The types that a value may have, where the schema says so.
fn allowed(alternatives: &[Keywords]) -> Option<BTreeSet<String>> {
    let known = |keywords: &Keywords| ["type", "const", "enum"].iter().any(|key| keywords.contains_key(*key));
    let is_known = !alternatives.is_empty() && alternatives.iter().all(known);
    is_known.then(|| alternatives.iter().flat_map(types).collect())
}

/// Values of types that no alternative allows, and that are easily taken for `base`.
fn alike(alternatives: &[Keywords], base: &Value) -> Vec<Value> {
    let Some(allowed) = allowed(alternatives) else { return Vec::new() };
    let alike = match base {
        Value::Number(number) => vec![json!(number.to_string()), json!(true)],
        Value::Bool(is_so) => vec![json!(is_so.to_string()), json!(u8::from(*is_so))],
        Value::Object(_) => vec![json!([])],
        _ => Vec::new(),
    };
    let kind = |value: &Value| match value {
        Value::String(_) => "string",
        Value::Bool(_) => "boolean",
        Value::Array(_) => "array",
        _ if allowed.contains("number") => "number",
        _ => "integer",
    };
    alike.into_iter().filter(|value| !allowed.contains(kind(value))).collect()
}

fn choice(keywords: &Keywords) -> Vec<(&'static str, Value)> {
    let keyword = ["enum", "const"].into_iter().find(|key| keywords.contains_key(*key));
    keyword.map(|keyword| (keyword, json!("bitting-no-such-value"))).into_iter().collect()
}

fn of_string(keywords: &Keywords, text: &str) -> Vec<(&'static str, Value)> {
    let mut found = Vec::new();
    let count = text.chars().count();
    if let Some(least) = whole(keywords, "minLength").filter(|least| *least > 0) {
        found.push(("minLength", Value::String(text.chars().take(least - 1).collect())));
    }
    if let Some(most) = whole(keywords, "maxLength").filter(|most| *most < MAX_LENGTH) {
        let filler = text.chars().next_back().unwrap_or('x').to_string();
        found.push(("maxLength", Value::String(format!("{text}{}", filler.repeat((most + 1).saturating_sub(count))))));
    }
    if let Some(pattern) = keywords.get("pattern") {
        let validator = jsonschema::validator_for(&json!({"pattern": pattern})).ok();
        let candidates = [format!("{text}!"), format!(" {text}"), "!".to_owned(), "ü".to_owned(), String::new()];
        let broken = candidates
            .into_iter()
            .map(Value::String)
            .find(|value| validator.as_ref().is_some_and(|known| !known.is_valid(value)));
        found.extend(broken.map(|value| ("pattern", value)));
    }
    if let Some(format) = keywords.get("format").and_then(Value::as_str) {
        found.push(("format", Value::String(format!("not-a-{format}"))));
        found.extend(nearly(format).map(|text| ("format", json!(text))));
    }
    found
}

/// A text that is of a format but for one thing.
fn nearly(format: &str) -> Option<&'static str> {
    Some(match format {
        "date" => "2026-02-30",
        "date-time" => "2026-02-30T12:00:00Z",
        "time" => "24:30:00Z",
        "email" => "bitting@example..com",
        "hostname" => "example-.com",
        "ipv4" => "192.0.2.256",
        "ipv6" => "2001:db8::1::2",
        "uuid" => "00000000-0000-4000-8000-00000b17717g",
        "uri" => "//example.com/no-scheme",
        _ => return None,
    })
}

fn of_number(keywords: &Keywords) -> Vec<(&'static str, Value)> {
    let integer = types(keywords).iter().all(|kind| kind == "integer");
    let number = |value: f64| if integer { json!(value as i64) } else { json!(value) };
    let limit = |key: &'static str, by: f64| Some((key, number(keywords.get(key)?.as_f64()? + by)));
    let mut found: Vec<_> = [
        limit("minimum", -1.0),
        limit("maximum", 1.0),
        limit("exclusiveMinimum", 0.0),
        limit("exclusiveMaximum", 0.0),
        limit("multipleOf", 1.0),
    ]
    .into_iter()
    .flatten()
    .collect();
    if integer {
        found.push(("type", json!(1.5)));
        // Beyond what an integer of 64 bits with a sign holds.
        found.extend(keywords.get("maximum").map(|_| ("maximum", json!(u64::MAX))));
    }
    found
}

fn of_array(keywords: &Keywords, items: &[Value]) -> Vec<(&'static str, Value)> {
    let mut found = Vec::new();
    if let Some(least) = whole(keywords, "minItems").filter(|least| *least > 0) {
        found.push(("minItems", Value::Array(items.iter().take(least - 1).cloned().collect())));
    }
    let Some(first) = items.first() else { return found };
    if let Some(most) = whole(keywords, "maxItems").filter(|most| *most < MAX_LENGTH) {
        let filled = (0..=most).map(|index| match first {
            // Distinct texts, so that `uniqueItems` is not what is broken.
            Value::String(_) => json!(format!("item-{index}")),
            _ => first.clone(),
        });
        found.push(("maxItems", Value::Array(filled.collect())));
    }
    if keywords.get("uniqueItems") == Some(&Value::Bool(true)) {
        found.push(("uniqueItems", json!([first, first])));
    }
    found
}

fn of_object(keywords: &Keywords, object: &serde_json::Map<String, Value>) -> Vec<(&'static str, Value)> {
    let mut found = Vec::new();
    for name in required(keywords) {
        let mut less = object.clone();
        if less.shift_remove(name).is_some() {
            found.push(("required", Value::Object(less)));
        }
    }
    if keywords.get("additionalProperties") == Some(&Value::Bool(false)) {
        let mut more = object.clone();
        more.insert("bitting_unexpected".to_owned(), json!("value"));
        found.push(("additionalProperties", Value::Object(more)));
    }
    let depends = keywords.get("dependentRequired").and_then(Value::as_object).into_iter().flatten();
    for (_, needed) in depends.filter(|(name, _)| object.contains_key(*name)) {
        for name in needed.as_array().into_iter().flatten().filter_map(Value::as_str) {
            let mut less = object.clone();
            if less.shift_remove(name).is_some() {
                found.push(("dependentRequired", Value::Object(less)));
            }
        }
    }
    if whole(keywords, "minProperties").is_some_and(|least| least > 0) {
        found.push(("minProperties", json!({})));
    }
    found
}

/// The values that a text in a path, query or header can stand for: servers read `5` as a number and as a text.
pub(crate) fn of_text(text: &str) -> Vec<Value> {
    let mut readings = vec![Value::from(text)];
    if let Ok(value @ (Value::Number(_) | Value::Bool(_) | Value::Null)) = serde_json::from_str(text) {
        readings.push(value);
    }
    // `007`, `1e3` and `True` are read as values by some servers too.
    readings.extend(text.parse::<i64>().ok().map(Value::from));
    readings.extend(text.parse::<f64>().ok().filter(|number| number.is_finite()).map(Value::from));
    readings.extend(text.to_ascii_lowercase().parse::<bool>().ok().map(Value::from));
    // An empty text stands for nothing at all, and for an empty list.
    if text.is_empty() {
        readings.extend([Value::Null, json!([])]);
    }
    readings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generate::validator;

    fn found(schema: &Value, base: &Value) -> Vec<(String, &'static str)> {
        let text = json!({"openapi": "3.1.0", "info": {"title": "t", "version": "1"}, "paths": {}});
        let document = Document::parse("test.json", &text.to_string()).expect("a document");
        let validator = validator(&document, schema).expect("a schema");
        assert!(validator.is_valid(base), "{base}");
        let all = violations(&document, schema, base);
        all.into_iter().filter(|one| !validator.is_valid(&one.value)).map(|one| (one.pointer, one.keyword)).collect()
    }

    /// One violation for each keyword, where it stands.
    #[test]
    fn each_keyword_is_broken_once() {
        let schema = json!({"type": "object", "required": ["a"], "additionalProperties": false,
            "dependentRequired": {"b": ["c"]}, "properties": {
            "a": {"type": "string", "minLength": 2, "maxLength": 4, "pattern": "^[a-z]+$"},
            "b": {"type": "array", "uniqueItems": true, "maxItems": 2, "items": {"type": "integer", "minimum": 0}},
            "c": {"enum": ["x", "y"]}}});
        let found = found(&schema, &json!({"a": "abc", "b": [1], "c": "x"}));
        for expected in [
            ("", "type"),
            ("", "required"),
            ("", "additionalProperties"),
            ("", "alike"),
            ("", "dependentRequired"),
            ("/a", "type"),
            ("/a", "minLength"),
            ("/a", "maxLength"),
            ("/a", "pattern"),
            ("/b", "uniqueItems"),
            ("/b", "maxItems"),
            ("/b/0", "minimum"),
            ("/b/0", "alike"),
            ("/c", "enum"),
        ] {
            assert!(found.contains(&(expected.0.to_owned(), expected.1)), "{expected:?} in {found:?}");
        }
    }

    /// The published false alarms of others: a text that stands for a valid value is no violation.
    #[test]
    fn texts_are_read_in_every_way_that_a_server_may() {
        assert!(of_text("5").contains(&json!(5)) && of_text("5").contains(&json!("5")));
        assert!(of_text("null").contains(&Value::Null) && of_text("True").contains(&json!(true)));
        assert!(of_text("").contains(&json!([])));
        assert_eq!(of_text("abc"), vec![json!("abc")]);
    }
}
