//! Which credential goes on which request, and which request gets none.

use bitting::{Call, CallOptions, Credential, Error, Secret};
use serde_json::json;
use wiremock::ResponseTemplate;

use crate::api::table;
use crate::stage::{Stage, empty_list, header, list, unauthorized};

/// B1, ROBOTICKS-1: of the alternatives, the document's first is used, and never two.
#[tokio::test]
async fn one_alternative_is_sent() {
    let stage = Stage::new().await;
    stage.answer(|_, _| empty_list()).await;
    let client = stage.with_key();
    client.call(list()).await.expect("an answer");
    client.call(Call::new("byHeader")).await.expect("an answer");
    let requests = stage.requests().await;
    assert_eq!(header(&requests[0], "authorization"), Some("Bearer rbtk_test_canary"));
    assert_eq!(header(&requests[0], "x-api-key"), None);
    assert_eq!(header(&requests[1], "x-api-key"), Some("rbtk_test_canary"));
    assert_eq!(header(&requests[1], "authorization"), None);
}

/// B1: of an AND, all or none; the error comes before anything is sent and names what is missing.
#[tokio::test]
async fn an_and_needs_all_of_its_schemes() {
    let stage = Stage::new().await;
    stage.answer(|_, _| empty_list()).await;
    let mut table = table();
    table["operations"][3]["security"] = json!([{"ApiKeyHeader": [], "UserToken": []}]);
    let key = Credential::ApiKey(Secret::new("rbtk_test_1"));
    let client = stage.builder_of(table.clone()).credential(key.clone()).build().expect("a client");
    let error = client.call(list()).await.expect_err("an error");
    assert_eq!(error.kind().as_str(), "credentials");
    assert!(error.to_string().contains("ROBOTICKS_TOKEN"), "{error}");
    assert!(stage.requests().await.is_empty());

    let token = Credential::Token(Secret::new("test-token"));
    let both = stage.builder_of(table).credential(key).credential_for("UserToken", token).build().expect("a client");
    both.call(list()).await.expect("an answer");
    let request = &stage.requests().await[0];
    assert_eq!(header(request, "x-api-key"), Some("rbtk_test_1"));
    assert_eq!(header(request, "authorization"), Some("Bearer test-token"));
}

/// B1, B9: two keys at once, each under the name of its scheme, as arguments and from the environment.
#[tokio::test]
async fn two_keys_stand_each_in_its_own_place() {
    let stage = Stage::new().await;
    stage.answer(|_, _| empty_list()).await;
    let mut table = table();
    let second = json!({"name": "X-App.Token", "type": "apiKey", "in": "header", "parameter": "X-App"});
    table["schemes"].as_array_mut().expect("a list").push(second);
    table["operations"][3]["security"] = json!([{"ApiKeyHeader": [], "X-App.Token": []}]);
    let key = |text: &str| Credential::ApiKey(Secret::new(text));
    let given = stage.builder_of(table.clone()).api_key("rbtk_test_1").credential_for("X-App.Token", key("test-2"));
    let variables = |name: &str| match name {
        "ROBOTICKS_API_KEY" => Some("rbtk_test_1".to_owned()),
        "ROBOTICKS_X_APP_TOKEN" => Some("test-2".to_owned()),
        _ => None,
    };
    let found = stage.builder_of(table.clone()).environment(variables);
    // B11: one's own header takes the place of what it stands for, and of nothing else.
    let own = stage.builder_of(table).api_key("rbtk_test_1").default_header("X-App", "test-2");
    for builder in [given, found, own] {
        builder.build().expect("a client").call(list()).await.expect("an answer");
    }
    for request in stage.requests().await {
        let headers = (header(&request, "x-api-key"), header(&request, "x-app"));
        assert_eq!(headers, (Some("rbtk_test_1"), Some("test-2")));
    }
}

/// B2, ARTOS-2: a public operation gets no credential, not even one that was set as a default header.
#[tokio::test]
async fn a_public_operation_gets_no_credential() {
    let stage = Stage::new().await;
    stage.answer(|_, _| ResponseTemplate::new(200)).await;
    let builder = stage.builder().api_key("rbtk_test_1").default_header("X-API-Key", "rbtk_test_2");
    let builder = builder.default_header("Cookie", "sid=1").default_header("Authorization", "Bearer rbtk_test_3");
    let client = builder.default_header("X-Team", "blue").build().expect("a client");
    client.call(Call::new("status")).await.expect("an answer");
    let request = &stage.requests().await[0];
    for name in ["authorization", "x-api-key", "cookie"] {
        assert_eq!(header(request, name), None, "{name}");
    }
    assert_eq!(header(request, "x-team"), Some("blue"));
}

/// B4: a server of an operation that is none of the document's gets no credential.
#[tokio::test]
async fn a_foreign_server_gets_no_credential() {
    let (stage, foreign) = (Stage::new().await, Stage::new().await);
    foreign.answer(|_, _| unauthorized()).await;
    let mut table = table();
    table["operations"][7]["servers"] = json!([foreign.server.uri()]);
    let builder = stage.builder_of(table).api_key("rbtk_test_1").default_header("X-Session", "test-session");
    let client = builder.build().expect("a client");
    let error = client.call(Call::new("foreign")).await.expect_err("a refusal");
    assert!(error.to_string().contains("no credential was sent"), "{error}");
    let request = &foreign.requests().await[0];
    for name in ["authorization", "x-api-key", "x-session"] {
        assert_eq!(header(request, name), None, "{name}");
    }
}

/// B6: a redirect is not followed, so no credential follows it; the error names where it leads.
#[tokio::test]
async fn a_redirect_is_not_followed() {
    for status in [301, 302, 303, 307, 308] {
        let (stage, elsewhere) = (Stage::new().await, Stage::new().await);
        elsewhere.answer(|_, _| empty_list()).await;
        let location = format!("{}/x?token=canary", elsewhere.server.uri());
        stage.answer(move |_, _| ResponseTemplate::new(status).insert_header("location", location.as_str())).await;
        let error = stage.with_key().call(list()).await.expect_err("an error");
        assert_eq!(error.status().map(|status| status.as_u16()), Some(status));
        let origin = elsewhere.server.uri();
        assert!(error.to_string().contains(&origin) && !error.to_string().contains("canary"), "{error}");
        assert!(elsewhere.requests().await.is_empty());
    }
}

/// B11: a credential among the headers of a call takes the place of the client's, and nothing is refreshed for it.
#[tokio::test]
async fn the_callers_own_credential_wins() {
    let stage = Stage::new().await;
    stage.answer(|_, _| unauthorized()).await;
    let options = || CallOptions::default().header("Authorization", "Bearer own");
    let error = stage.with_login().call(list().options(options())).await.expect_err("a refusal");
    assert_eq!(error.status().map(|status| status.as_u16()), Some(401));
    let requests = stage.requests().await;
    assert_eq!(requests.len(), 1);
    assert_eq!(header(&requests[0], "authorization"), Some("Bearer own"));
    let client = stage.builder().build().expect("a client");
    assert!(matches!(client.call(list().options(options())).await, Err(Error::Api(_))));
}

/// B12: a dot segment is refused before anything is sent; what else a path must not hold is escaped.
#[tokio::test]
async fn a_path_value_stays_in_its_place() {
    let stage = Stage::new().await;
    stage.answer(|_, _| empty_list()).await;
    let client = stage.with_key();
    for bad in [".", "..", ""] {
        let error = client.call(Call::new("listDevices").argument("org_slug", bad)).await.expect_err("an error");
        assert_eq!(error.kind().as_str(), "request", "{bad}");
    }
    assert!(stage.requests().await.is_empty());
    client.call(Call::new("listDevices").argument("org_slug", "a/b?c#d%2e")).await.expect("an answer");
    assert_eq!(stage.requests().await[0].url.path(), "/organizations/a%2Fb%3Fc%23d%252e/devices");
}

/// B8, B10, ARTOS-9: a refusal says which credential was sent and what looks wrong, and never shows it, nor its echo.
#[tokio::test]
async fn a_refusal_explains_itself_without_the_secret() {
    let stage = Stage::new().await;
    let echo = json!({"detail": "unknown key live_test_canary"});
    stage
        .answer(move |_, _| ResponseTemplate::new(401).set_body_json(&echo).insert_header("x-request-id", "req-1"))
        .await;
    let environment = |name: &str| (name == "ROBOTICKS_API_KEY").then(|| "live_test_canary".to_owned());
    let client = stage.builder().environment(environment).build().expect("a client");
    let error = client.call(list()).await.expect_err("a refusal");
    let text = error.to_string();
    for part in ["401", "ROBOTICKS_API_KEY", "`rbtk_`", "req-1", "unknown key [redacted]"] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert_eq!(error.request_id(), Some("req-1"));
    let body = String::from_utf8_lossy(error.body().expect("a body"));
    let all = format!("{text} {error:?} {body} {client:?} {:?}", client.auth());
    assert!(!all.contains("canary"), "{all}");
    assert_eq!(stage.requests().await.len(), 1, "A11: a key is never refreshed");
}

/// F4: the user agent names us, the language and the API, and can be replaced.
#[tokio::test]
async fn the_user_agent_can_be_replaced() {
    let stage = Stage::new().await;
    stage.answer(|_, _| empty_list()).await;
    stage.with_key().call(list()).await.expect("an answer");
    let own = stage.builder().api_key("rbtk_test_1").user_agent("mine/1").build().expect("a client");
    own.call(list()).await.expect("an answer");
    let requests = stage.requests().await;
    let usual = header(&requests[0], "user-agent").expect("a user agent");
    assert!(usual.starts_with("bitting/") && usual.contains("(rust/") && usual.ends_with(" roboticks/1.0"), "{usual}");
    assert_eq!(header(&requests[1], "user-agent"), Some("mine/1"));
}

/// F4: where an operation declares `X-Request-ID`, one id is sent per call, the same on each attempt, unless the caller
/// gives one.
#[tokio::test]
async fn a_call_is_named_where_the_document_asks() {
    let stage = Stage::new().await;
    stage.answer(|_, before| if before == 0 { ResponseTemplate::new(503) } else { empty_list() }).await;
    let mut table = table();
    let encoding = json!({"style": {"style": "simple", "explode": false}});
    let parameter = json!({"name": "X-Request-ID", "in": "header", "required": true, "encoding": encoding});
    table["operations"][3]["parameters"].as_array_mut().expect("parameters").push(parameter);
    let client = stage.builder_of(table).api_key("rbtk_test_1").build().expect("a client");
    stage.hurried(client.call(list())).await.expect("an answer");
    client.call(list().argument("X-Request-ID", "mine-1")).await.expect("an answer");
    let requests = stage.requests().await;
    let ids: Vec<_> = requests.iter().map(|request| header(request, "x-request-id").expect("an id")).collect();
    assert_eq!((ids[0], ids[0].len(), ids[2]), (ids[1], 36, "mine-1"));
}
