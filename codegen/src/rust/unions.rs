//! Unions: one of some types, told apart by a tag where the document names one, else by what fits. They stay open too.

use proc_macro2::TokenStream;
use quote::quote;
use syn::parse_quote;

use super::docs::{described, doc};
use super::usage::holds;
use super::words::{Scope, ident, rust_type, type_ident};
use crate::names::{distinct, type_name};
use crate::types::{Discriminator, TypeDef, TypeRef, Types};

/// A variant as it is written.
struct Variant<'a> {
    kind: &'a TypeRef,
    name: syn::Ident,
    content: TokenStream,
}

/// The enum of some types.
pub(super) fn union(
    types: &Types,
    def: &TypeDef,
    variants: &[TypeRef],
    discriminator: Option<&Discriminator>,
) -> Vec<syn::Item> {
    let variants = named(types, def, variants);
    let name = type_ident(&def.name);
    let docs = described(def.description.as_deref()).map(|text| doc(&text));
    let declared = variants.iter().map(|Variant { name, content, .. }| quote!(#name(#content)));
    let tagged = discriminator.and_then(|discriminator| tagged(&name, discriminator, &variants));
    let reads = tagged.is_none().then(|| quote!(::serde::Deserialize,));
    let declaration = parse_quote! {
        #docs
        #[derive(Clone, Debug, PartialEq, #reads ::serde::Serialize)]
        #[serde(untagged)]
        #[non_exhaustive]
        pub enum #name {
            #(#declared,)*
            /// None of them: the value as it is.
            Unknown(::serde_json::Value),
        }
    };
    let mut items = vec![declaration];
    items.extend(tagged);
    items
}

/// The variants, each type once. Where nothing tells them apart, the most demanding ones are tried first.
fn named<'a>(types: &Types, def: &TypeDef, variants: &'a [TypeRef]) -> Vec<Variant<'a>> {
    let mut taken = vec!["Unknown".to_owned(), "Self".to_owned()];
    let mut seen: Vec<String> = Vec::new();
    let mut written = Vec::new();
    let mut kinds: Vec<&TypeRef> = variants.iter().filter(|kind| **kind != TypeRef::Any).collect();
    kinds.sort_by_key(|kind| std::cmp::Reverse(demands(types, kind)));
    for kind in kinds {
        let mut content = rust_type(kind, Scope::Types);
        if seen.contains(&content.to_string()) {
            continue;
        }
        seen.push(content.to_string());
        if holds(types, kind, &def.name) {
            content = quote!(::std::boxed::Box<#content>);
        }
        let name = ident(&distinct(variant_name(def, kind), &mut taken));
        written.push(Variant { kind, name, content });
    }
    written
}

/// How many members a type asks for.
fn demands(types: &Types, kind: &TypeRef) -> usize {
    types.fields(kind).map_or(0, |fields| fields.iter().filter(|field| field.required).count())
}

/// A type's name, without the union's in front of it.
fn variant_name(def: &TypeDef, kind: &TypeRef) -> String {
    match kind {
        TypeRef::Named(name) => {
            let rest = name.strip_prefix(def.name.as_str()).unwrap_or(name);
            if rest.starts_with(|first: char| first.is_ascii_uppercase()) { rest } else { name }.to_owned()
        }
        TypeRef::String | TypeRef::Binary => "String".to_owned(),
        TypeRef::DateTime => "DateTime".to_owned(),
        TypeRef::Integer => "Integer".to_owned(),
        TypeRef::Number => "Number".to_owned(),
        TypeRef::Boolean => "Boolean".to_owned(),
        TypeRef::List(_) => "List".to_owned(),
        TypeRef::Map(_) => "Map".to_owned(),
        TypeRef::Nullable(inner) => variant_name(def, inner),
        TypeRef::Null => "Null".to_owned(),
        TypeRef::Literal(value) => type_name(&value.to_string()),
        TypeRef::Any => "Any".to_owned(),
    }
}

/// Reading by the tag. A tag that is not known gives the value as it is.
fn tagged(name: &syn::Ident, discriminator: &Discriminator, variants: &[Variant<'_>]) -> Option<syn::Item> {
    let property = &discriminator.property;
    let mut seen: Vec<&str> = Vec::new();
    let mut arms = Vec::new();
    for (tag, kind) in &discriminator.mapping {
        let Some(Variant { name, .. }) = variants.iter().find(|variant| variant.kind == kind) else { continue };
        if !seen.contains(&tag.as_str()) {
            seen.push(tag);
            arms.push(quote!(Some(#tag) => ::serde_json::from_value(value).map(Self::#name)));
        }
    }
    if arms.is_empty() {
        return None;
    }
    Some(parse_quote! {
        impl<'de> ::serde::Deserialize<'de> for #name {
            fn deserialize<D: ::serde::Deserializer<'de>>(deserializer: D) -> ::std::result::Result<Self, D::Error> {
                let value = ::serde_json::Value::deserialize(deserializer)?;
                let read = match value.get(#property).and_then(::serde_json::Value::as_str) {
                    #(#arms,)*
                    _ => Ok(Self::Unknown(value)),
                };
                read.map_err(::serde::de::Error::custom)
            }
        }
    })
}
