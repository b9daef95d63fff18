//! How long programs take to begin: a server until it answers, with a small document and with one of a megabyte, and a
//! suite until its first request.

use std::fmt::Write as _;
use std::fs;
use std::io::Read as _;
use std::process::{Child, Command};
use std::time::Duration;

use serde::Serialize;

use super::build::Built;
use super::peers::{Peer, argument};
use super::serve::{Served, listener, spawned, until};
use super::{Effort, median};
use crate::shell::{self, command};
use crate::{clock, test};

const SMALL: &str = "spec/openapi/roboticks.yaml";
/// The size of the large document, in bytes.
const LARGE: usize = 1_000_000;
/// A start of ours is over soon, and can be looked at more often than the effort asks for.
const OURS: usize = 5;

/// How long a program takes to begin, in milliseconds; the median of its starts.
#[derive(Serialize)]
pub(super) struct Start {
    pub(super) tool: &'static str,
    pub(super) version: Option<String>,
    /// As a server of the small document.
    pub(super) small: Option<f64>,
    /// As a server of the large document.
    pub(super) large: Option<f64>,
    /// As a suite.
    pub(super) suite: Option<f64>,
}

/// Starts everything in turns; ours is the first one.
pub(super) fn measure(
    built: &Built,
    prism: Option<&Peer>,
    schemathesis: Option<&Peer>,
    effort: Effort,
) -> Result<Vec<Start>, String> {
    shell::note("starts");
    let file = test::target().join("bench/large.yaml");
    fs::write(&file, large()).map_err(|error| format!("{}: {error}", file.display()))?;
    let large = argument(&file.canonicalize().map_err(|error| format!("{}: {error}", file.display()))?);
    let server = |document: &str| often(OURS, || serving(built, document));
    let mut all = vec![Start {
        tool: "bitting",
        version: None,
        small: Some(server(SMALL)?),
        large: Some(server(&large)?),
        suite: Some(often(OURS, || checking(|url| command(&built.cli, ".", &["check", SMALL, "--url", url])))?),
    }];
    if let Some(peer) = prism {
        let server = |document: &str| often(effort.turns, || mocking(peer, document));
        let (small, large) = (Some(server(SMALL)?), Some(server(&large)?));
        all.push(Start { tool: "Prism", version: Some(peer.version.clone()), small, large, suite: None });
    }
    if let Some(peer) = schemathesis {
        let check = |url: &str| command(&peer.program, ".", &["run", SMALL, "--url", url]);
        let suite = Some(often(effort.turns, || checking(check))?);
        all.push(Start { tool: "Schemathesis", version: Some(peer.version.clone()), small: None, large: None, suite });
    }
    Ok(all)
}

/// The median of `turns` starts, in milliseconds.
fn often(turns: usize, start: impl Fn() -> Result<Duration, String>) -> Result<f64, String> {
    let times: Result<Vec<Duration>, String> = (0..turns).map(|_| start()).collect();
    Ok(median(times?.into_iter().map(|time| time.as_secs_f64() * 1e3).collect()))
}

/// Our server, until it says that it is ready.
fn serving(built: &Built, document: &str) -> Result<Duration, String> {
    let start = clock::now();
    let served = Served::start(&built.cli, document)?;
    let time = start.elapsed();
    drop(served);
    Ok(time)
}

/// Prism, until it takes a connection.
fn mocking(peer: &Peer, document: &str) -> Result<Duration, String> {
    let start = clock::now();
    let served = Served::prism(peer, document)?;
    let time = start.elapsed();
    drop(served);
    Ok(time)
}

/// A suite, until the first byte of its first request is here.
fn checking(suite: impl Fn(&str) -> Command) -> Result<Duration, String> {
    let listener = listener()?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    listener.set_nonblocking(true).map_err(|error| error.to_string())?;
    let start = clock::now();
    let mut child = spawned(&mut suite(&format!("http://{address}")))?;
    let is_asked = || {
        let Ok((mut stream, _)) = listener.accept() else { return false };
        stream.set_nonblocking(false).is_ok() && stream.read(&mut [0]).is_ok_and(|count| count > 0)
    };
    let time = until(&mut child, start, is_asked);
    ended(child);
    time
}

fn ended(mut child: Child) {
    // It may have ended by itself.
    let _ = child.kill();
    let _ = child.wait();
}

/// A document of many collections, each with its own schemas, as large documents have them.
fn large() -> String {
    let mut paths = String::new();
    let mut schemas = String::new();
    for number in 0.. {
        if paths.len() + schemas.len() >= LARGE {
            break;
        }
        // Writing to a string cannot fail.
        let _ = write!(paths, "{}", PATHS.replace("NAME", &format!("thing{number}")));
        let _ = write!(schemas, "{}", SCHEMA.replace("NAME", &format!("thing{number}")));
    }
    format!("{HEAD}paths:\n{paths}components:\n{SCHEMES}  schemas:\n{schemas}")
}

const HEAD: &str = "openapi: 3.1.0\ninfo: {title: Large, version: 1.0.0}\nsecurity:\n  - Key: []\n";
const SCHEMES: &str = "  securitySchemes:\n    Key: {type: http, scheme: bearer}\n";

const PATHS: &str = r"  /v1/NAMEs:
    get:
      operationId: list_NAME
      summary: List what there is of NAME, page by page, the oldest first.
      parameters:
        - {name: limit, in: query, description: At most so many items., schema: {type: integer, minimum: 1, maximum: 100, default: 20}}
        - {name: offset, in: query, description: So many items are left out., schema: {type: integer, minimum: 0, default: 0}}
      responses:
        '200':
          description: A page of NAME.
          content:
            application/json:
              schema:
                type: object
                required: [items, total]
                properties:
                  items: {type: array, items: {$ref: '#/components/schemas/NAME'}}
                  total: {type: integer, minimum: 0}
        '401': {description: No valid credential.}
    post:
      operationId: create_NAME
      summary: Make one more NAME.
      requestBody:
        required: true
        content:
          application/json:
            schema: {$ref: '#/components/schemas/NAME'}
      responses:
        '201':
          description: What was made.
          content:
            application/json:
              schema: {$ref: '#/components/schemas/NAME'}
        '401': {description: No valid credential.}
        '422': {description: The body is not valid.}
  /v1/NAMEs/{id}:
    parameters:
      - {name: id, in: path, required: true, schema: {type: string, format: uuid}}
    get:
      operationId: get_NAME
      summary: Read one NAME.
      responses:
        '200':
          description: The object.
          content:
            application/json:
              schema: {$ref: '#/components/schemas/NAME'}
        '401': {description: No valid credential.}
        '404': {description: There is none.}
    delete:
      operationId: delete_NAME
      summary: Take one NAME away.
      responses:
        '204': {description: It is gone.}
        '401': {description: No valid credential.}
        '404': {description: There is none.}
";

const SCHEMA: &str = r"    NAME:
      type: object
      description: What a NAME is, in a sentence or two of the length that people write.
      required: [id, name, state]
      properties:
        id: {type: string, format: uuid, readOnly: true, description: Told by the server.}
        name: {type: string, minLength: 1, maxLength: 120, description: What people call it.}
        state: {type: string, enum: [draft, active, paused, ended], description: How it stands.}
        size: {type: integer, minimum: 0, maximum: 100000}
        ratio: {type: number, minimum: 0, maximum: 1}
        note: {type: [string, 'null'], maxLength: 2000}
        tags: {type: array, maxItems: 16, items: {type: string, pattern: '^[a-z][a-z0-9-]{0,31}$'}}
        place:
          type: object
          required: [city]
          properties:
            city: {type: string, maxLength: 80}
            street: {type: string, maxLength: 120}
            code: {type: string, pattern: '^[0-9]{5}$'}
        created_at: {type: string, format: date-time, readOnly: true}
        updated_at: {type: string, format: date-time, readOnly: true}
";

#[cfg(test)]
mod tests {
    use bitting_spec::Document;

    use super::*;

    /// Issue 4, "Performance": a document of 1 MB, and it is one.
    #[test]
    fn the_large_document_is_one() {
        let text = large();
        assert!((LARGE..LARGE + 20_000).contains(&text.len()), "{}", text.len());
        let document = Document::parse("large.yaml", &text).unwrap();
        assert!(document.operations.len() > 800 && document.warnings.is_empty(), "{:?}", document.warnings);
    }
}
