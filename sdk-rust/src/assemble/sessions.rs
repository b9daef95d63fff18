//! From `x-auth` and OAuth flows to the requests that obtain and renew a token.

use std::collections::BTreeMap;

use bitting_spec::extension::{ClientAuth, Refresh, RefreshStyle, TokenPointers};
use bitting_spec::table::{Flow, Flows, Scheme, SchemeKind};
use http::{HeaderValue, Method};
use url::Url;

use super::Parts;
use crate::attach::basic;
use crate::body::is_json;
use crate::credentials::Credential;
use crate::error::Error;
use crate::secret::Secret;
use crate::token::acquire::{Format, HttpSource, Renew, TokenRequest};
use crate::transport::Transport;

/// Where the tokens of `credential` for `scheme` come from.
pub(super) fn source(parts: &Parts<'_>, scheme: &Scheme, credential: &Credential) -> Result<HttpSource, Error> {
    let acquire = acquire(parts, scheme, credential)?;
    let renew = match &scheme.auth.refresh {
        Some(refresh) => renew(parts, scheme, refresh, &acquire)?,
        None => oauth_renew(parts, scheme, credential, &acquire)?,
    };
    let origin = crate::origin::Origin::of(&acquire.url);
    let proxied = origin.is_some_and(|origin| !origin.is_loopback());
    Ok(HttpSource {
        acquire,
        renew,
        transport: Transport::unpooled(proxied),
        clock: std::sync::Arc::clone(parts.clock),
        user_agent: parts.user_agent.clone(),
        secret: credential.secret().clone(),
    })
}

fn acquire(parts: &Parts<'_>, scheme: &Scheme, credential: &Credential) -> Result<TokenRequest, Error> {
    match (credential, &scheme.auth.acquire, flows(scheme)) {
        (Credential::Login { username, password }, Some(acquire), _) => {
            let fields = [("username", Secret::new(username.as_str())), ("password", password.clone())];
            let fields =
                fields.into_iter().filter_map(|(part, value)| Some((acquire.request.get(part)?.clone(), value)));
            operation(parts, scheme, &acquire.operation_id, fields.collect(), acquire.response.clone())
        }
        (Credential::Login { username, password }, None, Some(Flows { password: Some(flow), .. })) => {
            let fields = vec![
                field("grant_type", "password"),
                field("username", username.as_str()),
                ("/password".to_owned(), password.clone()),
            ];
            Ok(form(token_url(parts, scheme, flow)?, fields))
        }
        (
            Credential::ClientCredentials { id, secret, scopes },
            _,
            Some(Flows { client_credentials: Some(flow), .. }),
        ) => {
            let mut request = form(token_url(parts, scheme, flow)?, vec![field("grant_type", "client_credentials")]);
            authenticate(&mut request, scheme, id, secret);
            if !scopes.is_empty() {
                request.fields.push(field("scope", scopes.join(" ")));
            }
            Ok(request)
        }
        _ => Err(Error::Config(format!("security scheme `{}` does not say how a token is acquired", scheme.name))),
    }
}

fn flows(scheme: &Scheme) -> Option<&Flows> {
    match &scheme.kind {
        SchemeKind::OAuth2 { flows } => Some(flows),
        _ => None,
    }
}

fn field(name: &str, value: impl Into<String>) -> (String, Secret) {
    (format!("/{name}"), Secret::new(value))
}

fn form(url: Url, fields: Vec<(String, Secret)>) -> TokenRequest {
    let answer = TokenPointers::default();
    TokenRequest { method: Method::POST, url, format: Format::Form, fields, authorization: None, answer }
}

/// How the client says who it is at the token endpoint: in the form, unless the document asks for HTTP Basic, in which
/// both parts are form-encoded first (RFC 6749, 2.3.1; D4).
fn authenticate(request: &mut TokenRequest, scheme: &Scheme, id: &str, secret: &Secret) {
    match scheme.auth.client_auth.unwrap_or(ClientAuth::ClientSecretPost) {
        ClientAuth::ClientSecretPost => {
            request.fields.push(field("client_id", id));
            request.fields.push(("/client_secret".to_owned(), secret.clone()));
        }
        ClientAuth::ClientSecretBasic => {
            let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
            let basic = basic(&encode(id), &Secret::new(encode(secret.expose())));
            request.authorization = basic.header("Basic ");
        }
        ClientAuth::None => request.fields.push(field("client_id", id)),
    }
}

fn token_url(parts: &Parts<'_>, scheme: &Scheme, flow: &Flow) -> Result<Url, Error> {
    let text = flow.token_url.as_deref();
    let text = text.ok_or_else(|| Error::Config(format!("a flow of `{}` has no token URL", scheme.name)))?;
    parts.servers.token_url(&scheme.name, text)
}

/// A request to an operation of the document.
fn operation(
    parts: &Parts<'_>,
    scheme: &Scheme,
    id: &str,
    fields: Vec<(String, Secret)>,
    answer: TokenPointers,
) -> Result<TokenRequest, Error> {
    let fail = |what: String| Error::Config(format!("security scheme `{}`: operation `{id}` {what}", scheme.name));
    let found = parts.api.operations.iter().find(|operation| operation.id == id);
    let operation = found.ok_or_else(|| fail("is not in the document".to_owned()))?;
    if operation.path.contains('{') {
        return Err(fail(format!(
            "has a path with parameters, `{}`, which a token request cannot fill",
            operation.path
        )));
    }
    let (base, trusted) = parts.servers.of(operation)?;
    if !trusted {
        return Err(fail(format!("is at `{base}`, which is no server of the document, and gets no credentials")));
    }
    let url = Url::parse(&format!("{base}{}", operation.path)).map_err(|error| fail(format!("has no URL: {error}")))?;
    let method = Method::from_bytes(operation.method.as_bytes()).map_err(|_| fail("has no valid method".to_owned()))?;
    let media_types = operation.body.as_ref().map(|body| body.media_types.as_slice()).unwrap_or_default();
    let is_form = |media_type: &String| media_type == "application/x-www-form-urlencoded";
    let preferred = media_types.iter().find(|media_type| is_json(media_type) || is_form(media_type));
    let format = if preferred.is_some_and(is_form) { Format::Form } else { Format::Json };
    Ok(TokenRequest { method, url, format, fields, authorization: None, answer })
}

/// The renewal that `x-auth.refresh` describes (A19).
fn renew(parts: &Parts<'_>, scheme: &Scheme, refresh: &Refresh, acquire: &TokenRequest) -> Result<Renew, Error> {
    let named = || {
        let missing = || Error::Config(format!("security scheme `{}`: its refresh names no operation", scheme.name));
        refresh.operation_id.as_deref().ok_or_else(missing)
    };
    match refresh.style {
        // A refresh token in a cookie needs a cookie store of its own; until the client has one it logs in again (A22).
        RefreshStyle::Reacquire | RefreshStyle::Cookie => Ok(Renew::Reacquire),
        RefreshStyle::CurrentToken => {
            let request = operation(parts, scheme, named()?, Vec::new(), refresh.response.clone())?;
            Ok(Renew::CurrentToken(request, refresh.after_expiry))
        }
        RefreshStyle::RefreshToken => {
            let request = operation(parts, scheme, named()?, Vec::new(), refresh.response.clone())?;
            Ok(Renew::RefreshToken(request, refresh_pointer(&refresh.request)))
        }
        RefreshStyle::Oauth2 => {
            let flow = flows(scheme).and_then(|flows| flows.password.as_ref().or(flows.authorization_code.as_ref()));
            let url = match flow.and_then(|flow| flow.refresh_url.as_deref().or(flow.token_url.as_deref())) {
                Some(text) => parts.servers.token_url(&scheme.name, text)?,
                None => acquire.url.clone(),
            };
            Ok(oauth_refresh(url, acquire, refresh.response.clone()))
        }
    }
}

fn refresh_pointer(request: &BTreeMap<String, String>) -> String {
    request.get("refresh_token").cloned().unwrap_or_else(|| "/refresh_token".to_owned())
}

/// What standard OAuth says where no extension does: a password flow's refresh token is used, and client credentials
/// are simply sent again (RFC 6749, 4.4.3).
fn oauth_renew(
    parts: &Parts<'_>,
    scheme: &Scheme,
    credential: &Credential,
    acquire: &TokenRequest,
) -> Result<Renew, Error> {
    let Some(Flows { password: Some(flow), .. }) = flows(scheme) else { return Ok(Renew::Reacquire) };
    if !matches!(credential, Credential::Login { .. }) {
        return Ok(Renew::Reacquire);
    }
    let url = match &flow.refresh_url {
        Some(text) => parts.servers.token_url(&scheme.name, text)?,
        None => acquire.url.clone(),
    };
    Ok(oauth_refresh(url, acquire, TokenPointers::default()))
}

/// `grant_type=refresh_token` (RFC 6749, 6), by the client that acquired the token.
fn oauth_refresh(url: Url, acquire: &TokenRequest, answer: TokenPointers) -> Renew {
    let client = |(pointer, _): &&(String, Secret)| matches!(pointer.as_str(), "/client_id" | "/client_secret");
    let mut fields = vec![field("grant_type", "refresh_token")];
    fields.extend(acquire.fields.iter().filter(client).cloned());
    let authorization: Option<HeaderValue> = acquire.authorization.clone();
    Renew::RefreshToken(TokenRequest { answer, authorization, ..form(url, fields) }, "/refresh_token".to_owned())
}
