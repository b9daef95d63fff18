//! A refresh token that travels in a cookie (A22): kept beside the token, and sent to the refresh operation alone.
//!
//! Some servers set more than one cookie at a login and want all of them back, so all are kept. Their attributes do not
//! matter: they go to the one operation, at the origin that set them.

use http::HeaderMap;
use http::header::SET_COOKIE;

use crate::secret::Secret;

/// What stands in the place of a JSON pointer where a refresh token is in a cookie.
pub(crate) const COOKIE: &str = "cookie:*";

/// `cookies`, as a `Cookie` header has them (RFC 6265, 4.2), after an answer that sets others. A cookie that is set
/// again is replaced, and one that is set empty or ended is gone. `None`: none are left.
pub(crate) fn after(cookies: Option<&Secret>, headers: &HeaderMap) -> Option<Secret> {
    let known = cookies.map(Secret::expose).unwrap_or_default();
    let known = known.split("; ").filter_map(|pair| pair.split_once('='));
    let mut pairs: Vec<(&str, &str)> = known.collect();
    for line in headers.get_all(SET_COOKIE).iter().filter_map(|value| value.to_str().ok()) {
        let mut parts = line.split(';').map(str::trim);
        let Some((name, value)) = parts.next().and_then(|pair| pair.split_once('=')) else { continue };
        let (name, value) = (name.trim(), value.trim());
        let is_over = value.is_empty() || parts.any(is_ended);
        match pairs.iter_mut().find(|(known, _)| *known == name) {
            Some(pair) => pair.1 = if is_over { "" } else { value },
            None if is_over || name.is_empty() => {}
            None => pairs.push((name, value)),
        }
    }
    pairs.retain(|(_, value)| !value.is_empty());
    let text = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ");
    (!text.is_empty()).then(|| Secret::new(text))
}

/// Whether an attribute ends its cookie at once (RFC 6265, 5.2.2).
fn is_ended(attribute: &str) -> bool {
    let age = attribute.split_once('=').filter(|(name, _)| name.trim().eq_ignore_ascii_case("max-age"));
    age.and_then(|(_, age)| age.trim().parse::<i64>().ok()).is_some_and(|age| age <= 0)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn kept(before: Option<&str>, lines: &[&str]) -> Option<String> {
        let lines = lines.iter().filter_map(|line| Some((SET_COOKIE, HeaderValue::from_str(line).ok()?)));
        let after = after(before.map(Secret::new).as_ref(), &lines.collect());
        after.map(|cookies| cookies.expose().to_owned())
    }

    /// A22: cookies are kept, replaced, and dropped where the server ends them.
    #[test]
    fn cookies_are_kept_as_the_server_sets_them() {
        let first = ["refresh=test-1; Path=/; HttpOnly", "sid=7==; Secure", "gone=x; Max-Age=0", "nonsense", "=x"];
        assert_eq!(kept(None, &first).as_deref(), Some("refresh=test-1; sid=7=="));
        assert_eq!(kept(Some("refresh=a; sid=b"), &["refresh=c"]).as_deref(), Some("refresh=c; sid=b"));
        assert_eq!(kept(Some("refresh=a; sid=b"), &[]).as_deref(), Some("refresh=a; sid=b"));
        assert_eq!(kept(Some("refresh=a"), &["refresh=; Max-Age=0"]), None);
    }
}
