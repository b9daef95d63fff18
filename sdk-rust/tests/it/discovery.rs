//! OpenID Connect: a document that names nothing but the server's description of itself.

use std::sync::Arc;
use std::time::Duration;

use bitting::oauth::{Login, LoginError, OAuthClient};
use bitting::store::{LoginKind, MemoryStore, Profile};
use bitting::{Call, Client, Credential, Error, ManualClock};
use serde_json::json;
use wiremock::matchers::path;
use wiremock::{Mock, MockServer};

use crate::api::api;
use crate::authority::{Authority, CANARY, body, browse, consent, in_time};

fn clock() -> ManualClock {
    ManualClock::new(std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000))
}

fn login(authority: &Authority, store: &MemoryStore) -> Login {
    let login = Login::builder(authority.described_api()).environment(|_| None).store(Arc::new(store.clone()));
    login.clock(Arc::new(clock())).build().expect("a login")
}

/// A session that a client uses, renews and ends, knowing of the server only what it says of itself.
async fn serves(authority: &Authority, store: &MemoryStore, profile: Profile) {
    let clock = clock();
    let client = Client::builder(authority.described_api()).environment(|_| None).clock(Arc::new(clock.clone()));
    let client = client.store(Arc::new(store.clone())).credential(Credential::Profile(profile.clone()));
    let client = client.build().expect("a client");
    client.call(Call::new("read")).await.expect("an answer");
    clock.advance(Duration::from_secs(4_000));
    client.call(Call::new("read")).await.expect("an answer");
    assert_eq!(authority.state().refreshes, 1);
    assert!(login(authority, store).end(&profile).await.expect("an end"), "the server confirms the revocation");
    assert!(!format!("{client:?}").contains(CANARY));
}

/// ARROTECH-2, A4, A19: client credentials are minted where the server says, which is asked once and not before the first
/// call; a day later it is asked again.
#[tokio::test]
async fn an_app_is_let_in() {
    let (authority, clock) = (Authority::new().await, clock());
    let builder = Client::builder(authority.described_api()).environment(|_| None).clock(Arc::new(clock.clone()));
    let client = builder.client_credentials("app", "test-secret-canary", ["a"]).build().expect("a client");
    assert_eq!(authority.state().described, 0);
    for described in [1, 1, 2] {
        client.call(Call::new("read")).await.expect("an answer");
        assert_eq!(authority.state().described, described);
        clock.advance(Duration::from_secs(if described == 1 { 50_000 } else { 0 }));
    }
    let state = authority.state();
    assert_eq!(state.forms.iter().filter(|form| form["grant_type"] == "client_credentials").count(), 3);
}

/// D1, D6, ROBOTICKS-8: a browser logs in, and the session serves, renews itself and ends.
#[tokio::test]
async fn a_browser_logs_in() {
    let (authority, store) = (Authority::new().await, MemoryStore::new());
    let login = login(&authority, &store);
    let profile = in_time(login.browser(OAuthClient::new("app"), &["openid".to_owned()], consent)).await;
    serves(&authority, &store, profile.expect("a session")).await;
}

/// D3: another device does.
#[tokio::test]
async fn a_device_logs_in() {
    let (authority, store, clock) = (Authority::new().await, MemoryStore::new(), clock());
    let login = Login::builder(authority.described_api()).environment(|_| None).store(Arc::new(store.clone()));
    let login = login.clock(Arc::new(clock.clone())).build().expect("a login");
    let kinds: Vec<LoginKind> = login.ways().into_iter().map(|way| way.kind).collect();
    assert_eq!(kinds, [LoginKind::Browser, LoginKind::Device]);
    let device = login.device(OAuthClient::new("tv"), &[], |_| {});
    let passing = async {
        loop {
            tokio::time::sleep(Duration::from_millis(5)).await;
            clock.advance(Duration::from_secs(1));
        }
    };
    let profile = tokio::select! { profile = device => profile.expect("a session"), () = passing => unreachable!() };
    serves(&authority, &store, profile).await;
}

/// D1: a server that says that its answers carry its name is held to that (RFC 9207), and its name is the one that led to
/// it.
#[tokio::test]
async fn an_answer_without_a_name_is_foreign() {
    let (authority, store) = (Authority::new().await, MemoryStore::new());
    authority.state().signs = true;
    let login = login(&authority, &store);
    for (name, is_own) in [
        (String::new(), false),
        ("&iss=https://evil.example".to_owned(), false),
        (format!("&iss={}", authority.uri()), true),
    ] {
        let own = login.authorize(OAuthClient::new("app"), "https://app.example/cb", &[]).await.expect("a login");
        let (_, back, _) = browse("GET", own.url().as_str(), None).await;
        let outcome = login.finish(own, &format!("{}{name}", back.expect("a way back"))).await;
        match outcome {
            Ok(_) => assert!(is_own, "{name}"),
            Err(error) => assert!(!is_own && matches!(error, LoginError::Foreign(_)), "{name}: {error}"),
        }
    }
    assert_eq!(authority.state().forms.len(), 1, "only the server's own code is exchanged");
}

/// A9, B4, B6: a description that cannot be had, that redirects, or that is another server's is told as what it is; no
/// secret goes anywhere for it, and it may pass.
#[tokio::test]
async fn a_bad_description_is_told() {
    let elsewhere = MockServer::start().await;
    let token = format!("{}/token", elsewhere.uri());
    let cases = [
        (body(404, &json!({})), "answered 404"),
        (body(302, &json!({})).insert_header("location", token.as_str()), "answered 302"),
        (body(200, &json!("text")), "no `issuer`"),
        (body(200, &json!({"issuer": "https://evil.example", "token_endpoint": token})), "another issuer"),
    ];
    for (answer, expected) in cases {
        let server = MockServer::start().await;
        Mock::given(path("/.well-known/openid-configuration")).respond_with(answer).mount(&server).await;
        let table = json!({"name": "demo", "version": "1", "servers": [server.uri()], "env_prefix": "DEMO",
            "schemes": [{"name": "Id", "type": "openIdConnect", "url": "/.well-known/openid-configuration"}],
            "operations": [{"id": "read", "method": "GET", "path": "/data", "security": [{"Id": []}]}]});
        let builder = Client::builder(api(table)).environment(|_| None);
        let client = builder.client_credentials("app", "test-secret-canary", ["a"]).build().expect("a client");
        let error = client.call(Call::new("read")).await.expect_err("no token");
        assert!(matches!(error, Error::Token(_)) && error.is_retryable(), "{error}");
        assert!(error.to_string().contains(expected) && !error.to_string().contains(CANARY), "{error}");
        assert_eq!(server.received_requests().await.expect("recording is on").len(), 1);
    }
    assert!(elsewhere.received_requests().await.expect("recording is on").is_empty());
}
