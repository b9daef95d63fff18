//! What people and machines read, and that no secret is in it.

use std::collections::BTreeMap;

use bitting_conformance::{Options, Principal, Report, Role, Secret, Target, report, run};
use bitting_mock::MintKey;

use crate::{check, document, server};

/// Takes out of a report what differs from run to run.
fn steady(mut report: Report) -> Report {
    let url = report.target.clone();
    report.elapsed = std::time::Duration::from_millis(1500);
    report.target = "http://127.0.0.1:8080".to_owned();
    for verdict in &mut report.verdicts {
        if let bitting_conformance::Outcome::Fail(finding) = &mut verdict.outcome {
            finding.curl = finding.curl.replace(&url, "http://127.0.0.1:8080");
            // The data of the server's world is not what is looked at here.
            finding.got.body = finding.got.body.chars().take(9).chain(['…']).collect();
            finding.got.headers.retain(|(name, _)| name != "date" && !name.contains("ratelimit"));
        }
    }
    report
}

async fn found(defect: &str, only: &[&str], operation: &str) -> Report {
    let options = Options {
        only: only.iter().map(|check| (*check).to_owned()).collect(),
        operations: vec![operation.to_owned()],
        target: vec!["--url".to_owned(), "http://127.0.0.1:8080".to_owned()],
        ..Options::default()
    };
    steady(check(&document("roboticks"), Some(defect), options).await)
}

/// A finding says the rule, the place in the document, expected and got, a curl that can be pasted, and its replay.
#[tokio::test(flavor = "multi_thread")]
async fn a_finding_at_a_terminal() {
    let report = found("M34", &["tenancy.foreign-organization"], "listDevices").await;
    insta::assert_snapshot!(report::terminal(&report, false));
}

/// Every check and operation is a test case, what was skipped included.
#[tokio::test(flavor = "multi_thread")]
async fn a_report_for_ci() {
    let report = found("M01", &["credentials.missing", "credentials.scheme-case"], "listDevices").await;
    insta::assert_snapshot!(report::junit(&report));
}

/// Colours are put around words, and change nothing else.
#[tokio::test(flavor = "multi_thread")]
async fn colours_are_only_colours() {
    let report = found("M01", &["credentials.missing"], "listDevices").await;
    let (plain, coloured) = (report::terminal(&report, false), report::terminal(&report, true));
    assert!(coloured.contains("\u{1b}["));
    let mut bare = String::new();
    let mut rest = coloured.as_str();
    while let Some((before, after)) = rest.split_once('\u{1b}') {
        bare.push_str(before);
        rest = after.split_once('m').map_or("", |(_, rest)| rest);
    }
    assert_eq!(bare + rest, plain);
}

/// ARTOS-9: no secret that was given, and none that was made on the way, is in any report, on a server that lets all in.
#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_in_a_report() {
    let document = document("roboticks");
    for defect in ["M01", "M02", "M14", "M58", "M80", "M88"] {
        let server = server(&document, Some(defect), 7).await;
        let provisioned = crate::target(&document, &server).await;
        let valid = provisioned.credentials.principal(Role::Valid).expect("it was provisioned");
        let user = valid.login.as_ref().expect("it has a login").username.clone();
        let order = MintKey { user, scheme: Some("ApiKeyHeader".to_owned()), ..MintKey::default() };
        let key = server.core().mint_key(&order).expect("there is such a user").secret;
        let secrets = BTreeMap::from([("ApiKeyHeader".to_owned(), Secret::new(&*key))]);
        let valid = Principal { secrets, ..valid.clone() };
        let target = Target { credentials: provisioned.credentials.clone().with(Role::Valid, valid), ..provisioned };
        let report =
            run(&document, target, Options { max_cases: 10, ..Options::default() }, |_| {}).await.expect("it runs");
        assert!(!report.findings().is_empty());
        let forms = [report::terminal, report::quiet].map(|form| form(&report, true));
        let whole: [fn(&Report) -> String; 9] = [
            report::junit,
            report::sarif,
            report::json,
            report::html,
            report::har,
            report::github,
            report::summary,
            report::ndjson,
            report::wfc,
        ];
        let text =
            forms.into_iter().chain(whole.map(|form| form(&report))).collect::<String>() + &format!("{report:?}");
        assert!(!text.contains(&key), "{defect}: {text}");
        // Keys and tokens that were made on the way can be told by their looks.
        let words = text.split(|letter: char| !letter.is_ascii_alphanumeric() && !"._-".contains(letter));
        let is_secret = |word: &&str| {
            word.starts_with("eyJ") || word.contains("rbtk_") && word.len() > 8 && !word.contains("bitting")
        };
        assert_eq!(words.filter(is_secret).collect::<Vec<_>>(), Vec::<&str>::new(), "{defect}");
    }
}
