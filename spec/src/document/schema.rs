//! Schemas as JSON Schema 2020-12, whichever version of OpenAPI they were written in.
//!
//! A schema keeps its references to `#/components/schemas/…`; [`Document::bundle`](super::Document::bundle) puts what
//! they name beside it. References to any other place are given a name among the components, so that there is one kind
//! of reference only.

use std::collections::{BTreeSet, HashMap};

use indexmap::IndexMap;
use serde_json::{Map, Value, json};

use super::error::{ErrorKind, Fault, Warning};
use super::files::ELSEWHERE;
use super::node::Node;
use super::source::{escape, unescape};

const COMPONENTS: &str = "/components/schemas/";

/// Keywords whose value is a schema.
const ONE: [&str; 12] = [
    "items",
    "additionalProperties",
    "additionalItems",
    "not",
    "contains",
    "propertyNames",
    "if",
    "then",
    "else",
    "unevaluatedItems",
    "unevaluatedProperties",
    "contentSchema",
];
/// Keywords whose value is a list of schemas.
const LIST: [&str; 4] = ["allOf", "anyOf", "oneOf", "prefixItems"];
/// Keywords whose value maps names to schemas.
pub(super) const MAP: [&str; 5] = ["properties", "patternProperties", "$defs", "definitions", "dependentSchemas"];

/// A schema of the document, as JSON Schema 2020-12.
#[derive(Debug, Clone, PartialEq)]
pub struct Schema {
    /// The schema; its references name components of the document.
    pub value: Value,
    /// Where it stands in the document (RFC 6901).
    pub pointer: String,
}

impl Schema {
    /// The component's name, if the whole schema is a reference to one.
    #[must_use]
    pub fn component(&self) -> Option<String> {
        component_name(self.value.get("$ref")?.as_str()?)
    }
}

/// The name of the component that a reference such as `#/components/schemas/Device` names.
#[must_use]
pub fn component_name(reference: &str) -> Option<String> {
    let name = reference.strip_prefix('#')?.strip_prefix(COMPONENTS)?;
    let name = percent_encoding::percent_decode_str(name).decode_utf8_lossy();
    (!name.contains('/')).then(|| unescape(&name))
}

/// Brings the schemas of one document to one dialect and keeps those that references name.
pub(super) struct Schemas {
    is_3_0: bool,
    components: IndexMap<String, Value>,
    names: HashMap<String, String>,
    warnings: Vec<Warning>,
}

impl Schemas {
    /// Reads `components.schemas`.
    pub(super) fn read(root: &Node<'_>, is_3_0: bool) -> Result<Self, Fault> {
        let mut schemas = Self { is_3_0, components: IndexMap::new(), names: HashMap::new(), warnings: Vec::new() };
        let Some(components) = root.get("components")? else { return Ok(schemas) };
        let Some(declared) = components.raw("schemas") else { return Ok(schemas) };
        let names: Vec<&String> = declared.object()?.keys().collect();
        for name in &names {
            schemas.components.insert((*name).clone(), Value::Bool(true));
            schemas.names.insert(format!("{COMPONENTS}{}", escape(name)), (*name).clone());
        }
        for name in names {
            let Some(node) = declared.raw(name) else { continue };
            let value = schemas.convert(&node, &node)?;
            schemas.components.insert(name.clone(), value);
        }
        Ok(schemas)
    }

    /// The schema at `node`.
    pub(super) fn schema(&mut self, node: &Node<'_>) -> Result<Schema, Fault> {
        Ok(Schema { value: self.convert(node, node)?, pointer: node.pointer.clone() })
    }

    pub(super) fn finish(self) -> (IndexMap<String, Value>, Vec<Warning>) {
        (self.components, self.warnings)
    }

    /// Converts the schema at `node`, which lies inside the schema at `outermost`.
    fn convert(&mut self, node: &Node<'_>, outermost: &Node<'_>) -> Result<Value, Fault> {
        let object = match node.value {
            Value::Bool(_) => return Ok(node.value.clone()),
            Value::Object(object) => object,
            _ => return Err(node.expected("a schema (an object or a boolean)")),
        };
        let mut schema = Map::new();
        for (key, value) in object {
            if let Some(why) = slip(key, value) {
                self.ignored(node, key, why);
                continue;
            }
            let converted = match key.as_str() {
                "$ref" => self.reference(node, outermost)?,
                // What JSON Schema 2019-09, 8.2.4.2, leads back to is, for those who write it here, the whole schema.
                "$recursiveRef" => {
                    let whole = self.led_to(outermost, outermost)?;
                    schema.insert("$ref".to_owned(), whole);
                    continue;
                }
                "$recursiveAnchor" => continue,
                // In 3.0 a reference stands alone: what stands beside it is ignored (OpenAPI 3.0, 4.7.23).
                _ if self.is_3_0 && object.contains_key("$ref") => continue,
                key if ONE.contains(&key) && (value.is_object() || value.is_boolean()) => {
                    self.child(node, key, outermost)?
                }
                key if LIST.contains(&key) => self.children(node, key, outermost)?,
                key if MAP.contains(&key) => self.named_children(node, key, outermost)?,
                // A name that is said twice is as required as one that is said once.
                "required" => distinct(value),
                "discriminator" => self.told_apart(node, value, outermost)?,
                "type" => with_null(value),
                "examples" => unnamed(value),
                "nullable" | "exclusiveMinimum" | "exclusiveMaximum" if value.is_boolean() => continue,
                "example" if self.is_3_0 => continue,
                _ => value.clone(),
            };
            schema.insert(key.clone(), converted);
        }
        if self.is_3_0 {
            upgrade(object, &mut schema);
        }
        Ok(nullable(object, schema))
    }

    /// Says that the keyword `key` of the schema at `node` is not heeded.
    fn ignored(&mut self, node: &Node<'_>, key: &str, why: &str) {
        let message = format!("`{key}` is ignored: {why}");
        let warning = Warning { pointer: format!("{}/{key}", node.pointer), message };
        // A response that many operations share is read for each of them.
        if !self.warnings.contains(&warning) {
            self.warnings.push(warning);
        }
    }

    fn child(&mut self, node: &Node<'_>, key: &str, outermost: &Node<'_>) -> Result<Value, Fault> {
        match node.raw(key) {
            Some(child) => self.convert(&child, outermost),
            None => Ok(Value::Bool(true)),
        }
    }

    fn children(&mut self, node: &Node<'_>, key: &str, outermost: &Node<'_>) -> Result<Value, Fault> {
        let Some(list) = node.raw(key) else { return Ok(Value::Array(Vec::new())) };
        let items = list.value.as_array().ok_or_else(|| list.expected("a list of schemas"))?;
        let indices = (0..items.len()).map(|index| index.to_string());
        let converted = indices.map(|index| match list.raw_index(&index) {
            Some(child) => self.convert(&child, outermost),
            None => Ok(Value::Bool(true)),
        });
        converted.collect::<Result<Vec<_>, _>>().map(Value::Array)
    }

    fn named_children(&mut self, node: &Node<'_>, key: &str, outermost: &Node<'_>) -> Result<Value, Fault> {
        let Some(map) = node.get(key)? else { return Ok(json!({})) };
        let mut converted = Map::new();
        for name in map.object()?.keys() {
            converted.insert(name.clone(), self.child(&map, name, outermost)?);
        }
        Ok(Value::Object(converted))
    }

    /// The reference at `node`, led to a component. A place that is none becomes one.
    fn reference(&mut self, node: &Node<'_>, outermost: &Node<'_>) -> Result<Value, Fault> {
        let Some(reference) = node.value.get("$ref").and_then(Value::as_str) else {
            return Err(Fault::new(ErrorKind::Reference, &node.pointer, "`$ref` is not a string"));
        };
        let target = match node.resolve(reference) {
            Ok(target) => target,
            // Schemas made by pydantic name their own `$defs` as if they were the whole document.
            Err(fault) => {
                let inside = reference.strip_prefix('#').map(|rest| format!("#{}{rest}", outermost.pointer));
                inside.and_then(|inside| node.resolve(&inside).ok()).ok_or(fault)?
            }
        };
        self.led_to(&target, outermost)
    }

    /// A discriminator whose mapping names components alone: it may name any place.
    fn told_apart(&mut self, node: &Node<'_>, value: &Value, outermost: &Node<'_>) -> Result<Value, Fault> {
        let mut told = value.clone();
        let mapping = told.get_mut("mapping").and_then(Value::as_object_mut).into_iter().flatten();
        for (_, target) in mapping {
            let reference = target.as_str().filter(|target| target.starts_with('#'));
            if let Some(found) = reference.and_then(|reference| node.resolve(reference).ok()) {
                *target = self.led_to(&found, outermost)?;
            }
        }
        Ok(told)
    }

    /// A reference to `target`, which becomes a component if it is none.
    fn led_to(&mut self, target: &Node<'_>, outermost: &Node<'_>) -> Result<Value, Fault> {
        if let Some(name) = self.names.get(&target.pointer) {
            return Ok(Value::String(format!("#{COMPONENTS}{}", escape(name))));
        }
        let name = self.free_name(&target.pointer);
        self.names.insert(target.pointer.clone(), name.clone());
        self.components.insert(name.clone(), Value::Bool(true));
        let value = self.convert(target, outermost)?;
        self.components.insert(name.clone(), value);
        Ok(Value::String(format!("#{COMPONENTS}{}", escape(&name))))
    }

    /// A name for the component that stands at `pointer`, made of its last parts that are words. What is a file of its
    /// own, or a component there, is called as it is there.
    fn free_name(&self, pointer: &str) -> String {
        let elsewhere = pointer.strip_prefix(&format!("/{ELSEWHERE}/"));
        let (file, inside) = elsewhere.map_or(("", pointer), |rest| rest.split_once('/').unwrap_or((rest, "")));
        let mut words: Vec<String> = inside.rsplit('/').map(unescape).collect();
        words.retain(|word| word.starts_with(char::is_alphabetic) && !MAP.contains(&word.as_str()));
        let is_component = elsewhere.is_some() && words.get(1).is_some_and(|word| word == "schemas");
        words.truncate(if is_component { 1 } else { 2 });
        words.reverse();
        let stem = || unescape(file).rsplit('/').next()?.split('.').next().map(str::to_owned);
        let base = if words.is_empty() { stem().unwrap_or_default() } else { words.join("_") };
        let base = if base.is_empty() { "Schema".to_owned() } else { base };
        let candidates = std::iter::once(base.clone()).chain((2..).map(|number| format!("{base}_{number}")));
        let mut free = candidates.skip_while(|name| self.components.contains_key(name));
        free.next().unwrap_or(base)
    }
}

/// Why a keyword is no keyword as it stands, where it is one of the slips that are common: the rest of the document is
/// of use without it.
fn slip(key: &str, value: &Value) -> Option<&'static str> {
    let is_keyword = |key: &str| ONE.contains(&key) || LIST.contains(&key) || MAP.contains(&key) || key == "type";
    match (key, value) {
        (key, Value::Null) if is_keyword(key) => Some("nothing stands behind it"),
        // JSON Schema 2020-12, 10.2.1.
        (key, Value::Array(items)) if LIST.contains(&key) && items.is_empty() => {
            Some("a list of no schemas says nothing")
        }
        // As it was before draft 4, and as parameters have it.
        ("required", Value::Bool(_)) => Some("a schema lists the names of its required properties there"),
        ("items" | "not" | "propertyNames", Value::String(_)) => Some("it is a text and no schema"),
        _ => None,
    }
}

/// The exclusive bounds and the example of OpenAPI 3.0 in the words of JSON Schema 2020-12.
fn upgrade(old: &Map<String, Value>, schema: &mut Map<String, Value>) {
    for (flag, bound) in [("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")] {
        if old.get(flag) == Some(&Value::Bool(true))
            && let Some(limit) = schema.remove(bound)
        {
            schema.insert(flag.to_owned(), limit);
        }
    }
    if let Some(example) = old.get("example") {
        schema.entry("examples").or_insert_with(|| json!([example]));
    }
}

/// A list with each of its values once (JSON Schema Validation 2020-12, 6.5.3, demands it of `required`).
fn distinct(value: &Value) -> Value {
    let Value::Array(items) = value else { return value.clone() };
    let mut kept: Vec<Value> = Vec::with_capacity(items.len());
    for item in items {
        if !kept.contains(item) {
            kept.push(item.clone());
        }
    }
    Value::Array(kept)
}

/// The types of a schema; `null` without quotes is a type there, not nothing.
fn with_null(value: &Value) -> Value {
    let Value::Array(types) = value else { return value.clone() };
    types.iter().map(|one| if one.is_null() { json!("null") } else { one.clone() }).collect()
}

/// The examples of a schema, which have names where they were written as those of a media type (OpenAPI 3.1, 4.8.14).
fn unnamed(value: &Value) -> Value {
    match value {
        Value::Array(_) => value.clone(),
        Value::Object(named) => named.values().map(|one| one.get("value").unwrap_or(one).clone()).collect(),
        single => json!([single]),
    }
}

/// `nullable: true` as a type. Documents of 3.1 use it too, against the letter, and mean the same.
fn nullable(old: &Map<String, Value>, mut schema: Map<String, Value>) -> Value {
    if old.get("nullable") != Some(&Value::Bool(true)) {
        return Value::Object(schema);
    }
    if let Some(Value::Array(values)) = schema.get_mut("enum")
        && !values.contains(&Value::Null)
    {
        values.push(Value::Null);
    }
    if let Some(kind) = schema.get_mut("type") {
        let mut types = match kind.take() {
            Value::Array(types) => types,
            single => vec![single],
        };
        if !types.contains(&json!("null")) {
            types.push(json!("null"));
        }
        *kind = Value::Array(types);
    } else if ["$ref", "allOf", "oneOf", "anyOf"].iter().any(|key| schema.contains_key(*key)) {
        return json!({"anyOf": [schema, {"type": "null"}]});
    }
    Value::Object(schema)
}

/// `schema` itself with references to components followed, until it is none.
pub(super) fn resolve<'a>(components: &'a IndexMap<String, Value>, schema: &'a Value) -> &'a Value {
    let mut at = schema;
    for _ in 0..64 {
        let name = at.get("$ref").and_then(Value::as_str).and_then(component_name);
        let Some(next) = name.and_then(|name| components.get(&name)) else { break };
        at = next;
    }
    at
}

/// `schema` with every component that it names, directly or through others, so that it stands alone.
pub(super) fn bundle(components: &IndexMap<String, Value>, schema: &Value) -> Value {
    let mut wanted = BTreeSet::new();
    let mut open = Vec::new();
    references(schema, &mut open);
    while let Some(name) = open.pop() {
        if let Some(component) = components.get(&name)
            && wanted.insert(name)
        {
            references(component, &mut open);
        }
    }
    let mut bundled = match schema {
        Value::Object(object) => object.clone(),
        other => return other.clone(),
    };
    if !wanted.is_empty() {
        let parts: Map<String, Value> =
            wanted.into_iter().map(|name| (name.clone(), components[&name].clone())).collect();
        let components = Map::from_iter([("schemas".to_owned(), Value::Object(parts))]);
        bundled.insert("components".to_owned(), Value::Object(components));
    }
    Value::Object(bundled)
}

/// A warning for each schema that is a reference to itself, by others or at once: it says nothing, so whatever comes is
/// right.
pub(super) fn circles(schemas: &IndexMap<String, Value>) -> impl Iterator<Item = Warning> {
    let next = |name: &String| component_name(schemas.get(name)?.get("$ref")?.as_str()?);
    let is_circle = move |name: &&String| {
        let steps = std::iter::successors(next(name), next).take(schemas.len());
        steps.into_iter().any(|step| step == **name)
    };
    schemas.keys().filter(is_circle).map(|name| Warning {
        pointer: format!("/components/schemas/{}", escape(name)),
        message: "the schema is a reference that leads back to itself, so it says nothing: any value is of it"
            .to_owned(),
    })
}

/// The names of the components that `schema` names itself, not through others; one that it names twice stands twice.
#[must_use]
pub fn component_names(schema: &Value) -> Vec<String> {
    let mut names = Vec::new();
    references(schema, &mut names);
    names
}

fn references(schema: &Value, names: &mut Vec<String>) {
    match schema {
        Value::Object(object) => {
            if let Some(Value::String(reference)) = object.get("$ref") {
                names.extend(component_name(reference));
            }
            object.values().for_each(|value| references(value, names));
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, names)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::Document;

    /// Documents that are put together from parts repeat names; JSON Schema has none twice, and no validator takes it.
    #[test]
    fn a_required_name_is_said_once() {
        let text = "openapi: 3.1.0\ninfo: {title: t, version: '1'}\npaths: {}\n\
                    components: {schemas: {Thing: {type: object, required: [id, name, id]}}}";
        let document = Document::parse("twice.yaml", text).expect("it is valid");
        assert_eq!(document.schemas["Thing"]["required"], json!(["id", "name"]));
    }

    /// JSON Schema 2019-09, 8.2.4.2: a tree that names itself by `$recursiveRef`, as OpenAI's document has one.
    #[test]
    fn a_recursive_reference_is_to_the_whole_schema() {
        let text = r##"{"openapi": "3.1.0", "info": {"title": "t", "version": "1"}, "paths": {}, "components": {"schemas": {
            "Filter": {"$recursiveAnchor": true, "properties": {"all": {"items": {"$recursiveRef": "#"}}}}}}}"##;
        let document = Document::parse("tree.json", text).expect("it is valid");
        let filter = json!({"properties": {"all": {"items": {"$ref": "#/components/schemas/Filter"}}}});
        assert_eq!(document.schemas["Filter"], filter);
    }
}
