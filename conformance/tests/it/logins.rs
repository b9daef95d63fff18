//! Logins as plain documents have them, and a run that knows nobody.

use bitting_conformance::{Credentials, Error, Options, Outcome, Report, Target, run};
use bitting_spec::Document;

use crate::{check, failed, server, skipped};

/// As Python's frameworks write it: a relative token URL, a form whose `grant_type` may be null, an answer that is not
/// described, and no refusal documented.
const NOTES: &str = r##"
openapi: 3.1.0
info: {title: Notes, version: '1'}
components:
  securitySchemes: {Password: {type: oauth2, flows: {password: {tokenUrl: TOKEN_URL, scopes: {}}}}}
paths:
  /token:
    post:
      operationId: token
      requestBody: {required: true, content: {application/x-www-form-urlencoded: {schema: {type: object,
        required: [username, password], properties: {username: {type: string}, password: {type: string},
        grant_type: {anyOf: [{type: string, pattern: ^password$}, {type: 'null'}]}, scope: {type: string, default: ''}}}}}}
      responses: {'200': {description: A token., content: {application/json: {schema: {}}}}}
  /notes:
    get:
      operationId: listNotes
      security: [{Password: []}]
      responses: {'200': {description: Notes., content: {application/json: {schema: {type: array, items: {type: string}}}}}}
  /notes/{id}:
    get:
      operationId: readNote
      security: [{Password: []}]
      parameters: [{name: id, in: path, required: true, schema: {type: string, format: uuid}}]
      responses: {'200': {description: A note., content: {application/json: {schema: {type: string}}}}}
"##;

fn notes(token_url: &str) -> Document {
    Document::parse("notes.yaml", &NOTES.replace("TOKEN_URL", token_url)).expect("the document is valid")
}

fn outcome<'r>(report: &'r Report, check: &str, operation: &str) -> &'r Outcome {
    let verdict = report.verdicts.iter().find(|verdict| verdict.check == check && verdict.operation == operation);
    &verdict.unwrap_or_else(|| panic!("{check} applies to {operation}")).outcome
}

/// any-document: the login of such a document is found, made and judged, and nothing is held against the server.
#[tokio::test(flavor = "multi_thread")]
async fn a_password_flow_is_a_login() {
    let report = check(&notes("token"), None, Options { max_cases: 40, ..Options::default() }).await;
    let undocumented = ["response.status", "login.no-store"];
    let others: Vec<_> = failed(&report).into_iter().filter(|id| !undocumented.contains(id)).collect();
    assert_eq!(others, [""; 0], "{:?}", report.findings());
    for check in ["login.wrong-password", "login.unknown-user", "input.positive-accepted"] {
        assert!(matches!(outcome(&report, check, "token"), Outcome::Pass { .. }), "{check}: {:?}", skipped(&report));
    }
    assert!(matches!(outcome(&report, "token.tampered", "listNotes"), Outcome::Pass { .. }), "{:?}", skipped(&report));
}

/// RFC 6749, 4.3: a token endpoint that is no operation of the document serves as well, below the checked server's URL
/// wherever the document has it.
#[tokio::test]
async fn a_token_endpoint_need_not_be_an_operation() {
    for url in ["/oauth/grant", "oauth/grant", "https://auth.notes.example/oauth/grant"] {
        let document = notes(url);
        let server = server(&document, None, 7).await;
        let url = if url.contains("://") { format!("{}/oauth/grant", server.base_url()) } else { url.to_owned() };
        for (password, code) in [("correct-horse-7", 0), ("wrong-test-password", 3)] {
            let login = format!(
                "[credentials.valid]\nlogin = {{ username = \"ada@acme.example\", password = \"{password}\" }}"
            );
            let credentials = Credentials::parse("principals.toml", &login, |_| None).expect("it is valid");
            let target = Target { base_url: server.base_url().to_owned(), credentials };
            let only =
                Options { only: vec!["credentials".to_owned(), "token.tampered".to_owned()], ..Options::default() };
            let ended = run(&notes(&url), target, only, |_| {}).await;
            let ended_with = ended.as_ref().map_or_else(Error::exit_code, Report::exit_code);
            assert_eq!(ended_with, code, "{url}: {ended:?}");
        }
        server.shutdown().await;
    }
}

/// Bad input: a login or a client that nothing in the document takes is refused; the run would prove little.
#[tokio::test]
async fn a_login_that_nothing_takes_is_refused() {
    let text = "openapi: 3.1.0\ninfo: {title: t, version: '1'}\npaths: {}\n\
                components: {securitySchemes: {Key: {type: apiKey, in: header, name: X-Key}}}";
    let document = Document::parse("keys.yaml", text).expect("the document is valid");
    for (what, given) in [
        ("[credentials.valid] login", "login = { username = \"ada\", password = \"correct-horse-battery\" }"),
        ("[credentials.valid] client", "client = { id = \"app\", secret = \"test-secret\" }"),
    ] {
        let credentials = Credentials::parse("principals.toml", &format!("[credentials.valid]\n{given}"), |_| None)
            .expect("it is valid");
        let target = Target { base_url: "http://127.0.0.1:9".to_owned(), credentials };
        let error = run(&document, target, Options::default(), |_| {}).await.expect_err("nothing takes it");
        assert!(error.exit_code() == 2 && error.to_string().starts_with(what), "{error}");
    }
}

/// M01, M21: who knows nobody can still knock at every door; what only somebody inside could tell is skipped.
#[tokio::test]
async fn a_stranger_sees_who_is_let_in() {
    let document = notes("token");
    for (defect, found) in [(None, vec![]), (Some("M01"), vec!["credentials.missing"])] {
        let server = server(&document, defect, 7).await;
        let target = Target { base_url: server.base_url().to_owned(), credentials: Credentials::default() };
        let only = Options { only: vec!["auth".to_owned()], ..Options::default() };
        let report = run(&document, target, only, |_| {}).await.expect("it runs");
        server.shutdown().await;
        assert_eq!(failed(&report), found, "{defect:?}: {:?}", report.findings());
        let is_told = matches!(outcome(&report, "credentials.missing", "readNote"), Outcome::Pass { .. });
        assert!(defect.is_some() || is_told, "{:?}", skipped(&report));
        assert!(
            skipped(&report).iter().any(|skip| skip.starts_with("security.alternatives")),
            "{:?}",
            skipped(&report)
        );
    }
}
