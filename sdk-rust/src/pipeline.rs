//! The one way of every call: choose, gate, token, send, renew once, retry what is safe, answer.

mod challenge;
mod depart;
mod hint;
mod verdict;

#[cfg(feature = "inside")]
pub(crate) use challenge::missing_scopes;

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use url::Url;

use crate::call::Call;
use crate::client::{Client, Lane, Shared};
use crate::clock::within;
use crate::credentials::Credential;
use crate::error::{Error, TokenError};
use crate::limit::{Answer, Permit, Place, Quota};
use crate::plan::{Alternative, Choice, Grip, Plan, Use};
use crate::request::{Prepared, prepare};
use crate::response::{Meta, Response, request_id};
use crate::retry::Cause;
use crate::secret::scrub;
use crate::telemetry;
use crate::token::{Failure, Renewal, Token, TokenCache};
use crate::transport::{Fault, Incoming, Transport};

/// Makes a call.
pub(crate) async fn run(client: &Client, call: Call) -> Result<Response, Error> {
    if Handle::try_current().is_err() {
        return Err(Error::Config("a call needs a Tokio runtime with time and I/O enabled".to_owned()));
    }
    let shared = &*client.shared;
    let plan = shared.plan(&call.operation)?;
    let limits = Limits::of(shared, &call);
    let prepared = prepare(shared, plan, call)?;
    if prepared.own.is_empty()
        && let Choice::Missing(what) = &plan.choice
    {
        return Err(Error::Credentials(what.clone()));
    }
    let meta = Meta::new(plan, prepared.idempotency_key.clone());
    let (retries, last, place) = Default::default();
    let run = Run { shared, transport: &client.transport, plan, prepared, limits, meta, retries, last, place };
    telemetry::call(plan, run.drive()).await
}

/// The limits of one call.
#[derive(Debug, Clone, Copy)]
struct Limits {
    /// Of one attempt.
    timeout: Duration,
    /// Of the whole call, as it was asked for.
    limit: Option<Duration>,
    /// The same as a moment on the monotonic clock.
    deadline: Option<Duration>,
    /// The longest wait that a server can ask for (C4).
    max_wait: Duration,
    max_retries: u32,
}

impl Limits {
    fn of(shared: &Shared, call: &Call) -> Self {
        let (options, policy) = (&call.options, &shared.policy);
        let limit = options.deadline.or(policy.deadline);
        Self {
            timeout: options.timeout.unwrap_or(policy.timeout),
            limit,
            deadline: limit.map(|limit| shared.clock.now().mono.saturating_add(limit)),
            max_wait: options.max_wait.unwrap_or(policy.max_wait),
            max_retries: options.max_retries.unwrap_or(policy.max_retries),
        }
    }
}

/// What one attempt carries, so that its answer is judged by it and by nothing newer (A10).
#[derive(Debug)]
struct Ticket<'a> {
    lane: &'a Lane,
    uses: &'a [Use],
    tokens: Vec<(&'a Use, Arc<Token>)>,
}

/// What one attempt came to.
#[derive(Debug)]
enum Outcome {
    Answer(Incoming),
    Fault(Fault),
    TimedOut,
}

/// What happens after an attempt.
enum Next {
    Done(Box<Result<Response, Error>>),
    Again(Cause, Duration),
}

impl Next {
    fn done(result: Result<Response, Error>) -> Self {
        Self::Done(Box::new(result))
    }
}

/// A call under way. All of its state is here, so calls share nothing by accident (C15).
struct Run<'a> {
    shared: &'a Shared,
    transport: &'a Transport,
    plan: &'a Plan,
    prepared: Prepared,
    limits: Limits,
    meta: Meta,
    retries: u32,
    /// Why the last attempt was another one.
    last: Option<Cause>,
    /// Where it stands in the queue of a lane.
    place: Option<(usize, Place)>,
}

impl<'a> Run<'a> {
    async fn drive(mut self) -> Result<Response, Error> {
        loop {
            let (ticket, permit) = self.depart().await?;
            let outcome = self.attempt(&ticket, &permit).await?;
            let (ticket, permit, outcome) = self.renewed(ticket, permit, outcome).await?;
            match self.judge(&ticket, permit, outcome) {
                Next::Done(result) => return *result,
                Next::Again(cause, delay) => self.pause(cause, delay).await?,
            }
        }
    }

    /// Awaits something under the call's deadline (C13, A18).
    async fn in_time<T>(&self, future: impl Future<Output = T>) -> Result<T, Error> {
        let output = within(&*self.shared.clock, self.limits.deadline, future).await;
        output.ok_or_else(|| self.too_late())
    }

    fn too_late(&self) -> Error {
        Error::Deadline { after: self.limits.limit.unwrap_or_default(), meta: Box::new(self.meta.clone()) }
    }

    /// Sends the request once.
    async fn attempt(&mut self, ticket: &Ticket<'_>, permit: &Permit<'_>) -> Result<Outcome, Error> {
        let mut outgoing = self.prepared.outgoing.clone();
        for used in ticket.uses.iter().filter(|used| !self.brings(used)) {
            if let Grip::Fixed(attachment, _) = &used.grip {
                attachment.apply(&mut outgoing);
            }
        }
        for (_, token) in &ticket.tokens {
            token.attachment.apply(&mut outgoing);
        }
        let now = self.shared.clock.now().mono;
        if self.limits.deadline.is_some_and(|deadline| deadline <= now) {
            return Err(self.too_late());
        }
        self.meta.attempts += 1;
        let timeout = now.saturating_add(self.limits.timeout);
        let limit = self.limits.deadline.map_or(timeout, |deadline| deadline.min(timeout));
        let (clock, url) = (&*self.shared.clock, outgoing.url.clone());
        let sent = within(clock, Some(limit), self.transport.send(outgoing));
        match self.view(ticket, &url).observe(clock, sent).await {
            Some(Ok(incoming)) => {
                self.observe(ticket, permit, &incoming);
                Ok(Outcome::Answer(incoming))
            }
            Some(Err(fault)) => Ok(Outcome::Fault(fault)),
            None if limit < timeout => Err(self.too_late()),
            None => Ok(Outcome::TimedOut),
        }
    }

    /// What is told of the attempt that is about to begin.
    fn view<'v>(&'v self, ticket: &Ticket<'_>, url: &'v Url) -> telemetry::Attempt<'v> {
        let held = ticket.uses.first().map(|used| &self.shared.held[used.held].credential);
        let credential = held.filter(|_| cfg!(feature = "tracing")).map(Credential::id);
        telemetry::Attempt { plan: self.plan, url, resend: self.meta.attempts.saturating_sub(1), credential }
    }

    /// Takes from an answer what later calls need to know.
    fn observe(&mut self, ticket: &Ticket<'_>, permit: &Permit<'_>, incoming: &Incoming) {
        let now = self.shared.clock.now();
        let answer = Answer { headers: &incoming.headers, body: &incoming.body, wall: now.wall };
        // Whoever sends back what it was sent may do so here too (B8).
        self.meta.request_id = request_id(&incoming.headers).map(|id| scrub(&id, &self.secrets(ticket)));
        self.meta.rate_limit = self.plan.dialect.state(&answer);
        permit.observed(self.meta.rate_limit.and_then(|state| {
            let reset = state.reset_at?.duration_since(now.wall).unwrap_or_default();
            Some(Quota::new(state.remaining?, reset, now.mono))
        }));
        if let Some(state) = self.meta.rate_limit {
            self.shared.rate_limit.store(Some(Arc::new(state)));
        }
        if incoming.status.is_success() {
            for (used, token) in &ticket.tokens {
                if let Grip::Session(cache) = &used.grip {
                    cache.accepted(token.generation);
                    self.plan.circuit.accepted();
                }
            }
        }
    }

    /// Renews a token that the server refused, once per call, and sends again: a refused request was not processed,
    /// so that is safe for every method (A10, A12). Otherwise the outcome stays as it is.
    async fn renewed(
        &mut self,
        ticket: Ticket<'a>,
        permit: Permit<'a>,
        outcome: Outcome,
    ) -> Result<(Ticket<'a>, Permit<'a>, Outcome), Error> {
        let Outcome::Answer(incoming) = outcome else { return Ok((ticket, permit, outcome)) };
        let now = self.shared.clock.now().mono;
        let stays = |ticket, permit, incoming| Ok((ticket, permit, Outcome::Answer(incoming)));
        let Some((cache, generation)) = self.refused(&ticket, &incoming).filter(|_| !self.meta.refreshed) else {
            return stays(ticket, permit, incoming);
        };
        let is_current = cache.current().is_some_and(|token| token.generation == generation);
        if is_current && self.plan.circuit.is_open(now) {
            return stays(ticket, permit, incoming);
        }
        match self.in_time(cache.renew(generation)).await? {
            Ok(Renewal::Refused) => return stays(ticket, permit, incoming),
            Ok(Renewal::Renewed) => {}
            Err(failure) => return Err(no_token(failure, Some(Box::new(self.api_error(&ticket, incoming))))),
        }
        self.meta.refreshed = true;
        telemetry::auth_retry(self.plan);
        permit.admitted();
        let (ticket, permit) = self.depart().await?;
        let outcome = self.attempt(&ticket, &permit).await?;
        if let Outcome::Answer(incoming) = &outcome
            && let Some((cache, generation)) = self.refused(&ticket, incoming)
        {
            cache.refused_again(generation);
            self.plan.circuit.refused(generation, self.shared.clock.now().mono);
        }
        Ok((ticket, permit, outcome))
    }

    /// The session whose token an answer refuses, by the statuses of its scheme (A21). A token that lacks a scope is
    /// not refused: another one would lack it too (A13; RFC 6750, 3.1).
    fn refused(&self, ticket: &Ticket<'a>, incoming: &Incoming) -> Option<(&'a Arc<TokenCache>, u64)> {
        let status = incoming.status.as_u16();
        if challenge::missing_scopes(&incoming.headers).is_some() {
            return None;
        }
        ticket.tokens.iter().find_map(|(used, token)| match &used.grip {
            Grip::Session(cache) if self.shared.api.schemes[used.scheme].auth.rejects(status) => {
                Some((cache, token.generation))
            }
            _ => None,
        })
    }

    async fn pause(&mut self, cause: Cause, delay: Duration) -> Result<(), Error> {
        self.retries += 1;
        self.last = Some(cause);
        if !delay.is_zero() {
            let now = self.shared.clock.now().mono;
            self.in_time(self.shared.clock.sleep_until(now.saturating_add(delay))).await?;
            self.meta.waited += self.shared.clock.now().mono.saturating_sub(now);
        }
        Ok(())
    }

    /// The alternatives of this call. If the caller brought a credential of their own, the one that asks for more
    /// beside it, else none (B11).
    fn alternatives(&self) -> &'a [Alternative] {
        let Choice::Schemes(alternatives) = &self.plan.choice else { return &[] };
        if self.prepared.own.is_empty() {
            return alternatives;
        }
        let asks_for_more = |one: &Alternative| one.uses.len() > 1 && one.uses.iter().any(|used| self.brings(used));
        let found = alternatives.iter().position(asks_for_more);
        found.map_or(&[], |index| &alternatives[index..=index])
    }

    /// Whether the caller brought what would be put on the request (B11).
    fn brings(&self, used: &Use) -> bool {
        self.prepared.brings(&self.shared.api.schemes[used.scheme])
    }
}

fn no_token(failure: Arc<Failure>, original: Option<Box<crate::error::ApiError>>) -> Error {
    Error::Token(Box::new(TokenError { failure, original }))
}
