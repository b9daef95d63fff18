//! `tenancy.*`: what belongs to one organization is out of reach of every other.

use bitting_spec::extension::{AuthCase, Tenant, TenantIsolation};
use bitting_spec::table::Location;
use bitting_spec::{Document, Operation, template_names};
use serde_json::{Map, Value};

use super::change::made_all_the_same;
use super::{filter, foreign, is_protected};
use crate::check::{Check, CheckInfo, Need, Phase};
use crate::credentials::Role;
use crate::finding::Observation;
use crate::generate::Case;
use crate::http::Exchange;
use crate::infer::plain;
use crate::run::{Stop, Trial, identity, item_operation, listed_items};

const NEEDS: &[Need] = &[Need::Valid, Need::OtherOrganization];

/// Query parameters by which servers let a caller choose the organization, documented or not.
const TENANT_NAMES: [&str; 6] = ["organization", "organization_id", "org", "org_id", "org_slug", "tenant"];

pub(super) const CHECKS: &[Check] = &[
    Check {
        info: CheckInfo {
            id: "tenancy.foreign-organization",
            title: "the path of another organization is closed",
            rule: "A principal that names another organization in the path gets nothing of it and changes nothing in it.",
            source: "OWASP API1:2023; x-tenant",
            needs: NEEDS,
            phase: Phase::Auth,
        },
        applies: |document, operation| {
            is_protected(document, operation) && matches!(operation.tenant, Some(Tenant::Path(_)))
        },
        run: |trial| Box::pin(foreign_organization(trial)),
    },
    Check {
        info: CheckInfo {
            id: "tenancy.foreign-object",
            title: "an object of another organization cannot be read",
            rule: "The id of an object that belongs to another organization leads nowhere, under one's own path too.",
            source: "OWASP API1:2023",
            needs: NEEDS,
            phase: Phase::Auth,
        },
        applies: |document, operation| is_item(document, operation, &["GET"]),
        run: |trial| Box::pin(foreign_object(trial)),
    },
    Check {
        info: CheckInfo {
            id: "tenancy.foreign-parent",
            title: "a parent of another organization leads nowhere",
            rule: "A path whose parts do not belong together (one's own organization with the project of another, or the \
                   reverse) is refused: each part is looked up in the one before it.",
            source: "OWASP API1:2023; CWE-639",
            needs: NEEDS,
            phase: Phase::Auth,
        },
        applies: |document, operation| {
            is_protected(document, operation)
                && operation.tenant.is_some()
                && operation.method == "GET"
                && parents(operation).len() > 1
        },
        run: |trial| Box::pin(foreign_parent(trial)),
    },
    Check {
        info: CheckInfo {
            id: "tenancy.foreign-write",
            title: "an object of another organization cannot be changed",
            rule: "A change of an object that belongs to another organization is refused, and its owner reads it as it was.",
            source: "OWASP API1:2023",
            needs: NEEDS,
            phase: Phase::Auth,
        },
        applies: |document, operation| is_item(document, operation, &["PATCH", "PUT"]),
        run: |trial| Box::pin(foreign_change(trial)),
    },
    Check {
        info: CheckInfo {
            id: "tenancy.foreign-delete",
            title: "an object of another organization cannot be deleted",
            rule: "A deletion of an object that belongs to another organization is refused, and its owner still reads it.",
            source: "OWASP API1:2023",
            needs: NEEDS,
            phase: Phase::Auth,
        },
        applies: |document, operation| is_item(document, operation, &["DELETE"]),
        run: |trial| Box::pin(foreign_change(trial)),
    },
    Check {
        info: CheckInfo {
            id: "tenancy.foreign-list",
            title: "lists hold nothing of another organization",
            rule: "A list holds no object of another organization, whatever the query asks for or filters by. What is no \
                   list (a search, an export) shows nothing of an object that was made there to be recognized.",
            source: "OWASP API1:2023",
            needs: NEEDS,
            phase: Phase::Scenario,
        },
        applies: |document, operation| {
            is_protected(document, operation)
                && operation.tenant.is_some()
                && operation.method == "GET"
                && !operation.trimmed_path().ends_with('}')
        },
        run: |trial| Box::pin(foreign_list(trial)),
    },
    Check {
        info: CheckInfo {
            id: "tenancy.existence",
            title: "nobody learns which organizations exist",
            rule: "The answer for an organization that does not exist is that for one that is foreign.",
            source: "OWASP API1:2023; CWE-204",
            needs: NEEDS,
            phase: Phase::Auth,
        },
        applies: |document, operation| {
            is_protected(document, operation)
                && operation.method == "GET"
                && matches!(operation.tenant, Some(Tenant::Path(_)))
        },
        run: |trial| Box::pin(existence(trial)),
    },
];

/// Whether the operation is about one object whose kind something in the document makes.
fn is_item(document: &Document, operation: &Operation, methods: &[&str]) -> bool {
    is_protected(document, operation)
        && operation.tenant.is_some()
        && methods.contains(&operation.method.as_str())
        && operation.collection().is_some_and(|collection| document.creator(collection).is_some())
}

/// The statuses that the schemes allow across organizations.
fn allowed(trial: &Trial<'_>) -> (Vec<u16>, bool) {
    let schemes = trial.operation.security.iter().flat_map(|one| one.keys());
    let rules = schemes.filter_map(|name| trial.context.document.scheme(name)?.auth.tenant_isolation.clone());
    let rules: Vec<TenantIsolation> = rules.collect();
    let stated = !rules.is_empty();
    let rules = if stated { rules } else { vec![TenantIsolation::default()] };
    let statuses = rules.into_iter().flat_map(|rule| [rule.foreign_token, rule.foreign_resource].concat());
    let mut statuses: Vec<u16> = statuses.chain(trial.documented(&[AuthCase::WrongOrganization])).collect();
    statuses.sort_unstable();
    statuses.dedup();
    (statuses, stated)
}

/// Stops unless the exchange kept the organizations apart.
fn kept_apart(trial: &Trial<'_>, exchange: &Exchange, who: &str) -> Result<(), Stop> {
    let (statuses, stated) = allowed(trial);
    let status = exchange.answer.status;
    trial.met(status);
    let expected = format!("{who} is answered with {}", crate::run::listed(&statuses));
    if !(400..500).contains(&status) {
        let cause = format!("{who} was answered with {status}");
        return Err(Observation::error(cause, expected, exchange).into());
    }
    // 422 says nothing about the object: it is the request that is judged.
    if !statuses.contains(&status) && status != 422 {
        let cause = format!("{who} was refused with {status}");
        let make = if stated { Observation::error } else { Observation::note };
        return Err(make(cause, expected, exchange).into());
    }
    Ok(())
}

async fn foreign_organization(trial: &Trial<'_>) -> Result<(), Stop> {
    trial.case().await?;
    let case = trial.context.positive(trial.operation, Role::OtherOrganization).await?;
    for exchange in trial.call_every_way(&case, Role::Valid).await? {
        kept_apart(trial, &exchange, "a principal of another organization")?;
    }
    Ok(())
}

async fn foreign_object(trial: &Trial<'_>) -> Result<(), Stop> {
    let own = trial.case().await?;
    let theirs = trial.context.positive(trial.operation, Role::OtherOrganization).await?;
    for case in smuggled(trial.operation, &own, &theirs) {
        for exchange in trial.call_every_way(&case, Role::Valid).await? {
            kept_apart(trial, &exchange, "an object of another organization")?;
        }
    }
    Ok(())
}

/// The path parameters that other parts of the path stand below.
fn parents(operation: &Operation) -> Vec<&str> {
    let mut names = template_names(&operation.path);
    if operation.trimmed_path().ends_with('}') {
        names.pop();
    }
    names
}

async fn foreign_parent(trial: &Trial<'_>) -> Result<(), Stop> {
    let own = trial.case().await?;
    let theirs = trial.context.positive(trial.operation, Role::OtherOrganization).await?;
    let value = |case: &Case, name: &str| {
        case.path().find(|argument| argument.name == name).map(|argument| argument.value.clone())
    };
    let mut tried = false;
    for name in parents(trial.operation) {
        let Some(foreign) = value(&theirs, name).filter(|foreign| value(&own, name).as_ref() != Some(foreign)) else {
            continue;
        };
        tried = true;
        let mut mixed = own.clone();
        mixed.set(name, Location::Path, foreign);
        for exchange in trial.call_every_way(&mixed, Role::Valid).await? {
            kept_apart(trial, &exchange, "a path with a parent of another organization")?;
        }
    }
    if tried { Ok(()) } else { Err(Stop::Skip("both organizations have parents of the same names".to_owned())) }
}

/// One's own path with more and more of somebody else's at its end: the object alone, the object with what it lies in, and
/// so on to the whole path.
pub(super) fn smuggled(operation: &Operation, own: &Case, theirs: &Case) -> Vec<Case> {
    let (mut case, mut cases): (Case, Vec<Case>) = (own.clone(), Vec::new());
    for name in template_names(&operation.path).into_iter().rev() {
        let Some(theirs) = theirs.path().find(|argument| argument.name == name) else { continue };
        case.set(name, Location::Path, theirs.value.clone());
        if case != *own && !cases.contains(&case) {
            cases.push(case.clone());
        }
    }
    cases
}

async fn foreign_change(trial: &Trial<'_>) -> Result<(), Stop> {
    let own = trial.case().await?;
    let theirs = trial.context.positive(trial.operation, Role::OtherOrganization).await?;
    let before = match trial.context.document.reader(&trial.operation.path) {
        Some(read) => Some((read, trial.call(read, &theirs, Role::OtherOrganization).await?)),
        None => None,
    };
    for case in smuggled(trial.operation, &own, &theirs) {
        for exchange in trial.call_every_way(&case, Role::Valid).await? {
            left_alone(trial, (&own, &theirs, &case), before.as_ref(), &exchange).await?;
        }
    }
    Ok(())
}

/// Stops unless a change of a foreign object was refused, and its owner reads it as before.
async fn left_alone(
    trial: &Trial<'_>,
    (own, theirs, case): (&Case, &Case, &Case),
    before: Option<&(&Operation, Exchange)>,
    exchange: &Exchange,
) -> Result<(), Stop> {
    let changed = match before {
        Some((read, before)) => {
            let look = || trial.call(read, theirs, Role::OtherOrganization);
            made_all_the_same(case, before, look).await?
        }
        None => None,
    };
    let is_as_before = before.is_some() && changed.is_none();
    if !(is_as_before && deletes_nothing(trial, own, exchange).await?) {
        kept_apart(trial, exchange, "a change of an object of another organization")?;
    }
    if let Some(member) = changed {
        let cause = "the change was refused and made all the same";
        let saying = format!("its owner reads {member} otherwise than before");
        let expected = "the owner reads the object as it was";
        return Err(Observation::error(cause, expected, exchange).saying(saying).into());
    }
    Ok(())
}

/// Whether a deletion was answered as the server answers each one of what is not there: with a success that says nothing.
async fn deletes_nothing(trial: &Trial<'_>, own: &Case, exchange: &Exchange) -> Result<bool, Stop> {
    let context = trial.context;
    if trial.operation.method != "DELETE" || !exchange.answer.is_success() {
        return Ok(false);
    }
    let Some(nowhere) = context.shape(trial.operation).about_nothing(context, trial.operation, own) else {
        return Ok(false);
    };
    Ok(trial.call(trial.operation, &nowhere, Role::Valid).await?.answer.status == exchange.answer.status)
}

async fn foreign_list(trial: &Trial<'_>) -> Result<(), Stop> {
    let own = trial.case().await?;
    let organization = trial.context.credentials.principal(Role::OtherOrganization);
    let organization = organization.and_then(|principal| principal.organization.clone());
    let ids = foreign_ids(trial, organization.as_deref()).await?;
    if ids.is_empty() {
        return foreign_content(trial, &own).await;
    }
    let mut requests = vec![("a list", trial.context.pages(trial.operation, &own, Role::Valid).await?)];
    for name in TENANT_NAMES.iter().filter(|_| organization.is_some()) {
        for case in [&own, &beside(trial, &own).await?] {
            let request = case.request(trial.operation).map_err(Stop::Skip)?;
            let request = request.query(name, organization.as_deref().unwrap_or_default());
            let request = trial.context.authorized(trial.operation, Role::Valid, request).await?;
            requests.push(("a list that asks for another organization", vec![trial.send(request).await?]));
        }
    }
    let theirs = trial.context.positive(trial.operation, Role::OtherOrganization).await?;
    let theirs = trial.call(trial.operation, &theirs, Role::OtherOrganization).await?;
    let theirs = listed_items(trial.operation, &theirs.answer).unwrap_or_default();
    for case in filter::narrowed(trial, &own, theirs) {
        requests.push(("a filtered list", vec![trial.call(trial.operation, &case, Role::Valid).await?]));
    }
    for (who, pages) in requests {
        for page in pages {
            let items = listed_items(trial.operation, &page.answer).unwrap_or_default();
            let foreign = items.iter().find(|item| ids.iter().any(|id| holds(item, id)));
            if foreign.is_some() {
                let cause = format!("{who} holds an object of another organization");
                return Err(
                    Observation::error(cause, "a list holds what belongs to one's own organization", &page).into()
                );
            }
        }
    }
    Ok(())
}

/// The case with every part of the path but the organization from the other principal: where a query parameter chooses the
/// organization, these lead to what it has.
async fn beside(trial: &Trial<'_>, own: &Case) -> Result<Case, Stop> {
    let mut case = own.clone();
    let theirs = trial.context.positive(trial.operation, Role::OtherOrganization).await?;
    for argument in theirs.path() {
        let is_tenant = matches!(&trial.operation.tenant, Some(Tenant::Path(name)) if *name == argument.name);
        if !is_tenant {
            case.set(&argument.name, Location::Path, argument.value.clone());
        }
    }
    Ok(case)
}

/// Ids of objects of the other organization that this list could hold: those that it sees itself in its own list, and
/// a new one where the collection can make one.
async fn foreign_ids(trial: &Trial<'_>, organization: Option<&str>) -> Result<Vec<Value>, Stop> {
    let theirs = trial.context.positive(trial.operation, Role::OtherOrganization).await?;
    let mut ids = Vec::new();
    if let Some(creator) = trial.context.document.creator(&trial.operation.path) {
        let (_, made) = trial.context.create(creator, Role::OtherOrganization).await?;
        let name = item_operation(trial.context, creator, "GET").map_or("id", |(_, name)| name);
        ids.extend(identity(&made.answer, name));
    }
    for page in trial.context.pages(trial.operation, &theirs, Role::OtherOrganization).await? {
        let items = listed_items(trial.operation, &page.answer).unwrap_or_default();
        ids.extend(items.iter().filter_map(|item| item.get("id").cloned()));
        // A list of the organizations themselves.
        ids.extend(organization.map(Value::from).filter(|name| items.iter().any(|item| holds(item, name))));
    }
    Ok(ids)
}

/// Stops if an answer that is no list shows something of an object of the other organization.
async fn foreign_content(trial: &Trial<'_>, own: &Case) -> Result<(), Stop> {
    let marks = foreign::marks(trial).await;
    if marks.is_empty() {
        return Err(Stop::Skip("the other organization has nothing that an answer could show".to_owned()));
    }
    match foreign::shown(trial, own, &marks).await? {
        Some(exchange) => {
            let cause = "an answer shows something of an object of another organization";
            Err(Observation::error(cause, "what belongs to one's own organization", &exchange).into())
        }
        None => Ok(()),
    }
}

/// Whether an item is the id, or has it. A number may stand for anything but in a member that is called an id.
fn holds(item: &Value, id: &Value) -> bool {
    let may_be_it = |name: &String| !id.is_number() || plain(name).ends_with("id");
    let has_it = |all: &Map<String, Value>| all.iter().any(|(name, value)| value == id && may_be_it(name));
    item == id || item.as_object().is_some_and(has_it)
}

async fn existence(trial: &Trial<'_>) -> Result<(), Stop> {
    let Some(Tenant::Path(name)) = &trial.operation.tenant else { return Ok(()) };
    trial.case().await?;
    let foreign = trial.context.positive(trial.operation, Role::OtherOrganization).await?;
    let mut nowhere = foreign.clone();
    nowhere.set(name, Location::Path, Value::from("no-such-organization"));
    let foreign = trial.call(trial.operation, &foreign, Role::Valid).await?;
    let nowhere = trial.call(trial.operation, &nowhere, Role::Valid).await?;
    // Who gets in is what other checks find.
    if foreign.answer.is_success() || foreign.answer.status == nowhere.answer.status {
        return Ok(());
    }
    let expected = format!("{}, as for an organization that exists", foreign.answer.status);
    let cause = format!("an organization that does not exist is answered with {}", nowhere.answer.status);
    Err(Observation::note(cause, expected, &nowhere).into())
}
