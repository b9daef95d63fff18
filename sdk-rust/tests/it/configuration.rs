//! How a client is built: base URLs, the environment, errors before anything is sent.

use bitting::{Call, Client, Error};
use serde_json::json;

use crate::api::{api, table};
use crate::stage::{Stage, create, empty_list, header, list};

fn environment(pairs: &'static [(&'static str, &'static str)]) -> impl Fn(&str) -> Option<String> + Send + Sync {
    move |name| pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
}

/// A4: a client is built without a runtime, without I/O and without a task.
#[test]
fn building_needs_no_runtime() {
    let client = Client::builder(api(table())).login("ada@example.com", "test-password").build().expect("a client");
    let calling = client.call(list());
    let result = futures_util::future::FutureExt::now_or_never(calling).expect("no runtime, no waiting");
    assert!(matches!(result, Err(Error::Config(_))));
}

/// B9: the names that the document declares; blanks are trimmed, and the key comes before the token.
#[tokio::test]
async fn credentials_come_from_the_environment() {
    let stage = Stage::new().await;
    stage.answer(|_, _| empty_list()).await;
    let variables = environment(&[("ROBOTICKS_API_KEY", " rbtk_test_1\n"), ("ROBOTICKS_TOKEN", "test-token")]);
    let client = stage.builder().environment(variables).build().expect("a client");
    client.call(list()).await.expect("an answer");
    client.call(Call::new("byUser")).await.expect("an answer");
    let requests = stage.requests().await;
    assert_eq!(header(&requests[0], "authorization"), Some("Bearer rbtk_test_1"));
    assert_eq!(header(&requests[1], "authorization"), Some("Bearer test-token"));
    assert!(client.warnings().is_empty(), "{:?}", client.warnings());
}

/// B9: an argument comes before the environment, and one warning says so; an empty variable counts as not set.
#[tokio::test]
async fn an_argument_shadows_the_environment() {
    let stage = Stage::new().await;
    let variables = environment(&[("ROBOTICKS_API_KEY", "rbtk_test_1"), ("ROBOTICKS_TOKEN", " ")]);
    let told = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let listener = std::sync::Arc::clone(&told);
    let builder = stage.builder().environment(variables).api_key("rbtk_test_2");
    let builder = builder.on_warning(move |text| listener.lock().expect("a lock").push(text.to_owned()));
    let client = builder.build().expect("a client");
    let warning = "ROBOTICKS_API_KEY is set and not used: the credential from an argument is used instead";
    assert_eq!(client.warnings(), [warning]);
    assert_eq!(*told.lock().expect("a lock"), [warning]);
    let same = environment(&[("ROBOTICKS_API_KEY", "rbtk_test_2")]);
    let same = stage.builder().environment(same).api_key("rbtk_test_2").build().expect("a client");
    assert!(same.warnings().is_empty(), "who gives what stands in a variable shadows nothing: {:?}", same.warnings());
    let reports = client.auth().explain();
    assert!(reports.iter().all(|report| report.source == bitting::CredentialSource::Argument), "{reports:?}");
}

/// B9: a key with a line break in it is refused, by the name of its variable and without its value.
#[test]
fn a_broken_variable_is_an_error() {
    let variables = environment(&[("ROBOTICKS_API_KEY", "rbtk_test\ncanary")]);
    let error = Client::builder(api(table())).environment(variables).build().expect_err("an error");
    assert_eq!(error.kind().as_str(), "credentials");
    assert!(error.to_string().contains("ROBOTICKS_API_KEY") && !error.to_string().contains("canary"), "{error}");
}

/// B5, ARTOS-8: a credential is never prepared for plain http to another machine, unless somebody insists.
#[test]
fn plain_http_is_for_loopback() {
    let builder = |url: &str| Client::builder(api(table())).environment(|_| None).api_key("rbtk_test_1").base_url(url);
    for bad in ["http://api.example", "http://localhost.evil.example", "ftp://127.0.0.1", "nonsense"] {
        assert!(matches!(builder(bad).build(), Err(Error::Config(_))), "{bad}");
    }
    assert!(builder("http://localhost:1").build().is_ok());
    let loud = builder("http://api.example").allow_insecure_http(true).build().expect("a client");
    assert!(loud.warnings()[0].contains("http://api.example:80"), "{:?}", loud.warnings());
}

/// The base URL comes from the argument, then from the environment, then from the document.
#[tokio::test]
async fn the_base_url_may_stand_in_the_environment() {
    let stage = Stage::new().await;
    stage.answer(|_, _| empty_list()).await;
    let url = stage.server.uri();
    let read = move |name: &str| (name == "ROBOTICKS_BASE_URL").then(|| url.clone());
    let client = Client::builder(api(table())).environment(read).api_key("rbtk_test_1").build().expect("a client");
    client.call(list()).await.expect("an answer");
    let mut relative = table();
    relative["servers"] = json!(["/"]);
    let error = Client::builder(api(relative)).environment(|_| None).build().expect_err("an error");
    assert!(error.to_string().contains("ROBOTICKS_BASE_URL"), "{error}");
}

/// A credential that fits nothing is a mistake, and is told at once.
#[test]
fn a_useless_credential_is_an_error() {
    let client = Client::builder(api(table())).environment(|_| None).client_credentials("id", "test-secret", ["a"]);
    let error = client.build().expect_err("an error");
    assert!(error.to_string().contains("ApiKeyBearer, ApiKeyHeader, UserToken"), "{error}");
}

/// What does not fit an operation is told before anything is sent, with what would.
#[tokio::test]
async fn arguments_are_checked() {
    let stage = Stage::new().await;
    let client = stage.with_key();
    let cases = [
        (Call::new("nothing"), "no such operation"),
        (Call::new("listDevices"), "`org_slug` is required"),
        (list().argument("colour", 1), "its parameters are: org_slug, limit, offset"),
        (Call::new("createDevice").argument("org_slug", "acme"), "a body is required"),
        (list().json(&1), "takes no body"),
        (list().argument("limit", json!({"a": [1]})), "cannot be written in this style"),
    ];
    for (call, expected) in cases {
        let error = client.call(call).await.expect_err(expected);
        assert_eq!(error.kind().as_str(), "request");
        assert!(error.to_string().contains(expected), "{error}");
    }
    assert!(stage.requests().await.is_empty());
}

/// The body, the query and the media types arrive as the operation asks.
#[tokio::test]
async fn a_request_arrives_as_the_document_says() {
    let stage = Stage::new().await;
    stage.answer(|_, _| empty_list()).await;
    let client = stage.with_key();
    client.call(create()).await.expect("an answer");
    let options = bitting::CallOptions::default().query("trace id", "a&b").header("X-Team", "blue");
    client.call(list().argument("query:limit", 5).options(options)).await.expect("an answer");
    let requests = stage.requests().await;
    assert_eq!(requests[0].body, br#"{"name":"rover"}"#);
    assert_eq!(header(&requests[0], "content-type"), Some("application/json"));
    assert_eq!(requests[1].url.query(), Some("limit=5&trace%20id=a%26b"));
    assert_eq!(header(&requests[1], "x-team"), Some("blue"));
    assert_eq!(header(&requests[1], "accept"), Some("application/json"));
}

/// The client and its futures can go to other threads.
#[test]
fn the_client_is_send_and_sync() {
    fn shared<T: Send + Sync + Clone + 'static>(_: &T) {}
    fn sent<T: Send>(_: &T) {}
    let client = Client::builder(api(table())).environment(|_| None).build().expect("a client");
    shared(&client);
    sent(&client.call(list()));
}
