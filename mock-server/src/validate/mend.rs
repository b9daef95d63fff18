//! A value that does not fit its schema, made to fit: the part that breaks it is made anew, or left out.
//!
//! The generator makes parts that fit, one by one. What it cannot see is how they fit together: alternatives of `oneOf`
//! that overlap, a client's value that the answer does not take.

use bitting_spec::Document;
use jsonschema::error::{ValidationError, ValidationErrorKind};
use jsonschema::{Validator, paths::Location};
use serde_json::{Value, json};

use super::Rule;
use crate::collection::IDS;
use crate::fake::{Fake, flatten, seed_of};

/// How many faults of one value are mended.
const FAULTS: usize = 64;
/// More faults than this are many.
const MANY: usize = 24;
/// How many alternatives of a schema are tried for one part.
const TURNS: usize = 8;
/// How many values are tried for one part.
const TRIES: usize = 200;

/// The most parts that a value to be mended may have: each fault is looked for in the whole, again and again.
const PARTS: usize = 5_000;

/// Makes values fit.
pub(crate) struct Mender<'d> {
    pub(crate) document: &'d Document,
    pub(crate) seed: u64,
    /// The id of the object that the value is about, or holds: it has no other one.
    pub(crate) id: Option<&'d str>,
}

/// What is wrong with a value, and where.
struct Fault {
    place: String,
    /// The schema that says so.
    schema: Value,
    kind: Kind,
}

enum Kind {
    /// Properties that nobody knows.
    Unexpected(Vec<String>),
    /// A property that must be there.
    Missing(String),
    /// More than one alternative fits.
    Ambiguous,
    Other,
}

impl Mender<'_> {
    /// `value` as `rule` wants it; `None` where no such value was found.
    pub(crate) fn mended(&self, rule: &Rule, value: &Value) -> Option<Value> {
        let mut left = PARTS;
        if !has_at_most(value, &mut left) {
            return None;
        }
        let (mut value, validator) = (value.clone(), rule.validator()?);
        // In a long list of objects with one fault each what can be left out is left out, which is soon done.
        let is_much = validator.iter_errors(&value).nth(MANY).is_some();
        for _ in 0..if is_much { FAULTS * 16 } else { FAULTS } {
            let Some(error) = validator.iter_errors(&value).next() else { return Some(value) };
            let fault = self.fault(&rule.schema, &error);
            drop(error);
            let is_spared = is_much && matches!(fault.kind, Kind::Other) && !last(&fault.place).is_empty();
            let better = if is_spared { None } else { self.remade(validator, &value, &fault) };
            match better {
                Some(better) => value = better,
                None => self.leave_out(&mut value, &fault)?,
            }
        }
        None
    }

    fn fault(&self, schema: &Value, error: &ValidationError<'_>) -> Fault {
        let kind = match error.kind() {
            ValidationErrorKind::AdditionalProperties { unexpected }
            | ValidationErrorKind::UnevaluatedProperties { unexpected } => Kind::Unexpected(unexpected.clone()),
            ValidationErrorKind::Required { property } => {
                Kind::Missing(property.as_str().unwrap_or_default().to_owned())
            }
            ValidationErrorKind::OneOfMultipleValid { .. } => Kind::Ambiguous,
            _ => Kind::Other,
        };
        let schema = self.schema(schema, error.schema_path()).unwrap_or(Value::Bool(true));
        Fault { place: error.instance_path().to_string(), schema, kind }
    }

    /// The schema whose keyword stands at `path`, references followed.
    fn schema(&self, root: &Value, path: &Location) -> Option<Value> {
        let path = path.to_string();
        let (above, _) = path.rsplit_once('/')?;
        let mut tokens = above.split('/').skip(1).map(unescaped);
        let mut at = root;
        // Behind a reference a path begins with the component that it leads to.
        if above.starts_with("/components/schemas/") {
            at = self.document.schemas.get(&tokens.nth(2)?)?;
        }
        for token in tokens {
            let step = |schema: &'_ Value| match schema {
                Value::Array(all) => token.parse::<usize>().ok().filter(|index| *index < all.len()).is_some(),
                schema => schema.get(&token).is_some(),
            };
            if !step(at) {
                at = self.document.resolve(at);
            }
            at = match at {
                Value::Array(all) => all.get(token.parse::<usize>().ok()?)?,
                schema => schema.get(&token)?,
            };
        }
        Some(at.clone())
    }

    /// `whole` with the faulty part made anew, if any of the values that are tried fits there.
    fn remade(&self, validator: &Validator, whole: &Value, fault: &Fault) -> Option<Value> {
        let part = whole.pointer(&fault.place)?;
        let candidates: Box<dyn Iterator<Item = Value>> = match &fault.kind {
            Kind::Unexpected(_) => return None,
            Kind::Missing(name) => {
                let schema = self.property(&fault.schema, name);
                Box::new(self.made(name, schema).map(move |value| with(part, &[(name.clone(), value)])))
            }
            Kind::Ambiguous => Box::new(self.told_apart(part, &fault.schema)),
            Kind::Other => Box::new(self.made(last(&fault.place), fault.schema.clone())),
        };
        candidates.take(TRIES).find_map(|candidate| {
            let candidate = self.with_id(&fault.place, candidate);
            let mut better = whole.clone();
            *better.pointer_mut(&fault.place)? = candidate;
            let is_inside = |error: ValidationError<'_>| error.instance_path().to_string().starts_with(&fault.place);
            let is_missing_still = |error: &ValidationError<'_>| {
                matches!((&fault.kind, error.kind()),
                (Kind::Missing(name), ValidationErrorKind::Required { property }) if property.as_str() == Some(name))
            };
            let fits = match fault.kind {
                // What else is wrong with the object is seen to afterwards.
                Kind::Missing(_) => !validator.iter_errors(&better).any(|error| is_missing_still(&error)),
                _ => !validator.iter_errors(&better).any(is_inside),
            };
            fits.then_some(better)
        })
    }

    /// An object that was made anew with the id that it had.
    fn with_id(&self, place: &str, mut made: Value) -> Value {
        let is_it = place.matches('/').count() < 2;
        if let (Some(id), Value::Object(members)) = (self.id.filter(|_| is_it), &mut made)
            && let Some((_, own)) = members.iter_mut().find(|(name, _)| IDS.contains(&name.as_str()))
        {
            *own = match id.parse::<i64>() {
                Ok(number) if own.is_number() => Value::from(number),
                _ => Value::from(id),
            };
        }
        made
    }

    fn property(&self, schema: &Value, name: &str) -> Value {
        let flat = flatten(self.document, schema);
        flat.get("properties").and_then(|all| all.get(name)).cloned().unwrap_or(Value::Bool(true))
    }

    /// Values of a schema, whole and with nothing but what must be there, by each of its alternatives.
    fn made(&self, name: &str, schema: Value) -> impl Iterator<Item = Value> {
        let seed = seed_of(self.seed, &["mended", name]);
        let name = name.to_owned();
        let document = self.document;
        (0..TURNS).flat_map(move |turn| {
            let whole = Fake::taking(document, seed, turn).value(&name, &schema);
            let bare = whole.is_object().then(|| Value::Object(Fake::taking(document, seed, turn).required(&schema)));
            [Some(whole), bare].into_iter().flatten()
        })
    }

    /// Values that may fit just one alternative: those of each by itself; those with a property for every other
    /// alternative that it does not take; those and `part` with one such property.
    fn told_apart(&self, part: &Value, schema: &Value) -> impl Iterator<Item = Value> {
        let alternatives = schema.get("oneOf").and_then(Value::as_array).cloned().unwrap_or_default();
        let own: Vec<Vec<Value>> =
            alternatives.iter().map(|each| self.made("", each.clone()).take(4).collect()).collect();
        let breaking: Vec<Vec<(String, Value)>> = alternatives.iter().map(|each| self.breaking(each)).collect();
        let alone = own.iter().zip(0..).flat_map(|(bases, index)| {
            let is_own = |name: &str| breaking[index].iter().any(|(known, _)| known == name);
            let others = breaking.iter().zip(0..).filter(|(_, other)| *other != index);
            let broken: Vec<_> =
                others.filter_map(|(all, _)| all.iter().find(|(name, _)| !is_own(name)).cloned()).collect();
            bases.iter().map(move |base| with(base, &broken))
        });
        let singly = std::iter::once(part)
            .chain(own.iter().flatten())
            .flat_map(|base| breaking.iter().flatten().map(move |one| with(base, std::slice::from_ref(one))));
        let all: Vec<Value> = own.iter().flatten().cloned().chain(alone).chain(singly).collect();
        all.into_iter()
    }

    /// For each property of a schema a value that it does not take.
    fn breaking(&self, schema: &Value) -> Vec<(String, Value)> {
        let flat = flatten(self.document, schema);
        let properties = flat.get("properties").and_then(Value::as_object);
        let wrong = |schema: &Value| {
            let flat = flatten(self.document, schema);
            let takes = |name: &str| match flat.get("type") {
                Some(Value::Array(names)) => names.iter().any(|known| known == name),
                Some(known) => known == name,
                None => true,
            };
            let simple = [("string", json!("other")), ("boolean", json!(true)), ("null", Value::Null)];
            simple.into_iter().find(|(name, _)| !takes(name)).map(|(_, value)| value)
        };
        properties.into_iter().flatten().filter_map(|(name, schema)| Some((name.clone(), wrong(schema)?))).collect()
    }

    /// Takes the faulty part out of what it stands in; `None` for the whole.
    fn leave_out(&self, value: &mut Value, fault: &Fault) -> Option<()> {
        if let (Kind::Unexpected(names), Some(Value::Object(object))) = (&fault.kind, value.pointer_mut(&fault.place)) {
            object.retain(|name, _| !names.contains(name));
            return Some(());
        }
        let (parent, name) = fault.place.rsplit_once('/')?;
        match value.pointer_mut(parent)? {
            Value::Object(object) => drop(object.shift_remove(&unescaped(name))?),
            Value::Array(items) => {
                let index = name.parse().ok().filter(|index| *index < items.len())?;
                items.remove(index);
            }
            _ => return None,
        }
        Some(())
    }
}

/// Whether a value has no more parts than are `left`, which are counted down.
fn has_at_most(value: &Value, left: &mut usize) -> bool {
    let Some(rest) = left.checked_sub(1) else { return false };
    *left = rest;
    match value {
        Value::Array(items) => items.iter().all(|item| has_at_most(item, left)),
        Value::Object(members) => members.values().all(|member| has_at_most(member, left)),
        _ => true,
    }
}

/// `base` with these properties, where it is an object.
fn with(base: &Value, properties: &[(String, Value)]) -> Value {
    let mut value = base.clone();
    if let Value::Object(object) = &mut value {
        object.extend(properties.iter().cloned());
    }
    value
}

/// A token of a JSON pointer (RFC 6901, 4).
fn unescaped(token: &str) -> String {
    token.replace("~1", "/").replace("~0", "~")
}

fn last(place: &str) -> &str {
    place.rsplit('/').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use bitting_spec::Direction;

    fn mended(schema: &Value, value: &Value) -> Option<Value> {
        let text = json!({"openapi": "3.1.0", "info": {"title": "t", "version": "1"}, "paths": {},
            "components": {"schemas": {"Cat": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"},
                "kind": {"enum": ["cat"]}}}}}});
        let document = Arc::new(Document::parse("t.json", &text.to_string()).unwrap());
        let rule = Rule::new(&document, schema.clone(), Direction::Answer);
        let mended = Mender { document: &document, seed: 1, id: None }.mended(&rule, value)?;
        assert_eq!(rule.fault(&mended), None, "{mended}");
        Some(mended)
    }

    /// Of alternatives that overlap, one is met and no other, wherever there is such a value.
    #[test]
    fn overlapping_alternatives_are_told_apart() {
        let cat = json!({"$ref": "#/components/schemas/Cat"});
        let hydrated = json!({"allOf": [cat, {"type": "object", "properties": {"age": {"type": "integer"}}}]});
        let optional = |name: &str| json!({"type": "object", "properties": {name: {"type": "string"}}});
        for schema in [
            json!({"oneOf": [cat, hydrated]}),
            json!({"oneOf": [optional("a"), optional("b")]}),
            json!({"oneOf": [optional("a"), optional("b"), optional("c"), optional("d")]}),
            json!({"oneOf": [{"type": "integer"}, {"type": "number"}]}),
            json!({"oneOf": [{"type": "array", "items": {"type": "string"}}, {"type": "array", "items": {"type": "integer"}}]}),
            json!({"type": "object", "properties": {"pet": {"oneOf": [cat, optional("age")]}}, "required": ["pet"]}),
        ] {
            let first = if schema.get("type").is_some() { json!({"pet": {"name": "x"}}) } else { json!({"name": "x"}) };
            assert!(mended(&schema, &first).is_some(), "{schema}");
        }
    }

    /// Where no value can fit, there is none, soon.
    #[test]
    fn what_nothing_fits_is_given_up() {
        for schema in [
            json!({"oneOf": [{"type": "string"}, {"type": "string"}]}),
            json!({"type": "object", "required": ["a"], "properties": {"a": false}}),
            json!(false),
        ] {
            assert_eq!(mended(&schema, &json!({})), None, "{schema}");
        }
    }

    /// A wrong part is made anew; one that nobody knows is left out; what was right stays.
    #[test]
    fn only_the_wrong_part_changes() {
        let schema = json!({"type": "object", "additionalProperties": false, "required": ["when"],
            "properties": {"when": {"type": "string", "format": "date-time"}, "tags": {"type": "array", "items": {"type": "string"}}}});
        let value = mended(&schema, &json!({"when": "soon", "tags": ["a", 5], "more": 1})).unwrap();
        assert_eq!((value["tags"][0].as_str(), value.get("more")), (Some("a"), None));
        assert!(mended(&schema, &json!({})).unwrap()["when"].is_string());
    }

    /// What stands behind a reference is mended as well.
    #[test]
    fn the_parts_of_components_are_mended() {
        let schema = json!({"type": "object", "properties": {"cat": {"$ref": "#/components/schemas/Cat"}}});
        let value = mended(&schema, &json!({"cat": {"name": "x", "kind": "dog"}})).unwrap();
        assert_eq!(value, json!({"cat": {"name": "x", "kind": "cat"}}));
    }
}
