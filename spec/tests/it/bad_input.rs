//! What is said about documents that cannot be used.

use bitting_spec::{Document, ErrorKind};

fn error(text: &str) -> String {
    Document::parse("api.yaml", text).unwrap_err().to_string()
}

#[test]
fn every_fault_names_file_line_place_and_remedy() {
    let cases = [
        "",
        "openapi: 3.1.0\ninfo: [",
        "{\"openapi\": \"3.1.0\",\n \"info\": }",
        "swagger: '2.0'",
        "openapi: 2.5.0",
        "- a\n- b",
        "openapi: 3.1.0\ninfo: {title: A, version: 1}\nopenapi: 3.1.0",
        "openapi: 3.1.0\ninfo: {title: A, version: 1}\npaths:\n  /a:\n    get:\n      responses:\n        '200': {$ref: '#/components/responses/Okay'}\ncomponents:\n  responses:\n    Ok: {description: ok}\n",
        "openapi: 3.1.0\ninfo: {title: A, version: 1}\npaths:\n  /a:\n    get:\n      security: [{Key: []}]\n",
        "openapi: 3.1.0\ninfo: {title: A, version: 1}\npaths:\n  /a:\n    $ref: '#/paths/~1a'\n",
        "openapi: 3.1.0\ninfo: {title: A, version: 1}\npaths:\n  /a:\n    get:\n      parameters:\n        - {name: x, in: body}\n",
        "openapi: 3.1.0\ninfo: {title: A, version: 1}\nx-rate-limit: {limits: 3}\n",
        "openapi: 3.1.0\ninfo: {title: A, version: 1}\npaths: {/a: {get: {responses: {OK: {description: x}}}}}\n",
        "openapi: 3.1.0\ninfo: {title: A, version: 1}\npaths: {/a: {get: {parameters: [{$ref: 'other.yaml#/x'}]}}}\n",
    ];
    let all: Vec<String> = cases.iter().map(|text| error(text)).collect();
    insta::assert_snapshot!(all.join("\n"));
}

/// A reference cycle through schemas is no fault: it is how trees are described.
#[test]
fn schemas_may_refer_to_themselves() {
    let text = "openapi: 3.1.0\ninfo: {title: A, version: 1}\ncomponents:\n  schemas:\n    Tree:\n      type: object\n      properties:\n        children: {type: array, items: {$ref: '#/components/schemas/Tree'}}\n";
    let document = Document::parse("api.yaml", text).unwrap();
    let bundled = document.bundle(&serde_json::json!({"$ref": "#/components/schemas/Tree"}));
    assert_eq!(bundled["components"]["schemas"]["Tree"]["type"], "object");
}

/// OpenAPI 3.0 schemas become JSON Schema 2020-12; deep references become components.
#[test]
fn schemas_of_3_0_are_brought_to_2020_12() {
    let text = "
openapi: 3.0.3
info: {title: A, version: '1'}
components:
  schemas:
    A:
      type: object
      properties:
        size: {type: integer, minimum: 0, exclusiveMinimum: true, nullable: true, example: 4}
        kind: {type: string, enum: [x], nullable: true}
        other: {$ref: '#/components/schemas/A/properties/size', description: ignored}
        both: {nullable: true, allOf: [{$ref: '#/components/schemas/A'}]}
";
    let document = Document::parse("api.yaml", text).unwrap();
    insta::assert_snapshot!(serde_json::to_string_pretty(&document.schemas).unwrap());
}

/// A small file must not fill the memory or the stack.
#[test]
fn bombs_are_refused() {
    let mut text = String::from("a0: &a0 [1,1,1,1,1,1,1,1,1,1]\n");
    for level in 1..12 {
        let alias = format!("*a{}", level - 1);
        text += &format!("a{level}: &a{level} [{}]\n", vec![alias; 10].join(","));
    }
    assert_eq!(Document::parse("api.yaml", &text).unwrap_err().kind, ErrorKind::Syntax);
    let deep = "[".repeat(100_000);
    assert_eq!(Document::parse("api.yaml", &deep).unwrap_err().kind, ErrorKind::Syntax);
}

proptest::proptest! {
    /// Whatever the text, reading it answers a document or an error.
    #[test]
    fn reading_never_panics(text in "(openapi: 3.1.0\n)?([a-z&*{}\\[\\]:,#'\"|> \n-]{0,80})") {
        let _ = Document::parse("api.yaml", &text);
    }
}
