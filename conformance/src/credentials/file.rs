//! Principals as a settings file writes them.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::value::{Source, Value};
use super::{Login, OAuthClient, Principal};
use crate::error::Error;
use crate::secret::Secret;

/// The provisioner of a settings file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProvisionerEntry {
    pub(crate) command: Vec<String>,
}

/// A principal of a settings file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Entry {
    organization: Option<String>,
    #[serde(default)]
    parameters: BTreeMap<String, Value>,
    #[serde(default)]
    secrets: BTreeMap<String, Value>,
    login: Option<LoginEntry>,
    client: Option<ClientEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClientEntry {
    id: Value,
    secret: Value,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LoginEntry {
    username: Value,
    password: Value,
}

impl Entry {
    /// The principal, its values read from where they are.
    pub(crate) fn read(self, source: Source<'_>) -> Result<Principal, Error> {
        let read = |(name, value): (String, Value)| Ok((name, value.read(source)?));
        let parameters = self.parameters.into_iter().map(read).collect::<Result<_, Error>>()?;
        let secrets = self.secrets.into_iter().map(read).collect::<Result<BTreeMap<_, _>, Error>>()?;
        let secrets = secrets.into_iter().map(|(scheme, secret)| (scheme, Secret::new(secret))).collect();
        let login = self.login.map(|entry| {
            let (username, password) = (entry.username.read(source)?, entry.password.read(source)?);
            Ok::<_, Error>(Login { username, password: Secret::new(password) })
        });
        let client = self.client.map(|entry| {
            let (id, secret) = (entry.id.read(source)?, entry.secret.read(source)?);
            Ok::<_, Error>(OAuthClient { id, secret: Secret::new(secret) })
        });
        Ok(Principal {
            organization: self.organization,
            parameters,
            secrets,
            login: login.transpose()?,
            client: client.transpose()?,
        })
    }
}
