//! What the client knows about a refusal that the server does not say: which credential was sent, where it came from,
//! and what looks wrong with it (B10). Never the credential itself.

use std::collections::BTreeMap;

use url::Url;

use crate::client::Shared;
use crate::credentials::Credential;
use crate::origin::Origin;
use crate::plan::{Choice, Plan, Use};
use crate::request::Prepared;

/// A hint for a refusal of authentication or permission; `None` for other answers.
pub(super) fn hint(shared: &Shared, plan: &Plan, prepared: &Prepared, uses: &[Use], status: u16) -> Option<String> {
    let rejects = |used: &Use| shared.api.schemes[used.scheme].auth.rejects(status);
    if !matches!(status, 401 | 403) && !uses.iter().any(rejects) {
        return None;
    }
    if let Choice::Withheld(server) = &plan.choice {
        return Some(format!("no credential was sent: `{server}` is no server of the document"));
    }
    if !prepared.own.is_empty() {
        let others = if uses.is_empty() { "and the client's were not" } else { "with the client's for what they lack" };
        return Some(format!("the credential of the call's own headers was sent, {others}"));
    }
    if uses.is_empty() {
        return Some("no credential was sent: the document calls this operation public".to_owned());
    }
    let sent = uses.iter().map(|used| describe(shared, used, &plan.base)).collect::<Vec<_>>().join(" together with ");
    let permission = if status == 403 { "; it may lack a permission that the operation needs" } else { "" };
    Some(format!("{sent}{permission}"))
}

fn describe(shared: &Shared, used: &Use, base: &str) -> String {
    let (scheme, held) = (&shared.api.schemes[used.scheme], &shared.held[used.held]);
    let id = held.credential.id();
    let mut text = format!("the credential for `{}` came from {} (id {id})", scheme.name, held.source);
    let prefix = scheme.auth.key.as_ref().and_then(|rules| rules.prefix.as_deref());
    if let (Some(prefix), Credential::ApiKey(key) | Credential::Token(key)) = (prefix, &held.credential)
        && !key.expose().starts_with(prefix)
    {
        text.push_str(&format!("; keys begin with `{prefix}`, and this one does not"));
    }
    text.push_str(&environment(&scheme.auth.environments, base));
    text
}

/// What is known of the environment that a server belongs to: a credential of another is refused there (ARROTECH-5).
fn environment(environments: &BTreeMap<String, Option<String>>, base: &str) -> String {
    if environments.is_empty() {
        return String::new();
    }
    let origin = |url: &str| Url::parse(url).ok().and_then(|url| Origin::of(&url));
    let here = environments
        .iter()
        .find(|(_, url)| url.as_deref().and_then(origin).is_some_and(|known| Some(known) == origin(base)));
    let others = |here: Option<&String>| {
        environments.keys().filter(|name| Some(*name) != here).map(String::as_str).collect::<Vec<_>>().join(", ")
    };
    match here {
        Some((name, _)) => {
            format!("; this server is `{name}`, and refuses credentials of other environments ({})", others(Some(name)))
        }
        None => {
            format!("; it belongs to one environment ({}): check that this server is the same", others(None))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// B10, ARROTECH-5: the hint names the environment of the server, where the document says which that is.
    #[test]
    fn the_environment_is_named() {
        let known = BTreeMap::from([
            ("production".to_owned(), Some("https://hub.example/api".to_owned())),
            ("sandbox".to_owned(), None),
        ]);
        let here = environment(&known, "https://hub.example:443/v2");
        assert_eq!(here, "; this server is `production`, and refuses credentials of other environments (sandbox)");
        let elsewhere = environment(&known, "https://other.example");
        assert!(elsewhere.contains("one environment (production, sandbox)"), "{elsewhere}");
        assert_eq!(environment(&BTreeMap::new(), "https://hub.example"), "");
    }
}
