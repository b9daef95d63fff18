//! The same things spelled in other ways: `.json` behind a path, names in other cases, forms with brackets, objects with
//! paths below them that look like lists, a PUT that changes a part.

use std::sync::Arc;

use bitting_mock::{Core, Outcome, Request, Server};
use bitting_spec::Document;
use http::Method;
use serde_json::{Value, json};

use crate::stage::*;

const DOCUMENT: &str = r##"
openapi: 3.1.0
info: {title: Spellings, version: "1"}
paths:
  /Messages.json:
    get: {operationId: listMessages, responses: {"200": {description: d, content: {application/json: {schema: {type: object, properties: {messages: {type: array, items: {$ref: "#/components/schemas/Message"}}}}}}}}}
    post:
      operationId: send
      requestBody: {content: {application/x-www-form-urlencoded: {schema: {$ref: "#/components/schemas/NewMessage"}, encoding: {Metadata: {style: deepObject, explode: true}}}}}
      responses: {"201": {description: d, content: {application/json: {schema: {$ref: "#/components/schemas/Message"}}}}}
  /Messages/{Sid}.json:
    parameters: [{name: Sid, in: path, required: true, schema: {type: string, pattern: "^(?!XX)[A-Z]{2}[0-9]+$"}}]
    get: {operationId: getMessage, responses: {"200": {description: d, content: {application/json: {schema: {$ref: "#/components/schemas/Message"}}}}, "404": {description: d}}}
    delete: {operationId: dropMessage, responses: {"204": {description: d}}}
  /files:
    get: {operationId: listFiles, responses: {"200": {description: d, content: {application/json: {schema: {type: array, items: {$ref: "#/components/schemas/File"}}}}}}}
    post: {operationId: addFile, requestBody: {content: {"*/*": {schema: {$ref: "#/components/schemas/File"}}}}, responses: {"201": {description: d, content: {application/json: {schema: {$ref: "#/components/schemas/File"}}}}}}
  /files/{FileId}:
    parameters: [{name: FileId, in: path, required: true, schema: {type: string, format: uuid}}]
    get: {operationId: getFile, responses: {"200": {description: d, content: {application/json: {schema: {$ref: "#/components/schemas/File"}}}}, "404": {description: d}}}
    put: {operationId: changeFile, requestBody: {content: {application/json: {schema: {$ref: "#/components/schemas/File"}}}}, responses: {"200": {description: d, content: {application/json: {schema: {$ref: "#/components/schemas/File"}}}}}}
    delete: {operationId: dropFile, responses: {"204": {description: d}}}
  /files/{FileId}/{revision}:
    parameters: [{name: FileId, in: path, required: true, schema: {type: string}}, {name: revision, in: path, required: true, schema: {type: string}}]
    get: {operationId: getRevision, responses: {"200": {description: d, content: {application/json: {schema: {type: object, properties: {revision: {type: string}}}}}}}}
  /files/{FileId}/notes:
    parameters: [{name: FileId, in: path, required: true, schema: {type: string}}]
    get: {operationId: listNotes, responses: {"200": {description: d, content: {application/json: {schema: {type: array, items: {$ref: "#/components/schemas/Note"}}}}}}}
    post: {operationId: addNote, requestBody: {content: {application/json: {schema: {type: object, properties: {text: {type: string}}}}}}, responses: {"201": {description: d, content: {application/json: {schema: {$ref: "#/components/schemas/Note"}}}}}}
  /secrets:
    get: {operationId: listSecrets, responses: {"200": {description: d, content: {application/json: {schema: {type: object, properties: {first_id: {type: string}, last_id: {type: string}, total: {type: integer}, count: {type: integer}, items: {type: array, items: {$ref: "#/components/schemas/Secret"}}}}}}}}}
    post: {operationId: addSecret, requestBody: {content: {application/json: {schema: {type: object, properties: {kind: {type: string}, size: {type: integer}, folder: {type: object}}}}}}, responses: {"201": {description: d, content: {application/json: {schema: {allOf: [{$ref: "#/components/schemas/Secret"}, {type: object, required: [size], properties: {size: {type: integer}}}]}}}}}}
  /secrets/{id}:
    parameters: [{name: id, in: path, required: true, schema: {type: string}}]
    get: {operationId: getSecret, responses: {"200": {description: d, content: {application/json: {schema: {$ref: "#/components/schemas/Secret"}}}}}}
  /addresses:
    post: {operationId: addAddress, requestBody: {content: {application/json: {schema: {type: object, properties: {city: {type: string}}}}}}, responses: {"201": {description: d, content: {application/json: {schema: {$ref: "#/components/schemas/Address"}}}}}}
  /addresses/{address_id}:
    parameters: [{name: address_id, in: path, required: true, schema: {type: string, pattern: "^adr_[a-z0-9]+$"}}]
    get: {operationId: getAddress, responses: {"200": {description: d, content: {application/json: {schema: {$ref: "#/components/schemas/Address"}}}}, "404": {description: d}}}
components:
  schemas:
    Address: {oneOf: [{type: object, required: [id, city, zip], properties: {id: {type: string}, city: {type: string}, zip: {type: string}}}, {type: object, required: [id, country], properties: {id: {type: string}, country: {const: FR}}}]}
    Secret: {type: object, required: [id, created, level], properties: {id: {type: string}, kind: {type: string, enum: [stored]}, folder: {$ref: "#/components/schemas/Folder"}, created: {type: integer}, level: {type: integer, enum: [0, 2], allOf: [{$ref: "#/components/schemas/Level"}]}}}
    Level: {type: integer, oneOf: [{title: A, const: 1}, {title: B, const: 0}, {title: C, const: 2}]}
    Folder: {allOf: [{type: object, required: [type], properties: {type: {type: string, enum: [folder]}}}]}
    NewMessage:
      type: object
      required: [To]
      properties: {To: {type: string}, FriendlyName: {type: string}, Metadata: {type: object, additionalProperties: {type: string}}, Tags: {type: array, items: {type: string}}}
    Message:
      type: object
      properties: {sid: {type: string}, to: {type: string}, friendly_name: {type: string}, metadata: {type: object, additionalProperties: {type: string}}, tags: {type: array, items: {type: string}}}
    File: {type: object, properties: {Id: {type: string, readOnly: true}, Name: {type: string}, Size: {type: integer}}}
    Note: {type: object, properties: {id: {type: string, readOnly: true}, text: {type: string}}}
"##;

fn core() -> Arc<Core> {
    let document = Document::parse("spellings.yaml", DOCUMENT).unwrap();
    Server::builder(document).clock(frozen()).core().unwrap()
}

fn ask(core: &Core, method: Method, target: &str, body: &Value) -> Outcome {
    let request = Request::new(method, target);
    core.handle(&if body.is_null() { request } else { request.with_json(body) })
}

/// Twilio's way: `.json` behind every path, `FriendlyName` sent and `friendly_name` answered, ids of a pattern that looks
/// ahead. And Stripe's: parts of objects and lists in brackets.
#[test]
fn what_a_form_sends_is_kept_and_found_by_its_sid() {
    let core = core();
    let form = "To=%2B15550100&FriendlyName=Ada&Metadata[plan]=gold&Metadata[a%20b]=%26&Tags[]=x&Tags[1]=y";
    let mut request = Request::new(Method::POST, "/Messages.json");
    request.body = form.into();
    let made = core.handle(&request.with_header("content-type", "application/x-www-form-urlencoded"));
    let message = made.json();
    let sid = message["sid"].as_str().unwrap_or_else(|| panic!("{message}")).to_owned();
    let sent = json!({"sid": sid, "to": "+15550100", "friendly_name": "Ada", "metadata": {"plan": "gold", "a b": "&"}, "tags": ["x", "y"]});
    assert_eq!(message, sent);
    assert!(sid.len() > 6 && !sid.starts_with("XX"), "{sid}");
    assert_eq!(made.header("location"), format!("/Messages/{sid}.json"));
    let own = format!("/Messages/{sid}.json");
    assert_eq!(ask(&core, Method::GET, &own, &Value::Null).json(), sent);
    let listed = ask(&core, Method::GET, "/Messages.json", &Value::Null).json();
    assert!(listed["messages"].as_array().unwrap().contains(&sent), "{listed}");
    assert_eq!(ask(&core, Method::DELETE, &own, &Value::Null).status, 204);
    assert_eq!(ask(&core, Method::GET, &own, &Value::Null).status, 404);
}

/// `/files/{id}/{revision}` makes no list of a file, `*/*` takes JSON, and `Id` is what `{FileId}` names.
#[test]
fn a_path_below_an_object_leaves_it_an_object() {
    let core = core();
    let file = ask(&core, Method::POST, "/files", &json!({"Name": "a", "Size": 1})).json();
    let own = format!("/files/{}", file["Id"].as_str().unwrap_or_else(|| panic!("{file}")));
    assert_eq!(ask(&core, Method::GET, &own, &Value::Null).json(), file);
    for listed in ask(&core, Method::GET, "/files", &Value::Null).json().as_array().unwrap() {
        let own = format!("/files/{}", listed["Id"].as_str().unwrap());
        assert_eq!(ask(&core, Method::GET, &own, &Value::Null).json(), *listed);
    }
    assert_eq!(ask(&core, Method::DELETE, &own, &Value::Null).status, 204);
    assert_eq!(ask(&core, Method::GET, &own, &Value::Null).status, 404);
}

/// Where nothing is required and there is no PATCH, a PUT changes what it names.
#[test]
fn a_put_that_asks_for_nothing_changes_a_part() {
    let core = core();
    let file = ask(&core, Method::POST, "/files", &json!({"Name": "a", "Size": 1})).json();
    let own = format!("/files/{}", file["Id"].as_str().unwrap());
    let changed = ask(&core, Method::PUT, &own, &json!({"Size": 2})).json();
    assert_eq!((&changed["Name"], &changed["Size"]), (&json!("a"), &json!(2)));
}

/// What no path names has an id all the same.
#[test]
fn what_is_only_listed_is_told_apart() {
    let core = core();
    let file = ask(&core, Method::POST, "/files", &json!({"Name": "a"})).json();
    let notes = format!("/files/{}/notes", file["Id"].as_str().unwrap());
    let ids: Vec<Value> =
        ["x", "y"].map(|text| ask(&core, Method::POST, &notes, &json!({"text": text})).json()["id"].clone()).into();
    assert!(ids.iter().all(Value::is_string) && ids[0] != ids[1], "{ids:?}");
    let listed = ask(&core, Method::GET, &notes, &Value::Null).json();
    let own: Vec<Value> = listed.as_array().unwrap().iter().map(|note| note["id"].clone()).collect();
    assert!(ids.iter().all(|id| own.contains(id)), "{listed}");
}

/// What a request takes and no answer can hold spoils neither the answer nor the list; what only the answer to a creation
/// shows is what was sent; a time in seconds is now; the ids of the first and the last item are theirs.
#[test]
fn what_was_sent_fits_the_answers() {
    let core = core();
    let made = ask(&core, Method::POST, "/secrets", &json!({"kind": "new", "size": 7, "folder": {"type": ""}}));
    let secret = made.json();
    assert_eq!(
        (made.status.as_u16(), &secret["size"], &secret["folder"]),
        (201, &json!(7), &json!({"type": "folder"}))
    );
    assert_eq!(secret["created"], json!(core.clock().unix()));
    assert_ne!(secret["kind"], "new");
    let list = ask(&core, Method::GET, "/secrets", &Value::Null).json();
    let items = list["items"].as_array().unwrap();
    assert!(items.iter().any(|item| item["id"] == secret["id"]), "{list}");
    assert_eq!((&list["first_id"], &list["last_id"]), (&items[0]["id"], &items[items.len() - 1]["id"]));
    assert_eq!((&list["total"], &list["count"]), (&json!(items.len()), &json!(items.len())));
}

/// What is one of several and had to be completed has the id by which it is found.
#[test]
fn one_of_several_is_found_by_its_id() {
    let core = core();
    let made = ask(&core, Method::POST, "/addresses", &json!({"city": "Bonn"})).json();
    let own = format!("/addresses/{}", made["id"].as_str().unwrap_or_else(|| panic!("{made}")));
    let read = ask(&core, Method::GET, &own, &Value::Null);
    assert_eq!((read.status.as_u16(), &read.json()["id"]), (200, &made["id"]));
}
