//! Reading documents from files, which the model itself does not do.

use std::path::Path;

use anstyle::{AnsiColor, Style};
use bitting_spec::Document;

use crate::failure::Failure;

/// Reads a document, with the overlay beside it.
pub(crate) fn load(path: &Path) -> Result<Document, Failure> {
    let reader = |name: &str| std::fs::read_to_string(name);
    Ok(Document::load(&path.to_string_lossy(), &reader)?)
}

/// Shows what was found in a document that is worth knowing.
pub(crate) fn warn(document: &Document) {
    let pointers: Vec<&str> = document.warnings.iter().map(|warning| warning.pointer.as_str()).collect();
    for (warning, line) in document.warnings.iter().zip(document.lines(&pointers)) {
        let line = line.map(|line| format!(":{line}")).unwrap_or_default();
        note(&format!("{}{line}: {}", document.file(), warning.message));
    }
}

/// A line that is worth knowing and no error.
pub(crate) fn note(text: &str) {
    let style: Style = AnsiColor::Yellow.on_default().bold();
    anstream::eprintln!("{style}warning{style:#}: {text}");
}
