//! Public keys as servers publish them (RFC 7517), in the forms that a careless server takes for the secret of an HMAC.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::Value;

/// What stands before an Ed25519 key in a SubjectPublicKeyInfo (RFC 8410, 4).
const ED25519: &[u8] = &[0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
/// What stands before a point of P-256 there (RFC 5480, 2).
const P256: &[u8] = &[
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce,
    0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04,
];
/// The algorithm of an RSA key there (RFC 3279, 2.3.1).
const RSA: &[u8] = &[0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];

/// The bytes that stand for one public key: its parts as text and as bytes, and its PEM with and without the last line
/// break.
pub(crate) fn forms(key: &Value) -> Vec<Vec<u8>> {
    let text = |name: &str| key.get(name).and_then(Value::as_str);
    let mut forms: Vec<Vec<u8>> = ["x", "n"].iter().filter_map(|name| text(name)).map(|text| text.into()).collect();
    forms.extend(["x", "n"].iter().filter_map(|name| bytes(key, name)));
    if let Some(pem) = info(key).map(|info| pem(&info)) {
        forms.extend([pem.trim_end().into(), pem.into_bytes()]);
    }
    forms
}

fn bytes(key: &Value, name: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(key.get(name)?.as_str()?).ok()
}

/// The SubjectPublicKeyInfo of a key (RFC 5280, 4.1.2.7); `None` for a kind that is rarely met.
fn info(key: &Value) -> Option<Vec<u8>> {
    let name = |name: &str| key.get(name).and_then(Value::as_str).unwrap_or_default();
    match (name("kty"), name("crv")) {
        ("OKP", "Ed25519") => Some([ED25519, &bytes(key, "x")?].concat()),
        ("EC", "P-256") => Some([P256, &bytes(key, "x")?, &bytes(key, "y")?].concat()),
        ("RSA", _) => {
            let numbers = [integer(&bytes(key, "n")?), integer(&bytes(key, "e")?)].concat();
            let inner = [&[0][..], &tagged(0x30, &numbers)].concat();
            Some(tagged(0x30, &[RSA, &tagged(0x03, &inner)].concat()))
        }
        _ => None,
    }
}

/// A positive number in DER (X.690, 8.3).
fn integer(bytes: &[u8]) -> Vec<u8> {
    let is_negative = bytes.first().is_some_and(|first| *first >= 0x80);
    tagged(0x02, &[if is_negative { &[0][..] } else { &[] }, bytes].concat())
}

/// A value in DER with its length (X.690, 8.1.3).
fn tagged(tag: u8, value: &[u8]) -> Vec<u8> {
    let long: Vec<u8> = value.len().to_be_bytes().into_iter().skip_while(|byte| *byte == 0).collect();
    let mut all = vec![tag];
    match (u8::try_from(value.len()), u8::try_from(long.len())) {
        (Ok(length @ 0..0x80), _) => all.push(length),
        (_, Ok(count)) => {
            all.push(0x80 | count);
            all.extend(long);
        }
        // No key is of so many bytes that their number does not fit.
        _ => {}
    }
    all.extend_from_slice(value);
    all
}

fn pem(info: &[u8]) -> String {
    let text = STANDARD.encode(info);
    let lines: Vec<&str> = text.as_bytes().chunks(64).filter_map(|line| std::str::from_utf8(line).ok()).collect();
    format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// RFC 8410, 10.1: the example key.
    #[test]
    fn a_key_has_the_pem_that_tools_write() {
        let bytes = STANDARD.decode("Gb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=");
        let x = URL_SAFE_NO_PAD.encode(bytes.expect("base64"));
        let forms = forms(&json!({"kty": "OKP", "crv": "Ed25519", "x": x}));
        assert_eq!(forms.len(), 4);
        let pem = String::from_utf8(forms[3].clone()).expect("text");
        let line = "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=";
        assert_eq!(pem, format!("-----BEGIN PUBLIC KEY-----\n{line}\n-----END PUBLIC KEY-----\n"));
    }

    /// An RSA key of 1024 bits has 162 bytes of SubjectPublicKeyInfo, as `openssl rsa -pubout -outform DER` writes it.
    #[test]
    fn an_rsa_key_is_written_whole() {
        let n = URL_SAFE_NO_PAD.encode([0xc3; 128]);
        let info = info(&json!({"kty": "RSA", "n": n, "e": "AQAB"})).expect("it is written");
        assert_eq!((info.len(), &info[..3]), (162, &[0x30, 0x81, 0x9f][..]));
    }
}
