//! Crowds at the moment of expiry.

use std::time::Duration;

use futures_util::future::join_all;

use super::Stage;
use super::server::LIFE;
use crate::call::Call;

/// A1, A10: 10,000 tasks at the moment of expiry make one request for a token, and none of them fails.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ten_thousand_tasks_renew_once() {
    let stage = Stage::new();
    stage.client.call(Call::new("read")).await.expect("an answer");
    stage.clock.advance(LIFE + Duration::from_secs(1));
    let tasks = (0..10_000).map(|_| {
        let client = stage.client.clone();
        tokio::spawn(async move { client.call(Call::new("read")).await.map(|answer| answer.status) })
    });
    for outcome in join_all(tasks.collect::<Vec<_>>()).await {
        assert_eq!(outcome.expect("no panic").expect("an answer"), 200);
    }
    let log = stage.server.log();
    assert_eq!((log.logins, log.refreshes, log.violations.len()), (1, 1, 0));
    drop(log);
    assert!(stage.is_quiet());
}

/// A10: 10,000 tasks whose token is revoked while they are on their way make one request for a token.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ten_thousand_late_refusals_renew_once() {
    let stage = Stage::new();
    stage.client.call(Call::new("read")).await.expect("an answer");
    stage.server.revoke();
    let tasks = (0..10_000).map(|_| {
        let client = stage.client.clone();
        tokio::spawn(async move { client.call(Call::new("read")).await.map(|answer| answer.status) })
    });
    for outcome in join_all(tasks.collect::<Vec<_>>()).await {
        assert_eq!(outcome.expect("no panic").expect("an answer"), 200);
    }
    let log = stage.server.log();
    assert_eq!((log.logins, log.refreshes, log.violations.len()), (1, 1, 0));
}
