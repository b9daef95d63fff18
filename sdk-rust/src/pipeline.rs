//! The one way of every call: gate, authorize, send, renew once, retry what is safe, answer.

mod hint;

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;

use crate::call::Call;
use crate::client::{Client, Lane, Shared};
use crate::clock::within;
use crate::error::{ApiError, Error, TokenError, TransportError};
use crate::limit::{Answer, Shut};
use crate::plan::{Choice, Grip, Plan, Use};
use crate::request::{Prepared, prepare};
use crate::response::{Meta, Response, api_error, request_id};
use crate::retry::{Cause, backoff, is_worth_a_try};
use crate::secret::Secret;
use crate::token::{Failure, Renewal, Token};
use crate::transport::{Fault, Incoming, Transport};

/// Makes a call.
pub(crate) async fn run(client: &Client, call: Call) -> Result<Response, Error> {
    if Handle::try_current().is_err() {
        return Err(Error::Config("a call needs a Tokio runtime with time and I/O enabled".to_owned()));
    }
    let shared = &*client.shared;
    let plan = shared.plan(&call.operation)?;
    let options = &call.options;
    let limit = options.deadline.or(shared.policy.deadline);
    let limits = Limits {
        timeout: options.timeout.unwrap_or(shared.policy.timeout),
        limit,
        deadline: limit.map(|limit| shared.clock.now().mono.saturating_add(limit)),
        max_retries: options.max_retries.unwrap_or(shared.policy.max_retries),
    };
    let prepared = prepare(shared, plan, call)?;
    if !prepared.own_credential
        && let Choice::Missing(what) = &plan.choice
    {
        return Err(Error::Credentials(what.clone()));
    }
    let meta = Meta {
        operation_id: Arc::clone(&plan.id),
        method: plan.method.clone(),
        path_template: Arc::clone(&plan.template),
        attempts: 0,
        waited: Duration::ZERO,
        request_id: None,
        refreshed: false,
        rate_limit: None,
        idempotency_key: prepared.idempotency_key.clone(),
    };
    let lane = &shared.lanes[plan.lane];
    let run = Run { shared, transport: &client.transport, plan, lane, prepared, limits, meta, retries: 0, last: None };
    run.drive().await
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
    max_retries: u32,
}

/// What one attempt carried, so that its answer is judged by it and by nothing newer (A10).
#[derive(Debug, Default)]
struct Ticket<'a> {
    tokens: Vec<(&'a Use, Arc<Token>)>,
}

/// What one attempt came to.
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
    lane: &'a Lane,
    prepared: Prepared,
    limits: Limits,
    meta: Meta,
    retries: u32,
    /// Why the last attempt was another one.
    last: Option<Cause>,
}

impl<'a> Run<'a> {
    async fn drive(mut self) -> Result<Response, Error> {
        loop {
            self.pass_gate().await?;
            let ticket = self.authorize().await?;
            let outcome = self.attempt(&ticket).await?;
            let (ticket, outcome) = self.renewed(ticket, outcome).await?;
            match self.judge(&ticket, outcome) {
                Next::Done(result) => return *result,
                Next::Again(cause, delay) => self.pause(cause, delay).await?,
            }
        }
    }

    /// Waits while an earlier refusal holds this credential's calls back (C6).
    async fn pass_gate(&mut self) -> Result<(), Error> {
        let clock = &*self.shared.clock;
        let before = clock.now().mono;
        let passed = self.lane.gate.pass(clock, self.shared.policy.max_wait, self.limits.deadline).await;
        self.meta.waited += clock.now().mono.saturating_sub(before);
        passed.map_err(|Shut { retry_after }| Error::RateLimited {
            retry_after,
            meta: Box::new(self.meta.clone()),
            refusal: None,
        })
    }

    /// The tokens that the next attempt carries. Keys need none of this.
    async fn authorize(&self) -> Result<Ticket<'a>, Error> {
        let mut ticket = Ticket::default();
        for used in self.uses() {
            let Grip::Session(cache) = &used.grip else { continue };
            let token = match cache.fresh(self.shared.clock.now()) {
                Some(token) => token,
                None => self.in_time(cache.token()).await?.map_err(|failure| no_token(failure, None))?,
            };
            ticket.tokens.push((used, token));
        }
        Ok(ticket)
    }

    /// The credentials of this call; none if the caller brought their own (B11).
    fn uses(&self) -> &'a [Use] {
        match &self.plan.choice {
            Choice::Schemes(uses) if !self.prepared.own_credential => uses,
            _ => &[],
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
    async fn attempt(&mut self, ticket: &Ticket<'_>) -> Result<Outcome, Error> {
        let mut outgoing = self.prepared.outgoing.clone();
        for used in self.uses() {
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
        match within(&*self.shared.clock, Some(limit), self.transport.send(outgoing)).await {
            Some(Ok(incoming)) => {
                self.observe(ticket, &incoming);
                Ok(Outcome::Answer(incoming))
            }
            Some(Err(fault)) => Ok(Outcome::Fault(fault)),
            None if limit < timeout => Err(self.too_late()),
            None => Ok(Outcome::TimedOut),
        }
    }

    /// Takes from an answer what later calls need to know.
    fn observe(&mut self, ticket: &Ticket<'_>, incoming: &Incoming) {
        let wall = self.shared.clock.now().wall;
        let answer = Answer { headers: &incoming.headers, body: &incoming.body, wall };
        self.meta.request_id = request_id(&incoming.headers);
        self.meta.rate_limit = self.plan.dialect.state(&answer);
        if let Some(state) = self.meta.rate_limit {
            self.shared.rate_limit.store(Some(Arc::new(state)));
        }
        if incoming.status.is_success() {
            for (used, token) in &ticket.tokens {
                if let Grip::Session(cache) = &used.grip {
                    cache.accepted(token.generation);
                }
            }
        }
    }

    /// Renews a token that the server refused, once per call, and sends again: a refused request was not processed,
    /// so that is safe for every method (A10, A12). Otherwise the outcome stays as it is.
    async fn renewed(&mut self, ticket: Ticket<'a>, outcome: Outcome) -> Result<(Ticket<'a>, Outcome), Error> {
        let Outcome::Answer(incoming) = outcome else { return Ok((ticket, outcome)) };
        let Some((cache, generation)) = self.refused(&ticket, &incoming) else {
            return Ok((ticket, Outcome::Answer(incoming)));
        };
        match self.in_time(cache.renew(generation)).await? {
            Ok(Renewal::Refused) => return Ok((ticket, Outcome::Answer(incoming))),
            Ok(Renewal::Renewed) => {}
            Err(failure) => return Err(no_token(failure, Some(Box::new(self.api_error(&ticket, incoming))))),
        }
        self.meta.refreshed = true;
        let ticket = self.authorize().await?;
        let outcome = self.attempt(&ticket).await?;
        if let Outcome::Answer(incoming) = &outcome
            && let Some((cache, generation)) = self.refused(&ticket, incoming)
        {
            cache.refused_again(generation);
        }
        Ok((ticket, outcome))
    }

    /// The session whose token an answer refuses, by the statuses of its scheme (A21). A token that lacks a scope is
    /// not refused: another one would lack it too (A13; RFC 6750, 3.1).
    fn refused<'t>(
        &self,
        ticket: &'t Ticket<'_>,
        incoming: &Incoming,
    ) -> Option<(&'t Arc<crate::token::TokenCache>, u64)> {
        let status = incoming.status.as_u16();
        let challenge = incoming.headers.get(http::header::WWW_AUTHENTICATE).and_then(|value| value.to_str().ok());
        if challenge.is_some_and(|challenge| challenge.contains("insufficient_scope")) {
            return None;
        }
        ticket.tokens.iter().find_map(|(used, token)| match &used.grip {
            Grip::Session(cache) if self.shared.api.schemes[used.scheme].auth.rejects(status) => {
                Some((cache, token.generation))
            }
            _ => None,
        })
    }

    /// Decides what an outcome means.
    fn judge(&self, ticket: &Ticket<'_>, outcome: Outcome) -> Next {
        match outcome {
            Outcome::Answer(incoming) if incoming.status.is_success() || incoming.status.as_u16() == 304 => {
                self.lane.budget.refund(self.last);
                let Incoming { status, headers, body } = incoming;
                Next::done(Ok(Response { status, headers, body, meta: self.meta.clone() }))
            }
            Outcome::Answer(incoming) if self.plan.dialect.refuses(incoming.status.as_u16()) => {
                self.judge_refusal(ticket, incoming)
            }
            Outcome::Answer(incoming) => self.judge_failure(ticket, incoming),
            Outcome::Fault(fault) => {
                let again =
                    if self.is_repeatable() || !fault.maybe_sent { self.again(Cause::Fault, None) } else { None };
                again.unwrap_or_else(|| {
                    let Fault { maybe_sent, reason } = fault;
                    let meta = self.meta.clone();
                    Next::done(Err(Error::Connect(Box::new(TransportError { reason, maybe_sent, meta }))))
                })
            }
            Outcome::TimedOut => {
                let again = if self.is_repeatable() { self.again(Cause::Fault, None) } else { None };
                let meta = || Box::new(self.meta.clone());
                again.unwrap_or_else(|| Next::done(Err(Error::Timeout { after: self.limits.timeout, meta: meta() })))
            }
        }
    }

    /// Too many requests: the gate closes for every task of the credential, and this call waits at it with them. A
    /// request that was refused so was not processed, so any method may be sent again (C10).
    fn judge_refusal(&self, ticket: &Ticket<'_>, incoming: Incoming) -> Next {
        let now = self.shared.clock.now();
        let answer = Answer { headers: &incoming.headers, body: &incoming.body, wall: now.wall };
        let asked = self.plan.dialect.delay(&answer);
        let delay = asked.unwrap_or_else(|| backoff(self.retries, fastrand::f64()));
        self.lane.gate.close(now.mono, delay);
        if delay <= self.shared.policy.max_wait && self.has_time_for(delay) && self.has_retry(Cause::Refusal) {
            return Next::Again(Cause::Refusal, Duration::ZERO);
        }
        let refusal = Some(Box::new(self.api_error(ticket, incoming)));
        Next::done(Err(Error::RateLimited { retry_after: delay, meta: Box::new(self.meta.clone()), refusal }))
    }

    /// Another answer than success: sent again where it may pass and a repeat does no harm (C10).
    fn judge_failure(&self, ticket: &Ticket<'_>, incoming: Incoming) -> Next {
        let statuses = self.shared.api.retry.as_ref().map(|retry| retry.statuses.as_slice()).unwrap_or_default();
        if is_worth_a_try(incoming.status.as_u16(), statuses) && self.is_repeatable() {
            let wall = self.shared.clock.now().wall;
            let asked = self.plan.dialect.delay(&Answer { headers: &incoming.headers, body: &incoming.body, wall });
            if let Some(again) = self.again(Cause::Fault, asked) {
                return again;
            }
        }
        Next::done(Err(Error::Api(Box::new(self.api_error(ticket, incoming)))))
    }

    /// Whether a request that may have been processed can be sent again (C10).
    fn is_repeatable(&self) -> bool {
        self.plan.idempotent || self.prepared.idempotency_key.is_some()
    }

    /// Another try after the wait that was asked for, or after our own; `None` if the call has no more.
    fn again(&self, cause: Cause, asked: Option<Duration>) -> Option<Next> {
        let delay = asked.unwrap_or_default().max(backoff(self.retries, fastrand::f64()));
        let fits = delay <= self.shared.policy.max_wait && self.has_time_for(delay);
        (fits && self.has_retry(cause)).then_some(Next::Again(cause, delay))
    }

    fn has_time_for(&self, delay: Duration) -> bool {
        let now = self.shared.clock.now().mono;
        self.limits.deadline.is_none_or(|deadline| now.saturating_add(delay) < deadline)
    }

    /// Asked last: it takes from the budget.
    fn has_retry(&self, cause: Cause) -> bool {
        self.retries < self.limits.max_retries && self.lane.budget.take(cause)
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

    fn api_error(&self, ticket: &Ticket<'_>, incoming: Incoming) -> ApiError {
        let hint = hint::hint(self.shared, self.plan, &self.prepared, self.uses(), incoming.status.as_u16());
        api_error(incoming, self.meta.clone(), hint, &self.secrets(ticket))
    }

    /// What this call sent that must not be repeated in a message (B8).
    fn secrets(&self, ticket: &Ticket<'_>) -> Vec<Secret> {
        let fixed = self.uses().iter().filter_map(|used| match &used.grip {
            Grip::Fixed(_, secret) => Some(secret.clone()),
            Grip::Session(_) => None,
        });
        fixed.chain(ticket.tokens.iter().map(|(_, token)| token.access.clone())).collect()
    }
}

fn no_token(failure: Arc<Failure>, original: Option<Box<ApiError>>) -> Error {
    Error::Token(Box::new(TokenError { failure, original }))
}
