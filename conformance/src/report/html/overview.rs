//! The head of the page, the checks one by one, what was left out, and the foot.

use super::super::count::{Count, plural, reasons};
use super::text::{escape, sentence, words};
use crate::shortened;
use crate::verdict::{Report, Verdict};

/// The result in a few words.
pub(super) fn verdict(report: &Report) -> String {
    let count = Count::of_findings(&report.findings());
    match (report.interrupted, count.errors, count.notes) {
        (true, ..) => "interrupted".to_owned(),
        (_, 0, 0) if !report.unmet.is_empty() => "a required check could not run".to_owned(),
        (_, 0, 0) if report.late > 0 => "no findings in the time".to_owned(),
        (_, 0, 0) => "no findings".to_owned(),
        (_, errors, 0) => plural(errors, "error"),
        (_, 0, notes) => plural(notes, "note"),
        (_, errors, notes) => format!("{} and {}", plural(errors, "error"), plural(notes, "note")),
    }
}

pub(super) fn header(report: &Report) -> String {
    let count = Count::of(&report.verdicts);
    let reached = report.operations.iter().filter(|operation| operation.reached).count();
    let state = match report.exit_code() {
        0 => "pass",
        1 => "error",
        _ => "note",
    };
    let links: String = [
        ("findings", "Findings", true),
        ("credentials", "Credentials", !super::matrix::credentials(report).is_empty()),
        ("scopes", "Scopes", !super::matrix::scopes(report).is_empty()),
        ("checks", "Checks", true),
        ("left-out", "Not checked", count.skipped > 0),
    ]
    .into_iter()
    .filter(|(.., there)| *there)
    .map(|(id, name, _)| format!("<li><a href=\"#{id}\">{name}</a></li>"))
    .collect();
    format!(
        "<header class=\"page {state}\">\n<p class=\"kicker\">Conformance of</p>\n<h1>{}</h1>\n\
         <p class=\"verdict\"><span class=\"badge {state}\">{}</span></p>\n{}{}\n\
         <dl class=\"about\">\n<div class=\"wide\"><dt>Server</dt><dd><code>{}</code></dd></div>\n<div class=\"wide\"><dt>Document</dt><dd><code>{}</code></dd></div>\n\
         <div><dt>Reached</dt><dd>{reached} of {}</dd></div>\n<div><dt>Requests</dt><dd>{}</dd></div>\n\
         <div><dt>Time</dt><dd>{:.1} s</dd></div>\n<div><dt>Seed</dt><dd>{}</dd></div>\n</dl>\n\
         <nav aria-label=\"Parts of the report\"><ul>{links}</ul></nav>\n</header>",
        escape(&report.title),
        escape(&verdict(report)),
        bar(&count),
        unmet(report),
        escape(&report.target),
        escape(&report.document),
        report.operations.len(),
        report.cases,
        report.elapsed.as_secs_f64(),
        report.seed
    )
}

/// The verdicts as a bar and in numbers.
fn bar(count: &Count) -> String {
    let parts = [
        ("pass", "passed", count.passed),
        ("error", "failed", count.errors),
        ("note", "notes", count.notes),
        ("accepted", "accepted", count.accepted),
        ("skip", "not checked", count.skipped),
    ];
    let there = || parts.iter().filter(|(.., count)| *count > 0);
    let bars: String = there()
        .map(|(class, _, count)| format!("<span class=\"{class}\" style=\"flex-grow:{count}\"></span>"))
        .collect();
    let numbers: String = there()
        .map(|(class, name, count)| format!("<li><span class=\"dot {class}\"></span><b>{count}</b> {name}</li>"))
        .collect();
    format!(
        "<div class=\"bar\" aria-hidden=\"true\">{bars}</div>\n<ul class=\"numbers\" aria-label=\"Verdicts\">{numbers}</ul>\n"
    )
}

fn unmet(report: &Report) -> String {
    let items: String = report
        .unmet
        .iter()
        .map(|unmet| {
            let place = unmet.operation.as_deref().map(|id| format!(" on {}", escape(id))).unwrap_or_default();
            format!("<li><code>{}</code>{place}: {}</li>\n", escape(unmet.check), escape(&unmet.reason))
        })
        .collect();
    if items.is_empty() {
        return items;
    }
    format!(
        "<div class=\"unmet\" role=\"note\"><p><strong>Required, and could not run:</strong></p>\n<ul>\n{items}</ul></div>\n"
    )
}

/// Every check that was asked for, with its rule.
pub(super) fn checks(report: &Report) -> String {
    let rows: String = crate::checks()
        .iter()
        .filter_map(|check| {
            let verdicts: Vec<&Verdict> = report.verdicts.iter().filter(|verdict| verdict.check == check.id).collect();
            if verdicts.is_empty() {
                return None;
            }
            let count = Count::of(verdicts);
            let number = |class: &str, count: usize| {
                let class = if count == 0 { "zero" } else { class };
                format!("<td class=\"number {class}\">{count}</td>")
            };
            Some(format!(
                "<tr><th scope=\"row\"><details><summary><code>{}</code> <span>{}</span></summary><p>{} <span \
                 class=\"source\">{}</span></p></details></th>{}{}{}{}</tr>\n",
                escape(check.id),
                words(check.title),
                sentence(check.rule),
                escape(check.source),
                number("pass", count.passed),
                number("error", count.errors),
                number("note", count.notes + count.accepted),
                number("skip", count.skipped),
            ))
        })
        .collect();
    format!(
        "<section id=\"checks\" aria-labelledby=\"checks-h\">\n<h2 id=\"checks-h\">Checks</h2>\n<p class=\"lead\">On how many \
         operations each check passed, failed, saw something worth a note, or could not be told. Open one for its rule.</p>\n\
         <div class=\"scroll\" role=\"region\" aria-labelledby=\"checks-h\" tabindex=\"0\">\n<table class=\"checks\">\n<thead><tr><th scope=\"col\">Check</th><th scope=\"col\">passed</th><th \
         scope=\"col\">failed</th><th scope=\"col\">notes</th><th scope=\"col\">not told</th></tr></thead>\n<tbody>\n{rows}</tbody>\n\
         </table>\n</div>\n</section>\n"
    )
}

/// What could not be told, with what to give.
pub(super) fn left_out(report: &Report) -> String {
    let reasons = reasons(report);
    if reasons.is_empty() {
        return String::new();
    }
    let items: String = reasons
        .into_iter()
        .map(|(reason, checks)| {
            let checks: Vec<String> =
                shortened(&checks).iter().map(|id| format!("<code>{}</code>", escape(id))).collect();
            format!("<li><p>{}</p><p class=\"ids\">{}</p></li>\n", sentence(reason), checks.join(" "))
        })
        .collect();
    format!(
        "<section id=\"left-out\" aria-labelledby=\"left-out-h\">\n<h2 id=\"left-out-h\">Not checked</h2>\n<p \
         class=\"lead\">What is not checked has not passed. Each reason says what to give.</p>\n<ul class=\"reasons\">\n{items}</ul>\n</section>\n"
    )
}

pub(super) fn footer(report: &Report) -> String {
    format!(
        "<footer>\n<p>Made by bitting {} with seed {}: the same seed makes the same requests. No secret is on this page.</p>\n</footer>",
        env!("CARGO_PKG_VERSION"),
        report.seed
    )
}
