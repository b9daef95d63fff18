//! A small server with state, once in order and once sloppy: what it gets wrong is found, and the one in order is not
//! accused. It has what the four documents have not: links, a filter, a Location that can be followed.

use std::sync::{Arc, Mutex, PoisonError};

use bitting_conformance::{Credentials, Options, Report, Role, Target, report, run};
use bitting_spec::Document;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::failed;

const DOCUMENT: &str = r##"
openapi: 3.1.0
info: {title: Shelf, version: '1'}
security: []
paths:
  /things:
    get:
      operationId: listThings
      parameters:
        - {name: kind, in: query, schema: {enum: [red, blue]}}
        - {name: limit, in: query, schema: {type: integer, minimum: 1, maximum: 50}}
        - {name: offset, in: query, schema: {type: integer, minimum: 0}}
      x-pagination: {style: offset, request: {limit: limit, offset: offset}, response: {items: /items, total: /total}}
      responses:
        '200':
          description: Things.
          content: {application/json: {schema: {type: object, required: [items, total], properties: {
            items: {type: array, items: {$ref: '#/components/schemas/Thing'}}, total: {type: integer}}}}}
        '422': {description: Invalid.}
    post:
      operationId: createThing
      requestBody: {required: true, content: {application/json: {schema: {$ref: '#/components/schemas/New'}}}}
      responses:
        '201':
          description: A thing.
          content: {application/json: {schema: {$ref: '#/components/schemas/Thing'}}}
        '415': {description: Another media type.}
        '422': {description: Invalid.}
  /things/{id}:
    parameters: [{name: id, in: path, required: true, schema: {type: integer}}]
    get:
      operationId: getThing
      responses:
        '200':
          description: A thing.
          content: {application/json: {schema: {$ref: '#/components/schemas/Thing'}}}
          links: {code: {operationId: getPart, parameters: {code: '$response.body#/code'}}}
        '404': {description: There is none.}
        '422': {description: Invalid.}
    patch:
      operationId: updateThing
      requestBody: {required: true, content: {application/json: {schema: {$ref: '#/components/schemas/Change'}}}}
      responses:
        '200':
          description: A thing.
          content: {application/json: {schema: {$ref: '#/components/schemas/Thing'}}}
        '404': {description: There is none.}
        '415': {description: Another media type.}
        '422': {description: Invalid.}
    delete:
      operationId: deleteThing
      responses:
        '204': {description: It is gone.}
        '404': {description: There is none.}
        '422': {description: Invalid.}
  /parts/{code}:
    get:
      operationId: getPart
      parameters: [{name: code, in: path, required: true, schema: {type: string}}]
      responses:
        '200': {description: A part.}
        '404': {description: There is none.}
components:
  schemas:
    New: {type: object, required: [name, kind], properties: {
      name: {type: string, minLength: 1, maxLength: 20}, kind: {enum: [red, blue]}}}
    Change: {type: object, properties: {name: {type: string, minLength: 1, maxLength: 20}, kind: {enum: [red, blue]}}}
    Thing: {type: object, required: [id, name, kind, code], properties: {
      id: {type: integer}, name: {type: string}, kind: {enum: [red, blue]}, code: {type: string}}}
"##;

/// The things, and whether the server is in order.
struct Shelf {
    things: Mutex<(i64, Vec<Value>)>,
    sloppy: bool,
}

/// What a server answers: status, more header fields, body.
type Answer = (u16, String, String);

fn plain(status: u16) -> Answer {
    (status, String::new(), String::new())
}

fn body(status: u16, value: &Value) -> Answer {
    (status, "content-type: application/json\r\n".to_owned(), value.to_string())
}

/// Whether a body is of the schema `New`, or `Change` where nothing is `required`.
fn is_valid(given: &Value, required: bool) -> bool {
    let Some(members) = given.as_object() else { return false };
    let name =
        members.get("name").map(|name| name.as_str().is_some_and(|name| (1..=20).contains(&name.chars().count())));
    let kind = members.get("kind").map(|kind| kind == "red" || kind == "blue");
    name.unwrap_or(!required) && kind.unwrap_or(!required)
}

impl Shelf {
    fn answer(&self, method: &str, target: &str, kind: &str, text: &[u8]) -> Answer {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let allow = |methods: &str| (405, format!("allow: {methods}\r\n"), String::new());
        let parts: Vec<&str> = path.split('/').skip(1).collect();
        if matches!(method, "POST" | "PATCH") && parts[0] == "things" && kind != "application/json" && !text.is_empty()
        {
            return plain(415);
        }
        let given = serde_json::from_slice(text).unwrap_or(Value::Null);
        let mut state = self.things.lock().unwrap_or_else(PoisonError::into_inner);
        let options =
            |methods: &str| (204, format!("allow: {}\r\n", if self.sloppy { "GET" } else { methods }), String::new());
        match (method, parts.as_slice()) {
            ("HEAD", _) if self.sloppy => plain(500),
            ("GET" | "HEAD", ["things"]) => self.list(query, &state.1),
            ("POST", ["things"]) if is_valid(&given, true) => {
                let (number, things) = &mut *state;
                *number += 1;
                things.push(
                    json!({"id": *number, "name": given["name"], "kind": given["kind"], "code": format!("c-{number}")}),
                );
                let (status, fields, text) = body(201, &things[things.len() - 1]);
                let place = if self.sloppy { "nowhere" } else { "things" };
                (status, format!("{fields}location: /{place}/{number}\r\n"), text)
            }
            ("POST", ["things"]) => plain(422),
            ("OPTIONS", ["things"]) => options("GET, HEAD, POST"),
            (_, ["things"]) => allow("GET, HEAD, POST"),
            (_, ["things", id]) => {
                let Ok(id) = id.parse::<i64>() else { return plain(422) };
                match method {
                    "OPTIONS" => options("GET, HEAD, PATCH, DELETE"),
                    "GET" | "HEAD" | "PATCH" | "DELETE" => self.one(method, id, &given, &mut state.1),
                    _ => allow("GET, HEAD, PATCH, DELETE"),
                }
            }
            ("GET" | "HEAD", ["parts", code]) => plain(if code.starts_with("c-") { 200 } else { 404 }),
            ("OPTIONS", ["parts", _]) => options("GET, HEAD"),
            (_, ["parts", _]) => allow("GET, HEAD"),
            _ => plain(404),
        }
    }

    fn one(&self, method: &str, id: i64, given: &Value, things: &mut Vec<Value>) -> Answer {
        let Some(at) = things.iter().position(|thing| thing["id"] == id) else {
            return plain(if self.sloppy && method == "DELETE" { 500 } else { 404 });
        };
        let valid = is_valid(given, false);
        match method {
            "DELETE" => {
                things.remove(at);
                plain(204)
            }
            "PATCH" => {
                for name in ["name", "kind"].iter().filter(|name| valid || self.sloppy && given[**name].is_string()) {
                    if let Some(value) = given.get(*name) {
                        things[at][*name] = value.clone();
                    }
                }
                match (valid, self.sloppy) {
                    (true, _) => body(200, &things[at]),
                    (false, true) => (
                        422,
                        "content-type: text/plain\r\n".to_owned(),
                        "Traceback (most recent call last):".to_owned(),
                    ),
                    (false, false) => plain(422),
                }
            }
            _ if self.sloppy => {
                let mut more = things[at].clone();
                more["password_hash"] = json!("sha256:0");
                body(200, &more)
            }
            _ => body(200, &things[at]),
        }
    }

    fn list(&self, query: &str, things: &[Value]) -> Answer {
        let (mut limit, mut offset, mut kind) = (50, 0, None);
        for (name, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
            let number = value.parse::<usize>();
            match (name, value, number) {
                ("limit", _, Ok(number @ 1..=50)) => limit = number,
                ("offset", _, Ok(number)) => offset = number,
                ("kind", "red" | "blue", _) => kind = Some(value),
                ("limit" | "offset" | "kind", ..) => return plain(422),
                _ => {}
            }
        }
        let fits = |thing: &&Value| self.sloppy || kind.is_none_or(|kind| thing["kind"] == kind);
        let all: Vec<&Value> = things.iter().filter(fits).collect();
        let page: Vec<&&Value> = all.iter().skip(offset).take(limit).collect();
        body(200, &json!({"items": page, "total": all.len() + usize::from(self.sloppy)}))
    }
}

async fn serve_one(shelf: &Shelf, mut stream: TcpStream) -> std::io::Result<()> {
    let mut bytes = Vec::new();
    loop {
        let end = loop {
            if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
                break end + 4;
            }
            if stream.read_buf(&mut bytes).await? == 0 {
                return Ok(());
            }
        };
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let field =
            |name: &str| head.lines().find_map(|line| line.strip_prefix(name)).map(|value| value.trim().to_owned());
        let length = field("content-length:").and_then(|length| length.parse().ok()).unwrap_or(0);
        while bytes.len() < end + length {
            if stream.read_buf(&mut bytes).await? == 0 {
                return Ok(());
            }
        }
        let mut words = head.split(' ');
        let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let kind = field("content-type:").unwrap_or_default();
        let (status, fields, text) = shelf.answer(method, target, &kind, &bytes[end..end + length]);
        let size = if status == 204 { String::new() } else { format!("content-length: {}\r\n", text.len()) };
        let text = if method == "HEAD" { String::new() } else { text };
        stream.write_all(format!("HTTP/1.1 {status} x\r\n{fields}{size}\r\n{text}").as_bytes()).await?;
        bytes.drain(..end + length);
    }
}

async fn checked(sloppy: bool, seed: u64) -> Report {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let base_url = format!("http://{}", listener.local_addr().expect("it is bound"));
    let shelf = Arc::new(Shelf { things: Mutex::default(), sloppy });
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let shelf = Arc::clone(&shelf);
            // A client that has heard enough closes the connection: that is no fault here.
            tokio::spawn(async move { serve_one(&shelf, stream).await.ok() });
        }
    });
    let document = Document::parse("shelf.yaml", DOCUMENT).expect("it is valid");
    let credentials = Credentials::default().with(Role::Valid, bitting_conformance::Principal::default());
    run(&document, Target { base_url, credentials }, Options { seed, ..Options::default() }, |_| {})
        .await
        .expect("it runs")
}

/// Nothing is wrong with the server in order, whatever the seed, and a link leads to the operation that nothing else does.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_in_order_is_not_accused() {
    for seed in 0..5 {
        let report = checked(false, seed).await;
        assert_eq!(failed(&report), Vec::<&str>::new(), "seed {seed}\n{}", report::terminal(&report, false));
        assert!(report.operations.iter().all(|operation| operation.reached), "{:?}", report.operations);
    }
}

/// Everything that is sloppy is found, by the check that is about it.
#[tokio::test(flavor = "multi_thread")]
async fn everything_sloppy_is_found() {
    let report = checked(true, 0).await;
    let found = failed(&report);
    for check in [
        "list.filter",
        "list.total",
        "http.head",
        "http.location",
        "http.options",
        "http.repeated-delete",
        "leak.secret",
        "leak.trace",
        "leak.undocumented",
        "state.failed-update",
    ] {
        assert!(found.contains(&check), "{check} is silent\n{}", report::terminal(&report, false));
    }
}
