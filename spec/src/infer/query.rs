//! What the query parameters of a list ask for, as their names tell.

use super::plain;
use serde_json::Value;

use crate::table::Location;
use crate::{Document, Operation, Parameter};

/// What a filter asks of the items.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asks {
    /// The value itself.
    Same,
    /// No less.
    Least,
    /// No more.
    Most,
}

/// Words around the name of a member that make a bound of it.
const BOUNDS: [(&str, Asks); 12] = [
    ("after", Asks::Least),
    ("since", Asks::Least),
    ("from", Asks::Least),
    ("min", Asks::Least),
    ("gte", Asks::Least),
    ("gt", Asks::Least),
    ("before", Asks::Most),
    ("until", Asks::Most),
    ("to", Asks::Most),
    ("max", Asks::Most),
    ("lte", Asks::Most),
    ("lt", Asks::Most),
];

/// What may stand between the name of a bounded member and its end: `created_after` bounds `created_at`.
const ENDS: [&str; 5] = ["", "at", "on", "date", "time"];

/// Names of parameters that take the most items of an answer, and nothing else.
const LIMITS: [&str; 8] =
    ["limit", "perpage", "pagesize", "pagelimit", "maxresults", "maxitems", "resultsperpage", "top"];

/// Names of parameters that take the server's own mark of a place in a list, or the id of an item of it.
const CURSORS: [&str; 14] = [
    "after",
    "afterid",
    "before",
    "beforeid",
    "bookmark",
    "continuationtoken",
    "cursor",
    "endingbefore",
    "marker",
    "nextcursor",
    "nexttoken",
    "pagetoken",
    "sinceid",
    "startingafter",
];

/// Names that ask for a part of a list or another form of it, and may be those of members by chance.
const NO_FILTERS: [&str; 16] = [
    "page", "limit", "offset", "cursor", "size", "count", "total", "start", "skip", "first", "last", "take", "top",
    "version", "format", "fields",
];

/// The member of the items that a query parameter filters by, and what it asks of it: `status` of `status`, `label` of
/// `labels`, `created_after` and `min_price` as bounds of `created_at` and `price`.
pub fn filter<'m>(members: &[&'m str], parameter: &str) -> Option<(&'m str, Asks)> {
    let name = plain(parameter);
    if NO_FILTERS.contains(&name.as_str()) {
        return None;
    }
    let exact = members.iter().find(|member| **member == parameter);
    let alike = || members.iter().find(|member| plain(member) == name || plain(member) == format!("{name}s"));
    if let Some(member) = exact.or_else(alike) {
        return Some((*member, Asks::Same));
    }
    BOUNDS.iter().find_map(|(word, asks)| {
        let stem = name.strip_suffix(word).or_else(|| name.strip_prefix(word)).filter(|stem| stem.len() > 2)?;
        let is_it = |member: &&&str| plain(member).strip_prefix(stem).is_some_and(|rest| ENDS.contains(&rest));
        Some((*members.iter().find(is_it)?, *asks))
    })
}

/// The query parameter that takes the most items of an answer.
#[must_use]
pub fn limit<'o>(document: &Document, operation: &'o Operation) -> Option<&'o Parameter> {
    let is_number = |one: &Parameter| is_integer(document, &one.schema.value);
    let is_it = |one: &&Parameter| {
        one.location == Location::Query && LIMITS.contains(&plain(&one.name).as_str()) && is_number(one)
    };
    operation.parameters.iter().find(is_it)
}

/// Whether a query parameter takes a place in a list, which only the server can name: what else its schema takes, the
/// server may refuse.
#[must_use]
pub fn is_cursor(document: &Document, operation: &Operation, parameter: &Parameter) -> bool {
    let schema = document.resolve(&parameter.schema.value);
    // `after` may be a day.
    let is_free = || ["format", "enum", "pattern"].iter().all(|key| schema.get(*key).is_none());
    let paging = operation.pagination.as_ref().and_then(|paging| paging.request.get("cursor"));
    paging == Some(&parameter.name)
        || parameter.location == Location::Query
            && CURSORS.contains(&plain(&parameter.name).as_str())
            && !is_integer(document, schema)
            && is_free()
}

/// Whether a schema is one of whole numbers, be it that `null` may stand for one.
fn is_integer(document: &Document, schema: &Value) -> bool {
    let schema = document.resolve(schema);
    let says =
        |kind: &Value| kind == "integer" || kind.as_array().is_some_and(|kinds| kinds.contains(&"integer".into()));
    let mut parts = ["anyOf", "oneOf"].iter().filter_map(|key| schema.get(*key)?.as_array()).flatten();
    schema.get("type").is_some_and(says) || parts.any(|part| document.resolve(part).get("type").is_some_and(says))
}

/// What a query asks for that leaves out a parameter: its default, if that is one value. An empty text asks for nothing.
#[must_use]
pub fn default<'d>(document: &'d Document, parameter: &'d Parameter) -> Option<&'d Value> {
    let is_said = |value: &&Value| !value.is_null() && !value.is_array() && !value.is_object() && **value != "";
    let is_optional = parameter.location == Location::Query && !parameter.required;
    document.resolve(&parameter.schema.value).get("default").filter(is_said).filter(|_| is_optional)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What only the server can name is told from days and numbers of the same names.
    #[test]
    fn a_cursor_is_no_day_and_no_number() {
        let text = r#"{"openapi": "3.1.0", "info": {"title": "t", "version": "1"}, "paths": {"/a": {"get": {
            "operationId": "a", "parameters": [
                {"name": "starting_after", "in": "query", "schema": {"type": "string"}},
                {"name": "after", "in": "query", "schema": {"type": "string", "format": "date"}},
                {"name": "before", "in": "query", "schema": {"type": ["integer", "null"]}},
                {"name": "limit", "in": "query", "schema": {"type": ["integer", "null"]}}]}}}}"#;
        let document = Document::parse("a.json", text).expect("it is valid");
        let operation = &document.operations[0];
        let cursors = operation.parameters.iter().filter(|one| is_cursor(&document, operation, one));
        assert_eq!(cursors.map(|one| one.name.as_str()).collect::<Vec<_>>(), ["starting_after"]);
        assert_eq!(limit(&document, operation).map(|one| one.name.as_str()), Some("limit"));
    }

    /// LX07: which parameters filter by which members.
    #[test]
    fn names_tell_what_a_parameter_filters_by() {
        let members = ["created_at", "labels", "price", "due_on", "tone", "size"];
        let found = |name: &str| filter(&members, name);
        assert_eq!(found("label"), Some(("labels", Asks::Same)));
        assert_eq!(found("createdAfter"), Some(("created_at", Asks::Least)));
        assert_eq!(found("max_price"), Some(("price", Asks::Most)));
        assert_eq!(found("due_until"), Some(("due_on", Asks::Most)));
        assert_eq!((found("to"), found("after_all"), found("size")), (None, None, None));
    }
}
