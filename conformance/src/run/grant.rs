//! The endpoints of OAuth 2.0 that the document describes: which operations they are, and what a client asks of them
//! (RFC 6749, 3.1, 3.2 and 4.4).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bitting_spec::extension::ClientAuth;
use bitting_spec::table::{Flow, SchemeKind};
use bitting_spec::{Document, Operation, SecurityScheme, Server, path_of};
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
        let scopes = granted_at(document, scheme, operation)?;
        Some((scheme, scopes))
    })
}

/// The scopes of the scheme, if its token endpoint is this operation.
fn granted_at(document: &Document, scheme: &SecurityScheme, operation: &Operation) -> Option<Vec<String>> {
    let flow = client_flow(scheme)?;
    is_at(document, flow.token_url.as_deref(), "POST", operation).then(|| flow.scopes.keys().cloned().collect())
}

/// The scheme whose authorization codes this operation takes.
pub(crate) fn exchanging<'a>(document: &'a Document, operation: &Operation) -> Option<&'a SecurityScheme> {
    with_codes(document, |flow| is_at(document, flow.token_url.as_deref(), "POST", operation))
}

/// The scheme at whose authorization endpoint, which is this operation, an app asks for a user's consent.
pub(crate) fn asking<'a>(document: &'a Document, operation: &Operation) -> Option<&'a SecurityScheme> {
    with_codes(document, |flow| is_at(document, flow.authorization_url.as_deref(), "GET", operation))
}

fn with_codes(document: &Document, holds: impl Fn(&Flow) -> bool) -> Option<&SecurityScheme> {
    document.security_schemes.iter().find(|scheme| match &scheme.kind {
        SchemeKind::OAuth2 { flows } => flows.authorization_code.as_ref().is_some_and(&holds),
        _ => false,
    })
}

/// Whether an endpoint is this operation.
fn is_at(document: &Document, url: Option<&str>, method: &str, operation: &Operation) -> bool {
    url.and_then(|url| document.operation_at(method, url)).is_some_and(|endpoint| endpoint.id == operation.id)
}

/// The flow by which a client gets tokens for itself (RFC 6749, 4.4).
pub(crate) fn client_flow(scheme: &SecurityScheme) -> Option<&Flow> {
    let SchemeKind::OAuth2 { flows } = &scheme.kind else { return None };
    flows.client_credentials.as_ref().filter(|flow| flow.token_url.is_some())
}

/// The flow by which a name and a password become a token (RFC 6749, 4.3).
pub(crate) fn password_flow(scheme: &SecurityScheme) -> Option<&Flow> {
    let SchemeKind::OAuth2 { flows } = &scheme.kind else { return None };
    flows.password.as_ref().filter(|flow| flow.token_url.is_some())
}

/// A token, with its life in seconds, if the answer tells it.
pub(super) type Granted = (Secret, Option<u64>);

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
        let request = token_case(scheme, Some(client), fields).request(operation).map_err(Stop::Skip)?;
        Ok(self.with_client(scheme, client, request))
    }

    /// The request of a client that authenticates by HTTP Basic (RFC 6749, 2.3.1), if the scheme's clients do.
    fn with_client(&self, scheme: &SecurityScheme, client: &OAuthClient, request: Request) -> Request {
        if scheme.auth.client_auth != Some(ClientAuth::ClientSecretBasic) {
            return request;
        }
        let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let pair = format!("{}:{}", encoded(&client.id), encoded(client.secret.expose()));
        let basic = Secret::new(STANDARD.encode(pair));
        self.vault.keep(&basic, "CLIENT_BASIC", "client_id:client_secret in base64");
        request.with_header("authorization", &format!("Basic {}", basic.expose()))
    }

    /// A token of the principal's client, with every scope. `None`: it has no client, or the scheme no such flow.
    pub(super) async fn granted(&self, role: Role, scheme: &SecurityScheme) -> Result<Option<Granted>, Denied> {
        let client = self.credentials.principal(role).and_then(|principal| principal.client.as_ref());
        let (Some(client), Some(flow)) = (client, client_flow(scheme)) else { return Ok(None) };
        let scopes: Vec<String> = flow.scopes.keys().cloned().collect();
        let fields = grant_fields(&scopes);
        self.token_of(scheme, flow, Some(client), &fields, &format!("the client {}", client.id)).await.map(Some)
    }

    /// A token for the principal's name and password, with every scope. `None`: it has none, or the scheme no such flow.
    pub(super) async fn granted_to_user(&self, role: Role, scheme: &SecurityScheme) -> Result<Option<Granted>, Denied> {
        let principal = self.credentials.principal(role);
        let login = principal.and_then(|principal| principal.login.as_ref());
        let (Some(login), Some(flow)) = (login, password_flow(scheme)) else { return Ok(None) };
        let mut fields = vec![
            ("grant_type", "password".to_owned()),
            ("username", login.username.clone()),
            ("password", login.password.expose().to_owned()),
        ];
        let scopes: Vec<&str> = flow.scopes.keys().map(String::as_str).collect();
        fields.extend((!scopes.is_empty()).then(|| ("scope", scopes.join(" "))));
        let client = principal.and_then(|principal| principal.client.as_ref());
        self.token_of(scheme, flow, client, &fields, &login.username).await.map(Some)
    }

    /// Asks the flow's token endpoint, an operation of the document or not, for a token.
    async fn token_of(
        &self,
        scheme: &SecurityScheme,
        flow: &Flow,
        client: Option<&OAuthClient>,
        fields: &[(&str, String)],
        who: &str,
    ) -> Result<Granted, Denied> {
        let target = self.token_target(flow.token_url.as_deref().unwrap_or_default());
        let mut request = token_case(scheme, client, fields).request_to("POST", &target, &[]).map_err(Stop::Skip)?;
        if let Some(client) = client {
            request = self.with_client(scheme, client, request);
        }
        let exchange = self.exchange_anywhere(request).await.map_err(|broken| Stop::broken(&broken))?;
        let body = exchange.answer.json().filter(|_| exchange.answer.is_success()).unwrap_or(Value::Null);
        let token = body["access_token"].as_str().ok_or_else(|| {
            let status = exchange.answer.status;
            Denied::Refused { status, said: format!("the token endpoint answered {status} without a token to {who}") }
        })?;
        Ok((Secret::new(token), body["expires_in"].as_u64()))
    }

    /// Where a token endpoint is: a path of the checked server, or the URL of another.
    fn token_target(&self, url: &str) -> String {
        if let Some(operation) = self.document.operation_at("POST", url) {
            return operation.path.clone();
        }
        let origin = |url: &str| url::Url::parse(url).ok().map(|url| url.origin());
        let is_ours = |server: &Server| origin(&server.url).is_some_and(|known| Some(known) == origin(url));
        match self.document.servers.iter().find(|server| is_ours(server)) {
            None if url.contains("://") => url.to_owned(),
            server => {
                let (path, prefix) = (path_of(url), server.map(|server| path_of(&server.url)).unwrap_or_default());
                path.strip_prefix(prefix.as_str()).filter(|rest| rest.starts_with('/')).unwrap_or(&path).to_owned()
            }
        }
    }
}

/// The case of the client credentials grant.
pub(super) fn grant_case(scheme: &SecurityScheme, client: &OAuthClient, scopes: &[String]) -> Case {
    token_case(scheme, Some(client), &grant_fields(scopes))
}

fn grant_fields(scopes: &[String]) -> Vec<(&'static str, String)> {
    let mut fields = vec![("grant_type", "client_credentials".to_owned())];
    if !scopes.is_empty() {
        fields.push(("scope", scopes.join(" ")));
    }
    fields
}

/// A case of the token endpoint. A client that authenticates by HTTP Basic stands in no body.
fn token_case(scheme: &SecurityScheme, client: Option<&OAuthClient>, fields: &[(&str, String)]) -> Case {
    let mut body = Map::new();
    if let Some(client) = client.filter(|_| scheme.auth.client_auth != Some(ClientAuth::ClientSecretBasic)) {
        body.insert("client_id".to_owned(), Value::from(client.id.as_str()));
        body.insert("client_secret".to_owned(), Value::from(client.secret.expose()));
    }
    body.extend(fields.iter().map(|(name, value)| ((*name).to_owned(), Value::from(value.as_str()))));
    Case { body: Some((FORM.to_owned(), Value::Object(body))), ..Case::default() }
}
