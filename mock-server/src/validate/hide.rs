//! What is written only is not shown (OpenAPI 3.1, 4.8.24.4).

use bitting_spec::Document;
use serde_json::Value;

use crate::fake::flatten;

/// Takes the members away that their schema marks `writeOnly` (JSON Schema Validation 2020-12, 9.4).
pub(super) fn hide(document: &Document, schema: &Value, value: &mut Value) {
    let schema = flatten(document, schema);
    match value {
        Value::Object(members) => {
            let Some(properties) = schema.get("properties").and_then(Value::as_object) else { return };
            let is_hidden = |name: &str| {
                let flat = properties.get(name).map(|schema| flatten(document, schema));
                flat.is_some_and(|flat| flat.get("writeOnly") == Some(&Value::Bool(true)))
            };
            members.retain(|name, _| !is_hidden(name));
            for (name, value) in members {
                properties.get(name).into_iter().for_each(|schema| hide(document, schema, value));
            }
        }
        Value::Array(items) => {
            let schema = schema.get("items");
            schema.into_iter().for_each(|schema| items.iter_mut().for_each(|item| hide(document, schema, item)));
        }
        _ => {}
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
