//! The server without defects is never accused.

use bitting_conformance::{Credentials, Options, Outcome, Principal, Target, report, run};

use crate::{check, document, failed, server, skipped, target, workshop};

/// How many seeds are tried: a few each time, and as many as `BITTING_SEEDS` says for the proof before a release
/// (`BITTING_SEEDS=200 cargo test --release -p bitting-conformance --test it clean`).
fn seeds(usual: u64) -> std::ops::Range<u64> {
    let wanted = std::env::var("BITTING_SEEDS").ok().map(|text| text.parse().expect("BITTING_SEEDS is a number"));
    0..wanted.unwrap_or(usual)
}

/// No finding, note or error, on any seed; and every operation is judged, none silently.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_found_on_a_server_without_defects() {
    let document = document("roboticks");
    for seed in seeds(12) {
        let options = Options { seed, max_cases: 40, ..Options::default() };
        let report = check(&document, None, options).await;
        assert_eq!(failed(&report), Vec::<&str>::new(), "seed {seed}\n{}", report::terminal(&report, false));
        assert_eq!(report.exit_code(), 0);
    }
}

/// The other three documents, and a fifth: nothing is found on their servers either.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_found_with_the_other_documents() {
    for name in ["arrow", "artos", "arrotech", "workshop"] {
        let document = if name == "workshop" { workshop() } else { document(name) };
        for seed in seeds(3) {
            let report = check(&document, None, Options { seed, max_cases: 30, ..Options::default() }).await;
            assert_eq!(
                failed(&report),
                Vec::<&str>::new(),
                "{name}, seed {seed}\n{}",
                report::terminal(&report, false)
            );
            assert!(report.operations.iter().all(|operation| operation.reached), "{:?}", report.operations);
        }
    }
}

/// What a server team has: a file of credentials, and no provisioner. What can be checked with it passes, and what
/// cannot says what to give.
#[tokio::test(flavor = "multi_thread")]
async fn a_credentials_file_is_enough_for_most_checks() {
    let document = document("roboticks");
    let server = server(&document, None, 7).await;
    let provisioned = target(&document, &server).await;
    let mut credentials = Credentials::default();
    for (role, principal) in provisioned.credentials.principals() {
        // The document has no flow for a client, so a client in the file would be refused.
        credentials = credentials.with(role, Principal { client: None, ..principal.clone() });
    }
    let target = Target { base_url: server.base_url().to_owned(), credentials };
    let options = Options { max_cases: 10, ..Options::default() };
    let report = run(&document, target, options, |_| {}).await.expect("it runs");
    assert_eq!(failed(&report), Vec::<&str>::new(), "{}", report::terminal(&report, false));
    let skipped = skipped(&report);
    assert!(skipped.iter().all(|skip| skip.contains("provisioner")), "{skipped:#?}");
    assert!(skipped.iter().any(|skip| skip.starts_with("token.expired")), "{skipped:#?}");
    let passed = report.verdicts.iter().filter(|verdict| matches!(verdict.outcome, Outcome::Pass { .. })).count();
    assert!(passed > 150, "{passed}");
}

/// With a provisioner nothing of Roboticks is left out.
#[tokio::test(flavor = "multi_thread")]
async fn every_check_of_roboticks_runs_on_every_operation() {
    let document = document("roboticks");
    let report = check(&document, None, Options { max_cases: 10, ..Options::default() }).await;
    assert_eq!(skipped(&report), Vec::<String>::new());
    for operation in &document.operations {
        let passes = report.verdicts.iter().filter(|verdict| verdict.operation == operation.id);
        let judged = passes.filter(|verdict| matches!(verdict.outcome, Outcome::Pass { cases: 1.. })).count();
        assert!(judged >= 6, "{} has {judged} verdicts", operation.id);
    }
}

/// The same seed makes the same verdicts and as many requests, whatever the number of workers.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_depends_on_its_seed_alone() {
    let document = document("roboticks");
    let run = |workers| check(&document, None, Options { seed: 3, max_cases: 20, workers, ..Options::default() });
    let (alone, together) = (run(1).await, run(8).await);
    assert_eq!(alone.verdicts, together.verdicts);
    assert_eq!(alone.cases, together.cases);
}
