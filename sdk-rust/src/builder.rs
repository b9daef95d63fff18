//! How a client is configured. Building one sends nothing and spawns nothing (A4); at most it reads which login is kept.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use bitting_spec::table::Api;
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::assemble::{Assembly, Parts, Servers, assemble};
use crate::attach::Placement;
use crate::client::{Background, Client, Policy, Shared};
use crate::clock::{Clock, TokioClock};
use crate::credentials::environment::{self, Read, variable};
use crate::credentials::{Credential, CredentialSource, Held, kept};
use crate::error::Error;
use crate::oauth::OAuthClient;
use crate::plan::{Choice, Plan};
use crate::secret::Secret;
use crate::store::{Profile, TokenStore};
use crate::transport::{Transport, Wire};

/// What a call may take where nobody says otherwise.
const DEFAULTS: Policy =
    Policy { timeout: Duration::from_secs(60), deadline: None, max_retries: 2, max_wait: Duration::from_secs(60) };

/// Who is told of a warning.
type Tell = dyn Fn(&str) + Send + Sync;

/// Configures a [`Client`], or a client `C` that a generated crate puts around one.
pub struct ClientBuilder<C = Client> {
    api: Arc<Api>,
    made: PhantomData<fn() -> C>,
    base_url: Option<String>,
    credentials: Vec<(Option<String>, Credential)>,
    policy: Policy,
    default_headers: Vec<(String, String)>,
    allow_insecure_http: bool,
    clock: Option<Arc<dyn Clock>>,
    environment: Box<Read>,
    background: Option<Background>,
    user_agent: Option<String>,
    language: String,
    on_warning: Option<Box<Tell>>,
    store: Option<Arc<dyn TokenStore>>,
    profile: Option<String>,
    /// What takes the network's place.
    wire: Option<Arc<dyn Wire>>,
}

impl<C: From<Client>> ClientBuilder<C> {
    /// Begins a client of the API that `api` describes.
    #[must_use]
    pub fn new(api: Arc<Api>) -> Self {
        Self {
            api,
            made: PhantomData,
            base_url: None,
            credentials: Vec::new(),
            policy: DEFAULTS,
            default_headers: Vec::new(),
            allow_insecure_http: false,
            clock: None,
            environment: Box::new(|name| std::env::var(name).ok()),
            background: None,
            user_agent: None,
            language: concat!("rust/", env!("CARGO_PKG_RUST_VERSION")).to_owned(),
            on_warning: None,
            wire: None,
            store: None,
            profile: None,
        }
    }

    /// Sets the URL that takes the place of the document's first server. Without it `<PREFIX>_BASE_URL` counts, then
    /// the document.
    #[must_use]
    pub fn base_url(mut self, base_url: impl Into<String>) -> Self {
        self.base_url = Some(base_url.into());
        self
    }

    /// Adds an API key. With any credential given here, the environment is not asked for one (B9).
    #[must_use]
    pub fn api_key(self, key: impl Into<String>) -> Self {
        self.credential(Credential::ApiKey(Secret::new(key)))
    }

    /// Adds a token that somebody else obtained; it is used as it is.
    #[must_use]
    pub fn token(self, token: impl Into<String>) -> Self {
        self.credential(Credential::Token(Secret::new(token)))
    }

    /// Adds a user's name and password. The client logs in when the first call needs it, and keeps the token fresh.
    #[must_use]
    pub fn login(self, username: impl Into<String>, password: impl Into<String>) -> Self {
        self.credential(Credential::Login { username: username.into(), password: Secret::new(password) })
    }

    /// Adds an OAuth client (RFC 6749, 4.4). No scopes means the server's default.
    #[must_use]
    pub fn client_credentials<S: Into<String>>(
        self,
        id: impl Into<String>,
        secret: impl Into<String>,
        scopes: impl IntoIterator<Item = S>,
    ) -> Self {
        let scopes = scopes.into_iter().map(Into::into).collect();
        self.credential(Credential::ClientCredentials { id: id.into(), secret: Secret::new(secret), scopes })
    }

    /// Adds an OAuth client that proves itself by more than a secret (D4). No scopes means the server's default.
    #[must_use]
    pub fn app<S: Into<String>>(self, client: OAuthClient, scopes: impl IntoIterator<Item = S>) -> Self {
        self.credential(Credential::App { client, scopes: scopes.into_iter().map(Into::into).collect() })
    }

    /// Adds a client certificate for `mutualTLS`: the certificate, its chain and its private key, all as PEM.
    #[must_use]
    pub fn client_certificate(self, pem: impl Into<String>) -> Self {
        self.credential(Credential::Certificate(Secret::new(pem)))
    }

    /// Adds a credential for every security scheme that it fits. Of several, the first is preferred (B1).
    #[must_use]
    pub fn credential(mut self, credential: Credential) -> Self {
        self.credentials.push((None, credential));
        self
    }

    /// Adds a credential for the security scheme of this name alone, as an operation needs that asks for two keys.
    #[must_use]
    pub fn credential_for(mut self, scheme: impl Into<String>, credential: Credential) -> Self {
        self.credentials.push((Some(scheme.into()), credential));
        self
    }

    /// Sets the limit of one attempt, from sending to the last byte of the answer. 60 seconds without it.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.policy.timeout = timeout;
        self
    }

    /// Sets the limit of a whole call, its waits and refreshes included (C13). None without it.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.policy.deadline = Some(deadline);
        self
    }

    /// Sets how often a call is sent again at most. 2 without it. The resend after a renewed token is not counted.
    #[must_use]
    pub fn max_retries(mut self, max_retries: u32) -> Self {
        self.policy.max_retries = max_retries;
        self
    }

    /// Sets the longest wait that a server can ask for; beyond it the call fails at once (C4). 60 seconds without it.
    #[must_use]
    pub fn max_wait(mut self, max_wait: Duration) -> Self {
        self.policy.max_wait = max_wait;
        self
    }

    /// Adds a header to every request, but for those to a server of an operation that is none of the document's (B4).
    /// One that carries a credential is left out of public operations (B2), and takes the place of the client's
    /// credentials on the others (B11).
    #[must_use]
    pub fn default_header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.default_headers.push((name.into(), value.into()));
        self
    }

    /// Lets credentials travel over plain http to other machines, where anybody on the way can read them (B5). Only for
    /// networks that are private by other means.
    #[must_use]
    pub fn allow_insecure_http(mut self, allow: bool) -> Self {
        self.allow_insecure_http = allow;
        self
    }

    /// Sets the clock. [`TokioClock`] without it.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = Some(clock);
        self
    }

    /// Sets where environment variables are read from. The process's environment without it.
    #[must_use]
    pub fn environment(mut self, read: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> Self {
        self.environment = Box::new(read);
        self
    }

    /// Sets where requests for tokens run. The runtime of the caller who needs one without it.
    #[must_use]
    pub fn background(mut self, background: Background) -> Self {
        self.background = Some(background);
        self
    }

    /// Sets the whole `User-Agent`.
    #[must_use]
    pub fn user_agent(mut self, user_agent: impl Into<String>) -> Self {
        self.user_agent = Some(user_agent.into());
        self
    }

    /// Sets the language that the usual `User-Agent` names, such as `python/3.12.1` (F4).
    #[must_use]
    pub fn language(mut self, language: impl Into<String>) -> Self {
        self.language = language.into();
        self
    }

    /// Sets who is told of each of [`Client::warnings`] while the client is built.
    #[must_use]
    pub fn on_warning(mut self, tell: impl Fn(&str) + Send + Sync + 'static) -> Self {
        self.on_warning = Some(Box::new(tell));
        self
    }

    /// Keeps tokens in `store`, and shares them with every client that has the same credentials and the same store, in
    /// this process or another (E1, A16). Without it they live as long as the client; those of a kept login are in the
    /// user's own [`FileStore`](crate::store::FileStore).
    #[must_use]
    pub fn store(mut self, store: Arc<dyn TokenStore>) -> Self {
        self.store = Some(store);
        self
    }

    /// Uses the login that is kept under this profile (ROBOTICKS-8), before any credential of the environment. Without
    /// it the profile `default` counts, after the environment (B9).
    #[must_use]
    pub fn profile(mut self, name: impl Into<String>) -> Self {
        self.profile = Some(name.into());
        self
    }

    /// Takes a simulated server in the network's place.
    #[cfg(test)]
    pub(crate) fn wire(mut self, wire: Arc<dyn Wire>) -> Self {
        self.wire = Some(wire);
        self
    }

    /// Makes the client.
    ///
    /// # Errors
    /// [`Error::Config`] for a URL, header or document that cannot be used; [`Error::Credentials`] for a credential that
    /// cannot be one, or that fits none of the API's security schemes. That an operation lacks a credential is said
    /// when it is called.
    pub fn build(self) -> Result<C, Error> {
        let user_agent = self.agent()?;
        let default_headers = headers(&self.default_headers)?;
        let environment = &*self.environment;
        let named = variable(environment, &format!("{}_BASE_URL", self.api.env_prefix));
        let base_url = self.base_url.as_deref().or(named.as_deref().map(str::trim));
        let (mut held, unused) = gather(&self.api, self.credentials, self.profile.as_deref(), environment)?;
        let base_url = base_url.or_else(|| held.iter().find_map(|held| held.profile()?.base_url.as_deref()));
        let servers = Servers::new(&self.api, base_url, self.allow_insecure_http)?;
        let foreign = bind(&mut held, &servers.origin(), self.profile.is_some())?;
        let store = match self.store {
            None if held.iter().any(|held| held.profile().is_some()) => Some(kept::store(environment)?),
            store => store,
        };
        let clock = self.clock.unwrap_or_else(|| Arc::new(TokioClock::new()));
        let certificate = held.iter().find_map(|held| match &held.credential {
            Credential::Certificate(pem) => Some(pem.clone()),
            _ => None,
        });
        let transport = Transport::new(servers.proxied()).with_clock(Arc::clone(&clock)).with_wire(self.wire);
        let transport = transport.with_certificate(certificate);
        let parts = Parts {
            api: &self.api,
            held: &held,
            servers: &servers,
            clock: &clock,
            background: self.background.as_ref(),
            user_agent: &user_agent,
            transport: &transport,
            store: store.as_ref().map(|store| (store, self.profile.as_deref().unwrap_or(Profile::DEFAULT))),
        };
        let Assembly { plans, lanes } = assemble(&parts)?;
        let mut warnings = warnings(&held, &unused, &plans);
        warnings.extend(foreign);
        warnings.extend(servers.exposed().map(|origin| {
            format!("credentials travel to {origin} over plain http, where anybody on the way can read them")
        }));
        if let Some(tell) = &self.on_warning {
            warnings.iter().for_each(|warning| tell(warning));
        }
        let shared = Shared {
            by_id: plans.iter().enumerate().map(|(index, plan)| (plan.id.to_string(), index)).collect(),
            credential_headers: credential_headers(&self.api),
            warnings,
            lanes: std::iter::repeat_with(Default::default).take(lanes).collect(),
            plans,
            held,
            policy: self.policy,
            clock,
            default_headers,
            user_agent,
            rate_limit: Default::default(),
            api: self.api,
        };
        Ok(Client { shared: Arc::new(shared), transport: Arc::new(transport) }.into())
    }

    fn agent(&self) -> Result<HeaderValue, Error> {
        let text = self.user_agent.clone().unwrap_or_else(|| {
            let (version, os) = (env!("CARGO_PKG_VERSION"), std::env::consts::OS);
            format!("bitting/{version} ({}; {os}) {}/{}", self.language, self.api.name, self.api.version)
        });
        let what = || Error::Config(format!("the user agent `{text}` cannot stand in a header"));
        HeaderValue::from_str(&text).map_err(|_| what())
    }
}

impl<C> fmt::Debug for ClientBuilder<C> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = formatter.debug_struct("ClientBuilder");
        // The base URL may carry a password until it is checked.
        debug.field("api", &self.api.name).field("policy", &self.policy);
        debug.finish_non_exhaustive()
    }
}

/// The credentials that are used, and those of the environment that are not because others were given (B9).
fn gather(
    api: &Api,
    given: Vec<(Option<String>, Credential)>,
    profile: Option<&str>,
    environment: &Read,
) -> Result<(Vec<Held>, Vec<Held>), Error> {
    match (given.is_empty(), profile) {
        (false, _) => {}
        (true, Some(name)) => {
            let unused = environment::credentials(api, environment).unwrap_or_default();
            return Ok((vec![kept::named(api, name, environment)?], unused));
        }
        (true, None) => {
            let mut held = environment::credentials(api, environment)?;
            if held.is_empty() {
                held.extend(kept::default(api, environment)?);
            }
            return Ok((held, Vec::new()));
        }
    }
    let given = given.into_iter().map(|(scheme, credential)| {
        let held = Held::new(credential, CredentialSource::Argument, scheme)?;
        held.ensure_useful(api)?;
        Ok(held)
    });
    let given = given.collect::<Result<Vec<_>, Error>>()?;
    // What is not used is not checked either: a broken variable must not stop who gives a credential.
    Ok((given, environment::credentials(api, environment).unwrap_or_default()))
}

/// Keeps a kept login from another server than its own (B4): an error where somebody asked for it, a warning where it was
/// only there.
fn bind(held: &mut Vec<Held>, origin: &str, named: bool) -> Result<Option<String>, Error> {
    let Some(index) = held.iter().position(|held| !held.is_for(origin)) else { return Ok(None) };
    let foreign = held.remove(index);
    let text = foreign.profile().map(|profile| kept::elsewhere(profile, origin));
    match text {
        Some(text) if named || foreign.source == CredentialSource::Argument => Err(Error::Credentials(text)),
        text => Ok(text),
    }
}

/// One warning for all variables that are set and not used because another credential takes their place (B9).
fn warnings(held: &[Held], unused: &[Held], plans: &[Plan]) -> Vec<String> {
    let used = |index: usize| {
        plans
            .iter()
            .any(|plan| matches!(&plan.choice, Choice::Schemes(alternatives) if alternatives[0].uses.iter().any(|used| used.held == index)))
    };
    let idle = held.iter().enumerate().filter(|(index, _)| !used(*index)).map(|(_, held)| held);
    let idle = idle.chain(unused).filter_map(|held| match &held.source {
        CredentialSource::Environment(names) => Some(names.join(" and ")),
        CredentialSource::Argument | CredentialSource::Profile(_) => None,
    });
    let idle: Vec<String> = idle.collect();
    let Some(winner) = held.iter().enumerate().find(|(index, _)| used(*index)) else { return Vec::new() };
    if idle.is_empty() {
        return Vec::new();
    }
    vec![format!("{} is set and not used: the credential from {} takes its place", idle.join(", "), winner.1.source)]
}

fn headers(given: &[(String, String)]) -> Result<HeaderMap, Error> {
    let mut headers = HeaderMap::new();
    for (name, value) in given {
        let bad = || Error::Config(format!("the default header `{name}` is not valid"));
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad())?;
        let mut value = HeaderValue::from_str(value).map_err(|_| bad())?;
        // Any default header may carry a secret; nobody needs to see one in a log.
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    Ok(headers)
}

/// The headers that the API's schemes put credentials in.
fn credential_headers(api: &Api) -> Vec<HeaderName> {
    let placements = api.schemes.iter().filter_map(|scheme| Placement::of(&scheme.kind));
    placements.filter_map(|placement| placement.header()).collect()
}
