//! Reading what was written, and whatever else may come.

use proptest::prelude::*;
use serde_json::json;

use super::super::encode;
use super::*;

fn parameter(location: Location, style: Style, explode: bool) -> Parameter {
    let encoding = Encoding::Style { style, explode, allow_reserved: false };
    Parameter { name: "color".to_owned(), location, required: true, encoding }
}

fn styles() -> impl Strategy<Value = (Location, Style, bool)> {
    use Location::{Cookie, Header, Path, Query};
    let all = [
        (Path, Style::Simple),
        (Path, Style::Matrix),
        (Path, Style::Label),
        (Query, Style::Form),
        (Query, Style::SpaceDelimited),
        (Query, Style::PipeDelimited),
        (Header, Style::Simple),
        (Cookie, Style::Form),
    ];
    (proptest::sample::select(all.to_vec()), any::<bool>())
        .prop_map(|((place, style), explode)| (place, style, explode))
}

/// Text that no place confuses with its own signs: see [`decode`] on labels and headers.
fn words(location: Location, style: Style) -> &'static str {
    match (location, style) {
        (Location::Header, _) => "[a-z0-9][a-zA-Z0-9_/%+-]{0,9}",
        (_, Style::Label) => "[a-zA-Z0-9_/%+;= -]{1,10}",
        (_, Style::SpaceDelimited | Style::PipeDelimited) => "[a-zA-Z0-9_/%+;=,&.éß-]{1,10}",
        _ => "[a-zA-Z0-9_/%+;=,&|.éß -]{1,10}x",
    }
}

proptest! {
    /// What `encode` writes, `decode` reads: scalars, lists and objects in every style.
    #[test]
    fn reads_what_encode_writes(
        (parameter, shape, value) in styles().prop_flat_map(|(location, style, explode)| {
            let word = words(location, style);
            let scalar = word.prop_map(|text| (json!({"type": "string"}), json!(text)));
            let number = any::<i32>().prop_map(|number| (json!({"type": "integer"}), json!(number)));
            let list = proptest::collection::vec(word, 1..4)
                .prop_map(|items| (json!({"type": "array", "items": {"type": "string"}}), json!(items)));
            let object = (word, any::<bool>()).prop_map(|(text, flag)| {
                let properties = json!({"R": {"type": "string"}, "G": {"type": "boolean"}});
                (json!({"type": "object", "properties": properties}), json!({"R": text, "G": flag}))
            });
            prop_oneof![scalar, number, list, object]
                .prop_map(move |(schema, value)| (parameter(location, style, explode), Shape::of(&schema), value))
        })
    ) {
        let text = encode(&parameter, &value).map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert_eq!(decode(&parameter, &shape, &text), Ok(Some(value)), "written as {:?}", text);
    }

    /// No text makes the reader panic, and an answer is a value or an error.
    #[test]
    fn takes_any_text((location, style, explode) in styles(), text in "\\PC{0,40}") {
        let shape = Shape::of(&json!({"type": ["array", "object"], "items": {"type": "integer"}}));
        let _ = decode(&parameter(location, style, explode), &shape, &text);
        let _ = decode(&parameter(Location::Query, Style::DeepObject, true), &shape, &text);
    }
}

#[test]
fn deep_objects_and_references_are_read() {
    let schema = json!({
        "$ref": "#/components/schemas/Filter",
        "components": {"schemas": {"Filter": {"type": "object", "properties": {
            "limit": {"type": "integer"},
            "tags": {"type": "array", "items": {"type": "string"}},
            "range": {"type": "object", "properties": {"from": {"type": "number"}}},
        }}}},
    });
    let parameter = parameter(Location::Query, Style::DeepObject, true);
    let value = json!({"limit": 5, "tags": ["a b", "c"], "range": {"from": 1.5}});
    let text = encode(&parameter, &value).unwrap();
    assert_eq!(decode(&parameter, &Shape::of(&schema), &format!("other=1&{text}")), Ok(Some(value)));
}

#[test]
fn types_decide_what_text_means() {
    let read = |schema: Value, text: &str| {
        let parameter = parameter(Location::Query, Style::Form, true);
        decode(&parameter, &Shape::of(&schema), text).map_err(|error| error.problem)
    };
    assert_eq!(read(json!({"type": "integer"}), "color=7"), Ok(Some(json!(7))));
    assert_eq!(read(json!({"type": "integer"}), "color=seven"), Ok(Some(json!("seven"))));
    assert_eq!(read(json!({"type": "integer"}), "color=2.0"), Ok(Some(json!(2))));
    assert_eq!(read(json!({"type": "string"}), "color=7&size=1"), Ok(Some(json!("7"))));
    assert_eq!(read(json!({"enum": [true, "x"]}), "color=true"), Ok(Some(json!(true))));
    assert_eq!(read(json!({"type": "integer"}), "size=1"), Ok(None));
    assert_eq!(read(json!({"type": "integer"}), "color=1&color=2"), Err(Problem::Repeated));
    assert_eq!(read(json!({"type": "string"}), "color=%ff"), Err(Problem::Malformed));
}

#[test]
fn form_bodies_are_objects() {
    let schema = json!({"type": "object", "properties": {"n": {"type": "integer"}, "tags": {"type": "array"}}});
    let value = Shape::of(&schema).form("n=3&tags=a&tags=b&name=x+y%26z");
    assert_eq!(value, Ok(json!({"n": 3, "tags": ["a", "b"], "name": "x y&z"})));
    let schema = json!({"type": "object", "properties": {"meta": {"type": "object"}, "text": {"type": "string"}}});
    let value = Shape::of(&schema).form("meta=%7B%22a%22%3A1%7D&text=%7B%22a%22%3A1%7D");
    assert_eq!(value, Ok(json!({"meta": {"a": 1}, "text": "{\"a\":1}"})));
}

/// What `deep` writes is read again, and so is what people write by hand.
#[test]
fn fields_of_forms_have_parts_in_brackets() {
    let item = json!({"type": "object", "properties": {"price": {"type": "string"}, "quantity": {"type": "integer"}}});
    let shape = Shape::of(&json!({"type": "object", "properties": {
        "metadata": {"type": "object", "additionalProperties": {"type": "string"}},
        "items": {"type": "array", "items": item},
        "tags": {"type": "array", "items": {"type": "string"}},
    }}));
    let value = json!({
        "metadata": {"plan": "gold", "a b": "&"},
        "items": [{"price": "p_1", "quantity": 2}, {"price": "p_2"}],
        "tags": ["x", "y"],
    });
    let pairs = value.as_object().unwrap().iter().flat_map(|(name, value)| super::super::deep(name, value));
    let fields: Vec<_> = pairs.map(|(name, text)| (name, Field::Text(text))).collect();
    assert_eq!(shape.fields(fields), Ok(value));
    let by_hand = "tags[]=x&tags[]=y&items[][price]=p_1&items[][quantity]=2&items[][price]=p_2";
    let read = json!({"tags": ["x", "y"], "items": [{"price": "p_1", "quantity": 2}, {"price": "p_2"}]});
    assert_eq!(shape.form(by_hand), Ok(read));
    assert_eq!(shape.form("tags[7]=x"), Err(Problem::Malformed));
    // What nobody describes is a field of that name.
    assert_eq!(shape.form("other[a]=1"), Ok(json!({"other[a]": "1"})));
}

/// Stripe declares lists and scalars in this style, and its clients write them so.
#[test]
fn lists_and_scalars_have_brackets_or_none() {
    let deep = parameter(Location::Query, Style::DeepObject, true);
    let list = Shape::of(&json!({"type": "array", "items": {"type": "string"}}));
    let read = |shape: &Shape, text: &str| decode(&deep, shape, text);
    for text in ["color[]=a&color[]=b", "color[0]=a&color[1]=b"] {
        assert_eq!(read(&list, text), Ok(Some(json!(["a", "b"]))));
    }
    assert_eq!(read(&Shape::of(&json!({"type": "integer"})), "color=5&colors=6"), Ok(Some(json!(5))));
    assert_eq!(read(&list, "colors[]=a"), Ok(None));
}
