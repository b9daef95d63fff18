//! `public.*`: what is open to everybody is open to everybody.

use bitting_spec::{Document, Operation};

use crate::check::{Check, CheckInfo, Need, Phase};
use crate::credentials::Role;
use crate::finding::Observation;
use crate::http::Request;
use crate::run::{Stop, Trial, apply};

pub(super) const CHECKS: &[Check] = &[Check {
    info: CheckInfo {
        id: "public.open",
        title: "a public operation asks nobody for a credential",
        rule: "An operation with an empty `security` works without a credential, and takes no notice of a wrong one.",
        source: "OpenAPI 3.1, 4.8.10 (security)",
        needs: &[Need::Valid],
        phase: Phase::Auth,
    },
    applies: is_open,
    run: |trial| Box::pin(open(trial)),
}];

/// An operation where a credential is optional may well refuse a wrong one; one without any requirement may not.
fn is_open(_: &Document, operation: &Operation) -> bool {
    operation.security.is_empty()
}

async fn open(trial: &Trial<'_>) -> Result<(), Stop> {
    let request = match trial.request().await {
        Ok(request) => request,
        Err(stop) => return unreached(trial, stop).await,
    };
    gets_in(trial, request, "a request without a credential").await?;
    // Made anew: a deletion has used its object up.
    let request = trial.request().await?.header("authorization", "Bearer not-a-credential");
    gets_in(trial, request, "a request with a wrong credential").await
}

async fn gets_in(trial: &Trial<'_>, request: Request, who: &str) -> Result<(), Stop> {
    let exchange = trial.send(request).await?;
    if exchange.answer.is_success() {
        return Ok(());
    }
    let cause = format!("{who} was refused with {}", exchange.answer.status);
    Err(Observation::error(cause, EXPECTED, &exchange).into())
}

const EXPECTED: &str = "a public operation needs no credential";

/// A public operation that demands a credential is never reached without one. With one it is, and that tells.
async fn unreached(trial: &Trial<'_>, stop: Stop) -> Result<(), Stop> {
    let case = trial.context.likeliest(trial.operation, Role::Valid).await?;
    let request = case.request(trial.operation).map_err(Stop::Skip)?;
    let bare = trial.send(request.clone()).await?;
    for scheme in &trial.context.document.security_schemes {
        let Ok(secret) = trial.secret(scheme).await else { continue };
        let exchange = trial.send(apply(scheme, &secret, request.clone())).await?;
        if exchange.answer.is_success() && matches!(bare.answer.status, 401 | 403) {
            let cause = format!("a request without a credential was refused with {}", bare.answer.status);
            return Err(Observation::error(cause, EXPECTED, &bare).into());
        }
    }
    Err(stop)
}
