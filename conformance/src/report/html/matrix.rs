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
    column("tampered", "a token with another signature", &["token.tampered", "token.key-confusion"]),
    column("alg none", "a token that says it needs no signature", &["token.alg-none"]),
    column(
        "wrong claims",
        "audience, issuer, not yet valid",
        &["token.wrong-audience", "token.wrong-issuer", "token.not-yet-valid"],
    ),
    column("expired", "its life has ended", &["token.expired", "key.expired"]),
    column(
        "revoked",
        "it was taken back, its session has ended, or its owner has left",
        &["token.revoked", "key.revoked", "token.after-logout", "tenancy.removed-member"],
    ),
    column("other environment", "made for another environment", &["key.environment", "token.environment"]),
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
    let prefix = prefix(report);
    let row = |row: &Covered| {
        let cells: String = columns.iter().map(|column| shown(report, &cell(report, row, column.checks))).collect();
        format!("<tr><th scope=\"row\">{}{}</th>{}{cells}</tr>\n", place(row, &prefix), public(row), reached(row))
    };
    let rows: String = report.operations.iter().map(row).collect();
    let lead = format!(
        "How each operation answers each credential. All but the first must be refused; the number is the status that \
         came.{}",
        about(&prefix)
    );
    table("credentials", "Credentials by operation", &lead, &head, &rows)
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
    let prefix = prefix(report);
    let row = |row: &Covered| format!("<tr><th scope=\"row\">{}</th>{}</tr>\n", place(row, &prefix), cells(row));
    let rows: String = report.operations.iter().filter(|row| !row.public).map(row).collect();
    let lead = format!(
        "A marked field is a scope that the operation asks for, and how it answered a credential that has every scope \
         but those.{}",
        about(&prefix)
    );
    table("scopes", "Scopes by operation", &lead, &head, &rows)
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

/// The id under which a finding stands on the page: that of the first of its cause, or of the one that explains it.
fn shown_as(report: &Report, finding: &Finding) -> String {
    let findings = report.findings();
    let covers = |other: &&Finding| other.operation == finding.operation || other.also_on.contains(&finding.operation);
    let same = |other: &&Finding| {
        (other.check, &other.cause, other.accepted) == (finding.check, &finding.cause, finding.accepted)
    };
    let explains = |other: &&Finding| other.explains.contains(&finding.check);
    let first = findings.iter().find(|other| same(other) && covers(other));
    let first = first.or_else(|| findings.iter().find(|other| explains(other) && covers(other)));
    first.map_or_else(|| finding.id.clone(), |other| other.id.clone())
}

/// What all paths begin with, up to a slash: it is said once, and not in every row.
fn prefix(report: &Report) -> String {
    let mut paths = report.operations.iter().filter_map(|row| row.place.split_once(' ').map(|(_, path)| path));
    let Some(first) = paths.next().filter(|_| report.operations.len() > 1) else { return String::new() };
    let mut parts: Vec<&str> = first.split('/').collect();
    parts.pop();
    for path in paths {
        let same = parts.iter().zip(path.split('/')).take_while(|(one, other)| *one == other).count();
        parts.truncate(same.min(path.split('/').count().saturating_sub(1)));
    }
    let own = parts.iter().position(|part| part.starts_with('{')).unwrap_or(parts.len());
    parts.truncate(own);
    parts.join("/")
}

/// The head of a row, without what all paths begin with.
fn place(row: &Covered, prefix: &str) -> String {
    let (method, path) = row.place.split_once(' ').unwrap_or(("", &row.place));
    operation(&format!("{method} {}", path.strip_prefix(prefix).unwrap_or(path)))
}

/// A sentence about what the paths begin with.
fn about(prefix: &str) -> String {
    if prefix.is_empty() { String::new() } else { format!(" Every path begins with <code>{}</code>.", escape(prefix)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(places: &[&str]) -> Report {
        let covered = |place: &&str| Covered {
            id: String::new(),
            place: (*place).to_owned(),
            file: String::new(),
            line: None,
            public: false,
            scopes: Vec::new(),
            reached: true,
            refused: None,
        };
        Report {
            document: String::new(),
            title: String::new(),
            target: String::new(),
            verdicts: Vec::new(),
            operations: places.iter().map(covered).collect(),
            seed: 0,
            cases: 0,
            started: 0,
            elapsed: std::time::Duration::ZERO,
            fail_on: crate::Severity::Error,
            unmet: Vec::new(),
            stale: Vec::new(),
            left: Vec::new(),
            interrupted: false,
            late: 0,
            stranger: false,
        }
    }

    #[test]
    fn what_all_paths_begin_with_is_told_once() {
        assert_eq!(prefix(&report(&["GET /api/v1/things", "POST /api/v1/auth/login"])), "/api/v1");
        assert_eq!(prefix(&report(&["GET /things", "GET /things/{id}"])), "");
        assert_eq!(prefix(&report(&["GET /a/{x}/b", "GET /a/{x}/c"])), "/a");
        assert_eq!(prefix(&report(&["GET /a/b"])), "");
        assert_eq!(place(&report(&["GET /a/b/c"]).operations[0], "/a"), operation("GET /b/c"));
    }
}
