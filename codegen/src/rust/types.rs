//! The module `types`: what progenitor made, cut down to the shapes, and our open enums and unions.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{Group, TokenStream, TokenTree};
use syn::parse_quote;

use super::docs::{described, doc};
use super::usage::Usage;
use super::words::{shortened, text, type_ident};
use super::{enums, progenitor, schemas, structs, unions};
use crate::types::{TypeDef, TypeKind, TypeRef, Types};
use crate::{Note, Surface};

/// The source of the module.
pub(super) fn source(surface: &Surface<'_>, notes: &mut Vec<Note>) -> String {
    let types = &surface.types;
    let lowered = schemas::lowered(surface);
    let mut own: Vec<Note> = (lowered.rewrites.iter())
        .map(|rewrite| Note {
            place: format!("{}{}", rewrite.schema, rewrite.pointer),
            message: format!("{} is not in the Rust type: {}", rewrite.what, rewrite.why),
        })
        .collect();
    let is_ours = |def: &TypeDef| matches!(def.kind, TypeKind::Enum(_) | TypeKind::Union { .. });
    let ours = types.defs.iter().enumerate().filter(|(_, def)| is_ours(def)).map(|(index, _)| schemas::key(index));
    let mut made = Made::read(types, &progenitor::types(&lowered, &ours.collect::<Vec<_>>(), &mut own));
    notes.extend(own.into_iter().map(|note| renamed(types, note)));
    let usage = Usage::of(surface);
    let mut items: Vec<syn::Item> = Vec::new();
    for def in &types.defs {
        match &def.kind {
            TypeKind::Enum(values) => items.push(enums::open(def, values)),
            TypeKind::Union { variants, discriminator } => {
                items.extend(unions::union(types, def, variants, discriminator.as_ref()));
            }
            TypeKind::Struct { .. } | TypeKind::Alias(_) => items.extend(made.take(types, def, &usage)),
        }
    }
    items.extend(made.rest());
    let text = shortened(&text(items), types);
    format!("//! The types: what requests and answers are made of.\n\n{text}")
}

/// `note` with the type's own name.
fn renamed(types: &Types, mut note: Note) -> Note {
    let key = note.place.split('/').next().unwrap_or_default().to_owned();
    if let Some(def) = schemas::keyed(types, &key) {
        note.place = format!("{}{}", def.name, &note.place[key.len()..]);
    }
    note
}

/// `tokens` with the types' own names.
fn named(types: &Types, tokens: TokenStream) -> TokenStream {
    let tokens = tokens.into_iter().map(|token| match token {
        TokenTree::Ident(ident) => match schemas::keyed(types, &ident.to_string()) {
            Some(def) => TokenTree::Ident(type_ident(&def.name)),
            None => TokenTree::Ident(ident),
        },
        TokenTree::Group(group) => TokenTree::Group(Group::new(group.delimiter(), named(types, group.stream()))),
        other => other,
    });
    tokens.collect()
}

/// What progenitor made, by the name of the type.
struct Made {
    structs: BTreeMap<String, syn::ItemStruct>,
    impls: Vec<syn::ItemImpl>,
    others: Vec<syn::Item>,
}

impl Made {
    fn read(types: &Types, source: &str) -> Self {
        let mut made = Self { structs: BTreeMap::new(), impls: Vec::new(), others: Vec::new() };
        let tokens = source.parse::<TokenStream>().unwrap_or_default();
        let file = syn::parse2::<syn::File>(named(types, tokens)).ok();
        let modules = file.into_iter().flat_map(|file| file.items).filter_map(|item| match item {
            syn::Item::Mod(module) if module.ident == "types" => module.content,
            _ => None,
        });
        for item in modules.flat_map(|(_, items)| items) {
            match item {
                syn::Item::Struct(item) => drop(made.structs.insert(item.ident.to_string(), item)),
                syn::Item::Impl(item) => made.impls.push(item),
                other => made.others.push(other),
            }
        }
        made
    }

    /// The items of one type. A struct around one value is an alias, unless the alias would be without end.
    fn take(&mut self, types: &Types, def: &TypeDef, usage: &Usage) -> Vec<syn::Item> {
        let name = type_ident(&def.name);
        let docs = described(def.description.as_deref()).map(|text| doc(&text));
        let Some(made) = self.structs.remove(&name.to_string()) else {
            return vec![parse_quote!(#docs pub type #name = ::serde_json::Value;)];
        };
        match made.fields {
            syn::Fields::Unnamed(ref fields) if fields.unnamed.len() == 1 && !is_endless(types, &def.name) => {
                let inner = &fields.unnamed[0].ty;
                vec![parse_quote!(#docs pub type #name = #inner;)]
            }
            syn::Fields::Unnamed(ref fields) => {
                let fields = &fields.unnamed;
                vec![parse_quote! {
                    #docs
                    #[derive(Clone, Debug, PartialEq, ::serde::Deserialize, ::serde::Serialize)]
                    #[serde(transparent)]
                    pub struct #name(#fields);
                }]
            }
            _ => structs::completed(types, def, made, usage),
        }
    }

    /// Types that progenitor made of its own accord, with what belongs to them.
    fn rest(self) -> Vec<syn::Item> {
        let mut names: BTreeSet<String> = self.structs.keys().cloned().collect();
        names.extend(self.others.iter().filter_map(|item| match item {
            syn::Item::Enum(item) => Some(item.ident.to_string()),
            _ => None,
        }));
        if names.is_empty() {
            return Vec::new();
        }
        let belongs = |item: &syn::ItemImpl| match &*item.self_ty {
            syn::Type::Path(path) => path.path.get_ident().is_some_and(|name| names.contains(&name.to_string())),
            _ => false,
        };
        let impls = self.impls.into_iter().filter(belongs).map(syn::Item::Impl);
        self.others.into_iter().chain(self.structs.into_values().map(syn::Item::Struct)).chain(impls).collect()
    }
}

/// Whether an alias leads back to itself, be it through lists and maps.
fn is_endless(types: &Types, name: &str) -> bool {
    let mut seen = BTreeSet::new();
    let mut at = name;
    while let Some(TypeKind::Alias(kind)) = types.get(at).map(|def| &def.kind) {
        if !seen.insert(at) {
            return true;
        }
        let mut kind = kind;
        while let TypeRef::List(inner) | TypeRef::Map(inner) | TypeRef::Nullable(inner) = kind {
            kind = inner;
        }
        let TypeRef::Named(next) = kind else { return false };
        at = next;
    }
    false
}
