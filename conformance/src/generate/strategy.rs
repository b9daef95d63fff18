//! From a schema to a proptest strategy for its values, boundaries included.

use std::cell::Cell;

use proptest::collection;
use proptest::option;
use proptest::sample::select;
use proptest::strategy::{Just, SBoxedStrategy, Strategy, Union};
use serde_json::{Map, Number, Value};

use super::pattern;
use super::schema::{Keywords, Resolve, alternatives, required, types, whole};

type Values = SBoxedStrategy<Value>;

/// Beyond this depth optional parts are left out, which is what ends a cycle.
const MAX_DEPTH: usize = 5;
/// Beyond this depth there is no value: what must hold itself has none.
const DEEPEST: usize = 24;
/// The most schemas that one strategy is made of.
const BUDGET: usize = 20_000;
/// How much longer than its least length a text or list gets.
const ROOM: usize = 24;
/// Letters of texts whose schema says nothing about them.
const LETTERS: &[char] =
    &['a', 'b', 'k', 'z', 'A', 'Q', '0', '7', ' ', '-', '_', '.', '\'', '"', '<', '&', '%', 'é', 'ß', '漢', '😀'];

/// A strategy for values of `schema`. Its values are likely, not certainly, of the schema.
pub(super) fn values(document: &dyn Resolve, schema: &Value) -> Values {
    Builder { document, budget: Cell::new(BUDGET) }.schema(schema, 0).unwrap_or_else(|| Just(Value::Null).sboxed())
}

struct Builder<'a> {
    document: &'a dyn Resolve,
    /// How many more schemas are looked at.
    budget: Cell<usize>,
}

impl Builder<'_> {
    /// `None` where the depth allows no value.
    fn schema(&self, schema: &Value, depth: usize) -> Option<Values> {
        let left = self.budget.get();
        self.budget.set(left.saturating_sub(1));
        if left == 0 || depth > DEEPEST {
            return None;
        }
        let strategies: Vec<Values> =
            alternatives(self.document, schema).iter().filter_map(|keywords| self.keywords(keywords, depth)).collect();
        union(strategies)
    }

    fn keywords(&self, keywords: &Keywords, depth: usize) -> Option<Values> {
        if let Some(constant) = keywords.get("const") {
            return Some(Just(constant.clone()).sboxed());
        }
        if let Some(options) = keywords.get("enum").and_then(Value::as_array) {
            return (!options.is_empty()).then(|| select(options.clone()).sboxed());
        }
        union(types(keywords).iter().filter_map(|kind| self.kind(kind, keywords, depth)).collect())
    }

    fn kind(&self, kind: &str, keywords: &Keywords, depth: usize) -> Option<Values> {
        match kind {
            "null" => Some(Just(Value::Null).sboxed()),
            "boolean" => Some(select(vec![Value::Bool(true), Value::Bool(false)]).sboxed()),
            "integer" => Some(integers(keywords)),
            "number" => Some(numbers(keywords)),
            "string" => Some(texts(keywords)),
            "array" => self.arrays(keywords, depth),
            "object" => self.objects(keywords, depth),
            _ => None,
        }
    }

    fn arrays(&self, keywords: &Keywords, depth: usize) -> Option<Values> {
        let least = whole(keywords, "minItems").unwrap_or(0);
        let most = whole(keywords, "maxItems").unwrap_or(usize::MAX).min(least + 4).max(least);
        let inner = |schema: &Value| if depth < MAX_DEPTH { self.schema(schema, depth + 1) } else { None };
        let first = keywords.get("prefixItems").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        // The first items have schemas of their own; the schema of the others may take none.
        let first: Option<Vec<Values>> = first.iter().map(inner).collect();
        let (first, wanted) = (first?, keywords.get("contains").and_then(inner));
        let items = keywords.get("items").cloned().unwrap_or(Value::Bool(true));
        let rest = if items == Value::Bool(false) { None } else { inner(&items) };
        let rest = match rest {
            Some(item) => {
                let (fewest, longest) = (least.saturating_sub(first.len()), most.saturating_sub(first.len()));
                collection::vec(item, fewest..=longest.max(fewest)).sboxed()
            }
            None if least > first.len() => return None,
            None => Just(Vec::new()).sboxed(),
        };
        let unique = keywords.get("uniqueItems") == Some(&Value::Bool(true));
        let must_contain = wanted.is_some();
        let lists = (first, rest, wanted.unwrap_or_else(|| Just(Value::Null).sboxed()));
        let list = move |(mut list, rest, wanted): (Vec<Value>, Vec<Value>, Value)| {
            list.extend(rest);
            if must_contain {
                let at = list.len().saturating_sub(usize::from(list.len() >= most));
                list.truncate(at);
                list.push(wanted);
            }
            Value::Array(if unique { distinct(list) } else { list })
        };
        Some(lists.prop_map(list).sboxed())
    }

    fn objects(&self, keywords: &Keywords, depth: usize) -> Option<Values> {
        let needed = required(keywords);
        let declared = keywords.get("properties").and_then(Value::as_object);
        let mut members: Vec<SBoxedStrategy<Option<(String, Value)>>> = Vec::new();
        for (name, schema) in declared.into_iter().flatten() {
            // What only the server sets is no part of a request (JSON Schema Validation 2020-12, 9.4).
            if self.document.resolve(schema).get("readOnly") == Some(&Value::Bool(true)) {
                continue;
            }
            let is_needed = needed.contains(&name.as_str());
            let value = if is_needed || depth < MAX_DEPTH { self.schema(schema, depth + 1) } else { None };
            match (value, is_needed, name.clone()) {
                (Some(value), true, name) => {
                    members.push(value.prop_map(move |value| Some((name.clone(), value))).sboxed());
                }
                (Some(value), false, name) => {
                    members.push(option::of(value.prop_map(move |value| (name.clone(), value))).sboxed());
                }
                (None, true, _) => return None,
                (None, false, _) => {}
            }
        }
        for name in needed.iter().filter(|name| !declared.is_some_and(|declared| declared.contains_key(**name))) {
            members.push(Just(Some(((*name).to_owned(), Value::from("value")))).sboxed());
        }
        let object =
            |members: Vec<Option<(String, Value)>>| members.into_iter().flatten().collect::<Map<String, Value>>();
        let more = self.others(keywords, depth);
        let whole = (members, more).prop_map(move |(members, more)| {
            let mut all = more;
            all.extend(object(members));
            Value::Object(all)
        });
        Some(whole.sboxed())
    }

    /// Members that no property declares, as `patternProperties` and `additionalProperties` name them: always where
    /// nothing is declared, as in a map, or where `minProperties` asks for more than is.
    fn others(&self, keywords: &Keywords, depth: usize) -> SBoxedStrategy<Map<String, Value>> {
        let declared = keywords.get("properties").and_then(Value::as_object).map_or(0, Map::len);
        let least = whole(keywords, "minProperties").unwrap_or(0).saturating_sub(declared);
        let most = whole(keywords, "maxProperties").unwrap_or(usize::MAX).min(least + 2);
        let nothing = || Just(Map::new()).sboxed();
        if depth >= MAX_DEPTH || declared > 0 && least == 0 || most == 0 {
            return nothing();
        }
        let patterned = keywords.get("patternProperties").and_then(Value::as_object);
        let (names, schema) = match (patterned.and_then(|all| all.iter().next()), keywords.get("additionalProperties"))
        {
            (Some((pattern, schema)), _) => (pattern::matching(pattern), schema.clone()),
            (None, Some(Value::Bool(false))) => return nothing(),
            (None, Some(schema)) => (None, schema.clone()),
            (None, None) if least == 0 => return nothing(),
            (None, None) => (None, Value::Bool(true)),
        };
        let named = keywords.get("propertyNames").and_then(|schema| self.schema(schema, depth + 1));
        let named = named.map(|names| names.prop_map(|name| name.as_str().unwrap_or("name").to_owned()).sboxed());
        let usual = || pattern::matching("^[a-z][a-z0-9]{2,8}$").unwrap_or_else(|| Just("name".to_owned()).sboxed());
        let Some(value) = self.schema(&schema, depth + 1) else { return nothing() };
        let pairs = collection::vec((names.or(named).unwrap_or_else(usual), value), least..=most.max(least));
        pairs.prop_map(|pairs| pairs.into_iter().collect::<Map<_, _>>()).sboxed()
    }
}

fn union(mut strategies: Vec<Values>) -> Option<Values> {
    match strategies.len() {
        0 => None,
        1 => strategies.pop(),
        _ => Some(Union::new(strategies).sboxed()),
    }
}

fn distinct(list: Vec<Value>) -> Vec<Value> {
    list.into_iter().fold(Vec::new(), |mut kept, item| {
        if !kept.contains(&item) {
            kept.push(item);
        }
        kept
    })
}

fn integers(keywords: &Keywords) -> Values {
    let (least, most) = bounds(keywords, 1.0);
    let step = keywords.get("multipleOf").and_then(Value::as_f64).filter(|step| *step >= 1.0).unwrap_or(1.0) as i64;
    let (low, high) = (least.ceil() as i64, most.floor() as i64);
    let (first, last) = (low.div_euclid(step) + i64::from(low.rem_euclid(step) != 0), high.div_euclid(step));
    let last = last.max(first);
    let value = move |factor: i64| Value::from(factor.saturating_mul(step));
    let edges = select(vec![first, last]).prop_map(value);
    Union::new(vec![edges.sboxed(), (first..=last).prop_map(value).sboxed()]).sboxed()
}

fn numbers(keywords: &Keywords) -> Values {
    if keywords.contains_key("multipleOf") {
        return integers(keywords);
    }
    let (least, most) = bounds(keywords, 0.001);
    let value = |number: f64| Number::from_f64(number).map_or(Value::from(0), Value::Number);
    let edges = select(vec![least, most.max(least)]).prop_map(value);
    // Hundredths, so that no answer is judged by how a server rounds.
    let (low, high) = ((least * 100.0).ceil() as i64, (most * 100.0).floor() as i64);
    let inner = (low..=high.max(low)).prop_map(move |hundredths| value(hundredths as f64 / 100.0));
    Union::new(vec![edges.sboxed(), inner.sboxed()]).sboxed()
}

/// The least and the largest number that `keywords` allow, at most a thousand apart where they leave it open.
fn bounds(keywords: &Keywords, step: f64) -> (f64, f64) {
    let number = |key: &str| keywords.get(key).and_then(Value::as_f64);
    let least =
        number("minimum").into_iter().chain(number("exclusiveMinimum").map(|edge| edge + step)).reduce(f64::max);
    let most = number("maximum").into_iter().chain(number("exclusiveMaximum").map(|edge| edge - step)).reduce(f64::min);
    match (least, most) {
        (Some(least), Some(most)) => (least, most),
        (Some(least), None) => (least, least + 1000.0),
        (None, Some(most)) => (most - 1000.0, most),
        (None, None) => (-1000.0, 1000.0),
    }
}

fn texts(keywords: &Keywords) -> Values {
    let named = |key: &str| keywords.get(key).and_then(Value::as_str);
    let least = whole(keywords, "minLength").unwrap_or(0);
    let most = whole(keywords, "maxLength").unwrap_or(usize::MAX);
    let formatted = named("format").and_then(pattern::formatted);
    let matching = named("pattern").and_then(|text| pattern::matching_within(text, least, most));
    let matching = matching.map(|texts| texts.prop_map(hosted).sboxed());
    // Where both are asked for, either may be the one that happens to meet the other.
    if let Some(special) =
        union([matching, formatted].into_iter().flatten().map(|text| text.prop_map(Value::String).sboxed()).collect())
    {
        return special;
    }
    // No text is of both lengths where they contradict each other: then each value's check refuses what comes.
    let most = most.max(least);
    let longest = most.min(least.max(1) + ROOM);
    let mut lengths = vec![text(least..=longest)];
    if most <= 4096 {
        lengths.extend([text(least..=least), text(most..=most)]);
    }
    Union::new(lengths).sboxed()
}

/// A URL with a host: the empty one is invalid (RFC 9110, 4.2.1), whatever a pattern says of it.
fn hosted(text: String) -> String {
    let rest = ["https://", "http://"].iter().find_map(|scheme| text.strip_prefix(scheme));
    let lacks_host = rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?', '#']));
    if lacks_host { text.replacen("://", "://bitting.example", 1) } else { text }
}

/// Texts of so many letters. They begin and end with a letter that no server trims.
fn text(length: std::ops::RangeInclusive<usize>) -> Values {
    let letters = collection::vec(select(LETTERS.to_vec()), length);
    letters
        .prop_map(|mut letters| {
            let last = letters.len().saturating_sub(1);
            for at in [0, last] {
                if let Some(letter) = letters.get_mut(at).filter(|letter| **letter == ' ') {
                    *letter = 'x';
                }
            }
            Value::String(letters.into_iter().collect())
        })
        .sboxed()
}

#[cfg(test)]
mod tests {
    use bitting_spec::Document;
    use serde_json::json;

    use crate::generate::{Generator, runner};

    fn document(schema: &serde_json::Value) -> Document {
        let text = json!({"openapi": "3.1.0", "info": {"title": "t", "version": "1"}, "paths": {}, "components": {"schemas": {"S": schema}}});
        Document::parse("test.json", &text.to_string()).expect("a document")
    }

    fn samples(schema: &serde_json::Value) -> Vec<serde_json::Value> {
        let document = document(schema);
        let generator = Generator::new(&document, &json!({"$ref": "#/components/schemas/S"})).expect("a schema");
        (0..40).filter_map(|index| generator.sample(&mut runner(7, "op", "test", index))).collect()
    }

    /// Whatever the keywords, values come, and each is of the schema (the generator checks it itself).
    #[test]
    fn every_kind_of_schema_has_values() {
        let schemas = [
            json!({"type": "integer", "minimum": 3, "maximum": 9, "multipleOf": 3}),
            json!({"type": "number", "exclusiveMinimum": 0, "maximum": 1.5}),
            json!({"type": "string", "minLength": 2, "maxLength": 3}),
            json!({"type": ["string", "null"], "format": "uuid"}),
            json!({"type": "array", "items": {"enum": [1, 2, 3]}, "uniqueItems": true, "minItems": 1, "maxItems": 3}),
            json!({"allOf": [{"type": "object", "required": ["a"], "properties": {"a": {"type": "integer"}}},
                             {"properties": {"a": {"minimum": 5, "maximum": 6}}}]}),
            json!({"oneOf": [{"type": "object", "required": ["x"], "properties": {"x": {"const": 1}}},
                             {"type": "object", "required": ["y"], "properties": {"y": {"const": 2}}}]}),
            json!({"type": "object", "minProperties": 1, "properties": {"a": {"type": "boolean"}, "b": {"type": "null"}}}),
            json!({"type": "object", "properties": {"next": {"$ref": "#/components/schemas/S"}}}),
            json!({"not": {"type": "string"}}),
            json!(true),
        ];
        for schema in schemas {
            assert_eq!(samples(&schema).len(), 40, "{schema}");
        }
    }

    /// A value says by its discriminator which schema it is of.
    #[test]
    fn discriminators_are_kept() {
        let text = json!({"openapi": "3.1.0", "info": {"title": "t", "version": "1"}, "paths": {}, "components": {"schemas": {
            "Cat": {"type": "object", "required": ["kind", "lives"], "properties": {"kind": {"type": "string"}, "lives": {"const": 9}}},
            "Dog": {"type": "object", "required": ["kind", "tricks"], "properties": {"kind": {"type": "string"}, "tricks": {"const": 3}}},
            "Pet": {"oneOf": [{"$ref": "#/components/schemas/Cat"}, {"$ref": "#/components/schemas/Dog"}],
                    "discriminator": {"propertyName": "kind", "mapping": {"cat": "#/components/schemas/Cat"}}}}}});
        let document = Document::parse("test.json", &text.to_string()).expect("a document");
        let generator = Generator::new(&document, &json!({"$ref": "#/components/schemas/Pet"})).expect("a schema");
        for index in 0..20 {
            let value = generator.sample(&mut runner(7, "op", "test", index)).expect("there are values");
            let kind = if value.get("lives").is_some() { "cat" } else { "Dog" };
            assert_eq!(value["kind"], kind, "{value}");
        }
    }

    /// The same seed makes the same values, and the boundaries are among them.
    #[test]
    fn values_depend_on_the_seed_alone_and_reach_the_boundaries() {
        let schema = json!({"type": "integer", "minimum": 1, "maximum": 100});
        let values = samples(&schema);
        assert_eq!(values, samples(&schema));
        assert!(values.contains(&json!(1)) && values.contains(&json!(100)), "{values:?}");
    }
}
