//! Renewals that go wrong, or on behind their caller's back.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bitting::{Call, CallOptions, Error};
use serde_json::json;
use tokio::io::AsyncReadExt;
use wiremock::matchers::path;
use wiremock::{Mock, Request, ResponseTemplate};

use crate::api::table;
use crate::stage::{Issuer, Stage, create, empty_list, header, list, unauthorized};

async fn stage() -> Stage {
    let (stage, issuer) = (Stage::new().await, Issuer::default());
    let stubborn = Mock::given(path("/user")).respond_with(|_: &Request| unauthorized());
    stubborn.mount(&stage.server).await;
    issuer.mount(&stage, 3_600).await;
    stage
}

/// A11: an operation that refuses every token, while others accept them, does not cost a renewal per call.
#[tokio::test]
async fn a_stubborn_operation_renews_seldom() {
    let stage = stage().await;
    let client = stage.with_login();
    let both = async || {
        client.call(list()).await.expect("an answer");
        let error = client.call(Call::new("byUser")).await.expect_err("a refusal");
        assert_eq!(error.status().map(|status| status.as_u16()), Some(401));
    };
    for _ in 0..50 {
        both().await;
    }
    let renewals = async || stage.count("/auth/login").await + stage.count("/auth/refresh").await;
    assert_eq!(renewals().await, 2);
    for _ in 0..30 {
        stage.clock.advance(Duration::from_secs(31));
        both().await;
    }
    assert!(renewals().await <= 8, "the pauses double: {}", renewals().await);
}

/// A12, A11: a call renews once. What else goes wrong with it does not make it renew again.
#[tokio::test]
async fn a_call_renews_once() {
    let stage = Stage::new().await;
    let login = ResponseTemplate::new(200).set_body_json(json!({"access_token": "test-token"}));
    Mock::given(path("/auth/login")).respond_with(login).mount(&stage.server).await;
    let statuses = [401, 503, 401, 401];
    stage.answer(move |_, before| ResponseTemplate::new(statuses[before.min(3)])).await;
    let client = stage.with_login();
    let error = stage.hurried(client.call(list())).await.expect_err("a refusal");
    assert_eq!(error.meta().map(|meta| (meta.attempts, meta.refreshed)), Some((3, true)));
    assert_eq!(stage.count("/auth/login").await, 2);
}

/// A18, A17: the caller's deadline ends its waiting, and not the request for the token: that lands for others.
#[tokio::test]
async fn a_refresh_outlives_its_callers_deadline() {
    let stage = Stage::new().await;
    let login = ResponseTemplate::new(200).set_body_json(json!({"access_token": "test-token"}));
    let login = Mock::given(path("/auth/login")).respond_with(login.set_delay(Duration::from_millis(300)));
    login.expect(1).mount(&stage.server).await;
    stage.answer(|_, _| empty_list()).await;
    let client = stage.with_login();
    let hurried = tokio::spawn({
        let client = client.clone();
        async move { client.call(list().options(CallOptions::default().deadline(Duration::from_secs(1)))).await }
    });
    stage.until("/auth/login", 1).await;
    stage.clock.advance(Duration::from_secs(2));
    assert!(matches!(hurried.await.expect("no panic"), Err(Error::Deadline { .. })));
    client.call(list()).await.expect("an answer");
}

/// A17: an answer of the token endpoint that is lost is not asked for again: it may have used up a refresh token. A9: it
/// may pass, so it is no refusal, and the credentials are kept.
#[tokio::test]
async fn a_lost_token_answer_is_not_asked_for_again() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let server = tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 4_096]).await;
            count.fetch_add(1, Ordering::SeqCst);
        }
    });
    let stage = Stage::new().await;
    let builder = stage.builder().base_url(format!("http://{address}")).login("ada@example.com", "test-password");
    let error = builder.build().expect("a client").call(list()).await.expect_err("no token");
    let Error::Token(token) = &error else { panic!("{error}") };
    assert!(!token.is_terminal() && error.is_retryable());
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    server.abort();
}

/// A15: an answer of the token endpoint that is none is told as what it is, and may pass.
#[tokio::test]
async fn a_strange_token_answer_is_told() {
    for (body, expected) in
        [("<html>", "is not JSON"), ("{}", "no token at"), (r#"{"access_token": " "}"#, "no token at")]
    {
        let stage = Stage::new().await;
        stage.answer(move |_, _| ResponseTemplate::new(200).set_body_string(body)).await;
        let error = stage.with_login().call(list()).await.expect_err("no token");
        assert!(error.to_string().contains(expected) && error.is_retryable(), "{error}");
    }
}

/// A15: a token that says it is over already is used for the calls that waited for it, and for no other.
#[tokio::test]
async fn a_token_without_life_is_used_once() {
    let (stage, issuer) = (Stage::new().await, Issuer::default());
    issuer.mount(&stage, 0).await;
    let client = stage.with_login();
    for _ in 0..3 {
        client.call(list()).await.expect("an answer");
    }
    assert_eq!(stage.count("/auth/login").await, 3);
}

/// A19: a token that its server still renews after its end renews itself, and does not log in again.
#[tokio::test]
async fn an_expired_token_may_renew_itself() {
    let (stage, issuer) = (Stage::new().await, Issuer::default());
    issuer.mount(&stage, 3_600).await;
    let mut table = table();
    table["schemes"][2]["auth"]["refresh"]["after_expiry"] = json!("allowed");
    let client = stage.builder_of(table).login("ada@example.com", "test-password").build().expect("a client");
    client.call(list()).await.expect("an answer");
    stage.clock.advance(Duration::from_secs(4_000));
    client.call(create()).await.expect("an answer");
    assert_eq!((stage.count("/auth/login").await, stage.count("/auth/refresh").await), (1, 1));
}

/// A14: the life of a token counts from before its request was sent, however long the answer took.
#[tokio::test]
async fn a_life_counts_from_before_the_request() {
    let stage = Stage::new().await;
    let answer = ResponseTemplate::new(200).set_body_json(json!({"access_token": "test-token", "expires_in": 3600}));
    let login = Mock::given(path("/auth/login")).respond_with(answer.set_delay(Duration::from_millis(200)));
    login.mount(&stage.server).await;
    stage.answer(|_, _| empty_list()).await;
    let client = stage.with_login();
    let call = tokio::spawn({
        let client = client.clone();
        async move { client.call(list()).await }
    });
    stage.until("/auth/login", 1).await;
    stage.clock.advance(Duration::from_secs(20));
    call.await.expect("no panic").expect("an answer");
    let end = client.auth().explain()[0].expires_at.and_then(|end| end.duration_since(std::time::UNIX_EPOCH).ok());
    assert_eq!(end, Some(Duration::from_secs(1_800_003_600)));
}

/// A22: a refresh token in a cookie goes back as a cookie, to the refresh operation alone; a new one takes its place.
#[tokio::test]
async fn a_refresh_token_travels_in_a_cookie() {
    let stage = Stage::new().await;
    let mut table = table();
    table["schemes"][2]["auth"]["refresh"] = json!({"operationId": "refreshToken", "style": "cookie"});
    let answer = |number: usize| {
        let cookie = format!("refresh=test-refresh-{number}; Path=/; HttpOnly; SameSite=Lax");
        let token = json!({"access_token": format!("test-token-{number}"), "expires_in": 3600});
        let answer = ResponseTemplate::new(200).set_body_json(token).append_header("set-cookie", cookie.as_str());
        if number == 1 { answer.append_header("set-cookie", "sid=test-sid; Secure") } else { answer }
    };
    Mock::given(path("/auth/login")).respond_with(answer(1)).expect(1).mount(&stage.server).await;
    let count = AtomicUsize::new(1);
    let refresh = move |_: &Request| answer(count.fetch_add(1, Ordering::SeqCst) + 1);
    Mock::given(path("/auth/refresh")).respond_with(refresh).expect(2).mount(&stage.server).await;
    stage.answer(|_, _| empty_list()).await;
    let client = stage.builder_of(table).login("ada@example.com", "test-password").build().expect("a client");
    for _ in 0..3 {
        client.call(list()).await.expect("an answer");
        stage.clock.advance(Duration::from_secs(4_000));
    }
    let requests = stage.requests().await;
    let cookies: Vec<_> = requests.iter().map(|request| (request.url.path(), header(request, "cookie"))).collect();
    let devices = ("/organizations/acme/devices", None);
    let first = ("/auth/refresh", Some("refresh=test-refresh-1; sid=test-sid"));
    let second = ("/auth/refresh", Some("refresh=test-refresh-2; sid=test-sid"));
    assert_eq!(cookies, [("/auth/login", None), devices, first, devices, second, devices]);
}

/// A16: a refresh token that the server has refused is not offered again, also where no login took its place then: a
/// second use may pass for a theft.
#[tokio::test]
async fn a_refused_refresh_token_is_not_offered_again() {
    let stage = Stage::new().await;
    let mut table = table();
    table["schemes"][2]["auth"]["refresh"] = json!({"operationId": "refreshToken", "style": "refresh-token"});
    let count = AtomicUsize::new(0);
    let login = move |_: &Request| match count.fetch_add(1, Ordering::SeqCst) {
        1 => ResponseTemplate::new(503),
        number => ResponseTemplate::new(200).set_body_json(json!({"access_token": format!("test-token-{number}"),
            "refresh_token": format!("test-refresh-{number}"), "expires_in": 3600})),
    };
    Mock::given(path("/auth/login")).respond_with(login).expect(3).mount(&stage.server).await;
    let refused = ResponseTemplate::new(400).set_body_json(json!({"error": "invalid_grant"}));
    Mock::given(path("/auth/refresh")).respond_with(refused).expect(1).mount(&stage.server).await;
    stage.answer(|_, _| empty_list()).await;
    let client = stage.builder_of(table).login("ada@example.com", "test-password").build().expect("a client");
    client.call(list()).await.expect("an answer");
    stage.clock.advance(Duration::from_secs(4_000));
    client.call(list()).await.expect_err("neither a renewal nor a login");
    stage.clock.advance(Duration::from_secs(5));
    client.call(list()).await.expect("a login");
}

/// D5: what a JWT claims decides nothing: one that claims to have ended and to lack every scope is sent like any other,
/// by what the token endpoint said of it.
#[tokio::test]
async fn a_jwt_is_opaque() {
    use base64::Engine as _;
    let claims =
        json!({"exp": 1, "nbf": 4_000_000_000_u64, "scope": "", "iss": "https://evil.example", "aud": "other"});
    let claims = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(claims.to_string());
    let (stage, token) = (Stage::new().await, format!("e30.{claims}.test"));
    let granted = json!({"access_token": token, "expires_in": 3600, "scope": "devices:read"});
    let login = Mock::given(path("/auth/login")).respond_with(ResponseTemplate::new(200).set_body_json(granted));
    login.expect(1).mount(&stage.server).await;
    stage.answer(|_, _| empty_list()).await;
    let client = stage.with_login();
    for _ in 0..2 {
        client.call(list()).await.expect("an answer");
    }
    let sent = format!("Bearer {token}");
    assert_eq!(header(&stage.requests().await[1], "authorization"), Some(sent.as_str()));
    assert_eq!(client.auth().explain()[0].scopes, ["devices:read"]);
}
