//! Organizations, the users in them, and what those may do.

use std::collections::BTreeSet;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::{Hash, Organization, Person, Population, password_hash};

/// The right to manage an organization's keys (ARROW-7).
pub(crate) const MANAGE_KEYS: &str = "api_keys.manage";

/// What a user may do in an organization.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Permission {
    /// Everything.
    #[default]
    Member,
    /// Nothing but reading.
    ReadOnly,
    /// Everything in every organization as whose admin the user acts; `organization` may then be empty (ARROW-7).
    SiteAdmin,
}

/// A user of the world.
#[derive(Debug, Clone)]
pub(crate) struct User {
    pub(crate) email: String,
    pub(crate) password: Hash,
    pub(crate) organization: String,
    pub(crate) permission: Permission,
    /// What else the user may do; `None`: whatever the permission brings.
    pub(crate) rights: Option<BTreeSet<String>>,
    /// Whether the user still is a member; what was issued before is then worth nothing (defect M40).
    pub(crate) is_member: bool,
}

impl User {
    /// Whether the user may manage keys: by the right to do so, which a member has unless the world says otherwise.
    pub(crate) fn manages_keys(&self) -> bool {
        match &self.rights {
            Some(rights) => rights.contains(MANAGE_KEYS),
            None => self.permission != Permission::ReadOnly,
        }
    }
}

impl From<&Person> for User {
    fn from(person: &Person) -> Self {
        Self {
            email: person.email.clone(),
            password: password_hash(&person.email, &person.password),
            organization: person.organization.clone(),
            permission: person.permission,
            rights: person.rights.clone(),
            is_member: true,
        }
    }
}

/// Organizations and users.
#[derive(Debug, Clone, Default)]
pub(crate) struct Accounts {
    pub(crate) organizations: IndexMap<String, Organization>,
    pub(crate) users: IndexMap<String, User>,
}

impl Accounts {
    /// The accounts of a population.
    pub(crate) fn new(population: &Population) -> Self {
        let organizations = population.organizations.iter().map(|each| (each.slug.clone(), each.clone())).collect();
        let users = population.users.iter().map(|person| (person.email.clone(), person.into()));
        Self { organizations, users: users.collect() }
    }
}
