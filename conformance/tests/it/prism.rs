//! Prism as a server that is known to be bad: it looks whether a credential is there and not what it is, and keeps no state.
//!
//! It is no part of this repository: the test runs where `BITTING_PRISM` names the program
//! (`npm install @stoplight/prism-cli`, then `BITTING_PRISM=node_modules/.bin/prism cargo test -p bitting-conformance prism`).

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use bitting_conformance::{Credentials, Options, Target, report, run};

use crate::{document, failed};

/// What a server team gives: keys, a login, and somebody of another organization.
const PRINCIPALS: &str = r#"
[credentials.valid]
organization = "acme"
parameters = { org_slug = "acme", project_slug = "warehouse" }
secrets = { ApiKeyHeader = "rbtk_test_valid", ApiKeyBearer = "rbtk_test_valid" }
login = { username = "ada@acme.example", password = "correct-horse" }

[credentials.other-organization]
organization = "evilcorp"
parameters = { org_slug = "evilcorp", project_slug = "lab" }
secrets = { ApiKeyHeader = "rbtk_test_other", ApiKeyBearer = "rbtk_test_other" }
"#;

/// Ended when the test ends, however it ends.
struct Prism(Child);

impl Drop for Prism {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// Starts Prism and waits until it takes connections.
async fn prism(program: &str) -> (Prism, String) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let port = listener.local_addr().expect("it is bound").port();
    drop(listener);
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../spec/openapi/roboticks.yaml");
    let mut command = Command::new(program);
    command
        .args(["mock", "-h", "127.0.0.1", "-p", &port.to_string(), file])
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let child = Prism(command.spawn().expect("BITTING_PRISM names a program"));
    for _ in 0..300 {
        if tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
            return (child, format!("http://127.0.0.1:{port}"));
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    panic!("Prism does not take connections");
}

/// M02, M34, M83, and what else is known of it: any key opens every organization, a wrong password is right, `bearer` is not
/// `Bearer`, what was created is not there, and what does not exist is.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_known_of_prism_is_found() {
    let Ok(program) = std::env::var("BITTING_PRISM") else { return };
    let (_prism, base_url) = prism(&program).await;
    let document = document("roboticks");
    let credentials = Credentials::parse(PRINCIPALS, |_| None).expect("it is valid");
    let options = Options { max_cases: 10, ..Options::default() };
    let report = run(&document, Target { base_url, credentials }, options, |_| {}).await.expect("it runs");
    let text = report::terminal(&report, false);
    let found = failed(&report);
    for check in [
        "credentials.malformed",
        "credentials.scheme-case",
        "key.prefix",
        "tenancy.foreign-organization",
        "login.wrong-password",
        "state.created-is-listed",
        "state.deleted-is-gone",
        "state.unknown-is-absent",
    ] {
        assert!(found.contains(&check), "{check} is silent\n{text}");
    }
    // One cause is one finding, however many operations have it.
    let keys: Vec<_> = report.findings().into_iter().filter(|one| one.check == "key.prefix").collect();
    assert!(keys.len() == 1 && keys[0].also_on.len() >= 3, "{keys:#?}");
    assert!(report.findings().len() < 60, "{}\n{text}", report.findings().len());
    assert_eq!(report.exit_code(), 1);
}
