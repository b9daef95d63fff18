//! Tokens: what is in them, login by name and password, refresh, and logout.

use bitting_spec::extension::{AuthCase, RefreshStyle, Rotation, TokenPointers};
use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use super::Desk;
use crate::authenticate::check_password;
use crate::core::Core;
use crate::defect::Flaw;
use crate::exchange::Answer;
use crate::fake::{Fake, flatten};
use crate::scheme::Scheme;
use crate::token::{ISSUER, Laxness, claim, put};

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

/// Whom a token speaks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Holder {
    /// The user's email, or the OAuth client's id.
    pub(crate) subject: String,
    pub(crate) organization: String,
    /// What the token is limited to; `None`: whatever its subject may do.
    pub(crate) scopes: Option<Vec<String>>,
    /// The session: every token that comes from one login or one consent, refreshed ones included.
    pub(crate) session: Option<String>,
    /// The OAuth client that a refresh token is bound to (RFC 6749, 6).
    pub(crate) client: Option<String>,
}

/// The claims of a token of `scheme` for `holder`.
pub(crate) fn claims(
    scheme: &Scheme,
    kind: TokenKind,
    holder: &Holder,
    (id, audience): (&str, &str),
    now: DateTime<Utc>,
) -> Map<String, Value> {
    let life = if kind == TokenKind::Access { LIFETIME } else { REFRESH_LIFETIME };
    let now = now.timestamp();
    let used = match kind {
        TokenKind::Access => scheme.name.clone(),
        TokenKind::Refresh => refresh_use(scheme),
    };
    let mut claims = json!({
        "iss": ISSUER, "aud": audience, "use": used, "jti": id, "iat": now, "nbf": now, "exp": now + life,
    });
    put(&mut claims, scheme.claim("subject", "/sub"), Value::from(holder.subject.as_str()));
    put(&mut claims, scheme.claim("organization", "/org"), Value::from(holder.organization.as_str()));
    let named = [("/env", &scheme.environment), ("/sid", &holder.session), ("/client_id", &holder.client)];
    for (pointer, text) in named {
        if let Some(text) = text {
            put(&mut claims, pointer, Value::from(text.as_str()));
        }
    }
    // A document that says where the scopes stand has them in every token (ARTOS-3).
    let every = || scheme.auth.claims.contains_key("scopes").then_some(&scheme.scopes);
    if let Some(scopes) = holder.scopes.as_ref().or_else(every) {
        let pointer = scheme.claim("scopes", "/scope");
        put(&mut claims, pointer, if pointer == "/scope" { Value::from(scopes.join(" ")) } else { json!(scopes) });
    }
    match claims {
        Value::Object(claims) => claims,
        _ => Map::new(),
    }
}

/// What a refresh token of `scheme` says that it is for.
fn refresh_use(scheme: &Scheme) -> String {
    format!("refresh {}", scheme.name)
}

/// The scopes that a token names, in either of the two forms; `None`: it is not limited.
pub(crate) fn scopes_of(scheme: &Scheme, claims: &Map<String, Value>) -> Option<Vec<String>> {
    match claim(claims, scheme.claim("scopes", "/scope")) {
        Some(Value::String(scopes)) => Some(words(scopes)),
        Some(Value::Array(scopes)) => Some(scopes.iter().filter_map(Value::as_str).map(str::to_owned).collect()),
        _ => None,
    }
}

/// A list of scopes as RFC 6749, 3.3, writes it.
pub(crate) fn words(text: &str) -> Vec<String> {
    text.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

impl Core {
    /// Checks a refresh token and, if `admit` has nothing against its holder, voids it where each use replaces it. A token
    /// that was voided before has been stolen by somebody: the whole session ends (RFC 9700, 4.14.2).
    pub(crate) fn spend<E>(
        &self,
        scheme: &Scheme,
        token: &str,
        admit: impl FnOnce(&Holder) -> Result<(), E>,
        now: DateTime<Utc>,
    ) -> Result<Holder, Unspent<E>> {
        let claims = self
            .signer
            .verify(token, &scheme.algorithms, Laxness::default())
            .map_err(|_| Unspent::Bad(AuthCase::Unknown))?;
        let text = |pointer: &str| claim(&claims, pointer).and_then(Value::as_str).unwrap_or_default();
        if text("/use") != refresh_use(scheme) {
            return Err(Unspent::Bad(AuthCase::Unknown));
        }
        if claims.get("exp").and_then(Value::as_i64).is_none_or(|end| end <= now.timestamp()) {
            return Err(Unspent::Bad(AuthCase::Expired));
        }
        let mut world = self.world();
        if world.revoked.contains_key(text("/jti")) {
            if !self.flaws.has(Flaw::M52) {
                world.revoked.insert(text("/sid").to_owned(), now);
            }
            return Err(Unspent::Bad(AuthCase::Revoked));
        }
        if world.revoked.contains_key(text("/sid")) {
            return Err(Unspent::Bad(AuthCase::Revoked));
        }
        let some = |pointer: &str| Some(text(pointer).to_owned()).filter(|text| !text.is_empty());
        let holder = Holder {
            subject: text(scheme.claim("subject", "/sub")).to_owned(),
            organization: text(scheme.claim("organization", "/org")).to_owned(),
            scopes: scopes_of(scheme, &claims).filter(|_| !self.flaws.has(Flaw::M53)),
            session: some("/sid"),
            client: some("/client_id"),
        };
        admit(&holder).map_err(Unspent::Refused)?;
        let is_voided = scheme.auth.refresh.as_ref().is_some_and(|refresh| refresh.rotation != Rotation::None);
        if is_voided && !self.flaws.has(Flaw::M51) {
            world.revoked.insert(text("/jti").to_owned(), now);
        }
        Ok(holder)
    }
}

/// Why a refresh token is not taken.
#[derive(Debug)]
pub(crate) enum Unspent<E> {
    /// It is not, or no longer, good.
    Bad(AuthCase),
    /// It is good, and not for this.
    Refused(E),
}

impl Desk<'_> {
    /// Answers a token for a name and a password. Whether the name or the password is wrong cannot be told.
    pub(super) fn login(&self, scheme: &Scheme) -> Answer {
        let Some(acquire) = &scheme.auth.acquire else { return self.not_found() };
        let kind = self.given.body.get("grant_type").and_then(Value::as_str);
        if scheme.token_path.is_some() && kind.is_some_and(|kind| kind != "password") {
            return self.token(scheme);
        }
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
        let session = Some(self.core.new_session());
        self.issued(
            scheme,
            &acquire.response,
            &Holder { subject: email.to_owned(), organization, session, ..Holder::default() },
        )
    }

    /// Answers a new token for the current one, or for a refresh token. It may do what the old one might, and no more.
    pub(super) fn refresh(&self, scheme: &Scheme) -> Answer {
        let Some(refresh) = &scheme.auth.refresh else { return self.not_found() };
        if refresh.style != RefreshStyle::RefreshToken {
            let Some(principal) = self.principal else { return self.refused(scheme, AuthCase::Missing) };
            let scopes = principal.scopes.as_ref().filter(|_| !self.core.flaws.has(Flaw::M53));
            let holder = Holder {
                subject: principal.user.clone(),
                organization: principal.organization.clone(),
                scopes: scopes.map(|scopes| scopes.iter().cloned().collect()),
                session: principal.session.clone(),
                client: None,
            };
            return self.issued(scheme, &refresh.response, &holder);
        }
        let pointer = refresh.request.get("refresh_token").map_or("/refresh_token", String::as_str);
        let token = self.given.body.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        match self.core.spend(scheme, token, |_| Ok::<_, AuthCase>(()), self.now) {
            Ok(holder) => self.issued(scheme, &refresh.response, &holder),
            Err(Unspent::Bad(case) | Unspent::Refused(case)) => self.refused(scheme, case),
        }
    }

    fn refused(&self, scheme: &Scheme, case: AuthCase) -> Answer {
        self.plan.refusals.credential(case, &[scheme])
    }

    /// Ends the session of the token that the request carries: it and all that come from the same login are worth
    /// nothing from now on.
    pub(super) fn logout(&self) -> Answer {
        if let Some(principal) = self.principal.filter(|_| !self.core.flaws.has(Flaw::M54)) {
            let mut world = self.core.world();
            let ended = [Some(&principal.credential).filter(|_| !principal.is_key), principal.session.as_ref()];
            for id in ended.into_iter().flatten() {
                world.revoked.insert(id.clone(), self.now);
            }
        }
        self.generate()
    }

    fn issued(&self, scheme: &Scheme, pointers: &TokenPointers, holder: &Holder) -> Answer {
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
        let token = self.core.issue(scheme, TokenKind::Access, holder, self.now);
        tell(Some(&pointers.access_token), Value::from(token));
        let kind = properties.and_then(|known| known.get("token_type")).map(|schema| flatten(document, schema));
        if kind.is_none_or(|schema| !schema.contains_key("const") && !schema.contains_key("enum")) {
            tell(pointers.token_type.as_deref(), Value::from("bearer"));
        }
        tell(pointers.expires_in.as_deref(), Value::from(told_life(self.core)));
        if pointers.refresh_token.is_some() {
            let token = self.core.issue(scheme, TokenKind::Refresh, holder, self.now);
            tell(pointers.refresh_token.as_deref(), Value::from(token));
        }
        uncached(self.core, self.success(body))
    }
}

/// What is told of a token's life.
pub(super) fn told_life(core: &Core) -> i64 {
    if core.flaws.has(Flaw::M58) { LIFETIME * 24 } else { LIFETIME }
}

/// RFC 6749, 5.1: no cache may keep a token.
pub(super) fn uncached(core: &Core, answer: Answer) -> Answer {
    if core.flaws.has(Flaw::M59) { answer } else { answer.with("cache-control", "no-store") }
}
