//! Why a login did not succeed.

use std::fmt;
use std::time::Duration;

use crate::error::Error;
use crate::store::StoreError;
use crate::token::TokenProblem;

/// What an authorization server says no with (RFC 6749, 4.1.2.1 and 5.2; RFC 8628, 3.5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OAuthError {
    /// The code, such as `access_denied` or `invalid_grant`.
    pub error: String,
    /// What the server says about it.
    pub error_description: Option<String>,
}

impl fmt::Display for OAuthError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A server's text is shown without what could steer a terminal.
        let plain = |text: &str| text.chars().filter(|c| !c.is_control()).take(300).collect::<String>();
        write!(formatter, "{}", plain(&self.error))?;
        match &self.error_description {
            Some(description) => write!(formatter, " ({})", plain(description)),
            None => Ok(()),
        }
    }
}

impl std::error::Error for OAuthError {}

/// Why a login did not succeed. It never shows a secret, a code or a state.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LoginError {
    /// The authorization server, or the user there, said no.
    #[error("the login was refused: {0}")]
    Refused(OAuthError),
    /// What came to the redirect URI is not the answer to this login: somebody else may have sent it (D1).
    #[error("the answer of the browser does not belong to this login: {0}; begin again")]
    Foreign(String),
    /// Nobody finished the login in time.
    #[error("nobody finished the login within {0:?}; begin again")]
    TimedOut(Duration),
    /// No answer came, or none that can be used. The same login may succeed later.
    #[error("no token: {0}")]
    Token(String),
    /// The document offers no such login, or the login is not configured well.
    #[error("{0}")]
    Config(String),
    /// The token could not be kept.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<TokenProblem> for LoginError {
    fn from(problem: TokenProblem) -> Self {
        let TokenProblem { terminal, status, code, message, .. } = problem;
        match (code, status) {
            (Some(error), _) => {
                let error_description = (message != error).then_some(message);
                Self::Refused(OAuthError { error, error_description })
            }
            (None, Some(status)) if terminal => {
                let error = format!("the server answered {status}");
                Self::Refused(OAuthError { error, error_description: Some(message) })
            }
            (None, Some(status)) => Self::Token(format!("the server answered {status}: {message}")),
            (None, None) => Self::Token(message),
        }
    }
}

impl From<Error> for LoginError {
    fn from(error: Error) -> Self {
        Self::Config(error.to_string())
    }
}
