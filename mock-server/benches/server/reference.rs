//! The reference server of the Roboticks document, with everything on that it does by default: credentials, tenants,
//! rate limit, validation of request and answer, journal.

use bitting_mock::{MintKey, Server};
use bitting_spec::Document;
use serde_json::json;

use crate::{Failure, announce};

const DOCUMENT: &str = include_str!("../../../spec/openapi/roboticks.yaml");
/// The limit that the document states, and one that is counted but never reached.
const LIMITS: [&str; 2] = ["\n  limit: 1000\n", "\n  limit: 1000000000000\n"];

/// Serves until it is ended.
pub(crate) async fn run() -> Result<(), Failure> {
    let text = DOCUMENT.replacen(LIMITS[0], LIMITS[1], 1);
    if text == DOCUMENT {
        return Err("roboticks.yaml no longer states the limit that this benchmark lifts".into());
    }
    let server = Server::builder(Document::parse("roboticks.yaml", &text)?).start().await?;
    let wanted = MintKey { user: "ada@acme.example".to_owned(), ..MintKey::default() };
    let key = server.core().mint_key(&wanted)?.secret;
    let address = server.base_url().trim_start_matches("http://");
    announce(&json!({"address": address, "key": key}));
    server.stopped().await;
    Ok(())
}
