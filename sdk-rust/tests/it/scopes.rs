//! Scopes: which alternative is used, and what is said when a credential lacks one.

use bitting::{Client, Error};
use serde_json::{Value, json};
use wiremock::matchers::path;
use wiremock::{Mock, ResponseTemplate};

use crate::api::table;
use crate::stage::{Stage, empty_list, header, list};

/// Two OAuth schemes, either of which serves the list, and the scopes that it needs.
fn two_schemes(needed: &[&str]) -> Value {
    let mut table = table();
    let scheme = |name: &str, at: &str| {
        let flows =
            json!({"clientCredentials": {"tokenUrl": format!("https://api.roboticks.example{at}"), "scopes": {}}});
        json!({"name": name, "type": "oauth2", "flows": flows})
    };
    table["schemes"] = json!([scheme("Partner", "/partner/token"), scheme("Staff", "/staff/token")]);
    for operation in table["operations"].as_array_mut().expect("operations") {
        operation["security"] = json!([{"Partner": needed}, {"Staff": needed}]);
    }
    table
}

async fn stage(needed: &[&str], partner: Value, staff: Value) -> (Stage, Client) {
    let stage = Stage::new().await;
    for (at, answer) in [("/partner/token", partner), ("/staff/token", staff)] {
        let answer = ResponseTemplate::new(200).set_body_json(answer);
        Mock::given(path(at)).respond_with(answer).mount(&stage.server).await;
    }
    stage.answer(|_, _| empty_list()).await;
    let builder = stage.builder_of(two_schemes(needed));
    let client = builder.client_credentials("id", "test-secret", ["devices:read"]).build().expect("a client");
    (stage, client)
}

async fn used(stage: &Stage) -> Option<String> {
    let requests = stage.requests().await;
    let last = requests.iter().rfind(|request| request.url.path().ends_with("devices"));
    last.and_then(|request| header(request, "authorization")).map(str::to_owned)
}

/// B3: the document's first alternative, unless its token is known to lack a scope that the operation needs.
#[tokio::test]
async fn the_alternative_that_has_the_scope_is_used() {
    let partner = json!({"access_token": "test-partner", "scope": "devices:read"});
    let staff = json!({"access_token": "test-staff", "scope": "devices:write devices:read"});
    let (stage, client) = stage(&["devices:write"], partner, staff).await;
    for _ in 0..2 {
        client.call(list()).await.expect("an answer");
        assert_eq!(used(&stage).await.as_deref(), Some("Bearer test-staff"));
    }
    assert_eq!(stage.count("/partner/token").await, 1);
}

/// B3: where every token is known to lack it, nothing is sent, and the error says what is needed and what is there. An
/// answer without `scope` grants what was asked for (RFC 6749, 5.1).
#[tokio::test]
async fn a_missing_scope_is_told_before_anything_is_sent() {
    let token = json!({"access_token": "test-token"});
    let (stage, client) = stage(&["devices:write"], token.clone(), token).await;
    let error = client.call(list()).await.expect_err("an error");
    let Error::Scope(scope) = &error else { panic!("{error}") };
    assert_eq!(
        (scope.needed.as_slice(), scope.scheme.as_deref()),
        (["devices:write".to_owned()].as_slice(), Some("Partner"))
    );
    assert_eq!(scope.held.as_deref(), Some(["devices:read".to_owned()].as_slice()));
    assert_eq!((error.kind().as_str(), error.status()), ("credentials", None));
    assert!(error.to_string().contains("devices:write") && !error.is_retryable(), "{error}");
    assert_eq!(used(&stage).await, None);
}

/// B3: a token whose scopes nobody told may have any: the server decides.
#[tokio::test]
async fn unknown_scopes_are_sent() {
    let stage = Stage::new().await;
    let token = ResponseTemplate::new(200).set_body_json(json!({"access_token": "test-token"}));
    Mock::given(path("/partner/token")).respond_with(token).mount(&stage.server).await;
    stage.answer(|_, _| empty_list()).await;
    let builder = stage.builder_of(two_schemes(&["devices:write"]));
    let client = builder.client_credentials("id", "test-secret", Vec::<String>::new()).build().expect("a client");
    client.call(list()).await.expect("an answer");
    assert_eq!(used(&stage).await.as_deref(), Some("Bearer test-token"));
}

/// A13: the server's word for a lacking scope is an error of its own, with the scopes that it names.
#[tokio::test]
async fn the_servers_word_is_typed() {
    let stage = Stage::new().await;
    let challenge = "Bearer realm=\"api\", error=\"insufficient_scope\", scope=\"devices:read devices:write\"";
    stage.answer(move |_, _| ResponseTemplate::new(403).insert_header("www-authenticate", challenge)).await;
    let client = stage.builder().token("test-token-canary").build().expect("a client");
    let error = client.call(list()).await.expect_err("an error");
    let Error::Scope(scope) = &error else { panic!("{error}") };
    assert_eq!(scope.needed, ["devices:read", "devices:write"]);
    assert_eq!((error.kind().as_str(), error.status().map(|status| status.as_u16())), ("api", Some(403)));
    assert!(!format!("{error} {error:?}").contains("canary"));
}
