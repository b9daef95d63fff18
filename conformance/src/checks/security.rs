//! `security.*`: every alternative that the document offers opens the door by itself.

use bitting_spec::table::{Location, SchemeKind};
use bitting_spec::{Document, Operation, SecurityScheme};

use super::is_protected;
use crate::check::{Check, CheckInfo, Need, Phase};
use crate::credentials::{Nature, Role, nature};
use crate::finding::Observation;
use crate::run::{Stop, Trial};

pub(super) const CHECKS: &[Check] = &[
    Check {
        info: CheckInfo {
            id: "security.alternatives",
            title: "each alternative of the security requirement works alone",
            rule: "Of the requirements that `security` lists, one is enough: a request that satisfies any of them is let \
                   in.",
            source: "OpenAPI 3.1, 4.8.10 (security) and 4.8.30",
            needs: &[Need::Valid],
            phase: Phase::Auth,
        },
        applies: is_protected,
        run: |trial| Box::pin(alternatives(trial)),
    },
    Check {
        info: CheckInfo {
            id: "security.conjunction",
            title: "schemes that are needed together are all needed",
            rule: "Of the schemes that one requirement names, each is needed: a request that lacks one of them is refused, \
                   unless another requirement asks for no more.",
            source: "OpenAPI 3.1, 4.8.30; OWASP API2:2023",
            needs: &[Need::Valid],
            phase: Phase::Auth,
        },
        applies: |document, operation| is_protected(document, operation) && !incomplete(operation).is_empty(),
        run: |trial| Box::pin(conjunction(trial)),
    },
    Check {
        info: CheckInfo {
            id: "security.unlisted",
            title: "a credential opens only what lists its scheme",
            rule: "A valid credential of a scheme that the operation's `security` does not name is refused: what is kept for \
                   people who log in is not for keys, nor the other way round.",
            source: "OpenAPI 3.1, 4.8.30; OWASP API5:2023",
            needs: &[Need::Valid],
            phase: Phase::Auth,
        },
        applies: |document, operation| is_protected(document, operation) && !unlisted(document, operation).is_empty(),
        run: |trial| Box::pin(refuses_unlisted(trial)),
    },
];

/// The schemes of keys and tokens that an operation does not name, nor any that is sent in the same place: what stands
/// there may well be good for both.
fn unlisted<'d>(document: &'d Document, operation: &Operation) -> Vec<&'d SecurityScheme> {
    let names: Vec<&String> = operation.security.iter().flat_map(|one| one.keys()).collect();
    let listed: Vec<_> = names.into_iter().filter_map(|name| document.scheme(name)).map(place).collect();
    let schemes = document.security_schemes.iter().filter(|scheme| nature(scheme) != Nature::Other);
    schemes.filter(|scheme| !listed.contains(&place(scheme))).collect()
}

/// Where a scheme puts its credential.
fn place(scheme: &SecurityScheme) -> (Location, String) {
    match &scheme.kind {
        SchemeKind::ApiKey { location, parameter } => (*location, parameter.to_ascii_lowercase()),
        _ => (Location::Header, "authorization".to_owned()),
    }
}

async fn refuses_unlisted(trial: &Trial<'_>) -> Result<(), Stop> {
    trial.case().await?;
    let mut reason = None;
    for scheme in unlisted(trial.context.document, trial.operation) {
        let secret = match trial.context.secret(Role::Valid, scheme).await {
            Ok(secret) => secret,
            Err(denied) => {
                reason = Some(Stop::from(denied));
                continue;
            }
        };
        let exchange = trial.with_secret(scheme, &secret).await?;
        if exchange.answer.is_success() {
            let cause = format!("a credential for {}, which the operation does not name, got in", scheme.name);
            let expected = "a credential of another scheme is refused";
            return Err(Observation::error(cause, expected, &exchange).into());
        }
        reason = None;
    }
    reason.map_or(Ok(()), Err)
}

/// Sets of schemes that lack one scheme of a requirement and satisfy none.
fn incomplete(operation: &Operation) -> Vec<Vec<String>> {
    let mut all: Vec<Vec<String>> = Vec::new();
    for alternative in operation.security.iter().filter(|alternative| alternative.len() > 1) {
        for left_out in alternative.keys() {
            let kept: Vec<String> = alternative.keys().filter(|name| *name != left_out).cloned().collect();
            let is_enough = operation.security.iter().any(|other| other.keys().all(|name| kept.contains(name)));
            if !is_enough && !all.contains(&kept) {
                all.push(kept);
            }
        }
    }
    all
}

async fn conjunction(trial: &Trial<'_>) -> Result<(), Stop> {
    trial.case().await?;
    for kept in incomplete(trial.operation) {
        let request = trial.request().await?;
        let request = trial.context.with_alternative(trial.operation, kept.iter(), Role::Valid, request).await?;
        let exchange = trial.send(request).await?;
        trial.met(exchange.answer.status);
        if !(400..500).contains(&exchange.answer.status) {
            let cause = format!("{} alone was answered with {}", kept.join(" and "), exchange.answer.status);
            return Err(Observation::error(cause, "a refusal, since more is needed", &exchange).into());
        }
    }
    Ok(())
}

async fn alternatives(trial: &Trial<'_>) -> Result<(), Stop> {
    let mut missing = None;
    // Where nothing opens the operation there is no positive case: then the bare one shows who is refused.
    let reached = trial.case().await;
    for alternative in trial.operation.security.iter().filter(|alternative| !alternative.is_empty()) {
        let names = alternative.keys().cloned().collect::<Vec<_>>().join(" and ");
        let case = match &reached {
            Ok(_) => trial.case().await?,
            Err(_) => trial.context.bare(trial.operation, Role::Valid)?,
        };
        let request = case.request(trial.operation).map_err(Stop::Skip)?;
        let request =
            match trial.context.with_alternative(trial.operation, alternative.keys(), Role::Valid, request).await {
                Ok(request) => request,
                Err(Stop::Skip(reason)) => {
                    missing.get_or_insert(format!("{names} could not be tried: {reason}"));
                    continue;
                }
                Err(stop) => return Err(stop),
            };
        let exchange = trial.send(request).await?;
        // Whoever is told that an object exists already, or is not there any more, was let in.
        let is_about_state = matches!(exchange.answer.status, 404 | 409 | 410 | 412 | 429);
        let refused = matches!(exchange.answer.status, 401 | 403);
        if refused || (reached.is_ok() && !exchange.answer.is_success() && !is_about_state) {
            let cause = format!("{names} alone was refused with {}", exchange.answer.status);
            return Err(Observation::error(cause, format!("{names} alone is enough"), &exchange).into());
        }
    }
    reached?;
    missing.map_or(Ok(()), |reason| Err(Stop::Skip(reason)))
}
