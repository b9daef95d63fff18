//! Defaults: progenitor refuses a default that its schema does not allow, so such a one is left out.

use serde_json::{Map, Value, json};

use super::kind::is_a;
use super::{Lowering, Place};

impl Lowering<'_> {
    /// Keeps a default that certainly fits: a scalar inside the bounds, or an empty list or object.
    pub(super) fn default(
        &mut self,
        old: &mut Map<String, Value>,
        new: &mut Map<String, Value>,
        nullable: bool,
        place: &Place,
    ) {
        let Some(default) = old.shift_remove("default") else { return };
        // What may be null and is left out is null in any case.
        if default.is_null() && nullable {
            return;
        }
        if fits(&default, new) {
            new.insert("default".to_owned(), default);
            return;
        }
        self.lost(place, &format!("the default {default}"), "it is not certain that the schema allows it");
    }
}

/// Whether a lowered schema certainly allows `default`.
fn fits(default: &Value, new: &Map<String, Value>) -> bool {
    let Some(kind) = new.get("type").and_then(Value::as_str) else { return false };
    let in_enum = new.get("enum").and_then(Value::as_array).is_none_or(|values| values.contains(default));
    let alone = !["allOf", "anyOf", "oneOf"].iter().any(|key| new.contains_key(*key));
    if !alone || !in_enum || !is_a(default, kind) {
        return false;
    }
    let bound = |key: &str| new.get(key).and_then(Value::as_f64);
    match default {
        Value::Bool(_) => true,
        Value::Number(number) => {
            let number = number.as_f64().unwrap_or(f64::NAN);
            let flag = |key: &str| new.get(key) == Some(&json!(true));
            bound("minimum").is_none_or(|least| number > least || number == least && !flag("exclusiveMinimum"))
                && bound("maximum").is_none_or(|most| number < most || number == most && !flag("exclusiveMaximum"))
                && !new.contains_key("multipleOf")
                && !new.contains_key("format")
        }
        Value::String(text) => {
            let length = text.chars().count() as f64;
            bound("minLength").is_none_or(|least| length >= least)
                && bound("maxLength").is_none_or(|most| length <= most)
                && !new.contains_key("pattern")
                && !new.contains_key("format")
        }
        Value::Array(items) => items.is_empty() && !new.contains_key("minItems"),
        Value::Object(members) => {
            members.is_empty() && !new.contains_key("required") && !new.contains_key("minProperties")
        }
        Value::Null => false,
    }
}
