//! One operation: a method that takes what must be given, and builder methods for what may be.

use bitting_spec::Status;
use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::parse_quote;

use super::docs::{described, doc};
use super::words::{Scope, Taken, ident, rust_type, taken, value_ident};
use crate::names::distinct;
use crate::surface::{Answer, Argument, Body, Method};
use crate::types::{TypeRef, Types};

/// What every call has, so that no parameter is called so.
const OF_EVERY_CALL: [&str; 10] =
    ["new", "set", "text", "json", "raw", "with_options", "pages", "items", "into_future", "clone"];

/// The code of one operation.
pub(super) struct Written {
    /// What marks its calls, and what is said of them.
    pub(super) items: Vec<syn::Item>,
    /// The method of its resource.
    pub(super) method: TokenStream,
}

/// Writes `method` as `name` of the resource `resource`; its calls are marked by `mark`.
pub(super) fn written(
    types: &Types,
    method: &Method<'_>,
    (resource, name, mark): (&syn::Ident, &str, &syn::Ident),
) -> Written {
    let name_ident = ident(name);
    let answer = answer(&method.answer);
    let is_marked = !method.optional.is_empty()
        || method.items.is_some()
        || method.body.as_ref().is_some_and(|body| !body.required);
    let call = if is_marked { quote!(Call<#mark, #answer>) } else { quote!(Call<(), #answer>) };
    let Given { arguments, steps } = given(types, method);
    let (docs, id) = (doc(&about(method)), &method.operation.id);
    let deprecated = method.operation.deprecated.then(|| quote!(#[deprecated]));
    let function = quote! {
        #docs #deprecated
        pub fn #name_ident(&self, #(#arguments),*) -> #call {
            Call::new(&self.client, #id) #(#steps)*
        }
    };
    let mut items = Vec::new();
    if is_marked {
        let about = doc(&format!("Marks the calls of [`{resource}::{name}`]."));
        items.push(parse_quote!(#about #[derive(Debug, Clone, Copy)] pub enum #mark {}));
        items.extend(setters(types, method, &call));
    }
    if let Some(kind) = &method.items {
        let kind = rust_type(kind, Scope::Crate);
        items.push(parse_quote!(impl Paged for #mark { type Item = #kind; }));
    }
    Written { items, method: function }
}

/// The arguments of a method and what it does with them.
struct Given {
    arguments: Vec<TokenStream>,
    steps: Vec<TokenStream>,
}

fn given(types: &Types, method: &Method<'_>) -> Given {
    let mut given = Given { arguments: Vec::new(), steps: Vec::new() };
    let mut names = vec!["self_".to_owned()];
    for argument in &method.required {
        let name = format_ident!("{}", distinct(value_ident(&argument.name).to_string(), &mut names));
        let (kind, step) = set(types, argument, &name);
        given.arguments.push(quote!(#name: #kind));
        given.steps.push(step);
    }
    if let Some(body) = method.body.as_ref().filter(|body| body.required) {
        let name = format_ident!("{}", distinct("body".to_owned(), &mut names));
        let (kind, step) = sent(types, body, &name);
        given.arguments.push(quote!(#name: #kind));
        given.steps.push(step);
    }
    given
}

/// The builder methods for what may be left out.
fn setters(types: &Types, method: &Method<'_>, call: &TokenStream) -> Option<syn::Item> {
    let mut names: Vec<String> = OF_EVERY_CALL.map(str::to_owned).to_vec();
    let mut setters = Vec::new();
    for argument in &method.optional {
        let argument_name = value_ident(&argument.name);
        let name = format_ident!("{}", distinct(argument_name.to_string(), &mut names));
        let (kind, step) = set(types, argument, &argument_name);
        let parameter = &argument.parameter;
        let about = described(parameter.description.as_deref());
        let about = doc(&about.unwrap_or_else(|| format!("Sets `{}`.", parameter.name.replace('`', "'"))));
        let deprecated = parameter.deprecated.then(|| quote!(#[deprecated]));
        setters.push(quote! {
            #about #deprecated
            pub fn #name(self, #argument_name: #kind) -> Self { self #step }
        });
    }
    if let Some(body) = method.body.as_ref().filter(|body| !body.required) {
        let name = format_ident!("{}", distinct("body".to_owned(), &mut names));
        let (kind, step) = sent(types, body, &ident("body"));
        setters.push(quote! {
            /// Sets the body.
            pub fn #name(self, body: #kind) -> Self { self #step }
        });
    }
    (!setters.is_empty()).then(|| parse_quote!(impl #call { #(#setters)* }))
}

fn set(types: &Types, argument: &Argument<'_>, name: &syn::Ident) -> (TokenStream, TokenStream) {
    let Taken { kind, value, is_text } = taken(name, &argument.kind, types);
    let key = &argument.key;
    (kind, if is_text { quote!(.text(#key, #name)) } else { quote!(.set(#key, #value)) })
}

/// The body's type and how it is sent. Files go as parts, since JSON has no bytes.
fn sent(types: &Types, body: &Body, name: &syn::Ident) -> (TokenStream, TokenStream) {
    let media_type = &body.media_type;
    let has_files = types.fields(&body.kind).is_none_or(|fields| {
        fields.iter().any(|field| match types.resolved(&field.kind) {
            TypeRef::List(items) => types.resolved(&items) == TypeRef::Binary,
            kind => kind == TypeRef::Binary,
        })
    });
    if media_type.starts_with("multipart/") && has_files {
        return (quote!(Vec<Part>), quote!(.raw(#media_type, Body::Multipart(#name))));
    }
    match types.resolved(&body.kind) {
        TypeRef::Binary => (quote!(impl Into<Vec<u8>>), raw(media_type, &quote!(Vec<u8>), name)),
        TypeRef::String if media_type.starts_with("text/") => {
            (quote!(impl Into<String>), raw(media_type, &quote!(String), name))
        }
        _ => {
            let Taken { kind, value, .. } = taken(name, &body.kind, types);
            (kind, quote!(.json(#value)))
        }
    }
}

fn raw(media_type: &str, kind: &TokenStream, name: &syn::Ident) -> TokenStream {
    quote!(.raw(#media_type, Body::Bytes(Into::<#kind>::into(#name).into())))
}

fn answer(answer: &Answer) -> TokenStream {
    match answer {
        Answer::Json(kind) => {
            let kind = rust_type(kind, Scope::Crate);
            quote!(Json<#kind>)
        }
        Answer::Text => quote!(String),
        Answer::Binary => quote!(::bytes::Bytes),
        Answer::Empty => quote!(()),
    }
}

/// What the document says about an operation, what it needs and what it may answer instead.
fn about(method: &Method<'_>) -> String {
    let operation = method.operation;
    let summary = described(operation.summary.as_deref());
    let description = described(operation.description.as_deref()).filter(|text| Some(text) != summary.as_ref());
    let mut parts: Vec<String> = summary.into_iter().chain(description).collect();
    let arguments = method.required.iter().filter_map(|argument| {
        let about = described(argument.parameter.description.as_deref())?;
        Some(format!("- `{}`: {}", value_ident(&argument.name), about.lines().next().unwrap_or_default()))
    });
    let arguments: Vec<String> = arguments.collect();
    if !arguments.is_empty() {
        parts.push(arguments.join("\n"));
    }
    parts.push(format!("`{} {}`. {}", operation.method, operation.path.replace('`', "'"), facts(method)));
    parts.join("\n\n")
}

fn facts(method: &Method<'_>) -> String {
    let operation = method.operation;
    let alternatives = operation.security.iter().map(|requirement| {
        let schemes = requirement.iter().map(|(scheme, scopes)| match scopes.as_slice() {
            [] => format!("`{scheme}`"),
            scopes => format!("`{scheme}` with the scopes `{}`", scopes.join(" ")),
        });
        if requirement.is_empty() { "none".to_owned() } else { schemes.collect::<Vec<_>>().join(" and ") }
    });
    let alternatives: Vec<String> = alternatives.collect();
    let credential = if alternatives.is_empty() {
        "No credential.".to_owned()
    } else {
        format!("Credential: {}.", alternatives.join(" or "))
    };
    let errors = operation.responses.iter().filter(|response| !response.status.is_success());
    let errors: Vec<String> = errors
        .map(|response| match response.status {
            Status::Default => "any other status".to_owned(),
            status => status.to_string(),
        })
        .collect();
    if errors.is_empty() { credential } else { format!("{credential} Errors: {}.", errors.join(", ")) }
}
