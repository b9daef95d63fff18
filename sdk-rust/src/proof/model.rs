//! Any course of calls, faults and time, against what must hold whatever happens.

use std::collections::HashMap;
use std::time::Duration;

use proptest::prelude::*;
use serde_json::json;
use tokio::task::JoinHandle;

use super::server::{Dialect, TokenTrouble, Trouble};
use super::{Stage, api};
use crate::call::Call;
use crate::clock::Clock;
use crate::error::Error;

/// One thing that happens.
#[derive(Debug, Clone)]
enum Op {
    /// A call begins: a read, a write, a write that may be repeated.
    Call(Kind),
    /// A call begins and is dropped after so many polls.
    Cancel(Kind, usize),
    /// Both clocks move on.
    Advance(u64),
    /// The machine sleeps: the time of day moves on alone.
    Suspend(u64),
    /// Somebody sets the time of day back.
    StepBack(u64),
    /// The server takes back all tokens.
    Revoke,
    /// The server ends the session, so that it cannot be renewed.
    End,
    /// Something happens to the next request.
    Trouble(Trouble),
    /// Something happens to the next request for a token, which may rotate what renews it.
    TokenTrouble(TokenTrouble),
    /// The tasks go on as far as they can.
    Settle,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Read,
    Write,
    Put,
}

fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![Just(Kind::Read), Just(Kind::Write), Just(Kind::Put)]
}

fn trouble() -> impl Strategy<Value = Trouble> {
    use Dialect::{Body, Date, Draft, Millis, Reset, Seconds};
    let dialect = prop_oneof![Just(Seconds), Just(Date), Just(Body), Just(Draft), Just(Reset), Just(Millis)];
    prop_oneof![
        (dialect, 0_u64..50).prop_map(|(dialect, seconds)| Trouble::TooMany(dialect, seconds)),
        Just(Trouble::Unavailable),
        Just(Trouble::Late503),
        Just(Trouble::Unreachable),
        Just(Trouble::CutBefore),
        Just(Trouble::CutAfter),
        Just(Trouble::Slow),
        Just(Trouble::LateRefusal),
    ]
}

fn token_trouble() -> impl Strategy<Value = TokenTrouble> {
    use TokenTrouble::{CutAfter, CutBefore, Unavailable};
    prop_oneof![Just(Unavailable), Just(CutBefore), Just(CutAfter)]
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        6 => kind().prop_map(Op::Call),
        2 => (kind(), 0_usize..9).prop_map(|(kind, polls)| Op::Cancel(kind, polls)),
        2 => (0_u64..90).prop_map(Op::Advance),
        1 => (3_000_u64..4_000).prop_map(Op::Advance),
        1 => (0_u64..9_000).prop_map(Op::Suspend),
        1 => (0_u64..9_000).prop_map(Op::StepBack),
        1 => Just(Op::Revoke),
        1 => Just(Op::End),
        4 => trouble().prop_map(Op::Trouble),
        1 => token_trouble().prop_map(Op::TokenTrouble),
        3 => Just(Op::Settle),
    ]
}

type Task = JoinHandle<(u64, Kind, Result<(), Error>)>;

/// A course of events and the calls that it began.
struct Course {
    stage: Stage,
    /// Whether the document names a header for idempotency keys, so that writes carry one and may be repeated.
    is_keyed: bool,
    tasks: Vec<Task>,
    /// The kinds of all calls by their ids, those that were dropped included.
    kinds: HashMap<u64, Kind>,
}

impl Course {
    fn call(&mut self, kind: Kind) -> (u64, Call) {
        let id = self.kinds.len() as u64;
        self.kinds.insert(id, kind);
        let call = match kind {
            Kind::Read => Call::new("read"),
            Kind::Write => Call::new("write").json(&json!({"id": id})),
            Kind::Put => Call::new("put").json(&json!({"id": id})),
        };
        (id, call)
    }

    async fn happen(&mut self, op: Op) {
        let log = || self.stage.server.log();
        let wall = self.stage.clock.now().wall;
        match op {
            Op::Advance(seconds) => self.stage.clock.advance(Duration::from_secs(seconds)),
            Op::Suspend(seconds) => self.stage.clock.set_wall(wall + Duration::from_secs(seconds)),
            Op::StepBack(seconds) => self.stage.clock.set_wall(wall - Duration::from_secs(seconds)),
            Op::Revoke => self.stage.server.revoke(),
            Op::End => self.stage.server.end(),
            Op::Trouble(trouble) => log().troubles.push_back(trouble),
            Op::TokenTrouble(trouble) => log().token_troubles.push_back(trouble),
            Op::Settle => self.stage.settle().await,
            Op::Call(kind) => {
                let (id, call) = self.call(kind);
                let client = self.stage.client.clone();
                self.tasks.push(tokio::spawn(async move { (id, kind, client.call(call).await.map(|_| ())) }));
            }
            Op::Cancel(kind, polls) => {
                let (_, call) = self.call(kind);
                let mut call = std::pin::pin!(self.stage.client.call(call));
                for _ in 0..polls {
                    if futures_util::poll!(call.as_mut()).is_ready() {
                        break;
                    }
                    tokio::task::yield_now().await;
                }
            }
        }
    }

    /// Nothing more goes wrong, and time passes until every call has ended.
    async fn end(&mut self) -> Vec<(u64, Kind, Result<(), Error>)> {
        for _ in 0..600 {
            self.stage.settle().await;
            if self.tasks.iter().all(JoinHandle::is_finished) {
                break;
            }
            self.stage.clock.advance(Duration::from_secs(7));
        }
        let mut ended = Vec::new();
        for task in self.tasks.drain(..) {
            assert!(task.is_finished(), "a call hangs");
            ended.push(task.await.expect("no panic"));
        }
        ended
    }
}

/// Whether an error says that a write was surely not done, so that the caller may repeat it.
fn is_surely_undone(error: &Error) -> bool {
    match error {
        Error::Connect(error) => !error.maybe_sent,
        Error::RateLimited { .. } | Error::Token(_) => true,
        _ => error.status().is_some_and(|status| status == 401),
    }
}

/// What must hold of the calls that have ended, by what the server did.
fn check(course: &Course, ended: &[(u64, Kind, Result<(), Error>)]) -> Result<(), TestCaseError> {
    let log = course.stage.server.log();
    prop_assert_eq!(&log.violations, &Vec::<String>::new());
    for (id, kind, outcome) in ended {
        let done = log.done.get(id).copied().unwrap_or_default();
        match (kind, outcome) {
            (Kind::Read, _) => {}
            (_, Ok(())) => prop_assert!(done >= 1, "call {} was acknowledged and not done", id),
            (_, Err(error)) if is_surely_undone(error) => {
                prop_assert!(
                    *kind == Kind::Put || course.is_keyed || done == 0,
                    "call {} was done, and the error says it was not: {}",
                    id,
                    error
                );
            }
            (_, Err(_)) => {}
        }
    }
    // Dropped calls count as well: no write is ever done twice, since those that are repeated carry one key (C10, C11).
    for (id, done) in &log.done {
        prop_assert!(*done <= 1 || course.kinds[id] == Kind::Put, "call {} was done {} times", id, done);
    }
    Ok(())
}

async fn run(ops: Vec<Op>, is_keyed: bool) -> Result<(), TestCaseError> {
    let (stage, tasks, kinds) = (Stage::of(api(is_keyed)), Vec::new(), HashMap::new());
    let mut course = Course { stage, is_keyed, tasks, kinds };
    for op in ops {
        course.happen(op).await;
    }
    let ended = course.end().await;
    prop_assert!(course.stage.is_quiet(), "a permit or a waiter is left");
    check(&course, &ended)?;
    // When all is well again a call succeeds, at the latest after the pauses and circuits.
    course.stage.clock.advance(Duration::from_secs(4_000));
    course.stage.server.log().troubles.clear();
    course.stage.server.log().token_troubles.clear();
    course.happen(Op::Call(Kind::Read)).await;
    let ended = course.end().await;
    prop_assert!(ended.iter().all(|(.., outcome)| outcome.is_ok()), "the client does not recover: {:?}", ended);
    Ok(())
}

proptest! {
    /// A1, A2, A10, A16, A17, C1, C6, C8, C10, C11, C14: over any course of events there is one request for a token at a time, no
    /// refresh token is used twice, nothing is sent while the server is closed, no write is done twice, what is
    /// acknowledged was done, every call ends, nothing is left of any, and the client recovers.
    #[test]
    fn whatever_happens(ops in proptest::collection::vec(op(), 1..60), is_keyed in proptest::bool::ANY) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(run(ops, is_keyed))?;
    }
}
