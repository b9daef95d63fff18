//! The report for people at a terminal: a line for each check, then each finding with all that is needed to see it.

use std::fmt::Write;

use anstyle::{AnsiColor, Effects, Style};

use crate::finding::{Finding, Severity};
use crate::verdict::{Outcome, Report, Verdict};
use crate::{CheckInfo, checks};

/// The report as text, with colours if `colour`.
#[must_use]
pub fn terminal(report: &Report, colour: bool) -> String {
    let paint = Paint { colour };
    let mut text = String::new();
    for check in checks() {
        let verdicts: Vec<&Verdict> = report.verdicts.iter().filter(|verdict| verdict.check == check.id).collect();
        if !verdicts.is_empty() {
            line(&mut text, &paint, check, &verdicts);
        }
    }
    for found in report.findings() {
        finding(&mut text, &paint, &found);
    }
    missing(&mut text, report);
    summary(&mut text, &paint, report);
    text
}

struct Paint {
    colour: bool,
}

impl Paint {
    fn with(&self, style: Style, text: &str) -> String {
        if self.colour { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }

    fn outcome(&self, word: &str) -> String {
        let colour = match word.trim() {
            "pass" => AnsiColor::Green,
            "FAIL" | "error" => AnsiColor::Red,
            _ => AnsiColor::Yellow,
        };
        self.with(colour.on_default().effects(Effects::BOLD), word)
    }

    fn dim(&self, text: &str) -> String {
        self.with(Style::new().effects(Effects::DIMMED), text)
    }
}

/// One check: how many operations pass, fail and are skipped.
fn line(text: &mut String, paint: &Paint, check: &CheckInfo, verdicts: &[&Verdict]) {
    let count = |wanted: fn(&Outcome) -> bool| verdicts.iter().filter(|verdict| wanted(&verdict.outcome)).count();
    let passed = count(|outcome| matches!(outcome, Outcome::Pass { .. }));
    let errors = count(|outcome| matches!(outcome, Outcome::Fail(found) if found.severity == Severity::Error));
    let skipped = count(|outcome| matches!(outcome, Outcome::Skip { .. }));
    let notes = verdicts.len() - passed - errors - skipped;
    let word = match (errors, notes, passed) {
        (1.., ..) => "FAIL",
        (0, 1.., _) => "note",
        (0, 0, 1..) => "pass",
        _ => "skip",
    };
    let mut counts = format!("{passed}/{} operations", verdicts.len());
    if skipped > 0 && passed + errors + notes > 0 {
        let _ = write!(counts, ", {skipped} skipped");
    }
    let failed = verdicts.iter().find_map(|verdict| match &verdict.outcome {
        Outcome::Fail(found) => Some(format!("{}: {}", found.place, found.cause)),
        _ => None,
    });
    let said = failed.unwrap_or_else(|| paint.dim(check.title));
    let _ = writeln!(text, "  {}  {:<28}  {counts}: {said}", paint.outcome(word), check.id);
}

fn finding(text: &mut String, paint: &Paint, found: &Finding) {
    let _ = writeln!(text);
    let word = found.severity.to_string();
    let _ = writeln!(
        text,
        "{} {}  {} {}",
        paint.outcome(&word),
        found.check,
        found.place,
        paint.dim(&format!("[{}]", found.id))
    );
    let mut row = |name: &str, value: &str| {
        let value = value.replace('\n', "\n            ");
        let _ = writeln!(text, "  {}  {value}", paint.dim(&format!("{name:<8}")));
    };
    row("rule", &format!("{} ({})", found.rule, found.source));
    row("at", &format!("{} {}", found.location, found.pointer));
    row("expected", &found.expected);
    row("got", &got(found));
    for (name, value) in &found.got.headers {
        row("", &format!("{name}: {value}"));
    }
    if !found.got.body.is_empty() {
        row("", &found.got.body);
    }
    if !found.also_on.is_empty() {
        row("also on", &found.also_on.join(", "));
    }
    if !found.curl.is_empty() {
        row("curl", &found.curl);
    }
    row("replay", &found.replay);
}

/// What happened in one line; the status stands first if it is not told already.
fn got(found: &Finding) -> String {
    let summary = &found.got.summary;
    match found.got.status {
        Some(status) if !summary.contains(&status.to_string()) => format!("{status}: {summary}"),
        _ => summary.clone(),
    }
}

/// What could not be told, and what to give: each reason once.
fn missing(text: &mut String, report: &Report) {
    let mut reasons: Vec<(&str, Vec<&str>)> = Vec::new();
    for verdict in &report.verdicts {
        let Outcome::Skip { reason } = &verdict.outcome else { continue };
        match reasons.iter_mut().find(|(known, _)| known == reason) {
            Some((_, checks)) if checks.contains(&verdict.check) => {}
            Some((_, checks)) => checks.push(verdict.check),
            None => reasons.push((reason, vec![verdict.check])),
        }
    }
    if !reasons.is_empty() {
        let _ = writeln!(text, "\nNot checked:");
    }
    for (reason, checks) in reasons {
        let _ = writeln!(text, "  {}\n    {reason}", checks.join(", "));
    }
}

fn summary(text: &mut String, paint: &Paint, report: &Report) {
    let count =
        |wanted: fn(&Outcome) -> bool| report.verdicts.iter().filter(|verdict| wanted(&verdict.outcome)).count();
    let passed = count(|outcome| matches!(outcome, Outcome::Pass { .. }));
    let skipped = count(|outcome| matches!(outcome, Outcome::Skip { .. }));
    let findings = report.findings();
    let errors = findings.iter().filter(|found| found.severity == Severity::Error).count();
    let notes = findings.len() - errors;
    let word = if report.failed() { "FAIL" } else { "pass" };
    let _ = writeln!(
        text,
        "\n{}  {} at {}: {} and {} in {} verdicts ({passed} passed, {skipped} skipped); {} in {:.1} s, seed {}",
        paint.outcome(word),
        report.title,
        report.target,
        plural(errors, "error"),
        plural(notes, "note"),
        report.verdicts.len(),
        plural(usize::try_from(report.cases).unwrap_or(usize::MAX), "request"),
        report.elapsed.as_secs_f64(),
        report.seed
    );
}

fn plural(count: usize, word: &str) -> String {
    if count == 1 { format!("1 {word}") } else { format!("{count} {word}s") }
}
