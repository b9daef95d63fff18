//! Faults on purpose: plans that say which requests go wrong, and how.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use http::{HeaderValue, Method};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::watch;

use crate::authenticate::Principal;
use crate::exchange::{Delivery, Manner};

/// The longest wait that a fault can ask for.
const LONGEST: u64 = 3_600_000;

/// A plan: which requests go wrong, and how.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// Only requests to this operation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// Only requests of this method.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Only requests of this user (by email) or credential (by id). Such a fault acts after the credential is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal: Option<String>,
    /// From the how-many-th matching request on, counted from 1.
    #[serde(default = "one")]
    pub nth: u64,
    /// For how many requests. Absent: for all from then on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u64>,
    /// How likely each of them goes wrong, from 0 to 1.
    #[serde(default = "certain")]
    pub probability: f64,
    /// When: before the credential is looked at, or after the operation has done its work. What happens to the bytes of
    /// an answer, or holds it back, comes after.
    #[serde(default)]
    pub stage: Stage,
    /// What happens.
    pub effect: Effect,
}

fn one() -> u64 {
    1
}

fn certain() -> f64 {
    1.0
}

/// When a fault acts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// Before the credential is looked at: the operation does not happen.
    #[default]
    Before,
    /// After the operation has done its work: the client cannot know that it did.
    After,
}

/// What goes wrong.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Effect {
    /// Another status is answered.
    Status {
        /// Which, such as 503.
        status: u16,
        /// `Retry-After`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_after: Option<RetryAfter>,
        /// The body; absent: what the document says for the status.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        body: Option<Value>,
    },
    /// The answer is late.
    Latency {
        /// By how much, in milliseconds: the median where `sigma` is given.
        milliseconds: u64,
        /// The spread of a log-normal distribution; 0 is a fixed time.
        #[serde(default)]
        sigma: f64,
    },
    /// The server's clock moves before the request is looked at, so that what it carries may have expired.
    AdvanceClock {
        /// By how many seconds.
        seconds: i64,
    },
    /// The answer waits until the gate is released.
    Hold {
        /// The gate's name.
        gate: String,
    },
    /// The connection is reset in place of an answer.
    Reset {
        /// Whether the headers go out first.
        #[serde(default)]
        after_headers: bool,
    },
    /// The body ends too soon.
    Truncate {
        /// After how many bytes.
        bytes: usize,
        /// Whether the end is a reset.
        #[serde(default)]
        reset: bool,
    },
    /// The body comes a few bytes at a time.
    Drip {
        /// How many bytes at a time.
        bytes: usize,
        /// How long to wait after them, in milliseconds.
        milliseconds: u64,
    },
    /// No answer ever comes.
    Hang,
    /// The answer comes whole; then the connection, which a client may have kept for its next request, is closed
    /// without a word.
    CloseIdle {
        /// How long after the answer, in milliseconds; at least 5, so that the answer is out.
        #[serde(default = "at_once")]
        milliseconds: u64,
    },
    /// The answer comes whole, and the connection says that it takes no more requests: GOAWAY (RFC 9113, 6.8), or
    /// `Connection: close` in HTTP/1.1. With an error code the connection ends with that in place of the answer; in
    /// HTTP/1.1, which has none, it is reset.
    GoAway {
        /// The error code (RFC 9113, 7); 0: none.
        #[serde(default)]
        code: u32,
    },
    /// The stream is reset in place of an answer (RST_STREAM, RFC 9113, 6.4); in HTTP/1.1 the connection is.
    ResetStream {
        /// The error code (RFC 9113, 7).
        #[serde(default = "internal_error")]
        code: u32,
    },
    /// The clock by which the operation runs is wrong: the token that it issues begins and ends by that.
    ClockSkew {
        /// How many seconds it is ahead; negative: behind.
        seconds: i64,
    },
    /// The body says that it is compressed by gzip, and is not.
    BadGzip,
    /// The client is sent elsewhere; a credential must not follow.
    Redirect {
        /// 301, 302, 303, 307 or 308.
        #[serde(default = "found")]
        status: u16,
        /// Where to, such as `http://127.0.0.2:9/`.
        location: String,
    },
    /// The body is no JSON.
    InvalidJson,
    /// What comes is no HTTP at all, and then the end.
    Garbage,
    /// `Content-Length` promises more than the body has.
    ContentLength {
        /// How many bytes more; at least 1.
        extra: u64,
    },
    /// Every header of the answer comes twice.
    DuplicateHeaders,
    /// A header of that many bytes is added.
    OversizedHeader {
        /// How many; at most 1048576.
        bytes: usize,
    },
    /// The body has another content type than it says.
    ContentType {
        /// The content type that is told.
        value: String,
    },
}

impl Effect {
    /// Whether nothing of the operation's own answer is left.
    fn replaces(&self) -> bool {
        matches!(self, Self::Status { .. } | Self::Redirect { .. }) || self.is_silent()
    }

    /// Whether no answer comes at all.
    pub(crate) fn is_silent(&self) -> bool {
        match self {
            Self::Hang | Self::Garbage | Self::ResetStream { .. } | Self::Reset { after_headers: false } => true,
            Self::GoAway { code } => *code > 0,
            _ => false,
        }
    }

    /// Whether an answer comes, and is not what the operation made.
    pub(crate) fn spoils(&self) -> bool {
        match self {
            Self::Truncate { .. } | Self::InvalidJson | Self::BadGzip | Self::ContentType { .. } => true,
            Self::ContentLength { .. } | Self::DuplicateHeaders | Self::OversizedHeader { .. } => true,
            Self::Reset { after_headers } => *after_headers,
            _ => false,
        }
    }
}

fn at_once() -> u64 {
    5
}

/// `INTERNAL_ERROR` (RFC 9113, 7).
fn internal_error() -> u32 {
    2
}

fn found() -> u16 {
    302
}

/// The value of a `Retry-After` header.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum RetryAfter {
    /// Seconds from now.
    Seconds(u64),
    /// An HTTP date so many seconds from now (RFC 9110, 10.2.3).
    Date {
        /// Seconds from now.
        date_in: u64,
    },
    /// Anything else, as it stands.
    Text(String),
}

impl RetryAfter {
    /// The header's value at `now`.
    pub(crate) fn text(&self, now: DateTime<Utc>) -> String {
        match self {
            Self::Seconds(seconds) => seconds.to_string(),
            Self::Date { date_in } => {
                let seconds = i64::try_from(*date_in).ok().and_then(TimeDelta::try_seconds);
                let time = seconds.and_then(|seconds| now.checked_add_signed(seconds)).unwrap_or(now);
                crate::clock::http_date(time)
            }
            Self::Text(text) => text.clone(),
        }
    }
}

impl Fault {
    /// What is wrong with the plan, of what its description in `control.yaml` cannot say.
    pub(crate) fn invalid(&self) -> Option<&'static str> {
        let is_status = |status: u16| (200..=599).contains(&status);
        let is_field = |text: &str| HeaderValue::from_str(text).is_ok();
        let is_method = |text: &String| Method::from_bytes(text.as_bytes()).is_ok();
        match &self.effect {
            _ if !self.method.as_ref().is_none_or(is_method) => Some("`method` is no method of HTTP"),
            Effect::Redirect { location: text, .. }
            | Effect::ContentType { value: text }
            | Effect::Status { retry_after: Some(RetryAfter::Text(text)), .. }
                if !is_field(text) =>
            {
                Some("no header field can have this value (RFC 9110, 5.5)")
            }
            Effect::Status { status, .. } if !is_status(*status) => Some("`status` must be from 200 to 599"),
            Effect::Redirect { status, .. } if !matches!(status, 301 | 302 | 303 | 307 | 308) => {
                Some("`status` must be 301, 302, 303, 307 or 308")
            }
            Effect::Latency { milliseconds, sigma } if *milliseconds > LONGEST || !(0.0..=5.0).contains(sigma) => {
                Some("`milliseconds` must be at most 3600000, and `sigma` from 0 to 5")
            }
            Effect::Status { retry_after: Some(RetryAfter::Date { date_in }), .. } if *date_in > 400 * 366 * 86_400 => {
                Some("`date_in` must be within 400 years")
            }
            Effect::ContentLength { extra } if *extra == 0 || *extra > 1 << 20 => {
                Some("`extra` must be from 1 to 1048576")
            }
            Effect::OversizedHeader { bytes } if *bytes > 1 << 20 => Some("`bytes` must be at most 1048576"),
            Effect::CloseIdle { milliseconds } if !(5..=LONGEST).contains(milliseconds) => {
                Some("`milliseconds` must be from 5 to 3600000")
            }
            Effect::ResetStream { code } | Effect::GoAway { code } if *code > 13 => {
                Some("`code` must be an error code of RFC 9113, 0 to 13")
            }
            Effect::ClockSkew { seconds } if seconds.unsigned_abs() > 400 * 366 * 86_400 => {
                Some("`seconds` must be within 400 years")
            }
            Effect::Drip { bytes, milliseconds } if *bytes == 0 || *milliseconds > LONGEST => {
                Some("`bytes` must be at least 1, and `milliseconds` at most 3600000")
            }
            _ => None,
        }
    }
}

/// The plans in force, and how often each matched and acted.
#[derive(Debug)]
pub(crate) struct Faults {
    state: Mutex<State>,
    /// Whether there is any plan at all: mostly there is none, and nobody need wait to learn it.
    is_any: AtomicBool,
}

#[derive(Debug)]
struct State {
    next: u64,
    plans: Vec<Plan>,
    rng: fastrand::Rng,
}

/// A plan in force.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Plan {
    /// Its id.
    pub id: u64,
    /// What was asked for.
    pub fault: Fault,
    /// How many requests matched.
    pub matched: u64,
    /// How many of them went wrong.
    pub acted: u64,
}

impl Faults {
    pub(crate) fn new(seed: u64) -> Self {
        let rng = fastrand::Rng::with_seed(seed);
        Self { state: Mutex::new(State { next: 1, plans: Vec::new(), rng }), is_any: AtomicBool::new(false) }
    }

    /// Puts a plan in force and gives its id.
    pub(crate) fn add(&self, fault: Fault) -> u64 {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let id = state.next;
        state.next += 1;
        state.plans.push(Plan { id, fault, matched: 0, acted: 0 });
        self.is_any.store(true, Ordering::Release);
        id
    }

    pub(crate) fn list(&self) -> Vec<Plan> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).plans.clone()
    }

    pub(crate) fn clear(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.plans.clear();
        self.is_any.store(false, Ordering::Release);
    }

    /// What goes wrong with a request to `operation` with `method`: what is for anybody while nobody is known, then
    /// what is for `principal` only.
    pub(crate) fn acting(&self, operation: &str, method: &str, principal: Option<&Principal>) -> Vec<(Stage, Effect)> {
        if !self.is_any.load(Ordering::Acquire) {
            return Vec::new();
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let State { plans, rng, .. } = &mut *state;
        let is_theirs = |fault: &Fault| match (&fault.principal, principal) {
            (None, known) => known.is_none(),
            (Some(wanted), Some(known)) => *wanted == known.user || *wanted == known.credential,
            (Some(_), None) => false,
        };
        let matches = |fault: &Fault| {
            is_theirs(fault)
                && fault.operation.as_deref().is_none_or(|id| id == operation)
                && fault.method.as_deref().is_none_or(|name| name.eq_ignore_ascii_case(method))
        };
        let mut acting = Vec::new();
        // One answer has room for one other in its place: the next plan waits for its turn.
        let mut is_replaced = false;
        for plan in plans.iter_mut().filter(|plan| matches(&plan.fault)) {
            plan.matched += 1;
            let is_due = plan.matched >= plan.fault.nth && plan.fault.times.is_none_or(|times| plan.acted < times);
            let is_late = is_replaced && plan.fault.effect.replaces();
            if is_due && !is_late && rng.f64() < plan.fault.probability {
                is_replaced |= plan.fault.effect.replaces();
                plan.acted += 1;
                acting.push((plan.fault.stage, plan.fault.effect.clone()));
            }
        }
        acting
    }

    /// A random delay: log-normal with the median `milliseconds`.
    pub(crate) fn delay(&self, milliseconds: u64, sigma: f64) -> Duration {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        // The sum of twelve uniform numbers is normal enough (Irwin-Hall).
        let normal: f64 = (0..12).map(|_| state.rng.f64()).sum::<f64>() - 6.0;
        let milliseconds = milliseconds as f64 * (sigma * normal).exp();
        Duration::from_millis((milliseconds as u64).min(LONGEST))
    }
}

/// Adds to a delivery what an effect does to it.
pub(crate) fn deliver(effect: &Effect, delivery: &mut Delivery, faults: &Faults) {
    match effect {
        Effect::Latency { milliseconds, sigma } => delivery.delay += faults.delay(*milliseconds, *sigma),
        Effect::Hold { gate } => delivery.gate = Some(gate.clone()),
        Effect::Reset { after_headers: false } => delivery.manner = Manner::Reset,
        Effect::Reset { after_headers: true } => delivery.manner = Manner::Cut { bytes: 0, reset: true },
        Effect::Truncate { bytes, reset } => delivery.manner = Manner::Cut { bytes: *bytes, reset: *reset },
        Effect::Drip { bytes, milliseconds } => {
            delivery.manner = Manner::Drip { bytes: *bytes, pause: Duration::from_millis(*milliseconds) };
        }
        Effect::Hang => delivery.manner = Manner::Hang,
        Effect::Garbage => delivery.manner = Manner::Garbage,
        Effect::GoAway { code } => delivery.manner = Manner::GoAway { code: *code },
        Effect::ResetStream { code } => delivery.manner = Manner::ResetStream { code: *code },
        Effect::CloseIdle { milliseconds } => {
            delivery.manner = Manner::Close { pause: Duration::from_millis(*milliseconds) };
        }
        Effect::ContentLength { extra } => delivery.manner = Manner::Promise { extra: *extra },
        _ => {}
    }
}

/// Gates that hold answers until they are released.
#[derive(Debug, Default)]
pub struct Gates {
    known: Mutex<HashMap<String, Arc<watch::Sender<bool>>>>,
}

impl Gates {
    fn gate(&self, name: &str) -> Arc<watch::Sender<bool>> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(known.entry(name.to_owned()).or_insert_with(|| Arc::new(watch::Sender::new(false))))
    }

    /// Waits until the gate is released.
    pub async fn wait(&self, name: &str) {
        let mut gate = self.gate(name).subscribe();
        // The sender lives as long as the gate, so the error cannot happen while anybody waits.
        let _ = gate.wait_for(|is_open| *is_open).await;
    }

    /// Releases the gate: whoever waits goes on, and so does whoever comes later, until it is closed again. `false`:
    /// nothing ever held at a gate of this name.
    pub fn release(&self, name: &str) -> bool {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(name).map(|gate| gate.send_replace(true)).is_some()
    }

    /// The names of the gates that there are.
    pub(crate) fn names(&self) -> Vec<String> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let mut names: Vec<String> = known.keys().cloned().collect();
        names.sort();
        names
    }

    /// Closes the gate: answers wait at it again.
    pub(crate) fn close(&self, name: &str) {
        self.gate(name).send_replace(false);
    }

    /// Releases every gate, so that nobody waits for ever.
    pub(crate) fn release_all(&self) {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        for gate in known.values() {
            gate.send_replace(true);
        }
    }
}
