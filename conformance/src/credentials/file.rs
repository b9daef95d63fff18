//! The credentials file: TOML in, principals out.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Login, OAuthClient, Principal, Role};
use crate::error::Error;
use crate::secret::Secret;

const PLACE: &str = "credentials file";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    credentials: BTreeMap<Role, Entry>,
    provisioner: Option<ProvisionerEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ProvisionerEntry {
    command: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
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

/// A text as it stands, or the name of the variable that holds it.
#[derive(Deserialize)]
#[serde(untagged)]
enum Value {
    Text(String),
    Variable { env: String },
}

type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

impl Value {
    fn read(self, lookup: Lookup<'_>) -> Result<String, Error> {
        match self {
            Self::Text(text) => Ok(text),
            Self::Variable { env } => lookup(&env).ok_or_else(|| {
                Error::config(PLACE, format!("the environment variable `{env}` is not set"), format!("export {env}=…"))
            }),
        }
    }
}

/// Principals, and the words of a provisioner's command.
pub(super) type Parsed = (BTreeMap<Role, Principal>, Option<Vec<String>>);

/// Reads the file's text.
pub(super) fn parse(text: &str, lookup: Lookup<'_>) -> Result<Parsed, Error> {
    let file: File = toml::from_str(text).map_err(|error| {
        // The error's own text quotes the line at fault, which may hold a secret.
        let line = error.span().map_or(1, |span| text.get(..span.start).unwrap_or(text).matches('\n').count() + 1);
        Error::config(
            format!("{PLACE}, line {line}"),
            error.message(),
            "principals stand as [credentials.valid], with `organization`, `parameters`, `secrets`, `login` and `client`",
        )
    })?;
    let principals = file.credentials.into_iter().map(|(role, entry)| Ok((role, principal(entry, lookup)?)));
    let principals = principals.collect::<Result<BTreeMap<_, _>, Error>>()?;
    if principals.is_empty() && file.provisioner.is_none() {
        let remedy = "write a [credentials.valid], or a [provisioner] with its `command`";
        return Err(Error::config(PLACE, "it names nobody", remedy));
    }
    Ok((principals, file.provisioner.map(|entry| entry.command)))
}

fn principal(entry: Entry, lookup: Lookup<'_>) -> Result<Principal, Error> {
    let read = |(name, value): (String, Value)| Ok((name, value.read(lookup)?));
    let parameters = entry.parameters.into_iter().map(read).collect::<Result<_, Error>>()?;
    let secrets = entry.secrets.into_iter().map(read).collect::<Result<BTreeMap<_, _>, Error>>()?;
    let login = match entry.login {
        Some(login) => {
            Some(Login { username: login.username.read(lookup)?, password: Secret::new(login.password.read(lookup)?) })
        }
        None => None,
    };
    let client = match entry.client {
        Some(client) => {
            Some(OAuthClient { id: client.id.read(lookup)?, secret: Secret::new(client.secret.read(lookup)?) })
        }
        None => None,
    };
    let secrets = secrets.into_iter().map(|(scheme, secret)| (scheme, Secret::new(secret))).collect();
    Ok(Principal { organization: entry.organization, parameters, secrets, login, client })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"
        [credentials.valid]
        organization = "acme"
        parameters = { org_slug = "acme" }
        secrets = { ApiKeyHeader = { env = "KEY" } }
        login = { username = "ada@example.com", password = "test-password" }

        [credentials.expired]
        secrets = { UserToken = "expired-test-token" }
    "#;

    #[test]
    fn reads_texts_and_variables() {
        let lookup = |name: &str| (name == "KEY").then(|| "rbtk_test_1".to_owned());
        let (principals, command) = parse(TEXT, &lookup).expect("it is valid");
        assert_eq!(command, None);
        let valid = &principals[&Role::Valid];
        assert_eq!(valid.secrets["ApiKeyHeader"], Secret::new("rbtk_test_1"));
        assert_eq!(valid.login.as_ref().map(|login| login.username.as_str()), Some("ada@example.com"));
        assert!(principals.contains_key(&Role::Expired));
    }

    #[test]
    fn says_what_is_missing_and_where() {
        let unset = parse(TEXT, &|_| None).expect_err("KEY is not set").to_string();
        assert!(unset.contains("`KEY` is not set"), "{unset}");
        let secret = "[credentials.valid]\nsecrets = { Key = \"rbtk_test_canary\", = }";
        let syntax = parse(secret, &|_| None).expect_err("a name is missing").to_string();
        assert!(syntax.contains("line 2") && !syntax.contains("canary"), "{syntax}");
        let nobody = parse("", &|_| None).expect_err("nobody is named").to_string();
        assert!(nobody.contains("[credentials.valid]"), "{nobody}");
        let role = parse("[credentials.somebody]", &|_| None).expect_err("no such role").to_string();
        assert!(role.contains("somebody") && role.contains("other-organization"), "{role}");
    }
}
