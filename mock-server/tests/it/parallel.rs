//! Many at once: snapshots and restores under load, and sessions that end.

use std::sync::atomic::{AtomicBool, Ordering};

use bitting_mock::{MintToken, Tamper};
use http::Method;
use serde_json::{Value, json};

use crate::stage::*;
use crate::wire::control;

/// Issue 4, 7: whatever is asked while the world goes back and forth is answered from a whole world, never from parts of
/// two; after the last restore it is that of the snapshot.
#[test]
fn a_world_is_restored_whole_under_parallel_requests() {
    let core = core("roboticks");
    let secret = key(&core, ADA);
    let snapshot = core.snapshot();
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for worker in 0..4 {
            let (core, secret, is_over) = (&core, &secret, &is_over);
            scope.spawn(move || {
                let mut turn = 0;
                while !is_over.load(Ordering::Relaxed) {
                    turn += 1;
                    let serial = format!("RBT-{worker}{:03}", turn % 1000);
                    let made =
                        core.handle(&bearer(post(DEVICES, &json!({"name": "x", "serial_number": serial})), secret));
                    assert!([201, 409].contains(&status(&made)), "{}", made.json());
                    let list = read(core, DEVICES, secret).json();
                    let total = list["total"].as_u64().unwrap();
                    assert!(total >= 45, "the beginning is always whole: {total}");
                    if let Some(id) = made.json()["id"].as_str() {
                        let target = format!("{DEVICES}/{id}");
                        let gone = core.handle(&bearer(bitting_mock::Request::new(Method::DELETE, target), secret));
                        assert!([204, 404].contains(&status(&gone)), "{}", gone.json());
                    }
                }
            });
        }
        for turn in 0..200 {
            assert!(core.restore(snapshot));
            if turn % 20 == 0 {
                core.restore(core.snapshot());
            }
        }
        is_over.store(true, Ordering::Relaxed);
    });
    assert!(core.restore(snapshot));
    assert_eq!(read(&core, DEVICES, &secret).json()["total"], 45);
    assert_eq!(core.misfits(), []);
}

/// ROBOTICKS-6: with a session every token of it ends, those that were renewed too, and no other session.
#[tokio::test]
async fn a_session_is_taken_back() {
    use base64::Engine as _;
    let server = running("roboticks").await;
    let core = server.core();
    let password = "correct-horse-7";
    let first = login(core, ADA, password).json()["access_token"].as_str().unwrap().to_owned();
    let other = login(core, ADA, password).json()["access_token"].as_str().unwrap().to_owned();
    let renewed = core.handle(&bearer(post("/api/v1/auth/refresh", &Value::Null), &first)).json();
    let renewed = renewed["access_token"].as_str().unwrap().to_owned();
    let claims = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(first.split('.').nth(1).unwrap()).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    let path = format!("/v1/sessions/{}/revoke", claims["sid"].as_str().unwrap());
    assert_eq!(control(&server, "POST", &path, &Value::Null).await.status, 204);
    let told = [&first, &renewed, &other].map(|token| status(&read(core, DEVICES, token)));
    assert_eq!(told, [401, 401, 200]);
}

/// Each way to spoil a token is refused by the server as it is, over the wire too.
#[tokio::test]
async fn every_tampered_token_is_refused_over_the_wire() {
    let server = running("roboticks").await;
    let kinds = control(&server, "GET", "/v1/openapi.yaml", &Value::Null).await;
    let text = String::from_utf8(kinds.body).unwrap();
    let all = [
        ("none", 200),
        ("bad-signature", 401),
        ("alg-none", 401),
        ("key-confusion", 401),
        ("wrong-audience", 401),
        ("wrong-issuer", 401),
        ("not-yet-valid", 401),
        ("garbage", 401),
        ("other-organization", 403),
    ];
    for (tamper, expected) in all {
        assert!(text.contains(tamper), "{tamper} is described");
        let minted = control(&server, "POST", "/v1/tokens", &json!({"user": ADA, "tamper": tamper})).await;
        assert_eq!(minted.status, 201, "{tamper}");
        let token = minted.json()["token"].as_str().unwrap().to_owned();
        assert_eq!(crate::wire::read(&server, DEVICES, &token).await.status, expected, "{tamper}");
    }
    let expired = MintToken { user: ADA.into(), ttl: Some(-1), tamper: Tamper::None, ..MintToken::default() };
    let expired = server.core().mint_token(&expired).unwrap().secret;
    assert_eq!(crate::wire::read(&server, DEVICES, &expired).await.status, 401);
}
