//! The types of a document as TypeScript: interfaces, open enums, unions. They have no code.

use serde_json::Value;

use super::file;
use super::text::{MARK, comment, key, quoted};
use crate::types::{Field, TypeDef, TypeKind, TypeRef, Types};
use crate::{File, Surface};

/// The file of all types.
pub(super) fn types(surface: &Surface<'_>) -> File {
    let defs: Vec<String> = surface.types.defs.iter().map(|def| definition(&surface.types, def)).collect();
    file("models.d.cts", format!("{MARK}\n{}\nexport {{}};\n", defs.join("\n")))
}

fn definition(types: &Types, def: &TypeDef) -> String {
    let comment = comment(0, &def.description.clone().into_iter().collect::<Vec<_>>());
    let name = &def.name;
    match &def.kind {
        _ if is_endless(types, def) => format!("{comment}export type {name} = unknown;\n"),
        TypeKind::Struct { fields, additional } => {
            let fields: String = fields.iter().map(field).collect();
            let others = if additional.is_some() { "  [key: string]: unknown;\n" } else { "" };
            format!("{comment}export interface {name} {{\n{fields}{others}}}\n")
        }
        TypeKind::Enum(values) => {
            let values = values.iter().map(|value| quoted(value)).collect::<Vec<_>>().join(" | ");
            // Completed by editors, and still open for what a newer server answers.
            format!("{comment}export type {name} = {values} | (string & {{}});\n")
        }
        TypeKind::Union { variants, .. } => {
            let variants = variants.iter().map(|variant| reference(variant, "")).collect::<Vec<_>>().join(" | ");
            format!("{comment}export type {name} = {variants};\n")
        }
        TypeKind::Alias(kind) => format!("{comment}export type {name} = {};\n", reference(kind, "")),
    }
}

/// Whether the type is nothing but itself, by way of other names: TypeScript refuses such a circle, and no value is in it.
fn is_endless(types: &Types, def: &TypeDef) -> bool {
    let mut open = names(&def.kind);
    let mut seen = Vec::new();
    while let Some(name) = open.pop() {
        if name == def.name {
            return true;
        }
        if !seen.contains(&name) {
            seen.push(name);
            open.extend(types.get(name).map(|def| names(&def.kind)).unwrap_or_default());
        }
    }
    false
}

/// The types that a type is another name for, or a choice of.
fn names(kind: &TypeKind) -> Vec<&str> {
    let variants = match kind {
        TypeKind::Alias(kind) => std::slice::from_ref(kind),
        TypeKind::Union { variants, .. } => variants,
        TypeKind::Struct { .. } | TypeKind::Enum(_) => &[],
    };
    let bare = variants.iter().map(|variant| match variant {
        TypeRef::Nullable(kind) => kind.as_ref(),
        kind => kind,
    });
    let named = bare.filter_map(|variant| match variant {
        TypeRef::Named(name) => Some(name.as_str()),
        _ => None,
    });
    named.collect()
}

fn field(field: &Field) -> String {
    let comment = comment(2, &field.description.clone().into_iter().collect::<Vec<_>>());
    let optional = if field.required { "" } else { "?" };
    let readonly = if field.read_only { "readonly " } else { "" };
    format!("{comment}  {readonly}{}{optional}: {};\n", key(&field.name), reference(&field.kind, ""))
}

/// The use of a type; named ones have `prefix` before them.
pub(super) fn reference(kind: &TypeRef, prefix: &str) -> String {
    match kind {
        TypeRef::Named(name) => format!("{prefix}{name}"),
        TypeRef::String | TypeRef::DateTime => "string".to_owned(),
        TypeRef::Binary => "import('bitting').Binary".to_owned(),
        TypeRef::Integer | TypeRef::Number => "number".to_owned(),
        TypeRef::Boolean => "boolean".to_owned(),
        TypeRef::Literal(Value::String(text)) => quoted(text),
        TypeRef::Literal(Value::Array(_) | Value::Object(_)) => "unknown".to_owned(),
        TypeRef::Literal(value) => value.to_string(),
        TypeRef::List(items) => match items.as_ref() {
            TypeRef::Nullable(_) => format!("({})[]", reference(items, prefix)),
            _ => format!("{}[]", reference(items, prefix)),
        },
        TypeRef::Map(values) => format!("{{ [key: string]: {} }}", reference(values, prefix)),
        TypeRef::Nullable(kind) => format!("{} | null", reference(kind, prefix)),
        TypeRef::Null => "null".to_owned(),
        TypeRef::Any => "unknown".to_owned(),
    }
}
