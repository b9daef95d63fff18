//! Tokens: kept, served, renewed. A small shell around the pure [`life`] of a token.
//!
//! Whoever needs a token reads it without a lock while it is fresh. Otherwise the state is asked under a short lock,
//! and at most one request for a token is under way. It runs in a task of its own and stores its result before it
//! wakes who waits, so nobody's cancellation loses anything (A1, A2).

pub(crate) mod acquire;
mod circuit;
pub(crate) mod cookies;
mod grant;
pub(crate) mod life;
pub(crate) mod stored;

use std::fmt;
use std::ops::DerefMut;
use std::sync::Arc;

use tokio::sync::watch;

pub(crate) use circuit::Circuit;
#[cfg(feature = "inside")]
pub(crate) use grant::read;
pub(crate) use grant::{Grant, TokenProblem};
use life::{Event, Phase, Reply, State, Timing, step};

use crate::attach::{Attachment, Placement};
use crate::client::Background;
use crate::clock::{BoxFuture, Clock, Now};
use crate::secret::Secret;
use crate::sync::{AtomicU64, Mutex, Ordering, Slot, spawn};
use crate::telemetry;

/// How often a caller asks again after a request for a token was lost with its runtime (A3).
const MOST_LOSSES: u32 = 3;

/// Where a token comes from.
pub(crate) trait TokenSource: Send + Sync + fmt::Debug {
    /// Asks for a token: a renewal of `previous` where that is possible, else a new one.
    fn fetch<'a>(&'a self, previous: Option<Previous<'a>>) -> BoxFuture<'a, Result<Grant, TokenProblem>>;
}

/// The token that is to be replaced.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Previous<'a> {
    pub(crate) token: &'a Token,
    /// Whether the API refused it.
    pub(crate) refused: bool,
}

/// A token, ready to be put on requests.
#[derive(Debug)]
pub(crate) struct Token {
    pub(crate) access: Secret,
    pub(crate) refresh: Option<Secret>,
    pub(crate) attachment: Attachment,
    pub(crate) generation: u64,
    pub(crate) timing: Timing,
    pub(crate) scopes: Vec<String>,
}

impl Token {
    /// The same token, on memory of its own where a request takes a reference.
    fn twin(&self) -> Self {
        let Self { access, refresh, attachment, generation, timing, scopes } = self;
        let (access, refresh, attachment) = (access.clone(), refresh.clone(), attachment.twin());
        Self { access, refresh, attachment, generation: *generation, timing: *timing, scopes: scopes.clone() }
    }
}

/// Why there is no token, for everybody who waited for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) scheme: String,
    pub(crate) problem: TokenProblem,
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { scheme, problem } = self;
        write!(formatter, "no token for `{scheme}`: ")?;
        if let Some(status) = problem.status {
            write!(formatter, "the token endpoint answered {status}: ")?;
        }
        write!(formatter, "{}", problem.message)?;
        if problem.terminal {
            write!(formatter, "; check the credentials, since trying again will not help")?;
        }
        Ok(())
    }
}

/// What a request for a token came to.
type Outcome = Result<Arc<Token>, Arc<Failure>>;

/// Where those who wait for a request for a token hear of its outcome.
type Flight = watch::Receiver<Option<Outcome>>;

/// What a caller whose token was refused does next (A10, A11).
#[derive(Debug)]
pub(crate) enum Renewal {
    /// Sends again with another token.
    Renewed,
    /// Keeps the refusal.
    Refused,
}

/// The tokens of one credential and scheme, shared by all clones of a client.
#[derive(Debug)]
pub(crate) struct TokenCache {
    scheme: String,
    placement: Placement,
    source: Box<dyn TokenSource>,
    clock: Arc<dyn Clock>,
    /// Where requests for tokens run; `None`: wherever the caller who starts one runs.
    background: Option<Background>,
    /// The scopes that are asked for. An answer that names none grants these (RFC 6749, 5.1).
    requested: Vec<String>,
    /// The token that is served; empty while there is none, or none that may be served.
    usable: Slot<Token>,
    /// The last generation that an API answer accepted, so that the lock is taken for the first such answer only.
    accepted: AtomicU64,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    state: State,
    /// The last token, also when it is not served any more: it may carry the right to the next one.
    token: Option<Arc<Token>>,
    refused: bool,
    flight: Option<Flight>,
    failure: Option<Arc<Failure>>,
}

/// What a caller is to do, with what it needs for that.
enum Answer {
    Token(Arc<Token>),
    Wait(Flight),
    Failed(Arc<Failure>),
    Refused,
}

impl TokenCache {
    /// An empty cache. Nothing is spawned and nothing is sent (A4).
    pub(crate) fn new(
        scheme: String,
        placement: Placement,
        source: Box<dyn TokenSource>,
        clock: Arc<dyn Clock>,
        background: Option<Background>,
    ) -> Self {
        let (requested, usable, accepted, inner) = Default::default();
        Self { scheme, placement, source, clock, background, requested, usable, accepted, inner }
    }

    /// The same cache for a source that asks for these scopes.
    pub(crate) fn requesting(self, scopes: &[String]) -> Self {
        Self { requested: scopes.to_vec(), ..self }
    }

    /// The token, if it can be served without asking anybody: one atomic load and two comparisons.
    pub(crate) fn fresh(&self, now: Now) -> Option<Arc<Token>> {
        self.usable.load_if(|token| token.timing.phase(now) == Phase::Fresh)
    }

    /// The token that is held now, served or not.
    pub(crate) fn current(&self) -> Option<Arc<Token>> {
        self.lock().token.clone()
    }

    /// A token that can be served: at once while one is valid, else after the one request for it.
    ///
    /// # Errors
    /// The failure of that request, the same for all who waited (A8).
    pub(crate) async fn token(self: &Arc<Self>) -> Result<Arc<Token>, Arc<Failure>> {
        if let Some(token) = self.fresh(self.clock.now()) {
            return Ok(token);
        }
        match self.obtain(Event::Wanted).await? {
            Some(token) => Ok(token),
            // Only a refusal is answered so, and none was told.
            None => Err(self.failure("the token was refused")),
        }
    }

    /// Tells that the API refused the token of `generation`, and gets another one where that is of use (A10).
    ///
    /// # Errors
    /// The failure of the request for another one.
    pub(crate) async fn renew(self: &Arc<Self>, generation: u64) -> Result<Renewal, Arc<Failure>> {
        let token = self.obtain(Event::Refused(generation)).await?;
        Ok(token.map_or(Renewal::Refused, |_| Renewal::Renewed))
    }

    /// Tells that the API refused the token of `generation` to a caller who has renewed once already.
    pub(crate) fn refused_again(&self, generation: u64) {
        let now = self.clock.now();
        self.lock().step(Event::RefusedAgain(generation), now);
    }

    /// Tells that the API accepted the token of `generation`.
    pub(crate) fn accepted(&self, generation: u64) {
        if self.accepted.load(Ordering::Relaxed) != generation {
            self.accepted.store(generation, Ordering::Relaxed);
            let now = self.clock.now();
            self.lock().step(Event::Accepted(generation), now);
        }
    }

    async fn obtain(self: &Arc<Self>, mut event: Event) -> Result<Option<Arc<Token>>, Arc<Failure>> {
        for _ in 0..MOST_LOSSES {
            let mut flight = match self.ask(event) {
                Answer::Token(token) => return Ok(Some(token)),
                Answer::Refused => return Ok(None),
                Answer::Failed(failure) => return Err(failure),
                Answer::Wait(flight) => flight,
            };
            // An error means that the request was lost with its runtime: whoever waits asks again (A3).
            if let Ok(outcome) = flight.wait_for(Option::is_some).await
                && let Some(outcome) = outcome.clone()
            {
                return outcome.map(Some);
            }
            event = Event::Wanted;
        }
        Err(self.failure("the runtime that requests for tokens run on has stopped; give the client one that runs"))
    }

    /// Asks the state what to do, and does it.
    fn ask(self: &Arc<Self>, event: Event) -> Answer {
        let now = self.clock.now();
        let mut inner = self.lock();
        let reply = inner.step(event, now);
        if let Event::Refused(generation) = event
            && matches!(reply, Reply::Start | Reply::Join | Reply::Fail)
            && generation == inner.state.generation
        {
            inner.refused = true;
            self.usable.clear();
        }
        let launch = matches!(reply, Reply::Start | Reply::ServeAndStart).then(|| self.prepare(&mut inner));
        let answer = inner.answer(reply).unwrap_or_else(|| Answer::Failed(self.failure("no request was made")));
        drop(inner);
        // Spawned without the lock: a runtime that is shutting down drops the task here and now, and that takes it.
        if let Some(launch) = launch {
            self.spawn(launch);
        }
        answer
    }

    /// Registers a request for a token. It lands when it is dropped, at the latest (A3).
    fn prepare(self: &Arc<Self>, inner: &mut Inner) -> (Landing, Option<Arc<Token>>, bool) {
        let (sender, receiver) = watch::channel(None);
        inner.flight = Some(receiver);
        (Landing { cache: Arc::clone(self), sender: Some(sender) }, inner.token.clone(), inner.refused)
    }

    fn spawn(&self, (landing, previous, refused): (Landing, Option<Arc<Token>>, bool)) {
        let request = async move {
            let previous = previous.as_deref().map(|token| Previous { token, refused });
            let result = landing.cache.source.fetch(previous).await;
            landing.land(result);
        };
        // Without a runtime the request is dropped, and so counts as lost.
        spawn(self.background.as_ref().and_then(Background::handle), request);
    }

    /// Stores the outcome of a request for a token.
    fn store(&self, result: Result<Grant, TokenProblem>) -> Outcome {
        telemetry::refreshed(&self.scheme, result.as_ref().err());
        let now = self.clock.now();
        let mut inner = self.lock();
        inner.flight = None;
        match result.and_then(|grant| self.token_of(grant, inner.state.generation + 1)) {
            Ok(token) => {
                let token = Arc::new(token);
                inner.step(Event::Landed(token.timing), now);
                (inner.token, inner.refused, inner.failure) = (Some(Arc::clone(&token)), false, None);
                self.usable.fill(|| token.twin());
                Ok(token)
            }
            Err(problem) => {
                inner.step(Event::Failed { terminal: problem.terminal, retry_after: problem.retry_after }, now);
                let failure = Arc::new(Failure { scheme: self.scheme.clone(), problem });
                inner.failure = Some(Arc::clone(&failure));
                Err(failure)
            }
        }
    }

    fn token_of(&self, grant: Grant, generation: u64) -> Result<Token, TokenProblem> {
        let Grant { access, refresh, lifetime, scopes, asked } = grant;
        let attachment = self.placement.attach(&access);
        let attachment = attachment.ok_or_else(|| TokenProblem::transient("the token cannot stand in a header"))?;
        let timing = Timing::new(asked, lifetime, fastrand::f64());
        let scopes = if scopes.is_empty() { self.requested.clone() } else { scopes };
        Ok(Token { access, refresh, attachment, generation, timing, scopes })
    }

    fn failure(&self, message: &str) -> Arc<Failure> {
        Arc::new(Failure { scheme: self.scheme.clone(), problem: TokenProblem::transient(message) })
    }

    fn lock(&self) -> impl DerefMut<Target = Inner> {
        self.inner.lock()
    }
}

impl Inner {
    fn step(&mut self, event: Event, now: Now) -> Reply {
        let (state, reply) = step(self.state, event, now);
        self.state = state;
        reply
    }

    fn answer(&self, reply: Reply) -> Option<Answer> {
        match reply {
            Reply::Serve | Reply::ServeAndStart => self.token.clone().map(Answer::Token),
            Reply::Start | Reply::Join => self.flight.clone().map(Answer::Wait),
            Reply::Fail => self.failure.clone().map(Answer::Failed),
            Reply::GiveUp | Reply::Noted => Some(Answer::Refused),
        }
    }
}

/// A request for a token under way. However its task ends, the state does not stay "under way" (A3).
struct Landing {
    cache: Arc<TokenCache>,
    sender: Option<watch::Sender<Option<Outcome>>>,
}

impl Landing {
    /// Stores the outcome, then wakes who waits (A2).
    fn land(mut self, result: Result<Grant, TokenProblem>) {
        let outcome = self.cache.store(result);
        if let Some(sender) = self.sender.take() {
            sender.send_replace(Some(outcome));
        }
    }
}

impl Drop for Landing {
    fn drop(&mut self) {
        if self.sender.is_some() {
            let now = self.cache.clock.now();
            let mut inner = self.cache.lock();
            inner.flight = None;
            inner.step(Event::Lost, now);
        }
    }
}

#[cfg(test)]
mod tests;
