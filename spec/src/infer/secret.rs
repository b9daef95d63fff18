//! What is named like a secret.

use super::plain;

/// What the plain name of a secret holds.
const PARTS: [&str; 11] = [
    "apikey",
    "keyhash",
    "passphrase",
    "passwd",
    "password",
    "privatekey",
    "pwhash",
    "secret",
    "sessionkey",
    "signingkey",
    "token",
];
/// Names with such a part that say something about a secret, or name a place in a list.
const OTHERS: [&str; 8] = ["page", "next", "prev", "continuation", "cursor", "sync", "type", "prefix"];
/// Keys that open nothing.
const OPEN_KEYS: [&str; 5] = ["public", "primary", "foreign", "sort", "idempotency"];

/// Whether a member or a parameter of this name holds a secret, however the name is written: `refreshToken`, `client_secret`,
/// `hashed-password`, `key`. What it holds is shown nowhere, so a name too many does less harm than one too few.
#[must_use]
pub fn is_secret_name(name: &str) -> bool {
    let name = plain(name);
    let is_key = name.ends_with("key") && !OPEN_KEYS.iter().any(|open| name.starts_with(open));
    is_key || PARTS.iter().any(|part| name.contains(part)) && !OTHERS.iter().any(|other| name.contains(other))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_secrets_are_known_in_every_spelling() {
        for name in
            ["refreshToken", "client_secret", "hashed-password", "key", "X-API-Key", "privateKey", "signing_key"]
        {
            assert!(is_secret_name(name), "{name}");
        }
        for name in
            ["next_page_token", "token_type", "public_key", "key_prefix", "name", "keyboard", "sort_key", "expires_in"]
        {
            assert!(!is_secret_name(name), "{name}");
        }
    }
}
