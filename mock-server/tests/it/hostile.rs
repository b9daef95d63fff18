//! Whatever comes over the wire, the server goes on and its world stays as it was.

use std::time::Duration;

use bitting_mock::{RunningServer, Server};
use proptest::prelude::*;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::stage::*;
use crate::wire::{read, request, send};

/// A whole request with everything right, which the cases below break.
fn good(key: &str) -> Vec<u8> {
    let header = format!("Bearer {key}");
    let body = "{\"name\": \"x\", \"serial_number\": \"RBT-0001\", \"unknown\": 1}";
    request("POST", DEVICES, &[("authorization", &header), ("content-type", "application/json")], body)
}

/// How a request is broken.
#[derive(Debug, Clone)]
enum Break {
    Cut(f64),
    Flip(f64, u8),
    Insert(f64, Vec<u8>),
    Double(f64),
    Raw(Vec<u8>),
    Line(String),
}

fn breaks() -> impl Strategy<Value = Break> {
    let bytes = || proptest::collection::vec(any::<u8>(), 0..200);
    prop_oneof![
        (0.0..1.0).prop_map(Break::Cut),
        (0.0..1.0, 1..=255_u8).prop_map(|(at, bits)| Break::Flip(at, bits)),
        (0.0..1.0, bytes()).prop_map(|(at, bytes)| Break::Insert(at, bytes)),
        (0.0..1.0).prop_map(Break::Double),
        bytes().prop_map(Break::Raw),
        "[A-Z]{0,8} [ -~]{0,60} HTTP/[0-9]\\.[0-9]".prop_map(Break::Line),
    ]
}

fn broken(good: &[u8], breaks: &[Break]) -> Vec<u8> {
    let at = |bytes: &[u8], part: f64| ((bytes.len() as f64) * part) as usize;
    let mut bytes = good.to_vec();
    for each in breaks {
        match each {
            Break::Cut(part) => bytes.truncate(at(&bytes, *part)),
            Break::Flip(part, bits) => {
                let place = at(&bytes, *part);
                if let Some(byte) = bytes.get_mut(place) {
                    *byte ^= bits;
                }
            }
            Break::Insert(part, more) => {
                let place = at(&bytes, *part);
                bytes.splice(place..place, more.iter().copied());
            }
            Break::Double(part) => bytes.extend_from_within(at(&bytes, *part)..),
            Break::Raw(raw) => bytes.clone_from(raw),
            Break::Line(line) => bytes = format!("{line}\r\nhost: x\r\n\r\n").into_bytes(),
        }
    }
    bytes
}

/// Sends bytes, says that no more come, and gives what was answered.
async fn throw(server: &RunningServer, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(server.base_url().trim_start_matches("http://")).await.unwrap();
    // The server may have had enough before it has read everything.
    let _ = stream.write_all(bytes).await;
    let _ = stream.shutdown().await;
    let mut answer = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut answer)).await;
    assert!(read.is_ok(), "the connection stays open: {:?}", String::from_utf8_lossy(bytes));
    answer
}

/// Broken requests, one after the other over connections of their own: each is answered by HTTP or not at all, never
/// with a 500, and the same key reads the same list afterwards.
#[test]
fn broken_requests_change_nothing() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let server = runtime.block_on(running("roboticks"));
    let key = key(server.core(), ADA);
    let before = read_list(&runtime, &server, &key);
    let good = good(&key);
    let config = ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() };
    let mut runner = proptest::test_runner::TestRunner::new(config);
    let strategy = proptest::collection::vec(breaks(), 1..4);
    let outcome = runner.run(&strategy, |breaks| {
        let answer = runtime.block_on(throw(&server, &broken(&good, &breaks)));
        let text = String::from_utf8_lossy(&answer);
        prop_assert!(answer.is_empty() || text.starts_with("HTTP/1.1 "), "{text}");
        prop_assert!(!text.contains("HTTP/1.1 5"), "{text}");
        Ok(())
    });
    outcome.unwrap();
    assert_eq!(read_list(&runtime, &server, &key), before, "nothing was lost and nothing was made");
}

fn read_list(runtime: &tokio::runtime::Runtime, server: &RunningServer, key: &str) -> Vec<u8> {
    let reply = runtime.block_on(read(server, DEVICES, key));
    assert_eq!(reply.status, 200, "{}", reply.head);
    reply.body
}

/// RFC 6585, 5: too many headers, or too long ones, are told to be that.
#[tokio::test]
async fn headers_have_bounds() {
    let server = running("roboticks").await;
    let names: Vec<String> = (0..500).map(|number| format!("x-{number}")).collect();
    let many: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "1")).collect();
    assert_eq!(send(server.base_url(), &request("GET", DEVICES, &many, "")).await.status, 431);
    let target = format!("{DEVICES}?q={}", "x".repeat(200 << 10));
    let status = send(server.base_url(), &request("GET", &target, &[], "")).await.status;
    assert!([414, 431].contains(&status), "{status}");
}

/// A body of chunks that never ends is cut off at the same length as one that says how long it is.
#[tokio::test]
async fn chunked_bodies_have_bounds() {
    let server = running("roboticks").await;
    let mut stream = TcpStream::connect(server.base_url().trim_start_matches("http://")).await.unwrap();
    let head = "POST /api/v1/auth/login HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let chunk = format!("100000\r\n{}\r\n", "x".repeat(1 << 20));
    for _ in 0..9 {
        // It may have had enough already.
        let _ = stream.write_all(chunk.as_bytes()).await;
    }
    let mut answer = [0; 12];
    tokio::time::timeout(Duration::from_secs(10), stream.read_exact(&mut answer)).await.unwrap().unwrap();
    assert_eq!(&answer, b"HTTP/1.1 413");
}

/// A client that is too slow for its headers or its body is cut off; here half a minute passes in a moment.
#[tokio::test]
async fn slow_clients_are_cut_off() {
    for slow in [
        "GET / HTTP/1.1\r\nhost: x\r\n",
        "PR",
        "PRI * HTTP/2.0\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "POST /api/v1/auth/login HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n",
    ] {
        let server = running("roboticks").await;
        let mut stream = TcpStream::connect(server.base_url().trim_start_matches("http://")).await.unwrap();
        stream.write_all(slow.as_bytes()).await.unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
        let mut answer = Vec::new();
        let early = tokio::time::timeout(Duration::from_millis(50), stream.read_to_end(&mut answer)).await;
        assert!(early.is_err(), "{slow:?} is given time: {answer:?}");
        tokio::time::pause();
        let end = stream.read_to_end(&mut answer).await;
        tokio::time::resume();
        let answer = String::from_utf8_lossy(&answer).into_owned();
        // HTTP/2 begins with settings of the server; nothing follows them.
        let answer = if slow.starts_with("PRI") { String::new() } else { answer };
        // What was sent and not read makes the end a reset.
        let is_reset = |error: &std::io::Error| error.kind() == std::io::ErrorKind::ConnectionReset;
        assert!(end.as_ref().err().is_none_or(is_reset), "{slow:?}: {end:?}");
        let is_told = answer.is_empty() || answer.starts_with("HTTP/1.1 408");
        assert!(is_told, "{slow:?}: {answer}");
    }
}

/// Who announces too long a body and waits is told at once; who sends all of it first gets the answer too.
#[tokio::test]
async fn too_long_a_body_is_refused_where_the_client_can_read_it() {
    let server = running("roboticks").await;
    let head = |length: u64, more: &str| {
        format!("POST /api/v1/auth/login HTTP/1.1\r\nhost: x\r\n{more}content-length: {length}\r\n\r\n")
    };
    for (head, body) in [
        (head(100_000_000_000, ""), 0),
        (head(20 << 20, "expect: 100-continue\r\n"), 0),
        (head(20 << 20, ""), 20 << 20),
    ] {
        let mut stream = TcpStream::connect(server.base_url().trim_start_matches("http://")).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(&vec![b'x'; body]).await.unwrap();
        let mut answer = [0; 12];
        tokio::time::timeout(Duration::from_secs(10), stream.read_exact(&mut answer)).await.unwrap().unwrap();
        assert_eq!(&answer, b"HTTP/1.1 413", "{head}");
    }
}

/// A client that asks and does not read is cut off like one that does not send.
#[tokio::test]
async fn clients_that_do_not_read_are_cut_off() {
    let server = Server::builder(document("roboticks")).docs(true).start().await.unwrap();
    let mut stream = TcpStream::connect(server.base_url().trim_start_matches("http://")).await.unwrap();
    let ask = "GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nhost: x\r\n\r\n".repeat(40);
    stream.write_all(ask.as_bytes()).await.unwrap();
    // Until nothing fits into the system's buffers any more.
    tokio::time::sleep(Duration::from_millis(500)).await;
    tokio::time::pause();
    tokio::time::sleep(Duration::from_secs(31)).await;
    tokio::time::resume();
    let mut answers = Vec::new();
    // Its end may be a reset.
    let _ = stream.read_to_end(&mut answers).await;
    let count = answers.windows(15).filter(|bytes| bytes == b"HTTP/1.1 200 OK").count();
    assert!(count < 40, "every answer came");
}

/// A schema may ask for more than any memory holds: what is made has an end.
#[tokio::test]
async fn what_a_schema_asks_for_has_bounds() {
    let schemas = [
        "{type: array, minItems: 999999999, items: {type: string}}",
        "{type: object, minProperties: 100000000}",
        "{type: array, minItems: 100000, items: {type: array, minItems: 100000, items: {type: integer}}}",
        "{$ref: '#/components/schemas/Tree'}",
    ];
    for schema in schemas {
        let text = format!(
            "openapi: 3.1.0\ninfo: {{title: t, version: '1'}}\npaths: {{/x: {{get: {{responses: {{'200': {{description: d, \
             content: {{application/json: {{schema: {schema}}}}}}}}}}}}}}}\ncomponents: {{schemas: {{Tree: {{type: object, \
             required: [a, b, c, d], properties: {{a: {{$ref: '#/components/schemas/Tree'}}, b: {{$ref: \
             '#/components/schemas/Tree'}}, c: {{$ref: '#/components/schemas/Tree'}}, d: {{$ref: \
             '#/components/schemas/Tree'}}}}}}}}}}\n"
        );
        let core = Server::builder(bitting_spec::Document::parse("huge.yaml", &text).unwrap()).core().unwrap();
        let answer = core.handle(&get("/x"));
        assert!(status(&answer) == 200 && answer.body.len() < 32 << 20, "{schema}: {}", answer.body.len());
    }
}

/// An answer that is on its way when the server ends comes whole; who comes later is refused.
#[tokio::test]
async fn the_end_waits_for_answers_on_their_way() {
    let server = running("roboticks").await;
    let key = key(server.core(), ADA);
    let fault = serde_json::json!({"effect": {"kind": "latency", "milliseconds": 300}});
    assert_eq!(crate::wire::control(&server, "POST", "/v1/faults", &fault).await.status, 201);
    let url = server.base_url().to_owned();
    let header = format!("Bearer {key}");
    let asked =
        tokio::spawn(async move { send(&url, &request("GET", DEVICES, &[("authorization", &header)], "")).await });
    tokio::time::sleep(Duration::from_millis(100)).await;
    let address = server.base_url().trim_start_matches("http://").to_owned();
    server.shutdown().await;
    let reply = asked.await.unwrap();
    assert_eq!((reply.status, &reply.json()["total"]), (200, &serde_json::json!(45)));
    assert!(TcpStream::connect(address).await.is_err());
}
