//! Rate limits: waited out, shared by all tasks, capped.

use std::time::Duration;

use bitting::{CallOptions, Error};
use serde_json::json;
use wiremock::ResponseTemplate;

use crate::stage::{Stage, empty_list, list};

const DEVICES: &str = "/organizations/acme/devices";

/// ROBOTICKS-5: the refusal with its exact body.
fn too_many(seconds: u64) -> ResponseTemplate {
    let detail = format!("Rate limit exceeded. Try again in {seconds} seconds.");
    ResponseTemplate::new(429).set_body_json(json!({"detail": detail, "retry_after": seconds}))
}

/// Long enough, in real time, for a request that should not come to arrive.
async fn settle() {
    tokio::time::sleep(Duration::from_millis(60)).await;
}

/// C1, ROBOTICKS-5: the body's `retry_after` is waited for, not less, and the call then succeeds.
#[tokio::test]
async fn a_refusal_is_waited_out() {
    let stage = Stage::new().await;
    stage.answer(|_, before| if before == 0 { too_many(60) } else { empty_list() }).await;
    let client = stage.with_key();
    let call = tokio::spawn(async move { client.call(list()).await });
    stage.until(DEVICES, 1).await;
    settle().await;
    stage.clock.advance(Duration::from_millis(59_900));
    settle().await;
    assert_eq!(stage.count(DEVICES).await, 1);
    stage.clock.advance(Duration::from_secs(6));
    let response = stage.hurried(call).await.expect("no panic").expect("an answer");
    assert_eq!(response.meta.attempts, 2);
    assert!(response.meta.waited >= Duration::from_secs(60), "{:?}", response.meta.waited);
}

/// C6: a refusal to one task holds back all tasks of the credential, those of clones and other threads' clients too.
#[tokio::test]
async fn a_refusal_holds_back_every_task() {
    let stage = Stage::new().await;
    stage.answer(|_, before| if before == 0 { too_many(30) } else { empty_list() }).await;
    let client = stage.with_key();
    let spawn = |client: bitting::Client| tokio::spawn(async move { client.call(list()).await });
    let first = spawn(client.clone());
    stage.until(DEVICES, 1).await;
    settle().await;
    let others: Vec<_> = (0..20).map(|_| spawn(client.with_own_connections())).collect();
    settle().await;
    assert_eq!(stage.count(DEVICES).await, 1);
    stage.clock.advance(Duration::from_secs(33));
    stage.hurried(first).await.expect("no panic").expect("an answer");
    for other in others {
        assert!(stage.hurried(other).await.expect("no panic").is_ok());
    }
    assert_eq!(stage.count(DEVICES).await, 22);
}

/// C4: a wait beyond the cap, or beyond the deadline, is an error at once.
#[tokio::test]
async fn a_wait_that_is_too_long_is_an_error() {
    for (seconds, options) in
        [(61, CallOptions::default()), (30, CallOptions::default().deadline(Duration::from_secs(10)))]
    {
        let stage = Stage::new().await;
        stage.answer(move |_, _| too_many(seconds)).await;
        let client = stage.with_key();
        let error = client.call(list().options(options.clone())).await.expect_err("a refusal");
        assert_eq!(error.retry_after(), Some(Duration::from_secs(seconds)));
        assert_eq!(error.status().map(|status| status.as_u16()), Some(429));
        assert!(error.is_retryable());
        let again = client.call(list().options(options)).await.expect_err("a refusal");
        assert!(matches!(again, Error::RateLimited { refusal: None, .. }), "{again}");
        assert_eq!(stage.requests().await.len(), 1, "the second call is not sent while the gate is closed");
    }
}

/// ROBOTICKS-5: what the headers say is on the answer and on the client.
#[tokio::test]
async fn the_state_of_the_limit_is_told() {
    let stage = Stage::new().await;
    let headers = [("x-ratelimit-limit", "100"), ("x-ratelimit-remaining", "42"), ("x-ratelimit-reset", "1800000060")];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
    // The server's date is ours, so the window ends when it says.
    let date = ("date".to_owned(), "Fri, 15 Jan 2027 08:00:00 GMT".to_owned());
    stage.answer(move |_, _| empty_list().append_headers(headers.iter().chain([&date]).cloned())).await;
    let client = stage.with_key();
    assert_eq!(client.rate_limit(), None);
    let state = client.call(list()).await.expect("an answer").meta.rate_limit.expect("a state");
    assert_eq!((state.limit, state.remaining), (Some(100), Some(42)));
    assert_eq!(client.rate_limit(), Some(state));
}
