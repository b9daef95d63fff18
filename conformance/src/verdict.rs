//! What came of it: one verdict for each check and operation, and the report of them all.

use std::time::Duration;

use crate::finding::{Finding, Severity};

/// What came of one check on one operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// The check's id.
    pub check: &'static str,
    /// The operation's id.
    pub operation: String,
    /// Its method and path, for people to read.
    pub place: String,
    /// What came of it.
    pub outcome: Outcome,
}

/// How a check ends.
#[derive(Debug, Clone, PartialEq, Eq)]
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
    /// The seed that makes the same cases again.
    pub seed: u64,
    /// The requests that were sent.
    pub cases: u64,
    /// How long it took.
    pub elapsed: Duration,
    /// The least severity that makes the run fail.
    pub fail_on: Severity,
}

impl Report {
    /// The findings, those of one cause as one: the first, with the other operations in [`Finding::also_on`].
    #[must_use]
    pub fn findings(&self) -> Vec<Finding> {
        let mut grouped: Vec<Finding> = Vec::new();
        for verdict in &self.verdicts {
            let Outcome::Fail(finding) = &verdict.outcome else { continue };
            let same = |other: &&mut Finding| (other.check, &other.cause) == (finding.check, &finding.cause);
            match grouped.iter_mut().find(same) {
                Some(first) => first.also_on.push(finding.operation.clone()),
                None => grouped.push((**finding).clone()),
            }
        }
        grouped.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
        grouped
    }

    /// Whether a finding is at least as severe as the run was told to fail on.
    #[must_use]
    pub fn failed(&self) -> bool {
        let fails =
            |verdict: &Verdict| matches!(&verdict.outcome, Outcome::Fail(found) if found.severity >= self.fail_on);
        self.verdicts.iter().any(fails)
    }

    /// The exit code of a command that ends with this report: 1 with findings, 0 without.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        u8::from(self.failed())
    }
}
