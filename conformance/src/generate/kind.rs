//! Whether a list holds what another operation shows, as far as the document says so.

use bitting_spec::{Document, Operation};
use serde_json::Value;

use super::schema::{alternatives, types};

/// Whether the items of what `list` answers are of the schema that `shows` answers, or that a member of it has: the
/// same component, or the same properties.
pub(crate) fn lists_what_is_shown(document: &Document, list: &Operation, shows: &Operation) -> bool {
    let Some(item) = answered(list).and_then(|schema| items(document, list, schema)) else { return false };
    let Some(shown) = answered(shows) else { return false };
    // An object that holds a list is no list of such objects.
    if answered(list).is_some_and(|whole| is_same(document, whole, shown)) {
        return false;
    }
    let members = alternatives(document, shown).into_iter().filter_map(|keywords| keywords.get("properties").cloned());
    let members: Vec<Value> =
        members.filter_map(|all| Some(all.as_object()?.values().cloned().collect::<Vec<_>>())).flatten().collect();
    std::iter::once(shown).chain(&members).any(|shown| is_same(document, &item, shown))
}

/// The members that the items of a list have by its schema.
pub(crate) fn item_members(document: &Document, list: &Operation) -> Vec<String> {
    let Some(item) = answered(list).and_then(|schema| items(document, list, schema)) else { return Vec::new() };
    let properties = alternatives(document, &item).into_iter().filter_map(|one| one.get("properties").cloned());
    let mut names: Vec<String> =
        properties.filter_map(|all| Some(all.as_object()?.keys().cloned().collect::<Vec<_>>())).flatten().collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// The schema of an operation's successful JSON answer.
fn answered(operation: &Operation) -> Option<&Value> {
    let contents = operation.successes().flat_map(|response| response.content.iter());
    let json = contents.filter(|(name, _)| name.contains("json"));
    json.filter_map(|(_, media)| media.schema.as_ref()).map(|schema| &schema.value).next()
}

/// The schema of the items: of the answer itself, of the place that the paging names, or of its only list.
fn items(document: &Document, list: &Operation, schema: &Value) -> Option<Value> {
    let of = |schema: &Value| {
        let keywords = alternatives(document, schema).into_iter().find(|one| types(one) == ["array"])?;
        keywords.get("items").cloned()
    };
    if let Some(items) = of(schema) {
        return Some(items);
    }
    let member = |schema: &Value, name: &str| {
        alternatives(document, schema).into_iter().find_map(|one| one.get("properties")?.get(name).cloned())
    };
    if let Some(pointer) = list.pagination.as_ref().and_then(|paging| paging.response.get("items")) {
        return of(&pointer.split('/').skip(1).try_fold(schema.clone(), |schema, name| member(&schema, name))?);
    }
    let keywords = alternatives(document, schema).into_iter().next()?;
    let mut lists = keywords.get("properties")?.as_object()?.values().filter_map(of);
    let only = lists.next()?;
    lists.next().is_none().then_some(only)
}

fn is_same(document: &Document, left: &Value, right: &Value) -> bool {
    if left == right && left.get("$ref").is_some() {
        return true;
    }
    let names = |schema: &Value| {
        let properties =
            alternatives(document, schema).into_iter().find_map(|one| one.get("properties")?.as_object().cloned());
        properties.map(|all| all.keys().cloned().collect::<Vec<String>>()).unwrap_or_default()
    };
    let (left, right) = (names(left), names(right));
    let within = |one: &[String], other: &[String]| one.len() > 1 && one.iter().all(|name| other.contains(name));
    within(&left, &right) || within(&right, &left)
}
