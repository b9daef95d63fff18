//! `tenancy.named-in-body`: whose an object is comes from the caller and the path, never from a member of the body.

use bitting_spec::table::Location;
use bitting_spec::{Document, Operation};
use serde_json::{Map, Value};

use super::change::{members, sent_members, with_members};
use super::is_protected;
use super::same::is_same_id;
use crate::check::{Check, CheckInfo, Need, Phase};
use crate::credentials::Role;
use crate::finding::Observation;
use crate::generate::Case;
use crate::http::Exchange;
use crate::infer::{plain, sent};
use crate::run::{Stop, Trial, identity, item_operation, items, listed_items};

/// What servers call the owner of an object in a body, documented or not.
const OWNERS: [&str; 12] = [
    "organization",
    "organization_id",
    "organizationId",
    "org",
    "org_id",
    "org_slug",
    "tenant",
    "tenant_id",
    "account_id",
    "workspace_id",
    "team_id",
    "project_id",
];

pub(super) const CHECKS: &[Check] = &[Check {
    info: CheckInfo {
        id: "tenancy.named-in-body",
        title: "nothing is made in the organization that a body names",
        rule: "A creation whose body names another organization, as objects name theirs or as the path does, is refused, or \
               makes the object where the request is: the other organization neither reads nor lists it.",
        source: "OWASP API1:2023; OWASP API3:2023; CWE-915",
        needs: &[Need::Valid, Need::OtherOrganization],
        phase: Phase::Scenario,
    },
    applies: |document, operation| {
        operation.method == "POST"
            && is_protected(document, operation)
            && operation.tenant.is_some()
            && items(document, operation, "GET").is_some()
            && !sent(document, operation).is_empty()
    },
    run: |trial| Box::pin(named_in_body(trial)),
}];

async fn named_in_body(trial: &Trial<'_>) -> Result<(), Stop> {
    let context = trial.context;
    let own = trial.case().await?;
    let (theirs, made) = context.create(trial.operation, Role::OtherOrganization).await?;
    let (_, here) = context.create(trial.operation, Role::Valid).await?;
    if arrived(trial, (&own, &theirs), &here).await?.is_some() {
        return Err(Stop::Skip("the other organization reads what is made here anyway".to_owned()));
    }
    let names = names(context.document, trial.operation, (&own, &theirs), (&members(&here), &members(&made)));
    let organization = context.credentials.principal(Role::OtherOrganization);
    let organization = organization.and_then(|principal| principal.organization.clone()).map(Value::from);
    let guessed = OWNERS.iter().filter_map(|name| Some(((*name).to_owned(), organization.clone()?)));
    let is_new = |name: &String| !names.contains_key(name) && !is_documented(context.document, trial.operation, name);
    let mut tries: Vec<Map<String, Value>> = Vec::new();
    // All of them at once, and, for a body that takes no others, each alone.
    tries.push(guessed.filter(|(name, _)| is_new(name)).chain(names.clone()).collect());
    tries.extend(tries[0].clone().into_iter().map(|one| Map::from_iter([one])));
    tries.retain(|try_| !try_.is_empty());
    for more in tries {
        let exchange = creation(trial, &own, &more).await?;
        if let Some(how) = arrived(trial, (&own, &theirs), &exchange).await? {
            let named: Vec<String> = more.keys().map(|name| format!("`{name}`")).collect();
            let cause = "an object is made in the organization that the body names";
            let saying = format!("the body has {}, and the other organization {how} the object", named.join(", "));
            let expected = "a refusal, or an object of one's own organization";
            return Err(Observation::error(cause, expected, &exchange).saying(saying).into());
        }
        if exchange.answer.is_success() {
            break;
        }
    }
    Ok(())
}

/// What a request may say of it is judged where it is a reference.
fn is_documented(document: &Document, operation: &Operation, name: &str) -> bool {
    sent(document, operation).iter().any(|(known, _)| *known == name)
}

/// The members that would name the other organization: the parts of its path, and what its own object says of whose it is.
fn names(
    document: &Document,
    operation: &Operation,
    (own, theirs): (&Case, &Case),
    (shown, foreign): (&Map<String, Value>, &Map<String, Value>),
) -> Map<String, Value> {
    let ours = |name: &str| own.path().find(|argument| argument.name == name).map(|argument| &argument.value);
    let path = theirs.path().filter(|argument| ours(&argument.name) != Some(&argument.value));
    let path = path.map(|argument| (argument.name.clone(), argument.value.clone()));
    let is_owner = |name: &str| OWNERS.iter().any(|owner| plain(owner) == plain(name));
    let said = foreign.iter().filter(|(name, value)| is_owner(name) && shown.get(*name) != Some(value));
    let said = said.map(|(name, value)| (name.clone(), value.clone()));
    path.chain(said).filter(|(name, _)| !is_documented(document, operation, name)).collect()
}

async fn creation(trial: &Trial<'_>, own: &Case, more: &Map<String, Value>) -> Result<Exchange, Stop> {
    let case = trial.context.renewed(trial.operation, own, Role::Valid).await;
    let mut body = sent_members(&case);
    body.extend(more.clone());
    trial.call(trial.operation, &with_members(&case, body), Role::Valid).await
}

/// How the other organization comes by what was made, if it does and the caller does not: each may have an object of this
/// id.
async fn arrived(
    trial: &Trial<'_>,
    (own, theirs): (&Case, &Case),
    made: &Exchange,
) -> Result<Option<&'static str>, Stop> {
    let context = trial.context;
    let Some((read, name)) = item_operation(context, trial.operation, "GET") else { return Ok(None) };
    let Some(id) = identity(&made.answer, name).filter(|_| made.answer.is_success()) else { return Ok(None) };
    let mut about = context.reading(read, own);
    about.set(name, Location::Path, id.clone());
    if trial.call(read, &about, Role::Valid).await?.answer.is_success() {
        return Ok(None);
    }
    let mut about = context.reading(read, theirs);
    about.set(name, Location::Path, id.clone());
    if trial.call(read, &about, Role::OtherOrganization).await?.answer.is_success() {
        return Ok(Some("reads"));
    }
    let Some(list) = context.document.reader(&trial.operation.path) else { return Ok(None) };
    let listing = context.reading(list, theirs);
    for page in context.pages(list, &listing, Role::OtherOrganization).await? {
        let rows = listed_items(list, &page.answer).unwrap_or_default();
        if rows.iter().any(|row| row.get("id").or_else(|| row.get(name)).is_some_and(|own| is_same_id(own, &id))) {
            return Ok(Some("lists"));
        }
    }
    Ok(None)
}
