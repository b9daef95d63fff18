//! The report of Web Fuzzing Commons, by which tools of this kind are compared.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::time::rfc3339;
use crate::finding::Finding;
use crate::verdict::{Outcome, Report, Verdict};

/// The version of the schema that this is written for.
const SCHEMA: &str = "0.6.0";

/// The report in the form of Web Fuzzing Commons (its `report.yaml`): a test case is a check on an operation, and a fault
/// has the code of its category there. Codes from 900 are for what the categories do not have; the context is the check.
#[must_use]
pub fn wfc(report: &Report) -> String {
    let failed = report.verdicts.iter().filter_map(|verdict| match &verdict.outcome {
        Outcome::Fail(finding) => Some((verdict, &**finding)),
        _ => None,
    });
    let faults: Vec<Value> = failed.map(|(verdict, finding)| fault(verdict, finding)).collect();
    let kinds: BTreeSet<(u16, &str)> = report.findings().iter().map(|found| (code(found), found.check)).collect();
    let told = report.verdicts.iter().filter(|verdict| !matches!(verdict.outcome, Outcome::Skip { .. }));
    let cases: Vec<Value> = told.map(|verdict| json!({"id": case(verdict), "name": case(verdict)})).collect();
    let operations: Vec<String> = report.operations.iter().map(|operation| endpoint(&operation.place)).collect();
    let value = json!({
        "schemaVersion": SCHEMA,
        "toolName": "bitting",
        "toolVersion": env!("CARGO_PKG_VERSION"),
        "creationTime": rfc3339(report.started),
        "faults": {"totalNumber": kinds.len(), "foundFaults": faults},
        "problemDetails": {"rest": {
            // Every request belongs to a test case of the report.
            "outputHttpCalls": report.cases,
            "evaluatedHttpCalls": report.cases,
            "endpointIds": operations,
            "coveredHttpStatus": report.verdicts.iter().filter_map(covered).collect::<Vec<_>>(),
        }},
        "totalTests": cases.len(),
        "testFilePaths": [],
        "testCases": cases,
        "executionTimeInSeconds": report.elapsed.as_secs(),
    });
    format!("{value:#}\n")
}

fn fault(verdict: &Verdict, finding: &Finding) -> Value {
    let operation = endpoint(&verdict.place);
    json!({
        "operationId": operation,
        // The schema demands the one and describes the other.
        "endpointId": operation,
        "testCaseId": case(verdict),
        "faultCategories": [{"code": code(finding), "context": finding.check}],
    })
}

/// The statuses that are known of a verdict's requests.
fn covered(verdict: &Verdict) -> Option<Value> {
    let mut statuses: BTreeSet<u16> = verdict.refusals.iter().copied().collect();
    if let Outcome::Fail(finding) = &verdict.outcome {
        statuses.extend(finding.got.status);
    }
    (!statuses.is_empty())
        .then(|| json!({"endpointId": endpoint(&verdict.place), "testCaseId": case(verdict), "httpStatus": statuses}))
}

fn case(verdict: &Verdict) -> String {
    format!("{} {}", verdict.check, verdict.place)
}

/// `GET:/things/{id}`.
fn endpoint(place: &str) -> String {
    place.replacen(' ', ":", 1)
}

/// The category of a fault (its `fault_categories.json`), of those that its schema takes.
fn code(finding: &Finding) -> u16 {
    let family = finding.check.split('.').next().unwrap_or_default();
    match (finding.check, family) {
        _ if finding.got.status.is_some_and(|status| status >= 500) => 100,
        ("input.negative-refused" | "input.malformed-json" | "input.media-type", _) => 102,
        ("state.deleted-is-gone", _) => 103,
        ("state.failed-create", _) => 104,
        ("state.read-only", _) => 203,
        ("tenancy.existence", _) => 204,
        ("credentials.scheme-case" | "security.alternatives" | "scope.sufficient", _) => 205,
        (_, "scope" | "tenancy") => 206,
        (_, "response") => 101,
        _ => 900,
    }
}
