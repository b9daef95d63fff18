//! Redirects: no credential of any kind follows one, wherever it leads.

use bitting::{Client, Credential, Secret};
use serde_json::{Value, json};
use wiremock::ResponseTemplate;

use crate::api::{api, table};
use crate::stage::{Stage, empty_list, list};

/// The table with one scheme, which puts a key where `scheme` says.
fn keyed(scheme: &Value) -> Value {
    let mut table = table();
    table["schemes"] = json!([scheme]);
    for operation in table["operations"].as_array_mut().expect("operations") {
        operation["security"] = json!([{"Key": []}]);
    }
    table
}

/// B6, B4: {301, 302, 303, 307, 308} x {same origin, port, scheme, host, sub-domain, user info} x {Authorization, a header
/// of its own, query, cookie}: a redirect is an answer like any other, and nothing is sent to where it points.
#[tokio::test]
async fn no_credential_follows_a_redirect() {
    let schemes = [
        json!({"name": "Key", "type": "http", "scheme": "bearer"}),
        json!({"name": "Key", "type": "apiKey", "in": "header", "parameter": "X-API-Key"}),
        json!({"name": "Key", "type": "apiKey", "in": "query", "parameter": "key"}),
        json!({"name": "Key", "type": "apiKey", "in": "cookie", "parameter": "sid"}),
    ];
    let elsewhere = Stage::new().await;
    elsewhere.answer(|_, _| empty_list()).await;
    let (mut combinations, other) = (0, elsewhere.server.address().port());
    for status in [301, 302, 303, 307, 308] {
        let stage = Stage::new().await;
        let own = stage.server.address().port();
        let targets = [
            format!("http://127.0.0.1:{own}/moved?token=canary"),
            format!("http://127.0.0.1:{other}/moved?token=canary"),
            format!("https://127.0.0.1:{own}/moved?token=canary"),
            format!("http://localhost:{other}/moved?token=canary"),
            format!("http://api.localhost:{other}/moved?token=canary"),
            format!("http://user:canary@127.0.0.1:{other}/moved"),
        ];
        let locations = targets.clone();
        // The number of the request before tells which redirect is meant.
        stage
            .answer(move |_, before| {
                let location = locations[before % locations.len()].as_str();
                ResponseTemplate::new(status).insert_header("location", location)
            })
            .await;
        for scheme in &schemes {
            let key = Credential::ApiKey(Secret::new("rbtk_test_canary"));
            let builder = Client::builder(api(keyed(scheme))).base_url(stage.server.uri()).environment(|_| None);
            let client = builder.credential(key).build().expect("a client");
            for target in &targets {
                let error = client.call(list()).await.expect_err(target);
                assert_eq!(error.status().map(|status| status.as_u16()), Some(status));
                assert!(!format!("{error} {error:?} {:?}", error.headers()).contains("canary"), "{error:?}");
                combinations += 1;
            }
        }
        let sent = stage.requests().await;
        assert!(sent.iter().all(|request| request.url.path() != "/moved"));
        assert_eq!(sent.len(), schemes.len() * targets.len());
    }
    assert_eq!(combinations, 120);
    assert!(elsewhere.requests().await.is_empty(), "0 leaks");
}

/// B6: a token endpoint that redirects is not followed either: the password would go along.
#[tokio::test]
async fn no_password_follows_a_redirect() {
    for status in [301, 302, 303, 307, 308] {
        let (stage, elsewhere) = (Stage::new().await, Stage::new().await);
        elsewhere.answer(|_, _| empty_list()).await;
        let location = format!("{}/auth/login", elsewhere.server.uri());
        stage.answer(move |_, _| ResponseTemplate::new(status).insert_header("location", location.as_str())).await;
        let error = stage.with_login().call(list()).await.expect_err("no token");
        assert_eq!(error.kind().as_str(), "token");
        assert!(elsewhere.requests().await.is_empty());
    }
}
