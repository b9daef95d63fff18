//! `http.idempotency`: a write that is repeated under the same key is done once.

use bitting_spec::{Document, Operation};
use serde_json::Value;

use crate::check::{Check, CheckInfo, Need, Phase};
use crate::credentials::Role;
use crate::finding::Observation;
use crate::generate::{Case, runner};
use crate::http::Exchange;
use crate::run::{Stop, Trial, all_items, certain_identity, item_operation, skip};

/// How many other bodies are tried.
const OTHERS: u32 = 4;

pub(super) const CHECKS: &[Check] = &[
    Check {
        info: CheckInfo {
            id: "http.idempotency",
            title: "a write that is repeated under its key is done once",
            rule: "Where a creation takes an idempotency key (a header parameter of that name, or `x-retry`), the same \
                   request under the same key makes one object and tells the same one again, or is refused; another body \
                   under a key that was used is refused.",
            source: "draft-ietf-httpapi-idempotency-key-header, 2.6 and 2.7; x-retry",
            needs: &[Need::Valid],
            phase: Phase::Scenario,
        },
        applies: takes_key,
        run: |trial| Box::pin(idempotency(trial)),
    },
    Check {
        info: CheckInfo {
            id: "tenancy.foreign-key",
            title: "the idempotency key of another organization means nothing",
            rule: "A creation under an idempotency key that another organization has used makes an object of one's own: its \
                   answer is not the one that the other organization got, and the key is not taken.",
            source: "OWASP API1:2023; draft-ietf-httpapi-idempotency-key-header, 5",
            needs: &[Need::Valid, Need::OtherOrganization],
            phase: Phase::Scenario,
        },
        applies: |document, operation| takes_key(document, operation) && operation.tenant.is_some(),
        run: |trial| Box::pin(foreign_key(trial)),
    },
];

/// Whether it makes something under a key of the request.
fn takes_key(document: &Document, operation: &Operation) -> bool {
    operation.method == "POST" && document.idempotency_header(operation).is_some()
}

async fn foreign_key(trial: &Trial<'_>) -> Result<(), Stop> {
    let (context, operation) = (trial.context, trial.operation);
    let Some(header) = context.document.idempotency_header(operation) else { return Ok(()) };
    let fresh = || context.fresh_key(operation).ok_or_else(|| skip("no key could be made that the document allows"));
    let key = fresh()?;
    let theirs = context.positive(operation, Role::OtherOrganization).await?;
    let theirs = context.renewed(operation, &theirs, Role::OtherOrganization).await;
    let first = under(trial, &theirs, Role::OtherOrganization, header, &key).await?;
    if !first.answer.is_success() {
        return Err(Stop::Skip(format!("the first request under a key was answered with {}", first.answer.status)));
    }
    let first = made(trial, &first).ok_or_else(|| skip("the answer does not tell the id of what it made"))?;
    let own = trial.case().await?;
    let own = context.renewed(operation, &own, Role::Valid).await;
    let second = under(trial, &own, Role::Valid, header, &key).await?;
    let expected = "an object of one's own";
    if made(trial, &second).is_some_and(|second| second == first) {
        let cause = format!("the `{header}` of another organization gets what it was answered");
        return Err(Observation::error(cause, expected, &second).into());
    }
    // Whether it was for the key, another one tells.
    if matches!(second.answer.status, 409 | 422)
        && under(trial, &own, Role::Valid, header, &fresh()?).await?.answer.is_success()
    {
        let cause = format!("a `{header}` is refused since another organization has used it");
        return Err(Observation::error(cause, expected, &second).into());
    }
    Ok(())
}

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
    let first = under(trial, &case, Role::Valid, header, &key).await?;
    if !first.answer.is_success() {
        return Err(Stop::Skip(format!("the first request under a key was answered with {}", first.answer.status)));
    }
    let made = made(trial, &first).ok_or_else(|| skip("the answer does not tell the id of what it made"))?;
    let again = under(trial, &case, Role::Valid, header, &key).await?;
    if again.answer.is_success() && self::made(trial, &again).is_some_and(|again| again != made) {
        let cause = format!("the same request under the same `{header}` made another object");
        return Err(Observation::error(cause, "the object that the first one made, or a refusal", &again).into());
    }
    if named.is_some() {
        stored_once(trial, &case, &name, &again).await?;
    }
    let Some(other) = another(trial, operation, &case) else { return Ok(()) };
    let misused = under(trial, &other, Role::Valid, header, &key).await?;
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

async fn under(trial: &Trial<'_>, case: &Case, role: Role, header: &str, key: &str) -> Result<Exchange, Stop> {
    let request = case.request(trial.operation).map_err(Stop::Skip)?.with_header(header, key);
    let request = trial.context.authorized(trial.operation, role, request).await?;
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
