//! `scope.*`: whoever lacks a scope is let in nowhere that needs it, and is told so.

use std::collections::BTreeSet;

use bitting_spec::extension::AuthCase;
use bitting_spec::{Document, Operation, SecurityScheme, Status};

use super::is_protected;
use super::response::as_documented;
use crate::check::{Check, CheckInfo, Need, Phase};
use crate::credentials::{Nature, Role, nature};
use crate::finding::Observation;
use crate::provision::{KeyOrder, TokenOrder};
use crate::run::{Issuer, Stop, Trial, apply, issuer, items};
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
        // Whoever issues a key with scopes may well need these scopes too (`scope.escalation`).
        applies: |document, operation| {
            let issues = issuer(document).is_some_and(|issuer| issuer.operation.id == operation.id);
            !issues && needs_scopes(document, operation)
        },
        run: |trial| Box::pin(sufficient(trial)),
    },
    Check {
        info: CheckInfo {
            id: "scope.read-only",
            title: "whoever may only read writes nothing",
            rule: "The principal that may read and not write makes, changes and deletes nothing of what others share with it, \
                   whatever scopes the document names.",
            source: "OWASP API5:2023; CWE-862",
            needs: &[Need::Valid, Need::ReadOnly],
            phase: Phase::Auth,
        },
        applies: writes,
        run: |trial| Box::pin(read_only(trial)),
    },
    Check {
        info: CheckInfo {
            id: "scope.override",
            title: "no header turns a read into a deletion",
            rule: "A GET that carries X-HTTP-Method-Override and a credential that may not delete deletes nothing.",
            source: "OWASP API5:2023; OWASP API8:2023",
            needs: &[Need::Valid, Need::ReadOnly],
            phase: Phase::Scenario,
        },
        applies: |document, operation| {
            operation.method == "DELETE"
                && needs_scopes(document, operation)
                && document.reader(&operation.path).is_some()
        },
        run: |trial| Box::pin(overridden(trial)),
    },
];

async fn overridden(trial: &Trial<'_>) -> Result<(), Stop> {
    let Some(read) = trial.context.document.reader(&trial.operation.path) else { return Ok(()) };
    let schemes = [trial.schemes(Nature::Key), trial.schemes(Nature::Token)].concat();
    let mut tried = None;
    for scheme in schemes {
        let secret = match limited(trial, scheme).await {
            Ok(secret) => secret,
            Err(stop) => {
                tried = tried.or(Some(Err(stop)));
                continue;
            }
        };
        let case = trial.case().await?;
        let request = case.request(read).map_err(Stop::Skip)?.header("x-http-method-override", "DELETE");
        let exchange = trial.send(apply(scheme, &secret, request)).await?;
        let after = trial.call(read, &case, Role::Valid).await?;
        if matches!(after.answer.status, 404 | 410) {
            let cause = "a GET with X-HTTP-Method-Override deleted the object for a credential that may not";
            return Err(Observation::error(cause, "the object is still there", &exchange).into());
        }
        tried = Some(Ok(()));
    }
    tried.unwrap_or(Ok(()))
}

/// Whether the operation makes, changes or deletes objects that can be read. Left out is what is everybody's own; what can
/// be made and not be changed, such as an export, which readers may ask for; and what the document refuses nobody, where it
/// says of others that they are forbidden.
fn writes(document: &Document, operation: &Operation) -> bool {
    let is_own = operation.path.split('/').any(|part| matches!(part, "me" | "self" | "current" | "sessions"));
    let is_about_objects = match operation.method.as_str() {
        "POST" => {
            let mut kept = ["PUT", "PATCH", "DELETE"].iter().filter_map(|method| items(document, operation, method));
            document.reader(&operation.path).is_some() && kept.next().is_some()
        }
        "PUT" | "PATCH" | "DELETE" => {
            operation.collection().is_some_and(|collection| document.creator(collection).is_some())
        }
        _ => false,
    };
    let forbids = |operation: &Operation| operation.responses.iter().any(|one| one.status == Status::Code(403));
    let may_forbid = forbids(operation) || !document.operations.iter().any(forbids);
    is_protected(document, operation) && is_about_objects && !is_own && may_forbid
}

async fn read_only(trial: &Trial<'_>) -> Result<(), Stop> {
    let context = trial.context;
    if context.credentials.principal(Role::ReadOnly).is_none() {
        return Err(Stop::Skip("give [credentials.read-only]: somebody who may read and not write".to_owned()));
    }
    let case = trial.case().await?;
    let case = context.renewed(trial.operation, &case, Role::Valid).await;
    for exchange in trial.call_every_way(&case, Role::ReadOnly).await? {
        trial.met(exchange.answer.status);
        if exchange.answer.is_success() {
            let cause = format!("somebody who may only read was answered with {}", exchange.answer.status);
            return Err(Observation::error(cause, "a refusal with 403", &exchange).into());
        }
    }
    Ok(())
}

fn needs_scopes(document: &Document, operation: &Operation) -> bool {
    is_protected(document, operation)
        && operation.security.iter().any(|one| one.len() == 1 && one.values().any(|scopes| !scopes.is_empty()))
}

async fn insufficient(trial: &Trial<'_>) -> Result<(), Stop> {
    trial.case().await?;
    let mut all = Vec::new();
    // Another alternative may ask for no scope: there is nothing to lack.
    for (scheme, _) in with_scopes(trial) {
        all.push((scheme, limited(trial, scheme).await));
    }
    for (scheme, secret) in had(all)? {
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
        as_documented(trial, &exchange)?;
    }
    Ok(())
}

/// The credentials that could be had, with their schemes. Whoever can make none for one scheme has the others checked all the
/// same.
pub(super) fn had(tried: Vec<(&SecurityScheme, Result<Secret, Stop>)>) -> Result<Vec<(&SecurityScheme, Secret)>, Stop> {
    let (mut had, mut missing) = (Vec::new(), None);
    for (scheme, secret) in tried {
        match secret {
            Ok(secret) => had.push((scheme, secret)),
            Err(stop) => missing = missing.or(Some(stop)),
        }
    }
    missing.filter(|_| had.is_empty()).map_or(Ok(had), Err)
}

/// A credential with every scope that the document names but those of this operation.
async fn limited(trial: &Trial<'_>, scheme: &SecurityScheme) -> Result<Secret, Stop> {
    let context = trial.context;
    let is_write = !matches!(trial.operation.method.as_str(), "GET" | "HEAD") && !is_for_readers(trial, scheme);
    // Whoever makes one that lacks this scope alone is asked before somebody who may not write at all.
    let is_given = !context.credentials.is_made(Role::ReadOnly);
    let reader = context.credentials.principal(Role::ReadOnly).filter(|_| is_given);
    let given = reader.and_then(|principal| principal.secrets.get(&scheme.name));
    if let Some(given) = given.filter(|_| is_write) {
        return Ok(given.clone());
    }
    let logs_in = scheme.auth.acquire.is_some() && reader.is_some_and(|principal| principal.login.is_some());
    if is_write && logs_in {
        return Ok(context.secret(Role::ReadOnly, scheme).await?);
    }
    let needed = needed(trial.operation, &scheme.name);
    let others = scopes_of(context.document, &scheme.name).into_iter().filter(|scope| !needed.contains(scope));
    let scopes: Vec<String> = others.collect();
    made(trial, scheme, scopes, &format!("a credential for {} without {}", scheme.name, needed.join(" "))).await
}

/// A credential of the valid principal with these scopes: of the provisioner, or a key that the API makes.
pub(super) async fn made(
    trial: &Trial<'_>,
    scheme: &SecurityScheme,
    scopes: Vec<String>,
    origin: &str,
) -> Result<Secret, Stop> {
    match minted(trial, scheme, scopes.clone(), origin).await {
        // The API says more of itself than a provisioner that makes no keys.
        Err(refused) if nature(scheme) == Nature::Key => issued(trial, scheme, &scopes).await.map_err(|_| refused),
        minted => minted,
    }
}

/// Whether whoever may only read has the scopes of this operation: a read asks for them too.
fn is_for_readers(trial: &Trial<'_>, scheme: &SecurityScheme) -> bool {
    let wanted = needed(trial.operation, &scheme.name);
    let reads = trial.context.document.operations.iter().filter(|one| one.method == "GET");
    let mut asked = reads.map(|read| needed(read, &scheme.name));
    !wanted.is_empty() && asked.any(|asked| wanted.iter().all(|scope| asked.contains(scope)))
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
pub(super) fn needed(operation: &Operation, scheme: &str) -> Vec<String> {
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
    let mut all = Vec::new();
    for (scheme, scopes) in with_scopes(trial) {
        let origin = format!("a credential for {} with {} only", scheme.name, scopes.join(" "));
        all.push((scheme, made(trial, scheme, scopes, &origin).await));
    }
    for (scheme, secret) in had(all)? {
        let exchange = trial.with_secret(scheme, &secret).await?;
        if matches!(exchange.answer.status, 401 | 403) {
            let cause = format!("a credential with the scopes was refused with {}", exchange.answer.status);
            return Err(Observation::error(cause, "the scopes that the document names are enough", &exchange).into());
        }
    }
    Ok(())
}

/// A key that the API makes with these scopes, of those that its keys can have.
async fn issued(trial: &Trial<'_>, scheme: &SecurityScheme, scopes: &[String]) -> Result<Secret, Stop> {
    let lacking = || Stop::Skip(format!("the API makes no key for {} with such scopes", scheme.name));
    let issuer = issuer(trial.context.document).filter(Issuer::limits_scopes).ok_or_else(lacking)?;
    let (all, needed) = (issuer.all_scopes(), needed(trial.operation, &scheme.name));
    // With all of them it lacks nothing, and a scope that no key can have is none to lack.
    let is_limited = scopes.len() < all.len() && scopes.iter().chain(&needed).all(|scope| all.contains(scope));
    if scopes.is_empty() || !is_limited {
        return Err(lacking());
    }
    trial.context.issue(Role::Valid, Some(scopes), None).await.map(|issued| issued.secret)
}
