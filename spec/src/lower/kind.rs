//! What a value is: `type`, `enum` and `null`. 3.0 has one type per schema, and `nullable` beside it.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::{Lowering, Place};

/// The types of OpenAPI 3.0, each with the keywords that speak about it alone.
const TYPES: [(&str, &[&str]); 6] = [
    ("string", &["minLength", "maxLength", "pattern", "format", "contentEncoding", "contentMediaType"]),
    ("integer", &["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "format"]),
    ("number", &["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "format"]),
    ("boolean", &[]),
    ("array", &["items", "prefixItems", "minItems", "maxItems", "uniqueItems"]),
    (
        "object",
        &[
            "properties",
            "required",
            "additionalProperties",
            "patternProperties",
            "propertyNames",
            "minProperties",
            "maxProperties",
        ],
    ),
];

impl Lowering<'_> {
    /// Takes `null` out of the types, the values and the variants; whether it was there.
    pub(super) fn null(&mut self, old: &mut Map<String, Value>, place: &Place) -> bool {
        let by_type = match old.get_mut("type") {
            Some(Value::Array(types)) => Some(taken(types, |kind| kind == "null")),
            Some(Value::String(kind)) if kind == "null" => {
                old.shift_remove("type");
                Some(true)
            }
            Some(_) => Some(false),
            None => None,
        };
        if let Some(Value::Array(types)) = old.get("type")
            && types.is_empty()
        {
            old.shift_remove("type");
        }
        let by_value = match old.get_mut("enum") {
            Some(Value::Array(values)) => Some(taken(values, Value::is_null)),
            _ => None,
        };
        if let Some(Value::Array(values)) = old.get("enum")
            && values.is_empty()
        {
            old.shift_remove("enum");
            if by_value != Some(true) {
                self.lost(place, "`enum`", "it has no values");
            }
        }
        let mut by_variant = false;
        for key in ["anyOf", "oneOf"] {
            let Some(Value::Array(variants)) = old.get_mut(key) else { continue };
            by_variant |= taken(variants, is_null);
            if variants.is_empty() {
                old.shift_remove(key);
            }
        }
        // A value must pass both its type and its enum; a variant speaks where neither does.
        by_variant && by_type != Some(false) || by_type.unwrap_or(true) && by_value.unwrap_or(by_type == Some(true))
    }

    /// One type; of several one variant each.
    pub(super) fn kind(&mut self, old: &mut Map<String, Value>, new: &mut Map<String, Value>, place: &Place) {
        let mut types: Vec<String> = match old.shift_remove("type") {
            Some(Value::String(one)) => vec![one],
            Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            _ => Vec::new(),
        };
        for unknown in taken_where(&mut types, |kind| !TYPES.iter().any(|(known, _)| *known == kind)) {
            self.lost(place, &format!("the type `{unknown}`"), "JSON Schema has no such type");
        }
        if types.iter().any(|kind| kind == "number") {
            types.retain(|kind| kind != "integer");
        }
        if types.is_empty() {
            types.extend(self.implied(old));
        }
        match types.as_slice() {
            [] => drop(old.shift_remove("enum").map(|_| {
                self.lost(place, "`enum`", "its values are objects, lists or of several types");
            })),
            [one] => {
                new.insert("type".to_owned(), json!(one));
                self.values(one, old, new, place);
            }
            many => self.several(many, old, new, place),
        }
    }

    /// The type that values without one all have.
    fn implied(&self, old: &Map<String, Value>) -> Option<String> {
        let values = old.get("enum").and_then(Value::as_array)?;
        let mut kinds: BTreeSet<&str> = values.iter().map(kind_of).collect();
        if kinds.contains("number") {
            kinds.remove("integer");
        }
        let kind = kinds.pop_first().filter(|kind| kinds.is_empty() && !["array", "object"].contains(kind))?;
        Some(kind.to_owned())
    }

    /// The values of an enum, those that its type allows.
    fn values(&mut self, kind: &str, old: &mut Map<String, Value>, new: &mut Map<String, Value>, place: &Place) {
        let Some(Value::Array(values)) = old.shift_remove("enum") else { return };
        let mut unique: Vec<Value> = Vec::new();
        for value in values {
            if is_a(&value, kind) && !unique.contains(&value) {
                unique.push(value);
            }
        }
        if unique.is_empty() {
            return self.lost(place, "`enum`", &format!("none of its values is of the type `{kind}`"));
        }
        if let Some((one, other)) = collision(&unique) {
            return self.lost(place, "`enum`", &format!("{one} and {other} would have the same name"));
        }
        if ["array", "object"].contains(&kind) {
            return self.lost(place, "`enum`", "its values are objects or lists");
        }
        new.insert("enum".to_owned(), Value::Array(unique));
    }

    /// A variant for each of several types, with what speaks about it.
    fn several(&mut self, types: &[String], old: &mut Map<String, Value>, new: &mut Map<String, Value>, place: &Place) {
        let values = old.shift_remove("enum");
        let mut own = Map::new();
        for (_, keywords) in TYPES {
            keywords.iter().for_each(|key| drop(old.shift_remove(*key).map(|value| own.insert((*key).into(), value))));
        }
        if ["allOf", "anyOf", "oneOf"].iter().any(|key| old.contains_key(*key)) {
            return self.lost(place, "`type`", "several types stand beside other alternatives");
        }
        let mut variants = Vec::new();
        for (kind, keywords) in TYPES.iter().filter(|(kind, _)| types.iter().any(|one| one == kind)) {
            let mut variant = Map::from_iter([("type".to_owned(), json!(kind))]);
            variant.extend(own.iter().filter(|(key, _)| keywords.contains(&key.as_str())).map(pair));
            if let Some(Value::Array(values)) = &values {
                let values: Vec<&Value> = values.iter().filter(|value| is_a(value, kind)).collect();
                if values.is_empty() {
                    continue;
                }
                variant.insert("enum".to_owned(), json!(values));
            }
            variants.push(self.schema(&Value::Object(variant), &Place { depth: place.depth + 1, ..place.clone() }));
        }
        match variants.len() {
            0 => self.lost(place, "`enum`", "none of its values is of a type that it allows"),
            _ => drop(new.insert("anyOf".to_owned(), Value::Array(variants))),
        }
    }
}

fn pair((key, value): (&String, &Value)) -> (String, Value) {
    (key.clone(), value.clone())
}

/// Takes what fits out of a list; whether there was any.
fn taken(list: &mut Vec<Value>, fits: impl Fn(&Value) -> bool) -> bool {
    let before = list.len();
    list.retain(|value| !fits(value));
    list.len() < before
}

fn taken_where(list: &mut Vec<String>, fits: impl Fn(&str) -> bool) -> Vec<String> {
    let (gone, kept) = std::mem::take(list).into_iter().partition(|value| fits(value));
    *list = kept;
    gone
}

/// Whether a schema allows `null` alone.
fn is_null(schema: &Value) -> bool {
    let is_only = |list: &Value| list.as_array().is_some_and(|list| list.len() == 1 && list[0].is_null());
    schema.get("type") == Some(&json!("null"))
        || schema.get("const") == Some(&Value::Null)
        || schema.get("enum").is_some_and(is_only)
}

/// The JSON Schema type of a value.
pub(super) fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_i64() || number.is_u64() => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// Whether a value is of a type.
pub(super) fn is_a(value: &Value, kind: &str) -> bool {
    kind_of(value) == kind || kind == "number" && value.is_number()
}

/// Two strings that would be called the same as variants of an enum, `ASC` and `asc`, `==` and `!=`.
fn collision(values: &[Value]) -> Option<(&Value, &Value)> {
    let mut seen: Vec<(String, &Value)> = Vec::new();
    for value in values {
        let name = variant_name(value.as_str()?);
        if let Some((_, other)) = seen.iter().find(|(taken, _)| *taken == name) {
            return Some((other, value));
        }
        seen.push((name, value));
    }
    None
}

/// A word in `PascalCase`; signs separate words and have no name.
fn variant_name(text: &str) -> String {
    let mut name = String::with_capacity(text.len());
    let (mut starts, mut before_is_lower) = (true, false);
    for sign in text.chars() {
        if !sign.is_alphanumeric() {
            starts = true;
            continue;
        }
        if starts || before_is_lower && sign.is_uppercase() {
            name.extend(sign.to_uppercase());
        } else {
            name.extend(sign.to_lowercase());
        }
        (starts, before_is_lower) = (false, sign.is_lowercase());
    }
    name
}
