//! What has to be done to an object before an operation takes it: a bill is paid when it is final, and what was deleted
//! is restored.

use bitting_spec::{Document, Operation, infer};

use super::{Context, Stop};
use crate::credentials::Role;
use crate::generate::Case;

/// How many ways to prepare an object are tried for one operation, each with an object of its own.
const MAX_WAYS: usize = 10;
/// How many of its bodies are tried then.
const MAX_BODIES: usize = 2;
/// What a deleted object is brought back by.
const BACK: [&str; 4] = ["restore", "undelete", "recover", "undestroy"];

impl Context<'_> {
    /// A case that an action answers with a success about an object to which something else was done first. What that is
    /// is remembered: each new object for the action is prepared so.
    pub(super) async fn unlocked(&self, operation: &Operation, role: Role) -> Result<Option<Case>, Stop> {
        for way in ways(self.document, operation) {
            if self.is_over() {
                break;
            }
            self.prepare_by(operation, &way);
            let Ok(about) = self.arguments(operation, role, true).await else { continue };
            for candidate in self.candidates(operation, role)?.into_iter().take(MAX_BODIES) {
                let case = self.completed(operation, candidate.about(&about), role).await;
                if self.call(operation, &case, role).await?.answer.is_success() {
                    return Ok(Some(case));
                }
            }
        }
        self.prepare_by(operation, &[]);
        Ok(None)
    }

    /// Does to a new object what was seen to be needed before the operation takes it.
    pub(super) async fn prepare(&self, operation: &Operation, about: &Case, role: Role) -> Result<(), Stop> {
        for id in self.prepared_by(operation) {
            let Some(step) = self.document.operation(&id) else { continue };
            let exchange = self.call(step, &self.likeliest_about(step, about, role).await?, role).await?;
            if !exchange.answer.is_success() {
                let (id, status) = (&step.id, exchange.answer.status);
                return Err(Stop::Skip(format!("{id}, which has to come before it, answered {status}")));
            }
            if step.method == "DELETE" {
                // It may be brought back, and must not stay then.
                self.undo_later(step, &Case::default().about(about));
            }
        }
        Ok(())
    }

    /// Whether it brings back what was deleted, as its name says, and takes nothing else.
    pub(crate) fn brings_back(&self, operation: &Operation) -> bool {
        let steps = self.prepared_by(operation);
        let last = steps.last().and_then(|id| self.document.operation(id));
        last.is_some_and(|last| last.method == "DELETE") && is_back(operation)
    }
}

/// What may have to come before an action, by the ids of the operations, the likeliest first: other things that are done to
/// the same object, one, or two of them, or its deletion.
fn ways(document: &Document, operation: &Operation) -> Vec<Vec<String>> {
    let Some((object, verb)) = operation.trimmed_path().rsplit_once('/') else { return Vec::new() };
    let is_beside = |other: &&Operation| {
        let path = other.trimmed_path().rsplit_once('/');
        other.method == "POST" && other.id != operation.id && path.is_some_and(|(before, _)| before == object)
    };
    let verb = infer::plain(verb);
    let opposite = |other: &Operation| {
        let name = infer::plain(other.trimmed_path().rsplit('/').next().unwrap_or_default());
        verb == format!("un{name}") || verb == format!("de{name}") || verb == format!("re{name}")
    };
    let mut beside: Vec<&Operation> = document.operations_below(object).filter(is_beside).collect();
    beside.sort_by_key(|other| !opposite(other));
    let is_deletion = |other: &&Operation| other.method == "DELETE" && other.trimmed_path() == object;
    let deletion = document.operations_below(object).find(is_deletion).map(|deletion| deletion.id.clone());
    let single = beside.iter().map(|one| vec![one.id.clone()]);
    let pairs = beside.iter().flat_map(|first| {
        let others = beside.iter().filter(|second| second.id != first.id);
        others.map(|second| vec![first.id.clone(), second.id.clone()])
    });
    let (early, late) = if is_back(operation) { (deletion, None) } else { (None, deletion) };
    let way = |deletion: Option<String>| deletion.into_iter().map(|id| vec![id]);
    way(early).chain(single).chain(way(late)).chain(pairs).take(MAX_WAYS).collect()
}

/// Whether the name of an action says that it brings something back.
fn is_back(operation: &Operation) -> bool {
    let verb = operation.trimmed_path().rsplit('/').next().unwrap_or_default();
    BACK.contains(&infer::plain(verb).as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_undoes_something_comes_after_it() {
        let text = r#"{"openapi": "3.1.0", "info": {"title": "t", "version": "1"}, "paths": {
            "/bills/{id}": {"delete": {"operationId": "delete"}, "get": {"operationId": "get"}},
            "/bills/{id}/pay": {"post": {"operationId": "pay"}}, "/bills/{id}/lines": {"get": {"operationId": "lines"}},
            "/bills/{id}/archive": {"post": {"operationId": "archive"}},
            "/bills/{id}/unarchive": {"post": {"operationId": "unarchive"}},
            "/bills/{id}/restore": {"post": {"operationId": "restore"}}}}"#;
        let document = Document::parse("bills.json", text).expect("it is valid");
        let ways = |id: &str| ways(&document, document.operation(id).expect("it is there"));
        assert_eq!(ways("unarchive")[0], ["archive"]);
        assert_eq!(ways("restore")[0], ["delete"]);
        assert_eq!(ways("pay")[..4], [vec!["archive"], vec!["unarchive"], vec!["restore"], vec!["delete"]]);
        assert_eq!(ways("pay")[4], ["archive", "unarchive"]);
    }
}
