//! The generators: what they make of the four documents, of an awkward one and of hostile ones.

mod kitchen_sink;
mod python;
mod rust;

use std::path::Path;

use bitting_spec::Document;

/// The document at `path` below this crate.
fn document(path: &str) -> Document {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    Document::load(&path.to_string_lossy(), &|name: &str| std::fs::read_to_string(name)).expect("a readable document")
}
