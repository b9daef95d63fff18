//! `http.idempotency`: a write that is repeated under the same key is done once.

use bitting_spec::Operation;
use serde_json::Value;

use crate::check::{Check, CheckInfo, Need, Phase};
use crate::credentials::Role;
use crate::finding::Observation;
use crate::generate::{Case, runner};
use crate::http::Exchange;
use crate::run::{Stop, Trial, all_items, certain_identity, item_operation, skip};

/// How many other bodies are tried.
const OTHERS: u32 = 4;

pub(super) const CHECKS: &[Check] = &[Check {
    info: CheckInfo {
        id: "http.idempotency",
        title: "a write that is repeated under its key is done once",
        rule: "Where a creation takes an idempotency key (a header parameter of that name, or `x-retry`), the same request \
               under the same key makes one object and tells the same one again, or is refused; another body under a key \
               that was used is refused.",
        source: "draft-ietf-httpapi-idempotency-key-header, 2.6 and 2.7; x-retry",
        needs: &[Need::Valid],
        phase: Phase::Scenario,
    },
    applies: |document, operation| operation.method == "POST" && document.idempotency_header(operation).is_some(),
    run: |trial| Box::pin(idempotency(trial)),
}];

async fn idempotency(trial: &Trial<'_>) -> Result<(), Stop> {
    let (context, operation) = (trial.context, trial.operation);
    let Some(header) = context.document.idempotency_header(operation) else { return Ok(()) };
    let base = trial.case().await?;
    let case = context.renewed(operation, &base, Role::Valid).await;
    // By its name it is found again in the list.
    let name = context.fresh_text();
    let named = context.shape(operation).named(&case, &name);
    let case = named.clone().unwrap_or(case);
    let key = context.fresh_key(operation).ok_or_else(|| skip("no key could be made that the document allows"))?;
    let first = under(trial, &case, header, &key).await?;
    if !first.answer.is_success() {
        return Err(Stop::Skip(format!("the first request under a key was answered with {}", first.answer.status)));
    }
    let made = made(trial, &first).ok_or_else(|| skip("the answer does not tell the id of what it made"))?;
    let again = under(trial, &case, header, &key).await?;
    if again.answer.is_success() && self::made(trial, &again).is_some_and(|again| again != made) {
        let cause = format!("the same request under the same `{header}` made another object");
        return Err(Observation::error(cause, "the object that the first one made, or a refusal", &again).into());
    }
    if named.is_some() {
        stored_once(trial, &case, &name, &again).await?;
    }
    let Some(other) = another(trial, operation, &case) else { return Ok(()) };
    let misused = under(trial, &other, header, &key).await?;
    if misused.answer.is_success() {
        let cause = format!("another request under a `{header}` that was used is answered with a success");
        return Err(Observation::note(cause, "a refusal with 422 or 409", &misused).into());
    }
    Ok(())
}

/// Stops if the list has what a repeated creation made twice, by the text that it was called.
async fn stored_once(trial: &Trial<'_>, case: &Case, name: &str, again: &Exchange) -> Result<(), Stop> {
    let (context, operation) = (trial.context, trial.operation);
    let Some(list) = context.document.reader(&operation.path) else { return Ok(()) };
    let Ok(about) = context.positive(list, Role::Valid).await else { return Ok(()) };
    let pages = context.pages(list, &about.about(case), Role::Valid).await?;
    let is_it = |item: &&Value| item.as_object().is_some_and(|all| all.values().any(|value| value == name));
    let count = all_items(list, &pages).iter().filter(is_it).count();
    if count > 1 {
        let cause = "a repeated creation was answered as the first one, and made a second object";
        return Err(Observation::error(cause, "one object in the list", again).into());
    }
    Ok(())
}

/// What an exchange made, as far as its answer leaves no doubt.
fn made(trial: &Trial<'_>, exchange: &Exchange) -> Option<Value> {
    let name = item_operation(trial.context, trial.operation, "GET").map_or("id", |(_, name)| name);
    certain_identity(&exchange.answer, name)
}

async fn under(trial: &Trial<'_>, case: &Case, header: &str, key: &str) -> Result<Exchange, Stop> {
    let request = case.request(trial.operation).map_err(Stop::Skip)?.with_header(header, key);
    let request = trial.context.authorized(trial.operation, Role::Valid, request).await?;
    trial.send(request).await
}

/// The case with another valid body.
fn another(trial: &Trial<'_>, operation: &Operation, case: &Case) -> Option<Case> {
    let shape = trial.context.shape(operation);
    (2..2 + OTHERS).find_map(|index| {
        let mut chance = runner(trial.context.options.seed, &operation.id, "another", index);
        let other = shape.valid(trial.context, operation, case, index, &mut chance);
        (other.body != case.body).then_some(other)
    })
}
