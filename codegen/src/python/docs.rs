//! What a method's docstring says, from the document.

use std::collections::BTreeSet;

use bitting_spec::{Operation, Status};

use super::text::docstring;

/// About an operation: its summary and description.
pub(super) fn about(operation: &Operation) -> Vec<String> {
    let place = format!("``{} {}``", operation.method, operation.path);
    let mut paragraphs: Vec<String> = Vec::new();
    paragraphs.extend(operation.summary.as_deref().map(sentence));
    if let Some(description) = operation.description.as_ref().filter(|text| Some(*text) != operation.summary.as_ref()) {
        paragraphs.push(description.trim().to_owned());
    }
    if operation.deprecated {
        paragraphs.push("Deprecated: it should not be used any more.".to_owned());
    }
    paragraphs.push(format!("{place}. {}", credentials(operation)));
    paragraphs
}

/// What an operation needs, alternative by alternative.
fn credentials(operation: &Operation) -> String {
    if operation.security.is_empty() {
        return "Needs no credential.".to_owned();
    }
    let scheme = |(name, scopes): (&String, &Vec<String>)| match scopes.as_slice() {
        [] => format!("``{name}``"),
        scopes => {
            let scopes: Vec<String> = scopes.iter().map(|scope| format!("``{scope}``")).collect();
            format!("``{name}`` with {} {}", if scopes.len() == 1 { "scope" } else { "scopes" }, scopes.join(", "))
        }
    };
    let optional = operation.security.iter().any(|requirement| requirement.is_empty());
    let alternatives: Vec<String> = operation
        .security
        .iter()
        .filter(|requirement| !requirement.is_empty())
        .map(|requirement| requirement.iter().map(scheme).collect::<Vec<_>>().join(" and "))
        .collect();
    match (alternatives.is_empty(), optional) {
        (true, _) => "Needs no credential.".to_owned(),
        (false, true) => format!("Takes a credential, and needs none: {}.", alternatives.join(", or ")),
        (false, false) => format!("Needs {}.", alternatives.join(", or ")),
    }
}

/// The errors that the document names, each with what it says about them.
pub(super) fn raises(operation: &Operation) -> Option<String> {
    let mut seen = BTreeSet::new();
    let mut lines = Vec::new();
    for response in &operation.responses {
        let Some((class, code)) = error(response.status) else { continue };
        if seen.insert((class, code.clone())) {
            let about = sentence(&one_line(response.description.as_deref().unwrap_or_default()));
            lines.push(format!("    {class}: {code}. {about}").trim_end().to_owned());
        }
    }
    (!lines.is_empty()).then(|| format!("Raises:\n{}", lines.join("\n")))
}

/// The exception of a status (`bitting/_errors.py`).
fn error(status: Status) -> Option<(&'static str, String)> {
    let class = match status {
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
    };
    Some((class, status.to_string()))
}

/// The members of a class, each with what is said about it; those that have something to say stand apart.
pub(super) fn members<'a>(members: impl Iterator<Item = (String, Option<&'a str>)>) -> String {
    let mut source = String::new();
    let mut is_apart = true;
    for (member, about) in members {
        if is_apart || about.is_some() {
            source.push('\n');
        }
        source.push_str(&format!("    {member}\n"));
        is_apart = about.is_some();
        source.push_str(&about.map(|about| docstring(4, &[sentence(about)])).unwrap_or_default());
    }
    source
}

/// `text` with a full stop.
pub(super) fn sentence(text: &str) -> String {
    let text = text.trim();
    if text.is_empty() || text.ends_with(['.', '!', '?', ':']) { text.to_owned() } else { format!("{text}.") }
}

/// `text` in one line.
pub(super) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
