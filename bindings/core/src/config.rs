//! A client's configuration as one JSON object, and the options of one call as another.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bitting::table::Api;
use bitting::{CallOptions, Client, ClientBuilder, Credential, Secret, TokenProvider};
use serde::Deserialize;

use crate::outcome::Failure;

/// What a client is made of. Every language sends the same object; an unknown member is an error that names it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    api: Api,
    base_url: Option<String>,
    api_key: Option<String>,
    /// Keys by the names of their security schemes.
    api_keys: Option<BTreeMap<String, String>>,
    token: Option<String>,
    username: Option<String>,
    password: Option<String>,
    client_id: Option<String>,
    client_secret: Option<String>,
    scopes: Option<Vec<String>>,
    profile: Option<String>,
    timeout: Option<f64>,
    deadline: Option<f64>,
    max_retries: Option<u32>,
    headers: Option<BTreeMap<String, String>>,
    allow_insecure_http: Option<bool>,
    language: Option<String>,
    environment: Option<BTreeMap<String, String>>,
}

impl Config {
    /// Reads a configuration.
    ///
    /// # Errors
    /// When it is no JSON, has an unknown member, or one of a wrong type. The text names the member, never its value.
    pub fn parse(json: &[u8]) -> Result<Self, Failure> {
        let read = serde_json::from_slice(json);
        read.map_err(|error| {
            let text = without_value(&error);
            Failure::config(format!("the client's configuration cannot be read: {text}"))
        })
    }

    pub(crate) fn api(&self) -> &Api {
        &self.api
    }

    /// The environment variable that begins with the API's prefix and ends so; an empty one counts as not set.
    pub(crate) fn variable(&self, end: &str) -> Option<String> {
        let name = format!("{}_{end}", self.api.env_prefix);
        let value = match &self.environment {
            Some(environment) => environment.get(&name).cloned(),
            None => std::env::var(name).ok(),
        };
        value.map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
    }

    /// A client of this configuration.
    pub(crate) fn client(
        &self,
        background: bitting::Background,
        provider: Option<TokenProvider>,
    ) -> Result<Client, Failure> {
        let mut builder = Client::builder(Arc::new(self.api.clone())).background(background);
        if let Some(provider) = provider {
            builder = builder.provider(provider);
        }
        builder = self.credentials(builder)?;
        if let Some(profile) = &self.profile {
            builder = builder.profile(profile);
        }
        if let Some(url) = &self.base_url {
            builder = builder.base_url(url);
        }
        if let Some(timeout) = self.timeout {
            builder = builder.timeout(seconds("timeout", timeout)?);
        }
        if let Some(deadline) = self.deadline {
            builder = builder.deadline(seconds("deadline", deadline)?);
        }
        if let Some(retries) = self.max_retries {
            builder = builder.max_retries(retries);
        }
        for (name, value) in self.headers.iter().flatten() {
            builder = builder.default_header(name, value);
        }
        if let Some(language) = &self.language {
            builder = builder.language(language);
        }
        if let Some(environment) = self.environment.clone() {
            builder = builder.environment(move |name: &str| environment.get(name).cloned());
        }
        let builder = builder.allow_insecure_http(self.allow_insecure_http.unwrap_or(false));
        builder.build().map_err(Failure::from)
    }

    /// The credentials that were given. What belongs together must come together.
    fn credentials(&self, mut builder: ClientBuilder) -> Result<ClientBuilder, Failure> {
        for (scheme, key) in self.api_keys.iter().flatten() {
            builder = builder.credential_for(scheme, Credential::ApiKey(Secret::new(key)));
        }
        if let Some(key) = &self.api_key {
            builder = builder.api_key(key);
        }
        if let Some(token) = &self.token {
            builder = builder.token(token);
        }
        builder = match (&self.username, &self.password) {
            (Some(username), Some(password)) => builder.login(username, password),
            (None, None) => builder,
            (Some(_), None) => return Err(Failure::config("a username needs a password; give both or neither")),
            (None, Some(_)) => return Err(Failure::config("a password needs a username; give both or neither")),
        };
        match (&self.client_id, &self.client_secret) {
            (Some(id), Some(secret)) => {
                Ok(builder.client_credentials(id, secret, self.scopes.clone().unwrap_or_default()))
            }
            (None, None) => Ok(builder),
            _ => Err(Failure::config("a client id and a client secret belong together; give both or neither")),
        }
    }
}

/// The options of one call.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Options {
    timeout: Option<f64>,
    deadline: Option<f64>,
    max_retries: Option<u32>,
    idempotency_key: Option<String>,
    headers: BTreeMap<String, String>,
    query: BTreeMap<String, String>,
}

impl Options {
    pub(crate) fn parse(json: &[u8]) -> Result<CallOptions, Failure> {
        let options: Self = serde_json::from_slice(json).map_err(|error| {
            Failure::request(format!("the options of the call cannot be read: {}", without_value(&error)))
        })?;
        let mut call = CallOptions::default();
        call.timeout = options.timeout.map(|timeout| seconds("timeout", timeout)).transpose()?;
        call.deadline = options.deadline.map(|deadline| seconds("deadline", deadline)).transpose()?;
        call.max_retries = options.max_retries;
        call.idempotency_key = options.idempotency_key;
        call.headers = options.headers.into_iter().collect();
        call.query = options.query.into_iter().collect();
        Ok(call)
    }
}

/// What is wrong with JSON. A value could be a secret, so a message that quotes one is told without it.
fn without_value(error: &serde_json::Error) -> String {
    let text = error.to_string();
    if !error.is_data() || text.starts_with("unknown field") {
        return text;
    }
    format!("a member has a wrong type or form (line {} column {})", error.line(), error.column())
}

/// A time in seconds as every language gives it.
fn seconds(name: &str, value: f64) -> Result<Duration, Failure> {
    let duration = Duration::try_from_secs_f64(value).ok().filter(|duration| !duration.is_zero());
    duration.ok_or_else(|| Failure::config(format!("`{name}` is {value}; give a number of seconds above 0")))
}

#[cfg(test)]
mod tests {
    use bitting::store::FileStore;
    use serde_json::json;

    use crate::Session;

    /// ROBOTICKS-8, B9: a login that is kept lets every language in, by its name or because nothing else does; an unknown
    /// name is told.
    #[test]
    fn a_kept_login_is_found() {
        let folder = tempfile::TempDir::new().expect("a folder");
        for name in ["default", "work"] {
            let profile = json!({"name": name, "api": "demo", "scheme": "User", "kind": "password",
                                 "origin": "https://api.example:443"});
            let profile = serde_json::from_value(profile).expect("a profile");
            FileStore::new(folder.path()).keep_profile(&profile).expect("a store");
        }
        let open = |profile: Option<&str>, variable: Option<&str>| {
            let config = json!({
                "api": {"name": "demo", "version": "1", "servers": ["https://api.example"], "env_prefix": "DEMO",
                        "schemes": [{"name": "User", "type": "http", "scheme": "bearer",
                                     "auth": {"acquire": {"operationId": "login"}}}],
                        "operations": [{"id": "login", "method": "POST", "path": "/login"},
                                       {"id": "read", "method": "GET", "path": "/x", "security": [{"User": []}]}]},
                "environment": {"BITTING_CONFIG_DIR": folder.path(), "DEMO_PROFILE": variable.unwrap_or_default()},
                "profile": profile,
            });
            Session::open(config.to_string().as_bytes()).map(|session| session.explain().expect("a report"))
        };
        assert!(open(None, None).expect("a client").contains("the profile `default`"));
        assert!(open(Some("work"), None).expect("a client").contains("the profile `work`"));
        assert!(open(None, Some("work")).expect("a client").contains("the profile `work`"));
        assert!(open(Some("play"), Some("work")).expect_err("no login").message.contains("--profile play"));
    }
}
