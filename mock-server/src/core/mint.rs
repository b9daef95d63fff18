//! Credentials on demand: keys and tokens for a user, good ones and ones that are wrong on purpose.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::Core;
use crate::behaviour::{Holder, TokenKind, claims};
use crate::fake::seed_of;
use crate::scheme::Scheme;
use crate::token::{Algorithm, Signer, put};
use crate::world::keys::shown;
use crate::world::lifecycle::Lifecycle;
use crate::world::{ApiKey, Client, KeyInfo, World, hash, hex};

/// What a key is to be; the body of `POST /v1/keys`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MintKey {
    /// The user who makes it, by email.
    pub user: String,
    /// The security scheme that it is for. Absent: the first one that takes keys.
    pub scheme: Option<String>,
    /// What it is limited to. Absent: whatever its user may do.
    pub scopes: Option<BTreeSet<String>>,
    /// Its life in seconds; 0 has ended already. Absent: it does not end.
    pub ttl: Option<i64>,
    /// The environment that it belongs to. Absent: this server's.
    pub environment: Option<String>,
    /// What people call it.
    pub name: String,
}

/// What a token is to be; the body of `POST /v1/tokens`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MintToken {
    /// The user whom it speaks for, by email.
    pub user: String,
    /// The security scheme that it is for. Absent: the first one that takes tokens.
    pub scheme: Option<String>,
    /// What it is limited to. Absent: whatever its user may do.
    pub scopes: Option<Vec<String>>,
    /// Its life in seconds. Absent: an hour.
    pub ttl: Option<i64>,
    /// Whether its life ended an hour ago.
    pub expired: bool,
    /// What is wrong with it.
    pub tamper: Tamper,
    /// How it is signed. Absent: as the document says, else by HS256.
    pub alg: Option<Algorithm>,
    /// The environment that it belongs to. Absent: this server's.
    pub environment: Option<String>,
}

/// What is wrong with a token.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tamper {
    /// Nothing.
    #[default]
    None,
    /// The signature is another one.
    BadSignature,
    /// It says that it needs no signature (RFC 8725, 2.1).
    AlgNone,
    /// It says HS256 and is signed with the public key of RS256, or of EdDSA if `alg` is that (RFC 8725, 2.1).
    KeyConfusion,
    /// It is for another audience (`aud`).
    WrongAudience,
    /// Somebody else issued it (`iss`).
    WrongIssuer,
    /// Its life begins in an hour (`nbf`).
    NotYetValid,
    /// It is no token at all.
    Garbage,
    /// It names an organization that is not its user's.
    OtherOrganization,
}

/// A credential that was made. The secret is told here and nowhere else.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct Minted {
    /// Its id: a key's, or a token's `jti`.
    pub id: String,
    /// The key or the token.
    pub secret: String,
}

impl std::fmt::Debug for Minted {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Minted {{ id: {:?}, secret: [redacted] }}", self.id)
    }
}

/// Why a credential cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MintError {
    /// There is no such user.
    #[error("there is no user `{0}` in this world; GET /v1/credentials lists them")]
    UnknownUser(String),
    /// No scheme takes such a credential.
    #[error("no security scheme of this document takes {0}")]
    NoScheme(&'static str),
    /// The scheme is not there, or takes something else.
    #[error("`{0}` is no security scheme of this document that takes such a credential")]
    UnknownScheme(String),
    /// The scheme has no such scope or environment.
    #[error("`{name}` is no {what} of `{scheme}`; there are: {known}")]
    Unknown {
        /// What it was taken for: a scope, or an environment.
        what: &'static str,
        /// What was asked for.
        name: String,
        /// The scheme.
        scheme: String,
        /// What there is.
        known: String,
    },
    /// The life ends outside of the years that there are.
    #[error("`ttl` leads outside of the years 1970 to 9999")]
    Lifetime,
}

/// Refuses scopes that the scheme does not have, and environments that no scheme has: a typing error would be a credential
/// that nothing lets in.
fn are_known<'s>(
    (scheme, all): (&Scheme, &[Scheme]),
    scopes: impl Iterator<Item = &'s String>,
    environment: Option<&str>,
) -> Result<(), MintError> {
    let check = |what: &'static str, asked: Vec<&str>, known: Vec<&str>| {
        let unknown = asked.into_iter().find(|name| !known.contains(name));
        unknown.map_or(Ok(()), |name| {
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            Err(MintError::Unknown { what, name: name.to_owned(), scheme: scheme.name.clone(), known })
        })
    };
    // A scheme that declares no scopes may have some all the same.
    if !scheme.scopes.is_empty() {
        check("scope", scopes.map(String::as_str).collect(), scheme.scopes.iter().map(String::as_str).collect())?;
    }
    // Tokens belong to the environments of the document, whichever scheme tells them.
    let known: BTreeSet<&str> = all.iter().flat_map(|one| one.auth.environments.keys()).map(String::as_str).collect();
    check("environment", environment.into_iter().collect(), known.into_iter().collect())
}

impl Core {
    /// Makes an API key.
    ///
    /// # Errors
    /// If there is no such user, or no scheme that takes keys.
    pub fn mint_key(&self, wanted: &MintKey) -> Result<Minted, MintError> {
        let scheme = self.scheme_for(wanted.scheme.as_deref(), |scheme| scheme.takes_keys, "API keys")?;
        are_known((scheme, &self.plan.schemes), wanted.scopes.iter().flatten(), wanted.environment.as_deref())?;
        let now = self.clock().now();
        let expires_at = wanted.ttl.map(|seconds| after(now, seconds)).transpose()?;
        let organization = self.world().accounts.users.get(&wanted.user).map(|user| user.organization.clone());
        let new = NewKey {
            name: &wanted.name,
            user: &wanted.user,
            organization: &organization.ok_or_else(|| MintError::UnknownUser(wanted.user.clone()))?,
            scopes: wanted.scopes.clone(),
            environment: wanted.environment.clone().or_else(|| scheme.environment.clone()),
            expires_at,
        };
        Ok(self.add_key(scheme, new, now))
    }

    /// Adds a key with a secret of its own.
    pub(super) fn add_key(&self, scheme: &Scheme, new: NewKey<'_>, now: DateTime<Utc>) -> Minted {
        let mut world = self.world();
        let serial = world.next_serial();
        let seed = seed_of(self.seed, &["key", &serial.to_string()]);
        let secret = secret(scheme, seed);
        let id = format!("key_{}", hex(&seed_of(seed, &["id"]).to_be_bytes()));
        world.keys.insert(ApiKey {
            id: id.clone(),
            name: if new.name.is_empty() { id.clone() } else { new.name.to_owned() },
            shown: shown(&secret),
            hash: hash(&secret),
            family: scheme.family.clone(),
            user: new.user.to_owned(),
            organization: new.organization.to_owned(),
            scopes: new.scopes,
            environment: new.environment,
            created_at: now,
            expires_at: new.expires_at,
            revoked_at: None,
        });
        Minted { id, secret }
    }

    /// Makes a token, with whatever is to be wrong with it.
    ///
    /// # Errors
    /// If there is no such user, or no scheme that takes tokens.
    pub fn mint_token(&self, wanted: &MintToken) -> Result<Minted, MintError> {
        let scheme = self.scheme_for(wanted.scheme.as_deref(), |scheme| scheme.takes_tokens, "tokens")?;
        are_known((scheme, &self.plan.schemes), wanted.scopes.iter().flatten(), wanted.environment.as_deref())?;
        let now = self.clock().now();
        let organization = self.organization_of(&wanted.user)?;
        let serial = self.world().next_serial();
        let id = token_id(self.seed, serial);
        let holder = Holder {
            subject: wanted.user.clone(),
            organization,
            scopes: wanted.scopes.clone(),
            session: Some(self.new_session()),
            client: None,
        };
        let mut claims = claims(scheme, TokenKind::Access, &holder, (&id, &self.plan.audience), now);
        if let Some(environment) = &wanted.environment {
            claims.insert("env".to_owned(), Value::from(environment.as_str()));
        }
        let end = if wanted.expired { -3600 } else { wanted.ttl.unwrap_or(3600) };
        claims.insert("exp".to_owned(), Value::from(after(now, end)?.timestamp()));
        if wanted.expired {
            claims.insert("nbf".to_owned(), Value::from(after(now, -7200)?.timestamp()));
        }
        let secret =
            self.tampered(scheme, claims, (wanted.tamper, wanted.alg.unwrap_or_else(|| scheme.algorithm())), now)?;
        Ok(Minted { id, secret })
    }

    fn tampered(
        &self,
        scheme: &Scheme,
        claims: Map<String, Value>,
        (tamper, algorithm): (Tamper, Algorithm),
        now: DateTime<Utc>,
    ) -> Result<String, MintError> {
        let mut claims = Value::Object(claims);
        match tamper {
            Tamper::WrongAudience => put(&mut claims, "/aud", json!("another-audience")),
            Tamper::WrongIssuer => put(&mut claims, "/iss", json!("another-issuer")),
            Tamper::NotYetValid => {
                put(&mut claims, "/nbf", json!(after(now, 3600)?.timestamp()));
                put(&mut claims, "/exp", json!(after(now, 7200)?.timestamp()));
            }
            Tamper::OtherOrganization => {
                let pointer = scheme.claim("organization", "/org");
                let own = claims.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
                let other = self.population.organizations.iter().find(|organization| organization.slug != own);
                put(
                    &mut claims,
                    pointer,
                    json!(other.map_or("another-organization", |organization| &organization.slug)),
                );
            }
            Tamper::None | Tamper::BadSignature | Tamper::AlgNone | Tamper::KeyConfusion | Tamper::Garbage => {}
        }
        let Value::Object(claims) = claims else { return Err(MintError::NoScheme("tokens")) };
        Ok(match tamper {
            Tamper::BadSignature => Signer::forged(&self.signer.sign_by(algorithm, &claims)),
            Tamper::KeyConfusion if algorithm == Algorithm::Hs256 => {
                self.signer.sign_confused(Algorithm::Rs256, &claims)
            }
            Tamper::KeyConfusion => self.signer.sign_confused(algorithm, &claims),
            Tamper::AlgNone => Signer::unsigned(&claims),
            Tamper::Garbage => "this-is-no-token".to_owned(),
            _ => self.signer.sign_by(algorithm, &claims),
        })
    }

    /// A token for `holder`, as a login or a grant answers it.
    pub(crate) fn issue(&self, scheme: &Scheme, kind: TokenKind, holder: &Holder, now: DateTime<Utc>) -> String {
        let id = token_id(self.seed, self.world().next_serial());
        let client = holder.client.clone().filter(|_| kind == TokenKind::Refresh);
        let holder = Holder { client, ..holder.clone() };
        let claims = claims(scheme, kind, &holder, (&id, &self.plan.audience), now);
        self.signer.sign_by(scheme.algorithm(), &claims)
    }

    /// The id of a session that begins now.
    pub(crate) fn new_session(&self) -> String {
        format!("ses_{}", hex(&seed_of(self.seed, &["session", &self.world().next_serial().to_string()]).to_be_bytes()))
    }

    /// Registers an OAuth client of an organization, and gives its id and its secret. `None`: there is no such
    /// organization.
    pub(crate) fn register_client(&self, organization: &str, redirect_uris: Vec<String>) -> Option<(String, String)> {
        let mut world = self.world();
        let organization = world.accounts.organizations.get(organization)?.slug.clone();
        let seed = seed_of(self.seed, &["client", &world.next_serial().to_string()]);
        let part = |part: &str| hex(&seed_of(seed, &[part]).to_be_bytes());
        let (id, secret) = (format!("client-{}", part("id")), format!("client-secret-test-{}", part("secret")));
        world.clients.insert(id.clone(), Client { secret: hash(&secret), organization, redirect_uris });
        Some((id, secret))
    }

    /// Takes a user out of every organization: what was issued before is worth nothing from now on. `false`: there is
    /// no such user.
    pub fn remove_member(&self, email: &str) -> bool {
        self.world().accounts.users.get_mut(email).map(|user| user.is_member = false).is_some()
    }

    /// Takes a user back into the organization. `false`: there is no such user.
    pub fn restore_member(&self, email: &str) -> bool {
        self.world().accounts.users.get_mut(email).map(|user| user.is_member = true).is_some()
    }

    /// Takes a key back, from now on. `false`: there is none of this id.
    pub fn revoke_key(&self, id: &str) -> bool {
        let now = self.clock().now();
        self.with_key(id, |key| key.revoked_at = Some(now))
    }

    /// Ends a key's life now. `false`: there is none of this id.
    pub fn expire_key(&self, id: &str) -> bool {
        let now = self.clock().now();
        self.with_key(id, |key| key.expires_at = Some(now))
    }

    fn with_key(&self, id: &str, change: impl FnOnce(&mut ApiKey)) -> bool {
        self.world().keys.get_mut(id).map(change).is_some()
    }

    /// Takes a token back by its `jti`, from now on.
    pub fn revoke_token(&self, id: &str) {
        let now = self.clock().now();
        self.world().revoked.insert(id.to_owned(), now);
    }

    /// What may be told of every key.
    #[must_use]
    pub fn keys(&self) -> Vec<KeyInfo> {
        let now = self.clock().now();
        let rules = |family: &str| {
            let scheme = self.plan.schemes.iter().find(|scheme| scheme.takes_keys && scheme.family == family);
            scheme.map_or_else(|| Lifecycle::new(None), |scheme| scheme.lifecycle)
        };
        self.world().keys.iter().map(|key| key.info(&rules(&key.family), now)).collect()
    }

    pub(super) fn scheme_for(
        &self,
        name: Option<&str>,
        takes: impl Fn(&Scheme) -> bool,
        what: &'static str,
    ) -> Result<&Scheme, MintError> {
        let mut schemes = self.plan.schemes.iter().filter(|scheme| takes(scheme));
        match name {
            None => schemes.next().ok_or(MintError::NoScheme(what)),
            Some(name) => {
                schemes.find(|scheme| scheme.name == name).ok_or_else(|| MintError::UnknownScheme(name.to_owned()))
            }
        }
    }

    fn organization_of(&self, user: &str) -> Result<String, MintError> {
        let world: &World = &self.world();
        let found = world.accounts.users.get(user).map(|user| user.organization.clone());
        let client = || world.clients.get(user).map(|client| client.organization.clone());
        found.or_else(client).ok_or_else(|| MintError::UnknownUser(user.to_owned()))
    }
}

/// A key that is to be added.
pub(super) struct NewKey<'a> {
    pub(super) name: &'a str,
    pub(super) user: &'a str,
    pub(super) organization: &'a str,
    pub(super) scopes: Option<BTreeSet<String>>,
    pub(super) environment: Option<String>,
    pub(super) expires_at: Option<DateTime<Utc>>,
}

/// A secret that can be seen to be none: `rbtk_test_` and 32 hexadecimal digits.
pub(super) fn secret(scheme: &Scheme, seed: u64) -> String {
    let half = |part: &str| hex(&seed_of(seed, &["secret", part]).to_be_bytes());
    format!("{}test_{}{}", scheme.prefix(), half("a"), half("b"))
}

fn token_id(seed: u64, serial: u64) -> String {
    format!("tok_{}", hex(&seed_of(seed, &["token", &serial.to_string()]).to_be_bytes()))
}

pub(super) fn after(now: DateTime<Utc>, seconds: i64) -> Result<DateTime<Utc>, MintError> {
    let delta = TimeDelta::try_seconds(seconds).ok_or(MintError::Lifetime)?;
    now.checked_add_signed(delta).ok_or(MintError::Lifetime)
}
