//! `bitting check --plan`: what would be checked where, what cannot be, and what to give. Nothing is sent.

use bitting_conformance::{Plan, Planned, checks};

/// Prints the plan.
pub(crate) fn show(plan: &Plan) {
    for check in checks() {
        let planned: Vec<_> = plan.planned.iter().filter(|planned| planned.check == check.id).collect();
        let runs: Vec<&str> =
            planned.iter().filter(|one| one.skip.is_none()).map(|one| one.operation.as_str()).collect();
        if !runs.is_empty() {
            anstream::println!("  {:<30} {}/{}: {}", check.id, runs.len(), planned.len(), runs.join(", "));
        }
    }
    let missing = plan.missing();
    if !missing.is_empty() {
        anstream::println!("\nCannot be checked:");
    }
    for (reason, checks) in missing {
        anstream::println!("  {}\n    {reason}", checks.join(", "));
    }
    if !plan.without_subject.is_empty() {
        anstream::println!("\nNothing to check in this document:\n  {}", plan.without_subject.join(", "));
    }
    anstream::println!("\n{} of {} will be checked", plan.runs(), plan.planned.len());
}

/// The plan for programs: `planned` has `{check, operation, skip}` each, `skip` being why it cannot be done or null.
pub(crate) fn json(plan: &Plan) -> String {
    let planned = plan.planned.iter().map(
        |Planned { check, operation, skip }| serde_json::json!({"check": check, "operation": operation, "skip": skip}),
    );
    let value = serde_json::json!({
        "format": "bitting-plan/1",
        "planned": planned.collect::<Vec<_>>(),
        "without_subject": plan.without_subject,
    });
    format!("{value:#}\n")
}
