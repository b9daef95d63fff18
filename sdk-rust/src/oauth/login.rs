//! Logging in by what a document offers, and keeping the session (ROBOTICKS-8).

mod builder;

use std::sync::Arc;
use std::time::Duration;

use bitting_spec::table::{Api, Flow, Scheme, SchemeKind};
use http::HeaderValue;
use url::Url;

pub use builder::LoginBuilder;

use super::authorization::{Authorization, Endpoints};
use super::device::{Device, DevicePrompt};
use super::loopback::Loopback;
use super::{Discovery, LoginError, OAuthClient};
use crate::assemble::{Parts, Servers, source, user_flow};
use crate::clock::Clock;
use crate::credentials::{Credential, CredentialSource, Held};
use crate::secret::Secret;
use crate::store::{FileStore, LoginKind, Profile, TokenStore};
use crate::token::Grant;
use crate::token::acquire::Endpoint;
use crate::token::stored::{Record, replace};
use crate::transport::Transport;

/// Logs a user in, and keeps the session for later calls.
#[derive(Debug)]
pub struct Login {
    pub(super) api: Arc<Api>,
    pub(super) servers: Servers,
    base_url: Option<String>,
    pub(super) profile: String,
    scheme: Option<String>,
    pub(super) store: Arc<dyn TokenStore>,
    /// The user's own folder, where the login is kept in it.
    pub(super) files: Option<FileStore>,
    authorization_url: Option<Url>,
    pub(super) revocation_url: Option<Url>,
    issuer: Option<String>,
    port: u16,
    timeout: Duration,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) user_agent: HeaderValue,
}

/// A way to log in that a document offers.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Way {
    /// The security scheme that the session will satisfy.
    pub scheme: String,
    /// What the user does.
    pub kind: LoginKind,
    /// The scopes that can be asked for.
    pub scopes: Vec<String>,
}

impl Login {
    /// Begins a login at the API that `api` describes.
    #[must_use]
    pub fn builder(api: Arc<Api>) -> LoginBuilder {
        LoginBuilder::new(api)
    }

    /// The ways to log in that the document offers, in its order. None: it takes keys only.
    #[must_use]
    pub fn ways(&self) -> Vec<Way> {
        let schemes =
            self.api.schemes.iter().filter(|scheme| self.scheme.as_ref().is_none_or(|name| *name == scheme.name));
        let ways = schemes.flat_map(|scheme| {
            KINDS.into_iter().filter(|kind| offers(scheme, *kind)).map(|kind| {
                let scopes = flow(scheme, kind).map(|flow| flow.scopes.keys().cloned().collect()).unwrap_or_default();
                Way { scheme: scheme.name.clone(), kind, scopes }
            })
        });
        ways.collect()
    }

    /// Logs in with a name and a password, which are not kept.
    ///
    /// # Errors
    /// [`LoginError::Refused`] if they are wrong; see [`LoginError`].
    pub async fn password(
        &self,
        username: impl Into<String>,
        password: impl Into<Secret>,
    ) -> Result<Profile, LoginError> {
        let scheme = self.offering(LoginKind::Password)?;
        let credential = Credential::Login { username: username.into(), password: password.into() };
        let held = Held::new(credential, CredentialSource::Argument, None)?;
        let transport = self.transport();
        let parts = Parts {
            api: &self.api,
            held: &[],
            servers: &self.servers,
            clock: &self.clock,
            background: None,
            user_agent: &self.user_agent,
            transport: &transport,
            store: None,
        };
        let grant = source(&parts, scheme, &held.credential)?.obtain(None, None).await?;
        self.keep(scheme, LoginKind::Password, &grant, None).await
    }

    /// Begins a login in a browser that comes back to `redirect_uri`, for an app with a page of its own (ARROTECH-3). On
    /// the user's machine [`Self::browser`] does all of it.
    ///
    /// # Errors
    /// [`LoginError::Config`] if the document has no such login, or the redirect URI is none that a code may come to;
    /// [`LoginError::Token`] if a server that describes itself (OpenID Connect) does not.
    pub async fn authorize(
        &self,
        client: OAuthClient,
        redirect_uri: &str,
        scopes: &[String],
    ) -> Result<Authorization, LoginError> {
        let scheme = self.offering(LoginKind::Browser)?;
        let endpoints = self.endpoints(scheme).await?;
        Authorization::begin(endpoints, client.declared(scheme.auth.client_auth), redirect_uri, scopes)
    }

    /// Where a code is asked for and exchanged: by the document, or by what the server says of itself.
    async fn endpoints(&self, scheme: &Scheme) -> Result<Endpoints, LoginError> {
        let missing = || LoginError::Config(format!("`{}` has no authorization URL", scheme.name));
        if let Some(discovery) = self.discovery(scheme)? {
            let described = discovery.metadata(&self.endpoint(discovery.url())).await?;
            let authorize = self.authorization_url.clone().or(described.authorization).ok_or_else(missing)?;
            let issuer = Some(self.issuer.clone().unwrap_or(described.issuer));
            return Ok(Endpoints { authorize, token: described.token, issuer, signs: described.signs });
        }
        let (flow, token) = self.token_endpoint(scheme, LoginKind::Browser)?;
        let authorize = match (&self.authorization_url, &flow.authorization_url) {
            (Some(url), _) => url.clone(),
            (None, Some(text)) => self.servers.token_url(&scheme.name, text)?,
            (None, None) => return Err(missing()),
        };
        Ok(Endpoints { authorize, token, issuer: self.issuer.clone(), signs: false })
    }

    /// How the server of `scheme` describes itself, where the document leaves it to that (OpenID Connect).
    pub(super) fn discovery(&self, scheme: &Scheme) -> Result<Option<Discovery>, LoginError> {
        let SchemeKind::OpenIdConnect { url } = &scheme.kind else { return Ok(None) };
        Ok(Some(Discovery::new(self.servers.token_url(&scheme.name, url)?)))
    }

    /// Ends a login in a browser with the whole URL that it came back by, and keeps the session.
    ///
    /// # Errors
    /// [`LoginError::Foreign`] if that is not the answer to this login; [`LoginError::Refused`] if the server or the
    /// user said no; see [`LoginError`].
    pub async fn finish(&self, authorization: Authorization, callback: &str) -> Result<Profile, LoginError> {
        let scheme = self.offering(LoginKind::Browser)?;
        let request = authorization.accept(callback)?;
        let grant = self.endpoint(request.place.url()).ask(&request, None, None).await?;
        self.keep(scheme, LoginKind::Browser, &grant, request.client.as_ref()).await
    }

    /// Logs in with the browser of this machine: `open` gets the URL to show or open, and the answer is awaited on a
    /// port of this machine (D2).
    ///
    /// # Errors
    /// As [`Self::finish`], and [`LoginError::TimedOut`] if no answer comes.
    pub async fn browser(
        &self,
        client: OAuthClient,
        scopes: &[String],
        open: impl FnOnce(&Url),
    ) -> Result<Profile, LoginError> {
        let loopback = Loopback::bind(self.port).await?;
        let authorization = self.authorize(client, &loopback.redirect_uri(), scopes).await?;
        open(authorization.url());
        let callback = loopback.answer(&*self.clock, self.timeout).await?;
        self.finish(authorization, &callback).await
    }

    /// Logs in on another device: `show` gets what the user needs there (RFC 8628).
    ///
    /// # Errors
    /// [`LoginError::TimedOut`] if the code ends before the user decides; see [`LoginError`].
    pub async fn device(
        &self,
        client: OAuthClient,
        scopes: &[String],
        show: impl FnOnce(&DevicePrompt),
    ) -> Result<Profile, LoginError> {
        let scheme = self.offering(LoginKind::Device)?;
        let client = client.declared(scheme.auth.client_auth);
        let (url, token) = self.device_endpoints(scheme).await?;
        let device = Device::begin(&self.endpoint(&url), url, &client, scopes).await?;
        show(&device.prompt);
        let grant = device.wait(&self.endpoint(&token), token.clone().into(), client.clone()).await?;
        self.keep(scheme, LoginKind::Device, &grant, Some(&client)).await
    }

    /// Where a code for another device is asked for, and where its token.
    async fn device_endpoints(&self, scheme: &Scheme) -> Result<(Url, Url), LoginError> {
        let missing = || LoginError::Config(format!("`{}` has no device authorization URL", scheme.name));
        if let Some(discovery) = self.discovery(scheme)? {
            let described = discovery.metadata(&self.endpoint(discovery.url())).await?;
            return Ok((described.device.ok_or_else(missing)?, described.token));
        }
        let (flow, token) = self.token_endpoint(scheme, LoginKind::Device)?;
        let url = flow.device_authorization_url.as_deref().ok_or_else(missing)?;
        Ok((self.servers.token_url(&scheme.name, url)?, token))
    }

    /// Keeps a session: its token first, so that a profile always has one.
    async fn keep(
        &self,
        scheme: &Scheme,
        kind: LoginKind,
        grant: &Grant,
        client: Option<&OAuthClient>,
    ) -> Result<Profile, LoginError> {
        let profile = Profile {
            name: self.profile.clone(),
            api: self.api.name.clone(),
            scheme: scheme.name.clone(),
            kind,
            base_url: self.base_url.clone(),
            origin: self.servers.origin(),
            client_id: client.map(|client| client.id().to_owned()),
        };
        // Nobody can ask the user for the secret when the token is renewed; without a refresh token nobody needs it.
        let secret = client.and_then(OAuthClient::own).filter(|_| grant.refresh.is_some()).cloned();
        replace(&*self.store, &profile.key(), Some(&Record::of(grant, secret))).await?;
        if let Some(files) = &self.files {
            files.keep_profile(&profile)?;
        }
        Ok(profile)
    }

    /// The scheme that is logged in for.
    fn offering(&self, kind: LoginKind) -> Result<&Scheme, LoginError> {
        let wanted = |scheme: &&Scheme| self.scheme.as_ref().is_none_or(|name| *name == scheme.name);
        let found = self.api.schemes.iter().filter(wanted).find(|scheme| offers(scheme, kind));
        found.ok_or_else(|| {
            let what = match kind {
                LoginKind::Password => "a login by password",
                LoginKind::Browser => "a login in a browser (an `authorizationCode` flow)",
                LoginKind::Device => "a login on another device (a `deviceAuthorization` flow)",
            };
            let of = self.scheme.as_ref().map(|name| format!(" for `{name}`")).unwrap_or_default();
            LoginError::Config(format!("the document of {} offers no {}{of}", self.api.name, &what[2..]))
        })
    }

    /// A flow of a scheme, with its token endpoint.
    pub(super) fn token_endpoint<'a>(
        &self,
        scheme: &'a Scheme,
        kind: LoginKind,
    ) -> Result<(&'a Flow, Url), LoginError> {
        let missing = || LoginError::Config(format!("`{}` has no token URL", scheme.name));
        let flow = flow(scheme, kind).ok_or_else(missing)?;
        let url = flow.token_url.as_deref().ok_or_else(missing)?;
        Ok((flow, self.servers.token_url(&scheme.name, url)?))
    }

    fn transport(&self) -> Transport {
        Transport::new(self.servers.proxied()).with_clock(Arc::clone(&self.clock))
    }

    pub(super) fn endpoint(&self, url: &Url) -> Endpoint {
        let proxied = crate::origin::Origin::of(url).is_some_and(|origin| !origin.is_loopback());
        let transport = self.transport().for_tokens(proxied);
        Endpoint { transport, clock: Arc::clone(&self.clock), user_agent: self.user_agent.clone() }
    }
}

/// All ways in which a user may log in.
const KINDS: [LoginKind; 3] = [LoginKind::Password, LoginKind::Browser, LoginKind::Device];

/// Whether a user can log in for a scheme.
pub(crate) fn is_offered(scheme: &Scheme) -> bool {
    KINDS.into_iter().any(|kind| offers(scheme, kind))
}

/// Whether a scheme has a login of this kind. A server that describes itself says only when it is asked whether other
/// devices can be used.
fn offers(scheme: &Scheme, kind: LoginKind) -> bool {
    match kind {
        LoginKind::Password if scheme.auth.acquire.is_some() => true,
        LoginKind::Browser | LoginKind::Device if matches!(scheme.kind, SchemeKind::OpenIdConnect { .. }) => true,
        kind => flow(scheme, kind).is_some(),
    }
}

fn flow(scheme: &Scheme, kind: LoginKind) -> Option<&Flow> {
    match &scheme.kind {
        SchemeKind::OAuth2 { flows } => user_flow(flows, kind),
        _ => None,
    }
}
