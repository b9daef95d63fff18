//! The simulated server: tokens that expire and rotate, a log of what was done, and faults on demand.

use std::collections::{HashMap, HashSet, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde_json::{Value, json};

use crate::clock::{BoxFuture, Clock, ManualClock};
use crate::transport::{Fault, Incoming, Outgoing, Wire};

/// How long a token lives.
pub(super) const LIFE: Duration = Duration::from_secs(3_600);

/// How a refusal says how long to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    Seconds,
    Date,
    Body,
    Draft,
    Reset,
    Millis,
}

/// What happens to the next request of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    /// 429, in a dialect.
    TooMany(Dialect, u64),
    /// 503, before anything was done.
    Unavailable,
    /// 503, after it was done.
    Late503,
    /// The connection cannot be made.
    Unreachable,
    /// The connection breaks before the server has read the request.
    CutBefore,
    /// The connection breaks after the server has done what was asked.
    CutAfter,
    /// The answer takes several steps.
    Slow,
    /// All tokens are taken back, and the refusal takes several steps: another token may be in force when it arrives.
    LateRefusal,
}

/// What happens to the next request for a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TokenTrouble {
    /// 503.
    Unavailable,
    /// The connection breaks before the server has read the request.
    CutBefore,
    /// The connection breaks after the token was issued, and the last refresh token used up.
    CutAfter,
}

/// What happened on the server.
#[derive(Debug, Default)]
pub(super) struct Log {
    pub(super) logins: usize,
    pub(super) refreshes: usize,
    /// How often each write was done, by the id in its body.
    pub(super) done: HashMap<u64, usize>,
    /// The idempotency keys of those that were done.
    keys: HashSet<String>,
    /// What must not have happened.
    pub(super) violations: Vec<String>,
    /// Requests of the API that are on their way.
    in_flight: usize,
    /// Requests for tokens that are on their way.
    asking: usize,
    issued: u64,
    /// Access tokens up to this number are void.
    void: u64,
    /// The one refresh token that is in force.
    refresh: u64,
    /// The client cannot know that its refresh token is void: its successor was lost on the way, or the server has ended
    /// the session.
    is_lost: bool,
    ended_at: HashMap<u64, Duration>,
    closed_until: Duration,
    pub(super) troubles: VecDeque<Trouble>,
    pub(super) token_troubles: VecDeque<TokenTrouble>,
}

#[derive(Clone)]
pub(super) struct Server {
    clock: ManualClock,
    log: Arc<Mutex<Log>>,
}

impl fmt::Debug for Server {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Server")
    }
}

impl Server {
    pub(super) fn new(clock: ManualClock) -> Self {
        Self { clock, log: Arc::default() }
    }

    pub(super) fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().expect("a lock")
    }

    /// Takes back all access tokens.
    pub(super) fn revoke(&self) {
        let mut log = self.log();
        log.void = log.issued;
    }

    /// Ends the session: its refresh token is void.
    pub(super) fn end(&self) {
        let mut log = self.log();
        (log.refresh, log.is_lost) = (0, true);
    }

    /// Whether the session can go on without another login.
    pub(super) fn has_session(&self) -> bool {
        let log = self.log();
        log.refresh == log.issued && log.refresh > 0
    }

    async fn answer(&self, outgoing: Outgoing) -> Result<Incoming, Fault> {
        match outgoing.url.path() {
            "/login" | "/refresh" => self.token(&outgoing).await,
            _ => {
                self.log().in_flight += 1;
                let _flying = Flying(self);
                self.thing(&outgoing).await
            }
        }
    }

    async fn token(&self, outgoing: &Outgoing) -> Result<Incoming, Fault> {
        {
            let mut log = self.log();
            log.asking += 1;
            if log.asking > 1 {
                log.violations.push("two requests for tokens at once".to_owned());
            }
        }
        let _asking = Asking(self);
        for _ in 0..3 {
            tokio::task::yield_now().await;
        }
        let body: Value =
            outgoing.body.as_deref().and_then(|body| serde_json::from_slice(body).ok()).unwrap_or_default();
        let mut log = self.log();
        let trouble = log.token_troubles.pop_front();
        match trouble {
            Some(TokenTrouble::Unavailable) => return Ok(plain(503)),
            Some(TokenTrouble::CutBefore) => return Err(fault(true)),
            _ => {}
        }
        if outgoing.url.path() == "/refresh" {
            log.refreshes += 1;
            let given =
                body["refresh_token"].as_str().and_then(|text| text.strip_prefix("test-refresh-")?.parse().ok());
            if given != Some(log.refresh) {
                if !std::mem::take(&mut log.is_lost) {
                    let violation = format!("refresh token {given:?} used, {} in force", log.refresh);
                    log.violations.push(violation);
                }
                log.refresh = 0;
                return Ok(answer(400, &json!({"error": "invalid_grant"})));
            }
        } else {
            log.logins += 1;
        }
        log.is_lost = trouble == Some(TokenTrouble::CutAfter);
        log.issued += 1;
        let number = log.issued;
        log.refresh = number;
        log.ended_at.insert(number, self.clock.now().mono + LIFE);
        if trouble == Some(TokenTrouble::CutAfter) {
            return Err(fault(true));
        }
        Ok(answer(
            200,
            &json!({"access_token": format!("test-token-{number}"),
            "refresh_token": format!("test-refresh-{number}"), "expires_in": LIFE.as_secs()}),
        ))
    }

    async fn thing(&self, outgoing: &Outgoing) -> Result<Incoming, Fault> {
        let now = self.clock.now().mono;
        let trouble = {
            let mut log = self.log();
            if now < log.closed_until {
                let violation = format!("a request at {now:?}, closed until {:?}", log.closed_until);
                log.violations.push(violation);
            }
            log.troubles.pop_front()
        };
        tokio::task::yield_now().await;
        match trouble {
            Some(Trouble::Unreachable) => return Err(fault(false)),
            Some(Trouble::CutBefore) => return Err(fault(true)),
            Some(Trouble::Unavailable) => return Ok(plain(503)),
            Some(Trouble::TooMany(dialect, seconds)) => return Ok(self.refuse(dialect, seconds)),
            Some(Trouble::LateRefusal) => {
                self.revoke();
                steps().await;
                return Ok(plain(401));
            }
            _ => {}
        }
        if !self.takes(outgoing) {
            return Ok(plain(401));
        }
        let body: Option<Value> = outgoing.body.as_deref().and_then(|body| serde_json::from_slice(body).ok());
        let key = outgoing.headers.get("idempotency-key").and_then(|key| key.to_str().ok());
        if let Some(id) = body.and_then(|body| body["id"].as_u64()) {
            let mut log = self.log();
            if key.is_none_or(|key| log.keys.insert(key.to_owned())) {
                *log.done.entry(id).or_default() += 1;
            }
        }
        match trouble {
            Some(Trouble::CutAfter) => return Err(fault(true)),
            Some(Trouble::Late503) => return Ok(plain(503)),
            Some(Trouble::Slow) => steps().await,
            _ => {}
        }
        Ok(plain(200))
    }

    fn takes(&self, outgoing: &Outgoing) -> bool {
        let log = self.log();
        let header = outgoing.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let number = header.strip_prefix("Bearer test-token-").and_then(|number| number.parse::<u64>().ok());
        let is_alive = |number| log.ended_at.get(&number).is_some_and(|end| self.clock.now().mono < *end);
        number.is_some_and(|number| number > log.void && is_alive(number))
    }

    fn refuse(&self, dialect: Dialect, seconds: u64) -> Incoming {
        let now = self.clock.now();
        let closed = now.mono + Duration::from_secs(seconds);
        let mut log = self.log();
        log.closed_until = log.closed_until.max(closed);
        drop(log);
        let date = |after: u64| httpdate::fmt_http_date(now.wall + Duration::from_secs(after));
        let unix = now.wall.duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_secs();
        let headers: Vec<(&'static str, String)> = match dialect {
            Dialect::Seconds => vec![("retry-after", seconds.to_string())],
            Dialect::Millis => vec![("retry-after-ms", (seconds * 1_000).to_string()), ("retry-after", "0".to_owned())],
            Dialect::Date => vec![("date", date(0)), ("retry-after", date(seconds + 1))],
            Dialect::Body => Vec::new(),
            Dialect::Draft => vec![("ratelimit", format!("\"default\";r=0;t={seconds}"))],
            Dialect::Reset => vec![
                ("x-ratelimit-remaining", "0".to_owned()),
                ("x-ratelimit-reset", (unix + seconds).to_string()),
                ("date", date(0)),
            ],
        };
        let body = if dialect == Dialect::Body { json!({"retry_after": seconds}) } else { json!({}) };
        let mut refusal = answer(429, &body);
        for (name, value) in headers {
            let value = HeaderValue::from_str(&value).expect("a header");
            refusal.headers.insert(HeaderName::from_static(name), value);
        }
        refusal
    }
}

impl Wire for Server {
    fn send(&self, outgoing: Outgoing) -> BoxFuture<'_, Result<Incoming, Fault>> {
        Box::pin(self.answer(outgoing))
    }
}

struct Flying<'a>(&'a Server);

impl Drop for Flying<'_> {
    fn drop(&mut self) {
        self.0.log().in_flight -= 1;
    }
}

struct Asking<'a>(&'a Server);

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        self.0.log().asking -= 1;
    }
}

/// Takes its time.
async fn steps() {
    for _ in 0..40 {
        tokio::task::yield_now().await;
    }
}

fn fault(maybe_sent: bool) -> Fault {
    Fault { maybe_sent, reason: "simulated".to_owned() }
}

fn plain(status: u16) -> Incoming {
    answer(status, &json!({}))
}

fn answer(status: u16, body: &Value) -> Incoming {
    let status = StatusCode::from_u16(status).expect("a status");
    Incoming { status, headers: HeaderMap::new(), body: Bytes::from(body.to_string()) }
}
