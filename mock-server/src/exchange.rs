//! A request as the core takes it and an answer as the core gives it, without any network.

use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use serde_json::Value;

/// A request.
#[derive(Debug, Clone)]
pub struct Request {
    /// Its method.
    pub method: Method,
    /// Path and query as they came over the wire, such as `/devices?limit=5`.
    pub target: String,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

impl Request {
    /// A request without headers and body.
    #[must_use]
    pub fn new(method: Method, target: impl Into<String>) -> Self {
        Self { method, target: target.into(), headers: HeaderMap::new(), body: Bytes::new() }
    }

    /// The same with one more header; what no header can hold is left out.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value)) {
            self.headers.append(name, value);
        }
        self
    }

    /// The same with a JSON body.
    #[must_use]
    pub fn with_json(mut self, body: &Value) -> Self {
        self.body = Bytes::from(body.to_string());
        self.with_header("content-type", "application/json")
    }

    /// The path, without the query.
    pub(crate) fn path(&self) -> &str {
        let end = memchr::memchr2(b'?', b'#', self.target.as_bytes());
        &self.target[..end.unwrap_or(self.target.len())]
    }

    /// The query, empty if there is none.
    pub(crate) fn query(&self) -> &str {
        let rest = &self.target[self.path().len()..];
        let Some(query) = rest.strip_prefix('?') else { return "" };
        &query[..memchr::memchr(b'#', query.as_bytes()).unwrap_or(query.len())]
    }
}

/// An answer, and how a front has to deliver it.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
    /// What faults do on the way.
    pub delivery: Delivery,
}

impl Outcome {
    /// The body as JSON; `null` if it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// A header's text; empty if it is not there.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

/// How an answer goes out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Delivery {
    /// How long it waits first.
    pub delay: Duration,
    /// The gate that must be released first.
    pub gate: Option<String>,
    /// In which way it goes over the wire.
    pub manner: Manner,
}

/// In which way an answer goes over the wire.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Manner {
    /// As it should.
    #[default]
    Whole,
    /// Never: the connection stays open and silent.
    Hang,
    /// Bytes that are no HTTP, and then the end of the connection.
    Garbage,
    /// The headers promise more bytes than the body has.
    Promise {
        /// How many more.
        extra: u64,
    },
    /// The connection is reset (TCP RST) in place of an answer.
    Reset,
    /// The stream is reset with this error code (RFC 9113, 6.4); in HTTP/1.1, which has no streams, the connection.
    ResetStream {
        /// The error code (RFC 9113, 7).
        code: u32,
    },
    /// As it should, and the connection says that it takes no more requests: GOAWAY (RFC 9113, 6.8), or
    /// `Connection: close` in HTTP/1.1. With an error code it is that in place of the answer, and the end of the
    /// connection.
    GoAway {
        /// The error code (RFC 9113, 7); 0: none.
        code: u32,
    },
    /// As it should, and then the idle connection is closed without a word.
    Close {
        /// How long after the answer.
        pause: Duration,
    },
    /// The headers and the first bytes of the body go out; then the connection ends, by a reset or in the usual way.
    Cut {
        /// How many bytes of the body go out.
        bytes: usize,
        /// Whether the end is a reset.
        reset: bool,
    },
    /// A few bytes at a time.
    Drip {
        /// How many.
        bytes: usize,
        /// How long to wait after them.
        pause: Duration,
    },
}

/// What a stage of the core answers, before it is turned into bytes.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) media: String,
    pub(crate) body: Option<Value>,
    /// The body as bytes, where it is no JSON or has been written already.
    pub(crate) raw: Option<Bytes>,
    /// Whether its body was checked against the document already.
    pub(crate) is_checked: bool,
    /// Why it is a refusal, for the journal.
    pub(crate) reason: Option<&'static str>,
    /// The same in words, without any value that came: what was wrong, and where.
    pub(crate) detail: Option<Box<str>>,
    /// The id of the object that it is about.
    pub(crate) id: Option<Box<str>>,
}

/// A number as a header's value.
pub(crate) fn number(mut number: u64) -> HeaderValue {
    let mut digits = [b'0'; 20];
    let mut start = digits.len();
    loop {
        start -= 1;
        digits[start] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    // Digits are what a header may hold.
    HeaderValue::from_bytes(&digits[start..]).unwrap_or(HeaderValue::from_static("0"))
}

impl Answer {
    /// The same about the object of this id.
    pub(crate) fn about(mut self, id: &str) -> Self {
        self.id = Some(id.into());
        self
    }

    /// An answer without a body.
    pub(crate) fn empty(status: u16) -> Self {
        Self {
            status,
            headers: HeaderMap::new(),
            media: String::new(),
            body: None,
            raw: None,
            is_checked: false,
            reason: None,
            detail: None,
            id: None,
        }
    }

    /// An answer with a JSON body.
    pub(crate) fn json(status: u16, body: Value) -> Self {
        Self { media: "application/json".to_owned(), body: Some(body), ..Self::empty(status) }
    }

    /// The same with a reason for the journal.
    pub(crate) fn because(mut self, reason: &'static str) -> Self {
        self.reason = Some(reason);
        self
    }

    /// The same with the reason in words.
    pub(crate) fn saying(mut self, detail: impl Into<Box<str>>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// The same with a header; what no header can hold is left out.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.set(name, value);
        self
    }

    /// Sets a header.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value)) {
            self.headers.insert(name, value);
        }
    }

    /// The answer as bytes.
    pub(crate) fn outcome(self, delivery: Delivery) -> Outcome {
        let Self { status, mut headers, media, body, raw, .. } = self;
        let bytes = match body {
            None if raw.is_some() => raw.unwrap_or_default(),
            None => Bytes::new(),
            Some(Value::String(text)) if !media.contains("json") => Bytes::from(text),
            Some(value) => Bytes::from(value.to_string()),
        };
        let media = match media.as_str() {
            "application/json" => Ok(HeaderValue::from_static("application/json")),
            media => HeaderValue::from_str(media),
        };
        if let Ok(media) = media
            && !media.is_empty()
        {
            headers.insert(CONTENT_TYPE, media);
        }
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Outcome { status, headers, body: bytes, delivery }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_a_path_and_a_query() {
        let parts = |target: &str| {
            let request = Request::new(Method::GET, target);
            (request.path().to_owned(), request.query().to_owned())
        };
        assert_eq!(parts("/a"), ("/a".into(), String::new()));
        assert_eq!(parts("/a?b=c?d#e?f"), ("/a".into(), "b=c?d".into()));
        assert_eq!(parts("/a#b?c"), ("/a".into(), String::new()));
        assert_eq!(parts(""), (String::new(), String::new()));
    }

    #[test]
    fn numbers_are_written_in_full() {
        for each in [0, 7, 10, 1_000_000, u64::MAX] {
            assert_eq!(number(each), each.to_string().as_str());
        }
    }
}
