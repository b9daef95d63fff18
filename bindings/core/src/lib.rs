//! The language-free surface of the client runtime: what Python and Node both stand on.
//!
//! A [`Session`] is one client. A call goes in as an [`Invocation`] (an operation's index, its arguments as JSON, a
//! body as bytes) and comes back once, as a [`Reply`] or a [`Failure`]: bytes and plain data, so that each language
//! decodes and raises in its own way. Nothing here knows Python or Node.

#![allow(clippy::result_large_err, reason = "a reply is as large; both are moved once, into the other language")]

mod completions;
mod config;
mod outcome;
mod runtime;
mod session;

pub use bitting::RateLimitState;
pub use completions::Completions;
pub use config::Config;
pub use outcome::{Failure, Reply};
pub use session::{Abort, Invocation, Session};
