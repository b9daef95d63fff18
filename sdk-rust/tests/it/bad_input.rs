//! Bad input: what was wrong, where it came from and what to do, before anything is sent; and answers of a token endpoint
//! that are none, after which the credentials are still there.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bitting::{Client, ClientBuilder, Credential, Error, Secret};
use serde_json::json;
use wiremock::matchers::path;
use wiremock::{Mock, Request, ResponseTemplate};

use crate::api::{api, table};
use crate::stage::{Stage, empty_list, header, list};

fn builder() -> ClientBuilder {
    Client::builder(api(table())).environment(|_| None)
}

/// What is said when a client cannot be made.
fn refused(builder: ClientBuilder) -> String {
    let error = builder.build().expect_err("an error");
    assert!(matches!(error, Error::Config(_) | Error::Credentials(_)), "{error:?}");
    let text = format!("{error}");
    assert!(!format!("{text} {error:?}").contains("canary"), "{text}");
    text
}

/// B9: an empty credential, one of several lines and one with its scheme before it are refused by name, with what to do and
/// without their value; one with blanks around it is trimmed.
#[tokio::test]
async fn credentials_are_checked() {
    let secret = || Secret::new("canary\ncanary");
    let cases = [
        (builder().api_key(""), "the API key from an argument is empty; give one"),
        (builder().token(" \t\n"), "the token from an argument is empty; give one"),
        (builder().login("", "test-password"), "the user name from an argument is empty; give one"),
        (builder().login("ada@example.com", "\r\n"), "the password from an argument is empty; give one"),
        (
            builder().api_key("canary canary"),
            "contains a blank, a line break or a character outside ASCII; copy it again",
        ),
        (builder().token("canary\r\nX-Evil: 1"), "the token from an argument contains a blank, a line break"),
        (builder().token("Bearer canary"), "begins with `Bearer `; give what follows it alone"),
        (builder().login("ada", "canary\ncanary"), "the password from an argument contains a line break"),
        (builder().login("a\u{7}da", "canary"), "control character; copy it again without them"),
        (builder().credential_for("UserToken", Credential::Token(secret())), "a line break"),
        (builder().credential_for("Nothing", Credential::ApiKey(Secret::new("canary"))), "fits no security scheme of"),
        (builder().client_certificate("canary"), "the client certificate from an argument cannot be read; give the"),
    ];
    for (builder, expected) in cases {
        let text = refused(builder);
        assert!(text.contains(expected), "{text}\nhas not: {expected}");
    }
    let stage = Stage::new().await;
    stage.answer(|_, _| empty_list()).await;
    let padded = stage.builder().api_key("  rbtk_test_1 \n").build().expect("a client");
    padded.call(list()).await.expect("an answer");
    assert_eq!(header(&stage.requests().await[0], "authorization"), Some("Bearer rbtk_test_1"));
}

/// B5: an address that is none, that others can read, or that carries a password is refused with what to do.
#[test]
fn addresses_are_checked() {
    let cases = [
        ("http://api.example", "use https (http is accepted for 127.0.0.0/8, ::1 and localhost)"),
        ("http://localhost.evil.example", "use https"),
        ("http://127.0.0.1.evil.example", "use https"),
        ("ftp://api.example", "is neither http nor https; give the whole address"),
        ("api.example", "give the whole address, such as https://api.example"),
        ("", "give the whole address"),
        ("https://user:canary@api.example", "carries a user name or password; give credentials to the builder instead"),
        ("https://api.example?a=1", "must not have a query or fragment"),
    ];
    for (address, expected) in cases {
        let text = refused(builder().api_key("rbtk_test_1").base_url(address));
        assert!(text.contains(expected), "{address}: {text}");
    }
}

/// B1: an operation that no credential serves says what would: variables, a login, a certificate, a header of the caller's
/// own for a scheme that this client does not speak.
#[tokio::test]
async fn a_missing_credential_says_what_would_serve() {
    let stage = Stage::new().await;
    let error = stage.builder().build().expect("a client").call(list()).await.expect_err("an error");
    let text = error.to_string();
    for part in ["ROBOTICKS_API_KEY", "ROBOTICKS_EMAIL and ROBOTICKS_PASSWORD", "or log in with `bitting login`"] {
        assert!(text.contains(part), "{part} in {text}");
    }
    let mut unusual = table();
    unusual["schemes"] = json!([{"name": "Digest", "type": "http", "scheme": "digest"},
        {"name": "Certificate", "type": "mutualTLS"}, {"name": "Key", "type": "apiKey", "in": "header", "parameter": "K"}]);
    unusual["operations"][3]["security"] = json!([{"Digest": []}, {"Certificate": [], "Key": []}]);
    unusual["operations"].as_array_mut().expect("operations").retain(|operation| operation["id"] == "listDevices");
    let client = stage.builder_of(unusual).api_key("rbtk_test_1").build().expect("a client");
    let text = client.call(list()).await.expect_err("an error").to_string();
    for part in ["`digest`, which this client does not speak", "give the client a certificate: `client_certificate`"] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert!(!text.contains("bitting login"), "{text}");
    assert!(stage.requests().await.is_empty());
}

/// A9, A15: an answer of the token endpoint that is not JSON, has no token or fails is told with what to do, and costs the
/// session nothing: when the endpoint is well again, the same client is let in.
#[tokio::test]
async fn a_bad_token_answer_costs_nothing() {
    let answer = |body: &str| ResponseTemplate::new(200).set_body_string(body);
    let cases = [
        (answer("<html>"), "its answer is not JSON; check that this is the API's address"),
        (answer("[]"), "its answer has no token at `/access_token`; the document says where"),
        (answer(r#"{"access_token": 7}"#), "its answer has no token"),
        (answer(r#"{"access_token": "two\nlines"}"#), "the token cannot stand in a header"),
        (ResponseTemplate::new(500), "500"),
        (ResponseTemplate::new(429).insert_header("retry-after", "7"), "429"),
    ];
    for (bad, expected) in cases {
        let (stage, count) = (Stage::new().await, AtomicUsize::new(0));
        let respond = move |_: &Request| match count.fetch_add(1, Ordering::SeqCst) {
            0 => bad.clone(),
            _ => ResponseTemplate::new(200).set_body_json(json!({"access_token": "test-token"})),
        };
        Mock::given(path("/auth/login")).respond_with(respond).mount(&stage.server).await;
        stage.answer(|_, _| empty_list()).await;
        let client = stage.with_login();
        let error = client.call(list()).await.expect_err(expected);
        assert!(error.to_string().contains(expected) && error.is_retryable(), "{error}");
        stage.clock.advance(Duration::from_secs(8));
        client.call(list()).await.expect("the endpoint is well again");
    }
}

/// A15: an `expires_in` that says nothing is no end: the token is used until the server refuses it.
#[tokio::test]
async fn a_nonsense_life_is_no_end() {
    for nonsense in [json!("soon"), json!(null), json!([]), json!({"a": 1}), json!(true)] {
        let stage = Stage::new().await;
        let token = json!({"access_token": "test-token", "expires_in": nonsense});
        let login = Mock::given(path("/auth/login")).respond_with(ResponseTemplate::new(200).set_body_json(token));
        login.expect(1).mount(&stage.server).await;
        stage.answer(|_, _| empty_list()).await;
        let client = stage.with_login();
        for _ in 0..3 {
            client.call(list()).await.expect("an answer");
            stage.clock.advance(Duration::from_secs(1_000_000));
        }
    }
}
