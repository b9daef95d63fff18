//! Who the suite can be: principals by role, with their secrets.

mod file;
mod value;
mod wfc;

pub(crate) use file::{Entry, ProvisionerEntry};
pub(crate) use value::{BLANK, Source};

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use bitting_spec::extension::Tenant;
use bitting_spec::table::{Location, SchemeKind};
use bitting_spec::{Document, Operation, SecurityScheme};
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::provision::{KeyOrder, Minted, ProvisionError, Provisioner, TokenOrder, User, World};
use crate::run::{client_flow, password_flow};
use crate::secret::Secret;
use crate::settings::Settings;

/// The server that is checked, and who the suite can be there.
#[derive(Debug, Clone)]
pub struct Target {
    /// Its base URL; paths of the document are appended to it.
    pub base_url: String,
    /// The principals.
    pub credentials: Credentials,
}

/// What a principal is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Works, with every scope.
    Valid,
    /// Works, and lacks the scopes for writing.
    ReadOnly,
    /// Works, in another organization.
    OtherOrganization,
    /// Belongs to another environment.
    OtherEnvironment,
    /// Its life has ended.
    Expired,
    /// It was taken back.
    Revoked,
}

impl Role {
    /// The role's name in a credentials file.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::ReadOnly => "read-only",
            Self::OtherOrganization => "other-organization",
            Self::OtherEnvironment => "other-environment",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// A user's name and password, for the login that the document describes (`x-auth.acquire`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    /// The name, often an email address.
    pub username: String,
    /// The password.
    pub password: Secret,
}

/// An OAuth client's id and secret, for the client credentials grant (RFC 6749, 4.4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OAuthClient {
    /// The id.
    pub id: String,
    /// The secret.
    pub secret: Secret,
}

/// Somebody whom the suite can be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Principal {
    /// The organization that it belongs to.
    pub organization: Option<String>,
    /// Values of path parameters that lead to what it may reach, such as `org_slug`.
    pub parameters: BTreeMap<String, String>,
    /// Its secrets, by security scheme.
    pub secrets: BTreeMap<String, Secret>,
    /// Its name and password.
    pub login: Option<Login>,
    /// Its OAuth client.
    pub client: Option<OAuthClient>,
}

/// Principals by role, and a provisioner that makes what is missing.
#[derive(Clone, Default)]
pub struct Credentials {
    principals: BTreeMap<Role, Principal>,
    /// Those of whom nobody has said anything: the provisioner's own users stand for them.
    made: BTreeSet<Role>,
    provisioner: Option<Arc<dyn Provisioner>>,
}

impl Principal {
    /// What it presents for a scheme: the secret that was given, or, for HTTP Basic, its name and password
    /// (RFC 7617, 2).
    pub(crate) fn secret(&self, scheme: &SecurityScheme) -> Option<Secret> {
        let login = self.login.as_ref().filter(|_| is_basic(scheme));
        let pair = || login.map(|login| Secret::new(format!("{}:{}", login.username, login.password.expose())));
        self.secrets.get(&scheme.name).cloned().or_else(pair)
    }
}

impl Credentials {
    /// Reads a file with the principals and the provisioner of a settings file ([`Settings`]) and nothing else. `name` is
    /// its path: what errors call it, and where relative paths start. A value is a text, or says where it is: `{ env = "NAME" }`, `{ file = "PATH" }` or `{ command = ["PROGRAM"] }`.
    ///
    /// ```toml
    /// [credentials.valid]
    /// organization = "acme"
    /// parameters = { org_slug = "acme", project_slug = "warehouse" }
    /// secrets = { ApiKeyHeader = { env = "ROBOTICKS_API_KEY" } }
    /// login = { username = "ada@example.com", password = { command = ["pass", "show", "roboticks"] } }
    ///
    /// [provisioner]
    /// command = ["python3", "provisioner.py"]
    /// ```
    ///
    /// The provisioner makes what no principal has ([`provision::Command`](crate::provision::Command)). Where the file
    /// names no `valid` principal, [`completed`](Self::completed) asks it for one.
    ///
    /// # Errors
    /// [`Error::Config`] with the line of a fault in the file, such as a setting of another kind, or the name of a variable
    /// that is not set.
    pub fn parse(name: &str, text: &str, lookup: impl Fn(&str) -> Option<String>) -> Result<Self, Error> {
        Settings::principals(name, text, lookup)
    }

    /// Reads an authentication file of Web Fuzzing Commons (YAML or JSON); `name` is what errors call it.
    ///
    /// A user that is called like a role (`read-only`, `other-organization` …) has it, the first other one is the valid
    /// principal. `fixedHeaders` become secrets of the schemes that they belong to, `payloadUserPwd` and `payloadRaw` a
    /// login, which is then made as the document describes it.
    ///
    /// # Errors
    /// [`Error::Config`] with what cannot be used; no secret is in it.
    pub fn from_wfc(document: &Document, name: &str, text: &str) -> Result<Self, Error> {
        wfc::parse(document, name, text).map(|principals| Self { principals, ..Self::default() })
    }

    /// The same, with the valid principal and one of another organization made by the provisioner, where there is one
    /// and the principal is not given.
    ///
    /// # Errors
    /// As [`provisioned`](Self::provisioned).
    pub async fn completed(self, document: &Document) -> Result<Self, Error> {
        let Some(provisioner) = self.provisioner.clone() else { return Ok(self) };
        if self.principals.contains_key(&Role::Valid) {
            return Ok(self);
        }
        let mut all = Self::provisioned(document, provisioner).await?;
        all.made.retain(|role| !self.principals.contains_key(role));
        all.principals.extend(self.principals);
        Ok(all)
    }

    /// The valid principal as far as the environment variables describe it from which clients read their credentials too:
    /// those that the document names (`x-auth.env`), for keys and tokens else the API's name with an end, such as
    /// `SHOP_API_KEY`.
    pub fn from_environment(document: &Document, lookup: impl Fn(&str) -> Option<String>) -> Self {
        let mut valid = Principal::default();
        let api = document.table(&document.api_name());
        for (scheme, own) in api.schemes.iter().zip(&document.security_schemes) {
            // A variable that is empty, as those of a fork's pull request are, gives nothing.
            let found = |name: &String| lookup(name).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
            let read = |part: &str| scheme.auth.env.get(part).and_then(found);
            let part = if nature(own) == Nature::Key { "key" } else { "token" };
            let usual = || api.variables(scheme, part).iter().find_map(found).filter(|_| nature(own) != Nature::Other);
            if let Some(secret) = read("key").or_else(|| read("token")).or_else(usual) {
                valid.secrets.insert(scheme.name.clone(), Secret::new(secret));
            }
            if let (Some(username), Some(password)) = (read("username"), read("password")) {
                valid.login = Some(Login { username, password: Secret::new(password) });
            }
            if let (Some(id), Some(secret)) = (read("client_id"), read("client_secret")) {
                valid.client = Some(OAuthClient { id, secret: Secret::new(secret) });
            }
        }
        let nothing = valid.secrets.is_empty() && valid.login.is_none() && valid.client.is_none();
        Self::default().with(Role::Valid, if nothing { Principal::default() } else { valid })
    }

    /// Asks a provisioner for two users of two organizations, for one who may only read, and for a key or token of theirs
    /// for each scheme of the document; tokens that come from a login are left to the login.
    ///
    /// # Errors
    /// [`Error::Provision`] when it fails or has no user.
    pub async fn provisioned(document: &Document, provisioner: Arc<dyn Provisioner>) -> Result<Self, Error> {
        let failed = |reason: String| Error::Provision { reason };
        let world = provisioner.world().await.map_err(|error| failed(error.to_string()))?;
        let first = world.users.first().ok_or_else(|| failed("it knows no user".to_owned()))?;
        let other = world.users.iter().find(|user| user.organization != first.organization);
        let may_only_read =
            |user: &&User| user.organization == first.organization && user.permission.as_deref() == Some("read-only");
        let reader = world.users.iter().find(may_only_read);
        let mut credentials = Self::default().with_provisioner(Arc::clone(&provisioner));
        for (role, user) in [(Role::Valid, Some(first)), (Role::OtherOrganization, other), (Role::ReadOnly, reader)] {
            let Some(user) = user else { continue };
            let mut principal =
                Principal {
                    organization: Some(user.organization.clone()),
                    parameters: parameters(document, &world, &user.organization),
                    login: Some(Login { username: user.email.clone(), password: user.password.clone() }),
                    client: world.clients.iter().find(|client| client.organization == user.organization).map(
                        |client| OAuthClient { id: client.client_id.clone(), secret: client.client_secret.clone() },
                    ),
                    ..Principal::default()
                };
            for scheme in &document.security_schemes {
                let minted = minted(provisioner.as_ref(), scheme, &user.email).await;
                if let Some(minted) = minted.map_err(|error| failed(error.to_string()))? {
                    principal.secrets.insert(scheme.name.clone(), minted.secret);
                }
            }
            credentials = credentials.with(role, principal);
            credentials.made.insert(role);
        }
        Ok(credentials)
    }

    /// Whether nobody has said who this is, and the provisioner's own user stands for it.
    pub(crate) fn is_made(&self, role: Role) -> bool {
        self.made.contains(&role)
    }

    /// Refuses what is meant for a scheme or a parameter that the document does not have: it would do nothing.
    pub(crate) fn validate(&self, document: &Document) -> Result<(), Error> {
        let parameters = document.operations.iter().flat_map(|operation| &operation.parameters);
        let parameters: BTreeSet<&str> = parameters.map(|parameter| parameter.name.as_str()).collect();
        let schemes: BTreeSet<&str> = document.security_schemes.iter().map(|scheme| scheme.name.as_str()).collect();
        for (role, principal) in &self.principals {
            let secrets = principal.secrets.keys().map(|name| ("security scheme", name, &schemes));
            let values = principal.parameters.keys().map(|name| ("parameter", name, &parameters));
            for (kind, name, known) in secrets.chain(values) {
                if !known.contains(name.as_str()) {
                    let message = format!("the document has no {kind} `{name}`");
                    let known: Vec<&str> = known.iter().copied().collect();
                    let remedy = format!("it has: {}", known.join(", "));
                    return Err(Error::config(format!("[credentials.{role}]"), message, remedy));
                }
            }
        }
        Ok(())
    }

    /// Refuses a login or a client that nothing in the document takes: it would do nothing, and the run prove little.
    pub(crate) fn validate_use(&self, document: &Document) -> Result<(), Error> {
        // A provisioner is told whose credentials it makes.
        if self.provisioner.is_some() {
            return Ok(());
        }
        let takes = |takes: fn(&SecurityScheme) -> bool| document.security_schemes.iter().any(takes);
        let takes_login = takes(crate::plan::takes_login);
        for (role, principal) in &self.principals {
            if principal.login.is_some() && !takes_login {
                let message = "nothing in the document says how to log in: no scheme has a password flow, and no public \
                               POST takes a name and a password and answers a token";
                let remedy = "give the token under `secrets`, or name the operation: `x-auth` with `acquire` at the \
                              security scheme, in the document or in an overlay beside it";
                return Err(Error::config(format!("[credentials.{role}] login"), message, remedy));
            }
            if principal.client.is_some()
                && !takes(|scheme| client_flow(scheme).is_some() || password_flow(scheme).is_some())
            {
                let message = "no scheme of the document has a flow that a client gets a token by";
                let remedy = "give the token under `secrets`, or add the scheme's `flows` in an overlay";
                return Err(Error::config(format!("[credentials.{role}] client"), message, remedy));
            }
        }
        Ok(())
    }

    /// The same, with `principal` as `role`.
    #[must_use]
    pub fn with(mut self, role: Role, principal: Principal) -> Self {
        self.principals.insert(role, principal);
        self.made.remove(&role);
        self
    }

    /// The principal in a role, if whoever runs the suite has named it: that is a claim about the server, which a
    /// provisioner's two users of two organizations are not.
    pub(crate) fn named(&self, role: Role) -> Option<&Principal> {
        self.principals.get(&role).filter(|_| !self.made.contains(&role))
    }

    /// The same, with a provisioner for what is missing.
    #[must_use]
    pub fn with_provisioner(mut self, provisioner: Arc<dyn Provisioner>) -> Self {
        self.provisioner = Some(provisioner);
        self
    }

    /// The principal of a role.
    #[must_use]
    pub fn principal(&self, role: Role) -> Option<&Principal> {
        self.principals.get(&role)
    }

    /// The principals with their roles.
    pub fn principals(&self) -> impl Iterator<Item = (Role, &Principal)> {
        self.principals.iter().map(|(role, principal)| (*role, principal))
    }

    /// What makes credentials that are missing.
    #[must_use]
    pub fn provisioner(&self) -> Option<&dyn Provisioner> {
        self.provisioner.as_deref()
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Credentials")
            .field("principals", &self.principals)
            .field("provisioner", &self.provisioner.is_some())
            .finish()
    }
}

/// What kind of credential a security scheme takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Nature {
    /// A long-lived key.
    Key,
    /// A token with an end.
    Token,
    /// Something that the suite cannot make wrong ones of.
    Other,
}

/// Whether a name and a password are the credential themselves (RFC 7617, 2).
pub(crate) fn is_basic(scheme: &SecurityScheme) -> bool {
    matches!(&scheme.kind, SchemeKind::Http { scheme, .. } if scheme == "basic")
}

/// The kind of credential that `scheme` takes.
pub(crate) fn nature(scheme: &SecurityScheme) -> Nature {
    let auth = &scheme.auth;
    match &scheme.kind {
        SchemeKind::ApiKey { .. } => Nature::Key,
        SchemeKind::Http { scheme, .. } if scheme != "bearer" => Nature::Other,
        SchemeKind::Http { .. } if auth.key.is_some() || auth.env.contains_key("key") => Nature::Key,
        SchemeKind::Http { .. } | SchemeKind::OAuth2 { .. } | SchemeKind::OpenIdConnect { .. } => Nature::Token,
        SchemeKind::MutualTls => Nature::Other,
    }
}

/// A credential of a user for a scheme. `None` where it comes from a login, or is of no kind that can be made.
async fn minted(
    provisioner: &dyn Provisioner,
    scheme: &SecurityScheme,
    user: &str,
) -> Result<Option<Minted>, ProvisionError> {
    let (user, name) = (user.to_owned(), Some(scheme.name.clone()));
    let minted = match nature(scheme) {
        Nature::Key => provisioner.mint_key(KeyOrder { user, scheme: name, ..KeyOrder::default() }).await,
        Nature::Token if scheme.auth.acquire.is_none() => {
            provisioner.mint_token(TokenOrder { user, scheme: name, ..TokenOrder::default() }).await
        }
        Nature::Token | Nature::Other => return Ok(None),
    };
    match minted {
        Ok(minted) => Ok(Some(minted)),
        // The plan says what is missing for it.
        Err(ProvisionError::Unsupported) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The path parameters that lead to what an organization owns: the one that the document binds to the organization,
/// and those whose names say `org` or `project`.
fn parameters(document: &Document, world: &World, organization: &str) -> BTreeMap<String, String> {
    let project =
        world.organizations.iter().find(|known| known.slug == organization).and_then(|known| known.projects.first());
    let mut parameters = BTreeMap::new();
    for operation in &document.operations {
        for name in bitting_spec::template_names(&operation.path) {
            let lower = name.to_ascii_lowercase();
            if operation.tenant == Some(Tenant::Path(name.to_owned())) || lower.starts_with("org") {
                parameters.insert(name.to_owned(), organization.to_owned());
            } else if let (true, Some(project)) = (lower.starts_with("project"), project) {
                parameters.insert(name.to_owned(), project.clone());
            }
        }
    }
    if let Some(client) = world.clients.iter().find(|client| client.organization == organization) {
        let uri = client.redirect_uris.first().map(|uri| ("redirect_uri", uri));
        for (name, value) in [("client_id", &client.client_id)].into_iter().chain(uri) {
            let asks = |operation: &Operation| {
                operation.parameters.iter().any(|known| known.name == name && known.location != Location::Path)
            };
            if document.operations.iter().any(asks) {
                parameters.insert(name.to_owned(), value.clone());
            }
        }
    }
    parameters
}
