//! What the server keeps.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::clock::rfc3339;
use crate::wire::Answer;

/// Every scope that there is.
pub(crate) const SCOPES: [&str; 7] =
    ["sites:read", "sites:write", "readings:write", "alerts:read", "alerts:write", "reports:read", "keys:write"];
/// Those of somebody who only reads.
pub(crate) const READING: [&str; 2] = ["sites:read", "alerts:read"];

/// Somebody who can log in.
#[derive(Debug, Clone)]
pub(crate) struct User {
    pub(crate) email: String,
    pub(crate) password: String,
    pub(crate) organization: String,
    pub(crate) scopes: Vec<String>,
}

/// An API key.
#[derive(Debug, Clone)]
pub(crate) struct Key {
    pub(crate) id: String,
    pub(crate) organization: String,
    pub(crate) secret: String,
    pub(crate) scopes: Vec<String>,
    pub(crate) expires: Option<i64>,
    pub(crate) revoked: bool,
    /// As the API shows it.
    pub(crate) value: Value,
}

/// What began with a login.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    pub(crate) id: String,
    pub(crate) user: usize,
    /// The refresh token that counts, by its id.
    pub(crate) refresh: String,
    pub(crate) ended: bool,
    pub(crate) refresh_ended: bool,
}

/// A site, a sensor or an alert.
#[derive(Debug, Clone)]
pub(crate) struct Object {
    pub(crate) id: String,
    pub(crate) organization: String,
    pub(crate) parent: String,
    pub(crate) revision: u64,
    pub(crate) value: Value,
}

/// Everything.
#[derive(Debug, Default)]
pub(crate) struct Store {
    pub(crate) users: Vec<User>,
    pub(crate) keys: Vec<Key>,
    pub(crate) sessions: Vec<Session>,
    pub(crate) sites: Vec<Object>,
    pub(crate) sensors: Vec<Object>,
    pub(crate) alerts: Vec<Object>,
    pub(crate) readings: Vec<(String, Value)>,
    /// The bodies of creations by their caller and key, and what was answered.
    pub(crate) repeats: BTreeMap<(String, String), (Value, Answer)>,
    /// Ids of tokens that were taken back.
    pub(crate) revoked_tokens: Vec<String>,
    /// Members that a body must not set and set (defects DA01, DA02, DA05).
    pub(crate) mass: Vec<(String, Value)>,
    serial: u64,
}

impl Store {
    /// Two organizations, each with sites, sensors and alerts.
    pub(crate) fn seeded(now: i64) -> Self {
        let mut store = Self::default();
        for (email, organization, scopes) in [
            ("ada@acme.example", "acme", &SCOPES[..]),
            ("rita@acme.example", "acme", &READING[..]),
            ("gus@globex.example", "globex", &SCOPES[..]),
        ] {
            store.users.push(User {
                email: email.to_owned(),
                password: format!("orchard-test-{}", email.split('@').next().unwrap_or_default()),
                organization: organization.to_owned(),
                scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
            });
        }
        for organization in ["acme", "globex"] {
            for (at, kind) in ["orchard", "vineyard"].into_iter().enumerate() {
                let site = store.add_site(
                    organization,
                    json!({"name": format!("{organization} {kind}"), "code": format!("SED-10{at}"), "kind": kind}),
                    now,
                );
                for model in ["soil-1", "air-2"] {
                    let sensor = store.add_sensor(
                        organization,
                        &site,
                        json!({"label": format!("{model} of {kind}"), "model": model}),
                        now,
                    );
                    for severity in ["info", "critical"] {
                        store.add_alert(
                            organization,
                            json!({"sensor_id": sensor, "severity": severity, "message": "Dry."}),
                            now,
                        );
                    }
                    store.readings.push((sensor, json!({"metric": "moisture", "value": 12.5, "at": rfc3339(now)})));
                }
            }
        }
        store
    }

    /// A text that looks random: a hash of a running number.
    pub(crate) fn hex(&mut self) -> String {
        self.serial += 1;
        Sha256::digest(format!("orchard {}", self.serial)).iter().take(16).map(|byte| format!("{byte:02x}")).collect()
    }

    fn uuid(&mut self) -> String {
        let hex = self.hex();
        format!("{}-{}-4{}-8{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..])
    }

    /// Makes a site; its id.
    pub(crate) fn add_site(&mut self, organization: &str, mut value: Value, now: i64) -> String {
        let id = self.uuid();
        value["id"] = json!(id);
        value["created_at"] = json!(rfc3339(now));
        self.sites.push(Object {
            id: id.clone(),
            organization: organization.to_owned(),
            parent: String::new(),
            revision: 1,
            value,
        });
        id
    }

    /// Makes a sensor of a site; its id.
    pub(crate) fn add_sensor(&mut self, organization: &str, site: &str, mut value: Value, now: i64) -> String {
        let id = self.uuid();
        if value.get("interval").is_none() {
            value["interval"] = json!(60);
        }
        value["id"] = json!(id);
        value["site_id"] = json!(site);
        value["status"] = json!("new");
        value["created_at"] = json!(rfc3339(now));
        self.sensors.push(Object {
            id: id.clone(),
            organization: organization.to_owned(),
            parent: site.to_owned(),
            revision: 1,
            value,
        });
        id
    }

    /// Raises an alert; its id.
    pub(crate) fn add_alert(&mut self, organization: &str, mut value: Value, now: i64) -> String {
        self.serial += 1;
        let id = self.serial.to_string();
        value["id"] = json!(self.serial);
        value["acknowledged"] = json!(false);
        value["raised_at"] = json!(rfc3339(now));
        self.alerts.push(Object {
            id: id.clone(),
            organization: organization.to_owned(),
            parent: String::new(),
            revision: 1,
            value,
        });
        id
    }

    /// Makes a key; its place.
    pub(crate) fn add_key(
        &mut self,
        organization: &str,
        name: &str,
        scopes: &[String],
        expires: Option<i64>,
        now: i64,
    ) -> usize {
        let (id, secret) = (self.uuid(), format!("ork_test_{}", self.hex()));
        let value = json!({
            "id": id, "name": name, "prefix": secret[..13], "scopes": scopes,
            "created_at": rfc3339(now), "expires_at": expires.map(rfc3339),
        });
        self.keys.push(Key {
            id,
            organization: organization.to_owned(),
            secret,
            scopes: scopes.to_vec(),
            expires,
            revoked: false,
            value,
        });
        self.keys.len() - 1
    }

    /// Begins a session of a user: its id and that of its refresh token.
    pub(crate) fn begin(&mut self, user: usize) -> (String, String) {
        let (id, refresh) = (self.hex(), self.hex());
        self.sessions.push(Session {
            id: id.clone(),
            user,
            refresh: refresh.clone(),
            ended: false,
            refresh_ended: false,
        });
        (id, refresh)
    }
}
