//! The Python extension module `bitting._native`: a thin shell around `bitting_ffi`.
//!
//! Everything crosses as bytes and plain data. Exceptions are made in Python, and what a user sees is written there too
//! (`python/bitting`); the types of this module stand in `python/bitting/_native.pyi`.

mod completions;
mod descriptor;
mod outcome;
mod session;

use pyo3::prelude::*;

/// The module's contents.
#[pymodule]
mod _native {
    #[pymodule_export]
    use crate::completions::Completions;
    #[pymodule_export]
    use crate::outcome::{Failure, Reply};
    #[pymodule_export]
    use crate::session::{Abort, Session};
}
