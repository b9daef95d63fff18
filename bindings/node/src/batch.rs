//! Finished calls as one flat JavaScript array: a few strings each, no objects.

use std::time::{SystemTime, UNIX_EPOCH};

use bitting_ffi::{Failure, RateLimitState, Reply};
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use napi::bindgen_prelude::{Array, BufferSlice};
use napi::{Env, Result};
use serde_json::{Value, json};

/// A batch as it is written. For each call there stand its ticket, status, head, body and failure.
pub(crate) struct Batch<'env> {
    env: &'env Env,
    array: Array<'env>,
    at: u32,
    head: Vec<u8>,
    broken: Result<()>,
}

impl<'env> Batch<'env> {
    /// How many entries each call takes.
    pub(crate) const WIDTH: u32 = 5;

    /// An empty batch.
    pub(crate) fn new(env: &'env Env) -> Result<Self> {
        Ok(Self { env, array: env.create_array(0)?, at: 0, head: Vec::with_capacity(512), broken: Ok(()) })
    }

    /// Writes a call down. What Node refuses is told by [`finish`](Self::finish).
    pub(crate) fn push(&mut self, ticket: u32, outcome: std::result::Result<Reply, Failure>) {
        if self.broken.is_ok() {
            self.broken = match outcome {
                Ok(reply) => self.reply(ticket, &reply),
                Err(failure) => self.failure(ticket, &failure),
            };
            self.at += Self::WIDTH;
        }
    }

    /// The whole batch.
    pub(crate) fn finish(self) -> Result<Array<'env>> {
        self.broken.map(|()| self.array)
    }

    fn reply(&mut self, ticket: u32, reply: &Reply) -> Result<()> {
        let meta = &reply.meta;
        self.head(meta.attempts, meta.waited.as_millis(), meta.request_id.as_deref(), &reply.headers);
        self.start(ticket, reply.status)?;
        self.body(&reply.headers, &reply.body)
    }

    fn failure(&mut self, ticket: u32, failure: &Failure) -> Result<()> {
        self.head(failure.attempts, 0, failure.request_id.as_deref(), &failure.headers);
        self.start(ticket, failure.status.unwrap_or(0))?;
        self.body(&failure.headers, &failure.body)?;
        self.array.set(self.at + 4, self::failure(failure))
    }

    fn start(&mut self, ticket: u32, status: u16) -> Result<()> {
        self.array.set(self.at, ticket)?;
        self.array.set(self.at + 1, u32::from(status))?;
        self.array.set(self.at + 2, self.env.create_string_latin1(&self.head)?)
    }

    /// Text as a string, one byte per sign where that is enough; everything else as bytes.
    fn body(&mut self, headers: &HeaderMap, body: &[u8]) -> Result<()> {
        let at = self.at + 3;
        if is_text(headers) {
            if body.is_ascii() {
                return self.array.set(at, self.env.create_string_latin1(body)?);
            }
            if let Ok(text) = std::str::from_utf8(body) {
                return self.array.set(at, text);
            }
        }
        self.array.set(at, &BufferSlice::copy_from(self.env, body)?)
    }

    /// What is seldom looked at, as one string that JavaScript takes apart when it is: attempts and milliseconds
    /// waited, the request's id, then a line for each header. No header value holds a line break (RFC 9110, 5.5).
    fn head(&mut self, attempts: u32, waited: u128, request_id: Option<&str>, headers: &HeaderMap) {
        self.head.clear();
        self.head.extend_from_slice(format!("{attempts} {waited}\n").as_bytes());
        self.head.extend_from_slice(request_id.unwrap_or_default().as_bytes());
        for (name, value) in headers {
            self.head.push(b'\n');
            self.head.extend_from_slice(name.as_str().as_bytes());
            self.head.push(b':');
            self.head.extend_from_slice(value.as_bytes());
        }
    }
}

/// A failure as JSON.
pub(crate) fn failure(failure: &Failure) -> String {
    json!({
        "kind": failure.kind,
        "message": failure.message,
        "status": failure.status,
        "code": failure.code,
        "requestId": failure.request_id,
        "retryAfter": failure.retry_after,
        "rateLimit": failure.rate_limit.as_ref().map(rate_limit),
        "attempts": failure.attempts,
        "method": failure.method,
        "path": failure.path,
    })
    .to_string()
}

/// A rate limit; times are milliseconds of Unix time.
pub(crate) fn rate_limit(state: &RateLimitState) -> Value {
    let milliseconds = |at: SystemTime| at.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64);
    json!({"limit": state.limit, "remaining": state.remaining, "resetAt": state.reset_at.map(milliseconds)})
}

/// Whether a body is worth being a string: JSON (RFC 6839, 3.1) or text in UTF-8, which is also what nothing said is.
fn is_text(headers: &HeaderMap) -> bool {
    let Some(media_type) = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()) else { return true };
    let mut parts = media_type.split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default().to_ascii_lowercase();
    let charset = parts.find_map(|part| part.strip_prefix("charset=")).map(|charset| charset.trim_matches('"'));
    let is_utf8 = charset
        .is_none_or(|charset| ["utf-8", "utf8", "us-ascii"].iter().any(|name| charset.eq_ignore_ascii_case(name)));
    let is_json = essence == "application/json" || essence.ends_with("+json");
    is_json || essence.starts_with("text/") && is_utf8
}
