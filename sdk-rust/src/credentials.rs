//! What the user supplies to be let in, where it came from, and which security schemes it fits.

pub(crate) mod environment;
pub(crate) mod kept;

use std::fmt;
use std::time::SystemTime;

use bitting_spec::table::{Api, Scheme, SchemeKind};
use serde::Serialize;

use crate::attach::basic;
use crate::error::Error;
use crate::oauth::OAuthClient;
use crate::secret::Secret;
use crate::store::Profile;
use crate::transport::identity;

/// What a user supplies to be let in.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Credential {
    /// A key that lives until it is revoked. It never triggers a refresh (A11).
    ApiKey(Secret),
    /// A token that somebody else obtained. It is used as it is.
    Token(Secret),
    /// A user's name and password, for the document's login operation, an OAuth password flow, or HTTP Basic.
    Login {
        /// The user's name or address.
        username: String,
        /// The password.
        password: Secret,
    },
    /// An OAuth client (RFC 6749, 4.4; ARROTECH-2).
    ClientCredentials {
        /// `client_id`.
        id: String,
        /// `client_secret`.
        secret: Secret,
        /// The scopes to ask for; none means the server's default.
        scopes: Vec<String>,
    },
    /// An OAuth client that proves itself in another way than by a secret alone (D4).
    App {
        /// The client.
        client: OAuthClient,
        /// The scopes to ask for; none means the server's default.
        scopes: Vec<String>,
    },
    /// A login that is kept: its token is in the client's store (ROBOTICKS-8).
    Profile(Profile),
    /// A client certificate with its chain and its private key, all as PEM, for `mutualTLS`: shown to servers that ask
    /// for one.
    Certificate(Secret),
}

impl Credential {
    /// What it is called in messages.
    fn noun(&self) -> &'static str {
        match self {
            Self::ApiKey(_) => "an API key",
            Self::Token(_) => "a token",
            Self::Login { .. } => "a user name and password",
            Self::ClientCredentials { .. } | Self::App { .. } => "an OAuth client",
            Self::Profile(_) => "a kept login",
            Self::Certificate(_) => "a client certificate",
        }
    }

    /// Whose it is, without its secret: what tells the stored tokens of two users apart.
    pub(crate) fn identity(&self) -> Vec<&str> {
        match self {
            Self::Login { username, .. } => vec!["login", username],
            Self::ClientCredentials { id, scopes, .. } => {
                ["client", id].into_iter().chain(scopes.iter().map(String::as_str)).collect()
            }
            Self::App { client, scopes } => {
                ["client", client.id()].into_iter().chain(scopes.iter().map(String::as_str)).collect()
            }
            Self::ApiKey(_) | Self::Token(_) | Self::Profile(_) | Self::Certificate(_) => Vec::new(),
        }
    }

    /// The scopes that it asks for; none means the server's default.
    pub(crate) fn scopes(&self) -> &[String] {
        match self {
            Self::ClientCredentials { scopes, .. } => scopes,
            _ => &[],
        }
    }

    /// What stands for it in reports and logs (F3): all of its parts together, so that two users with one password
    /// differ.
    pub(crate) fn id(&self) -> String {
        match self {
            Self::ApiKey(secret) | Self::Token(secret) | Self::Certificate(secret) => secret.id(),
            Self::Login { username, password } => basic(username, password).id(),
            Self::ClientCredentials { id, secret, .. } => basic(id, secret).id(),
            Self::App { client, .. } => Secret::new(client.id()).id(),
            Self::Profile(profile) => Secret::new(profile.key().as_str()).id(),
        }
    }

    /// Whether it can satisfy `scheme` of `api`.
    pub(crate) fn fits(&self, scheme: &Scheme, api: &Api) -> bool {
        match self {
            Self::ApiKey(_) => match &scheme.kind {
                SchemeKind::ApiKey { .. } => scheme.auth.acquire.is_none(),
                kind => is_bearer(kind) && (holds_key(scheme) || !api.schemes.iter().any(is_for_keys)),
            },
            Self::Token(_) => {
                let other = |scheme: &Scheme| takes_token(&scheme.kind) && !holds_key(scheme);
                takes_token(&scheme.kind) && (!holds_key(scheme) || !api.schemes.iter().any(other))
            }
            Self::Login { .. } => {
                let password = matches!(&scheme.kind, SchemeKind::OAuth2 { flows } if flows.password.is_some());
                let basic = matches!(&scheme.kind, SchemeKind::Http { scheme, .. } if scheme == "basic");
                scheme.auth.acquire.is_some() || password || basic
            }
            Self::ClientCredentials { .. } | Self::App { .. } => {
                matches!(&scheme.kind, SchemeKind::OAuth2 { flows } if flows.client_credentials.is_some())
                    || matches!(&scheme.kind, SchemeKind::OpenIdConnect { .. })
            }
            Self::Profile(profile) => profile.scheme == scheme.name && profile.api == api.name,
            Self::Certificate(_) => scheme.kind == SchemeKind::MutualTls,
        }
    }

    /// Trims what was pasted with blanks around it, and refuses what no header may carry (B9).
    fn checked(self, source: &CredentialSource) -> Result<Self, Error> {
        Ok(match self {
            Self::ApiKey(secret) => Self::ApiKey(word("API key", &secret, source)?),
            Self::Token(secret) => Self::Token(word("token", &secret, source)?),
            Self::Login { username, password } => {
                let username = line("user name", username.trim(), source)?.to_owned();
                let password = Secret::new(line("password", password.expose().trim_end_matches(['\r', '\n']), source)?);
                Self::Login { username, password }
            }
            Self::ClientCredentials { id, secret, scopes } => {
                let id = line("client id", id.trim(), source)?.to_owned();
                Self::ClientCredentials { id, secret: word("client secret", &secret, source)?, scopes }
            }
            Self::Certificate(pem) => {
                identity(&pem).map_err(|_| unreadable(source))?;
                Self::Certificate(pem)
            }
            other @ (Self::App { .. } | Self::Profile(_)) => other,
        })
    }
}

/// Whether a bearer scheme is declared for API keys rather than for tokens (ROBOTICKS-1).
fn holds_key(scheme: &Scheme) -> bool {
    scheme.auth.acquire.is_none() && (scheme.auth.key.is_some() || scheme.auth.env.contains_key("key"))
}

fn is_for_keys(scheme: &Scheme) -> bool {
    matches!(scheme.kind, SchemeKind::ApiKey { .. }) || holds_key(scheme)
}

fn is_bearer(kind: &SchemeKind) -> bool {
    matches!(kind, SchemeKind::Http { scheme, .. } if scheme == "bearer")
}

fn takes_token(kind: &SchemeKind) -> bool {
    is_bearer(kind) || matches!(kind, SchemeKind::OAuth2 { .. } | SchemeKind::OpenIdConnect { .. })
}

/// A key or token: visible ASCII without blanks.
fn word(what: &str, secret: &Secret, source: &CredentialSource) -> Result<Secret, Error> {
    let text = secret.expose().trim();
    let problem = if text.is_empty() {
        "is empty; give one, or leave it out".to_owned()
    } else if text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(Secret::new(text));
    } else if text.to_ascii_lowercase().starts_with("bearer ") {
        "begins with `Bearer `; give what follows it alone".to_owned()
    } else {
        "contains a blank, a line break or a character outside ASCII; copy it again without them".to_owned()
    };
    Err(Error::Credentials(format!("the {what} from {source} {problem}")))
}

/// A name or password: anything on one line.
fn line<'a>(what: &str, text: &'a str, source: &CredentialSource) -> Result<&'a str, Error> {
    let problem = match text {
        "" => "is empty; give one, or leave it out",
        text if text.contains(|char: char| char.is_control()) => {
            "contains a line break or control character; copy it again without them"
        }
        text => return Ok(text),
    };
    Err(Error::Credentials(format!("the {what} from {source} {problem}")))
}

fn unreadable(source: &CredentialSource) -> Error {
    let what = format!("the client certificate from {source} cannot be read");
    Error::Credentials(format!("{what}; give the certificate, its chain and its private key, all as PEM"))
}

/// Where a credential came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum CredentialSource {
    /// It was given to the builder.
    Argument,
    /// It was read from these environment variables.
    Environment(Vec<String>),
    /// It is the login that is kept under this profile.
    Profile(String),
}

impl fmt::Display for CredentialSource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Argument => formatter.write_str("an argument"),
            Self::Environment(names) => {
                let plural = if names.len() == 1 { "" } else { "s" };
                write!(formatter, "the environment variable{plural} {}", names.join(" and "))
            }
            Self::Profile(name) => write!(formatter, "the profile `{name}`"),
        }
    }
}

/// Which credential a client uses for a security scheme (`client.auth().explain()`). It never holds the secret.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct CredentialReport {
    /// The security scheme's name in the document.
    pub scheme: String,
    /// Where the credential came from.
    pub source: CredentialSource,
    /// A name for it that says nothing about it: 8 hexadecimal digits of a keyed hash (F3).
    pub id: String,
    /// When the token that is held now ends, by this machine's clock; `None` for a key, or while there is no token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<SystemTime>,
    /// The scopes of the token that is held now, where they are known.
    pub scopes: Vec<String>,
}

/// A credential that the client holds.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) credential: Credential,
    pub(crate) source: CredentialSource,
    /// The one scheme that it is for; `None`: every scheme that it fits.
    pub(crate) scheme: Option<String>,
}

impl Held {
    /// Checks a credential on its way in.
    pub(crate) fn new(credential: Credential, source: CredentialSource, scheme: Option<String>) -> Result<Self, Error> {
        Ok(Self { credential: credential.checked(&source)?, source, scheme })
    }

    /// Whether it can satisfy `scheme`.
    pub(crate) fn serves(&self, scheme: &Scheme, api: &Api) -> bool {
        self.scheme.as_ref().is_none_or(|name| *name == scheme.name) && self.credential.fits(scheme, api)
    }

    /// Refuses a credential that satisfies none of the API's schemes.
    pub(crate) fn ensure_useful(&self, api: &Api) -> Result<(), Error> {
        if api.schemes.iter().any(|scheme| self.serves(scheme, api)) {
            return Ok(());
        }
        let names: Vec<&str> = api.schemes.iter().map(|scheme| scheme.name.as_str()).collect();
        let noun = self.credential.noun();
        let schemes = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        Err(Error::Credentials(format!(
            "{noun} from {} fits no security scheme of {} (it declares: {schemes})",
            self.source, api.name
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(held: &Held) -> &str {
        match &held.credential {
            Credential::ApiKey(secret) | Credential::Login { password: secret, .. } => secret.expose(),
            other => panic!("{other:?}"),
        }
    }

    fn checked(text: &str) -> Result<String, String> {
        let source = CredentialSource::Environment(vec!["ROBOTICKS_API_KEY".to_owned()]);
        let held = Held::new(Credential::ApiKey(Secret::new(text)), source, None);
        held.map(|held| secret(&held).to_owned()).map_err(|error| error.to_string())
    }

    /// B9: blanks around a key are trimmed; what is inside is refused, named by source and without the value.
    #[test]
    fn a_key_is_trimmed_and_checked() {
        assert_eq!(checked(" rbtk_test_1\n").as_deref(), Ok("rbtk_test_1"));
        for bad in ["rbtk_test canary", "rbtk_test\r\ncanary", "rbtk_test_cänary", "Bearer rbtk_test_canary", "  "] {
            let error = checked(bad).expect_err(bad);
            assert!(error.contains("ROBOTICKS_API_KEY") && !error.contains("nary"), "{error}");
        }
    }

    /// B9: a password may have blanks, but neither it nor a user name may have a line break inside.
    #[test]
    fn a_password_keeps_its_blanks() {
        let login = |password: &str| {
            let credential = Credential::Login { username: "ada@example.com".into(), password: password.into() };
            Held::new(credential, CredentialSource::Argument, None)
        };
        let held = login(" correct horse \n").expect("a password");
        assert_eq!(secret(&held), " correct horse ");
        assert!(login("two\nlines").is_err());
        assert!(!format!("{held:?}").contains("horse"));
    }
}
