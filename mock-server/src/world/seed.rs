//! The world as it begins: the same for the same document, population and seed.

mod stated;

use std::collections::BTreeMap;
use std::iter;
use std::sync::Arc;

use bitting_spec::Document;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::file::Misfit;
use super::{Accounts, Client, Data, Organization, Population, Row, Scope, StatedClient, World, hash};
use crate::collection::Collection;
use crate::fake::{Fake, flatten, seed_of};
use crate::object::{Maker, NAMINGS};
use stated::Stated;

/// The first list of every collection, long enough for several pages.
const MANY: usize = 45;
/// As many objects as all first lists have together, where a document has very many collections.
const FIRST: usize = 1500;
/// Every other list.
const FEW: usize = 4;
/// Of how many parents the children are made: lists within lists would grow without end.
const PARENTS: usize = 3;

/// Where the OAuth clients of the beginning may send a user back to. The first is the example of `arrotech.yaml`, the last
/// is Swagger UI of this server.
pub(crate) const REDIRECTS: [&str; 3] =
    ["https://app.example.com/callback", "http://127.0.0.1/callback", "http://127.0.0.1/docs/oauth2-redirect.html"];

/// What a world grows from.
#[derive(Clone, Copy)]
pub(crate) struct Ground<'a> {
    pub(crate) document: &'a Arc<Document>,
    pub(crate) collections: &'a [Collection],
    pub(crate) population: &'a Population,
    pub(crate) seed: u64,
}

impl Ground<'_> {
    /// A world with nothing but what the population and the seed say. Keys are made by the core, which knows the
    /// schemes.
    pub(crate) fn world(&self) -> Result<World, Misfit> {
        Ok(World {
            accounts: Accounts::new(self.population),
            clients: clients(self.population, self.seed),
            data: self.data(&stated::find(self)?)?,
            ..World::default()
        })
    }

    /// The objects that nobody stated.
    pub(crate) fn grow(&self) -> Data {
        self.data(&[]).unwrap_or_default()
    }

    /// The objects: on the lists that are stated those that are, on all others made-up ones.
    fn data(&self, stated: &[Stated<'_>]) -> Result<Data, Misfit> {
        let mut data = Data::default();
        let many = (FIRST / self.collections.len().max(1)).clamp(FEW, MANY);
        for (index, collection) in self.collections.iter().enumerate() {
            let here: Vec<&Stated<'_>> = stated.iter().filter(|stated| stated.collection == index).collect();
            // The only object of its kind is there as soon as it is asked for.
            let scopes = if collection.is_single { Vec::new() } else { scopes(&data, collection, self.population) };
            for (place, scope) in scopes.into_iter().enumerate() {
                if !here.iter().any(|stated| stated.scope == scope) {
                    self.make_up(&mut data, index, &scope, if place == 0 { many } else { FEW });
                }
            }
            for stated in here {
                stated.lay(self, &mut data)?;
            }
        }
        Ok(data)
    }

    fn make_up(&self, data: &mut Data, index: usize, scope: &Scope, wanted: usize) {
        let collection = &self.collections[index];
        let maker = self.maker(self.document, collection, 0);
        let wanted = wanted.min(self.room(collection));
        // What the document's example names is one object, and nobody else has it.
        let shown = collection.example.clone().filter(|id| data.find_anywhere(index, id).is_none());
        for number in 0..wanted {
            let part = [collection.path.as_str(), &scope.join("/"), &number.to_string()];
            let fixed = fixed_id(collection, self.population, scope, number);
            if fixed == Some(None) {
                break;
            }
            let fixed = fixed.flatten().or_else(|| shown.clone().filter(|_| number == 0));
            // A short id, such as a small number, may be taken.
            let tries = if fixed.is_some() { 1 } else { NAMINGS };
            let seeds = iter::successors(Some(seed_of(self.seed, &part)), |&seed| Some(seed_of(seed, &["again"])));
            let mut made = seeds.take(tries).map(|seed| Maker { seed, ..maker }.seeded(fixed.as_deref()));
            if let Some((id, value)) = made.find(|(id, _)| data.find(index, scope, id).is_none()) {
                data.insert(index, scope.clone(), id, Row::new(value));
            }
        }
    }

    /// How many objects leave as many ids free for those that clients make.
    fn room(&self, collection: &Collection) -> usize {
        let property = collection.key.as_ref().and_then(|key| collection.property(key));
        let schemas = collection.item.iter().map(|(_, schema)| schema).chain(property);
        let bounds = schemas.filter_map(|schema| {
            let flat = flatten(self.document, schema);
            let bound = |key: &str| flat.get(key).and_then(Value::as_f64);
            Some(bound("maximum")? - bound("minimum").unwrap_or(0.0))
        });
        bounds.fold(usize::MAX, |room, width| room.min((width / 2.0).max(1.0) as usize))
    }

    pub(super) fn maker<'m>(&self, document: &'m Document, collection: &'m Collection, seed: u64) -> Maker<'m> {
        Maker { document, collection, seed, now: seeded_time(document), number: None }
    }
}

/// The OAuth clients that are stated, or one for each organization; its secret is a fake that can be seen.
fn clients(population: &Population, seed: u64) -> BTreeMap<String, Client> {
    let known = stated_clients(population, seed).into_iter().map(|stated| {
        let StatedClient { client_id, client_secret, organization, redirect_uris } = stated;
        (client_id, Client { secret: hash(&client_secret), organization, redirect_uris })
    });
    known.collect()
}

/// The OAuth clients of the beginning, secrets included.
pub(crate) fn stated_clients(population: &Population, seed: u64) -> Vec<StatedClient> {
    if !population.clients.is_empty() {
        return population.clients.clone();
    }
    let client = |organization: &Organization| StatedClient {
        client_id: format!("client-{}", organization.slug),
        client_secret: format!("client-secret-test-{}-{seed}", organization.slug),
        organization: organization.slug.clone(),
        redirect_uris: REDIRECTS.iter().map(|&uri| uri.to_owned()).collect(),
    };
    population.organizations.iter().map(client).collect()
}

/// The id of a seeded object that the population decides: organizations, and projects where the document has no
/// operations on them. `Some(None)`: there are no more of them.
fn fixed_id(collection: &Collection, population: &Population, scope: &Scope, number: usize) -> Option<Option<String>> {
    let organization = population.organizations.iter().find(|organization| Some(&organization.slug) == scope.first());
    let organization = organization.or(population.organizations.first());
    if collection.is_tenant {
        return Some(organization.filter(|_| number == 0).map(|organization| organization.slug.clone()));
    }
    if collection.holds_projects() {
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
        let document = Arc::new(Document::parse("roboticks.yaml", text).unwrap());
        let collections = crate::collection::infer(&document);
        let make = |seed| {
            let population = Population::seeded(seed);
            Ground { document: &document, collections: &collections, population: &population, seed }.world().unwrap()
        };
        let census = |seed| census(&make(seed), &collections);
        assert_eq!(census(1), census(1));
        let devices = collections.iter().position(|each| each.name == "devices").unwrap();
        let scope = vec!["acme".to_owned(), "warehouse".to_owned()];
        assert_eq!(make(1).data.ids(devices, &scope).len(), MANY);
        assert_eq!(make(1).data.ids(devices, &scope), make(1).data.ids(devices, &scope));
        assert_ne!(make(1).data.ids(devices, &scope), make(2).data.ids(devices, &scope));
    }
}
