//! Providers of tokens that are written in another language: it answers each request for a token with a JSON object.

use std::time::Duration;

use bitting::{ProvidedToken, ProviderFailure, Secret, TokenProvider};
use serde::Deserialize;
use tokio::sync::oneshot;

/// What another language answers: a token, or what went wrong.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Answer {
    token: Option<String>,
    expires_in: Option<f64>,
    #[serde(default)]
    scopes: Vec<String>,
    error: Option<String>,
}

/// A provider that waits for `ask` on a thread of its own, one that may block.
pub fn blocking(ask: impl Fn() -> Vec<u8> + Clone + Send + Sync + 'static) -> TokenProvider {
    TokenProvider::new(move || {
        let ask = ask.clone();
        async move {
            let answer = tokio::task::spawn_blocking(ask).await;
            read(&answer.map_err(|_| ProviderFailure::from("its thread ended before it answered"))?)
        }
    })
}

/// A request for a token that waits for its answer.
#[derive(Debug)]
pub struct TokenRequest(oneshot::Sender<Vec<u8>>);

impl TokenRequest {
    /// Answers it with a JSON object. Who asked may have given up meanwhile, and then nobody hears it.
    pub fn answer(self, answer: Vec<u8>) {
        let _ = self.0.send(answer);
    }
}

/// A provider that hands each request to `ask`, whose answer may come at any time.
pub fn pending(ask: impl Fn(TokenRequest) + Send + Sync + 'static) -> TokenProvider {
    TokenProvider::new(move || {
        let (sender, receiver) = oneshot::channel();
        ask(TokenRequest(sender));
        async move { read(&receiver.await.map_err(|_| ProviderFailure::from("nobody is left to answer"))?) }
    })
}

fn read(answer: &[u8]) -> Result<ProvidedToken, ProviderFailure> {
    // What is wrong with it is said without a value: it may be the token.
    let answer: Answer = serde_json::from_slice(answer).map_err(|_| "its answer has another form than a token")?;
    if let Some(error) = answer.error {
        return Err(error.into());
    }
    let access = Secret::new(answer.token.ok_or("it answered no token")?);
    let expires_in =
        answer.expires_in.map(|life| Duration::try_from_secs_f64(life.clamp(0.0, 1e9)).unwrap_or_default());
    Ok(ProvidedToken { access, expires_in, scopes: answer.scopes })
}
