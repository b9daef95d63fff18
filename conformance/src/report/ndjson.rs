//! The report as JSON lines, for programs that read one thing at a time: each line stands for itself, so that it can be
//! written when it is known.

use serde_json::{Value, json};

use super::json::about;
use crate::verdict::{Report, Verdict};

/// A verdict as one line, `{"kind": "verdict", …}`.
#[must_use]
pub fn ndjson_verdict(verdict: &Verdict) -> String {
    line("verdict", json!(verdict))
}

/// The last line, `{"kind": "result", …}`, with what [`json`](super::json()) has beside the verdicts.
#[must_use]
pub fn ndjson_result(report: &Report) -> String {
    line("result", about(report))
}

/// The report as newline-delimited JSON: each verdict, and at the end the result.
#[must_use]
pub fn ndjson(report: &Report) -> String {
    let verdicts: String = report.verdicts.iter().map(ndjson_verdict).collect();
    verdicts + &ndjson_result(report)
}

fn line(kind: &str, mut value: Value) -> String {
    if let Some(members) = value.as_object_mut() {
        members.shift_insert(0, "kind".to_owned(), json!(kind));
    }
    format!("{value}\n")
}
