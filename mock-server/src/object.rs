//! Objects of a collection: how one is made, changed and shown.

use std::collections::HashSet;

use bitting_spec::Document;
use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use crate::collection::Collection;
use crate::fake::{Fake, flatten, is_counted, timestamp};
use crate::validate::allows_null;

/// Properties that tell how an object stands.
pub(crate) const STANDING: [&str; 4] = ["status", "state", "phase", "stage"];

/// What ends an object: `deleted_at`, `canceledAt`.
const ENDS: [&str; 9] =
    ["deleted", "removed", "archived", "canceled", "cancelled", "revoked", "terminated", "discontinued", "disabled"];

/// From here on a number counts milliseconds since 1970, and no seconds.
const MILLISECONDS: i64 = 100_000_000_000;

/// How often an id is made up until one is free.
pub(crate) const NAMINGS: usize = 50;

/// What of a new object is the client's to say, besides what nobody owns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Choice {
    /// Nothing.
    Nothing,
    /// The id, where the request must have one.
    Id,
    /// Also what the server owns (defect M86).
    Everything,
}

/// Makes and changes the objects of one collection.
#[derive(Clone, Copy)]
pub(crate) struct Maker<'a> {
    pub(crate) document: &'a Document,
    pub(crate) collection: &'a Collection,
    /// What everything made up comes from.
    pub(crate) seed: u64,
    pub(crate) now: DateTime<Utc>,
    /// The number to take for an id that is one, where numbers at random are used up.
    pub(crate) number: Option<i64>,
}

impl Maker<'_> {
    /// An object that nobody asked for, with its id; `fixed` if it has to be that one.
    pub(crate) fn seeded(&self, fixed: Option<&str>) -> (String, Value) {
        let mut fake = Fake::new(self.document, self.seed);
        let value = match &self.collection.schema {
            Some(schema) => fake.value(&self.collection.name, schema),
            None => json!({}),
        };
        let Value::Object(mut object) = value else {
            // A list of plain values: nothing in them names them.
            return (id_text(&self.made_up_id()), value);
        };
        self.strip(&mut object, "writeOnly");
        self.keep_alive(&mut object);
        let id = self.name(&mut object, fixed);
        (id, Value::Object(object))
    }

    /// Takes out the times at which an object ended: those that are seen have not.
    fn keep_alive(&self, object: &mut Map<String, Value>) {
        let is_end = |name: &str| {
            let name = name.replace('_', "").to_ascii_lowercase();
            name.strip_suffix("at").is_some_and(|what| ENDS.contains(&what))
        };
        let names: Vec<String> = object.keys().filter(|name| is_end(name)).cloned().collect();
        for name in names {
            match self.collection.property(&name).is_some_and(|schema| allows_null(self.document, schema)) {
                true => drop(object.insert(name, Value::Null)),
                false if !self.requires(&name) => drop(object.shift_remove(&name)),
                false => {}
            }
        }
    }

    fn requires(&self, name: &str) -> bool {
        let required = self.collection.flat.get("required").and_then(Value::as_array);
        required.is_some_and(|names| names.iter().any(|required| required == name))
    }

    /// An object as the description of a world states it; what is required and missing is made up.
    pub(crate) fn stated(&self, given: &Map<String, Value>) -> (String, Value) {
        let mut made = self.completed(given.clone());
        let fixed = self.collection.key.as_ref().and_then(|key| given.get(key)).map(id_text);
        let id = self.name(&mut made, fixed.as_deref());
        (id, Value::Object(made))
    }

    /// The object that a client asks for with `given`; `body` is the schema of the request.
    pub(crate) fn created(&self, given: &Map<String, Value>, body: &Value, choice: Choice) -> (String, Value) {
        let mut object = defaults(self.document, body);
        object.extend(given.clone());
        if choice != Choice::Everything {
            self.strip(&mut object, "readOnly");
        }
        self.begin(&mut object);
        let mut made = self.completed(object);
        self.stamp(&mut made, |_| true);
        let is_given = choice == Choice::Everything || choice == Choice::Id && self.may_choose(body);
        let id = self.name(&mut made, self.collection.chosen(given).filter(|_| is_given).as_deref());
        (id, Value::Object(made))
    }

    /// The object that a client puts where there was none, by its own name.
    pub(crate) fn put(&self, id: &str, given: &Map<String, Value>, body: &Value) -> Value {
        let (_, made) = self.created(given, body, Choice::Nothing);
        let mut made = as_object(made);
        self.name(&mut made, Some(id));
        Value::Object(made)
    }

    /// Lets an object that was just made stand where the document's list of its states begins.
    fn begin(&self, object: &mut Map<String, Value>) {
        for name in STANDING {
            let flat = self.collection.property(name).map(|schema| flatten(self.document, schema)).unwrap_or_default();
            let first = flat.get("enum").and_then(Value::as_array).and_then(|values| values.first());
            if let Some(first) = first.filter(|_| !object.contains_key(name)) {
                object.insert(name.to_owned(), first.clone());
            }
        }
    }

    /// `old` with the members of `changes` in place of its own (RFC 7396 for `null`).
    pub(crate) fn updated(&self, old: &Value, changes: &Map<String, Value>) -> Value {
        let mut object = as_object(old.clone());
        for (name, value) in changes.iter().filter(|(name, _)| !self.owns(name)) {
            if value.is_null() && !self.takes_null(name) {
                object.shift_remove(name);
            } else {
                object.insert(name.clone(), value.clone());
            }
        }
        let mut object = self.completed(object);
        self.stamp(&mut object, |name| name.starts_with("updated") || name.starts_with("modified"));
        Value::Object(object)
    }

    /// `old` after an action that sets one property.
    pub(crate) fn acted(&self, old: &Value, (name, value): &(String, String)) -> Value {
        let mut object = as_object(old.clone());
        object.insert(name.clone(), Value::from(value.as_str()));
        self.stamp(&mut object, |name| name.starts_with("updated") || name.starts_with("modified"));
        Value::Object(object)
    }

    /// What `PUT` leaves of `old`: what the server owns.
    pub(crate) fn replaced(&self, old: &Value, given: &Map<String, Value>, body: &Value) -> Value {
        let body = flatten(self.document, body);
        let is_given = |name: &str| body.get("properties").is_some_and(|properties| properties.get(name).is_some());
        let mut kept = as_object(old.clone());
        // When an object was made is the server's to say, unless the document lets the client say it.
        kept.retain(|name, _| self.owns(name) || is_stamp(name) && !is_given(name));
        self.updated(&Value::Object(kept), given)
    }

    /// Whether a client may choose the id, by the schema of what it sends.
    pub(crate) fn may_choose(&self, body: &Value) -> bool {
        let Some(key) = &self.collection.key else { return true };
        let body = flatten(self.document, body);
        let asked = body.get("properties").and_then(|properties| properties.get(key));
        let is_owned = |schema| flatten(self.document, schema).get("readOnly") == Some(&Value::Bool(true));
        asked.is_some_and(|asked| !is_owned(asked)) && !self.collection.marks(self.document, key, "readOnly")
    }

    /// Whether a property is the server's to set.
    fn owns(&self, name: &str) -> bool {
        self.collection.key.as_deref() == Some(name) || self.collection.marks(self.document, name, "readOnly")
    }

    fn takes_null(&self, name: &str) -> bool {
        let schema = self.collection.property(name);
        schema.is_none_or(|schema| allows_null(self.document, schema))
    }

    /// `object` with what its schema requires and it lacks.
    fn completed(&self, object: Map<String, Value>) -> Map<String, Value> {
        let Some(schema) = &self.collection.schema else { return object };
        let mut whole = Fake::new(self.document, self.seed).required(schema);
        for (name, value) in whole.iter_mut().filter(|(name, _)| !object.contains_key(*name)) {
            // What nobody has said is not there yet, and nothing has been counted.
            if !is_stamp(name) && self.collection.property(name).is_some_and(|known| allows_null(self.document, known))
            {
                *value = Value::Null;
            } else if (name.ends_with("_count") || name.ends_with("Count")) && value.is_i64() {
                *value = Value::from(0);
            }
        }
        // In the order of the schema, then whatever else there is.
        for (name, value) in object {
            whole.insert(name, value);
        }
        self.strip(&mut whole, "writeOnly");
        retain_declared(self.document, schema, &mut whole);
        for (name, value) in &mut whole {
            if let Some(property) = self.collection.property(name) {
                *value = Fitting { document: self.document, seed: self.seed }.fitted(name, property, value.take(), 0);
            }
        }
        whole
    }

    /// Gives the object its id, which is also the property that its path names.
    fn name(&self, object: &mut Map<String, Value>, fixed: Option<&str>) -> String {
        let Some(key) = &self.collection.key else {
            return fixed.map_or_else(|| id_text(&self.made_up_id()), str::to_owned);
        };
        let is_number = self.collection.property(key).is_some_and(|schema| {
            flatten(self.document, schema).get("type").is_some_and(|kind| kind == "integer" || kind == "number")
        });
        let value = match fixed {
            Some(text) if is_number => text.parse::<i64>().map_or_else(|_| Value::from(text), Value::from),
            Some(text) => Value::from(text),
            None => self.made_up_id(),
        };
        let id = id_text(&value);
        object.insert(key.clone(), value);
        id
    }

    /// An id that fits both the path's parameter and the object's property.
    fn made_up_id(&self) -> Value {
        let key = self.collection.key.as_deref().unwrap_or("id");
        let flat = |schema| flatten(self.document, schema).into_owned();
        let property = self.collection.property(key).map(flat).unwrap_or_default();
        let parameter = self.collection.item.as_ref().map(|(_, schema)| flat(schema)).unwrap_or_default();
        let is = |schema: &Map<String, Value>, names: &[&str]| {
            schema.get("type").and_then(Value::as_str).is_some_and(|kind| names.contains(&kind))
        };
        let numbers = ["integer", "number"];
        let joined: Map<String, Value> = match is(&property, &numbers) && !is(&parameter, &numbers) {
            // The path takes any text: the property says which.
            true => parameter.into_iter().chain(property.clone()).collect(),
            false => property.clone().into_iter().chain(parameter).collect(),
        };
        let fits = |number: &i64| {
            let within = |key: &str, is: fn(f64, f64) -> bool| {
                joined.get(key).and_then(Value::as_f64).is_none_or(|bound| is(*number as f64, bound))
            };
            is(&joined, &numbers) && within("maximum", |number, bound| number <= bound)
        };
        if let Some(number) = self.number.filter(fits) {
            return if is(&property, &["string"]) { Value::from(number.to_string()) } else { Value::from(number) };
        }
        let made = Fake::new(self.document, self.seed ^ 0x1d).value("id", &Value::Object(joined));
        if is(&property, &["string"]) { Value::from(id_text(&made)) } else { made }
    }

    fn strip(&self, object: &mut Map<String, Value>, mark: &str) {
        object.retain(|name, _| !self.collection.marks(self.document, name, mark));
    }

    /// Writes the time into the properties that hold when an object was made or changed.
    fn stamp(&self, object: &mut Map<String, Value>, wanted: impl Fn(&str) -> bool) {
        for (name, value) in object.iter_mut().filter(|(name, _)| is_stamp(name) && wanted(name)) {
            let schema =
                self.collection.property(name).map(|schema| flatten(self.document, schema)).unwrap_or_default();
            let is_text = schema.get("type").is_none_or(|kind| kind == "string" || kind.is_array());
            if is_text && schema.get("format") == Some(&json!("date-time")) {
                *value = Value::from(timestamp(self.now));
            } else if value.is_i64() && is_counted(name, &schema) {
                // Milliseconds have three digits more.
                let is_fine = value.as_i64().is_some_and(|known| known > MILLISECONDS);
                *value = Value::from(if is_fine { self.now.timestamp_millis() } else { self.now.timestamp() });
            }
        }
    }
}

/// `value` as `schema` shows it: without what it does not know, and with what it requires.
pub(crate) fn shown(document: &Document, schema: &Value, value: &Value, seed: u64) -> Value {
    let (Value::Object(object), flat) = (value, flatten(document, schema)) else { return value.clone() };
    let properties = flat.get("properties").and_then(Value::as_object);
    let mut whole = object.clone();
    retain_declared(document, schema, &mut whole);
    // A member such as the name of the operation has another value in each answer.
    for (name, value) in &mut whole {
        let Some(property) = properties.and_then(|properties| properties.get(name)) else { continue };
        *value = Fitting { document, seed }.fitted(name, property, value.take(), 0);
        let choices = flatten(document, property).get("enum").and_then(Value::as_array).cloned();
        if choices.is_some_and(|choices| !choices.contains(value)) {
            *value = Fake::new(document, seed).value(name, property);
        }
    }
    let required = flat.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    for name in required.filter(|name| !object.contains_key(*name)) {
        let schema = properties.and_then(|properties| properties.get(name)).unwrap_or(&Value::Null);
        if flatten(document, schema).get("writeOnly") == Some(&Value::Bool(true)) {
            continue;
        }
        whole.insert(name.to_owned(), Fake::new(document, seed).value(name, schema));
    }
    for (name, schema) in properties.into_iter().flatten() {
        if let Some(value) = whole.get_mut(name) {
            respell(document, schema, value);
        }
    }
    Value::Object(whole)
}

/// Makes what a client gave fit for an answer, which may describe the same member otherwise than the request does.
#[derive(Clone, Copy)]
struct Fitting<'a> {
    document: &'a Document,
    seed: u64,
}

impl Fitting<'_> {
    /// `value` of the type that `schema` wants, with all that it requires.
    fn fitted(self, name: &str, schema: &Value, value: Value, depth: usize) -> Value {
        if depth > DEEPEST || has_alternatives(self.document, schema, 0) {
            return value;
        }
        let flat = flatten(self.document, schema);
        let properties = flat.get("properties").and_then(Value::as_object);
        match value {
            mut value if !is_of_type(&flat, &value) => {
                respell(self.document, schema, &mut value);
                let is_it = is_of_type(&flat, &value);
                if is_it { value } else { Fake::new(self.document, self.seed).value(name, schema) }
            }
            Value::Object(mut members) => {
                for (name, value) in &mut members {
                    if let Some(property) = properties.and_then(|properties| properties.get(name)) {
                        *value = self.fitted(name, property, value.take(), depth + 1);
                    }
                }
                let required = flat.get("required").and_then(Value::as_array).into_iter().flatten();
                for name in required.filter_map(Value::as_str) {
                    if let (false, Some(property)) =
                        (members.contains_key(name), properties.and_then(|properties| properties.get(name)))
                    {
                        members.insert(name.to_owned(), Fake::new(self.document, self.seed).value(name, property));
                    }
                }
                Value::Object(members)
            }
            Value::Array(items) => {
                let schema = flat.get("items").unwrap_or(&Value::Null);
                Value::Array(items.into_iter().map(|item| self.fitted(name, schema, item, depth + 1)).collect())
            }
            Value::String(text) if flat.get("format") == Some(&json!("date-time")) => Value::from(timed(text)),
            plain => plain,
        }
    }
}

/// A time as its text; one that was given in seconds since 1970 is the same time.
fn timed(text: String) -> String {
    let seconds = text.parse::<f64>().ok().filter(|_| DateTime::parse_from_rfc3339(&text).is_err());
    seconds.and_then(|seconds| DateTime::from_timestamp(seconds as i64, 0)).map_or(text, timestamp)
}

/// Whether a schema is one of several, so that nobody can say what a value of it lacks.
fn has_alternatives(document: &Document, schema: &Value, depth: usize) -> bool {
    let schema = document.resolve(schema);
    let parts = schema.get("allOf").and_then(Value::as_array).into_iter().flatten();
    ["oneOf", "anyOf"].iter().any(|key| schema.get(*key).is_some())
        || parts.into_iter().any(|part| depth < DEEPEST && has_alternatives(document, part, depth + 1))
}

fn is_of_type(flat: &Map<String, Value>, value: &Value) -> bool {
    let is = |kind: &str| match kind {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.as_f64().is_some_and(|number| number.fract() == 0.0),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => true,
    };
    match flat.get("type") {
        Some(Value::String(kind)) => is(kind),
        Some(Value::Array(kinds)) => kinds.iter().filter_map(Value::as_str).any(is),
        _ => true,
    }
}

/// Takes out what `schema` does not declare. Only a schema that speaks of further members has any: whatever else a client
/// sends, a secret it may be, is not kept and shown to others.
fn retain_declared(document: &Document, schema: &Value, object: &mut Map<String, Value>) {
    let mut declared = Declared::default();
    declared.read(document, schema, 0);
    if !declared.is_open && !declared.names.is_empty() {
        object.retain(|name, _| declared.names.contains(name));
    }
}

/// How deep schemas are followed: one may lead back to itself.
const DEEPEST: usize = 16;

/// The members that a schema names, in all its alternatives, and whether it lets others be.
#[derive(Default)]
struct Declared {
    names: HashSet<String>,
    is_open: bool,
}

impl Declared {
    fn read(&mut self, document: &Document, schema: &Value, depth: usize) {
        let Some(keywords) = schema.as_object().filter(|_| depth < DEEPEST) else { return };
        for (key, value) in keywords {
            match (key.as_str(), value) {
                ("$ref", _) => self.read(document, document.resolve(schema), depth + 1),
                ("properties", Value::Object(members)) => self.names.extend(members.keys().cloned()),
                // What is asked for is spoken of, though nothing describes it.
                ("required", Value::Array(names)) => {
                    self.names.extend(names.iter().filter_map(Value::as_str).map(str::to_owned));
                }
                ("additionalProperties" | "unevaluatedProperties", Value::Bool(open)) => self.is_open |= *open,
                ("additionalProperties" | "unevaluatedProperties" | "patternProperties", Value::Object(_)) => {
                    self.is_open = true;
                }
                ("allOf" | "oneOf" | "anyOf", Value::Array(parts)) => {
                    parts.iter().for_each(|part| self.read(document, part, depth + 1));
                }
                ("then" | "else", part) => self.read(document, part, depth + 1),
                _ => {}
            }
        }
    }
}

/// An id may be a number in one answer and a text in another: it is the same one.
fn respell(document: &Document, schema: &Value, value: &mut Value) {
    let flat = flatten(document, schema);
    let number = || value.as_str().and_then(|text| text.parse::<i64>().ok()).map(Value::from);
    let other = match (flat.get("type").and_then(Value::as_str), &*value) {
        (Some("string"), Value::Number(number)) => Some(Value::from(number.to_string())),
        (Some("integer" | "number"), Value::String(_)) => number(),
        _ => None,
    };
    if let Some(other) = other {
        *value = other;
    }
}

/// The text by which an id stands in a path.
pub(crate) fn id_text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn is_stamp(name: &str) -> bool {
    ["created", "updated", "modified"].iter().any(|stem| name.starts_with(stem))
}

fn as_object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        _ => Map::new(),
    }
}

/// The defaults of the properties of a request body.
fn defaults(document: &Document, body: &Value) -> Map<String, Value> {
    let flat = flatten(document, body);
    let properties = flat.get("properties").and_then(Value::as_object).into_iter().flatten();
    let with_default = properties.filter_map(|(name, schema)| {
        let default = flatten(document, schema).get("default").cloned()?;
        Some((name.clone(), default))
    });
    with_default.collect()
}
