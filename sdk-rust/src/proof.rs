//! Proofs over a simulated server and a clock that stands still: a crowd at expiry, callers dropped at every step, and
//! any course of calls, faults and time.

mod cancel;
mod herd;
mod model;
mod server;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bitting_spec::table::Api;
use serde_json::json;

use crate::client::Client;
use crate::clock::ManualClock;
use server::Server;

/// A client of a simulated server.
struct Stage {
    client: Client,
    server: Server,
    clock: ManualClock,
}

impl Stage {
    fn new() -> Self {
        Self::of(api(false))
    }

    fn of(api: Arc<Api>) -> Self {
        let clock = ManualClock::new(SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000));
        let server = Server::new(clock.clone());
        let builder = Client::builder(api).environment(|_| None).clock(Arc::new(clock.clone()));
        let builder = builder.wire(Arc::new(server.clone())).login("ada@example.com", "test-password");
        Self { client: builder.build().expect("a client"), server, clock }
    }

    /// Lets every task go as far as it can.
    async fn settle(&self) {
        for _ in 0..60 {
            tokio::task::yield_now().await;
        }
    }

    /// Makes sure that nothing is left of any call: no permit, no waiter (C14).
    fn is_quiet(&self) -> bool {
        self.client.shared.lanes.iter().all(|lane| lane.gate.load() == (0, 0))
    }
}

/// A read, a write, and a write that may be repeated; a login with a refresh token that rotates. `is_keyed`: a write
/// carries a key by which the server tells its repeats.
fn api(is_keyed: bool) -> Arc<Api> {
    let body = json!({"required": true, "media_types": ["application/json"]});
    let secured = json!([{"User": []}]);
    let table = json!({
        "name": "sim", "version": "1", "servers": ["https://sim.example"], "env_prefix": "SIM",
        "schemes": [{"name": "User", "type": "http", "scheme": "bearer", "auth": {
            "acquire": {"operationId": "login"},
            "refresh": {"operationId": "refresh", "style": "refresh-token", "rotation": "rotating"}}}],
        "operations": [
            {"id": "login", "method": "POST", "path": "/login", "body": body},
            {"id": "refresh", "method": "POST", "path": "/refresh", "body": body},
            {"id": "read", "method": "GET", "path": "/things", "security": secured},
            {"id": "write", "method": "POST", "path": "/things", "security": secured, "body": body},
            {"id": "put", "method": "PUT", "path": "/things", "security": secured, "body": body},
        ],
        "rate_limit": {"exceeded": {"status": [429], "retry_after": ["header:Retry-After-Ms", "header:Retry-After", "body:/retry_after"]}},
        "retry": if is_keyed { json!({"idempotency_key": {"header": "Idempotency-Key"}}) } else { json!({}) }
    });
    Arc::new(serde_json::from_value(table).expect("an operation table"))
}
