//! What a check is: an id, a rule with its source, what it needs, where it applies, and how it is done.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use bitting_spec::{Document, Operation};

use crate::run::{Stop, Trial};

/// The families that are about credentials: what `--only auth` means.
pub(crate) const AUTH: &[&str] = &[
    "credentials",
    "security",
    "public",
    "token",
    "key",
    "unauthenticated",
    "forbidden",
    "tenancy",
    "scope",
    "login",
    "oauth",
    "refresh",
    "logout",
];

/// A check as people see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CheckInfo {
    /// Its stable id, `family.case` in kebab case.
    pub id: &'static str,
    /// What a server does that passes it, in a few words.
    pub title: &'static str,
    /// The rule in a paragraph.
    pub rule: &'static str,
    /// Where the rule stands: an RFC with its section, an OWASP item, a section of OpenAPI.
    pub source: &'static str,
    /// What must be given for it to run.
    pub needs: &'static [Need],
    /// When it runs.
    pub phase: Phase,
}

impl CheckInfo {
    /// The part of the id before the dot.
    #[must_use]
    pub fn family(&self) -> &'static str {
        self.id.split('.').next().unwrap_or(self.id)
    }
}

/// Something that a check cannot do without.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Need {
    /// A principal whose credentials work.
    Valid,
    /// A working key of that principal.
    Key,
    /// A working token of that principal.
    Token,
    /// That principal's name and password, and a login that the document describes.
    Login,
    /// That principal's OAuth client, and a token endpoint that the document describes.
    Client,
    /// A principal of another organization.
    OtherOrganization,
    /// A credential that lacks scopes: a principal `read-only`, or a provisioner.
    ReadOnly,
    /// A token that has expired: a principal `expired`, a provisioner, or a login and time.
    ExpiredToken,
    /// A token that was revoked: a principal `revoked`, a provisioner, or a login and a logout.
    RevokedToken,
    /// A key that has expired: a principal `expired`, or a provisioner.
    ExpiredKey,
    /// A key that was revoked: a principal `revoked`, or a provisioner.
    RevokedKey,
    /// A key of another environment: a principal `other-environment`, or a provisioner.
    OtherEnvironment,
    /// A provisioner that makes tokens with wrong claims.
    ForgedToken,
    /// A provisioner that takes a user out of the organization.
    Membership,
    /// A provisioner that makes authorization codes.
    Code,
    /// A provisioner that sets rate limits.
    RateLimits,
}

impl Need {
    /// What to give when it is missing.
    #[must_use]
    pub fn remedy(self) -> &'static str {
        match self {
            Self::Valid => "give `secrets` or `login` for [credentials.valid]",
            Self::Key => "give a key under `secrets` of [credentials.valid]",
            Self::Token => "give a token under `secrets`, or a `login`, for [credentials.valid]",
            Self::Login => "give `login = { username, password }` for [credentials.valid]",
            Self::Client => "give `client = { id, secret }` for [credentials.valid]",
            Self::OtherOrganization => {
                "give `secrets` or `login`, and `parameters`, for [credentials.other-organization]"
            }
            Self::ReadOnly => "give [credentials.read-only] or a provisioner",
            Self::ExpiredToken => {
                "give a `login` for [credentials.valid] whose tokens live short, an expired token under \
                 [credentials.expired], or a provisioner"
            }
            Self::RevokedToken => {
                "give a `login` for [credentials.valid] where the document has a logout, a revoked token under \
                 [credentials.revoked], or a provisioner"
            }
            Self::ExpiredKey => "give an expired key under [credentials.expired], or a provisioner",
            Self::RevokedKey => "give a revoked key under [credentials.revoked], or a provisioner",
            Self::OtherEnvironment => "give a key under [credentials.other-environment], or a provisioner",
            Self::ForgedToken => "give a provisioner that makes tokens with wrong claims",
            Self::Membership => "give a provisioner that takes users out of their organization",
            Self::Code => "give a provisioner that makes authorization codes",
            Self::RateLimits => "give a provisioner that sets rate limits",
        }
    }
}

impl fmt::Display for Need {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Valid => "a valid credential",
            Self::Key => "a valid key",
            Self::Token => "a valid token",
            Self::Login => "a user name and password",
            Self::Client => "an OAuth client",
            Self::OtherOrganization => "a principal of another organization",
            Self::ReadOnly => "a credential that lacks scopes",
            Self::ExpiredToken => "an expired token",
            Self::RevokedToken => "a revoked token",
            Self::ExpiredKey => "an expired key",
            Self::RevokedKey => "a revoked key",
            Self::OtherEnvironment => "a key of another environment",
            Self::ForgedToken => "tokens with wrong claims",
            Self::Membership => "control of the memberships",
            Self::Code => "authorization codes",
            Self::RateLimits => "control of the rate limits",
        })
    }
}

/// The parts of a run, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Phase {
    /// Who gets in: a few requests for each operation and credential.
    Auth,
    /// Create, read, list, update, delete, one thing at a time.
    Scenario,
    /// Generated requests, valid and invalid.
    Generated,
    /// Sequences of calls in an order that chance chooses.
    State,
    /// What has to wait for the end of a token, which came nearer in the parts before.
    Time,
    /// What may be the end of a server.
    End,
    /// Rate limits, last of all and with keys of their own: whoever has used one up waits.
    Rate,
}

impl fmt::Display for Phase {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Auth => "who gets in",
            Self::Scenario => "scenarios",
            Self::Generated => "generated cases",
            Self::State => "sequences",
            Self::Time => "the end of tokens",
            Self::End => "what may end a server",
            Self::Rate => "rate limits",
        })
    }
}

/// How a trial ends: well, or by a [`Stop`].
pub(crate) type Trying<'a> = Pin<Box<dyn Future<Output = Result<(), Stop>> + Send + 'a>>;

/// A check as the suite has it.
pub(crate) struct Check {
    pub(crate) info: CheckInfo,
    /// Whether there is something to check on an operation.
    pub(crate) applies: fn(&Document, &Operation) -> bool,
    /// Does it on one operation.
    pub(crate) run: for<'a> fn(&'a Trial<'a>) -> Trying<'a>,
}
