//! `scope.*`: whoever lacks a scope is let in nowhere that needs it, and is told so.

use std::collections::BTreeSet;

use bitting_spec::extension::AuthCase;
use bitting_spec::{Document, Operation, SecurityScheme};
use serde_json::{Value, json};

use super::is_protected;
use crate::check::{Check, CheckInfo, Need, Phase};
use crate::credentials::{Nature, Role, nature};
use crate::finding::Observation;
use crate::generate::{body_media, property_names};
use crate::provision::{KeyOrder, TokenOrder};
use crate::run::{Stop, Trial, apply};
use crate::secret::Secret;

pub(super) const CHECKS: &[Check] = &[
    Check {
        info: CheckInfo {
            id: "scope.insufficient",
            title: "a credential without the scope is refused",
            rule: "A credential that has every scope but those that the operation needs is refused with 403; 401 would say \
                   that the credential itself is wrong.",
            source: "RFC 6750, 3.1; OWASP API5:2023",
            needs: &[Need::Valid, Need::ReadOnly],
            phase: Phase::Auth,
        },
        applies: needs_scopes,
        run: |trial| Box::pin(insufficient(trial)),
    },
    Check {
        info: CheckInfo {
            id: "scope.sufficient",
            title: "a credential with the scope and no other gets in",
            rule: "A credential that has the scopes that the document names for the operation, and no other, is let in.",
            source: "OpenAPI 3.1, 4.8.30; RFC 6749, 3.3",
            needs: &[Need::Valid, Need::ReadOnly],
            phase: Phase::Auth,
        },
        applies: needs_scopes,
        run: |trial| Box::pin(sufficient(trial)),
    },
    Check {
        info: CheckInfo {
            id: "scope.escalation",
            title: "nobody issues a credential that may do more than the issuer",
            rule: "Where an operation issues a key or a token with scopes that the request names, a scope that the caller's own \
                   credential lacks is refused, or left out.",
            source: "OWASP API5:2023; CWE-269",
            needs: &[Need::Valid, Need::ReadOnly],
            phase: Phase::Auth,
        },
        applies: |document, operation| needs_scopes(document, operation) && scope_member(document, operation).is_some(),
        run: |trial| Box::pin(escalation(trial)),
    },
];

fn needs_scopes(document: &Document, operation: &Operation) -> bool {
    is_protected(document, operation)
        && operation.security.iter().any(|one| one.len() == 1 && one.values().any(|scopes| !scopes.is_empty()))
}

async fn insufficient(trial: &Trial<'_>) -> Result<(), Stop> {
    trial.case().await?;
    // Another alternative may ask for no scope: there is nothing to lack.
    for (scheme, _) in with_scopes(trial) {
        let secret = limited(trial, scheme).await?;
        let exchange = trial.with_secret(scheme, &secret).await?;
        let status = exchange.answer.status;
        trial.met(status);
        let documented = trial.documented(&[AuthCase::InsufficientScope]);
        let expected = format!("a credential without the scope is refused with {}", crate::run::listed(&[403]));
        if !(400..500).contains(&status) {
            return Err(Observation::error(
                format!("a credential without the scope was answered with {status}"),
                expected,
                &exchange,
            )
            .into());
        }
        if status != 403 && !documented.contains(&status) {
            let cause = format!("a credential without the scope was refused with {status}");
            let make = if documented.is_empty() { Observation::note } else { Observation::error };
            return Err(make(cause, expected, &exchange).into());
        }
    }
    Ok(())
}

/// A credential with every scope that the document names but those of this operation.
async fn limited(trial: &Trial<'_>, scheme: &SecurityScheme) -> Result<Secret, Stop> {
    let context = trial.context;
    let is_write = !matches!(trial.operation.method.as_str(), "GET" | "HEAD");
    let given = context.credentials.principal(Role::ReadOnly).and_then(|principal| principal.secrets.get(&scheme.name));
    if let Some(given) = given.filter(|_| is_write) {
        return Ok(given.clone());
    }
    let needed = needed(trial.operation, &scheme.name);
    let others = scopes_of(context.document, &scheme.name).into_iter().filter(|scope| !needed.contains(scope));
    let scopes: Vec<String> = others.collect();
    minted(trial, scheme, scopes, &format!("a credential for {} without {}", scheme.name, needed.join(" "))).await
}

/// A new credential of the valid principal with these scopes.
pub(super) async fn minted(
    trial: &Trial<'_>,
    scheme: &SecurityScheme,
    scopes: Vec<String>,
    origin: &str,
) -> Result<Secret, Stop> {
    let context = trial.context;
    let nobody = || Stop::Skip(format!("nobody can make a credential for {} with such scopes", scheme.name));
    let provisioner = context.credentials.provisioner().ok_or_else(nobody)?;
    let login = context.credentials.principal(Role::Valid).and_then(|principal| principal.login.as_ref());
    let (user, scheme_name) = (login.ok_or_else(nobody)?.username.clone(), Some(scheme.name.clone()));
    let scopes = Some(scopes);
    let minted = match nature(scheme) {
        Nature::Key => {
            provisioner.mint_key(KeyOrder { user, scheme: scheme_name, scopes, ..KeyOrder::default() }).await
        }
        _ => provisioner.mint_token(TokenOrder { user, scheme: scheme_name, scopes, ..TokenOrder::default() }).await,
    };
    let secret =
        minted.map_err(|error| Stop::Skip(format!("no credential with fewer scopes could be made: {error}")))?.secret;
    context.vault.keep(&secret, "LIMITED_CREDENTIAL", origin);
    Ok(secret)
}

/// The scopes that an operation needs of a credential for the scheme.
fn needed(operation: &Operation, scheme: &str) -> Vec<String> {
    operation.security.iter().filter_map(|one| one.get(scheme)).flatten().cloned().collect()
}

/// Every scope that the document's operations need of credentials for the scheme.
pub(super) fn scopes_of(document: &Document, scheme: &str) -> BTreeSet<String> {
    document.operations.iter().flat_map(|operation| needed(operation, scheme)).collect()
}

/// The schemes that alone open the operation and need scopes for it, with the scopes of the first such requirement.
fn with_scopes<'a>(trial: &Trial<'a>) -> Vec<(&'a SecurityScheme, Vec<String>)> {
    let schemes = [trial.schemes(Nature::Key), trial.schemes(Nature::Token)].concat();
    let scopes = |scheme: &SecurityScheme| {
        let mut alone = trial.operation.security.iter().filter(|one| one.len() == 1);
        alone.find_map(|one| one.get(&scheme.name)).cloned().filter(|scopes| !scopes.is_empty())
    };
    schemes.into_iter().filter_map(|scheme| Some((scheme, scopes(scheme)?))).collect()
}

async fn sufficient(trial: &Trial<'_>) -> Result<(), Stop> {
    trial.case().await?;
    for (scheme, scopes) in with_scopes(trial) {
        let origin = format!("a credential for {} with {} only", scheme.name, scopes.join(" "));
        let secret = minted(trial, scheme, scopes, &origin).await?;
        let exchange = trial.with_secret(scheme, &secret).await?;
        if matches!(exchange.answer.status, 401 | 403) {
            let cause = format!("a credential with the scopes was refused with {}", exchange.answer.status);
            return Err(Observation::error(cause, "the scopes that the document names are enough", &exchange).into());
        }
    }
    Ok(())
}

/// The member of a request by which a caller says the scopes of what is issued.
fn scope_member(document: &Document, operation: &Operation) -> Option<String> {
    let (_, media) = body_media(operation).filter(|_| operation.method == "POST")?;
    let names = property_names(document, &media.schema.as_ref()?.value)?;
    let is_scopes = |name: &&String| ["scopes", "scope", "permissions"].contains(&name.as_str());
    names.keys().find(is_scopes).cloned()
}

async fn escalation(trial: &Trial<'_>) -> Result<(), Stop> {
    let case = trial.case().await?;
    let Some(member) = scope_member(trial.context.document, trial.operation) else { return Ok(()) };
    for (scheme, scopes) in with_scopes(trial) {
        let lacking = scopes_of(trial.context.document, &scheme.name).into_iter().find(|scope| !scopes.contains(scope));
        let Some(lacking) = lacking else { continue };
        let origin = format!("a credential for {} without {lacking}", scheme.name);
        let secret = minted(trial, scheme, scopes, &origin).await?;
        let mut more = case.clone();
        let Some((_, Value::Object(members))) = &mut more.body else { continue };
        let is_list = members.get(&member).is_none_or(Value::is_array);
        members.insert(member.clone(), if is_list { json!([lacking]) } else { json!(lacking) });
        let request = more.request(trial.operation).map_err(Stop::Skip)?;
        let exchange = trial.send(apply(scheme, &secret, request)).await?;
        trial.met(exchange.answer.status);
        let granted = exchange.answer.json().and_then(|body| grants(&body, &member, &lacking));
        if exchange.answer.is_success() && granted.unwrap_or(true) {
            let cause = "a credential issued another that may do more than itself";
            return Err(Observation::error(cause, "a refusal, or a credential without the scope", &exchange).into());
        }
    }
    Ok(())
}

/// Whether an answer says that the scope was granted; `None`: it says nothing of scopes.
fn grants(body: &Value, member: &str, scope: &str) -> Option<bool> {
    match body.get(member)? {
        Value::String(text) => Some(text.split(' ').any(|word| word == scope)),
        Value::Array(items) => Some(items.iter().any(|item| item == scope)),
        _ => None,
    }
}
