//! The endpoints of OAuth 2.0 that the document describes: which operations they are, and what a client asks of them
//! (RFC 6749, 3.1, 3.2 and 4.4).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bitting_spec::extension::ClientAuth;
use bitting_spec::table::{Flow, SchemeKind};
use bitting_spec::{Document, Operation, SecurityScheme};
use serde_json::{Map, Value};

use super::keyring::Denied;
use super::{Context, Stop};
use crate::credentials::{OAuthClient, Role};
use crate::generate::Case;
use crate::http::Request;
use crate::secret::Secret;

const FORM: &str = "application/x-www-form-urlencoded";

/// The scheme whose client credentials this operation takes, and the scopes that can be asked for.
pub(crate) fn granting<'a>(document: &'a Document, operation: &Operation) -> Option<(&'a SecurityScheme, Vec<String>)> {
    document.security_schemes.iter().find_map(|scheme| {
        let scopes = granted_at(scheme, operation)?;
        Some((scheme, scopes))
    })
}

/// The scopes of the scheme, if its token endpoint is this operation.
fn granted_at(scheme: &SecurityScheme, operation: &Operation) -> Option<Vec<String>> {
    let SchemeKind::OAuth2 { flows } = &scheme.kind else { return None };
    let flow = flows.client_credentials.as_ref()?;
    is_at(flow.token_url.as_deref(), "POST", operation).then(|| flow.scopes.keys().cloned().collect())
}

/// The scheme whose authorization codes this operation takes.
pub(crate) fn exchanging<'a>(document: &'a Document, operation: &Operation) -> Option<&'a SecurityScheme> {
    with_codes(document, |flow| is_at(flow.token_url.as_deref(), "POST", operation))
}

/// The scheme at whose authorization endpoint, which is this operation, an app asks for a user's consent.
pub(crate) fn asking<'a>(document: &'a Document, operation: &Operation) -> Option<&'a SecurityScheme> {
    with_codes(document, |flow| is_at(flow.authorization_url.as_deref(), "GET", operation))
}

fn with_codes(document: &Document, holds: impl Fn(&Flow) -> bool) -> Option<&SecurityScheme> {
    document.security_schemes.iter().find(|scheme| match &scheme.kind {
        SchemeKind::OAuth2 { flows } => flows.authorization_code.as_ref().is_some_and(&holds),
        _ => false,
    })
}

/// Whether an endpoint is this operation: the end of its URL is the operation's path.
fn is_at(url: Option<&str>, method: &str, operation: &Operation) -> bool {
    let path = url.and_then(|url| url.split(['?', '#']).next()).unwrap_or_default();
    operation.method == method && operation.path.len() > 1 && path.ends_with(&operation.path)
}

impl Context<'_> {
    /// The request for a token of `client` with these scopes.
    pub(crate) fn grant_request(
        &self,
        operation: &Operation,
        scheme: &SecurityScheme,
        client: &OAuthClient,
        scopes: &[String],
    ) -> Result<Request, Stop> {
        self.token_request(operation, scheme, client, &grant_fields(scopes))
    }

    /// A request of `client` to the token endpoint, with these fields beside its id and secret.
    pub(crate) fn token_request(
        &self,
        operation: &Operation,
        scheme: &SecurityScheme,
        client: &OAuthClient,
        fields: &[(&str, String)],
    ) -> Result<Request, Stop> {
        let request = token_case(scheme, client, fields).request(operation).map_err(Stop::Skip)?;
        Ok(match scheme.auth.client_auth {
            Some(ClientAuth::ClientSecretBasic) => {
                let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
                let pair = format!("{}:{}", encoded(&client.id), encoded(client.secret.expose()));
                let basic = Secret::new(STANDARD.encode(pair));
                self.vault.keep(&basic, "CLIENT_BASIC", "client_id:client_secret in base64");
                request.with_header("authorization", &format!("Basic {}", basic.expose()))
            }
            _ => request,
        })
    }

    /// A token of the principal's client, with every scope; with its life in seconds, if the answer tells it. `None`: it
    /// has no client, or the document no token endpoint for the scheme.
    pub(super) async fn granted(
        &self,
        role: Role,
        scheme: &SecurityScheme,
    ) -> Result<Option<(Secret, Option<u64>)>, Denied> {
        let client = self.credentials.principal(role).and_then(|principal| principal.client.as_ref());
        let found = self.document.operations.iter().find_map(|other| Some((other, granted_at(scheme, other)?)));
        let (Some(client), Some((operation, scopes))) = (client, found) else { return Ok(None) };
        let request = self.grant_request(operation, scheme, client, &scopes)?;
        let exchange = self.exchange(request).await.map_err(|broken| Stop::broken(&broken))?;
        let body = exchange.answer.json().filter(|_| exchange.answer.is_success()).unwrap_or(Value::Null);
        let token = body["access_token"].as_str().ok_or_else(|| {
            let status = exchange.answer.status;
            let said = format!("the token endpoint answered {status} without a token to the client {}", client.id);
            Denied::Refused { status, said }
        })?;
        Ok(Some((Secret::new(token), body["expires_in"].as_u64())))
    }
}

/// The case of the client credentials grant.
pub(super) fn grant_case(scheme: &SecurityScheme, client: &OAuthClient, scopes: &[String]) -> Case {
    token_case(scheme, client, &grant_fields(scopes))
}

fn grant_fields(scopes: &[String]) -> Vec<(&'static str, String)> {
    let mut fields = vec![("grant_type", "client_credentials".to_owned())];
    if !scopes.is_empty() {
        fields.push(("scope", scopes.join(" ")));
    }
    fields
}

/// A case of the token endpoint. A client that authenticates by HTTP Basic stands in no body.
fn token_case(scheme: &SecurityScheme, client: &OAuthClient, fields: &[(&str, String)]) -> Case {
    let mut body = Map::new();
    if scheme.auth.client_auth != Some(ClientAuth::ClientSecretBasic) {
        body.insert("client_id".to_owned(), Value::from(client.id.as_str()));
        body.insert("client_secret".to_owned(), Value::from(client.secret.expose()));
    }
    body.extend(fields.iter().map(|(name, value)| ((*name).to_owned(), Value::from(value.as_str()))));
    Case { body: Some((FORM.to_owned(), Value::Object(body))), ..Case::default() }
}
