//! `state.others-stay`: what is done to one object is done to no other.

use bitting_spec::{Document, Operation};
use serde_json::{Map, Value};

use super::change::{acted_on, full_of, members, sent_members};
use super::same::is_time;
use crate::check::{Check, CheckInfo, Need, Phase};
use crate::credentials::Role;
use crate::finding::Observation;
use crate::generate::Case;
use crate::http::Exchange;
use crate::run::{Stop, Trial, skip};

pub(super) const CHECKS: &[Check] = &[Check {
    info: CheckInfo {
        id: "state.others-stay",
        title: "a change or a deletion is of one object alone",
        rule: "After a PATCH or PUT of an object no other object of its collection shows the values that were sent, if it \
               had others before, nor after an action what that has changed; after a DELETE of one another one is \
               still there.",
        source: "RFC 9110, 9.3.4 and 9.3.5; RFC 5789, 2",
        needs: &[Need::Valid],
        phase: Phase::Scenario,
    },
    applies: |document, operation| {
        let read = reader(document, operation);
        read.and_then(Operation::collection).is_some_and(|path| document.creator(path).is_some())
    },
    run: |trial| Box::pin(others_stay(trial)),
}];

/// The operation that reads what another one changes, deletes, or does something to.
fn reader<'d>(document: &'d Document, operation: &Operation) -> Option<&'d Operation> {
    match operation.method.as_str() {
        "PATCH" | "PUT" | "DELETE" => document.reader(&operation.path),
        _ => acted_on(document, operation),
    }
}

async fn others_stay(trial: &Trial<'_>) -> Result<(), Stop> {
    let context = trial.context;
    let read = reader(context.document, trial.operation).ok_or_else(|| skip("nothing reads it"))?;
    // How it is done is found out before there is anything to lose.
    let base = trial.case().await?;
    let own = context.arguments(trial.operation, Role::Valid, true).await?;
    let other = context.arguments(trial.operation, Role::Valid, true).await?;
    if own.path().eq(other.path()) {
        return Err(skip("there is one object only"));
    }
    let other = context.reading(read, &other);
    let before = trial.call(read, &other, Role::Valid).await?;
    if !before.answer.is_success() {
        return Err(skip("the other object cannot be read"));
    }
    let (done, sent) = done_to(trial, read, base, &own).await?;
    let after = trial.call(read, &other, Role::Valid).await?;
    if matches!(after.answer.status, 404 | 410) {
        let cause = format!("what was done to one object took another one away: {}", after.answer.status);
        return Err(Observation::error(cause, "the other object as it was", &done).into());
    }
    match taken_over(&sent, &members(&before), &members(&after)) {
        Some(name) => {
            let cause = format!("a change of one object changed `{name}` of another one too");
            Err(Observation::error(cause, format!("`{name}` of the other object as it was"), &done).into())
        }
        None => Ok(()),
    }
}

/// Changes the object as much as a request can, deletes it, or does to it what the operation does; with the members that
/// are other ones since.
async fn done_to(
    trial: &Trial<'_>,
    read: &Operation,
    base: Case,
    own: &Case,
) -> Result<(Exchange, Map<String, Value>), Stop> {
    if matches!(trial.operation.method.as_str(), "PATCH" | "PUT") {
        let (case, changed) = full_of(trial, own).await?;
        return Ok((changed, sent_members(&case)));
    }
    let about = trial.context.reading(read, own);
    let before = members(&trial.call(read, &about, Role::Valid).await?);
    let done = trial.call(trial.operation, &base.about(own), Role::Valid).await?;
    if !done.answer.is_success() {
        return Err(skip("it was not done"));
    }
    let after = members(&trial.call(read, &about, Role::Valid).await?);
    let is_new = |(name, value): &(String, Value)| {
        before.get(name).is_some_and(|before| before != value) && !value.as_str().is_some_and(is_time)
    };
    Ok((done, after.into_iter().filter(is_new).collect()))
}

/// The first member that has become what was sent for another object. Members that follow from one another, such as which
/// one is the default, become something else.
fn taken_over<'s>(
    sent: &'s Map<String, Value>,
    before: &Map<String, Value>,
    after: &Map<String, Value>,
) -> Option<&'s str> {
    let is_taken = |name: &str, value: &Value| {
        before.get(name).is_some_and(|before| before != value) && after.get(name) == Some(value)
    };
    sent.iter().find(|(name, value)| is_taken(name, value)).map(|(name, _)| name.as_str())
}
