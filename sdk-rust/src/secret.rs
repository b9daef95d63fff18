//! Text that must not be printed (B7): redacted, wiped when dropped, compared in constant time.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, LazyLock};

use http::HeaderValue;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// What takes the place of a secret wherever text is printed.
pub(crate) const REDACTED: &str = "[redacted]";

/// Shorter texts are not searched for in what a server sends back: they would match by chance.
const SHORTEST_TO_SCRUB: usize = 6;

/// A secret: an API key, a token, a password.
///
/// `Debug` shows nothing of it, there is no `Display`, its memory is wiped when the last clone is dropped, and two
/// secrets are compared in constant time. [`Secret::expose`] is the one way to the text.
#[derive(Clone)]
pub struct Secret(Arc<Zeroizing<String>>);

impl Secret {
    /// Keeps `text` as a secret.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Arc::new(Zeroizing::new(text.into())))
    }

    /// The text itself. Whoever asks for it must not print it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// A name for the secret that says nothing about it: 8 hexadecimal digits of a hash whose key is drawn once per
    /// process (F3). It joins the lines of one run, and nothing else.
    pub(crate) fn id(&self) -> String {
        static KEY: LazyLock<RandomState> = LazyLock::new(RandomState::new);
        format!("{:08x}", KEY.hash_one(self.expose()) >> 32)
    }

    /// The secret as a header's value, marked sensitive, after `prefix`; `None` if no header can carry it.
    pub(crate) fn header(&self, prefix: &str) -> Option<HeaderValue> {
        let text = Zeroizing::new(format!("{prefix}{}", self.expose()));
        let mut value = HeaderValue::from_str(&text).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(REDACTED)
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.expose().as_bytes().ct_eq(other.expose().as_bytes()).into()
    }
}

impl Eq for Secret {}

impl<T: Into<String>> From<T> for Secret {
    fn from(text: T) -> Self {
        Self::new(text)
    }
}

/// `text` without any of `secrets`: a server may send back what it was sent (B8), as it is, as a URL escapes it, or as
/// JSON does.
pub(crate) fn scrub(text: &str, secrets: &[Secret]) -> String {
    let mut text = text.to_owned();
    for secret in secrets.iter().map(Secret::expose).filter(|secret| secret.len() >= SHORTEST_TO_SCRUB) {
        text = text.replace(secret, REDACTED);
        if secret.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            continue;
        }
        let escaped = Zeroizing::new(utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string());
        let form = Zeroizing::new(form_urlencoded::byte_serialize(secret.as_bytes()).collect::<String>());
        let json = Zeroizing::new(serde_json::Value::from(secret).to_string());
        for form in [escaped.as_str(), form.as_str(), json.trim_matches('"')] {
            text = text.replace(form, REDACTED);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// B7: neither Debug nor the id shows a part of the secret.
    #[test]
    fn nothing_of_a_secret_is_printed() {
        let secret = Secret::new("rbtk_test_canary");
        assert_eq!(format!("{secret:?}"), REDACTED);
        assert_eq!(secret.id().len(), 8);
        assert_eq!(secret.id(), Secret::new("rbtk_test_canary").id());
        let header = secret.header("Bearer ").expect("visible ASCII");
        assert!(header.is_sensitive());
        assert_eq!(format!("{header:?}"), "Sensitive");
    }

    /// B7: equal by content.
    #[test]
    fn secrets_are_compared_by_content() {
        assert_eq!(Secret::new("rbtk_test_1"), Secret::new("rbtk_test_1"));
        assert_ne!(Secret::new("rbtk_test_1"), Secret::new("rbtk_test_2"));
    }

    /// B8: an echo of the secret is taken out of a server's text; short words are left alone.
    #[test]
    fn an_echo_is_scrubbed() {
        let secrets = [Secret::new("rbtk_test_canary"), Secret::new("ab")];
        assert_eq!(scrub("unknown key rbtk_test_canary (ab)", &secrets), "unknown key [redacted] (ab)");
        let odd = [Secret::new("test \"canary\"/1")];
        for echo in ["test%20%22canary%22%2F1", "test+%22canary%22%2F1", "test \\\"canary\\\"/1"] {
            assert_eq!(scrub(&format!("?key={echo}&x"), &odd), "?key=[redacted]&x", "{echo}");
        }
    }
}
