//! What every report says in numbers, and the reasons of what was left out.

use crate::finding::{Finding, Severity};
use crate::verdict::{Outcome, Report, Verdict};

/// How many verdicts there are of each kind. What is accepted counts as accepted, whatever its severity.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Count {
    pub(super) passed: usize,
    pub(super) errors: usize,
    pub(super) notes: usize,
    pub(super) accepted: usize,
    pub(super) skipped: usize,
}

impl Count {
    pub(super) fn of<'a>(verdicts: impl IntoIterator<Item = &'a Verdict>) -> Self {
        let mut count = Self::default();
        for verdict in verdicts {
            *count.slot(&verdict.outcome) += 1;
        }
        count
    }

    /// The same for findings, those of one cause counted once.
    pub(super) fn of_findings(findings: &[Finding]) -> Self {
        let mut count = Self::default();
        for finding in findings {
            *count.finding(finding) += 1;
        }
        count
    }

    fn slot(&mut self, outcome: &Outcome) -> &mut usize {
        match outcome {
            Outcome::Pass { .. } => &mut self.passed,
            Outcome::Skip { .. } => &mut self.skipped,
            Outcome::Fail(finding) => self.finding(finding),
        }
    }

    fn finding(&mut self, finding: &Finding) -> &mut usize {
        match (finding.accepted, finding.severity) {
            (true, _) => &mut self.accepted,
            (_, Severity::Error) => &mut self.errors,
            (_, Severity::Note) => &mut self.notes,
        }
    }
}

/// `1 error`, `2 errors`.
pub(super) fn plural(count: usize, word: &str) -> String {
    if count == 1 { format!("1 {word}") } else { format!("{count} {word}s") }
}

/// What was left out: each reason with the checks that it stopped, each once.
pub(super) fn reasons(report: &Report) -> Vec<(&str, Vec<&'static str>)> {
    let mut reasons: Vec<(&str, Vec<&'static str>)> = Vec::new();
    for verdict in &report.verdicts {
        let Outcome::Skip { reason } = &verdict.outcome else { continue };
        match reasons.iter_mut().find(|(known, _)| known == reason) {
            Some((_, checks)) if checks.contains(&verdict.check) => {}
            Some((_, checks)) => checks.push(verdict.check),
            None => reasons.push((reason, vec![verdict.check])),
        }
    }
    reasons
}
