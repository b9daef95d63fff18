//! What real documents do and tidy ones do not: examples that lie, and objects whose ids no operation tells.

use std::sync::Arc;

use bitting_mock::{Core, Request, Server};
use bitting_spec::Document;
use http::Method;
use serde_json::json;

use crate::stage::*;

fn real() -> Arc<Core> {
    let document = Document::parse("real.yaml", include_str!("real.yaml")).unwrap();
    Server::builder(document).seed(7).clock(frozen()).core().unwrap()
}

/// An example is answered where it fits, and where it is the text of a JSON value that value.
#[test]
fn examples_are_answered_only_where_they_fit() {
    let core = real();
    assert_eq!(core.handle(&get("/banner")).json(), json!({"text": "Hello", "since": "2026-01-01"}));
    let report = core.handle(&get("/report"));
    assert_eq!(status(&report), 200);
    assert_ne!(report.json()["since"], "yesterday");
    let choice = core.handle(&get("/choice"));
    assert_eq!(status(&choice), 200, "{}", choice.json());
    let refused = core.handle(&post("/refusing", &json!({})));
    assert_eq!((status(&refused), refused.json()), (400, json!({"errorMessages": ["The id is missing."]})));
}

/// A meeting that nobody can list is there when it is named; it changes, and once deleted it stays away.
#[test]
fn objects_that_nobody_lists_are_there_when_they_are_named() {
    let core = real();
    let meeting = core.handle(&get("/meetings/85"));
    assert_eq!((status(&meeting), &meeting.json()["id"]), (200, &json!(85)));
    assert_eq!(core.handle(&get("/meetings/85")).body, meeting.body, "the same each time");
    let change = Request::new(Method::PATCH, "/meetings/85").with_json(&json!({"topic": "Plans"}));
    assert_eq!(core.handle(&change).json()["topic"], "Plans");
    assert_eq!(core.handle(&get("/meetings/85")).json()["topic"], "Plans");
    assert_eq!(status(&core.handle(&Request::new(Method::DELETE, "/meetings/85"))), 204);
    assert_eq!(status(&core.handle(&get("/meetings/85"))), 404);
    assert_eq!(status(&core.handle(&Request::new(Method::DELETE, "/meetings/86"))), 204, "named for the first time");
    assert_eq!(status(&core.handle(&get("/meetings/86"))), 404);
    core.reset();
    assert_eq!(status(&core.handle(&get("/meetings/85"))), 200);
}

/// What stands under such a parent is listed, and nothing else is there.
#[test]
fn children_of_hidden_parents_are_listed() {
    let core = real();
    let polls = core.handle(&get("/meetings/12/polls")).json();
    let id = polls[0]["id"].as_str().unwrap();
    assert_eq!(polls.as_array().unwrap().len(), 4);
    assert_eq!(status(&core.handle(&get(&format!("/meetings/12/polls/{id}")))), 200);
    assert_eq!(status(&core.handle(&get("/meetings/12/polls/none"))), 404);
    assert_eq!(status(&core.handle(&get(&format!("/meetings/13/polls/{id}")))), 404, "another meeting's poll");
    assert_eq!(status(&core.handle(&post("/meetings/12/polls", &json!({"id": "", "title": "x"})))), 201);
    assert_eq!(core.handle(&get("/meetings/12/polls")).json().as_array().unwrap().len(), 5);
}

/// An id is a number in one place and a text in the other: it fits both.
#[test]
fn ids_fit_path_and_object() {
    let core = real();
    let made = core.handle(&post("/filters", &json!({"id": "", "name": "mine"})));
    assert_eq!(status(&made), 200, "{}", made.json());
    let id = made.json()["id"].as_str().unwrap().to_owned();
    assert!(id.parse::<i64>().is_ok_and(|id| id >= 1), "{id}");
    assert_eq!(core.handle(&get(&format!("/filters/{id}"))).json()["name"], "mine");
    let files = core.handle(&get("/files"));
    let id = files.json()[0]["id"].as_i64().unwrap();
    assert_eq!(core.handle(&get(&format!("/files/{id}"))).json(), json!({"id": id}));
}

/// A document that names failures only leaves the success open.
#[test]
fn a_success_that_nobody_names_is_answered() {
    assert_eq!(status(&real().handle(&get("/failing"))), 200);
}

/// Issue 4: of alternatives that overlap just one is met where that can be, without a 500; where nothing can fit, the
/// answer goes out all the same, and that is told once, clearly.
#[tokio::test]
async fn overlapping_alternatives_are_answered() {
    let text = r#"
openapi: 3.1.0
info: {title: Pets, version: '1'}
components:
  schemas:
    Pet: {type: object, required: [name], properties: {name: {type: string}}}
    Whole: {allOf: [{$ref: '#/components/schemas/Pet'}, {type: object, properties: {age: {type: integer}}}]}
paths:
  /pets/{id}:
    get:
      operationId: getPet
      parameters: [{name: id, in: path, required: true, schema: {type: string}}]
      responses:
        '200':
          description: One.
          content: {application/json: {schema: {oneOf: [{$ref: '#/components/schemas/Pet'}, {$ref: '#/components/schemas/Whole'}]}}}
  /never:
    get:
      operationId: getNever
      responses:
        '200': {description: None., content: {application/json: {schema: {oneOf: [{type: string}, {type: string}]}}}}
"#;
    let document = bitting_spec::Document::parse("pets.yaml", text).unwrap();
    let server = bitting_mock::Server::builder(document).seed(7).start().await.unwrap();
    let core = server.core();
    for _ in 0..2 {
        let pet = core.handle(&get("/pets/1"));
        let whole = |value: &serde_json::Value| value["age"].is_null() || value["age"].is_i64();
        assert_eq!(status(&pet), 200, "{}", pet.json());
        assert!(pet.json()["name"].is_string() && !whole(&pet.json()), "a pet, and not a whole one: {}", pet.json());
        let never = core.handle(&get("/never"));
        assert!(status(&never) == 200 && never.json().is_string(), "{}", never.json());
    }
    let told = crate::wire::control(&server, "GET", "/v1/misfits", &serde_json::Value::Null).await.json();
    let told: Vec<_> =
        told["misfits"].as_array().unwrap().iter().map(|one| (&one["operation"], &one["mended"])).collect();
    assert_eq!(told, [(&"getPet".into(), &true.into()), (&"getNever".into(), &false.into())]);
    let reasons: Vec<_> = core.journal().entries(&Default::default()).iter().map(|entry| entry.reason).collect();
    assert_eq!(reasons, [None, Some("self-check"), None, Some("self-check")]);
}

/// Notes at paths that end in a slash, whose id is called otherwise below them; answered as lists of one, ordered by what
/// a query asks for, and told by their names alone elsewhere.
fn notes() -> Arc<Core> {
    let note = json!({"type": "object", "required": ["id", "title"], "properties": {
        "id": {"type": "string", "readOnly": true}, "title": {"type": "string"}, "labels": {"type": "array", "items": {"type": "string"}}}});
    let body = json!({"required": true, "content": {"application/json": {"schema": {"type": "object", "properties": {
        "title": {"type": "string"}, "labels": {"type": "string"}, "password": {"type": "string"}}}}}});
    let answers = |schema: serde_json::Value| json!({"200": {"description": "d", "content": {"application/json": {"schema": schema}}}});
    let one = json!({"$ref": "#/components/schemas/Note"});
    let id = |name: &str| json!([{"name": name, "in": "path", "required": true, "schema": {"type": "string"}}]);
    let sort = json!([{"name": "sort", "in": "query", "schema": {"type": "string", "enum": ["title", "-title"]}}]);
    let document = json!({
        "openapi": "3.1.0", "info": {"title": "Notes", "version": "1"},
        "paths": {
            "/notes/{note_id}/pages/": {"parameters": id("note_id"),
                "get": {"responses": answers(json!({"type": "array", "items": {"type": "string"}}))}},
            "/notes/": {
                "get": {"parameters": sort, "responses": answers(json!({"type": "object", "properties": {
                    "mood": {"type": "string"}, "tags": {"type": "array", "items": {"type": "string"}}, "notes": {"type": "array", "items": one}}}))},
                "post": {"requestBody": body, "responses": answers(one.clone())}},
            "/notes/{id}/": {"parameters": id("id"), "get": {"responses": answers(one)}},
        },
        "components": {"schemas": {"Note": note}},
    });
    let document = Document::parse("notes.json", &document.to_string()).unwrap();
    Server::builder(document).seed(7).clock(frozen()).core().unwrap()
}

/// A creation keeps what the document describes and nothing else, in the form in which it is answered, and its
/// `Location` leads to it whatever the paths call its id.
#[test]
fn what_was_created_is_where_its_location_says_without_what_nobody_declared() {
    let core = notes();
    let made = core.handle(&post("/notes/", &json!({"title": "Plans", "labels": "red,blue", "password": "a secret"})));
    assert_eq!(status(&made), 200, "{}", made.json());
    let location = made.header("location").to_owned();
    assert!(location.ends_with('/'), "{location}");
    let read = core.handle(&get(&location));
    assert_eq!((status(&read), &read.json()["title"]), (200, &json!("Plans")));
    assert!(read.json()["password"].is_null() && made.json()["password"].is_null(), "{}", read.json());
    assert!(!read.json()["labels"].is_string(), "{}", read.json());
}

/// The list of an answer is the one whose items can be read alone; a query puts it in order, and in the reverse one.
#[test]
fn the_list_that_can_be_read_alone_comes_in_the_order_asked_for() {
    let core = notes();
    core.handle(&post("/notes/", &json!({"title": "Zebra"})));
    core.handle(&post("/notes/", &json!({"title": "Aardvark"})));
    let titles = |sort: &str| -> Vec<String> {
        let list = core.handle(&get(&format!("/notes/?sort={sort}"))).json();
        list["notes"].as_array().unwrap().iter().map(|note| note["title"].as_str().unwrap().to_owned()).collect()
    };
    let (up, mut down) = (titles("title"), titles("-title"));
    assert!(up.is_sorted() && up.contains(&"Zebra".to_owned()) && up.len() > 2, "{up:?}");
    down.reverse();
    assert_eq!(up, down);
}

/// What a small document says of ids: numbers do not run out, a name is known however it is spelt, and what a client must
/// name keeps its name.
#[test]
fn ids_are_what_the_document_says() {
    let text = r"
openapi: 3.1.0
info: {title: t, version: '1'}
paths:
  /things:
    get:
      responses: {'200': {description: ok, content: {application/json: {schema: {type: array, items: {$ref: '#/components/schemas/Thing'}}}}}}
    post:
      requestBody: {content: {application/json: {schema: {type: object, properties: {name: {type: string}}}}}}
      responses: {'201': {description: ok, content: {application/json: {schema: {$ref: '#/components/schemas/Thing'}}}}}
  /things/{id}:
    parameters: [{name: id, in: path, required: true, schema: {type: integer}}]
    get:
      responses: {'200': {description: ok, content: {application/json: {schema: {$ref: '#/components/schemas/Thing'}}}}, '404': {description: no}}
  /cards:
    get:
      responses: {'200': {description: ok, content: {application/json: {schema: {type: array, items: {$ref: '#/components/schemas/Card'}}}}}}
  /cards/{cardId}:
    parameters: [{name: cardId, in: path, required: true, schema: {type: string}}]
    get:
      responses: {'200': {description: ok, content: {application/json: {schema: {$ref: '#/components/schemas/Card'}}}}, '404': {description: no}}
    put:
      requestBody: {content: {application/json: {schema: {type: object, required: [title], properties: {title: {type: string}}}}}}
      responses:
        '200': {description: ok, content: {application/json: {schema: {$ref: '#/components/schemas/Card'}}}}
        '201': {description: made, content: {application/json: {schema: {$ref: '#/components/schemas/Card'}}}}
  /items:
    post:
      requestBody: {content: {application/json: {schema: {$ref: '#/components/schemas/Item'}}}}
      responses: {'201': {description: ok, content: {application/json: {schema: {$ref: '#/components/schemas/Item'}}}}, '409': {description: there}}
  /items/{id}:
    parameters: [{name: id, in: path, required: true, schema: {type: string}}]
    get:
      responses: {'200': {description: ok, content: {application/json: {schema: {$ref: '#/components/schemas/Item'}}}}, '404': {description: no}}
components:
  schemas:
    Thing: {type: object, required: [id, name], properties: {id: {type: integer, format: int32, minimum: 1}, name: {type: string}}}
    Card: {type: object, required: [card_id, title], properties: {card_id: {type: string}, title: {type: string}}}
    Item: {type: object, required: [id], properties: {id: {type: string}, note: {type: string}}}
";
    let core = Server::builder(Document::parse("t.yaml", text).unwrap()).core().unwrap();
    assert_eq!(core.handle(&get("/things")).json().as_array().unwrap().len(), 45);
    for _ in 0..1200 {
        assert_eq!(status(&core.handle(&post("/things", &json!({"name": "x"})))), 201);
    }
    let put = Request::new(Method::PUT, "/cards/mine").with_json(&json!({"title": "x"}));
    let made = core.handle(&put);
    assert_eq!((status(&made), made.json()), (201, json!({"card_id": "mine", "title": "x"})));
    assert_eq!(status(&core.handle(&put)), 200);
    assert_eq!(core.handle(&get("/cards/mine")).json()["card_id"], "mine");
    let item = post("/items", &json!({"id": "mine"}));
    assert_eq!((status(&core.handle(&item)), status(&core.handle(&item))), (201, 409));
    assert_eq!(status(&core.handle(&get("/items/mine"))), 200);
}
