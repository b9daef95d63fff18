//! What comes before a request goes out: one alternative of credentials, the gate, and the tokens.

use crate::error::{Error, ScopeError};
use crate::limit::{Patience, Permit, Shut};
use crate::plan::{Alternative, Grip, Use};
use crate::telemetry;

use super::{Run, Ticket, no_token};

impl<'a> Run<'a> {
    /// Waits until the next attempt may go out, with its credentials.
    pub(super) async fn depart(&mut self) -> Result<(Ticket<'a>, Permit<'a>), Error> {
        loop {
            let alternative = self.choose()?;
            let (lane, uses) = match alternative {
                Some(alternative) => (alternative.lane, alternative.uses.as_slice()),
                None => (self.plan.lane, [].as_slice()),
            };
            let permit = self.pass_gate(lane).await?;
            let ticket = self.authorize(&self.shared.lanes[lane], uses).await?;
            // The first token may say that it lacks a scope, and then another alternative may have it (B3). While it was
            // waited for, the gate may have closed (C6).
            if alternative.is_none_or(|alternative| alternative.lacks().is_none()) && !permit.is_stale() {
                return Ok((ticket, permit));
            }
        }
    }

    /// The preferred alternative of those whose tokens are not known to lack a scope (B3).
    fn choose(&self) -> Result<Option<&'a Alternative>, Error> {
        let alternatives = self.alternatives();
        if let Some(found) = alternatives.iter().find(|alternative| alternative.lacks().is_none()) {
            return Ok(Some(found));
        }
        let Some((used, held)) = alternatives.first().and_then(Alternative::lacks) else { return Ok(None) };
        Err(Error::Scope(Box::new(ScopeError {
            operation: self.plan.id.to_string(),
            scheme: Some(self.shared.api.schemes[used.scheme].name.clone()),
            needed: used.scopes.clone(),
            held: Some(held),
            answer: None,
        })))
    }

    /// Waits for this credential's turn: an earlier refusal may hold its calls back (C6), or a window be used up (C7).
    async fn pass_gate(&mut self, lane: usize) -> Result<Permit<'a>, Error> {
        let shared = self.shared;
        let gate = &shared.lanes[lane].gate;
        let place = match self.place {
            Some((known, place)) if known == lane => place,
            _ => gate.place(),
        };
        self.place = Some((lane, place));
        let patience = Patience { longest: self.limits.max_wait, deadline: self.limits.deadline };
        let before = shared.clock.now().mono;
        let passed = gate.pass(&*shared.clock, place, patience).await;
        let waited = shared.clock.now().mono.saturating_sub(before);
        self.meta.waited += waited;
        telemetry::at_gate(self.plan, gate, waited);
        passed.map_err(|shut| match shut {
            Shut::Late => self.too_late(),
            Shut::Closed { retry_after } => {
                Error::RateLimited { retry_after, meta: Box::new(self.meta.clone()), refusal: None }
            }
        })
    }

    /// The tokens that the next attempt carries. Keys need none of this.
    pub(super) async fn authorize(&self, lane: &'a crate::client::Lane, uses: &'a [Use]) -> Result<Ticket<'a>, Error> {
        let mut tokens = Vec::new();
        for used in uses.iter().filter(|used| !self.brings(used)) {
            let Grip::Session(cache) = &used.grip else { continue };
            let token = match cache.fresh(self.shared.clock.now()) {
                Some(token) => token,
                None => {
                    let before = self.shared.clock.now().mono;
                    let token = self.in_time(cache.token()).await?;
                    telemetry::waited_for_token(self.plan, self.shared.clock.now().mono.saturating_sub(before));
                    token.map_err(|failure| no_token(failure, None))?
                }
            };
            tokens.push((used, token));
        }
        Ok(Ticket { lane, uses, tokens })
    }
}
