//! Proof that whoever brings a code is who asked for it (RFC 7636), and values that nobody can guess.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::LoginError;
use crate::secret::Secret;

/// A code verifier; the server gets only its hash until the code is exchanged.
#[derive(Debug)]
pub(super) struct Verifier(pub(super) Secret);

impl Verifier {
    pub(super) fn new() -> Result<Self, LoginError> {
        random().map(Self)
    }

    /// `code_challenge` of the method `S256` (RFC 7636, 4.2).
    pub(super) fn challenge(&self) -> String {
        URL_SAFE_NO_PAD.encode(Sha256::digest(self.0.expose().as_bytes()))
    }
}

/// 256 random bits as 43 characters that need no escaping in a URL.
pub(super) fn random() -> Result<Secret, LoginError> {
    let mut bytes = Zeroizing::new([0; 32]);
    let what = |error| LoginError::Config(format!("the operating system gives no random numbers: {error}"));
    getrandom::fill(&mut *bytes).map_err(what)?;
    Ok(Secret::new(URL_SAFE_NO_PAD.encode(bytes.as_slice())))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// D1: the example of RFC 7636, appendix B.
    #[test]
    fn the_challenge_of_the_rfc() {
        let verifier = Verifier(Secret::new("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"));
        assert_eq!(verifier.challenge(), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }

    /// D1: 256 bits, another value each time, of the characters that RFC 7636, 4.1 allows.
    #[test]
    fn no_two_values_are_alike() {
        let values: Vec<Secret> = (0..100).map(|_| random().expect("random numbers")).collect();
        for (index, value) in values.iter().enumerate() {
            let text = value.expose();
            assert_eq!(text.len(), 43);
            assert!(text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'));
            assert!(!values[..index].contains(value));
        }
    }
}
