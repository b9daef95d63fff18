//! From `x-auth` and OAuth flows to the requests that obtain and renew a token.

use std::collections::BTreeMap;
use std::sync::Arc;

use bitting_spec::extension::{Refresh, RefreshStyle, TokenPointers};
use bitting_spec::table::{Flow, Flows, Scheme, SchemeKind};
use http::Method;
use url::Url;

use super::Parts;
use crate::body::is_json;
use crate::credentials::Credential;
use crate::error::Error;
use crate::oauth::{Discovery, OAuthClient};
use crate::origin::Origin;
use crate::secret::Secret;
use crate::store::{LoginKind, Profile};
use crate::token::acquire::{Acquire, Endpoint, Format, HttpSource, Place, Renew, TokenRequest};
use crate::token::cookies::COOKIE;

/// Where the tokens of `credential` for `scheme` come from.
pub(crate) fn source(parts: &Parts<'_>, scheme: &Scheme, credential: &Credential) -> Result<HttpSource, Error> {
    if let Credential::Profile(profile) = credential {
        return profile_source(parts, scheme, profile);
    }
    let acquire = acquire(parts, scheme, credential)?;
    let renew = match &scheme.auth.refresh {
        Some(refresh) => renew(parts, scheme, refresh, Some(&acquire))?,
        None => oauth_renew(parts, scheme, credential, &acquire)?,
    };
    let endpoint = endpoint(parts, acquire.place.url());
    Ok(HttpSource::new(Acquire::Request(Box::new(acquire)), renew, endpoint))
}

/// Where the tokens of a kept login come from: its renewals only, since the user alone can log in again.
fn profile_source(parts: &Parts<'_>, scheme: &Scheme, profile: &Profile) -> Result<HttpSource, Error> {
    let renew = match (&scheme.auth.refresh, flows(scheme)) {
        (Some(refresh), _) => renew(parts, scheme, refresh, None)?,
        (None, Some(flows)) => match user_flow(flows, profile.kind) {
            Some(flow) => oauth_refresh(refresh_url(parts, scheme, flow)?.into(), None, TokenPointers::default()),
            None => Renew::Reacquire,
        },
        (None, None) => match described(parts, scheme)? {
            Some(place) => oauth_refresh(place, None, TokenPointers::default()),
            None => Renew::Reacquire,
        },
    };
    let renew = match renew {
        Renew::RefreshToken(request, pointer) => {
            let method = scheme.auth.client_auth;
            let client = profile.client_id.as_ref().map(|id| OAuthClient::new(id).declared(method));
            Renew::RefreshToken(TokenRequest { client, ..request }, pointer)
        }
        other => other,
    };
    let url = match &renew {
        Renew::CurrentToken(request, _) | Renew::RefreshToken(request, _) => request.place.url().clone(),
        Renew::Reacquire => parts.servers.base().clone(),
    };
    let remedy = format!("log in again with `bitting login` (profile `{}` of {})", profile.name, profile.api);
    Ok(HttpSource::new(Acquire::User(remedy), renew, endpoint(parts, &url)))
}

fn endpoint(parts: &Parts<'_>, url: &Url) -> Endpoint {
    let proxied = Origin::of(url).is_some_and(|origin| !origin.is_loopback());
    Endpoint {
        transport: parts.transport.for_tokens(proxied),
        clock: Arc::clone(parts.clock),
        user_agent: parts.user_agent.clone(),
    }
}

fn acquire(parts: &Parts<'_>, scheme: &Scheme, credential: &Credential) -> Result<TokenRequest, Error> {
    match (credential, &scheme.auth.acquire, flows(scheme)) {
        (Credential::Login { username, password }, Some(acquire), _) => {
            let fields = [
                ("username", Secret::new(username.as_str())),
                ("password", password.clone()),
                // Where the operation is a token endpoint (RFC 6749, 4.3.2).
                ("grant_type", Secret::new("password")),
            ];
            let fields =
                fields.into_iter().filter_map(|(part, value)| Some((acquire.request.get(part)?.clone(), value)));
            let is_cookie = scheme.auth.refresh.as_ref().is_some_and(|refresh| refresh.style == RefreshStyle::Cookie);
            let answer = if is_cookie { in_cookies(&acquire.response) } else { acquire.response.clone() };
            operation(parts, scheme, &acquire.operation_id, fields.collect(), answer)
        }
        (Credential::Login { username, password }, None, Some(Flows { password: Some(flow), .. })) => {
            let fields = [
                ("grant_type", Secret::new("password")),
                ("username", Secret::new(username.as_str())),
                ("password", password.clone()),
            ];
            Ok(TokenRequest::form(token_url(parts, scheme, flow)?, fields))
        }
        (Credential::ClientCredentials { id, secret, scopes }, ..) => {
            minted(parts, scheme, OAuthClient::new(id).secret(secret.clone()), scopes)
        }
        (Credential::App { client, scopes }, ..) => minted(parts, scheme, client.clone(), scopes),
        _ => Err(Error::Config(format!("security scheme `{}` does not say how a token is acquired", scheme.name))),
    }
}

/// A token for the client itself (RFC 6749, 4.4; ARROTECH-2).
fn minted(parts: &Parts<'_>, scheme: &Scheme, client: OAuthClient, scopes: &[String]) -> Result<TokenRequest, Error> {
    let missing = || Error::Config(format!("`{}` has no flow for client credentials", scheme.name));
    let flow = flows(scheme).and_then(|flows| flows.client_credentials.as_ref());
    let place = match (flow, described(parts, scheme)?) {
        (Some(flow), _) => token_url(parts, scheme, flow)?.into(),
        (None, Some(place)) => place,
        (None, None) => return Err(missing()),
    };
    let scope = (!scopes.is_empty()).then(|| ("scope", Secret::new(scopes.join(" "))));
    let fields = [("grant_type", Secret::new("client_credentials"))].into_iter().chain(scope);
    let client = Some(client.declared(scheme.auth.client_auth));
    Ok(TokenRequest { client, ..TokenRequest::form(place, fields) })
}

/// The token endpoint of a server that describes itself, where the document leaves it to that (OpenID Connect).
fn described(parts: &Parts<'_>, scheme: &Scheme) -> Result<Option<Place>, Error> {
    let SchemeKind::OpenIdConnect { url } = &scheme.kind else { return Ok(None) };
    let url = parts.servers.token_url(&scheme.name, url)?;
    Ok(Some(Place::Described(Arc::new(Discovery::new(url)))))
}

fn flows(scheme: &Scheme) -> Option<&Flows> {
    match &scheme.kind {
        SchemeKind::OAuth2 { flows } => Some(flows),
        _ => None,
    }
}

/// The flow by which a user logs in so.
pub(crate) fn user_flow(flows: &Flows, kind: LoginKind) -> Option<&Flow> {
    match kind {
        LoginKind::Password => flows.password.as_ref(),
        LoginKind::Browser => flows.authorization_code.as_ref(),
        LoginKind::Device => flows.device_authorization.as_ref(),
    }
}

fn refresh_url(parts: &Parts<'_>, scheme: &Scheme, flow: &Flow) -> Result<Url, Error> {
    match &flow.refresh_url {
        Some(text) => parts.servers.token_url(&scheme.name, text),
        None => token_url(parts, scheme, flow),
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
    Ok(TokenRequest { method, place: Place::Known(url), format, fields, client: None, answer })
}

/// The renewal that `x-auth.refresh` describes (A19).
fn renew(
    parts: &Parts<'_>,
    scheme: &Scheme,
    refresh: &Refresh,
    acquire: Option<&TokenRequest>,
) -> Result<Renew, Error> {
    let named = || {
        let missing = || Error::Config(format!("security scheme `{}`: its refresh names no operation", scheme.name));
        refresh.operation_id.as_deref().ok_or_else(missing)
    };
    match refresh.style {
        RefreshStyle::Reacquire => Ok(Renew::Reacquire),
        RefreshStyle::Cookie => {
            let request = operation(parts, scheme, named()?, Vec::new(), in_cookies(&refresh.response))?;
            // Cookies are for the origin that set them.
            if acquire.is_some_and(|acquire| Origin::of(acquire.place.url()) != Origin::of(request.place.url())) {
                let what = "its refresh operation is at another origin than its login, and gets no cookies from there";
                return Err(Error::Config(format!("security scheme `{}`: {what}", scheme.name)));
            }
            Ok(Renew::RefreshToken(request, COOKIE.to_owned()))
        }
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
            let place = match (flow, acquire, described(parts, scheme)?) {
                (Some(flow), ..) => refresh_url(parts, scheme, flow)?.into(),
                (None, Some(acquire), _) => acquire.place.clone(),
                (None, None, Some(place)) => place,
                (None, None, None) => return Err(Error::Config(format!("`{}` has no token URL", scheme.name))),
            };
            Ok(oauth_refresh(place, acquire.and_then(|acquire| acquire.client.clone()), refresh.response.clone()))
        }
    }
}

/// The same answer, with its refresh token in cookies (A22).
fn in_cookies(answer: &TokenPointers) -> TokenPointers {
    TokenPointers { refresh_token: Some(COOKIE.to_owned()), ..answer.clone() }
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
    let is_apart = flow.refresh_url.is_some();
    let place = if is_apart { refresh_url(parts, scheme, flow)?.into() } else { acquire.place.clone() };
    Ok(oauth_refresh(place, acquire.client.clone(), TokenPointers::default()))
}

/// `grant_type=refresh_token` (RFC 6749, 6), by the client that acquired the token.
fn oauth_refresh(place: Place, client: Option<OAuthClient>, answer: TokenPointers) -> Renew {
    let request = TokenRequest::form(place, [("grant_type", Secret::new("refresh_token"))]);
    Renew::RefreshToken(TokenRequest { answer, client, ..request }, "/refresh_token".to_owned())
}
