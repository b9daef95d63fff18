//! `tenancy.removed-member`: who has left an organization has left it with every credential.

use bitting_spec::infer::is_logout;

use super::is_protected;
use crate::check::{Check, CheckInfo, Need, Phase};
use crate::credentials::{Nature, nature};
use crate::finding::Observation;
use crate::run::{Stop, Trial};

pub(super) const CHECKS: &[Check] = &[Check {
    info: CheckInfo {
        id: "tenancy.removed-member",
        title: "who was taken out of an organization has no way back in",
        rule: "A key or token of a user who was taken out of the organization is refused from then on, though it was made \
               before and has not ended. A key may be the organization's own and outlive its maker where the document has no \
               rules for keys: a note.",
        source: "OWASP API1:2023; OWASP API5:2023; CWE-613",
        needs: &[Need::Valid, Need::Membership],
        phase: Phase::Auth,
    },
    // What belongs to no organization, such as a logout, is open to everybody who has an account.
    applies: |document, operation| {
        let has_tenants = document.operations.iter().any(|other| other.tenant.is_some());
        is_protected(document, operation) && !is_logout(operation) && (operation.tenant.is_some() || !has_tenants)
    },
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
            let is_open = nature(scheme) == Nature::Key && scheme.auth.key.is_none();
            let make = if is_open { Observation::note } else { Observation::error };
            return Err(make(cause, "a former member is refused with 401, 403 or 404", &exchange).into());
        }
        tried = true;
    }
    if tried { Ok(()) } else { Err(missing) }
}
