//! What keeps a run from beginning is said at once, with what to do.

use bitting_conformance::{Credentials, Error, Options, Outcome, Target, checks, plan, run};

use crate::{document, server, target};

fn nobody(base_url: &str) -> Target {
    Target { base_url: base_url.to_owned(), credentials: Credentials::default() }
}

/// Bad input: a target that is not there is exit code 3, an option that names nothing is 2.
#[tokio::test]
async fn bad_targets_and_options_are_named() {
    let document = document("roboticks");
    // Port 9 is not served; a connection is refused at once.
    let gone =
        run(&document, nobody("http://127.0.0.1:9"), Options::default(), |_| {}).await.expect_err("nobody is there");
    assert_eq!(gone.exit_code(), 3);
    assert!(gone.to_string().contains("http://127.0.0.1:9 does not answer"), "{gone}");
    let wrong_url = run(&document, nobody("localhost"), Options::default(), |_| {}).await.expect_err("it is no URL");
    assert_eq!(wrong_url.exit_code(), 2);
    let only = Options { only: vec!["tokens.expired".to_owned()], ..Options::default() };
    let unknown = run(&document, nobody("http://127.0.0.1:9"), only, |_| {}).await.expect_err("no such check");
    assert!(unknown.to_string().contains("did you mean"), "{unknown}");
    let operations = Options { operations: vec!["listDevice".to_owned()], ..Options::default() };
    let unknown =
        run(&document, nobody("http://127.0.0.1:9"), operations, |_| {}).await.expect_err("no such operation");
    assert!(unknown.to_string().contains("listDevices"), "{unknown}");
}

/// A credential that should work and does not is said before any case: 10,000 failures would have one cause.
#[tokio::test]
async fn a_credential_that_does_not_work_ends_the_run() {
    let document = document("roboticks");
    let server = server(&document, None, 1).await;
    let text = r#"
        [credentials.valid]
        parameters = { org_slug = "acme", project_slug = "warehouse" }
        secrets = { ApiKeyHeader = "rbtk_test_nobodys_canary" }
    "#;
    let credentials = Credentials::parse("principals.toml", text, |_| None).expect("it is valid");
    let target = Target { base_url: server.base_url().to_owned(), credentials };
    let error = run(&document, target, Options::default(), |_| {}).await.expect_err("the key is nobody's");
    assert!(matches!(&error, Error::Credential { status: 401, scheme, .. } if scheme == "ApiKeyHeader"), "{error}");
    assert_eq!(error.exit_code(), 3);
    assert!(!format!("{error} {error:?}").contains("canary"), "{error}");

    let text = r#"
        [credentials.valid]
        parameters = { org_slug = "acme", project_slug = "warehouse" }
        login = { username = "ada@acme.example", password = "wrong-test-password" }
    "#;
    let credentials = Credentials::parse("principals.toml", text, |_| None).expect("it is valid");
    let target = Target { base_url: server.base_url().to_owned(), credentials };
    let error = run(&document, target, Options::default(), |_| {}).await.expect_err("the password is wrong");
    assert!(matches!(&error, Error::Credential { status: 401, scheme, .. } if scheme == "UserToken"), "{error}");
}

/// The same for an OAuth client that the token endpoint does not know, and for a principal that may only read.
#[tokio::test]
async fn a_client_and_a_reader_have_to_work_too() {
    let document = document("arrotech");
    let server = server(&document, None, 1).await;
    let text = "[credentials.valid]\nclient = { id = \"nobodys\", secret = \"canary-test-secret\" }";
    let credentials = Credentials::parse("principals.toml", text, |_| None).expect("it is valid");
    let to = || server.base_url().to_owned();
    let target = Target { base_url: to(), credentials };
    let error = run(&document, target, Options::default(), |_| {}).await.expect_err("the client is nobody's");
    let told = format!("{error} {error:?}");
    assert!(matches!(&error, Error::Credential { operation, .. } if operation == "POST /auth/token"), "{error}");
    assert!(error.exit_code() == 3 && !told.contains("canary"), "{told}");
    let text = "[credentials.read-only]\nsecrets = { ApiKey = \"canary-test-key\" }";
    let credentials = Credentials::parse("principals.toml", text, |_| None).expect("it is valid");
    let target = Target { base_url: to(), credentials };
    let error = run(&document, target, Options::default(), |_| {}).await.expect_err("the key is nobody's");
    assert!(matches!(&error, Error::Credential { role, status: 401, .. } if role == "read-only"), "{error}");
}

/// A credential for a scheme that the document does not have would do nothing: a typing error is said.
#[tokio::test]
async fn credentials_for_nothing_are_refused() {
    let document = document("roboticks");
    for (text, says) in [
        ("[credentials.valid]\nsecrets = { ApiKey = \"rbtk_test_1\" }", "no security scheme `ApiKey`"),
        ("[credentials.valid]\nparameters = { org = \"acme\" }", "no parameter `org`"),
    ] {
        let credentials = Credentials::parse("principals.toml", text, |_| None).expect("it is valid");
        let target = Target { base_url: "http://127.0.0.1:9".to_owned(), credentials };
        let error = run(&document, target, Options::default(), |_| {}).await.expect_err("it names nothing");
        assert!(error.to_string().contains(says), "{error}");
        assert_eq!(error.exit_code(), 2);
    }
}

/// Without credentials nothing passes silently: what needs them is skipped and says what to give.
#[tokio::test]
async fn what_needs_a_missing_credential_is_skipped_with_what_to_give() {
    let document = document("roboticks");
    let server = server(&document, None, 1).await;
    let planned = plan(&document, &Credentials::default(), &Options::default());
    assert!(planned.missing().keys().any(|reason| reason.contains("[credentials.valid]")), "{:?}", planned.missing());
    let report = run(&document, nobody(server.base_url()), Options::default(), |_| {}).await.expect("it runs");
    for verdict in &report.verdicts {
        match &verdict.outcome {
            Outcome::Skip { reason } => assert!(reason.contains("give"), "{reason}"),
            Outcome::Pass { .. } => {
                let knocks = checks().iter().any(|check| check.id == verdict.check && check.needs.is_empty());
                assert!(knocks || verdict.check == "response.readable", "{verdict:?}");
            }
            Outcome::Fail(finding) => panic!("{finding:?}"),
        }
    }
}

/// Time that is up makes skips, not passes.
#[tokio::test]
async fn what_is_left_when_time_is_up_is_skipped() {
    let document = document("roboticks");
    let server = server(&document, None, 1).await;
    let target = target(&document, &server).await;
    let options = Options { max_time: Some(std::time::Duration::ZERO), ..Options::default() };
    let report = run(&document, target, options, |_| {}).await.expect("it runs");
    assert!(
        report
            .verdicts
            .iter()
            .all(|verdict| matches!(&verdict.outcome, Outcome::Skip { reason } if reason.contains("--max-time")))
    );
}

/// Issue 5, "Bad input": a provisioner of another server is said before every check finds it.
#[tokio::test]
async fn a_provisioner_of_another_server_is_said_at_once() {
    let document = document("roboticks");
    let (asked, checked) = (server(&document, None, 1).await, server(&document, None, 2).await);
    let target = Target { base_url: checked.base_url().to_owned(), ..target(&document, &asked).await };
    let error = run(&document, target, Options::default(), |_| {}).await.expect_err("nothing that it makes works");
    assert!(matches!(&error, Error::Provision { reason } if reason.contains("answered 401")), "{error}");
    assert_eq!(error.exit_code(), 3);
}
