//! The client: what all calls share.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use bitting_spec::table::Api;
use http::header::{AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION};
use http::{HeaderMap, HeaderName, HeaderValue};
use tokio::runtime::Handle;

use crate::builder::ClientBuilder;
use crate::call::Call;
use crate::clock::Clock;
use crate::credentials::{CredentialReport, Held};
use crate::error::Error;
use crate::limit::{Gate, RateLimitState};
use crate::pipeline;
use crate::plan::{Choice, Grip, Plan, Use};
use crate::response::Response;
use crate::retry::Budget;
use crate::transport::Transport;

/// A client of one API. Clones are cheap and share credentials, tokens, rate limits and connections.
///
/// Calls need a Tokio runtime with time and I/O enabled.
#[derive(Clone)]
pub struct Client {
    pub(crate) shared: Arc<Shared>,
    pub(crate) transport: Arc<Transport>,
}

/// Where requests for tokens run, when that must not be the runtime of the caller who needs one: a runtime that runs
/// only while somebody blocks in it would let a refresh starve (A4).
#[derive(Clone)]
pub struct Background(Arc<dyn Fn() -> Option<Handle> + Send + Sync>);

impl Background {
    /// Requests for tokens run on the runtime that `start` answers, on connections of their own. It is asked when the
    /// first of them is due, so that whoever needs no token starts no thread; `None` means the caller's runtime.
    pub fn new(start: impl Fn() -> Option<Handle> + Send + Sync + 'static) -> Self {
        Self(Arc::new(start))
    }

    pub(crate) fn handle(&self) -> Option<Handle> {
        (self.0)()
    }
}

impl fmt::Debug for Background {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Background")
    }
}

/// What holds for every call unless its options say otherwise.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Policy {
    /// The limit of one attempt.
    pub(crate) timeout: Duration,
    /// The limit of a whole call.
    pub(crate) deadline: Option<Duration>,
    pub(crate) max_retries: u32,
    /// The longest wait that a server can ask for (C4).
    pub(crate) max_wait: Duration,
}

/// A rate-limit gate and retry budget, shared by all calls of one credential and rate class (C6, C9).
#[derive(Debug, Default)]
pub(crate) struct Lane {
    pub(crate) gate: Gate,
    pub(crate) budget: Budget,
}

/// What all clones of a client share.
pub(crate) struct Shared {
    pub(crate) api: Arc<Api>,
    pub(crate) plans: Vec<Plan>,
    pub(crate) by_id: HashMap<String, usize>,
    pub(crate) held: Vec<Held>,
    pub(crate) lanes: Vec<Lane>,
    pub(crate) policy: Policy,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) default_headers: HeaderMap,
    pub(crate) credential_headers: Vec<HeaderName>,
    pub(crate) user_agent: HeaderValue,
    pub(crate) warnings: Vec<String>,
    pub(crate) rate_limit: ArcSwapOption<RateLimitState>,
}

impl Shared {
    /// The plan of an operation.
    pub(crate) fn plan(&self, id: &str) -> Result<&Plan, Error> {
        let missing = || {
            let problem = format!("{} has no such operation", self.api.name);
            Error::from(crate::error::RequestError { operation: id.to_owned(), problem })
        };
        self.by_id.get(id).map(|index| &self.plans[*index]).ok_or_else(missing)
    }

    /// Whether this header carries a credential of one of the API's schemes, or `Authorization` (B11).
    pub(crate) fn is_credential_header(&self, name: &HeaderName) -> bool {
        name == AUTHORIZATION || self.credential_headers.contains(name)
    }

    /// Whether this header may carry a credential of any kind (B2).
    pub(crate) fn may_carry_credential(&self, name: &HeaderName) -> bool {
        self.is_credential_header(name) || name == COOKIE || name == PROXY_AUTHORIZATION
    }
}

impl Client {
    /// Begins a client of the API that `api` describes.
    #[must_use]
    pub fn builder(api: Arc<Api>) -> ClientBuilder {
        ClientBuilder::new(api)
    }

    /// The API's operation table.
    #[must_use]
    pub fn api(&self) -> &Api {
        &self.shared.api
    }

    /// Makes a call: authorizes it, waits out rate limits, renews a refused token once, and sends again what is safe to
    /// send again. Dropping the future leaves nothing behind (C14); a refresh that it began goes on for others (A2).
    ///
    /// # Errors
    /// `Ok` is for 2xx and 304 only; every other answer is [`Error::Api`] or [`Error::RateLimited`]. See [`Error`] for
    /// what can happen before an answer.
    pub async fn call(&self, call: Call) -> Result<Response, Error> {
        pipeline::run(self, call).await
    }

    /// What is known of the client's credentials.
    #[must_use]
    pub fn auth(&self) -> AuthView<'_> {
        AuthView { shared: &self.shared }
    }

    /// What the last answer that spoke of a rate limit said (ROBOTICKS-5).
    #[must_use]
    pub fn rate_limit(&self) -> Option<RateLimitState> {
        self.shared.rate_limit.load().as_deref().copied()
    }

    /// What the user should know about how the client was configured, such as an environment variable that is set and
    /// not used (B9). The client itself prints nothing.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.shared.warnings
    }

    /// The same client with connections of its own: credentials, tokens and rate limits stay shared. A thread with a
    /// runtime of its own needs this, since a connection lives on the runtime that it was made on.
    #[must_use]
    pub fn with_own_connections(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), transport: Arc::new(self.transport.another()) }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = formatter.debug_struct("Client");
        debug.field("api", &self.shared.api.name).field("credentials", &self.auth().explain());
        debug.field("policy", &self.shared.policy).finish_non_exhaustive()
    }
}

/// What is known of a client's credentials; never the secrets.
#[derive(Clone, Copy)]
pub struct AuthView<'a> {
    shared: &'a Shared,
}

impl AuthView<'_> {
    /// Which credential is used for each security scheme, where it came from, when it ends, and its scopes. A scheme
    /// that no operation uses with the credentials at hand is left out.
    #[must_use]
    pub fn explain(&self) -> Vec<CredentialReport> {
        let choices = self.shared.plans.iter().filter_map(|plan| match &plan.choice {
            Choice::Schemes(alternatives) => Some(alternatives),
            _ => None,
        });
        let mut uses: Vec<&Use> = choices.flatten().flat_map(|alternative| &alternative.uses).collect();
        uses.sort_by_key(|used| (used.scheme, used.held));
        uses.dedup_by_key(|used| (used.scheme, used.held));
        uses.into_iter().map(|used| self.report(used)).collect()
    }

    fn report(&self, used: &Use) -> CredentialReport {
        let held = &self.shared.held[used.held];
        let token = match &used.grip {
            Grip::Session(cache) => cache.current(),
            Grip::Fixed(..) | Grip::Connection => None,
        };
        CredentialReport {
            scheme: self.shared.api.schemes[used.scheme].name.clone(),
            source: held.source.clone(),
            id: held.credential.id(),
            expires_at: token.as_ref().and_then(|token| token.timing.expires_at()),
            scopes: token.map(|token| token.scopes.clone()).unwrap_or_default(),
        }
    }
}

impl fmt::Debug for AuthView<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.explain()).finish()
    }
}
