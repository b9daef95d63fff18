//! Rate limits: fixed windows per credential, user, organization or address, told in the headers that the document
//! names (ROBOTICKS-5).

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bitting_spec::extension::{RateLimit, RateLimitHeaders, ResetFormat};
use chrono::{DateTime, SecondsFormat};
use http::{HeaderMap, HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::authenticate::Principal;
use crate::defect::{Flaw, Flaws};
use crate::exchange::{Answer, number};

/// More buckets than this are swept of those whose window has ended.
const SWEEP: usize = 10_000;

/// How many requests may be made in how many seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// Requests per window; at least 1.
    pub limit: u64,
    /// The window in seconds; at least 1.
    pub window: u64,
    /// What is counted by; absent: as the document says.
    #[serde(default)]
    pub scope: Option<Scope>,
    /// How the window moves.
    #[serde(default)]
    pub algorithm: Algorithm,
    /// The headers that tell of it; absent: as the document says.
    #[serde(default)]
    pub headers: Option<Headers>,
}

/// What a rate limit counts by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// Each key or token by itself.
    Credential,
    /// Each user, with whatever credential.
    User,
    /// Each organization.
    Organization,
    /// Everybody together: all of them call from this machine.
    Address,
}

/// How a window moves.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Algorithm {
    /// The whole window begins anew when it is over.
    #[default]
    FixedWindow,
    /// Requests come back one by one, evenly over the window.
    TokenBucket,
}

/// The headers that tell of a rate limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Headers {
    /// `X-RateLimit-Limit`, `-Remaining` and `-Reset`, in Unix time.
    X,
    /// `RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers).
    Ietf,
    /// None.
    None,
}

impl Bucket {
    /// Gives back what time has given back.
    fn refill(&mut self, policy: Policy, now: i64) {
        let limit = i64::try_from(policy.limit).unwrap_or(i64::MAX);
        let window = i64::try_from(policy.window).unwrap_or(i64::MAX);
        let Some(back) = (now - self.start).checked_mul(limit).map(|product| product / window) else {
            return *self = Self { start: now, used: 0 };
        };
        self.used = self.used.saturating_sub(u64::try_from(back).unwrap_or(0));
        // What is left of a step counts for the next one.
        self.start = if self.used == 0 { now } else { self.start + back.saturating_mul(window) / limit };
    }
}

/// How a caller stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing {
    policy: Policy,
    remaining: u64,
    /// When the window ends, in seconds since 1970.
    reset: i64,
    now: i64,
    /// Seconds to wait, if this request is one too many.
    pub(crate) wait: Option<u64>,
}

/// Counts requests.
#[derive(Debug, Default)]
pub(crate) struct Limits {
    state: Mutex<State>,
}

/// How many requests there were; a clone of it is a snapshot.
#[derive(Debug, Clone, Default)]
pub(crate) struct State {
    policy: Option<Policy>,
    buckets: HashMap<String, Bucket>,
    /// Since when a caller's window is used up, in every class of operations; `*` is everybody.
    exhausted: HashMap<String, i64>,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    start: i64,
    used: u64,
}

impl Policy {
    /// So many requests in so many seconds, and all else as the document says.
    #[must_use]
    pub fn of(limit: u64, window: u64) -> Self {
        Self { limit, window, scope: None, algorithm: Algorithm::FixedWindow, headers: None }
    }
}

impl Limits {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets the policy for every operation; `None`: the document's own.
    pub(crate) fn set(&self, policy: Option<Policy>) {
        *self.state() = State { policy, ..State::default() };
    }

    /// Uses up the window of one caller (a credential's id or a user's email), or of everybody.
    pub(crate) fn exhaust(&self, caller: Option<&str>, now: i64) {
        self.state().exhausted.insert(caller.unwrap_or("*").to_owned(), now);
    }

    /// Begins every window anew.
    pub(crate) fn reset(&self) {
        let mut state = self.state();
        (state.buckets, state.exhausted) = (HashMap::new(), HashMap::new());
    }

    /// Counts a refused request against everybody (defect M75).
    pub(crate) fn punish_everybody(&self) {
        for bucket in self.state().buckets.values_mut() {
            bucket.used = bucket.used.saturating_add(1);
        }
    }

    pub(crate) fn mark(&self) -> State {
        self.state().clone()
    }

    pub(crate) fn restore(&self, mark: State) {
        *self.state() = mark;
    }

    /// Counts a request. `None`: nothing limits it. Without a principal it is counted where the address is what counts,
    /// before anybody knows who is asking, with one where something else is.
    pub(crate) fn take(
        &self,
        declared: Option<&RateLimit>,
        principal: Option<&Principal>,
        now: i64,
        flaws: &Flaws,
    ) -> Option<Standing> {
        let stated = declared.and_then(|limit| Some(Policy::of(limit.limit?, limit.window.unwrap_or(60))));
        let mut state = self.state();
        let policy = state.policy.or(stated)?;
        let window = i64::try_from(policy.window).unwrap_or(i64::MAX / 2);
        let caller = match (caller(policy.scope, declared, principal), principal) {
            (Scope::Address, None) => "address",
            (Scope::Address, Some(_)) | (_, None) => return None,
            _ if flaws.has(Flaw::M74) => "address",
            (Scope::Credential, Some(principal)) => &principal.credential,
            (Scope::User, Some(principal)) => &principal.user,
            (Scope::Organization, Some(principal)) => &principal.organization,
        };
        let class = declared.and_then(|limit| limit.class.as_deref());
        let key = class.map_or(Cow::Borrowed(caller), |class| Cow::Owned(format!("{caller} {class}")));
        // Whichever is later: one that is over does not end the other.
        let exhausted = state.exhausted.get(caller).max(state.exhausted.get("*")).copied();
        let exhausted = exhausted.filter(|start| (*start..start + window).contains(&now));
        if state.buckets.len() > SWEEP {
            state.buckets.retain(|_, bucket| now < bucket.start + window);
        }
        let bucket = match state.buckets.get_mut(key.as_ref()) {
            Some(bucket) => bucket,
            None => state.buckets.entry(key.into_owned()).or_insert(Bucket { start: now, used: 0 }),
        };
        if policy.algorithm == Algorithm::TokenBucket {
            bucket.refill(policy, now);
        } else if now < bucket.start || now >= bucket.start + window && !flaws.has(Flaw::M77) {
            // A clock that went back has left the window, too.
            *bucket = Bucket { start: now, used: 0 };
        }
        if let Some(start) = exhausted {
            *bucket = Bucket { start, used: u64::MAX };
        }
        let is_over = bucket.used >= policy.limit;
        bucket.used = bucket.used.saturating_add(u64::from(!is_over));
        let step = match policy.algorithm {
            Algorithm::FixedWindow => window,
            // When the next request comes back.
            Algorithm::TokenBucket => i64::try_from(policy.window.div_ceil(policy.limit)).unwrap_or(window),
        };
        let reset = bucket.start + step;
        let wait = is_over.then(|| u64::try_from(reset - now).unwrap_or(1).max(1));
        Some(Standing { policy, remaining: policy.limit.saturating_sub(bucket.used), reset, now, wait })
    }
}

/// What counts. A document that names the credential and the user counts an API key by itself, and anything else by its
/// user (ROBOTICKS-5).
fn caller(stated: Option<Scope>, declared: Option<&RateLimit>, principal: Option<&Principal>) -> Scope {
    let keys = declared.map(|limit| limit.key.as_slice()).unwrap_or_default();
    let has = |name: &str| keys.iter().any(|key| key == name);
    let is_key = principal.is_some_and(|principal| principal.is_key);
    match stated {
        Some(scope) => scope,
        None if has("credential") && (is_key || !has("user")) => Scope::Credential,
        None if has("user") => Scope::User,
        None if has("organization") => Scope::Organization,
        None if has("address") => Scope::Address,
        None => Scope::Credential,
    }
}

/// The headers that the document names for how a caller stands.
#[derive(Debug)]
pub(crate) struct StandingHeaders {
    limit: HeaderName,
    remaining: HeaderName,
    reset: HeaderName,
    format: ResetFormat,
}

impl StandingHeaders {
    /// `None` where the document names what no header can be called.
    pub(crate) fn new(headers: &RateLimitHeaders) -> Option<Self> {
        let name = |text: &str| HeaderName::from_bytes(text.as_bytes()).ok();
        Some(Self {
            limit: name(&headers.limit)?,
            remaining: name(&headers.remaining)?,
            reset: name(&headers.reset.name)?,
            format: headers.reset.format,
        })
    }
}

impl Standing {
    /// Writes the headers that the document names.
    pub(crate) fn write(&self, names: Option<&StandingHeaders>, headers: &mut HeaderMap, flaws: &Flaws) {
        if let Some(other) = self.policy.headers {
            return self.write_other(other, headers);
        }
        let Some(names) = names.filter(|_| !flaws.has(Flaw::M70)) else {
            return;
        };
        let remaining = if flaws.has(Flaw::M71) { self.policy.limit } else { self.remaining };
        headers.insert(names.limit.clone(), number(self.policy.limit));
        headers.insert(names.remaining.clone(), number(remaining));
        let reset = if flaws.has(Flaw::M72) { self.now - 3600 } else { self.reset };
        if let Some(reset) = self.reset_value(names.format, reset) {
            headers.insert(names.reset.clone(), reset);
        }
    }

    /// Writes the headers that a policy asks for in place of the document's.
    fn write_other(&self, headers: Headers, to: &mut HeaderMap) {
        let Policy { limit, window, .. } = self.policy;
        match headers {
            Headers::None => {}
            Headers::X => {
                to.insert(HeaderName::from_static("x-ratelimit-limit"), number(limit));
                to.insert(HeaderName::from_static("x-ratelimit-remaining"), number(self.remaining));
                to.insert(
                    HeaderName::from_static("x-ratelimit-reset"),
                    number(u64::try_from(self.reset).unwrap_or_default()),
                );
            }
            Headers::Ietf => {
                let left = (self.reset - self.now).max(0);
                set(to, "ratelimit", &format!("\"default\";r={};t={left}", self.remaining));
                set(to, "ratelimit-policy", &format!("\"default\";q={limit};w={window}"));
            }
        }
    }

    fn reset_value(&self, format: ResetFormat, reset: i64) -> Option<HeaderValue> {
        let left = (reset - self.now).max(0);
        let time = || DateTime::from_timestamp(reset, 0).unwrap_or_default();
        let text = match format {
            // No clock shows a time before 1970.
            ResetFormat::UnixSeconds => return Some(number(u64::try_from(reset).unwrap_or_default())),
            ResetFormat::UnixMillis => reset.saturating_mul(1000).to_string(),
            ResetFormat::DeltaSeconds => left.to_string(),
            ResetFormat::Duration => format!("{left}s"),
            ResetFormat::Rfc3339 => time().to_rfc3339_opts(SecondsFormat::Secs, true),
            ResetFormat::HttpDate => crate::clock::http_date(time()),
        };
        HeaderValue::from_str(&text).ok()
    }
}

fn set(headers: &mut HeaderMap, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(HeaderName::from_static(name), value);
    }
}

/// Makes a 429 tell the truth: `Retry-After`, the member of the body that the document names, and its words all say
/// how long to wait.
pub(crate) fn write_wait(answer: &mut Answer, declared: Option<&RateLimit>, wait: u64, flaws: &Flaws) {
    let places = declared.and_then(|limit| limit.exceeded.as_ref()).map(|exceeded| exceeded.retry_after.clone());
    let places = places.unwrap_or_else(|| vec!["header:Retry-After".to_owned()]);
    for place in &places {
        match place.split_once(':') {
            Some(("header", name)) if !flaws.has(Flaw::M73) => {
                let wait = if flaws.has(Flaw::M76) { wait + 30 } else { wait };
                answer.set(name, &wait.to_string());
            }
            Some(("body", pointer)) => {
                if let Some(body) = &mut answer.body {
                    write_body(body, pointer, wait, flaws.has(Flaw::M73));
                }
            }
            _ => {}
        }
    }
}

fn write_body(body: &mut Value, pointer: &str, wait: u64, is_left_out: bool) {
    let old = body.pointer(pointer).map(ToString::to_string);
    if let (Some(old), Some(object)) = (&old, body.as_object_mut()) {
        for text in object.values_mut() {
            if let Value::String(words) = text {
                *words = with_number(words, old, wait);
            }
        }
    }
    let Some((parent, name)) = pointer.rsplit_once('/') else { return };
    if let Some(Value::Object(object)) = body.pointer_mut(parent) {
        if is_left_out {
            object.shift_remove(name);
        } else {
            object.insert(name.to_owned(), Value::from(wait));
        }
    }
}

/// `text` with the number `old` replaced where it stands as a word.
fn with_number(text: &str, old: &str, new: u64) -> String {
    let words = text.split(' ').map(|word| if word == old { new.to_string() } else { word.to_owned() });
    words.collect::<Vec<_>>().join(" ")
}
