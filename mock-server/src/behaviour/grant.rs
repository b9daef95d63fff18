//! The token endpoint of OAuth 2.0 (RFC 6749, 3.2): client credentials, authorization code with PKCE, refresh token.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bitting_spec::extension::RefreshStyle;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::Desk;
use super::token::{Holder, TokenKind, Unspent, told_life, uncached, words};
use crate::authenticate::check_password;
use crate::core::Core;
use crate::defect::Flaw;
use crate::exchange::{Answer, Request};
use crate::scheme::Scheme;
use crate::world::{Code, hash};

/// A request to the token endpoint.
struct Exchange<'a> {
    core: &'a Core,
    scheme: &'a Scheme,
    form: &'a Value,
    now: DateTime<Utc>,
    /// The client that asks, which has proven that it is that client.
    client: String,
}

/// Why no token is granted: the error codes of RFC 6749, 5.2.
type Refused = &'static str;

/// Answers a token for an OAuth grant, whose parameters are in `form`.
pub(crate) fn grant(core: &Core, scheme: &Scheme, form: &Value, request: &Request, now: DateTime<Utc>) -> Answer {
    let field = |name: &str| form.get(name).and_then(Value::as_str).unwrap_or_default();
    let basic = request.headers.get("authorization").and_then(|value| value.to_str().ok()).and_then(basic_credentials);
    let posted = (field("client_id").to_owned(), field("client_secret").to_owned());
    // RFC 6749, 2.3: a client proves itself in one way; 3.2: no parameter comes twice.
    let is_double = |(id, _): &(String, String)| !posted.1.is_empty() || !posted.0.is_empty() && posted.0 != *id;
    if basic.as_ref().is_some_and(is_double) || has_doubles(request) {
        return error(core, 400, "invalid_request");
    }
    let (id, secret) = basic.unwrap_or(posted);
    if field("grant_type") == "password" && scheme.has_password_grant && id.is_empty() {
        // An app that was given no secret has none to show (RFC 6749, 2.1 and 4.3.2).
        let exchange = Exchange { core, scheme, form, now, client: String::new() };
        let granted = exchange.password().map(Granted::of);
        return granted.map_or_else(|code| error(core, 400, code), |granted| exchange.answer(&granted));
    }
    let client = core.world().clients.get(&id).cloned();
    let Some(client) = client.filter(|client| bool::from(client.secret.ct_eq(&hash(&secret)))) else {
        return error(core, 401, "invalid_client");
    };
    let exchange = Exchange { core, scheme, form, now, client: id };
    let granted = match field("grant_type") {
        "client_credentials" => exchange.client_credentials(client.organization).map(Granted::of),
        "authorization_code" => exchange.authorization_code().map(Granted::of),
        "password" if scheme.has_password_grant => exchange.password().map(Granted::of),
        "refresh_token" if renews(scheme) => exchange.refresh_token(),
        "" => Err("invalid_request"),
        _ => Err("unsupported_grant_type"),
    };
    match granted {
        Ok(granted) => exchange.answer(&granted),
        Err(code) => error(core, 400, code),
    }
}

/// Whom the tokens are for.
struct Granted {
    holder: Holder,
    /// What the next refresh token is limited to: what the first one was (RFC 6749, 6).
    lasting: Option<Vec<String>>,
}

impl Granted {
    fn of(holder: Holder) -> Self {
        Self { lasting: holder.scopes.clone(), holder }
    }
}

/// Whether the document has refresh tokens of OAuth 2.0 for this scheme.
pub(crate) fn renews(scheme: &Scheme) -> bool {
    scheme.auth.refresh.as_ref().is_some_and(|refresh| refresh.style == RefreshStyle::Oauth2)
}

/// Whether a parameter of a form comes twice.
fn has_doubles(request: &Request) -> bool {
    let media = request.headers.get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default();
    media.starts_with("application/x-www-form-urlencoded") && doubled(&request.body).is_some()
}

/// The name of a field that comes twice in a form.
pub(super) fn doubled(form: &[u8]) -> Option<String> {
    let mut names: Vec<_> = form_urlencoded::parse(form).map(|(name, _)| name).collect();
    names.sort_unstable();
    names.windows(2).find(|pair| pair[0] == pair[1]).map(|pair| pair[0].to_string())
}

impl Exchange<'_> {
    fn field(&self, name: &str) -> &str {
        self.form.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    /// RFC 6749, 4.4: the token is for the client itself, with the scopes that it asks for, or all.
    fn client_credentials(&self, organization: String) -> Result<Holder, Refused> {
        let asked = words(self.field("scope"));
        if asked.iter().any(|scope| !self.scheme.scopes.contains(scope)) {
            return Err("invalid_scope");
        }
        let is_generous = asked.is_empty() || self.core.flaws.has(Flaw::M61);
        let granted = if is_generous { self.scheme.scopes.clone() } else { asked };
        Ok(Holder { subject: self.client.clone(), organization, scopes: Some(granted), ..Holder::default() })
    }

    /// RFC 6749, 4.3: the token is for the user, with the scopes that are asked for, or all.
    fn password(&self) -> Result<Holder, Refused> {
        let (email, password) = (self.field("username"), self.field("password"));
        let found = check_password(&self.core.world(), email, password);
        let Some((organization, _)) = found else { return Err("invalid_grant") };
        let asked = words(self.field("scope"));
        if asked.iter().any(|scope| !self.scheme.scopes.contains(scope)) {
            return Err("invalid_scope");
        }
        let session = Some(self.core.new_session());
        let scopes = Some(asked).filter(|asked| !asked.is_empty());
        let client = Some(self.client.clone()).filter(|client| !client.is_empty());
        Ok(Holder { subject: email.to_owned(), organization, scopes, session, client })
    }

    /// RFC 6749, 4.1.3: the token is for the user who consented.
    fn authorization_code(&self) -> Result<Holder, Refused> {
        let (code, uri) = (self.field("code"), self.field("redirect_uri"));
        if code.is_empty() {
            return Err("invalid_request");
        }
        let mut world = self.core.world();
        let Some(known) = world.codes.find_mut(code) else { return Err("invalid_grant") };
        let is_bound = known.client == self.client && known.redirect_uri == uri || self.core.flaws.has(Flaw::M56);
        if !is_bound || known.is_over(self.now) || !self.is_proven(known) {
            return Err("invalid_grant");
        }
        if known.is_used && !self.core.flaws.has(Flaw::M55) {
            // Somebody has stolen it, and nobody knows who came first.
            let session = known.session.clone();
            world.revoked.insert(session, self.now);
            return Err("invalid_grant");
        }
        known.is_used = true;
        let Code { user, scopes, session, .. } = known.clone();
        let organization = world.accounts.users.get(&user).map(|user| user.organization.clone());
        Ok(Holder {
            subject: user,
            organization: organization.ok_or("invalid_grant")?,
            scopes: Some(scopes),
            session: Some(session),
            client: Some(self.client.clone()),
        })
    }

    /// RFC 7636, 4.6: whoever has the code also has what its challenge was made from. Without a challenge there must be
    /// no verifier either (RFC 9700, 4.8.2).
    fn is_proven(&self, code: &Code) -> bool {
        let verifier = self.field("code_verifier");
        let made = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()));
        match &code.challenge {
            _ if self.core.flaws.has(Flaw::M57) => true,
            Some(challenge) => bool::from(made.as_bytes().ct_eq(challenge.as_bytes())),
            None => verifier.is_empty(),
        }
    }

    /// RFC 6749, 6: a scope may be given up and none gained.
    fn refresh_token(&self) -> Result<Granted, Refused> {
        let token = self.field("refresh_token");
        if token.is_empty() {
            return Err("invalid_request");
        }
        let asked = words(self.field("scope"));
        let granted = |holder: &Holder| holder.scopes.clone().unwrap_or_else(|| self.scheme.scopes.clone());
        let admit = |holder: &Holder| match () {
            () if holder.client.as_ref() != Some(&self.client) => Err("invalid_grant"),
            () if asked.iter().any(|scope| !granted(holder).contains(scope)) => Err("invalid_scope"),
            () => Ok(()),
        };
        let holder = self.core.spend(self.scheme, token, admit, self.now).map_err(|unspent| match unspent {
            Unspent::Bad(_) => "invalid_grant",
            Unspent::Refused(code) => code,
        })?;
        let lasting = granted(&holder);
        let scopes = Some(if asked.is_empty() { lasting.clone() } else { asked });
        Ok(Granted { holder: Holder { scopes, ..holder }, lasting: Some(lasting) })
    }

    fn answer(&self, Granted { holder, lasting }: &Granted) -> Answer {
        let mut body = json!({
            "access_token": self.core.issue(self.scheme, TokenKind::Access, holder, self.now),
            "token_type": "Bearer",
            "expires_in": told_life(self.core),
            "scope": holder.scopes.as_ref().map(|scopes| scopes.join(" ")).unwrap_or_default(),
        });
        if renews(self.scheme) && holder.client.is_some() {
            let holder = Holder { scopes: lasting.clone(), ..holder.clone() };
            let token = self.core.issue(self.scheme, TokenKind::Refresh, &holder, self.now);
            body["refresh_token"] = Value::from(token);
        }
        uncached(self.core, Answer::json(200, body))
    }
}

impl Desk<'_> {
    /// The token endpoint, reached by an operation of the document.
    pub(super) fn token(&self, scheme: &Scheme) -> Answer {
        grant(self.core, scheme, &self.given.body, self.request, self.now)
    }
}

/// An error of the token endpoint (RFC 6749, 5.2).
pub(crate) fn error(core: &Core, status: u16, code: Refused) -> Answer {
    let answer = uncached(core, Answer::json(status, json!({"error": code})).because(code));
    if status == 401 { answer.with("www-authenticate", "Basic realm=\"token\"") } else { answer }
}

/// The fields of a form.
pub(crate) fn fields(body: &[u8]) -> Value {
    let pairs = form_urlencoded::parse(body);
    Value::Object(pairs.map(|(name, value)| (name.into_owned(), Value::from(value.into_owned()))).collect())
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
