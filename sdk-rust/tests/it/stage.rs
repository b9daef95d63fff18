//! What a test plays on: a server on loopback, a clock that the test moves, a client builder between them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use bitting::{Call, Client, ClientBuilder, ManualClock};
use serde_json::{Value, json};
use wiremock::matchers::{any, path};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use crate::api::{api, table};

/// A server, a clock and what to build a client with.
pub(crate) struct Stage {
    pub(crate) server: MockServer,
    pub(crate) clock: ManualClock,
}

impl Stage {
    pub(crate) async fn new() -> Self {
        let wall = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        Self { server: MockServer::start().await, clock: ManualClock::new(wall) }
    }

    /// A builder without credentials and without the process's environment.
    pub(crate) fn builder(&self) -> ClientBuilder {
        self.builder_of(table())
    }

    pub(crate) fn builder_of(&self, table: Value) -> ClientBuilder {
        let builder = Client::builder(api(table)).base_url(self.server.uri());
        builder.clock(Arc::new(self.clock.clone())).environment(|_| None)
    }

    pub(crate) fn with_key(&self) -> Client {
        self.builder().api_key("rbtk_test_canary").build().expect("a client")
    }

    pub(crate) fn with_login(&self) -> Client {
        self.builder().login("ada@example.com", "test-password-canary").build().expect("a client")
    }

    /// Answers every request by `respond`, which also gets the number of requests before.
    pub(crate) async fn answer(&self, respond: impl Fn(&Request, usize) -> ResponseTemplate + Send + Sync + 'static) {
        let count = AtomicUsize::new(0);
        let respond = move |request: &Request| respond(request, count.fetch_add(1, Ordering::SeqCst));
        Mock::given(any()).respond_with(respond).mount(&self.server).await;
    }

    pub(crate) async fn requests(&self) -> Vec<Request> {
        self.server.received_requests().await.expect("recording is on")
    }

    pub(crate) async fn count(&self, at: &str) -> usize {
        self.requests().await.iter().filter(|request| request.url.path() == at).count()
    }

    /// Runs something while the clock is moved on, so that its waits pass however slow the machine is.
    pub(crate) async fn hurried<T>(&self, future: impl Future<Output = T>) -> T {
        let mut future = std::pin::pin!(future);
        loop {
            match tokio::time::timeout(Duration::from_millis(20), future.as_mut()).await {
                Ok(output) => return output,
                Err(_) => self.clock.advance(Duration::from_secs(1)),
            }
        }
    }

    /// Waits, in real time, until so many requests have arrived at a path.
    pub(crate) async fn until(&self, at: &str, count: usize) {
        let arrived = async {
            while self.count(at).await < count {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), arrived).await.expect("the requests arrive");
    }
}

/// A server of tokens: it knows which one it takes, and counts what it is asked.
#[derive(Clone, Default)]
pub(crate) struct Issuer(Arc<Counts>);

#[derive(Default)]
struct Counts {
    issued: AtomicUsize,
    /// The number of the one token that is taken; 0 means the last issued.
    only: AtomicUsize,
}

impl Issuer {
    /// Takes back what was issued until now.
    pub(crate) fn revoke(&self) {
        self.0.only.store(self.0.issued.load(Ordering::SeqCst) + 1, Ordering::SeqCst);
    }

    /// Takes no token any more.
    pub(crate) fn refuse_all(&self) {
        self.0.only.store(usize::MAX, Ordering::SeqCst);
    }

    fn issue(&self, life: u64) -> ResponseTemplate {
        let number = self.0.issued.fetch_add(1, Ordering::SeqCst) + 1;
        let token = json!({"access_token": format!("test-token-{number}"), "token_type": "bearer", "expires_in": life});
        // Slow enough that everybody who wants the token is waiting before it comes.
        ResponseTemplate::new(200).set_body_json(token).set_delay(Duration::from_millis(50))
    }

    fn takes(&self, request: &Request) -> bool {
        let header = request.headers.get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
        let number = header.strip_prefix("Bearer test-token-").and_then(|number| number.parse::<usize>().ok());
        number.is_some_and(|number| number >= self.0.only.load(Ordering::SeqCst))
    }

    /// Puts login, refresh and a guarded rest on the server.
    pub(crate) async fn mount(&self, stage: &Stage, life: u64) {
        let (login, refresh, rest) = (self.clone(), self.clone(), self.clone());
        let login = Mock::given(path("/auth/login")).respond_with(move |_: &Request| login.issue(life));
        login.mount(&stage.server).await;
        let refresh = Mock::given(path("/auth/refresh")).respond_with(move |request: &Request| {
            if refresh.takes(request) { refresh.issue(life) } else { unauthorized() }
        });
        refresh.mount(&stage.server).await;
        let rest = Mock::given(any()).respond_with(move |request: &Request| {
            if rest.takes(request) {
                ResponseTemplate::new(200).set_body_json(json!({"items": []}))
            } else {
                unauthorized()
            }
        });
        rest.mount(&stage.server).await;
    }
}

pub(crate) fn unauthorized() -> ResponseTemplate {
    ResponseTemplate::new(401).set_body_json(json!({"detail": "Could not validate credentials"}))
}

pub(crate) fn empty_list() -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(json!({"items": [], "total": 0}))
}

pub(crate) fn list() -> Call {
    Call::new("listDevices").argument("org_slug", "acme")
}

pub(crate) fn create() -> Call {
    Call::new("createDevice").argument("org_slug", "acme").json(&json!({"name": "rover"}))
}

/// A header of a request, as text.
pub(crate) fn header<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    request.headers.get(name).and_then(|value| value.to_str().ok())
}
