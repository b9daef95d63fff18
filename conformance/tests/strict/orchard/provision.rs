//! Credentials of the server made to order, as its team would make them for a test.

use std::sync::Arc;
use std::time::Duration;

use bitting_conformance::provision::{
    KeyOrder, Minted, Organization, Provision, ProvisionError, Tamper, TokenOrder, User as Known, World,
};
use bitting_conformance::{Credentials, Login, Principal, Provisioner, Role};

use super::Orchard;
use super::session::Claims;
use super::store::{READING, SCOPES};

/// The provisioner of a server that runs in this process.
pub(crate) struct Control(pub(crate) Arc<Orchard>);

fn ready<'a, T: Send + 'a>(value: Result<T, ProvisionError>) -> Provision<'a, T> {
    Box::pin(std::future::ready(value))
}

impl Orchard {
    /// A new key: its id and secret. `life` is in seconds.
    pub(crate) fn mint_key(
        &self,
        organization: &str,
        scopes: Option<Vec<String>>,
        life: Option<i64>,
    ) -> (String, String) {
        let now = self.clock.now();
        let scopes = scopes.unwrap_or_else(|| SCOPES.map(str::to_owned).to_vec());
        let mut store = self.store();
        let at = store.add_key(organization, "made by control", &scopes, life.map(|life| now + life * 1000), now);
        (store.keys[at].id.clone(), store.keys[at].secret.clone())
    }

    /// A new token of a user, and its id.
    pub(crate) fn mint_token(&self, email: &str, wanted: &Claims) -> Option<(String, String)> {
        let at = self.store().users.iter().position(|user| user.email == email)?;
        let (session, _) = self.store().begin(at);
        let user = self.store().users[at].clone();
        Some(self.access_token(&user, &session, wanted))
    }

    fn organization_of(&self, email: &str) -> Option<String> {
        self.store().users.iter().find(|user| user.email == email).map(|user| user.organization.clone())
    }

    /// What a user of the suite would write into `principals.toml`.
    pub(crate) fn principals(&self) -> Credentials {
        let reading = || Some(READING.map(str::to_owned).to_vec());
        let (expired, _) =
            self.mint_token("ada@acme.example", &Claims { life: Some(-5), ..Claims::default() }).expect("she is known");
        let (revoked, id) = self.mint_token("ada@acme.example", &Claims::default()).expect("she is known");
        self.store().revoked_tokens.push(id);
        let (old, _) = (self.mint_key("acme", None, Some(-5)).1, ());
        let (taken, back) = self.mint_key("acme", None, None);
        self.store().keys.iter_mut().filter(|key| key.id == taken).for_each(|key| key.revoked = true);
        let secrets = |pairs: &[(&str, String)]| {
            pairs.iter().map(|(name, secret)| ((*name).to_owned(), secret.as_str().into())).collect()
        };
        let user = |email: &str| {
            let name = email.split('@').next().unwrap_or_default();
            Some(Login { username: email.to_owned(), password: format!("orchard-test-{name}").as_str().into() })
        };
        let principal = |organization: &str, email: &str, key: String| Principal {
            organization: Some(organization.to_owned()),
            parameters: [("org".to_owned(), organization.to_owned())].into(),
            secrets: secrets(&[("ApiKeyAuth", key)]),
            login: user(email),
            ..Principal::default()
        };
        let dead = |token: String, key: String| Principal {
            secrets: secrets(&[("BearerAuth", token), ("ApiKeyAuth", key)]),
            ..Principal::default()
        };
        Credentials::default()
            .with(Role::Valid, principal("acme", "ada@acme.example", self.mint_key("acme", None, None).1))
            .with(Role::ReadOnly, principal("acme", "rita@acme.example", self.mint_key("acme", reading(), None).1))
            .with(
                Role::OtherOrganization,
                principal("globex", "gus@globex.example", self.mint_key("globex", None, None).1),
            )
            .with(Role::Expired, dead(expired, old))
            .with(Role::Revoked, dead(revoked, back))
    }
}

impl Provisioner for Control {
    fn world(&self) -> Provision<'_, World> {
        let store = self.0.store();
        let users = store.users.iter().filter(|user| user.scopes.len() == SCOPES.len()).map(|user| Known {
            email: user.email.clone(),
            password: user.password.as_str().into(),
            organization: user.organization.clone(),
            permission: None,
        });
        let organization = |slug: &str| Organization { slug: slug.to_owned(), projects: Vec::new() };
        let organizations = vec![organization("acme"), organization("globex")];
        ready(Ok(World { organizations, users: users.collect(), clients: Vec::new() }))
    }

    fn mint_key(&self, order: KeyOrder) -> Provision<'_, Minted> {
        let Some(organization) = self.0.organization_of(&order.user) else {
            return ready(Err(ProvisionError::Failed(format!("there is no {}", order.user))));
        };
        let life = order.ttl.and_then(|life| i64::try_from(life).ok());
        let (id, secret) = self.0.mint_key(&organization, order.scopes, life);
        ready(Ok(Minted { id, secret: secret.as_str().into() }))
    }

    fn revoke_key<'a>(&'a self, id: &'a str) -> Provision<'a, ()> {
        self.0.store().keys.iter_mut().filter(|key| key.id == id).for_each(|key| key.revoked = true);
        ready(Ok(()))
    }

    fn expire_key<'a>(&'a self, id: &'a str) -> Provision<'a, ()> {
        let now = self.0.clock.now();
        self.0.store().keys.iter_mut().filter(|key| key.id == id).for_each(|key| key.expires = Some(now - 1000));
        ready(Ok(()))
    }

    fn mint_token(&self, order: TokenOrder) -> Provision<'_, Minted> {
        if order.tamper == Tamper::KeyConfusion || order.environment.is_some() {
            return ready(Err(ProvisionError::Unsupported));
        }
        let mut wanted = Claims { scopes: order.scopes, ..Claims::default() };
        wanted.life = if order.expired { Some(-5) } else { order.ttl.and_then(|life| i64::try_from(life).ok()) };
        match order.tamper {
            Tamper::WrongAudience => wanted.audience = Some("another-api"),
            Tamper::WrongIssuer => wanted.issuer = Some("another"),
            Tamper::NotYetValid => wanted.begins_in = Some(600),
            _ => {}
        }
        let Some((token, id)) = self.0.mint_token(&order.user, &wanted) else {
            return ready(Err(ProvisionError::Failed(format!("there is no {}", order.user))));
        };
        let secret = match order.tamper {
            Tamper::Garbage => "orchard-test-garbage".to_owned(),
            Tamper::BadSignature => {
                token.rsplit_once('.').map(|(signed, _)| format!("{signed}.AAAA")).unwrap_or_default()
            }
            Tamper::AlgNone => {
                let payload = token.split('.').nth(1).unwrap_or_default();
                format!("eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{payload}.")
            }
            _ => token,
        };
        ready(Ok(Minted { id, secret: secret.as_str().into() }))
    }

    fn revoke_token<'a>(&'a self, id: &'a str) -> Provision<'a, ()> {
        self.0.store().revoked_tokens.push(id.to_owned());
        ready(Ok(()))
    }

    fn advance_clock(&self, by: Duration) -> Provision<'_, ()> {
        self.0.clock.advance(i64::try_from(by.as_millis()).unwrap_or(0));
        ready(Ok(()))
    }

    fn set_rate_limit(&self, limit: u64, window: Duration) -> Provision<'_, ()> {
        let mut limits = self.0.limits.lock().expect("nobody panicked");
        (limits.limit, limits.window) = (limit, i64::try_from(window.as_millis()).unwrap_or(1000));
        limits.open.clear();
        ready(Ok(()))
    }

    fn restore_rate_limit(&self) -> Provision<'_, ()> {
        let mut limits = self.0.limits.lock().expect("nobody panicked");
        (limits.limit, limits.window) = crate::USUAL_LIMIT;
        limits.open.clear();
        ready(Ok(()))
    }

    fn reset_rate_limits(&self) -> Provision<'_, ()> {
        self.0.limits.lock().expect("nobody panicked").open.clear();
        ready(Ok(()))
    }
}
