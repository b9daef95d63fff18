//! The calls that have ended and wait for their event loop.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::PyList;

use crate::descriptor::Descriptor;
use crate::outcome::{Failure, Reply};

/// How many outcomes one drain hands over at most, so that a flood leaves the loop time for other work.
const BATCH: usize = 1024;

/// The calls of one event loop that have ended.
#[pyclass(frozen, module = "bitting._native")]
pub(crate) struct Completions {
    queue: Arc<bitting_ffi::Completions>,
    /// What the loop waits on, unless it is woken by a call.
    descriptor: Option<Arc<Descriptor>>,
}

impl Completions {
    /// The queue that calls are started with.
    pub(crate) fn queue(&self) -> &Arc<bitting_ffi::Completions> {
        &self.queue
    }

    #[cfg(unix)]
    fn with_descriptor() -> PyResult<Self> {
        let descriptor = Arc::new(Descriptor::new().map_err(std::io::Error::from)?);
        let signal = Arc::clone(&descriptor);
        let queue = bitting_ffi::Completions::new(move || signal.signal());
        Ok(Self { queue, descriptor: Some(descriptor) })
    }

    /// An interpreter that shuts down takes no more calls; then there is nobody left to wake.
    fn with_callback(wake: Py<PyAny>) -> Self {
        let queue = bitting_ffi::Completions::new(move || {
            Python::try_attach(|py| {
                if let Err(error) = wake.call0(py) {
                    error.write_unraisable(py, None);
                }
            });
        });
        Self { queue, descriptor: None }
    }
}

#[pymethods]
impl Completions {
    #[new]
    #[pyo3(signature = (wake=None))]
    fn new(wake: Option<Py<PyAny>>) -> PyResult<Self> {
        match wake {
            Some(wake) => Ok(Self::with_callback(wake)),
            #[cfg(unix)]
            None => Self::with_descriptor(),
            #[cfg(not(unix))]
            None => {
                Err(pyo3::exceptions::PyNotImplementedError::new_err("no descriptor on this platform; give a `wake`"))
            }
        }
    }

    /// The descriptor's number, or -1 without one.
    fn fileno(&self) -> i32 {
        self.descriptor.as_ref().map_or(-1, |descriptor| descriptor.number())
    }

    /// Takes over what has ended.
    fn drain<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        // First: what is put in from here on makes it readable again.
        if let Some(descriptor) = &self.descriptor {
            descriptor.clear();
        }
        let mut ended = Vec::new();
        self.queue.drain(BATCH, |ticket, outcome| ended.push((ticket, outcome)));
        let list = PyList::empty(py);
        for (ticket, outcome) in ended {
            match outcome {
                Ok(reply) => list.append((ticket, Reply::from(reply)))?,
                Err(failure) => list.append((ticket, Failure::from(failure)))?,
            }
        }
        Ok(list)
    }
}
