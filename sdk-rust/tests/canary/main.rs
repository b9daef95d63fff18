//! Canaries: secrets that are looked for in everything that is printed, the logs of the HTTP stack included.

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bitting::table::Api;
use bitting::{Body, Call, CallOptions, Client, Credential, Error, Part, Secret};
use serde_json::json;
use wiremock::matchers::{any, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

/// What every secret of this test has in it.
const CANARY: &str = "canary";

/// Everything that was logged.
#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("a lock").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A key in every place at once, an OAuth password flow, a login, and a public operation that answers a token.
fn api() -> Arc<Api> {
    let body = json!({"required": true, "media_types": ["application/json", "multipart/form-data"]});
    let flows = json!({"password": {"tokenUrl": "/oauth/token", "scopes": {}}});
    let table = json!({
        "name": "canaries", "version": "1", "servers": ["https://canaries.example"], "env_prefix": "NONE",
        "schemes": [
            {"name": "Bearer", "type": "http", "scheme": "bearer"},
            {"name": "Header", "type": "apiKey", "in": "header", "parameter": "X-API-Key"},
            {"name": "Query", "type": "apiKey", "in": "query", "parameter": "key"},
            {"name": "Cookie", "type": "apiKey", "in": "cookie", "parameter": "sid"},
            {"name": "Basic", "type": "http", "scheme": "basic"},
            {"name": "OAuth", "type": "oauth2", "flows": flows},
            {"name": "Login", "type": "http", "scheme": "bearer", "auth": {
                "acquire": {"operationId": "login"},
                "refresh": {"operationId": "refresh", "style": "refresh-token"}}},
        ],
        "operations": [
            {"id": "login", "method": "POST", "path": "/login", "body": body},
            {"id": "refresh", "method": "POST", "path": "/refresh", "body": body},
            {"id": "bearer", "method": "GET", "path": "/things", "security": [{"Bearer": []}]},
            {"id": "keys", "method": "GET", "path": "/things", "security": [{"Header": [], "Query": [], "Cookie": []}]},
            {"id": "basic", "method": "GET", "path": "/things", "security": [{"Basic": []}]},
            {"id": "oauth", "method": "POST", "path": "/things", "body": body, "security": [{"OAuth": []}]},
            {"id": "session", "method": "POST", "path": "/things", "body": body, "security": [{"Login": []}]},
        ]
    });
    Arc::new(serde_json::from_value(table).expect("an operation table"))
}

/// A server that sends back whatever it is sent, in headers and body, with every status in turn.
async fn echo() -> MockServer {
    let server = MockServer::start().await;
    let token = |number: u32| {
        let token = json!({"access_token": format!("test-access-canary-{number}"), "expires_in": 3600,
            "refresh_token": format!("test-refresh-canary-{number}")});
        ResponseTemplate::new(200).set_body_json(token)
    };
    for (at, number) in [("/login", 1), ("/refresh", 2), ("/oauth/token", 3)] {
        Mock::given(path(at)).respond_with(token(number)).mount(&server).await;
    }
    let statuses = [401, 200, 403, 429, 500, 302];
    let count = std::sync::atomic::AtomicUsize::new(0);
    let answer = move |request: &wiremock::Request| {
        let next = count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        let sent = format!("{} {:?}", request.url, request.headers);
        let mut answer = ResponseTemplate::new(statuses[next % statuses.len()]);
        for (name, value) in &request.headers {
            answer = answer.append_header(format!("x-echo-{name}").as_str(), value.to_str().unwrap_or_default());
        }
        let query = request.url.query().unwrap_or_default().to_owned();
        answer = answer.insert_header("location", format!("/moved?{query}").as_str());
        answer.insert_header("x-request-id", query.as_str()).set_body_json(json!({"detail": sent}))
    };
    Mock::given(any()).respond_with(answer).mount(&server).await;
    server
}

fn clients(url: &str) -> Vec<(Client, &'static str)> {
    let builder = || Client::builder(api()).base_url(url).environment(|_| None).max_retries(1);
    let key = |name: &str| Credential::ApiKey(Secret::new(format!("test-{name}-canary/1")));
    let login =
        || Credential::Login { username: "ada@example.com".to_owned(), password: Secret::new("test-password-canary") };
    let keys = ["Header", "Query", "Cookie"]
        .into_iter()
        .fold(builder(), |builder, name| builder.credential_for(name, key(name)));
    let build = |builder: bitting::ClientBuilder| builder.build().expect("a client");
    vec![
        (build(builder().token("test-token-canary/1")), "bearer"),
        (build(keys), "keys"),
        (build(builder().credential_for("Basic", login())), "basic"),
        (build(builder().credential_for("OAuth", login())), "oauth"),
        (build(builder().credential_for("Login", login())), "session"),
    ]
}

/// An error with all of its causes, printed in every way there is.
fn printed(error: &Error) -> String {
    let mut text = format!("{error} {error:?} {error:#?} {:?} {:?}", error.headers(), error.meta());
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text.push_str(&format!("{error} {error:?}"));
        cause = error.source();
    }
    text + &String::from_utf8_lossy(error.body().map(|body| body.as_ref()).unwrap_or_default())
}

/// What the public types print of themselves.
fn types() -> String {
    let secret = || "canary".to_owned();
    let part =
        Part { name: "file".to_owned(), file_name: None, media_type: None, content: secret().into_bytes().into() };
    let options = CallOptions::default().header("Authorization", "Bearer canary").query("key", "canary");
    let call =
        Call::new("session").argument("password", "canary").json(&json!({"password": "canary"})).options(options);
    let body = Body::Form(vec![("password".to_owned(), secret())]);
    let builder =
        Client::builder(api()).base_url("https://user:canary@x.example").default_header("X-API-Key", "canary");
    let builder = builder.login("ada@example.com", "canary").api_key("canary");
    let credentials = [
        Credential::ApiKey(Secret::new("canary")),
        Credential::Login { username: "ada".to_owned(), password: Secret::new("canary") },
        Credential::ClientCredentials { id: "id".to_owned(), secret: Secret::new("canary"), scopes: Vec::new() },
    ];
    let bytes = Body::Bytes(secret().into_bytes().into());
    let wrong = builder_error();
    format!("{call:?} {body:?} {bytes:?} {:?} {builder:?} {credentials:?} {wrong}", Body::Multipart(vec![part]))
}

/// The errors of a client that is given credentials which cannot be any.
fn builder_error() -> String {
    let builders = [
        Client::builder(api()).base_url("https://user:canary@x.example"),
        Client::builder(api()).api_key("canary\r\ncanary"),
        Client::builder(api()).default_header("X-API-Key", "canary\n"),
    ];
    let errors = builders.into_iter().map(|builder| builder.environment(|_| None).build().expect_err("an error"));
    errors.map(|error| format!("{error} {error:?}")).collect()
}

/// B7, B8, F3, ARTOS-9: every secret is a canary; the logs of ours and of the HTTP stack at TRACE, what every public type
/// prints of itself, and all errors with their causes hold none, although the server sends each one back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_printed_holds_a_secret() {
    let sink = Sink::default();
    let writer = sink.clone();
    // The stack's own spans and the `log` records of reqwest arrive in one place.
    let subscriber = tracing_subscriber::fmt().with_max_level(tracing_subscriber::filter::LevelFilter::TRACE);
    subscriber.with_ansi(false).with_writer(move || writer.clone()).init();
    let server = echo().await;
    let mut text = types();
    for (client, operation) in clients(&server.uri()) {
        for _ in 0..8 {
            let call = Call::new(operation);
            let call = if matches!(operation, "oauth" | "session") { call.json(&json!({"a": 1})) } else { call };
            match client.call(call).await {
                Ok(response) => text.push_str(&format!("{response:?} {:?}", response.meta)),
                Err(error) => text.push_str(&printed(&error)),
            }
            text.push_str(&format!("{client:?} {:?}", client.auth()));
        }
        let own =
            CallOptions::default().header("Authorization", "Bearer test-own-canary").deadline(Duration::from_secs(9));
        let call = Call::new("bearer").options(own);
        if let Err(error) = client.call(call).await {
            text.push_str(&printed(&error));
        }
        // A success that is not what it should be.
        let answer: Result<bitting::Response, Error> = client.call(Call::new("bearer")).await;
        text.push_str(&answer.map_or_else(|error| printed(&error), |answer| format!("{answer:?}")));
    }
    let unreachable = Client::builder(api()).base_url("http://127.0.0.1:1").environment(|_| None).max_retries(0);
    let unreachable = unreachable.token("test-token-canary").build();
    text.push_str(&printed(
        &unreachable.expect("a client").call(Call::new("bearer")).await.expect_err("no connection"),
    ));
    let logs = String::from_utf8_lossy(&sink.0.lock().expect("a lock")).into_owned();
    // The simulated server is no part of us: what it logs of its own requests does not count.
    let ours: Vec<&str> = logs.lines().filter(|line| !line.contains("wiremock")).collect();
    assert!(ours.iter().any(|line| line.contains("hyper_util")), "the stack's log is not seen");
    let hits: Vec<&&str> = ours.iter().filter(|line| line.contains(CANARY)).collect();
    assert!(hits.is_empty(), "{} lines, for instance: {:?}", hits.len(), hits.first());
    assert!(text.len() > 10_000);
    let at = text.find(CANARY).map(|at| text[at.saturating_sub(200)..].chars().take(300).collect::<String>());
    assert_eq!(at, None);
}
