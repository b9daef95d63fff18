//! Objects of a collection: how one is made, changed and shown.

use bitting_spec::Document;
use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use crate::collection::Collection;
use crate::fake::{Fake, flatten, timestamp};

/// Properties that tell how an object stands.
pub(crate) const STANDING: [&str; 4] = ["status", "state", "phase", "stage"];

/// Makes and changes the objects of one collection.
pub(crate) struct Maker<'a> {
    pub(crate) document: &'a Document,
    pub(crate) collection: &'a Collection,
    /// What everything made up comes from.
    pub(crate) seed: u64,
    pub(crate) now: DateTime<Utc>,
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
        let id = self.name(&mut object, fixed);
        (id, Value::Object(object))
    }

    /// An object as the description of a world states it; what is required and missing is made up.
    pub(crate) fn stated(&self, given: &Map<String, Value>) -> (String, Value) {
        let mut made = self.completed(given.clone());
        let fixed = self.collection.key.as_ref().and_then(|key| given.get(key)).map(id_text);
        let id = self.name(&mut made, fixed.as_deref());
        (id, Value::Object(made))
    }

    /// The object that a client asks for with `given`; `body` is the schema of the request. `is_open` lets the client
    /// set what the server owns (defect M86).
    pub(crate) fn created(&self, given: &Map<String, Value>, body: &Value, is_open: bool) -> (String, Value) {
        let mut object = defaults(self.document, body);
        object.extend(given.clone());
        if !is_open {
            self.strip(&mut object, "readOnly");
        }
        self.begin(&mut object);
        let mut made = self.completed(object);
        self.stamp(&mut made, |_| true);
        let fixed = given.get(self.collection.key.as_deref().unwrap_or_default());
        let is_given = is_open || !self.collection.key.as_deref().is_some_and(|key| self.owns(key));
        let id = self.name(&mut made, fixed.filter(|_| is_given).map(id_text).as_deref());
        (id, Value::Object(made))
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
    pub(crate) fn replaced(&self, old: &Value, given: &Map<String, Value>) -> Value {
        let mut kept = as_object(old.clone());
        kept.retain(|name, _| self.owns(name) || is_stamp(name));
        self.updated(&Value::Object(kept), given)
    }

    /// Whether a property is the server's to set.
    fn owns(&self, name: &str) -> bool {
        self.collection.key.as_deref() == Some(name) || self.collection.marks(self.document, name, "readOnly")
    }

    fn takes_null(&self, name: &str) -> bool {
        let schema = self.collection.property(name);
        schema.is_none_or(|schema| crate::validate::allows_null(self.document, schema))
    }

    /// `object` with what its schema requires and it lacks.
    fn completed(&self, object: Map<String, Value>) -> Map<String, Value> {
        let Some(schema) = &self.collection.schema else { return object };
        let mut whole = Fake::new(self.document, self.seed).required(schema);
        // In the order of the schema, then whatever else there is.
        for (name, value) in object {
            whole.insert(name, value);
        }
        self.strip(&mut whole, "writeOnly");
        if self.collection.flat.get("additionalProperties") == Some(&Value::Bool(false)) {
            whole.retain(|name, _| self.collection.property(name).is_some());
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
        let joined = match is(&property, &numbers) && !is(&parameter, &numbers) {
            // The path takes any text: the property says which.
            true => parameter.into_iter().chain(property.clone()).collect(),
            false => property.clone().into_iter().chain(parameter).collect(),
        };
        let made = Fake::new(self.document, self.seed ^ 0x1d).value("id", &Value::Object(joined));
        if is(&property, &["string"]) { Value::from(id_text(&made)) } else { made }
    }

    fn strip(&self, object: &mut Map<String, Value>, mark: &str) {
        object.retain(|name, _| !self.collection.marks(self.document, name, mark));
    }

    /// Writes the time into the properties that hold when an object was made or changed.
    fn stamp(&self, object: &mut Map<String, Value>, wanted: impl Fn(&str) -> bool) {
        for (name, value) in object.iter_mut().filter(|(name, _)| is_stamp(name) && wanted(name)) {
            let schema = self.collection.property(name).map(|schema| flatten(self.document, schema));
            if schema.is_some_and(|schema| schema.get("format") == Some(&json!("date-time"))) {
                *value = Value::from(timestamp(self.now));
            }
        }
    }
}

/// `value` as `schema` shows it: without what it does not know, if it is closed, and with what it requires.
pub(crate) fn shown(document: &Document, schema: &Value, value: &Value, seed: u64) -> Value {
    let (Value::Object(object), flat) = (value, flatten(document, schema)) else { return value.clone() };
    let properties = flat.get("properties").and_then(Value::as_object);
    let is_closed = flat.get("additionalProperties") == Some(&Value::Bool(false));
    let mut whole = object.clone();
    if let (true, Some(properties)) = (is_closed, properties) {
        whole.retain(|name, _| properties.contains_key(name));
    }
    let required = flat.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    for name in required.filter(|name| !object.contains_key(*name)) {
        let schema = properties.and_then(|properties| properties.get(name)).unwrap_or(&Value::Null);
        if flatten(document, schema).get("writeOnly") == Some(&Value::Bool(true)) {
            continue;
        }
        whole.insert(name.to_owned(), Fake::new(document, seed).value(name, schema));
    }
    Value::Object(whole)
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
