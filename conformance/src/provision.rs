//! Credentials made to order: expired, revoked, forged, limited. What no file can hold, a provisioner makes.
//!
//! Every method but [`Provisioner::world`] may answer [`ProvisionError::Unsupported`]; the checks that need it are then
//! skipped and say so.

mod command;
mod control_plane;

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use command::{Command, protocol};
pub use control_plane::ControlPlane;

use crate::secret::Secret;

/// What a provisioner's method answers, in the end.
pub type Provision<'a, T> = Pin<Box<dyn Future<Output = Result<T, ProvisionError>> + Send + 'a>>;

/// Why a provisioner did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProvisionError {
    /// It cannot do this.
    #[error("the provisioner does not support this")]
    Unsupported,
    /// It tried and failed.
    #[error("{0}")]
    Failed(String),
}

/// Somebody who makes credentials of every kind, and moves time and limits.
pub trait Provisioner: Send + Sync {
    /// The organizations and users that there are.
    fn world(&self) -> Provision<'_, World>;

    /// Makes a key.
    fn mint_key(&self, _order: KeyOrder) -> Provision<'_, Minted> {
        unsupported()
    }

    /// Takes the key `id` back.
    fn revoke_key<'a>(&'a self, _id: &'a str) -> Provision<'a, ()> {
        unsupported()
    }

    /// Ends the life of the key `id`.
    fn expire_key<'a>(&'a self, _id: &'a str) -> Provision<'a, ()> {
        unsupported()
    }

    /// Makes a token.
    fn mint_token(&self, _order: TokenOrder) -> Provision<'_, Minted> {
        unsupported()
    }

    /// Takes the token `id` back.
    fn revoke_token<'a>(&'a self, _id: &'a str) -> Provision<'a, ()> {
        unsupported()
    }

    /// Makes an authorization code, as if the user had consented (RFC 6749, 4.1.2).
    fn mint_code(&self, _order: CodeOrder) -> Provision<'_, Minted> {
        unsupported()
    }

    /// Takes the user out of the organization, with all that was issued to it still in its hands.
    fn remove_member<'a>(&'a self, _user: &'a str) -> Provision<'a, ()> {
        unsupported()
    }

    /// Takes the user back into the organization.
    fn restore_member<'a>(&'a self, _user: &'a str) -> Provision<'a, ()> {
        unsupported()
    }

    /// Moves the server's clock forward.
    fn advance_clock(&self, _by: Duration) -> Provision<'_, ()> {
        unsupported()
    }

    /// Allows `limit` requests in each `window` to everybody.
    fn set_rate_limit(&self, _limit: u64, _window: Duration) -> Provision<'_, ()> {
        unsupported()
    }

    /// Takes back what [`set_rate_limit`](Self::set_rate_limit) set: the server's own limit counts again.
    fn restore_rate_limit(&self) -> Provision<'_, ()> {
        unsupported()
    }

    /// Forgets the requests that were counted so far.
    fn reset_rate_limits(&self) -> Provision<'_, ()> {
        unsupported()
    }

    /// Puts the server back to its first state.
    fn reset(&self) -> Provision<'_, ()> {
        unsupported()
    }
}

fn unsupported<'a, T: Send + 'a>() -> Provision<'a, T> {
    Box::pin(std::future::ready(Err(ProvisionError::Unsupported)))
}

/// The organizations and users of a server.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct World {
    /// The organizations.
    pub organizations: Vec<Organization>,
    /// The users. The first one is who the suite is by default.
    pub users: Vec<User>,
    /// The OAuth clients.
    #[serde(default)]
    pub clients: Vec<ClientOf>,
}

/// An OAuth client of an organization.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ClientOf {
    /// Its id.
    pub client_id: String,
    /// Its secret.
    pub client_secret: Secret,
    /// The slug of the organization.
    pub organization: String,
    /// Where it lets users be sent back to.
    #[serde(default)]
    pub redirect_uris: Vec<String>,
}

/// An organization.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Organization {
    /// Its name in a path.
    pub slug: String,
    /// The names of its projects.
    #[serde(default)]
    pub projects: Vec<String>,
}

/// A user.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct User {
    /// The email address, by which the provisioner knows the user.
    pub email: String,
    /// The password.
    pub password: Secret,
    /// The slug of the organization.
    pub organization: String,
    /// What the user may do there: `read-only` for somebody who may not write.
    #[serde(default)]
    pub permission: Option<String>,
}

/// A key to be made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct KeyOrder {
    /// Whose key it is.
    pub user: String,
    /// The security scheme that it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scheme: Option<String>,
    /// Its scopes; `None`: all that there are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scopes: Option<Vec<String>>,
    /// Its life in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttl: Option<u64>,
    /// Its environment, such as `sandbox`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
}

/// A token to be made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct TokenOrder {
    /// Whose token it is.
    pub user: String,
    /// The security scheme that it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scheme: Option<String>,
    /// Its scopes; `None`: all that there are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scopes: Option<Vec<String>>,
    /// Its life in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttl: Option<u64>,
    /// Its environment, such as `sandbox`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// What is wrong with it.
    pub tamper: Tamper,
    /// Whether its life has ended already.
    pub expired: bool,
}

/// What is wrong with a token that is made to be refused.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tamper {
    /// Nothing.
    #[default]
    None,
    /// Its signature does not belong to it.
    BadSignature,
    /// It says that it needs no signature (RFC 8725, 2.1).
    AlgNone,
    /// It is signed by HMAC with the server's public key as the secret (RFC 8725, 2.1).
    KeyConfusion,
    /// It is for another audience (RFC 7519, 4.1.3).
    WrongAudience,
    /// It was issued by somebody else (RFC 7519, 4.1.1).
    WrongIssuer,
    /// Its life has not begun (RFC 7519, 4.1.5).
    NotYetValid,
    /// It is no token at all.
    Garbage,
}

/// An authorization code to be made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct CodeOrder {
    /// The client that it is for.
    pub client_id: String,
    /// Where the user is sent back to with it.
    pub redirect_uri: String,
    /// Who consented.
    pub user: String,
    /// What the user consented to.
    pub scopes: Vec<String>,
    /// The SHA-256 of the code verifier in base64url (RFC 7636, 4.2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code_challenge: Option<String>,
}

/// A credential that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Minted {
    /// What the provisioner calls it.
    pub id: String,
    /// The credential.
    pub secret: Secret,
}
