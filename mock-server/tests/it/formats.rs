//! Bodies in parts, and tokens signed as a document says.

use std::sync::Arc;

use bitting_mock::{Algorithm, Core, MintToken, Request, Server, Tamper};
use bitting_spec::Document;
use http::Method;
use serde_json::json;

use crate::stage::*;

const UPLOADS: &str = include_str!("uploads.yaml");

fn uploads(text: &str) -> Arc<Core> {
    let document = Document::parse("uploads.yaml", text).unwrap();
    Server::builder(document).seed(7).clock(frozen()).core().unwrap()
}

fn part(head: &str, content: &str) -> String {
    format!("--cut\r\nContent-Disposition: form-data; {head}\r\n\r\n{content}\r\n")
}

fn upload(core: &Core, parts: &[String]) -> bitting_mock::Outcome {
    let token = token(core, ADA, Tamper::None);
    let request = Request::new(Method::POST, "/files").with_header("content-type", "multipart/form-data; boundary=cut");
    core.handle(&bearer(Request { body: format!("{}--cut--\r\n", parts.concat()).into(), ..request }, &token))
}

/// OpenAPI 3.1, 4.8.14.4: the parts of a form are the properties of its schema, and are judged as those.
#[test]
fn parts_are_read_and_judged() {
    let core = uploads(UPLOADS);
    let file = part("name=\"file\"; filename=\"a.bin\"\r\nContent-Type: application/octet-stream", "\u{1}bytes");
    let made = upload(&core, &[part("name=\"title\"", "Plan"), part("name=\"copies\"", "2"), file.clone()]);
    assert_eq!(status(&made), 201, "{}", made.json());
    assert_eq!((&made.json()["title"], &made.json()["copies"]), (&json!("Plan"), &json!(2)));
    let cases = [
        (vec![part("name=\"title\"", "Plan")], "file"),
        (vec![part("name=\"title\"", "Plan"), part("name=\"copies\"", "none"), file.clone()], "/copies"),
        (vec![part("name=\"title\"", "Plan"), part("name=\"copies\"", "0"), file.clone()], "/copies"),
        (vec![part("name=\"title\"", "Plan"), part("name=\"title\"", "Again"), file.clone()], "once"),
        (vec![part("nothing", "x"), file], "no name"),
        (vec!["--cut\r\nnot a part".to_owned()], "request body"),
    ];
    for (parts, words) in cases {
        let refused = upload(&core, &parts);
        let detail = refused.json()["detail"].as_str().unwrap_or_default().to_owned();
        assert_eq!(status(&refused), 422, "{words}: {detail}");
        assert!(detail.starts_with("The request is not valid: ") && !detail.contains("bytes\u{1}"), "{detail}");
    }
}

fn minted(core: &Core, alg: Option<Algorithm>, tamper: Tamper) -> String {
    core.mint_token(&MintToken { user: ADA.into(), alg, tamper, ..MintToken::default() }).unwrap().secret
}

fn header(token: &str) -> serde_json::Value {
    use base64::Engine as _;
    let part = token.split('.').next().unwrap();
    serde_json::from_slice(&base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

/// RFC 8725, 3.1: a token is taken only if it is signed as the document says.
#[test]
fn tokens_are_signed_as_the_document_says() {
    for (says, signs, others) in [
        ("bearerFormat: JWT (RS256)", Algorithm::Rs256, [Algorithm::Hs256, Algorithm::EdDsa]),
        ("x-auth: {algorithms: [EdDSA]}", Algorithm::EdDsa, [Algorithm::Hs256, Algorithm::Rs256]),
        ("x-auth: {algorithms: [HS256]}", Algorithm::Hs256, [Algorithm::Rs256, Algorithm::EdDsa]),
    ] {
        let core = uploads(&UPLOADS.replace("bearerFormat: JWT", says));
        let own = minted(&core, None, Tamper::None);
        assert_eq!(header(&own)["alg"], serde_json::to_value(signs).unwrap());
        assert_eq!(status(&read(&core, "/files", &own)), 200, "{says}");
        for other in others {
            assert_eq!(
                status(&read(&core, "/files", &minted(&core, Some(other), Tamper::None))),
                401,
                "{says}: {other:?}"
            );
        }
    }
    let core = uploads(UPLOADS);
    for any in [Algorithm::Hs256, Algorithm::Rs256, Algorithm::EdDsa] {
        assert_eq!(status(&read(&core, "/files", &minted(&core, Some(any), Tamper::None))), 200, "{any:?}");
    }
}

/// M07: whoever takes a public key for an HMAC's secret takes tokens that anybody can make, and no others.
#[test]
fn a_public_key_is_no_secret() {
    let core = uploads(&UPLOADS.replace("bearerFormat: JWT", "bearerFormat: RS256 JWT"));
    let seen = |core: &Core| {
        [Tamper::KeyConfusion, Tamper::BadSignature, Tamper::AlgNone, Tamper::None]
            .map(|tamper| status(&read(core, "/files", &minted(core, None, tamper))))
    };
    assert_eq!(seen(&core), [401, 401, 401, 200]);
    core.set_defect("M07", true).unwrap();
    assert_eq!(seen(&core), [200, 401, 401, 200]);
    assert_eq!(status(&read(&core, "/files", &minted(&core, Some(Algorithm::Hs256), Tamper::None))), 401);
}

/// Each way to tamper with a token is refused, whatever it is signed with.
#[test]
fn every_tampered_token_is_refused() {
    let core = uploads(UPLOADS);
    for alg in [Algorithm::Hs256, Algorithm::Rs256, Algorithm::EdDsa] {
        for tamper in [
            Tamper::BadSignature,
            Tamper::AlgNone,
            Tamper::KeyConfusion,
            Tamper::WrongAudience,
            Tamper::WrongIssuer,
            Tamper::NotYetValid,
            Tamper::Garbage,
            Tamper::OtherOrganization,
        ] {
            let outcome = read(&core, "/files", &minted(&core, Some(alg), tamper));
            assert_eq!(status(&outcome), 401, "{alg:?} {tamper:?}");
        }
    }
}
