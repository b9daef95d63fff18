//! What a refusal's `WWW-Authenticate` says about scopes (RFC 6750, 3; RFC 9110, 11.6.1).

use http::HeaderMap;
use http::header::WWW_AUTHENTICATE;

/// The scopes that the operation needs, where a challenge says that the token lacks one; empty if it does not say which.
/// `None`: no challenge says so (A13).
pub(crate) fn missing_scopes(headers: &HeaderMap) -> Option<Vec<String>> {
    let challenges = headers.get_all(WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok());
    let mut challenges = challenges.map(parameters);
    let parameters = challenges.find(|parameters| value(parameters, "error") == Some("insufficient_scope"))?;
    let scopes = value(&parameters, "scope").unwrap_or_default();
    Some(scopes.split_whitespace().map(str::to_owned).collect())
}

fn value<'a>(parameters: &'a [(String, String)], name: &str) -> Option<&'a str> {
    parameters.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}

/// The `name=value` pairs of a header's challenges, quoted or not. What is neither is passed over: the header may come
/// from anybody.
fn parameters(header: &str) -> Vec<(String, String)> {
    let mut parameters = Vec::new();
    let mut rest = header;
    while let Some((before, after)) = rest.split_once('=') {
        // A name follows a blank or a comma; before that stands the challenge's scheme.
        let name = before.trim_end().rsplit([' ', ',', '\t']).next().unwrap_or_default();
        let (value, tail) = match after.trim_start().strip_prefix('"') {
            Some(quoted) => unquoted(quoted),
            None => {
                let after = after.trim_start();
                let end = after.find([',', ' ']).unwrap_or(after.len());
                (after[..end].to_owned(), &after[end..])
            }
        };
        parameters.push((name.to_owned(), value));
        rest = tail;
    }
    parameters
}

/// A quoted string without its quotes and escapes (RFC 9110, 5.6.4), and what follows it.
fn unquoted(text: &str) -> (String, &str) {
    let (mut value, mut is_escaped) = (String::new(), false);
    for (index, char) in text.char_indices() {
        match char {
            '\\' if !is_escaped => is_escaped = true,
            '"' if !is_escaped => return (value, &text[index + 1..]),
            char => {
                value.push(char);
                is_escaped = false;
            }
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn scopes(challenges: &[&str]) -> Option<Vec<String>> {
        let headers = challenges.iter().filter_map(|text| Some((WWW_AUTHENTICATE, HeaderValue::from_str(text).ok()?)));
        missing_scopes(&headers.collect())
    }

    /// A13: the scopes are read from any form of challenge, and only where the token lacks one.
    #[test]
    fn the_needed_scopes_are_read() {
        let needed = |text: &str| scopes(&[text]).map(|scopes| scopes.join("+"));
        let usual = "Bearer realm=\"x, y=1\", error=\"insufficient_scope\", scope=\"devices:read devices:write\"";
        assert_eq!(needed(usual).as_deref(), Some("devices:read+devices:write"));
        assert_eq!(needed("Bearer error=insufficient_scope,scope=a").as_deref(), Some("a"));
        assert_eq!(needed("Bearer ERROR = \"insufficient_scope\"").as_deref(), Some(""));
        assert_eq!(needed("Bearer error=\"invalid_token\""), None);
        assert_eq!(needed("Bearer error_description=\"insufficient_scope\""), None);
        assert_eq!(needed("Bearer realm=\"error=\\\"insufficient_scope\\\"\""), None);
        assert_eq!(scopes(&["Basic realm=\"x\"", "Bearer error=\"insufficient_scope\""]), Some(Vec::new()));
        assert_eq!(scopes(&[]), None);
    }

    proptest::proptest! {
        /// A13: no header makes the reader panic.
        #[test]
        fn no_challenge_is_too_strange(text in "[ -~]{0,80}|Bearer ([a-z]{1,9}=\"?[a-z\\\\\" ,=]{0,20}){0,5}") {
            let _ = parameters(&text);
        }
    }
}
