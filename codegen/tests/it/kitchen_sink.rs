//! The generated crate of the kitchen sink is compiled, and its types do what they promise.

use std::path::Path;

use bitting_codegen::{Surface, rust};
use kitchen_sink::types;
use serde_json::json;

/// Style, habit 5: what stands committed is what the generator writes, and it compiles, since this test uses it.
#[test]
fn the_committed_crate_is_what_is_generated() {
    let document = super::document("tests/documents/kitchen-sink.yaml");
    let options = rust::Options { runtime: rust::Runtime::Path("../../../../sdk-rust".to_owned()) };
    let generated = rust::generate(&Surface::of(&document, "kitchen-sink"), &options);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/generated/kitchen-sink");
    for file in &generated.files {
        let committed = std::fs::read_to_string(folder.join(&file.path)).unwrap_or_default();
        assert!(
            committed == file.text,
            "{} is not as generated: cargo run -p bitting-codegen --example emit -- \
             codegen/tests/documents/kitchen-sink.yaml rust codegen/tests/generated/kitchen-sink ../../../../sdk-rust",
            file.path
        );
    }
    let lost: Vec<String> = generated.notes.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(lost.join("\n"));
}

/// Bindings, "new enum value breaks client": a value that the document does not name is kept and sent back.
#[test]
fn enums_are_open() {
    let known: types::Order = serde_json::from_value(json!("ASC")).expect("known");
    let other: types::Order = serde_json::from_value(json!("sideways")).expect("kept");
    assert_eq!(known, types::Order::Asc);
    assert_eq!(types::Order::from("asc"), types::Order::Asc2);
    assert_eq!(other, types::Order::Unknown("sideways".into()));
    assert_eq!(serde_json::to_value(&other).expect("written"), json!("sideways"));
    assert_eq!((known.to_string(), other.as_str()), ("ASC".to_owned(), "sideways"));
}

/// OpenAPI 3.1, 4.8.25: the tag says which variant it is; one that is not known is kept as it is.
#[test]
fn unions_are_read_by_their_tag_and_open() {
    let value = json!({"kind": "not", "inner": {"kind": "literal", "value": 1}});
    let read: types::Expression = serde_json::from_value(value.clone()).expect("an expression");
    let literal = types::Literal::new(json!(1));
    let not = types::Not::new(types::Expression::Literal(literal));
    assert_eq!(read, types::Expression::Not(Box::new(not)));
    assert_eq!(serde_json::to_value(&read).expect("written"), value);
    let newer = json!({"kind": "and", "parts": []});
    let read: types::Expression = serde_json::from_value(newer.clone()).expect("kept");
    assert_eq!(read, types::Expression::Unknown(newer));
    let broken = serde_json::from_value::<types::Expression>(json!({"kind": "not"}));
    assert!(broken.is_err_and(|error| error.to_string().contains("missing field `inner`")));
}

/// Where nothing tells the variants apart, the most demanding one that fits is taken.
#[test]
fn untagged_unions_prefer_what_asks_for_most() {
    let id = "0b7e8a52-5f3e-4c1a-9d36-111111111111";
    let read: types::Untagged = serde_json::from_value(json!({"id": id, "value": "x"})).expect("a base");
    assert!(matches!(read, types::Untagged::Base(base) if base.id.to_string() == id));
    let read: types::Untagged = serde_json::from_value(json!("text")).expect("a string");
    assert_eq!(read, types::Untagged::String("text".into()));
}

/// Bindings, "None vs missing": what is left out, what is null and what is empty are three things in a body.
#[test]
fn left_out_null_and_empty_differ_in_a_body() {
    let sent = |patch: &types::Patch| serde_json::to_value(patch).expect("written");
    assert_eq!(sent(&types::Patch::default()), json!({}));
    let patch = types::Patch { note: Some(None), tags: Some(Vec::new()), ..types::Patch::default() };
    assert_eq!(sent(&patch), json!({"note": null, "tags": []}));
}

/// B7: a secret member is not printed.
#[test]
fn secrets_are_not_printed() {
    let value = json!({"id": "0b7e8a52-5f3e-4c1a-9d36-111111111111", "on": "2026-01-02", "secret": "rbtk_test_canary"});
    let read: types::Derived = serde_json::from_value(value).expect("a derived");
    assert_eq!(read.secret, "rbtk_test_canary");
    let shown = format!("{read:?}");
    assert!(shown.contains("2026-01-02") && shown.contains("[redacted]") && !shown.contains("canary"), "{shown}");
}

/// Decision 3: names that stand twice, keywords and names with signs stay what they are on the wire.
#[test]
fn names_on_the_wire_are_the_documents() {
    let value = json!({"a-b": "1", "a_b": "2", "aB": "3", "type": "4", "3d": true, "extra": "5", "": "6", "more": 7});
    let read: types::Fields = serde_json::from_value(value.clone()).expect("fields");
    assert_eq!((read.a_b.as_str(), read.a_b2.as_str(), read.n3d, read.extra2["more"]), ("1", "2", true, 7));
    assert_eq!(serde_json::to_value(&read).expect("written"), value);
}

/// Bindings, "The client": required arguments stand in the call, optional ones are added to it.
#[test]
fn a_client_offers_what_the_document_describes() {
    let client = kitchen_sink::Client::builder().api_key("sink_test_0123").build().expect("a client");
    let call = client.self_().list().tags(["a", "b"]).orders(&[types::Order::Asc]).items2(3).offset(0);
    assert!(format!("{call:?}").contains("tags"));
    let call = client.files().put("ASC", 1, "pdf", b"bytes".as_slice()).with_options(Default::default());
    assert!(format!("{call:?}").contains("put_file"));
    let report = &client.auth().explain()[0];
    assert_eq!((report.scheme.as_str(), report.source.to_string().as_str()), ("key", "an argument"));
}

/// What a union has beside it is said of each variant, parts of parts are parts, and `null` may come by a reference.
#[test]
fn parts_are_put_together_whatever_they_are() {
    let value = json!({"limit": 5, "hits": ["a"], "by": null});
    let found: types::Found = serde_json::from_value(value).expect("found");
    assert!(matches!(found, types::Found::Found2(types::Found2 { limit: 5, hits, by: None }) if hits == ["a"]));
    let whole: types::Whole = serde_json::from_value(json!({"gid": "1", "name": "x"})).expect("whole");
    assert_eq!((whole.gid.as_str(), whole.name.as_deref()), ("1", Some("x")));
}

/// OpenAPI 3.1, 4.8.25: where no mapping stands, most documents give the tag in the variants' own schemas.
#[test]
fn tags_stand_in_the_variants_too() {
    let value = json!({"type": "special", "show": "s", "at": 3});
    let read: types::Queued = serde_json::from_value(value.clone()).expect("queued");
    assert!(matches!(&read, types::Queued::Episode(episode) if episode.at == Some(3)), "{read:?}");
    assert_eq!(serde_json::to_value(&read).expect("written"), value);
}
