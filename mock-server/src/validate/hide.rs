//! What is written only is not shown (OpenAPI 3.1, 4.8.24.4).

use bitting_spec::Document;
use serde_json::Value;

use crate::fake::flatten;

/// Takes the members away that their schema marks `writeOnly` (JSON Schema Validation 2020-12, 9.4); whether there were any.
pub(super) fn hide(document: &Document, schema: &Value, value: &mut Value) -> bool {
    let schema = flatten(document, schema);
    match value {
        Value::Object(members) => {
            let Some(properties) = schema.get("properties").and_then(Value::as_object) else { return false };
            let is_hidden = |name: &str| {
                let flat = properties.get(name).map(|schema| flatten(document, schema));
                flat.is_some_and(|flat| flat.get("writeOnly") == Some(&Value::Bool(true)))
            };
            let before = members.len();
            members.retain(|name, _| !is_hidden(name));
            let is_less = members.len() < before;
            let below =
                members.iter_mut().filter_map(|(name, value)| Some(hide(document, properties.get(name)?, value)));
            below.fold(is_less, |changed, below| changed | below)
        }
        Value::Array(items) => match schema.get("items") {
            Some(schema) => items.iter_mut().fold(false, |changed, item| changed | hide(document, schema, item)),
            None => false,
        },
        _ => false,
    }
}

/// Whether anything in a schema, or in what it carries, is written only.
pub(super) fn hides(bundled: &Value) -> bool {
    match bundled {
        Value::Object(members) => members.get("writeOnly") == Some(&Value::Bool(true)) || members.values().any(hides),
        Value::Array(items) => items.iter().any(hides),
        _ => false,
    }
}
