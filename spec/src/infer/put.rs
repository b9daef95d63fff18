//! What a PUT does to the members that it leaves out.

use serde_json::Value;

use crate::{Document, Operation};

/// How deep the parts of a schema are followed: one may lead back to itself.
const DEEPEST: usize = 8;

/// Whether a PUT puts another object in the place of the old one (RFC 9110, 9.3.4). Many vendors have no PATCH and change
/// a part with a PUT, which then asks for no member: such a PUT leaves the others as they are.
#[must_use]
pub fn replaces(document: &Document, operation: &Operation) -> bool {
    let path = operation.trimmed_path();
    let mut beside = document.operations_below(path).filter(|other| other.trimmed_path() == path);
    let content = operation.request_body.iter().flat_map(|body| body.content.values());
    let mut schemas = content.filter_map(|media| media.schema.as_ref());
    operation.method == "PUT"
        && (operation.response(201).is_some_and(|response| response.status == crate::Status::Code(201))
            || beside.any(|other| other.method == "PATCH")
            || schemas.any(|schema| asks(document, &schema.value, 0)))
}

/// Whether a schema asks for a member.
fn asks(document: &Document, schema: &Value, depth: usize) -> bool {
    let schema = document.resolve(schema);
    let has_names = schema.get("required").and_then(Value::as_array).is_some_and(|names| !names.is_empty());
    let mut parts = ["allOf", "oneOf", "anyOf"].iter().filter_map(|key| schema.get(*key)?.as_array()).flatten();
    // What describes nothing asks for the whole, whatever that is.
    let is_open = schema.get("properties").is_none() && parts.clone().next().is_none();
    has_names || is_open || depth < DEEPEST && parts.any(|part| asks(document, part, depth + 1))
}
