//! What of a text must not be seen: the values of members that hold secrets, and whatever looks like a credential of this
//! server, wherever it stands.

use std::borrow::Cow;

use aho_corasick::{AhoCorasick, MatchKind};
use bitting_spec::Document;
use bitting_spec::infer::is_secret_name;

use crate::route::decoded;
use crate::scheme::{Place, Scheme};

/// What OAuth 2.0 calls its secrets (RFC 6749, 7521, 7636), besides the names that say so.
const NAMES: [&str; 4] = ["assertion", "client_assertion", "code", "code_verifier"];
/// What stands for a secret.
pub(crate) const MASK: &str = "***";
/// How a token in the form of RFC 7519 begins: `{"` in base64url.
const TOKEN: &str = "eyJ";
/// How the codes and the clients' secrets of this server begin.
const OWN: [&str; 2] = ["code_test_", "client-secret-test-"];
/// A credential has at least so many characters behind its prefix.
const SHORTEST: usize = 8;

/// What is secret in the requests and answers of one document.
#[derive(Debug, Clone)]
pub(crate) struct Secrets {
    /// Names of headers, parameters and members that hold credentials.
    pub(crate) names: Vec<String>,
    /// What its credentials begin with; `None`: nothing can be told from a credential.
    marks: Option<AhoCorasick>,
}

impl Secrets {
    /// What the schemes say: where a credential goes, where a login takes its password and answers its tokens, and what
    /// keys begin with.
    pub(crate) fn of(document: &Document, schemes: &[Scheme]) -> Self {
        let mut names: Vec<String> = Vec::new();
        for scheme in schemes {
            if let Place::Header(name, _) | Place::Query(name) | Place::Cookie(name) = &scheme.place {
                names.push(name.to_string());
            }
        }
        let last = |pointer: &str| pointer.rsplit('/').next().unwrap_or_default().to_owned();
        for scheme in &document.security_schemes {
            let (acquire, refresh) = (scheme.auth.acquire.as_ref(), scheme.auth.refresh.as_ref());
            let asked = acquire.and_then(|acquire| acquire.request.get("password"));
            let renewed = refresh.and_then(|refresh| refresh.request.get("refresh_token"));
            names.extend(asked.into_iter().chain(renewed).map(|pointer| last(pointer)));
            let told = acquire.map(|one| &one.response).into_iter().chain(refresh.map(|one| &one.response));
            let told = told.flat_map(|told| [Some(&told.access_token), told.refresh_token.as_ref()]);
            names.extend(told.flatten().map(|pointer| last(pointer)));
        }
        // Without a prefix of the document's own a key begins as its id does, and then says that it is for tests.
        let stated = |scheme: &Scheme| scheme.auth.key.as_ref().is_some_and(|rules| rules.prefix.is_some());
        let prefix = |scheme: &Scheme| {
            if stated(scheme) { scheme.prefix().to_owned() } else { format!("{}test_", scheme.prefix()) }
        };
        let prefixes = schemes.iter().filter(|scheme| scheme.takes_keys).map(prefix);
        let mut marks: Vec<String> = prefixes.chain(OWN.map(str::to_owned)).chain([TOKEN.to_owned()]).collect();
        marks.retain(|mark| !mark.is_empty());
        names.sort_unstable();
        names.dedup();
        Self { names, marks: finder(&marks) }
    }

    /// Whether a member of this name holds a secret.
    pub(crate) fn names(&self, name: &str) -> bool {
        is_secret_name(name)
            || NAMES.iter().any(|known| name.eq_ignore_ascii_case(known))
            || self.names.iter().any(|known| name.eq_ignore_ascii_case(known))
    }

    /// `target` with the values of secret query parameters masked, and with what looks like a credential.
    pub(crate) fn masked<'t>(&self, target: &'t str) -> Cow<'t, str> {
        let Some(end) = memchr::memchr(b'?', target.as_bytes()) else { return self.hidden(target) };
        let (path, query) = (&target[..end], &target[end + 1..]);
        let pairs = query.split('&').map(|pair| {
            let name = pair.split('=').next().unwrap_or_default();
            // However it is written, the server reads it as the same name.
            if self.names(name) || name.contains('%') && self.names(&decoded(name)) {
                format!("{name}={MASK}")
            } else {
                self.hidden(pair).into_owned()
            }
        });
        Cow::Owned(format!("{}?{}", self.hidden(path), pairs.collect::<Vec<_>>().join("&")))
    }

    /// `text` without what looks like a credential of this server.
    pub(crate) fn hidden<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let Some(marks) = &self.marks else { return Cow::Borrowed(MASK) };
        let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        let (mut shown, mut at) = (String::new(), 0);
        while let Some(mark) = marks.find(&text[at..]) {
            let (start, behind) = (at + mark.start(), at + mark.end());
            let end =
                text.bytes().skip(behind).position(|byte| !is_part(byte)).map_or(text.len(), |more| behind + more);
            let is_credential = end >= behind + SHORTEST;
            shown.push_str(&text[at..start]);
            shown.push_str(if is_credential { MASK } else { &text[start..end] });
            at = end;
        }
        if at == 0 {
            return Cow::Borrowed(text);
        }
        shown.push_str(&text[at..]);
        Cow::Owned(shown)
    }
}

/// Finds all marks in one pass: every request is looked at.
fn finder(marks: &[String]) -> Option<AhoCorasick> {
    AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(marks).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets() -> Secrets {
        let text = |texts: &[&str]| -> Vec<String> { texts.iter().map(|&text| text.to_owned()).collect() };
        Secrets { names: text(&["X-API-Key", "pin"]), marks: finder(&text(&["rbtk_", TOKEN])) }
    }

    #[test]
    fn secrets_in_the_query_are_masked() {
        let masked = |target: &str| secrets().masked(target).into_owned();
        assert_eq!(
            masked("/a?x-api-key=rbtk_test_1&limit=2&access_token=eyJ&code"),
            "/a?x-api-key=***&limit=2&access_token=***&code=***"
        );
        assert_eq!(masked("/a?client_sec%72et=hunter2&p%69n=1&q=pin"), "/a?client_sec%72et=***&p%69n=***&q=pin");
    }

    /// A credential that stands where nobody expects one is none the less a secret.
    #[test]
    fn credentials_are_masked_wherever_they_stand() {
        let masked = |target: &str| secrets().masked(target).into_owned();
        assert_eq!(masked("/x/rbtk_test_0123456789/y"), "/x/***/y");
        assert_eq!(masked("/x?limit=eyJhbGciOiJIUzI1NiJ9.eyJzdWIi.c2ln&q=rbtk_"), "/x?limit=***&q=rbtk_");
        assert_eq!(secrets().hidden("Bearer rbtk_test_0123456789, rbtk_test_0123456789"), "Bearer ***, ***");
        assert_eq!(secrets().hidden("keyJokes and hobbytk_"), "keyJokes and hobbytk_");
        assert_eq!(secrets().hidden("eyJé rbtk_é"), "eyJé rbtk_é");
    }
}
