//! Tokens that the program itself obtains: from a vault, a workload's identity, another SDK. The client asks for one
//! when it needs one, and shares it like any other.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::BoxFuture;
use crate::secret::Secret;

type Provide = dyn Fn() -> BoxFuture<'static, Result<ProvidedToken, ProviderFailure>> + Send + Sync;

/// Why a provider has no token. Its text is shown to the user, so it must hold no secret.
pub type ProviderFailure = Box<dyn StdError + Send + Sync>;

/// What obtains a token whenever the client needs one: at first, ahead of the end of the one before, and when the server
/// refused that. However many calls wait, it is asked once (A1); its failure is theirs, and is not asked for again at
/// once (A8).
#[derive(Clone)]
pub struct TokenProvider(Arc<Provide>);

impl TokenProvider {
    /// A provider that asks `provide`. It is polled on the runtime where requests for tokens run, and has 30 seconds.
    pub fn new<F>(provide: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<ProvidedToken, ProviderFailure>> + Send + 'static,
    {
        Self(Arc::new(move || Box::pin(provide())))
    }

    pub(crate) fn provide(&self) -> BoxFuture<'static, Result<ProvidedToken, ProviderFailure>> {
        (self.0)()
    }
}

impl fmt::Debug for TokenProvider {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("TokenProvider")
    }
}

/// A token from a [`TokenProvider`].
#[derive(Debug, Clone)]
pub struct ProvidedToken {
    /// The token.
    pub access: Secret,
    /// How long it lives from now on. `None`: it is used until the server refuses it.
    pub expires_in: Option<Duration>,
    /// Its scopes, where they are known.
    pub scopes: Vec<String>,
}

impl ProvidedToken {
    /// A token of which nothing else is known.
    pub fn new(access: impl Into<String>) -> Self {
        Self { access: Secret::new(access), expires_in: None, scopes: Vec::new() }
    }
}
