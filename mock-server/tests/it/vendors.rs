//! What vendors' documents have in common that no specification names: ids that clients choose, members around an object,
//! changes by POST, cursors that are ids, examples that are to be seen.

use std::sync::Arc;

use bitting_mock::{Core, Outcome, Request, Server};
use bitting_spec::Document;
use http::Method;
use serde_json::{Value, json};

use crate::stage::*;

const DOCUMENT: &str = r##"
openapi: 3.1.0
info: {title: Vendors, version: "1"}
paths:
  /pet:
    post: {operationId: addPet, requestBody: {$ref: "#/components/requestBodies/Pet"}, responses: {"200": {$ref: "#/components/responses/Pet"}}}
    put: {operationId: putPet, requestBody: {$ref: "#/components/requestBodies/Pet"}, responses: {"200": {$ref: "#/components/responses/Pet"}, "404": {description: d}}}
  /pet/findByStatus:
    get:
      operationId: findPets
      parameters: [{name: status, in: query, schema: {type: string}}]
      responses: {"200": {description: d, content: {application/json: {schema: {type: array, items: {$ref: "#/components/schemas/Pet"}}}}}}
  /pet/{petId}:
    get:
      operationId: getPet
      parameters: [{name: petId, in: path, required: true, schema: {type: integer, format: int64}, example: 77}]
      responses: {"200": {$ref: "#/components/responses/Pet"}, "404": {$ref: "#/components/responses/Error"}}
  /customers:
    get:
      operationId: listCustomers
      parameters: [{name: starting_after, in: query, schema: {type: string}}, {name: limit, in: query, schema: {type: [integer, "null"]}}]
      responses: {"200": {description: d, content: {application/json: {schema: {type: object, required: [object, customers, meta], properties: {
        object: {type: string, example: list}, has_more: {type: boolean}, request: {type: string},
        customers: {type: array, items: {$ref: "#/components/schemas/Customer"}},
        meta: {type: object, required: [total_count], properties: {total_count: {type: integer}}}}}}}}}
    post:
      operationId: addCustomer
      requestBody: {required: true, content: {application/json: {schema: {type: object, required: [customer], properties: {customer: {$ref: "#/components/schemas/NewCustomer"}}}}}}
      responses: {"201": {$ref: "#/components/responses/Customer"}, "422": {$ref: "#/components/responses/Invalid"}}
  /customers/{code}:
    parameters: [{name: code, in: path, required: true, schema: {type: string}}]
    get: {operationId: getCustomer, responses: {"200": {$ref: "#/components/responses/Customer"}, "404": {$ref: "#/components/responses/Error"}}}
    post:
      operationId: changeCustomer
      requestBody: {required: true, content: {application/json: {schema: {type: object, required: [customer], properties: {customer: {$ref: "#/components/schemas/NewCustomer"}}}}}}
      responses: {"200": {$ref: "#/components/responses/Customer"}}
components:
  requestBodies:
    Pet: {content: {application/json: {schema: {$ref: "#/components/schemas/Pet"}}}}
  responses:
    Pet: {description: d, content: {application/json: {schema: {$ref: "#/components/schemas/Pet"}}}}
    Customer: {description: d, content: {application/json: {schema: {type: object, properties: {customer: {$ref: "#/components/schemas/Customer"}}}}}}
    Error: {description: d, content: {application/json: {schema: {type: object, required: [status], properties: {status: {type: integer}, error: {type: object, properties: {message: {type: string, maxLength: 500}}}}}}}}
    Invalid: {description: d, content: {application/json: {schema: {type: object, properties: {detail: {type: array, items: {type: object, required: [loc, msg], properties: {loc: {type: array, items: {type: string}}, msg: {type: string}}}}}}}}}
  schemas:
    Pet: {type: object, required: [name], properties: {id: {type: integer, format: int64, maximum: 9223372036854775807}, name: {type: string, example: doggie}, status: {type: string}}}
    NewCustomer: {type: object, required: [name], properties: {name: {type: string}, code: {type: string}}}
    Customer:
      type: object
      required: [uid, code, name, note, canceled_at, orders_count, created]
      properties:
        uid: {type: string, format: uuid}
        code: {type: string}
        name: {type: string}
        kind: {type: string, example: customer}
        note: {type: [string, "null"]}
        canceled_at: {type: [string, "null"], format: date-time}
        orders_count: {type: integer}
        created: {type: integer, format: unix-time}
"##;

fn core() -> Arc<Core> {
    let document = Document::parse("vendors.yaml", DOCUMENT).unwrap();
    Server::builder(document).clock(frozen()).core().unwrap()
}

fn ask(core: &Core, method: Method, target: &str, body: &Value) -> Outcome {
    core.handle(&Request::new(method, target).with_json(body))
}

/// The pet store that everybody tries first: what a client calls a pet is its id, a PUT without an id in its path is for the
/// pet in its body, and what is found by its state are the pets that there are.
#[test]
fn the_pet_store_keeps_its_pets() {
    let core = core();
    let made = ask(&core, Method::POST, "/pet", &json!({"id": 10, "name": "rex", "status": "lost"}));
    assert_eq!((made.json()["id"].clone(), made.header("location")), (json!(10), "/pet/10"));
    let changed = ask(&core, Method::PUT, "/pet", &json!({"id": 10, "name": "max", "status": "lost"}));
    assert_eq!(changed.json()["name"], "max");
    assert_eq!(core.handle(&get("/pet/10")).json(), json!({"id": 10, "name": "max", "status": "lost"}));
    assert_eq!(core.handle(&get("/pet/findByStatus?status=lost")).json(), json!([core.handle(&get("/pet/10")).json()]));
    assert_eq!(status(&ask(&core, Method::PUT, "/pet", &json!({"id": 4_000_000, "name": "nobody"}))), 404);
    let taken = ask(&core, Method::POST, "/pet", &json!({"id": 10, "name": "other"}));
    assert_ne!(taken.json()["id"], 10, "no document says what is told then");
}

/// What a documentation page fills in is there, and is whole numbers where those are wanted, however wide their range.
#[test]
fn the_documents_examples_are_there() {
    let core = core();
    let pet = core.handle(&get("/pet/77")).json();
    assert_eq!(pet["id"], 77);
    assert!(pet["name"].as_str().is_some_and(|name| name.starts_with("doggie ")), "{pet}");
    let pets = core.handle(&get("/pet/findByStatus")).json();
    assert!(pets.as_array().unwrap().iter().all(|pet| pet["id"].is_i64()), "{pets}");
    let list = core.handle(&get("/customers")).json();
    assert_eq!((&list["object"], &list["customers"][0]["kind"]), (&json!("list"), &json!("customer")));
}

/// An object in a member of its own name, in requests as in answers; its list has words of its own around it.
#[test]
fn a_member_of_its_own_name_holds_an_object() {
    let core = core();
    let made = ask(&core, Method::POST, "/customers", &json!({"customer": {"name": "Ada", "code": "ada"}}));
    let customer = made.json()["customer"].clone();
    assert_eq!((&customer["name"], &customer["code"]), (&json!("Ada"), &json!("ada")));
    assert_eq!(core.handle(&get("/customers/ada")).json()["customer"], customer);
    let list = core.handle(&get("/customers?limit=1000")).json();
    assert!(list["customers"].as_array().unwrap().contains(&customer));
    assert_eq!(list["meta"]["total_count"], list["customers"].as_array().unwrap().len());
    let changed = ask(&core, Method::POST, "/customers/ada", &json!({"customer": {"name": "Eve"}}));
    assert_eq!(changed.json()["customer"]["uid"], customer["uid"]);
    assert_eq!(core.handle(&get("/customers/ada")).json()["customer"]["name"], "Eve");
}

/// What nobody has said is not there, what was just made has not ended, and times that are numbers are times.
#[test]
fn what_was_just_made_has_no_past() {
    let core = core();
    let made = ask(&core, Method::POST, "/customers", &json!({"customer": {"name": "Ada"}})).json();
    let customer = &made["customer"];
    assert_eq!((&customer["note"], &customer["canceled_at"]), (&Value::Null, &Value::Null));
    assert_eq!(customer["orders_count"], 0);
    let list = core.handle(&get("/customers")).json();
    for customer in list["customers"].as_array().unwrap() {
        assert!(customer["canceled_at"].is_null() && customer["created"].as_i64() > Some(1_700_000_000), "{customer}");
    }
}

/// Whoever names the last one that was seen gets what comes behind it, and the end is told.
#[test]
fn a_cursor_may_be_an_id() {
    let core = core();
    let (mut seen, mut last) = (Vec::new(), String::new());
    for _ in 0..100 {
        let after = if last.is_empty() { String::new() } else { format!("&starting_after={last}") };
        let page = core.handle(&get(&format!("/customers?limit=20{after}"))).json();
        seen.extend(page["customers"].as_array().unwrap().iter().map(|one| one["code"].clone()));
        last = seen.last().and_then(Value::as_str).unwrap().to_owned();
        if page["has_more"] == false {
            break;
        }
    }
    let all = core.handle(&get("/customers")).json();
    let codes: Vec<Value> = all["customers"].as_array().unwrap().iter().map(|one| one["code"].clone()).collect();
    assert_eq!(seen, codes);
}

/// Wherever an error has room for words, they are there, and its status is the one that it comes with.
#[test]
fn a_refusal_says_what_was_wrong_wherever_it_may() {
    let core = core();
    let wrong = ask(&core, Method::POST, "/customers", &json!({"customer": {"name": 5}})).json();
    let words = wrong["detail"][0]["msg"].as_str().unwrap_or_default();
    assert!(words.contains("at /customer/name"), "{wrong}");
    let gone = core.handle(&get("/customers/nobody")).json();
    assert_eq!(gone, json!({"status": 404, "error": {"message": "Not Found"}}));
}
