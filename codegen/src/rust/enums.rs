//! Open enums: a value that is newer than the client is kept as it is.

use quote::quote;
use syn::parse_quote;

use super::docs::{described, doc};
use super::words::{ident, type_ident};
use crate::names::{distinct, type_name};
use crate::types::TypeDef;

/// The enum of some strings, each variant with its string as if it were a discriminant: this is how the runtime's
/// `open_enum!` takes it.
pub(super) fn open(def: &TypeDef, values: &[String]) -> syn::Item {
    let name = type_ident(&def.name);
    let docs = described(def.description.as_deref()).map(|text| doc(&text));
    let mut taken = vec!["Unknown".to_owned(), "Self".to_owned()];
    let mut seen: Vec<&String> = Vec::new();
    let variants = values.iter().filter(|value| {
        !seen.contains(value) && {
            seen.push(value);
            true
        }
    });
    let variants = variants.map(|value| {
        let variant = ident(&distinct(type_name(value), &mut taken));
        quote!(#variant = #value)
    });
    parse_quote!(#docs pub enum #name { #(#variants,)* })
}

/// `text`, the source of an enum, as the runtime's macro takes it.
pub(super) fn opened(text: &str) -> String {
    let lines = text.lines().map(|line| format!("    {line}\n"));
    format!("bitting::open_enum! {{\n{}}}\n", lines.collect::<String>())
}

/// Whether an item is an open enum.
pub(super) fn is_open(item: &syn::Item) -> bool {
    matches!(item, syn::Item::Enum(item) if item.variants.iter().any(|variant| variant.discriminant.is_some()))
}
