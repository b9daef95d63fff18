//! Callers that are dropped at every step of their call.

use std::task::Poll;
use std::time::Duration;

use super::Stage;
use super::server::LIFE;
use crate::call::Call;

/// Makes `before` and `after` callers wait around one that is dropped after `polls` polls, and answers whether that one
/// was done by then.
async fn dropped_after(stage: &Stage, polls: usize, before: usize, after: usize) -> bool {
    let waiter = || {
        let client = stage.client.clone();
        tokio::spawn(async move { client.call(Call::new("read")).await.map(|answer| answer.status) })
    };
    let mut waiters: Vec<_> = (0..before).map(|_| waiter()).collect();
    let mut is_done = false;
    {
        let mut leader = std::pin::pin!(stage.client.call(Call::new("read")));
        for _ in 0..polls {
            if let Poll::Ready(outcome) = futures_util::poll!(leader.as_mut()) {
                outcome.expect("an answer");
                is_done = true;
                break;
            }
            tokio::task::yield_now().await;
        }
        waiters.extend((0..after).map(|_| waiter()));
        tokio::task::yield_now().await;
    }
    for waiter in waiters {
        assert_eq!(waiter.await.expect("no panic").expect("an answer"), 200);
    }
    is_done
}

/// A2, C14: the caller who began the renewal is dropped after every number of polls, with 100 others waiting: one
/// renewal, nobody fails, the rotated token is kept, and nothing is left of anybody.
#[tokio::test]
async fn a_caller_is_dropped_at_every_poll() {
    for (before, after) in [(0, 100), (50, 50)] {
        let mut polls = 0;
        loop {
            let stage = Stage::new();
            stage.client.call(Call::new("read")).await.expect("an answer");
            stage.clock.advance(LIFE + Duration::from_secs(1));
            let is_done = dropped_after(&stage, polls, before, after).await;
            assert_eq!(stage.server.log().refreshes, 1, "dropped after {polls} polls");
            assert!(stage.server.has_session() && stage.is_quiet(), "dropped after {polls} polls");
            // The token that was rotated in is the one that renews next.
            stage.clock.advance(LIFE + Duration::from_secs(1));
            stage.client.call(Call::new("read")).await.expect("an answer");
            let log = stage.server.log();
            assert_eq!((log.logins, log.refreshes, log.violations.len()), (1, 2, 0), "dropped after {polls} polls");
            if is_done {
                break;
            }
            polls += 1;
        }
        assert!(polls > 3, "the harness dropped the call at {polls} points only");
    }
}

/// A2, A10, C14: the same for a caller whose token was refused.
#[tokio::test]
async fn a_refused_caller_is_dropped_at_every_poll() {
    let mut polls = 0;
    loop {
        let stage = Stage::new();
        stage.client.call(Call::new("read")).await.expect("an answer");
        stage.server.revoke();
        let is_done = dropped_after(&stage, polls, 0, 100).await;
        let log = stage.server.log();
        assert_eq!((log.logins, log.refreshes, log.violations.len()), (1, 1, 0), "dropped after {polls} polls");
        drop(log);
        assert!(stage.server.has_session() && stage.is_quiet(), "dropped after {polls} polls");
        if is_done {
            break;
        }
        polls += 1;
    }
    assert!(polls > 5, "the harness dropped the call at {polls} points only");
}
