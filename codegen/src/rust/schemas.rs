//! The schemas that progenitor makes types of: one per type, each inline type by its name.
//!
//! A client does not check what the server checks (lengths, bounds, patterns), sends no defaults that nobody gave, and
//! reads answers that have members it does not know. So none of that is in the schemas, and the types stay small.

use bitting_spec::lower::{self, Lowered};
use serde_json::{Map, Value, json};

use crate::Surface;
use crate::types::{TypeDef, TypeKind, TypeRef, Types};

/// Keywords that have no word in OpenAPI 3.0. Lowering leaves them out and says so.
const LISTED: [&str; 11] = [
    "not",
    "if",
    "then",
    "else",
    "dependentRequired",
    "dependentSchemas",
    "dependencies",
    "contains",
    "minContains",
    "maxContains",
    "propertyNames",
];

/// Formats that have a Rust type.
const FORMATS: [&str; 12] =
    ["uuid", "date", "date-time", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float"];

/// The lowered schemas of all types, by their [`key`].
pub(super) fn lowered(surface: &Surface<'_>) -> Lowered {
    let types = &surface.types;
    let defs = types.defs.iter().enumerate();
    lower::lower(&defs.map(|(index, def)| (key(index), schema(types, def))).collect())
}

/// What progenitor calls the type that stands at `index`. It would change names such as `AB`, but not this one.
pub(super) fn key(index: usize) -> String {
    format!("{KEY}{index}")
}

const KEY: &str = "Def";

/// The type that progenitor calls `key`.
pub(super) fn keyed<'a>(types: &'a Types, key: &str) -> Option<&'a TypeDef> {
    types.defs.get(key.strip_prefix(KEY)?.parse::<usize>().ok()?)
}

fn schema(types: &Types, def: &TypeDef) -> Value {
    let mut schema = match &def.kind {
        TypeKind::Struct { fields, additional } => {
            let members = fields.iter().map(|field| {
                let original = def.schema.get("properties").and_then(|members| members.get(&field.name));
                (field.name.clone(), reference(types, &field.kind, original.unwrap_or(&Value::Null)))
            });
            let members: Map<String, Value> = members.collect();
            let required = fields.iter().filter(|field| field.required).map(|field| &field.name);
            let required: Vec<&String> = required.collect();
            let mut schema = json!({"type": "object", "properties": members, "required": required});
            if let Some(additional) = additional {
                schema["additionalProperties"] = reference(types, additional, &Value::Null);
            }
            schema
        }
        TypeKind::Alias(kind) => reference(types, kind, &def.schema),
        // Enums and unions are ours: progenitor's are closed.
        TypeKind::Enum(_) | TypeKind::Union { .. } => json!({}),
    };
    let kept = LISTED.into_iter().filter_map(|key| Some((key.to_owned(), def.schema.get(key)?.clone())));
    if let Value::Object(schema) = &mut schema {
        schema.extend(kept);
    }
    schema
}

/// The use of a type; `original` still knows its format.
fn reference(types: &Types, kind: &TypeRef, original: &Value) -> Value {
    let format = |kind: &str| match original.get("format").and_then(Value::as_str) {
        Some(format) if FORMATS.contains(&format) => json!({"type": kind, "format": format}),
        _ => json!({"type": kind}),
    };
    match kind {
        TypeRef::Named(name) => match types.defs.iter().position(|def| def.name == *name) {
            Some(index) => json!({"$ref": format!("#/components/schemas/{}", key(index))}),
            None => json!({}),
        },
        TypeRef::String | TypeRef::DateTime => format("string"),
        TypeRef::Binary | TypeRef::Literal(Value::String(_)) => json!({"type": "string"}),
        TypeRef::Integer => format("integer"),
        TypeRef::Number => format("number"),
        TypeRef::Boolean | TypeRef::Literal(Value::Bool(_)) => json!({"type": "boolean"}),
        TypeRef::Literal(Value::Number(number)) if number.is_i64() => json!({"type": "integer"}),
        TypeRef::Literal(Value::Number(_)) => json!({"type": "number"}),
        TypeRef::List(items) => {
            let original = original.get("items").unwrap_or(&Value::Null);
            json!({"type": "array", "items": reference(types, items, original)})
        }
        TypeRef::Map(values) => {
            let original = original.get("additionalProperties").unwrap_or(&Value::Null);
            json!({"type": "object", "additionalProperties": reference(types, values, original)})
        }
        TypeRef::Nullable(inner) => {
            json!({"anyOf": [reference(types, inner, without_null(original)), {"type": "null"}]})
        }
        TypeRef::Null | TypeRef::Literal(Value::Null) => json!({"type": "null"}),
        TypeRef::Literal(_) | TypeRef::Any => json!({}),
    }
}

/// The other variant of `anyOf: [X, null]`.
fn without_null(schema: &Value) -> &Value {
    let variants = ["anyOf", "oneOf"].into_iter().find_map(|key| schema.get(key)?.as_array());
    let other = variants.and_then(|variants| variants.iter().find(|variant| variant["type"] != "null"));
    other.unwrap_or(schema)
}
