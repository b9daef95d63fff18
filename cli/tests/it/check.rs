//! The main job: a clean server gives exit code 0, a defect a finding and 1.

use crate::{bitting, folder};

const ROBOTICKS: &str = "spec/openapi/roboticks.yaml";

#[test]
fn a_clean_server_passes_and_a_defect_is_found() {
    let clean = bitting(&["check", ROBOTICKS, "--only", "tenancy", "--max-cases", "5"]);
    assert_eq!(clean.code, Some(0), "{}{}", clean.out, clean.err);
    let report = folder("check").join("junit.xml");
    let junit = format!("junit={}", report.display());
    let found = bitting(&["check", ROBOTICKS, "--only", "tenancy.*", "--defect", "M34", "--report", &junit]);
    assert_eq!(found.code, Some(1), "{}{}", found.out, found.err);
    for part in ["tenancy.foreign-organization", "rule ", "expected ", "got ", "curl -i", "replay ", "roboticks.yaml:"]
    {
        assert!(found.out.contains(part), "{part} is missing in\n{}", found.out);
    }
    let written = std::fs::read_to_string(report).unwrap();
    assert!(written.contains("<testsuites") && written.contains("tenancy.foreign-organization"));
    assert!(!found.out.contains("rbtk_test_"), "a secret stands in the report");
}

/// The replay command of a finding finds it again.
#[test]
fn a_finding_is_found_again_by_its_replay() {
    let found = bitting(&["check", ROBOTICKS, "--defect", "M10", "--only", "key.revoked"]);
    let line = found.out.lines().find_map(|line| line.trim().strip_prefix("replay")).unwrap();
    let arguments: Vec<&str> = line.split_whitespace().skip(1).collect();
    let again = bitting(&arguments);
    assert_eq!((found.code, again.code), (Some(1), Some(1)), "{line}");
    assert!(again.out.contains("key.revoked"));
}

/// A run that could check nothing is not green: without a credential every check of a protected operation is skipped.
#[test]
fn nothing_checked_is_not_green() {
    let mut server = std::process::Command::new(env!("CARGO_BIN_EXE_bitting"))
        .args(["serve", concat!(env!("CARGO_MANIFEST_DIR"), "/../", "spec/openapi/roboticks.yaml")])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(server.stdout.take().unwrap()), &mut line).unwrap();
    let ready: serde_json::Value = serde_json::from_str(&line).unwrap();
    let only = |id: &str| bitting(&["check", ROBOTICKS, "--url", ready["base_url"].as_str().unwrap(), "--only", id]);
    let (done, doors) = (only("state"), only("credentials"));
    server.kill().unwrap();
    server.wait().unwrap();
    assert_eq!(done.code, Some(2), "{}{}", done.out, done.err);
    assert!(done.err.contains("nothing could be checked") && done.err.contains("ROBOTICKS_API_KEY"), "{}", done.err);
    // Whoever knows nobody can still try the doors, and is told that it was no more.
    assert_eq!(doors.code, Some(0), "{}{}", doors.out, doors.err);
    assert!(doors.err.contains("only the doors") && doors.err.contains("ROBOTICKS_API_KEY"), "{}", doors.err);
}

/// A baseline is written and accepted, and what is required and cannot run is exit code 4, whatever else there is.
#[test]
fn known_findings_and_demands_have_their_exit_codes() {
    let known = folder("known").join("known.txt").to_string_lossy().into_owned();
    let check = ["check", ROBOTICKS, "--defect", "M34", "--only", "tenancy", "--quiet", "--baseline", &known];
    let written = bitting(&[&check[..], &["--write-baseline"]].concat());
    assert!(
        written.code == Some(0) && written.err.contains("known.txt is written, with 4 findings"),
        "{}",
        written.err
    );
    assert_eq!(bitting(&check).code, Some(0));
    let mended = bitting(&["check", ROBOTICKS, "--only", "tenancy", "--quiet", "--baseline", &known]);
    assert!(mended.code == Some(0) && mended.out.contains("Not found any more"), "{}", mended.out);
    let demanded = bitting(&["check", ROBOTICKS, "--only", "scope.insufficient", "--require", "scope.insufficient"]);
    assert!(demanded.code == Some(4) && demanded.out.contains("required, and could not run"), "{}", demanded.out);
    let unasked = bitting(&["check", ROBOTICKS, "--only", "scope.insufficient"]);
    assert!(unasked.code == Some(2) && unasked.err.contains("nothing could be checked"), "{}", unasked.err);
}
