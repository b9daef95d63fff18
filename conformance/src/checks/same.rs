//! Whether what is read is what was sent: values that are written in several ways, and values that differ for certain.

use std::collections::BTreeSet;

use bitting_spec::{Document, Operation};
use serde_json::{Map, Number, Value, json};

use super::leak::is_secret;
use crate::generate::{text_of, validator};
use crate::infer::{answered, properties};
use crate::run::named_in;

/// The first member that was sent and that the answer of `read` has with another value, but for what tells objects apart,
/// which is the server's to give, and for what the answer's own schema forbids, which cannot be shown.
pub(super) fn differing<'s>(
    (document, read): (&Document, &Operation),
    name: &str,
    sent: &'s Map<String, Value>,
    body: &Value,
) -> Option<(&'s String, &'s Value)> {
    let shown = answered(document, read);
    let (sent, body, shown) = match unwrapped(sent, body) {
        Some((name, sent, inner)) => (sent, inner, inside(document, &shown, name)),
        None => (sent, body, shown),
    };
    let id = named_in(body, name).map(|(id, _)| id);
    let can_show = |name: &str, value: &Value| {
        shown.iter().find(|(known, _)| *known == name).is_none_or(|(_, schema)| takes(document, schema, value))
    };
    lost(sent, body).find(|(name, value)| Some(*name) != id.as_ref() && can_show(name, value))
}

/// The first member that was sent, that the document lets the answer of `read` show, and that is not there. What is secret
/// need not be.
pub(super) fn dropped<'s>(
    (document, read): (&Document, &Operation),
    sent: &'s Map<String, Value>,
    body: &Value,
) -> Option<&'s str> {
    let (shown, body) = (answered(document, read), body.as_object()?);
    let is_hidden = |schema: &Value| document.resolve(schema).get("writeOnly") == Some(&Value::Bool(true));
    let can_show = |name: &str, value: &Value| {
        let known = shown.iter().find(|(known, _)| *known == name);
        known.is_some_and(|(_, schema)| !is_hidden(schema) && takes(document, schema, value))
    };
    let is_lost = |(name, value): &(&String, &Value)| {
        !value.is_null() && !body.contains_key(*name) && !is_secret(name) && can_show(name, value)
    };
    sent.iter().find(is_lost).map(|(name, _)| name.as_str())
}

/// The first member that is another one after `sent` was tried, by that: it has what was sent, or it is gone, and the next
/// read shows the same. What else changes does so by itself, such as a count of the reads.
pub(super) fn changed(sent: &Map<String, Value>, before: &Value, after: &Value, again: &Value) -> Option<String> {
    let (Value::Object(before), Value::Object(after)) = (before, after) else {
        return (before != after && after == again).then(|| "the object itself".to_owned());
    };
    let is_set = |name: &String, value: &Value| sent.get(name).is_some_and(|sent| is_kept(sent, value));
    let is_taken = |name: &String| match after.get(name) {
        Some(value) => before.get(name) != Some(value) && again.get(name) == Some(value) && is_set(name, value),
        None => again.get(name).is_none(),
    };
    after.keys().chain(before.keys()).find(|name| is_taken(name)).map(|name| format!("`{name}`"))
}

fn takes(document: &Document, schema: &Value, value: &Value) -> bool {
    validator(document, schema).is_none_or(|validator| validator.is_valid(value))
        || takes_parts(document, schema, value)
}

/// Whether a schema takes each part of an object, or of a list of objects: what was sent may have grown, as the lines of a
/// bill that have an id and a sum by then.
fn takes_parts(document: &Document, schema: &Value, value: &Value) -> bool {
    match value {
        Value::Array(items) => {
            let schema = document.resolve(schema).get("items");
            let is_taken = |item: &Value| schema.is_some_and(|schema| takes(document, schema, item));
            !items.is_empty() && items.iter().all(|item| item.is_object() && is_taken(item))
        }
        Value::Object(members) => {
            let known = properties(document, schema);
            let schema = |name: &String| known.iter().find(|(known, _)| known == name).map(|(_, schema)| *schema);
            let is_taken = |(name, value)| schema(name).is_none_or(|schema| takes(document, schema, value));
            !known.is_empty() && members.iter().all(is_taken)
        }
        _ => false,
    }
}

/// The member that holds the object where an answer has something around it.
pub(super) const WRAPPER: &str = "data";

/// What was sent and what was answered of the object itself, where the answer has it in `data`, with other members around
/// it that have names of its own (JSON:API, 7), or where both have it in the same member and the request has no other.
pub(super) fn unwrapped<'s, 'b>(
    sent: &'s Map<String, Value>,
    body: &'b Value,
) -> Option<(&'s str, &'s Map<String, Value>, &'b Value)> {
    let inside = |name: &str| body.get(name).filter(|inner| inner.as_object().is_some_and(|all| !all.is_empty()));
    let mut only = sent.iter().filter(|_| sent.len() == 1);
    if let Some((name, Value::Object(sent))) = only.next()
        && let Some(inner) = inside(name)
    {
        return Some((name, sent, inner));
    }
    let inner = inside(WRAPPER)?;
    match sent.get(WRAPPER) {
        Some(Value::Object(sent)) => Some((WRAPPER, sent, inner)),
        None if sent.keys().any(|name| inner.get(name).is_some()) => Some((WRAPPER, sent, inner)),
        _ => None,
    }
}

/// The properties of the object in the member `name` of an answer.
fn inside<'d>(document: &'d Document, shown: &[(&'d str, &'d Value)], name: &str) -> Vec<(&'d str, &'d Value)> {
    let data = shown.iter().find(|(known, _)| *known == name);
    data.map(|(_, schema)| properties(document, schema)).unwrap_or_default()
}

/// The members that were sent and read back with another value. An answer that does not have one says nothing of it.
pub(super) fn lost<'s>(sent: &'s Map<String, Value>, read: &Value) -> impl Iterator<Item = (&'s String, &'s Value)> {
    sent.iter().filter(|(name, value)| read.get(*name).is_some_and(|read| !is_kept(value, read)))
}

/// Whether `read` has what was sent. A value of another kind is shown in another form (an object for its id), and an
/// object may have grown: both say nothing.
pub(super) fn is_kept(sent: &Value, read: &Value) -> bool {
    match (sent, read) {
        (Value::Object(sent), Value::Object(read)) => {
            sent.iter().all(|(name, sent)| read.get(name).is_none_or(|read| is_kept(sent, read)))
        }
        (Value::Array(sent), Value::Array(read)) if sent.len() == read.len() => {
            sent.iter().zip(read).all(|(sent, read)| is_kept(sent, read))
                || is_same_set(sent, read)
                || is_same_crowd(sent, read)
        }
        // Some servers make one of two that are about the same thing.
        (Value::Array(sent), Value::Array(_)) if has_twins(sent) => true,
        (Value::Number(sent), Value::Number(read)) => is_same_number(sent, read),
        (Value::String(sent), Value::String(read)) => sent == read || is_same_text(sent, read),
        (Value::Array(_), Value::Array(_)) | (Value::Bool(_), Value::Bool(_)) => sent == read,
        (Value::Null, _) => read.is_null(),
        _ => !sent.is_null() && !read.is_null(),
    }
}

/// Whether two lists are of the same texts, no two of them alike: labels and the like, which servers keep as a set.
fn is_same_set(sent: &[Value], read: &[Value]) -> bool {
    let texts =
        |list: &[Value]| list.iter().map(|item| item.as_str().map(str::to_owned)).collect::<Option<BTreeSet<_>>>();
    texts(sent).is_some_and(|all| all.len() == sent.len() && texts(read) == Some(all))
}

/// Whether two lists are of the same objects in any order.
fn is_same_crowd(sent: &[Value], read: &[Value]) -> bool {
    let mut left: Vec<&Value> = read.iter().collect();
    sent.iter().filter(|item| item.is_object()).count() == sent.len()
        && sent.iter().all(|sent| {
            let place = left.iter().position(|read| read.is_object() && is_kept(sent, read));
            place.map(|place| left.swap_remove(place)).is_some()
        })
}

/// Whether two objects of a list are alike, or name the same other object.
fn has_twins(list: &[Value]) -> bool {
    let named = |item: &Value| {
        let members = item.as_object()?.iter();
        let ids = members.filter(|(name, _)| name.to_ascii_lowercase().ends_with("id"));
        Some(ids.map(|(name, id)| format!("{name} {id}")).collect::<BTreeSet<_>>())
    };
    list.iter().enumerate().any(|(index, item)| {
        let ids = named(item);
        list[..index]
            .iter()
            .any(|other| other == item || ids.as_ref().is_some_and(|ids| !ids.is_empty()) && named(other) == ids)
    })
}

/// Whether two numbers are the same, but for what is behind the second decimal: that is often cut off.
fn is_same_number(left: &Number, right: &Number) -> bool {
    let is_near = |(left, right): (f64, f64)| (left - right).abs() < 0.01 && left.fract() != 0.0;
    left.as_f64() == right.as_f64() || left.as_f64().zip(right.as_f64()).is_some_and(is_near)
}

/// Whether two texts say the same: times, numbers and addresses are written in several ways, and spaces around a text are
/// often cut off; none of it is judged here.
fn is_same_text(left: &str, right: &str) -> bool {
    let number = |text: &str| text.trim().parse::<f64>().ok().filter(|number| number.is_finite());
    left.trim() == right.trim()
        || is_time(left) && is_time(right)
        || number(left).is_some_and(|left| number(right) == Some(left))
        || (is_address(left) || is_uuid(left)) && left.eq_ignore_ascii_case(right)
}

/// Whether a text is an address: of a mailbox, or a URI.
pub(super) fn is_address(text: &str) -> bool {
    text.contains('@') || text.contains("://")
}

/// Whether two ids are the same: in a `Location` a number is a text.
pub(super) fn is_same_id(left: &Value, right: &Value) -> bool {
    left == right || is_number(left) && is_number(right) && text_of(left) == text_of(right)
}

/// Whether an id is a number, be it as a text.
pub(super) fn is_number(id: &Value) -> bool {
    id.is_number() || id.as_str().is_some_and(|text| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Whether a text is a UUID (RFC 9562, 4), as far as its form tells.
pub(super) fn is_uuid(text: &str) -> bool {
    text.len() == 36 && text.matches('-').count() == 4
}

/// Whether a text is a time (RFC 3339), as far as its form tells.
pub(super) fn is_time(text: &str) -> bool {
    text.len() >= 19 && text.as_bytes().get(10) == Some(&b'T')
}

/// Another value for a member of this schema: one of those that it lists, rather a value than `null`, or else one of the
/// same kind.
pub(super) fn another_of(schema: Option<&Value>, value: &Value) -> Option<Value> {
    match schema.and_then(|schema| schema.get("enum")?.as_array()) {
        Some(choices) => {
            choices.iter().filter(|choice| *choice != value).min_by_key(|choice| choice.is_null()).cloned()
        }
        None => another(value),
    }
}

/// Another value of the same kind.
pub(super) fn another(value: &Value) -> Option<Value> {
    match value {
        Value::String(text) if is_uuid(text) => Some(json!("11111111-2222-4333-8444-555555555555")),
        Value::String(text) if is_time(text) => Some(json!("2001-02-03T04:05:06Z")),
        Value::String(text) => Some(json!(format!("{text}x"))),
        // Far from what a server counts up to on the way.
        Value::Number(number) => Some(json!(number.as_i64()?.checked_add(40_961)?)),
        Value::Bool(flag) => Some(json!(!flag)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// LX01: an object that has grown is compared by what was sent of it.
    #[test]
    fn what_has_grown_is_compared_by_its_parts() {
        let document = Document::parse("t.json", r#"{"openapi": "3.1.0", "info": {"title": "t", "version": "1"}}"#);
        let document = document.expect("it is valid");
        let line =
            json!({"type": "object", "required": ["id", "n"], "properties": {"id": {}, "n": {"type": "integer"}}});
        let lines = json!({"type": "array", "items": line});
        assert!(takes(&document, &lines, &json!([{"n": 1}])) && takes(&document, &line, &json!({"n": 1})));
        assert!(!takes(&document, &lines, &json!([{"n": "one"}])) && !takes(&document, &lines, &json!([5])));
    }

    #[test]
    fn what_is_written_in_another_way_is_kept() {
        for (sent, read, kept) in [
            (json!("-393084"), json!("-393084.00"), true),
            (json!(" name "), json!("name"), true),
            (json!("2026-01-02T03:04:05Z"), json!("2026-01-02T04:04:05.000+01:00"), true),
            (json!("Ada@Example.com"), json!("Ada@example.com"), true),
            (json!("Name"), json!("name"), false),
            (json!("12"), json!("12.5"), false),
            (json!(1.239_4), json!(1.24), true),
            (json!(1.2), json!(1), false),
            (json!({"a": 1}), json!({"a": 1.0, "b": 2}), true),
            (json!([1]), json!([2]), false),
            (json!([2, 1]), json!([1, 2]), false),
            (json!(["b", "a"]), json!(["a", "b"]), true),
            (json!(["a", "b"]), json!(["a", "c"]), false),
            (json!(["a", "a"]), json!(["a", "b"]), false),
            (json!([{"n": 1}, {"n": 2}]), json!([{"n": 2, "id": 8}, {"n": 1, "id": 9}]), true),
            (json!([{"n": 1}, {"n": 2}]), json!([{"n": 1, "id": 8}, {"n": 1, "id": 9}]), false),
            (json!([{"n": 1}, {"n": 2}]), json!([{"n": 1}]), false),
            (json!([{"n": 1, "item_id": 5}, {"n": 2, "item_id": 5}]), json!([{"n": 3, "item_id": 5}]), true),
        ] {
            assert_eq!(is_kept(&sent, &read), kept, "{sent} and {read}");
        }
    }
}
