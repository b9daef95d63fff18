//! A schema as plain keywords: references followed, `allOf` merged, `anyOf` and `oneOf` spread into alternatives.
//!
//! This loses what cannot be merged (`not`, `if`); every value is checked against the schema itself before it is used.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use bitting_spec::Document;
use serde_json::{Map, Value, json};

/// Deeper nesting of references and alternatives is cut off, which is what ends a cycle.
const MAX_DEPTH: usize = 12;
/// More alternatives than these are not looked at.
const MAX_ALTERNATIVES: usize = 24;

/// Keywords by name.
pub(super) type Keywords = Map<String, Value>;

/// The alternatives of `schema`. None: it accepts nothing, or goes round in a circle.
pub(super) fn alternatives(document: &Document, schema: &Value) -> Vec<Keywords> {
    spread(document, schema, 0)
}

/// The properties that an object of `schema` may have by what it declares, each with its schema where all alternatives
/// agree on it. `None` where it declares none, or says itself that it takes others.
pub(crate) fn property_names(document: &Document, schema: &Value) -> Option<BTreeMap<String, Option<Value>>> {
    let mut all: BTreeMap<String, Option<Value>> = BTreeMap::new();
    for keywords in alternatives(document, schema) {
        let takes_others = |key: &str| keywords.get(key).is_some_and(|value| *value != Value::Bool(false));
        if ["additionalProperties", "patternProperties", "unevaluatedProperties", "if", "propertyNames"]
            .into_iter()
            .any(takes_others)
        {
            return None;
        }
        let Some(properties) = keywords.get("properties").and_then(Value::as_object) else {
            if types(&keywords).iter().any(|kind| kind == "object") {
                return None;
            }
            continue;
        };
        for (name, schema) in properties {
            all.entry(name.clone())
                .and_modify(|known| *known = known.take().filter(|known| known == schema))
                .or_insert_with(|| Some(schema.clone()));
        }
    }
    (!all.is_empty()).then_some(all)
}

/// What a schema declares of the members of its objects and the items of its lists, worked out where somebody looks, and
/// once.
#[derive(Debug)]
pub(crate) struct Declared {
    schema: Value,
    members: OnceLock<Option<BTreeMap<String, Option<Self>>>>,
    items: OnceLock<Option<Box<Self>>>,
}

impl Declared {
    pub(crate) fn new(schema: Value) -> Self {
        Self { schema, members: OnceLock::new(), items: OnceLock::new() }
    }

    /// The members, as [`property_names`] has them.
    pub(crate) fn members(&self, document: &Document) -> Option<&BTreeMap<String, Option<Self>>> {
        let work_out = || {
            let names = property_names(document, &self.schema)?;
            Some(names.into_iter().map(|(name, schema)| (name, schema.map(Self::new))).collect())
        };
        self.members.get_or_init(work_out).as_ref()
    }

    /// The items of a list.
    pub(crate) fn items(&self, document: &Document) -> Option<&Self> {
        let work_out = || document.resolve(&self.schema).get("items").cloned().map(Self::new).map(Box::new);
        self.items.get_or_init(work_out).as_deref()
    }
}

fn spread(document: &Document, schema: &Value, depth: usize) -> Vec<Keywords> {
    let object = match document.resolve(schema) {
        Value::Bool(true) => return vec![Keywords::new()],
        Value::Object(object) if depth < MAX_DEPTH => object,
        _ => return Vec::new(),
    };
    let mut own = object.clone();
    let all = own.remove("allOf");
    let discriminator = own.remove("discriminator");
    let choices: Vec<Value> = ["anyOf", "oneOf"].iter().filter_map(|key| own.remove(*key)).collect();
    let mut merged = vec![own];
    // A reference with keywords beside it counts like a member of `allOf` (JSON Schema 2020-12, 8.2.3.1).
    if let (Some(siblings), true) = (schema.as_object(), schema.get("$ref").is_some()) {
        let mut siblings = siblings.clone();
        siblings.remove("$ref");
        merged = product(&merged, &[siblings]);
    }
    for member in all.iter().filter_map(Value::as_array).flatten() {
        merged = product(&merged, &spread(document, member, depth + 1));
    }
    for choice in &choices {
        let members = choice.as_array().map(Vec::as_slice).unwrap_or_default();
        let branch = |member: &Value| {
            let tag = discriminator.as_ref().and_then(|discriminator| tag(discriminator, member));
            product(&spread(document, member, depth + 1), &[tag.unwrap_or_default()])
        };
        let branches: Vec<Keywords> = members.iter().flat_map(branch).collect();
        merged = product(&merged, &branches);
    }
    merged
}

/// What a discriminator asks of a value of `member`: the property has the name that is mapped to it, or the name of its
/// schema (OpenAPI 3.1, 4.8.25).
fn tag(discriminator: &Value, member: &Value) -> Option<Keywords> {
    let property = discriminator.get("propertyName")?.as_str()?;
    let reference = member.get("$ref")?.as_str()?;
    let own = reference.rsplit('/').next()?;
    let leads = |target: &&Value| target.as_str().is_some_and(|target| target == reference || target == own);
    let mapping = discriminator.get("mapping").and_then(Value::as_object);
    let mapped =
        mapping.and_then(|mapping| mapping.iter().find(|(_, target)| leads(target)).map(|(name, _)| name.as_str()));
    let tag = json!({"required": [property], "properties": {property: {"const": mapped.unwrap_or(own)}}});
    tag.as_object().cloned()
}

fn product(left: &[Keywords], right: &[Keywords]) -> Vec<Keywords> {
    let pairs = left.iter().flat_map(|left| right.iter().map(move |right| merge(left, right)));
    pairs.take(MAX_ALTERNATIVES).collect()
}

/// Both at once, as far as keywords can say it.
fn merge(left: &Keywords, right: &Keywords) -> Keywords {
    let mut merged = left.clone();
    for (key, value) in right {
        let both = match merged.get(key) {
            Some(present) => both(key, present, value),
            None => value.clone(),
        };
        merged.insert(key.clone(), both);
    }
    merged
}

fn both(key: &str, left: &Value, right: &Value) -> Value {
    match key {
        "properties" | "patternProperties" => properties(left, right),
        "required" => union(left, right),
        "type" | "enum" => intersection(left, right),
        "minimum" | "exclusiveMinimum" | "minLength" | "minItems" | "minProperties" => larger(left, right).clone(),
        "maximum" | "exclusiveMaximum" | "maxLength" | "maxItems" | "maxProperties" => {
            if larger(left, right) == left {
                right.clone()
            } else {
                left.clone()
            }
        }
        "items" => json!({"allOf": [left, right]}),
        "additionalProperties" if left == &Value::Bool(false) => left.clone(),
        // What only describes may as well come from the outside.
        _ => right.clone(),
    }
}

fn properties(left: &Value, right: &Value) -> Value {
    let (Some(left), Some(right)) = (left.as_object(), right.as_object()) else { return left.clone() };
    let mut merged = left.clone();
    for (name, schema) in right {
        let schema = merged.get(name).map_or_else(|| schema.clone(), |present| json!({"allOf": [present, schema]}));
        merged.insert(name.clone(), schema);
    }
    Value::Object(merged)
}

fn list(value: &Value) -> Vec<Value> {
    value.as_array().cloned().unwrap_or_else(|| vec![value.clone()])
}

fn union(left: &Value, right: &Value) -> Value {
    let mut all = list(left);
    all.extend(list(right).into_iter().filter(|item| !left.as_array().is_some_and(|left| left.contains(item))));
    Value::Array(all)
}

fn intersection(left: &Value, right: &Value) -> Value {
    let right = list(right);
    Value::Array(list(left).into_iter().filter(|item| right.contains(item)).collect())
}

fn larger<'a>(left: &'a Value, right: &'a Value) -> &'a Value {
    if left.as_f64() >= right.as_f64() { left } else { right }
}

/// The types that `keywords` allow; where none is named, the one that the other keywords speak of.
pub(super) fn types(keywords: &Keywords) -> Vec<String> {
    match keywords.get("type") {
        Some(Value::String(one)) => return vec![one.clone()],
        Some(Value::Array(many)) => return many.iter().filter_map(|name| name.as_str().map(str::to_owned)).collect(),
        _ => {}
    }
    let speaks = |keys: &[&str]| keys.iter().any(|key| keywords.contains_key(*key));
    let implied = if speaks(&["properties", "required", "additionalProperties", "minProperties", "maxProperties"]) {
        "object"
    } else if speaks(&["items", "prefixItems", "minItems", "maxItems", "uniqueItems"]) {
        "array"
    } else if speaks(&["pattern", "minLength", "maxLength", "format"]) {
        "string"
    } else if speaks(&["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"]) {
        "number"
    } else {
        return ["string", "integer", "boolean"].map(str::to_owned).to_vec();
    };
    vec![implied.to_owned()]
}

/// A keyword's value as a whole number.
pub(super) fn whole(keywords: &Keywords, key: &str) -> Option<usize> {
    keywords.get(key)?.as_f64().filter(|number| *number >= 0.0 && *number < 1e15).map(|number| number as usize)
}

/// The names that `required` lists.
pub(super) fn required(keywords: &Keywords) -> Vec<&str> {
    keywords.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
}
