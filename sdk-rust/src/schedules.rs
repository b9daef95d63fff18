//! Scenes that shuttle plays in as many orders as it is asked to: the token cache, the gate, the budget. Compiled by the
//! crate `bitting-schedules` alone.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use shuttle::future::{JoinHandle, block_on, spawn};

use crate::attach::Placement;
use crate::clock::{BoxFuture, Clock, ManualClock};
use crate::limit::{Gate, Patience, Permit};
use crate::retry::{Budget, Cause};
use crate::secret::Secret;
use crate::token::life::Lifetime;
use crate::token::{Grant, Previous, TokenCache, TokenProblem, TokenSource};

const SECOND: Duration = Duration::from_secs(1);
const PATIENT: Patience = Patience { longest: Duration::from_secs(60), deadline: None };

/// How many steps of an order a rare fault is looked for at: most need two threads to be interrupted once each.
const DEPTH: usize = 3;

/// Plays a scene in `count` random orders, and in a fifth as many that are chosen to find rare faults (PCT).
fn play(count: usize, scene: impl Fn() -> BoxFuture<'static, ()> + Send + Sync + 'static) {
    let (scene, again) = (Arc::new(scene), count / 5);
    let same = Arc::clone(&scene);
    shuttle::check_random(move || block_on(scene()), count);
    shuttle::check_pct(move || block_on(same()), again, DEPTH);
}

async fn join(tasks: Vec<JoinHandle<()>>) {
    for task in tasks {
        assert!(task.await.is_ok(), "a task was lost");
    }
}

/// A source that counts its requests, and those that are under way together.
#[derive(Debug, Clone)]
struct Source {
    clock: ManualClock,
    asked: Arc<AtomicUsize>,
    together: Arc<AtomicUsize>,
    fails: bool,
}

impl TokenSource for Source {
    fn fetch<'a>(&'a self, _: Option<Previous<'a>>) -> BoxFuture<'a, Result<Grant, TokenProblem>> {
        Box::pin(async move {
            assert_eq!(self.together.fetch_add(1, Ordering::SeqCst), 0, "two requests at once");
            shuttle::future::yield_now().await;
            let number = self.asked.fetch_add(1, Ordering::SeqCst) + 1;
            self.together.fetch_sub(1, Ordering::SeqCst);
            if self.fails {
                return Err(TokenProblem::transient("down"));
            }
            let (access, lifetime) = (Secret::new(format!("test-{number}")), Lifetime::For(3_600 * SECOND));
            Ok(Grant { access, refresh: None, lifetime, scopes: Vec::new(), asked: self.clock.now() })
        })
    }
}

fn cache(fails: bool) -> (Arc<TokenCache>, Source) {
    let clock = ManualClock::new(SystemTime::UNIX_EPOCH);
    let source = Source { clock: clock.clone(), asked: Arc::default(), together: Arc::default(), fails };
    let boxed = Box::new(source.clone());
    let cache = TokenCache::new("Token".to_owned(), Placement::Bearer, boxed, Arc::new(clock), None);
    (Arc::new(cache), source)
}

/// Four callers and one who goes away want the first token: one request, one token, one failure for all.
pub fn crowd(count: usize) {
    for fails in [false, true] {
        play(count / 2, move || Box::pin(wanted_together(fails)));
    }
}

async fn wanted_together(fails: bool) {
    let (cache, source) = cache(fails);
    let leaver = {
        let cache = Arc::clone(&cache);
        spawn(async move {
            let mut token = std::pin::pin!(cache.token());
            let _ = futures_util::future::poll_immediate(token.as_mut()).await;
        })
    };
    let callers = (0..4).map(|_| {
        let cache = Arc::clone(&cache);
        spawn(async move {
            match cache.token().await {
                Ok(token) => assert_eq!(token.generation, 1),
                Err(failure) => assert_eq!(failure.problem.message, "down"),
            }
        })
    });
    join(callers.chain([leaver]).collect()).await;
    assert_eq!(source.asked.load(Ordering::SeqCst), 1);
}

/// Three callers carry a token that is refused, and two more want one: one request, and nobody is served what was refused.
pub fn refusals(count: usize) {
    play(count, || Box::pin(refused_together()));
}

async fn refused_together() {
    let (cache, source) = cache(false);
    assert!(cache.token().await.is_ok());
    let refused = (0..3).map(|_| {
        let cache = Arc::clone(&cache);
        spawn(async move {
            assert!(cache.renew(1).await.is_ok());
            let token = cache.token().await;
            assert!(token.is_ok_and(|token| token.generation == 2));
        })
    });
    let others = (0..2).map(|_| {
        let cache = Arc::clone(&cache);
        spawn(async move {
            let mut last = 0;
            for _ in 0..2 {
                let generation = cache.token().await.map(|token| token.generation).unwrap_or_default();
                assert!(generation >= last.max(1), "generations only grow");
                last = generation;
            }
        })
    });
    join(refused.chain(others).collect()).await;
    assert_eq!(source.asked.load(Ordering::SeqCst), 2);
}

/// What becomes of a permit.
#[derive(Debug, Clone, Copy)]
enum Fate {
    Admitted,
    Refused,
    Dropped,
}

async fn pass<'a>(gate: &'a Gate, clock: &ManualClock) -> Option<Permit<'a>> {
    gate.pass(clock, gate.place(), PATIENT).await.ok()
}

/// Five callers at one gate, of whom one is refused, one loses its answer, and one goes away.
pub fn gate(count: usize) {
    play(count, || Box::pin(at_the_gate()));
}

async fn at_the_gate() {
    let (gate, clock) = (Arc::new(Gate::default()), ManualClock::new(SystemTime::UNIX_EPOCH));
    let callers = [Fate::Refused, Fate::Dropped, Fate::Admitted, Fate::Admitted].map(|fate| {
        let (gate, clock) = (Arc::clone(&gate), clock.clone());
        spawn(async move {
            let permit = pass(&gate, &clock).await;
            shuttle::future::yield_now().await;
            match (permit, fate) {
                (Some(permit), Fate::Admitted) => permit.admitted(),
                (Some(permit), Fate::Refused) => {
                    permit.refused(clock.now().mono, SECOND);
                    shuttle::future::yield_now().await;
                    clock.advance(2 * SECOND);
                }
                (permit, _) => drop(permit),
            }
        })
    });
    let leaver = {
        let (gate, clock) = (Arc::clone(&gate), clock.clone());
        spawn(async move {
            let mut waiting = std::pin::pin!(pass(&gate, &clock));
            let _ = futures_util::future::poll_immediate(waiting.as_mut()).await;
        })
    };
    join(callers.into_iter().chain([leaver]).collect()).await;
    assert_eq!(gate.load(), (0, 0), "a permit or a waiter is left");
}

/// After a refusal the first of three goes alone, in whatever order they come.
pub fn probe(count: usize) {
    play(count, || Box::pin(after_a_refusal()));
}

async fn after_a_refusal() {
    let (gate, clock) = (Arc::new(Gate::default()), ManualClock::new(SystemTime::UNIX_EPOCH));
    if let Some(permit) = pass(&gate, &clock).await {
        permit.refused(clock.now().mono, SECOND);
    }
    clock.advance(2 * SECOND);
    let (answered, together) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let callers = (0..3).map(|_| {
        let (gate, clock, answered, together) =
            (Arc::clone(&gate), clock.clone(), Arc::clone(&answered), Arc::clone(&together));
        spawn(async move {
            let Some(permit) = pass(&gate, &clock).await else { return };
            let others = together.fetch_add(1, Ordering::SeqCst);
            assert!(others == 0 || answered.load(Ordering::SeqCst) > 0, "two went before the first answer");
            shuttle::future::yield_now().await;
            together.fetch_sub(1, Ordering::SeqCst);
            answered.fetch_add(1, Ordering::SeqCst);
            permit.admitted();
        })
    });
    join(callers.collect()).await;
    assert_eq!((gate.load(), answered.load(Ordering::SeqCst)), ((0, 0), 3));
}

/// Three callers take from a budget and give back: what is left is what was not taken, and at most what there was.
pub fn budget(count: usize) {
    play(count, || Box::pin(from_one_budget()));
}

async fn from_one_budget() {
    let budget = Arc::new(Budget::default());
    // Little is left, so that the callers are in each other's way.
    let before = std::iter::repeat_with(|| budget.take(Cause::Fault)).take(34).filter(|taken| *taken).count();
    let taken = Arc::new(AtomicUsize::new(before));
    let callers = (0..3).map(|_| {
        let (budget, taken) = (Arc::clone(&budget), Arc::clone(&taken));
        spawn(async move {
            for _ in 0..2 {
                if budget.take(Cause::Fault) {
                    taken.fetch_add(1, Ordering::SeqCst);
                }
            }
        })
    });
    join(callers.collect()).await;
    assert_eq!(taken.load(Ordering::SeqCst), 35, "500 tokens pay for 35 tries at 14");
    let callers = (0..3).map(|_| {
        let budget = Arc::clone(&budget);
        spawn(async move { (0..20).for_each(|_| budget.refund(Some(Cause::Fault))) })
    });
    join(callers.collect()).await;
    let again = std::iter::repeat_with(|| budget.take(Cause::Fault)).take_while(|taken| *taken).count();
    assert_eq!(again, 35);
}
