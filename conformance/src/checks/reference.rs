//! `tenancy.*`, where an object is named and not addressed: in a body, in a filter, as the parent of another, as what an
//! action is done to.

use bitting_spec::extension::Tenant;
use bitting_spec::table::Location;
use bitting_spec::{Document, Operation, template_names};
use serde_json::Value;

use super::foreign::search;
use super::is_protected;
use super::tenancy::smuggled;
use crate::check::{Check, CheckInfo, Need, Phase};
use crate::credentials::Role;
use crate::finding::Observation;
use crate::generate::Case;
use crate::infer::sent;
use crate::run::{Stop, Trial, is_alone, listed_items, named_in, reference_names, referred};

const NEEDS: &[Need] = &[Need::Valid, Need::OtherOrganization];

pub(super) const CHECKS: &[Check] = &[
    Check {
        info: CheckInfo {
            id: "tenancy.foreign-reference",
            title: "a body names no object of another organization",
            rule: "A request whose body names an object of another organization by its id is refused.",
            source: "OWASP API1:2023; CWE-639",
            needs: NEEDS,
            phase: Phase::Scenario,
        },
        applies: |document, operation| is_bound(document, operation) && !in_body(document, operation).is_empty(),
        run: |trial| Box::pin(foreign_reference(trial)),
    },
    Check {
        info: CheckInfo {
            id: "tenancy.foreign-filter",
            title: "a filter shows nothing of another organization",
            rule: "A list that is filtered by the id of an object of another organization is empty or refused.",
            source: "OWASP API1:2023; CWE-639",
            needs: NEEDS,
            phase: Phase::Scenario,
        },
        applies: |document, operation| {
            is_bound(document, operation) && operation.method == "GET" && !in_query(document, operation).is_empty()
        },
        run: |trial| Box::pin(foreign_filter(trial)),
    },
    Check {
        info: CheckInfo {
            id: "tenancy.foreign-action",
            title: "nothing is done to an object of another organization",
            rule: "A POST below an object of another organization, under one's own path too, is refused.",
            source: "OWASP API1:2023; OWASP API5:2023",
            needs: NEEDS,
            phase: Phase::Scenario,
        },
        applies: |document, operation| is_protected(document, operation) && acts_on(operation).is_some(),
        run: |trial| Box::pin(foreign_action(trial)),
    },
    Check {
        info: CheckInfo {
            id: "tenancy.other-parent",
            title: "a child is found under its own parent alone",
            rule: "An object that belongs to one parent is not read, listed, changed or deleted by a path that names another \
                   one, even if the caller may reach both.",
            source: "OWASP API1:2023; CWE-639",
            needs: &[Need::Valid],
            phase: Phase::Scenario,
        },
        applies: |document, operation| {
            is_protected(document, operation)
                && (parent(document, operation).is_some() || listed_under(document, operation).is_some())
        },
        run: |trial| Box::pin(other_parent(trial)),
    },
];

/// Whether an operation is bound to an organization: what nothing binds is everybody's.
fn is_bound(document: &Document, operation: &Operation) -> bool {
    is_protected(document, operation) && operation.tenant.is_some()
}

/// The members of the body that name objects.
fn in_body(document: &Document, operation: &Operation) -> Vec<String> {
    let body: Vec<&str> = sent(document, operation).into_iter().map(|(name, _)| name).collect();
    let names = reference_names(document, operation).into_iter();
    names.filter(|name| body.contains(&name.as_str()) && operation.method != "GET").collect()
}

/// The query parameters that name objects.
fn in_query(document: &Document, operation: &Operation) -> Vec<String> {
    let has =
        |name: &String| operation.parameters.iter().any(|one| one.location == Location::Query && one.name == *name);
    reference_names(document, operation).into_iter().filter(has).collect()
}

/// The parameter of the object that a POST is done to: the last of its path, which does not end there.
fn acts_on(operation: &Operation) -> Option<&str> {
    if operation.method != "POST" || operation.trimmed_path().ends_with('}') {
        return None;
    }
    let last = template_names(&operation.path).pop()?;
    match &operation.tenant {
        Some(Tenant::Path(name)) if name == last => None,
        Some(_) => Some(last),
        None => None,
    }
}

/// The parameter of the parent of what the operation is about, if something in the document makes such parents.
fn parent<'a>(document: &Document, operation: &'a Operation) -> Option<&'a str> {
    let is_item = operation.trimmed_path().ends_with('}');
    let mut names = template_names(&operation.path);
    let (Some(_), Some(parent), true) = (names.pop(), names.pop(), is_item) else { return None };
    let collection = operation.path.split(&format!("/{{{parent}}}")).next().unwrap_or_default();
    let makes = |path: &str| document.creator(path).is_some();
    // A PUT of what nothing else makes makes it, under any parent (RFC 9110, 9.3.4).
    let items = operation.trimmed_path().rsplit_once('/').map_or("", |(items, _)| items);
    let made = makes(collection) && (operation.method != "PUT" || makes(items));
    let is_tenant = matches!(&operation.tenant, Some(Tenant::Path(name)) if name == parent);
    (made && !is_tenant && matches!(operation.method.as_str(), "GET" | "PUT" | "PATCH" | "DELETE")).then_some(parent)
}

/// One's own reference and a foreign one for each of `names`.
async fn foreign(trial: &Trial<'_>, names: Vec<String>) -> Result<Vec<(String, Value)>, Stop> {
    let theirs = trial.context.references(trial.operation, Role::OtherOrganization).await;
    let own = trial.context.references(trial.operation, Role::Valid).await;
    let known = theirs.into_iter().filter(|(name, _)| names.contains(name));
    let foreign: Vec<(String, Value)> = known
        .filter_map(|(name, value)| Some((name, value?)))
        .filter(|(name, value)| !own.contains(&(name.clone(), Some(value.clone()))))
        .collect();
    if foreign.is_empty() {
        return Err(Stop::Skip("the other organization has no object that could be named".to_owned()));
    }
    Ok(foreign)
}

async fn foreign_reference(trial: &Trial<'_>) -> Result<(), Stop> {
    let names = in_body(trial.context.document, trial.operation);
    for (name, value) in foreign(trial, names).await? {
        let mut case = trial.case().await?;
        if let Some((_, Value::Object(members))) = &mut case.body {
            members.insert(name.clone(), value);
        }
        let exchange = trial.call(trial.operation, &case, Role::Valid).await?;
        if !(400..500).contains(&exchange.answer.status) {
            let cause = format!(
                "a body whose `{name}` is of another organization was answered with {}",
                exchange.answer.status
            );
            return Err(Observation::error(cause, "a refusal, as for an object that does not exist", &exchange).into());
        }
    }
    Ok(())
}

async fn foreign_filter(trial: &Trial<'_>) -> Result<(), Stop> {
    let names = in_query(trial.context.document, trial.operation);
    // Something that names it, for a list to show.
    if let Some(creator) = trial.context.document.creator(&trial.operation.path) {
        trial.context.create(creator, Role::OtherOrganization).await?;
        trial.count(1);
    }
    for (name, value) in foreign(trial, names).await? {
        let mut case = trial.case().await?;
        case.set(&name, Location::Query, value.clone());
        look_for(trial, &name, &value, &mut case).await;
        // What their own list shows for it must not stand in ours.
        let theirs = trial.call(trial.operation, &case, Role::OtherOrganization).await?;
        let theirs = listed_items(trial.operation, &theirs.answer).unwrap_or_default();
        let exchange = trial.call(trial.operation, &case, Role::Valid).await?;
        let shown = listed_items(trial.operation, &exchange.answer).unwrap_or_default();
        let names_it = |item: &Value| item.as_object().is_some_and(|members| members.values().any(|one| *one == value));
        if exchange.answer.is_success() && shown.iter().any(|item| theirs.contains(item) || names_it(item)) {
            let cause = format!("the filter `{name}` shows an object of another organization");
            return Err(Observation::error(cause, "an empty list, or a refusal", &exchange).into());
        }
    }
    Ok(())
}

/// Where a text has to be looked for as well, it is what the foreign object is called.
async fn look_for(trial: &Trial<'_>, name: &str, value: &Value, case: &mut Case) {
    let read = referred(trial.context.document, name).filter(|read| is_alone(read));
    let (Some(search), Some(read)) = (search(trial.operation), read) else { return };
    let Ok(mut theirs) = trial.context.arguments(read, Role::OtherOrganization, false).await else { return };
    let Some(last) = template_names(&read.path).pop() else { return };
    theirs.set(last, Location::Path, value.clone());
    let Ok(object) = trial.call(read, &trial.context.reading(read, &theirs), Role::OtherOrganization).await else {
        return;
    };
    let called = ["name", "title", "label", "subject"];
    let text = object.answer.parsed().and_then(|object| called.iter().find_map(|name| object.get(*name)?.as_str()));
    if let Some(text) = text {
        case.set(&search.name, Location::Query, Value::from(text));
    }
}

async fn foreign_action(trial: &Trial<'_>) -> Result<(), Stop> {
    let own = trial.case().await?;
    let theirs = trial.context.arguments(trial.operation, Role::OtherOrganization, true).await?;
    let smuggled = smuggled(trial.operation, &own, &theirs);
    if smuggled.is_empty() {
        return Err(Stop::Skip("the other organization has no such object".to_owned()));
    }
    for case in smuggled {
        let exchange = trial.call(trial.operation, &case, Role::Valid).await?;
        let status = exchange.answer.status;
        trial.met(status);
        if !(400..500).contains(&status) {
            let cause = format!("what was done to an object of another organization was answered with {status}");
            return Err(Observation::error(cause, "a refusal with 403 or 404", &exchange).into());
        }
    }
    Ok(())
}

/// The parameter of the parent whose children a list holds, and the operations that make such children and parents.
fn listed_under<'d>(
    document: &'d Document,
    operation: &'d Operation,
) -> Option<(&'d str, &'d Operation, &'d Operation)> {
    let (above, _) = operation.trimmed_path().rsplit_once('/').filter(|_| operation.method == "GET")?;
    let (parents, name) = above.strip_suffix('}')?.rsplit_once("/{")?;
    let is_tenant = matches!(&operation.tenant, Some(Tenant::Path(tenant)) if tenant == name);
    let makers = (name, document.creator(&operation.path)?, document.creator(parents)?);
    (!is_tenant).then_some(makers)
}

/// A child of one parent does not stand in the list of another one.
async fn other_list(trial: &Trial<'_>) -> Result<(), Stop> {
    let context = trial.context;
    let Some((name, child, parent)) = listed_under(context.document, trial.operation) else { return Ok(()) };
    let own = trial.case().await?;
    let untold = || Stop::Skip("the answer does not tell the id of what was made".to_owned());
    let (_, made) = context.create(child, Role::Valid).await?;
    let id = crate::run::certain_identity(&made.answer, "id").ok_or_else(untold)?;
    let (_, made) = context.create(parent, Role::Valid).await?;
    let mut other: Case = own.clone();
    other.set(name, Location::Path, crate::run::identity(&made.answer, name).ok_or_else(untold)?);
    let is_it = |item: &Value| named_in(item, "id").is_some_and(|(_, own)| own == id);
    for page in context.pages(trial.operation, &other, Role::Valid).await? {
        if listed_items(trial.operation, &page.answer).unwrap_or_default().iter().any(is_it) {
            let cause = "a list of one parent shows what belongs to another one";
            return Err(Observation::error(cause, "a list without it", &page).into());
        }
    }
    Ok(())
}

async fn other_parent(trial: &Trial<'_>) -> Result<(), Stop> {
    let context = trial.context;
    let Some(name) = parent(context.document, trial.operation) else { return other_list(trial).await };
    let own = trial.case().await?;
    let collection = trial.operation.path.split(&format!("/{{{name}}}")).next().unwrap_or_default();
    let Some(maker) = context.document.creator(collection) else { return Ok(()) };
    // Where any id is answered, no answer tells whose object it is.
    let nowhere = context.shape(trial.operation).about_nothing(context, trial.operation, &own);
    if let Some(nowhere) = nowhere
        && trial.call(trial.operation, &nowhere, Role::Valid).await?.answer.is_success()
    {
        return Err(Stop::Skip("an id that was given to no object is answered with a success".to_owned()));
    }
    let (_, made) = context.create(maker, Role::Valid).await?;
    let other = crate::run::identity(&made.answer, name)
        .ok_or_else(|| Stop::Skip("the answer does not tell the id of what was made".to_owned()))?;
    let mut case: Case = own.clone();
    case.set(name, Location::Path, other);
    let exchange = trial.call(trial.operation, &case, Role::Valid).await?;
    let status = exchange.answer.status;
    if !(400..500).contains(&status) {
        let cause = format!("a path with another parent was answered with {status}");
        return Err(Observation::error(cause, "404: the object is under its own parent alone", &exchange).into());
    }
    Ok(())
}
