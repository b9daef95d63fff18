//! What can go wrong with a call: one error type, with what happened, where, and what to do.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;

use crate::response::Meta;
use crate::token::Failure;

/// Why a client could not be built or a call did not succeed. No variant ever shows a secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The client cannot be built or run as it is configured.
    #[error("{0}")]
    Config(String),
    /// A credential is missing or cannot be one. Nothing was sent.
    #[error("{0}")]
    Credentials(String),
    /// An argument or body does not fit the operation. Nothing was sent.
    #[error(transparent)]
    Request(Box<RequestError>),
    /// No answer came: the connection could not be made or broke.
    #[error(transparent)]
    Connect(Box<TransportError>),
    /// The server did not answer one attempt in time, and another one was not safe or not left.
    #[error("{} did not answer within {after:?}", meta.place())]
    Timeout {
        /// The limit of an attempt.
        after: Duration,
        /// How far the call came.
        meta: Box<Meta>,
    },
    /// The call's overall deadline passed, its waits and refreshes included (C13).
    #[error("{} was not done within its deadline of {after:?}", meta.place())]
    Deadline {
        /// The deadline, counted from the start of the call.
        after: Duration,
        /// How far the call came.
        meta: Box<Meta>,
    },
    /// The server refused for too many requests, and waiting was not allowed for that long or that often (C4).
    #[error("{} is rate limited; try again in {retry_after:?}", meta.place())]
    RateLimited {
        /// How long the server asks to wait.
        retry_after: Duration,
        /// How far the call came.
        meta: Box<Meta>,
        /// The refusal; `None` where an earlier one already held this call back and nothing was sent.
        refusal: Option<Box<ApiError>>,
    },
    /// The server answered with another status than success.
    #[error(transparent)]
    Api(Box<ApiError>),
    /// The server answered success with a body that is not what the operation answers.
    #[error(transparent)]
    Decode(Box<DecodeError>),
    /// No token could be obtained or renewed.
    #[error(transparent)]
    Token(Box<TokenError>),
    /// The credential lacks a scope that the operation needs: the server said so (A13), or the token's own scopes did
    /// and nothing was sent (B3).
    #[error(transparent)]
    Scope(Box<ScopeError>),
}

/// The kind of an [`Error`], with a name that is the same in every language.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// [`Error::Config`].
    Config,
    /// [`Error::Credentials`].
    Credentials,
    /// [`Error::Request`].
    Request,
    /// [`Error::Connect`].
    Connection,
    /// [`Error::Timeout`] and [`Error::Deadline`].
    Timeout,
    /// [`Error::RateLimited`].
    RateLimited,
    /// [`Error::Api`].
    Api,
    /// [`Error::Decode`].
    Decode,
    /// [`Error::Token`].
    Token,
}

impl ErrorKind {
    /// The stable name: `config`, `credentials`, `request`, `connection`, `timeout`, `rate_limited`, `api`, `decode` or
    /// `token`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Config => "config",
            Self::Credentials => "credentials",
            Self::Request => "request",
            Self::Connection => "connection",
            Self::Timeout => "timeout",
            Self::RateLimited => "rate_limited",
            Self::Api => "api",
            Self::Decode => "decode",
            Self::Token => "token",
        }
    }
}

impl Error {
    /// What kind of error it is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Config(_) => ErrorKind::Config,
            Self::Credentials(_) => ErrorKind::Credentials,
            Self::Request(_) => ErrorKind::Request,
            Self::Connect(_) => ErrorKind::Connection,
            Self::Timeout { .. } | Self::Deadline { .. } => ErrorKind::Timeout,
            Self::RateLimited { .. } => ErrorKind::RateLimited,
            Self::Api(_) => ErrorKind::Api,
            Self::Decode(_) => ErrorKind::Decode,
            Self::Token(_) => ErrorKind::Token,
            // What the user meets is a refusal by the server, or a credential that will not do.
            Self::Scope(error) if error.answer.is_some() => ErrorKind::Api,
            Self::Scope(_) => ErrorKind::Credentials,
        }
    }

    /// The server's answer that this error is about: the refusal itself, or the 401 before a failed refresh.
    #[must_use]
    pub fn answer(&self) -> Option<&ApiError> {
        match self {
            Self::Api(answer) => Some(answer),
            Self::RateLimited { refusal, .. } => refusal.as_deref(),
            Self::Token(error) => error.original(),
            Self::Scope(error) => error.answer.as_deref(),
            _ => None,
        }
    }

    /// The status of the answer, if one came.
    #[must_use]
    pub fn status(&self) -> Option<StatusCode> {
        match self {
            Self::Decode(error) => Some(error.status),
            _ => self.answer().map(|answer| answer.status),
        }
    }

    /// The headers of the answer, if one came.
    #[must_use]
    pub fn headers(&self) -> Option<&HeaderMap> {
        match self {
            Self::Decode(error) => Some(&error.headers),
            _ => self.answer().map(|answer| &answer.headers),
        }
    }

    /// The body of the answer, if one came.
    #[must_use]
    pub fn body(&self) -> Option<&Bytes> {
        match self {
            Self::Decode(error) => Some(&error.body),
            _ => self.answer().map(|answer| &answer.body),
        }
    }

    /// How far the call came, where it was begun.
    #[must_use]
    pub fn meta(&self) -> Option<&Meta> {
        match self {
            Self::Connect(error) => Some(&error.meta),
            Self::Timeout { meta, .. } | Self::Deadline { meta, .. } | Self::RateLimited { meta, .. } => Some(meta),
            Self::Decode(error) => Some(&error.meta),
            _ => self.answer().map(|answer| &answer.meta),
        }
    }

    /// The server's id of the request, if its answer had one.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        self.meta().and_then(|meta| meta.request_id.as_deref())
    }

    /// How long to wait before another try, where somebody said so.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::RateLimited { retry_after, .. } => Some(*retry_after),
            Self::Token(error) => error.retry_after(),
            _ => None,
        }
    }

    /// Whether the same call may succeed later without any change to it. It does not say that a repeat is harmless:
    /// that depends on the operation (C10).
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Connect(_) | Self::Timeout { .. } | Self::Deadline { .. } | Self::RateLimited { .. } => true,
            Self::Api(answer) => crate::retry::is_transient(answer.status.as_u16()),
            Self::Token(error) => !error.is_terminal(),
            _ => false,
        }
    }
}

/// A scope that a credential lacks (RFC 6750, 3.1). Another token of the same credential would lack it too, so none is
/// asked for.
#[derive(Debug, thiserror::Error)]
#[error("operation `{operation}` needs {}{}{}", scopes(needed), told(held.as_deref()), because(answer.as_deref()))]
pub struct ScopeError {
    /// The operation.
    pub operation: String,
    /// The security scheme whose credential was used.
    pub scheme: Option<String>,
    /// The scopes that the operation needs; empty if the server did not say.
    pub needed: Vec<String>,
    /// The scopes that the token has, where they are known.
    pub held: Option<Vec<String>>,
    /// The server's refusal; `None` where nothing was sent.
    pub answer: Option<Box<ApiError>>,
}

fn scopes(needed: &[String]) -> String {
    match needed {
        [] => "a scope that the credential lacks".to_owned(),
        needed => format!("the scope `{}`", needed.join(" ")),
    }
}

fn told(held: Option<&[String]>) -> String {
    held.map(|held| format!(", and the token has `{}`", held.join(" "))).unwrap_or_default()
}

fn because(answer: Option<&ApiError>) -> String {
    match answer {
        Some(answer) => format!(": {answer}"),
        None => "; ask for a token with that scope".to_owned(),
    }
}

/// An argument or body that does not fit its operation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("operation `{operation}`: {problem}")]
pub struct RequestError {
    /// The operation.
    pub operation: String,
    /// What does not fit, and what would.
    pub problem: String,
}

impl From<RequestError> for Error {
    fn from(error: RequestError) -> Self {
        Self::Request(Box::new(error))
    }
}

/// A connection that could not be made or that broke.
#[derive(Debug, thiserror::Error)]
#[error("{}: {}: {reason}", meta.place(), if *maybe_sent { "the connection broke" } else { "no connection" })]
pub struct TransportError {
    /// What happened, without the URL, which may carry a key.
    pub reason: String,
    /// Whether the request may have reached the server.
    pub maybe_sent: bool,
    /// How far the call came.
    pub meta: Meta,
}

/// A success whose body is not what the operation answers.
#[derive(thiserror::Error)]
#[error("{} answered {status} with a body that is not what it promises: {problem}", meta.place())]
pub struct DecodeError {
    /// What is wrong with the body, and where in it.
    pub problem: String,
    /// The answer's status.
    pub status: StatusCode,
    /// The answer's headers, all but well-known ones marked sensitive (B8).
    pub headers: HeaderMap,
    /// The answer's body.
    pub body: Bytes,
    /// How the call went.
    pub meta: Meta,
}

impl fmt::Debug for DecodeError {
    /// Headers and body stay out: a token may stand there.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = formatter.debug_struct("DecodeError");
        debug.field("problem", &self.problem).field("status", &self.status).field("meta", &self.meta);
        debug.finish_non_exhaustive()
    }
}

/// An answer other than success.
pub struct ApiError {
    /// The answer's status.
    pub status: StatusCode,
    /// The answer's headers. The call's own secrets are taken out where the server sent them back, and all but well-known
    /// headers are marked sensitive, so that printing the map shows no session of the server's either (B8).
    pub headers: HeaderMap,
    /// The answer's body; the call's own secrets are taken out where the server sent them back (B8).
    pub body: Bytes,
    /// How the call went.
    pub meta: Meta,
    /// The error code that the body names, if it names one.
    pub code: Option<String>,
    /// What the body says, or the status' own words.
    pub message: String,
    /// The body as problem details (RFC 9457), if it is one.
    pub problem: Option<Problem>,
    /// What the client knows about a refusal: which credential was sent, where it came from, what looks wrong with it.
    pub hint: Option<String>,
    /// Where a redirect points to, as an origin. Redirects are not followed (B6).
    pub redirect: Option<String>,
}

impl fmt::Debug for ApiError {
    /// Headers and body stay out: a server may put anything there.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = formatter.debug_struct("ApiError");
        debug.field("status", &self.status).field("code", &self.code).field("message", &self.message);
        debug.field("hint", &self.hint).field("redirect", &self.redirect).field("meta", &self.meta);
        debug.finish_non_exhaustive()
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} answered {}: {}", self.meta.place(), self.status, self.message)?;
        if let Some(id) = &self.meta.request_id {
            write!(formatter, " (request {id})")?;
        }
        if let Some(origin) = &self.redirect {
            write!(formatter, "; it redirects to {origin}, and redirects are not followed: use that as the base URL")?;
        }
        if let Some(hint) = &self.hint {
            write!(formatter, "; {hint}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ApiError {}

/// Problem details (RFC 9457, 3.1).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Problem {
    /// What identifies the kind of problem.
    #[serde(rename = "type", default)]
    pub kind: Option<String>,
    /// Its summary.
    #[serde(default)]
    pub title: Option<String>,
    /// The status that the server meant.
    #[serde(default)]
    pub status: Option<u16>,
    /// What happened this time.
    #[serde(default)]
    pub detail: Option<String>,
    /// What identifies this occurrence.
    #[serde(default)]
    pub instance: Option<String>,
}

/// A token that could not be obtained or renewed. Everybody who waited for the same token gets the same failure (A8).
#[derive(Debug)]
pub struct TokenError {
    pub(crate) failure: Arc<Failure>,
    pub(crate) original: Option<Box<ApiError>>,
}

impl TokenError {
    /// The security scheme that wanted the token.
    #[must_use]
    pub fn scheme(&self) -> &str {
        &self.failure.scheme
    }

    /// The status that the token endpoint answered, if it answered.
    #[must_use]
    pub fn status(&self) -> Option<StatusCode> {
        self.failure.problem.status
    }

    /// The OAuth error code (RFC 6749, 5.2), if the answer has one.
    #[must_use]
    pub fn oauth_error(&self) -> Option<&str> {
        self.failure.problem.code.as_deref()
    }

    /// What the token endpoint or the connection to it said.
    #[must_use]
    pub fn description(&self) -> &str {
        &self.failure.problem.message
    }

    /// Whether the credentials themselves were refused, so that trying again is of no use (A9).
    #[must_use]
    pub fn is_terminal(&self) -> bool {
        self.failure.problem.terminal
    }

    /// How long the token endpoint asks to wait, if it does.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.failure.problem.retry_after
    }

    /// The refusal of the API that made the renewal necessary, if there was one.
    #[must_use]
    pub fn original(&self) -> Option<&ApiError> {
        self.original.as_deref()
    }
}

impl fmt::Display for TokenError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.failure)?;
        match &self.original {
            Some(original) => write!(formatter, "; a token was needed because {original}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for TokenError {}
