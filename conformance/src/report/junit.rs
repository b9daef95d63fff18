//! The report as JUnit XML: one test case for each check and operation, passed and skipped ones included, so that what
//! was not checked is as visible as what was.

use quick_junit::{NonSuccessKind, Report as JunitReport, TestCase, TestCaseStatus, TestSuite};

use crate::finding::{Finding, Severity};
use crate::verdict::{Outcome, Report, Verdict};

/// The report as JUnit XML. A note is a passed test case that says what was seen.
#[must_use]
pub fn junit(report: &Report) -> String {
    let mut junit = JunitReport::new("bitting");
    junit.set_time(report.elapsed);
    for check in crate::checks() {
        let mut suite = TestSuite::new(check.id);
        suite.add_property(("rule", check.rule));
        suite.add_property(("source", check.source));
        for verdict in report.verdicts.iter().filter(|verdict| verdict.check == check.id) {
            suite.add_test_case(test_case(verdict, report.fail_on));
        }
        if !suite.test_cases.is_empty() {
            junit.add_test_suite(suite);
        }
    }
    // It is written to memory from texts: nothing can fail that a caller could do anything about.
    junit.to_string().unwrap_or_default()
}

fn test_case(verdict: &Verdict, fail_on: Severity) -> TestCase {
    let mut case = match &verdict.outcome {
        Outcome::Pass { cases } => {
            let mut case = TestCase::new(&*verdict.place, TestCaseStatus::success());
            case.set_system_out(format!("{cases} requests"));
            case
        }
        Outcome::Fail(finding) if !finding.fails(fail_on) => {
            let mut case = TestCase::new(&*verdict.place, TestCaseStatus::success());
            case.set_system_out(described(finding));
            case
        }
        Outcome::Fail(finding) => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            status.set_message(&*finding.got.summary).set_type(finding.check).set_description(described(finding));
            TestCase::new(&*verdict.place, status)
        }
        Outcome::Skip { reason } => {
            let mut status = TestCaseStatus::skipped();
            status.set_message(&**reason);
            TestCase::new(&*verdict.place, status)
        }
    };
    case.set_classname(verdict.check);
    case
}

fn described(finding: &Finding) -> String {
    let Finding { id, severity, rule, source, pointer, expected, got, curl, .. } = finding;
    let (location, replay) = (finding.location(), finding.replay_command());
    let status = got.status.map(|status| format!("{status} ")).unwrap_or_default();
    format!(
        "{severity} {id}\nrule: {rule} ({source})\nat: {location} {pointer}\nexpected: {expected}\ngot: {status}{}\n{}\n\
         curl: {curl}\nreplay: {replay}",
        got.summary, got.body
    )
}
