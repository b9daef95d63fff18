//! Whether the journal holds what a test expects, and if not, what came nearest.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Entry, Journal, Wanted};

/// What a request is known by; all that is stated must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Match {
    /// The method, in any case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// The path, without the query.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Query parameters; others may be there too. The values of secret ones are `***`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub query: BTreeMap<String, String>,
    /// The operation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// The status of the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Why it was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The user by email, or the credential by id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub principal: Option<String>,
}

/// How often a match is expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub enum Times {
    /// Just so often.
    Exactly(u64),
    /// Within bounds.
    Between {
        /// At least so often.
        #[serde(default)]
        at_least: u64,
        /// At most so often; absent: without end.
        #[serde(default)]
        at_most: Option<u64>,
    },
}

impl Default for Times {
    /// At least once.
    fn default() -> Self {
        Self::Between { at_least: 1, at_most: None }
    }
}

impl Times {
    fn holds(self, count: u64) -> bool {
        match self {
            Self::Exactly(wanted) => count == wanted,
            Self::Between { at_least, at_most } => count >= at_least && at_most.is_none_or(|most| count <= most),
        }
    }
}

/// What the journal is to hold; the body of `POST /v1/journal/verify`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expectation {
    /// The requests that are expected.
    #[serde(rename = "match")]
    pub matches: Vec<Match>,
    /// How often each of them; in order, each stands for one request and this must be left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<Times>,
    /// Whether they are expected one after the other; others may stand between them.
    #[serde(default)]
    pub order: bool,
    /// Only entries after this number count.
    #[serde(default)]
    pub since: u64,
}

/// Whether an expectation holds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Verdict {
    /// Whether it does.
    pub holds: bool,
    /// How often each match was found; in order, 1 for each that was reached.
    pub counts: Vec<u64>,
    /// The first match that fails, counted from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed: Option<usize>,
    /// The request that comes nearest to it and is not one of those that match, if it was found too seldom.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nearest: Option<Miss>,
}

/// A request that is not what was expected, and where it differs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Miss {
    /// The request.
    pub entry: Entry,
    /// Where it differs.
    pub differences: Vec<Difference>,
}

/// One thing in which a request is not what was expected.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Difference {
    /// What differs, such as `status` or `query.limit`.
    pub member: String,
    /// What was expected.
    pub wanted: Value,
    /// What there is; `null`: nothing.
    pub seen: Value,
}

impl Match {
    /// Where `entry` differs from what is wanted.
    fn differences(&self, entry: &Entry) -> Vec<Difference> {
        let (path, query) = entry.target.split_once('?').unwrap_or((&entry.target, ""));
        let mut found = Vec::new();
        let mut compare = |member: &str, wanted: Option<Value>, seen: Value| {
            if let Some(wanted) = wanted.filter(|wanted| *wanted != seen) {
                found.push(Difference { member: member.to_owned(), wanted, seen });
            }
        };
        compare("method", self.method.as_ref().map(|method| json!(method.to_uppercase())), json!(entry.method));
        compare("path", self.path.as_ref().map(|path| json!(path)), json!(path));
        for (name, value) in &self.query {
            let seen = form_urlencoded::parse(query.as_bytes()).find(|(known, _)| known == name);
            compare(&format!("query.{name}"), Some(json!(value)), json!(seen.map(|(_, value)| value)));
        }
        compare("operation", self.operation.as_ref().map(|id| json!(id)), json!(entry.operation));
        compare("status", self.status.map(|status| json!(status)), json!(entry.status));
        compare("reason", self.reason.as_ref().map(|reason| json!(reason)), json!(entry.reason));
        if let Some(wanted) = self.principal.as_ref().filter(|wanted| !entry.is_of(wanted)) {
            compare("principal", Some(json!(wanted)), json!(entry.user.as_ref().or(entry.credential.as_ref())));
        }
        found
    }
}

impl Journal {
    /// Whether the journal holds what is expected; if a request is missing, which one comes nearest.
    #[must_use]
    pub fn verify(&self, expected: &Expectation) -> Verdict {
        let entries = self.entries(&Wanted { since: expected.since, ..Wanted::default() });
        if expected.order { in_order(&entries, &expected.matches) } else { counted(&entries, expected) }
    }
}

fn counted(entries: &[Entry], expected: &Expectation) -> Verdict {
    let times = expected.times.unwrap_or_default();
    let count = |wanted: &Match| entries.iter().filter(|entry| wanted.differences(entry).is_empty()).count() as u64;
    let counts: Vec<u64> = expected.matches.iter().map(count).collect();
    let failed = counts.iter().position(|count| !times.holds(*count));
    let is_too_many = |index: usize| matches!(times, Times::Exactly(wanted) if counts[index] > wanted);
    let missing = failed.filter(|index| !is_too_many(*index));
    let nearest = missing.and_then(|index| nearest(entries, &expected.matches[index]));
    Verdict { holds: failed.is_none(), counts, failed, nearest }
}

/// Each match is looked for behind the request that the one before it found.
fn in_order(entries: &[Entry], matches: &[Match]) -> Verdict {
    let mut rest = entries;
    for (index, wanted) in matches.iter().enumerate() {
        let Some(at) = rest.iter().position(|entry| wanted.differences(entry).is_empty()) else {
            let counts = (0..matches.len()).map(|each| u64::from(each < index)).collect();
            return Verdict { holds: false, counts, failed: Some(index), nearest: nearest(rest, wanted) };
        };
        rest = &rest[at + 1..];
    }
    Verdict { holds: true, counts: vec![1; matches.len()], failed: None, nearest: None }
}

/// The request with the fewest differences, the latest of several.
fn nearest(entries: &[Entry], wanted: &Match) -> Option<Miss> {
    let misses = entries.iter().rev().map(|entry| (entry, wanted.differences(entry)));
    let (entry, differences) = misses.filter(|(_, found)| !found.is_empty()).min_by_key(|(_, found)| found.len())?;
    Some(Miss { entry: entry.clone(), differences })
}
