//! API keys: only their hashes are kept, and each inherits its creator's permissions unless it is given scopes.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use indexmap::IndexMap;
use serde::Serialize;
use subtle::ConstantTimeEq as _;

use super::lifecycle::Lifecycle;
use super::{Hash, hash};
use crate::authenticate::Principal;

/// How many characters of a secret may be shown, beyond the prefix that all keys share.
const SHOWN: usize = 6;

/// An API key.
#[derive(Debug, Clone)]
pub(crate) struct ApiKey {
    pub(crate) id: String,
    /// What people call it.
    pub(crate) name: String,
    /// The first characters of the secret, by which people know it again.
    pub(crate) shown: String,
    pub(crate) hash: Hash,
    /// Which schemes take it: those of the same family.
    pub(crate) family: String,
    /// The user who made it, by email.
    pub(crate) user: String,
    /// The organization that it is for: its user's own, or the one that a site admin made it for (ARROW-2, ARROW-7).
    pub(crate) organization: String,
    /// What it is limited to; `None`: whatever its user may do (ROBOTICKS-7).
    pub(crate) scopes: Option<BTreeSet<String>>,
    pub(crate) environment: Option<String>,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) expires_at: Option<DateTime<Utc>>,
    pub(crate) revoked_at: Option<DateTime<Utc>>,
}

/// What may be told about an API key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeyInfo {
    /// Its id.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// The first characters of its secret.
    pub shown: String,
    /// The user who made it.
    pub user: String,
    /// The organization that it is for.
    pub organization: String,
    /// What it is limited to; `None`: whatever its user may do.
    pub scopes: Option<BTreeSet<String>>,
    /// The environment that it belongs to.
    pub environment: Option<String>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it ends.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was taken back.
    pub revoked_at: Option<DateTime<Utc>>,
    /// Whether its end is so near that it is time to make another (ARROW-9).
    pub ends_soon: bool,
}

impl ApiKey {
    /// What may be told about it at `now`.
    pub(crate) fn info(&self, rules: &Lifecycle, now: DateTime<Utc>) -> KeyInfo {
        KeyInfo {
            id: self.id.clone(),
            name: self.name.clone(),
            ends_soon: self.revoked_at.is_none() && rules.is_ending(self.expires_at, now),
            organization: self.organization.clone(),
            shown: self.shown.clone(),
            user: self.user.clone(),
            scopes: self.scopes.clone(),
            environment: self.environment.clone(),
            created_at: self.created_at,
            expires_at: self.expires_at,
            revoked_at: self.revoked_at,
        }
    }
}

/// The part of a secret that may be shown: its prefix up to the last `_`, and six characters.
pub(crate) fn shown(secret: &str) -> String {
    let prefix = secret.rfind('_').map_or(0, |at| at + 1);
    secret.chars().take(prefix + SHOWN).collect()
}

/// Every API key, found by its id or by the hash of its secret. None is ever taken away, so that each has its place.
#[derive(Debug, Clone, Default)]
pub(crate) struct Keys {
    by_id: IndexMap<String, ApiKey>,
    by_hash: HashMap<Hash, usize>,
    /// Whoever spoke with the key at each place last.
    speakers: Vec<Option<Arc<Principal>>>,
}

impl Keys {
    /// Adds a key.
    pub(crate) fn insert(&mut self, key: ApiKey) {
        let hash = key.hash;
        let (place, _) = self.by_id.insert_full(key.id.clone(), key);
        self.by_hash.insert(hash, place);
        self.speakers.resize(self.by_id.len(), None);
    }

    /// The place of the key with this secret.
    pub(crate) fn find(&self, secret: &str) -> Option<usize> {
        let hash = hash(secret);
        let place = *self.by_hash.get(&hash)?;
        let (_, key) = self.by_id.get_index(place)?;
        bool::from(key.hash.ct_eq(&hash)).then_some(place)
    }

    /// The place of a key whose secret begins like this one (defect M13).
    pub(crate) fn find_by_shown(&self, secret: &str) -> Option<usize> {
        let shown = shown(secret);
        self.by_id.values().position(|key| key.shown == shown)
    }

    /// The key at a place, and whoever spoke with it last.
    pub(crate) fn at(&mut self, place: usize) -> Option<(&ApiKey, &mut Option<Arc<Principal>>)> {
        Some((self.by_id.get_index(place)?.1, self.speakers.get_mut(place)?))
    }

    /// The key with this id.
    pub(crate) fn get(&self, id: &str) -> Option<&ApiKey> {
        self.by_id.get(id)
    }

    /// The key with this id, to be changed.
    pub(crate) fn get_mut(&mut self, id: &str) -> Option<&mut ApiKey> {
        self.by_id.get_mut(id)
    }

    /// Every key, in the order in which they were made.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &ApiKey> {
        self.by_id.values()
    }
}
