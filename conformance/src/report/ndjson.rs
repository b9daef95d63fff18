//! The report as JSON lines, for programs that read one thing at a time.

use serde_json::json;

use super::json::about;
use crate::verdict::Report;

/// The report as newline-delimited JSON: each verdict as `{"kind": "verdict", …}`, and at the end `{"kind": "result", …}`
/// with what [`json`](super::json()) has beside the verdicts.
#[must_use]
pub fn ndjson(report: &Report) -> String {
    let mut text = String::new();
    let mut line = |kind: &str, mut value: serde_json::Value| {
        if let Some(members) = value.as_object_mut() {
            members.shift_insert(0, "kind".to_owned(), json!(kind));
        }
        text.push_str(&format!("{value}\n"));
    };
    for verdict in &report.verdicts {
        line("verdict", json!(verdict));
    }
    line("result", about(report));
    text
}
