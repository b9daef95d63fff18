//! What there is one of: an account, the settings of a thing. Its own path names it, and it keeps what is written.

use std::sync::Arc;

use bitting_mock::{Core, Request, Server};
use bitting_spec::Document;
use http::Method;
use serde_json::{Value, json};

use crate::stage::*;

const DOCUMENT: &str = r##"
openapi: 3.1.0
info: {title: Singles, version: "1"}
paths:
  /account:
    get: {operationId: readAccount, responses: {"200": {description: d, content: {application/json: {
      schema: {$ref: "#/components/schemas/Account"}, example: {id: a1, name: Ada, theme: dark}}}}}}
    patch: {operationId: changeAccount, requestBody: {content: {application/json: {schema: {$ref: "#/components/schemas/Account"}}}},
      responses: {"200": {description: d, content: {application/json: {schema: {$ref: "#/components/schemas/Account"}}}}}}
  /things:
    post: {operationId: createThing, requestBody: {content: {application/json: {schema: {$ref: "#/components/schemas/Thing"}}}},
      responses: {"201": {description: d, content: {application/json: {schema: {$ref: "#/components/schemas/Thing"}}}}}}
  /things/{id}:
    parameters: [{name: id, in: path, required: true, schema: {type: string}}]
    get: {operationId: readThing, responses: {"200": {description: d, content: {application/json: {schema: {$ref: "#/components/schemas/Thing"}}}}}}
  /things/{id}/settings:
    parameters: [{name: id, in: path, required: true, schema: {type: string}}]
    get: {operationId: readSettings, responses: {"200": {description: d, content: {application/json: {schema: {type: object,
      required: [data], properties: {data: {$ref: "#/components/schemas/Settings"}}}}}}}}
    put: {operationId: putSettings, requestBody: {content: {application/json: {schema: {$ref: "#/components/schemas/Settings"}}}},
      responses: {"204": {description: d}}}
components:
  schemas:
    Account: {type: object, properties: {id: {type: string, readOnly: true}, name: {type: string}, theme: {type: string}}}
    Thing: {type: object, required: [id], properties: {id: {type: string, readOnly: true}, label: {type: string}}}
    Settings: {type: object, properties: {volume: {type: integer, minimum: 0, maximum: 10}, muted: {type: boolean}}}
"##;

fn core() -> Arc<Core> {
    let document = Document::parse("singles.yaml", DOCUMENT).unwrap();
    Server::builder(document).clock(frozen()).core().unwrap()
}

fn sent(core: &Core, method: Method, target: &str, body: &Value) -> u16 {
    status(&core.handle(&Request::new(method, target).with_json(body)))
}

/// It begins as the document shows it, and keeps what is written, but for what is the server's to set.
#[test]
fn an_account_keeps_what_is_written() {
    let core = core();
    let account = || core.handle(&get("/account")).json();
    assert_eq!(account(), json!({"id": "a1", "name": "Ada", "theme": "dark"}));
    assert_eq!(sent(&core, Method::PATCH, "/account", &json!({"theme": "light"})), 200);
    assert_eq!(account(), json!({"id": "a1", "name": "Ada", "theme": "light"}));
}

/// Each thing has settings of its own, whenever it was made, and one that does not exist has none.
#[test]
fn the_settings_of_a_thing_are_its_own() {
    let core = core();
    let make = || core.handle(&post("/things", &json!({"label": "x"}))).json()["id"].as_str().unwrap().to_owned();
    let (one, other) = (make(), make());
    let settings = |id: &str| core.handle(&get(&format!("/things/{id}/settings"))).json()["data"].clone();
    let before = settings(&other);
    let wanted = json!({"volume": 7, "muted": true});
    assert_eq!(sent(&core, Method::PUT, &format!("/things/{one}/settings"), &wanted), 204);
    assert_eq!((settings(&one), settings(&other)), (wanted, before));
    assert_eq!(sent(&core, Method::PUT, &format!("/things/{one}/settings"), &json!({"volume": 11})), 422);
    assert_eq!(status(&core.handle(&get("/things/nothing/settings"))), 404);
}
