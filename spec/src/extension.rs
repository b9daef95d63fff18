//! What OpenAPI cannot say and bitting needs to know: the `x-` extensions, as plain data.
//!
//! Everything here is optional; a document without extensions works from standard OpenAPI alone. The same types travel
//! in the [operation table](crate::table) to the client runtime, so an extension is described in one place only.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// `x-auth` on a Security Scheme Object: where the credential comes from, how it is renewed, what its rules are.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Auth {
    /// Names of environment variables, by what they hold: `key`, `token`, `username`, `password`, `client_id`,
    /// `client_secret`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// How a token is obtained from a user's name and password.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acquire: Option<Acquire>,
    /// How a token is renewed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh: Option<Refresh>,
    /// Where the claims stand in a JWT, as JSON pointers: `organization`, `subject`, `scopes`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub claims: BTreeMap<String, String>,
    /// How its tokens may be signed (RFC 7518, 3.1), such as `RS256`; the first one signs. Empty: as `bearerFormat` says,
    /// else any.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub algorithms: Vec<String>,
    /// What a server may answer across organizations.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant_isolation: Option<TenantIsolation>,
    /// The rules of an API key's life.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<KeyRules>,
    /// Scopes and their descriptions, for schemes that cannot declare them (an `apiKey` scheme).
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub scopes: BTreeMap<String, String>,
    /// How an OAuth client authenticates at the token endpoint (RFC 6749, 2.3.1).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_auth: Option<ClientAuth>,
    /// The PKCE method of the authorization code grant (RFC 7636): `S256`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pkce: Option<String>,
    /// Environments that a credential can belong to, with the server of each (`null`: not published).
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub environments: BTreeMap<String, Option<String>>,
    /// Status codes that mean "this credential was rejected" (A21). Empty: 401 alone.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rejected: Vec<u16>,
}

impl Auth {
    /// Whether `status` says that the credential itself was rejected (A21).
    #[must_use]
    pub fn rejects(&self, status: u16) -> bool {
        if self.rejected.is_empty() { status == 401 } else { self.rejected.contains(&status) }
    }
}

/// How a token is obtained: an operation of the document that takes a name and a password.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub struct Acquire {
    /// The operation that answers a token.
    #[serde(alias = "operationId")]
    pub operation_id: String,
    /// Where each part of the credentials stands in the request body, as JSON pointers.
    #[serde(default = "Acquire::default_request")]
    pub request: BTreeMap<String, String>,
    /// Where the parts of the token stand in the answer.
    #[serde(default)]
    pub response: TokenPointers,
}

impl Acquire {
    fn default_request() -> BTreeMap<String, String> {
        [("username", "/username"), ("password", "/password")]
            .map(|(part, pointer)| (part.to_owned(), pointer.to_owned()))
            .into()
    }
}

/// How a token is renewed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub struct Refresh {
    /// The operation that answers the new token. Needless for [`RefreshStyle::Oauth2`] and
    /// [`RefreshStyle::Reacquire`].
    #[serde(default, alias = "operationId", skip_serializing_if = "Option::is_none")]
    pub operation_id: Option<String>,
    /// What is sent to prove the right to a new token.
    pub style: RefreshStyle,
    /// Whether the operation still renews a token that has expired.
    #[serde(default)]
    pub after_expiry: AfterExpiry,
    /// Where the refresh token stands in the request body ([`RefreshStyle::RefreshToken`]), as JSON pointers.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub request: BTreeMap<String, String>,
    /// Where the parts of the token stand in the answer.
    #[serde(default)]
    pub response: TokenPointers,
    /// Whether each use of a refresh token replaces it.
    #[serde(default)]
    pub rotation: Rotation,
}

/// What is sent to renew a token (A19, A22).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RefreshStyle {
    /// `grant_type=refresh_token` at the token endpoint (RFC 6749, 6).
    Oauth2,
    /// A refresh token in the body of an operation.
    RefreshToken,
    /// The token itself, in its usual header, before it expires (ROBOTICKS-3).
    CurrentToken,
    /// No renewal: the token is acquired anew.
    Reacquire,
    /// The refresh token travels in a cookie (A22).
    Cookie,
}

/// Whether an expired token can still be renewed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AfterExpiry {
    /// The server refuses; the client acquires a token anew.
    #[default]
    Rejected,
    /// The server renews it.
    Allowed,
}

/// Whether a refresh token changes with each use (RFC 9700, 4.14).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rotation {
    /// The same refresh token serves again.
    None,
    /// Each use answers a new one, and the old one is void.
    Rotating,
    /// Not stated; treated as [`Rotation::Rotating`].
    #[default]
    Unknown,
}

/// Where the parts of a token stand in an answer, as JSON pointers (RFC 6901). `None`: the answer has no such part.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TokenPointers {
    /// The access token.
    pub access_token: String,
    /// Its type; only `bearer` is used.
    pub token_type: Option<String>,
    /// Its life in seconds.
    pub expires_in: Option<String>,
    /// The refresh token.
    pub refresh_token: Option<String>,
    /// The granted scopes, space-separated.
    pub scope: Option<String>,
}

impl Default for TokenPointers {
    /// The names of RFC 6749, 5.1.
    fn default() -> Self {
        let pointer = |name: &str| Some(format!("/{name}"));
        Self {
            access_token: "/access_token".to_owned(),
            token_type: pointer("token_type"),
            expires_in: pointer("expires_in"),
            refresh_token: pointer("refresh_token"),
            scope: pointer("scope"),
        }
    }
}

/// What a server may answer when an organization reaches for what belongs to another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TenantIsolation {
    /// Status codes for a token of another organization.
    pub foreign_token: Vec<u16>,
    /// Status codes for an object of another organization.
    pub foreign_resource: Vec<u16>,
}

impl Default for TenantIsolation {
    fn default() -> Self {
        Self { foreign_token: vec![401, 403], foreign_resource: vec![403, 404] }
    }
}

/// The rules of an API key's life.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct KeyRules {
    /// What every key begins with, `arrow_` or `rbtk_`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    /// Whether the secret is shown only when the key is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shown_once: Option<bool>,
    /// What the server keeps of the secret: `hash`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stored: Option<String>,
    /// Whether a key must have an end: `required` or `optional`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires: Option<String>,
    /// The longest life, as an ISO 8601 duration (`P365D`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_lifetime: Option<String>,
    /// How long before its end a key is warned about, as an ISO 8601 duration (`P14D`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warn_before: Option<String>,
    /// When a revocation takes effect: `immediate`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revocation: Option<String>,
}

/// How an OAuth client authenticates at the token endpoint (RFC 6749, 2.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientAuth {
    /// `client_id` and `client_secret` in the form body.
    ClientSecretPost,
    /// HTTP Basic, both parts form-encoded first.
    ClientSecretBasic,
    /// A public client without a secret.
    None,
}

/// `x-rate-limit`: what a server limits and how it tells.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RateLimit {
    /// What a limit counts by: `credential`, `user`, `organization`, `address`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub key: Vec<String>,
    /// Requests per window, where the document says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    /// The window in seconds, where the document says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window: Option<u64>,
    /// The class of operations that share a limit; operations without one share the document's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    /// The names of the headers that tell the state of the limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub headers: Option<RateLimitHeaders>,
    /// What a refusal looks like.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exceeded: Option<RateLimitExceeded>,
}

/// The headers that tell the state of a rate limit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateLimitHeaders {
    /// Requests per window.
    pub limit: String,
    /// Requests left in this window.
    pub remaining: String,
    /// When the window ends.
    pub reset: ResetHeader,
}

/// The header that tells when a window ends, and what its value means (C2).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResetHeader {
    /// The header's name.
    pub name: String,
    /// What its value means.
    pub format: ResetFormat,
}

/// What the value of a reset header means (C2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ResetFormat {
    /// Unix time in seconds.
    UnixSeconds,
    /// Unix time in milliseconds.
    UnixMillis,
    /// Seconds from now.
    DeltaSeconds,
    /// A duration such as `6m0s` or `250ms`.
    Duration,
    /// An RFC 3339 date and time.
    Rfc3339,
    /// An HTTP date (RFC 9110, 5.6.7).
    HttpDate,
}

/// What a refusal for too many requests looks like.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RateLimitExceeded {
    /// Its status codes.
    pub status: Vec<u16>,
    /// Where the time to wait stands, in order: `header:Retry-After`, `body:/retry_after`.
    pub retry_after: Vec<String>,
}

impl Default for RateLimitExceeded {
    fn default() -> Self {
        Self { status: vec![429], retry_after: vec!["header:Retry-After".to_owned()] }
    }
}

/// `x-retry`: which answers may be asked for again, and how repeats are told apart.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Retry {
    /// The header that makes a repeated write safe.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<IdempotencyKey>,
    /// The header by which an answer says itself whether another try is of use, `true` or `false`, such as
    /// `x-should-retry` (C12).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub should_retry: Option<String>,
    /// Status codes worth another try. Empty: 408, 429, 500, 502, 503, 504.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub statuses: Vec<u16>,
}

/// The header that makes a repeated write safe (C11).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IdempotencyKey {
    /// The header's name.
    pub header: String,
}

/// How the pages of a list are walked: `x-pagination`, or inferred from the parameters and the answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pagination {
    /// What the next page is asked for by.
    pub style: PaginationStyle,
    /// The names of the query parameters: `limit`, `offset`, `page`, `size`, `cursor`.
    #[serde(default)]
    pub request: BTreeMap<String, String>,
    /// Where the parts of the page stand in the answer, as JSON pointers: `items`, `total`, `next`.
    pub response: BTreeMap<String, String>,
    /// The number of the first page, where pages have numbers: 0 or 1.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub first: u64,
}

fn one() -> u64 {
    1
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_one(number: &u64) -> bool {
    *number == 1
}

/// What the next page is asked for by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PaginationStyle {
    /// How many items to pass over.
    Offset,
    /// A page number.
    Page,
    /// An opaque mark that the last answer gave.
    Cursor,
}

/// `x-tenant`: what binds an operation to an organization.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Tenant {
    /// A path parameter names it (`path.org_slug`).
    Path(String),
    /// The credential carries it (`token.organization`).
    Token,
}

impl From<Tenant> for String {
    fn from(tenant: Tenant) -> Self {
        match tenant {
            Tenant::Path(parameter) => format!("path.{parameter}"),
            Tenant::Token => "token.organization".to_owned(),
        }
    }
}

impl TryFrom<String> for Tenant {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        match text.split_once('.') {
            Some(("path", parameter)) if !parameter.is_empty() => Ok(Self::Path(parameter.to_owned())),
            Some(("token", _)) => Ok(Self::Token),
            _ => Err(format!("expected `path.<parameter>` or `token.organization`, got `{text}`")),
        }
    }
}

/// `x-auth-case` on an Example of an error answer: which refusals have exactly this body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AuthCase {
    /// No credential was sent.
    Missing,
    /// What was sent is no credential of this scheme.
    Malformed,
    /// Well-formed, but nobody's.
    Unknown,
    /// Its life has ended.
    Expired,
    /// It was taken back.
    Revoked,
    /// It belongs to another organization.
    WrongOrganization,
    /// It belongs to another environment.
    WrongEnvironment,
    /// It lacks a scope of the operation.
    InsufficientScope,
    /// Its owner may not do this.
    Forbidden,
}
