//! Members that are secrets: what derives `Debug` would print them, so their structs have a `Debug` that does not.

use heck::ToSnakeCase;
use quote::quote;
use serde_json::Value;
use syn::parse_quote;

use crate::types::{Field, TypeDef, TypeKind, TypeRef, Types};

/// The names on the wire of the members of `def` that are secrets.
pub(crate) fn members(types: &Types, def: &TypeDef) -> Vec<String> {
    let TypeKind::Struct { fields, .. } = &def.kind else { return Vec::new() };
    let original = |field: &Field| def.schema.get("properties").and_then(|members| members.get(&field.name));
    let is_secret = |field: &&Field| {
        is_text(types, &field.kind) && (is_password(types, field, original(field)) || is_named(&field.name))
    };
    fields.iter().filter(is_secret).map(|field| field.name.clone()).collect()
}

fn is_text(types: &Types, kind: &TypeRef) -> bool {
    match types.resolved(kind) {
        TypeRef::String => true,
        TypeRef::Nullable(inner) => is_text(types, &inner),
        _ => false,
    }
}

/// `format: password` (OpenAPI 3.1, 4.4), on the member or on the type that it has.
fn is_password(types: &Types, field: &Field, original: Option<&Value>) -> bool {
    let named = match &field.kind {
        TypeRef::Named(name) => types.get(name).map(|def| &def.schema),
        _ => None,
    };
    original.into_iter().chain(named).any(|schema| schema.get("format").is_some_and(|format| format == "password"))
}

/// What is a secret by its name: passwords, keys and tokens, but no mark of a page and no type of a token.
pub(crate) fn is_named(name: &str) -> bool {
    let name = name.to_snake_case();
    let words: Vec<&str> = name.split('_').collect();
    let ends = |last: &str| words.last() == Some(&last);
    let is_mark = words.iter().any(|word| ["page", "next", "prev", "continuation", "sync", "cursor"].contains(word));
    let is_key = ends("key") && words.iter().any(|word| ["api", "private", "access", "secret"].contains(word));
    ends("password") || ends("passphrase") || ends("secret") || is_key || ends("token") && !is_mark
}

/// A `Debug` that shows that a secret is there and not what it is.
pub(super) fn debug<'a>(
    name: &syn::Ident,
    members: impl Iterator<Item = (&'a syn::Ident, Option<&'a str>)>,
    secrets: &[String],
) -> syn::Item {
    let lines = members.map(|(member, wire)| {
        let text = member.to_string();
        let is_secret = wire.is_some_and(|wire| secrets.iter().any(|secret| secret == wire));
        if is_secret { quote!(.field(#text, &"[redacted]")) } else { quote!(.field(#text, &self.#member)) }
    });
    let text = name.to_string();
    parse_quote! {
        impl ::std::fmt::Debug for #name {
            fn fmt(&self, formatter: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                formatter.debug_struct(#text) #(#lines)* .finish()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// B7: what a document calls by these names is never printed.
    #[test]
    fn secrets_are_known_by_name() {
        for name in ["password", "newPassword", "client_secret", "access_token", "api_key", "token", "privateKey"] {
            assert!(is_named(name), "{name}");
        }
        for name in ["next_page_token", "token_type", "tokens", "key", "secretary", "sort_key", "cursor"] {
            assert!(!is_named(name), "{name}");
        }
    }
}
