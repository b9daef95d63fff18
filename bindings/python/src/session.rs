//! A client, and its calls: waiting without the interpreter's lock, or started and awaited.

use std::borrow::Cow;

use bitting_ffi::Invocation;
use bytes::Bytes;
use pyo3::IntoPyObjectExt;
use pyo3::prelude::*;

use crate::completions::Completions;
use crate::outcome::{Failure, RateLimit, Reply, rate_limit};

/// What a call ended with. A failure is boxed, so that the usual case is not moved about in its size.
type Outcome<T> = Result<T, Box<bitting_ffi::Failure>>;

/// A value, or the failure that Python makes an exception of.
fn crossed<'py, T, U>(py: Python<'py>, outcome: Outcome<T>) -> PyResult<Bound<'py, PyAny>>
where
    T: Into<U>,
    U: IntoPyObjectExt<'py>,
{
    match outcome {
        Ok(value) => value.into().into_bound_py_any(py),
        Err(failure) => Failure::from(*failure).into_bound_py_any(py),
    }
}

/// One client of one API.
#[pyclass(frozen, weakref, module = "bitting._native")]
pub(crate) struct Session(bitting_ffi::Session);

impl From<bitting_ffi::Session> for Session {
    fn from(session: bitting_ffi::Session) -> Self {
        Self(session)
    }
}

#[pymethods]
impl Session {
    /// A session of a configuration, which is a JSON object.
    #[staticmethod]
    fn open<'py>(py: Python<'py>, config: &[u8]) -> PyResult<Bound<'py, PyAny>> {
        let opened = py.detach(|| bitting_ffi::Session::open(config).map_err(Box::new));
        crossed::<_, Self>(py, opened)
    }

    /// Makes a call and waits for it. Signals are looked at every 50 ms, so that Ctrl-C ends it.
    fn call<'py>(
        &self,
        py: Python<'py>,
        operation: u32,
        arguments: &[u8],
        media_type: Option<String>,
        body: Option<&[u8]>,
        options: Option<&[u8]>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let invocation = invocation(operation, arguments, media_type, body, options);
        let mut raised = None;
        let interrupted = || {
            raised = Python::attach(|py| py.check_signals()).err();
            raised.is_some()
        };
        let outcome = py.detach(|| self.0.call_blocking(invocation, interrupted).map_err(Box::new));
        match raised {
            Some(error) => Err(error),
            None => crossed::<_, Reply>(py, outcome),
        }
    }

    /// Starts a call whose end is put into `completions` under `ticket`.
    #[allow(clippy::too_many_arguments, reason = "the parts of a call cross one by one, as cheap as they can")]
    fn start(
        &self,
        completions: &Completions,
        ticket: u64,
        operation: u32,
        arguments: &[u8],
        media_type: Option<String>,
        body: Option<&[u8]>,
        options: Option<&[u8]>,
    ) -> Abort {
        let invocation = invocation(operation, arguments, media_type, body, options);
        Abort(self.0.start(ticket, invocation, completions.queue()))
    }

    /// The place of the operation `id` in the operation table.
    fn operation(&self, id: &str) -> Option<u32> {
        self.0.operation(id)
    }

    /// The arguments of the page after the one that `arguments` asked for and `reply` is; `None` after the last one.
    fn next_page<'py>(
        &self,
        py: Python<'py>,
        operation: u32,
        arguments: &[u8],
        reply: &Reply,
    ) -> PyResult<Bound<'py, PyAny>> {
        let next = py.detach(|| self.0.next_page(operation, arguments, reply.content()).map_err(Box::new));
        crossed::<_, Option<Cow<'_, [u8]>>>(py, next.map(|next| next.map(|next| Cow::Owned(next.into_bytes()))))
    }

    /// Which credentials there are: a JSON list without secrets.
    fn explain<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        crossed::<_, String>(py, self.0.explain().map_err(Box::new))
    }

    /// What the last answer that spoke of a rate limit said.
    fn rate_limit(&self) -> Option<RateLimit> {
        self.0.rate_limit().ok().flatten().map(rate_limit)
    }

    /// What `<PREFIX>_LOG` asks for.
    fn log_level(&self) -> Option<String> {
        self.0.log_level()
    }

    /// What is worth knowing about the configuration.
    fn warnings<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        crossed::<_, Vec<String>>(py, self.0.warnings().map_err(Box::new))
    }

    /// Gives a forked child connections of its own. Should that fail, the next call says why.
    fn after_fork(&self) {
        let _ = self.0.after_fork();
    }
}

/// A call that is under way.
#[pyclass(frozen, module = "bitting._native")]
pub(crate) struct Abort(bitting_ffi::Abort);

#[pymethods]
impl Abort {
    /// Stops the call; nothing is completed for it.
    fn abort(&self) {
        self.0.abort();
    }
}

fn invocation(
    operation: u32,
    arguments: &[u8],
    media_type: Option<String>,
    body: Option<&[u8]>,
    options: Option<&[u8]>,
) -> Invocation {
    Invocation {
        operation,
        arguments: Bytes::copy_from_slice(arguments),
        media_type,
        body: body.map(Bytes::copy_from_slice),
        options: options.map(Bytes::copy_from_slice),
    }
}
