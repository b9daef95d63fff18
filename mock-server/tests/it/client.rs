//! The control plane by the client that our generator makes of its document: what a test in Rust would write.

use bitting_control::types::{
    AddOrganizationBody, AddUserBody, AdvanceClockBody, Expectation, Fault, FaultEffect, MintKey, MintToken, Policy,
};
use bitting_control::{Client, Error};
use bitting_mock::RunningServer;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::stage::*;
use crate::wire::read;

fn client(server: &RunningServer) -> Client {
    let _ = tokio_rustls::rustls::crypto::ring::default_provider().install_default();
    let builder = Client::builder().base_url(server.control_url()).token(server.control_token());
    builder.environment(|_| None).build().unwrap()
}

/// A body of the generated types, from what it is on the wire.
fn body<T: DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).unwrap()
}

/// A key is minted, called with, revoked; the journal shows all of it.
#[tokio::test]
async fn the_generated_client_drives_the_server() {
    let server = running("roboticks").await;
    let client = client(&server);
    let minted = client.keys().mint(&body::<MintKey>(json!({"user": ADA}))).await.unwrap();
    let devices = read(&server, DEVICES, minted.secret.as_str()).await;
    assert_eq!(devices.status, 200);
    client.keys().revoke(&minted.id).await.unwrap();
    assert_eq!(read(&server, DEVICES, minted.secret.as_str()).await.status, 401);
    let journal = client.journal().get().await.unwrap();
    let reasons: Vec<_> = journal.entries.iter().map(|entry| (entry.status, entry.reason.as_deref())).collect();
    assert_eq!(reasons, [(200, None), (401, Some("revoked"))]);
    assert_eq!(journal.entries[0].user.as_deref(), Some(ADA));
    let expected: Expectation = body(json!({"match": [{"operation": "listDevices", "principal": ADA}], "times": 1}));
    assert!(client.journal().verify(&expected).await.unwrap().holds);
}

/// Clock, faults, limits, snapshots and defects, each by its typed call.
#[tokio::test]
async fn the_world_is_set_by_typed_calls() {
    let server = running("roboticks").await;
    let client = client(&server);
    let token = client.tokens().mint(&body::<MintToken>(json!({"user": ADA, "alg": "RS256"}))).await.unwrap();
    let status = || async { read(&server, DEVICES, &token.token).await.status };
    let snapshot = client.world().make_snapshot().await.unwrap();
    client.clock().advance(&AdvanceClockBody { seconds: 3600 }).await.unwrap();
    assert_eq!(status().await, 401);
    client.world().restore_snapshot(snapshot.id).await.unwrap();
    assert_eq!(status().await, 200);

    let effect: FaultEffect = body(json!({"kind": "status", "status": 503, "retry_after": 1}));
    let fault: Fault = body(json!({"times": 1, "effect": effect}));
    client.faults().add(&fault).await.unwrap();
    assert_eq!((status().await, status().await), (503, 200));
    assert_eq!(client.faults().list().await.unwrap()[0].acted, 1);

    let policy: Policy = body(json!({"limit": 1, "window": 60}));
    client.rate_limits().set(&policy).await.unwrap();
    assert_eq!((status().await, status().await), (200, 429));
    client.rate_limits().reset().await.unwrap();
    let defects = client.defects().set(&body(json!({"active": ["M01"]}))).await.unwrap();
    assert_eq!(defects.defects.iter().filter(|defect| defect.active).count(), 1);
}

/// Who comes into the world later is at home there, and nowhere else.
#[tokio::test]
async fn organizations_and_users_are_added() {
    let server = running("roboticks").await;
    let client = client(&server);
    let organization: AddOrganizationBody = body(json!({"slug": "initech", "projects": ["basement"]}));
    client.world().add_organization(&organization).await.unwrap();
    let person = json!({"email": "ivy@initech.example", "password": "correct-horse", "organization": "initech"});
    client.world().add_user(&body::<AddUserBody>(person)).await.unwrap();
    let ivy = login(server.core(), "ivy@initech.example", "correct-horse").json();
    let token = ivy["access_token"].as_str().unwrap();
    let devices = read(&server, "/api/v1/organizations/initech/projects/basement/devices", token).await;
    assert_eq!((devices.status, &devices.json()["total"]), (200, &json!(45)));
    assert_eq!(read(&server, DEVICES, token).await.status, 403);
    let twice = client.world().add_organization(&organization).await.unwrap_err();
    assert_eq!(twice.status().map(|status| status.as_u16()), Some(409));
}

/// The error of a wrong call has its status and says what to do.
#[tokio::test]
async fn errors_are_typed() {
    let server = running("roboticks").await;
    let error = client(&server).keys().mint(&body::<MintKey>(json!({"user": "nobody"}))).await.unwrap_err();
    assert!(matches!(error, Error::Api(_)) && error.status().is_some_and(|status| status == 404), "{error:?}");
    let text = String::from_utf8_lossy(error.body().unwrap()).into_owned();
    assert!(text.contains("no user `nobody`") && text.contains("help"), "{text}");
}
