//! What is sent again and what is not, time limits, and connections that fail.

use std::sync::Arc;
use std::time::Duration;

use bitting::{CallOptions, Error, TokioClock};
use serde_json::json;
use wiremock::ResponseTemplate;

use crate::api::table;
use crate::stage::{Stage, create, empty_list, header, list};

/// Runs a call while the clock is moved on, so that its waits pass.
async fn hurried<T>(stage: &Stage, call: impl Future<Output = T>) -> T {
    let mut call = std::pin::pin!(call);
    loop {
        match tokio::time::timeout(Duration::from_millis(20), call.as_mut()).await {
            Ok(output) => return output,
            Err(_) => stage.clock.advance(Duration::from_secs(1)),
        }
    }
}

/// C10: a read is sent again after a 503, up to the limit; the last answer comes back with the count (C17).
#[tokio::test]
async fn a_read_is_sent_again() {
    let stage = Stage::new().await;
    stage.answer(|_, before| if before < 2 { ResponseTemplate::new(503) } else { empty_list() }).await;
    let response = hurried(&stage, stage.with_key().call(list())).await.expect("an answer");
    assert_eq!(response.meta.attempts, 3);

    let down = Stage::new().await;
    down.answer(|_, _| ResponseTemplate::new(503)).await;
    let error = hurried(&down, down.with_key().call(list().options(CallOptions::default().max_retries(1)))).await;
    let error = error.expect_err("a failure");
    assert_eq!(error.meta().map(|meta| meta.attempts), Some(2));
    assert!(error.is_retryable());
}

/// C10: a write without a key is not sent again after a 503, since it might have been done.
#[tokio::test]
async fn a_write_is_sent_once() {
    let stage = Stage::new().await;
    stage.answer(|_, _| ResponseTemplate::new(503)).await;
    let error = stage.with_key().call(create()).await.expect_err("a failure");
    assert!(matches!(error, Error::Api(_)));
    assert_eq!(stage.requests().await.len(), 1);
}

/// C11: where the document names a header for it, a write carries one key on every attempt, and the caller learns it.
#[tokio::test]
async fn a_write_with_a_key_is_sent_again() {
    let stage = Stage::new().await;
    stage.answer(|_, before| if before < 1 { ResponseTemplate::new(503) } else { empty_list() }).await;
    let mut table = table();
    table["retry"] = json!({"idempotency_key": {"header": "Idempotency-Key"}});
    let client = stage.builder_of(table).api_key("rbtk_test_1").build().expect("a client");
    let response = hurried(&stage, client.call(create())).await.expect("an answer");
    let key = response.meta.idempotency_key.expect("a key");
    let requests = stage.requests().await;
    assert_eq!(requests.len(), 2);
    assert!(requests.iter().all(|request| header(request, "idempotency-key") == Some(key.as_str())));
    client.call(list()).await.expect("an answer");
    assert_eq!(header(&stage.requests().await[2], "idempotency-key"), None);
}

/// C10: what was surely not sent is tried again for every method; the error says so and shows no URL.
#[tokio::test]
async fn a_refused_connection_is_tried_again() {
    let stage = Stage::new().await;
    let builder = stage.builder().base_url("http://127.0.0.1:1").api_key("rbtk_test_1");
    let client = builder.build().expect("a client");
    let error = hurried(&stage, client.call(create())).await.expect_err("no connection");
    let Error::Connect(error) = &error else { panic!("{error}") };
    assert!(!error.maybe_sent);
    assert_eq!(error.meta.attempts, 3);
    assert!(!error.to_string().contains("127.0.0.1:1/"), "{error}");
}

/// C13: an attempt has a limit, a write that ran into it is not sent again.
#[tokio::test]
async fn an_attempt_has_a_limit() {
    let stage = Stage::new().await;
    stage.answer(|_, _| empty_list().set_delay(Duration::from_secs(30))).await;
    let builder = stage.builder().clock(Arc::new(TokioClock::new())).api_key("rbtk_test_1");
    let client = builder.timeout(Duration::from_millis(50)).build().expect("a client");
    let error = client.call(create()).await.expect_err("a timeout");
    assert!(matches!(error, Error::Timeout { .. }), "{error}");
    assert_eq!(error.meta().map(|meta| meta.attempts), Some(1));
}

/// C13, A18: the deadline bounds the whole call, also while it waits for a token.
#[tokio::test]
async fn a_call_has_a_deadline() {
    let stage = Stage::new().await;
    stage.answer(|_, _| empty_list().set_delay(Duration::from_secs(30))).await;
    for builder in [stage.builder().api_key("rbtk_test_1"), stage.builder().login("ada@example.com", "test-password")] {
        let builder = builder.clock(Arc::new(TokioClock::new())).deadline(Duration::from_millis(80));
        let client = builder.build().expect("a client");
        let error = tokio::time::timeout(Duration::from_secs(5), client.call(list())).await.expect("in time");
        assert!(matches!(error, Err(Error::Deadline { .. })), "{error:?}");
    }
}
