//! `http.undecodable-path`: a path that is no text is refused, and breaks nothing.

use bitting_spec::template_names;

use crate::check::{Check, CheckInfo, Need, Phase};
use crate::credentials::Role;
use crate::finding::{Observation, Severity};
use crate::http::Broken;
use crate::run::{Stop, Trial};

/// A byte that stands in no UTF-8 (RFC 3629, 1).
const NO_TEXT: &str = "%FF";

pub(super) const CHECKS: &[Check] = &[Check {
    info: CheckInfo {
        id: "http.undecodable-path",
        title: "a path that is no text breaks nothing",
        rule: "A percent-encoded byte that is no UTF-8, in place of the last path parameter, is answered as what does not \
               exist or is not valid, never with a 5xx, and no server ends by it.",
        source: "RFC 3986, 2.1; RFC 9110, 15.6",
        needs: &[Need::Valid],
        phase: Phase::End,
    },
    applies: |_, operation| operation.method == "GET" && !template_names(&operation.path).is_empty(),
    run: |trial| Box::pin(undecodable_path(trial)),
}];

async fn undecodable_path(trial: &Trial<'_>) -> Result<(), Stop> {
    let (context, operation) = (trial.context, trial.operation);
    let case = trial.case().await?;
    let name = template_names(&operation.path).pop().unwrap_or_default();
    let path = operation.path.replace(&format!("{{{name}}}"), NO_TEXT);
    let request = case.request_to(&operation.method, &path, &operation.parameters).map_err(Stop::Skip)?;
    let request = context.authorized(operation, Role::Valid, request).await?;
    // Without the query, which may hold a credential.
    let path = request.path().to_owned();
    trial.count(1);
    let exchange = match context.exchange(request).await {
        Ok(exchange) => exchange,
        // Somebody else may have ended it.
        Err(broken @ (Broken::Connect(_) | Broken::Limited | Broken::Request(_))) => return Err(Stop::broken(&broken)),
        Err(broken) => return Err(unanswered(&path, &broken).into()),
    };
    let status = exchange.answer.status;
    if status >= 500 && status != 503 {
        let cause = format!("a path with bytes that are no UTF-8 was answered with {status}");
        return Err(Observation::error(cause, "404, or that the request is not valid", &exchange).into());
    }
    Ok(())
}

/// What is seen of a server that breaks off, or ends altogether.
fn unanswered(path: &str, broken: &Broken) -> Observation {
    Observation {
        severity: Severity::Error,
        cause: "a path with bytes that are no UTF-8 was not answered".to_owned(),
        expected: "404, or that the request is not valid".to_owned(),
        summary: format!("GET {path}: {broken}; look whether the server is still there"),
        exchange: None,
        pointer: None,
    }
}
