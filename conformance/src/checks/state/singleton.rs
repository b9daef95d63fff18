//! `state.update-persists` for what there is one of, such as `/me` or `/settings`: it was not made by the suite and is not
//! its to keep, so one harmless member is changed at a time, and gets its former value back.

use bitting_spec::{Document, Operation};
use serde_json::{Map, Value};

use super::super::same::{another_of, differing};
use crate::credentials::Role;
use crate::finding::Observation;
use crate::generate::{Case, body_media};
use crate::infer::{answered, plain, sent};
use crate::run::{Stop, Trial, writable};

/// How many members are changed.
const MOST: usize = 3;
/// A member with such a word in its name may decide who gets in or what happens to others: it stays as it is.
const HARMFUL: &[&str] = &[
    "id",
    "key",
    "secret",
    "token",
    "password",
    "pass",
    "pin",
    "otp",
    "mfa",
    "factor",
    "email",
    "mail",
    "phone",
    "login",
    "username",
    "user",
    "role",
    "scope",
    "permission",
    "admin",
    "owner",
    "member",
    "group",
    "organization",
    "tenant",
    "status",
    "state",
    "active",
    "enabled",
    "disabled",
    "lock",
    "verified",
    "expire",
    "plan",
    "billing",
    "currency",
    "url",
    "host",
    "domain",
    "callback",
    "redirect",
    "version",
    "etag",
];

/// A choice that is called so decides how something is shown, and nothing else.
const HARMLESS_CHOICES: &[&str] = &["locale", "language", "lang", "theme", "timezone", "color", "colour"];

/// The members that can be changed and seen, if the operation is about a thing of which there is one.
pub(super) fn harmless<'a>(document: &'a Document, operation: &'a Operation) -> Vec<&'a str> {
    let Some(read) = document.reader(&operation.path) else { return Vec::new() };
    let shown: Vec<&str> = answered(document, read).into_iter().map(|(name, _)| name).collect();
    let is_harmless = |name: &str, schema: &Value| {
        let words = plain(name);
        let is_free = ["const", "format", "readOnly"].iter().all(|keyword| schema.get(*keyword).is_none());
        let is_choice = schema.get("enum").is_some();
        is_free
            && (!is_choice || HARMLESS_CHOICES.contains(&words.as_str()))
            && shown.contains(&name)
            && !HARMFUL.iter().any(|word| words.contains(word))
    };
    let sent = sent(document, operation).into_iter();
    sent.filter(|(name, schema)| is_harmless(name, schema)).map(|(name, _)| name).collect()
}

pub(super) async fn persists(trial: &Trial<'_>) -> Result<(), Stop> {
    let (context, operation) = (trial.context, trial.operation);
    let Some(read) = context.document.reader(&operation.path) else { return Ok(()) };
    let about = context.positive(read, Role::Valid).await?;
    let before = trial.call(read, &about, Role::Valid).await?.answer.json().unwrap_or(Value::Null);
    let former = writable(context.document, operation, &before.as_object().cloned().unwrap_or_default());
    let known_members = sent(context.document, operation);
    let mut changes = 0;
    for name in harmless(context.document, operation).into_iter().take(MOST) {
        let known = former.get(name).filter(|value| !value.is_boolean());
        let schema = known_members.iter().find(|(known, _)| *known == name).map(|(_, schema)| *schema);
        let other = known.and_then(|value| another_of(schema, value)).filter(|other| !other.is_null());
        let Some(other) = other else { continue };
        let with = |value: &Value| written(trial, &about, &former, name, value);
        let (Some(change), Some(undo)) = (with(&other), with(&former[name])) else { continue };
        context.undo_later(operation, &undo);
        let changed = trial.call(operation, &change, Role::Valid).await?;
        let shown = trial.call(read, &about, Role::Valid).await?;
        context.undo(operation, &undo).await?;
        if !changed.answer.is_success() {
            continue;
        }
        changes += 1;
        let wanted = Map::from_iter([(name.to_owned(), other)]);
        let body = shown.answer.json().filter(|_| shown.answer.is_success()).unwrap_or(Value::Null);
        if let Some((name, value)) = differing((context.document, read), "id", &wanted, &body) {
            let cause = format!("what was changed reads back with another `{name}`");
            return Err(Observation::error(cause, format!("`{name}` is {value}"), &shown).into());
        }
    }
    if changes == 0 {
        return Err(Stop::Skip("nothing of it could be changed that is harmless and can be put back".to_owned()));
    }
    Ok(())
}

/// The call that gives a member this value: a PATCH names it alone, a PUT all that there was. `None`: the document does
/// not allow it.
fn written(trial: &Trial<'_>, about: &Case, former: &Map<String, Value>, name: &str, value: &Value) -> Option<Case> {
    let (context, operation) = (trial.context, trial.operation);
    let mut members = if operation.method == "PUT" { former.clone() } else { Map::new() };
    members.insert(name.to_owned(), value.clone());
    let body = Value::Object(members);
    let media_type = body_media(operation)?.0.clone();
    let is_allowed = context.shape(operation).takes(&body);
    is_allowed.then(|| Case { body: Some((media_type, body)), ..context.reading(operation, about) })
}
