//! How a type and its uses are written in Rust.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote};
use serde_json::Value;

use super::enums;
use crate::names::Language;
use crate::types::{TypeKind, TypeRef, Types};

/// An identifier.
pub(super) fn ident(name: &str) -> Ident {
    Ident::new(name, Span::call_site())
}

/// The identifier of a field, a method or an argument.
pub(super) fn value_ident(name: &str) -> Ident {
    ident(&Language::Rust.value(name))
}

/// The identifier of a type. `Self` is the only name in `PascalCase` that Rust keeps for itself.
pub(super) fn type_ident(name: &str) -> Ident {
    if name == "Self" { format_ident!("Self_") } else { ident(name) }
}

/// Where the name of a type is looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// In the module `types` itself.
    Types,
    /// Anywhere else in the crate.
    Crate,
}

/// The Rust type of a use.
pub(super) fn rust_type(kind: &TypeRef, scope: Scope) -> TokenStream {
    match kind {
        TypeRef::Named(name) => {
            let name = type_ident(name);
            match scope {
                Scope::Types => quote!(#name),
                Scope::Crate => quote!(types::#name),
            }
        }
        TypeRef::String | TypeRef::Binary | TypeRef::Literal(Value::String(_)) => quote!(::std::string::String),
        TypeRef::DateTime => quote!(::chrono::DateTime<::chrono::offset::Utc>),
        TypeRef::Integer => quote!(i64),
        TypeRef::Number => quote!(f64),
        TypeRef::Boolean | TypeRef::Literal(Value::Bool(_)) => quote!(bool),
        TypeRef::Literal(Value::Number(number)) if number.is_i64() => quote!(i64),
        TypeRef::Literal(Value::Number(_)) => quote!(f64),
        TypeRef::List(items) => {
            let items = rust_type(items, scope);
            quote!(::std::vec::Vec<#items>)
        }
        TypeRef::Map(values) if **values == TypeRef::Any => {
            quote!(::serde_json::Map<::std::string::String, ::serde_json::Value>)
        }
        TypeRef::Map(values) => {
            let values = rust_type(values, scope);
            quote!(::std::collections::BTreeMap<::std::string::String, #values>)
        }
        TypeRef::Nullable(inner) => {
            let inner = rust_type(inner, scope);
            quote!(::std::option::Option<#inner>)
        }
        TypeRef::Null | TypeRef::Literal(Value::Null) => quote!(()),
        TypeRef::Literal(_) | TypeRef::Any => quote!(::serde_json::Value),
    }
}

/// How an argument is taken, and how it is passed on.
pub(super) struct Taken {
    /// The argument's type.
    pub(super) kind: TokenStream,
    /// The expression that gives the value to be written, a `Serialize`.
    pub(super) value: TokenStream,
    /// Whether it is a text, so that the call does the conversion.
    pub(super) is_text: bool,
}

impl Taken {
    fn new(kind: TokenStream, value: TokenStream) -> Self {
        Self { kind, value, is_text: false }
    }
}

/// An argument called `name`: what is text on the wire takes anything that has one, enums take their words too, scalars are
/// taken by value, everything else by reference.
pub(super) fn taken(name: &Ident, kind: &TypeRef, types: &Types) -> Taken {
    let resolved = types.resolved(kind);
    match &resolved {
        TypeRef::Nullable(inner) => taken(name, inner, types),
        TypeRef::String | TypeRef::Binary | TypeRef::Literal(Value::String(_)) => {
            Taken { kind: quote!(impl ToString), value: quote!(#name.to_string()), is_text: true }
        }
        TypeRef::List(items) if types.resolved(items) == TypeRef::String => Taken::new(
            quote!(impl IntoIterator<Item = impl ToString>),
            quote!(#name.into_iter().map(|item| item.to_string()).collect::<Vec<_>>()),
        ),
        TypeRef::List(items) => {
            let items = rust_type(items, Scope::Crate);
            Taken::new(quote!(&[#items]), quote!(#name))
        }
        TypeRef::Named(def) if types.get(def).is_some_and(|def| matches!(def.kind, TypeKind::Enum(_))) => {
            let def = rust_type(&resolved, Scope::Crate);
            Taken::new(quote!(impl Into<#def>), quote!(Into::<#def>::into(#name)))
        }
        TypeRef::Named(_) | TypeRef::Map(_) => {
            let def = rust_type(&resolved, Scope::Crate);
            Taken::new(quote!(&#def), quote!(#name))
        }
        TypeRef::Any | TypeRef::Literal(_) | TypeRef::Null => Taken::new(quote!(impl Serialize), quote!(#name)),
        TypeRef::DateTime | TypeRef::Integer | TypeRef::Number | TypeRef::Boolean => {
            Taken::new(rust_type(&resolved, Scope::Crate), quote!(#name))
        }
    }
}

/// The text of `items`, each set apart by an empty line, and so are the methods in them. Imports and modules of a kind
/// stay together.
pub(super) fn text(items: Vec<syn::Item>) -> String {
    let mut text = String::new();
    let mut before = None;
    for item in items {
        let group = group(&item);
        if !(text.is_empty() || group.is_some() && group == before) {
            text.push('\n');
        }
        before = group;
        let is_open = enums::is_open(&item);
        let file = syn::File { shebang: None, frontmatter: None, attrs: Vec::new(), items: vec![item] };
        let source = spaced(&prettyplease::unparse(&file));
        text.push_str(&if is_open { enums::opened(&source) } else { source });
    }
    text
}

/// The kind of a line that stands together with others of its kind.
fn group(item: &syn::Item) -> Option<&'static str> {
    match item {
        syn::Item::Mod(module) if module.content.is_none() => Some("mod"),
        syn::Item::Use(import) if matches!(import.vis, syn::Visibility::Public(_)) => Some("pub use"),
        syn::Item::Use(import) => match &import.tree {
            syn::UseTree::Path(path) if path.ident == "std" => Some("std"),
            _ => Some("use"),
        },
        _ => None,
    }
}

/// An empty line behind each method.
fn spaced(text: &str) -> String {
    let mut spaced = String::with_capacity(text.len());
    let mut before_ends = false;
    for line in text.lines() {
        let starts = ["    ///", "    pub ", "    fn ", "    #["].iter().any(|start| line.starts_with(start));
        if before_ends && starts {
            spaced.push('\n');
        }
        before_ends = line == "    }";
        spaced.push_str(line);
        spaced.push('\n');
    }
    spaced
}

/// The full names of the prelude's types by their short ones, where no type of the API is called the same.
pub(super) fn shortened(text: &str, types: &Types) -> String {
    const PRELUDE: [(&str, &str); 8] = [
        ("::std::boxed::Box", "Box"),
        ("::std::convert::From", "From"),
        ("::std::convert::Into", "Into"),
        ("::std::default::Default", "Default"),
        ("::std::option::Option", "Option"),
        ("::std::result::Result", "Result"),
        ("::std::string::String", "String"),
        ("::std::vec::Vec", "Vec"),
    ];
    let free = PRELUDE.into_iter().filter(|(_, short)| types.get(short).is_none());
    free.fold(text.to_owned(), |text, (long, short)| text.replace(long, short))
}
