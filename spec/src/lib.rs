//! The model of an OpenAPI document.
//!
//! Everything in bitting starts here: [`Document`] reads OpenAPI 3.0 and 3.1 and gives each operation its effective
//! security, its parameters, bodies and answers with their schemas as JSON Schema 2020-12, and bitting's extensions.
//! The [`table`] is the part of it that a client needs at call time; it stands without the reader (no default features).
//!
//! This crate does no I/O beyond a [`Reader`] that it is given, reads no clock, and knows no HTTP library.

pub mod extension;
#[cfg(feature = "lower")]
pub mod lower;
pub mod style;
pub mod table;
mod variables;

#[cfg(feature = "document")]
mod document;
#[cfg(feature = "document")]
pub mod infer;

#[cfg(feature = "document")]
#[doc(inline)]
pub use document::*;
