//! The report as SARIF 2.1.0, for code scanning: each finding stands at its line of the document.

use serde_json::{Value, json};

use crate::finding::{Finding, Severity};
use crate::verdict::{Outcome, Report};

const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";

/// The report as SARIF 2.1.0. Every failed verdict is a result of its own, so that each operation's line is marked; what
/// the baseline accepts is there and suppressed (SARIF 2.1.0, 3.27.23).
#[must_use]
pub fn sarif(report: &Report) -> String {
    let rules: Vec<Value> = crate::checks().iter().map(rule).collect();
    let failed = report.verdicts.iter().filter_map(|verdict| match &verdict.outcome {
        Outcome::Fail(finding) => Some(result(finding)),
        _ => None,
    });
    let unmet = report.unmet.iter().map(|unmet| {
        let place = unmet.operation.as_deref().unwrap_or("the document");
        json!({"level": "error", "message": {"text": format!("{} on {place}: {}", unmet.check, unmet.reason)}})
    });
    let log = json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "bitting",
                "version": env!("CARGO_PKG_VERSION"),
                "informationUri": env!("CARGO_PKG_REPOSITORY"),
                "rules": rules,
            }},
            "automationDetails": {"id": format!("bitting/{}", report.document)},
            "columnKind": "unicodeCodePoints",
            "results": failed.collect::<Vec<_>>(),
            "invocations": [{
                "executionSuccessful": report.unmet.is_empty() && !report.interrupted,
                "exitCode": report.exit_code(),
                "toolExecutionNotifications": unmet.collect::<Vec<_>>(),
            }],
            "properties": {"target": report.target, "seed": report.seed, "requests": report.cases},
        }],
    });
    format!("{log:#}\n")
}

fn rule(check: &crate::CheckInfo) -> Value {
    json!({
        "id": check.id,
        "name": check.id,
        "shortDescription": {"text": check.title},
        "fullDescription": {"text": check.rule},
        "help": {"text": format!("{}\n\nSource: {}", check.rule, check.source)},
        "properties": {"tags": [check.family()]},
    })
}

fn result(finding: &Finding) -> Value {
    let index = crate::checks().iter().position(|check| check.id == finding.check);
    let mut location = json!({"physicalLocation": {"artifactLocation": {"uri": uri(&finding.file)}}});
    if let Some(line) = finding.line {
        location["physicalLocation"]["region"] = json!({"startLine": line});
    }
    location["logicalLocations"] = json!([{"fullyQualifiedName": finding.place, "kind": "function"}]);
    let mut result = json!({
        "ruleId": finding.check,
        "level": match finding.severity { Severity::Error => "error", Severity::Note => "note" },
        "message": {"text": format!("{}: {}. Expected: {}.", finding.place, finding.got.summary, finding.expected)},
        "locations": [location],
        "partialFingerprints": {"bitting/v1": finding.id},
        "properties": {
            "id": finding.id, "pointer": finding.pointer, "source": finding.source,
            "curl": finding.curl, "replay": finding.replay_command(),
        },
    });
    if let Some(index) = index {
        result["ruleIndex"] = json!(index);
    }
    if finding.accepted {
        result["suppressions"] = json!([{"kind": "external", "justification": "accepted by the baseline"}]);
    }
    result
}

/// A file's name as a relative reference (RFC 3986, 4.2): code scanning wants it relative to the repository. A URL stays
/// what it is.
fn uri(file: &str) -> String {
    if file.contains("://") {
        return file.to_owned();
    }
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-._~/".contains(letter);
    let mut uri = String::new();
    for letter in file.strip_prefix("./").unwrap_or(file).replace('\\', "/").chars() {
        if plain(letter) {
            uri.push(letter);
        } else {
            let mut bytes = [0; 4];
            letter.encode_utf8(&mut bytes).bytes().for_each(|byte| uri.push_str(&format!("%{byte:02X}")));
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names_become_relative_references() {
        assert_eq!(uri("./spec/open api.yaml"), "spec/open%20api.yaml");
        assert_eq!(uri("http://127.0.0.1:8000/openapi.json"), "http://127.0.0.1:8000/openapi.json");
    }
}
