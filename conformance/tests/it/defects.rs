//! Each deliberate defect of the reference server is found, by a check that is about it.

use bitting_conformance::{Options, Outcome, report};
use bitting_spec::Document;

use crate::{check, document, failed, skipped, workshop};

/// Every defect, with the checks that are about it. Others may report it as well: whoever takes any token takes an expired
/// one.
#[rustfmt::skip]
const FOUND_BY: &[(&str, &[&str])] = &[
    ("M01", &["credentials.missing"]),
    ("M02", &["credentials.malformed"]),
    ("M03", &["token.expired", "key.expired"]),
    ("M04", &["token.not-yet-valid"]),
    ("M05", &["token.tampered"]),
    ("M06", &["token.alg-none"]),
    ("M07", &["token.key-confusion"]),
    ("M08", &["token.wrong-audience"]),
    ("M09", &["token.wrong-issuer"]),
    ("M10", &["token.revoked", "key.revoked"]),
    ("M11", &["token.revoked", "key.revoked"]),
    ("M12", &["key.environment", "token.environment"]),
    ("M13", &["key.prefix"]),
    ("M14", &["credentials.query"]),
    ("M15", &["credentials.scheme-case"]),
    ("M16", &["credentials.undeclared"]),
    ("M17", &["security.alternatives"]),
    ("M18", &["security.conjunction"]),
    ("M19", &["credentials.both"]),
    ("M20", &["public.open"]),
    ("M21", &["unauthenticated.challenge"]),
    ("M22", &["credentials.malformed"]),
    ("M30", &["scope.insufficient"]),
    ("M31", &["scope.insufficient"]),
    ("M32", &["scope.insufficient"]),
    ("M33", &["credentials.detour"]),
    ("M34", &["tenancy.foreign-organization"]),
    ("M35", &["tenancy.foreign-object"]),
    ("M36", &["tenancy.foreign-list"]),
    ("M37", &["tenancy.foreign-list"]),
    ("M38", &["tenancy.existence"]),
    ("M39", &["credentials.detour"]),
    ("M40", &["tenancy.removed-member"]),
    ("M50", &["refresh.refuses-unknown"]),
    ("M51", &["refresh.rotation"]),
    ("M52", &["refresh.reuse"]),
    ("M53", &["refresh.renews"]),
    ("M54", &["token.after-logout"]),
    ("M55", &["oauth.code-once"]),
    ("M56", &["oauth.code-bound"]),
    ("M57", &["oauth.pkce"]),
    ("M58", &["token.expires-in"]),
    ("M59", &["login.no-store", "oauth.no-store"]),
    ("M60", &["login.unknown-user"]),
    ("M61", &["oauth.scope"]),
    ("M62", &["oauth.state"]),
    ("M63", &["oauth.redirect-uri"]),
    ("M70", &["rate-limit.headers"]),
    ("M71", &["rate-limit.remaining"]),
    ("M72", &["rate-limit.reset"]),
    ("M73", &["rate-limit.exceeded"]),
    ("M74", &["rate-limit.per-credential"]),
    ("M75", &["rate-limit.lock-out"]),
    ("M76", &["rate-limit.exceeded"]),
    ("M77", &["rate-limit.retry-after"]),
    ("M80", &["response.schema"]),
    ("M81", &["response.status"]),
    ("M82", &["response.content-type"]),
    ("M83", &["state.created-is-listed"]),
    ("M84", &["state.deleted-is-gone"]),
    ("M85", &["state.stable-list"]),
    ("M86", &["state.read-only"]),
    ("M87", &["leak.shown-again"]),
    ("M88", &["credentials.echo"]),
];

/// The table speaks of every defect that the server has, and of no other.
#[test]
fn the_table_is_complete() {
    let all: Vec<&str> = bitting_mock::defects().iter().map(|defect| defect.id).collect();
    let listed: Vec<&str> = FOUND_BY.iter().map(|(id, _)| *id).collect();
    assert_eq!(listed, all);
}

/// What the table promises and a run does not keep, for one document: each defect that the document can express is found by
/// a check that is about it, and no check about it passes everywhere.
async fn missed(name: &str, document: &Document) -> Vec<String> {
    let mut missed = Vec::new();
    for (defect, checks) in FOUND_BY {
        if !bitting_mock::defects().iter().any(|known| known.id == *defect && known.applies(document)) {
            continue;
        }
        let only = checks.iter().map(|&check| check.to_owned()).collect();
        let report = check(document, Some(defect), Options { max_cases: 20, only, ..Options::default() }).await;
        let found = failed(&report);
        let passes = |check: &&&str| {
            let of_it = |wanted: fn(&Outcome) -> bool| {
                report.verdicts.iter().any(|verdict| verdict.check == **check && wanted(&verdict.outcome))
            };
            of_it(|outcome| matches!(outcome, Outcome::Pass { .. })) && !found.contains(*check)
        };
        let silent: Vec<&&str> = checks.iter().filter(passes).collect();
        if found.is_empty() || !silent.is_empty() {
            missed.push(format!("{name} {defect}: {silent:?} silent, {found:?} found, {:#?}", skipped(&report)));
        }
    }
    missed
}

/// M01 to M88: every defect that the document can express is found, on each of the four documents.
#[tokio::test(flavor = "multi_thread")]
async fn every_defect_is_found() {
    let mut all = Vec::new();
    for name in ["roboticks", "arrow", "artos", "arrotech"] {
        all.extend(missed(name, &document(name)).await);
    }
    assert!(all.is_empty(), "{}", all.join("\n"));
}

/// What none of the four can express is found on a fifth, so that no defect is left out.
#[tokio::test(flavor = "multi_thread")]
async fn the_rest_is_found_on_a_document_that_has_it() {
    let workshop = workshop();
    let shown = |defect: &&bitting_mock::Defect| {
        ["roboticks", "arrow", "artos", "arrotech"].iter().all(|name| !defect.applies(&document(name)))
    };
    let rest: Vec<&str> = bitting_mock::defects().iter().filter(shown).map(|defect| defect.id).collect();
    let absent: Vec<&&str> = rest
        .iter()
        .filter(|id| !bitting_mock::defects().iter().any(|known| known.id == **id && known.applies(&workshop)))
        .collect();
    assert_eq!(absent, Vec::<&&str>::new());
    let missed = missed("workshop", &workshop).await;
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
