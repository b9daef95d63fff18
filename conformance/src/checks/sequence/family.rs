//! The operations that go together: what makes an object, and what reads, lists, changes and deletes it. The document's
//! links say so (OpenAPI 3.1, 4.8.20), and where they do not, the paths.

use bitting_spec::table::Location;
use bitting_spec::{Document, Operation, template_names};
use serde_json::Value;

use super::super::state::list_of;
use crate::http::Exchange;
use crate::run::{certain_identity, found, items, linking};

/// The operations on the objects of one kind.
pub(super) struct Family<'a> {
    pub(super) create: &'a Operation,
    pub(super) read: Option<Item<'a>>,
    pub(super) changes: Vec<Item<'a>>,
    pub(super) remove: Option<Item<'a>>,
    pub(super) list: Option<&'a Operation>,
    /// The family of the objects that these stand below, where the document can make them.
    pub(super) parent: Option<Box<Family<'a>>>,
}

/// An operation on one object.
#[derive(Debug, Clone, Copy)]
pub(super) struct Item<'a> {
    pub(super) operation: &'a Operation,
    /// The path parameter that tells the objects apart.
    pub(super) name: &'a str,
    /// Where a link says that its value stands in the answer of the creation.
    told: Option<&'a str>,
}

impl<'a> Family<'a> {
    /// The family of what a POST makes. `None`: nothing can be done with it.
    pub(super) fn of(document: &'a Document, create: &'a Operation) -> Option<Self> {
        let mut family = Self::alone(document, create)?;
        let above = create.trimmed_path().rsplit_once('/').map(|(above, _)| above);
        let parent = above.and_then(|above| above.strip_suffix('}')?.rsplit_once("/{"));
        family.parent = parent.and_then(|(collection, name)| {
            let path = |other: &&Operation| other.trimmed_path() == collection;
            let creator = document.operations.iter().filter(|other| other.method == "POST").find(path)?;
            let parent = Self::alone(document, creator)?;
            let is_same = parent.items().any(|item| item.name == name);
            is_same.then(|| Box::new(parent))
        });
        Some(family)
    }

    fn alone(document: &'a Document, create: &'a Operation) -> Option<Self> {
        if create.method != "POST" {
            return None;
        }
        let item = |method| Item::of(document, create, method);
        let asks = |list: &&Operation| list.parameters.iter().any(|one| one.required && one.location != Location::Path);
        let family = Self {
            create,
            read: item("GET"),
            changes: ["PATCH", "PUT"].into_iter().filter_map(item).collect(),
            remove: item("DELETE"),
            // A list that asks for something may leave an object out.
            list: list_of(document, create).filter(|list| !asks(list)),
            parent: None,
        };
        let has_items = family.items().next().is_some();
        has_items.then_some(family)
    }

    /// Whether something can be done to an object, and seen.
    pub(super) fn is_telling(&self) -> bool {
        (self.read.is_some() || self.list.is_some()) && (self.remove.is_some() || !self.changes.is_empty())
    }

    /// The operations on one object.
    pub(super) fn items(&self) -> impl Iterator<Item = Item<'a>> {
        self.read.into_iter().chain(self.remove).chain(self.changes.iter().copied())
    }
}

impl<'a> Item<'a> {
    fn of(document: &'a Document, create: &'a Operation, method: &str) -> Option<Self> {
        let known = template_names(&create.path);
        let mut of_method = document.operations.iter().filter(|other| other.method == method);
        let linked = of_method.find_map(|operation| {
            let mut own = template_names(&operation.path).into_iter().filter(|name| !known.contains(name));
            let (Some(name), None) = (own.next(), own.next()) else { return None };
            let told = create.responses.iter().find_map(|response| linking(response, operation, name))?;
            Some(Self { operation, name, told: Some(told) })
        });
        linked.or_else(|| {
            let (operation, name) = items(document, create, method)?;
            Some(Self { operation, name, told: None })
        })
    }

    /// What tells the object apart that the answer is about.
    pub(super) fn id(&self, created: &Exchange) -> Option<Value> {
        let linked = self.told.and_then(|expression| found(expression, created));
        linked.or_else(|| certain_identity(&created.answer, self.name))
    }
}
