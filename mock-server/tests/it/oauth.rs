//! OAuth 2.0 as ARROTECH-2 and ARROTECH-3 describe it: the consent page, codes, PKCE, the token endpoint.

use bitting_mock::{Core, MintToken, Outcome, Request};
use http::Method;
use serde_json::{Value, json};

use crate::documents::{form, other};
use crate::stage::*;

/// The code verifier and its challenge of RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// An app of the developer portal, and the user at its browser.
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) id: &'static str,
    pub(crate) redirect_uri: String,
    pub(crate) verifier: &'static str,
    pub(crate) authorize: &'static str,
    pub(crate) token: &'static str,
    pub(crate) scope: &'static str,
}

impl App {
    /// The app that asks for one scope of two.
    pub(crate) fn of(core: &Core) -> Self {
        let is_arrotech = status(&core.handle(&get("/chat/providers"))) == 401;
        let (authorize, token, scope) = match is_arrotech {
            true => ("/auth/authorize", "/auth/token", "data:read"),
            false => ("/oauth/authorize", "/oauth/token", "notes:read"),
        };
        let redirect_uri = "https://app.example.com/callback".to_owned();
        Self { id: "client-acme", redirect_uri, verifier: VERIFIER, authorize, token, scope }
    }

    fn query(&self) -> String {
        let mut query =
            form_urlencoded(&[("response_type", "code"), ("client_id", self.id), ("redirect_uri", &self.redirect_uri)]);
        query += &form_urlencoded(&[("scope", self.scope), ("state", "xyz"), ("code_challenge", CHALLENGE)]);
        query + "code_challenge_method=S256"
    }

    /// The page that the browser of the user shows.
    pub(crate) fn page(&self, core: &Core) -> Outcome {
        core.handle(&get(&format!("{}?{}", self.authorize, self.query())))
    }

    fn decided(&self, core: &Core, decision: &str, password: &str) -> Outcome {
        let fields = [
            ("request", self.query()),
            ("email", ADA.into()),
            ("password", password.into()),
            ("decision", decision.into()),
        ];
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let body = form_urlencoded(&fields);
        core.handle(&Request { body: body.into(), ..Request::new(Method::POST, "/_bitting/consent") })
    }

    /// The user consents.
    pub(crate) fn consent(&self, core: &Core) -> Outcome {
        self.decided(core, "allow", "correct-horse-7")
    }

    /// A code for a user who consented.
    pub(crate) fn code(&self, core: &Core) -> String {
        let back = self.consent(core);
        let (_, query) = back.header("location").split_once("code=").unwrap();
        query.split('&').next().unwrap().to_owned()
    }

    /// What the app gets for a code.
    pub(crate) fn exchange(&self, core: &Core, code: &str) -> Outcome {
        self.ask(
            core,
            &[
                ("grant_type", "authorization_code"),
                ("code", code),
                ("redirect_uri", &self.redirect_uri),
                ("code_verifier", self.verifier),
            ],
        )
    }

    /// The tokens of a user who consented.
    pub(crate) fn tokens(&self, core: &Core) -> Value {
        self.exchange(core, &self.code(core)).json()
    }

    /// What the app gets for a refresh token.
    pub(crate) fn refreshed(&self, core: &Core, tokens: &Value) -> Outcome {
        let token = tokens["refresh_token"].as_str().unwrap();
        self.ask(core, &[("grant_type", "refresh_token"), ("refresh_token", token)])
    }

    pub(crate) fn refresh(&self, core: &Core, tokens: &Value) -> Value {
        self.refreshed(core, tokens).json()
    }

    fn ask(&self, core: &Core, fields: &[(&str, &str)]) -> Outcome {
        let secret = format!("client-secret-test-{}-7", self.id.trim_start_matches("client-"));
        let own = [("client_id", self.id), ("client_secret", secret.as_str())];
        core.handle(&form(self.token, &[fields, &own].concat()))
    }
}

fn form_urlencoded(fields: &[(&str, &str)]) -> String {
    let escaped = |text: &str| {
        text.bytes()
            .map(
                |byte| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") },
            )
            .collect::<String>()
    };
    fields.iter().map(|(name, value)| format!("{name}={}&", escaped(value))).collect()
}

/// ARROTECH-3: the page names the app and what it asks for; who allows it is sent back with a code and the state.
#[test]
fn a_user_consents_and_the_app_gets_a_token() {
    let core = core("arrotech");
    let app = App::of(&core);
    let page = app.page(&core);
    let text = String::from_utf8(page.body.to_vec()).unwrap();
    assert_eq!(
        (status(&page), page.header("content-type"), page.header("x-frame-options")),
        (200, "text/html", "DENY")
    );
    assert!(text.contains("Authorize client-acme") && text.contains("<code>data:read</code>"), "{text}");
    let back = app.consent(&core);
    assert_eq!(status(&back), 302);
    assert!(back.header("location").starts_with("https://app.example.com/callback?code=code_test_"));
    assert!(back.header("location").ends_with("&state=xyz"));
    let tokens = app.tokens(&core);
    assert_eq!(
        (&tokens["scope"], &tokens["expires_in"], tokens.get("refresh_token")),
        (&json!("data:read"), &json!(3600), None)
    );
    assert_eq!(status(&read(&core, "/chat/providers", tokens["access_token"].as_str().unwrap())), 200);
}

#[test]
fn a_user_may_say_no_and_mistype() {
    let core = core("arrotech");
    let app = App::of(&core);
    let denied = app.decided(&core, "deny", "");
    assert_eq!(denied.header("location"), "https://app.example.com/callback?error=access_denied&state=xyz");
    let wrong = app.decided(&core, "allow", "wrong");
    assert_eq!(status(&wrong), 401);
    assert!(String::from_utf8_lossy(&wrong.body).contains("wrong") && wrong.header("location").is_empty());
}

/// RFC 6749, 4.1.2: a code lives for a minute and serves once; who brings it twice ends what it gave.
#[test]
fn a_code_is_short_lived_and_serves_once() {
    let core = core("arrotech");
    let app = App::of(&core);
    let (first, late) = (app.code(&core), app.code(&core));
    let token = app.exchange(&core, &first).json()["access_token"].as_str().unwrap().to_owned();
    assert_eq!(status(&read(&core, "/chat/providers", &token)), 200);
    let again = app.exchange(&core, &first);
    assert_eq!((status(&again), again.json()), (400, json!({"error": "invalid_grant"})));
    assert_eq!(status(&read(&core, "/chat/providers", &token)), 401, "its token is taken back");
    core.clock().advance(60).unwrap();
    assert_eq!(app.exchange(&core, &late).json(), json!({"error": "invalid_grant"}));
    assert_eq!(app.exchange(&core, "nonsense").json(), json!({"error": "invalid_grant"}));
}

/// RFC 6749, 3.1.2: the redirect URI is compared to the letter; of a loopback address the port is free.
#[test]
fn a_user_is_sent_to_no_strange_place() {
    let core = core("arrotech");
    let app = App::of(&core);
    let to = |uri: &str| status(&App { redirect_uri: uri.into(), ..app.clone() }.consent(&core));
    assert_eq!((to("http://127.0.0.1:51234/callback"), to("http://127.0.0.1/callback")), (302, 302));
    for uri in [
        "https://app.example.com/callback/",
        "https://app.example.com.evil.example/callback",
        "http://127.0.0.1@evil.example/callback",
        "http://127.0.0.1:1@evil.example/callback",
        "http://127.0.0.1.evil.example/callback",
        "http://127.0.0.1:80/other",
        "javascript:alert(1)",
    ] {
        assert_eq!(to(uri), 400, "{uri}");
        assert_eq!(status(&App { redirect_uri: uri.into(), ..app.clone() }.page(&core)), 400, "{uri}");
    }
}

/// RFC 6749, 4.1.2.1: what an app may not ask for comes back to it as an error.
#[test]
fn a_wrong_request_comes_back_with_an_error() {
    let core = core("arrotech");
    let app = App { scope: "everything", ..App::of(&core) };
    let back = app.page(&core);
    assert_eq!(back.header("location"), "https://app.example.com/callback?error=invalid_scope&state=xyz");
    let unknown = App { id: "nobody", ..App::of(&core) };
    assert_eq!(status(&unknown.page(&core)), 400);
    let grant = core.handle(&form(
        "/auth/token",
        &[("grant_type", "password"), ("client_id", "client-acme"), ("client_secret", "client-secret-test-acme-7")],
    ));
    assert_eq!((status(&grant), grant.json()), (400, json!({"error": "unsupported_grant_type"})));
}

/// RFC 6749, 6, and RFC 9700, 4.14.2: each use replaces a refresh token; a replaced one that comes back ends them all.
#[test]
fn refresh_tokens_rotate_and_a_stolen_one_ends_the_session() {
    let core = other();
    let app = App::of(&core);
    let first = app.tokens(&core);
    let second = app.refresh(&core, &first);
    let third = app.refresh(&core, &second);
    let access = third["access_token"].as_str().unwrap();
    assert_eq!((status(&read(&core, "/v2/notes", access)), &third["scope"]), (200, &json!("notes:read")));
    let foreign = App { id: "client-globex", ..app.clone() };
    assert_eq!(status(&foreign.refreshed(&core, &third)), 400);
    assert_eq!(status(&app.refreshed(&core, &first)), 400);
    assert_eq!(status(&read(&core, "/v2/notes", access)), 401);
    assert_eq!(status(&app.refreshed(&core, &third)), 400);
}

/// RFC 7517: whoever checks tokens without asking finds the key.
#[test]
fn the_public_key_is_there() {
    let core = core("artos");
    let keys = core.handle(&get("/.well-known/jwks.json")).json();
    assert_eq!((&keys["keys"][0]["kty"], &keys["keys"][0]["crv"]), (&json!("OKP"), &json!("Ed25519")));
    let wanted = MintToken { user: ADA.into(), alg: Some(bitting_mock::Algorithm::EdDsa), ..MintToken::default() };
    let token = core.mint_token(&wanted).unwrap().secret;
    assert_eq!(status(&read(&core, "/api/v1/templates/", &token)), 200);
    assert_eq!(status(&crate::stage::core("arrow").handle(&get("/.well-known/jwks.json"))), 404);
}

/// ARROTECH-5: a token of the sandbox is no token of production, as a key is not.
#[test]
fn tokens_belong_to_an_environment() {
    for (name, target, environment) in
        [("arrotech", "/chat/providers", "sandbox"), ("artos", "/api/v1/documents/", "staging")]
    {
        let core = core(name);
        let token = |environment: Option<&str>| {
            let environment = environment.map(str::to_owned);
            core.mint_token(&MintToken { user: ADA.into(), environment, ..MintToken::default() }).unwrap().secret
        };
        assert_eq!(status(&read(&core, target, &token(None))), 200, "{name}");
        assert_eq!(status(&read(&core, target, &token(Some(environment)))), 401, "{name}");
    }
}

/// ARTOS-3: the token carries organization, user, permissions and expiry. ARTOS-7: a user without an organization.
#[test]
fn artos_tokens_carry_what_they_must() {
    use base64::Engine as _;
    let core = core("artos");
    let wanted = MintToken { user: ADA.into(), scopes: Some(vec!["documents".into()]), ..MintToken::default() };
    let token = core.mint_token(&wanted).unwrap().secret;
    let payload = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    let claims: Value = serde_json::from_slice(&payload).unwrap();
    assert_eq!(
        (&claims["org_id"], &claims["sub"], &claims["permissions"]),
        (&json!("acme"), &json!(ADA), &json!(["documents"]))
    );
    assert_eq!(claims["exp"], NOW + 3600);
    assert!(core.remove_member(ADA) && !core.remove_member("nobody@acme.example"));
    let refused = read(&core, "/api/v1/documents/", &token);
    assert_eq!(
        (status(&refused), refused.json()),
        (403, json!({"detail": "User has no organization or not authorized"}))
    );
    assert!(core.restore_member(ADA));
    assert_eq!(status(&read(&core, "/api/v1/documents/", &token)), 200);
}

/// RFC 6749, 6: a refresh may ask for less, and the next one may ask for all again; one that is refused costs nothing.
#[test]
fn a_refresh_token_keeps_its_scopes_and_survives_a_refusal() {
    let core = other();
    let app = App { scope: "notes:read notes:write", ..App::of(&core) };
    let tokens = app.tokens(&core);
    let refreshed = |app: &App, tokens: &Value, scope: &str| {
        let token = tokens["refresh_token"].as_str().unwrap();
        app.ask(&core, &[("grant_type", "refresh_token"), ("refresh_token", token), ("scope", scope)]).json()
    };
    assert_eq!(refreshed(&app, &tokens, "nope")["error"], "invalid_scope");
    let stranger = App { id: "client-globex", ..app.clone() };
    assert_eq!(refreshed(&stranger, &tokens, "notes:read")["error"], "invalid_grant");
    let narrow = refreshed(&app, &tokens, "notes:read");
    assert_eq!(narrow["scope"], "notes:read");
    assert_eq!(refreshed(&app, &narrow, "notes:read notes:write")["scope"], "notes:read notes:write");
    assert_eq!(app.ask(&core, &[("grant_type", "refresh_token")]).json()["error"], "invalid_request");
}

/// RFC 6749, 4.1.2.1: an app that is known is told what is wrong with what it asks for; one that is not sends nobody
/// anywhere.
#[test]
fn a_wrong_question_is_told_to_the_app() {
    let core = core("arrotech");
    let app = App::of(&core);
    let ask = |from: &str, to: &str| core.handle(&get(&format!("{}?{}", app.authorize, app.query().replace(from, to))));
    for (from, to, error) in [
        ("response_type=code", "response_type=token", "unsupported_response_type"),
        ("response_type=code&", "", "invalid_request"),
        ("=S256", "=plain", "invalid_request"),
        ("code_challenge=", "code_challenge=x", "invalid_request"),
        ("state=xyz", "state=xyz&state=abc", "invalid_request"),
        ("data%3Aread", "nope", "invalid_scope"),
    ] {
        let answer = ask(from, to);
        assert_eq!(status(&answer), 302, "{to}");
        assert!(answer.header("location").contains(&format!("error={error}")), "{to}: {}", answer.header("location"));
    }
    for (from, to) in
        [("client%2Dacme", "nobody"), ("app%2Eexample", "evil%2Eexample"), ("client_id=", "client_id=a&client_id=")]
    {
        let answer = ask(from, to);
        assert_eq!((status(&answer), answer.header("location")), (400, ""), "{to}");
    }
}

/// RFC 6749, 2.3 and 3.2: a client proves itself in one way, and says nothing twice.
#[test]
fn a_token_is_asked_for_in_one_way() {
    use base64::Engine as _;
    let core = other();
    let secret = "client-secret-test-acme-7";
    let basic = base64::engine::general_purpose::STANDARD.encode(format!("client-acme:{secret}"));
    let basic = format!("Basic {basic}");
    let fields = [("grant_type", "client_credentials")];
    let asked =
        |fields: &[(&str, &str)]| core.handle(&form("/oauth/token", fields).with_header("authorization", &basic));
    assert_eq!(status(&asked(&fields)), 200);
    for more in [("client_secret", secret), ("client_id", "client-globex"), ("grant_type", "client_credentials")] {
        assert_eq!(asked(&[fields[0], more]).json()["error"], "invalid_request", "{more:?}");
    }
}
