//! An answer as it came, or why none came.

use std::fmt;
use std::sync::OnceLock;

use bytes::Bytes;
use http::HeaderMap;
use serde_json::Value;

/// An answer that was read to its end.
#[derive(Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// The body as JSON, read when somebody asks for it, and once.
    json: OnceLock<Option<Value>>,
}

impl Answer {
    pub(crate) fn new(status: u16, headers: HeaderMap, body: Bytes) -> Self {
        Self { status, headers, body, json: OnceLock::new() }
    }

    pub(crate) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The first field called `name`, as text; bytes beyond ASCII are replaced.
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        self.headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).trim().to_owned())
    }

    /// The media type without parameters, in lower case.
    pub(crate) fn media_type(&self) -> Option<String> {
        let value = self.header("content-type")?;
        Some(value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> Option<Value> {
        self.parsed().cloned()
    }

    /// The body as JSON, for who only looks at it.
    pub(crate) fn parsed(&self) -> Option<&Value> {
        self.json.get_or_init(|| serde_json::from_slice(&self.body).ok()).as_ref()
    }

    /// Whether it sends a user back to an app with an error, as an authorization endpoint refuses (RFC 6749, 4.1.2.1).
    pub(crate) fn is_sent_back(&self) -> bool {
        let location = self.header("location").unwrap_or_default();
        let query = location.split('#').next().and_then(|uri| uri.split_once('?')).map_or("", |(_, query)| query);
        (300..400).contains(&self.status) && form_urlencoded::parse(query.as_bytes()).any(|(name, _)| name == "error")
    }
}

impl fmt::Debug for Answer {
    /// Shows the status only: a body may hold a secret.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} with {} bytes", self.status, self.body.len())
    }
}

/// Why there is no answer that can be judged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Broken {
    /// No connection: the server is not there.
    #[error("no connection: {0}")]
    Connect(String),
    /// No answer began in time.
    #[error("no answer within {0} seconds")]
    Silent(u64),
    /// The answer took too long.
    #[error("no complete answer within {0} seconds")]
    Timeout(u64),
    /// The body has no end.
    #[error("the body is longer than {0} bytes")]
    TooLong(usize),
    /// The answer is no HTTP, or ends before its end.
    #[error("the answer breaks HTTP: {0}")]
    Protocol(String),
    /// The answer is that there are too many requests, and there is no time to wait: it says nothing about this one.
    #[error("a rate limit was met, and there was no time to wait it out")]
    Limited,
    /// The request cannot be written as HTTP.
    #[error("the request cannot be sent: {0}")]
    Request(String),
}
