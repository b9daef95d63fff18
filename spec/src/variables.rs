//! The environment variables that a client reads credentials from.

use crate::table::{Api, Scheme, SchemeKind};

impl Api {
    /// The variables that a part of a credential for `scheme` may stand in, the preferred one first. The parts are those
    /// of `x-auth.env`: `key`, `token`, `client_id`, `client_secret`, `username`, `password`. The name that the document
    /// gives is the only one; else it is the API's prefix with an end.
    #[must_use]
    pub fn variables(&self, scheme: &Scheme, part: &str) -> Vec<String> {
        if let Some(name) = scheme.auth.env.get(part) {
            return vec![name.clone()];
        }
        let ends: &[&str] = match part {
            "key" => &["_API_KEY"],
            "token" => &["_TOKEN", "_ACCESS_TOKEN"],
            "client_id" => &["_CLIENT_ID"],
            "client_secret" => &["_CLIENT_SECRET"],
            "username" => &["_USERNAME", "_EMAIL"],
            "password" => &["_PASSWORD"],
            _ => &[],
        };
        let own = self.own_variable(scheme).filter(|_| part == "key");
        own.into_iter().chain(ends.iter().map(|end| format!("{}{end}", self.env_prefix))).collect()
    }

    /// The variable of a scheme's key alone, where there are keys of several schemes: `SHOP_APP_KEY`.
    #[must_use]
    pub fn own_variable(&self, scheme: &Scheme) -> Option<String> {
        let takes_key = |scheme: &&Scheme| matches!(scheme.kind, SchemeKind::ApiKey { .. });
        let is_one_of_many = takes_key(&scheme) && self.schemes.iter().filter(takes_key).count() > 1;
        let word = |char: char| if char.is_ascii_alphanumeric() { char.to_ascii_uppercase() } else { '_' };
        is_one_of_many.then(|| format!("{}_{}", self.env_prefix, scheme.name.chars().map(word).collect::<String>()))
    }
}
