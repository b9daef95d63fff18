//! How a call ends: with a reply or a failure, each as plain data.

use bitting::table::Operation;
use bitting::{Error, Meta, RateLimitState, Response};
use bytes::Bytes;
use http::HeaderMap;

/// A successful answer.
#[derive(Debug)]
pub struct Reply {
    /// The status, 200 to 299.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// Attempts, waits and the server's id of the request.
    pub meta: Meta,
}

impl From<Response> for Reply {
    fn from(response: Response) -> Self {
        let Response { status, headers, body, meta, .. } = response;
        Self { status: status.as_u16(), headers, body, meta }
    }
}

/// Why a call did not succeed. The message never shows a secret.
#[derive(Debug, Clone)]
pub struct Failure {
    /// `config`, `credentials`, `request`, `connection`, `timeout`, `rate_limited`, `api`, `decode`, `token`, or
    /// `interrupted`.
    pub kind: &'static str,
    /// What happened and what to do.
    pub message: String,
    /// The status of the answer, if one came.
    pub status: Option<u16>,
    /// The headers of the answer.
    pub headers: HeaderMap,
    /// The body of the answer.
    pub body: Bytes,
    /// The server's id of the request.
    pub request_id: Option<String>,
    /// How long to wait before another try, in seconds.
    pub retry_after: Option<f64>,
    /// How often the request was sent.
    pub attempts: u32,
    /// The operation's method, where the call came that far.
    pub method: Option<String>,
    /// The operation's path template.
    pub path: Option<String>,
    /// The error code that the answer's body names.
    pub code: Option<String>,
    /// What the answer says about the rate limit.
    pub rate_limit: Option<RateLimitState>,
}

impl Failure {
    pub(crate) fn config(message: impl Into<String>) -> Self {
        Self::new("config", message.into())
    }

    pub(crate) fn request(message: impl Into<String>) -> Self {
        Self::new("request", message.into())
    }

    pub(crate) fn interrupted() -> Self {
        Self::new("interrupted", "the call was interrupted".to_owned())
    }

    /// An answer that is no page of its operation.
    pub(crate) fn page(operation: &Operation, problem: &str) -> Self {
        let Operation { method, path, .. } = operation;
        let message = format!("{method} {path} answered with what is no page, so the list cannot go on: {problem}");
        Self { method: Some(method.clone()), path: Some(path.clone()), ..Self::new("decode", message) }
    }

    fn new(kind: &'static str, message: String) -> Self {
        Self {
            kind,
            message,
            status: None,
            headers: HeaderMap::new(),
            body: Bytes::new(),
            request_id: None,
            retry_after: None,
            attempts: 0,
            method: None,
            path: None,
            code: None,
            rate_limit: None,
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let meta = error.meta();
        Self {
            kind: error.kind().as_str(),
            message: chain(&error),
            status: error.status().map(|status| status.as_u16()),
            headers: error.headers().cloned().unwrap_or_default(),
            body: error.body().cloned().unwrap_or_default(),
            request_id: error.request_id().map(str::to_owned),
            retry_after: error.retry_after().map(|wait| wait.as_secs_f64()),
            attempts: meta.map_or(0, |meta| meta.attempts),
            method: meta.map(|meta| meta.method.to_string()),
            path: meta.map(|meta| meta.path_template.to_string()),
            code: error.answer().and_then(|answer| answer.code.clone()),
            rate_limit: meta.and_then(|meta| meta.rate_limit),
        }
    }
}

/// The error and its causes in one line: other languages have no chain of sources.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(source) = cause {
        let more = source.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = source.source();
    }
    text
}
