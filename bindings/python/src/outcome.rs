//! How a call ended, as Python sees it: attributes over what the core answered, made when they are asked for.

use std::time::SystemTime;

use bitting_ffi::RateLimitState;
use http::HeaderMap;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

/// Limit, requests left, and the end of the window in Unix time.
pub(crate) type RateLimit = (Option<u64>, Option<u64>, Option<f64>);

/// A successful answer.
#[pyclass(frozen, module = "bitting._native")]
pub(crate) struct Reply(bitting_ffi::Reply);

impl From<bitting_ffi::Reply> for Reply {
    fn from(reply: bitting_ffi::Reply) -> Self {
        Self(reply)
    }
}

impl Reply {
    /// The body.
    pub(crate) fn content(&self) -> &[u8] {
        &self.0.body
    }
}

#[pymethods]
impl Reply {
    #[getter]
    fn status(&self) -> u16 {
        self.0.status
    }

    #[getter]
    fn headers(&self) -> Vec<(String, String)> {
        pairs(&self.0.headers)
    }

    #[getter]
    fn body<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.0.body)
    }

    #[getter]
    fn request_id(&self) -> Option<&str> {
        self.0.meta.request_id.as_deref()
    }

    #[getter]
    fn method(&self) -> &str {
        self.0.meta.method.as_str()
    }

    #[getter]
    fn path(&self) -> &str {
        &self.0.meta.path_template
    }

    #[getter]
    fn attempts(&self) -> u32 {
        self.0.meta.attempts
    }

    #[getter]
    fn waited(&self) -> f64 {
        self.0.meta.waited.as_secs_f64()
    }

    #[getter]
    fn refreshed(&self) -> bool {
        self.0.meta.refreshed
    }

    #[getter]
    fn rate_limit(&self) -> Option<RateLimit> {
        self.0.meta.rate_limit.map(rate_limit)
    }

    fn __repr__(&self) -> String {
        format!("<Reply {}>", self.0.status)
    }
}

/// Why a call did not succeed.
#[pyclass(frozen, module = "bitting._native")]
pub(crate) struct Failure(bitting_ffi::Failure);

impl From<bitting_ffi::Failure> for Failure {
    fn from(failure: bitting_ffi::Failure) -> Self {
        Self(failure)
    }
}

#[pymethods]
impl Failure {
    #[getter]
    fn kind(&self) -> &str {
        self.0.kind
    }

    #[getter]
    fn message(&self) -> &str {
        &self.0.message
    }

    #[getter]
    fn status(&self) -> Option<u16> {
        self.0.status
    }

    #[getter]
    fn headers(&self) -> Vec<(String, String)> {
        pairs(&self.0.headers)
    }

    #[getter]
    fn body<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.0.body)
    }

    #[getter]
    fn request_id(&self) -> Option<&str> {
        self.0.request_id.as_deref()
    }

    #[getter]
    fn retry_after(&self) -> Option<f64> {
        self.0.retry_after
    }

    #[getter]
    fn attempts(&self) -> u32 {
        self.0.attempts
    }

    #[getter]
    fn method(&self) -> Option<&str> {
        self.0.method.as_deref()
    }

    #[getter]
    fn path(&self) -> Option<&str> {
        self.0.path.as_deref()
    }

    #[getter]
    fn code(&self) -> Option<&str> {
        self.0.code.as_deref()
    }

    #[getter]
    fn rate_limit(&self) -> Option<RateLimit> {
        self.0.rate_limit.map(rate_limit)
    }

    fn __repr__(&self) -> String {
        format!("<Failure {}>", self.0.kind)
    }
}

/// Headers as text; a value's bytes are taken as ISO 8859-1, which loses none (RFC 9110, 5.5).
fn pairs(headers: &HeaderMap) -> Vec<(String, String)> {
    let text = |value: &http::HeaderValue| value.as_bytes().iter().map(|byte| char::from(*byte)).collect();
    headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect()
}

/// What is known of a rate limit.
pub(crate) fn rate_limit(state: RateLimitState) -> RateLimit {
    (state.limit, state.remaining, state.reset_at.and_then(unix_seconds))
}

fn unix_seconds(at: SystemTime) -> Option<f64> {
    at.duration_since(SystemTime::UNIX_EPOCH).ok().map(|since| since.as_secs_f64())
}
