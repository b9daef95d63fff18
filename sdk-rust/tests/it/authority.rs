//! An authorization server and the API behind it: codes are bound to PKCE, refresh tokens rotate, and a used one ends
//! the session, as RFC 9700 asks. And a browser, as far as a login needs one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bitting::table::Api;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use url::Url;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use crate::api::api;

/// What every secret of these tests contains.
pub(crate) const CANARY: &str = "canary";

/// The server.
#[derive(Clone)]
pub(crate) struct Authority {
    uri: String,
    /// `None`: it runs in another process.
    _server: Option<Arc<MockServer>>,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
pub(crate) struct State {
    /// By code: the challenge and the redirect URI that it was asked for with.
    codes: HashMap<String, (String, String)>,
    /// How many tokens were issued; the last pair is in force.
    pub(crate) issued: usize,
    /// How many refresh tokens were taken.
    pub(crate) refreshes: usize,
    /// A refresh token was used twice, and all of them are void.
    pub(crate) burnt: bool,
    /// What polls for a device code are answered, before a token.
    pub(crate) polls: Vec<&'static str>,
    pub(crate) polled: usize,
    pub(crate) revoked: Vec<String>,
    /// What the token endpoint answers instead.
    pub(crate) instead: Option<ResponseTemplate>,
    pub(crate) forms: Vec<HashMap<String, String>>,
    /// Whether the server describes itself as an OAuth server; as an OpenID provider it always does.
    pub(crate) metadata: bool,
    /// How often it did.
    pub(crate) described: usize,
    /// Whether it says that its answers carry its name.
    pub(crate) signs: bool,
    /// The tokens that the API saw.
    pub(crate) seen: Vec<String>,
}

impl Authority {
    pub(crate) async fn new() -> Self {
        let server = MockServer::start().await;
        let authority = Self::at(server.uri());
        let answering = authority.clone();
        let respond = move |request: &Request| answering.answer(request);
        Mock::given(any()).respond_with(respond).mount(&server).await;
        Self { _server: Some(Arc::new(server)), ..authority }
    }

    /// The server that runs at `uri`, as another process sees it.
    pub(crate) fn at(uri: String) -> Self {
        Self { uri, _server: None, state: Arc::default() }
    }

    pub(crate) fn uri(&self) -> String {
        self.uri.clone()
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("a lock")
    }

    /// An API of one operation that takes this server's tokens.
    pub(crate) fn api(&self) -> Arc<Api> {
        let url = |path: &str| format!("{}{path}", self.uri());
        let flow = json!({"authorizationUrl": url("/authorize"), "tokenUrl": url("/token"), "scopes": {"a": ""},
                          "deviceAuthorizationUrl": url("/device")});
        api(json!({
            "name": "demo", "version": "1", "servers": [self.uri()], "env_prefix": "DEMO",
            "schemes": [{"name": "OAuth", "type": "oauth2", "auth": {"env": {"token": "DEMO_TOKEN"}},
                         "flows": {"authorizationCode": flow, "deviceAuthorization": flow, "password": flow,
                                   "clientCredentials": flow}}],
            "operations": [{"id": "read", "method": "GET", "path": "/data", "security": [{"OAuth": []}]}]
        }))
    }

    /// The same API, whose document leaves everything to what the server says of itself.
    pub(crate) fn described_api(&self) -> Arc<Api> {
        api(json!({
            "name": "demo", "version": "1", "servers": [self.uri()], "env_prefix": "DEMO",
            "schemes": [{"name": "Id", "type": "openIdConnect",
                         "url": format!("{}/.well-known/openid-configuration", self.uri())}],
            "operations": [{"id": "read", "method": "GET", "path": "/data", "security": [{"Id": []}]}]
        }))
    }

    fn answer(&self, request: &Request) -> ResponseTemplate {
        let path = request.url.path();
        let path = path.strip_prefix("/auth").filter(|rest| rest.starts_with('/')).unwrap_or(path);
        if matches!(path, "/data" | "/chat/providers") {
            return self.data(request);
        }
        let mut state = self.state();
        match path {
            "/authorize" => state.authorize(&request.url),
            "/.well-known/oauth-authorization-server" if state.metadata => state.describe(&self.uri()),
            "/.well-known/openid-configuration" => state.describe(&self.uri()),
            "/revoke" => {
                let form = form(request);
                state.revoked.push(form["token"].clone());
                state.forms.push(form);
                ResponseTemplate::new(200)
            }
            "/device" => ResponseTemplate::new(200).set_body_json(json!({
                "device_code": "test-device-canary", "user_code": "AB-CD", "interval": 5, "expires_in": 600,
                "verification_uri": "https://demo.example/device"})),
            "/token" => {
                let form = form(request);
                state.forms.push(form.clone());
                state.instead.clone().unwrap_or_else(|| state.token(&form))
            }
            _ => ResponseTemplate::new(404),
        }
    }

    fn data(&self, request: &Request) -> ResponseTemplate {
        let mut state = self.state();
        let header = request.headers.get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
        state.seen.push(header.to_owned());
        if header == format!("Bearer test-token-canary-{}", state.issued) {
            ResponseTemplate::new(200).set_body_json(json!({}))
        } else {
            ResponseTemplate::new(401)
        }
    }
}

impl State {
    /// What the server at `uri` says of itself (RFC 8414, 3.2).
    fn describe(&mut self, uri: &str) -> ResponseTemplate {
        self.described += 1;
        let url = |path: &str| format!("{uri}{path}");
        ResponseTemplate::new(200).set_body_json(json!({
            "issuer": uri, "authorization_endpoint": url("/authorize"), "token_endpoint": url("/token"),
            "device_authorization_endpoint": url("/device"), "revocation_endpoint": url("/revoke"),
            "authorization_response_iss_parameter_supported": self.signs}))
    }

    fn authorize(&mut self, url: &Url) -> ResponseTemplate {
        let query: HashMap<String, String> = url.query_pairs().into_owned().collect();
        assert_eq!((query["response_type"].as_str(), query["code_challenge_method"].as_str()), ("code", "S256"));
        let code = format!("test-code-canary-{}", self.codes.len());
        self.codes.insert(code.clone(), (query["code_challenge"].clone(), query["redirect_uri"].clone()));
        let back = format!("{}?code={code}&state={}", query["redirect_uri"], query["state"]);
        ResponseTemplate::new(302).insert_header("location", back)
    }

    fn token(&mut self, form: &HashMap<String, String>) -> ResponseTemplate {
        let refuse = |code: &str| ResponseTemplate::new(400).set_body_json(json!({"error": code}));
        let field = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
        match field("grant_type") {
            "authorization_code" => match self.codes.remove(field("code")) {
                Some((challenge, redirect_uri))
                    if challenge == URL_SAFE_NO_PAD.encode(Sha256::digest(field("code_verifier")))
                        && redirect_uri == field("redirect_uri") =>
                {
                    self.issue()
                }
                _ => refuse("invalid_grant"),
            },
            "refresh_token" => {
                let current = format!("test-refresh-canary-{}", self.issued);
                if self.burnt || field("refresh_token") != current {
                    self.burnt = true;
                    // Later than the token of who was first, as servers that look into a race are.
                    return refuse("invalid_grant").set_delay(Duration::from_millis(150));
                }
                self.refreshes += 1;
                self.issue()
            }
            "client_credentials" => self.issue(),
            "password" if field("password") == "test-password-canary" => self.issue(),
            "password" => refuse("invalid_grant"),
            "urn:ietf:params:oauth:grant-type:device_code" => {
                self.polled += 1;
                if self.polls.is_empty() { self.issue() } else { refuse(self.polls.remove(0)) }
            }
            _ => refuse("unsupported_grant_type"),
        }
    }

    fn issue(&mut self) -> ResponseTemplate {
        self.issued += 1;
        let number = self.issued;
        let token = json!({"access_token": format!("test-token-canary-{number}"), "expires_in": 3600, "scope": "a data:read",
                           "refresh_token": format!("test-refresh-canary-{number}")});
        // Slow enough that everybody who wants the token is waiting before it comes.
        ResponseTemplate::new(200).set_body_json(token).set_delay(Duration::from_millis(50))
    }
}

fn form(request: &Request) -> HashMap<String, String> {
    form_urlencoded::parse(&request.body).into_owned().collect()
}

/// Sends one request as a browser does, and answers status, `Location` and body.
pub(crate) async fn browse(method: &str, url: &str, host: Option<&str>) -> (u16, Option<String>, String) {
    let url = Url::parse(url).expect("a URL");
    let authority = format!("{}:{}", url.host_str().expect("a host"), url.port().expect("a port"));
    let mut stream = TcpStream::connect(&authority).await.expect("a connection");
    let target = format!("{}{}", url.path(), url.query().map(|query| format!("?{query}")).unwrap_or_default());
    let host = host.unwrap_or(&authority);
    let request =
        format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("a request");
    let mut text = String::new();
    stream.read_to_string(&mut text).await.expect("an answer");
    let status = text.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    let location = text
        .lines()
        .find_map(|line| line.to_ascii_lowercase().starts_with("location: ").then(|| line[10..].to_owned()));
    (status, location, text)
}

/// A user who consents: opens the page, and follows it back.
pub(crate) fn consent(url: &Url) {
    let url = url.to_string();
    tokio::spawn(async move {
        let (status, location, _) = browse("GET", &url, None).await;
        assert_eq!(status, 302);
        let (status, _, page) = browse("GET", &location.expect("a way back"), None).await;
        assert_eq!(status, 200);
        assert!(!page.contains(CANARY), "{page}");
    });
}

/// Awaits a login that a user of these tests takes part in: it hangs if that user fails.
pub(crate) async fn in_time<T>(login: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), login).await.expect("the user takes part")
}

/// The value of a query parameter.
pub(crate) fn parameter(url: &Url, name: &str) -> String {
    url.query_pairs().find(|(known, _)| known == name).map(|(_, value)| value.into_owned()).expect(name)
}

/// JSON as the token endpoint answers it.
pub(crate) fn body(status: u16, body: &Value) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_json(body)
}
