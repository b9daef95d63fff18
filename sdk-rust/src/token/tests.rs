//! Tests of the token cache over a source that counts its requests.

use std::sync::atomic::AtomicUsize;
use std::time::{Duration, SystemTime};

use futures_util::future::join_all;
use tokio::sync::Semaphore;

use super::life::Lifetime;
use super::*;
use crate::clock::ManualClock;

/// A source whose requests wait until the test lets them through.
#[derive(Debug)]
struct Source {
    clock: ManualClock,
    asked: AtomicUsize,
    gate: Semaphore,
    problem: Option<TokenProblem>,
    lifetime: Lifetime,
}

#[derive(Debug, Clone)]
struct Shared(Arc<Source>);

impl TokenSource for Shared {
    fn fetch<'a>(&'a self, _: Option<Previous<'a>>) -> BoxFuture<'a, Result<Grant, TokenProblem>> {
        Box::pin(async move {
            let number = self.0.asked.fetch_add(1, Ordering::SeqCst) + 1;
            let asked = self.0.clock.now();
            let permit = self.0.gate.acquire().await.expect("the gate stays");
            permit.forget();
            if let Some(problem) = &self.0.problem {
                return Err(problem.clone());
            }
            let access = Secret::new(format!("token-{number}"));
            Ok(Grant { access, refresh: None, lifetime: self.0.lifetime, scopes: Vec::new(), asked })
        })
    }
}

/// A background that answers this runtime, also after it has stopped.
fn background_of(runtime: &tokio::runtime::Runtime) -> Background {
    let handle = runtime.handle().clone();
    Background::new(move || Some(handle.clone()))
}

struct Stage {
    clock: ManualClock,
    source: Shared,
    cache: Arc<TokenCache>,
}

impl Stage {
    fn new(problem: Option<TokenProblem>, lifetime: Lifetime, background: Option<Background>) -> Self {
        let clock = ManualClock::new(SystemTime::UNIX_EPOCH);
        let (asked, gate) = (AtomicUsize::new(0), Semaphore::new(0));
        let source = Shared(Arc::new(Source { clock: clock.clone(), asked, gate, problem, lifetime }));
        let (boxed, timer) = (Box::new(source.clone()), Arc::new(clock.clone()));
        let cache = TokenCache::new("Token".to_owned(), Placement::Bearer, boxed, timer, background);
        Self { clock, source, cache: Arc::new(cache) }
    }

    fn hourly() -> Self {
        Self::new(None, Lifetime::For(Duration::from_secs(3_600)), None)
    }

    fn let_through(&self, requests: usize) {
        self.source.0.gate.add_permits(requests);
    }

    fn asked(&self) -> usize {
        self.source.0.asked.load(Ordering::SeqCst)
    }

    /// `count` tasks that want a token, all of which have asked before any answer comes.
    async fn herd(&self, count: usize) -> Vec<tokio::task::JoinHandle<Outcome>> {
        let tasks = (0..count).map(|_| {
            let cache = Arc::clone(&self.cache);
            tokio::spawn(async move { cache.token().await })
        });
        let tasks = tasks.collect();
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        tasks
    }

    async fn token(&self) -> Arc<Token> {
        self.let_through(1);
        self.cache.token().await.expect("a token")
    }
}

/// A1: 10,000 tasks without a token make one request, and all get its token.
#[tokio::test]
async fn a_herd_makes_one_request() {
    let stage = Stage::hourly();
    let herd = stage.herd(10_000).await;
    stage.let_through(10_000);
    for outcome in join_all(herd).await {
        assert_eq!(outcome.expect("no panic").expect("a token").generation, 1);
    }
    assert_eq!(stage.asked(), 1);
}

/// A2: the caller who started the request is dropped; whoever waits is served by it all the same.
#[tokio::test]
async fn a_dropped_leader_loses_nothing() {
    let stage = Stage::hourly();
    {
        let leader = stage.cache.token();
        let mut leader = std::pin::pin!(leader);
        assert!(futures_util::poll!(leader.as_mut()).is_pending());
    }
    let herd = stage.herd(100).await;
    stage.let_through(100);
    for outcome in join_all(herd).await {
        assert!(outcome.expect("no panic").is_ok());
    }
    assert_eq!(stage.asked(), 1);
}

/// A2: a request whose callers are all gone still stores its token.
#[tokio::test]
async fn a_request_without_callers_still_lands() {
    let stage = Stage::hourly();
    {
        let leader = stage.cache.token();
        let mut leader = std::pin::pin!(leader);
        assert!(futures_util::poll!(leader.as_mut()).is_pending());
    }
    stage.let_through(1);
    while stage.cache.fresh(stage.clock.now()).is_none() {
        tokio::task::yield_now().await;
    }
    assert_eq!(stage.asked(), 1);
}

/// A3: the runtime that ran the request dies; the next caller makes a new one, and nothing panics or hangs.
#[test]
fn a_dead_runtime_does_not_block_others() {
    let runtime = || tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let stage = Stage::hourly();
    runtime().block_on(async {
        let mut token = std::pin::pin!(stage.cache.token());
        assert!(futures_util::poll!(token.as_mut()).is_pending());
    });
    stage.let_through(1);
    let token = runtime().block_on(stage.cache.token()).expect("a token");
    assert_eq!(token.generation, 1);
}

/// A3: a background runtime that has stopped is an error, and not a wait for ever.
#[test]
fn a_stopped_background_runtime_is_an_error() {
    let build = || tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let background = build();
    let stage = Stage::new(None, Lifetime::Unknown, Some(background_of(&background)));
    drop(background);
    let failure = build().block_on(stage.cache.token()).expect_err("no token");
    assert!(failure.to_string().contains("has stopped"), "{failure}");
}

/// A6: inside the window everybody is served at once, and one request runs in the background.
#[tokio::test]
async fn a_valid_token_is_served_while_it_is_renewed() {
    let stage = Stage::hourly();
    stage.token().await;
    stage.clock.advance(Duration::from_secs(3_400));
    for _ in 0..100 {
        let token = stage.cache.token();
        let mut token = std::pin::pin!(token);
        match futures_util::poll!(token.as_mut()) {
            std::task::Poll::Ready(token) => assert_eq!(token.expect("a token").generation, 1),
            std::task::Poll::Pending => panic!("a valid token was not served"),
        }
    }
    stage.let_through(1);
    while stage.cache.current().is_some_and(|token| token.generation == 1) {
        tokio::task::yield_now().await;
    }
    assert_eq!(stage.asked(), 2);
}

/// A8: 200 callers share one failure, and the next ones get it without another request until the pause is over.
#[tokio::test]
async fn a_failure_is_shared_and_followed_by_a_pause() {
    let stage = Stage::new(Some(TokenProblem::transient("down")), Lifetime::Unknown, None);
    let herd = stage.herd(200).await;
    stage.let_through(200);
    for outcome in join_all(herd).await {
        assert_eq!(outcome.expect("no panic").expect_err("no token").problem.message, "down");
    }
    assert!(stage.cache.token().await.is_err());
    assert_eq!(stage.asked(), 1);
    stage.clock.advance(Duration::from_secs(1));
    assert!(stage.cache.token().await.is_err());
    assert_eq!(stage.asked(), 2);
}

/// A10: 50 late refusals of one generation make one request.
#[tokio::test]
async fn late_refusals_renew_once() {
    let stage = Stage::hourly();
    stage.token().await;
    stage.let_through(50);
    for _ in 0..50 {
        assert!(matches!(stage.cache.renew(1).await, Ok(Renewal::Renewed)));
    }
    assert_eq!(stage.asked(), 2);
    assert_eq!(stage.cache.token().await.expect("a token").generation, 2);
}

/// A10: a refused token is not served to anybody while its successor is on its way.
#[tokio::test]
async fn a_refused_token_is_not_served() {
    let stage = Stage::hourly();
    stage.token().await;
    let renewal = stage.cache.renew(1);
    let mut renewal = std::pin::pin!(renewal);
    assert!(futures_util::poll!(renewal.as_mut()).is_pending());
    assert!(stage.cache.fresh(stage.clock.now()).is_none());
    stage.let_through(1);
    assert!(matches!(renewal.await, Ok(Renewal::Renewed)));
}

/// A11: when the renewed token is refused as well, there are no further requests.
#[tokio::test]
async fn two_refused_generations_stop_the_renewals() {
    let stage = Stage::hourly();
    stage.token().await;
    stage.let_through(9);
    assert!(matches!(stage.cache.renew(1).await, Ok(Renewal::Renewed)));
    stage.cache.refused_again(2);
    assert!(matches!(stage.cache.renew(2).await, Ok(Renewal::Refused)));
    assert_eq!(stage.asked(), 2);
}

/// A15: a token without life serves those who waited for it, and nobody else.
#[tokio::test]
async fn a_token_without_life_is_used_once() {
    let stage = Stage::new(None, Lifetime::Once, None);
    assert_eq!(stage.token().await.generation, 1);
    assert_eq!(stage.token().await.generation, 2);
}
