//! What every test begins with: a document, a server without network at a fixed time, and who is who in its world.

use std::sync::Arc;

use bitting_mock::{Clock, Core, MintKey, MintToken, Outcome, Request, RunningServer, Server, Tamper};
use bitting_spec::Document;
use http::Method;
use serde_json::{Value, json};

/// 2026-11-21T12:00:00Z.
pub(crate) const NOW: i64 = 1_795_262_400;
pub(crate) const ADA: &str = "ada@acme.example";
pub(crate) const BOB: &str = "bob@acme.example";
pub(crate) const EVE: &str = "eve@globex.example";
pub(crate) const DEVICES: &str = "/api/v1/organizations/acme/projects/warehouse/devices";

/// One of the four systems.
pub(crate) fn document(name: &str) -> Document {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../spec/openapi");
    Document::load(&format!("{folder}/{name}.yaml"), &|path: &str| std::fs::read_to_string(path)).unwrap()
}

pub(crate) fn frozen() -> Clock {
    Clock::frozen(chrono::DateTime::from_timestamp(NOW, 0).unwrap())
}

/// A server of one of the four systems, without network, with a frozen clock.
pub(crate) fn core(name: &str) -> Arc<Core> {
    Server::builder(document(name)).seed(7).clock(frozen()).core().unwrap()
}

/// The same over HTTP.
pub(crate) async fn running(name: &str) -> RunningServer {
    Server::builder(document(name)).seed(7).clock(frozen()).start().await.unwrap()
}

pub(crate) fn get(target: &str) -> Request {
    Request::new(Method::GET, target)
}

pub(crate) fn post(target: &str, body: &Value) -> Request {
    Request::new(Method::POST, target).with_json(body)
}

pub(crate) fn bearer(request: Request, secret: &str) -> Request {
    request.with_header("authorization", &format!("Bearer {secret}"))
}

/// A key of a user, as the first scheme that takes keys.
pub(crate) fn key(core: &Core, user: &str) -> String {
    core.mint_key(&MintKey { user: user.into(), ..MintKey::default() }).unwrap().secret
}

/// A token of a user, as the first scheme that takes tokens.
pub(crate) fn token(core: &Core, user: &str, tamper: Tamper) -> String {
    core.mint_token(&MintToken { user: user.into(), tamper, ..MintToken::default() }).unwrap().secret
}

/// The answer to a `GET` with a bearer credential.
pub(crate) fn read(core: &Core, target: &str, secret: &str) -> Outcome {
    core.handle(&bearer(get(target), secret))
}

pub(crate) fn login(core: &Core, email: &str, password: &str) -> Outcome {
    core.handle(&post("/api/v1/auth/login", &json!({"email": email, "password": password})))
}

/// The id of the first item of a list.
pub(crate) fn first_id(core: &Core, target: &str, secret: &str) -> String {
    read(core, target, secret).json()["items"][0]["id"].as_str().unwrap().to_owned()
}

pub(crate) fn status(outcome: &Outcome) -> u16 {
    outcome.status.as_u16()
}
