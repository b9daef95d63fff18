//! Credentials at work: which secret goes on a request and how, logins when a token is wanted, wrong ones to order.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bitting_spec::extension::Acquire;
use bitting_spec::infer::is_logout;
use bitting_spec::table::{Location, SchemeKind};
use bitting_spec::{Operation, SecurityScheme};
use serde_json::{Map, Value};
use tokio::sync::{Mutex, OnceCell};

use super::former::Former;
use super::grant::password_flow;
use super::life::Ageing;
use super::{Context, Stop};
use crate::clock;
use crate::credentials::{Login, Nature, Role, nature};
use crate::generate::{Case, body_media};
use crate::http::Request;
use crate::provision::{KeyOrder, ProvisionError, Provisioner, Tamper, TokenOrder};
use crate::secret::Secret;

/// A token is renewed so long before its end, so that it does not end on the way; one that lives shortly, in the last
/// quarter of its life.
const MARGIN: Duration = Duration::from_secs(60);
/// At least so long: servers count lives in whole seconds.
const SHORTEST_MARGIN: Duration = Duration::from_millis(1500);
/// No run lasts longer, whatever life a server names.
const LONGEST_LIFE: Duration = Duration::from_secs(24 * 3600);
/// How long a token is used whose life is not known.
const USUAL_LIFE: Duration = Duration::from_secs(300);

/// A credential that the API made, or why there is none.
type Made = Arc<OnceCell<Result<Secret, String>>>;

/// Tokens of logins, to be used again while they live.
#[derive(Debug, Default)]
pub(super) struct Keyring {
    pub(super) sessions: Mutex<HashMap<(Role, String), (Secret, Instant)>>,
    pub(super) ageing: Ageing,
    pub(super) former: OnceCell<Former>,
    wrongs: Mutex<HashMap<(String, String), Made>>,
}

/// A credential that must not work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wrong {
    /// Its life has ended.
    Expired,
    /// It was taken back.
    Revoked,
    /// It belongs to another environment.
    OtherEnvironment(String),
    /// It is a token with a wrong claim.
    Forged(Tamper),
}

impl Keyring {
    /// The tokens that a principal has from its logins.
    pub(super) async fn held(&self, role: Role) -> Vec<Secret> {
        let sessions = self.sessions.lock().await;
        sessions.iter().filter(|((of, _), _)| *of == role).map(|(_, (secret, _))| secret.clone()).collect()
    }

    /// Forgets these tokens of a principal; those that came in the meantime stay.
    pub(super) async fn give_up(&self, role: Role, secrets: &[Secret]) {
        self.sessions.lock().await.retain(|(of, _), (secret, _)| *of != role || !secrets.contains(secret));
    }
}

impl Context<'_> {
    /// Forgets the tokens of all logins: whoever needs one logs in again.
    pub(super) async fn log_in_anew(&self) {
        self.keyring.sessions.lock().await.clear();
    }

    /// `request` with what the principal needs for `operation`: the first alternative that it holds.
    pub(crate) async fn authorized(
        &self,
        operation: &Operation,
        role: Role,
        request: Request,
    ) -> Result<Request, Stop> {
        let mut reason = None;
        for alternative in operation.security.iter().filter(|alternative| !alternative.is_empty()) {
            match self.secrets(operation, alternative.keys(), role).await {
                Ok(secrets) => return Ok(with_secrets(request, &secrets)),
                Err(stop) => reason = reason.or(Some(stop)),
            }
        }
        if operation.is_public() {
            Ok(request)
        } else {
            Err(reason.unwrap_or_else(|| Stop::Skip("nothing opens it".to_owned())))
        }
    }

    /// `request` with the principal's secret for each of `schemes`.
    pub(crate) async fn with_alternative(
        &self,
        operation: &Operation,
        schemes: impl Iterator<Item = &String>,
        role: Role,
        request: Request,
    ) -> Result<Request, Stop> {
        Ok(with_secrets(request, &self.secrets(operation, schemes, role).await?))
    }

    /// The principal's secret for each of `schemes`.
    async fn secrets(
        &self,
        operation: &Operation,
        schemes: impl Iterator<Item = &String>,
        role: Role,
    ) -> Result<Vec<(&SecurityScheme, Secret)>, Stop> {
        let mut secrets = Vec::new();
        for name in schemes {
            let Some(scheme) = self.document.scheme(name) else { continue };
            let secret = self.secret_for(operation, role, scheme).await?;
            secrets.push((scheme, secret));
        }
        Ok(secrets)
    }

    /// The principal's secret for a call of `operation`. What ends a session gets one of its own.
    pub(crate) async fn secret_for(
        &self,
        operation: &Operation,
        role: Role,
        scheme: &SecurityScheme,
    ) -> Result<Secret, Stop> {
        if ends_session(self, operation) && nature(scheme) == Nature::Token {
            self.session(role, scheme).await
        } else {
            Ok(self.secret(role, scheme).await?)
        }
    }

    /// The principal's secret for a scheme: the given one, or a token of a login.
    pub(crate) async fn secret(&self, role: Role, scheme: &SecurityScheme) -> Result<Secret, Denied> {
        let principal = self.credentials.principal(role);
        if let Some(secret) = principal.and_then(|principal| principal.secret(scheme)) {
            return Ok(secret);
        }
        let mut sessions = self.keyring.sessions.lock().await;
        let place = (role, scheme.name.clone());
        if let Some((secret, until)) = sessions.get(&place)
            && clock::now() < *until
        {
            return Ok(secret.clone());
        }
        let (secret, life) = self.new_session(role, scheme).await?;
        let life = life.unwrap_or(USUAL_LIFE).min(LONGEST_LIFE);
        let margin = MARGIN.min((life / 4).max(SHORTEST_MARGIN));
        sessions.insert(place, (secret.clone(), clock::now() + life.saturating_sub(margin)));
        Ok(secret)
    }

    /// A token of the principal that nothing else uses.
    pub(crate) async fn session(&self, role: Role, scheme: &SecurityScheme) -> Result<Secret, Stop> {
        Ok(self.new_session(role, scheme).await?.0)
    }

    /// A new token of the principal; with its life, if it is told.
    pub(super) async fn new_session(
        &self,
        role: Role,
        scheme: &SecurityScheme,
    ) -> Result<(Secret, Option<Duration>), Denied> {
        let missing = || {
            format!(
                "the principal `{role}` has nothing for {}: give it under `secrets`, or a `login` or `client`",
                scheme.name
            )
        };
        let login = self.credentials.principal(role).and_then(|principal| principal.login.as_ref());
        if let (Some(acquire), Some(login)) = (&scheme.auth.acquire, login) {
            let (request, answer) = self.log_in(acquire, login).await?;
            let token = answer.pointer(&acquire.response.access_token).and_then(Value::as_str);
            let token = Secret::new(token.ok_or_else(|| Stop::Skip("the login answered no token".to_owned()))?);
            let life = acquire.response.expires_in.as_ref().and_then(|pointer| answer.pointer(pointer)?.as_u64());
            self.keep_taken(role, &scheme.name, &token, &request, &acquire.response.access_token);
            let life = life.or_else(|| life_of(&token));
            return Ok((token, life.map(Duration::from_secs)));
        }
        let granted = match self.granted_to_user(role, scheme).await? {
            None => self.granted(role, scheme).await?,
            granted => granted,
        };
        if let Some((token, life)) = granted {
            self.keep(role, &scheme.name, &token);
            let life = life.or_else(|| life_of(&token));
            return Ok((token, life.map(Duration::from_secs)));
        }
        let (Some(provisioner), Some(login), Nature::Token) = (self.credentials.provisioner(), login, nature(scheme))
        else {
            return Err(Stop::Skip(missing()).into());
        };
        let minted = provisioner.mint_token(TokenOrder { scheme: Some(scheme.name.clone()), ..order(login) }).await;
        let minted = minted.map_err(|error| unprovided(&error))?;
        self.keep(role, &scheme.name, &minted.secret);
        Ok((minted.secret, None))
    }

    /// The whole answer to a new login of the principal, where the scheme's tokens come from one.
    pub(crate) async fn fresh_login(&self, role: Role, scheme: &SecurityScheme) -> Result<Value, Stop> {
        let login = self.credentials.principal(role).and_then(|principal| principal.login.as_ref());
        let (Some(acquire), Some(login)) = (&scheme.auth.acquire, login) else {
            return Err(Stop::Skip(format!("the principal `{role}` has no login for {}", scheme.name)));
        };
        let (request, answer) = self.log_in(acquire, login).await?;
        for pointer in
            [Some(&acquire.response.access_token), acquire.response.refresh_token.as_ref()].into_iter().flatten()
        {
            if let Some(token) = answer.pointer(pointer).and_then(Value::as_str) {
                self.keep_taken(role, &scheme.name, &Secret::new(token), &request, pointer);
            }
        }
        Ok(answer)
    }

    /// Logs in by the operation that the document names, and gives the request and the answer's JSON.
    pub(crate) async fn log_in(&self, acquire: &Acquire, login: &Login) -> Result<(Request, Value), Denied> {
        let operation = self.document.operation(&acquire.operation_id);
        let operation =
            operation.ok_or_else(|| Stop::Skip(format!("the document has no operation `{}`", acquire.operation_id)))?;
        let request = self.login_case(operation, acquire, login).request(operation).map_err(Stop::Skip)?;
        let exchange = self.exchange(request).await.map_err(|broken| Stop::broken(&broken))?;
        if !exchange.answer.is_success() {
            let status = exchange.answer.status;
            return Err(Denied::Refused {
                status,
                said: format!("the login of {} was answered with {status}", login.username),
            });
        }
        let answer = exchange.answer.json();
        let answer = answer.ok_or_else(|| Stop::Skip("the login answered no JSON".to_owned()))?;
        Ok((exchange.request, answer))
    }

    /// The case of a login: what the schema asks for, with name and password where the document says.
    pub(crate) fn login_case(&self, operation: &Operation, acquire: &Acquire, login: &Login) -> Case {
        let scopes = self.scopes_of_login(acquire).join(" ");
        let parts = acquire.request.iter().filter_map(|(part, pointer)| match part.as_str() {
            "username" => Some((pointer.as_str(), login.username.as_str())),
            "password" => Some((pointer.as_str(), login.password.expose())),
            "grant_type" => Some((pointer.as_str(), "password")),
            "scope" if !scopes.is_empty() => Some((pointer.as_str(), scopes.as_str())),
            _ => None,
        });
        self.filled_case(operation, parts)
    }

    /// Every scope that a login can ask for, where it is one of OAuth 2.0.
    fn scopes_of_login(&self, acquire: &Acquire) -> Vec<&str> {
        let is_its = |scheme: &&SecurityScheme| {
            scheme.auth.acquire.as_ref().is_some_and(|own| own.operation_id == acquire.operation_id)
        };
        let flows = self.document.security_schemes.iter().filter(is_its).filter_map(password_flow);
        flows.flat_map(|flow| flow.scopes.keys().map(String::as_str)).collect()
    }

    /// The least case of an operation, with these texts in its body, each at a JSON pointer.
    pub(crate) fn filled_case<'p>(
        &self,
        operation: &Operation,
        parts: impl Iterator<Item = (&'p str, &'p str)>,
    ) -> Case {
        let mut case = self.shape(operation).minimal(self, operation);
        let Some((media_type, _)) = body_media(operation) else { return case };
        let mut body = case.body.take().map_or(Value::Null, |(_, value)| value);
        for (pointer, value) in parts {
            put(&mut body, pointer, Value::from(value));
        }
        case.body = Some((media_type.clone(), body));
        case
    }

    /// A credential for `scheme` that must not work: the given one, or one made to order.
    pub(crate) async fn wrong(&self, wrong: &Wrong, scheme: &SecurityScheme) -> Result<Secret, Stop> {
        let role = match wrong {
            Wrong::Expired => Some(Role::Expired),
            Wrong::Revoked => Some(Role::Revoked),
            Wrong::OtherEnvironment(_) => Some(Role::OtherEnvironment),
            Wrong::Forged(_) => None,
        };
        let given = role.and_then(|role| self.credentials.principal(role)?.secrets.get(&scheme.name));
        if let Some(secret) = given {
            return Ok(secret.clone());
        }
        match self.credentials.provisioner() {
            Some(provisioner) => self.ordered(wrong, scheme, provisioner).await,
            None => self.issued_wrong(wrong, scheme).await,
        }
    }

    /// One key that the API made for all who need it: it is made once.
    pub(crate) async fn issued_wrong(&self, wrong: &Wrong, scheme: &SecurityScheme) -> Result<Secret, Stop> {
        let cell = {
            let mut made = self.keyring.wrongs.lock().await;
            Arc::clone(made.entry((scheme.name.clone(), format!("{wrong:?}"))).or_default())
        };
        let make = || async { self.issue_wrong(wrong, scheme).await.map_err(Stop::reason) };
        cell.get_or_init(make).await.clone().map_err(Stop::Skip)
    }

    async fn ordered(
        &self,
        wrong: &Wrong,
        scheme: &SecurityScheme,
        provisioner: &dyn Provisioner,
    ) -> Result<Secret, Stop> {
        let nobody = || Stop::Skip(format!("nobody gave or can make such a credential for {}", scheme.name));
        let login = self
            .credentials
            .principal(Role::Valid)
            .and_then(|principal| principal.login.as_ref())
            .ok_or_else(nobody)?;
        let secret = match nature(scheme) {
            Nature::Key => self.wrong_key(wrong, scheme, provisioner, login).await,
            Nature::Token => self.wrong_token(wrong, scheme, provisioner, login).await,
            Nature::Other => return Err(nobody()),
        };
        let secret = secret.map_err(|error| unprovided(&error))?;
        let (variable, origin) = wrong.described();
        self.vault.keep(&secret, variable, &format!("{origin} for {}", scheme.name));
        Ok(secret)
    }

    async fn wrong_key(
        &self,
        wrong: &Wrong,
        scheme: &SecurityScheme,
        provisioner: &dyn Provisioner,
        login: &Login,
    ) -> Result<Secret, ProvisionError> {
        let environment = if let Wrong::OtherEnvironment(name) = wrong { Some(name.clone()) } else { None };
        let order = KeyOrder {
            user: login.username.clone(),
            scheme: Some(scheme.name.clone()),
            environment,
            ..KeyOrder::default()
        };
        let minted = provisioner.mint_key(order).await?;
        match wrong {
            Wrong::Expired => provisioner.expire_key(&minted.id).await?,
            Wrong::Revoked => {
                // Used once while it works, so that a server that remembers its answer is found out.
                self.use_once(scheme, &minted.secret).await;
                provisioner.revoke_key(&minted.id).await?;
            }
            Wrong::OtherEnvironment(_) => {}
            Wrong::Forged(_) => return Err(ProvisionError::Unsupported),
        }
        Ok(minted.secret)
    }

    async fn wrong_token(
        &self,
        wrong: &Wrong,
        scheme: &SecurityScheme,
        provisioner: &dyn Provisioner,
        login: &Login,
    ) -> Result<Secret, ProvisionError> {
        let mut order = TokenOrder { scheme: Some(scheme.name.clone()), ..order(login) };
        match wrong {
            Wrong::Expired => order.expired = true,
            Wrong::Forged(tamper) => order.tamper = *tamper,
            Wrong::Revoked => {}
            Wrong::OtherEnvironment(name) => order.environment = Some(name.clone()),
        }
        let minted = provisioner.mint_token(order).await?;
        if *wrong == Wrong::Revoked {
            self.use_once(scheme, &minted.secret).await;
            provisioner.revoke_token(&minted.id).await?;
        }
        Ok(minted.secret)
    }

    /// Uses a credential on operations that only read, until it opens one. Whether it did.
    pub(super) async fn use_once(&self, scheme: &SecurityScheme, secret: &Secret) -> bool {
        !self.opened(scheme, secret, self.document.operations.iter().collect(), 1).await.is_empty()
    }

    /// The operations among these that only read and that a credential opens: the first `most`.
    pub(super) async fn opened<'o>(
        &self,
        scheme: &SecurityScheme,
        secret: &Secret,
        among: Vec<&'o Operation>,
        most: usize,
    ) -> Vec<&'o Operation> {
        let takes = |operation: &&Operation| {
            operation.method == "GET"
                && operation.security.iter().any(|one| one.len() == 1 && one.contains_key(&scheme.name))
        };
        let mut opened = Vec::new();
        for operation in among.into_iter().filter(takes) {
            let case = Box::pin(self.arguments(operation, Role::Valid, false)).await;
            let Some(request) = case.ok().and_then(|case| case.request(operation).ok()) else { continue };
            if self.exchange(apply(scheme, secret, request)).await.is_ok_and(|exchange| exchange.answer.is_success()) {
                opened.push(operation);
            }
            if opened.len() >= most {
                break;
            }
        }
        opened
    }
}

/// Why there is no credential.
#[derive(Debug)]
pub(crate) enum Denied {
    /// Who gives them refused this principal, with this status.
    Refused { status: u16, said: String },
    /// Nobody could be asked.
    Other(Stop),
}

impl From<Stop> for Denied {
    fn from(stop: Stop) -> Self {
        Self::Other(stop)
    }
}

impl From<Denied> for Stop {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::Refused { said, .. } => Self::Skip(said),
            Denied::Other(stop) => stop,
        }
    }
}

/// The claims of a JWT. Nothing is verified: the suite only reads what the server wrote.
pub(crate) fn claims(token: &str) -> Option<Value> {
    let payload = token.split('.').nth(1)?;
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()
}

/// The seconds that a JWT has left (RFC 7519, 4.1.4).
fn life_of(token: &Secret) -> Option<u64> {
    let end = claims(token.expose())?.get("exp")?.as_i64()?;
    u64::try_from(end.saturating_sub(clock::unix())).ok()
}

impl Wrong {
    /// The shell variable for it, and what it is.
    fn described(&self) -> (&'static str, &'static str) {
        match self {
            Self::Expired => ("EXPIRED_CREDENTIAL", "an expired credential"),
            Self::Revoked => ("REVOKED_CREDENTIAL", "a revoked credential"),
            Self::OtherEnvironment(_) => ("SANDBOX_CREDENTIAL", "a credential of another environment"),
            Self::Forged(_) => ("FORGED_CREDENTIAL", "a token with a wrong claim"),
        }
    }
}

fn order(login: &Login) -> TokenOrder {
    TokenOrder { user: login.username.clone(), ..TokenOrder::default() }
}

pub(super) fn unprovided(error: &ProvisionError) -> Stop {
    Stop::Skip(format!("no such credential could be made: {error}"))
}

/// Whether a call of the operation ends, or may end, the session of its token: a refresh, a logout.
fn ends_session(context: &Context<'_>, operation: &Operation) -> bool {
    let mut refreshes = context.document.security_schemes.iter().filter_map(|scheme| scheme.auth.refresh.as_ref());
    refreshes.any(|refresh| refresh.operation_id.as_ref() == Some(&operation.id)) || is_logout(operation)
}

fn with_secrets(request: Request, secrets: &[(&SecurityScheme, Secret)]) -> Request {
    secrets.iter().fold(request, |request, (scheme, secret)| apply(scheme, secret, request))
}

/// `request` with `secret` where `scheme` puts it (OpenAPI 3.1, 4.8.27; RFC 6750, 2.1; RFC 7617, 2).
pub(crate) fn apply(scheme: &SecurityScheme, secret: &Secret, request: Request) -> Request {
    let secret = secret.expose();
    match &scheme.kind {
        SchemeKind::ApiKey { location: Location::Query, parameter } => request.query(parameter, secret),
        SchemeKind::ApiKey { location: Location::Cookie, parameter } => {
            request.cookie(&format!("{parameter}={secret}"))
        }
        SchemeKind::ApiKey { parameter, .. } => request.with_header(parameter, secret),
        SchemeKind::Http { scheme, .. } if scheme == "basic" => {
            request.with_header("authorization", &format!("Basic {}", STANDARD.encode(secret)))
        }
        SchemeKind::Http { scheme, .. } if scheme != "bearer" => {
            request.with_header("authorization", &format!("{scheme} {secret}"))
        }
        _ => request.with_header("authorization", &format!("Bearer {secret}")),
    }
}

/// Puts `value` at `pointer` (RFC 6901), making objects on the way.
pub(crate) fn put(at: &mut Value, pointer: &str, value: Value) {
    let mut place = at;
    for name in pointer.split('/').skip(1) {
        let name = name.replace("~1", "/").replace("~0", "~");
        if !place.is_object() {
            *place = Value::Object(Map::new());
        }
        place = &mut place[name];
    }
    *place = value;
}
