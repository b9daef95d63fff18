//! JSON Web Tokens (RFC 7519), signed with HS256 or RS256 (RFC 7518, 3.2 and 3.3) or with EdDSA (RFC 8037). The public
//! keys of the latter two are for everybody.
//!
//! Written out rather than taken from a library: lifetimes must be judged by the server's own clock, and the server
//! has to make tokens that are wrong on purpose.

mod rsa;

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

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
    /// The public key is taken as the secret of an HMAC (RFC 8725, 2.1).
    pub(crate) key_confusion: bool,
}

/// How a token is signed (RFC 7518, 3.1).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Algorithm {
    /// HMAC with SHA-256, by a secret that only the server has.
    #[default]
    #[serde(rename = "HS256")]
    Hs256,
    /// RSA with SHA-256, by a key whose public half is at `/.well-known/jwks.json`.
    #[serde(rename = "RS256")]
    Rs256,
    /// Ed25519, by a key whose public half is at `/.well-known/jwks.json`.
    #[serde(rename = "EdDSA")]
    EdDsa,
}

impl Algorithm {
    /// Every algorithm, in the order in which a text is searched for them.
    pub(crate) const ALL: [Self; 3] = [Self::Hs256, Self::Rs256, Self::EdDsa];

    /// Its name in a token.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Hs256 => "HS256",
            Self::Rs256 => "RS256",
            Self::EdDsa => "EdDSA",
        }
    }

    fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }
}

/// Signs and verifies tokens.
#[derive(Clone)]
pub(crate) struct Signer {
    mac: Hmac<Sha256>,
    /// `None` cannot happen: every 32 bytes are a key.
    pair: Option<Arc<Ed25519KeyPair>>,
}

impl Signer {
    /// The key is made from the seed and is no secret: tokens of this server are worth nothing elsewhere.
    pub(crate) fn new(seed: u64) -> Self {
        let key = format!("bitting test signing key {seed}");
        let pair = Ed25519KeyPair::from_seed_unchecked(&Sha256::digest(key.as_bytes())).ok().map(Arc::new);
        Self { mac: mac(key.as_bytes()), pair }
    }

    /// The public key of EdDSA, base64url (`x` of RFC 8037, 2).
    fn public(&self) -> String {
        self.pair.as_ref().map(|pair| URL_SAFE_NO_PAD.encode(pair.public_key())).unwrap_or_default()
    }

    /// The public keys (RFC 7517, 5).
    pub(crate) fn jwks(&self) -> Value {
        let edwards = json!({"kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "x": self.public()});
        json!({"keys": [edwards, rsa::jwk()]})
    }

    /// A token with `claims`, signed by `algorithm`.
    pub(crate) fn sign_by(&self, algorithm: Algorithm, claims: &Map<String, Value>) -> String {
        let header = part(&json!({"alg": algorithm.name(), "typ": "JWT"}));
        let signed = format!("{header}.{}", part(&claims.clone().into()));
        let signature = match algorithm {
            Algorithm::Hs256 => self.mac.clone().chain_update(signed.as_bytes()).finalize().into_bytes().to_vec(),
            Algorithm::Rs256 => rsa::sign(signed.as_bytes()),
            Algorithm::EdDsa => {
                self.pair.as_ref().map(|pair| pair.sign(signed.as_bytes()).as_ref().to_vec()).unwrap_or_default()
            }
        };
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// A token that says HS256 and is signed with the public key of `algorithm`, as anybody could do it.
    pub(crate) fn sign_confused(&self, algorithm: Algorithm, claims: &Map<String, Value>) -> String {
        let key = if algorithm == Algorithm::Rs256 { rsa::public_pem() } else { self.public() };
        Self { mac: mac(key.as_bytes()), pair: None }.sign_by(Algorithm::Hs256, claims)
    }

    /// `token` with a signature of the right form that is none.
    pub(crate) fn forged(token: &str) -> String {
        let (signed, signature) = token.rsplit_once('.').unwrap_or((token, ""));
        let mut bytes = URL_SAFE_NO_PAD.decode(signature).unwrap_or_default();
        bytes.iter_mut().for_each(|byte| *byte ^= 0x55);
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(bytes))
    }

    fn is_signed_publicly(&self, signed: &str, signature: &[u8]) -> bool {
        let public =
            self.pair.as_ref().map(|pair| UnparsedPublicKey::new(&ED25519, pair.public_key().as_ref().to_vec()));
        public.is_some_and(|public| public.verify(signed.as_bytes(), signature).is_ok())
    }

    /// A token with `claims` whose header says that it needs no signature (RFC 8725, 2.1).
    pub(crate) fn unsigned(claims: &Map<String, Value>) -> String {
        format!("{}.{}.", part(&json!({"alg": "none", "typ": "JWT"})), part(&claims.clone().into()))
    }

    /// The claims of `token`, if it is ours and signed by one of `accepted`; none of them: by any.
    pub(crate) fn verify(
        &self,
        token: &str,
        accepted: &[Algorithm],
        laxness: Laxness,
    ) -> Result<Map<String, Value>, TokenFault> {
        let (signed, signature) = token.rsplit_once('.').ok_or(TokenFault::Malformed)?;
        let (header, payload) = signed.split_once('.').ok_or(TokenFault::Malformed)?;
        let header = object(header).ok_or(TokenFault::Malformed)?;
        let claims = object(payload).ok_or(TokenFault::Malformed)?;
        let algorithm = header.get("alg").and_then(Value::as_str).ok_or(TokenFault::Malformed)?;
        if laxness.alg_none && algorithm.eq_ignore_ascii_case("none") {
            return Ok(claims);
        }
        let algorithm = Algorithm::named(algorithm).ok_or(TokenFault::Algorithm)?;
        let is_accepted = accepted.is_empty() || accepted.contains(&algorithm);
        if !(is_accepted || laxness.key_confusion && algorithm == Algorithm::Hs256) {
            return Err(TokenFault::Algorithm);
        }
        if laxness.no_signature {
            return Ok(claims);
        }
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| TokenFault::Malformed)?;
        let is_ours = match algorithm {
            Algorithm::EdDsa => self.is_signed_publicly(signed, &signature),
            Algorithm::Rs256 => rsa::is_signed(signed.as_bytes(), &signature),
            Algorithm::Hs256 => {
                let fits = |mac: Hmac<Sha256>| mac.chain_update(signed.as_bytes()).verify_slice(&signature).is_ok();
                let by_public = || [self.public(), rsa::public_pem()].iter().any(|key| fits(mac(key.as_bytes())));
                is_accepted && fits(self.mac.clone()) || laxness.key_confusion && by_public()
            }
        };
        if is_ours { Ok(claims) } else { Err(TokenFault::Signature) }
    }
}

fn mac(key: &[u8]) -> Hmac<Sha256> {
    // HMAC takes a key of any length, so the error cannot happen; an empty key would still be a test key.
    Hmac::new_from_slice(key).unwrap_or_else(|_| Hmac::new(&Default::default()))
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

    fn verified(signer: &Signer, token: &str) -> Result<Map<String, Value>, TokenFault> {
        signer.verify(token, &[], Laxness::default())
    }

    #[test]
    fn only_our_own_signature_passes() {
        let signer = Signer::new(7);
        for algorithm in Algorithm::ALL {
            let token = signer.sign_by(algorithm, &claims());
            assert_eq!(verified(&signer, &token), Ok(claims()), "{algorithm:?}");
            assert_eq!(verified(&signer, &Signer::forged(&token)), Err(TokenFault::Signature));
            assert_eq!(signer.verify(&token, &[algorithm], Laxness::default()), Ok(claims()));
            let others: Vec<Algorithm> = Algorithm::ALL.into_iter().filter(|other| *other != algorithm).collect();
            assert_eq!(signer.verify(&token, &others, Laxness::default()), Err(TokenFault::Algorithm));
        }
        let token = signer.sign_by(Algorithm::Hs256, &claims());
        assert_eq!(verified(&Signer::new(8), &token), Err(TokenFault::Signature));
        assert_eq!(verified(&signer, &Signer::unsigned(&claims())), Err(TokenFault::Algorithm));
        for nonsense in ["", "a", "a.b", "a.b.c", "....", "e30.e30.", "bm8.bm8.bm8"] {
            assert_eq!(verified(&signer, nonsense), Err(TokenFault::Malformed), "{nonsense}");
        }
    }

    /// RFC 8725, 2.1: who has a public key only cannot sign, unless the server takes it for an HMAC's secret.
    #[test]
    fn a_public_key_signs_nothing() {
        let signer = Signer::new(7);
        let confusable = Laxness { key_confusion: true, ..Laxness::default() };
        for algorithm in [Algorithm::Rs256, Algorithm::EdDsa] {
            let confused = signer.sign_confused(algorithm, &claims());
            assert_eq!(verified(&signer, &confused), Err(TokenFault::Signature));
            assert_eq!(signer.verify(&confused, &[algorithm], Laxness::default()), Err(TokenFault::Algorithm));
            assert_eq!(signer.verify(&confused, &[algorithm], confusable), Ok(claims()));
            let own = signer.sign_by(Algorithm::Hs256, &claims());
            assert_eq!(signer.verify(&own, &[algorithm], confusable), Err(TokenFault::Signature));
        }
    }

    /// RFC 7517: whoever has the public keys alone can check the signatures.
    #[test]
    fn public_keys_are_told() {
        let keys = Signer::new(7).jwks();
        let names: Vec<_> = keys["keys"].as_array().unwrap().iter().map(|key| key["alg"].as_str().unwrap()).collect();
        assert_eq!(names, ["EdDSA", "RS256"]);
        let number = |name: &str| URL_SAFE_NO_PAD.decode(keys["keys"][1][name].as_str().unwrap()).unwrap();
        let public = ring::signature::RsaPublicKeyComponents { n: number("n"), e: number("e") };
        let token = Signer::new(1).sign_by(Algorithm::Rs256, &claims());
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        let scheme = &ring::signature::RSA_PKCS1_2048_8192_SHA256;
        assert!(public.verify(scheme, signed.as_bytes(), &signature).is_ok());
    }

    /// The example of RFC 7515, A.1, with our key in place of its own: the parts are what the RFC says they are.
    #[test]
    fn a_token_has_three_parts_of_base64url() {
        let token = Signer::new(1).sign_by(Algorithm::Hs256, &claims());
        let parts: Vec<&str> = token.split('.').collect();
        assert_eq!(parts.len(), 3);
        assert_eq!(parts[0], "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9");
    }
}
