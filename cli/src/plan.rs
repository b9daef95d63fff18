//! `bitting check --plan`: what would be checked where, what cannot be, and what to give. Nothing is sent.

use bitting_conformance::{Plan, Planned, checks, shortened};

/// Prints the plan.
pub(crate) fn show(plan: &Plan) {
    for check in checks() {
        let planned: Vec<_> = plan.planned.iter().filter(|planned| planned.check == check.id).collect();
        let runs: Vec<&str> =
            planned.iter().filter(|one| one.skip.is_none()).map(|one| one.operation.as_str()).collect();
        if runs.len() == planned.len() && runs.len() > 1 {
            anstream::println!("  {:<30} all {} operations", check.id, runs.len());
        } else if !runs.is_empty() {
            anstream::println!("  {:<30} {} of {}: {}", check.id, runs.len(), planned.len(), runs.join(", "));
        }
    }
    let missing = plan.missing();
    if !missing.is_empty() {
        anstream::println!("\nCannot be checked:");
    }
    for (reason, checks) in missing {
        anstream::println!("  {}\n    {reason}", shortened(&checks).join(", "));
    }
    if !plan.without_subject.is_empty() {
        let names = shortened(&plan.without_subject).join(", ");
        anstream::println!("\nNothing to check in this document:\n  {names}");
    }
    let (runs, all) = (plan.runs(), plan.planned.len());
    anstream::println!("\n{runs} of {all} can be checked: each is a check on an operation where it applies");
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
