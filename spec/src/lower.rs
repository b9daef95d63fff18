//! Lowers schemas from JSON Schema 2020-12 to the part of OpenAPI 3.0 that progenitor makes types of.
//!
//! OpenAPI 3.0 has one type per schema, `nullable` instead of the type `null`, flags instead of exclusive bounds, and
//! nothing of `if`, `patternProperties`, `prefixItems` or `unevaluatedProperties`. What can be said in its words is
//! rewritten; what cannot is left out, and [`Lowered::rewrites`] names each place where something was lost.

mod bounds;
mod default;
mod kind;
mod parts;

use std::collections::BTreeSet;

use indexmap::IndexMap;
use openapiv3::{ReferenceOr, Schema};
use serde_json::{Map, Value, json};

use crate::document::schema::component_name;

/// Schemas may lie this deep inside each other; deeper ones allow anything.
const DEEPEST: usize = 48;

/// Schemas in the words of OpenAPI 3.0.
#[derive(Debug, Clone, PartialEq)]
pub struct Lowered {
    /// The schemas, by the names and in the order in which they were given.
    pub schemas: IndexMap<String, ReferenceOr<Schema>>,
    /// What was lost on the way.
    pub rewrites: Vec<Rewrite>,
}

/// Something that a lowered schema does not say any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rewrite {
    /// The schema's name.
    pub schema: String,
    /// Where inside it, as a JSON pointer (RFC 6901).
    pub pointer: String,
    /// What was lost.
    pub what: String,
    /// Why.
    pub why: String,
}

impl std::fmt::Display for Rewrite {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}{}: {} is left out: {}", self.schema, self.pointer, self.what, self.why)
    }
}

/// Lowers `schemas`, which are named by references such as `#/components/schemas/Device`. It takes any value: what is
/// no schema at all allows anything afterwards, and is listed.
#[must_use]
pub fn lower(schemas: &IndexMap<String, Value>) -> Lowered {
    let mut lowered = Lowered { schemas: IndexMap::new(), rewrites: Vec::new() };
    for (name, schema) in schemas {
        let mut lowering = Lowering { schemas, name, rewrites: Vec::new() };
        let value = lowering.schema(schema, &Place::default());
        let typed = serde_json::from_value(value).unwrap_or_else(|error| {
            lowering.lost(&Place::default(), "the whole schema", &format!("OpenAPI 3.0 cannot say it ({error})"));
            ReferenceOr::Item(anything())
        });
        lowered.schemas.insert(name.clone(), typed);
        lowered.rewrites.append(&mut lowering.rewrites);
    }
    lowered
}

/// The schema that allows anything.
fn anything() -> Schema {
    Schema { schema_data: openapiv3::SchemaData::default(), schema_kind: openapiv3::SchemaKind::Any(<_>::default()) }
}

/// Where a schema stands inside its component.
#[derive(Debug, Clone, Default)]
struct Place {
    pointer: String,
    depth: usize,
    /// Whether it stands below a member or an item, so that a reference back to the component ends.
    inside: bool,
}

impl Place {
    /// A part of the schema that says something about the same value.
    fn part(&self, key: &str) -> Self {
        let key = key.replace('~', "~0").replace('/', "~1");
        Self { pointer: format!("{}/{key}", self.pointer), depth: self.depth + 1, inside: self.inside }
    }

    /// A member or an item of the value.
    fn below(&self, key: &str) -> Self {
        Self { inside: true, ..self.part(key) }
    }
}

/// Lowers one component.
struct Lowering<'a> {
    schemas: &'a IndexMap<String, Value>,
    name: &'a str,
    rewrites: Vec<Rewrite>,
}

impl Lowering<'_> {
    fn lost(&mut self, place: &Place, what: &str, why: &str) {
        let (schema, pointer) = (self.name.to_owned(), place.pointer.clone());
        self.rewrites.push(Rewrite { schema, pointer, what: what.to_owned(), why: why.to_owned() });
    }

    /// `value` in the words of 3.0.
    fn schema(&mut self, value: &Value, place: &Place) -> Value {
        match value {
            Value::Object(_) if place.depth >= DEEPEST => {
                self.lost(place, "the schema", &format!("it lies more than {DEEPEST} levels deep"));
                json!({})
            }
            Value::Object(object) => self.object(object.clone(), place),
            Value::Bool(true) => json!({}),
            Value::Bool(false) => {
                self.lost(place, "`false`", "there is no type for what can never be");
                json!({})
            }
            _ => {
                self.lost(place, "the schema", "it is neither an object nor a boolean");
                json!({})
            }
        }
    }

    fn object(&mut self, mut old: Map<String, Value>, place: &Place) -> Value {
        let mut new = annotations(&mut old);
        if let Some(reference) = old.shift_remove("$ref") {
            return self.reference(&reference, old, new, place);
        }
        // `const` is an enum of one (JSON Schema validation, 6.1.3).
        if let Some(constant) = old.shift_remove("const") {
            old.insert("enum".to_owned(), Value::Array(vec![constant]));
        }
        let nullable = self.null(&mut old, place);
        self.kind(&mut old, &mut new, place);
        self.combined(&mut old, &mut new, place);
        self.members(&mut old, &mut new, place);
        self.items(&mut old, &mut new, place);
        self.bounds(&mut old, &mut new, place);
        self.default(&mut old, &mut new, nullable, place);
        self.left_over(&old, place);
        if nullable && is_null(&new) {
            return json!({"enum": [null], "nullable": true});
        }
        if nullable {
            new.insert("nullable".to_owned(), Value::Bool(true));
        }
        Value::Object(new)
    }

    /// In 3.0 a reference stands alone, so what stands beside it goes into an `allOf` with it.
    fn reference(
        &mut self,
        reference: &Value,
        mut old: Map<String, Value>,
        mut new: Map<String, Value>,
        place: &Place,
    ) -> Value {
        let target = reference.as_str().and_then(component_name).filter(|name| self.schemas.contains_key(name));
        let Some(target) = target else {
            self.lost(place, &format!("the reference {reference}"), "it names no component");
            return Value::Object(new);
        };
        if !place.inside && self.leads_back(&target) {
            self.lost(place, &format!("the reference {reference}"), "it leads back to this schema without end");
            return Value::Object(new);
        }
        old.retain(|key, _| !is_silent(key));
        self.default(&mut old, &mut new, false, place);
        let mut parts = vec![json!({"$ref": reference})];
        if !old.is_empty() {
            let rest = self.object(old, &Place { depth: place.depth + 1, ..place.clone() });
            parts.push(rest);
        }
        if parts.len() == 1 && new.is_empty() {
            return parts.remove(0);
        }
        new.insert("allOf".to_owned(), Value::Array(parts));
        Value::Object(new)
    }

    /// Whether `target` says of the same value that it is this component: such a circle has no bottom.
    fn leads_back(&self, target: &str) -> bool {
        let mut seen = BTreeSet::new();
        let mut open = vec![target.to_owned()];
        while let Some(name) = open.pop() {
            if name == self.name {
                return true;
            }
            if let Some(schema) = self.schemas.get(&name)
                && seen.insert(name)
            {
                same_value(schema, &mut open, 0);
            }
        }
        false
    }
}

/// The components that `schema` names for the value that it describes itself, not for its members or items.
fn same_value(schema: &Value, names: &mut Vec<String>, depth: usize) {
    if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
        names.extend(component_name(reference));
    }
    if depth >= DEEPEST {
        return;
    }
    for key in ["allOf", "anyOf", "oneOf"] {
        let parts = schema.get(key).and_then(Value::as_array);
        parts.into_iter().flatten().for_each(|part| same_value(part, names, depth + 1));
    }
}

/// What says nothing about values and stands in both dialects.
fn annotations(old: &mut Map<String, Value>) -> Map<String, Value> {
    let mut new = Map::new();
    for key in ["title", "description"] {
        if let Some(text) = old.shift_remove(key).filter(Value::is_string) {
            new.insert(key.to_owned(), text);
        }
    }
    for key in ["deprecated", "readOnly", "writeOnly"] {
        if old.shift_remove(key) == Some(Value::Bool(true)) {
            new.insert(key.to_owned(), Value::Bool(true));
        }
    }
    let examples = old.shift_remove("examples");
    let first = examples.as_ref().and_then(Value::as_array).and_then(|examples| examples.first().cloned());
    if let Some(example) = old.shift_remove("example").or(first).filter(|example| !example.is_null()) {
        new.insert("example".to_owned(), example);
    }
    new
}

/// Keywords that go without loss: they describe the schema, not the value, or were followed already.
fn is_silent(key: &str) -> bool {
    const SILENT: [&str; 13] = [
        "$schema",
        "$id",
        "$anchor",
        "$dynamicAnchor",
        "$comment",
        "$vocabulary",
        "$defs",
        "definitions",
        "nullable",
        "externalDocs",
        "xml",
        "example",
        "examples",
    ];
    SILENT.contains(&key) || key.starts_with("x-")
}

/// Whether a schema that may be null says nothing else: it is `null` itself, unless it was everything before.
fn is_null(new: &Map<String, Value>) -> bool {
    const ANNOTATIONS: [&str; 7] =
        ["title", "description", "deprecated", "readOnly", "writeOnly", "example", "default"];
    new.keys().all(|key| ANNOTATIONS.contains(&key.as_str()))
}

#[cfg(test)]
mod tests;
