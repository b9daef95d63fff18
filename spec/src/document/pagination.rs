//! How the pages of a list are walked, where the document does not say so itself.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use serde_json::Value;

use super::operation::Operation;
use super::schema::component_name;
use super::source::escape;
use crate::extension::{Pagination, PaginationStyle};
use crate::table::Location;

const LIMITS: [&str; 8] = ["limit", "page_size", "pageSize", "per_page", "perPage", "size", "count", "maxResults"];
const OFFSETS: [&str; 4] = ["offset", "skip", "start", "startIndex"];
const PAGES: [&str; 4] = ["page", "page_number", "pageNumber", "page_num"];
const CURSORS: [&str; 7] = ["cursor", "page_token", "pageToken", "after", "starting_after", "next_token", "nextToken"];
const NEXTS: [&str; 8] =
    ["next_cursor", "nextCursor", "next_page_token", "nextPageToken", "next_token", "nextToken", "next", "cursor"];
const TOTALS: [&str; 14] = [
    "total",
    "total_count",
    "totalCount",
    "total_items",
    "totalItems",
    "total_elements",
    "totalElements",
    "total_results",
    "totalResults",
    "total_records",
    "totalRecords",
    "total_size",
    "totalSize",
    "count",
];

/// Infers the paging of `operation` from its query parameters and the shape of its answer: an object with exactly one
/// list. Where either is missing there is none.
pub(super) fn infer(operation: &Operation, components: &IndexMap<String, Value>) -> Option<Pagination> {
    // Most operations have no such parameters, which is seen at once.
    asked(operation, true)?;
    let properties = answer(operation, components)?.get("properties")?.as_object()?;
    let is_list =
        |value: &Value| resolve(value, components).is_some_and(|value| value.get("type") == Some(&"array".into()));
    let mut lists = properties.iter().filter(|(_, value)| is_list(value)).map(|(name, _)| name);
    let (items, None) = (lists.next()?, lists.next()) else { return None };

    let answered = |names: &[&str]| properties.keys().find(|name| names.contains(&name.as_str()));
    let (style, request) = asked(operation, answered(&NEXTS).is_some())?;
    let pointer = |name: &str| format!("/{}", escape(name));
    let mut response = BTreeMap::from([("items".to_owned(), pointer(items))]);
    response.extend(answered(&TOTALS).map(|name| ("total".to_owned(), pointer(name))));
    if style == PaginationStyle::Cursor {
        response.extend(answered(&NEXTS).map(|name| ("next".to_owned(), pointer(name))));
    }
    Some(Pagination { style, request, response })
}

/// Infers the paging of a list that is the whole answer, from its query parameters alone.
pub(crate) fn bare(operation: &Operation, components: &IndexMap<String, Value>) -> Option<Pagination> {
    answer(operation, components)?.get("type").filter(|kind| *kind == "array")?;
    let (style, request) = asked(operation, false)?;
    Some(Pagination { style, request, response: BTreeMap::from([("items".to_owned(), String::new())]) })
}

/// The schema of what a GET answers.
fn answer<'a>(operation: &'a Operation, components: &'a IndexMap<String, Value>) -> Option<&'a Value> {
    let mut contents = operation.successes().flat_map(|response| response.content.iter());
    let json = contents.find_map(|(name, media)| media.schema.as_ref().filter(|_| name.contains("json")))?;
    resolve(&json.value, components).filter(|_| operation.method == "GET")
}

/// What a page is asked for by, and the query parameters for it.
fn asked(operation: &Operation, tells_next: bool) -> Option<(PaginationStyle, BTreeMap<String, String>)> {
    let query = |names: &[&str]| {
        let parameters = operation.parameters.iter().filter(|parameter| parameter.location == Location::Query);
        parameters.map(|parameter| parameter.name.clone()).find(|name| names.contains(&name.as_str()))
    };
    let (style, key, parameter) = if let Some(offset) = query(&OFFSETS) {
        (PaginationStyle::Offset, "offset", offset)
    } else if let Some(cursor) = query(&CURSORS).filter(|_| tells_next) {
        (PaginationStyle::Cursor, "cursor", cursor)
    } else {
        (PaginationStyle::Page, "page", query(&PAGES)?)
    };
    let mut request = BTreeMap::from([(key.to_owned(), parameter)]);
    let limit = if style == PaginationStyle::Page { "size" } else { "limit" };
    request.extend(query(&LIMITS).map(|name| (limit.to_owned(), name)));
    Some((style, request))
}

/// The schema itself, with the references to components followed.
fn resolve<'a>(schema: &'a Value, components: &'a IndexMap<String, Value>) -> Option<&'a Value> {
    let mut schema = schema;
    for _ in 0..16 {
        let Some(reference) = schema.get("$ref").and_then(Value::as_str) else { return Some(schema) };
        schema = components.get(&component_name(reference)?)?;
    }
    None
}
