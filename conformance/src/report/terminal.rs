//! The report for people at a terminal: a line for each check, then each finding with all that is needed to see it.

use std::fmt::Write;

use anstyle::{AnsiColor, Effects, Style};

use super::count::{Count, plural, reasons};
use crate::finding::Finding;
use crate::verdict::{Outcome, Report, Verdict};
use crate::{CheckInfo, checks, shortened};

/// The most things left on the server that are named.
const MOST_LEFT: usize = 10;

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
    found(&mut text, &paint, report);
    missing(&mut text, report);
    demands(&mut text, &paint, report);
    left(&mut text, report);
    summary(&mut text, &paint, report);
    text
}

/// The findings and the result alone.
#[must_use]
pub fn quiet(report: &Report, colour: bool) -> String {
    let paint = Paint { colour };
    let mut text = String::new();
    found(&mut text, &paint, report);
    demands(&mut text, &paint, report);
    left(&mut text, report);
    summary(&mut text, &paint, report);
    text.trim_start_matches('\n').to_owned()
}

fn found(text: &mut String, paint: &Paint, report: &Report) {
    for found in report.findings().iter().filter(|found| !found.accepted) {
        // A note fails nothing: what it takes to see it again is one command away.
        finding(text, paint, found, found.severity < report.fail_on);
    }
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
    let Count { passed, errors, notes, accepted, skipped } = Count::of(verdicts.iter().copied());
    let word = match (errors, notes + accepted, passed) {
        (1.., ..) => "FAIL",
        (0, 1.., _) => "note",
        (0, 0, 1..) => "pass",
        _ => "skip",
    };
    let mut counts = format!("{passed}/{} operations", verdicts.len());
    if skipped > 0 && skipped < verdicts.len() {
        let _ = write!(counts, ", {skipped} skipped");
    }
    let failed = verdicts.iter().find_map(|verdict| match &verdict.outcome {
        Outcome::Fail(found) => Some(format!("{}: {}", found.place, found.cause)),
        _ => None,
    });
    let said = failed.unwrap_or_else(|| paint.dim(check.title));
    let _ = writeln!(text, "  {}  {:<28}  {counts}: {said}", paint.outcome(word), check.id);
}

fn finding(text: &mut String, paint: &Paint, found: &Finding, is_brief: bool) {
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
    row("at", &format!("{} {}", found.location(), found.pointer));
    row("expected", &found.expected);
    row("got", &got(found));
    let details = (!is_brief).then_some(&found.got);
    for (name, value) in details.into_iter().flat_map(|got| &got.headers) {
        row("", &format!("{name}: {value}"));
    }
    if let Some(got) = details.filter(|got| !got.body.is_empty()) {
        row("", &got.body);
    }
    if !found.also_on.is_empty() {
        row("also on", &found.also_on.join(", "));
    }
    if !found.explains.is_empty() {
        row("explains", &format!("why these fail there too: {}", found.explains.join(", ")));
    }
    if !found.curl.is_empty() && !is_brief {
        row("curl", &found.curl);
    }
    row("replay", &found.replay_command());
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
    let reasons = reasons(report);
    if !reasons.is_empty() {
        let _ = writeln!(text, "\nNot checked:");
    }
    for (reason, checks) in reasons {
        let _ = writeln!(text, "  {reason}\n    {}", shortened(&checks).join(", "));
    }
}

/// What was required and could not run, and what the baseline names that is not there any more.
fn demands(text: &mut String, paint: &Paint, report: &Report) {
    for unmet in &report.unmet {
        let place = unmet.operation.as_deref().map(|id| format!(" on {id}")).unwrap_or_default();
        let _ = writeln!(text, "\n{}  required, and could not run{place}: {}", paint.outcome("FAIL"), unmet.check);
        let _ = writeln!(text, "      {}", unmet.reason);
    }
    if !report.stale.is_empty() {
        let _ = writeln!(text, "\nNot found any more, and may leave the baseline: {}", report.stale.join(", "));
    }
}

/// What a person may want to remove by hand.
fn left(text: &mut String, report: &Report) {
    let why = match (report.interrupted, report.late) {
        (false, 0) => "for nobody could remove it",
        (true, _) => "for the run was stopped before it was removed",
        (false, _) => "for the time was up before it was removed (--max-time)",
    };
    if !report.left.is_empty() {
        let _ = writeln!(text, "\nLeft on the server, {why}:");
    }
    for call in report.left.iter().take(MOST_LEFT) {
        let _ = writeln!(text, "  {call}");
    }
    if let more @ 1.. = report.left.len().saturating_sub(MOST_LEFT) {
        let _ = writeln!(text, "  and {more} more: `--report json=PATH` names them all");
    }
}

fn summary(text: &mut String, paint: &Paint, report: &Report) {
    let (verdicts, findings) = (Count::of(&report.verdicts), Count::of_findings(&report.findings()));
    let word = match report.exit_code() {
        2 => "skip",
        0 => "pass",
        130 => "stopped",
        _ => "FAIL",
    };
    let accepted = if findings.accepted > 0 { format!(", {} accepted", findings.accepted) } else { String::new() };
    let _ = writeln!(
        text,
        "\n{}  {} at {}: {} and {}{accepted} in {} ({} passed, {} skipped); {} in {:.1} s, seed {}",
        paint.outcome(word),
        report.title,
        report.target,
        plural(findings.errors, "error"),
        plural(findings.notes, "note"),
        plural(report.verdicts.len(), "verdict"),
        verdicts.passed,
        verdicts.skipped,
        plural(usize::try_from(report.cases).unwrap_or(usize::MAX), "request"),
        report.elapsed.as_secs_f64(),
        report.seed
    );
    if report.late > 0 && !report.interrupted {
        let late = plural(report.late, "verdict");
        let _ = writeln!(text, "      cut short: the time was up for {late}; give more with --max-time");
    }
}
