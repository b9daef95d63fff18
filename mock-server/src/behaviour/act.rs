//! `POST /things/{id}/verb`: what the verb does to the thing, as its words tell.
//!
//! A word that is a value of an enumerated property is what the operation is about: in `mark-vm-returned`, `returned`
//! is a value of `status`, so that is what the status becomes, and `vm` one of `device_type`, so the operation applies
//! to nothing else (ARROW-5).

use bitting_spec::{Document, Operation};
use serde_json::{Map, Value};

use super::Desk;
use crate::collection::{Collection, trimmed};
use crate::exchange::Answer;
use crate::fake::flatten;
use crate::object::STANDING;

/// What an action does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Act {
    /// The property that it sets, and the value.
    pub(crate) sets: Option<(String, String)>,
    /// The property that must have a value, and the value.
    pub(crate) needs: Option<(String, String)>,
}

impl Act {
    /// What `operation` does to an object of `collection`.
    pub(crate) fn new(document: &Document, collection: &Collection, operation: &Operation) -> Self {
        let verb = trimmed(&operation.path).rsplit('/').next().unwrap_or_default().to_lowercase();
        let no_properties = Map::new();
        let properties = collection.flat.get("properties").and_then(Value::as_object).unwrap_or(&no_properties);
        let mut act = Self::default();
        for (name, schema) in properties {
            let flat = flatten(document, schema);
            let values = flat.get("enum").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
            let is_standing = STANDING.contains(&name.as_str());
            let said =
                |value: &&str| verb.split(['-', '_']).any(|word| is_said(word, &value.to_lowercase(), is_standing));
            let Some(value) = values.into_iter().find(said) else { continue };
            let place = if is_standing { &mut act.sets } else { &mut act.needs };
            place.get_or_insert((name.clone(), value.to_owned()));
        }
        act
    }
}

/// Whether a word of the verb means a value: the value itself, or what the verb leads to (`cancel`, `cancelled`).
fn is_said(word: &str, value: &str, is_standing: bool) -> bool {
    let leads_to = |end: &str| value.strip_prefix(word).is_some_and(|rest| rest == end);
    word == value || is_standing && word.len() > 3 && ["d", "ed", "led"].into_iter().any(leads_to)
}

impl Desk<'_> {
    /// Does what the verb says with an object, and answers it. 409 for one that it does not apply to.
    pub(super) fn act(&self, index: usize) -> Answer {
        let (collection, scope, id) = self.place(index);
        let act = &self.plan.act;
        let mut world = self.core.world();
        let Some(row) = world.data.find_mut(index, &scope, &id) else {
            drop(world);
            return self.not_found();
        };
        let fits = |(name, value): &(String, String)| row.value.get(name).and_then(Value::as_str) == Some(value);
        if let Some((name, value)) = act.needs.as_ref().filter(|needed| !fits(needed)) {
            let status = if self.plan.answers.has(409) { 409 } else { self.plan.invalid };
            let refusal = self.plan.refusals.answer(status, None, None).because("conflict");
            return refusal.saying(format!("this is for what has the {name} `{value}`"));
        }
        if let Some(sets) = act.sets.as_ref().filter(|sets| !fits(sets)) {
            row.value = self.maker(collection, &id).acted(&row.value, sets).into();
        }
        let value = std::sync::Arc::clone(&row.value);
        drop(world);
        self.success(self.shown(collection, &value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ARROW-5: `mark-vm-returned` is for virtual machines, and returns them.
    #[test]
    fn a_verb_says_what_it_does_and_to_what() {
        let document = Document::parse("arrow.yaml", include_str!("../../../spec/openapi/arrow.yaml")).unwrap();
        let collections = crate::collection::infer(&document);
        let requests = collections.iter().find(|each| each.name == "device-requests").unwrap();
        let act = Act::new(&document, requests, document.operation("markVmReturned").unwrap());
        let pair = |name: &str, value: &str| Some((name.to_owned(), value.to_owned()));
        assert_eq!(act, Act { sets: pair("status", "returned"), needs: pair("device_type", "vm") });
    }

    #[test]
    fn a_verb_leads_to_its_participle() {
        assert!(is_said("archive", "archived", true) && is_said("cancel", "cancelled", true));
        assert!(is_said("close", "closed", true) && !is_said("open", "opening", true));
        assert!(!is_said("lock", "locked", false) && is_said("vm", "vm", false));
    }
}
