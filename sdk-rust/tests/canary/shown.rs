//! Every public type of the crate, holding secrets wherever it can hold any, and what it prints of itself.

use std::any::type_name;
use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bitting::oauth::{Login, OAuthClient};
use bitting::store::{Entry, FileStore, Lease, MemoryStore, Sealed, StoreKey, Swap, TokenStore, Version};
use bitting::{
    Background, Body, Call, CallOptions, Client, Clock, Credential, Error, Json, ManualClock, Part, Request, Secret,
    TokioClock,
};
use serde_json::{Value, json};
use wiremock::matchers::path;
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::api;

/// What was printed, and of which types.
#[derive(Default)]
pub(crate) struct Shown {
    pub(crate) text: String,
    names: BTreeSet<String>,
}

impl Shown {
    pub(crate) fn add<T: fmt::Debug>(&mut self, value: &T) {
        let name = type_name::<T>().split('<').next().unwrap_or_default();
        self.names.insert(name.rsplit("::").next().unwrap_or_default().to_owned());
        self.text.push_str(&format!("{value:?} {value:#?}\n"));
    }

    /// An error with all that is in it and all of its causes, printed in every way there is.
    pub(crate) fn error(&mut self, error: &Error) {
        self.add(error);
        self.add(&error.kind());
        match error {
            Error::Request(inner) => self.add(&**inner),
            Error::Connect(inner) => self.add(&**inner),
            Error::Api(inner) => self.add(&**inner),
            Error::Decode(inner) => self.add(&**inner),
            Error::Token(inner) => self.add(&**inner),
            Error::Scope(inner) => self.add(&**inner),
            _ => {}
        }
        if let Error::Api(inner) = error {
            inner.problem.iter().for_each(|problem| self.add(problem));
        }
        self.text.push_str(&format!("{error} {:?} {:?}", error.headers(), error.meta()));
        let mut cause = std::error::Error::source(error);
        while let Some(error) = cause {
            self.text.push_str(&format!("{error} {error:?}"));
            cause = error.source();
        }
        self.text.push_str(&String::from_utf8_lossy(error.body().map(|body| body.as_ref()).unwrap_or_default()));
    }

    /// The public types that the sources define and nothing was shown of.
    pub(crate) fn missing(&self) -> Vec<String> {
        let mut defined = BTreeSet::new();
        read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut defined);
        assert!(defined.len() > 40, "{defined:?}");
        defined.into_iter().filter(|name| !self.names.contains(name)).collect()
    }
}

/// The names of the public types in a folder of sources. What only this repository sees does not count, nor what stands
/// behind a feature that this test is built without.
fn read(folder: &Path, defined: &mut BTreeSet<String>) {
    for file in std::fs::read_dir(folder).expect("the sources").map(|file| file.expect("a file").path()) {
        let name = file.file_stem().and_then(|name| name.to_str()).unwrap_or_default();
        if matches!(name, "inside" | "schedules" | "keyring") {
            continue;
        }
        if file.is_dir() {
            read(&file, defined);
            continue;
        }
        for line in std::fs::read_to_string(&file).expect("a source").lines() {
            let item = line.strip_prefix("pub struct ").or_else(|| line.strip_prefix("pub enum "));
            let name = item.map(|item| item.split(|letter: char| !letter.is_alphanumeric()).next().unwrap_or_default());
            defined.extend(name.map(str::to_owned));
        }
    }
}

/// What a caller makes.
pub(crate) fn inputs(shown: &mut Shown) {
    let secret = || "canary".to_owned();
    let part =
        || Part { name: "file".to_owned(), file_name: None, media_type: None, content: secret().into_bytes().into() };
    let options = CallOptions::default().header("Authorization", "Bearer canary").query("key", "canary");
    shown.add(&options);
    shown.add(
        &Call::new("session").argument("password", "canary").json(&json!({"password": "canary"})).options(options),
    );
    shown.add(&part());
    shown.add(&Body::Form(vec![("password".to_owned(), secret())]));
    shown.add(&Body::Bytes(secret().into_bytes().into()));
    shown.add(&Body::Multipart(vec![part()]));
    let builder =
        Client::builder(api()).base_url("https://user:canary@x.example").default_header("X-API-Key", "canary");
    shown.add(&builder.login("ada@example.com", "canary").api_key("canary").client_certificate("canary"));
    shown.add(&Secret::new("canary"));
    for credential in [
        Credential::ApiKey(Secret::new("canary")),
        Credential::Token(Secret::new("canary")),
        Credential::Login { username: "ada".to_owned(), password: Secret::new("canary") },
        Credential::ClientCredentials { id: "id".to_owned(), secret: Secret::new("canary"), scopes: Vec::new() },
        Credential::App { client: OAuthClient::new("id").secret("canary"), scopes: Vec::new() },
        Credential::Certificate(Secret::new("canary")),
    ] {
        shown.add(&credential);
    }
    shown.add(&OAuthClient::new("id").secret("canary"));
    shown.add(&OAuthClient::new("id").signed_by(|_| Ok(Secret::new("canary"))));
    shown.add(&Background::new(|| None));
    let clock = ManualClock::new(SystemTime::UNIX_EPOCH);
    shown.add(&clock.now());
    shown.add(&clock);
    shown.add(&TokioClock::new());
    refusals(shown);
}

/// The errors of a client that is given what cannot be used.
fn refusals(shown: &mut Shown) {
    for builder in [
        Client::builder(api()).base_url("https://user:canary@x.example"),
        Client::builder(api()).api_key("canary\r\ncanary"),
        Client::builder(api()).default_header("X-API-Key", "canary\n"),
        Client::builder(api()).client_certificate("-----BEGIN PRIVATE KEY-----\ncanary\n-----END PRIVATE KEY-----"),
    ] {
        shown.error(&builder.environment(|_| None).build().expect_err("an error"));
    }
}

/// Stores, and what they hold.
pub(crate) async fn stores(shown: &mut Shown) {
    let (key, store) = (StoreKey::new("demo", "default", &["ada@example.com"]), MemoryStore::new());
    let bytes = Sealed::new("canary");
    shown.add(&bytes);
    let swap = store.compare_and_swap(&key, None, Some(bytes)).await.expect("a store");
    shown.add(&swap);
    shown.add(&Swap::Conflict);
    let entry: Entry = store.load(&key).await.expect("a store").expect("an entry");
    shown.add(&entry);
    shown.add(&entry.version);
    shown.add(&Version::new("1"));
    shown.add(&Lease::new(|| ()));
    shown.add(&key);
    shown.add(&store);
    let folder = tempfile::tempdir().expect("a folder");
    let files = FileStore::new(folder.path());
    files.compare_and_swap(&key, None, Some(Sealed::new("canary"))).await.expect("a store");
    let file = std::fs::read_dir(folder.path()).expect("a folder").map(|file| file.expect("a file").path());
    let mut entries = file.filter(|file| std::fs::read(file).is_ok_and(|bytes| bytes.ends_with(b"canary")));
    std::fs::write(entries.next().expect("the entry's file"), "canary, damaged").expect("a file");
    let error = files.load(&key).await.expect_err("a damaged file");
    shown.add(&error);
    shown.text.push_str(&error.to_string());
    shown.add(&files);
}

/// Logins: by password, in a browser, on another device; and calls with types.
pub(crate) async fn sessions(shown: &mut Shown) {
    let server = MockServer::start().await;
    let at = |name: &str| Mock::given(path(name.to_owned()));
    let token = json!({"access_token": "test-canary", "refresh_token": "test-canary", "expires_in": 3600});
    let prompt = json!({"device_code": "test-canary", "user_code": "AB-CD", "verification_uri": "https://x.example"});
    let problem = json!({"type": "about:blank", "title": "No", "status": 409, "detail": "no"});
    let things = ResponseTemplate::new(200).set_body_json(json!([1])).insert_header("set-cookie", "sid=canary");
    let refusal = ResponseTemplate::new(409).set_body_raw(problem.to_string(), "application/problem+json");
    at("/oauth/token").respond_with(ResponseTemplate::new(200).set_body_json(&token)).mount(&server).await;
    at("/login").respond_with(ResponseTemplate::new(401)).mount(&server).await;
    at("/device").respond_with(ResponseTemplate::new(200).set_body_json(&prompt)).mount(&server).await;
    at("/things").respond_with(things).up_to_n_times(2).mount(&server).await;
    at("/things").respond_with(refusal).mount(&server).await;
    let (store, app) = (MemoryStore::new(), || OAuthClient::new("app").secret("test-secret-canary"));
    let builder = Login::builder(api()).base_url(server.uri()).environment(|_| None).scheme("OAuth");
    shown.add(&builder);
    let login = builder.store(Arc::new(store.clone())).build().expect("a login");
    login.ways().iter().for_each(|way| shown.add(way));
    let profile = login.password("ada@example.com", "test-password-canary").await.expect("a session");
    shown.add(&profile.kind);
    let own = login.authorize(app(), "https://app.example/cb", &[]).await.expect("a login");
    shown.add(&own);
    let error =
        login.finish(own, "https://app.example/cb?code=canary&state=canary").await.expect_err("a foreign answer");
    shown.add(&error);
    shown.text.push_str(&error.to_string());
    let refused = bitting::oauth::OAuthError { error: "access_denied".to_owned(), error_description: None };
    shown.add(&refused);
    // Nobody finishes this one.
    let shows = login.device(app(), &[], |prompt| shown.add(prompt));
    let _ = tokio::time::timeout(Duration::from_millis(300), shows).await;
    shown.add(&login);

    let wrong = Credential::Login { username: "ada".to_owned(), password: Secret::new("test-password-canary") };
    let client = Client::builder(api()).base_url(server.uri()).environment(|_| None).credential_for("Login", wrong);
    let call = Call::new("session").json(&json!({"a": 1}));
    shown.error(&client.build().expect("a client").call(call).await.expect_err("no login"));
    let client = Client::builder(api()).base_url(server.uri()).environment(|_| None).store(Arc::new(store));
    let client = client.credential(Credential::Profile(profile.clone())).build().expect("a client");
    shown.add(&profile);
    let request = || Request::<Json<Vec<u8>>>::new(&client, "list");
    shown.add(&request());
    shown.add(&request().pages());
    let success = request().send().await.expect("an answer");
    shown.add(&success);
    shown.add(&Json(1));
    shown.error(&Request::<Json<Vec<Value>>>::new(&client, "listed").send().await.expect_err("no such operation"));
    shown.error(&Request::<Json<String>>::new(&client, "list").send().await.expect_err("no text"));
    shown.error(&client.call(Call::new("list")).await.expect_err("a problem"));
    client.auth().explain().iter().for_each(|report| {
        shown.add(report);
        shown.add(&report.source);
    });
}
