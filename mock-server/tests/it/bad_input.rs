//! Bad input gets a clear error, and the server goes on.

use bitting_mock::{Organization, Permission, Person, Population, Server, StartError, Wanted};
use bitting_spec::Document;
use serde_json::Value;

use crate::stage::*;
use crate::wire::{control, request, send};

/// Whatever comes over the wire, the next request is answered.
#[tokio::test]
async fn malformed_requests_are_refused_and_the_server_goes_on() {
    let server = running("roboticks").await;
    let long = "x".repeat(200 << 10);
    let big = "x".repeat((8 << 20) + 1);
    let cases = [
        (b"nonsense\r\n\r\n".to_vec(), 400),
        (b"GET / HTTP/9.9\r\n\r\n".to_vec(), 400),
        (request("GET", DEVICES, &[("bad header", "x")], ""), 400),
        (request("GET", DEVICES, &[("x-long", &long)], ""), 431),
        (request("POST", "/api/v1/auth/login", &[("content-type", "application/json")], &big), 413),
        (request("GET", &format!("{DEVICES}/%ff"), &[], ""), 401),
        (request("GET", "/%00", &[], ""), 404),
        (request("BREW", DEVICES, &[], ""), 405),
        (request("GET", DEVICES, &[("authorization", "Bearer \u{e9}")], ""), 401),
    ];
    for (bytes, expected) in cases {
        let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(60)]).into_owned();
        assert_eq!(send(server.base_url(), &bytes).await.status, expected, "{shown}");
    }
    let key = key(server.core(), ADA);
    assert_eq!(crate::wire::read(&server, DEVICES, &key).await.status, 200);
    server.shutdown().await;
}

/// Issue 4, "Bad input": what never became a request stands in the journal too, with the reason.
#[tokio::test]
async fn what_never_became_a_request_is_noted() {
    let server = running("roboticks").await;
    let long = "x".repeat(200 << 10);
    let big = "x".repeat((8 << 20) + 1);
    let login = "/api/v1/auth/login";
    let cases = [
        (b"nonsense\r\n\r\n".to_vec(), "", 400, "no-http"),
        (request("GET", DEVICES, &[("x-long", &long)], ""), "", 431, "head-too-long"),
        (request("POST", login, &[("content-type", "application/json")], &big), login, 413, "body-too-long"),
        (b"GET /a HTTP/1.1\r\nconnection: close\r\n\r\n".to_vec(), "/a", 400, "host"),
        (request("GET", "/a", &[("host", "other")], ""), "/a", 400, "host"),
    ];
    for (bytes, target, status, reason) in cases {
        assert_eq!(send(server.base_url(), &bytes).await.status, status, "{reason}");
        // hyper has answered before it says why.
        let mut last = None;
        for _ in 0..100 {
            last = server.core().journal().entries(&Wanted::default()).pop();
            if last.as_ref().is_some_and(|entry| entry.reason == Some(reason)) {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        let last = last.map(|entry| (entry.target, entry.status, entry.reason));
        assert_eq!(last, Some((target.to_owned(), status, Some(reason))));
    }
    let refused = send(server.control_url(), &request("POST", "/v1/keys", &[], &big)).await;
    assert_eq!(refused.status, 413);
    assert!(refused.json()["error"].as_str().is_some_and(|error| error.contains("8388608")), "{}", refused.head);
}

/// RFC 9110, 15.5.16: a coding that is not read is said to be that, not to be broken JSON.
#[tokio::test]
async fn a_coded_body_is_told_to_be_that() {
    let server = running("roboticks").await;
    let headers = [("content-type", "application/json"), ("content-encoding", "gzip")];
    let reply = send(server.base_url(), &request("POST", "/api/v1/auth/login", &headers, "\u{1f}")).await;
    assert_eq!(reply.status, 422);
    assert!(
        String::from_utf8_lossy(&reply.body).contains("coding `gzip`"),
        "{:?}",
        String::from_utf8_lossy(&reply.body)
    );
}

/// A body that is announced and does not come does not keep others waiting.
#[tokio::test]
async fn a_slow_client_does_not_stop_the_others() {
    let server = running("roboticks").await;
    let mut slow = tokio::net::TcpStream::connect(server.base_url().trim_start_matches("http://")).await.unwrap();
    let head = b"POST /api/v1/auth/login HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n";
    tokio::io::AsyncWriteExt::write_all(&mut slow, head).await.unwrap();
    let key = key(server.core(), ADA);
    assert_eq!(crate::wire::read(&server, DEVICES, &key).await.status, 200);
    let ended = tokio::time::timeout(std::time::Duration::from_secs(8), server.shutdown()).await;
    assert!(ended.is_ok(), "a slow client does not hold up the end");
}

/// What the control plane is asked, the status of its answer, and words of what it says.
const CONTROL_CASES: &[((&str, &str, &str), u16, &str)] = &[
    (("POST", "/v1/keys", "{"), 400, "no JSON"),
    (("POST", "/v1/keys", "{\"user\": 5}"), 400, "at /user"),
    (("POST", "/v1/keys", "{\"user\": \"nobody\"}"), 404, "no user `nobody`"),
    (("POST", "/v1/keys", "{}"), 400, "\"user\" is a required property"),
    (("POST", "/v1/keys", ""), 400, "the request body is missing"),
    (("POST", "/v1/keys", "[\"ada@acme.example\"]"), 400, "\"object\""),
    (("POST", "/v1/keys", "{\"user\": \"ada@acme.example\", \"scope\": []}"), 400, "'scope' was unexpected"),
    (("POST", "/v1/faults", "{\"effect\": {\"kind\": \"hold\", \"gate\": \"\"}}"), 400, "/effect/gate"),
    (("POST", "/v1/faults", "{\"method\": \"zz z\", \"effect\": {\"kind\": \"hang\"}}"), 400, "`method`"),
    (("POST", "/v1/faults", "{\"effect\": {\"kind\": \"redirect\", \"location\": \"a\\r\\nb\"}}"), 400, "header field"),
    (("POST", "/v1/faults", "{\"effect\": {\"kind\": \"hang\", \"gate\": \"a\"}}"), 400, "at /effect/kind"),
    (("POST", "/v1/faults", "{\"effect\": {\"kind\": \"hang\", \"gates\": 1}}"), 400, "'gates' was unexpected"),
    (("POST", "/v1/keys", "{\"user\": \"ada@acme.example\", \"scheme\": \"Nope\"}"), 404, "`Nope`"),
    (("POST", "/v1/tokens", "{\"user\": \"ada@acme.example\", \"tamper\": \"more\"}"), 400, "at /tamper"),
    (("POST", "/v1/tokens", "{\"user\": \"ada@acme.example\", \"ttl\": 9223372036854775807}"), 400, "ttl"),
    (("PUT", "/v1/clock", "{\"mode\": \"sideways\"}"), 400, "none of \"real\", \"frozen\""),
    (("PUT", "/v1/clock", "{\"mode\": \"real\", \"offset\": 5}"), 400, "'offset' was unexpected"),
    (("POST", "/v1/clock/advance", "{\"seconds\": 9223372036854775807}"), 400, "at /seconds"),
    (("POST", "/v1/clock/advance", "{\"seconds\": 253402300799}"), 400, "1970"),
    (("POST", "/v1/faults", "{\"effect\": {\"kind\": \"status\", \"status\": 9}}"), 400, "200 to 599"),
    (("POST", "/v1/faults", "{\"effect\": {\"kind\": \"explode\"}}"), 400, "at /effect/kind"),
    (("POST", "/v1/faults", "{\"operation\": \"nope\", \"effect\": {\"kind\": \"hang\"}}"), 404, "listDevices"),
    (("POST", "/v1/gates/door/release", ""), 404, "no gate `door`"),
    (("POST", "/v1/snapshots/7/restore", ""), 404, "no snapshot 7"),
    (("POST", "/v1/snapshots/first/restore", ""), 400, "path parameter `id`"),
    (("POST", "/v1/keys/key_0/revoke", ""), 404, "no key key_0"),
    (("PUT", "/v1/rate-limits", "{\"limit\": 0, \"window\": 1}"), 400, "at /limit"),
    (("PUT", "/v1/rate-limits", "{\"limit\": 1, \"window\": 9223372036854775807}"), 400, "at /window"),
    (("POST", "/v1/organizations", "{\"slug\": \"\"}"), 400, "at /slug"),
    (
        ("POST", "/v1/users", "{\"email\": \"a@b.example\", \"password\": \"x\", \"rights\": [\"all\"]}"),
        400,
        "at /rights/0",
    ),
    (
        ("POST", "/v1/clients", "{\"organization\": \"acme\", \"redirect_uris\": [\"/here\"]}"),
        400,
        "at /redirect_uris/0",
    ),
    (("GET", "/v1/journal?since=yesterday", ""), 400, "`since`"),
    (("GET", "/v1/journal?status=9", ""), 400, "`status`"),
    (("PUT", "/v1/defects", "{\"active\": [\"M99\"]}"), 404, "`M99`"),
    (("DELETE", "/v1/world", ""), 405, "DELETE"),
    (("GET", "/v2", ""), 404, "/v2"),
];

/// The control plane says what is wrong and what to do.
#[tokio::test]
async fn the_control_plane_explains_itself() {
    let server = running("roboticks").await;
    let without = send(server.control_url(), &request("GET", "/v1/world", &[], "")).await;
    let wrong = send(server.control_url(), &request("GET", "/v1/world", &[("authorization", "Bearer x")], "")).await;
    for reply in [&without, &wrong] {
        assert_eq!(reply.status, 401);
        assert!(reply.json()["help"].as_str().unwrap().contains("Authorization: Bearer"));
    }
    let header = format!("Bearer {}", server.control_token());
    let raw =
        |method: &str, target: &str, body: &str| request(method, target, &[("authorization", header.as_str())], body);
    for ((method, target, body), status, words) in CONTROL_CASES {
        let reply = send(server.control_url(), &raw(method, target, body)).await;
        let (error, help) = (reply.json()["error"].clone(), reply.json()["help"].clone());
        assert_eq!(reply.status, *status, "{error}");
        assert!(error.as_str().unwrap().contains(words), "{error} does not say {words}");
        assert!(!help.as_str().unwrap().is_empty());
    }
    assert_eq!(control(&server, "GET", "/v1/world", &Value::Null).await.status, 200);
}

#[test]
fn what_cannot_be_served_is_told_with_its_place() {
    let unknown = Server::builder(document("roboticks")).defect("M99").unwrap_err();
    assert!(unknown.to_string().contains("`M99`") && unknown.to_string().contains("--list-defects"));

    let text = "openapi: 3.1.0\ninfo: {title: t, version: '1'}\npaths:\n  /a:\n    get:\n      responses:\n        '200':\n          description: x\n          content:\n            application/json:\n              schema: {type: sideways}\n";
    let error = Server::builder(Document::parse("t.yaml", text).unwrap()).core().err().unwrap();
    assert!(matches!(error, StartError::Schema { line: Some(11), .. }), "{error}");
    assert!(error.to_string().starts_with("t.yaml:11: at /paths/~1a/get"), "{error}");

    let person = Person {
        email: "a@b.example".into(),
        password: "x".into(),
        organization: "nowhere".into(),
        permission: Permission::Member,
        rights: None,
    };
    let organizations = vec![Organization { slug: "here".into(), projects: vec![] }];
    let world = Population { organizations, users: vec![person], ..Population::default() };
    let error = Server::builder(document("roboticks")).world(world).core().err().unwrap();
    assert!(error.to_string().contains("`nowhere`"), "{error}");
}

#[tokio::test]
async fn a_port_that_is_taken_is_told() {
    let server = running("roboticks").await;
    let port = server.base_url().rsplit(':').next().unwrap().parse().unwrap();
    let error = Server::builder(document("roboticks")).port(port).start().await.err().unwrap();
    assert!(error.to_string().contains(&format!("127.0.0.1:{port}")), "{error}");
}
