//! How a credential for a security scheme is given: the parts that it has, as arguments and as variables.

use bitting_spec::table::{Api, Scheme, SchemeKind};

/// The ways to be let in by a scheme, each with its parts: the words of `x-auth.env`.
pub(crate) fn ways(scheme: &Scheme) -> Vec<&'static [&'static str]> {
    const USER: &[&str] = &["username", "password"];
    const CLIENT: &[&str] = &["client_id", "client_secret"];
    const TOKEN: &[&str] = &["token"];
    const KEY: &[&str] = &["key"];
    match &scheme.kind {
        SchemeKind::OAuth2 { flows } => {
            let takes_user = flows.password.is_some() || scheme.auth.acquire.is_some();
            let user = takes_user.then_some(USER);
            let client = flows.client_credentials.is_some().then_some(CLIENT);
            [user, client, Some(TOKEN)].into_iter().flatten().collect()
        }
        _ if scheme.auth.acquire.is_some() => vec![USER, TOKEN],
        SchemeKind::ApiKey { .. } => vec![KEY],
        SchemeKind::Http { scheme, .. } if scheme == "basic" => vec![USER],
        SchemeKind::MutualTls => Vec::new(),
        _ if scheme.auth.env.contains_key("key") => vec![KEY],
        _ => vec![TOKEN],
    }
}

/// The environment variables that a scheme's credential is read from.
pub(crate) fn variables(api: &Api, scheme: &Scheme) -> Vec<String> {
    let parts = ways(scheme).into_iter().flatten();
    parts.filter_map(|part| api.variables(scheme, part).into_iter().next()).collect()
}

/// The environment variables of all schemes, each once.
pub(crate) fn all_variables(api: &Api) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for variable in api.schemes.iter().flat_map(|scheme| variables(api, scheme)) {
        if !all.contains(&variable) {
            all.push(variable);
        }
    }
    all
}
