//! The same schema in a request and in an answer: what is `readOnly` is not required in a request, what is `writeOnly` not in
//! an answer (OpenAPI 3.1, 4.8.24.2; OpenAPI 3.0.4, 4.7.24.1).

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::schema::MAP;

/// Which way a value goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// To the server.
    Request,
    /// From the server.
    Answer,
}

impl Direction {
    /// The keyword for what does not go this way.
    fn barred(self) -> &'static str {
        match self {
            Self::Request => "readOnly",
            Self::Answer => "writeOnly",
        }
    }
}

/// Deeper nesting than this is left as it is.
const MAX_DEPTH: usize = 64;

/// `bundled`, a schema that carries what its references name ([`Document::bundle`](crate::Document::bundle)), without
/// the requirement of properties that do not go this way.
#[must_use]
pub fn directed(bundled: &Value, direction: Direction) -> Value {
    let mut schema = bundled.clone();
    relax(&mut schema, &Walk { root: bundled, barred: direction.barred() }, &BTreeSet::new(), 0);
    schema
}

struct Walk<'a> {
    root: &'a Value,
    barred: &'static str,
}

/// Relaxes one schema. `around` are the names that a schema around it, of which it is a part, declares.
fn relax(schema: &mut Value, walk: &Walk<'_>, around: &BTreeSet<String>, depth: usize) {
    let Value::Object(object) = schema else { return };
    if depth > MAX_DEPTH {
        return;
    }
    let mut names = around.clone();
    walk.collect(object, &mut names, 0);
    if let Some(Value::Array(required)) = object.get_mut("required") {
        required.retain(|name| !name.as_str().is_some_and(|name| names.contains(name)));
    }
    for (keyword, value) in object {
        match value {
            Value::Object(members) if MAP.contains(&keyword.as_str()) => {
                members.values_mut().for_each(|member| relax(member, walk, &BTreeSet::new(), depth + 1));
            }
            // The members of `allOf` and its like speak of the same object.
            Value::Array(members) if ["allOf", "anyOf", "oneOf"].contains(&keyword.as_str()) => {
                members.iter_mut().for_each(|member| relax(member, walk, &names, depth + 1));
            }
            Value::Array(members) if keyword == "prefixItems" => {
                members.iter_mut().for_each(|member| relax(member, walk, &BTreeSet::new(), depth + 1));
            }
            Value::Object(_) if !["const", "default", "example", "discriminator"].contains(&keyword.as_str()) => {
                relax(value, walk, &BTreeSet::new(), depth + 1);
            }
            _ => {}
        }
    }
}

impl Walk<'_> {
    /// The names of the properties of an object, and of the parts that make it up, that do not go this way.
    fn collect(&self, object: &Map<String, Value>, names: &mut BTreeSet<String>, depth: usize) {
        if depth > 8 {
            return;
        }
        for (name, property) in object.get("properties").and_then(Value::as_object).into_iter().flatten() {
            if self.is_barred(property, 0) {
                names.insert(name.clone());
            }
        }
        let parts = object.get("allOf").and_then(Value::as_array).into_iter().flatten();
        let here = object.contains_key("$ref").then(|| Value::Object(object.clone()));
        for part in parts {
            let part = self.follow(part).unwrap_or(part);
            part.as_object().into_iter().for_each(|part| self.collect(part, names, depth + 1));
        }
        let target = here.as_ref().and_then(|here| self.follow(here)).and_then(Value::as_object);
        target.into_iter().for_each(|target| self.collect(target, names, depth + 1));
    }

    /// Whether a property says of itself, or by a part or a reference, that it does not go this way.
    fn is_barred(&self, property: &Value, depth: usize) -> bool {
        if depth > 8 {
            return false;
        }
        let parts = property.get("allOf").and_then(Value::as_array).into_iter().flatten();
        property.get(self.barred) == Some(&Value::Bool(true))
            || self.follow(property).into_iter().chain(parts).any(|part| self.is_barred(part, depth + 1))
    }

    /// What a reference within the schema names.
    fn follow(&self, schema: &Value) -> Option<&Value> {
        self.root.pointer(schema.get("$ref")?.as_str()?.strip_prefix('#')?)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The requirement may stand beside the property, in another part of `allOf`, or behind a reference.
    #[test]
    fn what_goes_the_other_way_is_not_required() {
        let note = json!({"required": ["id", "text", "pin"], "properties": {
            "id": {"$ref": "#/$defs/Id"}, "text": {"type": "string"}, "pin": {"writeOnly": true}}});
        let schema = json!({"allOf": [{"$ref": "#/$defs/Note"}, {"required": ["made"]}],
            "properties": {"made": {"readOnly": true}}, "$defs": {"Id": {"readOnly": true}, "Note": note}});
        let request = directed(&schema, Direction::Request);
        assert_eq!(request["$defs"]["Note"]["required"], json!(["text", "pin"]));
        assert_eq!(request["allOf"][1]["required"], json!([]));
        let answer = directed(&schema, Direction::Answer);
        assert_eq!(answer["$defs"]["Note"]["required"], json!(["id", "text"]));
        assert_eq!(answer["allOf"][1]["required"], json!(["made"]));
    }
}
