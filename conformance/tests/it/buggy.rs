//! A server with faults that only generated requests meet: each is found, and made as small as it gets.

use bitting_conformance::{Credentials, Finding, Options, Severity, Target, run};
use bitting_spec::Document;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const DOCUMENT: &str = r#"
openapi: 3.1.0
info: {title: Buggy, version: '1'}
paths:
  /things:
    post:
      operationId: createThing
      security: []
      parameters:
        - {name: mode, in: query, schema: {type: string, enum: [fast, slow]}}
        - {name: size, in: query, schema: {type: integer, minimum: 1, maximum: 500}}
      requestBody:
        required: true
        content:
          application/json:
            schema:
              type: object
              required: [name]
              properties:
                name: {type: string, minLength: 1, maxLength: 40}
                tags: {type: array, items: {type: string, minLength: 1}, maxItems: 5}
                count: {type: integer, minimum: 0, maximum: 1000}
                note: {type: string, maxLength: 200}
      responses:
        '201':
          description: A thing.
          content: {application/json: {schema: {type: object, required: [ok], properties: {ok: {type: boolean}}}}}
        '415': {description: Another media type.}
        '422': {description: Invalid.}
"#;

/// The server checks everything right but for four faults.
fn answer(target: &str, body: &[u8]) -> (u16, &'static str) {
    let Ok(Value::Object(body)) = serde_json::from_slice::<Value>(body) else { return (422, "") };
    let tags = body.get("tags").and_then(Value::as_array).map_or(0, Vec::len);
    let name = body.get("name").and_then(Value::as_str).map(|name| name.chars().count());
    if tags >= 2 && body.contains_key("note") {
        return (500, "");
    }
    if body.get("count").and_then(Value::as_i64).is_some_and(|count| count >= 7) {
        return (422, "");
    }
    // The greatest length is not checked: that is the fourth fault.
    let valid = name.is_some_and(|length| length >= 1)
        && body.get("tags").is_none_or(|tags| {
            tags.as_array().is_some_and(|tags| {
                tags.len() <= 5 && tags.iter().all(|tag| tag.as_str().is_some_and(|tag| !tag.is_empty()))
            })
        })
        && body.get("count").is_none_or(|count| count.as_i64().is_some_and(|count| count >= 0))
        && body.get("note").is_none_or(|note| note.as_str().is_some_and(|note| note.chars().count() <= 200));
    let query = target.split_once('?').map_or("", |(_, query)| query);
    let is_valid_pair = |pair: &str| match pair.split_once('=') {
        Some(("mode", mode)) => ["fast", "slow"].contains(&mode),
        Some(("size", size)) => size.parse::<u32>().is_ok_and(|size| (1..=500).contains(&size)),
        _ => pair.is_empty(),
    };
    match (valid && query.split('&').all(is_valid_pair), query.contains("mode=slow")) {
        (false, _) => (422, ""),
        (true, false) => (201, r#"{"ok":true}"#),
        (true, true) => (201, r#"{"ok":"yes"}"#),
    }
}

async fn serve_one(mut stream: TcpStream) -> std::io::Result<()> {
    let mut bytes = Vec::new();
    loop {
        let mut buffer = [0; 8192];
        let read = stream.read(&mut buffer).await?;
        if read == 0 {
            return Ok(());
        }
        bytes.extend_from_slice(&buffer[..read]);
        let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
        let field = head.lines().find_map(|line| line.strip_prefix("content-length:"));
        let length: usize = field.and_then(|value| value.trim().parse().ok()).unwrap_or(0);
        if bytes.len() < end + 4 + length {
            continue;
        }
        let line = head.lines().next().unwrap_or_default().to_owned();
        let mut words = line.split(' ');
        let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let is_ours = target.split('?').next() == Some("/things");
        let (status, body) = match (method, is_ours, head.contains("application/json")) {
            ("post", true, true) => answer(target, &bytes[end + 4..end + 4 + length]),
            ("post", true, false) => (415, ""),
            (_, true, _) => (405, ""),
            _ => (404, ""),
        };
        let kind = if body.is_empty() { "" } else { "content-type: application/json\r\n" };
        let text = format!("HTTP/1.1 {status} X\r\nallow: POST\r\n{kind}content-length: {}\r\n\r\n{body}", body.len());
        stream.write_all(text.as_bytes()).await?;
        bytes.drain(..end + 4 + length);
    }
}

async fn findings(seed: u64) -> Vec<Finding> {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let base_url = format!("http://{}", listener.local_addr().expect("it is bound"));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve_one(stream));
        }
    });
    let document = Document::parse("buggy.yaml", DOCUMENT).expect("it is valid");
    let target = Target { base_url, credentials: Credentials::default() };
    run(&document, target, Options { seed, ..Options::default() }, |_| {}).await.expect("it runs").findings()
}

/// The body of a finding's curl command.
fn body(finding: &Finding) -> Value {
    let text = finding.curl.split("--data-binary '").nth(1).unwrap_or_default().trim_end_matches('\'');
    serde_json::from_str(text).unwrap_or(Value::Null)
}

/// Four faults, four findings, each with the smallest request that shows it; nothing else is found.
#[tokio::test(flavor = "multi_thread")]
async fn faults_are_found_and_made_small() {
    for seed in 0..10 {
        let findings = findings(seed).await;
        let of = |check: &str| {
            findings.iter().find(|finding| finding.check == check).unwrap_or_else(|| panic!("{check}: {findings:#?}"))
        };
        assert_eq!(findings.len(), 4, "{findings:#?}");
        assert!(findings.iter().all(|finding| finding.severity == Severity::Error));

        let broken = body(of("response.no-5xx"));
        assert_eq!(broken["tags"].as_array().map(Vec::len), Some(2), "{broken}");
        assert_eq!(broken["note"], "", "{broken}");
        assert!(
            broken.get("count").is_none() && broken["name"].as_str().is_some_and(|name| name.len() == 1),
            "{broken}"
        );

        let refused = body(of("input.positive-accepted"));
        assert!(refused["count"] == 7 && refused.get("tags").is_none() && refused.get("note").is_none(), "{refused}");

        let schema = of("response.schema");
        assert!(schema.curl.contains("mode=slow") && !schema.curl.contains("size="), "{}", schema.curl);
        assert_eq!(schema.cause, "the body breaks `type` of its schema at `/ok`");

        let taken = of("input.negative-refused");
        assert!(taken.cause.contains("`maxLength` of the body /name"), "{}", taken.cause);
        assert_eq!(body(taken).as_object().map(serde_json::Map::len), Some(1), "{}", taken.curl);
    }
}
