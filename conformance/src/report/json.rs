//! The report as JSON, for programs: everything that the others show, and what a replay needs.

use serde_json::{Value, json};

use super::count::Count;
use super::time::rfc3339;
use crate::error::Error;
use crate::verdict::Report;

/// The form of the report. It changes when a member goes or changes its meaning, not when one is added.
const FORMAT: &str = "bitting-report/1";

/// The report as JSON:
///
/// | member | what it is |
/// |---|---|
/// | `format` | `bitting-report/1` |
/// | `title`, `document`, `target`, `seed` | what was checked |
/// | `started`, `requests`, `seconds`, `interrupted`, `late`, `stranger`, `fail_on`, `exit_code` | how it went |
/// | `counts` | verdicts: `passed`, `errors`, `notes`, `accepted`, `skipped` |
/// | `operations` | `{id, place, file, line, public, scopes, reached, refused}` each |
/// | `findings` | [`Finding`](crate::Finding)s, those of one cause as one |
/// | `verdicts` | `{check, operation, place, outcome: pass, fail or skip, …}` each |
/// | `unmet`, `stale`, `left` | see [`Report`] |
#[must_use]
pub fn json(report: &Report) -> String {
    let mut value = about(report);
    if let Some(members) = value.as_object_mut() {
        members.insert("operations".to_owned(), json!(report.operations));
        members.insert("findings".to_owned(), json!(report.findings()));
        members.insert("verdicts".to_owned(), json!(report.verdicts));
    }
    format!("{value:#}\n")
}

/// Everything but the verdicts.
pub(super) fn about(report: &Report) -> Value {
    let count = Count::of(&report.verdicts);
    json!({
        "format": FORMAT,
        "title": report.title,
        "document": report.document,
        "target": report.target,
        "seed": report.seed,
        "started": rfc3339(report.started),
        "requests": report.cases,
        "seconds": report.elapsed.as_secs_f64(),
        "interrupted": report.interrupted,
        "late": report.late,
        "stranger": report.stranger,
        "fail_on": report.fail_on,
        "exit_code": report.exit_code(),
        "counts": {
            "passed": count.passed, "errors": count.errors, "notes": count.notes,
            "accepted": count.accepted, "skipped": count.skipped,
        },
        "unmet": report.unmet,
        "stale": report.stale,
        "left": report.left,
    })
}

/// The words of the command that makes the cases of the finding `id` again, from a report that [`json`] wrote.
///
/// # Errors
/// [`Error::Config`] when the text is no such report, or has no such finding.
pub fn replay(text: &str, id: &str) -> Result<Vec<String>, Error> {
    let wrong = |message: String| Error::config("report", message, "give a file that --report json=PATH has written");
    let report: Value = serde_json::from_str(text).map_err(|error| wrong(format!("it is no JSON: {error}")))?;
    if report["format"] != FORMAT {
        return Err(wrong(format!("it is no report of the form {FORMAT}")));
    }
    let verdicts = report["verdicts"].as_array().map(Vec::as_slice).unwrap_or_default();
    let known: Vec<&Value> = verdicts.iter().filter(|verdict| verdict["outcome"] == "fail").collect();
    let Some(found) = known.iter().find(|verdict| verdict["id"] == id) else {
        let ids: Vec<&str> = known.iter().filter_map(|verdict| verdict["id"].as_str()).collect();
        let has = if ids.is_empty() { "it has none".to_owned() } else { format!("it has: {}", ids.join(", ")) };
        return Err(Error::config("report", format!("it has no finding `{id}`"), has));
    };
    let words = found["replay"].as_array().into_iter().flatten().filter_map(Value::as_str);
    Ok(words.map(str::to_owned).collect())
}
