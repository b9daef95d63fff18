//! What plain documents leave to be understood, as frameworks write them.

use std::sync::Arc;

use bitting_mock::{Core, Request, Server};
use bitting_spec::Document;
use http::Method;
use serde_json::{Value, json};

use crate::stage::*;

const DOCUMENT: &str = r##"
openapi: 3.1.0
info: {title: Plain, version: "1"}
paths:
  /things:
    get:
      operationId: listThings
      parameters:
        - {name: sort, in: query, schema: {type: string, enum: [name, -name], default: -name}}
        - {name: limit, in: query, schema: {type: integer, minimum: 1, default: 2}}
      responses: {"200": {description: d, content: {application/json: {schema: {type: array, items: {$ref: "#/components/schemas/Thing"}}}}}}
    post:
      operationId: createThing
      requestBody: {content: {application/json: {schema: {$ref: "#/components/schemas/NewThing"}}}}
      responses: {"201": {description: d, content: {application/json: {schema: {$ref: "#/components/schemas/Thing"}}}}}
  /things/{id}:
    parameters: [{name: id, in: path, required: true, schema: {type: string}}]
    get: {operationId: readThing, responses: {"200": {description: d, content: {application/json: {schema: {$ref: "#/components/schemas/Thing"}}}}}}
    patch:
      operationId: changeThing
      requestBody: {content: {application/json: {schema: {$ref: "#/components/schemas/NewThing"}}}}
      responses: {"200": {description: d, content: {application/json: {schema: {$ref: "#/components/schemas/Thing"}}}}}
  /pets:
    post:
      operationId: addPet
      requestBody: {required: true, content: {application/json: {schema: {$ref: "#/components/schemas/Pet"}}}}
      responses: {"204": {description: d}, "422": {description: d}}
  /people:
    post:
      operationId: register
      requestBody: {required: true, content: {application/x-www-form-urlencoded: {schema: {$ref: "#/components/schemas/Person"}}}}
      responses: {"200": {description: d, content: {application/json: {schema: {$ref: "#/components/schemas/Person"}}}}, "422": {description: d}}
components:
  schemas:
    NewThing: {type: object, properties: {name: {type: string}}}
    Thing: {type: object, required: [id, name, owner], properties: {id: {type: string}, name: {type: string}, owner: {type: string}}}
    Pet:
      oneOf: [{$ref: "#/components/schemas/Cat"}, {$ref: "#/components/schemas/Dog"}]
      discriminator: {propertyName: kind}
    Cat: {type: object, required: [kind], properties: {kind: {type: string}, lives: {type: integer}}}
    Dog: {type: object, required: [kind], properties: {kind: {type: string}, tricks: {type: array, items: {type: string}}}}
    Person: {type: object, required: [name, password], properties: {name: {type: string}, password: {type: string, writeOnly: true}, address: {type: object, properties: {city: {type: string}}}}}
"##;

fn core() -> Arc<Core> {
    let document = Document::parse("plain.yaml", DOCUMENT).unwrap();
    Server::builder(document).clock(frozen()).core().unwrap()
}

fn post(core: &Core, target: &str, body: &Value) -> Value {
    core.handle(&Request::new(Method::POST, target).with_json(body)).json()
}

/// A list that is asked for nothing is the one of its defaults.
#[test]
fn parameters_that_are_left_out_have_their_defaults() {
    let core = core();
    for name in ["a", "c", "b"] {
        post(&core, "/things", &json!({"name": name}));
    }
    let list = |query: &str| core.handle(&get(&format!("/things{query}"))).json();
    assert_eq!(list(""), list("?sort=-name&limit=2"));
    assert_ne!(list(""), list("?sort=name&limit=2"));
    assert_eq!(list("").as_array().map(Vec::len), Some(2));
}

/// A member that the object has and no request does is the server's to set.
#[test]
fn members_that_no_request_has_are_not_taken() {
    let core = core();
    let made = post(&core, "/things", &json!({"name": "a", "owner": "mallory", "id": "mine"}));
    assert_eq!(made["name"], "a");
    assert!(made["owner"] != "mallory" && made["id"] != "mine", "{made}");
    let path = format!("/things/{}", made["id"].as_str().unwrap());
    let body = json!({"name": "b", "owner": "mallory"});
    let changed = core.handle(&Request::new(Method::PATCH, &path).with_json(&body)).json();
    assert_eq!((&changed["name"], &changed["owner"]), (&json!("b"), &made["owner"]));
}

/// What a discriminator tells apart may be of several schemas; what is of none is refused.
#[test]
fn a_discriminator_tells_apart_what_several_schemas_take() {
    let core = core();
    let add = |body: &Value| status(&core.handle(&Request::new(Method::POST, "/pets").with_json(body)));
    assert_eq!(add(&json!({"kind": "Cat", "lives": 9})), 204);
    assert_eq!(add(&json!({"lives": 9})), 422);
}

/// An object stands in a form as JSON, and what is written only is not answered.
#[test]
fn forms_hold_objects_and_answers_no_passwords() {
    let core = core();
    let form = |body: &'static str| {
        let request = Request { body: body.into(), ..Request::new(Method::POST, "/people") };
        core.handle(&request.with_header("content-type", "application/x-www-form-urlencoded"))
    };
    let answer = form("name=Ada&password=test-secret&address=%7B%22city%22%3A%22Turin%22%7D");
    assert_eq!((status(&answer), &answer.json()["address"]["city"]), (200, &json!("Turin")));
    assert!(answer.json().get("password").is_none(), "{}", answer.json());
    assert_eq!(status(&form("name=Ada&password=test-secret&address=Turin")), 422);
}
