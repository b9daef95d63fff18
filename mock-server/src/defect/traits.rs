//! What a document can express, as far as a defect needs it: a server without scopes cannot ignore them.

use bitting_spec::extension::{RefreshStyle, Rotation};
use bitting_spec::infer::{is_logout, is_secret_name};
use bitting_spec::table::{Location, SchemeKind};
use bitting_spec::{Document, Operation};

use crate::behaviour::{is_login, is_refresh, is_token};
use crate::collection::{self, Target};

fn any(document: &Document, holds: impl Fn(&Operation) -> bool) -> bool {
    document.operations.iter().any(holds)
}

/// Whether a scheme that some operation needs is such.
fn scheme(document: &Document, holds: impl Fn(&bitting_spec::SecurityScheme) -> bool) -> bool {
    let used =
        |name: &String| any(document, |operation| operation.security.iter().any(|needs| needs.contains_key(name)));
    document.security_schemes.iter().any(|scheme| used(&scheme.name) && holds(scheme))
}

pub(super) fn protected(document: &Document) -> bool {
    any(document, |operation| !operation.is_public())
}

pub(super) fn public(document: &Document) -> bool {
    protected(document) && any(document, |operation| operation.security.is_empty())
}

pub(super) fn protected_get(document: &Document) -> bool {
    any(document, |operation| operation.method == "GET" && !operation.is_public())
}

pub(super) fn bearer(document: &Document) -> bool {
    scheme(document, |scheme| is_bearer(&scheme.kind))
}

pub(super) fn header(document: &Document) -> bool {
    let in_header = |kind: &SchemeKind| matches!(kind, SchemeKind::ApiKey { location: Location::Header, .. });
    scheme(document, |scheme| is_bearer(&scheme.kind) || in_header(&scheme.kind))
}

pub(super) fn tokens(document: &Document) -> bool {
    scheme(document, crate::scheme::takes_tokens)
}

pub(super) fn keys(document: &Document) -> bool {
    scheme(document, crate::scheme::takes_keys)
}

pub(super) fn environments(document: &Document) -> bool {
    scheme(document, |scheme| scheme.auth.environments.len() > 1)
}

pub(super) fn only_key_header(document: &Document) -> bool {
    let is_header = |name: &String| {
        let kind = document.scheme(name).map(|scheme| &scheme.kind);
        matches!(kind, Some(SchemeKind::ApiKey { location: Location::Header, .. }))
    };
    any(document, |operation| {
        !operation.is_public() && operation.security.iter().all(|needs| needs.keys().all(is_header))
    })
}

pub(super) fn alternatives(document: &Document) -> bool {
    any(document, |operation| operation.security.len() > 1 && !operation.is_public())
}

pub(super) fn conjunction(document: &Document) -> bool {
    any(document, |operation| operation.security.iter().any(|needs| needs.len() > 1))
}

pub(super) fn two_places(document: &Document) -> bool {
    any(document, |operation| {
        let names = operation.security.iter().flat_map(|needs| needs.keys());
        let places = names.filter_map(|name| document.scheme(name)).map(crate::scheme::place);
        let mut places: Vec<String> = places.map(|place| place.name()).collect();
        places.sort();
        places.dedup();
        !operation.is_public() && places.len() > 1
    })
}

fn needs_scopes(document: &Document, methods: &[&str]) -> bool {
    any(document, |operation| {
        let needed = operation.security.iter().flat_map(|needs| needs.values()).any(|scopes| !scopes.is_empty());
        needed && methods.contains(&operation.method.as_str())
    })
}

pub(super) fn scopes(document: &Document) -> bool {
    needs_scopes(document, &["GET", "POST", "PUT", "PATCH", "DELETE"])
}

pub(super) fn write_scopes(document: &Document) -> bool {
    needs_scopes(document, &["POST", "PUT", "PATCH", "DELETE"])
}

pub(super) fn tenant_path(document: &Document) -> bool {
    any(document, |operation| operation.method == "GET" && collection::tenant_parameter(operation).is_some())
}

/// Whether an operation with `method` leads to such a place.
fn leads(document: &Document, method: &str, holds: impl Fn(&Operation, Target) -> bool) -> bool {
    let collections = collection::infer(document);
    let target = |operation: &Operation| collection::target(document, &collections, operation);
    any(document, |operation| operation.method == method && holds(operation, target(operation)))
}

pub(super) fn tenant_items(document: &Document) -> bool {
    leads(document, "GET", |operation, target| operation.tenant.is_some() && matches!(target, Target::Item { .. }))
}

pub(super) fn tenant_lists(document: &Document) -> bool {
    leads(document, "GET", |operation, target| operation.tenant.is_some() && matches!(target, Target::List { .. }))
}

pub(super) fn lists(document: &Document) -> bool {
    leads(document, "GET", |_, target| matches!(target, Target::List { .. }))
}

pub(super) fn create_and_list(document: &Document) -> bool {
    leads(document, "GET", |operation, target| {
        let posts = |other: &Operation| other.method == "POST" && other.path == operation.path;
        matches!(target, Target::List { .. }) && any(document, posts)
    })
}

pub(super) fn open_create(document: &Document) -> bool {
    let collections = collection::infer(document);
    leads(document, "POST", |operation, target| {
        let Target::List { collection, .. } = target else { return false };
        let is_open = crate::behaviour::body_schema(operation).is_some_and(|schema| {
            let flat = crate::fake::flatten(document, schema);
            flat.get("additionalProperties") != Some(&serde_json::Value::Bool(false))
        });
        is_open && collections[collection].key.is_some()
    })
}

pub(super) fn delete_and_read(document: &Document) -> bool {
    leads(document, "GET", |operation, target| {
        let deletes = |other: &Operation| other.method == "DELETE" && other.path == operation.path;
        matches!(target, Target::Item { .. }) && any(document, deletes)
    })
}

pub(super) fn login(document: &Document) -> bool {
    any(document, |operation| is_login(document, operation).is_some())
}

pub(super) fn refresh(document: &Document) -> bool {
    any(document, |operation| is_refresh(document, operation).is_some())
}

/// Whether each use of a refresh token replaces it.
pub(super) fn rotation(document: &Document) -> bool {
    scheme(document, |scheme| {
        let refresh = scheme.auth.refresh.as_ref();
        refresh.is_some_and(|refresh| {
            matches!(refresh.style, RefreshStyle::Oauth2 | RefreshStyle::RefreshToken)
                && refresh.rotation != Rotation::None
        })
    })
}

/// Whether tokens that can be refreshed are limited to scopes that some operation asks for.
pub(super) fn refreshed_scopes(document: &Document) -> bool {
    let is_refreshed = |name: &String| {
        let refresh = document.scheme(name).and_then(|scheme| scheme.auth.refresh.as_ref());
        refresh.is_some_and(|refresh| !matches!(refresh.style, RefreshStyle::Reacquire | RefreshStyle::Cookie))
    };
    any(document, |operation| {
        operation.security.iter().flatten().any(|(name, scopes)| !scopes.is_empty() && is_refreshed(name))
    })
}

pub(super) fn logout(document: &Document) -> bool {
    tokens(document) && any(document, is_logout)
}

/// Whether a user can consent to an app.
pub(super) fn codes(document: &Document) -> bool {
    scheme(document, |scheme| match &scheme.kind {
        SchemeKind::OAuth2 { flows } => {
            let flow = flows.authorization_code.as_ref();
            flow.is_some_and(|flow| flow.authorization_url.is_some() && flow.token_url.is_some())
        }
        _ => false,
    })
}

/// Whether a creation shows a secret that reading the object does not.
pub(super) fn shown_once(document: &Document) -> bool {
    let collections = collection::infer(document);
    let properties = |schema: &serde_json::Value| {
        let flat = crate::fake::flatten(document, schema);
        flat.get("properties").and_then(|all| all.as_object()).cloned().unwrap_or_default()
    };
    leads(document, "GET", |operation, target| {
        let (Target::Item { collection }, Some(read)) = (target, collection::answer(operation)) else { return false };
        let creates = |other: &&Operation| {
            other.method == "POST" && collection::trimmed(&other.path) == collections[collection].path
        };
        let made = document.operations.iter().find(creates).and_then(collection::answer);
        let read = properties(read);
        made.is_some_and(|made| properties(made).keys().any(|name| is_secret_name(name) && !read.contains_key(name)))
    })
}

pub(super) fn issues_tokens(document: &Document) -> bool {
    login(document) || any(document, |operation| is_token(document, operation).is_some())
}

pub(super) fn client_scopes(document: &Document) -> bool {
    any(document, |operation| is_token(document, operation).is_some())
        && scheme(document, |scheme| match &scheme.kind {
            SchemeKind::OAuth2 { flows } => flows.client_credentials.as_ref().is_some_and(|flow| flow.scopes.len() > 1),
            _ => false,
        })
}

pub(super) fn rate_limit(document: &Document) -> bool {
    document.rate_limit.as_ref().is_some_and(|limit| limit.limit.is_some())
}

pub(super) fn rate_headers(document: &Document) -> bool {
    rate_limit(document) && document.rate_limit.as_ref().is_some_and(|limit| limit.headers.is_some())
}

pub(super) fn rate_body(document: &Document) -> bool {
    let exceeded = document.rate_limit.as_ref().and_then(|limit| limit.exceeded.as_ref());
    rate_limit(document) && exceeded.is_some_and(|exceeded| exceeded.retry_after.len() > 1)
}

pub(super) fn json_answer(document: &Document) -> bool {
    any(document, |operation| operation.method == "GET" && collection::answer(operation).is_some())
}
fn is_bearer(kind: &SchemeKind) -> bool {
    match kind {
        SchemeKind::Http { scheme, .. } => scheme == "bearer",
        SchemeKind::OAuth2 { .. } | SchemeKind::OpenIdConnect { .. } => true,
        _ => false,
    }
}
