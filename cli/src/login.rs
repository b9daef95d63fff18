//! `bitting login` and `bitting logout`: a session that later calls from any language use.

use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use bitting::Secret;
use bitting::oauth::{DevicePrompt, Login, LoginError, OAuthClient, Way};
use bitting::store::{LoginKind, Profile};
use bitting::table::{Api, Scheme};
use clap::{Args, ValueEnum};

use crate::document;
use crate::failure::Failure;

/// Log in to an API, and keep the session for later calls from any language.
///
/// By what the document offers: a name and a password (asked for without echo, or from the variables that `x-auth.env`
/// names), a browser, or another device. The token is kept in your own folder (BITTING_CONFIG_DIR, or bitting in
/// ~/.config), for the user alone. A password is never kept.
#[derive(Debug, Args)]
pub(crate) struct LogIn {
    #[command(flatten)]
    session: Session,
    /// How to log in [default: the first that the document offers]
    #[arg(long, value_name = "WAY")]
    with: Option<With>,
    /// The security scheme to log in for [default: the document's first]
    #[arg(long, value_name = "NAME")]
    scheme: Option<String>,
    /// The user's name [default: from the environment, or asked for]
    #[arg(long, value_name = "NAME")]
    username: Option<String>,
    /// The OAuth client; its secret comes from the environment [default: from the environment]
    #[arg(long, value_name = "ID")]
    client_id: Option<String>,
    /// A scope to ask for (repeatable) [default: the server's]
    #[arg(long, value_name = "SCOPE")]
    scope: Vec<String>,
    /// The port of this machine that the browser comes back to [default: any free one]
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    port: u16,
    /// The page that the browser opens, where it is not the document's
    #[arg(long, value_name = "URL")]
    authorization_url: Option<String>,
}

/// End a session: tell the server, and forget the token.
#[derive(Debug, Args)]
pub(crate) struct LogOut {
    #[command(flatten)]
    session: Session,
}

/// Which session.
#[derive(Debug, Args)]
struct Session {
    /// The OpenAPI document (3.0 or 3.1; YAML or JSON)
    document: PathBuf,
    /// The name that the session is kept under
    #[arg(long, short, value_name = "NAME", default_value = Profile::DEFAULT)]
    profile: String,
    /// The server [default: the document's]
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// The API's name in kebab case, as its client was generated with [default: from the file's name or the title]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
}

/// A way to log in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum With {
    /// A name and a password
    Password,
    /// A browser on this machine
    Browser,
    /// A code for another device
    Device,
}

impl With {
    fn kind(self) -> LoginKind {
        match self {
            Self::Password => LoginKind::Password,
            Self::Browser => LoginKind::Browser,
            Self::Device => LoginKind::Device,
        }
    }
}

pub(crate) fn log_in(options: &LogIn) -> Result<ExitCode, Failure> {
    let api = api(&options.session)?;
    let mut builder = Login::builder(Arc::clone(&api)).profile(&options.session.profile).port(options.port);
    if let Some(url) = &options.session.url {
        builder = builder.base_url(url);
    }
    if let Some(scheme) = &options.scheme {
        builder = builder.scheme(scheme);
    }
    if let Some(url) = &options.authorization_url {
        builder = builder.authorization_url(url);
    }
    let login = builder.build()?;
    let ways = login.ways();
    let named = |way: &Way| options.client_id.is_some() || variable(&api, &way.scheme, "client_id").is_some();
    let Some(way) = choose(&ways, options.with.map(With::kind), named) else {
        let asked = options.scheme.as_ref().map(|scheme| format!(" for `{scheme}`")).unwrap_or_default();
        let what = format!("the document of {} offers no such login{asked}", api.name);
        return Err(Failure::usage(what, "give the client an API key or a token instead"));
    };
    let profile = runtime()?.block_on(begin(&login, &api, way, options))?;
    let Profile { name, scheme, origin, .. } = &profile;
    anstream::println!("logged in to {} at {origin} (scheme {scheme}, profile {name})", api.name);
    anstream::println!("clients of {} use this when they are given no other credential", api.name);
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn log_out(options: &LogOut) -> Result<ExitCode, Failure> {
    let api = api(&options.session)?;
    let mut builder = Login::builder(api).profile(&options.session.profile);
    if let Some(url) = &options.session.url {
        builder = builder.base_url(url);
    }
    let login = builder.build()?;
    let revoked = runtime()?.block_on(login.logout())?;
    let server = if revoked { "and the server has revoked it" } else { "but the server did not confirm a revocation" };
    anstream::println!("the session of profile {} is forgotten here, {server}", options.session.profile);
    Ok(ExitCode::SUCCESS)
}

/// The way that is meant: the one that was asked for; else one in a browser if the app is known, else the first, and one
/// that needs no app before one that does.
fn choose(ways: &[Way], wanted: Option<LoginKind>, has_client: impl Fn(&Way) -> bool) -> Option<&Way> {
    if let Some(kind) = wanted {
        return ways.iter().find(|way| way.kind == kind);
    }
    let of = |kind| ways.iter().filter(move |way| way.kind == kind);
    let known = of(LoginKind::Browser).chain(of(LoginKind::Device)).find(|way| has_client(way));
    known.or_else(|| of(LoginKind::Password).next()).or(ways.first())
}

async fn begin(login: &Login, api: &Api, way: &Way, options: &LogIn) -> Result<Profile, Failure> {
    let kept = match way.kind {
        LoginKind::Password => {
            let username = match options.username.clone().or_else(|| variable(api, &way.scheme, "username")) {
                Some(username) => username,
                None => ask("user name: ", api, way)?,
            };
            let password = match variable(api, &way.scheme, "password") {
                Some(password) => Secret::new(password),
                None => ask_secretly(&format!("password of {username}: "), api, way)?,
            };
            login.password(username, password).await
        }
        LoginKind::Browser => login.browser(client(api, way, options)?, &options.scope, open).await,
        LoginKind::Device => login.device(client(api, way, options)?, &options.scope, show).await,
        other => Err(LoginError::Config(format!("this program knows no login of the kind {other:?}"))),
    };
    Ok(kept?)
}

/// The OAuth client, by the options and the environment.
fn client(api: &Api, way: &Way, options: &LogIn) -> Result<OAuthClient, Failure> {
    let id = options.client_id.clone().or_else(|| variable(api, &way.scheme, "client_id"));
    let id = id.ok_or_else(|| {
        let help = format!("give --client-id, or set {}", names(api, &way.scheme, "client_id").join(" or "));
        Failure::usage(format!("`{}` needs an OAuth client", way.scheme), help)
    })?;
    let client = OAuthClient::new(id);
    Ok(match variable(api, &way.scheme, "client_secret") {
        Some(secret) => client.secret(secret),
        None => client,
    })
}

/// Shows the page, and tries to open it.
fn open(url: &url::Url) {
    anstream::eprintln!("log in in your browser; if it does not open, go to\n\n  {url}\n");
    // A machine without a browser is no error: the URL is on the screen.
    let _ = open::that_detached(url.as_str());
}

fn show(prompt: &DevicePrompt) {
    let DevicePrompt { verification_uri, user_code, .. } = prompt;
    anstream::eprintln!("on any device, go to\n\n  {verification_uri}\n\nand enter the code\n\n  {user_code}\n");
    if let Some(uri) = &prompt.verification_uri_complete {
        anstream::eprintln!("or go to {uri}");
    }
}

fn ask(question: &str, api: &Api, way: &Way) -> Result<String, Failure> {
    let terminal = std::io::stdin();
    if !terminal.is_terminal() {
        return Err(unattended(api, way));
    }
    anstream::eprint!("{question}");
    let mut line = String::new();
    let read = std::io::stderr().flush().and_then(|()| terminal.lock().read_line(&mut line));
    read.map_err(|_| unattended(api, way))?;
    Ok(line.trim().to_owned())
}

fn ask_secretly(question: &str, api: &Api, way: &Way) -> Result<Secret, Failure> {
    rpassword::prompt_password(question).map(Secret::new).map_err(|_| unattended(api, way))
}

/// There is nobody to ask.
fn unattended(api: &Api, way: &Way) -> Failure {
    let of = |part| names(api, &way.scheme, part).first().cloned().unwrap_or_default();
    let help = format!("run this in a terminal, or set {} and {}", of("username"), of("password"));
    Failure::usage("there is no terminal to ask for a name and a password", help)
}

/// The environment variables that may hold a part of a credential: the one that the document names, else the usual.
fn names(api: &Api, scheme: &str, part: &str) -> Vec<String> {
    let declared = api.schemes.iter().find(|known| known.name == scheme);
    match declared.and_then(|scheme: &Scheme| scheme.auth.env.get(part)) {
        Some(name) => vec![name.clone()],
        None if part == "username" => ["USERNAME", "EMAIL"].map(|end| format!("{}_{end}", api.env_prefix)).into(),
        None => vec![format!("{}_{}", api.env_prefix, part.to_uppercase())],
    }
}

fn variable(api: &Api, scheme: &str, part: &str) -> Option<String> {
    let mut values = names(api, scheme, part).into_iter().filter_map(|name| std::env::var(name).ok());
    values.find(|value| !value.trim().is_empty())
}

fn api(session: &Session) -> Result<Arc<Api>, Failure> {
    let document = document::load(&session.document)?;
    let name = session.name.clone().unwrap_or_else(|| document.api_name());
    Ok(Arc::new(document.table(&name)))
}

fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| Failure::usage(format!("no runtime could be started: {error}"), "free some resources"))
}

impl From<LoginError> for Failure {
    fn from(error: LoginError) -> Self {
        match &error {
            LoginError::Config(_) | LoginError::Store(_) => Self::Usage(error.to_string()),
            _ => Self::Unreachable(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn login(document: &str) -> Login {
        let path = PathBuf::from("../spec/openapi").join(document);
        let api = Arc::new(document::load(&path).expect("a document").table("demo"));
        Login::builder(api)
            .environment(|name| (name == "HOME").then(|| "/nowhere".to_owned()))
            .build()
            .expect("a login")
    }

    /// ROBOTICKS-8, ARROTECH-3: a password where that is all there is, a browser where the app is known.
    #[test]
    fn the_way_is_the_documents() {
        let chosen = |document: &str, wanted, has_client: bool| {
            let ways = login(document).ways();
            choose(&ways, wanted, |_| has_client).map(|way| (way.scheme.clone(), way.kind))
        };
        let password = |scheme: &str| Some((scheme.to_owned(), LoginKind::Password));
        assert_eq!(chosen("roboticks.yaml", None, false), password("UserToken"));
        assert_eq!(chosen("arrotech.yaml", None, false), password("UserJwt"));
        let browser = Some(("OAuth2".to_owned(), LoginKind::Browser));
        assert_eq!(chosen("arrotech.yaml", None, true), browser);
        assert_eq!(chosen("arrotech.yaml", Some(LoginKind::Browser), false), browser);
        assert_eq!(chosen("roboticks.yaml", Some(LoginKind::Device), true), None);
        assert_eq!(chosen("arrow.yaml", None, false), None);
    }
}
