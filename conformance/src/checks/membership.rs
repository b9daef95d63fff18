//! `tenancy.removed-member`: who has left an organization has left it with every credential.

use super::is_protected;
use crate::check::{Check, CheckInfo, Need, Phase};
use crate::credentials::Nature;
use crate::finding::Observation;
use crate::run::{Stop, Trial};

pub(super) const CHECKS: &[Check] = &[Check {
    info: CheckInfo {
        id: "tenancy.removed-member",
        title: "who was taken out of an organization has no way back in",
        rule: "A key or token of a user who was taken out of the organization is refused from then on, though it was made \
               before and has not ended.",
        source: "OWASP API1:2023; OWASP API5:2023; CWE-613",
        needs: &[Need::Valid, Need::Membership],
        phase: Phase::Auth,
    },
    applies: is_protected,
    run: |trial| Box::pin(removed(trial)),
}];

async fn removed(trial: &Trial<'_>) -> Result<(), Stop> {
    trial.case().await?;
    let mut tried = false;
    let mut missing = Stop::Skip("no key and no token alone opens it".to_owned());
    for scheme in [trial.schemes(Nature::Key), trial.schemes(Nature::Token)].concat() {
        let secret = match trial.context.former_member(scheme).await {
            Ok(secret) => secret,
            Err(stop) => {
                missing = stop;
                continue;
            }
        };
        let exchange = trial.with_secret(scheme, &secret).await?;
        let status = exchange.answer.status;
        trial.met(status);
        if !(400..500).contains(&status) {
            let cause = format!("a credential of a former member was answered with {status}");
            return Err(Observation::error(cause, "a former member is refused with 401, 403 or 404", &exchange).into());
        }
        tried = true;
    }
    if tried { Ok(()) } else { Err(missing) }
}
