//! What a run leaves behind on a server that is not there to be tested: everything as it was.

use std::collections::BTreeMap;

use bitting_conformance::{Credentials, Options, Outcome, Principal, Role, Target, Verdict, run};
use bitting_mock::{MintKey, MintToken, Request, RunningServer, Server, Tenancy};

use crate::{document, server, target};

const ADA: &str = "ada@acme.example";
const DEVICES: &str = "/api/v1/organizations/acme/projects/warehouse/devices";

fn get(server: &RunningServer, secret: &str, target: &str) -> (u16, serde_json::Value) {
    let request = Request::new(http::Method::GET, target).with_header("authorization", &format!("Bearer {secret}"));
    let outcome = server.core().handle(&request);
    (outcome.status.as_u16(), outcome.json())
}

/// The devices of Ada's organization by their ids, as the key of somebody else sees them.
fn devices(server: &RunningServer) -> BTreeMap<String, serde_json::Value> {
    devices_of(server, ADA, DEVICES)
}

fn devices_of(server: &RunningServer, user: &str, path: &str) -> BTreeMap<String, serde_json::Value> {
    let order = MintKey { user: user.to_owned(), ..MintKey::default() };
    let key = server.core().mint_key(&order).expect("there is such a user").secret;
    let (status, page) = get(server, &key, &format!("{path}?limit=100"));
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
    // Nobody can set the limit here, so the run has used it up: its window is over in a minute.
    server.core().clock().advance(61).expect("the clock goes on");
    for secret in [&*key, &*token] {
        assert_eq!(get(&server, secret, DEVICES).0, 200);
    }
    server.shutdown().await;
}

/// What the other organization had to make is removed as that organization: to the first one it is not there at all.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_other_organization_made_is_removed_too() {
    let document = document("roboticks");
    let server = Server::builder(document.clone()).seed(7).tenancy(Tenancy::Hide).start().await.expect("it starts");
    let target = target(&document, &server).await;
    let other = target.credentials.principal(Role::OtherOrganization).expect("there is another organization").clone();
    let user = other.login.expect("it logs in").username;
    let place = |name: &str| other.parameters[name].as_str();
    let path = format!("/api/v1/organizations/{}/projects/{}/devices", place("org_slug"), place("project_slug"));
    let before = devices_of(&server, &user, &path);
    let only = vec!["tenancy.foreign-object".to_owned(), "tenancy.foreign-delete".to_owned()];
    let report = run(&document, target, Options { only, ..Options::default() }, |_| {}).await.expect("it runs");
    let passed = |verdict: &Verdict| matches!(verdict.outcome, Outcome::Pass { .. });
    assert!(report.verdicts.iter().any(|verdict| verdict.check == "tenancy.foreign-object" && passed(verdict)));
    assert_eq!((report.left, devices_of(&server, &user, &path)), (Vec::new(), before));
    server.shutdown().await;
}
