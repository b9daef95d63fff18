//! `bitting init`, and the settings file that everything else reads.

use std::io::Write as _;
use std::process::{Command, Stdio};

use crate::{Done, bitting, folder};

const ROBOTICKS: &str = "spec/openapi/roboticks.yaml";

/// Runs `bitting` in a folder, with `input` on its standard input.
fn inside(folder: &std::path::Path, arguments: &[&str], input: &str) -> Done {
    let mut child = Command::new(env!("CARGO_BIN_EXE_bitting"))
        .args(arguments)
        .current_dir(folder)
        .env("ROBOTICKS_API_KEY", "rbtk_test_1")
        .env("ROBOTICKS_EMAIL", "ada@acme.example")
        .env("ROBOTICKS_PASSWORD", "test-password")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Done { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) }
}

/// From nothing to a plan: a file is written, a value is filled in, and the file is found where no document is named.
#[test]
fn a_starter_leads_to_a_plan() {
    let folder = folder("init");
    std::fs::copy(concat!(env!("CARGO_MANIFEST_DIR"), "/../spec/openapi/roboticks.yaml"), folder.join("api.yaml"))
        .unwrap();
    let written = inside(&folder, &["init", "api.yaml"], "");
    assert_eq!(written.code, Some(0), "{}", written.err);
    assert!(written.out.contains("bitting check --plan"), "{}", written.out);
    let again = inside(&folder, &["init", "api.yaml"], "");
    assert!(again.code == Some(2) && again.err.contains("is there already"), "{}", again.err);
    let blank = inside(&folder, &["check", "--plan"], "");
    assert!(blank.code == Some(2) && blank.err.contains("a value is still"), "{}", blank.err);
    let file = folder.join("bitting.toml");
    let text = std::fs::read_to_string(&file).unwrap().replace('…', "acme");
    std::fs::write(&file, text).unwrap();
    let plan = inside(&folder, &["check", "--plan"], "");
    assert_eq!(plan.code, Some(0), "{}", plan.err);
    assert!(
        plan.out.contains("credentials.missing") && plan.out.contains("[credentials.other-organization]"),
        "{}",
        plan.out
    );
    let json = inside(&folder, &["check", "--plan", "--report", "json=-"], "");
    let plan: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    assert!(plan["planned"].as_array().is_some_and(|all| all.len() > 100), "{plan}");
    // The other way: the file's server is not there.
    let gone = inside(&folder, &["check", "--url", "http://127.0.0.1:9"], "");
    assert!(gone.code == Some(3) && gone.err.contains("Connection refused"), "{}", gone.err);
    std::fs::remove_dir_all(folder).unwrap();
}

/// Settings come on standard input too, an option comes before its member, and a report on standard output stands alone.
#[test]
fn options_come_before_members() {
    let root = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    let settings =
        r#"{"only": ["credentials.missing"], "rules": {"credentials.missing": "note"}, "budget": {"seed": 5}}"#;
    let check = ["check", ROBOTICKS, "--config", "-", "--defect", "M01", "--report", "json=-"];
    let done = inside(root, &check, settings);
    let report: serde_json::Value = serde_json::from_str(&done.out).unwrap();
    assert_eq!((done.code, &report["seed"], &report["findings"][0]["severity"]), (Some(0), &5.into(), &"note".into()));
    assert!(done.err.contains("note credentials.missing"), "{}", done.err);
    let strict = inside(root, &[&check[..], &["--fail-on", "note", "--seed", "6"]].concat(), settings);
    let report: serde_json::Value = serde_json::from_str(&strict.out).unwrap();
    assert_eq!((strict.code, &report["seed"]), (Some(1), &6.into()));
    let wrong = inside(root, &check, "{\"rules\": {\"http.*\": \"loud\"}}");
    assert!(
        wrong.code == Some(2) && wrong.err.contains("standard input, line 1") && wrong.out.is_empty(),
        "{}",
        wrong.err
    );
}

/// What a finding says about its replay goes with the settings file.
#[test]
fn a_replay_uses_the_same_settings() {
    let folder = folder("replay");
    let (file, report) = (folder.join("own.toml"), folder.join("report.json"));
    let document = concat!(env!("CARGO_MANIFEST_DIR"), "/../spec/openapi/roboticks.yaml");
    std::fs::write(&file, format!("document = {document:?}\n[budget]\nmax-cases = 3\n")).unwrap();
    let (file, json) = (file.to_string_lossy().into_owned(), format!("json={}", report.display()));
    let found =
        bitting(&["check", "--config", &file, "--defect", "M01", "--only", "credentials.missing", "--report", &json]);
    assert_eq!(found.code, Some(1), "{}", found.err);
    assert!(found.out.contains(&format!("--config {file} --defect M01")), "{}", found.out);
    let written: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&report).unwrap()).unwrap();
    let id = written["findings"][0]["id"].as_str().unwrap().to_owned();
    let again = bitting(&["replay", &id, "--report", &report.to_string_lossy()]);
    assert!(again.code == Some(1) && again.out.contains("is still there"), "{}{}", again.out, again.err);
    std::fs::remove_dir_all(folder).unwrap();
}

/// The protocol of provisioners can be read where it is needed.
#[test]
fn the_provisioners_protocol_is_told() {
    let told = bitting(&["explain", "provisioner"]);
    assert!(
        told.code == Some(0) && told.out.contains("\"do\": \"mint-key\"") && !told.out.contains("//!"),
        "{}",
        told.out
    );
}
