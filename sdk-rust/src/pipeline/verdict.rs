//! What an outcome means: an answer, another try, or an error.

use std::time::Duration;

use crate::credentials::Credential;
use crate::error::{ApiError, Error, ScopeError, TransportError};
use crate::limit::{Answer, Permit};
use crate::plan::Grip;
use crate::response::{Response, api_error};
use crate::retry::{Cause, Wish, backoff, is_worth_a_try, wish};
use crate::secret::Secret;
use crate::telemetry;
use crate::transport::{Fault, Incoming};

use super::{Next, Outcome, Run, Ticket, challenge, hint};

impl Run<'_> {
    /// Decides what an outcome means, and gives the permit back accordingly.
    pub(super) fn judge(&self, ticket: &Ticket<'_>, permit: Permit<'_>, outcome: Outcome) -> Next {
        match outcome {
            Outcome::Answer(incoming) if incoming.status.is_success() || incoming.status.as_u16() == 304 => {
                permit.admitted();
                ticket.lane.budget.refund(self.last);
                let Incoming { status, headers, body } = incoming;
                Next::done(Ok(Response { status, headers, body, meta: self.meta.clone() }))
            }
            Outcome::Answer(incoming) if self.plan.dialect.refuses(incoming.status.as_u16()) => {
                self.judge_refusal(ticket, permit, incoming)
            }
            Outcome::Answer(incoming) => {
                if incoming.status.is_server_error() {
                    drop(permit);
                } else {
                    permit.admitted();
                }
                self.judge_failure(ticket, incoming)
            }
            Outcome::Fault(fault) => {
                let is_safe = self.is_repeatable() || !fault.maybe_sent;
                let again = if is_safe { self.again(ticket, Cause::Fault, None) } else { None };
                again.unwrap_or_else(|| {
                    let Fault { maybe_sent, reason } = fault;
                    let meta = self.meta.clone();
                    Next::done(Err(Error::Connect(Box::new(TransportError { reason, maybe_sent, meta }))))
                })
            }
            Outcome::TimedOut => {
                let again = if self.is_repeatable() { self.again(ticket, Cause::Fault, None) } else { None };
                let meta = || Box::new(self.meta.clone());
                again.unwrap_or_else(|| Next::done(Err(Error::Timeout { after: self.limits.timeout, meta: meta() })))
            }
        }
    }

    /// Too many requests: the gate closes for every task of the credential, and this call waits at it with them. A
    /// request that was refused so was not processed, so any method may be sent again (C10).
    ///
    /// Waiting costs the server nothing, so it costs no budget. Only the refusal that closes the gate is paid for: it
    /// says that the gate let through what it should not have. Those that were on their way with it, a hundred perhaps,
    /// say nothing new (C9).
    fn judge_refusal(&self, ticket: &Ticket<'_>, permit: Permit<'_>, incoming: Incoming) -> Next {
        let now = self.shared.clock.now();
        let answer = Answer { headers: &incoming.headers, body: &incoming.body, wall: now.wall };
        let asked = self.plan.dialect.delay(&answer);
        let delay = asked.unwrap_or_else(|| backoff(self.retries, fastrand::f64()));
        let is_news = permit.refused(now.mono, delay);
        if is_news {
            telemetry::closed(self.plan, &ticket.lane.budget, delay);
        }
        let is_paid = || !is_news || ticket.lane.budget.take(Cause::Refusal);
        let fits = delay <= self.limits.max_wait && self.has_time_for(delay);
        if fits && self.wish(&incoming) != Wish::Stop && self.retries < self.limits.max_retries && is_paid() {
            return Next::Again(Cause::Refusal, Duration::ZERO);
        }
        let refusal = Some(Box::new(self.api_error(ticket, incoming)));
        Next::done(Err(Error::RateLimited { retry_after: delay, meta: Box::new(self.meta.clone()), refusal }))
    }

    /// Another answer than success: sent again where it may pass and a repeat does no harm (C10).
    fn judge_failure(&self, ticket: &Ticket<'_>, incoming: Incoming) -> Next {
        let statuses = self.shared.api.retry.as_ref().map(|retry| retry.statuses.as_slice()).unwrap_or_default();
        let is_wanted = match self.wish(&incoming) {
            Wish::Stop => false,
            Wish::Again => true,
            Wish::Unsaid => is_worth_a_try(incoming.status.as_u16(), statuses),
        };
        if is_wanted && self.is_repeatable() {
            let wall = self.shared.clock.now().wall;
            let asked = self.plan.dialect.delay(&Answer { headers: &incoming.headers, body: &incoming.body, wall });
            if let Some(again) = self.again(ticket, Cause::Fault, asked) {
                return again;
            }
        }
        let missing = challenge::missing_scopes(&incoming.headers);
        let answer = Box::new(self.api_error(ticket, incoming));
        let Some(needed) = missing else { return Next::done(Err(Error::Api(answer))) };
        let session = ticket.tokens.first();
        Next::done(Err(Error::Scope(Box::new(ScopeError {
            operation: self.plan.id.to_string(),
            scheme: ticket.uses.first().map(|used| self.shared.api.schemes[used.scheme].name.clone()),
            needed,
            held: session.map(|(_, token)| token.scopes.clone()).filter(|scopes| !scopes.is_empty()),
            answer: Some(answer),
        }))))
    }

    /// What the server itself says about another try, where the document declares a header for that (C12).
    fn wish(&self, incoming: &Incoming) -> Wish {
        let declared = self.shared.api.retry.as_ref().and_then(|retry| retry.should_retry.as_deref());
        wish(declared.and_then(|name| incoming.headers.get(name)).and_then(|value| value.to_str().ok()))
    }

    /// Whether a request that may have been processed can be sent again (C10).
    fn is_repeatable(&self) -> bool {
        self.plan.idempotent || self.prepared.idempotency_key.is_some()
    }

    /// Another try after the wait that was asked for, or after our own; `None` if the call has no more.
    fn again(&self, ticket: &Ticket<'_>, cause: Cause, asked: Option<Duration>) -> Option<Next> {
        let delay = asked.unwrap_or_default().max(backoff(self.retries, fastrand::f64()));
        let fits = delay <= self.limits.max_wait && self.has_time_for(delay);
        // The budget is asked last: asking takes from it.
        let has_more = fits && self.retries < self.limits.max_retries && ticket.lane.budget.take(cause);
        has_more.then_some(Next::Again(cause, delay))
    }

    fn has_time_for(&self, delay: Duration) -> bool {
        let now = self.shared.clock.now().mono;
        self.limits.deadline.is_none_or(|deadline| now.saturating_add(delay) < deadline)
    }

    pub(super) fn api_error(&self, ticket: &Ticket<'_>, incoming: Incoming) -> ApiError {
        let hint = hint::hint(self.shared, self.plan, &self.prepared, ticket.uses, incoming.status.as_u16());
        api_error(incoming, self.meta.clone(), hint, &self.secrets(ticket))
    }

    /// What this call sent that must not be repeated in a message (B8).
    pub(super) fn secrets(&self, ticket: &Ticket<'_>) -> Vec<Secret> {
        let fixed = ticket.uses.iter().filter_map(|used| match &used.grip {
            Grip::Fixed(_, secret) => Some(secret.clone()),
            Grip::Session(_) | Grip::Connection => None,
        });
        let passwords = ticket.uses.iter().filter_map(|used| match &self.shared.held[used.held].credential {
            Credential::Login { password, .. } => Some(password.clone()),
            _ => None,
        });
        let own = self.prepared.outgoing.headers.iter();
        let own = own.filter(|(name, value)| value.is_sensitive() && self.shared.may_carry_credential(name));
        let own = own.filter_map(|(_, value)| value.to_str().ok()?.split_whitespace().last().map(Secret::new));
        fixed.chain(passwords).chain(ticket.tokens.iter().map(|(_, token)| token.access.clone())).chain(own).collect()
    }
}
