//! Logging in: browser, device and password, against an authorization server on loopback (D1 to D6, ROBOTICKS-8).

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bitting::oauth::{Login, LoginBuilder, LoginError, OAuthClient, OAuthError};
use bitting::store::{FileStore, LoginKind, MemoryStore, Profile, TokenStore};
use bitting::{Call, Client, Credential, Error, ManualClock, TokioClock};
use serde_json::json;
use tempfile::TempDir;
use url::Url;
use wiremock::ResponseTemplate;

use crate::authority::{Authority, CANARY, body, browse, consent, in_time, parameter};
use crate::stage::{Issuer, Stage, list};

const SECRET: &str = "test-secret-canary";

fn scopes() -> Vec<String> {
    vec!["a".to_owned()]
}

fn builder(authority: &Authority, store: &MemoryStore) -> LoginBuilder {
    let builder = Login::builder(authority.api()).environment(|_| None).store(Arc::new(store.clone()));
    builder.clock(Arc::new(clock()))
}

fn login(authority: &Authority, store: &MemoryStore) -> Login {
    builder(authority, store).build().expect("a login")
}

/// A client that is let in by a kept login alone.
fn client(authority: &Authority, store: &MemoryStore, clock: &ManualClock, profile: Profile) -> Client {
    let builder = Client::builder(authority.api()).environment(|_| None).clock(Arc::new(clock.clone()));
    builder.store(Arc::new(store.clone())).credential(Credential::Profile(profile)).build().expect("a client")
}

fn clock() -> ManualClock {
    ManualClock::new(SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000))
}

/// ARROTECH-3, D1, D2: the browser brings a code back over loopback; it is exchanged with PKCE and the client's secret,
/// and the session serves calls and renews itself with the secret that was kept for that (A16).
#[tokio::test]
async fn a_browser_logs_in() {
    let (authority, store, clock) = (Authority::new().await, MemoryStore::new(), clock());
    let app = OAuthClient::new("app").secret(SECRET);
    let profile = in_time(login(&authority, &store).browser(app, &scopes(), consent)).await.expect("a session");
    assert_eq!((profile.kind, profile.client_id.as_deref()), (LoginKind::Browser, Some("app")));
    let client = client(&authority, &store, &clock, profile);
    client.call(Call::new("read")).await.expect("an answer");
    assert_eq!(client.auth().explain()[0].scopes, ["a", "data:read"]);
    clock.advance(Duration::from_secs(4_000));
    client.call(Call::new("read")).await.expect("an answer");
    let state = authority.state();
    assert_eq!((state.issued, state.refreshes), (2, 1));
    let last = state.forms.last().expect("a form");
    assert_eq!((last["grant_type"].as_str(), last["client_secret"].as_str()), ("refresh_token", SECRET));
    assert!(!format!("{client:?} {store:?}").contains(CANARY));
}

/// ARROTECH-3: the flow of Arrotech's own document: a page on another host, the token endpoint beside the API, the secret
/// in the form.
#[tokio::test]
async fn arrotech_logs_in_over_three_legs() {
    let (authority, store, clock) = (Authority::new().await, MemoryStore::new(), clock());
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../spec/openapi/arrotech.yaml");
    let document = bitting_spec::Document::load(path, &|name: &str| std::fs::read_to_string(name)).expect("a document");
    let api = Arc::new(document.table("arrotech"));
    let login = Login::builder(Arc::clone(&api)).environment(|_| None).store(Arc::new(store.clone()));
    let login = login.base_url(authority.uri()).clock(Arc::new(clock.clone())).build().expect("a login");
    let app = OAuthClient::new("app").secret(SECRET);
    let own = login.authorize(app.clone(), "https://app.example/cb", &["data:read".to_owned()]).await;
    let own = own.expect("a login");
    assert!(own.url().as_str().starts_with("https://hub.arrotechsolutions.com/auth/authorize?response_type=code&"));
    // The hub's part is played by the server of this test.
    let hub = own.url().as_str().replace("https://hub.arrotechsolutions.com", &authority.uri());
    let (_, back, _) = browse("GET", &hub, None).await;
    let profile = login.finish(own, &back.expect("a way back")).await.expect("a session");
    assert_eq!(profile.scheme, "OAuth2");
    {
        let state = authority.state();
        let form = &state.forms[0];
        let sent = ["grant_type", "client_id", "client_secret", "redirect_uri"].map(|name| form[name].as_str());
        assert_eq!(sent, ["authorization_code", "app", SECRET, "https://app.example/cb"]);
        assert_eq!(form["code_verifier"].len(), 43);
    }
    let client = Client::builder(api).environment(|_| None).base_url(authority.uri()).clock(Arc::new(clock));
    let client = client.store(Arc::new(store)).credential(Credential::Profile(profile)).build().expect("a client");
    client.call(Call::new("listProviders")).await.expect("an answer");
}

/// D4: an app that signs instead of sending a secret gets its tokens too, with a fresh signature each time.
#[tokio::test]
async fn an_app_signs_for_its_tokens() {
    let (authority, clock) = (Authority::new().await, clock());
    let count = std::sync::atomic::AtomicUsize::new(0);
    let app = OAuthClient::new("app").signed_by(move |url| {
        let number = count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        Ok(format!("test-assertion-canary-{number}-for-{}", url.path()).into())
    });
    let builder = Client::builder(authority.api()).environment(|_| None).clock(Arc::new(clock.clone()));
    let client = builder.app(app, ["a"]).build().expect("a client");
    for _ in 0..2 {
        client.call(Call::new("read")).await.expect("an answer");
        clock.advance(Duration::from_secs(4_000));
    }
    let state = authority.state();
    let sent: Vec<&str> = state.forms.iter().map(|form| form["client_assertion"].as_str()).collect();
    assert_eq!(sent, ["test-assertion-canary-0-for-/token", "test-assertion-canary-1-for-/token"]);
    assert!(state.forms.iter().all(|form| !form.contains_key("client_secret")));
    assert!(!format!("{client:?}").contains(CANARY));
}

/// D1: an app with a page of its own begins, keeps nothing secret in the URL, and ends with the URL that came back; a
/// second answer, to another login, is refused.
#[tokio::test]
async fn an_app_logs_in_over_its_own_page() {
    let (authority, store) = (Authority::new().await, MemoryStore::new());
    let login = login(&authority, &store);
    let scopes = scopes();
    let begin = || login.authorize(OAuthClient::new("app"), "https://app.example/cb", &scopes);
    let (first, second) = (begin().await.expect("a login"), begin().await.expect("a login"));
    let (_, back, _) = browse("GET", first.url().as_str(), None).await;
    let back = back.expect("a way back");
    let error = login.finish(second, &back).await.expect_err("a foreign state");
    assert!(matches!(error, LoginError::Foreign(_)) && !error.to_string().contains(CANARY), "{error}");
    assert!(authority.state().forms.is_empty(), "a foreign code is never exchanged");
    login.finish(first, &back).await.expect("a session");
}

/// D2: another path, another host, another method get nothing and end nothing; an idle connection holds up nobody; after
/// the answer nothing listens.
#[tokio::test]
async fn the_listener_takes_one_answer() {
    let (authority, store) = (Authority::new().await, MemoryStore::new());
    let login = login(&authority, &store);
    let (send, receive) = tokio::sync::oneshot::channel();
    let scopes = scopes();
    let waiting = login.browser(OAuthClient::new("app"), &scopes, |url| send.send(url.clone()).expect("a receiver"));
    let user = async {
        let url: Url = receive.await.expect("a URL");
        let redirect = Url::parse(&parameter(&url, "redirect_uri")).expect("a URL");
        assert!(matches!(redirect.host_str(), Some("127.0.0.1" | "[::1]")), "{redirect}");
        let at = |path: &str| redirect.join(path).expect("a URL").to_string();
        let authority = format!("{}:{}", redirect.host_str().expect("a host"), redirect.port().expect("a port"));
        let _idle = tokio::net::TcpStream::connect(&authority).await.expect("a connection");
        assert_eq!(browse("GET", &at("/favicon.ico"), None).await.0, 404);
        assert_eq!(browse("POST", &at("/callback?code=c&state=s"), None).await.0, 405);
        assert_eq!(browse("GET", &at("/callback?code=c&state=s"), Some("evil.example")).await.0, 421);
        assert_eq!(browse("GET", &at("/callback"), None).await.0, 400);
        let (_, back, _) = browse("GET", url.as_str(), None).await;
        let (status, _, page) = browse("GET", &back.expect("a way back"), None).await;
        assert_eq!(status, 200);
        assert!(!page.contains(CANARY) && page.to_ascii_lowercase().contains("cache-control: no-store"), "{page}");
        authority
    };
    let (session, address) = in_time(async { tokio::join!(waiting, user) }).await;
    session.expect("a session");
    assert!(tokio::net::TcpStream::connect(&address).await.is_err(), "nothing listens any more");
}

/// D1, D2: a forged answer at the listener ends the login, and nothing is exchanged.
#[tokio::test]
async fn a_forged_answer_ends_the_login() {
    let (authority, store) = (Authority::new().await, MemoryStore::new());
    let forge = |url: &Url| {
        let target = format!("{}?code=stolen&state=guess", parameter(url, "redirect_uri"));
        tokio::spawn(async move { browse("GET", &target, None).await });
    };
    let error =
        in_time(login(&authority, &store).browser(OAuthClient::new("app"), &[], forge)).await.expect_err("a forgery");
    assert!(matches!(error, LoginError::Foreign(_)), "{error}");
    assert!(authority.state().forms.is_empty());
}

/// D2: nobody comes back in time.
#[tokio::test]
async fn a_browser_login_times_out() {
    let (authority, store) = (Authority::new().await, MemoryStore::new());
    let login = builder(&authority, &store)
        .timeout(Duration::from_millis(30))
        .clock(Arc::new(TokioClock::new()))
        .build()
        .expect("a login");
    let error = login.browser(OAuthClient::new("app"), &[], |_| {}).await.expect_err("no answer");
    assert_eq!(error, LoginError::TimedOut(Duration::from_millis(30)));
}

/// D3: the device is polled at the server's pace; `slow_down` makes it slower for good.
#[tokio::test]
async fn a_device_logs_in() {
    let (authority, store, clock) = (Authority::new().await, MemoryStore::new(), clock());
    authority.state().polls = vec!["authorization_pending", "slow_down", "authorization_pending"];
    let login = builder(&authority, &store).clock(Arc::new(clock.clone())).build().expect("a login");
    let (send, receive) = tokio::sync::oneshot::channel();
    let scopes = scopes();
    let waiting =
        login.device(OAuthClient::new("tv"), &scopes, |prompt| send.send(prompt.clone()).expect("a receiver"));
    let user = async {
        let prompt = receive.await.expect("a prompt");
        assert_eq!((prompt.user_code.as_str(), prompt.expires_in), ("AB-CD", Duration::from_secs(600)));
        for (polls, pause) in [(1, 5), (2, 5), (3, 10), (4, 10)] {
            // Up to a second before it is due, nothing is asked.
            settle().await;
            clock.advance(Duration::from_secs(pause - 1));
            settle().await;
            assert_eq!(authority.state().polled, polls - 1);
            clock.advance(Duration::from_secs(1));
            while authority.state().polled < polls {
                settle().await;
            }
            settle().await;
        }
    };
    let (session, ()) = in_time(async { tokio::join!(waiting, user) }).await;
    assert_eq!(session.expect("a session").kind, LoginKind::Device);
}

async fn settle() {
    tokio::time::sleep(Duration::from_millis(30)).await;
}

/// D3: the user says no, or says nothing until the code has ended.
#[tokio::test]
async fn a_device_login_ends_without_a_token() {
    let (authority, store, clock) = (Authority::new().await, MemoryStore::new(), clock());
    let login = builder(&authority, &store).clock(Arc::new(clock.clone())).build().expect("a login");
    let ticking = |clock: ManualClock| async move {
        loop {
            tokio::time::sleep(Duration::from_millis(5)).await;
            clock.advance(Duration::from_secs(5));
        }
    };
    authority.state().polls = vec!["authorization_pending", "access_denied"];
    let denied = tokio::select! {
        result = login.device(OAuthClient::new("tv"), &[], |_| {}) => result,
        () = ticking(clock.clone()) => unreachable!("the clock goes on for ever"),
    };
    let refusal = OAuthError { error: "access_denied".into(), error_description: None };
    assert_eq!(denied.expect_err("a refusal"), LoginError::Refused(refusal));
    authority.state().polls = vec!["authorization_pending"; 1_000];
    let late = tokio::select! {
        result = login.device(OAuthClient::new("tv"), &[], |_| {}) => result,
        () = ticking(clock.clone()) => unreachable!("the clock goes on for ever"),
    };
    assert_eq!(late.expect_err("an end"), LoginError::TimedOut(Duration::from_secs(600)));
}

/// The answers of a token endpoint that are no token have an error of their own, a redirect is not followed (B6), and
/// nothing is kept.
#[tokio::test]
async fn a_strange_token_endpoint_is_told() {
    let (authority, store) = (Authority::new().await, MemoryStore::new());
    let elsewhere = Authority::new().await;
    let cases = [
        (ResponseTemplate::new(200).set_body_string("<html>canary"), "not JSON"),
        (body(200, &json!({"token": "canary"})), "no token at `/access_token`"),
        (body(200, &json!({"access_token": ""})), "no token at `/access_token`"),
        (ResponseTemplate::new(307).insert_header("location", format!("{}/token", elsewhere.uri())), "307"),
        (ResponseTemplate::new(503), "503"),
    ];
    for (answer, what) in cases {
        authority.state().instead = Some(answer);
        let error =
            in_time(login(&authority, &store).browser(OAuthClient::new("app"), &[], consent)).await.expect_err(what);
        assert!(matches!(error, LoginError::Token(_)), "{error}");
        assert!(error.to_string().contains(what) && !format!("{error} {error:?}").contains(CANARY), "{error}");
    }
    assert!(elsewhere.state().forms.is_empty());
    assert!(!format!("{store:?}").contains("Some"), "{store:?}");
    let refused = body(400, &json!({"error": "invalid_client", "error_description": "no such app"}));
    authority.state().instead = Some(refused);
    let error =
        in_time(login(&authority, &store).browser(OAuthClient::new("app"), &[], consent)).await.expect_err("a refusal");
    let refusal = OAuthError { error: "invalid_client".into(), error_description: Some("no such app".into()) };
    assert_eq!(error, LoginError::Refused(refusal));
}

/// A9, A16: a failure that may pass costs no session, and a refused refresh token asks for a login and deletes nothing.
#[tokio::test]
async fn a_session_survives_what_may_pass() {
    let (authority, store, clock) = (Authority::new().await, MemoryStore::new(), clock());
    let login = builder(&authority, &store).clock(Arc::new(clock.clone())).build().expect("a login");
    let profile = login.password("ada@example.com", "test-password-canary").await.expect("a session");
    let client = client(&authority, &store, &clock, profile.clone());
    clock.advance(Duration::from_secs(4_000));
    authority.state().instead = Some(ResponseTemplate::new(503));
    let error = client.call(Call::new("read")).await.expect_err("no token");
    assert!(error.is_retryable(), "{error}");
    authority.state().instead = None;
    clock.advance(Duration::from_secs(60));
    client.call(Call::new("read")).await.expect("an answer");
    authority.state().burnt = true;
    clock.advance(Duration::from_secs(4_000));
    let error = client.call(Call::new("read")).await.expect_err("no token");
    let Error::Token(token) = &error else { panic!("{error}") };
    assert!(token.is_terminal() && token.oauth_error() == Some("invalid_grant"));
    assert!(error.to_string().contains("bitting login") && error.to_string().contains("`default`"), "{error}");
    assert!(store.load(&profile.key()).await.expect("a store").is_some());
    // Whoever logs in again is let in by the same client, once it asks again.
    login.password("ada@example.com", "test-password-canary").await.expect("a session");
    clock.advance(Duration::from_secs(61));
    client.call(Call::new("read")).await.expect("an answer");
}

/// D6: logging out revokes the refresh token where the server says, and forgets the session also where it says nothing.
#[tokio::test]
async fn logging_out_revokes_and_forgets() {
    let (authority, store) = (Authority::new().await, MemoryStore::new());
    authority.state().metadata = true;
    let login = login(&authority, &store);
    let app = OAuthClient::new("app").secret(SECRET);
    let profile = in_time(login.browser(app, &[], consent)).await.expect("a session");
    assert_eq!(login.end(&profile).await, Ok(true));
    {
        let state = authority.state();
        assert_eq!(state.revoked, ["test-refresh-canary-1"]);
        let form = state.forms.last().expect("a form");
        assert_eq!((form["token_type_hint"].as_str(), form["client_secret"].as_str()), ("refresh_token", SECRET));
    }
    assert!(store.load(&profile.key()).await.expect("a store").is_none());
    authority.state().metadata = false;
    let profile = in_time(login.browser(OAuthClient::new("app"), &[], consent)).await.expect("a session");
    assert_eq!(login.end(&profile).await, Ok(false));
    assert!(store.load(&profile.key()).await.expect("a store").is_none());
}

/// A login that the document does not have is told by what it has not.
#[tokio::test]
async fn a_login_that_is_not_offered() {
    let stage = Stage::new().await;
    let login = Login::builder(crate::api::api(crate::api::table())).base_url(stage.server.uri());
    let login = login.environment(|_| None).store(Arc::new(MemoryStore::new())).build().expect("a login");
    assert_eq!(
        login.ways().iter().map(|way| (way.scheme.as_str(), way.kind)).collect::<Vec<_>>(),
        [("UserToken", LoginKind::Password)]
    );
    let error = login.browser(OAuthClient::new("app"), &[], |_| {}).await.expect_err("no such login");
    assert!(error.to_string().contains("authorizationCode"), "{error}");
    let nowhere = Login::builder(crate::api::api(crate::api::table())).environment(|_| None).build();
    assert!(matches!(nowhere, Err(LoginError::Config(_))));
}

/// A folder for logins, and an environment that knows it.
struct Home(TempDir);

impl Home {
    fn new() -> Self {
        Self(TempDir::new().expect("a folder"))
    }

    fn environment(&self, more: &'static [(&str, &str)]) -> impl Fn(&str) -> Option<String> + Send + Sync + 'static {
        let folder = self.0.path().to_string_lossy().into_owned();
        move |name| match name {
            "BITTING_CONFIG_DIR" => Some(folder.clone()),
            _ => more.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned()),
        }
    }

    fn login(&self, stage: &Stage, profile: &str) -> Login {
        let login = Login::builder(crate::api::api(crate::api::table())).base_url(stage.server.uri());
        login.environment(self.environment(&[])).profile(profile).build().expect("a login")
    }
}

/// ROBOTICKS-8: a login is kept, and later clients use it without being told; logging out ends that.
#[tokio::test]
async fn a_kept_login_serves_later_calls() {
    let (stage, issuer, home) = (Stage::new().await, Issuer::default(), Home::new());
    issuer.mount(&stage, 3_600).await;
    let login = home.login(&stage, "default");
    login.password("ada@example.com", "test-password-canary").await.expect("a session");
    // No base URL either: later calls go where the login went.
    let later = || Client::builder(crate::api::api(crate::api::table())).environment(home.environment(&[])).build();
    let client = later().expect("a client");
    client.call(list()).await.expect("an answer");
    let report = &client.auth().explain()[0];
    assert_eq!((report.scheme.as_str(), report.source.to_string().as_str()), ("UserToken", "the profile `default`"));
    assert_eq!(stage.count("/auth/login").await, 1);
    for file in std::fs::read_dir(home.0.path()).expect("a folder") {
        let text = std::fs::read_to_string(file.expect("a file").path()).expect("text");
        assert!(!text.contains("password-canary"), "a password is never kept: {text}");
    }
    assert_eq!(login.logout().await, Ok(false));
    let error = later().expect("a client").call(list()).await.expect_err("no credential");
    assert!(matches!(error, Error::Credentials(_) | Error::Connect(_)), "{error}");
    assert!(matches!(login.logout().await, Err(LoginError::Config(_))));
}

/// B9: an argument comes before the environment, that before the kept login; a profile that is named comes first.
#[tokio::test]
async fn a_kept_login_comes_last() {
    let (stage, issuer, home) = (Stage::new().await, Issuer::default(), Home::new());
    issuer.mount(&stage, 3_600).await;
    for profile in ["default", "work"] {
        home.login(&stage, profile).password("ada@example.com", "test-password").await.expect("a session");
    }
    let source = |client: Client| client.auth().explain()[0].source.to_string();
    let builder = |more| stage.builder().environment(home.environment(more));
    let variables: &[(&str, &str)] = &[("ROBOTICKS_TOKEN", "test-token")];
    assert_eq!(source(builder(variables).api_key("rbtk_test_1").build().expect("a client")), "an argument");
    assert_eq!(source(builder(variables).build().expect("a client")), "the environment variable ROBOTICKS_TOKEN");
    assert_eq!(source(builder(&[]).build().expect("a client")), "the profile `default`");
    let named = builder(variables).profile("work").build().expect("a client");
    assert!(named.warnings()[0].contains("ROBOTICKS_TOKEN is set and not used"), "{:?}", named.warnings());
    assert_eq!(source(named), "the profile `work`");
    let error = builder(&[]).profile("play").build().expect_err("no such profile");
    assert!(error.to_string().contains("bitting login DOCUMENT --profile play"), "{error}");
    let error = builder(&[]).profile("../work").build().expect_err("no name");
    assert!(matches!(error, Error::Credentials(_)), "{error}");
}

/// B4: a login that is kept for one server is not used at another.
#[tokio::test]
async fn a_kept_login_stays_at_its_server() {
    let (stage, other, issuer, home) = (Stage::new().await, Stage::new().await, Issuer::default(), Home::new());
    issuer.mount(&stage, 3_600).await;
    home.login(&stage, "default").password("ada@example.com", "test-password").await.expect("a session");
    let client = other.builder().environment(home.environment(&[])).build().expect("a client");
    assert!(client.warnings()[0].contains("`default` is for"), "{:?}", client.warnings());
    client.call(list()).await.expect_err("no credential");
    assert!(other.requests().await.is_empty());
    let named = other.builder().environment(home.environment(&[])).profile("default").build();
    assert!(matches!(named, Err(Error::Credentials(_))));
    let store = FileStore::new(home.0.path());
    assert!(store.profile("roboticks", "default").expect("a store").is_some());
}
