//! What goes one way only: `readOnly` is not asked of a client, `writeOnly` is not shown, wherever either stands.

use std::sync::Arc;

use bitting_mock::{Core, Outcome, Request, Server};
use bitting_spec::Document;
use http::Method;
use serde_json::{Value, json};

use crate::stage::*;

const DOCUMENT: &str = r##"
openapi: 3.0.3
info: {title: Directions, version: "1"}
paths:
  /users:
    get: {operationId: listUsers, responses: {"200": {description: d, content: {application/json: {schema: {type: array, items: {$ref: "#/components/schemas/User"}}}}}}}
    post:
      operationId: addUser
      requestBody: {required: true, content: {application/json: {schema: {$ref: "#/components/schemas/User"}}}}
      responses: {"201": {description: d, content: {application/json: {schema: {$ref: "#/components/schemas/User"}}}}}
  /users/{id}:
    parameters: [{name: id, in: path, required: true, schema: {type: string}}]
    get: {operationId: getUser, responses: {"200": {description: d, content: {application/json: {schema: {$ref: "#/components/schemas/User"}}}}}}
  /flag:
    put: {operationId: setFlag, requestBody: {required: true, content: {text/plain: {schema: {type: boolean}}}}, responses: {"204": {description: d}}}
components:
  schemas:
    User:
      required: [id, name, smtp]
      allOf:
        - {type: object, properties: {name: {type: string}}}
        - {type: object, properties: {id: {type: string, readOnly: true}, smtp: {$ref: "#/components/schemas/Smtp"}}}
        - {type: object, properties: {pin: {allOf: [{$ref: "#/components/schemas/Pin"}], writeOnly: true}, signers: {type: array, items: {$ref: "#/components/schemas/Smtp"}}}}
    Smtp: {type: object, required: [host, password], properties: {host: {type: string}, password: {type: string, writeOnly: true}}}
    Pin: {type: string}
"##;

fn core() -> Arc<Core> {
    Server::builder(Document::parse("directions.yaml", DOCUMENT).unwrap()).clock(frozen()).core().unwrap()
}

fn ask(core: &Core, method: Method, target: &str, body: &Value) -> Outcome {
    let request = Request::new(method, target);
    core.handle(&if body.is_null() { request } else { request.with_json(body) })
}

/// OpenAPI 3.0, 4.7.24.1: the requirement may stand in another part than the property.
#[test]
fn what_only_the_server_sets_is_not_asked_for() {
    let smtp = json!({"host": "mail.example", "password": "fake"});
    let made = ask(&core(), Method::POST, "/users", &json!({"name": "Ada", "smtp": smtp, "pin": "0000"}));
    assert_eq!((made.status.as_u16(), made.json()["id"].is_string()), (201, true), "{}", made.json());
    let refused = ask(&core(), Method::POST, "/users", &json!({"name": "Ada"}));
    assert_eq!(refused.status, 422);
}

/// OpenAPI 3.1, 4.8.24.4: however deep it lies, and whoever wrote it.
#[test]
fn what_is_written_only_is_not_shown() {
    let core = core();
    let smtp = json!({"host": "mail.example", "password": "fake"});
    let sent = json!({"name": "Ada", "smtp": smtp, "pin": "0000", "signers": [smtp]});
    let made = ask(&core, Method::POST, "/users", &sent).json();
    assert_eq!(
        (&made["smtp"], &made["signers"]),
        (&json!({"host": "mail.example"}), &json!([{"host": "mail.example"}]))
    );
    let own = format!("/users/{}", made["id"].as_str().unwrap());
    for target in [own.as_str(), "/users"] {
        let shown = ask(&core, Method::GET, target, &Value::Null).json().to_string();
        assert!(!shown.contains("password") && !shown.contains("\"pin\"") && shown.contains("mail.example"), "{shown}");
    }
}

/// A text may be all of a body.
#[test]
fn a_text_is_read_by_its_schema() {
    let set = |text: &'static str| {
        let mut request = Request::new(Method::PUT, "/flag").with_header("content-type", "text/plain");
        request.body = text.into();
        core().handle(&request).status.as_u16()
    };
    assert_eq!((set("true"), set("perhaps")), (204, 422));
}
