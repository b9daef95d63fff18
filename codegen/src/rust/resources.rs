//! The resources: what the API offers, grouped by the first tag of its operations.

use std::collections::BTreeSet;

use proc_macro2::TokenStream;
use quote::quote;
use serde_json::Value;
use syn::parse_quote;

use super::docs::{described, doc};
use super::operation::{Written, written};
use super::words::{ident, shortened, text, type_ident};
use crate::Surface;
use crate::names::{Language, distinct, type_name};
use crate::surface::Resource;
use crate::types::Types;

/// What the modules of resources name, so that no type of theirs is called so.
const NAMED: [&str; 13] = [
    "Body",
    "Call",
    "Clone",
    "Debug",
    "Into",
    "IntoIterator",
    "Json",
    "Option",
    "Paged",
    "Part",
    "Serialize",
    "String",
    "Vec",
];

/// What of a client's members explains its credentials, be it a resource of the API or not.
pub(super) const AUTH: &str = "auth";

/// A resource as it is written.
pub(super) struct Named<'a> {
    resource: &'a Resource<'a>,
    /// Its module, and the method of the client that gives it.
    pub(super) module: syn::Ident,
    /// Its type.
    pub(super) kind: syn::Ident,
}

/// The resources with their names in Rust, and away from what a client has besides.
pub(super) fn named<'a>(surface: &'a Surface<'a>) -> Vec<Named<'a>> {
    let mut modules = ["builder", "from_env", "core", "clone", "from"].map(str::to_owned).to_vec();
    let mut kinds = NAMED.map(str::to_owned).to_vec();
    let resources = surface.resources.iter().map(|resource| Named {
        resource,
        module: ident(&distinct(Language::Rust.value(&resource.name), &mut modules)),
        kind: type_ident(&distinct(Language::Rust.type_name(&resource.name), &mut kinds)),
    });
    resources.collect()
}

/// `src/resources.rs` and a file for each of them.
pub(super) fn files(surface: &Surface<'_>) -> Vec<(String, String)> {
    let named = named(surface);
    let modules = named.iter().map(|Named { module, .. }| quote!(mod #module;));
    let reexports = named.iter().map(|Named { module, .. }| quote!(pub use #module::*;));
    let index: syn::File = parse_quote!(#(#modules)* #(#reexports)*);
    let mut files = vec![(
        "src/resources.rs".to_owned(),
        format!("//! What the API offers, by resource.\n\n{}", text(index.items)),
    )];
    let mut marks = NAMED.map(str::to_owned).to_vec();
    marks.extend(named.iter().map(|one| one.kind.to_string()));
    files.extend(
        named.iter().map(|one| (format!("src/resources/{}.rs", one.module), resource(surface, one, &mut marks))),
    );
    files
}

fn resource(surface: &Surface<'_>, named: &Named<'_>, marks: &mut Vec<String>) -> String {
    let Named { resource, kind, .. } = named;
    let (mut names, mut methods, mut items) = (["new", "clone"].map(str::to_owned).to_vec(), Vec::new(), Vec::new());
    let explain = (named.module == AUTH).then(|| {
        names.push("explain".to_owned());
        quote! {
            /// Which credential the client uses for each scheme, from where, until when, and for what. No secret.
            pub fn explain(&self) -> Vec<bitting::CredentialReport> {
                self.client.auth().explain()
            }
        }
    });
    for method in &resource.methods {
        let name = distinct(Language::Rust.value(&method.name), &mut names);
        let mark = type_ident(&distinct(type_name(&method.operation.id), marks));
        let Written { items: own, method } = written(&surface.types, method, (kind, &name, &mark));
        items.extend(own);
        methods.push(method);
    }
    let about = named.about(surface);
    let body: syn::File = parse_quote! {
        #about
        #[derive(Debug, Clone)]
        pub struct #kind {
            client: bitting::Client,
        }
        impl #kind {
            pub(crate) fn new(client: &bitting::Client) -> Self {
                Self { client: client.clone() }
            }
            #explain
            #(#methods)*
        }
        #(#items)*
    };
    let body = shortened(&text(body.items), &Types::default());
    format!("//! The resource `{}`.\n\n{}\n{body}", resource.name.replace(['`', '\n', '\r'], "'"), imports(&body))
}

/// The `use` lines of a resource: of what its code names.
fn imports(body: &str) -> String {
    const NAMES: [(&str, &[&str]); 4] = [
        ("bitting", &["Body", "Json", "Part"]),
        ("serde", &["Serialize"]),
        ("crate::call", &["Call", "Paged"]),
        ("crate", &["types"]),
    ];
    let is_word = |sign: char| sign.is_alphanumeric() || sign == '_';
    let code = body.lines().filter(|line| !line.trim_start().starts_with("//"));
    let words: BTreeSet<&str> = code.flat_map(|line| line.split(|sign: char| !is_word(sign))).collect();
    let mut lines = Vec::new();
    for (path, names) in NAMES {
        let used: Vec<&str> = names.iter().copied().filter(|name| words.contains(name)).collect();
        if path == "crate::call" && !lines.is_empty() {
            lines.push(String::new());
        }
        match used.as_slice() {
            [] => {}
            [one] => lines.push(format!("use {path}::{one};")),
            many => lines.push(format!("use {path}::{{{}}};", many.join(", "))),
        }
    }
    lines.join("\n") + "\n"
}

impl Named<'_> {
    /// What the document says about its tag, as a doc comment.
    pub(super) fn about(&self, surface: &Surface<'_>) -> TokenStream {
        let name = &self.resource.name;
        let tags = surface.document.value.get("tags").and_then(Value::as_array);
        let tag = tags.and_then(|tags| tags.iter().find(|tag| tag["name"] == *name));
        let about = described(tag.and_then(|tag| tag.get("description")?.as_str()));
        doc(&about.unwrap_or_else(|| format!("The operations under `{}`.", name.replace('`', "'"))))
    }
}
