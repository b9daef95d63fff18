//! Findings that are known and accepted, so that a run fails for new ones only.

use std::collections::BTreeSet;

use crate::error::Error;
use crate::verdict::{Outcome, Report};

/// What stands at the head of a baseline that is written.
const HEAD: &str = "# Findings that are known and accepted: `bitting check --baseline` does not fail for them.\n\
                    # One id a line; what follows it is for people. Delete a line when the fault is mended.\n";

/// Findings that are known and accepted, by their ids.
///
/// The file has one id a line; what follows the id and lines that begin with `#` are for people.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Baseline {
    ids: BTreeSet<String>,
}

impl Baseline {
    /// Reads a baseline.
    ///
    /// # Errors
    /// [`Error::Config`] with the line that is no id: a fault in the file must not accept anything, or nothing.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let mut ids = BTreeSet::new();
        for (number, line) in text.lines().enumerate() {
            let Some(id) = line.split_whitespace().next().filter(|word| !word.starts_with('#')) else { continue };
            if id.len() != 8 || !id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                let place = format!("baseline, line {}", number + 1);
                let message = format!("`{id}` is no id of a finding");
                return Err(Error::config(place, message, "write it anew with --write-baseline"));
            }
            ids.insert(id.to_ascii_lowercase());
        }
        Ok(Self { ids })
    }

    /// The baseline that accepts everything that `report` found, as the text of a file.
    #[must_use]
    pub fn written(report: &Report) -> String {
        let mut lines = BTreeSet::new();
        for verdict in &report.verdicts {
            if let Outcome::Fail(finding) = &verdict.outcome {
                let cause = finding.cause.replace('\n', " ");
                lines.insert((
                    finding.check,
                    &verdict.place,
                    format!("{}  {}  {}: {cause}\n", finding.id, finding.check, verdict.place),
                ));
            }
        }
        lines.into_iter().fold(HEAD.to_owned(), |text, (_, _, line)| text + &line)
    }

    /// The ids, in order.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.ids.iter().map(String::as_str)
    }

    /// Whether a finding is accepted.
    #[must_use]
    pub fn holds(&self, id: &str) -> bool {
        self.ids.contains(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_stand_first_and_the_rest_is_for_people() {
        let baseline =
            Baseline::parse("# known\n\n267db312  tenancy.foreign-list  GET /x: y\nABCDEF01\n").expect("valid");
        assert_eq!(baseline.ids().collect::<Vec<_>>(), ["267db312", "abcdef01"]);
        let fault = Baseline::parse("267db312\nnonsense").expect_err("no id").to_string();
        assert!(fault.contains("line 2") && fault.contains("`nonsense`"), "{fault}");
    }
}
