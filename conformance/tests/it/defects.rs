//! Each deliberate defect of the reference server is found, by a check that is about it.

use bitting_conformance::{Options, Outcome, report};

use crate::{check, document, failed, skipped};

/// The defects that Roboticks can show, each with the checks that are about it. Others may report it as well: whoever
/// takes any token takes an expired one.
const FOUND_BY: &[(&str, &[&str])] = &[
    ("M01", &["credentials.missing"]),
    ("M02", &["credentials.malformed"]),
    ("M03", &["token.expired", "key.expired"]),
    ("M04", &["token.not-yet-valid"]),
    ("M05", &["token.tampered"]),
    ("M06", &["token.alg-none"]),
    ("M08", &["token.wrong-audience"]),
    ("M09", &["token.wrong-issuer"]),
    ("M10", &["token.revoked", "key.revoked"]),
    ("M11", &["token.revoked", "key.revoked"]),
    ("M13", &["key.prefix"]),
    ("M14", &["credentials.query"]),
    ("M15", &["credentials.scheme-case"]),
    ("M17", &["security.alternatives"]),
    ("M19", &["credentials.both"]),
    ("M20", &["public.open"]),
    ("M21", &["unauthenticated.challenge"]),
    ("M22", &["credentials.malformed"]),
    ("M33", &["credentials.detour"]),
    ("M34", &["tenancy.foreign-organization"]),
    ("M35", &["tenancy.foreign-object"]),
    ("M36", &["tenancy.foreign-list"]),
    ("M38", &["tenancy.existence"]),
    ("M39", &["credentials.detour"]),
    ("M50", &["refresh.refuses-unknown"]),
    ("M58", &["token.expires-in"]),
    ("M59", &["login.no-store"]),
    ("M60", &["login.unknown-user"]),
    ("M70", &["rate-limit.headers"]),
    ("M71", &["rate-limit.remaining"]),
    ("M72", &["rate-limit.reset"]),
    ("M73", &["rate-limit.exceeded"]),
    ("M74", &["rate-limit.per-credential"]),
    ("M76", &["rate-limit.exceeded"]),
    ("M77", &["rate-limit.retry-after"]),
    ("M80", &["response.schema"]),
    ("M81", &["response.status"]),
    ("M82", &["response.content-type"]),
    ("M83", &["state.created-is-listed"]),
    ("M84", &["state.deleted-is-gone"]),
    ("M85", &["state.stable-list"]),
    ("M88", &["credentials.echo"]),
];

/// Defects that the document can show and that the suite has no check for yet.
const NOT_YET: &[&str] = &["M07", "M37", "M40", "M75"];

/// The table speaks of every defect that the document can show, and of no other.
#[test]
fn the_table_is_complete() {
    let document = document("roboticks");
    let shown: Vec<&str> =
        bitting_mock::defects().iter().filter(|defect| defect.applies(&document)).map(|defect| defect.id).collect();
    let mut listed: Vec<&str> = FOUND_BY.iter().map(|(id, _)| *id).chain(NOT_YET.iter().copied()).collect();
    listed.sort_unstable();
    assert_eq!(listed, shown);
}

/// M01 to M88: every defect is found by each check that is about it.
#[tokio::test(flavor = "multi_thread")]
async fn every_defect_is_found() {
    let document = document("roboticks");
    let mut missed = Vec::new();
    for (defect, checks) in FOUND_BY {
        let report = check(&document, Some(defect), Options { max_cases: 20, ..Options::default() }).await;
        let found = failed(&report);
        let lacking: Vec<&&str> = checks.iter().filter(|check| !found.contains(*check)).collect();
        if !lacking.is_empty() {
            let skips: Vec<String> = skipped(&report)
                .into_iter()
                .filter(|skip| lacking.iter().any(|check| skip.starts_with(**check)))
                .collect();
            missed.push(format!("{defect}: {lacking:?} silent; found by {found:?}; {skips:#?}"));
        }
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

/// A finding can be seen again by its replay alone: the same check on the same operation with the same seed.
#[tokio::test(flavor = "multi_thread")]
async fn a_finding_is_found_again_by_its_replay() {
    let document = document("roboticks");
    for defect in ["M01", "M35", "M60", "M80", "M83"] {
        let all = check(&document, Some(defect), Options { max_cases: 20, ..Options::default() }).await;
        for found in all.findings() {
            let options = Options {
                only: vec![found.check.to_owned()],
                operations: vec![found.operation.clone()],
                max_cases: 20,
                ..Options::default()
            };
            let again = check(&document, Some(defect), options).await;
            let ids: Vec<String> = again.findings().into_iter().map(|finding| finding.id).collect();
            assert_eq!(ids, [found.id], "{defect} {}\n{}", found.check, report::terminal(&again, false));
            assert!(again.verdicts.iter().all(|verdict| matches!(verdict.outcome, Outcome::Fail(_))));
        }
    }
}

/// One cause is one finding: the other operations stand in it.
#[tokio::test(flavor = "multi_thread")]
async fn findings_of_one_cause_are_grouped() {
    let options = Options { only: vec!["credentials.missing".to_owned()], ..Options::default() };
    let report = check(&document("roboticks"), Some("M01"), options).await;
    let findings = report.findings();
    assert_eq!(findings.len(), 1);
    assert_eq!(findings[0].also_on.len(), 6, "{findings:#?}");
    assert_eq!(report.exit_code(), 1);
}

/// Arrow has what Roboticks has not: scopes, and keys in one header only.
#[tokio::test(flavor = "multi_thread")]
async fn defects_of_scopes_and_undeclared_places_are_found() {
    let document = document("arrow");
    for (defect, found_by) in [
        ("M16", "credentials.undeclared"),
        ("M30", "scope.insufficient"),
        ("M31", "scope.insufficient"),
        ("M32", "scope.insufficient"),
    ] {
        let options = Options { only: vec![found_by.to_owned()], ..Options::default() };
        let report = check(&document, Some(defect), options).await;
        assert_eq!(failed(&report), [found_by], "{defect}\n{}", report::terminal(&report, false));
    }
}

/// Defects that the reference server has by its document and nobody can see there, with the reason.
const UNSEEN: &[(&str, &str, &str)] = &[
    ("artos", "M12", "the control plane makes no token of another environment, and Artos has no keys"),
    ("artos", "M39", "the defect takes every slash off the end, and the paths of Artos end in one"),
    ("arrow", "M40", NO_CHECK),
    ("artos", "M07", NO_CHECK),
    ("artos", "M40", NO_CHECK),
    ("arrotech", "M07", NO_CHECK),
    ("arrotech", "M40", NO_CHECK),
    ("arrotech", "M55", NO_CHECK),
    ("arrotech", "M56", NO_CHECK),
    ("arrotech", "M57", NO_CHECK),
    ("arrotech", "M62", NO_CHECK),
    ("arrotech", "M63", NO_CHECK),
];
const NO_CHECK: &str = "the suite has no check for it yet";

/// ARROW, ARTOS, ARROTECH: whatever defect the document can show is found, by whatever check.
#[tokio::test(flavor = "multi_thread")]
async fn every_defect_of_the_other_documents_is_found() {
    let mut missed = Vec::new();
    for name in ["arrow", "artos", "arrotech"] {
        let document = document(name);
        for defect in bitting_mock::defects().iter().filter(|defect| defect.applies(&document)) {
            let report = check(&document, Some(defect.id), Options { max_cases: 8, ..Options::default() }).await;
            let unseen = UNSEEN.iter().any(|(document, id, _)| (*document, *id) == (name, defect.id));
            if report.findings().is_empty() != unseen {
                missed.push(format!("{name} {}: {}", defect.id, defect.name));
            }
        }
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

/// Arrotech: a token endpoint that grants more than was asked for, and scopes that only one alternative asks for.
#[tokio::test(flavor = "multi_thread")]
async fn defects_of_oauth_are_found() {
    let document = document("arrotech");
    for (defect, found_by) in [("M61", "oauth.scope"), ("M30", "scope.insufficient")] {
        let options = Options { only: vec![found_by.to_owned()], ..Options::default() };
        let report = check(&document, Some(defect), options).await;
        assert_eq!(failed(&report), [found_by], "{defect}\n{}", report::terminal(&report, false));
    }
}
