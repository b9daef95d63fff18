//! Who and what the world begins with: made from the seed, or read from a file (`bitting serve --world FILE`).

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Permission;
use super::file::Misfit;

/// Who lives in the world when it begins, and what there is. The default is made from the seed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Population {
    /// The organizations.
    pub organizations: Vec<Organization>,
    /// The users.
    pub users: Vec<Person>,
    /// The API keys. None: one for each user and each kind of key, with a secret that follows from the seed.
    #[serde(default)]
    pub keys: Vec<StatedKey>,
    /// The OAuth clients. None: one for each organization.
    #[serde(default)]
    pub clients: Vec<StatedClient>,
    /// The objects of the collections that are named here; all others are made from the seed.
    #[serde(default)]
    pub objects: Vec<StatedObjects>,
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
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Person {
    /// The name to log in with.
    pub email: String,
    /// The password.
    pub password: String,
    /// The organization (slug) that the user is a member of; empty for a site admin without one.
    #[serde(default)]
    pub organization: String,
    /// What the user may do there.
    #[serde(default)]
    pub permission: Permission,
    /// What else the user may do: `api_keys.manage` (ARROW-7). Absent: a member may manage keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rights: Option<BTreeSet<String>>,
}

/// An API key of the beginning. The secret is a fake, made to be seen.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StatedKey {
    /// The user who made it, by email.
    pub user: String,
    /// What people call it.
    pub name: String,
    /// Its secret; absent: one that follows from the seed.
    pub secret: Option<String>,
    /// The security scheme that it is for. Absent: the first one that takes keys.
    pub scheme: Option<String>,
    /// What it is limited to. Absent: whatever its user may do.
    pub scopes: Option<BTreeSet<String>>,
    /// Its life in seconds from the start; 0 has ended already. Absent: it does not end.
    pub ttl: Option<i64>,
    /// The environment that it belongs to. Absent: this server's.
    pub environment: Option<String>,
    /// Whether it was taken back.
    pub revoked: bool,
}

/// An OAuth client of the beginning. The secret is a fake, made to be seen.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatedClient {
    /// Its id.
    pub client_id: String,
    /// Its secret.
    pub client_secret: String,
    /// The organization that it belongs to.
    pub organization: String,
    /// Where a user who consented may be sent back to.
    #[serde(default)]
    pub redirect_uris: Vec<String>,
}

/// The objects of one list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatedObjects {
    /// The path of the list, such as `/organizations/acme/devices`.
    pub path: String,
    /// Whose they are, where the path does not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization: Option<String>,
    /// The objects; what the document requires and they lack is made up.
    pub items: Vec<Map<String, Value>>,
}

impl Population {
    /// The world that a server has when nobody describes another: two organizations that must not see each other, and
    /// in one of them a user who may only read, and one to spare.
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
            rights: None,
        };
        Self {
            organizations: vec![organization("acme", &["warehouse", "garage"]), organization("globex", &["lab"])],
            users: vec![
                person("ada@acme.example", "acme", Permission::Member),
                person("bob@acme.example", "acme", Permission::ReadOnly),
                person("eve@globex.example", "globex", Permission::Member),
                person("dan@acme.example", "acme", Permission::Member),
            ],
            ..Self::default()
        }
    }

    /// Whether there is such an organization.
    pub(crate) fn has(&self, slug: &str) -> bool {
        self.organizations.iter().any(|organization| organization.slug == slug)
    }

    /// Whether everybody in it is where they can be.
    pub(crate) fn check(&self) -> Result<(), Misfit> {
        if self.organizations.is_empty() || self.users.is_empty() {
            return Err(Misfit::new("", "a world needs at least one organization and one user"));
        }
        unique("/organizations", "slug", self.organizations.iter().map(|each| each.slug.as_str()))?;
        unique("/users", "email", self.users.iter().map(|each| each.email.as_str()))?;
        unique("/clients", "client_id", self.clients.iter().map(|each| each.client_id.as_str()))?;
        for (index, user) in self.users.iter().enumerate() {
            let is_free = user.permission == Permission::SiteAdmin && user.organization.is_empty();
            if !self.has(&user.organization) && !is_free {
                let words =
                    format!("{} is in `{}`, which is no organization of this world", user.email, user.organization);
                return Err(Misfit::new(format!("/users/{index}/organization"), words));
            }
        }
        for (index, key) in self.keys.iter().enumerate() {
            if !self.users.iter().any(|user| user.email == key.user) {
                return Err(Misfit::new(format!("/keys/{index}/user"), format!("there is no user `{}`", key.user)));
            }
        }
        for (index, client) in self.clients.iter().enumerate() {
            if !self.has(&client.organization) {
                let words = format!("`{}` is no organization of this world", client.organization);
                return Err(Misfit::new(format!("/clients/{index}/organization"), words));
            }
        }
        Ok(())
    }
}

fn unique<'a>(list: &str, name: &str, values: impl Iterator<Item = &'a str>) -> Result<(), Misfit> {
    let mut known = BTreeSet::new();
    for (index, value) in values.enumerate() {
        if value.is_empty() {
            return Err(Misfit::new(format!("{list}/{index}/{name}"), "it is empty"));
        }
        if !known.insert(value) {
            return Err(Misfit::new(format!("{list}/{index}/{name}"), format!("`{value}` is there twice")));
        }
    }
    Ok(())
}
