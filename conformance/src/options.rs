//! What a run is told besides its target.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bitting_spec::{Document, Operation};
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::Notify;

use crate::error::Error;
use crate::finding::Severity;

/// What to check, how much, and how fast.
#[derive(Debug, Clone, PartialEq)]
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
    /// The longest that a run waits for a token to end, where nothing else gives one that has: its life and
    /// [`leeway`](Self::leeway) have to fit in.
    pub max_wait: Duration,
    /// How long after its end a token may still be taken, since clocks differ (RFC 7519, 4.1.4).
    pub leeway: Duration,
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
    /// Whether the server may be tested though it is not on this machine: a run creates, changes and deletes data.
    pub owned: bool,
    /// Whether HTTP/2 is spoken without TLS, by prior knowledge (RFC 9113, 3.3). With TLS the server chooses.
    pub http2: bool,
    /// Checks that are switched off, or whose findings have another severity.
    pub rules: Vec<Rule>,
    /// Values that no schema tells.
    pub data: Data,
    /// The least severity of a finding that makes the run fail.
    pub fail_on: Severity,
    /// The arguments by which a replay command names the target, such as `--url http://127.0.0.1:8080`.
    pub target: Vec<String>,
}

/// What is made of the findings of some checks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// The id of a check or a family, as in [`Options::only`].
    pub checks: String,
    /// The operation that it is about; `None`: every one.
    pub operation: Option<String>,
    /// What is made of them.
    pub level: Level,
}

/// What is made of the findings of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// The check is not made, and the report says so.
    Off,
    /// They are notes.
    Note,
    /// They are errors.
    Error,
}

/// Values that no schema tells: what exists on the server, and what it takes.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Data {
    /// Values of parameters by name, wherever an operation has such a parameter. What a principal has comes first.
    pub parameters: BTreeMap<String, Value>,
    /// Values for one operation, by its id.
    pub operations: BTreeMap<String, Fixture>,
}

/// Values for one operation.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Fixture {
    /// Values of its parameters by name. They come before all others.
    pub parameters: BTreeMap<String, Value>,
    /// A body that it takes.
    pub body: Option<Value>,
}

/// A switch that stops a run from outside: what was made is removed, and what was left out is skipped and says so.
#[derive(Debug, Clone, Default)]
pub struct Interrupt(Arc<Switch>);

#[derive(Debug, Default)]
struct Switch {
    is_raised: AtomicBool,
    told: Notify,
}

impl Interrupt {
    /// Stops the run, also one that waits for an answer.
    pub fn raise(&self) {
        self.0.is_raised.store(true, Ordering::SeqCst);
        self.0.told.notify_waiters();
    }

    /// Whether it was raised.
    #[must_use]
    pub fn is_raised(&self) -> bool {
        self.0.is_raised.load(Ordering::SeqCst)
    }

    /// Ends when it is raised.
    pub(crate) async fn raised(&self) {
        // Made before the look, or a switch between the two would be missed.
        let told = self.0.told.notified();
        if !self.is_raised() {
            told.await;
        }
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
            max_cases: 120,
            max_time: None,
            max_wait: Duration::from_secs(90),
            leeway: Duration::from_secs(60),
            workers: 8,
            rate: None,
            require: Vec::new(),
            interrupt: Interrupt::default(),
            timeout: Duration::from_secs(10),
            authorities: Vec::new(),
            owned: false,
            http2: false,
            rules: Vec::new(),
            data: Data::default(),
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

    /// The rule for a check on an operation, if there is one: of those that fit, the one for this operation, then the one
    /// that names the check itself, then the longest pattern.
    #[must_use]
    pub fn rule(&self, check: &str, operation: &str) -> Option<&Rule> {
        let fits =
            |rule: &&Rule| rule.operation.as_deref().is_none_or(|id| id == operation) && matches(&rule.checks, check);
        let closeness = |rule: &&Rule| (rule.operation.is_some(), rule.checks == check, rule.checks.len());
        self.rules.iter().filter(fits).max_by_key(closeness)
    }

    /// Whether a rule switches a check off on an operation.
    #[must_use]
    pub fn switches_off(&self, check: &str, operation: &str) -> bool {
        self.rule(check, operation).is_some_and(|rule| rule.level == Level::Off)
    }

    /// Refuses names that nothing answers to, so that a typing error is not taken for success.
    ///
    /// # Errors
    /// [`Error::Config`] with the name and what there is.
    pub fn validate(&self, document: &Document) -> Result<(), Error> {
        let only = self.only.iter().map(|pattern| ("--only", pattern));
        let require = self.require.iter().map(|pattern| ("--require", pattern));
        for (option, pattern) in only.chain(require).chain(self.rules.iter().map(|rule| ("[rules]", &rule.checks))) {
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
            return Err(Error::config("rate", "no request could ever be sent", "give 1 or more"));
        }
        if self.timeout.is_zero() {
            return Err(Error::config("timeout", "no answer could ever come in time", "give 1s or more"));
        }
        if self.workers == 0 {
            return Err(Error::config("workers", "nobody would send a request", "give 1 or more"));
        }
        let named = self.operations.iter().map(|id| ("--operation".to_owned(), id));
        for (place, id) in named.chain(self.data.operations.keys().map(|id| (format!("[operations.{id}]"), id))) {
            if document.operation(id).is_none() {
                let all: Vec<&str> = document.operations.iter().map(|operation| operation.id.as_str()).collect();
                let message = format!("the document has no operation `{id}`");
                return Err(Error::config(place, message, format!("it has: {}", all.join(", "))));
            }
        }
        self.data.validate(document)
    }
}

impl Data {
    /// The value of a parameter of one operation, if one is said for just that operation.
    pub(crate) fn own(&self, operation: &str, name: &str) -> Option<&Value> {
        self.operations.get(operation)?.parameters.get(name)
    }

    /// The body that an operation takes, if one is said.
    pub(crate) fn body(&self, operation: &str) -> Option<&Value> {
        self.operations.get(operation)?.body.as_ref()
    }

    /// Refuses what would do nothing.
    fn validate(&self, document: &Document) -> Result<(), Error> {
        let has = |operation: &Operation, name: &str| operation.parameters.iter().any(|known| known.name == name);
        for name in self.parameters.keys() {
            if !document.operations.iter().any(|operation| has(operation, name)) {
                let message = format!("no operation of the document has a parameter `{name}`");
                return Err(Error::config("[data] parameters", message, "leave it out, or correct its name"));
            }
        }
        for (id, fixture) in &self.operations {
            let Some(operation) = document.operation(id) else { continue };
            let place = format!("[operations.{id}]");
            if let Some(name) = fixture.parameters.keys().find(|name| !has(operation, name)) {
                let known: Vec<&str> = operation.parameters.iter().map(|known| known.name.as_str()).collect();
                let message = format!("the operation has no parameter `{name}`");
                return Err(Error::config(place, message, format!("it has: {}", known.join(", "))));
            }
            if fixture.body.is_some() && operation.request_body.is_none() {
                return Err(Error::config(place, "the operation takes no body", "leave `body` out"));
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

/// How alike two names must be for one to be a slip of the other, from 0 to 1.
const ALIKE: f64 = 0.7;

/// A hint at the check or the family that was likely meant.
fn nearest(pattern: &str) -> String {
    let checks = crate::checks();
    let names = checks.iter().flat_map(|check| [check.id, check.family()]);
    let alike = names.map(|name| (strsim::normalized_damerau_levenshtein(pattern, name), name));
    let best = alike.filter(|(alike, _)| *alike >= ALIKE).max_by(|one, other| one.0.total_cmp(&other.0));
    best.map(|(_, name)| format!("; did you mean `{name}`?")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A slip of the pen is told from its likest name, not from the first of a family.
    #[test]
    fn the_likest_name_is_offered() {
        assert_eq!(nearest("token.expird"), "; did you mean `token.expired`?");
        assert_eq!(nearest("tenacy"), "; did you mean `tenancy`?");
        assert_eq!(nearest("nonsense"), "");
    }

    /// The closest rule counts, whatever the order.
    #[test]
    fn the_closest_rule_counts() {
        let rule = |checks: &str, operation: Option<&str>, level| Rule {
            checks: checks.to_owned(),
            operation: operation.map(str::to_owned),
            level,
        };
        let rules = vec![
            rule("token", Some("getThing"), Level::Error),
            rule("token.expired", None, Level::Note),
            rule("*", None, Level::Off),
        ];
        let options = Options { rules, ..Options::default() };
        let level = |check, operation| options.rule(check, operation).map(|rule| rule.level);
        assert_eq!(level("token.expired", "getThing"), Some(Level::Error));
        assert_eq!(level("token.expired", "other"), Some(Level::Note));
        assert_eq!(level("token.revoked", "other"), Some(Level::Off));
    }

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
