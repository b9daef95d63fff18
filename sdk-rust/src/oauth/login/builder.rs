//! How a login is configured.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bitting_spec::table::Api;
use http::HeaderValue;
use url::Url;

use super::Login;
use crate::assemble::Servers;
use crate::clock::{Clock, TokioClock};
use crate::credentials::environment::{Read, variable};
use crate::oauth::LoginError;
use crate::origin::parse;
use crate::store::{FileStore, Profile, TokenStore, folder};

/// How long a user may take in the browser.
const TIMEOUT: Duration = Duration::from_secs(300);

/// Configures a [`Login`].
pub struct LoginBuilder {
    api: Arc<Api>,
    base_url: Option<String>,
    profile: String,
    scheme: Option<String>,
    store: Option<Arc<dyn TokenStore>>,
    authorization_url: Option<String>,
    revocation_url: Option<String>,
    issuer: Option<String>,
    port: u16,
    timeout: Duration,
    allow_insecure_http: bool,
    clock: Option<Arc<dyn Clock>>,
    environment: Box<Read>,
}

impl LoginBuilder {
    pub(super) fn new(api: Arc<Api>) -> Self {
        Self {
            api,
            base_url: None,
            profile: Profile::DEFAULT.to_owned(),
            scheme: None,
            store: None,
            authorization_url: None,
            revocation_url: None,
            issuer: None,
            port: 0,
            timeout: TIMEOUT,
            allow_insecure_http: false,
            clock: None,
            environment: Box::new(|name| std::env::var(name).ok()),
        }
    }

    /// Sets the URL that takes the place of the document's first server, as a client's.
    #[must_use]
    pub fn base_url(self, base_url: impl Into<String>) -> Self {
        Self { base_url: Some(base_url.into()), ..self }
    }

    /// Sets the name that the login is kept under. `default` without it.
    #[must_use]
    pub fn profile(self, name: impl Into<String>) -> Self {
        Self { profile: name.into(), ..self }
    }

    /// Sets the security scheme to log in for. Without it, the document's first that the way of logging in serves.
    #[must_use]
    pub fn scheme(self, name: impl Into<String>) -> Self {
        Self { scheme: Some(name.into()), ..self }
    }

    /// Keeps the token in `store`; the [`Profile`] is then the caller's to keep. Without it both go to the user's own
    /// [`FileStore`], where every client finds them.
    #[must_use]
    pub fn store(self, store: Arc<dyn TokenStore>) -> Self {
        Self { store: Some(store), ..self }
    }

    /// Sets the page that the browser opens, where it is not the document's: a reference server, an environment.
    #[must_use]
    pub fn authorization_url(self, url: impl Into<String>) -> Self {
        Self { authorization_url: Some(url.into()), ..self }
    }

    /// Sets where tokens are revoked (RFC 7009). Without it the server's metadata are asked (RFC 8414).
    #[must_use]
    pub fn revocation_url(self, url: impl Into<String>) -> Self {
        Self { revocation_url: Some(url.into()), ..self }
    }

    /// Sets the authorization server's own name, which its answers must then carry if they carry any (RFC 9207).
    #[must_use]
    pub fn issuer(self, issuer: impl Into<String>) -> Self {
        Self { issuer: Some(issuer.into()), ..self }
    }

    /// Sets the port on this machine that the browser comes back to, for servers that know one redirect URI only. Any
    /// free one without it (RFC 8252, 7.3).
    #[must_use]
    pub fn port(self, port: u16) -> Self {
        Self { port, ..self }
    }

    /// Sets how long the user may take in the browser. 5 minutes without it.
    #[must_use]
    pub fn timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// Lets passwords and tokens travel over plain http to other machines (B5).
    #[must_use]
    pub fn allow_insecure_http(self, allow: bool) -> Self {
        Self { allow_insecure_http: allow, ..self }
    }

    /// Sets the clock. [`TokioClock`] without it.
    #[must_use]
    pub fn clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock: Some(clock), ..self }
    }

    /// Sets where environment variables are read from. The process's environment without it.
    #[must_use]
    pub fn environment(self, read: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> Self {
        Self { environment: Box::new(read), ..self }
    }

    /// Makes the login. This sends nothing.
    ///
    /// # Errors
    /// [`LoginError::Config`] for a URL or a profile's name that cannot be used, or if there is no place for the token.
    pub fn build(self) -> Result<Login, LoginError> {
        Profile::check_name(&self.profile)?;
        let named = variable(&self.environment, &format!("{}_BASE_URL", self.api.env_prefix));
        let base_url = self.base_url.or(named.map(|url| url.trim().to_owned()));
        let servers = Servers::new(&self.api, base_url.as_deref(), self.allow_insecure_http)?;
        let url = |what: &str, text: Option<String>| -> Result<Option<Url>, LoginError> {
            Ok(text.map(|text| parse(what, &text, self.allow_insecure_http)).transpose()?)
        };
        let files = match (&self.store, folder(&self.environment)) {
            (Some(_), _) => None,
            (None, Some(folder)) => Some(FileStore::new(folder)),
            (None, None) => {
                let what = "there is no place for the login: set HOME or BITTING_CONFIG_DIR to a folder of your own";
                return Err(LoginError::Config(what.to_owned()));
            }
        };
        let store = self.store.or_else(|| Some(Arc::new(files.clone()?)));
        let agent = format!("bitting/{} ({}) login", env!("CARGO_PKG_VERSION"), std::env::consts::OS);
        Ok(Login {
            authorization_url: url("the authorization URL", self.authorization_url)?,
            revocation_url: url("the revocation URL", self.revocation_url)?,
            store: store.ok_or_else(|| LoginError::Config("there is no store".to_owned()))?,
            clock: self.clock.unwrap_or_else(|| Arc::new(TokioClock::new())),
            user_agent: HeaderValue::from_str(&agent).unwrap_or(HeaderValue::from_static("bitting")),
            api: self.api,
            base_url,
            servers,
            profile: self.profile,
            scheme: self.scheme,
            files,
            issuer: self.issuer,
            port: self.port,
            timeout: self.timeout,
        })
    }
}

impl fmt::Debug for LoginBuilder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = formatter.debug_struct("LoginBuilder");
        debug.field("api", &self.api.name).field("profile", &self.profile).finish_non_exhaustive()
    }
}
