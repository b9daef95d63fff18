//! Reading documents from files, which the model itself does not do.

use std::path::Path;
use std::sync::mpsc;

use anstyle::{AnsiColor, Style};
use bitting_spec::Document;

use crate::failure::Failure;
use crate::serve;
use crate::settings::Run;

/// Reads a document, with the overlay beside it; or the one that a server gives of itself, where the path is a URL.
pub(crate) fn load(path: &Path) -> Result<Document, Failure> {
    load_trusting(path, &[])
}

/// The same, from a server whose authority is among these certificates too (PEM).
pub(crate) fn load_trusting(path: &Path, authorities: &[u8]) -> Result<Document, Failure> {
    if let Some(url) = path.to_str().filter(|text| is_url(text)) {
        let text = serve::runtime_here()?.block_on(bitting_conformance::fetch(url, authorities))?;
        return Ok(Document::parse(url, &text)?);
    }
    let reader = |name: &str| std::fs::read_to_string(name);
    // What stands below this folder is called as from here, as the files of a repository are.
    let here = std::env::current_dir().ok();
    let name = here.and_then(|here| path.strip_prefix(here).ok()).unwrap_or(path);
    Ok(Document::load(&name.to_string_lossy(), &reader)?)
}

/// Whether a document is called by a URL and not by a path.
pub(crate) fn is_url(text: &str) -> bool {
    ["http://", "https://"].iter().any(|scheme| text.starts_with(scheme))
}

/// The document of a run, if it takes no longer to read than the run may.
pub(crate) fn load_within(run: &Run) -> Result<Document, Failure> {
    let (path, authorities) = (run.document.clone(), run.options.authorities.clone());
    let Some(limit) = run.options.max_time else { return load_trusting(&path, &authorities) };
    let (tell, loaded) = mpsc::channel();
    // Nobody may listen any more: then the thread ends with the process.
    std::thread::spawn(move || drop(tell.send(load_trusting(&path, &authorities))));
    loaded.recv_timeout(limit).unwrap_or_else(|_| Err(late("the document was read")))
}

/// The time was up before something was done without which there is nothing to report.
pub(crate) fn late(what: &str) -> Failure {
    Failure::usage(format!("the time was up before {what}"), "give more with --max-time")
}

/// Shows what was found in a document that is worth knowing.
pub(crate) fn warn(document: &Document) {
    for warning in &document.warnings {
        let place = document.place(&warning.pointer);
        let line = place.line.map(|line| format!(":{line}")).unwrap_or_default();
        note(&format!("{}{line}: {}", place.file, warning.message));
    }
}

/// A line that is worth knowing and no error.
pub(crate) fn note(text: &str) {
    let style: Style = AnsiColor::Yellow.on_default().bold();
    anstream::eprintln!("{style}warning{style:#}: {text}");
}
