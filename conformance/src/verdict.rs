//! What came of it: one verdict for each check and operation, and the report of them all.

use std::time::Duration;

use serde::Serialize;

use crate::baseline::Baseline;
use crate::finding::{Finding, Severity};

/// What came of one check on one operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// The check's id.
    pub check: &'static str,
    /// The operation's id.
    pub operation: String,
    /// Its method and path, for people to read.
    pub place: String,
    /// What came of it.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// The statuses by which the server answered the credentials that it was to refuse, each once.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub refusals: Vec<u16>,
}

impl Verdict {
    /// Whether something was found that was refused.
    pub(crate) fn is_refusal(&self) -> bool {
        matches!(&self.outcome, Outcome::Fail(finding) if finding.got.status.is_some_and(|status| status / 100 == 4))
    }

    /// Whether something was found.
    #[must_use]
    pub fn is_finding(&self) -> bool {
        matches!(self.outcome, Outcome::Fail(_))
    }

    /// Accepts a finding that `baseline` names, and gives its id.
    pub fn accept(&mut self, baseline: &Baseline) -> Option<&str> {
        match &mut self.outcome {
            Outcome::Fail(finding) if baseline.holds(&finding.id) => {
                finding.accepted = true;
                Some(&finding.id)
            }
            _ => None,
        }
    }
}

/// How a check ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum Outcome {
    /// The server does what it should.
    Pass {
        /// The requests that it took to say so.
        cases: u32,
    },
    /// It does not.
    Fail(Box<Finding>),
    /// It could not be told.
    Skip {
        /// Why, and what to give.
        reason: String,
    },
}

/// An operation that was covered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Covered {
    /// Its id.
    pub id: String,
    /// Its method and path.
    pub place: String,
    /// The file that it stands in.
    pub file: String,
    /// Its line there.
    pub line: Option<usize>,
    /// Whether it needs no credential.
    pub public: bool,
    /// The scopes that any of its alternatives asks for.
    pub scopes: Vec<String>,
    /// Whether it was seen to succeed for the valid principal: what was never reached was not judged beyond its refusals.
    pub reached: bool,
    /// What it answered to the valid principal in place of a success, if it was asked and never gave one.
    pub refused: Option<String>,
}

/// Why a run without a finding is no good news.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shortfall<'r> {
    /// No operation was reached by anybody who may enter; with what one of them answered.
    Unreached(&'r str),
    /// Nothing could be checked at all.
    Nothing,
}

/// The result of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The document's file name.
    pub document: String,
    /// The API's title.
    pub title: String,
    /// The server's base URL.
    pub target: String,
    /// The verdicts, by check in the order of [`checks`](crate::checks), then by operation in the document's order.
    pub verdicts: Vec<Verdict>,
    /// The operations that the run covered, in the document's order.
    pub operations: Vec<Covered>,
    /// The seed that makes the same cases again.
    pub seed: u64,
    /// The requests that were sent.
    pub cases: u64,
    /// When it began, in Unix seconds.
    pub started: i64,
    /// How long it took.
    pub elapsed: Duration,
    /// The least severity that makes the run fail.
    pub fail_on: Severity,
    /// What was required and could not be told ([`Options::require`](crate::Options::require)): each check with the reason.
    pub unmet: Vec<Unmet>,
    /// Ids of the baseline that were not found any more.
    pub stale: Vec<String>,
    /// What the run made and could not remove: the calls that would.
    pub left: Vec<String>,
    /// Whether the run was stopped before its end.
    pub interrupted: bool,
    /// For how many verdicts the time was up (`--max-time`): they are skips, and nothing was looked for.
    pub late: usize,
    /// Whether nobody who may enter was known, so that only the doors of protected operations were tried.
    pub stranger: bool,
}

/// A check that was required, and could not run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unmet {
    /// The check's id.
    pub check: &'static str,
    /// The operation where it could not run; `None`: it has nothing to check in this document.
    pub operation: Option<String>,
    /// Why, and what to give.
    pub reason: String,
}

impl Report {
    /// The findings, those of one cause as one: the first, with the other operations in [`Finding::also_on`]. Where a
    /// request without a credential gets in, so does every wrong credential: these checks stand in
    /// [`Finding::explains`].
    #[must_use]
    pub fn findings(&self) -> Vec<Finding> {
        let mut grouped: Vec<Finding> = Vec::new();
        for verdict in &self.verdicts {
            let Outcome::Fail(finding) = &verdict.outcome else { continue };
            if let Some(root) = grouped.iter_mut().find(|root| follows(finding, root)) {
                if !root.explains.contains(&finding.check) {
                    root.explains.push(finding.check);
                }
                continue;
            }
            let same = |other: &&mut Finding| {
                (other.check, &other.cause, other.accepted) == (finding.check, &finding.cause, finding.accepted)
            };
            match grouped.iter_mut().find(same) {
                Some(first) => first.also_on.push(finding.operation.clone()),
                None => grouped.push((**finding).clone()),
            }
        }
        grouped.sort_by_key(|finding| (finding.accepted, std::cmp::Reverse(finding.severity)));
        grouped
    }

    /// Accepts what `baseline` names: it stays in the report and fails nothing. What is named and was not found, though
    /// its check ran on its operation, is [`stale`](Self::stale).
    pub fn accept(&mut self, baseline: &Baseline) {
        let looked_for = |id: &&str| !self.interrupted && baseline.was_looked_for(id, &self.verdicts);
        let mut stale: Vec<String> = baseline.ids().filter(looked_for).map(str::to_owned).collect();
        for verdict in &mut self.verdicts {
            if let Some(id) = verdict.accept(baseline) {
                stale.retain(|known| known != id);
            }
        }
        self.stale = stale;
    }

    /// Whether a finding that is not accepted is at least as severe as the run was told to fail on.
    #[must_use]
    pub fn failed(&self) -> bool {
        let fails = |verdict: &Verdict| matches!(&verdict.outcome, Outcome::Fail(found) if found.fails(self.fail_on));
        self.verdicts.iter().any(fails)
    }

    /// Why the run is no good news, where it was not interrupted and nothing fails. Green must mean that something was
    /// checked, by somebody who got in.
    #[must_use]
    pub fn shortfall(&self) -> Option<Shortfall<'_>> {
        if self.interrupted || self.failed() {
            return None;
        }
        if !self.stranger && !self.operations.iter().any(|operation| operation.reached) {
            let refused = self.operations.iter().find_map(|operation| operation.refused.as_deref());
            if let Some(answer) = refused {
                return Some(Shortfall::Unreached(answer));
            }
        }
        let is_skip = |one: &Verdict| matches!(one.outcome, Outcome::Skip { .. });
        (self.unmet.is_empty() && self.verdicts.iter().all(is_skip)).then_some(Shortfall::Nothing)
    }

    /// The exit code of a command that ends with this report: 130 for a run that was interrupted, 1 with findings, 3
    /// where no operation was reached, 2 where nothing could be checked, 4 where something required could not be told,
    /// else 0.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match (self.interrupted, self.failed(), self.shortfall()) {
            (true, ..) => 130,
            (_, true, _) => 1,
            (.., Some(Shortfall::Unreached(_))) => 3,
            (.., Some(Shortfall::Nothing)) => 2,
            _ if !self.unmet.is_empty() => 4,
            _ => 0,
        }
    }
}

/// Checks and families that tell nothing new about an operation that asks for no credential at all.
const FOLLOWING: [&str; 8] = [
    "credentials.malformed",
    "credentials.query",
    "credentials.detour",
    "key",
    "refresh.refuses-expired",
    "refresh.refuses-revoked",
    "refresh.refuses-unknown",
    "token",
];

/// Whether `finding` is there because `root` is: on that operation anybody gets in.
fn follows(finding: &Finding, root: &Finding) -> bool {
    let got_in = |one: &Finding| one.got.status.is_some_and(|status| status < 300);
    let family = finding.check.split('.').next().unwrap_or_default();
    root.check == "credentials.missing"
        && got_in(root)
        && got_in(finding)
        && finding.accepted == root.accepted
        && (FOLLOWING.contains(&finding.check) || FOLLOWING.contains(&family))
        && (root.operation == finding.operation || root.also_on.contains(&finding.operation))
}
