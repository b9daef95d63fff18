//! What programs and browsers read: JSON, SARIF, annotations and the page; what a run is held to: baseline and demands.

use bitting_conformance::{Baseline, Interrupt, Options, Outcome, Report, Severity, report};
use serde_json::Value;

use crate::{check, document, skipped};

async fn found() -> Report {
    let options = Options {
        only: vec!["credentials.missing".to_owned(), "token.expired".to_owned(), "state".to_owned()],
        target: vec!["--url".to_owned(), "http://127.0.0.1:8080".to_owned()],
        ..Options::default()
    };
    check(&document("roboticks"), Some("M01"), options).await
}

/// Code scanning gets every operation at its line, under a rule that is described.
#[tokio::test(flavor = "multi_thread")]
async fn sarif_marks_the_line_of_each_operation() {
    let log: Value = serde_json::from_str(&report::sarif(&found().await)).expect("it is JSON");
    assert_eq!(log["version"], "2.1.0");
    let run = &log["runs"][0];
    let results = run["results"].as_array().expect("there are results");
    assert_eq!(results.len(), 7);
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../spec/openapi/roboticks.yaml"));
    let text = text.expect("it is there");
    for result in results {
        let place = &result["locations"][0]["physicalLocation"];
        assert_eq!(place["artifactLocation"]["uri"], "spec/openapi/roboticks.yaml");
        let line = place["region"]["startLine"].as_u64().expect("there is a line") as usize;
        let method = text.lines().nth(line - 1).expect("the line is in the file").trim();
        assert!(["get:", "post:", "patch:", "delete:"].contains(&method), "{line}: {method}");
        let rule = &run["tool"]["driver"]["rules"][result["ruleIndex"].as_u64().expect("an index") as usize];
        assert_eq!(rule["id"], result["ruleId"]);
        assert!(rule["fullDescription"]["text"].is_string() && result["partialFingerprints"]["bitting/v1"].is_string());
    }
}

/// A replay needs nothing but the report and the id.
#[tokio::test(flavor = "multi_thread")]
async fn a_json_report_has_all_that_a_replay_needs() {
    let report = found().await;
    let text = report::json(&report);
    let value: Value = serde_json::from_str(&text).expect("it is JSON");
    assert_eq!((&value["format"], &value["exit_code"]), (&Value::from("bitting-report/1"), &Value::from(1)));
    assert_eq!(value["counts"]["errors"], 7);
    assert_eq!(value["operations"].as_array().map(Vec::len), Some(document("roboticks").operations.len()));
    let last = report.verdicts.iter().rev().find_map(|verdict| match &verdict.outcome {
        Outcome::Fail(finding) => Some(finding),
        _ => None,
    });
    let last = last.expect("there is one");
    let words = report::replay(&text, &last.id).expect("it is in the report");
    assert_eq!(words, last.replay);
    assert_eq!(words[..2], ["bitting", "check"]);
    let unknown = report::replay(&text, "00000000").expect_err("no such finding").to_string();
    assert!(unknown.contains(&last.id), "{unknown}");
    assert!(report::replay("{}", &last.id).is_err() && report::replay("[", &last.id).is_err());
}

/// One annotation a finding, at its line; the summary is Markdown with the same.
#[tokio::test(flavor = "multi_thread")]
async fn github_gets_annotations_and_a_summary() {
    let report = found().await;
    let annotations = report::github(&report);
    assert_eq!(annotations.lines().count(), 1, "{annotations}");
    assert!(annotations.starts_with("::error file=spec/openapi/roboticks.yaml,line="), "{annotations}");
    assert!(annotations.contains("and 6 other operations"), "{annotations}");
    let summary = report::summary(&report);
    assert!(summary.starts_with("## ❌ Roboticks API: 1 error and 0 notes"), "{summary}");
    assert!(summary.contains("| ❌ error | `credentials.missing` |") && summary.contains("curl -i -X"), "{summary}");
}

/// The page needs nothing from outside, and each field of its matrices that failed leads to a finding on it.
#[tokio::test(flavor = "multi_thread")]
async fn the_page_is_whole() {
    let page = report::html(&found().await);
    assert!(!page.contains("src=") && !page.contains("<link") && !page.contains("@import") && !page.contains("url("));
    for part in ["<header", "<nav", "<main", "<footer", "id=\"findings\"", "id=\"credentials\"", "lang=\"en\""] {
        assert!(page.contains(part), "{part}");
    }
    let links: Vec<&str> = page.split("<a href=\"#").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert!(links.iter().filter(|link| link.starts_with("finding-")).count() >= 7, "{links:?}");
    for link in links {
        assert!(page.contains(&format!("id=\"{link}\"")), "{link} leads nowhere");
    }
}

/// What is accepted fails nothing and stays in the report; what is mended is said.
#[tokio::test(flavor = "multi_thread")]
async fn a_baseline_accepts_what_is_known() {
    let mut report = found().await;
    let text = Baseline::default().renewed(&report).to_string();
    assert_eq!(text.lines().filter(|line| !line.starts_with('#')).count(), 7, "{text}");
    let known = Baseline::parse(&format!("{text}0123abcd\n")).expect("it is one");
    report.accept(&known);
    assert_eq!((report.exit_code(), report.stale.clone()), (0, vec!["0123abcd".to_owned()]));
    assert_eq!(report.findings().iter().filter(|finding| finding.accepted).count(), 1);
    assert!(report::github(&report).is_empty() && report::sarif(&report).contains("suppressions"));
    // All but one: that one fails the run.
    let last = text.lines().last().expect("there is one");
    let mut report = found().await;
    report.accept(&Baseline::parse(&text.replace(last, "")).expect("it is one"));
    assert_eq!(report.exit_code(), 1);
}

/// A required check that could not run is exit code 4, and says where and why.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_required_has_to_run() {
    let only = vec!["scope".to_owned(), "public".to_owned()];
    let options =
        |require: &str| Options { only: only.clone(), require: vec![require.to_owned()], ..Options::default() };
    let report = check(&document("roboticks"), None, options("scope.insufficient")).await;
    assert_eq!((report.exit_code(), report.unmet.len()), (4, 1), "{:?}", report.unmet);
    assert!(report::terminal(&report, false).contains("required, and could not run: scope.insufficient"));
    assert!(report::github(&report).contains("::error title=bitting::scope.insufficient was required"));
    let report = check(&document("roboticks"), None, options("public.open")).await;
    assert_eq!(report.exit_code(), 0, "{:?}", report.unmet);
}

/// A note fails a run that is told to fail on notes.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_can_fail_on_notes() {
    let only = vec!["tenancy.existence".to_owned()];
    let document = document("roboticks");
    let run = |fail_on| check(&document, Some("M38"), Options { only: only.clone(), fail_on, ..Options::default() });
    assert_eq!(run(Severity::Error).await.exit_code(), 0);
    assert_eq!(run(Severity::Note).await.exit_code(), 1);
}

/// A run that is interrupted ends at once, says what it left out, and is exit code 130.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_can_be_interrupted() {
    let interrupt = Interrupt::default();
    interrupt.raise();
    let report = check(&document("roboticks"), None, Options { interrupt, ..Options::default() }).await;
    assert_eq!(report.exit_code(), 130);
    assert!(skipped(&report).iter().any(|skip| skip.contains("the run was interrupted")));
    assert!(report.verdicts.iter().all(|verdict| matches!(verdict.outcome, Outcome::Skip { .. })));
}

/// No more requests a second than were allowed.
#[tokio::test(flavor = "multi_thread")]
async fn a_rate_is_kept() {
    let options = Options { only: vec!["public".to_owned()], rate: Some(20), ..Options::default() };
    let report = check(&document("artos"), None, options).await;
    let least = (report.cases - 1) as f64 / 20.0;
    assert!(report.cases > 2 && report.elapsed.as_secs_f64() >= least, "{} in {:?}", report.cases, report.elapsed);
}
