//! Organizations, the users in them, and what those may do.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::{Hash, password_hash};

/// Who lives in the world when it begins. The default is made from the seed; `bitting serve --world FILE` reads one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Population {
    /// The organizations.
    pub organizations: Vec<Organization>,
    /// The users.
    pub users: Vec<Person>,
}

/// An organization: the border that no data crosses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Organization {
    /// Its name in paths.
    pub slug: String,
    /// The names of its projects in paths.
    #[serde(default)]
    pub projects: Vec<String>,
}

/// A user as a population describes it. The password is a fake, made to be seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Person {
    /// The name to log in with.
    pub email: String,
    /// The password.
    pub password: String,
    /// The organization (slug) that the user is a member of; empty for a site admin without one.
    pub organization: String,
    /// What the user may do there.
    #[serde(default)]
    pub permission: Permission,
}

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

impl Population {
    /// The world that a server has when nobody describes another: two organizations that must not see each other, and
    /// in one of them a user who may only read.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        let organization = |slug: &str, projects: &[&str]| Organization {
            slug: slug.to_owned(),
            projects: projects.iter().map(|&project| project.to_owned()).collect(),
        };
        let person = |email: &str, organization: &str, permission| Person {
            email: email.to_owned(),
            password: format!("correct-horse-{seed}"),
            organization: organization.to_owned(),
            permission,
        };
        Self {
            organizations: vec![organization("acme", &["warehouse", "garage"]), organization("globex", &["lab"])],
            users: vec![
                person("ada@acme.example", "acme", Permission::Member),
                person("bob@acme.example", "acme", Permission::ReadOnly),
                person("eve@globex.example", "globex", Permission::Member),
            ],
        }
    }

    /// What is wrong with it, if anything is.
    pub(crate) fn fault(&self) -> Option<String> {
        let is_known = |slug: &str| self.organizations.iter().any(|organization| organization.slug == slug);
        if self.organizations.is_empty() || self.users.is_empty() {
            return Some("a world needs at least one organization and one user".to_owned());
        }
        let is_free = |user: &Person| user.permission == Permission::SiteAdmin && user.organization.is_empty();
        let stranger = self.users.iter().find(|user| !is_known(&user.organization) && !is_free(user));
        stranger
            .map(|user| format!("{} is in `{}`, which is no organization of this world", user.email, user.organization))
    }
}

/// A user of the world.
#[derive(Debug, Clone)]
pub(crate) struct User {
    pub(crate) email: String,
    pub(crate) password: Hash,
    pub(crate) organization: String,
    pub(crate) permission: Permission,
    /// Whether the user still is a member; what was issued before is then worth nothing (defect M40).
    pub(crate) is_member: bool,
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
        let users = population.users.iter().map(|person| {
            let user = User {
                email: person.email.clone(),
                password: password_hash(&person.email, &person.password),
                organization: person.organization.clone(),
                permission: person.permission,
                is_member: true,
            };
            (person.email.clone(), user)
        });
        Self { organizations, users: users.collect() }
    }
}
