//! Tests of the flow as a pure value.

use super::*;

const SECOND: Duration = Duration::from_secs(1);

/// A flow in which `count` requests are on their way.
fn busy(count: usize) -> Flow {
    let mut flow = Flow::default();
    (0..count).for_each(|_| assert_eq!(flow.admit(Duration::ZERO, 0, false), Ok(0)));
    flow
}

/// How many requests get out at `now`, with `waiting` in the queue.
fn let_out(flow: &mut Flow, now: Duration, waiting: usize) -> usize {
    (0..waiting).take_while(|out| flow.admit(now, waiting - out, false).is_ok()).count()
}

/// C6: a refusal can only make the wait longer, and a server cannot close the gate for weeks.
#[test]
fn a_closure_only_grows_and_is_capped() {
    let mut flow = busy(2);
    assert!(flow.refused(0, SECOND, 10 * SECOND, 0.0));
    assert!(!flow.refused(0, SECOND, 3 * SECOND, 0.0));
    assert_eq!(flow.closed_until(SECOND), Some(11 * SECOND));
    flow.refused(1, SECOND, Duration::MAX, 0.0);
    assert_eq!(flow.closed_until(SECOND), Some(SECOND + LONGEST_CLOSURE));
}

/// C9: of a crowd that is refused together, only the first refusal is news.
#[test]
fn a_crowd_is_refused_once() {
    let mut flow = busy(300);
    let news = (0..300).filter(|_| {
        let is_news = flow.refused(0, SECOND, SECOND, 0.5);
        flow.done(false);
        is_news
    });
    assert_eq!((news.count(), flow.in_flight()), (1, 0));
}

/// C6: after a refusal one request goes out, then two, then four; a flow that nobody waits at is free again.
#[test]
fn the_way_back_is_a_probe_and_a_ramp() {
    let mut flow = busy(40);
    flow.refused(0, Duration::ZERO, SECOND, 0.0);
    (0..40).for_each(|_| flow.done(false));
    assert_eq!(flow.admit(Duration::ZERO, 40, false), Err(Hold::Closed(SECOND)));
    let rounds: Vec<usize> = (0..7)
        .map(|_| {
            let out = let_out(&mut flow, SECOND, 1_000);
            (0..out).for_each(|_| flow.done(true));
            out
        })
        .collect();
    assert_eq!(rounds, [1, 2, 4, 8, 16, 20, 21], "doubled to half of what was too much, then one more per round");
    (0..2_000).for_each(|_| {
        flow.admit(SECOND, 0, false).expect("a way out");
        flow.done(true);
    });
    assert_eq!(let_out(&mut flow, SECOND, 1_000), 1_000);
}

/// C6: a probe that is lost tells nothing; the next one goes out alone as well.
#[test]
fn a_lost_probe_is_followed_by_another() {
    let mut flow = busy(9);
    flow.refused(0, Duration::ZERO, SECOND, 0.0);
    (0..9).for_each(|_| flow.done(false));
    for _ in 0..3 {
        assert_eq!(let_out(&mut flow, SECOND, 9), 1);
        flow.done(false);
    }
}

/// C7: no more go out than are left, and none until the window ends; then one, to see how large the next one is.
#[test]
fn a_window_is_not_overrun() {
    let mut flow = busy(1);
    flow.observed(Some(Quota::new(3, 60 * SECOND, Duration::ZERO)));
    flow.done(true);
    assert_eq!(let_out(&mut flow, SECOND, 10), 3);
    (0..3).for_each(|_| {
        flow.observed(None);
        flow.done(true);
    });
    assert_eq!(flow.admit(SECOND, 7, false), Err(Hold::Spent(61 * SECOND)));
    assert_eq!(let_out(&mut flow, 61 * SECOND, 7), 1);
}

/// C7: until headers are seen nothing is paced.
#[test]
fn nothing_is_paced_without_headers() {
    assert_eq!(let_out(&mut Flow::default(), SECOND, 5_000), 5_000);
}

/// C7: a call that cannot wait for the end of a window goes out alone, since only a refusal is a fact.
#[test]
fn the_impatient_go_alone() {
    let mut flow = busy(1);
    flow.observed(Some(Quota::new(0, 3_600 * SECOND, Duration::ZERO)));
    assert!(flow.admit(SECOND, 0, true).is_err());
    flow.done(true);
    assert!(flow.admit(SECOND, 0, true).is_ok());
    assert!(flow.admit(SECOND, 0, true).is_err());
}

proptest::proptest! {
    /// C5: the stagger only adds, at most a tenth and at most 5 seconds.
    #[test]
    fn a_stagger_only_adds(wait in 0_u64..100_000, random in -1.0_f64..2.0) {
        let wait = Duration::from_millis(wait);
        let extra = stagger(wait, random);
        proptest::prop_assert!(extra <= wait / 10 && extra <= LONGEST_STAGGER);
    }

    /// C6 to C8: over any course of events, what is let out is what is counted, nothing goes out while the server is
    /// closed, and whoever waits alone gets out in the end.
    #[test]
    fn the_flow_stays_sound(events in proptest::collection::vec((0_u8..7, 0_u32..90), 1..80)) {
        let (mut flow, mut now, mut out) = (Flow::default(), Duration::ZERO, Vec::new());
        for (kind, number) in events {
            match kind {
                0 | 1 => if let Ok(seen) = flow.admit(now, 1, number == 0) {
                    proptest::prop_assert_eq!(flow.closed_until(now), None);
                    out.push(seen);
                },
                2 | 3 => if out.pop().is_some() { flow.done(kind == 2) },
                4 => if let Some(seen) = out.pop() {
                    flow.refused(seen, now, SECOND * number, 0.5);
                    flow.done(false);
                },
                5 => flow.observed((number > 9).then(|| Quota::new(u64::from(number / 9), SECOND * number, now))),
                _ => now += SECOND * number,
            }
            proptest::prop_assert_eq!(flow.in_flight(), out.len());
        }
        out.iter().for_each(|_| flow.done(false));
        proptest::prop_assert!(flow.admit(now + 1_000 * SECOND, 1, false).is_ok());
    }
}
