//! A finding: which rule was broken, where, how it showed, and how to see it again.

use std::fmt;

use bitting_spec::Operation;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::check::CheckInfo;
use crate::http::{Exchange, Request, curl, cut};
use crate::run::Context;

/// The longest excerpt of a body in a report, in characters.
const EXCERPT: usize = 400;

/// The most other failures that a finding names.
const ALSO: usize = 10;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Worth knowing: something that the document leaves open is not as the standards have it.
    Note,
    /// Wrong: somebody gets in who must not, or an answer is not what the document says.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Note => "note",
            Self::Error => "error",
        })
    }
}

/// Something wrong with the server. Every text in it is free of secrets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// A short hash of check, operation and cause, the same in every run.
    pub id: String,
    /// The check's id.
    pub check: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// The rule.
    pub rule: &'static str,
    /// Where the rule stands.
    pub source: &'static str,
    /// The operation's id.
    pub operation: String,
    /// Its method and path.
    pub place: String,
    /// The document's file.
    pub file: String,
    /// The line in it that says otherwise: of the operation, or of a part of it.
    pub line: Option<usize>,
    /// The place in the document (RFC 6901).
    pub pointer: String,
    /// What kind of failure it is; findings of one check with the same cause are grouped.
    pub cause: String,
    /// What the server should have done.
    pub expected: String,
    /// What it did.
    pub got: Got,
    /// The request that showed it. `None`: no single one did.
    pub request: Option<Sent>,
    /// The request as a curl command, secrets as variables.
    pub curl: String,
    /// The words of the command that makes the same cases again; [`Finding::replay_command`] is it as one line.
    pub replay: Vec<String>,
    /// The ids of other operations with the same cause.
    pub also_on: Vec<String>,
    /// The ids of checks that fail on the same operations for this very reason, and tell nothing new.
    pub explains: Vec<&'static str>,
    /// It is known and accepted ([`Baseline`](crate::Baseline)), and fails no run.
    pub accepted: bool,
}

impl Finding {
    /// The document's file, with the line where there is one.
    #[must_use]
    pub fn location(&self) -> String {
        self.line.map_or_else(|| self.file.clone(), |line| format!("{}:{line}", self.file))
    }

    /// Whether it makes a run fail that fails on `least`.
    #[must_use]
    pub fn fails(&self, least: Severity) -> bool {
        !self.accepted && self.severity >= least
    }

    /// The command that makes the same cases again, for a POSIX shell.
    #[must_use]
    pub fn replay_command(&self) -> String {
        let plain =
            |word: &str| word.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_./:=@,".contains(letter));
        let quoted =
            |word: &String| if plain(word) { word.clone() } else { format!("'{}'", word.replace('\'', "'\\''")) };
        self.replay.iter().map(quoted).collect::<Vec<_>>().join(" ")
    }
}

/// A request as it went out, secrets as variables and a long body cut.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Sent {
    /// The method.
    pub method: String,
    /// The absolute URL.
    pub url: String,
    /// The header fields, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
}

impl Sent {
    /// The request as HTTP/1.1 writes it, for people to read.
    #[must_use]
    pub fn text(&self) -> String {
        let target = self.url.splitn(4, '/').nth(3).unwrap_or_default();
        let mut text = format!("{} /{target}", self.method);
        for (name, value) in &self.headers {
            text.push_str(&format!("\n{name}: {value}"));
        }
        if let Some(body) = &self.body {
            text.push_str(&format!("\n\n{body}"));
        }
        text
    }
}

/// What a server did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Got {
    /// It in a few words.
    pub summary: String,
    /// The status, if an answer came.
    pub status: Option<u16>,
    /// The answer's header fields that say something about the finding.
    pub headers: Vec<(String, String)>,
    /// The beginning of the body.
    pub body: String,
}

/// What a check saw, before it is written up.
#[derive(Debug, Clone)]
pub(crate) struct Observation {
    pub(crate) severity: Severity,
    /// What kind of failure it is, without anything that changes from run to run.
    pub(crate) cause: String,
    pub(crate) expected: String,
    pub(crate) summary: String,
    pub(crate) exchange: Option<Exchange>,
    /// The place in the document, if it is not the operation itself.
    pub(crate) pointer: Option<String>,
}

impl Observation {
    /// Something that is wrong.
    pub(crate) fn error(cause: impl Into<String>, expected: impl Into<String>, exchange: &Exchange) -> Self {
        let cause = cause.into();
        Self {
            severity: Severity::Error,
            summary: cause.clone(),
            cause,
            expected: expected.into(),
            exchange: Some(exchange.clone()),
            pointer: None,
        }
    }

    /// Something that is worth knowing.
    pub(crate) fn note(cause: impl Into<String>, expected: impl Into<String>, exchange: &Exchange) -> Self {
        Self { severity: Severity::Note, ..Self::error(cause, expected, exchange) }
    }

    /// With more about what happened than the cause says.
    pub(crate) fn saying(mut self, summary: impl Into<String>) -> Self {
        self.summary = summary.into();
        self
    }

    /// The same check saw another failure of the operation: its cause is told once. The worse of the two stands first.
    pub(crate) fn also(&mut self, other: &Self) {
        if other.severity > self.severity {
            let first = std::mem::replace(self, other.clone());
            return self.also(&first);
        }
        let line = format!("\nalso: {}", other.cause);
        if other.cause != self.cause && !self.summary.contains(&line) && self.summary.matches("\nalso: ").count() < ALSO
        {
            self.summary.push_str(&line);
        }
    }

    /// With the place in the document that says otherwise.
    pub(crate) fn at(mut self, pointer: &str) -> Self {
        self.pointer = Some(pointer.to_owned());
        self
    }
}

/// Writes up what a check saw.
pub(crate) fn finding(context: &Context<'_>, check: &CheckInfo, operation: &Operation, seen: Observation) -> Finding {
    let document = context.document;
    let pointer = seen.pointer.unwrap_or_else(|| operation.pointer.clone());
    let got = Got {
        summary: context.vault.scrub(&seen.summary),
        status: seen.exchange.as_ref().map(|exchange| exchange.answer.status),
        headers: seen.exchange.as_ref().map(|exchange| telling(context, exchange)).unwrap_or_default(),
        body: seen
            .exchange
            .as_ref()
            .map(|exchange| context.vault.excerpt(&exchange.answer, EXCERPT))
            .unwrap_or_default(),
    };
    let written = document.place(&pointer);
    Finding {
        id: id(check.id, &operation.id, &seen.cause),
        check: check.id,
        severity: seen.severity,
        rule: check.rule,
        source: check.source,
        operation: operation.id.clone(),
        place: place(operation),
        file: written.file.to_owned(),
        line: written.line,
        pointer,
        cause: context.vault.scrub(&seen.cause),
        expected: context.vault.scrub(&seen.expected),
        got,
        request: seen.exchange.as_ref().map(|exchange| sent(context, &exchange.request)),
        curl: seen.exchange.map(|exchange| curl(&context.base, &exchange.request, &context.vault)).unwrap_or_default(),
        replay: replay(context, check, operation),
        also_on: Vec::new(),
        explains: Vec::new(),
        accepted: false,
    }
}

fn sent(context: &Context<'_>, request: &Request) -> Sent {
    let shown = |bytes: &[u8]| cut(&context.vault.scrub(&String::from_utf8_lossy(bytes)), EXCERPT);
    Sent {
        method: request.method.clone(),
        url: context.vault.scrub(&context.base.join(&request.target)),
        headers: request.headers.iter().map(|(name, value)| (name.clone(), shown(value))).collect(),
        body: request.body.as_ref().map(|body| shown(body)),
    }
}

/// Method and path of an operation.
pub(crate) fn place(operation: &Operation) -> String {
    format!("{} {}", operation.method, operation.path)
}

fn id(check: &str, operation: &str, cause: &str) -> String {
    let hash = Sha256::digest(format!("{check}\0{operation}\0{cause}"));
    hash.iter().take(4).map(|byte| format!("{byte:02x}")).collect()
}

/// The headers that say something about authentication, limits or the form of the body.
fn telling(context: &Context<'_>, exchange: &Exchange) -> Vec<(String, String)> {
    let tells = |name: &str| {
        ["content-type", "www-authenticate", "location", "allow", "retry-after", "date"].contains(&name)
            || name.contains("ratelimit")
    };
    let fields = exchange.answer.headers.iter().filter(|(name, _)| tells(name.as_str()));
    fields
        .map(|(name, value)| (name.to_string(), context.vault.scrub(&String::from_utf8_lossy(value.as_bytes()))))
        .collect()
}

fn replay(context: &Context<'_>, check: &CheckInfo, operation: &Operation) -> Vec<String> {
    let options = context.options;
    let mut words = vec!["bitting".to_owned(), "check".to_owned(), context.document.file().to_owned()];
    words.extend(options.target.iter().cloned());
    words.extend(["--only", check.id, "--operation", &operation.id, "--seed"].map(str::to_owned));
    words.push(options.seed.to_string());
    if matches!(check.phase, crate::Phase::Generated | crate::Phase::State) {
        words.extend(["--max-cases".to_owned(), options.max_cases.to_string()]);
    }
    words
}
