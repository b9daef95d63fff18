//! `security.*`: every alternative that the document offers opens the door by itself.

use super::is_protected;
use crate::check::{Check, CheckInfo, Need, Phase};
use crate::credentials::Role;
use crate::finding::Observation;
use crate::run::{Stop, Trial};

pub(super) const CHECKS: &[Check] = &[Check {
    info: CheckInfo {
        id: "security.alternatives",
        title: "each alternative of the security requirement works alone",
        rule: "Of the requirements that `security` lists, one is enough: a request that satisfies any of them is let in.",
        source: "OpenAPI 3.1, 4.8.10 (security) and 4.8.30",
        needs: &[Need::Valid],
        phase: Phase::Auth,
    },
    applies: is_protected,
    run: |trial| Box::pin(alternatives(trial)),
}];

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
