//! A write that is repeated with the same key is done once, and answered each time as the first time
//! (draft-ietf-httpapi-idempotency-key-header).
//!
//! The document says which header holds the key: `x-retry.idempotency_key`, or a header parameter `Idempotency-Key`.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use bitting_spec::{Document, Operation};
use chrono::{DateTime, TimeDelta, Utc};
use http::HeaderName;
use sha2::{Digest as _, Sha256};

use super::{Call, Core};
use crate::exchange::{Answer, Request};
use crate::plan::OperationPlan;
use crate::validate::Given;
use crate::world::Hash;

/// How long a repeat is known.
const LIFE: TimeDelta = TimeDelta::hours(24);
/// How many answers are kept; the oldest goes first.
const KEPT: usize = 1000;

/// The header by which `operation` knows repeats; only those methods need one that would do their work twice
/// (RFC 9110, 9.2.2).
pub(crate) fn header(document: &Document, operation: &Operation) -> Option<HeaderName> {
    if !["POST", "PATCH"].contains(&operation.method.as_str()) {
        return None;
    }
    HeaderName::from_bytes(document.idempotency_header(operation)?.as_bytes()).ok()
}

/// The answers to writes that may come again.
#[derive(Debug, Default)]
pub(super) struct Repeats(Mutex<Memory>);

/// What is known of them; a clone is a snapshot.
#[derive(Debug, Clone, Default)]
pub(super) struct Memory {
    known: HashMap<Hash, Kept>,
    /// The oldest first.
    order: VecDeque<Hash>,
}

#[derive(Debug, Clone)]
struct Kept {
    /// What was asked for: another request with the same key is a mistake.
    asked: Hash,
    answer: Answer,
    until: DateTime<Utc>,
}

fn hash(parts: &[&[u8]]) -> Hash {
    let digest = parts
        .iter()
        .fold(Sha256::new(), |digest, part| digest.chain_update((part.len() as u64).to_be_bytes()).chain_update(part));
    digest.finalize().into()
}

fn fingerprint(request: &Request) -> Hash {
    hash(&[request.method.as_str().as_bytes(), request.target.as_bytes(), &request.body])
}

impl Repeats {
    pub(super) fn mark(&self) -> Memory {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn restore(&self, memory: Memory) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = memory;
    }
}

impl Memory {
    fn keep(&mut self, key: Hash, kept: Kept) {
        if self.known.insert(key, kept).is_none() {
            self.order.push_back(key);
        }
        if self.order.len() > KEPT
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
    }
}

impl Core {
    /// Does what the operation does, unless this is a repeat: that is answered as the first time. Another request with
    /// the same key is refused.
    pub(super) fn once(&self, call: &Call<'_>, plan: &OperationPlan, given: &Given) -> Result<Answer, Box<Answer>> {
        let named = plan.repeats_by.as_ref().and_then(|name| call.request.headers.get(name));
        let Some(named) = named.filter(|value| !value.is_empty()) else {
            return Ok(self.perform(call, plan, given));
        };
        let caller = call.principal.as_ref().map_or("", |principal| principal.user.as_str());
        let key = hash(&[caller.as_bytes(), plan.operation.id.as_bytes(), named.as_bytes()]);
        let asked = fingerprint(call.request);
        // Whoever repeats a request while it is being worked on waits for its answer.
        let mut memory = self.repeats.0.lock().unwrap_or_else(PoisonError::into_inner);
        match memory.known.get(&key).filter(|kept| call.now < kept.until) {
            Some(kept) if kept.asked == asked => Ok(kept.answer.clone().with("idempotent-replayed", "true")),
            Some(_) => {
                let detail = "The idempotency key was used for another request";
                let answer = plan.refusals.answer(plan.invalid, None, Some(detail)).because("idempotency-key");
                Err(Box::new(answer.saying(detail)))
            }
            None => {
                let answer = self.perform(call, plan, given);
                let until = call.now.checked_add_signed(LIFE).unwrap_or(call.now);
                memory.keep(key, Kept { asked, answer: answer.clone(), until });
                Ok(answer)
            }
        }
    }
}
