//! A provisioner that speaks JSON over HTTP: the control plane of the reference server, or anybody who answers alike.
//!
//! | request | body | answer |
//! |---|---|---|
//! | `GET /v1/credentials` | | `{organizations: [{slug, projects}], users: [{email, password, organization}]}` |
//! | `POST /v1/keys` | [`KeyOrder`] | `{id, secret}` |
//! | `POST /v1/keys/{id}/revoke`, `…/expire` | | |
//! | `POST /v1/tokens` | [`TokenOrder`] | `{token, jti}` |
//! | `POST /v1/tokens/{jti}/revoke` | | |
//! | `POST /v1/codes` | [`CodeOrder`] | `{code}` |
//! | `POST /v1/users/{email}/remove`, `…/restore` | | |
//! | `POST /v1/clock/advance` | `{seconds}` | |
//! | `PUT /v1/rate-limits` | `{limit, window}`, or `null` for the server's own | |
//! | `POST /v1/rate-limits/reset`, `POST /v1/reset` | | |
//!
//! Every request carries the bearer token. 404, 405 and 501 mean that an order is not supported.

use std::time::Duration;

use bytes::Bytes;
use percent_encoding::{NON_ALPHANUMERIC, PercentEncode, utf8_percent_encode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{CodeOrder, KeyOrder, Minted, Provision, ProvisionError, Provisioner, TokenOrder, World};
use crate::error::Error;
use crate::http::{Base, Client, Request, Vault};
use crate::secret::Secret;

/// The most time for one order.
const PATIENCE: Duration = Duration::from_secs(10);

/// A control plane at a URL, with the bearer token that it asks for.
#[derive(Debug)]
pub struct ControlPlane {
    base: Base,
    client: Client,
    token: Secret,
}

impl ControlPlane {
    /// A control plane at `url` (no trailing path) with its bearer token.
    ///
    /// # Errors
    /// [`Error::Config`] when the URL is none.
    pub fn new(url: &str, token: impl Into<String>) -> Result<Self, Error> {
        Self::trusting(url, token, &[])
    }

    /// The same, where certificates of `authorities` (PEM) are trusted beside those of the system.
    ///
    /// # Errors
    /// [`Error::Config`] when the URL is none, or the certificates are none.
    pub fn trusting(url: &str, token: impl Into<String>, authorities: &[u8]) -> Result<Self, Error> {
        let base = Base::parse(url)?;
        Ok(Self { client: Client::new(&base, PATIENCE, authorities)?, base, token: Secret::new(token) })
    }

    async fn call<T: DeserializeOwned>(
        &self,
        method: &str,
        path: &str,
        body: Option<Value>,
    ) -> Result<T, ProvisionError> {
        let failed = |what: &str| ProvisionError::Failed(format!("{method} {path} {what}"));
        let mut request =
            Request::new(method, path).header("authorization", &format!("Bearer {}", self.token.expose()));
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(Bytes::from(body.to_string()));
        }
        let answer = self.client.send(&self.base, &request).await.map_err(|broken| failed(&broken.to_string()))?;
        match answer.status {
            200..=299 => {}
            404 | 405 | 501 => return Err(ProvisionError::Unsupported),
            status => return Err(failed(&format!("answered {status}: {}", Vault::default().excerpt(&answer, 200)))),
        }
        let body: &[u8] = if answer.body.is_empty() { b"null" } else { &answer.body };
        serde_json::from_slice(body).map_err(|error| failed(&format!("answered something else: {error}")))
    }

    fn order<'a>(&'a self, method: &'a str, path: String, body: Option<Value>) -> Provision<'a, ()> {
        Box::pin(async move { self.call::<Value>(method, &path, body).await.map(drop) })
    }
}

#[derive(Deserialize)]
struct KeyAnswer {
    id: String,
    secret: String,
}

#[derive(Deserialize)]
struct CodeAnswer {
    code: String,
}

#[derive(Deserialize)]
struct TokenAnswer {
    #[serde(default)]
    jti: String,
    token: String,
}

/// A text as one segment of a path.
fn segment(text: &str) -> PercentEncode<'_> {
    utf8_percent_encode(text, NON_ALPHANUMERIC)
}

impl Provisioner for ControlPlane {
    fn world(&self) -> Provision<'_, World> {
        Box::pin(self.call("GET", "/v1/credentials", None))
    }

    fn mint_key(&self, order: KeyOrder) -> Provision<'_, Minted> {
        Box::pin(async move {
            let answer: KeyAnswer = self.call("POST", "/v1/keys", Some(json!(order))).await?;
            Ok(Minted { id: answer.id, secret: Secret::new(answer.secret) })
        })
    }

    fn revoke_key<'a>(&'a self, id: &'a str) -> Provision<'a, ()> {
        self.order("POST", format!("/v1/keys/{}/revoke", segment(id)), None)
    }

    fn expire_key<'a>(&'a self, id: &'a str) -> Provision<'a, ()> {
        self.order("POST", format!("/v1/keys/{}/expire", segment(id)), None)
    }

    fn mint_token(&self, order: TokenOrder) -> Provision<'_, Minted> {
        Box::pin(async move {
            let answer: TokenAnswer = self.call("POST", "/v1/tokens", Some(json!(order))).await?;
            Ok(Minted { id: answer.jti, secret: Secret::new(answer.token) })
        })
    }

    fn revoke_token<'a>(&'a self, id: &'a str) -> Provision<'a, ()> {
        self.order("POST", format!("/v1/tokens/{}/revoke", segment(id)), None)
    }

    fn mint_code(&self, order: CodeOrder) -> Provision<'_, Minted> {
        Box::pin(async move {
            let answer: CodeAnswer = self.call("POST", "/v1/codes", Some(json!(order))).await?;
            Ok(Minted { id: String::new(), secret: Secret::new(answer.code) })
        })
    }

    fn remove_member<'a>(&'a self, user: &'a str) -> Provision<'a, ()> {
        self.order("POST", format!("/v1/users/{}/remove", segment(user)), None)
    }

    fn restore_member<'a>(&'a self, user: &'a str) -> Provision<'a, ()> {
        self.order("POST", format!("/v1/users/{}/restore", segment(user)), None)
    }

    fn advance_clock(&self, by: Duration) -> Provision<'_, ()> {
        self.order("POST", "/v1/clock/advance".to_owned(), Some(json!({"seconds": by.as_secs()})))
    }

    fn set_rate_limit(&self, limit: u64, window: Duration) -> Provision<'_, ()> {
        self.order("PUT", "/v1/rate-limits".to_owned(), Some(json!({"limit": limit, "window": window.as_secs()})))
    }

    fn restore_rate_limit(&self) -> Provision<'_, ()> {
        self.order("PUT", "/v1/rate-limits".to_owned(), Some(Value::Null))
    }

    fn reset_rate_limits(&self) -> Provision<'_, ()> {
        self.order("POST", "/v1/rate-limits/reset".to_owned(), None)
    }

    fn reset(&self) -> Provision<'_, ()> {
        self.order("POST", "/v1/reset".to_owned(), None)
    }
}
