//! The gate over the wire: crowds that wait, the way back after a refusal, pacing by the headers.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bitting::{CallOptions, Client, Error, Response};
use futures_util::future::join_all;
use serde_json::json;
use tokio::task::JoinHandle;
use wiremock::ResponseTemplate;

use crate::stage::{Stage, create, empty_list, list};

const DEVICES: &str = "/organizations/acme/devices";

fn too_many(seconds: u64) -> ResponseTemplate {
    ResponseTemplate::new(429).set_body_json(json!({"detail": "Rate limit exceeded.", "retry_after": seconds}))
}

/// What a server says whose window, which ends in `reset` seconds, has `remaining` requests left.
fn left(remaining: u64, reset: u64) -> ResponseTemplate {
    let answer = empty_list().insert_header("date", "Fri, 15 Jan 2027 08:00:00 GMT");
    let answer = answer.insert_header("x-ratelimit-limit", "100");
    let answer = answer.insert_header("x-ratelimit-remaining", remaining.to_string());
    answer.insert_header("x-ratelimit-reset", (1_800_000_000 + reset).to_string())
}

fn crowd(client: &Client, count: usize) -> Vec<JoinHandle<Result<Response, Error>>> {
    let spawn = |_| {
        let client = client.clone();
        tokio::spawn(async move { client.call(list()).await })
    };
    (0..count).map(spawn).collect()
}

/// Long enough, in real time, for a request that should not come to arrive.
async fn settle() {
    tokio::time::sleep(Duration::from_millis(80)).await;
}

/// C9, C6: 300 callers are refused together and 100 more arrive meanwhile. All of them wait out the one refusal: waiting
/// costs no budget. C5: they come back one by one at first.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crowd_waits_out_one_refusal() {
    let stage = Stage::new().await;
    let refuse = |before: usize| (before < 300).then(|| too_many(30).set_delay(Duration::from_millis(600)));
    stage.answer(move |_, before| refuse(before).unwrap_or_else(empty_list)).await;
    let client = stage.with_key();
    let refused = crowd(&client, 300);
    stage.until(DEVICES, 300).await;
    tokio::time::sleep(Duration::from_millis(700)).await;
    let late = crowd(&client, 100);
    settle().await;
    assert_eq!(stage.count(DEVICES).await, 300);
    stage.clock.advance(Duration::from_secs(34));
    for outcome in stage.hurried(join_all(refused.into_iter().chain(late))).await {
        outcome.expect("no panic").expect("an answer");
    }
    assert_eq!(stage.count(DEVICES).await, 700);
}

/// C6: when the gate opens, one request goes out; the next two only after its answer.
#[tokio::test]
async fn one_request_goes_first() {
    let stage = Stage::new().await;
    let answer = |before| match before {
        0 => too_many(30),
        _ => empty_list().set_delay(Duration::from_millis(300)),
    };
    stage.answer(move |_, before| answer(before)).await;
    let client = stage.with_key();
    let first = crowd(&client, 1);
    stage.until(DEVICES, 1).await;
    settle().await;
    let others = crowd(&client, 20);
    settle().await;
    stage.clock.advance(Duration::from_secs(34));
    settle().await;
    assert_eq!(stage.count(DEVICES).await, 2);
    stage.until(DEVICES, 3).await;
    settle().await;
    assert_eq!(stage.count(DEVICES).await, 4);
    for outcome in stage.hurried(join_all(first.into_iter().chain(others))).await {
        outcome.expect("no panic").expect("an answer");
    }
}

/// C7: a window that the headers call used up is waited for, without a refusal.
#[tokio::test]
async fn a_spent_window_is_waited_for() {
    let stage = Stage::new().await;
    stage.answer(|_, before| if before == 0 { left(0, 30) } else { left(99, 90) }).await;
    let client = stage.with_key();
    client.call(list()).await.expect("an answer");
    let next = crowd(&client, 5);
    settle().await;
    assert_eq!(stage.count(DEVICES).await, 1);
    stage.clock.advance(Duration::from_secs(31));
    for outcome in stage.hurried(join_all(next)).await {
        assert_eq!(outcome.expect("no panic").expect("an answer").meta.attempts, 1);
    }
}

/// C7: headers are a hint. A call that cannot wait for the window's end asks the server, and takes its word.
#[tokio::test]
async fn a_call_that_cannot_wait_asks() {
    let stage = Stage::new().await;
    stage.answer(|_, _| left(0, 3_600)).await;
    let client = stage.with_key();
    for _ in 0..3 {
        client.call(list()).await.expect("an answer");
    }
    let hurried = CallOptions::default().deadline(Duration::from_secs(5));
    client.call(list().options(hurried)).await.expect("an answer");
}

/// C4: the longest wait can be said for one call alone.
#[tokio::test]
async fn a_call_has_a_longest_wait() {
    let stage = Stage::new().await;
    stage.answer(|_, _| too_many(30)).await;
    let options = CallOptions::default().max_wait(Duration::from_secs(29));
    let error = stage.with_key().call(list().options(options)).await.expect_err("a refusal");
    assert_eq!(error.retry_after(), Some(Duration::from_secs(30)));
    assert_eq!(stage.requests().await.len(), 1);
}

/// C9: a server that refuses for ever, and asks for no wait, is not asked for ever: each closure is paid for.
#[tokio::test]
async fn endless_refusals_end() {
    let stage = Stage::new().await;
    stage.answer(|_, _| too_many(0)).await;
    let options = CallOptions::default().max_retries(100_000);
    let error = stage.with_key().call(list().options(options)).await.expect_err("a refusal");
    assert!(matches!(error, Error::RateLimited { refusal: Some(_), .. }), "{error}");
    assert_eq!(stage.requests().await.len(), 101);
}

/// C12: where the document declares a header for it, the server's word about another try is taken.
#[tokio::test]
async fn the_server_says_whether_to_try_again() {
    let mut table = crate::api::table();
    table["retry"] = json!({"should_retry": "x-should-retry"});
    for (status, word, attempts) in [(503, "false", 1), (409, "true", 2), (429, "false", 1), (503, "perhaps", 2)] {
        let stage = Stage::new().await;
        let refusal = ResponseTemplate::new(status).insert_header("x-should-retry", word);
        stage.answer(move |_, before| if before == 0 { refusal.clone() } else { empty_list() }).await;
        let client = stage.builder_of(table.clone()).api_key("rbtk_test_1").build().expect("a client");
        let outcome = stage.hurried(client.call(list())).await.map(|answer| answer.meta.attempts);
        let sent = outcome.unwrap_or_else(|error| error.meta().map_or(0, |meta| meta.attempts));
        assert_eq!(sent, attempts, "{status} {word}");
    }
}

/// C11: a call that failed goes on under the key of its meta, and the server sees one write.
#[tokio::test]
async fn a_failed_write_goes_on_under_its_key() {
    let stage = Stage::new().await;
    let mut table = crate::api::table();
    table["retry"] = json!({"idempotency_key": {"header": "Idempotency-Key"}});
    let keys = Arc::new(std::sync::Mutex::new(Vec::new()));
    let seen = Arc::clone(&keys);
    stage
        .answer(move |request, before| {
            let key = crate::stage::header(request, "idempotency-key").unwrap_or_default().to_owned();
            seen.lock().expect("a lock").push(key);
            if before == 0 { ResponseTemplate::new(503) } else { empty_list() }
        })
        .await;
    let client = stage.builder_of(table).api_key("rbtk_test_1").build().expect("a client");
    let once = CallOptions::default().max_retries(0);
    let error = client.call(create().options(once)).await.expect_err("a failure");
    let key = error.meta().and_then(|meta| meta.idempotency_key.clone()).expect("a key");
    let again = CallOptions::default().idempotency_key(key.clone());
    assert_eq!(client.call(create().options(again)).await.expect("an answer").meta.idempotency_key, Some(key.clone()));
    assert_eq!(*keys.lock().expect("a lock"), [key.clone(), key]);
}

/// C14: calls that are dropped at the gate, or on their way, leave nothing behind that would hold others back.
#[tokio::test]
async fn dropped_calls_hold_nobody_back() {
    let stage = Stage::new().await;
    let count = AtomicUsize::new(0);
    let answer = move || match count.fetch_add(1, Ordering::SeqCst) {
        0 => too_many(30),
        1 | 2 => empty_list().set_delay(Duration::from_secs(60)),
        _ => empty_list(),
    };
    stage.answer(move |_, _| answer()).await;
    let client = stage.with_key();
    let dropped = crowd(&client, 10);
    stage.until(DEVICES, 1).await;
    settle().await;
    stage.clock.advance(Duration::from_secs(34));
    settle().await;
    dropped.iter().for_each(JoinHandle::abort);
    for outcome in stage.hurried(join_all(crowd(&client, 10))).await {
        outcome.expect("no panic").expect("an answer");
    }
}
