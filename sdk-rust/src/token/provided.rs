//! Tokens that the program itself obtains, as any other source of tokens.

use std::sync::Arc;
use std::time::Duration;

use super::life::Lifetime;
use super::{Grant, Previous, TokenProblem, TokenSource};
use crate::clock::{BoxFuture, Clock, within};
use crate::credentials::provider::{ProvidedToken, TokenProvider};
use crate::credentials::{CredentialSource, word};

/// How long a provider may take, whatever its caller's deadline is (A17).
const TIMEOUT: Duration = Duration::from_secs(30);

/// A source that asks a provider.
#[derive(Debug)]
pub(crate) struct ProvidedSource {
    pub(crate) provider: TokenProvider,
    pub(crate) clock: Arc<dyn Clock>,
}

impl TokenSource for ProvidedSource {
    /// What was there before does not matter: a provider knows itself what it gave.
    fn fetch<'a>(&'a self, _: Option<Previous<'a>>) -> BoxFuture<'a, Result<Grant, TokenProblem>> {
        Box::pin(self.ask())
    }
}

impl ProvidedSource {
    async fn ask(&self) -> Result<Grant, TokenProblem> {
        let asked = self.clock.now();
        let provided = within(&*self.clock, Some(asked.mono + TIMEOUT), self.provider.provide()).await;
        let problem = |text: String| TokenProblem::transient(format!("the credentials provider {text}"));
        let provided = provided.ok_or_else(|| problem(format!("gave no token within {TIMEOUT:?}")))?;
        let ProvidedToken { access, expires_in, scopes } =
            provided.map_err(|failure| problem(format!("failed: {failure}")))?;
        let access = word("token", &access, &CredentialSource::Argument);
        let access = access.map_err(|_| problem("gave what cannot be a token: give its text alone".to_owned()))?;
        let lifetime = match expires_in {
            None => Lifetime::Unknown,
            Some(Duration::ZERO) => Lifetime::Once,
            Some(life) => Lifetime::For(life.min(super::life::LONGEST_LIFE)),
        };
        Ok(Grant { access, refresh: None, lifetime, scopes, asked })
    }
}
