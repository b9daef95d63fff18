//! `state.read-only`, `state.owned-update`: what the server owns is not the client's to set.

use bitting_spec::{Document, Operation};
use serde_json::{Map, Value, json};

use super::change::{full, members, sent_members, with_members};
use super::same::{another, another_of};
use super::state::made;
use crate::check::{Check, CheckInfo, Need, Phase};
use crate::credentials::Role;
use crate::finding::Observation;
use crate::generate::Case;
use crate::http::Exchange;
use crate::infer::{answered, plain, sent};
use crate::run::{Stop, Trial, items};

const NEEDS: &[Need] = &[Need::Valid];
/// What gives its owner rights, or says whose an object is and since when.
const PRIVILEGES: [&str; 30] = [
    "id",
    "uuid",
    "role",
    "roles",
    "permission",
    "permissions",
    "scope",
    "scopes",
    "admin",
    "isadmin",
    "issuperuser",
    "superuser",
    "owner",
    "ownerid",
    "userid",
    "createdby",
    "organization",
    "organizationid",
    "orgid",
    "org",
    "tenant",
    "tenantid",
    "accountid",
    "workspaceid",
    "createdat",
    "created",
    "verified",
    "isverified",
    "balance",
    "credits",
];

pub(super) const CHECKS: &[Check] = &[
    Check {
        info: CheckInfo {
            id: "state.read-only",
            title: "a client cannot set what the server owns",
            rule: "A property that the document marks `readOnly`, or that it shows and lets no request have, is not taken \
                   from a creation: the request is refused, or the property ignored. Where it is not marked, and gives no \
                   rights, it is a note.",
            source: "JSON Schema Validation 2020-12, 9.4; OWASP API3:2023; CWE-915",
            needs: NEEDS,
            phase: Phase::Scenario,
        },
        applies: |document, operation| operation.method == "POST" && !owned(document, operation, operation).is_empty(),
        run: |trial| Box::pin(creation(trial)),
    },
    Check {
        info: CheckInfo {
            id: "state.owned-update",
            title: "a change does not set what the server owns",
            rule: "A property that the document marks `readOnly`, or that it shows and lets no request have, is not taken \
                   from a PATCH or PUT: the request is refused, or the property ignored. Where it is not marked, and gives \
                   no rights, it is a note.",
            source: "JSON Schema Validation 2020-12, 9.4; OWASP API3:2023; CWE-915",
            needs: NEEDS,
            phase: Phase::Scenario,
        },
        applies: |document, operation| {
            matches!(operation.method.as_str(), "PATCH" | "PUT")
                && document.reader(&operation.path).is_some_and(|read| !owned(document, read, operation).is_empty())
        },
        run: |trial| Box::pin(change(trial)),
    },
];

/// A member that only the server sets.
struct Owned {
    name: String,
    schema: Value,
    /// Whether the document says so with `readOnly`.
    is_marked: bool,
}

impl Owned {
    fn is_privilege(&self) -> bool {
        PRIVILEGES.contains(&plain(&self.name).as_str())
    }

    /// What is wrong if a client has set it.
    fn finding(&self, exchange: &Exchange) -> Stop {
        let (name, is_certain) = (&self.name, self.is_marked || self.is_privilege());
        let why = if self.is_marked { "which the document marks readOnly" } else { "which its request does not have" };
        let make = if is_certain { Observation::error } else { Observation::note };
        make(format!("the client set `{name}`, {why}"), format!("`{name}` is the server's to set"), exchange).into()
    }
}

/// The members that `shows` answers and only the server sets: those that are marked, then those that `takes` does not
/// take, what gives rights first.
fn owned(document: &Document, shows: &Operation, takes: &Operation) -> Vec<Owned> {
    let taken = sent(document, takes);
    let is_taken = |name: &str| taken.iter().any(|(known, _)| *known == name);
    // What a login or an action answers was not sent to be kept.
    let keeps = takes.method != "POST" || items(document, takes, "GET").is_some();
    let all = answered(document, shows).into_iter().filter_map(|(name, schema)| {
        let schema = document.resolve(schema);
        let is_marked = schema.get("readOnly") == Some(&Value::Bool(true));
        let is_left_out = keeps && !taken.is_empty() && !is_taken(name);
        (is_marked || is_left_out).then(|| Owned { name: name.to_owned(), schema: schema.clone(), is_marked })
    });
    let mut all: Vec<Owned> = all.collect();
    all.sort_by_key(|one| (!one.is_marked, !one.is_privilege()));
    all
}

/// Other values than `shown` has for those that are not marked, all in one request.
fn others<'o>(owned: &'o [Owned], shown: &Map<String, Value>) -> Vec<(&'o Owned, Value)> {
    let unmarked = owned.iter().filter(|one| !one.is_marked);
    unmarked.filter_map(|one| Some((one, another_of(Some(&one.schema), shown.get(&one.name)?)?))).collect()
}

async fn creation(trial: &Trial<'_>) -> Result<(), Stop> {
    let context = trial.context;
    let (case, plain, _) = made(trial).await?;
    let body = members(&plain);
    let owned = owned(context.document, trial.operation, trial.operation);
    for one in owned.iter().filter(|one| one.is_marked) {
        let Some(other) = body.get(&one.name).and_then(another) else { continue };
        // Of two values one may be the server's own choice, so a flag is set both ways.
        let values = if other.is_boolean() { vec![other.clone(), json!(other == json!(false))] } else { vec![other] };
        let (mut taken, mut exchange) = (true, plain.clone());
        for value in values {
            if !taken {
                break;
            }
            exchange = create_with(trial, &case, &[(one, value.clone())]).await?;
            taken = exchange.answer.is_success() && members(&exchange).get(&one.name) == Some(&value);
        }
        if taken {
            return Err(one.finding(&exchange));
        }
    }
    let others = others(&owned, &body);
    if others.is_empty() {
        return Ok(());
    }
    let exchange = create_with(trial, &case, &others).await?;
    judge(&others, &exchange)?;
    // A closed body refuses all of them; one that bears a name may be taken all the same.
    for one in others.iter().filter(|(one, _)| one.is_privilege() && !exchange.answer.is_success()) {
        let exchange = create_with(trial, &case, std::slice::from_ref(one)).await?;
        judge(std::slice::from_ref(one), &exchange)?;
    }
    Ok(())
}

/// Stops if a creation that was taken shows what was sent.
fn judge(others: &[(&Owned, Value)], made: &Exchange) -> Result<(), Stop> {
    let shown = members(made);
    match others.iter().find(|(one, value)| shown.get(&one.name) == Some(value)) {
        Some((one, _)) if made.answer.is_success() => Err(one.finding(made)),
        _ => Ok(()),
    }
}

async fn create_with(trial: &Trial<'_>, case: &Case, others: &[(&Owned, Value)]) -> Result<Exchange, Stop> {
    let case = trial.context.renewed(trial.operation, case, Role::Valid).await;
    trial.call(trial.operation, &with(&case, others), Role::Valid).await
}

fn with(case: &Case, others: &[(&Owned, Value)]) -> Case {
    let mut all = sent_members(case);
    all.extend(others.iter().map(|(one, value)| (one.name.clone(), value.clone())));
    with_members(case, all)
}

async fn change(trial: &Trial<'_>) -> Result<(), Stop> {
    let (read, case, before) = full(trial).await?;
    let owned = owned(trial.context.document, read, trial.operation);
    for one in owned.iter().filter(|one| one.is_marked) {
        if let Some(other) = before.get(&one.name).and_then(|value| another_of(Some(&one.schema), value)) {
            change_with(trial, (read, &case), &before, &[(one, other)]).await?;
        }
    }
    let others = others(&owned, &before);
    if others.is_empty() || change_with(trial, (read, &case), &before, &others).await? {
        return Ok(());
    }
    for one in others.iter().filter(|(one, _)| one.is_privilege()) {
        change_with(trial, (read, &case), &before, std::slice::from_ref(one)).await?;
    }
    Ok(())
}

/// Changes an object with members that the server owns, and stops if they are what is read then. Whether the change was
/// taken at all.
async fn change_with(
    trial: &Trial<'_>,
    (read, case): (&Operation, &Case),
    before: &Map<String, Value>,
    others: &[(&Owned, Value)],
) -> Result<bool, Stop> {
    let changed = trial.call(trial.operation, &with(case, others), Role::Valid).await?;
    let after = trial.call(read, &Case { body: None, ..case.clone() }, Role::Valid).await?;
    let after_members = members(&after);
    let taken = others.iter().find(|(one, value)| after_members.get(&one.name) == Some(value));
    // An object that cannot be found any more has got another id.
    let lost = others.iter().find(|(one, _)| one.is_marked && !after.answer.is_success());
    let Some((one, _)) = taken.or(lost) else { return Ok(changed.answer.is_success()) };
    // It may be the suite's own user who has got another role.
    let restored: Vec<(&Owned, Value)> =
        others.iter().filter_map(|(one, _)| Some((*one, before.get(&one.name)?.clone()))).collect();
    trial.call(trial.operation, &with(case, &restored), Role::Valid).await?;
    Err(one.finding(&changed))
}
