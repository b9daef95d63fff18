//! Who got in where: credentials by operation, and scopes by operation.

use super::finding::severity;
use super::text::{anchor, escape, operation};
use crate::finding::Finding;
use crate::verdict::{Covered, Outcome, Report, Verdict};

/// A kind of credential, and the checks that try it.
struct Column {
    name: &'static str,
    about: &'static str,
    checks: &'static [&'static str],
}

const fn column(name: &'static str, about: &'static str, checks: &'static [&'static str]) -> Column {
    Column { name, about, checks }
}

/// Every kind of credential that must not get in.
const COLUMNS: &[Column] = &[
    column("none", "no credential", &["credentials.missing"]),
    column("malformed", "empty, misplaced or nonsense", &["credentials.malformed"]),
    column("tampered", "a token with another signature", &["token.tampered"]),
    column("alg none", "a token that says it needs no signature", &["token.alg-none"]),
    column(
        "wrong claims",
        "audience, issuer, not yet valid",
        &["token.wrong-audience", "token.wrong-issuer", "token.not-yet-valid"],
    ),
    column("expired", "its life has ended", &["token.expired", "key.expired"]),
    column("revoked", "it was taken back", &["token.revoked", "key.revoked"]),
    column("other environment", "a key of another environment", &["key.environment"]),
    column("prefix", "a key of which only the beginning is right", &["key.prefix"]),
    column("lacks scope", "every scope but the needed one", &["scope.insufficient"]),
    column(
        "other organization",
        "somebody else's organization or object",
        &[
            "tenancy.foreign-organization",
            "tenancy.foreign-object",
            "tenancy.foreign-parent",
            "tenancy.foreign-write",
            "tenancy.foreign-delete",
            "tenancy.foreign-list",
        ],
    ),
];

/// What a cell of a matrix says.
enum Cell<'a> {
    /// Nothing is to be said there.
    Empty,
    /// It was as it should be; the statuses seen.
    Pass(Vec<u16>),
    /// It was not.
    Fail(&'a Finding),
    /// It could not be told.
    Skip(&'a str),
}

/// Credentials by operation.
pub(super) fn credentials(report: &Report) -> String {
    let columns: Vec<&Column> = COLUMNS
        .iter()
        .filter(|column| report.verdicts.iter().any(|verdict| column.checks.contains(&verdict.check)))
        .collect();
    if columns.is_empty() {
        return String::new();
    }
    let head: String = std::iter::once(("valid", "a credential that works"))
        .chain(columns.iter().map(|column| (column.name, column.about)))
        .map(|(name, about)| {
            format!("<th scope=\"col\" title=\"{}\"><span>{}</span></th>", escape(about), escape(name))
        })
        .collect();
    let rows: String = report
        .operations
        .iter()
        .map(|row| {
            let cells: String = columns.iter().map(|column| shown(report, &cell(report, row, column.checks))).collect();
            format!("<tr><th scope=\"row\">{}{}</th>{}{cells}</tr>\n", operation(&row.place), public(row), reached(row))
        })
        .collect();
    let lead = "How each operation answers each credential. All but the first must be refused; the number is the \
                status that came.";
    table("credentials", "Credentials by operation", lead, &head, &rows)
}

/// Scopes by operation.
pub(super) fn scopes(report: &Report) -> String {
    let mut scopes: Vec<&String> = report.operations.iter().flat_map(|operation| &operation.scopes).collect();
    scopes.sort_unstable();
    scopes.dedup();
    if scopes.is_empty() {
        return String::new();
    }
    let head: String = scopes
        .iter()
        .map(|scope| {
            format!(
                "<th scope=\"col\"><span>{}</span></th>",
                escape(scope).replace(':', ":<wbr>").replace('_', "_<wbr>")
            )
        })
        .collect();
    let cells = |row: &Covered| -> String {
        let cell = |scope: &&String| {
            if row.scopes.contains(scope) { cell(report, row, &["scope.insufficient"]) } else { Cell::Empty }
        };
        scopes.iter().map(|scope| shown(report, &cell(scope))).collect()
    };
    let rows = report.operations.iter().filter(|row| !row.public);
    let rows: String =
        rows.map(|row| format!("<tr><th scope=\"row\">{}</th>{}</tr>\n", operation(&row.place), cells(row))).collect();
    let lead = "A marked field is a scope that the operation asks for, and how it answered a credential that has \
                every scope but those.";
    table("scopes", "Scopes by operation", lead, &head, &rows)
}

fn table(id: &str, title: &str, lead: &str, head: &str, rows: &str) -> String {
    format!(
        "<section id=\"{id}\" aria-labelledby=\"{id}-h\">\n<h2 id=\"{id}-h\">{title}</h2>\n<p class=\"lead\">{lead}</p>\n\
         <ul class=\"legend\" aria-label=\"Legend\"><li><span class=\"mark pass\">✓</span> as it should be</li>\
         <li><span class=\"mark error\">✕</span> error</li><li><span class=\"mark note\">!</span> note</li>\
         <li><span class=\"mark skip\">?</span> could not be told</li><li><span class=\"mark empty\">·</span> does not \
         apply</li></ul>\n\
         <div class=\"scroll\" role=\"region\" aria-labelledby=\"{id}-h\" tabindex=\"0\">\n<table class=\"matrix\">\n\
         <thead><tr><th scope=\"col\">Operation</th>{head}</tr></thead>\n<tbody>\n{rows}</tbody>\n</table>\n</div>\n</section>\n"
    )
}

fn public(row: &Covered) -> &'static str {
    if row.public { " <span class=\"tag\">public</span>" } else { "" }
}

fn reached(row: &Covered) -> String {
    if row.reached {
        "<td class=\"pass\"><span class=\"mark\">✓</span><span class=\"sr\">succeeds</span></td>".to_owned()
    } else {
        let why = "it was not seen to succeed";
        format!("<td class=\"skip\" title=\"{why}\"><span class=\"mark\">?</span><span class=\"sr\">{why}</span></td>")
    }
}

/// The worst that any of `checks` says of the operation.
fn cell<'a>(report: &'a Report, row: &Covered, checks: &[&str]) -> Cell<'a> {
    let about = |verdict: &&Verdict| verdict.operation == row.id && checks.contains(&verdict.check);
    let verdicts: Vec<&Verdict> = report.verdicts.iter().filter(about).collect();
    let failed = verdicts.iter().filter_map(|verdict| match &verdict.outcome {
        Outcome::Fail(finding) => Some(&**finding),
        _ => None,
    });
    if let Some(finding) = failed.max_by_key(|finding| (!finding.accepted, finding.severity)) {
        return Cell::Fail(finding);
    }
    let passed: Vec<&&Verdict> =
        verdicts.iter().filter(|verdict| matches!(verdict.outcome, Outcome::Pass { .. })).collect();
    if !passed.is_empty() {
        let mut statuses: Vec<u16> = passed.iter().flat_map(|verdict| verdict.refusals.iter().copied()).collect();
        statuses.sort_unstable();
        statuses.dedup();
        return Cell::Pass(statuses);
    }
    let skipped = verdicts.iter().find_map(|verdict| match &verdict.outcome {
        Outcome::Skip { reason } => Some(reason.as_str()),
        _ => None,
    });
    skipped.map_or(Cell::Empty, Cell::Skip)
}

fn shown(report: &Report, cell: &Cell<'_>) -> String {
    match cell {
        Cell::Empty => {
            "<td class=\"empty\"><span aria-hidden=\"true\">·</span><span class=\"sr\">does not apply</span></td>"
                .to_owned()
        }
        Cell::Pass(statuses) => {
            let statuses: Vec<String> = statuses.iter().map(u16::to_string).collect();
            let text = if statuses.is_empty() { String::new() } else { format!(" {}", statuses.join(" ")) };
            format!(
                "<td class=\"pass\"><span class=\"mark\" aria-hidden=\"true\">✓</span>{text}<span class=\"sr\"> as it should be</span></td>"
            )
        }
        Cell::Fail(finding) => {
            let class = severity(finding);
            let mark = if class == "error" { "✕" } else { "!" };
            let status = finding.got.status.map(|status| format!(" {status}")).unwrap_or_default();
            format!(
                "<td class=\"{class}\"><a href=\"#{}\" title=\"{}\"><span class=\"mark\" aria-hidden=\"true\">{mark}</span>{status}\
                 <span class=\"sr\"> {class}</span></a></td>",
                anchor(&shown_as(report, finding)),
                escape(&finding.cause)
            )
        }
        Cell::Skip(reason) => format!(
            "<td class=\"skip\" title=\"{}\"><span class=\"mark\" aria-hidden=\"true\">?</span><span class=\"sr\">could not be told</span></td>",
            escape(reason)
        ),
    }
}

/// The id under which a finding stands on the page: that of the first of its cause.
fn shown_as(report: &Report, finding: &Finding) -> String {
    let same = |other: &Finding| {
        (other.check, &other.cause, other.accepted) == (finding.check, &finding.cause, finding.accepted)
    };
    let first = report.verdicts.iter().find_map(|verdict| match &verdict.outcome {
        Outcome::Fail(other) if same(other) => Some(other.id.clone()),
        _ => None,
    });
    first.unwrap_or_else(|| finding.id.clone())
}
