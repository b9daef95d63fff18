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
