//! Lists as plain documents have them: the whole answer, with a page in the query; and answers that are about no object,
//! which still say what was asked.

use std::sync::Arc;

use bitting_mock::{Core, Server};
use bitting_spec::Document;
use serde_json::{Value, json};

use crate::stage::*;

const DOCUMENT: &str = r"
openapi: 3.1.0
info: {title: Shop, version: '1'}
paths:
  /goods:
    get:
      operationId: listGoods
      parameters:
        - {name: page, in: query, schema: {type: integer, minimum: 1}}
        - {name: per_page, in: query, schema: {type: integer, minimum: 1, maximum: 50}}
        - {name: tag, in: query, schema: {type: string}}
        - {name: min_price, in: query, schema: {type: number}}
        - {name: made_before, in: query, schema: {type: string, format: date}}
      responses: {'200': {description: ok, content: {application/json: {schema: {type: array, items: {$ref: '#/components/schemas/Good'}}}}}}
    post:
      operationId: addGood
      requestBody: {content: {application/json: {schema: {$ref: '#/components/schemas/Good'}}}}
      responses: {'201': {description: ok, content: {application/json: {schema: {$ref: '#/components/schemas/Good'}}}}}
  /goods/{id}:
    get:
      operationId: getGood
      parameters: [{name: id, in: path, required: true, schema: {type: string, format: uuid}}]
      responses: {'200': {description: ok, content: {application/json: {schema: {$ref: '#/components/schemas/Good'}}}}}
  /notes/:
    post:
      operationId: addNote
      requestBody: {content: {application/json: {schema: {$ref: '#/components/schemas/Note'}}}}
      responses: {'201': {description: ok, content: {application/json: {schema: {type: object, required: [id, result], properties: {
        id: {type: number}, result: {$ref: '#/components/schemas/Note'}}}}}}}
  /notes/{pk}:
    get:
      operationId: getNote
      parameters: [{name: pk, in: path, required: true, schema: {type: integer}}]
      responses: {'404': {description: gone, content: {application/problem+json: {schema: {type: object, required: [status],
        properties: {status: {type: integer, minimum: 100, maximum: 599}}}}}},'200': {description: ok, content: {application/json: {schema: {type: object, required: [result], properties: {
        result: {$ref: '#/components/schemas/Note'}}}}}}}
  /quotes:
    post:
      operationId: quote
      requestBody: {content: {application/json: {schema: {type: object, properties: {
        currency: {type: string, default: EUR}, amount: {type: integer}, password: {type: string}, id: {type: string}}}}}}
      responses: {'200': {description: ok, content: {application/json: {schema: {type: object,
        required: [currency, amount, password, id], properties: {currency: {type: string}, amount: {type: integer},
        password: {type: string}, id: {type: string, readOnly: true}}}}}}}
  /sales:
    get:
      operationId: sales
      parameters:
        - {name: from_day, in: query, schema: {type: string, format: date}}
        - {name: limit, in: query, schema: {type: integer, minimum: 0}}
      responses: {'200': {description: ok, content: {application/json: {schema: {type: object, required: [title, rows], properties: {
        title: {type: string}, rows: {type: array, minItems: 0, items: {type: object, required: [day], properties: {
          day: {type: string, format: date}}}}}}}}}}
components:
  schemas:
    Note: {type: object, required: [text], properties: {text: {type: string}}}
    Good:
      type: object
      required: [id, price, tags, made_on]
      properties:
        id: {type: string, format: uuid, readOnly: true}
        price: {type: number, minimum: 0, maximum: 100}
        tags: {type: array, items: {type: string}}
        made_on: {type: string, format: date}
";

fn shop() -> Arc<Core> {
    Server::builder(Document::parse("shop.yaml", DOCUMENT).unwrap()).seed(7).core().unwrap()
}

fn items(core: &Core, target: &str) -> Vec<Value> {
    let answer = core.handle(&get(target));
    assert_eq!(status(&answer), 200, "{target}");
    answer.json().as_array().unwrap().clone()
}

/// LX06: a list that is the whole answer has pages, of the usual size where none is asked for.
#[test]
fn a_bare_list_has_pages() {
    let core = shop();
    let page = |number: u8| items(&core, &format!("/goods?per_page=20&page={number}"));
    let pages: Vec<Vec<Value>> = (1..=4).map(page).collect();
    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [20, 20, 5, 0]);
    let mut ids: Vec<&str> = pages.iter().flatten().map(|good| good["id"].as_str().unwrap()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!((ids.len(), items(&core, "/goods").len()), (45, 20));
}

/// LX07: a filter of one tag, a bound below, a bound above.
#[test]
fn filters_bound_and_pick() {
    let core = shop();
    for (price, day, tag) in [(5, "2025-01-01", "old"), (95, "2026-06-01", "new")] {
        let good = json!({"price": price, "made_on": day, "tags": ["bitting", tag]});
        assert_eq!(status(&core.handle(&post("/goods", &good))), 201);
    }
    let tags = |target: &str| -> Vec<String> {
        let found = items(&core, target).into_iter();
        found.map(|good| good["tags"][1].as_str().unwrap_or_default().to_owned()).collect()
    };
    assert_eq!(tags("/goods?tag=bitting").len(), 2);
    assert_eq!(tags("/goods?tag=bitting&min_price=50"), ["new"]);
    assert_eq!(tags("/goods?tag=bitting&made_before=2025-12-31"), ["old"]);
    assert!(items(&core, "/goods?min_price=101").is_empty());
}

/// What is made up for one request says what that request said; what only the server sets, and what is secret, does not.
#[test]
fn made_up_answers_say_what_was_asked() {
    let core = shop();
    let quote = |body: &Value| core.handle(&post("/quotes", body)).json();
    let plain = quote(&json!({"amount": 3}));
    assert_eq!((&plain["amount"], &plain["currency"]), (&json!(3), &json!("EUR")));
    let other = quote(&json!({"amount": 4, "currency": "CHF", "password": "not-a-secret", "id": "mine"}));
    assert_eq!((&other["amount"], &other["currency"]), (&json!(4), &json!("CHF")));
    assert_eq!((&other["password"], &other["id"]), (&plain["password"], &plain["id"]));
}

/// LX07: a made-up list is filtered as well, whatever stands beside it.
#[test]
fn made_up_lists_are_filtered() {
    let core = shop();
    let rows = |target: &str| core.handle(&get(target)).json()["rows"].as_array().unwrap().len();
    assert!(rows("/sales") > 0);
    assert_eq!(rows("/sales?from_day=2200-01-01"), 0);
}

/// LX01: where the id stands beside the object, it is the one by which the object is read.
#[test]
fn an_id_beside_the_object_leads_to_it() {
    let core = shop();
    for number in 0..20 {
        let made = core.handle(&post("/notes/", &json!({"text": format!("note {number}")})));
        let path = format!("/notes/{}", made.json()["id"]);
        assert_eq!((status(&made), made.header("location")), (201, path.as_str()));
        assert_eq!(status(&core.handle(&get(&path))), 200);
    }
    // RFC 9457, 3.1.2: a problem names the status that it comes with.
    assert_eq!(core.handle(&get("/notes/999999")).json()["status"], 404);
}

/// LX05: a list without pages holds no more than its limit.
#[test]
fn a_limit_is_kept_without_pages() {
    let core = shop();
    let rows = |target: &str| core.handle(&get(target)).json()["rows"].as_array().unwrap().len();
    assert_eq!((rows("/sales?limit=0"), rows("/sales?limit=1"), rows("/sales?limit=50")), (0, 1, rows("/sales")));
}

/// HAL and JSend put a list into a member of the answer: its objects are those that are read, made and paged.
#[test]
fn a_wrapped_list_is_the_list_of_its_collection() {
    let envelope = |member: &str| {
        format!(
            r##"{{"type": "object", "properties": {{"{member}": {{"type": "object", "properties": {{
            "notes": {{"type": "array", "items": {{"$ref": "#/components/schemas/Note"}}}}, "total": {{"type": "integer"}},
            "next_cursor": {{"type": "string"}}}}}}}}}}"##
        )
    };
    for member in ["_embedded", "data"] {
        let note = r##"{"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Note"}}}, "description": "d"}"##;
        let text = format!(
            r##"{{"openapi": "3.1.0", "info": {{"title": "t", "version": "1"}}, "paths": {{
            "/notes": {{"get": {{"operationId": "list", "parameters": [{{"name": "cursor", "in": "query", "schema": {{"type": "string"}}}},
                {{"name": "limit", "in": "query", "schema": {{"type": "integer"}}}}],
                "responses": {{"200": {{"description": "d", "content": {{"application/json": {{"schema": {}}}}}}}}}}},
                "post": {{"operationId": "add", "requestBody": {note}, "responses": {{"201": {note}}}}}}},
            "/notes/{{id}}": {{"parameters": [{{"name": "id", "in": "path", "required": true, "schema": {{"type": "string"}}}}],
                "get": {{"operationId": "get", "responses": {{"200": {note}, "404": {{"description": "none"}}}}}}}}}},
            "components": {{"schemas": {{"Note": {{"properties": {{"id": {{"type": "string"}}, "text": {{"type": "string"}}}}}}}}}}}}"##,
            envelope(member)
        );
        let core = Server::builder(Document::parse("wrapped.json", &text).unwrap()).core().unwrap();
        let made = core.handle(&post("/notes", &json!({"text": "mine"}))).json();
        let mut seen = Vec::new();
        let mut target = "/notes?limit=7".to_owned();
        loop {
            let page = core.handle(&get(&target)).json()[member].take();
            let notes = page["notes"].as_array().unwrap();
            assert!(notes.len() <= 7 && page["total"].as_u64().unwrap() > 7, "{page}");
            seen.extend(notes.iter().cloned());
            let Some(next) = page["next_cursor"].as_str() else { break };
            target = format!("/notes?limit=7&cursor={next}");
        }
        assert!(seen.contains(&made), "{made}");
        for note in seen {
            let own = format!("/notes/{}", note["id"].as_str().unwrap());
            assert_eq!(core.handle(&get(&own)).json(), note);
        }
    }
}
