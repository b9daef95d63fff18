//! How the pages of a list are walked, where the document does not say so itself.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use serde_json::Value;

use super::operation::{Operation, Parameter};
use super::schema::resolve;
use crate::extension::{Pagination, PaginationStyle};
use crate::infer::{is_wrapper, pointer};
use crate::table::Location;

const LIMITS: [&str; 8] = ["limit", "page_size", "pageSize", "per_page", "perPage", "size", "count", "maxResults"];
const OFFSETS: [&str; 4] = ["offset", "skip", "start", "startIndex"];
const PAGES: [&str; 4] = ["page", "page_number", "pageNumber", "page_num"];
const CURSORS: [&str; 11] = [
    "cursor",
    "page_token",
    "pageToken",
    "after",
    "starting_after",
    "next_token",
    "nextToken",
    "marker",
    "iterator",
    "continuation_token",
    "continuationToken",
];
const NEXTS: [&str; 13] = [
    "next_cursor",
    "nextCursor",
    "next_page_token",
    "nextPageToken",
    "next_token",
    "nextToken",
    "next_marker",
    "nextMarker",
    "continuation_token",
    "continuationToken",
    "iterator",
    "next",
    "cursor",
];
/// Members that hold addresses, not what a parameter takes.
const ADDRESSES: [&str; 2] = ["links", "_links"];
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
    let mut properties = Members::new();
    members(answer(operation, components)?, components, &mut properties, 0);
    let properties = &properties;
    let items = only_list(properties, components).or_else(|| wrapped_list(properties, components))?;
    // The surest name first: `count` beside `total` is that of the page.
    let answered = |names: &[&'static str]| names.iter().copied().find(|name| properties.contains_key(name));
    let next = answered(&NEXTS).map(pointer).or_else(|| next_together(properties, components));
    let (style, request) = asked(operation, next.is_some())?;
    let first = first(operation, &request);
    let mut response = BTreeMap::from([("items".to_owned(), items)]);
    let total = answered(&TOTALS).map(pointer).or_else(|| told_together(properties, components));
    response.extend(total.map(|total| ("total".to_owned(), total)));
    if style == PaginationStyle::Cursor {
        response.extend(next.map(|next| ("next".to_owned(), next)));
    }
    Some(Pagination { style, request, response, first })
}

/// Where the one list among some members stands.
fn only_list(properties: &Members<'_>, components: &IndexMap<String, Value>) -> Option<String> {
    let is_list = |value: &Value| resolve(components, value).get("type") == Some(&"array".into());
    let mut lists = properties.iter().filter(|(_, value)| is_list(value)).map(|(name, _)| name);
    let (items, None) = (lists.next()?, lists.next()) else { return None };
    Some(pointer(items))
}

/// The same in a member that wraps the answer.
fn wrapped_list(properties: &Members<'_>, components: &IndexMap<String, Value>) -> Option<String> {
    properties.iter().filter(|(name, _)| is_wrapper(name)).find_map(|(name, schema)| {
        let mut inner = Members::new();
        members(schema, components, &mut inner, 0);
        Some(format!("{}{}", pointer(name), only_list(&inner, components)?))
    })
}

/// The members of an object, by their names.
type Members<'a> = IndexMap<&'a str, &'a Value>;

/// The members of an object, with those of its parts.
fn members<'a>(schema: &'a Value, components: &'a IndexMap<String, Value>, found: &mut Members<'a>, depth: usize) {
    if depth > 8 {
        return;
    }
    let schema = resolve(components, schema);
    let properties = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
    found.extend(properties.map(|(name, value)| (name.as_str(), value)));
    let parts = schema.get("allOf").and_then(Value::as_array).into_iter().flatten();
    parts.for_each(|part| members(part, components, found, depth + 1));
}

/// Where the cursor of the next page stands in a member such as `meta` or `pagination`.
fn next_together(properties: &Members<'_>, components: &IndexMap<String, Value>) -> Option<String> {
    properties.iter().filter(|(name, _)| !ADDRESSES.contains(name)).find_map(|(name, schema)| {
        let inner = resolve(components, schema).get("properties")?.as_object()?;
        // An address is no cursor, and what is called `next` is one as often as not.
        let is_cursor = |schema: &Value| {
            let schema = resolve(components, schema);
            kinds(schema).contains(&"string") && schema.get("format").is_none()
        };
        let mut names = NEXTS.iter().filter(|next| **next != "next");
        let next = names.find(|next| inner.get(**next).is_some_and(is_cursor))?;
        Some(format!("{}{}", pointer(name), pointer(next)))
    })
}

/// Where the total stands that an answer tells in a member of its own, such as `meta` or `pagination`.
fn told_together(properties: &Members<'_>, components: &IndexMap<String, Value>) -> Option<String> {
    properties.iter().find_map(|(name, schema)| {
        let inner = resolve(components, schema).get("properties")?.as_object()?;
        let is_count = |schema: &Value| {
            let kinds = kinds(resolve(components, schema));
            kinds.iter().any(|kind| *kind == "integer" || *kind == "number")
        };
        // A count there may be that of the page.
        let names = TOTALS.iter().filter(|total| **total != "count");
        let total = names.copied().find(|total| inner.get(*total).is_some_and(is_count))?;
        Some(format!("{}{}", pointer(name), pointer(total)))
    })
}

/// Infers the paging of a list that is the whole answer, from its query parameters alone.
pub(crate) fn bare(operation: &Operation, components: &IndexMap<String, Value>) -> Option<Pagination> {
    answer(operation, components)?.get("type").filter(|kind| *kind == "array")?;
    let (style, request) = asked(operation, false)?;
    let first = first(operation, &request);
    Some(Pagination { style, request, response: BTreeMap::from([("items".to_owned(), String::new())]), first })
}

/// The schema of what a GET answers.
fn answer<'a>(operation: &'a Operation, components: &'a IndexMap<String, Value>) -> Option<&'a Value> {
    let mut contents = operation.successes().flat_map(|response| response.content.iter());
    let json = contents.find_map(|(name, media)| media.schema.as_ref().filter(|_| name.contains("json")))?;
    Some(resolve(components, &json.value)).filter(|_| operation.method == "GET")
}

/// What a page is asked for by, and the query parameters for it.
fn asked(operation: &Operation, tells_next: bool) -> Option<(PaginationStyle, BTreeMap<String, String>)> {
    let query = |names: &[&str], is_it: fn(&Value) -> bool| {
        let mut parameters = operation.parameters.iter().filter(|one| one.location == Location::Query);
        let named = |one: &&Parameter| names.contains(&one.name.as_str()) && is_it(&one.schema.value);
        parameters.find(named).map(|one| one.name.clone())
    };
    let (style, key, parameter) = if let Some(offset) = query(&OFFSETS, is_number) {
        (PaginationStyle::Offset, "offset", offset)
    } else if let Some(cursor) = query(&CURSORS, is_mark).filter(|_| tells_next) {
        (PaginationStyle::Cursor, "cursor", cursor)
    } else {
        (PaginationStyle::Page, "page", query(&PAGES, is_number)?)
    };
    let mut request = BTreeMap::from([(key.to_owned(), parameter)]);
    let limit = if style == PaginationStyle::Page { "size" } else { "limit" };
    request.extend(query(&LIMITS, is_number).map(|name| (limit.to_owned(), name)));
    Some((style, request))
}

/// Whether a parameter takes a number, be it as a text: a `start` may be a date, and a `page` an object.
fn is_number(schema: &Value) -> bool {
    let kinds = kinds(schema);
    let is_other = ["format", "enum", "properties"].iter().any(|keyword| schema.get(*keyword).is_some());
    let takes = |kind: &str| kinds.contains(&kind);
    takes("integer") || takes("number") || (kinds.is_empty() || takes("string")) && !is_other
}

/// Whether a parameter takes one value, of whatever kind.
fn is_mark(schema: &Value) -> bool {
    !kinds(schema).iter().any(|kind| ["object", "array", "boolean"].contains(kind))
}

/// The types that a schema names.
fn kinds(schema: &Value) -> Vec<&str> {
    let kinds = schema.get("type");
    let list = kinds.and_then(Value::as_array).into_iter().flatten();
    list.chain(kinds).filter_map(Value::as_str).collect()
}

/// The number of the first page, as the parameter for it tells: its default, or else its least value.
fn first(operation: &Operation, request: &BTreeMap<String, String>) -> u64 {
    let page = request.get("page").and_then(|name| operation.parameters.iter().find(|one| one.name == *name));
    let schema = page.map(|one| &one.schema.value);
    let told = |keyword| schema.and_then(|schema| schema.get(keyword)?.as_f64());
    u64::from(told("default").filter(|page| [0.0, 1.0].contains(page)).or_else(|| told("minimum")) != Some(0.0))
}
