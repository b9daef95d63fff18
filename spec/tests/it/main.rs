//! The model against the four documents and against broken ones.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod bad_input;
mod files;
mod seeds;

use std::io;
use std::path::Path;

use bitting_spec::Document;

/// One of the four documents, by its name.
fn seed(name: &str) -> Document {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi");
    let reader = move |name: &str| -> io::Result<String> { std::fs::read_to_string(root.join(name)) };
    Document::load(&format!("{name}.yaml"), &reader).unwrap()
}
