//! `refresh.*`: a token is renewed for whoever holds it, for nobody else, and not for ever.

use bitting_spec::extension::{AfterExpiry, AuthCase, Refresh, RefreshStyle};
use bitting_spec::{Document, Operation, SecurityScheme};
use serde_json::Value;

use super::scope::{minted, scopes_of};
use crate::check::{Check, CheckInfo, Need, Phase};
use crate::credentials::Role;
use crate::finding::Observation;
use crate::run::{Stop, Trial, Wrong, apply, claims};
use crate::secret::Secret;

pub(super) const CHECKS: &[Check] = &[
    Check {
        info: CheckInfo {
            id: "refresh.renews",
            title: "a refresh gives a new token that works",
            rule: "A refresh answers a token that works, for the same subject, with no scope that the old one lacked, and \
                   that ends no sooner.",
            source: "RFC 6749, 6; x-auth.refresh",
            needs: &[Need::Token],
            phase: Phase::Auth,
        },
        applies: is_refresh,
        run: |trial| Box::pin(renews(trial)),
    },
    Check {
        info: CheckInfo {
            id: "refresh.refuses-expired",
            title: "an expired token is not renewed",
            rule: "A refresh with an expired token is refused, unless the document allows it (`after_expiry`).",
            source: "RFC 6749, 5.2; x-auth.refresh",
            needs: &[Need::ExpiredToken],
            phase: Phase::Auth,
        },
        applies: |document, operation| {
            refresh(document, operation).is_some_and(|(_, one)| one.after_expiry == AfterExpiry::Rejected)
        },
        run: |trial| Box::pin(refuses(trial, Wrong::Expired, AuthCase::Expired, "an expired token")),
    },
    Check {
        info: CheckInfo {
            id: "refresh.refuses-revoked",
            title: "a revoked token is not renewed",
            rule: "A refresh with a token that was taken back is refused.",
            source: "RFC 7009, 2; RFC 6749, 5.2",
            needs: &[Need::RevokedToken],
            phase: Phase::Auth,
        },
        applies: is_refresh,
        run: |trial| Box::pin(refuses(trial, Wrong::Revoked, AuthCase::Revoked, "a revoked token")),
    },
    Check {
        info: CheckInfo {
            id: "refresh.refuses-unknown",
            title: "a token that nobody issued is not renewed",
            rule: "A refresh with a token that the server never issued is refused.",
            source: "RFC 6749, 5.2; OWASP API2:2023",
            needs: &[Need::Token],
            phase: Phase::Auth,
        },
        applies: is_refresh,
        run: |trial| Box::pin(refuses_unknown(trial)),
    },
];

/// The operation that renews the tokens of a scheme by the token itself.
fn is_refresh(document: &Document, operation: &Operation) -> bool {
    refresh(document, operation).is_some()
}

fn refresh<'a>(document: &'a Document, operation: &Operation) -> Option<(&'a SecurityScheme, &'a Refresh)> {
    let schemes = document.security_schemes.iter();
    let mut all = schemes.filter_map(|scheme| Some((scheme, scheme.auth.refresh.as_ref()?)));
    all.find(|(_, refresh)| {
        refresh.style == RefreshStyle::CurrentToken && refresh.operation_id.as_ref() == Some(&operation.id)
    })
}

fn found<'a>(trial: &Trial<'a>) -> Result<(&'a SecurityScheme, &'a Refresh), Stop> {
    refresh(trial.context.document, trial.operation).ok_or_else(|| Stop::Skip("it is no refresh".to_owned()))
}

async fn renews(trial: &Trial<'_>) -> Result<(), Stop> {
    let (scheme, _) = found(trial)?;
    trial.case().await?;
    let old = trial.context.session(Role::Valid, scheme).await?;
    let new = renewed(trial, &old).await?;
    works(trial, scheme, &new).await?;
    // A token that may do everything cannot gain anything.
    if let Some(scope) = scopes_of(trial.context.document, &scheme.name).into_iter().next()
        && let Ok(old) = minted(trial, scheme, vec![scope], "a token with one scope").await
    {
        renewed(trial, &old).await?;
    }
    Ok(())
}

/// The token that a refresh answers for `old`, if it is one of the same subject with no more scopes and no less life.
async fn renewed(trial: &Trial<'_>, old: &Secret) -> Result<Secret, Stop> {
    let (scheme, refresh) = found(trial)?;
    let exchange = trial.with_secret(scheme, old).await?;
    let wrong = |cause: &str, expected: &str| Stop::from(Observation::error(cause, expected, &exchange));
    if !exchange.answer.is_success() {
        return Err(wrong("a valid token was not renewed", "a new token"));
    }
    let body = exchange.answer.json().unwrap_or(Value::Null);
    let new = body.pointer(&refresh.response.access_token).and_then(Value::as_str);
    let new = Secret::new(new.ok_or_else(|| wrong("the refresh answered no token", "a new token"))?);
    trial.context.vault.keep(&new, "TOKEN", "the token that the refresh answered");
    if let (Some(before), Some(after)) = (claims(old.expose()), claims(new.expose())) {
        let subject = scheme.auth.claims.get("subject").map_or("/sub", String::as_str);
        if before.pointer(subject) != after.pointer(subject) {
            return Err(wrong("the new token is somebody else's", "a token of the same subject"));
        }
        let (had, has) = (scopes(scheme, &before), scopes(scheme, &after));
        // A token that names no scopes where its like names some is not limited at all.
        let is_limited = |scopes: &[String]| !scopes.is_empty();
        if is_limited(&had) && (!is_limited(&has) || has.iter().any(|scope| !had.contains(scope))) {
            return Err(wrong("the new token has scopes that the old one lacked", "no more scopes than before"));
        }
        if after["exp"].as_i64() < before["exp"].as_i64() {
            return Err(wrong("the new token ends before the old one", "a token that ends no sooner"));
        }
    }
    Ok(new)
}

pub(super) fn scopes(scheme: &SecurityScheme, claims: &Value) -> Vec<String> {
    let pointer = scheme.auth.claims.get("scopes").map_or("/scope", String::as_str);
    match claims.pointer(pointer) {
        Some(Value::String(text)) => text.split(' ').map(str::to_owned).collect(),
        Some(Value::Array(items)) => items.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect(),
        _ => Vec::new(),
    }
}

/// Stops unless the token opens an operation that its scheme opens.
pub(super) async fn works(trial: &Trial<'_>, scheme: &SecurityScheme, token: &Secret) -> Result<(), Stop> {
    let opens = |operation: &&Operation| {
        operation.method == "GET"
            && operation.security.iter().any(|one| one.len() == 1 && one.contains_key(&scheme.name))
    };
    for operation in trial.context.document.operations.iter().filter(opens) {
        let Ok(case) = trial.context.positive(operation, Role::Valid).await else { continue };
        let request = case.request(operation).map_err(Stop::Skip)?;
        let exchange = trial.send(apply(scheme, token, request)).await?;
        if !exchange.answer.is_success() {
            let cause = format!("the new token was answered with {}", exchange.answer.status);
            return Err(Observation::error(cause, "the new token works", &exchange).into());
        }
        return Ok(());
    }
    Ok(())
}

async fn refuses(trial: &Trial<'_>, wrong: Wrong, case: AuthCase, who: &str) -> Result<(), Stop> {
    let (scheme, _) = found(trial)?;
    trial.case().await?;
    let secret = trial.context.wrong(&wrong, scheme).await?;
    let exchange = trial.with_secret(scheme, &secret).await?;
    trial.refused(&exchange, &[case], &format!("a refresh with {who}"))
}

async fn refuses_unknown(trial: &Trial<'_>) -> Result<(), Stop> {
    let (scheme, _) = found(trial)?;
    let valid = trial.context.session(Role::Valid, scheme).await?;
    let forged: String = valid.expose().chars().rev().collect();
    let forged = Secret::new(forged);
    trial.context.vault.keep(&forged, "FORGED_TOKEN", "a valid token written backwards");
    for secret in [Secret::new("not-a-credential"), forged] {
        let exchange = trial.with_secret(scheme, &secret).await?;
        trial.refused(
            &exchange,
            &[AuthCase::Unknown, AuthCase::Malformed],
            "a refresh with a token that nobody issued",
        )?;
    }
    Ok(())
}
