//! What is sent again and what is not, time limits, and connections that fail.

use std::sync::Arc;
use std::time::Duration;

use bitting::{CallOptions, Error, TokioClock};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use wiremock::ResponseTemplate;

use crate::api::table;
use crate::stage::{Stage, create, empty_list, header, list};

/// C10: a read is sent again after a 503, up to the limit; the last answer comes back with the count (C17).
#[tokio::test]
async fn a_read_is_sent_again() {
    let stage = Stage::new().await;
    stage.answer(|_, before| if before < 2 { ResponseTemplate::new(503) } else { empty_list() }).await;
    let response = stage.hurried(stage.with_key().call(list())).await.expect("an answer");
    assert_eq!(response.meta.attempts, 3);

    let down = Stage::new().await;
    down.answer(|_, _| ResponseTemplate::new(503)).await;
    let error = down.hurried(down.with_key().call(list().options(CallOptions::default().max_retries(1)))).await;
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
    let response = stage.hurried(client.call(create())).await.expect("an answer");
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
    let error = stage.hurried(client.call(create())).await.expect_err("no connection");
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

/// C13: an answer that stands still is given up long before the limit of an attempt, and may have been acted on.
#[tokio::test]
async fn a_stalled_answer_is_given_up() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let server = tokio::spawn(async move {
        let mut kept = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 4_096]).await;
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"items\":").await;
            kept.push(stream);
        }
    });
    let stage = Stage::new().await;
    let builder = stage.builder().base_url(format!("http://{address}")).api_key("rbtk_test_1");
    let client = builder.timeout(Duration::from_secs(3_600)).build().expect("a client");
    let error = stage.hurried(client.call(create())).await.expect_err("a stall");
    let Error::Connect(error) = &error else { panic!("{error}") };
    assert!(error.maybe_sent && error.reason.contains("stood still"), "{error}");
    server.abort();
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

/// C15: options that many calls share carry nothing from one call to the next: each has all of its tries.
#[tokio::test]
async fn calls_share_options_and_no_state() {
    let stage = Stage::new().await;
    stage.answer(|_, before| if before % 2 == 0 { ResponseTemplate::new(503) } else { empty_list() }).await;
    let (client, options) = (stage.with_key(), CallOptions::default().max_retries(1));
    for _ in 0..5 {
        let outcome = stage.hurried(client.call(list().options(options.clone()))).await.expect("an answer");
        assert_eq!(outcome.meta.attempts, 2);
    }
}
