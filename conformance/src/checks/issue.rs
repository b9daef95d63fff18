//! Keys that the API makes: no key is stronger than its maker, and its secret is shown once.

use bitting_spec::table::Location;
use bitting_spec::{Document, Operation, SecurityScheme};

use crate::check::{Check, CheckInfo, Need, Phase};
use crate::credentials::{Nature, Role};
use crate::finding::Observation;
use crate::generate::Case;
use crate::provision::{KeyOrder, TokenOrder};
use crate::run::{Stop, Trial, identity, issuer, item_operation};
use crate::secret::Secret;

const NEEDS: &[Need] = &[Need::Valid];

pub(super) const CHECKS: &[Check] = &[
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

/// A credential for `scheme` with the scopes that the operation needs and no others.
async fn weak(trial: &Trial<'_>, scheme: &SecurityScheme, is_key: bool) -> Result<Secret, Stop> {
    let needed: Vec<String> =
        trial.operation.security.iter().filter_map(|one| one.get(&scheme.name)).flatten().cloned().collect();
    let login = trial.context.credentials.principal(Role::Valid).and_then(|principal| principal.login.as_ref());
    let secret = match (trial.context.credentials.provisioner(), login, is_key) {
        (Some(provisioner), Some(login), _) => {
            let (user, name, scopes) = (login.username.clone(), Some(scheme.name.clone()), Some(needed));
            let minted = if is_key {
                provisioner.mint_key(KeyOrder { user, scheme: name, scopes, ..KeyOrder::default() }).await
            } else {
                provisioner.mint_token(TokenOrder { user, scheme: name, scopes, ..TokenOrder::default() }).await
            };
            minted.map_err(|error| Stop::Skip(format!("no weak credential could be made: {error}")))?.secret
        }
        (_, _, true) => trial.context.issue(Role::Valid, Some(&needed), None).await?.secret,
        _ => return Err(Stop::Skip(format!("nobody can make a weak credential for {}", scheme.name))),
    };
    trial.context.vault.keep(&secret, "WEAK_CREDENTIAL", "a credential that may make keys and nothing else");
    Ok(secret)
}

async fn escalation(trial: &Trial<'_>) -> Result<(), Stop> {
    let context = trial.context;
    let Some(issuer) = issuer(context.document) else { return Ok(()) };
    let case = issuer.with_every_scope(&trial.case().await?);
    let mut skipped = None;
    for (nature, is_key) in [(Nature::Key, true), (Nature::Token, false)] {
        for scheme in trial.schemes(nature) {
            let secret = match weak(trial, scheme, is_key).await {
                Ok(secret) => secret,
                Err(stop) => {
                    skipped = skipped.or(Some(stop));
                    continue;
                }
            };
            let request = case.request(trial.operation).map_err(Stop::Skip)?;
            let exchange = trial.send(crate::run::apply(scheme, &secret, request)).await?;
            // A server may also make a key with what its maker has: the answer says so.
            let body = exchange.answer.json().unwrap_or_default();
            if exchange.answer.is_success() && issuer.has_every_scope(&body) {
                let cause = "a credential made a key with scopes that it has not itself";
                return Err(Observation::error(cause, "a refusal with 403", &exchange).into());
            }
            skipped = None;
        }
    }
    skipped.map_or(Ok(()), Err)
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
