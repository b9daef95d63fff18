//! What a run leaves behind on a server that is not there to be tested: everything as it was.

use std::collections::BTreeMap;

use bitting_conformance::{Credentials, Options, Principal, Role, Target, run};
use bitting_mock::{MintKey, MintToken, Request, RunningServer};

use crate::{document, server};

const ADA: &str = "ada@acme.example";
const DEVICES: &str = "/api/v1/organizations/acme/projects/warehouse/devices";

fn get(server: &RunningServer, secret: &str, target: &str) -> (u16, serde_json::Value) {
    let request = Request::new(http::Method::GET, target).with_header("authorization", &format!("Bearer {secret}"));
    let outcome = server.core().handle(&request);
    (outcome.status.as_u16(), outcome.json())
}

/// The devices by their ids, as the key of somebody else sees them.
fn devices(server: &RunningServer) -> BTreeMap<String, serde_json::Value> {
    let order = MintKey { user: ADA.to_owned(), ..MintKey::default() };
    let key = server.core().mint_key(&order).expect("there is such a user").secret;
    let (status, page) = get(server, &key, &format!("{DEVICES}?limit=100"));
    let items = page["items"].as_array().expect("it is a list").clone();
    assert_eq!((status, page["total"].as_u64()), (200, Some(items.len() as u64)));
    items.into_iter().map(|item| (item["id"].as_str().expect("it has an id").to_owned(), item)).collect()
}

/// Without a provisioner nobody said that the server may lose anything: what the run did not make is neither changed nor
/// deleted, what it made is gone, and the key and the token that were given still work, for it ends no session of theirs.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_run_did_not_make_is_left_alone() {
    let document = document("roboticks");
    let server = server(&document, None, 7).await;
    let before = devices(&server);
    assert!(before.len() > 10);
    let key = MintKey { user: ADA.to_owned(), scheme: Some("ApiKeyHeader".to_owned()), ..MintKey::default() };
    let token = MintToken { user: ADA.to_owned(), ..MintToken::default() };
    let key = server.core().mint_key(&key).expect("there is such a user").secret;
    let token = server.core().mint_token(&token).expect("there is such a user").secret;
    let secrets = BTreeMap::from([
        ("ApiKeyHeader".to_owned(), (*key).into()),
        ("ApiKeyBearer".to_owned(), (*key).into()),
        ("UserToken".to_owned(), (*token).into()),
    ]);
    let parameters = [("org_slug", "acme"), ("project_slug", "warehouse")];
    let parameters = parameters.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let valid = Principal { parameters, secrets, ..Principal::default() };
    let target =
        Target { base_url: server.base_url().to_owned(), credentials: Credentials::default().with(Role::Valid, valid) };
    let options = Options { max_cases: 30, ..Options::default() };
    let report = run(&document, target, options, |_| {}).await.expect("it runs");
    let reached = |id: &str| report.operations.iter().any(|operation| operation.id == id && operation.reached);
    assert!(reached("createDevice") && reached("deleteDevice") && reached("updateDevice"), "{:#?}", report.operations);
    assert_eq!(devices(&server), before);
    for secret in [&*key, &*token] {
        assert_eq!(get(&server, secret, DEVICES).0, 200);
    }
    server.shutdown().await;
}
