//! What an operation asks for before it can be called, by the document alone: what makes, lists or links to the objects
//! of its path and of the members that name others. Whatever leads back to itself would wait for itself for ever.

use std::collections::HashMap;

use bitting_spec::{Document, Operation, template_names};

use super::links::leads;
use super::reference::{reference_names, referred};
use super::stage::same_path;

/// The operations that each operation asks for, by their places in the document.
#[derive(Debug)]
pub(super) struct Needs {
    places: HashMap<String, usize>,
    /// What the path of an operation asks for.
    paths: Vec<Vec<usize>>,
    /// The same with what the members of its body and query ask for.
    all: Vec<Vec<usize>>,
}

impl Needs {
    pub(super) fn of(document: &Document) -> Self {
        let operations = &document.operations;
        let numbered = operations.iter().enumerate();
        let places: HashMap<String, usize> = numbered.map(|(index, one)| (one.id.clone(), index)).collect();
        let paths: Vec<Vec<usize>> = operations.iter().map(|one| of_path(document, one)).collect();
        let mut read: HashMap<String, Option<usize>> = HashMap::new();
        let mut all = paths.clone();
        for (needed, operation) in all.iter_mut().zip(operations) {
            for name in reference_names(document, operation) {
                let find = || referred(document, &name).and_then(|read| places.get(&read.id).copied());
                let found = *read.entry(name.clone()).or_insert_with(find);
                needed.extend(found.iter().flat_map(|read| &paths[*read]));
            }
        }
        Self { places, paths, all }
    }

    /// Whether the objects of the path of `read` can be had without calling `operation`.
    pub(super) fn are_apart(&self, operation: &Operation, read: &Operation) -> bool {
        let (Some(own), Some(read)) = (self.places.get(&operation.id), self.places.get(&read.id)) else { return true };
        own != read && self.paths[*read].iter().all(|first| !self.leads(*first, *own))
    }

    /// Whether `other` can be called without calling `operation`.
    pub(super) fn is_free_of(&self, other: &Operation, operation: &Operation) -> bool {
        let (Some(other), Some(own)) = (self.places.get(&other.id), self.places.get(&operation.id)) else {
            return true;
        };
        !self.leads(*other, *own)
    }

    fn leads(&self, from: usize, to: usize) -> bool {
        let mut seen = vec![false; self.all.len()];
        let mut open = vec![from];
        while let Some(at) = open.pop() {
            if at == to {
                return true;
            }
            if !std::mem::replace(&mut seen[at], true) {
                open.extend(&self.all[at]);
            }
        }
        false
    }
}

/// What makes, links to or lists each object of a path.
fn of_path(document: &Document, operation: &Operation) -> Vec<usize> {
    let mut needed = Vec::new();
    for name in template_names(&operation.path) {
        let prefix = operation.path.split(&format!("{{{name}}}")).next().unwrap_or_default();
        let gives = |other: &Operation| {
            matches!(other.method.as_str(), "POST" | "GET") && same_path(&other.path, prefix)
                || other.id != operation.id && leads(other, operation, name)
        };
        let others = document.operations.iter().enumerate();
        needed.extend(others.filter(|(_, other)| gives(other)).map(|(index, _)| index));
    }
    needed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(paths: &str) -> Document {
        let text = format!(r#"{{"openapi": "3.1.0", "info": {{"title": "t", "version": "1"}}, "paths": {paths}}}"#);
        Document::parse("pets.json", &text).expect("it is valid")
    }

    /// The members of `id` that are followed.
    fn followed(document: &Document, id: &str) -> Vec<String> {
        let needs = Needs::of(document);
        let operation = document.operation(id).expect("it is there");
        let is_apart = |name: &String| referred(document, name).is_some_and(|read| needs.are_apart(operation, read));
        reference_names(document, operation).into_iter().filter(is_apart).collect()
    }

    /// any-document: objects that name each other, or one of their own kind, are made without what they name.
    #[test]
    fn what_names_each_other_is_not_followed() {
        let document = document(
            r#"{
            "/cats": {"post": {"operationId": "cat", "requestBody": {"content": {"application/json": {"schema":
                {"type": "object", "properties": {"dog_id": {"type": "string"}, "cat_id": {"type": "string"}, "owner_id": {"type": "string"}}}}}},
                "responses": {"201": {"description": "d"}}}},
            "/cats/{cat_id}": {"get": {"responses": {"200": {"description": "d"}}}},
            "/dogs": {"post": {"operationId": "dog", "requestBody": {"content": {"application/json": {"schema":
                {"type": "object", "properties": {"cat_id": {"type": "string"}}}}}}, "responses": {"201": {"description": "d"}}}},
            "/dogs/{dog_id}": {"get": {"responses": {"200": {"description": "d"}}}},
            "/owners": {"post": {"operationId": "owner", "responses": {"201": {"description": "d"}}}},
            "/owners/{owner_id}": {"get": {"responses": {"200": {"description": "d"}}}}}"#,
        );
        assert_eq!(followed(&document, "cat"), ["owner_id"]);
        assert_eq!(followed(&document, "dog"), Vec::<String>::new());
    }

    /// any-document: lists whose filters name each other's items wait for each other too, where nothing makes the items.
    #[test]
    fn lists_that_filter_by_each_other_are_not_followed() {
        let list = |id: &str, filter: &str| {
            format!(
                r#"{{"get": {{"operationId": "{id}", "parameters": [{{"name": "{filter}", "in": "query", "schema": {{"type": "string"}}}}],
                    "responses": {{"200": {{"description": "d"}}}}}}}}"#
            )
        };
        let item = r#"{"get": {"responses": {"200": {"description": "d"}}}}"#;
        let document = document(&format!(
            r#"{{"/towns": {}, "/towns/{{town_id}}": {item}, "/roads": {}, "/roads/{{road_id}}": {item},
                "/walks": {}, "/walks/{{walk_id}}": {item}}}"#,
            list("towns", "road_id"),
            list("roads", "town_id"),
            list("walks", "town_id"),
        ));
        assert_eq!(followed(&document, "towns"), Vec::<String>::new());
        assert_eq!(followed(&document, "roads"), Vec::<String>::new());
        assert_eq!(followed(&document, "walks"), ["town_id"]);
    }

    /// any-document: two operations that link to each other's parameters have neither from the other.
    #[test]
    fn links_in_a_circle_are_not_followed() {
        let linking = |id: &str, to: &str, name: &str| {
            format!(
                r#"{{"get": {{"operationId": "{id}", "responses": {{"200": {{"description": "d", "links": {{"it":
                    {{"operationId": "{to}", "parameters": {{"{name}": "$response.body#/id"}}}}}}}}}}}}}}"#
            )
        };
        let document = document(&format!(
            r#"{{"/one/{{a}}": {}, "/two/{{b}}": {}, "/three": {}}}"#,
            linking("one", "two", "b"),
            linking("two", "one", "a"),
            linking("three", "one", "a"),
        ));
        let needs = Needs::of(&document);
        let is_free = |from: &str, to: &str| {
            needs.is_free_of(
                document.operation(from).expect("it is there"),
                document.operation(to).expect("it is there"),
            )
        };
        assert!(!is_free("two", "one") && !is_free("one", "two") && is_free("three", "one"));
    }
}
