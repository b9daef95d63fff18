//! The objects that a population states, and where they lie.

use super::Ground;
use crate::collection::{Collection, trimmed};
use crate::fake::seed_of;
use crate::validate::Rules;
use crate::world::file::Misfit;
use crate::world::{Data, Row, Scope, StatedObjects};

/// A stated list.
pub(super) struct Stated<'a> {
    pub(super) collection: usize,
    pub(super) scope: Scope,
    /// Its place among the stated lists.
    number: usize,
    objects: &'a StatedObjects,
}

/// Every list that the population states.
pub(super) fn find<'a>(ground: &Ground<'a>) -> Result<Vec<Stated<'a>>, Misfit> {
    let mut found: Vec<Stated<'_>> = Vec::new();
    for (number, objects) in ground.population.objects.iter().enumerate() {
        let stated = place(ground, number, objects)?;
        let is_same = |other: &&Stated<'_>| (other.collection, &other.scope) == (stated.collection, &stated.scope);
        if let Some(other) = found.iter().find(is_same) {
            let words = format!("/objects/{} is the same list; put all of its objects there", other.number);
            return Err(Misfit::new(format!("/objects/{number}/path"), words));
        }
        found.push(stated);
    }
    Ok(found)
}

fn place<'a>(ground: &Ground<'a>, number: usize, objects: &'a StatedObjects) -> Result<Stated<'a>, Misfit> {
    let misfit = |name: &str, message: String| Misfit::new(format!("/objects/{number}/{name}"), message);
    let path = trimmed(&objects.path);
    let found =
        ground.collections.iter().enumerate().filter_map(|(index, each)| Some((index, captures(&each.path, path)?)));
    // The template with fewer parameters is the more exact one.
    let Some((collection, captured)) = found.min_by_key(|(_, captured)| captured.len()) else {
        let known: Vec<&str> = ground.collections.iter().map(|each| each.path.as_str()).collect();
        let words = format!("the document has no list `{path}`; there are: {}", known.join(", "));
        return Err(misfit("path", words));
    };
    let described = &ground.collections[collection];
    let is_parent = |name: &str| described.parents.iter().any(|(known, _)| known == name);
    let in_path = captured.iter().find(|(name, _)| !is_parent(name)).map(|(_, value)| value.clone());
    let organization = match in_path.or_else(|| objects.organization.clone()) {
        _ if described.is_shared && objects.organization.is_some() => {
            return Err(misfit("organization", "everybody sees this list; leave it out".to_owned()));
        }
        _ if described.is_shared => String::new(),
        Some(slug) if objects.organization.as_ref().is_some_and(|other| *other != slug) => {
            return Err(misfit("organization", format!("the path says that they are of `{slug}`; leave it out")));
        }
        Some(slug) if ground.population.has(&slug) => slug,
        Some(slug) => return Err(misfit("organization", format!("there is no organization `{slug}`"))),
        None => return Err(misfit("organization", "say whose they are: the path does not".to_owned())),
    };
    let parent =
        |(name, _): &(String, usize)| captured.iter().find(|(known, _)| known == name).map(|(_, id)| id.clone());
    let parents = described.parents.iter().filter_map(parent);
    Ok(Stated { collection, scope: std::iter::once(organization).chain(parents).collect(), number, objects })
}

/// The parameters of `path`, if it is of `template`.
fn captures(template: &str, path: &str) -> Option<Vec<(String, String)>> {
    let (template, path): (Vec<&str>, Vec<&str>) = (template.split('/').collect(), path.split('/').collect());
    if template.len() != path.len() {
        return None;
    }
    let mut captured = Vec::new();
    for (part, text) in template.into_iter().zip(path) {
        match part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) {
            Some(name) if !text.is_empty() => captured.push((name.to_owned(), text.to_owned())),
            _ if part == text => {}
            _ => return None,
        }
    }
    Some(captured)
}

impl Stated<'_> {
    /// Lays the objects where they belong.
    pub(super) fn lay(&self, ground: &Ground<'_>, data: &mut Data) -> Result<(), Misfit> {
        let collection = &ground.collections[self.collection];
        self.parents_exist(ground, collection, data)?;
        let misfit =
            |item: usize, message: String| Misfit::new(format!("/objects/{}/items/{item}", self.number), message);
        let rule = match &collection.schema {
            Some(schema) => Rules::new(ground.document).data(schema).map_err(|error| misfit(0, error.to_string()))?,
            None => {
                return Err(Misfit::new(
                    format!("/objects/{}/path", self.number),
                    "the document does not say what they look like",
                ));
            }
        };
        for (item, given) in self.objects.items.iter().enumerate() {
            let seed = seed_of(ground.seed, &["stated", &collection.path, &self.scope.join("/"), &item.to_string()]);
            let (id, value) = ground.maker(ground.document, collection, seed).stated(given);
            if let Some(fault) = rule.fault(&value) {
                return Err(misfit(item, fault));
            }
            if data.find(self.collection, &self.scope, &id).is_some() {
                return Err(misfit(item, format!("`{id}` is there twice")));
            }
            data.insert(self.collection, self.scope.clone(), id, Row::new(value));
        }
        Ok(())
    }

    /// What stands before a path parameter must exist, here as in a request.
    fn parents_exist(&self, ground: &Ground<'_>, collection: &Collection, data: &Data) -> Result<(), Misfit> {
        for (depth, (_, parent)) in collection.parents.iter().enumerate() {
            let described = &ground.collections[*parent];
            let mut scope: Scope = self.scope[..=depth].to_vec();
            if described.is_shared {
                scope[0].clear();
            }
            let id = self.scope.get(depth + 1).map_or("", String::as_str);
            if data.find(*parent, &scope, id).is_none() {
                let words = format!("there is no `{id}` in {}", described.path);
                return Err(Misfit::new(format!("/objects/{}/path", self.number), words));
            }
        }
        Ok(())
    }
}
