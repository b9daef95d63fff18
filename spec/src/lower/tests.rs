//! What lowering rewrites, what it lists, and that it takes anything.

use proptest::prelude::*;

use super::*;

fn one(schema: &Value) -> (Value, Vec<String>) {
    let other = json!({"type": "object", "properties": {"name": {"type": "string"}}});
    let schemas = IndexMap::from_iter([("It".to_owned(), schema.clone()), ("Other".to_owned(), other)]);
    let mut lowered = lower(&schemas);
    let value = serde_json::to_value(lowered.schemas.shift_remove("It")).expect("a schema is JSON");
    (value, lowered.rewrites.iter().map(ToString::to_string).collect())
}

fn kept(schema: &Value) -> Value {
    let (value, rewrites) = one(schema);
    assert_eq!(rewrites, [""; 0], "{schema}");
    value
}

fn lost(schema: &Value) -> (Value, String) {
    let (value, rewrites) = one(schema);
    assert_eq!(rewrites.len(), 1, "{schema}: {rewrites:?}");
    (value, rewrites[0].clone())
}

/// Issue 2, item 3: what 3.0 can say in other words is rewritten and loses nothing.
#[test]
fn other_words_lose_nothing() {
    let table = [
        (json!({"type": ["string", "null"]}), json!({"type": "string", "nullable": true})),
        (
            json!({"anyOf": [{"type": "string"}, {"type": "null"}]}),
            json!({"anyOf": [{"type": "string"}], "nullable": true}),
        ),
        (
            json!({"type": ["string", "null"], "enum": ["a", null]}),
            json!({"type": "string", "enum": ["a"], "nullable": true}),
        ),
        (json!({"type": "string", "enum": ["a", null]}), json!({"type": "string", "enum": ["a"]})),
        (json!({"enum": ["a", "b"]}), json!({"type": "string", "enum": ["a", "b"]})),
        (json!({"const": "a"}), json!({"type": "string", "enum": ["a"]})),
        (json!({"const": null}), json!({"enum": [null], "nullable": true})),
        (json!({"type": "null"}), json!({"enum": [null], "nullable": true})),
        (json!(true), json!({})),
        (
            json!({"type": "number", "exclusiveMinimum": 0}),
            json!({"type": "number", "minimum": 0.0, "exclusiveMinimum": true}),
        ),
        (
            json!({"type": "integer", "minimum": 0.5, "exclusiveMaximum": 9.5}),
            json!({"type": "integer", "minimum": 1, "maximum": 9}),
        ),
        (json!({"type": "number", "minimum": 3, "exclusiveMinimum": 0}), json!({"type": "number", "minimum": 3.0})),
        (json!({"type": "string", "contentEncoding": "base64"}), json!({"type": "string", "format": "byte"})),
        (json!({"properties": {"a": true}}), json!({"type": "object", "properties": {"a": {}}})),
        (
            json!({"$ref": "#/components/schemas/Other", "description": "d"}),
            json!({"description": "d", "allOf": [{"$ref": "#/components/schemas/Other"}]}),
        ),
        (json!({"$ref": "#/components/schemas/Other"}), json!({"$ref": "#/components/schemas/Other"})),
        (
            json!({"type": "string", "default": "a", "maxLength": 1.0}),
            json!({"type": "string", "default": "a", "maxLength": 1}),
        ),
    ];
    for (schema, expected) in table {
        assert_eq!(kept(&schema), expected, "{schema}");
    }
}

#[test]
fn several_types_become_variants() {
    let value = kept(&json!({"type": ["string", "integer", "null"], "minLength": 2, "minimum": 1}));
    let expected = json!({
        "anyOf": [{"type": "string", "minLength": 2}, {"type": "integer", "minimum": 1}],
        "nullable": true,
    });
    assert_eq!(value, expected);
}

/// Issue 2, item 3: what is lost is listed, with the place.
#[test]
fn what_is_lost_is_listed() {
    let table = [
        (json!({"type": "string", "enum": ["ASC", "asc"]}), "It: `enum` is left out: \"ASC\" and \"asc\" would"),
        (json!({"enum": ["==", "!="]}), "It: `enum` is left out: \"==\" and \"!=\" would"),
        (json!({"enum": ["a", 1]}), "It: `enum` is left out: its values are"),
        (json!({"type": "object", "format": "json"}), "It: the format \"json\" is left out: only strings"),
        (json!({"not": {"type": "string"}}), "It: `not` is left out"),
        (json!({"if": {}}), "It: `if` is left out: OpenAPI 3.0 has no conditions"),
        (json!({"unevaluatedProperties": false}), "It: `unevaluatedProperties` is left out"),
        (json!({"dependentRequired": {"a": ["b"]}}), "It: `dependentRequired` is left out"),
        (json!({"patternProperties": {"^x": {}}}), "It/patternProperties: the patterns"),
        (json!({"prefixItems": [{"type": "string"}]}), "It: the order in `prefixItems`"),
        (json!({"type": "string", "pattern": "("}), "It: `pattern` is left out: \"(\" is no regular expression"),
        (json!({"type": "string", "minLength": 3, "maxLength": 2}), "It: `minLength` and `maxLength`"),
        (json!({"type": "string", "minLength": -1}), "It: `minLength` is left out: -1 is no length"),
        (json!({"type": "integer", "default": "a"}), "It: the default \"a\" is left out"),
        (json!({"type": "integer", "minimum": "1"}), "It: `minimum` is left out: \"1\" is no bound"),
        (json!({"type": "file"}), "It: the type `file` is left out"),
        (json!({"properties": {"a": {"items": false}}}), "It/properties/a: `items: false`"),
        (json!({"items": {"$ref": "#/components/schemas/Gone"}}), "It/items: the reference"),
        (json!({"allOf": [{"$ref": "#/components/schemas/It"}]}), "It/allOf/0: the reference"),
        (json!(false), "It: `false` is left out"),
        (json!(3), "It: the schema is left out: it is neither"),
    ];
    for (schema, expected) in table {
        let (_, rewrite) = lost(&schema);
        assert!(rewrite.starts_with(expected), "{schema}: {rewrite}");
    }
}

/// A reference back from a member is how trees are described, and stays.
#[test]
fn recursion_below_a_member_stays() {
    let tree = json!({"type": "object", "properties": {"next": {"$ref": "#/components/schemas/It"}}});
    assert_eq!(kept(&tree), tree);
}

const KEYWORDS: &str = "type enum const $ref anyOf oneOf allOf not items prefixItems properties required \
    additionalProperties patternProperties minimum maximum exclusiveMinimum minLength maxLength pattern format default \
    discriminator if nullable title uniqueItems multipleOf examples contentEncoding x-y description minItems";
const WORDS: &str = "string null object array integer a A #/components/schemas/It (";

fn word(words: &'static str) -> impl Strategy<Value = &'static str> + Clone {
    prop::sample::select(words.split_whitespace().collect::<Vec<_>>())
}

/// Schemas with the keywords of 2020-12, the values of which may be anything.
fn schema() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(|number| json!(number)),
        (-1e18..1e18f64).prop_map(|number| json!(number)),
        word(WORDS).prop_map(|text| json!(text)),
    ];
    let keyword = word(KEYWORDS);
    scalar.prop_recursive(4, 48, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            prop::collection::vec((keyword.clone(), inner), 0..6).prop_map(|pairs| Value::Object(
                pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
            )),
        ]
    })
}

proptest! {
    /// Issue 2, item 3: whatever the schemas are, lowering ends, and `openapiv3` takes the result and gives it back.
    #[test]
    fn anything_is_lowered(it in schema(), other in schema()) {
        let schemas = IndexMap::from_iter([("It".to_owned(), it), ("Other".to_owned(), other)]);
        let lowered = lower(&schemas);
        prop_assert_eq!(lowered.schemas.len(), 2);
        prop_assert!(lowered.rewrites.iter().all(|rewrite| !rewrite.why.starts_with("OpenAPI 3.0 cannot say it")));
        let text = serde_json::to_string(&lowered.schemas).expect("schemas are JSON");
        let again: IndexMap<String, ReferenceOr<Schema>> = serde_json::from_str(&text).expect("openapiv3 reads itself");
        prop_assert_eq!(again.len(), 2);
    }
}
