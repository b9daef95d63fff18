//! A library of shelves and books with faults that show in a sequence of calls alone: each is found, and told in the
//! fewest calls that show it.

use std::sync::{Arc, Mutex, PoisonError};

use bitting_conformance::{Credentials, Options, Principal, Report, Role, Target, report, run};
use bitting_spec::Document;
use serde_json::{Value, json};

use crate::wire::{Answer, Request, Service, serve};

const DOCUMENT: &str = r##"
openapi: 3.1.0
info: {title: Library, version: '1'}
paths:
  /shelves: &collection
    get:
      operationId: listShelves
      responses: {'200': {description: d, content: {application/json: {schema: {type: array, items: {$ref: '#/components/schemas/Thing'}}}}}}
    post:
      operationId: createShelf
      requestBody: &body {required: true, content: {application/json: {schema: {$ref: '#/components/schemas/New'}}}}
      responses: {'201': &thing {description: d, content: {application/json: {schema: {$ref: '#/components/schemas/Thing'}}}}}
  /shelves/{shelf_id}:
    parameters: [&shelf {name: shelf_id, in: path, required: true, schema: {type: integer}}]
    get: {operationId: getShelf, responses: {'200': *thing}}
    patch: {operationId: changeShelf, requestBody: *body, responses: {'200': *thing}}
    delete: {operationId: deleteShelf, responses: {'204': {description: d}}}
  /shelves/{shelf_id}/books:
    parameters: [*shelf]
    get:
      operationId: listBooks
      responses: {'200': {description: d, content: {application/json: {schema: {type: array, items: {$ref: '#/components/schemas/Thing'}}}}}}
    post: {operationId: createBook, requestBody: *body, responses: {'201': *thing}}
  /shelves/{shelf_id}/books/{book_id}:
    parameters: [*shelf, {name: book_id, in: path, required: true, schema: {type: integer}}]
    get: {operationId: getBook, responses: {'200': *thing}}
    patch: {operationId: changeBook, requestBody: *body, responses: {'200': *thing}}
    delete: {operationId: deleteBook, responses: {'204': {description: d}}}
  /about:
    get:
      operationId: getAbout
      responses: {'200': &about {description: d, content: {application/json: {schema: {$ref: '#/components/schemas/About'}}}}}
    put:
      operationId: setAbout
      requestBody: {required: true, content: {application/json: {schema: {$ref: '#/components/schemas/About'}}}}
      responses: {'200': *about}
components:
  schemas:
    About: {type: object, required: [motto, founded, admin_email], properties: {
      motto: {type: string, maxLength: 40}, founded: {type: integer}, admin_email: {type: string}}}
    New: {type: object, required: [name], properties: {
      name: {type: string, minLength: 1, maxLength: 30}, copies: {type: integer, minimum: 0, maximum: 9}}}
    Thing: {type: object, required: [id, name], properties: {
      id: {type: integer}, name: {type: string}, copies: {type: integer}}}
"##;

/// What is wrong with a library.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// The second change of an object is answered and not made.
    SecondChange,
    /// A change that is refused takes the one before it back.
    Undone,
    /// The deletion of one takes the next with it.
    Neighbour,
    /// A new object gets the number of objects for its id, which one of them may have.
    Counted,
    /// Books of a deleted shelf stay.
    Orphans,
    /// A list that was read once stays so until something is created.
    StaleList,
    /// What the library says about itself is set in the answer alone.
    Forgetful,
}

const FAULTS: &[(Fault, &str, &str, usize)] = &[
    (Fault::SecondChange, "createShelf", "reads back with another value than was written last", 4),
    (Fault::Undone, "createShelf", "reads back with another value than was written last", 4),
    (Fault::Neighbour, "createShelf", "what is there is not in its list", 4),
    (Fault::Counted, "createShelf", "what was created has the id of another object", 4),
    (Fault::Orphans, "createBook", "what stood below a deleted object can be read", 4),
    (Fault::StaleList, "createBook", "what was deleted is still in its list", 5),
];

struct Thing {
    id: u64,
    shelf: Option<u64>,
    value: Value,
    first: Value,
    changes: u32,
}

impl Thing {
    fn shown(&self) -> Value {
        let mut value = self.value.clone();
        value["id"] = json!(self.id);
        value
    }
}

#[derive(Default)]
struct State {
    things: Vec<Thing>,
    next: u64,
    lists: Vec<(Option<u64>, Value)>,
    about: About,
    /// The names of all that was made.
    names: Vec<String>,
}

/// What the library says about itself, and what it has said.
#[derive(Clone)]
struct About {
    now: Value,
    before: Vec<Value>,
}

impl Default for About {
    fn default() -> Self {
        let now = json!({"motto": "Read.", "founded": 1901, "admin_email": "ada@acme.example"});
        Self { now, before: Vec::new() }
    }
}

struct Library {
    state: Mutex<State>,
    fault: Option<Fault>,
}

fn is_valid(given: &Value) -> bool {
    let name = given["name"].as_str().is_some_and(|name| (1..=30).contains(&name.chars().count()));
    name && given.get("copies").is_none_or(|copies| copies.as_u64().is_some_and(|copies| copies <= 9))
}

fn shown(status: u16, value: &Value) -> Answer {
    Answer::json(status, "application/json", value)
}

impl Service for Library {
    fn answer(&self, request: &Request) -> Answer {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let path: Vec<&str> = request.path.iter().map(String::as_str).collect();
        let number = |text: &str| text.parse::<u64>().unwrap_or(0);
        let given = serde_json::from_slice(&request.body).unwrap_or(Value::Null);
        match path.as_slice() {
            ["about"] if request.method == "PUT" => {
                let before = std::mem::replace(&mut state.about.now, given.clone());
                state.about.before.push(before.clone());
                if self.fault == Some(Fault::Forgetful) {
                    state.about.now = before;
                }
                shown(200, &given)
            }
            ["about"] => shown(200, &state.about.now),
            ["shelves"] => self.many(&mut state, &request.method, None, &given),
            ["shelves", shelf] => self.one(&mut state, &request.method, None, number(shelf), &given),
            ["shelves", shelf, "books", rest @ ..] => {
                let shelf = number(shelf);
                let is_there = state.things.iter().any(|thing| thing.id == shelf && thing.shelf.is_none());
                match rest {
                    _ if !is_there && self.fault != Some(Fault::Orphans) => Answer::new(404),
                    [] => self.many(&mut state, &request.method, Some(shelf), &given),
                    [book] => self.one(&mut state, &request.method, Some(shelf), number(book), &given),
                    _ => Answer::new(404),
                }
            }
            _ => Answer::new(404),
        }
    }
}

impl Library {
    fn many(&self, state: &mut State, method: &str, shelf: Option<u64>, given: &Value) -> Answer {
        let all = |state: &State| -> Value {
            state.things.iter().filter(|thing| thing.shelf == shelf).map(Thing::shown).collect()
        };
        match method {
            "GET" if self.fault == Some(Fault::StaleList) => {
                if let Some((_, list)) = state.lists.iter().find(|(known, _)| *known == shelf) {
                    return shown(200, list);
                }
                let list = all(state);
                state.lists.push((shelf, list.clone()));
                shown(200, &list)
            }
            "GET" => shown(200, &all(state)),
            "POST" if is_valid(given) => {
                state.next += 1;
                let count = u64::try_from(state.things.len()).unwrap_or(0);
                let id = if self.fault == Some(Fault::Counted) { 100 + count } else { state.next };
                state.things.retain(|thing| thing.id != id);
                state.things.push(Thing { id, shelf, value: given.clone(), first: given.clone(), changes: 0 });
                state.lists.clear();
                state.names.extend(given["name"].as_str().map(str::to_owned));
                shown(201, &state.things.last().expect("it was pushed").shown())
            }
            "POST" => Answer::new(422),
            _ => Answer::new(405),
        }
    }

    fn one(&self, state: &mut State, method: &str, shelf: Option<u64>, id: u64, given: &Value) -> Answer {
        let Some(at) = state.things.iter().position(|thing| thing.id == id && thing.shelf == shelf) else {
            return Answer::new(404);
        };
        let next = state.things.iter().position(|thing| thing.id > id && thing.shelf == shelf);
        let thing = &mut state.things[at];
        match method {
            "GET" => shown(200, &thing.shown()),
            "PATCH" if is_valid(given) => {
                thing.changes += 1;
                if self.fault != Some(Fault::SecondChange) || thing.changes != 2 {
                    for (name, value) in given.as_object().into_iter().flatten() {
                        thing.value[name] = value.clone();
                    }
                }
                shown(200, &thing.shown())
            }
            "PATCH" => {
                if self.fault == Some(Fault::Undone) {
                    thing.value = thing.first.clone();
                }
                Answer::new(422)
            }
            "DELETE" => {
                if let Some(next) = next.filter(|_| self.fault == Some(Fault::Neighbour)) {
                    state.things.remove(next);
                }
                state.things.remove(at);
                if self.fault != Some(Fault::Orphans) {
                    state.things.retain(|thing| thing.shelf != Some(id) || shelf.is_some());
                }
                Answer::new(204)
            }
            _ => Answer::new(405),
        }
    }
}

async fn checked(fault: Option<Fault>, options: Options) -> Report {
    seen(fault, options).await.0
}

/// The report, and what the library says about itself afterwards.
async fn seen(fault: Option<Fault>, options: Options) -> (Report, About) {
    let library = Arc::new(Library { state: Mutex::default(), fault });
    let base_url = serve(Arc::clone(&library)).await;
    let document = Document::parse("library.yaml", DOCUMENT).expect("it is valid");
    let credentials = Credentials::default().with(Role::Valid, Principal::default());
    let report = run(&document, Target { base_url, credentials }, options, |_| {}).await.expect("it runs");
    let about = library.state.lock().unwrap_or_else(PoisonError::into_inner).about.clone();
    (report, about)
}

fn sequences(operation: &str, seed: u64) -> Options {
    let only = vec!["state.sequence".to_owned()];
    Options { only, operations: vec![operation.to_owned()], seed, max_cases: 1_000, ..Options::default() }
}

/// Each fault is found and told in the fewest calls that show it, and a replay with the same seed tells the same.
#[tokio::test(flavor = "multi_thread")]
async fn faults_that_need_a_sequence_are_found_and_made_short() {
    for (fault, operation, says, fewest) in FAULTS {
        let report = checked(Some(*fault), sequences(operation, 0)).await;
        let findings = report.findings();
        let [finding] = findings.as_slice() else {
            panic!("{fault:?}\n{}", report::terminal(&report, false));
        };
        assert!(finding.cause.contains(says), "{fault:?}: {}", finding.cause);
        let calls = finding.got.summary.lines().count() - 1;
        assert!(calls <= *fewest, "{fault:?}\n{}", finding.got.summary);
        assert!(finding.replay_command().ends_with("--seed 0 --max-cases 1000"), "{}", finding.replay_command());
        let again = checked(Some(*fault), sequences(operation, 0)).await;
        assert_eq!(calls_of(&again.findings()[0].got.summary), calls_of(&finding.got.summary));
    }
}

/// The calls of a finding, but for the ids that the library counts up: sequences run beside each other.
fn calls_of(summary: &str) -> Vec<String> {
    let segment = |segment: &str| if segment.parse::<u64>().is_ok() { "{id}".to_owned() } else { segment.to_owned() };
    let call = |line: &str| {
        let (before, path) = line.split_once(" /").unwrap_or((line, ""));
        format!("{before} {}", path.split('/').map(segment).collect::<Vec<_>>().join("/"))
    };
    let calls = summary.lines().map(|line| line.split(" answered ").map(call).collect::<Vec<_>>().join(" answered "));
    calls.collect()
}

/// The library in order is not accused, whatever the seed, and nothing is left in it.
#[tokio::test(flavor = "multi_thread")]
async fn a_library_in_order_is_not_accused() {
    let seeds = std::env::var("BITTING_SEEDS").ok().map_or(5, |text| text.parse().expect("BITTING_SEEDS is a number"));
    for seed in 0..seeds {
        for operation in ["createShelf", "createBook"] {
            let report = checked(None, sequences(operation, seed)).await;
            assert!(report.findings().is_empty(), "seed {seed}\n{}", report::terminal(&report, false));
            assert!(report.cases >= 1_000 && report.left.is_empty(), "{} {:?}", report.cases, report.left);
        }
    }
}

/// LX03 for what there is one of: harmless members are changed, one at a time, and put back; what decides who gets in is
/// left alone. A change that is not kept is found.
#[tokio::test(flavor = "multi_thread")]
async fn what_there_is_one_of_is_changed_and_put_back() {
    let options = || Options { only: vec!["state.update-persists".to_owned()], ..Options::default() };
    let (report, about) = seen(None, options()).await;
    assert!(report.findings().is_empty() && report.left.is_empty(), "{}", report::terminal(&report, false));
    assert_eq!(about.now, About::default().now);
    let changed = |name: &str| about.before.iter().any(|one| one[name] != about.now[name]);
    assert_eq!(
        [changed("motto"), changed("founded"), changed("admin_email")],
        [true, true, false],
        "{:?}",
        about.before
    );
    let report = checked(Some(Fault::Forgetful), options()).await;
    assert!(report.findings().iter().any(|one| one.operation == "setAbout"), "{}", report::terminal(&report, false));
}

/// conformance.md, Safety: names that the suite makes up bear its mark, but for some of the shortest.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_suite_makes_bears_its_mark() {
    let document = Document::parse("library.yaml", DOCUMENT).expect("it is valid");
    let library = Arc::new(Library { state: Mutex::default(), fault: None });
    let base_url = serve(Arc::clone(&library)).await;
    let credentials = Credentials::default().with(Role::Valid, Principal::default());
    run(&document, Target { base_url, credentials }, sequences("createShelf", 1), |_| {}).await.expect("it runs");
    let made = library.state.lock().unwrap_or_else(PoisonError::into_inner).names.clone();
    let marked = made.iter().filter(|name| name.starts_with("bitting-")).count();
    assert!(made.len() > 50 && marked * 10 > made.len() * 8, "{marked} of {}: {made:?}", made.len());
    assert!(made.iter().all(|name| name.starts_with("bitting-") || name.chars().count() < 8), "{made:?}");
    assert!(made.iter().any(|name| name.chars().count() == 30), "the longest are sent too");
}
