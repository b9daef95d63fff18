//! From the document to the operation table that a client needs at call time.

use super::operation::{MediaType, Operation, Parameter, RequestBody};
use super::security::SecurityScheme;
use super::{Document, Server};
use crate::table::{self, Api, Body};

impl Document {
    /// The operation table of this document for an API called `name` (kebab case).
    #[must_use]
    pub fn table(&self, name: &str) -> Api {
        Api {
            name: name.to_owned(),
            version: self.version.clone(),
            servers: urls(&self.servers),
            env_prefix: name.to_uppercase().replace('-', "_"),
            schemes: self.security_schemes.iter().map(scheme).collect(),
            operations: self.operations.iter().map(operation).collect(),
            rate_limit: self.rate_limit.clone(),
            retry: self.retry.clone(),
        }
    }

    /// A name for the API in kebab case: the file's, or the title's if the file is called `openapi` or the like.
    #[must_use]
    pub fn api_name(&self) -> String {
        let file = self.file().rsplit(['/', '\\']).next().unwrap_or_default();
        let stem = file.split('.').next().unwrap_or_default();
        let generic = ["openapi", "swagger", "api", "spec", "schema", "index", "-", ""].contains(&stem);
        let name = kebab(if generic { &self.title } else { stem });
        if name.is_empty() { "api".to_owned() } else { name }
    }
}

/// Words of letters and digits, joined by `-`, in lower case.
fn kebab(text: &str) -> String {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("-").to_lowercase()
}

fn urls(servers: &[Server]) -> Vec<String> {
    servers.iter().map(|server| server.url.clone()).collect()
}

fn scheme(scheme: &SecurityScheme) -> table::Scheme {
    table::Scheme { name: scheme.name.clone(), kind: scheme.kind.clone(), auth: scheme.auth.clone() }
}

fn operation(operation: &Operation) -> table::Operation {
    table::Operation {
        id: operation.id.clone(),
        method: operation.method.clone(),
        path: operation.path.clone(),
        servers: urls(&operation.servers),
        parameters: operation.parameters.iter().map(parameter).collect(),
        body: operation.request_body.as_ref().map(body),
        accept: accept(operation),
        security: operation.security.clone(),
        idempotent: operation.idempotent,
        rate_limit: operation.rate_limit.clone(),
        pagination: operation.pagination.clone(),
    }
}

fn parameter(parameter: &Parameter) -> table::Parameter {
    table::Parameter {
        name: parameter.name.clone(),
        location: parameter.location,
        required: parameter.required,
        encoding: parameter.encoding.clone(),
    }
}

fn body(body: &RequestBody) -> Body {
    let mut deep: Vec<String> = body.content.values().flat_map(MediaType::deep).map(str::to_owned).collect();
    deep.sort_unstable();
    deep.dedup();
    Body { required: body.required, media_types: json_first(body.content.keys()), deep }
}

fn accept(operation: &Operation) -> Vec<String> {
    let names = operation.successes().flat_map(|response| response.content.keys());
    let mut unique = Vec::new();
    for name in json_first(names) {
        if !unique.contains(&name) {
            unique.push(name);
        }
    }
    unique
}

fn json_first<'a>(names: impl Iterator<Item = &'a String>) -> Vec<String> {
    let mut names: Vec<String> = names.cloned().collect();
    names.sort_by_key(|name| !name.contains("json"));
    names
}
