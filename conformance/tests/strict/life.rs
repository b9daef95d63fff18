//! The life of a token on the clock on the wall: nobody gives tokens that have ended and nobody makes them to order, but
//! the document has a login and a logout.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bitting_conformance::{Credentials, Error, Login, Options, Outcome, Principal, Report, Role, Target, report, run};
use bitting_spec::Document;
use serde_json::{Value, json};

use crate::clock::Clock;
use crate::wire::{Answer, Request, Service, serve};

const DOCUMENT: &str = r#"
openapi: 3.1.0
info: {title: Life, version: '1'}
security: [{Token: []}]
paths:
  /login:
    post:
      operationId: login
      security: []
      requestBody: {required: true, content: {application/json: {schema: {type: object, required: [username, password],
        properties: {username: {type: string}, password: {type: string}}}}}}
      responses:
        '200': {description: d, content: {application/json: {schema: {type: object, required: [access_token],
          properties: {access_token: {type: string}, expires_in: {type: integer}}}}}}
        '401': {description: d}
  /logout: {post: {operationId: logout, responses: {'204': {description: d}, '401': {description: d}}}}
  /things: {get: {operationId: things, responses: {'200': {description: d}, '401': {description: d}}}}
  /parts: {get: {operationId: parts, responses: {'200': {description: d}, '401': {description: d}}}}
components: {securitySchemes: {Token: {type: http, scheme: bearer}}}
"#;

/// What is wrong with the server. `/parts` alone is wrong, so that a token is seen to end elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// A token counts for ever.
    Endless,
    /// A token that was taken back counts on.
    Unrevoked,
    /// A token counts for some seconds after its end, which is allowed.
    Leeway,
}

struct Life {
    clock: Clock,
    /// Seconds; `None`: the login does not tell.
    told: Option<i64>,
    fault: Option<Fault>,
    /// Tokens with their end, in milliseconds, and whether they were taken back.
    tokens: Mutex<Vec<(String, i64, bool)>>,
}

impl Service for Life {
    fn answer(&self, request: &Request) -> Answer {
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        let path = request.path.join("/");
        if path == "login" {
            return self.login(&mut tokens, &request.body);
        }
        let given = request.header("authorization").and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
        let is_wrong = |fault| self.fault == Some(fault) && path == "parts";
        let leeway = if self.fault == Some(Fault::Leeway) { 2_000 } else { 0 };
        let counts = |token: &&mut (String, i64, bool)| {
            let is_young = self.clock.now() < token.1 + leeway || is_wrong(Fault::Endless);
            token.0 == given && is_young && (!token.2 || is_wrong(Fault::Unrevoked))
        };
        match (tokens.iter_mut().find(counts), path.as_str()) {
            (None, _) => Answer::new(401).with("www-authenticate", "Bearer"),
            (Some(token), "logout") if request.method == "POST" => {
                token.2 = true;
                Answer::new(204)
            }
            (Some(_), "things" | "parts") if request.method == "GET" => {
                Answer::json(200, "application/json", &json!([]))
            }
            _ => Answer::new(405),
        }
    }
}

impl Life {
    fn login(&self, tokens: &mut Vec<(String, i64, bool)>, body: &[u8]) -> Answer {
        let given: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
        if given["username"] != "ada" || given["password"] != "test-password" {
            return Answer::new(401).with("www-authenticate", "Bearer");
        }
        let token = format!("test-token-{}", tokens.len());
        tokens.push((token.clone(), self.clock.now() + self.told.unwrap_or(3_600) * 1_000, false));
        let mut answer = json!({"access_token": token});
        if let Some(told) = self.told {
            answer["expires_in"] = json!(told);
        }
        Answer::json(200, "application/json", &answer)
    }
}

async fn checked(told: Option<i64>, fault: Option<Fault>, password: &str, options: Options) -> Result<Report, Error> {
    let base_url = serve(Arc::new(Life { clock: Clock::default(), told, fault, tokens: Mutex::default() })).await;
    let document = Document::parse("life.yaml", DOCUMENT).expect("it is valid");
    let login = Login { username: "ada".to_owned(), password: password.into() };
    let valid = Principal { login: Some(login), ..Principal::default() };
    let target = Target { base_url, credentials: Credentials::default().with(Role::Valid, valid) };
    run(&document, target, options, |_| {}).await
}

fn options() -> Options {
    let only = ["token.expired", "token.revoked", "logout"].map(str::to_owned).to_vec();
    Options { only, leeway: Duration::from_secs(1), max_wait: Duration::from_secs(8), ..Options::default() }
}

fn outcome<'r>(report: &'r Report, check: &str, operation: &str) -> &'r Outcome {
    let verdict = report.verdicts.iter().find(|one| one.check == check && one.operation == operation);
    &verdict.expect("it was checked").outcome
}

/// LA05, LA06: a token is seen to end by time and by logout, on every operation, with nothing but a login.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_seen_to_end() {
    let report = checked(Some(2), None, "test-password", options()).await.expect("it runs");
    assert!(report.findings().is_empty(), "{}", report::terminal(&report, false));
    for check in ["token.expired", "token.revoked"] {
        for operation in ["things", "parts"] {
            assert!(matches!(outcome(&report, check, operation), Outcome::Pass { .. }), "{check} on {operation}");
        }
    }
    assert!(report.elapsed >= Duration::from_secs(3), "it waits for the end: {:?}", report.elapsed);
}

/// LA05, LA06: an operation that does not look at the end, or at what was taken back, is found.
#[tokio::test(flavor = "multi_thread")]
async fn an_operation_that_takes_what_has_ended_is_found() {
    for (fault, check, says) in [
        (Fault::Endless, "token.expired", "an expired token got in"),
        (Fault::Unrevoked, "token.revoked", "a revoked token got in"),
    ] {
        let report = checked(Some(2), Some(fault), "test-password", options()).await.expect("it runs");
        let Outcome::Fail(found) = outcome(&report, check, "parts") else {
            panic!("{}", report::terminal(&report, false));
        };
        assert_eq!(found.cause, says);
        assert!(matches!(outcome(&report, check, "things"), Outcome::Pass { .. }));
    }
}

/// RFC 7519, 4.1.4: clocks differ, so a token may be taken for a while after its end.
#[tokio::test(flavor = "multi_thread")]
async fn a_leeway_is_granted() {
    let options = Options { leeway: Duration::from_secs(3), ..options() };
    let report = checked(Some(1), Some(Fault::Leeway), "test-password", options).await.expect("it runs");
    assert!(report.findings().is_empty(), "{}", report::terminal(&report, false));
    assert!(matches!(outcome(&report, "token.expired", "parts"), Outcome::Pass { .. }));
}

/// A life that is too long, or that nobody tells, is not waited for: the report says what to give.
#[tokio::test(flavor = "multi_thread")]
async fn a_life_that_is_too_long_is_skipped() {
    let long = "a token lives 3600 s, and to see it end takes 2 s more: the run waits 8 s at most (--max-wait)";
    for (told, says) in [(Some(3_600), long), (None, "the login does not tell how long its token lives")] {
        let report = checked(told, None, "test-password", options()).await.expect("it runs");
        let Outcome::Skip { reason } = outcome(&report, "token.expired", "parts") else {
            panic!("{}", report::terminal(&report, false));
        };
        assert!(reason.contains(says) && reason.contains("[credentials.expired]"), "{reason}");
    }
    let hurried = Options { max_time: Some(Duration::from_secs(2)), ..options() };
    let report = checked(Some(5), None, "test-password", hurried).await.expect("it runs");
    let Outcome::Skip { reason } = outcome(&report, "token.expired", "parts") else {
        panic!("{}", report::terminal(&report, false));
    };
    assert!(reason.contains("--max-time"), "{reason}");
}

/// A password that is wrong from the start is said at once, with the status of the refusal.
#[tokio::test(flavor = "multi_thread")]
async fn a_login_that_is_refused_ends_the_run_at_once() {
    let error = checked(Some(2), None, "test-other", options()).await.expect_err("nothing would be proven");
    let Error::Credential { status: 401, operation, .. } = &error else { panic!("{error}") };
    assert_eq!(operation, "POST /login");
}
