//! The client against the reference server, inside a wiremock server: what the four systems state about clients.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bitting::{Call, Client, ClientBuilder, Credential, Error, ManualClock, Secret};
use bitting_mock::{Clock, Core, MintKey, Responder, Server};
use bitting_spec::Document;
use serde_json::{Value, json};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer};

/// 2026-11-21T12:00:00Z, for both sides.
const NOW: i64 = 1_795_262_400;
pub(crate) const ADA: &str = "ada@acme.example";

/// A system: its server, and the clock of its clients.
pub(crate) struct System {
    pub(crate) document: Document,
    pub(crate) core: Arc<Core>,
    pub(crate) server: MockServer,
    clock: ManualClock,
}

impl System {
    pub(crate) async fn new(name: &str) -> Self {
        Self::limited(name, None).await
    }

    /// With so many requests in a minute.
    async fn limited(name: &str, limit: Option<u64>) -> Self {
        let path = format!("{}/../spec/openapi/{name}.yaml", env!("CARGO_MANIFEST_DIR"));
        let mut document = Document::load(&path, &|path: &str| std::fs::read_to_string(path)).unwrap();
        if let (Some(limit), Some(rate)) = (limit, document.rate_limit.as_mut()) {
            (rate.limit, rate.window) = (Some(limit), Some(60));
        }
        let frozen = Clock::frozen(chrono::DateTime::from_timestamp(NOW, 0).unwrap());
        let core = Server::builder(document.clone()).seed(7).clock(frozen).docs(true).core().unwrap();
        let server = MockServer::start().await;
        Mock::given(any()).respond_with(Responder::new(Arc::clone(&core))).mount(&server).await;
        let wall = SystemTime::UNIX_EPOCH + Duration::from_secs(NOW.unsigned_abs());
        Self { document, core, server, clock: ManualClock::new(wall) }
    }

    pub(crate) fn builder(&self) -> ClientBuilder {
        let table = self.document.table(&self.document.api_name());
        let builder = Client::builder(Arc::new(table)).base_url(self.server.uri());
        builder.clock(Arc::new(self.clock.clone())).environment(|_| None)
    }

    pub(crate) fn key(&self, user: &str) -> (String, String) {
        let minted = self.core.mint_key(&MintKey { user: user.to_owned(), ..MintKey::default() }).unwrap();
        (minted.id, minted.secret)
    }

    /// Moves the time of the server and of its clients.
    pub(crate) fn advance(&self, seconds: u64) {
        self.core.clock().advance(i64::try_from(seconds).unwrap()).unwrap();
        self.clock.advance(Duration::from_secs(seconds));
    }

    /// How often the server answered an operation with a status.
    pub(crate) fn answered(&self, operation: &str, status: u16) -> usize {
        let entries = self.core.journal().entries(&bitting_mock::Wanted::default());
        entries.iter().filter(|entry| entry.operation.as_deref() == Some(operation) && entry.status == status).count()
    }
}

fn list() -> Call {
    Call::new("listDevices").argument("org_slug", "acme").argument("project_slug", "warehouse")
}

pub(crate) fn status(outcome: &Result<bitting::Response, Error>) -> Option<u16> {
    match outcome {
        Ok(response) => Some(response.status.as_u16()),
        Err(error) => error.status().map(|status| status.as_u16()),
    }
}

/// ROBOTICKS-1: the same key as `Authorization: Bearer` and as `X-API-Key`.
#[tokio::test]
async fn a_key_works_in_both_places() {
    let system = System::new("roboticks").await;
    let (_, key) = system.key(ADA);
    let bearer = system.builder().api_key(key.clone()).build().unwrap();
    assert_eq!(status(&bearer.call(list()).await), Some(200));
    let header = Credential::ApiKey(Secret::new(key));
    let header = system.builder().credential_for("ApiKeyHeader", header).build().unwrap();
    assert_eq!(status(&header.call(list()).await), Some(200));
    let requests = system.server.received_requests().await.unwrap();
    assert!(requests[0].headers.contains_key("authorization") && !requests[0].headers.contains_key("x-api-key"));
    assert!(requests[1].headers.contains_key("x-api-key") && !requests[1].headers.contains_key("authorization"));
}

/// ROBOTICKS-2, ROBOTICKS-3: login, a refresh with the current token before it ends, a new login after it ended.
#[tokio::test]
async fn a_token_lives_as_the_document_says() {
    let system = System::new("roboticks").await;
    let client = system.builder().login(ADA, "correct-horse-7").build().unwrap();
    assert_eq!(status(&client.call(list()).await), Some(200));
    system.advance(3_590);
    assert_eq!(status(&client.call(list()).await), Some(200));
    for _ in 0..200 {
        if system.answered("refreshToken", 200) == 1 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!((system.answered("login", 200), system.answered("refreshToken", 200)), (1, 1));
    system.advance(7_200);
    assert_eq!(status(&client.call(list()).await), Some(200));
    assert_eq!((system.answered("login", 200), system.answered("listDevices", 401)), (2, 0));
}

/// ROBOTICKS-3, A10: the server's clock alone moves, so the client learns from a 401; a thousand calls log in once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_refusals_log_in_once() {
    let system = System::limited("roboticks", Some(100_000)).await;
    let client = system.builder().login(ADA, "correct-horse-7").build().unwrap();
    assert_eq!(status(&client.call(list()).await), Some(200));
    system.core.clock().advance(4_000).unwrap();
    let calls = (0..1_000).map(|_| client.call(list()));
    let outcomes = futures_util::future::join_all(calls).await;
    assert!(outcomes.iter().all(|outcome| status(outcome) == Some(200)));
    assert_eq!(system.answered("login", 200), 2);
    // So many answers use up the task's budget, and wiremock's end would then wait for a lock for ever.
    tokio::task::yield_now().await;
}

/// ROBOTICKS-5: the limit is shown, the 429 says how long to wait, and with retries the wait is waited out.
#[tokio::test]
async fn a_limit_is_shown_and_waited_out() {
    let system = System::limited("roboticks", Some(2)).await;
    let (_, key) = system.key(ADA);
    let client = system.builder().api_key(key).build().unwrap();
    client.call(list()).await.unwrap();
    client.call(list()).await.unwrap();
    let state = client.rate_limit().unwrap();
    assert_eq!((state.limit, state.remaining), (Some(2), Some(0)));
    let waiting = tokio::spawn({
        let client = client.clone();
        async move { client.call(list()).await }
    });
    for _ in 0..500 {
        if waiting.is_finished() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
        system.advance(5);
    }
    let response = waiting.await.unwrap().unwrap();
    assert!(response.meta.attempts == 2 && response.meta.waited >= Duration::from_secs(30), "{:?}", response.meta);
}

/// ROBOTICKS-6, ROBOTICKS-7: the texts of 401 and 403; a key reaches what its creator reaches, and no more.
#[tokio::test]
async fn refusals_say_what_the_document_says() {
    let system = System::new("roboticks").await;
    let nobody = system.builder().api_key("rbtk_test_nobody").build().unwrap();
    let refused = nobody.call(list()).await.unwrap_err();
    assert_eq!(refused.status().map(|status| status.as_u16()), Some(401));
    assert!(refused.to_string().contains("Could not validate credentials"), "{refused}");
    let (_, key) = system.key(ADA);
    let ada = system.builder().api_key(key).build().unwrap();
    let foreign = Call::new("listDevices").argument("org_slug", "globex").argument("project_slug", "lab");
    let refused = ada.call(foreign).await.unwrap_err();
    assert_eq!(refused.status().map(|status| status.as_u16()), Some(403));
    assert!(refused.to_string().contains("Not enough permissions"), "{refused}");
    let (_, key) = system.key("bob@acme.example");
    let bob = system.builder().api_key(key).build().unwrap();
    assert_eq!(status(&bob.call(list()).await), Some(200));
    let create = || list_to("createDevice").json(&json!({"name": "Arm", "serial_number": "SN-0001"}));
    assert_eq!(status(&bob.call(create()).await), Some(403));
    assert_eq!(status(&ada.call(create()).await), Some(201));
}

fn list_to(operation: &str) -> Call {
    Call::new(operation).argument("org_slug", "acme").argument("project_slug", "warehouse")
}

/// ROBOTICKS-4, ROBOTICKS-9: a device is created, read, changed, listed and deleted in its project.
#[tokio::test]
async fn a_device_is_made_read_changed_and_removed() {
    let system = System::new("roboticks").await;
    let (_, key) = system.key(ADA);
    let client = system.builder().api_key(key).build().unwrap();
    let body = json!({"name": "Arm", "serial_number": "SN-0001"});
    let made = client.call(list_to("createDevice").json(&body)).await.unwrap();
    let made: Value = serde_json::from_slice(&made.body).unwrap();
    let one = |operation: &str| list_to(operation).argument("device_id", &made["id"]);
    let changed = client.call(one("updateDevice").json(&json!({"name": "Leg"}))).await.unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&changed.body).unwrap()["name"], "Leg");
    let all = Call::new("listOrganizationDevices").argument("org_slug", "acme").argument("limit", 100);
    let all: Value = serde_json::from_slice(&client.call(all).await.unwrap().body).unwrap();
    assert!(all["items"].as_array().unwrap().iter().any(|device| device["id"] == made["id"]));
    assert_eq!(status(&client.call(one("deleteDevice")).await), Some(204));
    assert_eq!(status(&client.call(one("getDevice")).await), Some(404));
}

/// ARROW-1, ARROW-8: the key goes out as `X-API-Key`, and the next request after its revocation gets 401, once.
#[tokio::test]
async fn a_revoked_key_is_refused_at_once() {
    let system = System::new("arrow").await;
    let (id, key) = system.key(ADA);
    let client = system.builder().api_key(key).build().unwrap();
    assert_eq!(status(&client.call(Call::new("listDevices")).await), Some(200));
    assert!(system.core.revoke_key(&id));
    assert_eq!(status(&client.call(Call::new("listDevices")).await), Some(401));
    assert_eq!(system.answered("listDevices", 401), 1);
}

/// ARTOS-2: the public operation is called without a credential, and the client needs none.
#[tokio::test]
async fn the_public_operation_needs_nobody() {
    let system = System::new("artos").await;
    let client = system.builder().build().unwrap();
    assert_eq!(status(&client.call(Call::new("getSearchStatus")).await), Some(200));
    let missing = client.call(Call::new("listTemplates")).await.unwrap_err();
    assert_eq!((missing.kind().as_str(), system.answered("listTemplates", 401)), ("credentials", 0));
}
