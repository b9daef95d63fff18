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
