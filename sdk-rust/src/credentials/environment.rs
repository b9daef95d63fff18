//! Credentials from environment variables: names that the document declares, or the API's prefix (B9).

use bitting_spec::table::{Api, Scheme};

use super::{Credential, CredentialSource, Held};
use crate::error::Error;
use crate::secret::Secret;

/// Reads one variable; `None` if it is not set.
pub(crate) type Read = dyn Fn(&str) -> Option<String> + Send + Sync;

/// The kinds of credentials in order of precedence, each with the parts that it needs.
const KINDS: [(Kind, &[&str]); 4] = [
    (Kind::ApiKey, &["key"]),
    (Kind::Token, &["token"]),
    (Kind::Client, &["client_id", "client_secret"]),
    (Kind::Login, &["username", "password"]),
];

#[derive(Debug, Clone, Copy)]
enum Kind {
    ApiKey,
    Token,
    Client,
    Login,
}

impl Kind {
    fn credential(self, values: Vec<String>) -> Option<Credential> {
        let mut values = values.into_iter();
        let first = values.next()?;
        Some(match self {
            Self::ApiKey => Credential::ApiKey(first.into()),
            Self::Token => Credential::Token(first.into()),
            Self::Client => {
                Credential::ClientCredentials { id: first, secret: values.next()?.into(), scopes: Vec::new() }
            }
            Self::Login => Credential::Login { username: first, password: Secret::new(values.next()?) },
        })
    }
}

/// The value of a variable; an empty one counts as not set (B9).
pub(crate) fn variable(read: &Read, name: &str) -> Option<String> {
    read(name).filter(|value| !value.trim().is_empty())
}

/// All credentials that the environment holds for `api`, the preferred one first. A variable that serves several
/// schemes is one credential.
pub(crate) fn credentials(api: &Api, read: &Read) -> Result<Vec<Held>, Error> {
    let mut found: Vec<Held> = Vec::new();
    for (kind, parts) in &KINDS {
        for scheme in &api.schemes {
            let values = parts.iter().map(|part| {
                let names = api.variables(scheme, part);
                names.into_iter().find_map(|name| variable(read, &name).map(|value| (name, value)))
            });
            let Some(values) = values.collect::<Option<Vec<_>>>() else { continue };
            let (names, values): (Vec<_>, Vec<_>) = values.into_iter().unzip();
            let own = api.own_variable(scheme).is_some_and(|own| names == [own]).then(|| scheme.name.clone());
            let source = CredentialSource::Environment(names);
            let Some(credential) = kind.credential(values) else { continue };
            let known = found.iter().any(|held| held.source == source);
            if !known && credential.fits(scheme, api) {
                found.push(Held::new(credential, source, own)?);
            }
        }
    }
    Ok(found)
}

/// The names that would be read for a scheme, for messages about a missing credential.
pub(crate) fn suggestions(api: &Api, scheme: &Scheme) -> Vec<String> {
    let fitting = KINDS.iter().filter(|(kind, parts)| {
        let placeholders = parts.iter().map(|_| "x".to_owned()).collect();
        kind.credential(placeholders).is_some_and(|credential| credential.fits(scheme, api))
    });
    fitting
        .map(|(_, parts)| {
            let first = parts.iter().filter_map(|part| api.variables(scheme, part).into_iter().next());
            first.collect::<Vec<_>>().join(" and ")
        })
        .collect()
}
