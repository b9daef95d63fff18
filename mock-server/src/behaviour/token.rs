//! Tokens: login by name and password, refresh, and the token endpoint of OAuth 2.0.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bitting_spec::extension::{AuthCase, RefreshStyle, Rotation, TokenPointers};
use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use super::Desk;
use crate::authenticate::check_password;
use crate::core::Core;
use crate::defect::Flaw;
use crate::exchange::{Answer, Request};
use crate::fake::{Fake, flatten};
use crate::scheme::Scheme;
use crate::token::{ISSUER, Laxness, claim, put};
use crate::world::hash;

/// The life of a token in seconds (ROBOTICKS-2).
pub(crate) const LIFETIME: i64 = 3600;
/// The life of a refresh token in seconds: 30 days.
const REFRESH_LIFETIME: i64 = 30 * 86_400;

/// What a token is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenKind {
    /// To be sent with requests.
    Access,
    /// To be changed for an access token.
    Refresh,
}

/// The claims of a token of `scheme` for `subject` in `organization`. `scopes` of `None` leaves them out: the token
/// may then do whatever its subject may.
pub(crate) fn claims(
    scheme: &Scheme,
    kind: TokenKind,
    (subject, organization): (&str, &str),
    scopes: Option<&[String]>,
    (id, audience): (&str, &str),
    now: DateTime<Utc>,
) -> Map<String, Value> {
    let life = if kind == TokenKind::Access { LIFETIME } else { REFRESH_LIFETIME };
    let now = now.timestamp();
    let used = match kind {
        TokenKind::Access => scheme.name.clone(),
        TokenKind::Refresh => format!("refresh {}", scheme.name),
    };
    let mut claims = json!({
        "iss": ISSUER, "aud": audience, "use": used, "jti": id, "iat": now, "nbf": now, "exp": now + life,
    });
    put(&mut claims, scheme.claim("subject", "/sub"), Value::from(subject));
    put(&mut claims, scheme.claim("organization", "/org"), Value::from(organization));
    if let Some(environment) = &scheme.environment {
        put(&mut claims, "/env", Value::from(environment.as_str()));
    }
    if let Some(scopes) = scopes {
        let pointer = scheme.claim("scopes", "/scope");
        put(&mut claims, pointer, if pointer == "/scope" { Value::from(scopes.join(" ")) } else { json!(scopes) });
    }
    match claims {
        Value::Object(claims) => claims,
        _ => Map::new(),
    }
}

impl Desk<'_> {
    /// Answers a token for a name and a password. Whether the name or the password is wrong cannot be told.
    pub(super) fn login(&self, scheme: &Scheme) -> Answer {
        let Some(acquire) = &scheme.auth.acquire else { return self.not_found() };
        let part = |name: &str| {
            let pointer = acquire.request.get(name).map_or("", String::as_str);
            self.given.body.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
        };
        let (email, password) = (part("username"), part("password"));
        let (found, is_known) = {
            let world = self.core.world();
            (check_password(&world, email, password), world.accounts.users.contains_key(email))
        };
        let Some((organization, _)) = found else {
            let detail = (self.core.flaws.has(Flaw::M60) && !is_known).then_some("User not found");
            let mut answer = self.plan.refusals.answer(401, None, detail).because("login");
            answer.set("www-authenticate", "Bearer");
            return answer;
        };
        self.issued(scheme, &acquire.response, email, &organization)
    }

    /// Answers a new token for the current one, or for a refresh token.
    pub(super) fn refresh(&self, scheme: &Scheme) -> Answer {
        let Some(refresh) = &scheme.auth.refresh else { return self.not_found() };
        if refresh.style != RefreshStyle::RefreshToken {
            let Some(principal) = self.principal else { return self.refused(scheme, AuthCase::Missing) };
            return self.issued(scheme, &refresh.response, &principal.user, &principal.organization);
        }
        let pointer = refresh.request.get("refresh_token").map_or("/refresh_token", String::as_str);
        let token = self.given.body.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        match self.spend(scheme, token, refresh.rotation != Rotation::None) {
            Ok((subject, organization)) => self.issued(scheme, &refresh.response, &subject, &organization),
            Err(case) => self.refused(scheme, case),
        }
    }

    fn refused(&self, scheme: &Scheme, case: AuthCase) -> Answer {
        self.plan.refusals.credential(case, &[scheme])
    }

    /// Checks a refresh token and voids it where each use replaces it.
    fn spend(&self, scheme: &Scheme, token: &str, is_voided: bool) -> Result<(String, String), AuthCase> {
        let claims = self.core.signer.verify(token, Laxness::default()).map_err(|_| AuthCase::Unknown)?;
        let text = |pointer: &str| claim(&claims, pointer).and_then(Value::as_str).unwrap_or_default();
        if text("/use") != format!("refresh {}", scheme.name) {
            return Err(AuthCase::Unknown);
        }
        if claims.get("exp").and_then(Value::as_i64).is_none_or(|end| end <= self.now.timestamp()) {
            return Err(AuthCase::Expired);
        }
        let mut world = self.core.world();
        if world.revoked.contains_key(text("/jti")) {
            return Err(AuthCase::Revoked);
        }
        if is_voided {
            world.revoked.insert(text("/jti").to_owned(), self.now);
        }
        let part = |name, default| text(scheme.claim(name, default)).to_owned();
        Ok((part("subject", "/sub"), part("organization", "/org")))
    }

    fn issued(&self, scheme: &Scheme, pointers: &TokenPointers, subject: &str, organization: &str) -> Answer {
        let document = &self.core.plan.document;
        let schema = self.plan.success.schema.clone().unwrap_or(Value::Bool(true));
        let flat = flatten(document, &schema);
        let properties = flat.get("properties").and_then(Value::as_object);
        let mut body = Value::Object(Fake::new(document, self.core.seed).required(&schema));
        let mut tell = |pointer: Option<&str>, value: Value| {
            let Some(pointer) = pointer else { return };
            let first = pointer.split('/').nth(1).unwrap_or_default();
            if properties.is_none_or(|properties| properties.contains_key(first)) {
                put(&mut body, pointer, value);
            }
        };
        let who = (subject, organization);
        tell(
            Some(&pointers.access_token),
            Value::from(self.core.issue(scheme, TokenKind::Access, who, None, self.now)),
        );
        let kind = properties.and_then(|known| known.get("token_type")).map(|schema| flatten(document, schema));
        if kind.is_none_or(|schema| !schema.contains_key("const") && !schema.contains_key("enum")) {
            tell(pointers.token_type.as_deref(), Value::from("bearer"));
        }
        tell(pointers.expires_in.as_deref(), Value::from(told_life(self.core)));
        if pointers.refresh_token.is_some() {
            let token = self.core.issue(scheme, TokenKind::Refresh, who, None, self.now);
            tell(pointers.refresh_token.as_deref(), Value::from(token));
        }
        uncached(self.core, self.success(body))
    }

    /// The token endpoint, reached by an operation of the document.
    pub(super) fn token(&self, scheme: &Scheme) -> Answer {
        grant(self.core, scheme, &self.given.body, self.request, self.now)
    }
}

/// What is told of a token's life.
fn told_life(core: &Core) -> i64 {
    if core.flaws.has(Flaw::M58) { LIFETIME * 24 } else { LIFETIME }
}

/// RFC 6749, 5.1: no cache may keep a token.
fn uncached(core: &Core, answer: Answer) -> Answer {
    if core.flaws.has(Flaw::M59) { answer } else { answer.with("cache-control", "no-store") }
}

/// An error of the token endpoint (RFC 6749, 5.2).
fn error(core: &Core, status: u16, code: &'static str) -> Answer {
    let answer = uncached(core, Answer::json(status, json!({"error": code})).because(code));
    if status == 401 { answer.with("www-authenticate", "Basic realm=\"token\"") } else { answer }
}

/// Answers a token for an OAuth grant, whose parameters are in `form`.
pub(crate) fn grant(core: &Core, scheme: &Scheme, form: &Value, request: &Request, now: DateTime<Utc>) -> Answer {
    let field = |name: &str| form.get(name).and_then(Value::as_str).unwrap_or_default();
    let basic = request.headers.get("authorization").and_then(|value| value.to_str().ok()).and_then(basic_credentials);
    let posted = || (field("client_id").to_owned(), field("client_secret").to_owned());
    let (id, secret) = basic.unwrap_or_else(posted);
    let client = core.world().clients.get(&id).cloned();
    let Some(client) = client.filter(|client| client.secret == hash(&secret)) else {
        return error(core, 401, "invalid_client");
    };
    match field("grant_type") {
        "client_credentials" => {}
        "authorization_code" | "refresh_token" => return error(core, 400, "invalid_grant"),
        "" => return error(core, 400, "invalid_request"),
        _ => return error(core, 400, "unsupported_grant_type"),
    }
    let asked: Vec<String> = field("scope").split(' ').filter(|scope| !scope.is_empty()).map(str::to_owned).collect();
    if asked.iter().any(|scope| !scheme.scopes.contains(scope)) {
        return error(core, 400, "invalid_scope");
    }
    let is_generous = asked.is_empty() || core.flaws.has(Flaw::M61);
    let granted = if is_generous { scheme.scopes.clone() } else { asked };
    let who = (id.as_str(), client.organization.as_str());
    let token = core.issue(scheme, TokenKind::Access, who, Some(&granted), now);
    let body = json!({
        "access_token": token, "token_type": "Bearer", "expires_in": told_life(core), "scope": granted.join(" "),
    });
    uncached(core, Answer::json(200, body))
}

/// The client's id and secret in HTTP Basic, both form-encoded first (RFC 6749, 2.3.1).
fn basic_credentials(header: &str) -> Option<(String, String)> {
    let (name, text) = header.split_once(' ')?;
    let bytes = STANDARD.decode(text.trim()).ok().filter(|_| name.eq_ignore_ascii_case("basic"))?;
    let text = String::from_utf8(bytes).ok()?;
    let (id, secret) = text.split_once(':')?;
    let decoded = |part: &str| form_urlencoded::parse(part.as_bytes()).next().map(|(text, _)| text.into_owned());
    Some((decoded(id)?, decoded(secret).unwrap_or_default()))
}
