//! The objects of the collections, kept apart by organization and parents.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use indexmap::IndexMap;
use serde_json::Value;

/// What a shelf belongs to: the organization's slug (empty where the document has none), then the parents' ids,
/// outermost first.
pub(crate) type Scope = Vec<String>;

/// An object and what the deliberate defects say about it.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) value: Arc<Value>,
    /// Not shown in lists (defect M83).
    pub(crate) is_unlisted: bool,
    /// Deleted and yet readable (defect M84).
    pub(crate) is_ghost: bool,
}

impl Row {
    pub(crate) fn new(value: Value) -> Self {
        Self { value: Arc::new(value), is_unlisted: false, is_ghost: false }
    }
}

/// The objects of one collection in one scope, by id, in the order in which they were made.
type Shelf = IndexMap<String, Row>;

/// Counts every change of any data, so that no two states of them have the same revision.
static REVISIONS: AtomicU64 = AtomicU64::new(1);

/// Every object.
#[derive(Debug, Clone, Default)]
pub(crate) struct Data {
    shelves: IndexMap<(usize, Scope), Shelf>,
    /// Objects that nobody listed and that were taken away: they must not come back by being named.
    gone: HashSet<(usize, Scope, String)>,
    /// The same revision, the same objects: a copy keeps it until it is changed.
    revision: u64,
}

impl Data {
    /// Which state of the data this is.
    pub(crate) fn revision(&self) -> u64 {
        self.revision
    }

    /// Notes that something is about to change.
    fn touch(&mut self) {
        self.revision = REVISIONS.fetch_add(1, Ordering::Relaxed);
    }

    /// Puts an object on its shelf; one of the same id is replaced.
    pub(crate) fn insert(&mut self, collection: usize, scope: Scope, id: String, row: Row) {
        self.touch();
        self.shelves.entry((collection, scope)).or_default().insert(id, row);
    }

    /// An object by its id.
    pub(crate) fn find(&self, collection: usize, scope: &Scope, id: &str) -> Option<&Row> {
        self.shelf(collection, scope)?.get(id)
    }

    /// An object by its id, to be changed.
    pub(crate) fn find_mut(&mut self, collection: usize, scope: &Scope, id: &str) -> Option<&mut Row> {
        self.touch();
        self.shelves.get_mut(&(collection, scope.clone()))?.get_mut(id)
    }

    /// Where an object of this id stands, in whichever scope (defect M35).
    pub(crate) fn find_anywhere(&self, collection: usize, id: &str) -> Option<&Row> {
        self.of(collection).find_map(|(_, shelf)| shelf.get(id))
    }

    /// Takes an object away.
    pub(crate) fn remove(&mut self, collection: usize, scope: &Scope, id: &str) -> Option<Row> {
        self.touch();
        self.shelves.get_mut(&(collection, scope.clone()))?.shift_remove(id)
    }

    /// Notes that an object is gone for good.
    pub(crate) fn bury(&mut self, collection: usize, scope: &Scope, id: &str) {
        self.gone.insert((collection, scope.clone(), id.to_owned()));
    }

    /// Whether an object was there and is gone for good.
    pub(crate) fn is_gone(&self, collection: usize, scope: &Scope, id: &str) -> bool {
        !self.gone.is_empty() && self.gone.contains(&(collection, scope.clone(), id.to_owned()))
    }

    /// Whether there is such a list, empty or not.
    pub(crate) fn has(&self, collection: usize, scope: &Scope) -> bool {
        self.shelf(collection, scope).is_some()
    }

    /// How many lists there are.
    pub(crate) fn lists(&self) -> usize {
        self.shelves.len()
    }

    /// Takes over what another holds of an organization.
    pub(crate) fn take_over(&mut self, other: Data, organization: &str) {
        self.touch();
        let theirs =
            other.shelves.into_iter().filter(|((_, scope), _)| scope.first().is_some_and(|it| it == organization));
        self.shelves.extend(theirs);
    }

    /// The listed objects of every scope that begins with `prefix`.
    pub(crate) fn list(&self, collection: usize, prefix: &[String]) -> Vec<Arc<Value>> {
        let shelves = self.of(collection).filter(|(scope, _)| scope.starts_with(prefix));
        let rows = shelves.flat_map(|(_, shelf)| shelf.values());
        rows.filter(|row| !row.is_unlisted && !row.is_ghost).map(|row| Arc::clone(&row.value)).collect()
    }

    /// The names of the listed objects of every scope that begins with `prefix`.
    pub(crate) fn names(&self, collection: usize, prefix: &[String]) -> Vec<Value> {
        let shelves = self.of(collection).filter(|(scope, _)| scope.starts_with(prefix));
        let rows = shelves.flat_map(|(_, shelf)| shelf);
        let name = |(id, row): (&String, &Row)| match &*row.value {
            Value::Object(_) => Value::from(id.as_str()),
            plain => plain.clone(),
        };
        rows.filter(|(_, row)| !row.is_unlisted && !row.is_ghost).map(name).collect()
    }

    /// The ids on one shelf.
    pub(crate) fn ids(&self, collection: usize, scope: &Scope) -> Vec<String> {
        self.shelf(collection, scope).map(|shelf| shelf.keys().cloned().collect()).unwrap_or_default()
    }

    /// How many objects each shelf holds.
    pub(crate) fn counts(&self) -> impl Iterator<Item = (usize, &Scope, usize)> {
        self.shelves.iter().map(|((collection, scope), shelf)| {
            (*collection, scope, shelf.values().filter(|row| !row.is_ghost).count())
        })
    }

    fn shelf(&self, collection: usize, scope: &Scope) -> Option<&Shelf> {
        self.shelves.get(&(collection, scope.clone()))
    }

    fn of(&self, collection: usize) -> impl Iterator<Item = (&Scope, &Shelf)> {
        self.shelves
            .iter()
            .filter(move |((place, _), _)| *place == collection)
            .map(|((_, scope), shelf)| (scope, shelf))
    }
}
