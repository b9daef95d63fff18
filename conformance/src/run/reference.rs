//! Members of a request that name another object, such as `device_id` in a body or in the query of a list: what they
//! name has to exist, so the suite makes or finds it before it sends them.

use std::sync::{Arc, PoisonError};

use bitting_spec::table::Location;
use bitting_spec::{Document, Operation};
use serde_json::Value;

use super::Context;
use super::shape::Shape;
use super::stage::{identity_in, listed_items};
use crate::credentials::Role;
use crate::generate::Case;
use crate::infer::{plain, sent};

/// The members of an operation that name objects, each with one of the principal's; `None` where it has none.
pub(crate) type References = Vec<(String, Option<Value>)>;

/// What people are in the objects of an API: a member that is called so names one of [`PEOPLE`].
const PARTS: [&str; 12] = [
    "assignee",
    "assignedto",
    "owner",
    "author",
    "creator",
    "createdby",
    "reviewer",
    "approver",
    "manager",
    "reporter",
    "requester",
    "recipient",
];
/// The collections of people, as documents call them.
const PEOPLE: [&str; 6] = ["users", "members", "people", "accounts", "employees", "staff"];

/// The operation that reads what a member called `name` names: that of the same parameter, or of the collection that is
/// called like it (`/devices/{id}` for `device_id`); where nothing reads one alone, the list of that collection. What is
/// called by its part, such as `assignee_id`, is one of the people of an organization.
pub(crate) fn referred<'a>(document: &'a Document, name: &str) -> Option<&'a Operation> {
    let wanted = plain(name);
    let wanted = if wanted.ends_with("ids") { wanted.strip_suffix('s').unwrap_or(&wanted) } else { &wanted };
    let stem = wanted.strip_suffix("id").or_else(|| wanted.strip_suffix("uuid")).filter(|stem| !stem.is_empty())?;
    let reads = document.operations.iter().filter(|operation| operation.method == "GET");
    let items = reads.filter_map(|operation| {
        let (collection, last) = operation.trimmed_path().rsplit_once('/')?;
        let parameter = plain(last.strip_prefix('{')?.strip_suffix('}')?);
        Some((operation, plain(collection.rsplit('/').next().unwrap_or_default()), parameter))
    });
    let is_part = PARTS.contains(&stem);
    let is_plural = |collection: &str| {
        is_part && PEOPLE.contains(&collection)
            || [format!("{stem}s"), format!("{stem}es"), format!("{}ies", stem.trim_end_matches('y'))]
                .iter()
                .any(|one| one == collection)
    };
    let is_it = |collection: &str, parameter: &str| {
        parameter == wanted || matches!(parameter, "id" | "uuid") && is_plural(collection)
    };
    let read = items.into_iter().find(|(_, collection, parameter)| is_it(collection, parameter));
    let lists = || {
        let is_list = |one: &&Operation| {
            one.method == "GET" && is_plural(&plain(one.trimmed_path().rsplit('/').next().unwrap_or_default()))
        };
        document.operations.iter().filter(|one| one.tenant.is_some()).find(is_list)
    };
    read.map(|(operation, ..)| operation).or_else(lists)
}

/// Whether what [`referred`] found reads one object alone, and is no list.
pub(crate) fn is_alone(read: &Operation) -> bool {
    read.trimmed_path().ends_with('}')
}

/// The names of the members of an operation's body and query that name objects, those of its own path aside.
pub(crate) fn reference_names(document: &Document, operation: &Operation) -> Vec<String> {
    let body = sent(document, operation).into_iter().map(|(name, _)| name);
    let query = operation.parameters.iter().filter(|one| one.location == Location::Query).map(|one| one.name.as_str());
    let own = bitting_spec::template_names(&operation.path);
    let mut names: Vec<String> = Vec::new();
    for name in body.chain(query).filter(|name| !own.iter().any(|own| plain(own) == plain(name))) {
        let is_new = !names.iter().any(|known| known == name);
        if is_new && referred(document, name).is_some_and(|other| other.id != operation.id) {
            names.push(name.to_owned());
        }
    }
    names
}

impl Context<'_> {
    /// What the members of the operation that name objects may be for this principal, found once.
    pub(crate) async fn references(&self, operation: &Operation, role: Role) -> References {
        let names = reference_names(self.document, operation);
        if names.is_empty() {
            return References::new();
        }
        let cell = {
            let mut known = self.stage.references.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(known.entry((operation.id.clone(), role)).or_default())
        };
        let find = || async {
            let mut found = References::new();
            for name in names {
                let read = referred(self.document, &name);
                let Some(read) = read.filter(|read| self.needs().are_apart(operation, read)) else { continue };
                let value = Box::pin(self.reference(read, &name, role)).await;
                found.push((name, value));
            }
            found
        };
        cell.get_or_init(find).await.clone()
    }

    /// The id of an object of the principal that a member called `name` may name.
    async fn reference(&self, read: &Operation, name: &str, role: Role) -> Option<Value> {
        let value = if is_alone(read) {
            let arguments = self.arguments(read, role, false).await.ok()?;
            arguments.path().last().map(|argument| argument.value.clone())?
        } else {
            let list = self.call(read, &self.positive(read, role).await.ok()?, role).await.ok()?;
            let first = listed_items(read, &list.answer)?.first()?;
            // A membership is not the member.
            first.get("user_id").cloned().or_else(|| identity_in(first, name))?
        };
        Some(if plain(name).ends_with("ids") { Value::Array(vec![value]) } else { value })
    }

    /// The references that were found for the valid principal so far.
    pub(crate) fn known_references(&self, operation: &str) -> References {
        let known = self.stage.references.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(&(operation.to_owned(), Role::Valid)).and_then(|cell| cell.get().cloned()).unwrap_or_default()
    }
}

/// The case with the references that are known; what names an object that nobody has is left out where it may be.
pub(crate) fn referring(mut case: Case, references: &References, shape: &Shape) -> Case {
    for (name, value) in references {
        if let Some(value) = value.as_ref().filter(|value| shape.takes_in_query(name, value))
            && let Some(argument) =
                case.arguments.iter_mut().find(|one| one.location == Location::Query && one.name == *name)
        {
            argument.value = value.clone();
        }
        let Some((_, Value::Object(members))) = &mut case.body else { continue };
        if !members.contains_key(name) {
            continue;
        }
        let mut other = members.clone();
        match value {
            Some(value) => drop(other.insert(name.clone(), value.clone())),
            None => drop(other.shift_remove(name)),
        }
        if shape.takes(&Value::Object(other.clone())) {
            *members = other;
        }
    }
    case
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A member is led back to what it names by the parameter's name or by that of the collection.
    #[test]
    fn names_lead_to_what_they_name() {
        let text = "openapi: 3.1.0\ninfo: {title: t, version: '1'}\npaths:\n  /a/boxes/{id}: {get: {operationId: box, \
                    parameters: [{name: id, in: path, required: true, schema: {type: string}}], responses: {'200': {description: d}}}}\n  \
                    /sensors/{sensor_id}: {get: {operationId: sensor, parameters: [{name: sensor_id, in: path, required: true, \
                    schema: {type: string}}], responses: {'200': {description: d}}}}\n";
        let document = Document::parse("t.yaml", text).expect("it is valid");
        let to = |name: &str| referred(&document, name).map(|operation| operation.id.as_str());
        assert_eq!((to("sensorId"), to("sensor_ids"), to("box_id")), (Some("sensor"), Some("sensor"), Some("box")));
        assert_eq!((to("id"), to("valid"), to("name")), (None, None, None));
        let text = "openapi: 3.1.0\ninfo: {title: t, version: '1'}\nx-tenant: path.org\npaths:\n  /orgs/{org}/members: {get: {operationId: members, \
                    parameters: [{name: org, in: path, required: true, schema: {type: string}}], responses: {'200': {description: d}}}}\n";
        let document = Document::parse("t.yaml", text).expect("it is valid");
        let to = |name: &str| referred(&document, name).map(|operation| operation.id.as_str());
        assert_eq!((to("assignee_id"), to("memberId"), to("device_id")), (Some("members"), Some("members"), None));
    }
}
