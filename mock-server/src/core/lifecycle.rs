//! Keys as people make them: by the rules of the document and of the organization. What a test may do beyond all rules
//! stands in `mint.rs`.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use super::mint::{MintError, Minted, NewKey, after};
use super::{Core, MintKey};
use crate::world::{KeyInfo, Permission};

/// The key that somebody wants to make; the body of `POST /v1/organizations/{slug}/keys`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CreateKey {
    /// Who makes it, by email. It needs the right to manage keys: a member's, or a site admin's (ARROW-7).
    pub by: String,
    /// The admin as whom a site admin acts, by email; needed for an organization that is not the site admin's own.
    pub impersonating: Option<String>,
    /// What people call it.
    pub name: String,
    /// What it may do; at least one where the scheme declares scopes.
    pub scopes: BTreeSet<String>,
    /// Its life in seconds.
    pub ttl: Option<i64>,
    /// The security scheme that it is for. Absent: the first one that takes keys.
    pub scheme: Option<String>,
    /// The environment that it belongs to. Absent: this server's.
    pub environment: Option<String>,
}

/// Why a key is not made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// No such user or scheme, or a life beyond all time.
    #[error(transparent)]
    Mint(#[from] MintError),
    /// There is no key of this id that could be replaced.
    #[error("there is no key `{0}` that is still in use; GET /v1/world lists the keys")]
    UnknownKey(String),
    /// There is no such organization.
    #[error("there is no organization `{0}` in this world; GET /v1/world lists them")]
    UnknownOrganization(String),
    /// Whoever asks may not manage keys there.
    #[error("`{by}` may not manage the keys of `{organization}`: {reason}")]
    Forbidden {
        /// Who asks.
        by: String,
        /// Where.
        organization: String,
        /// Why not.
        reason: &'static str,
    },
    /// The key breaks a rule of the document.
    #[error("{0}")]
    Rule(String),
}

impl Core {
    /// Makes a key of an organization, by its rules. Its secret is told here and nowhere else (ARROW-6, ARROW-7).
    ///
    /// # Errors
    /// Who may not do this, or which rule the key breaks.
    pub fn create_key(&self, organization: &str, wanted: &CreateKey) -> Result<Minted, KeyError> {
        let user = self.key_manager(organization, wanted)?;
        self.follow_rules(wanted)?;
        let mint = MintKey {
            user,
            scheme: wanted.scheme.clone(),
            scopes: (!wanted.scopes.is_empty()).then(|| wanted.scopes.clone()),
            ttl: wanted.ttl,
            environment: wanted.environment.clone(),
            name: wanted.name.trim().to_owned(),
        };
        Ok(self.mint_key(&mint)?)
    }

    /// Makes the key that takes the place of another, with the same name, scopes and organization. The old one works
    /// until it ends or is revoked, so that there is no moment without a key (ARROW-9). Its life is `ttl` seconds;
    /// absent: as long as the old one's was.
    ///
    /// # Errors
    /// If there is no such key, or the life breaks a rule.
    pub fn rotate_key(&self, id: &str, ttl: Option<i64>) -> Result<Minted, KeyError> {
        let now = self.clock().now();
        let old = self.world().keys.get(id).filter(|key| key.revoked_at.is_none()).cloned();
        let old = old.ok_or_else(|| KeyError::UnknownKey(id.to_owned()))?;
        let before = old.expires_at.map(|end| (end - old.created_at).num_seconds());
        let scheme = self.plan.schemes.iter().find(|scheme| scheme.takes_keys && scheme.family == old.family);
        let scheme = scheme.ok_or(MintError::NoScheme("API keys"))?;
        let ttl = ttl.or(before);
        self.life_is_allowed(scheme, ttl)?;
        let new = NewKey {
            name: &old.name,
            user: &old.user,
            organization: &old.organization,
            scopes: old.scopes.clone(),
            environment: old.environment.clone(),
            expires_at: ttl.map(|seconds| after(now, seconds)).transpose()?,
        };
        Ok(self.add_key(scheme, new, now))
    }

    /// What may be told of a key. `None`: there is none of this id.
    #[must_use]
    pub fn key(&self, id: &str) -> Option<KeyInfo> {
        self.keys().into_iter().find(|key| key.id == id)
    }

    /// The user whom the key will speak for, if `wanted.by` may manage the organization's keys.
    fn key_manager(&self, organization: &str, wanted: &CreateKey) -> Result<String, KeyError> {
        let world = self.world();
        if !world.accounts.organizations.contains_key(organization) {
            return Err(KeyError::UnknownOrganization(organization.to_owned()));
        }
        let find = |email: &str| world.accounts.users.get(email).filter(|user| user.is_member);
        let by = find(&wanted.by).ok_or_else(|| MintError::UnknownUser(wanted.by.clone()))?;
        let refuse =
            |reason| Err(KeyError::Forbidden { by: by.email.clone(), organization: organization.to_owned(), reason });
        let is_admin = by.permission == Permission::SiteAdmin;
        match (&wanted.impersonating, by.permission) {
            _ if !is_admin && !by.manages_keys() => refuse("the permission api_keys.manage is missing"),
            (Some(_), Permission::Member | Permission::ReadOnly) => {
                refuse("only a site admin can act as somebody else")
            }
            (None, _) if by.organization == organization => Ok(by.email.clone()),
            (None, Permission::SiteAdmin) => refuse("a site admin must act as an admin of it: send `impersonating`"),
            (None, Permission::Member | Permission::ReadOnly) => {
                refuse("it is another organization than the user's own")
            }
            (Some(email), Permission::SiteAdmin) => {
                let admin = find(email).ok_or_else(|| MintError::UnknownUser(email.clone()))?;
                match admin.permission {
                    Permission::SiteAdmin => refuse("nobody acts as a site admin"),
                    _ if admin.organization == organization && admin.manages_keys() => Ok(admin.email.clone()),
                    _ => refuse("whoever the site admin acts as may not manage its keys"),
                }
            }
        }
    }

    fn follow_rules(&self, wanted: &CreateKey) -> Result<(), KeyError> {
        let scheme = self.scheme_for(wanted.scheme.as_deref(), |scheme| scheme.takes_keys, "API keys")?;
        if wanted.name.trim().is_empty() || wanted.name.len() > 200 {
            return Err(KeyError::Rule("a key needs a name of 1 to 200 bytes".to_owned()));
        }
        if wanted.scopes.is_empty() && !scheme.scopes.is_empty() {
            let known = scheme.scopes.join(", ");
            return Err(KeyError::Rule(format!("a key needs at least one scope; there are: {known}")));
        }
        self.life_is_allowed(scheme, wanted.ttl)
    }

    fn life_is_allowed(&self, scheme: &crate::scheme::Scheme, ttl: Option<i64>) -> Result<(), KeyError> {
        let rules = &scheme.lifecycle;
        let life = ttl.map(|seconds| TimeDelta::try_seconds(seconds).ok_or(MintError::Lifetime)).transpose()?;
        let fault = match (life, rules.longest) {
            (None, _) if rules.must_end => "a key must end: send `ttl`, its life in seconds".to_owned(),
            (Some(life), _) if life <= TimeDelta::zero() => "a key must end in the future".to_owned(),
            (Some(life), Some(longest)) if life > longest => {
                format!("a key may live for at most {} days", longest.num_days())
            }
            _ => return Ok(()),
        };
        Err(KeyError::Rule(fault))
    }
}
