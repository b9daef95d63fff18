//! How often: a fixed window for each credential.

use std::collections::HashMap;
use std::sync::PoisonError;

use super::auth::Caller;
use super::{Orchard, problem};
use crate::wire::Answer;

/// The windows that are open.
#[derive(Debug)]
pub(crate) struct Limits {
    pub(crate) limit: u64,
    /// In milliseconds.
    pub(crate) window: i64,
    /// When each began, and how many requests it has seen.
    pub(crate) open: HashMap<String, (i64, u64)>,
}

impl Limits {
    pub(crate) fn new(limit: u64, window: i64) -> Self {
        Self { limit, window, open: HashMap::new() }
    }
}

/// What the header fields say.
#[derive(Debug, Clone, Default)]
pub(crate) struct State {
    fields: Vec<(&'static str, String)>,
}

impl State {
    /// The answer with the fields.
    pub(crate) fn dress(&self, answer: Answer) -> Answer {
        self.fields.iter().fold(answer, |answer, (name, value)| answer.with(name, value.clone()))
    }
}

impl Orchard {
    /// Counts a request of the caller, or refuses it.
    pub(super) fn count(&self, caller: &Caller) -> Result<State, Answer> {
        let mut limits = self.limits.lock().unwrap_or_else(PoisonError::into_inner);
        let (now, limit, window) = (self.clock.now(), limits.limit, limits.window);
        let bucket = if self.bad("RL05") { "everybody" } else { caller.bucket.as_str() };
        let (began, used) = limits.open.entry(bucket.to_owned()).or_insert((now, 0));
        if now - *began >= window {
            (*began, *used) = (now, 0);
        }
        *used += 1;
        let left = limit.saturating_sub(*used);
        let over = *used > if self.bad("RL17") { limit / 2 } else { limit };
        let end = *began + window;
        let state = State { fields: self.fields(limit, *used, left, end, now) };
        if !over || self.bad("RL09") {
            return Ok(state);
        }
        Err(self.too_many(&state, end - now))
    }

    fn fields(&self, limit: u64, used: u64, left: u64, end: i64, now: i64) -> Vec<(&'static str, String)> {
        if self.bad("RL01") {
            return Vec::new();
        }
        let remaining = match () {
            () if self.bad("RL03") => limit - 1,
            () if self.bad("RL10") => used.min(limit),
            () => left,
        };
        let reset = match () {
            () if self.bad("RL04") => now / 1000 - 60,
            () if self.bad("RL16") => end,
            () => (end + 999) / 1000,
        };
        let told = if self.bad("RL13") { limit * 2 } else { limit };
        let text = |number: u64| if self.bad("RL02") { format!("{number};w=60") } else { number.to_string() };
        vec![
            ("X-RateLimit-Limit", text(told)),
            ("X-RateLimit-Remaining", text(remaining)),
            ("X-RateLimit-Reset", reset.to_string()),
        ]
    }

    fn too_many(&self, state: &State, wait: i64) -> Answer {
        let seconds = match () {
            () if self.bad("RL07") => "1".to_owned(),
            () if self.bad("RL12") => "0".to_owned(),
            () if self.bad("RL15") => "Thu, 01 Jan 2099 00:00:00 GMT".to_owned(),
            () => ((wait + 999) / 1000).max(1).to_string(),
        };
        let refusal = match () {
            () if self.bad("RL11") => problem(503, "Busy"),
            () if self.bad("RL08") => Answer { body: b"\"slow down\"".to_vec(), ..problem(429, "Too many requests") },
            () => problem(429, "Too many requests"),
        };
        let refusal = if self.bad("RL06") { refusal } else { refusal.with("Retry-After", seconds) };
        if self.bad("RL14") { refusal } else { state.dress(refusal) }
    }
}
