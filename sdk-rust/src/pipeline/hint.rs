//! What the client knows about a refusal that the server does not say: which credential was sent, where it came from,
//! and what looks wrong with it (B10). Never the credential itself.

use crate::client::Shared;
use crate::credentials::Credential;
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
    if prepared.own_credential {
        return Some("the credential of the call's own headers was sent, and the client's were not".to_owned());
    }
    if uses.is_empty() {
        return Some("no credential was sent: the document calls this operation public".to_owned());
    }
    let sent = uses.iter().map(|used| describe(shared, used)).collect::<Vec<_>>().join(" together with ");
    let permission = if status == 403 { "; it may lack a permission that the operation needs" } else { "" };
    Some(format!("{sent}{permission}"))
}

fn describe(shared: &Shared, used: &Use) -> String {
    let (scheme, held) = (&shared.api.schemes[used.scheme], &shared.held[used.held]);
    let id = held.credential.id();
    let mut text = format!("the credential for `{}` came from {} (id {id})", scheme.name, held.source);
    let prefix = scheme.auth.key.as_ref().and_then(|rules| rules.prefix.as_deref());
    if let (Some(prefix), Credential::ApiKey(key) | Credential::Token(key)) = (prefix, &held.credential)
        && !key.expose().starts_with(prefix)
    {
        text.push_str(&format!("; keys begin with `{prefix}`, and this one does not"));
    }
    let environments: Vec<&str> = scheme.auth.environments.keys().map(String::as_str).collect();
    if !environments.is_empty() {
        let environments = environments.join(", ");
        text.push_str(&format!("; it belongs to one environment ({environments}): check that this server is the same"));
    }
    text
}
