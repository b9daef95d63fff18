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

/// Many servers give their document themselves.
#[test]
fn a_document_may_be_a_url() {
    use std::io::{Read, Write};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let text = "{\"openapi\": \"3.1.0\", \"info\": {\"title\": \"Own\", \"version\": \"1\"}, \"paths\": {\"/a\": {\"get\": {\"security\": [], \
                \"responses\": {\"200\": {\"description\": \"d\"}}}}}}";
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, mut buffer) = (stream.unwrap(), [0; 4096]);
            let read = stream.read(&mut buffer).unwrap();
            let is_there = buffer[..read].starts_with(b"GET /openapi.json ");
            let (status, body) = if is_there { ("200 OK", text) } else { ("404 Not Found", "") };
            let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
            stream.write_all((head + body).as_bytes()).unwrap();
        }
    });
    let plan = bitting(&["check", &format!("{url}/openapi.json"), "--plan", "--url", &url]);
    assert!(plan.code == Some(0) && plan.out.contains("public.open"), "{}{}", plan.out, plan.err);
    let other = bitting(&["check", &format!("{url}/swagger.json"), "--plan", "--url", &url]);
    assert!(other.code == Some(3) && other.err.contains("it answered 404"), "{}{}", other.out, other.err);
}

/// `bitting serve` as a process of its own, which ends with this value.
struct Server {
    process: std::process::Child,
    url: String,
}

impl Server {
    fn start() -> Self {
        let mut process = std::process::Command::new(env!("CARGO_BIN_EXE_bitting"))
            .args(["serve", concat!(env!("CARGO_MANIFEST_DIR"), "/../", "spec/openapi/roboticks.yaml")])
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(process.stdout.take().unwrap()), &mut line).unwrap();
        let ready: serde_json::Value = serde_json::from_str(&line).unwrap();
        Self { process, url: ready["base_url"].as_str().unwrap().to_owned() }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

/// A URL whose path is wrong answers 404 to everything: a refusal that proves nothing.
#[test]
fn a_wrong_path_is_not_green() {
    let server = Server::start();
    let known = folder("key").join("key.toml");
    let text = "[credentials.valid]\nparameters = { org_slug = \"acme\", project_slug = \"warehouse\" }\n\
                secrets = { ApiKeyHeader = \"rbtk_test_any\" }\n";
    std::fs::write(&known, text).unwrap();
    let url = format!("{}/v9", server.url);
    let done = bitting(&["check", ROBOTICKS, "--url", &url, "--credentials", &known.to_string_lossy(), "--quiet"]);
    assert!(done.code == Some(3) && done.err.contains("no operation was reached"), "{}{}", done.out, done.err);
    assert!(done.err.contains("check the path of the URL"), "{}", done.err);
}

/// A replay that could not judge says so: it is no proof that the fault is mended.
#[test]
fn a_replay_that_cannot_judge_is_not_green() {
    let file = folder("replay").join("report.json").to_string_lossy().into_owned();
    let json = format!("json={file}");
    bitting(&["check", ROBOTICKS, "--defect", "M34", "--only", "tenancy", "--report", &json]);
    let report: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    let id = report["findings"][0]["id"].as_str().unwrap();
    let server = Server::start();
    let done = bitting(&["replay", id, "--report", &file, "--url", &server.url]);
    assert!(done.code == Some(4) && done.out.contains("could not be tried again"), "{}{}", done.out, done.err);
}

/// A file of credentials with other settings in it would be read in part.
#[test]
fn settings_are_not_read_in_part() {
    let file = folder("part").join("all.toml");
    let text =
        "[target]\nurl = \"http://127.0.0.1:1\"\n[credentials.valid]\nsecrets = { ApiKeyHeader = \"rbtk_test_any\" }\n";
    std::fs::write(&file, text).unwrap();
    let done = bitting(&["check", ROBOTICKS, "--credentials", &file.to_string_lossy()]);
    assert!(done.code == Some(2) && done.err.contains("--config"), "{}", done.err);
}

/// What cannot be written is said before a run is made for it.
#[test]
fn reports_have_places_of_their_own() {
    let twice = bitting(&["check", ROBOTICKS, "--report", "json=same", "--report", "sarif=same"]);
    assert!(twice.code == Some(2) && twice.err.contains("two reports go to same"), "{}", twice.err);
    let output = bitting(&["check", ROBOTICKS, "--report", "json=-", "--report", "github"]);
    assert!(output.code == Some(2) && output.err.contains("two reports go to standard output"), "{}", output.err);
    let nowhere = bitting(&["check", ROBOTICKS, "--report", "html=/no-such-folder/a.html"]);
    assert!(nowhere.code == Some(2) && nowhere.err.contains("no such folder"), "{}", nowhere.err);
}

/// A run that could check nothing is not green: without a credential every check of a protected operation is skipped.
#[test]
fn nothing_checked_is_not_green() {
    let server = Server::start();
    let only = |id: &str| bitting(&["check", ROBOTICKS, "--url", &server.url, "--only", id]);
    let (done, doors) = (only("state"), only("credentials"));
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
    // Who looks for something else finds nothing out about it: the list stays as it is.
    let other = ["check", ROBOTICKS, "--only", "credentials.missing", "--quiet", "--baseline", &known];
    let partial = bitting(&other);
    assert!(partial.code == Some(0) && !partial.out.contains("Not found any more"), "{}", partial.out);
    let kept = bitting(&[&other[..], &["--write-baseline"]].concat());
    assert!(kept.err.contains("known.txt is written, with 4 findings"), "{}", kept.err);
    let mended = bitting(&["check", ROBOTICKS, "--only", "tenancy", "--quiet", "--baseline", &known]);
    assert!(mended.code == Some(0) && mended.out.contains("Not found any more"), "{}", mended.out);
    let demanded = bitting(&["check", ROBOTICKS, "--only", "scope.insufficient", "--require", "scope.insufficient"]);
    assert!(demanded.code == Some(4) && demanded.out.contains("required, and could not run"), "{}", demanded.out);
    let unasked = bitting(&["check", ROBOTICKS, "--only", "scope.insufficient"]);
    assert!(unasked.code == Some(2) && unasked.err.contains("nothing could be checked"), "{}", unasked.err);
}
