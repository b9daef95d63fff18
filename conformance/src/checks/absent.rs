//! `state.unknown-is-absent`: what nobody made is not there.

use bitting_spec::table::Location;
use bitting_spec::{Document, Operation, template_names};
use serde_json::{Value, json};

use super::same::is_uuid;
use crate::check::{Check, CheckInfo, Need, Phase};
use crate::credentials::Role;
use crate::finding::Observation;
use crate::run::{Stop, Trial};

pub(super) const CHECKS: &[Check] = &[Check {
    info: CheckInfo {
        id: "state.unknown-is-absent",
        title: "what nobody made cannot be read",
        rule: "A read of an object by an id that was given to none is answered with 404 or another refusal: a success makes \
               up an object, or shows another one.",
        source: "RFC 9110, 15.5.5 and 9.3.1",
        needs: &[Need::Valid],
        phase: Phase::Scenario,
    },
    applies: |document, operation| {
        // What is paged is a list of what lies below, which may well be empty.
        operation.method == "GET"
            && operation.trimmed_path().ends_with('}')
            && operation.pagination.is_none()
            && is_made_or_unmade(document, operation)
    },
    run: |trial| Box::pin(unknown_is_absent(trial)),
}];

/// Whether such objects come or go by an operation: then an id names one of them, and is no text to be worked on.
fn is_made_or_unmade(document: &Document, operation: &Operation) -> bool {
    operation.collection().is_some_and(|collection| document.creator(collection).is_some())
        || document.operations_below(&operation.path).any(|one| one.method == "DELETE" && one.path == operation.path)
}

async fn unknown_is_absent(trial: &Trial<'_>) -> Result<(), Stop> {
    let mut case = trial.case().await?;
    let names = template_names(&trial.operation.path);
    let known = names.last().and_then(|name| {
        case.path()
            .find(|argument| argument.name == *name)
            .map(|argument| (argument.name.clone(), argument.value.clone()))
    });
    let (name, value) = known.ok_or_else(|| Stop::Skip("the path names no object".to_owned()))?;
    if !is_told(trial, &name) {
        return Err(Stop::Skip("nothing tells which objects there are: whoever names one makes its id up".to_owned()));
    }
    case.set(&name, Location::Path, unknown(&value));
    let exchange = trial.call(trial.operation, &case, Role::Valid).await?;
    if exchange.answer.is_success() && exchange.answer.body.is_empty() {
        return Err(Stop::Skip("the answer shows nothing, so no object either".to_owned()));
    }
    if exchange.answer.is_success() {
        let cause = "an id that was given to no object is answered with a success";
        return Err(Observation::error(cause, "404", &exchange).into());
    }
    Ok(())
}

/// Whether an operation or the settings tell an id.
fn is_told(trial: &Trial<'_>, name: &str) -> bool {
    let (context, operation) = (trial.context, trial.operation);
    let collection = operation.trimmed_path().rsplit_once("/{").map_or("", |(prefix, _)| prefix);
    let tells =
        |other: &Operation| matches!(other.method.as_str(), "GET" | "POST") && other.trimmed_path() == collection;
    context.given(operation, name, Role::Valid).is_some() || context.document.operations.iter().any(tells)
}

/// An id of the same form that nobody has: no server gives these out, and no counter gets so far in a run.
fn unknown(value: &Value) -> Value {
    match value {
        Value::String(text) if is_uuid(text) => {
            json!("b1771960-0000-4000-8000-0123456789ab")
        }
        Value::String(text) if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) => {
            json!(format!("{text}77351"))
        }
        Value::Number(number) => json!(number.as_i64().unwrap_or(0).saturating_add(1_977_351)),
        Value::String(text) => json!(format!("{text}-bitting-7f3a91c2")),
        other => other.clone(),
    }
}
