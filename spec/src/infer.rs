//! What a plain document says by its names and shapes: which operation logs in and which renews. What the document states
//! itself (`x-auth`) always counts.

mod logout;
mod put;
mod query;
mod secret;

use std::borrow::Cow;

use serde_json::Value;

use crate::document::pagination;
use crate::extension::{Acquire, AfterExpiry, Refresh, RefreshStyle, Rotation, TokenPointers};
use crate::table::SchemeKind;
use crate::{Document, Operation, SecurityScheme};

pub use logout::is_logout;
pub use put::replaces;
pub use query::{Asks, default, filter, is_cursor, limit};
pub use secret::is_secret_name;

const PASSWORDS: &[&str] = &["password", "passwd", "passphrase"];
const NAMES: &[&str] = &["username", "email", "login", "user", "emailaddress", "identifier"];
const ACCESS: &[&str] =
    &["accesstoken", "token", "jwt", "idtoken", "authtoken", "access", "bearertoken", "sessiontoken"];
const REFRESH: &[&str] = &["refreshtoken", "refresh"];
const LIVES: &[&str] = &["expiresin", "expiresinseconds"];
/// Operations that take a name and a password for something else.
const OTHER_PURPOSES: &[&str] = &["register", "signup", "reset", "users", "invite", "invitations", "change"];

/// Adds login and refresh (`x-auth`) to the schemes that say nothing of them: those of OAuth 2.0 whose password flow names the
/// operation (RFC 6749, 4.3), and the one other token scheme.
pub fn sessions(document: &mut Cow<'_, Document>) {
    let silent = silent(document);
    for index in 0..document.security_schemes.len() {
        let scheme = &document.security_schemes[index];
        if scheme.auth.acquire.is_some() || !(has_password_flow(scheme) || silent == Some(index)) {
            continue;
        }
        let acquire = document.operations.iter().find_map(|operation| login(document, scheme, operation));
        let refresh = document.operations.iter().find_map(|operation| renewal(document, scheme, operation));
        if acquire.is_none() && (refresh.is_none() || scheme.auth.refresh.is_some()) {
            continue;
        }
        let auth = &mut document.to_mut().security_schemes[index].auth;
        auth.acquire = auth.acquire.take().or(acquire);
        auth.refresh = auth.refresh.take().or(refresh);
    }
}

/// Adds how they are paged (`x-pagination`) to the lists that are the whole answer, where a query parameter asks for the
/// page or for the place that it begins at. Nothing in such an answer tells of others, so no client walks them by itself.
pub fn bare_lists(document: &mut Cow<'_, Document>) {
    for index in 0..document.operations.len() {
        let operation = &document.operations[index];
        if operation.pagination.is_none()
            && let Some(paging) = pagination::bare(operation, &document.schemas)
        {
            document.to_mut().operations[index].pagination = Some(paging);
        }
    }
}

fn has_password_flow(scheme: &SecurityScheme) -> bool {
    matches!(&scheme.kind, SchemeKind::OAuth2 { flows } if flows.password.is_some())
}

/// The token scheme without a login, if there is exactly one: whose token a login answers must not be guessed.
fn silent(document: &Document) -> Option<usize> {
    let takes = |scheme: &SecurityScheme| {
        let is_clients = matches!(&scheme.kind, SchemeKind::OAuth2 { flows } if flows.client_credentials.is_some());
        let takes_users = matches!(scheme.kind, SchemeKind::Http { .. } | SchemeKind::OAuth2 { .. }) && !is_clients;
        takes_tokens(scheme) && (takes_users || has_password_flow(scheme))
    };
    let mut all = document.security_schemes.iter().enumerate().filter(|(_, scheme)| takes(scheme));
    let (Some((index, scheme)), None) = (all.next(), all.next()) else { return None };
    scheme.auth.acquire.is_none().then_some(index)
}

/// Whether its credentials are tokens: a bearer scheme with rules or a variable of keys takes keys.
fn takes_tokens(scheme: &SecurityScheme) -> bool {
    match &scheme.kind {
        SchemeKind::Http { scheme: name, .. } => {
            name == "bearer" && scheme.auth.key.is_none() && !scheme.auth.env.contains_key("key")
        }
        SchemeKind::OAuth2 { .. } | SchemeKind::OpenIdConnect { .. } => true,
        _ => false,
    }
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
        && document.operation_at("POST", url).is_none_or(|endpoint| endpoint.id != operation.id)
    {
        return None;
    }
    let body = sent(document, operation);
    let (password, name) = (named(&body, PASSWORDS)?.0, named(&body, NAMES)?.0);
    let mut request = vec![("username", name), ("password", password)];
    if has_password_flow(scheme) {
        let of_grant = ["grant_type", "scope"].into_iter().filter(|name| body.iter().any(|(known, _)| known == name));
        request.extend(of_grant.map(|name| (name, name)));
    }
    Some(Acquire {
        operation_id: operation.id.clone(),
        request: request.into_iter().map(|(part, name)| (part.to_owned(), pointer(name))).collect(),
        // RFC 6749, 5.1, says what a grant answers, where the document does not.
        response: pointers(document, operation).or_else(|| has_password_flow(scheme).then(TokenPointers::default))?,
    })
}

/// Where the parts of a token stand in the answer, at its top or one level below.
fn pointers(document: &Document, operation: &Operation) -> Option<TokenPointers> {
    let top = answered(document, operation);
    let below = top.iter().map(|(name, schema)| (pointer(name), properties(document, schema)));
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
    let response = pointers(document, operation)?;
    Some(Refresh {
        operation_id: Some(operation.id.clone()),
        style,
        after_expiry: AfterExpiry::default(),
        request,
        response,
        rotation: Rotation::Unknown,
    })
}

/// The properties of an object schema, those of its `allOf` included, each with its schema resolved.
#[must_use]
pub fn properties<'a>(document: &'a Document, schema: &'a Value) -> Vec<(&'a str, &'a Value)> {
    let mut found = Vec::new();
    collect(document, schema, 0, &mut found);
    found
}

fn collect<'a>(document: &'a Document, schema: &'a Value, depth: usize, found: &mut Vec<(&'a str, &'a Value)>) {
    let schema = document.resolve(schema);
    for (name, property) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        found.push((name.as_str(), document.resolve(property)));
    }
    let parts = schema.get("allOf").and_then(Value::as_array).into_iter().flatten();
    for part in parts.filter(|_| depth < 8) {
        collect(document, part, depth + 1, found);
    }
}

/// Whether a member commonly holds all of an answer, a list with what is said of it too: JSend's `data`, HAL's
/// `_embedded`.
#[must_use]
pub fn is_wrapper(name: &str) -> bool {
    matches!(plain(name).as_str(), "data" | "embedded" | "payload" | "response" | "result")
}

/// The properties of an operation's successful JSON answer.
#[must_use]
pub fn answered<'a>(document: &'a Document, operation: &'a Operation) -> Vec<(&'a str, &'a Value)> {
    let media = operation.successes().flat_map(|response| response.content.iter());
    let schemas = media.filter(|(name, _)| name.contains("json")).filter_map(|(_, media)| media.schema.as_ref());
    schemas.flat_map(|schema| properties(document, &schema.value)).collect()
}

/// The properties of an operation's request body, whatever its media type.
#[must_use]
pub fn sent<'a>(document: &'a Document, operation: &'a Operation) -> Vec<(&'a str, &'a Value)> {
    let Some(body) = &operation.request_body else { return Vec::new() };
    let schemas = body.content.values().filter_map(|media| media.schema.as_ref());
    schemas.flat_map(|schema| properties(document, &schema.value)).collect()
}

/// A name without what writers differ in: case, hyphens and underscores.
#[must_use]
pub fn plain(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_lowercase()).collect()
}

/// The first property whose plain name is the earliest of `names`.
#[must_use]
pub fn named<'a>(found: &[(&'a str, &'a Value)], names: &[&str]) -> Option<(&'a str, &'a Value)> {
    names.iter().find_map(|wanted| found.iter().find(|(name, _)| plain(name) == *wanted).copied())
}

/// The pointer to a member (RFC 6901).
#[must_use]
pub fn pointer(name: &str) -> String {
    format!("/{}", name.replace('~', "~0").replace('/', "~1"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(schemes: &str) -> Document {
        let text = format!(
            "openapi: 3.1.0\ninfo: {{title: t, version: '1'}}\ncomponents: {{securitySchemes: {schemes}}}\npaths:\n  \
             /auth/token: {{post: {{operationId: token, requestBody: {{content: {{application/x-www-form-urlencoded: \
             {{schema: {{properties: {{username: {{}}, password: {{}}, grant_type: {{}}}}}}}}}}}}, responses: {{'200': \
             {{description: d}}}}}}}}"
        );
        Document::parse("plain.yaml", &text).expect("it is valid")
    }

    fn logins(schemes: &str) -> Vec<Option<Acquire>> {
        let document = document(schemes);
        let mut document = Cow::Borrowed(&document);
        sessions(&mut document);
        document.security_schemes.iter().map(|scheme| scheme.auth.acquire.clone()).collect()
    }

    /// A password flow names its operation in every form of URL, beside other schemes too, and RFC 6749, 5.1, says what
    /// it answers; a bearer scheme needs an answer that is described.
    #[test]
    fn a_password_flow_names_its_login() {
        for url in ["/auth/token", "auth/token", "https://api.example/auth/token", "https://api.example/v1/auth/token"]
        {
            let schemes = format!(
                "{{A: {{type: oauth2, flows: {{password: {{tokenUrl: '{url}', scopes: {{}}}}}}}}, B: {{type: http, scheme: bearer}}}}"
            );
            let logins = logins(&schemes);
            let acquire = logins[0].as_ref().unwrap_or_else(|| panic!("a login is found at {url}"));
            assert_eq!(acquire.request["grant_type"], "/grant_type");
            assert_eq!((acquire.response.access_token.as_str(), &logins[1]), ("/access_token", &None));
        }
        let elsewhere = "{A: {type: oauth2, flows: {password: {tokenUrl: /elsewhere, scopes: {}}}}}";
        assert_eq!(logins(elsewhere), [None]);
    }
}
