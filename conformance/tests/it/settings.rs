//! One file that says everything, at work: rules, fixed values, a server that is somewhere else.

use bitting_conformance::{Credentials, Error, Options, Outcome, Report, Role, Secret, Settings, Target, report, run};
use bitting_spec::Document;

use crate::{document, failed, server, target};

async fn checked(settings: &str, defect: Option<&str>) -> Result<Report, Error> {
    let document = document("roboticks");
    let server = server(&document, defect, 7).await;
    let options = Settings::parse("bitting.toml", settings, |_| None)?.options;
    let report = run(&document, target(&document, &server).await, options, |_| {}).await;
    server.shutdown().await;
    report
}

/// A rule makes a note of an error, or leaves a check out, which the report says; the closest rule counts.
#[tokio::test(flavor = "multi_thread")]
async fn rules_decide_what_is_made_of_findings() {
    let text = r#"
        only = ["credentials.missing"]
        [rules]
        "credentials.*" = "note"
        [operations.getDevice]
        rules = { "credentials.missing" = "off" }
        [operations.listDevices]
        rules = { "credentials.missing" = "error" }
    "#;
    let report = checked(text, Some("M01")).await.expect("it runs");
    assert_eq!(report.exit_code(), 1);
    let on = |id: &str| &report.verdicts.iter().find(|verdict| verdict.operation == id).expect("it is there").outcome;
    assert!(
        matches!(on("getDevice"), Outcome::Skip { reason } if reason.contains("switched off: [operations.getDevice]"))
    );
    assert!(
        matches!(on("listDevices"), Outcome::Fail(found) if found.severity == bitting_conformance::Severity::Error)
    );
    assert!(
        matches!(on("createDevice"), Outcome::Fail(found) if found.severity == bitting_conformance::Severity::Note)
    );
    let text = text.replace("= \"error\"", "= \"note\"");
    assert_eq!(checked(&text, Some("M01")).await.expect("it runs").exit_code(), 0);
}

/// What somebody says about a parameter or a body is what is sent.
#[tokio::test(flavor = "multi_thread")]
async fn values_that_are_said_are_sent() {
    let text = r#"
        only = ["credentials.missing"]
        [data]
        parameters = { limit = 3 }
        [operations.createDevice]
        body = { name = "said", serial_number = "RBT-SAID-0001" }
        [operations.listDevices]
        parameters = { limit = 2 }
    "#;
    let report = checked(text, Some("M01")).await.expect("it runs");
    let sent = |id: &str| {
        let verdict = report.verdicts.iter().find(|verdict| verdict.operation == id).expect("it is there");
        let Outcome::Fail(found) = &verdict.outcome else { panic!("{verdict:?}") };
        found.request.clone().expect("a request shows it")
    };
    assert!(sent("listDevices").url.ends_with("?limit=2"), "{}", sent("listDevices").url);
    assert!(sent("listOrganizationDevices").url.ends_with("?limit=3"), "{}", sent("listOrganizationDevices").url);
    assert!(sent("createDevice").body.is_some_and(|body| body.contains("RBT-SAID-0001")));
}

/// Bad input: what names nothing, or could prove nothing, is said before the first request.
#[tokio::test(flavor = "multi_thread")]
async fn what_would_do_nothing_is_refused() {
    for (text, says) in [
        ("[rules]\n'token.expird' = 'off'", "no check is called `token.expird`"),
        ("[operations.listDevice]\nbody = {}", "the document has no operation `listDevice`"),
        ("[operations.listDevices]\nbody = {}", "the operation takes no body"),
        ("[operations.listDevices]\nparameters = { size = 1 }", "no parameter `size`"),
        ("[data]\nparameters = { size = 1 }", "has a parameter `size`"),
        ("[operations.createDevice]\nbody = { nme = 1 }", "not valid by the document's schema"),
        ("[budget]\nworkers = 0", "nobody would send a request"),
    ] {
        let error = checked(text, None).await.map(drop).expect_err(text);
        assert!(error.exit_code() == 2 && error.to_string().contains(says), "{text}: {error}");
    }
}

/// A run creates and deletes: a server that is not on this machine is left alone until somebody says that it is theirs.
#[tokio::test]
async fn a_server_elsewhere_is_left_alone() {
    let document = document("artos");
    let target = || Target { base_url: "http://staging.invalid/api".to_owned(), credentials: Credentials::default() };
    let refused = run(&document, target(), Options::default(), |_| {}).await.map(drop).expect_err("it is not here");
    assert!(refused.exit_code() == 2 && refused.to_string().contains("--i-own-this"), "{refused}");
    let owned = Options { owned: true, ..Options::default() };
    let gone = run(&document, target(), owned, |_| {}).await.map(drop).expect_err("there is no such name");
    assert!(gone.exit_code() == 3 && gone.to_string().contains("check the host"), "{gone}");
}

/// Bad input: http where https is spoken, and the other way round, is said once, with the URL to write.
#[tokio::test(flavor = "multi_thread")]
async fn the_other_scheme_is_told() {
    let document = document("artos");
    let server = server(&document, None, 7).await;
    let plain = server.base_url().to_owned();
    let (port, _) = crate::tls::gate(&server).await;
    for (url, says) in [
        (plain.replacen("http:", "https:", 1), format!("write {plain}")),
        (format!("http://localhost:{port}"), format!("write https://localhost:{port}")),
    ] {
        let target = Target { base_url: url, credentials: Credentials::default() };
        let error = run(&document, target, Options::default(), |_| {}).await.map(drop).expect_err("nobody answers");
        assert!(error.exit_code() == 3 && error.to_string().contains(&says), "{error}");
    }
    server.shutdown().await;
}

/// What a reader of standard formats gets: lines of JSON, an archive of exchanges, a report of faults.
#[tokio::test(flavor = "multi_thread")]
async fn other_programs_get_their_forms() {
    let report = checked("only = ['credentials.missing', 'state']", Some("M01")).await.expect("it runs");
    assert_eq!(failed(&report), ["credentials.missing"]);
    let lines: Vec<serde_json::Value> =
        report::ndjson(&report).lines().map(|line| serde_json::from_str(line).expect("each line is JSON")).collect();
    assert_eq!(lines.len(), report.verdicts.len() + 1);
    assert_eq!((&lines[0]["kind"], &lines[lines.len() - 1]["kind"]), (&"verdict".into(), &"result".into()));
    let har: serde_json::Value = serde_json::from_str(&report::har(&report)).expect("it is JSON");
    let entries = har["log"]["entries"].as_array().expect("there are entries");
    assert_eq!((entries.len(), &har["log"]["version"]), (7, &"1.2".into()));
    for entry in entries {
        assert!(entry["request"]["url"].as_str().is_some_and(|url| url.starts_with("http://127.0.0.1:")));
        assert!(entry["response"]["status"].as_u64().is_some_and(|status| status < 300));
    }
    let wfc: serde_json::Value = serde_json::from_str(&report::wfc(&report)).expect("it is JSON");
    assert_eq!((&wfc["toolName"], &wfc["faults"]["totalNumber"]), (&"bitting".into(), &1.into()));
    assert_eq!(wfc["faults"]["foundFaults"].as_array().map(Vec::len), Some(7));
    assert_eq!((&wfc["schemaVersion"], wfc["executionTimeInSeconds"].is_u64()), (&"0.6.0".into(), true));
    assert_eq!(wfc["problemDetails"]["rest"]["evaluatedHttpCalls"], report.cases);
    assert_eq!(wfc["problemDetails"]["rest"]["endpointIds"][0], "POST:/api/v1/auth/login");
    assert!(report::quiet(&report, false).starts_with("error credentials.missing"));
}

/// The variables of a client are those of a run: what the document names, else the API's name with an end, each for the
/// kind of credential that it holds.
#[test]
fn the_variables_of_clients_are_read() {
    let text = r#"{"openapi": "3.1.0", "info": {"title": "t", "version": "1"}, "paths": {}, "components": {"securitySchemes": {
        "Key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
        "Token": {"type": "http", "scheme": "bearer"},
        "Named": {"type": "http", "scheme": "bearer", "x-auth": {"env": {"token": "THEIR_TOKEN"}}}}}}"#;
    let document = Document::parse("shop.yaml", text).expect("it is valid");
    let lookup = |name: &str| match name {
        "SHOP_API_KEY" => Some("key-test-1".to_owned()),
        "SHOP_TOKEN" => Some("token-test-1".to_owned()),
        "THEIR_TOKEN" => Some("token-test-2".to_owned()),
        _ => None,
    };
    let credentials = Credentials::from_environment(&document, lookup);
    let secrets = &credentials.principal(Role::Valid).expect("it is there").secrets;
    let expected = [("Key", "key-test-1"), ("Named", "token-test-2"), ("Token", "token-test-1")];
    assert_eq!(secrets.len(), expected.len());
    assert!(expected.iter().all(|(name, secret)| secrets[*name] == Secret::new(*secret)));
}
