//! `http.*`: the protocol itself.

use bitting_spec::{Document, Operation};

use crate::check::{Check, CheckInfo, Need, Phase};
use crate::credentials::Role;
use crate::finding::Observation;
use crate::http::Request;
use crate::run::{Stop, Trial};

pub(super) const CHECKS: &[Check] = &[Check {
    info: CheckInfo {
        id: "http.method-not-allowed",
        title: "a method that the document does not name is refused",
        rule: "A method that a path does not have is answered with 405 and an Allow field.",
        source: "RFC 9110, 15.5.6 and 10.2.1",
        needs: &[Need::Valid],
        phase: Phase::Generated,
    },
    applies: is_first_of_path,
    run: |trial| Box::pin(method_not_allowed(trial)),
}];

/// Methods that do no harm where a server does have them: the suite never sends a DELETE that nobody documented.
const TRIED: [&str; 3] = ["PUT", "PATCH", "POST"];

/// One operation stands for its path.
fn is_first_of_path(document: &Document, operation: &Operation) -> bool {
    let first = document.operations.iter().find(|other| other.path == operation.path);
    first.is_some_and(|first| first.id == operation.id) && undeclared(document, operation).is_some()
}

fn undeclared(document: &Document, operation: &Operation) -> Option<&'static str> {
    let declared =
        |method: &str| document.operations.iter().any(|other| other.path == operation.path && other.method == method);
    TRIED.into_iter().find(|method| !declared(method))
}

async fn method_not_allowed(trial: &Trial<'_>) -> Result<(), Stop> {
    let Some(method) = undeclared(trial.context.document, trial.operation) else { return Ok(()) };
    let request = trial.request().await?;
    let request = trial.context.authorized(trial.operation, Role::Valid, request).await?;
    let mut bare = Request { method: method.to_owned(), body: None, ..request };
    bare.headers.retain(|(name, _)| name != "content-type");
    let exchange = trial.send(bare).await?;
    let answer = &exchange.answer;
    let expected = "405 with an Allow field";
    if answer.status < 400 || answer.status >= 500 && answer.status != 501 {
        let cause = format!("{method}, which the path does not have, was answered with {}", answer.status);
        return Err(Observation::error(cause, expected, &exchange).into());
    }
    if answer.status != 405 {
        let cause = format!("{method}, which the path does not have, was refused with {}", answer.status);
        return Err(Observation::note(cause, expected, &exchange).into());
    }
    if !answer.headers.contains_key("allow") {
        return Err(Observation::note("the 405 has no Allow", expected, &exchange).into());
    }
    Ok(())
}
