//! The report for GitHub Actions: annotations at the lines of the document, and a summary of the job.

use std::fmt::Write;

use super::count::{Count, plural, reasons};
use crate::finding::{Finding, Severity};
use crate::shortened;
use crate::verdict::Report;

/// GitHub shows so many annotations of each kind for a step, and drops the others without a word.
const SHOWN: usize = 10;

/// Workflow commands for standard output: one annotation for each finding that is not accepted, at its line of the
/// document. Where there are more than GitHub shows, the last one says so.
#[must_use]
pub fn github(report: &Report) -> String {
    let findings = report.findings();
    let mut text = String::new();
    for (severity, command) in [(Severity::Error, "error"), (Severity::Note, "notice")] {
        let all: Vec<&Finding> =
            findings.iter().filter(|found| !found.accepted && found.severity == severity).collect();
        let room = if all.len() > SHOWN { SHOWN - 1 } else { SHOWN };
        for found in all.iter().take(room) {
            let line = found.line.map(|line| format!(",line={line}")).unwrap_or_default();
            let title = property(&format!("{} [{}]", found.check, found.id));
            let message = format!(
                "{}: {}\nexpected: {}\nreplay: {}",
                place(found),
                found.got.summary,
                found.expected,
                found.replay_command()
            );
            let _ =
                writeln!(text, "::{command} file={}{line},title={title}::{}", property(&found.file), data(&message));
        }
        if let more @ 1.. = all.len().saturating_sub(room) {
            let _ = writeln!(text, "::{command} title=bitting::{more} more findings stand in the summary of the job");
        }
    }
    for unmet in &report.unmet {
        let message = format!("{} was required and could not run: {}", unmet.check, unmet.reason);
        let _ = writeln!(text, "::error title=bitting::{}", data(&message));
    }
    text
}

/// The summary of the job as Markdown, for the file that `GITHUB_STEP_SUMMARY` names.
#[must_use]
pub fn summary(report: &Report) -> String {
    let findings = report.findings();
    let count = Count::of_findings(&findings);
    let verdicts = Count::of(&report.verdicts);
    let word = if report.exit_code() == 0 { "✅" } else { "❌" };
    let mut text = format!(
        "## {word} {}: {} and {}\n\n{} of {} verdicts passed, {} could not be told, {} known findings are accepted. \
         {} to `{}` in {:.1} s, seed {}.\n",
        cell(&report.title),
        plural(count.errors, "error"),
        plural(count.notes, "note"),
        verdicts.passed,
        report.verdicts.len(),
        verdicts.skipped,
        count.accepted,
        plural(usize::try_from(report.cases).unwrap_or(usize::MAX), "request"),
        cell(&report.target),
        report.elapsed.as_secs_f64(),
        report.seed
    );
    if findings.iter().any(|found| !found.accepted) {
        text.push_str("\n| | check | operation | expected | got |\n|---|---|---|---|---|\n");
    }
    for found in findings.iter().filter(|found| !found.accepted) {
        let icon = if found.severity == Severity::Error { "❌ error" } else { "💡 note" };
        let row = [icon, &format!("`{}`", found.check), &place(found), &found.expected, &found.got.summary];
        let _ = writeln!(text, "| {} |", row.map(cell).join(" | "));
    }
    for found in findings.iter().filter(|found| !found.accepted) {
        let _ = write!(text, "\n<details><summary>{} {}</summary>\n\n", found.id, escaped(&place(found)));
        let _ = write!(text, "{} ({})\n\n", found.rule, found.source);
        let _ = write!(text, "{0}\n{1}\n\n{2}\n{0}\n\n</details>\n", fence(found), found.curl, found.replay_command());
    }
    let reasons = reasons(report);
    if !reasons.is_empty() {
        text.push_str("\n### Not checked\n\n");
    }
    for (reason, checks) in reasons {
        let _ = writeln!(
            text,
            "- {}: {}",
            shortened(&checks).iter().map(|id| format!("`{id}`")).collect::<Vec<_>>().join(", "),
            cell(reason)
        );
    }
    text
}

/// Where it is, the other operations counted.
fn place(found: &Finding) -> String {
    match found.also_on.len() {
        0 => found.place.clone(),
        more => format!("{} and {}", found.place, plural(more, "other operation")),
    }
}

/// A fence that the commands cannot end.
fn fence(found: &Finding) -> String {
    let longest = found.curl.split(|letter| letter != '`').map(str::len).max().unwrap_or_default();
    "`".repeat(longest.max(2) + 1)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// A text inside a cell of a Markdown table.
fn cell(text: &str) -> String {
    escaped(text).replace('|', "\\|").replace('\n', "<br>")
}

/// A message of a workflow command.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// A property of a workflow command.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a server answers cannot end an annotation and begin another command.
    #[test]
    fn texts_cannot_break_out() {
        assert_eq!(data("a\n::error::b%"), "a%0A::error::b%25");
        assert_eq!(property("x:y,z"), "x%3Ay%2Cz");
        assert_eq!(cell("<b>|\n"), "&lt;b&gt;\\|<br>");
    }
}
