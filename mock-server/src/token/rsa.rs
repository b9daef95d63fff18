//! RS256 (RFC 7518, 3.3), by a key that lies in the open: tokens of this server are worth nothing elsewhere.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::rand::SystemRandom;
use ring::signature::{
    KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair, RsaPublicKeyComponents, UnparsedPublicKey,
};
use serde_json::{Value, json};

/// What stands before the key itself in a `SubjectPublicKeyInfo` (RFC 8017, A.1) with a modulus of 2048 bits.
const PUBLIC_HEAD: [u8; 24] = [
    0x30, 0x82, 0x01, 0x22, 0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00,
    0x03, 0x82, 0x01, 0x0f, 0x00,
];

/// The key, once for all servers: making one takes too long for a test. `None` cannot happen: a test reads it.
static PAIR: LazyLock<Option<RsaKeyPair>> =
    LazyLock::new(|| RsaKeyPair::from_der(include_bytes!("../../assets/rs256-test-key.der")).ok());

/// The signature of `text`; the same text has the same signature.
pub(super) fn sign(text: &[u8]) -> Vec<u8> {
    let Some(pair) = PAIR.as_ref() else { return Vec::new() };
    let mut signature = vec![0; pair.public().modulus_len()];
    // The length is right, so the error cannot happen; a signature of zeros would be refused.
    let _ = pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text, &mut signature);
    signature
}

/// Whether `signature` is that of `text`.
pub(super) fn is_signed(text: &[u8], signature: &[u8]) -> bool {
    let public =
        PAIR.as_ref().map(|pair| UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, pair.public_key().as_ref()));
    public.is_some_and(|public| public.verify(text, signature).is_ok())
}

/// The public key as a JSON Web Key (RFC 7518, 6.3.1).
pub(super) fn jwk() -> Value {
    let Some(pair) = PAIR.as_ref() else { return Value::Null };
    let public: RsaPublicKeyComponents<Vec<u8>> = pair.public_key().into();
    let (n, e) = (URL_SAFE_NO_PAD.encode(public.n), URL_SAFE_NO_PAD.encode(public.e));
    json!({"kty": "RSA", "use": "sig", "alg": "RS256", "n": n, "e": e})
}

/// The public key as a PEM text, as which it lies on most servers.
pub(super) fn public_pem() -> String {
    let key = PAIR.as_ref().map(|pair| pair.public_key().as_ref()).unwrap_or_default();
    let text = STANDARD.encode([&PUBLIC_HEAD, key].concat());
    let lines: Vec<&str> = text.as_bytes().chunks(64).filter_map(|line| std::str::from_utf8(line).ok()).collect();
    format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", lines.join("\n"))
}
