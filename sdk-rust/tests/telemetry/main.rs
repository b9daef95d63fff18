//! What a call tells of itself: spans and metrics by their stable names, and no secret in either.

use std::io::Write;
use std::sync::{Arc, Mutex};

use bitting::table::Api;
use bitting::{Call, Client};
use opentelemetry_sdk::metrics::{InMemoryMetricExporter, PeriodicReader, SdkMeterProvider};
use serde_json::json;
use tracing_subscriber::fmt::format::FmtSpan;
use wiremock::matchers::{any, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

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

fn api() -> Arc<Api> {
    let table = json!({
        "name": "told", "version": "1", "servers": ["https://told.example"], "env_prefix": "NONE",
        "schemes": [{"name": "Login", "type": "http", "scheme": "bearer", "auth": {"acquire": {"operationId": "login"}}}],
        "operations": [
            {"id": "login", "method": "POST", "path": "/login",
             "body": {"required": true, "media_types": ["application/json"]}},
            {"id": "list", "method": "GET", "path": "/things", "security": [{"Login": []}]},
        ]
    });
    Arc::new(serde_json::from_value(table).expect("an operation table"))
}

/// F1, F2, F3: a call that is refused for its token and for its number tells of both, attempt by attempt, under the names
/// of OpenTelemetry; a resend after a renewal counts; no secret is told.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_tells_of_itself() {
    let (sink, exporter) = (Sink::default(), InMemoryMetricExporter::default());
    let writer = sink.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_span_events(FmtSpan::CLOSE);
    subscriber.with_writer(move || writer.clone()).init();
    let reader = PeriodicReader::builder(exporter.clone()).build();
    let provider = SdkMeterProvider::builder().with_reader(reader).build();
    opentelemetry::global::set_meter_provider(provider.clone());

    let server = MockServer::start().await;
    let token =
        ResponseTemplate::new(200).set_body_json(json!({"access_token": "test-token-canary", "expires_in": 60}));
    Mock::given(path("/login")).respond_with(token).mount(&server).await;
    let count = std::sync::atomic::AtomicUsize::new(0);
    let answer = move |_: &wiremock::Request| match count.fetch_add(1, std::sync::atomic::Ordering::SeqCst) {
        0 => ResponseTemplate::new(401),
        1 => ResponseTemplate::new(429).insert_header("retry-after", "0"),
        _ => ResponseTemplate::new(200),
    };
    Mock::given(any()).respond_with(answer).mount(&server).await;
    let builder = Client::builder(api()).base_url(server.uri()).environment(|_| None);
    let client = builder.login("ada@example.com", "test-password-canary").build().expect("a client");
    client.call(Call::new("list")).await.expect("an answer");

    let told = String::from_utf8_lossy(&sink.0.lock().expect("a lock")).into_owned();
    for expected in [
        "bitting.call{operation_id=\"list\"}",
        "http.request.method=\"GET\"",
        "server.address=\"127.0.0.1\"",
        "server.port=",
        "url.template=\"/things\"",
        "http.request.resend_count=1",
        "http.request.resend_count=2",
        "http.response.status_code=401",
        "error.type=\"429\"",
        "bitting.credential=",
        "bitting.token.refresh",
        "bitting.auth.retry",
        "bitting.gate.closed",
    ] {
        assert!(told.contains(expected), "{expected} is not told:\n{told}");
    }
    provider.force_flush().expect("an export");
    let metrics = format!("{:?}", exporter.get_finished_metrics().expect("metrics"));
    for expected in [
        "http.client.request.duration",
        "bitting.token.refreshes",
        "bitting.token.refresh_wait",
        "bitting.auth.retries",
        "bitting.gate.closures",
        "bitting.gate.queue_depth",
        "bitting.budget.tokens",
        "operation_id",
        "http.response.status_code",
    ] {
        assert!(metrics.contains(expected), "{expected} is not measured:\n{metrics}");
    }
    assert!(!told.contains("canary") && !metrics.contains("canary"));
    assert!(!metrics.contains(&server.uri()), "no URL is an attribute");
}
