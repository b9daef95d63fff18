//! What a run leaves behind: what it made is taken away, and what it changed that is not its own stands as it stood.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bitting_spec::table::Location;
use bitting_spec::{Document, Operation, template_names};
use futures_util::future::join_all;
use indexmap::IndexMap;
use serde_json::{Map, Value};

use super::stage::path_arguments;
use super::{Context, Stop, held, identity, item_operation};
use crate::credentials::Role;
use crate::finding::place;
use crate::generate::{Case, body_media};
use crate::http::{Answer, Exchange, Request};
use crate::infer::sent;

/// Something that the suite made, and the call that takes it away again.
#[derive(Debug, Clone)]
struct Made {
    operation: String,
    case: Case,
    /// Who takes it away; `None`: whoever can.
    role: Option<Role>,
}

/// What is to be taken away or put back.
#[derive(Debug, Default)]
pub(super) struct Leavings {
    /// What is still there, by the method and the path of the call that takes it away.
    made: Mutex<IndexMap<String, Made>>,
    /// What could not be removed.
    kept: Mutex<Vec<Made>>,
    /// How many objects each operation made that nothing removes.
    lasting: Mutex<BTreeMap<String, u32>>,
}

impl Leavings {
    fn made(&self) -> MutexGuard<'_, IndexMap<String, Made>> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What one operation takes away that was made last, and no more than `most` of it: what was made before may hold it.
    fn last(&self, most: usize) -> Vec<(String, Made)> {
        let made = self.made();
        let Some((_, last)) = made.last() else { return Vec::new() };
        let is_alike = |one: &Made| one.operation == last.operation && one.role == last.role;
        let alike = made.iter().rev().take_while(|(_, one)| is_alike(one)).take(most);
        alike.map(|(key, one)| (key.clone(), one.clone())).collect()
    }

    fn lasting(&self) -> MutexGuard<'_, BTreeMap<String, u32>> {
        self.lasting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn kept(&self) -> MutexGuard<'_, Vec<Made>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Made {
    fn roles(&self) -> Vec<Role> {
        self.role.map_or(vec![Role::Valid, Role::OtherOrganization], |role| vec![role])
    }
}

/// What tells one call that takes something away from another.
fn key(request: &Request) -> String {
    format!("{} {}", request.method, request.path())
}

impl Context<'_> {
    /// Remembers what an exchange made, and forgets what it deleted. What it made, for [`unmake`](Self::unmake).
    pub(crate) fn note_made(&self, operation: &Operation, exchange: &Exchange) -> Option<String> {
        if operation.method == "DELETE" && exchange.answer.is_success() {
            self.stage.leavings.made().shift_remove(&key(&exchange.request));
        }
        let Some((key, made)) = self.made_by(operation, exchange) else {
            self.count_lasting(operation, exchange);
            return None;
        };
        self.stage.leavings.made().insert(key.clone(), made);
        Some(key)
    }

    /// Counts what was made and cannot be taken away: the API has no deletion of such objects.
    fn count_lasting(&self, operation: &Operation, exchange: &Exchange) {
        let is_made = operation.method == "POST" && exchange.answer.is_success();
        let is_object = || item_operation(self, operation, "GET").is_some();
        if is_made && is_object() && item_operation(self, operation, "DELETE").is_none() {
            *self.stage.leavings.lasting().entry(place(operation)).or_default() += 1;
        }
    }

    /// Deletes what was made, so that lists do not grow with a run. What cannot be is tried again at its end.
    pub(super) async fn unmake(&self, key: &str) {
        let made = self.stage.leavings.made().get(key).cloned();
        if let Some(made) = made
            && self.is_removed(&made).await
        {
            self.stage.leavings.made().shift_remove(key);
        }
    }

    /// What an exchange made, and the call that deletes it.
    fn made_by(&self, operation: &Operation, exchange: &Exchange) -> Option<(String, Made)> {
        if operation.method != "POST" || !exchange.answer.is_success() {
            return None;
        }
        let (remover, name) = item_operation(self, operation, "DELETE")?;
        let mut case = path_arguments(&operation.path, exchange.request.path())?;
        case.set(name, Location::Path, identity(&exchange.answer, name)?);
        Some((key(&case.request(remover).ok()?), Made { operation: remover.id.clone(), case, role: None }))
    }

    /// Deletes what was made, the last first. What a check has already deleted is not there any more, which is as good.
    pub(super) async fn tidy_up(&self) {
        loop {
            let last = self.stage.leavings.last(self.options.workers.max(1));
            if last.is_empty() {
                break;
            }
            let is_crowd = last.len() > 1;
            let removed = join_all(last.iter().map(|(_, made)| self.is_removed(made))).await;
            for ((key, made), is_removed) in last.into_iter().zip(removed) {
                // What holds another of them could not go before it.
                let is_removed = is_removed || is_crowd && self.is_removed(&made).await;
                // Only now: what is under way when the time ends is left as well.
                self.stage.leavings.made().shift_remove(&key);
                if !is_removed {
                    self.stage.leavings.kept().push(made);
                }
            }
        }
    }

    async fn is_removed(&self, made: &Made) -> bool {
        let Some(operation) = self.document.operation(&made.operation) else { return false };
        let (mut is_gone, mut is_kept) = (false, false);
        for role in made.roles() {
            // Who is not there made nothing.
            let Ok(exchange) = self.call(operation, &made.case, role).await else { continue };
            match exchange.answer.status {
                200..=299 => return true,
                // What another organization made is not found either.
                404 | 410 => is_gone = true,
                401 | 403 => {}
                _ => is_kept = true,
            }
        }
        is_gone && !is_kept
    }

    /// Remembers a call that puts something back as it was, before it is changed.
    pub(crate) fn undo_later(&self, operation: &Operation, case: &Case) {
        if let Ok(request) = case.request(operation) {
            let undo = Made { operation: operation.id.clone(), case: case.clone(), role: None };
            self.stage.leavings.made().insert(key(&request), undo);
        }
    }

    /// Remembers how something stood that the suite has not made, such as an account of its own, before it is changed: at
    /// the end it stands so again. What cannot be put back is told among what is left.
    pub(super) async fn remember(&self, operation: &Operation, about: &Case, role: Role) -> Result<(), Stop> {
        let Some(read) = self.document.reader(&operation.path) else { return Ok(()) };
        let last = template_names(operation.trimmed_path()).pop();
        let is_given = last.is_some_and(|name| self.given(operation, name, role).is_some());
        let is_ours = operation.collection().is_some() && !is_given;
        if !matches!(operation.method.as_str(), "PUT" | "PATCH") || is_ours {
            return Ok(());
        }
        let read = self.call(read, &self.reading(read, about), role).await?;
        if !read.answer.is_success() {
            return Ok(());
        }
        let undo = former(self, operation, about, &read.answer);
        let Ok(request) = undo.as_ref().unwrap_or(about).request(operation) else { return Ok(()) };
        let made =
            Made { operation: operation.id.clone(), case: undo.clone().unwrap_or(about.clone()), role: Some(role) };
        match undo {
            Some(_) => drop(self.stage.leavings.made().insert(format!("{role} {}", key(&request)), made)),
            None => self.stage.leavings.kept().push(made),
        }
        Ok(())
    }

    /// Puts it back now. What cannot be is tried again at the end of the run.
    pub(crate) async fn undo(&self, operation: &Operation, case: &Case) -> Result<(), Stop> {
        let undone = self.call(operation, case, Role::Valid).await?;
        if undone.answer.is_success() {
            self.stage.leavings.made().shift_remove(&key(&undone.request));
        }
        Ok(())
    }

    /// The calls that would remove what is still there.
    pub(super) fn left(&self) -> Vec<String> {
        let made = self.stage.leavings.made();
        let kept = self.stage.leavings.kept();
        let call = |one: &Made| {
            let operation = self.document.operation(&one.operation)?;
            let request = one.case.request(operation).ok()?;
            Some(self.vault.scrub(&format!("{} {}", request.method, request.target)))
        };
        let lasting = self.stage.leavings.lasting();
        let lasting = lasting.iter().map(|(place, count)| format!("{count} × what {place} makes, which has no DELETE"));
        made.values().chain(kept.iter()).filter_map(call).chain(lasting).collect()
    }
}

/// The members of an object that a change by `operation` may name. What is not set says nothing in a PUT.
pub(crate) fn writable(document: &Document, operation: &Operation, object: &Map<String, Value>) -> Map<String, Value> {
    let known = sent(document, operation);
    let says = |value: &Value| !value.is_null() || operation.method == "PATCH";
    let members = object.iter().filter(|(name, value)| known.iter().any(|(known, _)| known == name) && says(value));
    members.map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// The change that gives an object its members back, as far as the operation takes them: all that are shown, else one by
/// one those that it takes. `None`: it takes none.
fn former(context: &Context<'_>, operation: &Operation, about: &Case, shown: &Answer) -> Option<Case> {
    let body = shown.json()?;
    let members = writable(context.document, operation, held(&body).unwrap_or(&body).as_object()?);
    let shape = context.shape(operation);
    let takes = |members: &Map<String, Value>| shape.takes(&Value::Object(members.clone()));
    let body = if takes(&members) {
        members
    } else {
        let alone = |(name, value): &(String, Value)| takes(&Map::from_iter([(name.clone(), value.clone())]));
        members.into_iter().filter(alone).collect()
    };
    let media_type = body_media(operation)?.0.clone();
    let is_taken = !body.is_empty() && takes(&body);
    is_taken.then(|| Case { body: Some((media_type, Value::Object(body))), ..context.reading(operation, about) })
}
