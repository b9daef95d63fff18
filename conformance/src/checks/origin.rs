//! `credentials.cross-origin`: no page of another site acts with what a browser knows.

use bitting_spec::table::{Location, SchemeKind};
use bitting_spec::{Document, Operation};

use super::is_protected;
use crate::check::{Check, CheckInfo, Need, Phase};
use crate::credentials::Role;
use crate::finding::Observation;
use crate::run::{Stop, Trial};

/// The origin of a page that no server can know.
const ORIGIN: &str = "https://bitting-unknown-origin.invalid";

pub(super) const CHECKS: &[Check] = &[Check {
    info: CheckInfo {
        id: "credentials.cross-origin",
        title: "no page of any origin may call with a browser's credentials",
        rule: "An answer to a request from an unknown origin does not allow that origin, or all of them, together with \
               credentials (Access-Control-Allow-Credentials). It is an error where a browser sends the credential by \
               itself (a cookie, HTTP Basic), else a note.",
        source: "OWASP API8:2023; CWE-942; Fetch Standard, 3.2.5",
        needs: &[Need::Valid],
        phase: Phase::Auth,
    },
    applies: |document, operation| is_protected(document, operation) && operation.method == "GET",
    run: |trial| Box::pin(cross_origin(trial)),
}];

async fn cross_origin(trial: &Trial<'_>) -> Result<(), Stop> {
    let request = trial.request().await?.with_header("origin", ORIGIN);
    let request = trial.context.authorized(trial.operation, Role::Valid, request).await?;
    let exchange = trial.send(request).await?;
    let field = |name: &str| exchange.answer.header(name).unwrap_or_default();
    let allowed = field("access-control-allow-origin");
    let is_any = allowed == ORIGIN || allowed == "*" || allowed == "null";
    if !is_any || !field("access-control-allow-credentials").eq_ignore_ascii_case("true") {
        return Ok(());
    }
    let cause = format!("a page of any origin may call with credentials: Access-Control-Allow-Origin is `{allowed}`");
    let expected = "origins that are known, or no Access-Control-Allow-Credentials";
    let is_sent = is_sent_by_browsers(trial.context.document, trial.operation);
    let make = if is_sent { Observation::error } else { Observation::note };
    Err(make(cause, expected.to_owned(), &exchange).into())
}

/// Whether a browser adds a credential of the operation to whatever a page asks for.
fn is_sent_by_browsers(document: &Document, operation: &Operation) -> bool {
    let mut schemes = operation.security.iter().flat_map(|one| one.keys()).filter_map(|name| document.scheme(name));
    schemes.any(|scheme| match &scheme.kind {
        SchemeKind::ApiKey { location, .. } => *location == Location::Cookie,
        SchemeKind::Http { scheme, .. } => scheme == "basic",
        _ => false,
    })
}
