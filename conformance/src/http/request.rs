//! A request before it is sent: plain data that can be changed, sent again and shown.

use std::fmt;

use bytes::Bytes;

/// A request. Header values are bytes, since wrong ones are sent too.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// The path with the query, percent-encoded.
    pub(crate) target: String,
    /// Header fields in order, names in lower case.
    pub(crate) headers: Vec<(String, Bytes)>,
    pub(crate) body: Option<Bytes>,
}

impl Request {
    /// Whether a header or the query holds this credential.
    pub(crate) fn carries(&self, secret: &str) -> bool {
        self.target.contains(secret)
            || self.headers.iter().any(|(_, value)| String::from_utf8_lossy(value).contains(secret))
    }

    pub(crate) fn new(method: &str, target: &str) -> Self {
        Self { method: method.to_owned(), target: target.to_owned(), headers: Vec::new(), body: None }
    }

    /// With one more header field.
    pub(crate) fn header(self, name: &str, value: &str) -> Self {
        self.raw_header(name, Bytes::copy_from_slice(value.as_bytes()))
    }

    /// With one more header field, whatever its bytes.
    pub(crate) fn raw_header(mut self, name: &str, value: Bytes) -> Self {
        self.headers.push((name.to_ascii_lowercase(), value));
        self
    }

    /// With `value` in the place of every field of that name.
    pub(crate) fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.retain(|(other, _)| !other.eq_ignore_ascii_case(name));
        self.header(name, value)
    }

    /// With one more pair in the one `Cookie` field that a request has (RFC 6265, 5.4).
    pub(crate) fn cookie(mut self, pair: &str) -> Self {
        match self.headers.iter_mut().find(|(name, _)| name == "cookie") {
            Some((_, line)) => *line = [line, pair.as_bytes()].join(b"; ".as_slice()).into(),
            None => self = self.header("cookie", pair),
        }
        self
    }

    /// With a body.
    pub(crate) fn body(mut self, body: Bytes) -> Self {
        self.body = Some(body);
        self
    }

    /// With one more query parameter; name and value are encoded here.
    pub(crate) fn query(mut self, name: &str, value: &str) -> Self {
        let pair = form_urlencoded::Serializer::new(String::new()).append_pair(name, value).finish();
        self.target.push(if self.target.contains('?') { '&' } else { '?' });
        self.target.push_str(&pair);
        self
    }

    /// The path without the query.
    pub(crate) fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }
}

impl fmt::Debug for Request {
    /// Shows neither headers nor query nor body: each may hold a secret.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.method, self.path())
    }
}
