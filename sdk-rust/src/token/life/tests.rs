//! Tests of a token's life as pure functions.

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn at(seconds: u64) -> Now {
    let since = Duration::from_secs(seconds);
    Now { mono: since, wall: SystemTime::UNIX_EPOCH + since }
}

fn hour(random: f64) -> Timing {
    Timing::new(at(0), Lifetime::For(3_600 * SECOND), random)
}

/// A state that holds a token of one hour, asked for at 0.
fn holding() -> State {
    step(State::default(), Event::Landed(hour(0.0)), at(0)).0
}

/// A5: due 5 minutes before its end, jitter only makes it earlier, and a margin is kept at the end.
#[test]
fn a_token_is_fresh_then_due_then_over() {
    let phases = |timing: Timing| [3_299, 3_300, 3_589, 3_590].map(|second| timing.phase(at(second)));
    assert_eq!(phases(hour(0.0)), [Phase::Fresh, Phase::Due, Phase::Due, Phase::Over]);
    assert_eq!(hour(1.0).phase(at(3_269)), Phase::Fresh);
    assert_eq!(hour(1.0).phase(at(3_270)), Phase::Due);
    assert!(hour(0.0).is_alive(at(3_599)) && !hour(0.0).is_alive(at(3_600)));
}

/// A14: a machine that slept, or whose clock was stepped back, does not take a token for younger than it is.
#[test]
fn both_clocks_count() {
    let slept = Now { mono: SECOND, wall: at(7_200).wall };
    let stepped_back = Now { mono: at(7_200).mono, wall: at(0).wall };
    assert_eq!(hour(0.0).phase(slept), Phase::Over);
    assert_eq!(hour(0.0).phase(stepped_back), Phase::Over);
}

/// A15: without a life it is used until it is refused; with none left it is used once.
#[test]
fn absurd_lives_are_defined() {
    assert_eq!(Timing::new(at(0), Lifetime::Unknown, 0.5).phase(at(1 << 40)), Phase::Fresh);
    assert_eq!(Timing::new(at(0), Lifetime::Once, 0.5).phase(at(0)), Phase::Over);
    let longest = Timing::new(at(0), Lifetime::For(Duration::MAX), 0.5);
    assert_eq!(longest.expires_at(), Some(SystemTime::UNIX_EPOCH + LONGEST_LIFE));
}

/// A1, A6: the first caller starts the request, the others join it; inside the window they are served.
#[test]
fn one_request_is_under_way() {
    let (state, reply) = step(State::default(), Event::Wanted, at(0));
    assert_eq!(reply, Reply::Start);
    let (state, reply) = step(state, Event::Wanted, at(0));
    assert_eq!(reply, Reply::Join);
    let (state, _) = step(state, Event::Landed(hour(0.0)), at(0));
    let (state, reply) = step(state, Event::Wanted, at(3_400));
    assert_eq!(reply, Reply::ServeAndStart);
    assert_eq!(step(state, Event::Wanted, at(3_400)).1, Reply::Serve);
    assert_eq!(step(state, Event::Wanted, at(3_600)).1, Reply::Join);
}

/// A3: a request that was lost with its runtime does not leave the state waiting for it.
#[test]
fn a_lost_request_can_be_made_again() {
    let (state, _) = step(State::default(), Event::Wanted, at(0));
    let (state, _) = step(state, Event::Lost, at(0));
    assert_eq!(step(state, Event::Wanted, at(0)).1, Reply::Start);
}

/// A7: a failed early renewal keeps the token and is not repeated at once.
#[test]
fn a_failed_early_renewal_keeps_the_token() {
    let (state, _) = step(holding(), Event::Wanted, at(3_400));
    let (state, _) = step(state, Event::Failed { terminal: false, retry_after: None }, at(3_400));
    assert_eq!(step(state, Event::Wanted, at(3_400)).1, Reply::Serve);
    assert_eq!(step(state, Event::Wanted, at(3_401)).1, Reply::ServeAndStart);
}

/// A8, A9: after a failure there is a pause that doubles, or as long as was asked for, or a minute if it is for good.
#[test]
fn a_failure_is_followed_by_a_pause() {
    let failed = |state, retry_after, now| step(state, Event::Failed { terminal: false, retry_after }, now).0;
    let wanted = |state, now| step(state, Event::Wanted, now).1;
    let once = failed(State::default(), None, at(0));
    assert_eq!((wanted(once, at(0)), wanted(once, at(1))), (Reply::Fail, Reply::Start));
    let twice = failed(once, None, at(1));
    assert_eq!((wanted(twice, at(2)), wanted(twice, at(3))), (Reply::Fail, Reply::Start));
    let asked = failed(State::default(), Some(30 * SECOND), at(0));
    assert_eq!((wanted(asked, at(29)), wanted(asked, at(30))), (Reply::Fail, Reply::Start));
    let (terminal, _) = step(State::default(), Event::Failed { terminal: true, retry_after: None }, at(0));
    assert_eq!((wanted(terminal, at(59)), wanted(terminal, at(60))), (Reply::Fail, Reply::Start));
}

/// A10: only the current generation can be refused; a late refusal of an old one is answered with the current token.
#[test]
fn a_late_refusal_changes_nothing() {
    let (state, _) = step(holding(), Event::Landed(hour(0.0)), at(1));
    let (after, reply) = step(state, Event::Refused(1), at(2));
    assert_eq!((after, reply), (state, Reply::Serve));
    let (state, reply) = step(state, Event::Refused(2), at(2));
    assert_eq!(reply, Reply::Start);
    assert_eq!(step(state, Event::Refused(2), at(2)).1, Reply::Join);
    assert_eq!(step(state, Event::Wanted, at(2)).1, Reply::Join);
}

/// A11: two generations refused in a row stop the renewals for a while; the token is served meanwhile.
#[test]
fn a_second_refused_token_opens_the_circuit() {
    let (state, _) = step(holding(), Event::Refused(1), at(1));
    let (state, _) = step(state, Event::Landed(hour(0.0)), at(1));
    let (state, _) = step(state, Event::RefusedAgain(2), at(1));
    assert_eq!(step(state, Event::Refused(2), at(2)).1, Reply::GiveUp);
    assert_eq!(step(state, Event::Wanted, at(2)).1, Reply::Serve);
    assert_eq!(step(state, Event::Refused(2), at(31)).1, Reply::Start);
}

/// A11: a token that was accepted before it was refused counts as the first again.
#[test]
fn an_accepted_token_closes_the_circuit() {
    let (state, _) = step(holding(), Event::Refused(1), at(1));
    let (state, _) = step(state, Event::Landed(hour(0.0)), at(1));
    let (state, _) = step(state, Event::Accepted(2), at(1));
    assert_eq!(step(state, Event::Refused(2), at(2)).1, Reply::Start);
}

fn event() -> impl proptest::strategy::Strategy<Value = (u8, u64, u64)> {
    (0_u8..7, 0_u64..4, 0_u64..2_000)
}

proptest::proptest! {
    /// A5: whatever the life and the jitter, a token is due no later than half its life is left, and before its end.
    #[test]
    fn due_comes_before_the_end(life in 0_u64..400_000_000, random in -1.0_f64..2.0) {
        let life = Duration::from_secs(life);
        let timing = Timing::new(at(0), Lifetime::For(life), random);
        proptest::prop_assert!(timing.due <= timing.stale && timing.stale <= life.min(LONGEST_LIFE));
        proptest::prop_assert!(timing.due >= life.min(LONGEST_LIFE).mul_f64(0.44));
    }

    /// A1, A10: over any course of events, a request is started only when none is under way, generations only grow, and
    /// nobody is told to wait for a request that is not under way.
    #[test]
    fn the_state_stays_sound(events in proptest::collection::vec(event(), 1..60)) {
        let (mut state, mut now) = (State::default(), 0);
        for (kind, back, seconds) in events {
            now += seconds;
            let generation = state.generation.saturating_sub(back);
            let event = match kind {
                0 | 1 => Event::Wanted,
                2 => Event::Refused(generation),
                3 => Event::RefusedAgain(generation),
                4 => Event::Accepted(generation),
                5 if state.in_flight => Event::Landed(Timing::new(at(now), Lifetime::For(3_600 * SECOND), 0.5)),
                6 if state.in_flight => Event::Failed { terminal: back == 0, retry_after: Some(Duration::from_secs(seconds)) },
                _ => Event::Wanted,
            };
            let (next, reply) = step(state, event, at(now));
            proptest::prop_assert!(next.generation >= state.generation);
            match reply {
                Reply::Start | Reply::ServeAndStart => proptest::prop_assert!(!state.in_flight && next.in_flight),
                Reply::Join => proptest::prop_assert!(next.in_flight),
                Reply::Serve => proptest::prop_assert!(next.timing.is_some() && !next.condemned),
                Reply::Fail => proptest::prop_assert!(next.failures > 0),
                Reply::GiveUp | Reply::Noted => {}
            }
            state = next;
        }
    }
}
