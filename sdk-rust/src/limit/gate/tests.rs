//! Tests of the queue at a gate.

use std::time::SystemTime;

use futures_util::future::join_all;

use super::*;
use crate::clock::ManualClock;

const SECOND: Duration = Duration::from_secs(1);
const PATIENT: Patience = Patience { longest: Duration::from_secs(60), deadline: None };

fn clock() -> ManualClock {
    ManualClock::new(SystemTime::UNIX_EPOCH)
}

/// A gate that a refusal has closed for `seconds`.
async fn closed(clock: &ManualClock, seconds: u32) -> Gate {
    let gate = Gate::default();
    let permit = gate.pass(clock, gate.place(), PATIENT).await.expect("an open gate");
    assert!(permit.refused(clock.now().mono, seconds * SECOND));
    gate
}

/// C4: a wait beyond the cap or the deadline is refused without waiting.
#[tokio::test]
async fn a_wait_that_is_too_long_is_refused_at_once() {
    let clock = clock();
    let gate = closed(&clock, 61).await;
    let refused = Shut::Closed { retry_after: 61 * SECOND };
    assert_eq!(gate.pass(&clock, gate.place(), PATIENT).await.err(), Some(refused));
    let hurried = Patience { longest: 90 * SECOND, deadline: Some(30 * SECOND) };
    assert_eq!(gate.pass(&clock, gate.place(), hurried).await.err(), Some(refused));
}

/// C8: who waits and learns that it takes longer than it can wait is told at once.
#[tokio::test]
async fn a_longer_closure_is_told_to_who_waits() {
    let clock = clock();
    let gate = Gate::default();
    let first = gate.pass(&clock, gate.place(), PATIENT).await.expect("an open gate");
    let second = gate.pass(&clock, gate.place(), PATIENT).await.expect("an open gate");
    assert!(first.refused(Duration::ZERO, 10 * SECOND));
    let mut waiting = std::pin::pin!(gate.pass(&clock, gate.place(), PATIENT));
    assert!(futures_util::poll!(waiting.as_mut()).is_pending());
    assert!(!second.refused(Duration::ZERO, SECOND), "it was sent before the gate closed");
    clock.advance(11 * SECOND);
    let probe = waiting.await.expect("an open gate");
    let mut waiting = std::pin::pin!(gate.pass(&clock, gate.place(), PATIENT));
    assert!(futures_util::poll!(waiting.as_mut()).is_pending());
    probe.refused(clock.now().mono, 100 * SECOND);
    assert_eq!(waiting.await.err(), Some(Shut::Closed { retry_after: 100 * SECOND }));
}

/// C8, C14: a dropped waiter gives its place back, and a dropped permit its right.
#[tokio::test]
async fn who_is_dropped_leaves_nothing() {
    let clock = clock();
    let gate = closed(&clock, 10).await;
    {
        let mut waiting = std::pin::pin!(gate.pass(&clock, gate.place(), PATIENT));
        assert!(futures_util::poll!(waiting.as_mut()).is_pending());
        assert_eq!(gate.load(), (1, 0));
    }
    assert_eq!(gate.load(), (0, 0));
    clock.advance(11 * SECOND);
    for _ in 0..3 {
        let permit = gate.pass(&clock, gate.place(), PATIENT).await.expect("an open gate");
        assert_eq!(gate.load(), (0, 1));
        drop(permit);
    }
    assert_eq!(gate.load(), (0, 0));
}

/// C8: first come, first served; a call that is refused keeps its place before those who came later.
#[tokio::test]
async fn the_queue_is_in_order() {
    let clock = clock();
    let gate = Gate::default();
    let place = gate.place();
    let permit = gate.pass(&clock, place, PATIENT).await.expect("an open gate");
    permit.refused(Duration::ZERO, 10 * SECOND);
    let order = std::sync::Mutex::new(Vec::new());
    let (gate, seen, clock) = (&gate, &order, &clock);
    let calls = (1..20).map(|_| gate.place()).chain([place]).map(|place| async move {
        let permit = gate.pass(clock, place, PATIENT).await.expect("an open gate");
        seen.lock().expect("a lock").push(place.0);
        tokio::task::yield_now().await;
        permit.admitted();
    });
    let calls = join_all(calls);
    let mut calls = std::pin::pin!(calls);
    assert!(futures_util::poll!(calls.as_mut()).is_pending());
    clock.advance(11 * SECOND);
    calls.await;
    assert_eq!(*order.lock().expect("a lock"), (0..20).collect::<Vec<_>>());
}

/// C8: the queue has an end, and who comes after it is told at once.
#[tokio::test]
async fn the_queue_is_bounded() {
    let clock = clock();
    let gate = closed(&clock, 10).await;
    let waiting = join_all((0..MOST_WAITERS).map(|_| gate.pass(&clock, gate.place(), PATIENT)));
    let mut waiting = std::pin::pin!(waiting);
    assert!(futures_util::poll!(waiting.as_mut()).is_pending());
    let refused = Shut::Closed { retry_after: 10 * SECOND };
    assert_eq!(gate.pass(&clock, gate.place(), PATIENT).await.err(), Some(refused));
    assert_eq!(gate.load(), (MOST_WAITERS, 0));
}

/// C8, C13: a call waits for its turn until its deadline and not longer, and leaves its place then.
#[tokio::test]
async fn a_turn_is_waited_for_until_the_deadline() {
    let clock = clock();
    let gate = closed(&clock, 1).await;
    clock.advance(2 * SECOND);
    let probe = gate.pass(&clock, gate.place(), PATIENT).await.expect("an open gate");
    let hurried = Patience { deadline: Some(5 * SECOND), ..PATIENT };
    let mut waiting = std::pin::pin!(gate.pass(&clock, gate.place(), hurried));
    assert!(futures_util::poll!(waiting.as_mut()).is_pending());
    clock.advance(3 * SECOND);
    assert_eq!(waiting.await.err(), Some(Shut::Late));
    assert_eq!(gate.load(), (0, 1));
    probe.admitted();
}
