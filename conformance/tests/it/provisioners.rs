//! Provisioners that are programs: the shipped one for the reference server, and ones that misbehave.

use std::process::Command as Process;
use std::time::Duration;

use bitting_conformance::provision::{Command, KeyOrder, ProvisionError};
use bitting_conformance::{Credentials, Options, Outcome, Provisioner, Target, report, run};

use crate::{document, failed, server, skipped};

/// A provisioner that is a line of shell.
fn shell(script: &str) -> Command {
    Command::new(["sh", "-c", script].map(str::to_owned).to_vec()).expect("it has words")
}

/// The shipped provisioner makes everything that the control plane itself makes: nothing is skipped, nothing found.
#[tokio::test(flavor = "multi_thread")]
async fn the_shipped_one_is_enough_for_every_check() {
    if Process::new("python3").arg("--version").output().is_err() {
        assert!(std::env::var_os("CI").is_none(), "CI has Python");
        return;
    }
    let document = document("roboticks");
    let server = server(&document, None, 7).await;
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/provisioners/reference_server.py");
    let (url, token) = (server.control_url(), server.control_token());
    let start = format!("BITTING_CONTROL_URL={url} BITTING_CONTROL_TOKEN={token} exec python3 '{script}'");
    let text = format!("[provisioner]\ncommand = {}", serde_json::json!(["sh", "-c", start]));
    let credentials = Credentials::parse("principals.toml", &text, |_| None).expect("it is valid");
    let credentials = credentials.completed(&document).await.expect("it has users");
    let target = Target { base_url: server.base_url().to_owned(), credentials };
    let report = run(&document, target, Options { max_cases: 4, ..Options::default() }, |_| {}).await.expect("it runs");
    assert_eq!(failed(&report), Vec::<&str>::new(), "{}", report::terminal(&report, false));
    assert_eq!(skipped(&report), Vec::<String>::new());
    assert!(
        report.verdicts.iter().any(|one| one.check == "token.expired" && matches!(one.outcome, Outcome::Pass { .. }))
    );
}

/// The one in a shell makes keys and nothing else: what needs tokens to order is skipped, and says so.
#[tokio::test(flavor = "multi_thread")]
async fn the_one_in_a_shell_makes_keys() {
    let curl = Process::new("curl").arg("--version").output();
    assert!(curl.is_ok_and(|done| done.status.success()), "install curl: the provisioner in a shell needs it");
    let document = document("roboticks");
    let server = server(&document, None, 7).await;
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/provisioners/keys.sh");
    let (url, token) = (server.control_url(), server.control_token());
    let start = format!("BITTING_CONTROL_URL={url} BITTING_CONTROL_TOKEN={token} exec sh '{script}'");
    let text = format!("[provisioner]\ncommand = {}", serde_json::json!(["sh", "-c", start]));
    let credentials = Credentials::parse("principals.toml", &text, |_| None).expect("it is valid");
    let credentials = credentials.completed(&document).await.expect("it has users");
    let target = Target { base_url: server.base_url().to_owned(), credentials };
    let only = ["key", "token.expired"].map(str::to_owned).to_vec();
    let report = run(&document, target, Options { only, ..Options::default() }, |_| {}).await.expect("it runs");
    assert_eq!(failed(&report), Vec::<&str>::new(), "{}", report::terminal(&report, false));
    let passed = |check: &str| {
        report.verdicts.iter().any(|one| one.check == check && matches!(one.outcome, Outcome::Pass { .. }))
    };
    assert!(passed("key.expired") && passed("key.revoked") && passed("key.prefix") && !passed("token.expired"));
    assert!(skipped(&report).iter().all(|skip| skip.contains("does not support")), "{:?}", skipped(&report));
}

/// One order for each start is enough, and one start for many orders too.
#[tokio::test]
async fn a_program_may_end_after_each_order_or_stay() {
    let answer = r#"echo '{"id": "1", "secret": "rbtk_test_made"}'"#;
    for script in [format!("read order; {answer}"), format!("while read order; do {answer}; done")] {
        let provisioner = shell(&script);
        for _ in 0..3 {
            let minted = provisioner.mint_key(KeyOrder::default()).await.expect("it makes one");
            assert_eq!((minted.id.as_str(), minted.secret), ("1", "rbtk_test_made".into()), "{script}");
        }
    }
}

/// The order says what is asked for.
#[tokio::test]
async fn an_order_is_one_line_of_json() {
    let order = |said: &str| {
        shell(&format!(r#"read order; test "$order" = '{said}' && echo '{{}}' || echo '{{"error": "other"}}'"#))
    };
    assert_eq!(order(r#"{"do":"revoke-key","id":"k1"}"#).revoke_key("k1").await, Ok(()));
    assert_eq!(order(r#"{"do":"advance-clock","seconds":60}"#).advance_clock(Duration::from_secs(60)).await, Ok(()));
    assert_eq!(
        order(r#"{"do":"set-rate-limit","limit":5,"window":60}"#).set_rate_limit(5, Duration::from_secs(60)).await,
        Ok(())
    );
}

/// What goes wrong is said, without what the program wrote: it may be a secret.
#[tokio::test]
async fn programs_that_misbehave_are_named() {
    for (script, says) in [
        ("exit 3", "ended without an answer"),
        ("read order; echo rbtk_test_canary", "answered no JSON"),
        (r#"read order; echo '{"secret": ["rbtk_test_canary"]}'"#, "answered without what it should"),
        (r#"read order; echo '{"error": "no such user"}'"#, "no such user"),
        ("read order; yes a | tr -d '\\n'", "longer than"),
    ] {
        let error = shell(script).mint_key(KeyOrder::default()).await.expect_err(script).to_string();
        assert!(error.contains(says) && !error.contains("canary"), "{script}: {error}");
    }
    let unsupported = shell(r#"read order; echo '{"unsupported": true}'"#).reset().await;
    assert_eq!(unsupported, Err(ProvisionError::Unsupported));
    let missing = Command::new(vec!["bitting-no-such-program".to_owned()]).expect("it has a word").reset().await;
    assert!(missing.is_err_and(|error| error.to_string().contains("cannot be started")));
    assert!(Command::new(Vec::new()).is_err());
}
