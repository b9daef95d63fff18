//! A schema as plain keywords: references followed, `allOf` merged, `anyOf` and `oneOf` spread into alternatives.
//!
//! This loses what cannot be merged (`not`, `if`); every value is checked against the schema itself before it is used.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use bitting_spec::Document;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

/// Deeper nesting of references and alternatives is cut off, which is what ends a cycle.
const MAX_DEPTH: usize = 12;
/// More alternatives than these are not looked at.
const MAX_ALTERNATIVES: usize = 24;

/// Who knows what a reference names.
pub(crate) trait Resolve {
    /// `schema` itself with references followed, until it is none.
    fn resolve<'a>(&'a self, schema: &'a Value) -> &'a Value;
}

impl Resolve for Document {
    fn resolve<'a>(&'a self, schema: &'a Value) -> &'a Value {
        Self::resolve(self, schema)
    }
}

/// A schema that carries what its references name.
pub(super) struct Whole(pub(super) Value);

impl Resolve for Whole {
    fn resolve<'a>(&'a self, schema: &'a Value) -> &'a Value {
        let mut at = schema;
        for _ in 0..64 {
            let place = at.get("$ref").and_then(Value::as_str).and_then(|reference| reference.strip_prefix('#'));
            // A reference is a URI, whose fragment may be percent-encoded (RFC 6901, 6).
            let place = place.and_then(|place| percent_decode_str(place).decode_utf8().ok());
            let Some(next) = place.and_then(|place| self.0.pointer(&place)) else { break };
            at = next;
        }
        at
    }
}

/// Keywords by name.
pub(super) type Keywords = Map<String, Value>;

/// The alternatives of `schema`. None: it accepts nothing, or goes round in a circle.
pub(super) fn alternatives(document: &dyn Resolve, schema: &Value) -> Vec<Keywords> {
    spread(document, schema, 0)
}

/// The properties that an object of `schema` may have by what it declares, each with its schema where all alternatives
/// agree on it. `None` where it declares none, or says itself that it takes others.
pub(crate) fn property_names(document: &dyn Resolve, schema: &Value) -> Option<BTreeMap<String, Option<Value>>> {
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

fn spread(document: &dyn Resolve, schema: &Value, depth: usize) -> Vec<Keywords> {
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
    if let Some((yes, no)) = conditional(&mut merged) {
        let branch = |parts: &[Value]| {
            let one = |part: &Value| spread(document, part, depth + 1);
            parts.iter().fold(vec![Keywords::new()], |all, part| product(&all, &one(part)))
        };
        let branches = [branch(&yes), branch(&no)].concat();
        merged = product(&merged, &branches);
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

/// The two ways that `if` leaves open: what it says with `then`, and `else`; that a value of the second is not of the `if` is
/// left to the check of each value.
fn conditional(merged: &mut [Keywords]) -> Option<(Vec<Value>, Vec<Value>)> {
    let [keywords] = merged else { return None };
    let condition = keywords.remove("if")?;
    let then = keywords.remove("then");
    let otherwise = keywords.remove("else");
    Some((std::iter::once(condition).chain(then).collect(), otherwise.into_iter().collect()))
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
        "type" => types_of_both(left, right),
        "enum" => intersection(left, right),
        "not" => json!({"anyOf": [left, right]}),
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

/// The types that both allow: a whole number is a number.
fn types_of_both(left: &Value, right: &Value) -> Value {
    let (left, right) = (list(left), list(right));
    let allows =
        |types: &[Value], kind: &Value| types.contains(kind) || kind == "integer" && types.contains(&json!("number"));
    let both = left.iter().filter(|kind| allows(&right, kind)).chain(right.iter().filter(|kind| allows(&left, kind)));
    let both = both.fold(Vec::new(), |mut kept: Vec<Value>, kind| {
        if !kept.contains(kind) {
            kept.push(kind.clone());
        }
        kept
    });
    // `number` beside `integer` would take more than one of the two allows.
    let is_wider = |kind: &Value| kind == "number" && !(left.contains(kind) && right.contains(kind));
    Value::Array(both.into_iter().filter(|kind| !is_wider(kind)).collect())
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
