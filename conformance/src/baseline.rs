//! Findings that are known and accepted, so that a run fails for new ones only.

use std::collections::BTreeMap;
use std::fmt;

use crate::error::Error;
use crate::verdict::{Outcome, Report, Verdict};

/// What stands at the head of a baseline that is written.
const HEAD: &str = "# Findings that are known and accepted: `bitting check --baseline` does not fail for them.\n\
                    # One id a line; what follows it is for people. Delete a line when the fault is mended.\n";

/// Findings that are known and accepted, by their ids.
///
/// The file has one id a line, and behind it the check and the operation that it is about, by which a run tells whether
/// it looked for it. Lines that begin with `#` are for people.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Baseline {
    /// What stands behind each id.
    ids: BTreeMap<String, String>,
}

impl Baseline {
    /// Reads a baseline.
    ///
    /// # Errors
    /// [`Error::Config`] with the line that is no id: a fault in the file must not accept anything, or nothing.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let mut ids = BTreeMap::new();
        for (number, line) in text.lines().enumerate() {
            let Some(id) = line.split_whitespace().next().filter(|word| !word.starts_with('#')) else { continue };
            if id.len() != 8 || !id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                let place = format!("baseline, line {}", number + 1);
                let message = format!("`{id}` is no id of a finding");
                return Err(Error::config(place, message, "write it anew with --write-baseline"));
            }
            let rest = line.trim_start()[id.len()..].trim();
            ids.insert(id.to_ascii_lowercase(), rest.to_owned());
        }
        Ok(Self { ids })
    }

    /// The baseline that accepts everything that `report` found, and of this one what the run did not look for.
    #[must_use]
    pub fn renewed(&self, report: &Report) -> Self {
        let mut ids = self.ids.clone();
        ids.retain(|id, _| !self.was_looked_for(id, &report.verdicts));
        for verdict in &report.verdicts {
            if let Outcome::Fail(finding) = &verdict.outcome {
                let cause = finding.cause.replace('\n', " ");
                ids.insert(finding.id.clone(), format!("{}  {}: {cause}", finding.check, verdict.place));
            }
        }
        Self { ids }
    }

    /// Whether a run came to a verdict on what an id is about. Where its line does not say, a run is taken to.
    pub(crate) fn was_looked_for(&self, id: &str, verdicts: &[Verdict]) -> bool {
        let Some((check, place)) = self.ids.get(id).and_then(|rest| about(rest)) else { return true };
        let is_judged = |one: &&Verdict| !matches!(one.outcome, Outcome::Skip { .. });
        verdicts.iter().filter(is_judged).any(|one| one.check == check && one.place == place)
    }

    /// The ids, in order.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.ids.keys().map(String::as_str)
    }

    /// Whether a finding is accepted.
    #[must_use]
    pub fn holds(&self, id: &str) -> bool {
        self.ids.contains_key(id)
    }
}

/// The text of the file: by check and operation, so that it changes little from one run to the next.
impl fmt::Display for Baseline {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(HEAD)?;
        let mut lines: Vec<_> = self.ids.iter().map(|(id, rest)| (about(rest), id, rest)).collect();
        lines.sort_unstable();
        for (_, id, rest) in lines {
            writeln!(formatter, "{}", format!("{id}  {rest}").trim_end())?;
        }
        Ok(())
    }
}

/// The check and the operation that stand behind an id: `tenancy.foreign-list  GET /x: the cause`.
fn about(rest: &str) -> Option<(&str, &str)> {
    let (check, rest) = rest.split_once(char::is_whitespace)?;
    let (place, _) = rest.trim_start().split_once(": ")?;
    (check.contains('.') && place.contains(' ')).then_some((check, place))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_stand_first_and_the_rest_is_for_people() {
        let baseline =
            Baseline::parse("# known\n\n267db312  tenancy.foreign-list  GET /x: y\nABCDEF01\n").expect("valid");
        assert_eq!(baseline.ids().collect::<Vec<_>>(), ["267db312", "abcdef01"]);
        assert_eq!(about("tenancy.foreign-list  GET /x: y"), Some(("tenancy.foreign-list", "GET /x")));
        assert_eq!(about("seen by Ada: no fault of ours"), None);
        let fault = Baseline::parse("267db312\nnonsense").expect_err("no id").to_string();
        assert!(fault.contains("line 2") && fault.contains("`nonsense`"), "{fault}");
    }
}
