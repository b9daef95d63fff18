//! Values that fit a schema, the same for the same seed: what the server answers where nobody has said anything yet.

mod pattern;
mod times;

use std::borrow::Cow;

use bitting_spec::Document;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value, json};

pub(crate) use self::times::is_counted;

/// Deeper than this, optional properties and items are left out, so that schemas that contain themselves end.
const SHALLOW: usize = 4;
/// Deeper than this there is nothing but `null`.
const DEEPEST: usize = 24;
/// So many values are made for one object or answer: a schema may ask for more than any memory holds. What is over is
/// `null`, which the check of our own answers notes.
const MOST: usize = 50_000;
/// How names end of what is another one for each object, or a secret.
const APART: [&str; 12] =
    ["id", "ids", "uuid", "gid", "sid", "key", "token", "secret", "password", "slug", "email", "cursor"];
/// A range that is wider leaves a number open.
const UNBOUNDED: f64 = 1e12;
/// 2026-01-01: seeded times lie in the days after it, so that the data is the same in every run.
const EPOCH: i64 = 1_767_225_600;
/// How long ids are at least, where a pattern lets them.
const LONG_ID: usize = 8;
/// Words of a warehouse, for names.
const WORDS: [&str; 16] = [
    "amber", "birch", "cedar", "delta", "ember", "fjord", "grove", "harbor", "indigo", "juniper", "kestrel", "lumen",
    "maple", "nova", "onyx", "pine",
];

/// A number for the parts of a name, stable across runs and platforms (FNV-1a).
pub(crate) fn seed_of(seed: u64, parts: &[&str]) -> u64 {
    let bytes = parts.iter().flat_map(|part| part.bytes().chain([0xff]));
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325 ^ seed.wrapping_mul(0x9e37_79b9_7f4a_7c15), |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    hash ^ (hash >> 29)
}

/// Makes values.
pub(crate) struct Fake<'a> {
    document: &'a Document,
    rng: fastrand::Rng,
    /// How many values may still be made.
    left: usize,
    /// Which alternative of `oneOf` and `anyOf` is taken; it goes round.
    turn: usize,
}

impl<'a> Fake<'a> {
    pub(crate) fn new(document: &'a Document, seed: u64) -> Self {
        Self::taking(document, seed, 0)
    }

    /// The same, taking other alternatives where a schema has several.
    pub(crate) fn taking(document: &'a Document, seed: u64, turn: usize) -> Self {
        let rng = fastrand::Rng::with_seed(seed.wrapping_add(turn as u64));
        Self { document, rng, left: MOST, turn }
    }

    /// A value of `schema`, which stands under `name`.
    pub(crate) fn value(&mut self, name: &str, schema: &Value) -> Value {
        self.at(name, schema, 0, None)
    }

    /// An object of `schema` with nothing but what it requires.
    pub(crate) fn required(&mut self, schema: &Value) -> Map<String, Value> {
        let schema = joined(self.document, schema, self.turn);
        self.object(&schema, SHALLOW + 1, None)
    }

    /// `shown` is what an example around it shows in its place.
    fn at(&mut self, name: &str, schema: &Value, depth: usize, shown: Option<&Value>) -> Value {
        if depth > DEEPEST || self.left == 0 {
            return Value::Null;
        }
        self.left -= 1;
        let schema = joined(self.document, schema, self.turn);
        if let Some(value) = schema.get("const") {
            return value.clone();
        }
        if let Some(values) = schema.get("enum").and_then(Value::as_array).filter(|values| !values.is_empty()) {
            return values[self.rng.usize(..values.len())].clone();
        }
        let own = example(&schema);
        let shown = own.as_deref().or(shown);
        if let Some(value) = shown.and_then(|shown| self.like(name, &schema, shown)) {
            return value;
        }
        match kind(&schema) {
            "object" => Value::Object(self.object(&schema, depth, shown)),
            "array" => Value::Array(self.array(name, &schema, depth, shown)),
            "integer" | "number" => self.number(name, &schema),
            "boolean" => Value::Bool(self.rng.bool()),
            "null" => Value::Null,
            _ => Value::String(self.string(name, &schema)),
        }
    }

    fn object(&mut self, schema: &Map<String, Value>, depth: usize, shown: Option<&Value>) -> Map<String, Value> {
        let own = example(schema);
        let shown = own.as_deref().or(shown);
        let nothing = Map::new();
        let properties = schema.get("properties").and_then(Value::as_object).unwrap_or(&nothing);
        let required: Vec<&str> =
            schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
        let mut object = Map::new();
        let room = count(schema, "maxProperties").unwrap_or(usize::MAX).saturating_sub(required.len());
        let mut room = if depth <= SHALLOW { room } else { 0 };
        for (name, property) in properties {
            let is_required = required.contains(&name.as_str());
            if is_required || room > 0 {
                room -= usize::from(!is_required);
                object
                    .insert(name.clone(), self.at(name, property, depth + 1, shown.and_then(|shown| shown.get(name))));
            }
        }
        let anything = Value::Bool(true);
        let rest = schema.get("additionalProperties").filter(|rest| rest.is_object()).unwrap_or(&anything);
        let least = count(schema, "minProperties").unwrap_or(0);
        let missing = least.saturating_sub(object.len()).min(self.left);
        let extra = (0..).map(|number| format!("key_{number}")).take(missing);
        let names: Vec<String> = required
            .iter()
            .filter(|name| !object.contains_key(**name))
            .map(|&name| name.to_owned())
            .chain(extra)
            .collect();
        for name in names {
            let value = self.at(&name, rest, depth + 1, None);
            object.insert(name, value);
        }
        times::put_in_order(&mut object);
        object
    }

    fn array(&mut self, name: &str, schema: &Map<String, Value>, depth: usize, shown: Option<&Value>) -> Vec<Value> {
        let shown = shown.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let least = count(schema, "minItems").unwrap_or(0);
        let most = count(schema, "maxItems").unwrap_or(usize::MAX).max(least);
        let wanted = if depth > SHALLOW { least } else { self.rng.usize(least..=most.min(least.saturating_add(3))) };
        let wanted = wanted.min(self.left);
        let anything = Value::Bool(true);
        let items = schema.get("items").unwrap_or(&anything);
        let fixed = schema.get("prefixItems").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let is_unique = schema.get("uniqueItems") == Some(&Value::Bool(true));
        let mut list: Vec<Value> = Vec::with_capacity(wanted);
        for index in 0..wanted.max(fixed.len()).saturating_mul(if is_unique { 20 } else { 1 }) {
            if list.len() >= wanted.max(fixed.len()) {
                break;
            }
            let shown = shown.get(list.len() % shown.len().max(1));
            let value = self.at(name, fixed.get(list.len()).unwrap_or(items), depth + 1, shown);
            if !is_unique || index < fixed.len() || !list.contains(&value) {
                list.push(value);
            }
        }
        list
    }

    /// A plain value as the document's example has it. Names tell objects apart, and so do ids, times and the like: a name
    /// is made another one, and the others are not taken.
    fn like(&mut self, name: &str, schema: &Map<String, Value>, shown: &Value) -> Option<Value> {
        let lower = name.to_ascii_lowercase();
        let tells_apart = |word: &&str| lower.ends_with(*word);
        let format = schema.get("format").and_then(Value::as_str).unwrap_or_default();
        let is_made = ["uuid", "date-time", "date", "time", "email", "byte", "password"].contains(&format);
        if is_made || !suits(schema, shown) || APART.iter().any(tells_apart) || times::is_counted(name, schema) {
            return None;
        }
        let text = shown.as_str().filter(|_| lower.contains("name") || lower.contains("title"));
        let Some(text) = text.filter(|_| !schema.contains_key("pattern") && format.is_empty()) else {
            return (!shown.is_boolean()).then(|| shown.clone());
        };
        let other = Value::from(format!("{text} {}", self.rng.u32(1..1000)));
        Some(if suits(schema, &other) { other } else { shown.clone() })
    }

    fn number(&mut self, name: &str, schema: &Map<String, Value>) -> Value {
        let bound = |key: &str| schema.get(key).and_then(Value::as_f64);
        let is_integer = kind(schema) == "integer";
        let step = bound("multipleOf").unwrap_or(if is_integer { 1.0 } else { 0.01 });
        let nudge = if is_integer { 1.0 } else { step };
        let low = bound("minimum").or(bound("exclusiveMinimum").map(|low| low + nudge));
        let high = bound("maximum").or(bound("exclusiveMaximum").map(|high| high - nudge));
        let (low, high) = match (low, high) {
            (Some(low), Some(high)) => (low, high.max(low)),
            (Some(low), None) => (low, low + 1000.0),
            (None, Some(high)) => (high.min(0.0), high),
            (None, None) => (0.0, 1000.0),
        };
        if is_integer && times::is_counted(name, schema) {
            let second = self.time().timestamp();
            let is_fine = |time: &i64| (low..=high.max(UNBOUNDED)).contains(&(*time as f64)) && step <= 1.0;
            if let Some(time) = [second, second * 1000].into_iter().find(is_fine) {
                return Value::from(time);
            }
        }
        // The bounds of a machine's number are no bounds of what it counts.
        let high = if high - low > UNBOUNDED { (low.max(0.0) + 1000.0).min(high) } else { high };
        let low = if high - low > UNBOUNDED { low.max(0.0) } else { low };
        let value = ((low + self.rng.f64() * (high - low)) / step).floor() * step;
        let value = if value < low { (low / step).ceil() * step } else { value };
        if is_integer && value.abs() < 9.2e18 {
            return Value::from(value as i64);
        }
        json!((value * 1e6).round() / 1e6)
    }

    fn string(&mut self, name: &str, schema: &Map<String, Value>) -> String {
        let least = count(schema, "minLength").unwrap_or(0);
        let most = count(schema, "maxLength").unwrap_or(usize::MAX);
        if let Some(pattern) = schema.get("pattern").and_then(Value::as_str) {
            let mut sample = |least| pattern::sample(pattern, &mut self.rng, least, most);
            // A pattern may take very short texts, of which there are few: ids are longer where it lets them.
            let long = if name == "id" { sample(least.max(LONG_ID).min(most)) } else { None };
            if let Some(text) = long.or_else(|| sample(least)) {
                return text;
            }
        }
        let text = match schema.get("format").and_then(Value::as_str) {
            Some(format) => self.formatted(format),
            None => None,
        };
        let text = text.unwrap_or_else(|| self.named(name));
        fitted(text, least, most)
    }

    fn formatted(&mut self, format: &str) -> Option<String> {
        let number = self.rng.u32(1..255);
        Some(match format {
            "uuid" => self.uuid(),
            "date-time" => timestamp(self.time()),
            "date" => self.time().format("%Y-%m-%d").to_string(),
            "time" => self.time().format("%H:%M:%SZ").to_string(),
            "duration" => format!("PT{number}M"),
            "email" | "idn-email" => format!("{}{number}@example.com", self.word()),
            "hostname" | "idn-hostname" => format!("{}.example.com", self.word()),
            "ipv4" => format!("192.0.2.{number}"),
            "ipv6" => format!("2001:db8::{number:x}"),
            "uri" | "url" | "iri" => format!("https://example.com/{}", self.word()),
            "uri-reference" | "iri-reference" => format!("/{}", self.word()),
            "json-pointer" => format!("/{}", self.word()),
            "byte" => "Yml0dGluZw==".to_owned(),
            _ => return None,
        })
    }

    fn named(&mut self, name: &str) -> String {
        let name = name.to_ascii_lowercase();
        let number = self.rng.u32(1..1000);
        match name.as_str() {
            "email" => format!("{}{number}@example.com", self.word()),
            "slug" => format!("{}-{number}", self.word()),
            "url" | "uri" => format!("https://example.com/{}", self.word()),
            _ if name == "id" || name.ends_with("_id") => format!("{:012x}", self.rng.u64(..) & 0xffff_ffff_ffff),
            _ if name.contains("name") || name.contains("title") => format!("{} {number}", capital(self.word())),
            _ => self.word().to_owned(),
        }
    }

    fn word(&mut self) -> &'static str {
        WORDS[self.rng.usize(..WORDS.len())]
    }

    /// A time of the seeded data.
    fn time(&mut self) -> DateTime<Utc> {
        let second = TimeDelta::seconds(self.rng.i64(0..30 * 86_400));
        DateTime::from_timestamp(EPOCH, 0).unwrap_or_default() + second
    }

    fn uuid(&mut self) -> String {
        uuid::Builder::from_random_bytes(self.rng.u128(..).to_be_bytes()).into_uuid().to_string()
    }
}

/// A time as OpenAPI's `date-time` (RFC 3339), to the second.
pub(crate) fn timestamp(time: DateTime<Utc>) -> String {
    time.format("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect()
}

/// `text` of a length between `least` and `most` characters.
fn fitted(text: String, least: usize, most: usize) -> String {
    let length = text.chars().count();
    if length > most {
        return text.chars().take(most).collect();
    }
    let missing = least.saturating_sub(length);
    text + &"x".repeat(missing.min(1 << 16))
}

fn count(schema: &Map<String, Value>, key: &str) -> Option<usize> {
    schema.get(key).and_then(Value::as_f64).map(|number| number as usize)
}

/// The type to make: the stated one, `null` last, or what the keywords are about.
fn kind(schema: &Map<String, Value>) -> &str {
    match schema.get("type") {
        Some(Value::String(name)) => name,
        Some(Value::Array(names)) => {
            let mut names = names.iter().filter_map(Value::as_str);
            names.find(|name| *name != "null").unwrap_or("null")
        }
        _ if schema.contains_key("properties") || schema.contains_key("additionalProperties") => "object",
        _ if schema.contains_key("items") || schema.contains_key("prefixItems") => "array",
        _ if schema.contains_key("minimum") || schema.contains_key("maximum") => "number",
        _ => "string",
    }
}

/// The keywords of `schema` in one object: references followed, `allOf` joined, and of `oneOf` and `anyOf` the first
/// alternative that is not `null`. Most schemas stand in one object as they are, and are only lent.
pub(crate) fn flatten<'v>(document: &'v Document, schema: &'v Value) -> Cow<'v, Map<String, Value>> {
    joined(document, schema, 0)
}

/// The same for the member that `pointer` leads to from a schema: the names of members, one in the other.
pub(crate) fn flatten_at<'v>(
    document: &'v Document,
    schema: &'v Value,
    pointer: &str,
) -> Option<Cow<'v, Map<String, Value>>> {
    pointer.split('/').skip(1).try_fold(flatten(document, schema), |flat, name| match flat {
        Cow::Borrowed(flat) => Some(flatten(document, flat.get("properties")?.get(name)?)),
        Cow::Owned(flat) => Some(Cow::Owned(flatten(document, flat.get("properties")?.get(name)?).into_owned())),
    })
}

/// Keywords that bring others with them, and what a bundle carries.
const JOINED: [&str; 5] = ["$ref", "allOf", "oneOf", "anyOf", "components"];

fn joined<'v>(document: &'v Document, schema: &'v Value, turn: usize) -> Cow<'v, Map<String, Value>> {
    let keywords =
        |schema: &'v Value| schema.as_object().filter(|all| !all.keys().any(|key| JOINED.contains(&key.as_str())));
    let named = || schema.as_object().filter(|all| all.len() == 1 && all.contains_key("$ref"));
    if let Some(whole) = keywords(schema).or_else(|| named().and_then(|_| keywords(document.resolve(schema)))) {
        return Cow::Borrowed(whole);
    }
    let mut all = Map::new();
    join(document, schema, &mut all, (0, turn));
    Cow::Owned(all)
}

fn join(document: &Document, schema: &Value, all: &mut Map<String, Value>, (depth, turn): (usize, usize)) {
    if depth > DEEPEST {
        return;
    }
    let Some(keywords) = schema.as_object() else { return };
    if keywords.contains_key("$ref") {
        join(document, document.resolve(schema), all, (depth + 1, turn));
    }
    for (key, value) in keywords {
        match (key.as_str(), value) {
            ("$ref" | "components", _) => {}
            ("allOf", Value::Array(parts)) => {
                parts.iter().for_each(|part| join(document, part, all, (depth + 1, turn)));
            }
            ("oneOf" | "anyOf", Value::Array(parts)) => {
                let is_null = |part: &&Value| document.resolve(part).get("type").is_some_and(|kind| kind == "null");
                // A choice that is made elsewhere too is one of those that stand there.
                let choices = all.get("enum").and_then(Value::as_array).cloned();
                let is_choice = |part: &&Value| {
                    let named = document.resolve(part).get("const");
                    choices.as_ref().zip(named).is_none_or(|(choices, named)| choices.contains(named))
                };
                let others: Vec<&Value> = parts.iter().filter(|part| !is_null(part) && is_choice(part)).collect();
                let chosen = others.get(turn % others.len().max(1)).copied().or(parts.first());
                if let Some(part) = chosen {
                    join(document, part, all, (depth + 1, turn));
                }
            }
            ("properties", Value::Object(more)) => {
                if let Some(properties) = all.entry("properties").or_insert_with(|| json!({})).as_object_mut() {
                    properties.extend(more.clone());
                }
            }
            ("required", Value::Array(more)) => {
                if let Some(names) = all.entry("required").or_insert_with(|| json!([])).as_array_mut() {
                    let new: Vec<Value> = more.iter().filter(|name| !names.contains(name)).cloned().collect();
                    names.extend(new);
                }
            }
            _ => drop(all.insert(key.clone(), value.clone())),
        }
    }
}

/// Whether a plain value is of the type, and within the bounds, that `schema` states.
pub(crate) fn suits(schema: &Map<String, Value>, value: &Value) -> bool {
    let bound = |key: &str| schema.get(key).and_then(Value::as_f64);
    match (kind(schema), value) {
        ("string", Value::String(text)) => {
            let length = text.chars().count();
            length >= count(schema, "minLength").unwrap_or(0)
                && length <= count(schema, "maxLength").unwrap_or(usize::MAX)
        }
        ("integer" | "number", Value::Number(number)) => {
            let is_whole = kind(schema) == "number" || number.is_i64() || number.is_u64();
            let number = number.as_f64().unwrap_or(f64::NAN);
            is_whole
                && bound("minimum").is_none_or(|least| number >= least)
                && bound("maximum").is_none_or(|most| number <= most)
                && ["exclusiveMinimum", "exclusiveMaximum", "multipleOf"].iter().all(|key| !schema.contains_key(*key))
        }
        ("boolean", Value::Bool(_)) => true,
        _ => false,
    }
}

/// The first example of a schema, if it has one.
pub(crate) fn example<'v>(schema: &'v Map<String, Value>) -> Option<Cow<'v, Value>> {
    let listed = schema.get("examples").and_then(Value::as_array).and_then(|examples| examples.first());
    listed.or_else(|| schema.get("example")).map(Cow::Borrowed)
}
