//! Generates clients from the model of an OpenAPI document.
//!
//! Pure: a [`Document`](bitting_spec::Document) in, files out. The [`Surface`] says what a client offers; Rust, Python
//! and Node each write it down in their own words, over the same operation table.

pub mod names;
pub mod surface;
pub mod types;

pub use names::Language;
pub use surface::Surface;

/// A generated file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Its path below the output folder, with `/` between the parts.
    pub path: String,
    /// Its text.
    pub text: String,
}
