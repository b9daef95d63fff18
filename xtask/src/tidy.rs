//! `cargo xtask tidy`: the invariants that ARCHITECTURE.md states and no lint of the compiler checks.

mod promises;
mod source;
mod workspace;

use std::path::Path;

use crate::shell;

pub(crate) fn run() -> Result<(), String> {
    let files = tracked()?;
    let mut faults = workspace::check(&files)?;
    let mut promises = promises::Promises::default();
    for file in &files {
        let text = std::fs::read(shell::root().join(file)).map_err(|error| format!("{file}: {error}"))?;
        if let Ok(text) = String::from_utf8(text) {
            faults.extend(source::check(file, &text).into_iter().map(|fault| format!("{file}{fault}")));
            promises.read(file, &text);
        }
    }
    faults.extend(promises.faults());
    if faults.is_empty() {
        shell::say(&format!("tidy: {} files in order", files.len()));
        return Ok(());
    }
    Err(format!("{} places are not tidy:\n  {}", faults.len(), faults.join("\n  ")))
}

/// The files that git knows, and those that it would take.
fn tracked() -> Result<Vec<String>, String> {
    let listed = ["ls-files", "--cached", "--others", "--exclude-standard"];
    let output = shell::output(shell::command("git", ".", &listed))?;
    Ok(output.lines().filter(|file| shell::root().join(file).is_file()).map(str::to_owned).collect())
}

/// Whether a file was written by the generator.
fn is_generated(file: &str) -> bool {
    file.contains("/apis/") || file.contains("/generated/")
}

/// Whether a file holds tests.
fn is_test(file: &str) -> bool {
    let parts = || Path::new(file).components().filter_map(|part| part.as_os_str().to_str());
    parts().any(|part| matches!(part, "tests" | "test" | "benches" | "examples")) || file.ends_with("/tests.rs")
}
