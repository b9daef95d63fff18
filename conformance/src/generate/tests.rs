//! Properties of the generator on ugly schemas: what it calls valid is valid, what it calls invalid is invalid in whatever
//! way a server reads the bytes, and both come in bounded time.

use std::time::Duration;

use bitting_spec::table::{self, Encoding, Location, Style};
use bitting_spec::{Document, style};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::reading::readings;
use super::{Generator, runner, violations};
use crate::clock;

/// Long, deep, wide, and texts that have to meet several rules at once.
fn large() -> Vec<(&'static str, Value)> {
    let many: Vec<Value> = (0..20_000).map(|number| json!(format!("value-{number}"))).collect();
    let wide: Vec<Value> = (0..200)
        .map(|number| json!({"type": "object", "required": [format!("k{number}")], "properties": {format!("k{number}"): {"const": number}}}))
        .collect();
    let deep =
        (0..40).fold(json!({"type": "integer", "minimum": 3}), |inner, _| json!({"allOf": [inner, {"maximum": 9}]}));
    vec![
        (
            "recursion with an end",
            json!({"type": "object", "required": ["n"], "properties": {
            "n": {"type": "integer"}, "next": {"$ref": "#/components/schemas/S"}, "all": {"type": "array", "items": {"$ref": "#/components/schemas/S"}}}}),
        ),
        ("a huge enum", json!({"enum": many})),
        ("two hundred alternatives", json!({"oneOf": wide})),
        ("deep allOf", deep),
        (
            "format, pattern and length meet",
            json!({"type": "string", "format": "email", "pattern": "@example\\.com$", "maxLength": 40}),
        ),
        (
            "pattern and length meet",
            json!({"type": "string", "pattern": "^[a-z0-9]+(-[a-z0-9]+)*$", "minLength": 60, "maxLength": 64}),
        ),
        ("an anchored alternation", json!({"type": "string", "pattern": "^(?:v[0-9]+|latest)$"})),
        ("a pattern of letters beyond ASCII", json!({"type": "string", "pattern": "^\\p{Lu}\\p{Ll}{2,5}$"})),
    ]
}

/// Schemas made of schemas.
fn combined() -> Vec<(&'static str, Value)> {
    vec![
        ("not one of", json!({"type": "string", "minLength": 1, "maxLength": 1, "not": {"enum": ["x", "y"]}})),
        ("not of a type", json!({"not": {"type": ["string", "number", "boolean", "null", "array"]}})),
        (
            "a narrow window outside",
            json!({"allOf": [{"type": "integer", "minimum": 0, "maximum": 1000}, {"not": {"minimum": 3}}]}),
        ),
        (
            "one of two that overlap",
            json!({"oneOf": [{"type": "integer", "minimum": 0}, {"type": "integer", "maximum": 10}]}),
        ),
        (
            "any of with siblings",
            json!({"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "string"}},
            "additionalProperties": false, "anyOf": [{"required": ["a"]}, {"required": ["b"]}]}),
        ),
        (
            "if, then, else",
            json!({"type": "object", "required": ["kind"], "properties": {"kind": {"enum": ["a", "b"]}, "size": {"type": "integer"}},
            "if": {"properties": {"kind": {"const": "a"}}}, "then": {"required": ["size"]}, "else": {"properties": {"size": {"maximum": 0}}}}),
        ),
    ]
}

/// Maps, lists, numbers, and what goes one way only.
fn shaped() -> Vec<(&'static str, Value)> {
    vec![
        (
            "a map",
            json!({"type": "object", "minProperties": 2, "maxProperties": 3, "additionalProperties": {"type": "integer"}}),
        ),
        (
            "a map of patterns",
            json!({"type": "object", "minProperties": 1, "patternProperties": {"^x-[a-z]+$": {"type": "boolean"}}, "additionalProperties": false}),
        ),
        (
            "names of properties",
            json!({"type": "object", "minProperties": 1, "propertyNames": {"pattern": "^[A-Z]{3}$"}, "additionalProperties": true}),
        ),
        (
            "a tuple",
            json!({"type": "array", "prefixItems": [{"type": "integer"}, {"enum": ["a"]}], "items": false, "minItems": 2}),
        ),
        (
            "contains",
            json!({"type": "array", "items": {"type": "integer"}, "contains": {"const": 7}, "minItems": 2, "maxItems": 4}),
        ),
        (
            "unique items of few",
            json!({"type": "array", "items": {"enum": [1, 2, 3]}, "uniqueItems": true, "minItems": 3}),
        ),
        ("a multiple within a window", json!({"type": "integer", "multipleOf": 7, "minimum": 50, "maximum": 60})),
        ("an exclusive window", json!({"type": "integer", "exclusiveMinimum": 4, "exclusiveMaximum": 6})),
        ("nullable in 3.1", json!({"type": ["integer", "null"], "minimum": 5})),
        (
            "read-only and required",
            json!({"type": "object", "required": ["id", "name"], "properties": {
            "id": {"type": "string", "readOnly": true}, "name": {"type": "string", "minLength": 1}}}),
        ),
        (
            "dependent",
            json!({"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}}, "dependentRequired": {"a": ["b"]}}),
        ),
    ]
}

/// Each with what makes it ugly.
fn ugly() -> Vec<(&'static str, Value)> {
    [large(), combined(), shaped()].concat()
}

fn document(schema: &Value) -> Document {
    let text = json!({"openapi": "3.1.0", "info": {"title": "t", "version": "1"}, "paths": {}, "components": {"schemas": {"S": schema}}});
    Document::parse("test.json", &text.to_string()).expect("a document")
}

fn generator(schema: &Value) -> (Document, Generator) {
    let document = document(schema);
    let generator = Generator::new(&document, &json!({"$ref": "#/components/schemas/S"})).expect("a schema");
    (document, generator)
}

/// Judges by the schema as it stands, but for what a request does not hold.
fn oracle(schema: &Value) -> jsonschema::Validator {
    let mut whole = json!({"$ref": "#/components/schemas/S", "components": {"schemas": {"S": schema}}});
    if let Some(required) = whole.pointer_mut("/components/schemas/S/required").and_then(Value::as_array_mut) {
        let read_only = |name: &Value| schema["properties"][name.as_str().unwrap_or_default()]["readOnly"] == true;
        required.retain(|name| !read_only(name));
    }
    jsonschema::options().should_validate_formats(true).build(&whole).expect("a schema")
}

/// Every ugly schema has values, they are of the schema, and they come in time.
#[test]
fn ugly_schemas_have_values_in_bounded_time() {
    for (name, schema) in ugly() {
        let started = clock::now();
        let (document, generator) = generator(&schema);
        let oracle = oracle(&schema);
        for index in 0..20 {
            let value = generator.sample(&mut runner(3, "ugly", name, index));
            let value = value.unwrap_or_else(|| panic!("{name}: nothing number {index}"));
            assert!(oracle.is_valid(&value), "{name}: {value}");
            let broken = violations(&document, &json!({"$ref": "#/components/schemas/S"}), &value);
            assert!(broken.len() < 2_000, "{name}: {}", broken.len());
        }
        let taken = clock::now().duration_since(started);
        assert!(taken < Duration::from_secs(20), "{name}: {taken:?}");
    }
}

/// What takes nothing has no value, and says so in time, without a panic.
#[test]
fn impossible_schemas_have_none() {
    for schema in [
        json!(false),
        json!({"type": "integer", "minimum": 5, "maximum": 4}),
        json!({"type": "string", "minLength": 9, "maxLength": 3}),
        json!({"allOf": [{"type": "string"}, {"type": "integer"}]}),
        json!({"type": "string", "pattern": "^a$", "minLength": 2}),
        json!({"enum": []}),
        json!({"type": "object", "required": ["a"], "properties": {"a": false}}),
        json!({"type": "object", "required": ["next"], "properties": {"next": {"$ref": "#/components/schemas/S"}}}),
        json!({"not": {}}),
    ] {
        let Some(generator) = Generator::new(&document(&schema), &json!({"$ref": "#/components/schemas/S"})) else {
            continue;
        };
        assert_eq!(generator.sample(&mut runner(3, "none", "none", 0)), None, "{schema}");
    }
}

/// What combinations of schemas forbid is made too.
#[test]
fn combinations_have_opposites() {
    for (keyword, schema) in [
        ("not", json!({"type": "integer", "not": {"enum": [3, 4]}})),
        ("oneOf", json!({"oneOf": [{"type": "integer", "minimum": 0}, {"type": "integer", "maximum": 10}]})),
        ("anyOf", json!({"anyOf": [{"type": "string"}, {"type": "object", "required": ["a"]}]})),
    ] {
        let document = document(&json!({}));
        let generator = Generator::new(&document, &schema).expect("a schema");
        let (found, value) = generator.opposite(&mut runner(3, "opposite", "opposite", 0)).expect("there is one");
        assert!(found == keyword && !generator.accepts(&value), "{keyword}: {value}");
    }
}

/// Schemas of parameters, as lists, objects and texts.
fn parameters() -> Vec<Value> {
    vec![
        json!({"type": "array", "items": {"type": "integer", "minimum": 1}, "maxItems": 3}),
        json!({"type": "array", "items": {"enum": ["red", "blue"]}, "uniqueItems": true, "minItems": 2}),
        json!({"type": "array", "items": {"type": "boolean"}, "maxItems": 2}),
        json!({"type": "object", "required": ["a"], "properties": {"a": {"type": "integer"}, "b": {"type": "string", "maxLength": 3}}}),
        json!({"type": "integer", "minimum": 1, "maximum": 9}),
        json!({"type": "string", "pattern": "^[a-z]+$"}),
        json!({"type": ["string", "null"], "maxLength": 4}),
        json!({"type": "boolean"}),
        json!({"oneOf": [{"type": "integer"}, {"type": "array", "items": {"type": "integer"}}]}),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// Positive values always validate, by a judge of their own.
    #[test]
    fn positive_values_are_of_their_schema(seed: u64, pick in 0_usize..25) {
        let all = ugly();
        let (name, schema) = &all[pick % all.len()];
        // The largest are tried above.
        prop_assume!(*name != "a huge enum" && *name != "two hundred alternatives");
        let (_, generator) = generator(schema);
        let value = generator.sample(&mut runner(seed, "positive", name, 0));
        prop_assert!(value.as_ref().is_some_and(|value| oracle(schema).is_valid(value)), "{name}: {value:?}");
    }

    /// A parameter that counts as invalid is invalid for a reader that was written on its own: what the decoder of the
    /// specification reads from the exact bytes is not of the schema, in any style.
    #[test]
    fn negative_parameters_are_invalid_as_sent(seed: u64, pick in 0_usize..9, explode: bool, form in 0_u8..4) {
        let schema = &parameters()[pick];
        let (document, generator) = generator(schema);
        let (location, style) = match form {
            0 => (Location::Query, Style::Form),
            1 => (Location::Path, Style::Simple),
            2 => (Location::Header, Style::Simple),
            _ => (Location::Query, if schema["type"] == "object" { Style::DeepObject } else { Style::PipeDelimited }),
        };
        let encoding = Encoding::Style { style, explode, allow_reserved: false };
        let parameter = table::Parameter { name: "p".to_owned(), location, required: true, encoding };
        let base = generator.sample(&mut runner(seed, "negative", "base", 0)).expect("there is a value");
        for violation in violations(&document, &json!({"$ref": "#/components/schemas/S"}), &base) {
            let Ok(text) = style::encode(&parameter, &violation.value) else { continue };
            let is_valid = readings(&parameter.encoding, &violation.value)
                .is_none_or(|readings| readings.iter().any(|reading| generator.accepts(reading)));
            if is_valid {
                continue;
            }
            let shape = style::Shape::of(&document.bundle(schema));
            let read = style::decode(&parameter, &shape, &text).ok().flatten();
            let taken = read.filter(|value| generator.accepts(value));
            prop_assert!(taken.is_none(), "{schema} `{}` is sent as {text} and read as {taken:?}", violation.keyword);
        }
    }
}
