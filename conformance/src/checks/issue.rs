//! Keys that the API makes: they open what they are for, none is stronger than its maker, and a secret is shown once.

use bitting_spec::table::Location;
use bitting_spec::{Document, Operation, SecurityScheme};

use super::scope::{had, made, needed};
use crate::check::{Check, CheckInfo, Need, Phase};
use crate::credentials::{Nature, Role, nature};
use crate::finding::Observation;
use crate::generate::Case;
use crate::run::{Stop, Trial, apply, identity, issuer, item_operation};
use crate::secret::Secret;

const NEEDS: &[Need] = &[Need::Valid];

pub(super) const CHECKS: &[Check] = &[
    Check {
        info: CheckInfo {
            id: "key.works",
            title: "a new key gets in",
            rule: "A key that the API makes with every scope that there is opens, with the secret that the answer shows, what \
                   the keys of its maker open: a 401 says that nobody knows it.",
            source: "OpenAPI 3.1, 4.8.27; RFC 9110, 15.5.2",
            needs: NEEDS,
            phase: Phase::Auth,
        },
        applies: makes_keys,
        run: |trial| Box::pin(works(trial)),
    },
    Check {
        info: CheckInfo {
            id: "scope.escalation",
            title: "a key is no stronger than its maker",
            rule: "A credential that may make keys and little else makes none with scopes that it has not itself: such a \
                   request is refused.",
            source: "OWASP API5:2023; RFC 6749, 3.3; CWE-269",
            needs: NEEDS,
            phase: Phase::Auth,
        },
        applies: |document, operation| makes_keys(document, operation) && limits(document, operation),
        run: |trial| Box::pin(escalation(trial)),
    },
    Check {
        info: CheckInfo {
            id: "key.shown-once",
            title: "the secret of a key is shown once",
            rule: "The secret of a key stands in the answer that it was made with, and in no later answer about the key.",
            source: "OWASP ASVS 5.0, 14.2.6; OWASP API3:2023",
            needs: NEEDS,
            phase: Phase::Scenario,
        },
        applies: makes_keys,
        run: |trial| Box::pin(shown_once(trial)),
    },
];

fn makes_keys(document: &Document, operation: &Operation) -> bool {
    issuer(document).is_some_and(|issuer| issuer.operation.id == operation.id)
}

fn limits(document: &Document, operation: &Operation) -> bool {
    let needs = operation.security.iter().any(|one| one.len() == 1 && one.values().any(|scopes| !scopes.is_empty()));
    needs && issuer(document).is_some_and(|issuer| issuer.limits_scopes())
}

/// How many operations a new key is tried on.
const TRIED: usize = 3;

async fn works(trial: &Trial<'_>) -> Result<(), Stop> {
    let context = trial.context;
    let (secret, scheme) = credential(trial).await?;
    let reads = context.document.operations.iter().filter(|operation| {
        let mut alone = operation.security.iter().filter(|one| one.len() == 1);
        operation.method == "GET" && !operation.is_public() && alone.any(|one| one.contains_key(&scheme.name))
    });
    let (mut opened, mut refusal) = (0, None);
    for read in reads {
        let Ok(case) = context.reached(read, Role::Valid).await else { continue };
        let request = case.request(read).map_err(Stop::Skip)?;
        let exchange = trial.send(apply(scheme, &secret, request)).await?;
        // Its maker's rights, or a limit, are another matter.
        if exchange.answer.status != 401 {
            return Ok(());
        }
        opened += 1;
        refusal = Some(exchange);
        if opened >= TRIED {
            break;
        }
    }
    let refusal = refusal.ok_or_else(|| Stop::Skip("no read that a key alone opens was reached".to_owned()))?;
    let cause = "a key that was just made is not known";
    Err(Observation::error(cause, "what the keys of its maker open", &refusal).into())
}

/// A new key with every scope, and the scheme that it is for. A secret that looks like no key of the API is for something
/// else, as the keys of SSH are.
async fn credential<'a>(trial: &Trial<'a>) -> Result<(Secret, &'a SecurityScheme), Stop> {
    let context = trial.context;
    let issued = context.issue(Role::Valid, None, None).await?;
    let says_so = trial.operation.path.to_ascii_lowercase().replace(['-', '_'], "").contains("apikey");
    let schemes = context.document.security_schemes.iter().filter(|scheme| nature(scheme) == Nature::Key);
    for scheme in schemes {
        let Ok(known) = context.secret(Role::Valid, scheme).await else { continue };
        if says_so || is_of_one_kind(known.expose(), issued.secret.expose()) {
            return Ok((issued.secret, scheme));
        }
    }
    Err(Stop::Skip("what it makes does not look like the keys that open the API".to_owned()))
}

/// Whether two keys begin with the same word, as `sk_test_1` and `sk_test_2` do.
fn is_of_one_kind(one: &str, other: &str) -> bool {
    let word = |key: &str| key.find(['_', '-', '.']).map(|end| key[..=end].to_owned());
    word(one).is_some_and(|word| other.starts_with(&word))
}

async fn escalation(trial: &Trial<'_>) -> Result<(), Stop> {
    let context = trial.context;
    let Some(issuer) = issuer(context.document) else { return Ok(()) };
    let case = issuer.with_every_scope(&trial.case().await?);
    let mut weaks = Vec::new();
    for scheme in [trial.schemes(Nature::Key), trial.schemes(Nature::Token)].concat() {
        let needed = needed(trial.operation, &scheme.name);
        let origin = "a credential that may make keys and nothing else";
        weaks.push((scheme, made(trial, scheme, needed, origin).await));
    }
    for (scheme, secret) in had(weaks)? {
        let request = case.request(trial.operation).map_err(Stop::Skip)?;
        let exchange = trial.send(apply(scheme, &secret, request)).await?;
        // A server may also make a key with what its maker has: the answer says so.
        let body = exchange.answer.json().unwrap_or_default();
        if exchange.answer.is_success() && issuer.has_every_scope(&body) {
            let cause = "a credential made a key with scopes that it has not itself";
            return Err(Observation::error(cause, "a refusal with 403", &exchange).into());
        }
    }
    Ok(())
}

async fn shown_once(trial: &Trial<'_>) -> Result<(), Stop> {
    let issued = trial.context.issue(Role::Valid, None, None).await?;
    trial.count(1);
    let mut calls: Vec<(&Operation, Case)> = Vec::new();
    let about = Case { body: None, ..issued.case.clone() };
    if let Some((read, name)) = item_operation(trial.context, trial.operation, "GET")
        && let Some(id) = identity(&issued.exchange.answer, name)
    {
        let mut case = about.clone();
        case.set(name, Location::Path, id);
        calls.push((read, case));
    }
    if let Some(list) = trial.context.document.reader(&trial.operation.path) {
        calls.push((list, about));
    }
    if calls.is_empty() {
        return Err(Stop::Skip("nothing reads the keys that it makes".to_owned()));
    }
    for (operation, case) in calls {
        let exchange = trial.call(operation, &case, Role::Valid).await?;
        let text = String::from_utf8_lossy(&exchange.answer.body).into_owned();
        if exchange.answer.is_success() && text.contains(issued.secret.expose()) {
            let cause = format!("{} shows the secret of a key again", operation.id);
            return Err(Observation::error(cause, "the secret is shown once", &exchange).into());
        }
    }
    Ok(())
}
