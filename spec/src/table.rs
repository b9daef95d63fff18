//! The operation table: an OpenAPI document cut down to what a client needs at call time.
//!
//! The generator writes it as JSON, once per API. The runtime reads the same text whether the call comes from Rust,
//! Python or Node, so there is one description and one pipeline.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::extension::{Auth, Pagination, RateLimit, Retry};

/// An API as its client sees it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Api {
    /// The API's name in kebab case, such as `roboticks`.
    pub name: String,
    /// The document's version (`info.version`).
    pub version: String,
    /// The servers' URLs, variables filled in by their defaults. The first one is used when no base URL is given.
    pub servers: Vec<String>,
    /// The prefix of the environment variables, such as `ROBOTICKS`.
    pub env_prefix: String,
    /// The security schemes by name, in the document's order of preference.
    pub schemes: Vec<Scheme>,
    /// The operations, in the document's order.
    pub operations: Vec<Operation>,
    /// What the server limits, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_limit: Option<RateLimit>,
    /// What may be tried again, where it is stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<Retry>,
}

/// A security scheme: how a credential is put on a request, and where it comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scheme {
    /// Its name in the document.
    pub name: String,
    /// What it is and how it is applied.
    #[serde(flatten)]
    pub kind: SchemeKind,
    /// What our extension says about it.
    #[serde(default)]
    pub auth: Auth,
}

/// What a security scheme is (OpenAPI 3.1, 4.8.27).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase")]
pub enum SchemeKind {
    /// A key in a header, the query or a cookie.
    ApiKey {
        /// Where it goes.
        #[serde(rename = "in")]
        location: Location,
        /// The header's, query parameter's or cookie's name.
        #[serde(rename = "parameter")]
        parameter: String,
    },
    /// An HTTP authentication scheme (RFC 9110, 11), `bearer` or `basic`, in lower case.
    Http {
        /// Its name in lower case.
        scheme: String,
        /// A hint at the form of a bearer token, such as `JWT`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        bearer_format: Option<String>,
    },
    /// OAuth 2.0 (RFC 6749).
    #[serde(rename = "oauth2")]
    OAuth2 {
        /// Its flows.
        flows: Box<Flows>,
    },
    /// OpenID Connect Discovery.
    OpenIdConnect {
        /// Where the provider describes itself.
        url: String,
    },
    /// A client certificate.
    #[serde(rename = "mutualTLS")]
    MutualTls,
}

/// The flows of an OAuth 2.0 scheme.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Flows {
    /// RFC 6749, 4.4.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_credentials: Option<Flow>,
    /// RFC 6749, 4.1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authorization_code: Option<Flow>,
    /// RFC 6749, 4.3.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password: Option<Flow>,
    /// RFC 6749, 4.2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub implicit: Option<Flow>,
    /// RFC 8628.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device_authorization: Option<Flow>,
}

/// One flow of an OAuth 2.0 scheme.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Flow {
    /// The authorization endpoint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authorization_url: Option<String>,
    /// The token endpoint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_url: Option<String>,
    /// The token endpoint for refreshes, where it is another.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh_url: Option<String>,
    /// The device authorization endpoint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device_authorization_url: Option<String>,
    /// Scopes and their descriptions.
    pub scopes: BTreeMap<String, String>,
}

/// Where a parameter or key stands in a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Location {
    /// In the path.
    Path,
    /// In the query.
    Query,
    /// In a header.
    Header,
    /// In a cookie.
    Cookie,
}

impl Location {
    /// The word that OpenAPI uses for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Path => "path",
            Self::Query => "query",
            Self::Header => "header",
            Self::Cookie => "cookie",
        }
    }
}

/// One operation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Operation {
    /// Its `operationId`, or a name made from method and path.
    pub id: String,
    /// Its method in upper case.
    pub method: String,
    /// Its path template, such as `/devices/{id}`.
    pub path: String,
    /// Servers of its own, where the document gives it some.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub servers: Vec<String>,
    /// Its parameters.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parameters: Vec<Parameter>,
    /// Its request body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Body>,
    /// The media types of its successful answers, most wanted first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accept: Vec<String>,
    /// The alternatives of its security: OR between the entries, AND inside one. No entry: public. An empty entry: it
    /// may also be called without a credential.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub security: Vec<Requirement>,
    /// Whether the document says that a repeat does no harm, beyond what its method says (C10).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotent: Option<bool>,
    /// Its rate limit, where it has one of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_limit: Option<RateLimit>,
    /// How its pages are walked, if it answers a list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pagination: Option<Pagination>,
}

/// One alternative of an operation's security: every scheme in it is needed, with its scopes.
pub type Requirement = BTreeMap<String, Vec<String>>;

/// A parameter and how its value is written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Parameter {
    /// Its name on the wire.
    pub name: String,
    /// Where it stands.
    #[serde(rename = "in")]
    pub location: Location,
    /// Whether it must be given.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub required: bool,
    /// How a value is written.
    pub encoding: Encoding,
}

/// How a parameter's value is written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Encoding {
    /// By a style (OpenAPI 3.1, 4.8.12.3).
    Style {
        /// The style.
        style: Style,
        /// Whether arrays and objects make separate parameters.
        explode: bool,
        /// Whether reserved characters go out as they are.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        allow_reserved: bool,
    },
    /// As a media type, such as `application/json`.
    Content(String),
}

/// The parameter styles of OpenAPI.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Style {
    /// `;name=value` in a path.
    Matrix,
    /// `.value` in a path.
    Label,
    /// Comma-separated, in a path or header.
    Simple,
    /// `name=value`, in the query or a cookie.
    Form,
    /// Space-separated, in the query.
    SpaceDelimited,
    /// Pipe-separated, in the query.
    PipeDelimited,
    /// `name[key]=value`, in the query.
    DeepObject,
}

/// A request body.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Body {
    /// Whether it must be given.
    pub required: bool,
    /// The media types that it may have, the preferred one first.
    pub media_types: Vec<String>,
    /// The fields of its form whose objects and lists are written with brackets, as `name[key]` (OpenAPI 3.1, 4.8.15).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deep: Vec<String>,
}
