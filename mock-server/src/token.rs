//! JSON Web Tokens (RFC 7519), signed with HS256 (RFC 7518, 3.2).
//!
//! Written out rather than taken from a library: lifetimes must be judged by the server's own clock, and the server
//! has to make tokens that are wrong on purpose.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Map, Value, json};
use sha2::Sha256;

/// Who issues the tokens (`iss`).
pub(crate) const ISSUER: &str = "bitting-mock";

/// What is wrong with a text that should be a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenFault {
    /// Not three parts of base64url with JSON in them.
    Malformed,
    /// Of an algorithm that is not accepted.
    Algorithm,
    /// The signature is not ours.
    Signature,
}

/// What a check of a signature lets pass, for the deliberate defects.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Laxness {
    pub(crate) no_signature: bool,
    pub(crate) alg_none: bool,
}

/// Signs and verifies tokens.
#[derive(Clone)]
pub(crate) struct Signer {
    mac: Hmac<Sha256>,
}

impl Signer {
    /// The key is made from the seed and is no secret: tokens of this server are worth nothing elsewhere.
    pub(crate) fn new(seed: u64) -> Self {
        let key = format!("bitting test signing key {seed}");
        // HMAC takes a key of any length, so the error cannot happen; an empty key would still be a test key.
        let mac = Hmac::new_from_slice(key.as_bytes()).unwrap_or_else(|_| Hmac::new(&Default::default()));
        Self { mac }
    }

    /// A signed token with `claims`.
    pub(crate) fn sign(&self, claims: &Map<String, Value>) -> String {
        let signed = format!("{}.{}", part(&json!({"alg": "HS256", "typ": "JWT"})), part(&claims.clone().into()));
        let signature = self.mac.clone().chain_update(signed.as_bytes()).finalize().into_bytes();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// A token with `claims` whose header says that it needs no signature (RFC 8725, 2.1).
    pub(crate) fn unsigned(claims: &Map<String, Value>) -> String {
        format!("{}.{}.", part(&json!({"alg": "none", "typ": "JWT"})), part(&claims.clone().into()))
    }

    /// The claims of `token`, if it is ours.
    pub(crate) fn verify(&self, token: &str, laxness: Laxness) -> Result<Map<String, Value>, TokenFault> {
        let (signed, signature) = token.rsplit_once('.').ok_or(TokenFault::Malformed)?;
        let (header, payload) = signed.split_once('.').ok_or(TokenFault::Malformed)?;
        let header = object(header).ok_or(TokenFault::Malformed)?;
        let claims = object(payload).ok_or(TokenFault::Malformed)?;
        let algorithm = header.get("alg").and_then(Value::as_str).ok_or(TokenFault::Malformed)?;
        if laxness.alg_none && algorithm.eq_ignore_ascii_case("none") {
            return Ok(claims);
        }
        if algorithm != "HS256" {
            return Err(TokenFault::Algorithm);
        }
        if laxness.no_signature {
            return Ok(claims);
        }
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| TokenFault::Malformed)?;
        let mac = self.mac.clone().chain_update(signed.as_bytes());
        mac.verify_slice(&signature).map_err(|_| TokenFault::Signature)?;
        Ok(claims)
    }
}

fn part(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

fn object(part: &str) -> Option<Map<String, Value>> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}

/// The claim at `pointer` (RFC 6901).
pub(crate) fn claim<'a>(claims: &'a Map<String, Value>, pointer: &str) -> Option<&'a Value> {
    let mut keys = pointer.strip_prefix('/')?.split('/').map(|key| key.replace("~1", "/").replace("~0", "~"));
    let first = claims.get(&keys.next()?)?;
    keys.try_fold(first, |value, key| value.get(&key))
}

/// Puts a value at `pointer`; objects on the way are made.
pub(crate) fn put(target: &mut Value, pointer: &str, value: Value) {
    let mut place = target;
    for key in pointer.split('/').skip(1).map(|key| key.replace("~1", "/").replace("~0", "~")) {
        if !place.is_object() {
            *place = Value::Object(Map::new());
        }
        place = &mut place[key];
    }
    *place = value;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims() -> Map<String, Value> {
        json!({"sub": "ada", "exp": 10}).as_object().unwrap().clone()
    }

    #[test]
    fn only_our_own_signature_passes() {
        let signer = Signer::new(7);
        let token = signer.sign(&claims());
        assert_eq!(signer.verify(&token, Laxness::default()), Ok(claims()));
        assert_eq!(Signer::new(8).verify(&token, Laxness::default()), Err(TokenFault::Signature));
        assert_eq!(signer.verify(&Signer::unsigned(&claims()), Laxness::default()), Err(TokenFault::Algorithm));
        for nonsense in ["", "a", "a.b", "a.b.c", "....", "e30.e30.", "bm8.bm8.bm8"] {
            assert_eq!(signer.verify(nonsense, Laxness::default()), Err(TokenFault::Malformed), "{nonsense}");
        }
    }

    /// The example of RFC 7515, A.1, with our key in place of its own: the parts are what the RFC says they are.
    #[test]
    fn a_token_has_three_parts_of_base64url() {
        let token = Signer::new(1).sign(&claims());
        let parts: Vec<&str> = token.split('.').collect();
        assert_eq!(parts.len(), 3);
        assert_eq!(parts[0], "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9");
    }
}
