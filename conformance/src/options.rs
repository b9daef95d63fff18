//! What a run is told besides its target.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bitting_spec::Document;

use crate::error::Error;
use crate::finding::Severity;

/// What to check, how much, and how fast.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Ids of checks or of families, with `*` for any text (`token.*`). Empty: every check.
    pub only: Vec<String>,
    /// Operation ids. Empty: every operation.
    pub operations: Vec<String>,
    /// What generated cases grow from. The same seed makes the same cases, whatever the order or the other options.
    pub seed: u64,
    /// The most generated cases for one operation.
    pub max_cases: u32,
    /// The most time for the whole run. What is left over is skipped, and says so.
    pub max_time: Option<Duration>,
    /// How many requests are on their way at one time.
    pub workers: usize,
    /// The most requests in a second. `None`: as many as the server answers.
    pub rate: Option<u32>,
    /// Ids of checks or families, as in `only`, that have to run wherever they apply: one that could not is
    /// [`unmet`](crate::Report::unmet).
    pub require: Vec<String>,
    /// Stops the run early.
    pub interrupt: Interrupt,
    /// The most time for one answer, its body included.
    pub timeout: Duration,
    /// Certificates in PEM that are trusted beside those of the system, for a server with an authority of its own.
    pub authorities: Vec<u8>,
    /// The least severity of a finding that makes the run fail.
    pub fail_on: Severity,
    /// The arguments by which a replay command names the target, such as `--url http://127.0.0.1:8080`.
    pub target: Vec<String>,
}

/// A switch that stops a run from outside: what was made is removed, and what was left out is skipped and says so.
#[derive(Debug, Clone, Default)]
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Stops the run.
    pub fn raise(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether it was raised.
    #[must_use]
    pub fn is_raised(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl PartialEq for Interrupt {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Interrupt {}

impl Default for Options {
    fn default() -> Self {
        Self {
            only: Vec::new(),
            operations: Vec::new(),
            seed: 0,
            max_cases: 100,
            max_time: None,
            workers: 8,
            rate: None,
            require: Vec::new(),
            interrupt: Interrupt::default(),
            timeout: Duration::from_secs(10),
            authorities: Vec::new(),
            fail_on: Severity::Error,
            target: Vec::new(),
        }
    }
}

impl Options {
    /// Whether the check `id` is asked for.
    #[must_use]
    pub fn selects(&self, id: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|pattern| matches(pattern, id))
    }

    /// Whether the check `id` has to run.
    pub(crate) fn requires(&self, id: &str) -> bool {
        self.require.iter().any(|pattern| matches(pattern, id))
    }

    /// Whether the operation `id` is asked for.
    #[must_use]
    pub fn covers(&self, id: &str) -> bool {
        self.operations.is_empty() || self.operations.iter().any(|operation| operation == id)
    }

    /// Refuses names that nothing answers to, so that a typing error is not taken for success.
    ///
    /// # Errors
    /// [`Error::Config`] with the name and what there is.
    pub fn validate(&self, document: &Document) -> Result<(), Error> {
        let only = self.only.iter().map(|pattern| ("--only", pattern));
        for (option, pattern) in only.chain(self.require.iter().map(|pattern| ("--require", pattern))) {
            let mut named = crate::checks().iter().filter(|check| matches(pattern, check.id)).peekable();
            if named.peek().is_none() {
                let message = format!("no check is called `{pattern}`{}", nearest(pattern));
                return Err(Error::config(option, message, "`bitting check --list` names them all"));
            }
            if option == "--require" && !named.any(|check| self.selects(check.id)) {
                let message = format!("`{pattern}` is required, and --only leaves it out");
                return Err(Error::config(option, message, "name it under --only too"));
            }
        }
        if self.rate == Some(0) {
            return Err(Error::config("--rate", "no request could ever be sent", "give 1 or more"));
        }
        for id in &self.operations {
            if document.operation(id).is_none() {
                let all: Vec<&str> = document.operations.iter().map(|operation| operation.id.as_str()).collect();
                let message = format!("the document has no operation `{id}`");
                return Err(Error::config("--operation", message, format!("it has: {}", all.join(", "))));
            }
        }
        Ok(())
    }
}

/// Whether `pattern` (an id, a family, or either with `*`) means `id`.
fn matches(pattern: &str, id: &str) -> bool {
    let family = id.split('.').next().unwrap_or(id);
    // `auth` is the word for everything that is about credentials.
    let auth = pattern == "auth" && crate::check::AUTH.contains(&family);
    auth || pattern == family || glob(pattern, id)
}

fn glob(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((head, rest)) => text
            .strip_prefix(head)
            .is_some_and(|text| (0..=text.len()).any(|at| text.get(at..).is_some_and(|text| glob(rest, text)))),
    }
}

/// A hint at the check that was likely meant: one of the same family, or of the same case.
fn nearest(pattern: &str) -> String {
    let (family, case) = pattern.split_once('.').unwrap_or((pattern, pattern));
    let mut alike = crate::checks()
        .iter()
        .map(|check| check.id)
        .filter(|id| id.starts_with(&format!("{family}.")) || id.ends_with(&format!(".{case}")));
    alike.next().map(|id| format!("; did you mean `{id}`?")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_families_and_globs_select() {
        for pattern in ["token.expired", "token", "token.*", "*.expired", "auth", "*"] {
            assert!(matches(pattern, "token.expired"), "{pattern}");
        }
        for pattern in ["token.revoked", "tok", "key.*", "response"] {
            assert!(!matches(pattern, "token.expired"), "{pattern}");
        }
    }
}
