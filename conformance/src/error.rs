//! What keeps a run from beginning, as against what it finds.

/// A run that could not be made: what is wrong, where, and what to do. No finding, and no verdict, is made of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The options or the credentials file cannot be used.
    #[error("{place}: {message}\n  help: {remedy}")]
    Config {
        /// The file, option or variable.
        place: String,
        /// What is wrong with it.
        message: String,
        /// What to do.
        remedy: String,
    },
    /// The target does not answer.
    #[error("{url} does not answer: {reason}\n  help: {remedy}")]
    Unreachable {
        /// The target.
        url: String,
        /// What came instead of an answer.
        reason: String,
        /// What to do.
        remedy: String,
    },
    /// A credential that should work does not, so no refusal of another would prove anything.
    #[error(
        "the credential for `{scheme}` of the principal `{role}` does not work: {operation} answered {status}\n  \
         help: {}", match *status {
            403 => "check that it may do that there: `parameters` of the principal name its organization and the like",
            404 | 500.. => "check the path of the URL: this is no refusal of a credential",
            _ => "check that it is a working credential of this server, or leave it out",
        }
    )]
    Credential {
        /// The security scheme.
        scheme: String,
        /// The principal's role.
        role: String,
        /// The operation that refused it, as method and path.
        operation: String,
        /// The status of the refusal.
        status: u16,
    },
    /// What makes the credentials of this run failed.
    #[error(
        "the provisioner failed: {reason}\n  help: check its address and its token, and that it belongs to this server"
    )]
    Provision {
        /// What it answered.
        reason: String,
    },
}

impl Error {
    /// The exit code of a command that ends with this error: 2 for its own settings, 3 for the target.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Config { .. } => 2,
            Self::Unreachable { .. } | Self::Credential { .. } | Self::Provision { .. } => 3,
        }
    }

    pub(crate) fn config(place: impl Into<String>, message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::Config { place: place.into(), message: message.into(), remedy: remedy.into() }
    }
}
