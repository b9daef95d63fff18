//! Canaries: secrets that are looked for in everything that is printed, the logs of the HTTP stack included.

mod shown;
mod tls;

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bitting::table::Api;
use bitting::{Call, CallOptions, Client, Credential, Secret};
use serde_json::json;
use shown::Shown;
use wiremock::matchers::{any, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

/// What every secret of this test has in it.
const CANARY: &str = "canary";

/// Everything that was logged.
#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl Sink {
    /// Takes all logs of this process, the stack's own spans and the `log` records of reqwest too.
    fn listen(&self) {
        let writer = self.clone();
        let subscriber = tracing_subscriber::fmt().with_max_level(tracing_subscriber::filter::LevelFilter::TRACE);
        subscriber.with_ansi(false).with_writer(move || writer.clone()).init();
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().expect("a lock")).into_owned()
    }
}

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
    let flow = json!({"tokenUrl": "/oauth/token", "authorizationUrl": "/authorize", "deviceAuthorizationUrl": "/device",
        "scopes": {}});
    let flows = json!({"password": flow, "authorizationCode": flow, "deviceAuthorization": flow});
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
            {"id": "list", "method": "GET", "path": "/things", "security": [{"OAuth": []}]},
            {"id": "scoped", "method": "GET", "path": "/scoped", "security": [{"Bearer": []}]},
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
    let scope = "Bearer error=\"insufficient_scope\", scope=\"a\"";
    let lacking = ResponseTemplate::new(403).insert_header("www-authenticate", scope);
    Mock::given(path("/scoped")).respond_with(lacking).mount(&server).await;
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
        answer = answer.insert_header("x-ratelimit-remaining", "5");
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

/// B7, B8, F3, ARTOS-9: every secret is a canary; the logs of ours and of the HTTP stack at TRACE, what every public type
/// prints of itself, and all errors with their causes hold none, although the server sends each one back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_printed_holds_a_secret() {
    let sink = Sink::default();
    sink.listen();
    let server = echo().await;
    let mut shown = Shown::default();
    shown::inputs(&mut shown);
    shown::stores(&mut shown).await;
    shown::sessions(&mut shown).await;
    for (client, operation) in clients(&server.uri()) {
        for _ in 0..8 {
            let call = Call::new(operation);
            let call = if matches!(operation, "oauth" | "session") { call.json(&json!({"a": 1})) } else { call };
            match client.call(call).await {
                Ok(response) => {
                    shown.add(&response);
                    shown.add(&response.meta);
                }
                Err(error) => shown.error(&error),
            }
            shown.add(&client);
            shown.add(&client.auth());
            client.rate_limit().iter().for_each(|state| shown.add(state));
        }
        let own =
            CallOptions::default().header("Authorization", "Bearer test-own-canary").deadline(Duration::from_secs(9));
        let call = Call::new("bearer").options(own);
        if let Err(error) = client.call(call).await {
            shown.error(&error);
        }
        if let Err(error) = client.call(Call::new("scoped")).await {
            shown.error(&error);
        }
    }
    let unreachable = Client::builder(api()).base_url("http://127.0.0.1:1").environment(|_| None).max_retries(0);
    let unreachable = unreachable.token("test-token-canary").build();
    shown.error(&unreachable.expect("a client").call(Call::new("bearer")).await.expect_err("no connection"));
    let logs = sink.text();
    // The simulated server is no part of us: what it logs of its own requests does not count.
    let ours: Vec<&str> = logs.lines().filter(|line| !line.contains("wiremock")).collect();
    assert!(ours.iter().any(|line| line.contains("hyper_util")), "the stack's log is not seen");
    let hits: Vec<&&str> = ours.iter().filter(|line| line.contains(CANARY)).collect();
    assert!(hits.is_empty(), "{} lines, for instance: {:?}", hits.len(), hits.first());
    assert_eq!(shown.missing(), Vec::<String>::new(), "public types of which nothing is shown here");
    let text = shown.text;
    assert!(text.len() > 10_000);
    let at = text.find(CANARY).map(|at| text[at.saturating_sub(200)..].chars().take(300).collect::<String>());
    assert_eq!(at, None);
}

/// B7: what a secret held is wiped from memory when its last clone is gone, and not before.
#[cfg(target_os = "linux")]
#[test]
fn a_dropped_secret_is_wiped() {
    use std::os::unix::fs::FileExt;
    const LENGTH: usize = 4_096;
    let memory = std::fs::File::open("/proc/self/mem").expect("the memory of this process");
    let (mut before, mut after) = (vec![0; LENGTH], vec![0; LENGTH]);
    let secret = Secret::new(CANARY.repeat(LENGTH / CANARY.len() + 1));
    let (at, clone) = (secret.expose().as_ptr() as u64, secret.clone());
    let holds = |bytes: &[u8]| bytes.windows(CANARY.len()).any(|window| window == CANARY.as_bytes());
    drop(secret);
    memory.read_exact_at(&mut before, at).expect("what the clone holds");
    drop(clone);
    memory.read_exact_at(&mut after, at).expect("what was freed");
    assert!(holds(&before) && !holds(&after));
}
