//! A run ends when it is told to: by --max-time, by a signal, whatever the server or the document does.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use bitting_conformance::Stopwatch;

use crate::{Done, folder};

/// A second, and what a busy machine takes for a second.
const BOUND: Duration = Duration::from_secs(4);

const DOCUMENT: &str = "openapi: 3.1.0\ninfo: {title: Slow, version: '1'}\nsecurity: []\npaths:\n  /a: {get: {operationId: getA, \
                        responses: {'200': {description: d}}}}\n  /b: {get: {operationId: getB, responses: {'200': {description: d}}}}\n";

/// A server that answers `answered` requests and then never again.
fn silent(answered: usize) -> (String, mpsc::Receiver<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (tell, met) = mpsc::channel();
    std::thread::spawn(move || {
        let mut left = answered;
        let mut open: Vec<TcpStream> = Vec::new();
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut buffer = [0; 4096];
            while stream.read(&mut buffer).is_ok_and(|read| read > 0) {
                if left == 0 {
                    // Nobody may listen any more.
                    tell.send(()).ok();
                    break;
                }
                left -= 1;
                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").unwrap();
            }
            open.push(stream);
        }
    });
    (url, met)
}

fn start(folder: &Path, url: &str, more: &[&str]) -> Child {
    std::fs::write(folder.join("slow.yaml"), DOCUMENT).unwrap();
    Command::new(env!("CARGO_BIN_EXE_bitting"))
        .args(["check", "slow.yaml", "--url", url, "--report", "json=report.json"])
        .args(more)
        .current_dir(folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn ended(child: Child) -> Done {
    let output = child.wait_with_output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Done { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) }
}

fn report(folder: &Path) -> serde_json::Value {
    serde_json::from_str(&std::fs::read_to_string(folder.join("report.json")).unwrap()).unwrap()
}

/// Issue 5, "time-bounded": answers that never come are given up when the time is up, and what was not reached says so.
#[test]
fn the_time_bounds_the_whole_run() {
    let folder = folder("max-time");
    for answered in [0, 3] {
        let (url, _met) = silent(answered);
        let begun = Stopwatch::start();
        let done = ended(start(&folder, &url, &["--max-time", "1s"]));
        assert!(begun.elapsed() < Duration::from_secs(1) + BOUND, "{:?}", begun.elapsed());
        assert!(matches!(done.code, Some(0..=2)), "{}{}", done.out, done.err);
        let report = report(&folder);
        let skipped: Vec<&serde_json::Value> =
            report["verdicts"].as_array().unwrap().iter().filter(|one| one["outcome"] == "skip").collect();
        assert!(!skipped.is_empty() && skipped.iter().any(|one| one["reason"] == "the time was up (--max-time)"));
    }
    std::fs::remove_dir_all(folder).unwrap();
}

/// A document that takes longer to read than there is time is not waited for.
#[test]
fn reading_counts_as_well() {
    let folder = folder("long");
    let operation = "get: {responses: {'200': {description: d}}}";
    let paths: String = (0..60_000).map(|number| format!("  /things/{number}: {{{operation}}}\n")).collect();
    let text = format!("openapi: 3.1.0\ninfo: {{title: Long, version: '1'}}\nsecurity: []\npaths:\n{paths}");
    std::fs::write(folder.join("long.yaml"), text).unwrap();
    let begun = Stopwatch::start();
    let child = Command::new(env!("CARGO_BIN_EXE_bitting"))
        .args(["check", "long.yaml", "--max-time", "1s"])
        .current_dir(&folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let done = ended(child);
    assert!(begun.elapsed() < Duration::from_secs(1) + BOUND, "{:?}", begun.elapsed());
    assert!(done.code == Some(2) && done.err.contains("the time was up before"), "{}{}", done.out, done.err);
    std::fs::remove_dir_all(folder).unwrap();
}

/// A signal ends a run that waits for an answer that never comes: at once, with a report of what there is, and 130.
#[cfg(unix)]
#[test]
fn a_signal_ends_a_run_that_waits() {
    let folder = folder("signal");
    for (signal, answered) in [("INT", 0), ("TERM", 3)] {
        let (url, met) = silent(answered);
        let child = start(&folder, &url, &[]);
        met.recv_timeout(Duration::from_secs(30)).expect("it asks for something");
        let begun = Stopwatch::start();
        let sent = Command::new("kill").args([&format!("-{signal}"), &child.id().to_string()]).status().unwrap();
        assert!(sent.success());
        let done = ended(child);
        assert!(begun.elapsed() < BOUND, "{:?}", begun.elapsed());
        assert_eq!(done.code, Some(130), "{}{}", done.out, done.err);
        let report = report(&folder);
        assert!(report["interrupted"] == true && report["exit_code"] == 130, "{report}");
        let reasons = report["verdicts"].as_array().unwrap().iter().map(|one| &one["reason"]);
        assert!(reasons.into_iter().any(|reason| reason == "the run was interrupted"), "{report}");
    }
    std::fs::remove_dir_all(folder).unwrap();
}

/// Issue 5, reports: each verdict is a line as soon as it is known, while the run goes on.
#[test]
fn lines_are_written_while_the_run_goes_on() {
    let folder = folder("lines");
    // It is silent after the first answers, so that the run cannot have ended when the first line is read.
    let (url, _met) = silent(10);
    let mut child = start(&folder, &url, &["--report", "ndjson=-", "--max-time", "20s"]);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let first: serde_json::Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
    assert!(first["kind"] == "verdict" && first["check"].is_string(), "{first}");
    assert!(child.try_wait().unwrap().is_none(), "it still runs");
    child.kill().unwrap();
    child.wait().unwrap();
    std::fs::remove_dir_all(folder).unwrap();
}
