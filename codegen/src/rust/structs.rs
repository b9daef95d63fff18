//! Structs: progenitor's types of the members, with the document's order and words, and a constructor for what is sent.

use std::collections::BTreeMap;

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use serde_json::Value;
use syn::parse_quote;

use super::docs::{described, doc};
use super::secret;
use super::usage::Usage;
use super::words::{type_ident, value_ident};
use crate::names::distinct;
use crate::types::{Field, TypeDef, TypeKind, TypeRef, Types};

/// A member as it is written.
struct Member<'a> {
    field: Option<&'a Field>,
    name: syn::Ident,
    kind: syn::Type,
}

/// The struct of `def` and its constructor, from what progenitor `made`.
pub(super) fn completed(types: &Types, def: &TypeDef, made: syn::ItemStruct, usage: &Usage) -> Vec<syn::Item> {
    let TypeKind::Struct { fields, additional } = &def.kind else { return vec![syn::Item::Struct(made)] };
    let (is_sent, is_only_sent) = (usage.is_sent(&def.name), usage.is_only_sent(&def.name));
    let has_default = fields.iter().all(|field| !field.required);
    let mut kinds: BTreeMap<String, syn::Type> =
        made.fields.into_iter().map(|field| (wire_name(&field), field.ty)).collect();
    let mut taken = Vec::new();
    let mut members: Vec<Member<'_>> = Vec::new();
    for field in fields {
        let Some(kind) = kinds.remove(&field.name) else { continue };
        let name = value_ident(&field.name).to_string();
        let name = format_ident!("{}", distinct(name, &mut taken));
        members.push(Member { field: Some(field), name, kind: optional(field, kind, is_sent, is_only_sent) });
    }
    if additional.is_some()
        && let Some(kind) = kinds.remove(FLATTENED)
    {
        let name = format_ident!("{}", distinct("extra".to_owned(), &mut taken));
        members.push(Member { field: None, name, kind });
    }
    let docs = described(def.description.as_deref()).map(|text| doc(&text));
    let name = type_ident(&def.name);
    let lines = members.iter().map(Member::line);
    let secrets = secret::members(types, def);
    let debug = secrets.is_empty().then(|| quote!(Debug,));
    let default = has_default.then(|| quote!(Default,));
    let mut items = vec![parse_quote! {
        #docs
        #[derive(Clone, #debug #default PartialEq, ::serde::Deserialize, ::serde::Serialize)]
        pub struct #name { #(#lines,)* }
    }];
    if !secrets.is_empty() {
        let names = members.iter().map(|member| (&member.name, member.field.map(|field| field.name.as_str())));
        items.push(secret::debug(&name, names, &secrets));
    }
    if is_sent {
        items.extend(constructor(types, &name, &members));
    }
    items
}

/// The key of progenitor's member for what has no name, which cannot be a member's name on the wire at the same time.
const FLATTENED: &str = "\u{0}flattened";

/// The member's name on the wire: its `serde(rename)`, else its own.
fn wire_name(field: &syn::Field) -> String {
    let mut name = field.ident.as_ref().map(ToString::to_string).unwrap_or_default();
    for attr in field.attrs.iter().filter(|attr| attr.path().is_ident("serde")) {
        // What this cannot read stands behind what it looks for.
        let _ = attr.parse_nested_meta(|meta| {
            if meta.path.is_ident("rename") {
                name = meta.value()?.parse::<syn::LitStr>()?.value();
            } else if meta.path.is_ident("flatten") {
                FLATTENED.clone_into(&mut name);
            } else if meta.input.peek(syn::Token![=]) {
                meta.value()?.parse::<syn::Expr>()?;
            }
            Ok(())
        });
    }
    name
}

/// The type of a member that may be left out. What is sent tells an empty list from none at all, and, where `null` has
/// a meaning of its own, `null` from nothing.
fn optional(field: &Field, kind: syn::Type, is_sent: bool, is_only_sent: bool) -> syn::Type {
    if field.required {
        return kind;
    }
    let may_be_null = matches!(field.kind, TypeRef::Nullable(_));
    match last_segment(&kind).as_str() {
        "Option" if may_be_null && is_only_sent => parse_quote!(::std::option::Option<#kind>),
        "Option" => kind,
        "Vec" | "BTreeMap" | "Map" if !is_sent => kind,
        _ => parse_quote!(::std::option::Option<#kind>),
    }
}

fn last_segment(kind: &syn::Type) -> String {
    match kind {
        syn::Type::Path(path) => path.path.segments.last().map(|last| last.ident.to_string()).unwrap_or_default(),
        _ => String::new(),
    }
}

impl Member<'_> {
    fn line(&self) -> TokenStream {
        let Self { name, kind, .. } = self;
        let Some(field) = self.field else {
            return quote! {
                /// Members that the document does not name.
                #[serde(flatten)]
                pub #name: #kind
            };
        };
        let mut serde = Vec::new();
        let wire = &field.name;
        if name != wire {
            serde.push(quote!(rename = #wire));
        }
        if !field.required {
            let empty = match last_segment(kind).as_str() {
                "Vec" => "::std::vec::Vec::is_empty",
                "BTreeMap" => "::std::collections::BTreeMap::is_empty",
                "Map" => "::serde_json::Map::is_empty",
                _ => "::std::option::Option::is_none",
            };
            serde.push(quote!(default, skip_serializing_if = #empty));
        }
        let serde = (!serde.is_empty()).then(|| quote!(#[serde(#(#serde),*)]));
        let docs = described(field.description.as_deref()).map(|text| doc(&text));
        quote!(#docs #serde pub #name: #kind)
    }

    fn is_optional(&self) -> bool {
        self.field.is_none_or(|field| !field.required)
    }

    /// Its value where the document leaves no choice.
    fn constant(&self) -> Option<TokenStream> {
        match &self.field?.kind {
            TypeRef::Literal(Value::String(text)) => Some(quote!(#text.to_owned())),
            TypeRef::Literal(Value::Bool(flag)) => Some(quote!(#flag)),
            TypeRef::Literal(Value::Number(number)) => {
                let number: proc_macro2::Literal = number.to_string().parse().ok()?;
                Some(quote!(#number))
            }
            _ => None,
        }
    }
}

/// `new` with what must be given, if something else may be left out or is fixed; `default` if nothing must be.
fn constructor(types: &Types, name: &syn::Ident, members: &[Member<'_>]) -> Option<syn::Item> {
    let is_given = |member: &&Member<'_>| !member.is_optional() && member.constant().is_none();
    let given: Vec<&Member<'_>> = members.iter().filter(is_given).collect();
    if given.len() == members.len() || members.iter().all(Member::is_optional) {
        return None;
    }
    let (mut arguments, mut values) = (Vec::new(), Vec::new());
    for member in members {
        let Member { name, kind, field } = member;
        if member.is_optional() {
            values.push(quote!(#name: ::std::default::Default::default()));
            continue;
        }
        if let Some(constant) = member.constant() {
            values.push(quote!(#name: #constant));
            continue;
        }
        if field.is_some_and(|field| is_converted(types, &field.kind)) && last_segment(kind) != "Box" {
            arguments.push(quote!(#name: impl ::std::convert::Into<#kind>));
            values.push(quote!(#name: #name.into()));
        } else {
            arguments.push(quote!(#name: #kind));
            values.push(quote!(#name));
        }
    }
    let value = quote!(Self { #(#values),* });
    if arguments.is_empty() {
        return Some(parse_quote! {
            impl ::std::default::Default for #name {
                fn default() -> Self { #value }
            }
        });
    }
    let many = (arguments.len() > 7).then(|| quote!(#[allow(clippy::too_many_arguments)]));
    Some(parse_quote! {
        impl #name {
            /// What is required, and nothing else.
            #many
            pub fn new(#(#arguments),*) -> Self { #value }
        }
    })
}

/// Whether a value can be made of a text.
fn is_converted(types: &Types, kind: &TypeRef) -> bool {
    match types.resolved(kind) {
        TypeRef::String | TypeRef::Binary => true,
        TypeRef::Named(name) => types.get(&name).is_some_and(|def| matches!(def.kind, TypeKind::Enum(_))),
        _ => false,
    }
}
