//! Tokens over the wire: login, refresh ahead and on a refusal, one request for all.

use std::time::Duration;

use bitting::{Background, Call, Client, Error};
use futures_util::future::join_all;
use serde_json::json;
use wiremock::matchers::{body_json, body_string, path};
use wiremock::{Mock, Request, ResponseTemplate};

use crate::api::table;
use crate::stage::{Issuer, Stage, create, empty_list, header, list, unauthorized};

const DEVICES: &str = "/organizations/acme/devices";

async fn stage() -> (Stage, Issuer) {
    let (stage, issuer) = (Stage::new().await, Issuer::default());
    issuer.mount(&stage, 3_600).await;
    (stage, issuer)
}

/// Makes `count` calls at the same time, and expects all to succeed.
async fn herd(client: &Client, count: usize) {
    let calls = (0..count).map(|_| {
        let client = client.clone();
        tokio::spawn(async move { client.call(list()).await })
    });
    for outcome in join_all(calls.collect::<Vec<_>>()).await {
        outcome.expect("no panic").expect("an answer");
    }
}

/// ROBOTICKS-2: the first call logs in, later ones use its token; the report says when it ends.
#[tokio::test]
async fn the_first_call_logs_in() {
    let (stage, _) = stage().await;
    let client = stage.with_login();
    assert!(stage.requests().await.is_empty());
    client.call(list()).await.expect("an answer");
    client.call(list()).await.expect("an answer");
    let requests = stage.requests().await;
    assert_eq!(requests.len(), 3);
    let body: serde_json::Value = serde_json::from_slice(&requests[0].body).expect("JSON");
    assert_eq!(body, json!({"email": "ada@example.com", "password": "test-password-canary"}));
    assert_eq!(header(&requests[2], "authorization"), Some("Bearer test-token-1"));
    let report = &client.auth().explain()[0];
    let end = report.expires_at.and_then(|end| end.duration_since(std::time::SystemTime::UNIX_EPOCH).ok());
    assert_eq!((report.scheme.as_str(), end), ("UserToken", Some(Duration::from_secs(1_800_003_600))));
    assert!(!format!("{client:?} {report:?}").contains("canary"));
}

/// A1: 1,000 tasks at the moment of expiry make one request for a token, and none fails.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_herd_at_expiry_renews_once() {
    let (stage, _) = stage().await;
    let client = stage.with_login();
    client.call(list()).await.expect("an answer");
    stage.clock.advance(Duration::from_secs(4_000));
    herd(&client, 1_000).await;
    assert_eq!((stage.count("/auth/login").await, stage.count("/auth/refresh").await), (2, 0));
}

/// A6, ROBOTICKS-3: ahead of its end the token renews itself by the refresh operation, and nobody waits for that.
#[tokio::test]
async fn a_token_is_renewed_ahead_of_its_end() {
    let (stage, _) = stage().await;
    let client = stage.with_login();
    client.call(list()).await.expect("an answer");
    stage.clock.advance(Duration::from_secs(3_400));
    client.call(list()).await.expect("an answer");
    let before = stage.requests().await;
    let last = before.iter().rfind(|request| request.url.path() == DEVICES).expect("a call");
    assert_eq!(header(last, "authorization"), Some("Bearer test-token-1"));
    stage.until("/auth/refresh", 1).await;
    let refresh = stage.requests().await.into_iter().find(|request| request.url.path() == "/auth/refresh");
    assert_eq!(header(&refresh.expect("a refresh"), "authorization"), Some("Bearer test-token-1"));
    tokio::time::sleep(Duration::from_millis(120)).await;
    client.call(list()).await.expect("an answer");
    let requests = stage.requests().await;
    assert_eq!(header(requests.last().expect("a call"), "authorization"), Some("Bearer test-token-2"));
    assert_eq!(stage.count("/auth/login").await, 1);
}

/// A10: a refused token is renewed once and the call is sent again, also a write: it was not processed (A12).
#[tokio::test]
async fn a_refused_token_is_renewed() {
    let (stage, issuer) = stage().await;
    let client = stage.with_login();
    client.call(list()).await.expect("an answer");
    issuer.revoke();
    let response = client.call(create()).await.expect("an answer");
    assert!(response.meta.refreshed);
    assert_eq!(response.meta.attempts, 2);
    let requests = stage.requests().await;
    let writes: Vec<&Request> = requests.iter().filter(|request| request.method.as_str() == "POST").collect();
    assert_eq!(writes.last().map(|request| request.body.as_slice()), Some(br#"{"name":"rover"}"#.as_slice()));
}

/// A10: 50 refusals that arrive late for the same old token make one request.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn late_refusals_renew_once() {
    let (stage, issuer) = stage().await;
    let client = stage.with_login();
    client.call(list()).await.expect("an answer");
    issuer.revoke();
    herd(&client, 50).await;
    assert_eq!(stage.count("/auth/login").await, 2);
}

/// A2: the call that began the login is dropped; those who wait for it are served by it.
#[tokio::test]
async fn a_cancelled_leader_loses_nothing() {
    let (stage, _) = stage().await;
    let client = stage.with_login();
    let leader = tokio::spawn({
        let client = client.clone();
        async move { client.call(list()).await }
    });
    stage.until("/auth/login", 1).await;
    leader.abort();
    herd(&client, 10).await;
    assert_eq!(stage.count("/auth/login").await, 1);
}

/// A11: when the fresh token is refused too, the call ends with the 401, and further calls do not ask for tokens.
#[tokio::test]
async fn two_refused_tokens_end_it() {
    let (stage, issuer) = stage().await;
    let client = stage.with_login();
    issuer.refuse_all();
    for _ in 0..5 {
        let error = client.call(list()).await.expect_err("a refusal");
        assert_eq!(error.status().map(|status| status.as_u16()), Some(401));
    }
    assert_eq!(stage.count("/auth/login").await, 2);
}

/// A8, A9: a wrong password is told with the server's words, once, and never shown.
#[tokio::test]
async fn a_refused_login_is_shared() {
    let stage = Stage::new().await;
    let body = json!({"detail": "Incorrect email or password: test-password-canary"});
    stage.answer(move |_, _| ResponseTemplate::new(401).set_body_json(&body)).await;
    let client = stage.with_login();
    for _ in 0..3 {
        let error = client.call(list()).await.expect_err("no token");
        let Error::Token(token) = &error else { panic!("{error}") };
        assert!(token.is_terminal() && !error.is_retryable());
        assert!(error.to_string().contains("Incorrect email or password: [redacted]"), "{error}");
        assert!(!format!("{error:?}").contains("canary"));
    }
    assert_eq!(stage.requests().await.len(), 1);
}

/// A10: a renewal that fails carries both answers: the refusal, and what the token endpoint said.
#[tokio::test]
async fn a_failed_renewal_tells_both_answers() {
    let stage = Stage::new().await;
    let logins = std::sync::atomic::AtomicUsize::new(0);
    let login = Mock::given(path("/auth/login")).respond_with(move |_: &Request| {
        match logins.fetch_add(1, std::sync::atomic::Ordering::SeqCst) {
            0 => ResponseTemplate::new(200).set_body_json(json!({"access_token": "test-token-1"})),
            _ => ResponseTemplate::new(503),
        }
    });
    login.mount(&stage.server).await;
    stage.answer(|_, _| unauthorized()).await;
    let error = stage.with_login().call(list()).await.expect_err("no token");
    assert_eq!(error.kind().as_str(), "token");
    assert_eq!(error.status().map(|status| status.as_u16()), Some(401));
    let Error::Token(token) = &error else { panic!("{error}") };
    assert_eq!(token.status().map(|status| status.as_u16()), Some(503));
    assert!(error.is_retryable());
}

/// A19: the style `refresh-token` sends the refresh token where the document says; without a new one the old stays (A16).
#[tokio::test]
async fn a_refresh_token_is_used() {
    let stage = Stage::new().await;
    let mut table = table();
    table["schemes"][2]["auth"]["refresh"] =
        json!({"operationId": "refreshToken", "style": "refresh-token", "request": {"refresh_token": "/token"}});
    let login = json!({"access_token": "test-token-1", "refresh_token": "test-refresh-1", "expires_in": 3600});
    let login = Mock::given(path("/auth/login")).respond_with(ResponseTemplate::new(200).set_body_json(login));
    login.expect(1).mount(&stage.server).await;
    let renewed = json!({"access_token": "test-token-2", "expires_in": 3600});
    let refresh = Mock::given(path("/auth/refresh")).and(body_json(json!({"token": "test-refresh-1"})));
    let refresh = refresh.respond_with(ResponseTemplate::new(200).set_body_json(renewed));
    refresh.expect(2).mount(&stage.server).await;
    stage.answer(|_, _| empty_list()).await;
    let client = stage.builder_of(table).login("ada@example.com", "test-password").build().expect("a client");
    for _ in 0..3 {
        client.call(list()).await.expect("an answer");
        stage.clock.advance(Duration::from_secs(4_000));
    }
}

/// ARROTECH-2: client credentials go as a form with the scopes asked for, and are sent again when the token is over.
#[tokio::test]
async fn client_credentials_mint_a_token() {
    let stage = Stage::new().await;
    let mut table = table();
    let flows = json!({"clientCredentials": {"tokenUrl": "https://api.roboticks.example/auth/token", "scopes": {}}});
    table["schemes"] = json!([{"name": "OAuth", "type": "oauth2", "flows": flows}]);
    for operation in table["operations"].as_array_mut().expect("operations") {
        operation["security"] = json!([{"OAuth": []}]);
    }
    let form =
        "grant_type=client_credentials&client_id=id&client_secret=test-secret&scope=data%3Aread+workflow%3Aexecute";
    let answer = json!({"access_token": "test-token-1", "expires_in": 3600, "scope": "data:read"});
    let token = Mock::given(path("/auth/token")).and(body_string(form));
    let token = token.respond_with(ResponseTemplate::new(200).set_body_json(answer));
    token.expect(2).mount(&stage.server).await;
    stage.answer(|_, _| empty_list()).await;
    let builder = stage.builder_of(table).client_credentials("id", "test-secret", ["data:read", "workflow:execute"]);
    let client = builder.build().expect("a client");
    for _ in 0..2 {
        client.call(list()).await.expect("an answer");
        stage.clock.advance(Duration::from_secs(4_000));
    }
    assert_eq!(client.auth().explain()[0].scopes, ["data:read"]);
}

/// A21: where the document says that 403 means a wrong token, a 403 renews it.
#[tokio::test]
async fn rejected_statuses_are_the_schemes() {
    let stage = Stage::new().await;
    let mut table = table();
    table["schemes"][2]["auth"]["rejected"] = json!([401, 403]);
    let login = json!({"access_token": "test-token-1"});
    let login = Mock::given(path("/auth/login")).respond_with(ResponseTemplate::new(200).set_body_json(login));
    login.expect(2).mount(&stage.server).await;
    stage.answer(|_, before| if before == 0 { ResponseTemplate::new(403) } else { empty_list() }).await;
    let client = stage.builder_of(table).login("ada@example.com", "test-password").build().expect("a client");
    assert!(client.call(Call::new("byUser")).await.expect("an answer").meta.refreshed);
}

/// A13: a 403 for want of a scope renews nothing.
#[tokio::test]
async fn a_missing_scope_renews_nothing() {
    let stage = Stage::new().await;
    let login = json!({"access_token": "test-token-1"});
    let login = Mock::given(path("/auth/login")).respond_with(ResponseTemplate::new(200).set_body_json(login));
    login.expect(1).mount(&stage.server).await;
    let challenge = "Bearer error=\"insufficient_scope\", scope=\"devices:write\"";
    stage.answer(move |_, _| ResponseTemplate::new(403).insert_header("www-authenticate", challenge)).await;
    let error = stage.with_login().call(list()).await.expect_err("a refusal");
    assert_eq!(error.status().map(|status| status.as_u16()), Some(403));
}

/// A1, A2: threads with runtimes of their own share one login, which runs on the background runtime.
#[test]
fn threads_share_one_login() {
    let background = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let background = background.expect("a runtime");
    let (stage, _issuer) = background.block_on(stage());
    let handle = background.handle().clone();
    let builder = stage.builder().background(Background::new(move || Some(handle.clone())));
    let client = builder.login("ada@example.com", "test-password").build().expect("a client");
    std::thread::scope(|scope| {
        for _ in 0..16 {
            let client = client.with_own_connections();
            scope.spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
                runtime.block_on(client.call(list())).expect("an answer");
            });
        }
    });
    assert_eq!(background.block_on(stage.count("/auth/login")), 1);
}

/// A4: the background runtime is asked for when the first token is due, so who uses a key starts no thread.
#[tokio::test]
async fn a_background_is_asked_for_when_a_token_is_due() {
    let (stage, _) = stage().await;
    let asked = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let background = || {
        let asked = std::sync::Arc::clone(&asked);
        Background::new(move || {
            asked.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            None
        })
    };
    let count = || asked.load(std::sync::atomic::Ordering::SeqCst);
    let keyed = stage.builder().api_key("rbtk_test_1").background(background()).build().expect("a client");
    keyed.call(Call::new("status")).await.expect_err("the issuer takes no key");
    assert_eq!(count(), 0);
    let builder = stage.builder().login("ada@example.com", "test-password").background(background());
    builder.build().expect("a client").call(list()).await.expect("an answer on the caller's runtime");
    assert_eq!(count(), 1);
}
