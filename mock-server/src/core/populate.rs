//! The keys that the world begins with, and who comes into it later.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};

use super::Core;
use super::mint::{after, secret};
use crate::fake::seed_of;
use crate::scheme::Scheme;
use crate::world::file::Misfit;
use crate::world::keys::shown;
use crate::world::seed::Ground;
use crate::world::{ApiKey, Organization, Permission, Person, Population, StatedKey, User, hash, hex};

/// The life of a key that must end, where the document does not say how late it may.
const YEAR: TimeDelta = TimeDelta::days(365);

/// A key of the world's beginning.
#[derive(Clone)]
pub(crate) struct SeededKey {
    pub(crate) id: String,
    pub(crate) secret: String,
    pub(crate) user: String,
    pub(crate) schemes: Vec<String>,
    name: String,
    organization: String,
    family: String,
    environment: Option<String>,
    scopes: Option<BTreeSet<String>>,
    expires_at: Option<DateTime<Utc>>,
    is_revoked: bool,
}

impl Core {
    /// Puts the keys of the beginning into the world. Their secrets are fakes that follow from the seed or were stated,
    /// so a suite can be told them although the world keeps only their hashes.
    pub(super) fn seed_keys(&self) -> Result<(), Misfit> {
        let now = self.clock().now();
        for seeded in self.seeded_keys()? {
            let key = ApiKey {
                name: seeded.name,
                organization: seeded.organization,
                id: seeded.id,
                shown: shown(&seeded.secret),
                hash: hash(&seeded.secret),
                family: seeded.family,
                user: seeded.user,
                scopes: seeded.scopes,
                environment: seeded.environment,
                created_at: now,
                expires_at: seeded.expires_at,
                revoked_at: seeded.is_revoked.then_some(now),
            };
            self.world().keys.insert(key);
        }
        Ok(())
    }

    /// The email of each user and the secret of its key, as the world begins with them: fakes, made to be shown.
    #[must_use]
    pub fn first_keys(&self) -> Vec<(String, String)> {
        // They were made when the server started.
        self.seeded_keys().unwrap_or_default().into_iter().map(|key| (key.user, key.secret)).collect()
    }

    /// The keys that the world begins with, secrets included: those that are stated, or one for every user and every
    /// family of schemes that take keys.
    pub(crate) fn seeded_keys(&self) -> Result<Vec<SeededKey>, Misfit> {
        if !self.population.keys.is_empty() {
            let keys = self.population.keys.iter().enumerate();
            return keys.map(|(index, key)| self.stated_key(index, key)).collect();
        }
        let mut families: Vec<&Scheme> = Vec::new();
        for scheme in self.plan.schemes.iter().filter(|scheme| scheme.takes_keys) {
            if !families.iter().any(|known| known.family == scheme.family) {
                families.push(scheme);
            }
        }
        let users = self.population.users.iter();
        let keys = users.flat_map(|user| families.iter().map(move |scheme| (user, *scheme))).map(|(user, scheme)| {
            let seed = seed_of(self.seed, &["seeded key", &user.email, &scheme.family]);
            self.seeded_key(scheme, user, seed)
        });
        Ok(keys.collect())
    }

    /// A key of `user` with nothing in it that was stated.
    fn seeded_key(&self, scheme: &Scheme, user: &Person, seed: u64) -> SeededKey {
        let same = self.plan.schemes.iter().filter(|other| other.takes_keys && other.family == scheme.family);
        let id = format!("key_{}", hex(&seed.to_be_bytes()));
        let latest = self.clock().now().checked_add_signed(scheme.lifecycle.longest.unwrap_or(YEAR));
        SeededKey {
            name: format!("{id} of the beginning"),
            id,
            secret: secret(scheme, seed),
            user: user.email.clone(),
            organization: user.organization.clone(),
            schemes: same.map(|scheme| scheme.name.clone()).collect(),
            family: scheme.family.clone(),
            environment: scheme.environment.clone(),
            scopes: None,
            // ARROW-6: where every key ends, those of the beginning do, as late as one may.
            expires_at: latest.filter(|_| scheme.lifecycle.must_end),
            is_revoked: false,
        }
    }

    fn stated_key(&self, index: usize, stated: &StatedKey) -> Result<SeededKey, Misfit> {
        let misfit = |name: &str, message: String| Misfit::new(format!("/keys/{index}/{name}"), message);
        let scheme = self
            .scheme_for(stated.scheme.as_deref(), |scheme| scheme.takes_keys, "API keys")
            .map_err(|error| misfit("scheme", error.to_string()))?;
        let user = self.population.users.iter().find(|user| user.email == stated.user);
        let user = user.ok_or_else(|| misfit("user", format!("there is no user `{}`", stated.user)))?;
        let begins = scheme.prefix();
        let is_key = |secret: &String| {
            secret.starts_with(begins)
                && secret.len() > begins.len()
                && secret.bytes().all(|byte| byte.is_ascii_graphic())
        };
        if stated.secret.as_ref().is_some_and(|secret| !is_key(secret)) {
            return Err(misfit("secret", format!("a key begins with `{begins}` and holds no spaces")));
        }
        let made = self.seeded_key(scheme, user, seed_of(self.seed, &["stated key", &index.to_string()]));
        let end = stated.ttl.map(|seconds| after(self.clock().now(), seconds)).transpose();
        Ok(SeededKey {
            name: if stated.name.is_empty() { made.name } else { stated.name.clone() },
            secret: stated.secret.clone().unwrap_or(made.secret),
            environment: stated.environment.clone().or(made.environment),
            scopes: stated.scopes.clone(),
            expires_at: end.map_err(|error| misfit("ttl", error.to_string()))?.or(made.expires_at),
            is_revoked: stated.revoked,
            ..made
        })
    }

    /// Adds an organization, with objects as those of the beginning have them.
    ///
    /// # Errors
    /// If there is one of this name, or it has none.
    pub fn add_organization(&self, organization: Organization) -> Result<(), String> {
        let slug = organization.slug.clone();
        let population = Population { organizations: vec![organization.clone()], ..Population::default() };
        let plan = &self.plan;
        let ground = Ground {
            document: &plan.document,
            collections: &plan.collections,
            population: &population,
            seed: self.seed,
        };
        let grown = ground.grow();
        let mut world = self.world();
        if slug.is_empty() || world.accounts.organizations.contains_key(&slug) {
            return Err(format!("there is an organization `{slug}` already, or it has no name"));
        }
        world.accounts.organizations.insert(slug.clone(), organization);
        world.data.take_over(grown, &slug);
        Ok(())
    }

    /// Adds a user.
    ///
    /// # Errors
    /// If there is one of this email, or no such organization.
    pub fn add_user(&self, person: &Person) -> Result<(), String> {
        let mut world = self.world();
        let is_free = person.permission == Permission::SiteAdmin && person.organization.is_empty();
        if !is_free && !world.accounts.organizations.contains_key(&person.organization) {
            return Err(format!("there is no organization `{}`", person.organization));
        }
        if person.email.is_empty() || world.accounts.users.contains_key(&person.email) {
            return Err(format!("there is a user `{}` already, or the email is empty", person.email));
        }
        world.accounts.users.insert(person.email.clone(), User::from(person));
        Ok(())
    }
}
