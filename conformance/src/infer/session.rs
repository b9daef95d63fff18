//! Where tokens come from and how they are renewed, by the shape of the operations.

use std::borrow::Cow;

use bitting_spec::extension::{Acquire, Refresh, RefreshStyle, Rotation, TokenPointers};
use bitting_spec::table::SchemeKind;
use bitting_spec::{Document, Operation, SecurityScheme};

use super::{answered, named, plain, pointer, sent};
use crate::credentials::{Nature, nature};

const PASSWORDS: &[&str] = &["password", "passwd", "passphrase"];
const NAMES: &[&str] = &["username", "email", "login", "user", "emailaddress", "identifier"];
const ACCESS: &[&str] = &["accesstoken", "token", "jwt", "idtoken", "authtoken"];
const REFRESH: &[&str] = &["refreshtoken", "refresh"];
const LIVES: &[&str] = &["expiresin", "expiresinseconds"];
/// Operations that take a name and a password for something else.
const OTHER_PURPOSES: &[&str] = &["register", "signup", "reset", "users", "invite", "invitations", "change"];

/// Adds login and refresh to the one token scheme that says nothing of them.
pub(super) fn infer(document: &mut Cow<'_, Document>) {
    let Some(index) = silent(document) else { return };
    let scheme = &document.security_schemes[index];
    let acquire = document.operations.iter().find_map(|operation| login(document, scheme, operation));
    let refresh = document.operations.iter().find_map(|operation| renewal(document, scheme, operation));
    if acquire.is_none() && (refresh.is_none() || scheme.auth.refresh.is_some()) {
        return;
    }
    let auth = &mut document.to_mut().security_schemes[index].auth;
    auth.acquire = auth.acquire.take().or(acquire);
    auth.refresh = auth.refresh.take().or(refresh);
}

/// The token scheme without a login, if there is exactly one: whose token a login answers must not be guessed.
fn silent(document: &Document) -> Option<usize> {
    let takes = |scheme: &SecurityScheme| {
        let has_password_flow = matches!(&scheme.kind, SchemeKind::OAuth2 { flows } if flows.password.is_some() || flows.client_credentials.is_none());
        nature(scheme) == Nature::Token && (matches!(scheme.kind, SchemeKind::Http { .. }) || has_password_flow)
    };
    let mut all = document.security_schemes.iter().enumerate().filter(|(_, scheme)| takes(scheme));
    let (Some((index, scheme)), None) = (all.next(), all.next()) else { return None };
    scheme.auth.acquire.is_none().then_some(index)
}

fn last_word(operation: &Operation) -> String {
    plain(operation.path.trim_end_matches('/').rsplit('/').next().unwrap_or_default())
}

fn login(document: &Document, scheme: &SecurityScheme, operation: &Operation) -> Option<Acquire> {
    if operation.method != "POST" || !operation.is_public() || OTHER_PURPOSES.contains(&last_word(operation).as_str()) {
        return None;
    }
    if let SchemeKind::OAuth2 { flows } = &scheme.kind
        && let Some(url) = flows.password.as_ref().and_then(|flow| flow.token_url.as_deref())
        && !url.ends_with(operation.path.as_str())
    {
        return None;
    }
    let body = sent(document, operation);
    let (password, name) = (named(&body, PASSWORDS)?.0, named(&body, NAMES)?.0);
    Some(Acquire {
        operation_id: operation.id.clone(),
        request: [("username", name), ("password", password)]
            .map(|(part, name)| (part.to_owned(), pointer(name)))
            .into(),
        response: pointers(document, operation)?,
    })
}

/// Where the parts of a token stand in the answer, at its top or one level below.
fn pointers(document: &Document, operation: &Operation) -> Option<TokenPointers> {
    let top = answered(document, operation);
    let below = top.iter().map(|(name, schema)| (pointer(name), super::properties(document, schema)));
    let places = std::iter::once((String::new(), top.clone())).chain(below.collect::<Vec<_>>());
    places.into_iter().find_map(|(prefix, found)| {
        let at = |names: &[&str]| {
            let text = named(&found, names).filter(|(_, schema)| schema.get("properties").is_none());
            text.map(|(name, _)| format!("{prefix}{}", pointer(name)))
        };
        Some(TokenPointers {
            access_token: at(ACCESS)?,
            token_type: at(&["tokentype"]),
            expires_in: at(LIVES),
            refresh_token: at(REFRESH),
            scope: at(&["scope"]),
        })
    })
}

fn renewal(document: &Document, scheme: &SecurityScheme, operation: &Operation) -> Option<Refresh> {
    if operation.method != "POST" {
        return None;
    }
    let response = pointers(document, operation)?;
    let body = sent(document, operation);
    let (style, request) = match named(&body, REFRESH) {
        Some(_) if named(&body, PASSWORDS).is_some() => return None,
        Some((name, _)) => (RefreshStyle::RefreshToken, [("refresh_token".to_owned(), pointer(name))].into()),
        None if body.is_empty()
            && last_word(operation).contains("refresh")
            && operation.security.iter().any(|one| one.len() == 1 && one.contains_key(&scheme.name)) =>
        {
            (RefreshStyle::CurrentToken, [].into())
        }
        None => return None,
    };
    Some(Refresh {
        operation_id: Some(operation.id.clone()),
        style,
        after_expiry: bitting_spec::extension::AfterExpiry::default(),
        request,
        response,
        rotation: Rotation::Unknown,
    })
}
