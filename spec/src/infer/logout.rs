//! Which operation ends the session of whoever calls it.

use super::plain;
use crate::Operation;

/// Words that say so wherever they stand last in a path.
const PLAIN: [&str; 4] = ["logout", "signout", "logoff", "endsession"];
/// Words that say so behind one of [`SESSIONS`] alone: keys, invitations and orders are revoked too.
const ENDS: [&str; 2] = ["revoke", "invalidate"];
/// What a session is called in a path.
const SESSIONS: [&str; 8] = ["auth", "login", "oauth", "oauth2", "session", "sessions", "token", "tokens"];

/// Whether a call of the operation ends the session of its caller, as its path names it: `POST /auth/logout`, `POST
/// /token/revoke`, `DELETE /session`, `DELETE /sessions/current`. What a path parameter tells apart is an object, not the
/// caller's session.
#[must_use]
pub fn is_logout(operation: &Operation) -> bool {
    let mut parts = operation.trimmed_path().rsplit('/').map(|part| (part.starts_with('{'), plain(part)));
    let (Some((_, last)), before) = (parts.next(), parts.next()) else { return false };
    let behind_session =
        || before.as_ref().is_none_or(|(_, part)| part.is_empty() || SESSIONS.contains(&part.as_str()));
    let is_own = !operation.path.contains('{');
    !operation.is_public()
        && match operation.method.as_str() {
            "GET" => PLAIN.contains(&last.as_str()),
            "POST" => PLAIN.contains(&last.as_str()) || is_own && ENDS.contains(&last.as_str()) && behind_session(),
            "DELETE" => {
                let is_named = ["logout", "login", "session", "token"].contains(&last.as_str());
                is_own && (is_named || ["sessions", "current"].contains(&last.as_str()) && behind_session())
            }
            _ => false,
        }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Document;

    #[test]
    fn the_callers_session_is_no_object() {
        let is = |method: &str, path: &str| {
            let parameters: Vec<String> = crate::template_names(path)
                .into_iter()
                .map(|name| format!("{{name: {name}, in: path, required: true, schema: {{type: string}}}}"))
                .collect();
            let text = format!(
                "openapi: 3.1.0\ninfo: {{title: t, version: '1'}}\nsecurity: [{{a: []}}]\ncomponents: {{securitySchemes: {{a: \
                 {{type: http, scheme: bearer}}}}}}\npaths:\n  {path}:\n    {}:\n      parameters: [{}]\n      responses: \
                 {{'204': {{description: done}}}}\n",
                method.to_lowercase(),
                parameters.join(", "),
            );
            is_logout(&Document::parse("a.yaml", &text).expect("it is valid").operations[0])
        };
        for (method, path) in [
            ("POST", "/auth/logout"),
            ("POST", "/v1/sign-out"),
            ("POST", "/token/revoke"),
            ("POST", "/organizations/{org}/logout"),
            ("GET", "/user/logout"),
            ("DELETE", "/session"),
            ("DELETE", "/sessions/current"),
        ] {
            assert!(is(method, path), "{method} {path}");
        }
        for (method, path) in [
            ("POST", "/api-keys/{id}/revoke"),
            ("POST", "/invitations/revoke"),
            ("POST", "/sessions/{id}/revoke"),
            ("DELETE", "/users/current"),
            ("DELETE", "/devices/{id}/token"),
            ("GET", "/sessions/current"),
        ] {
            assert!(!is(method, path), "{method} {path}");
        }
    }
}
