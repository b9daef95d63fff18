//! Types as Python annotations: what is received, and what may be given.

use serde_json::Value;

use super::text::{kept_free, literal};
use crate::types::{TypeKind, TypeRef, Types};

/// Names in `PascalCase` that generated modules use themselves.
pub(super) const TAKEN: [&str; 29] = [
    "Any",
    "AsyncClient",
    "AsyncPage",
    "AsyncPaginator",
    "AsyncResource",
    "Awaitable",
    "False",
    "IO",
    "Json",
    "Literal",
    "Mapping",
    "None",
    "NotGiven",
    "NotRequired",
    "Pages",
    "RawResponse",
    "RequestOptions",
    "Sequence",
    "Struct",
    "SyncClient",
    "SyncPage",
    "SyncResource",
    "True",
    "TypeAlias",
    "TypedDict",
    "UnknownVariant",
    "Unpack",
    "Upload",
    "Union",
];

/// The lower-case names that annotations use. A member or method called so would hide them.
pub(super) const BUILTINS: [&str; 9] = ["bool", "builtins", "bytes", "datetime", "dict", "float", "int", "list", "str"];

/// The class of the type `name`.
pub(super) fn class(name: &str) -> String {
    kept_free(name.to_owned(), &TAKEN)
}

/// What is received. `list` is how lists are called, since a method may hide the plain name.
pub(super) fn output(kind: &TypeRef, list: &str) -> String {
    match kind {
        TypeRef::Named(name) => class(name),
        TypeRef::String | TypeRef::Binary => "str".to_owned(),
        TypeRef::DateTime => "datetime.datetime".to_owned(),
        TypeRef::Literal(value) => constant(value, " | str"),
        TypeRef::List(items) => format!("{list}[{}]", output(items, list)),
        TypeRef::Map(values) => format!("dict[str, {}]", output(values, list)),
        TypeRef::Nullable(kind) => nullable(output(kind, list)),
        other => scalar(other).to_owned(),
    }
}

/// What may be given. Types that are sent as objects are typed dictionaries.
pub(super) fn input(kind: &TypeRef, types: &Types, param: &dyn Fn(&str) -> String) -> String {
    given(kind, types, param, &mut Vec::new())
}

/// `within` are the unions and aliases that lead here: one that contains itself without a name is `Any`.
fn given(kind: &TypeRef, types: &Types, param: &dyn Fn(&str) -> String, within: &mut Vec<String>) -> String {
    match kind {
        TypeRef::Named(name) => named(name, types, param, within),
        TypeRef::String => "str".to_owned(),
        TypeRef::Binary => "bytes".to_owned(),
        TypeRef::DateTime => "datetime.datetime | str".to_owned(),
        TypeRef::Literal(value) => constant(value, ""),
        TypeRef::List(items) => format!("Sequence[{}]", given(items, types, param, within)),
        TypeRef::Map(values) => format!("Mapping[str, {}]", given(values, types, param, within)),
        TypeRef::Nullable(kind) => nullable(given(kind, types, param, within)),
        other => scalar(other).to_owned(),
    }
}

fn named(name: &str, types: &Types, param: &dyn Fn(&str) -> String, within: &mut Vec<String>) -> String {
    if within.iter().any(|outer| outer == name) {
        return "Any".to_owned();
    }
    within.push(name.to_owned());
    let text = match types.get(name).map(|def| &def.kind) {
        Some(TypeKind::Struct { .. }) => param(name),
        Some(TypeKind::Enum(_)) => class(name),
        Some(TypeKind::Alias(target)) => given(target, types, param, within),
        Some(TypeKind::Union { variants, .. }) => {
            union(variants.iter().map(|variant| given(variant, types, param, within)))
        }
        None => "Any".to_owned(),
    };
    within.pop();
    text
}

/// Alternatives without repetition.
pub(super) fn union(alternatives: impl Iterator<Item = String>) -> String {
    let mut kept: Vec<String> = Vec::new();
    for alternative in alternatives {
        if !kept.contains(&alternative) {
            kept.push(alternative);
        }
    }
    kept.join(" | ")
}

fn nullable(text: String) -> String {
    if matches!(text.as_str(), "Any" | "None") || text.ends_with(" | None") { text } else { format!("{text} | None") }
}

/// A fixed value. Strings stay open by `opening`; msgspec knows no constants but strings, numbers and `null`.
fn constant(value: &Value, opening: &str) -> String {
    match value {
        Value::String(text) => format!("Literal[{}]{opening}", literal(text)),
        Value::Number(number) if number.is_i64() => format!("Literal[{number}]"),
        Value::Number(_) => "float".to_owned(),
        Value::Bool(_) => "bool".to_owned(),
        Value::Null => "None".to_owned(),
        Value::Array(_) | Value::Object(_) => "Any".to_owned(),
    }
}

fn scalar(kind: &TypeRef) -> &'static str {
    match kind {
        TypeRef::Integer => "int",
        TypeRef::Number => "float",
        TypeRef::Boolean => "bool",
        TypeRef::Null => "None",
        _ => "Any",
    }
}
