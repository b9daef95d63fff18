//! Writes that come again with the same key (draft-ietf-httpapi-idempotency-key-header).

use std::sync::Arc;

use bitting_mock::{Core, Outcome, Server};
use bitting_spec::Document;
use http::Method;
use serde_json::json;

use crate::stage::*;

/// ROBOTICKS, whose document names a header for repeats here.
fn keyed() -> Arc<Core> {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../spec/openapi/roboticks.yaml")).unwrap();
    let text = text + "\nx-retry: {idempotency_key: {header: Idempotency-Key}}\n";
    Server::builder(Document::parse("keyed.yaml", &text).unwrap()).seed(7).clock(frozen()).core().unwrap()
}

fn create(core: &Core, secret: &str, repeat: &str, serial: &str) -> Outcome {
    let request = post(DEVICES, &json!({"name": "Picker", "serial_number": serial}));
    core.handle(&bearer(request, secret).with_header("idempotency-key", repeat))
}

fn total(core: &Core, secret: &str) -> u64 {
    read(core, DEVICES, secret).json()["total"].as_u64().unwrap()
}

/// A repeat is answered as the first time and does nothing; another key, and another caller's, is another write.
#[test]
fn a_repeat_does_nothing() {
    let core = keyed();
    let (ada, eve) = (key(&core, ADA), key(&core, EVE));
    let (first, second) = (create(&core, &ada, "one", "RBT-0001"), create(&core, &ada, "one", "RBT-0001"));
    assert_eq!((status(&first), &first.body, first.header("location")), (201, &second.body, second.header("location")));
    assert_eq!((first.header("idempotent-replayed"), second.header("idempotent-replayed")), ("", "true"));
    assert_eq!(total(&core, &ada), 46);
    assert_eq!(status(&create(&core, &ada, "two", "RBT-0002")), 201);
    assert_eq!(total(&core, &ada), 47);
    let foreign = DEVICES.replace("acme/projects/warehouse", "globex/projects/lab");
    let request = post(&foreign, &json!({"name": "Picker", "serial_number": "RBT-0001"}));
    let other = core.handle(&bearer(request, &eve).with_header("idempotency-key", "one"));
    assert_eq!((status(&other), other.header("idempotent-replayed")), (201, ""), "eve's key is her own");
}

/// The same key for something else is a mistake, and said to be one. What was not valid was not done, and may be mended.
#[test]
fn a_key_is_for_one_request() {
    let core = keyed();
    let ada = key(&core, ADA);
    assert_eq!(status(&create(&core, &ada, "one", "not a serial number")), 422);
    assert_eq!(status(&create(&core, &ada, "one", "RBT-0001")), 201);
    let other = create(&core, &ada, "one", "RBT-0002");
    assert_eq!(status(&other), 422);
    assert!(other.json().to_string().contains("idempotency key was used for another request"), "{}", other.json());
    assert_eq!(total(&core, &ada), 46);
}

/// A repeat is still judged like any request: a key that was revoked in the meantime gets nothing.
#[test]
fn a_repeat_needs_its_credential() {
    let core = keyed();
    let minted = core.mint_key(&bitting_mock::MintKey { user: ADA.into(), ..Default::default() }).unwrap();
    assert_eq!(status(&create(&core, &minted.secret, "one", "RBT-0001")), 201);
    core.revoke_key(&minted.id);
    assert_eq!(status(&create(&core, &minted.secret, "one", "RBT-0001")), 401);
}

/// Many at once: one device, and everybody is told of that one.
#[test]
fn repeats_at_the_same_time_do_the_work_once() {
    let core = keyed();
    let ada = key(&core, ADA);
    let bodies: Vec<_> = std::thread::scope(|scope| {
        let all: Vec<_> = (0..8).map(|_| scope.spawn(|| create(&core, &ada, "one", "RBT-0001").body)).collect();
        all.into_iter().map(|each| each.join().unwrap()).collect()
    });
    assert!(bodies.iter().all(|body| *body == bodies[0]), "{bodies:?}");
    assert_eq!(total(&core, &ada), 46);
}

/// It is known for a day by the server's clock, and forgotten with the world it was made in.
#[test]
fn a_key_is_forgotten() {
    let core = keyed();
    let ada = key(&core, ADA);
    let snapshot = core.snapshot();
    create(&core, &ada, "one", "RBT-0001");
    assert!(core.restore(snapshot));
    assert_eq!(create(&core, &ada, "one", "RBT-0001").header("idempotent-replayed"), "");
    assert_eq!(create(&core, &ada, "one", "RBT-0001").header("idempotent-replayed"), "true");
    core.clock().advance(86_400).unwrap();
    assert_eq!(create(&core, &ada, "one", "RBT-0009").header("idempotent-replayed"), "");
}

/// Where the document names no such header, it is a header like any other; and a method that may be repeated needs none.
#[test]
fn a_document_says_whether_there_are_keys() {
    let core = core("roboticks");
    let ada = key(&core, ADA);
    for serial in ["RBT-0001", "RBT-0002"] {
        assert_eq!(status(&create(&core, &ada, "one", serial)), 201);
    }
    let core = keyed();
    let ada = key(&core, ADA);
    let target = format!("{DEVICES}/{}", first_id(&core, DEVICES, &ada));
    let delete = || {
        let request = bearer(bitting_mock::Request::new(Method::DELETE, &*target), &ada);
        status(&core.handle(&request.with_header("idempotency-key", "one")))
    };
    assert_eq!((delete(), delete()), (204, 404));
}
