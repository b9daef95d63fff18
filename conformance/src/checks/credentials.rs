//! `credentials.*`: what is no credential does not get in, and what is one does, however it is spelled.

use std::collections::BTreeSet;

use bitting_spec::extension::AuthCase;
use bitting_spec::table::{Location, SchemeKind};
use bitting_spec::{Document, Operation, SecurityScheme};
use bytes::Bytes;

use super::{is_protected, takes_key};
use crate::check::{Check, CheckInfo, Need, Phase};
use crate::credentials::{Nature, Role};
use crate::finding::Observation;
use crate::http::{Exchange, Request};
use crate::run::{Stop, Trial, apply};
use crate::secret::Secret;

pub(super) const CHECKS: &[Check] = &[
    Check {
        info: CheckInfo {
            id: "credentials.missing",
            title: "no credential, no entry",
            rule: "An operation that needs a credential refuses a request without one with 401.",
            source: "RFC 9110, 15.5.2; OWASP API2:2023",
            needs: &[],
            phase: Phase::Auth,
        },
        applies: is_protected,
        run: |trial| Box::pin(missing(trial)),
    },
    Check {
        info: CheckInfo {
            id: "credentials.malformed",
            title: "what is no credential is refused",
            rule: "An empty credential, one of another scheme, one of no form at all, one of strange bytes or of \
                   endless length, and two at once are refused, and never break the server.",
            source: "RFC 9110, 11.6.2 and 15.5.2; OWASP API2:2023",
            needs: &[],
            phase: Phase::Auth,
        },
        applies: is_protected,
        run: |trial| Box::pin(malformed(trial)),
    },
    Check {
        info: CheckInfo {
            id: "credentials.scheme-case",
            title: "`bearer` is accepted in every spelling",
            rule: "The name of an authentication scheme is case-insensitive: `bearer` and `BEARER` mean `Bearer`.",
            source: "RFC 9110, 11.1",
            needs: &[Need::Valid],
            phase: Phase::Auth,
        },
        applies: takes_bearer,
        run: |trial| Box::pin(scheme_case(trial)),
    },
    Check {
        info: CheckInfo {
            id: "credentials.query",
            title: "a credential in the query is refused",
            rule: "A credential that the document puts in a header is not accepted in the query, where it ends up in \
                   logs and histories.",
            source: "RFC 6750, 2.3; RFC 9700, 4.3.2",
            needs: &[Need::Valid],
            phase: Phase::Auth,
        },
        applies: takes_no_query,
        run: |trial| Box::pin(query(trial)),
    },
    Check {
        info: CheckInfo {
            id: "credentials.both",
            title: "a wrong credential beside a right one is refused",
            rule: "Two Authorization fields make a request malformed, so it should be refused: a gate that reads the \
                   first and a server that reads the last let in whom neither knows. A wrong credential in another \
                   place than the right one should be refused as well; the document leaves that open.",
            source: "RFC 9110, 5.3 and 11.6.2; OpenAPI 3.1, 4.8.30",
            needs: &[Need::Valid],
            phase: Phase::Auth,
        },
        applies: has_room,
        run: |trial| Box::pin(both(trial)),
    },
    Check {
        info: CheckInfo {
            id: "credentials.detour",
            title: "no other way to the same operation goes round the credential",
            rule: "A path with a slash more, a HEAD in the place of a GET, and a header that names another method \
                   lead to no operation that needs a credential without one.",
            source: "OWASP API8:2023; RFC 9110, 9.3.2",
            needs: &[Need::Valid],
            phase: Phase::Auth,
        },
        applies: is_protected,
        run: |trial| Box::pin(detour(trial)),
    },
    Check {
        info: CheckInfo {
            id: "credentials.undeclared",
            title: "a key gets in only where the document puts it",
            rule: "Where the document declares no bearer token but JWTs, a key that is sent as one is refused: what is not \
                   declared is not reviewed, logged or rotated either.",
            source: "OpenAPI 3.1, 4.8.27 and 4.8.30; OWASP API9:2023",
            needs: &[Need::Key],
            phase: Phase::Auth,
        },
        applies: |document, operation| takes_key(document, operation) && !takes_any_bearer(document, operation),
        run: |trial| Box::pin(undeclared(trial)),
    },
    Check {
        info: CheckInfo {
            id: "credentials.echo",
            title: "a refusal does not repeat the credential",
            rule: "An answer that refuses a credential does not contain it: answers are logged and shown.",
            source: "OWASP API8:2023; CWE-209",
            needs: &[],
            phase: Phase::Auth,
        },
        applies: is_protected,
        run: |trial| Box::pin(echo(trial)),
    },
];

pub(super) fn takes_bearer(document: &Document, operation: &Operation) -> bool {
    let mut schemes = operation.security.iter().flat_map(|one| one.keys()).filter_map(|name| document.scheme(name));
    is_protected(document, operation) && schemes.any(is_bearer)
}

/// Whether a text that is no JWT may be a bearer token.
fn takes_any_bearer(document: &Document, operation: &Operation) -> bool {
    let is_jwt = |scheme: &SecurityScheme| match &scheme.kind {
        SchemeKind::Http { bearer_format: Some(format), .. } => format.eq_ignore_ascii_case("JWT"),
        _ => false,
    };
    let mut schemes = operation.security.iter().flat_map(|one| one.keys()).filter_map(|name| document.scheme(name));
    schemes.any(|scheme| is_bearer(scheme) && !is_jwt(scheme))
}

fn takes_no_query(document: &Document, operation: &Operation) -> bool {
    let mut schemes = operation.security.iter().flat_map(|one| one.keys()).filter_map(|name| document.scheme(name));
    is_protected(document, operation)
        && !schemes.any(|scheme| matches!(scheme.kind, SchemeKind::ApiKey { location: Location::Query, .. }))
}

fn is_bearer(scheme: &SecurityScheme) -> bool {
    match &scheme.kind {
        SchemeKind::Http { scheme, .. } => scheme == "bearer",
        SchemeKind::OAuth2 { .. } | SchemeKind::OpenIdConnect { .. } => true,
        _ => false,
    }
}

async fn missing(trial: &Trial<'_>) -> Result<(), Stop> {
    let exchange = trial.send(trial.request().await?).await?;
    trial.refused(&exchange, &[AuthCase::Missing], "a request without a credential")
}

/// What a server may take a thing for that is no credential.
const NO_CREDENTIAL: &[AuthCase] = &[AuthCase::Missing, AuthCase::Malformed, AuthCase::Unknown];

async fn malformed(trial: &Trial<'_>) -> Result<(), Stop> {
    let mut all = wrong_headers(trial);
    for scheme in [trial.schemes(Nature::Key), trial.schemes(Nature::Token)].concat() {
        if !is_bearer(scheme) {
            continue;
        }
        if let Ok(secret) = trial.secret(scheme).await {
            let value = Bytes::from(format!("Basic {}", secret.expose()));
            all.push((
                "a right token under the name of another scheme".to_owned(),
                vec![("authorization".to_owned(), value)],
            ));
        }
    }
    for (who, headers) in all {
        let mut request = trial.request().await?;
        for (name, value) in headers {
            request = request.raw_header(&name, value);
        }
        let exchange = trial.send(request).await?;
        // Such a request may be refused before anybody looks at credentials.
        let is_bad_request = matches!(exchange.answer.status, 400 | 413 | 431);
        if !is_bad_request {
            trial.refused(&exchange, NO_CREDENTIAL, &who)?;
        }
    }
    Ok(())
}

type Headers = Vec<(String, Bytes)>;

/// Headers that hold no credential of the operation's schemes, and what they are.
fn wrong_headers(trial: &Trial<'_>) -> Vec<(String, Headers)> {
    let one = |name: &str, value: &[u8]| vec![(name.to_owned(), Bytes::copy_from_slice(value))];
    let mut all = Vec::new();
    if takes_bearer(trial.context.document, trial.operation) {
        let authorization = |value: &[u8]| one("authorization", value);
        all.push(("an empty Authorization".to_owned(), authorization(b"")));
        all.push(("`Bearer` without a token".to_owned(), authorization(b"Bearer ")));
        all.push(("a credential of another scheme".to_owned(), authorization(b"Basic Yml0dGluZzpiaXR0aW5n")));
        all.push(("a bearer token that is none".to_owned(), authorization(b"Bearer not-a-credential")));
        all.push(("a bearer token of strange bytes".to_owned(), authorization(b"Bearer \xff\xfe\x80")));
        all.push((
            "a bearer token of 32 KiB".to_owned(),
            authorization(format!("Bearer {}", "a".repeat(32 * 1024)).as_bytes()),
        ));
        let twice = [authorization(b"Bearer not-a-credential"), authorization(b"Bearer nor-is-this")].concat();
        all.push(("two Authorization fields".to_owned(), twice));
    }
    for scheme in trial.schemes(Nature::Key) {
        let SchemeKind::ApiKey { location: Location::Header, parameter } = &scheme.kind else { continue };
        all.push((format!("an empty {parameter}"), one(parameter, b"")));
        all.push((format!("a {parameter} that is no key"), one(parameter, b"not-a-credential")));
        all.push((format!("a {parameter} of strange bytes"), one(parameter, b"\xff\xfe\x80")));
    }
    all
}

async fn scheme_case(trial: &Trial<'_>) -> Result<(), Stop> {
    let mut tried = false;
    for scheme in [trial.schemes(Nature::Key), trial.schemes(Nature::Token)].concat() {
        if !is_bearer(scheme) {
            continue;
        }
        for spelling in ["bearer", "BEARER"] {
            // Where a user has one session at a time another login may have ended this one: then once more.
            tried |= counts(trial, scheme, spelling).await? || counts(trial, scheme, spelling).await?;
        }
    }
    if tried { Ok(()) } else { Err(Stop::Skip("the valid principal has no bearer credential for it".to_owned())) }
}

/// Stops if a spelling of the scheme is refused with a credential that is not. Whether anything was told.
async fn counts(trial: &Trial<'_>, scheme: &SecurityScheme, spelling: &str) -> Result<bool, Stop> {
    let Ok(secret) = trial.secret(scheme).await else { return Ok(false) };
    let spelt =
        |spelling: &str, request: Request| request.header("authorization", &format!("{spelling} {}", secret.expose()));
    let exchange = trial.send(spelt(spelling, trial.request().await?)).await?;
    if !matches!(exchange.answer.status, 401 | 403) {
        return Ok(true);
    }
    let usual = trial.send(spelt("Bearer", trial.request().await?)).await?;
    if !matches!(usual.answer.status, 401 | 403) {
        let cause = format!("`{spelling}` was refused with {}", exchange.answer.status);
        return Err(Observation::error(cause, "the scheme's name counts in every spelling", &exchange).into());
    }
    trial.call(trial.operation, &trial.case().await?, Role::Valid).await?;
    Ok(false)
}

async fn query(trial: &Trial<'_>) -> Result<(), Stop> {
    for scheme in [trial.schemes(Nature::Key), trial.schemes(Nature::Token)].concat() {
        let Ok(secret) = trial.secret(scheme).await else { continue };
        let own =
            if let SchemeKind::ApiKey { parameter, .. } = &scheme.kind { parameter.as_str() } else { "access_token" };
        for name in [own, "api_key", "token"] {
            let exchange = trial.send(trial.request().await?.query(name, secret.expose())).await?;
            if exchange.answer.is_success() {
                let cause = format!("the credential of {} got in as the query parameter `{name}`", scheme.name);
                return Err(Observation::error(cause, "a credential in the query is refused", &exchange).into());
            }
        }
    }
    Ok(())
}

/// Whether a request can carry a wrong credential beside a right one: in a second Authorization field, or in the header of
/// another scheme.
fn has_room(document: &Document, operation: &Operation) -> bool {
    let schemes = operation.security.iter().flat_map(|one| one.keys()).filter_map(|name| document.scheme(name));
    let headers = schemes.map(|scheme| match &scheme.kind {
        SchemeKind::ApiKey { parameter, .. } => parameter.to_ascii_lowercase(),
        _ => "authorization".to_owned(),
    });
    let headers: BTreeSet<String> = headers.collect();
    !operation.is_public() && (headers.len() > 1 || headers.contains("authorization"))
}

async fn both(trial: &Trial<'_>) -> Result<(), Stop> {
    let wrong = Secret::new("not-a-credential");
    let request = trial.request().await?;
    let right = trial.context.authorized(trial.operation, Role::Valid, request).await?;
    if right.headers.iter().any(|(name, _)| name == "authorization") {
        let exchange = trial.send(right.clone().header("authorization", "Bearer not-a-credential")).await?;
        if exchange.answer.is_success() {
            let cause = "two Authorization fields, one of them wrong, got in";
            trial.note(Observation::note(cause, "a request with two Authorization fields is refused", &exchange));
        }
    }
    for scheme in [trial.schemes(Nature::Key), trial.schemes(Nature::Token)].concat() {
        let other = apply(scheme, &wrong, Request::new("GET", "/"));
        let [(name, value)] = other.headers.as_slice() else { continue };
        if right.headers.iter().any(|(present, _)| present == name) {
            continue;
        }
        let request = trial.request().await?;
        let request = trial.context.authorized(trial.operation, Role::Valid, request).await?;
        let exchange = trial.send(request.raw_header(name, value.clone())).await?;
        if exchange.answer.is_success() {
            let cause = format!("a wrong `{name}` beside a right credential got in");
            trial.note(Observation::note(cause, "a request that carries a wrong credential is refused", &exchange));
        }
    }
    Ok(())
}

async fn detour(trial: &Trial<'_>) -> Result<(), Stop> {
    let expected = "without a credential, no way leads to the operation";
    for (who, request) in detours(trial, &trial.request().await?) {
        let exchange = trial.send(request).await?;
        if exchange.answer.is_success() {
            return Err(Observation::error(format!("{who} got in without a credential"), expected, &exchange).into());
        }
    }
    Ok(())
}

/// Requests that some servers, and the gates before them, take for the same as `request`.
fn detours(trial: &Trial<'_>, request: &Request) -> Vec<(&'static str, Request)> {
    let operation = trial.operation;
    let declared = |method: &str, path: &str| {
        trial.context.document.operations.iter().any(|other| other.method == method && other.path == path)
    };
    let path = request.path();
    let to = |path: String| Request { target: request.target.replacen(request.path(), &path, 1), ..request.clone() };
    let mut all = vec![
        ("a path with two slashes at its start", to(format!("/{path}"))),
        ("a path with a dot segment", to(format!("/.{path}"))),
    ];
    if !declared(&operation.method, &format!("{}/", operation.path)) {
        all.push(("a path with a slash more at its end", to(format!("{path}/"))));
    }
    if operation.path.ends_with('/') && !declared(&operation.method, operation.trimmed_path()) {
        all.push(("a path with a slash less at its end", to(path.trim_end_matches('/').to_owned())));
    }
    if request.method == "GET" && !declared("HEAD", &operation.path) {
        all.push(("HEAD in the place of GET", Request { method: "HEAD".to_owned(), ..request.clone() }));
    }
    if request.method == "GET" && !declared("POST", &operation.path) {
        let post = Request { method: "POST".to_owned(), ..request.clone() };
        all.push(("POST with X-HTTP-Method-Override", post.header("x-http-method-override", "GET")));
    }
    all
}

async fn undeclared(trial: &Trial<'_>) -> Result<(), Stop> {
    for scheme in trial.schemes(Nature::Key) {
        let Ok(secret) = trial.secret(scheme).await else { continue };
        let request = trial.request().await?;
        let bearer = request.header("authorization", &format!("Bearer {}", secret.expose()));
        let exchange = trial.send(bearer).await?;
        if exchange.answer.is_success() {
            let cause = format!("the key of {} got in as a bearer token", scheme.name);
            let expected = "a key gets in only where the document puts it";
            return Err(Observation::note(cause, expected, &exchange).into());
        }
    }
    Ok(())
}

async fn echo(trial: &Trial<'_>) -> Result<(), Stop> {
    let canary = "bitting-canary-7f3a91c2";
    for scheme in [trial.schemes(Nature::Key), trial.schemes(Nature::Token)].concat() {
        let prefix = scheme.auth.key.as_ref().and_then(|key| key.prefix.clone()).unwrap_or_default();
        let exchange = trial.with_secret(scheme, &Secret::new(format!("{prefix}{canary}"))).await?;
        if repeats(&exchange, canary) {
            let cause = format!("the refusal repeats the credential of {}", scheme.name);
            return Err(Observation::error(cause, "an answer that does not contain the credential", &exchange).into());
        }
    }
    Ok(())
}

fn repeats(exchange: &Exchange, canary: &str) -> bool {
    let contains = |bytes: &[u8]| bytes.windows(canary.len()).any(|window| window == canary.as_bytes());
    contains(&exchange.answer.body) || exchange.answer.headers.values().any(|value| contains(value.as_bytes()))
}
