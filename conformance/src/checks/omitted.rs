//! `list.default`: a parameter that is left out asks for its default.

use bitting_spec::table::Location;
use bitting_spec::{Document, Operation, Parameter, infer};
use serde_json::Value;

use super::state::ids;
use crate::check::{Check, CheckInfo, Need, Phase};
use crate::credentials::Role;
use crate::finding::Observation;
use crate::generate::{Case, text_of};
use crate::run::{Stop, Trial, listed_items, skip};

/// How many objects are made for the list to hold.
const MADE: u32 = 3;

pub(super) const CHECKS: &[Check] = &[Check {
    info: CheckInfo {
        id: "list.default",
        title: "a parameter that is left out has its default",
        rule: "A list that is asked for without a query parameter that has a `default` is the one that is asked for with \
               that default.",
        source: "OpenAPI 3.0, 4.7.24.1; JSON Schema Validation 2020-12, 9.2",
        needs: &[Need::Valid],
        phase: Phase::Scenario,
    },
    applies: |document, operation| operation.method == "GET" && defaults(document, operation).next().is_some(),
    run: |trial| Box::pin(default(trial)),
}];

/// The query parameters that need not be given, with their defaults.
fn defaults<'d>(document: &'d Document, operation: &'d Operation) -> impl Iterator<Item = (&'d Parameter, &'d Value)> {
    operation.parameters.iter().filter_map(|one| Some((one, infer::default(document, one)?)))
}

async fn default(trial: &Trial<'_>) -> Result<(), Stop> {
    let (context, operation) = (trial.context, trial.operation);
    let case = trial.case().await?;
    if let Some(creator) = context.document.creator(&operation.path) {
        for _ in 0..MADE {
            // Where nothing can be made there may be something all the same.
            drop(context.create(creator, Role::Valid).await);
            trial.count(1);
        }
    }
    let list = |case: Case| async move { trial.call(operation, &case, Role::Valid).await };
    let mut tried = false;
    for (parameter, value) in defaults(context.document, operation) {
        let mut without = case.clone();
        without.arguments.retain(|one| one.name != parameter.name || one.location != Location::Query);
        let before = list(without.clone()).await?;
        let with = list(without.clone().with(parameter, value.clone())).await?;
        if listed_items(operation, &before.answer).is_none_or(<[Value]>::is_empty) || !with.answer.is_success() {
            continue;
        }
        tried = true;
        // What changes in the meantime is no difference.
        if ids(operation, &before) != ids(operation, &with)
            && ids(operation, &before) == ids(operation, &list(without).await?)
        {
            let cause = format!("without `{}` the list is not the one of its default", parameter.name);
            let expected = format!("the list of `{}` {}", parameter.name, text_of(value));
            return Err(Observation::error(cause, expected, &before).at(&parameter.pointer).into());
        }
    }
    if tried { Ok(()) } else { Err(skip("the list holds nothing, or takes no default")) }
}
