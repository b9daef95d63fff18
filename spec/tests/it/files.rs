//! Documents in several files.

use std::io;

use bitting_spec::{Document, ErrorKind, Place};
use serde_json::json;

/// Two systems of cutting a document up, in one: a file for each part, and files that hold several.
const FILES: [(&str, &str); 7] = [
    (
        "api/openapi.yaml",
        "
openapi: 3.1.0
info: {title: Notes, version: '1'}
paths:
  /notes: {$ref: './paths/notes.yaml'}
  /notes/{id}:
    parameters: [{$ref: 'parts.yaml#/parameters/id'}]
    get:
      responses:
        '200': {description: ok, content: {application/json: {schema: {$ref: schemas/Note.yaml}}}}
        default: {$ref: 'parts.yaml#/responses/problem'}
components:
  schemas:
    Note: {$ref: schemas/Note.yaml}
",
    ),
    (
        "api/paths/notes.yaml",
        "
get:
  operationId: listNotes
  responses:
    '200':
      description: ok
      content:
        application/json:
          schema: {type: array, items: {$ref: '../openapi.yaml#/components/schemas/Note'}}
          example: [{$ref: 'this is data'}]
post:
  operationId: createNote
  requestBody: {$ref: ../bodies/note.json}
  responses:
    '201': {description: made, content: {application/json: {schema: {$ref: '#/components/schemas/Note'}}}}
",
    ),
    (
        "api/bodies/note.json",
        r#"{"content": {"application/json": {"schema": {"allOf": [
            {"$ref": "../schemas/Note.yaml"}, {"$ref": "../../common/Times.yaml#/Stamped"}]}}}}"#,
    ),
    (
        "api/schemas/Note.yaml",
        "
type: object
properties:
  text: {type: string}
  parent: {$ref: Note.yaml}
  author: {$ref: './Person.yaml'}
  default: {$ref: 'Person.yaml#/properties/name'}
",
    ),
    (
        "api/schemas/Person.yaml",
        "{type: object, properties: {name: {type: string}, notes: {items: {$ref: Note.yaml}}}}",
    ),
    (
        "api/parts.yaml",
        "
parameters:
  id: {name: id, in: path, required: true, schema: {$ref: '#/schemas/Id'}}
responses:
  problem: {description: no, content: {application/problem+json: {schema: {$ref: '#/schemas/Problem'}}}}
schemas:
  Id: {type: string}
  Problem: {type: object, properties: {$ref: '#/members'}}
members: {title: {type: string}}
",
    ),
    ("common/Times.yaml", "{Stamped: {properties: {at: {type: string, format: date-time}}}}"),
];

fn load(files: &[(&str, &str)]) -> Result<Document, bitting_spec::Error> {
    let reader = |wanted: &str| {
        let found = files.iter().find(|(name, _)| *name == wanted);
        found.map(|(_, text)| (*text).to_owned()).ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
    };
    Document::load(files[0].0, &reader)
}

#[test]
fn files_beside_a_document_are_part_of_it() {
    let document = load(&FILES).unwrap();
    let ids: Vec<&str> = document.operations.iter().map(|operation| operation.id.as_str()).collect();
    assert_eq!(ids, ["listNotes", "createNote", "getNotesById"]);
    insta::assert_snapshot!(serde_json::to_string_pretty(&document.schemas).unwrap());
    // Other tools read what is served of it, so it stands alone.
    let again = Document::parse("whole.json", &document.value.to_string()).unwrap();
    assert_eq!(again.schemas, document.schemas);
}

/// A report names the line that somebody wrote.
#[test]
fn every_place_knows_its_file() {
    let document = load(&FILES).unwrap();
    let place = |pointer: &str| document.place(pointer);
    assert_eq!(place("/paths/~1notes~1{id}/get"), Place { file: "api/openapi.yaml", line: Some(8) });
    let create = document.operation("createNote").unwrap();
    assert_eq!(create.pointer, "/paths/~1notes/post");
    assert_eq!(place(&create.pointer), Place { file: "api/paths/notes.yaml", line: Some(11) });
    assert_eq!(place("/components/schemas/Note/properties/author").file, "api/schemas/Note.yaml");
    let body = create.request_body.as_ref().and_then(|body| body.content["application/json"].schema.as_ref()).unwrap();
    assert_eq!(place(&body.pointer).file, "api/bodies/note.json");
}

#[test]
fn a_fault_names_the_file_that_it_is_in() {
    let with = |name: &str, text: &'static str| {
        let mut files = FILES;
        files.iter_mut().filter(|file| file.0 == name).for_each(|file| file.1 = text);
        load(&files).unwrap_err().to_string()
    };
    let all = [
        with("api/schemas/Person.yaml", "type: object\nproperties:\n  name: {$ref: Name.yaml}"),
        with("api/schemas/Person.yaml", "type: [object"),
        with("api/schemas/Person.yaml", "type: object\nproperties:\n  name: {$ref: 'Note.yaml#/nowhere'}"),
        with("api/paths/notes.yaml", "get: {responses: {OK: {description: x}}}"),
        with("api/paths/notes.yaml", "{$ref: ../paths/notes.yaml}"),
        with(
            "api/parts.yaml",
            "parameters: {id: {$ref: 'https://example.com/parts.yaml#/id'}}\nresponses: {problem: {description: no}}",
        ),
    ];
    insta::assert_snapshot!(all.join("\n"));
}

/// One slip in somebody's document is no reason to leave the rest of it alone.
#[test]
fn what_is_no_keyword_is_named_and_ignored() {
    let text = "openapi: 3.1.0\ninfo: {title: A, version: 1}\npaths: {}\ncomponents:\n  schemas:\n    A:\n      allOf: []\n\
                \x20     required: true\n      items: string\n      examples: {one: {value: x}}\n      type: [string, null]\n";
    let document = Document::parse("a.yaml", text).unwrap();
    assert_eq!(document.schemas["A"], json!({"type": ["string", "null"], "examples": ["x"]}));
    let lines = document.warnings.iter().skip(1).map(|warning| document.place(&warning.pointer).line);
    assert_eq!(lines.collect::<Vec<_>>(), [Some(7), Some(8), Some(9)]);
}

/// What a text alone refers to is nowhere to be found, whatever files there are.
#[test]
fn a_text_has_no_files_beside_it() {
    let text = "openapi: 3.1.0\ninfo: {title: A, version: 1}\npaths: {/a: {$ref: '/etc/passwd'}}";
    assert_eq!(Document::parse("a.yaml", text).unwrap_err().kind, ErrorKind::Reference);
}

/// YAML has nothing behind a key that somebody means to fill later.
#[test]
fn a_key_with_nothing_behind_it_says_nothing() {
    let text = "openapi: 3.1.0\ninfo: {title: A, version: 1}\npaths:\ncomponents:\n  schemas:\nsecurity:\ntags:\n";
    let document = Document::parse("a.yaml", text).unwrap();
    assert_eq!(json!(document.schemas), json!({}));
}

/// One file through another, files that are called alike in two folders, and a mapping that names files.
#[test]
fn a_place_has_one_name_whatever_leads_to_it() {
    let files = [
        (
            "api/openapi.yaml",
            "
openapi: 3.0.3
info: {title: Pets, version: '1'}
paths:
  /pets:
    get:
      responses:
        '200': {description: ok, content: {application/json: {schema: {$ref: 'schemas/_index.yaml#/Pet'}}}}
        '404': {description: no, content: {application/json: {schema: {$ref: 'common.yaml#/Problem'}}}}
        '500': {description: no, content: {application/json: {schema: {$ref: '../common.yaml#/Problem'}}}}
components:
  schemas:
    Pet: {$ref: 'schemas/_index.yaml#/Pet'}
    Cat: {$ref: 'schemas/_index.yaml#/Cat'}
    v1.Dog: {$ref: schemas/Dog.yaml}
    Dog: {$ref: schemas/Dog.yaml}
",
        ),
        ("api/schemas/_index.yaml", "Pet: {$ref: Pet.yaml}\nCat: {$ref: Cat.yaml}\n"),
        (
            "api/schemas/Pet.yaml",
            "oneOf: [{$ref: Cat.yaml}, {$ref: Dog.yaml}]\ndiscriminator: {propertyName: kind, mapping: {cat: Cat.yaml, dog: v1.Dog}}",
        ),
        (
            "api/schemas/Cat.yaml",
            "properties: {lives: {type: integer}, 'a/b %7E~': {$ref: '#/$defs/a~1b%20~0'}}\n$defs: {'a/b ~': {}}",
        ),
        ("api/schemas/Dog.yaml", "properties: {bark: {type: string}}"),
        ("api/common.yaml", "Problem: {properties: {title: {}}}"),
        ("common.yaml", "Problem: {properties: {detail: {}}}"),
    ];
    let document = load(&files).unwrap();
    let names: Vec<&String> = document.schemas.keys().collect();
    assert_eq!(names, ["Pet", "Cat", "v1.Dog", "Dog", "Cat_a/b ~", "Problem", "Problem_2"]);
    let reference = |name: &str| json!({"$ref": format!("#/components/schemas/{name}")});
    assert_eq!(document.schemas["Dog"], reference("v1.Dog"));
    let pet = json!({"oneOf": [reference("Cat"), reference("v1.Dog")], "discriminator": {"propertyName": "kind",
        "mapping": {"cat": "#/components/schemas/Cat", "dog": "v1.Dog"}}});
    assert_eq!(document.schemas["Pet"], pet);
    let problems = ["Problem", "Problem_2"].map(|name| document.schemas[name]["properties"].to_string());
    assert_eq!(problems, [r#"{"title":{}}"#, r#"{"detail":{}}"#]);
}
