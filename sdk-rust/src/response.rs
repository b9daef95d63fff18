//! What comes back: an answer, how the call went, and what an error answer says.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use serde_json::Value;
use url::Url;

use crate::error::{ApiError, Problem};
use crate::limit::RateLimitState;
use crate::origin::Origin;
use crate::plan::Plan;
use crate::secret::{REDACTED, Secret, scrub};
use crate::transport::Incoming;

/// The headers that servers put the id of a request in, the most usual first.
const REQUEST_ID: [&str; 4] = ["x-request-id", "request-id", "x-amzn-requestid", "x-correlation-id"];

/// Longer bodies are not looked through for a message.
const LONGEST_MESSAGE: usize = 64 * 1024;

/// The headers of an error that may be printed; anything else may be a session or an echo (B8).
const PRINTABLE: [&str; 14] = [
    "content-length",
    "content-type",
    "date",
    "deprecation",
    "ratelimit",
    "ratelimit-policy",
    "request-id",
    "retry-after",
    "server",
    "www-authenticate",
    "x-ratelimit-limit",
    "x-ratelimit-remaining",
    "x-ratelimit-reset",
    "x-request-id",
];

/// A successful answer, undecoded.
#[derive(Clone)]
pub struct Response {
    /// The status: 2xx, or 304 to a conditional request.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
    /// How the call went.
    pub meta: Meta,
}

impl fmt::Debug for Response {
    /// Headers and body stay out: a token may stand there (B8).
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = formatter.debug_struct("Response");
        debug.field("status", &self.status).field("meta", &self.meta).field("bytes", &self.body.len());
        debug.finish_non_exhaustive()
    }
}

/// How a call went (C17).
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Meta {
    /// The operation's id.
    pub operation_id: Arc<str>,
    /// The operation's method.
    pub method: Method,
    /// The operation's path template, such as `/devices/{id}`.
    pub path_template: Arc<str>,
    /// How many requests were sent for this call, those for tokens not counted.
    pub attempts: u32,
    /// How long the call waited between its requests, at a rate limit or backing off.
    pub waited: Duration,
    /// The server's id of the last request.
    pub request_id: Option<String>,
    /// Whether a refused token was renewed during the call.
    pub refreshed: bool,
    /// What the last answer says about the rate limit.
    pub rate_limit: Option<RateLimitState>,
    /// The idempotency key that every attempt carried (C11).
    pub idempotency_key: Option<String>,
}

impl Meta {
    /// How a call begins.
    pub(crate) fn new(plan: &Plan, idempotency_key: Option<String>) -> Self {
        Self {
            operation_id: Arc::clone(&plan.id),
            method: plan.method.clone(),
            path_template: Arc::clone(&plan.template),
            attempts: 0,
            waited: Duration::ZERO,
            request_id: None,
            refreshed: false,
            rate_limit: None,
            idempotency_key,
        }
    }

    /// Where a call was made, for messages: `GET /devices/{id}`.
    pub(crate) fn place(&self) -> String {
        format!("{} {}", self.method, self.path_template)
    }
}

/// The id that a server gave a request.
pub(crate) fn request_id(headers: &HeaderMap) -> Option<String> {
    let value = REQUEST_ID.iter().find_map(|name| headers.get(*name))?;
    value.to_str().ok().map(str::to_owned)
}

/// Reads an answer other than success. `secrets` are what this call sent (B8).
pub(crate) fn api_error(incoming: Incoming, meta: Meta, hint: Option<String>, secrets: &[Secret]) -> ApiError {
    let Incoming { status, headers, body } = incoming;
    let headers = scrubbed(headers, secrets);
    let meta = Meta { request_id: request_id(&headers), ..meta };
    let redirect = if status.is_redirection() { redirect_origin(&headers) } else { None };
    let body = match std::str::from_utf8(&body) {
        Ok(text) if !secrets.is_empty() => Bytes::from(scrub(text, secrets)),
        _ => body,
    };
    let json: Option<Value> = if body.len() <= LONGEST_MESSAGE { serde_json::from_slice(&body).ok() } else { None };
    let json = json.as_ref();
    let message = json.and_then(message).unwrap_or_else(|| fallback(status, &body));
    ApiError {
        code: json.and_then(code),
        message,
        problem: problem(&headers, json),
        status,
        headers,
        body,
        meta,
        hint,
        redirect,
    }
}

/// Headers without `secrets`, of which only the well-known are printed.
fn scrubbed(mut headers: HeaderMap, secrets: &[Secret]) -> HeaderMap {
    for value in headers.values_mut() {
        let text = String::from_utf8_lossy(value.as_bytes());
        let clean = scrub(&text, secrets);
        if clean != text {
            *value = HeaderValue::from_str(&clean).unwrap_or(HeaderValue::from_static(REDACTED));
        }
    }
    sealed(headers)
}

/// The same headers, all but well-known ones marked sensitive.
pub(crate) fn sealed(mut headers: HeaderMap) -> HeaderMap {
    for (name, value) in &mut headers {
        value.set_sensitive(!PRINTABLE.contains(&name.as_str()));
    }
    headers
}

/// The origin that a redirect points to; its path and query may carry anything and are not shown.
fn redirect_origin(headers: &HeaderMap) -> Option<String> {
    let location = headers.get(http::header::LOCATION)?.to_str().ok()?;
    match Url::parse(location) {
        Ok(url) => Origin::of(&url).map(|origin| origin.to_string()),
        Err(_) => Some("the same server".to_owned()),
    }
}

/// Where error bodies keep their sentence, the most telling first.
fn message(json: &Value) -> Option<String> {
    const PLACES: [&str; 6] = ["/detail", "/message", "/error/message", "/error_description", "/title", "/error"];
    let found = PLACES.iter().find_map(|place| json.pointer(place).filter(|value| !value.is_null()))?;
    Some(match found {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    })
}

fn code(json: &Value) -> Option<String> {
    const PLACES: [&str; 3] = ["/code", "/error/code", "/error"];
    PLACES.iter().find_map(|place| match json.pointer(place) {
        Some(Value::String(code)) => Some(code.clone()),
        Some(Value::Number(code)) => Some(code.to_string()),
        _ => None,
    })
}

fn problem(headers: &HeaderMap, json: Option<&Value>) -> Option<Problem> {
    let media_type = headers.get(http::header::CONTENT_TYPE)?.to_str().ok()?;
    if !media_type.starts_with("application/problem+json") {
        return None;
    }
    serde_json::from_value(json?.clone()).ok()
}

/// A short text body says what it says; otherwise the status' own words.
fn fallback(status: StatusCode, body: &[u8]) -> String {
    match std::str::from_utf8(body).map(str::trim) {
        Ok(text) if !text.is_empty() && text.len() <= 200 && !text.starts_with(['<', '{', '[']) => text.to_owned(),
        _ => status.canonical_reason().unwrap_or("no reason given").to_owned(),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use http::HeaderValue;

    use super::*;

    pub(crate) fn meta() -> Meta {
        Meta {
            operation_id: "op".into(),
            method: Method::GET,
            path_template: "/things/{id}".into(),
            attempts: 1,
            waited: Duration::ZERO,
            request_id: None,
            refreshed: false,
            rate_limit: None,
            idempotency_key: None,
        }
    }

    fn error(status: u16, headers: &[(&'static str, &'static str)], body: &'static str) -> ApiError {
        let headers =
            headers.iter().map(|(name, value)| (http::HeaderName::from_static(name), HeaderValue::from_static(value)));
        let status = StatusCode::from_u16(status).expect("a status");
        let incoming = Incoming { status, headers: headers.collect(), body: Bytes::from_static(body.as_bytes()) };
        api_error(incoming, meta(), None, &[Secret::new("rbtk_test_canary")])
    }

    /// ROBOTICKS-6, RFC 9457, RFC 6749: the sentence and the code are found wherever servers put them.
    #[test]
    fn the_message_and_code_are_found() {
        assert_eq!(
            error(401, &[], r#"{"detail": "Could not validate credentials"}"#).message,
            "Could not validate credentials"
        );
        let oauth = error(400, &[], r#"{"error": "invalid_grant", "error_description": "too old"}"#);
        assert_eq!((oauth.code.as_deref(), oauth.message.as_str()), (Some("invalid_grant"), "too old"));
        let body = r#"{"type": "about:blank", "title": "No", "detail": "not here", "status": 404}"#;
        let problem = error(404, &[("content-type", "application/problem+json")], body);
        assert_eq!(problem.problem.and_then(|problem| problem.title).as_deref(), Some("No"));
        assert_eq!(error(502, &[], "<html>").message, "Bad Gateway");
    }

    /// B8: the echo of a key is in neither message nor body.
    #[test]
    fn an_echoed_key_is_scrubbed() {
        let error = error(401, &[], r#"{"detail": "no such key: rbtk_test_canary"}"#);
        assert_eq!(error.message, "no such key: [redacted]");
        assert!(!format!("{error:?} {error} {:?}", error.body).contains("canary"));
    }

    /// B8: the echo of a key in a header is taken out, and a session of the server's is not printed.
    #[test]
    fn an_echo_in_a_header_is_scrubbed() {
        let headers =
            [("x-debug", "key=rbtk_test_canary"), ("x-request-id", "rbtk_test_canary"), ("set-cookie", "sid=7")];
        let error = error(401, &headers, "");
        assert_eq!(error.headers["x-debug"].as_bytes(), b"key=[redacted]");
        assert_eq!(error.meta.request_id.as_deref(), Some("[redacted]"));
        let printed = format!("{:?} {error:?} {error}", error.headers);
        assert!(!printed.contains("canary") && !printed.contains("sid=7"), "{printed}");
    }

    /// B6: a redirect is named by its origin, without what else its location carries.
    #[test]
    fn a_redirect_names_its_origin() {
        let error = error(307, &[("location", "https://evil.example/x?token=rbtk_test_canary")], "");
        assert_eq!(error.redirect.as_deref(), Some("https://evil.example:443"));
        assert!(!error.to_string().contains("canary"));
    }
}
