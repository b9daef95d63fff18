//! A method's signature: required arguments one by one, then the body, then an object of the optional ones, then the
//! options of the call.

use bitting_spec::{Operation, Status};

use super::models::reference;
use super::naming::{MethodName, variable};
use super::text::one_line;
use crate::Surface;
use crate::names::distinct;
use crate::surface::{Answer, Argument, Body, Method};

/// The names of the required arguments.
pub(super) fn positional(method: &Method<'_>) -> Vec<String> {
    let mut taken = Vec::new();
    method.required.iter().map(|argument| distinct(variable(&argument.name), &mut taken)).collect()
}

/// The arguments with their types.
pub(super) fn arguments(surface: &Surface<'_>, method: &Method<'_>, name: &MethodName) -> Vec<String> {
    let required = positional(method).into_iter().zip(&method.required);
    let mut arguments: Vec<String> =
        required.map(|(name, argument)| format!("{name}: {}", reference(&argument.kind, "models."))).collect();
    if let Some(body) = &method.body {
        let optional = if body.required { "" } else { "?" };
        arguments.push(format!("body{optional}: {}", body_type(surface, body)));
    }
    if !method.optional.is_empty() {
        arguments.push(format!("params?: {}", name.params));
    }
    arguments.push("options?: RequestOptions".to_owned());
    arguments
}

/// What only the server sets need not be sent, even where answers always have it.
fn body_type(surface: &Surface<'_>, body: &Body) -> String {
    let kind = reference(&body.kind, "models.");
    let fields = surface.types.fields(&body.kind).unwrap_or_default();
    let not_sent = fields.iter().filter(|field| field.read_only && field.required);
    let not_sent: Vec<String> = not_sent.map(|field| super::text::quoted(&field.name)).collect();
    if not_sent.is_empty() { kind } else { format!("Omit<{kind}, {}>", not_sent.join(" | ")) }
}

/// What the method returns.
pub(super) fn result(method: &Method<'_>) -> String {
    let data = match &method.answer {
        Answer::Json(kind) => reference(kind, "models."),
        Answer::Text => "string".to_owned(),
        Answer::Binary => "Uint8Array".to_owned(),
        Answer::Empty => "void".to_owned(),
    };
    match &method.items {
        Some(items) => format!("PagePromise<{data}, {}>", reference(items, "models.")),
        None => format!("APIPromise<{data}>"),
    }
}

/// What the document says about the operation: one entry per paragraph.
pub(super) fn documentation(method: &Method<'_>) -> Vec<String> {
    let operation = method.operation;
    let mut paragraphs: Vec<String> =
        [&operation.summary, &operation.description].into_iter().flatten().cloned().collect();
    paragraphs.push(format!("`{} {}`. {}", operation.method, operation.path, credentials(operation)));
    for (name, argument) in positional(method).iter().zip(&method.required) {
        paragraphs.extend(described(argument).map(|text| format!("@param {name} - {text}")));
    }
    paragraphs.extend(operation.responses.iter().filter_map(|response| {
        let class = error_class(response.status)?;
        let text = one_line(response.description.as_deref().unwrap_or_default());
        Some(format!("@throws {{{class}}} {}: {text}", response.status))
    }));
    if operation.deprecated {
        paragraphs.push("@deprecated The document says that it should not be used any more.".to_owned());
    }
    paragraphs
}

/// What the document says about an argument, on one line.
pub(super) fn described(argument: &Argument<'_>) -> Option<String> {
    argument.parameter.description.as_deref().map(one_line)
}

/// Which credentials are good for the operation, with the scopes that they need.
fn credentials(operation: &Operation) -> String {
    if operation.security.is_empty() {
        return "Public: no credential is sent.".to_owned();
    }
    let alternatives = operation.security.iter().map(|requirement| {
        let schemes = requirement.iter().map(|(scheme, scopes)| match scopes.as_slice() {
            [] => scheme.clone(),
            scopes => format!("{scheme} with `{}`", scopes.join("`, `")),
        });
        let schemes: Vec<String> = schemes.collect();
        if schemes.is_empty() { "none".to_owned() } else { schemes.join(" and ") }
    });
    format!("Credential: {}.", alternatives.collect::<Vec<_>>().join(", or "))
}

fn error_class(status: Status) -> Option<&'static str> {
    Some(match status {
        Status::Code(400) => "BadRequestError",
        Status::Code(401) => "AuthenticationError",
        Status::Code(403) => "PermissionDeniedError",
        Status::Code(404) => "NotFoundError",
        Status::Code(409) => "ConflictError",
        Status::Code(422) => "UnprocessableEntityError",
        Status::Code(429) => "RateLimitError",
        Status::Code(500..) | Status::Range(5) => "InternalServerError",
        Status::Code(400..) | Status::Range(4) => "APIStatusError",
        _ => return None,
    })
}
