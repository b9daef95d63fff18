//! The world as it begins: the same for the same document, population and seed.

use std::collections::BTreeMap;

use bitting_spec::Document;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::{Accounts, Client, Data, Organization, Population, Row, Scope, World, hash};
use crate::collection::Collection;
use crate::fake::{Fake, seed_of};
use crate::object::Maker;

/// The first list of every collection, long enough for several pages.
const MANY: usize = 45;
/// As many objects as all first lists have together, where a document has very many collections.
const FIRST: usize = 1500;
/// Every other list.
const FEW: usize = 4;
/// Of how many parents the children are made: lists within lists would grow without end.
const PARENTS: usize = 3;

/// Where the OAuth clients of the beginning may send a user back to. The first is the example of `arrotech.yaml`.
pub(crate) const REDIRECTS: [&str; 2] = ["https://app.example.com/callback", "http://127.0.0.1/callback"];

/// A world with nothing but what `population` and the seed say. Keys are made by the core, which knows the schemes.
pub(crate) fn world(document: &Document, collections: &[Collection], population: &Population, seed: u64) -> World {
    World {
        accounts: Accounts::new(population),
        clients: clients(population, seed),
        data: data(document, collections, population, seed),
        ..World::default()
    }
}

/// One OAuth client for each organization; its secret is a fake that can be seen.
fn clients(population: &Population, seed: u64) -> BTreeMap<String, Client> {
    let client = |organization: &Organization| {
        let (id, secret) = client_credentials(&organization.slug, seed);
        let redirect_uris = REDIRECTS.iter().map(|&uri| uri.to_owned()).collect();
        (id, Client { secret: hash(&secret), organization: organization.slug.clone(), redirect_uris })
    };
    population.organizations.iter().map(client).collect()
}

/// The id and the secret of an organization's OAuth client.
pub(crate) fn client_credentials(organization: &str, seed: u64) -> (String, String) {
    (format!("client-{organization}"), format!("client-secret-test-{organization}-{seed}"))
}

fn data(document: &Document, collections: &[Collection], population: &Population, seed: u64) -> Data {
    let mut data = Data::default();
    let many = (FIRST / collections.len().max(1)).clamp(FEW, MANY);
    for (index, collection) in collections.iter().enumerate() {
        for (place, scope) in scopes(&data, collection, population).into_iter().enumerate() {
            let wanted = if place == 0 { many } else { FEW };
            for number in 0..wanted {
                let part = [collection.path.as_str(), &scope.join("/"), &number.to_string()];
                let fixed = fixed_id(collection, population, &scope, number);
                if fixed == Some(None) {
                    break;
                }
                let maker = Maker { document, collection, seed: seed_of(seed, &part), now: seeded_time(document) };
                let (id, value) = maker.seeded(fixed.flatten().as_deref());
                data.insert(index, scope.clone(), id, Row::new(value));
            }
        }
    }
    data
}

/// The id of a seeded object that the population decides: organizations, and projects where the document has no
/// operations on them. `Some(None)`: there are no more of them.
fn fixed_id(collection: &Collection, population: &Population, scope: &Scope, number: usize) -> Option<Option<String>> {
    let organization = population.organizations.iter().find(|organization| Some(&organization.slug) == scope.first());
    let organization = organization.or(population.organizations.first());
    if collection.is_tenant {
        return Some(organization.filter(|_| number == 0).map(|organization| organization.slug.clone()));
    }
    if collection.name == "projects" && collection.item.as_ref().is_some_and(|(name, _)| !name.contains("id")) {
        return Some(organization.and_then(|organization| organization.projects.get(number).cloned()));
    }
    None
}

/// Where the objects of a collection can lie: under each organization, then under the first objects of each parent.
fn scopes(data: &Data, collection: &Collection, population: &Population) -> Vec<Scope> {
    let mut scopes: Vec<Scope> = match collection.is_shared {
        true => vec![vec![String::new()]],
        false => population.organizations.iter().map(|each| vec![each.slug.clone()]).collect(),
    };
    for (_, parent) in &collection.parents {
        scopes = scopes
            .into_iter()
            .flat_map(|scope| {
                let ids = data.ids(*parent, &scope).into_iter().take(PARENTS);
                ids.map(move |id| scope.iter().cloned().chain([id]).collect())
            })
            .collect();
    }
    scopes
}

/// The time of whatever the seed made: any time in the seeded days.
fn seeded_time(document: &Document) -> DateTime<Utc> {
    let time = Fake::new(document, 0).value("created_at", &json!({"type": "string", "format": "date-time"}));
    let time = time.as_str().and_then(|text| DateTime::parse_from_rfc3339(text).ok());
    time.map(|time| time.to_utc()).unwrap_or_default()
}

/// The world as a suite sees it: how many objects there are where.
pub(crate) fn census(world: &World, collections: &[Collection]) -> Value {
    let shelves = world.data.counts().map(|(collection, scope, count)| {
        let path = collections.get(collection).map_or("", |collection| collection.path.as_str());
        json!({"collection": path, "scope": scope, "objects": count})
    });
    Value::Array(shelves.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ROBOTICKS-4: the world that every suite finds: 45 devices in acme's warehouse, some elsewhere.
    #[test]
    fn the_same_seed_makes_the_same_world() {
        let text = include_str!("../../../spec/openapi/roboticks.yaml");
        let document = Document::parse("roboticks.yaml", text).unwrap();
        let collections = crate::collection::infer(&document);
        let make = |seed| world(&document, &collections, &Population::seeded(seed), seed);
        let census = |seed| census(&make(seed), &collections);
        assert_eq!(census(1), census(1));
        let devices = collections.iter().position(|each| each.name == "devices").unwrap();
        let scope = vec!["acme".to_owned(), "warehouse".to_owned()];
        assert_eq!(make(1).data.ids(devices, &scope).len(), MANY);
        assert_eq!(make(1).data.ids(devices, &scope), make(1).data.ids(devices, &scope));
        assert_ne!(make(1).data.ids(devices, &scope), make(2).data.ids(devices, &scope));
    }
}
