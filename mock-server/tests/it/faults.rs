//! Faults over a real connection: each kind goes wrong as it says, and only where it is planned.

use std::time::Duration;

use bitting_mock::RunningServer;
use serde_json::{Value, json};

use crate::stage::*;
use crate::wire::{Reply, control, read, request, send};

/// A server, a key of ada, and a fault in force.
async fn faulty(fault: &Value) -> (RunningServer, String) {
    let server = running("roboticks").await;
    let key = key(server.core(), ADA);
    let reply = control(&server, "POST", "/v1/faults", fault).await;
    assert_eq!(reply.status, 201, "{}", reply.json());
    (server, key)
}

async fn one(effect: Value) -> (Reply, RunningServer) {
    let (server, key) = faulty(&json!({"effect": effect})).await;
    (read(&server, DEVICES, &key).await, server)
}

#[tokio::test]
async fn a_status_comes_with_what_the_document_says_and_retry_after() {
    let (reply, _server) = one(json!({"kind": "status", "status": 503, "retry_after": 2})).await;
    assert_eq!((reply.status, reply.header("retry-after")), (503, Some("2")));
    let (reply, _server) = one(json!({"kind": "status", "status": 429, "retry_after": {"date_in": 60}})).await;
    assert_eq!(reply.header("retry-after"), Some("Sat, 21 Nov 2026 12:01:00 GMT"));
    assert_eq!(reply.json()["retry_after"], 60);
    let (reply, _server) = one(json!({"kind": "status", "status": 500, "retry_after": "soon", "body": [1]})).await;
    assert_eq!((reply.header("retry-after"), reply.json()), (Some("soon"), json!([1])));
}

/// Plans act on the nth matching request, as often as they say, for their operation only.
#[tokio::test]
async fn plans_match_operation_and_number() {
    let fault = json!({"operation": "listDevices", "nth": 2, "times": 2, "effect": {"kind": "status", "status": 500}});
    let (server, key) = faulty(&fault).await;
    let mut statuses = Vec::new();
    for _ in 0..5 {
        statuses.push(read(&server, DEVICES, &key).await.status);
        assert_eq!(read(&server, "/api/v1/organizations/acme/devices", &key).await.status, 200);
    }
    assert_eq!(statuses, [200, 500, 500, 200, 200]);
    let plans = control(&server, "GET", "/v1/faults", &Value::Null).await.json();
    assert_eq!((&plans[0]["matched"], &plans[0]["acted"]), (&json!(5), &json!(2)));
    assert_eq!(control(&server, "DELETE", "/v1/faults", &Value::Null).await.status, 204);
    assert_eq!(control(&server, "GET", "/v1/faults", &Value::Null).await.json(), json!([]));
}

#[tokio::test]
async fn a_probability_is_kept_and_the_same_for_the_seed() {
    let run = || async {
        let (server, key) = faulty(&json!({"probability": 0.5, "effect": {"kind": "status", "status": 500}})).await;
        let answers = (0..100).map(|_| crate::stage::read(server.core(), DEVICES, &key).status == 500);
        answers.collect::<Vec<bool>>()
    };
    let first = run().await;
    let failed = first.iter().filter(|failed| **failed).count();
    assert!((30..70).contains(&failed), "{failed} of 100");
    assert_eq!(first, run().await);
}

/// A token that is good when the client sends it and expired when the server looks at it.
#[tokio::test]
async fn the_clock_moves_before_the_request_is_looked_at() {
    let fault = json!({"nth": 2, "times": 1, "effect": {"kind": "advance-clock", "seconds": 3600}});
    let (server, _) = faulty(&fault).await;
    let token = token(server.core(), ADA, bitting_mock::Tamper::None);
    assert_eq!(read(&server, DEVICES, &token).await.status, 200);
    assert_eq!(read(&server, DEVICES, &token).await.status, 401);
    assert_eq!(server.core().clock().unix(), NOW + 3600);
}

/// After the operation: the device is made, and the client cannot know.
#[tokio::test]
async fn a_write_can_succeed_and_its_answer_fail() {
    let fault = json!({"operation": "createDevice", "stage": "after", "effect": {"kind": "status", "status": 502}});
    let (server, key) = faulty(&fault).await;
    let body = json!({"name": "x", "serial_number": "RBT-0001"}).to_string();
    let header = format!("Bearer {key}");
    let headers = [("authorization", header.as_str()), ("content-type", "application/json")];
    assert_eq!(send(server.base_url(), &request("POST", DEVICES, &headers, &body)).await.status, 502);
    assert_eq!(read(&server, DEVICES, &key).await.json()["total"], 46);
}

#[tokio::test]
async fn latency_is_at_least_what_was_asked() {
    let (server, key) = faulty(&json!({"effect": {"kind": "latency", "milliseconds": 200}})).await;
    let mut late = std::pin::pin!(read(&server, DEVICES, &key));
    assert!(tokio::time::timeout(Duration::from_millis(150), late.as_mut()).await.is_err());
    assert_eq!(late.await.status, 200);
}

/// wiremock-rs issue 84: an answer waits for a signal.
#[tokio::test]
async fn a_gate_holds_answers_until_it_is_released() {
    let (server, key) = faulty(&json!({"effect": {"kind": "hold", "gate": "door"}})).await;
    let waiting = read(&server, DEVICES, &key);
    let mut waiting = std::pin::pin!(waiting);
    let early = tokio::time::timeout(Duration::from_millis(150), waiting.as_mut()).await;
    assert!(early.is_err(), "nothing comes through a closed gate");
    assert_eq!(control(&server, "POST", "/v1/gates/door/release", &Value::Null).await.status, 204);
    assert_eq!(waiting.await.status, 200);
}

#[tokio::test]
async fn connections_are_reset_cut_off_and_left_hanging() {
    let (reply, _server) = one(json!({"kind": "reset"})).await;
    assert_eq!((reply.status, reply.end.unwrap_err().kind()), (0, std::io::ErrorKind::ConnectionReset));

    let (reply, _server) = one(json!({"kind": "reset", "after_headers": true})).await;
    assert_eq!((reply.status, reply.body.len()), (200, 0));
    assert_eq!(reply.end.unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);

    let (reply, _server) = one(json!({"kind": "truncate", "bytes": 10})).await;
    let promised: usize = reply.header("content-length").unwrap().parse().unwrap();
    assert_eq!((reply.status, reply.body.len(), promised > 10, reply.end.is_ok()), (200, 10, true, true));

    let (server, key) = faulty(&json!({"effect": {"kind": "hang"}})).await;
    let silent = tokio::time::timeout(Duration::from_millis(200), read(&server, DEVICES, &key)).await;
    assert!(silent.is_err());
}

#[tokio::test]
async fn a_body_is_dripped_and_arrives_whole() {
    let (server, key) = faulty(&json!({"effect": {"kind": "drip", "bytes": 500, "milliseconds": 20}})).await;
    let mut slow = std::pin::pin!(read(&server, DEVICES, &key));
    assert!(tokio::time::timeout(Duration::from_millis(80), slow.as_mut()).await.is_err());
    let reply = slow.await;
    assert_eq!((reply.status, reply.json()["total"].clone()), (200, json!(45)));
}

/// A credential must not follow a redirect to another origin.
#[tokio::test]
async fn a_redirect_leads_elsewhere() {
    let (reply, _server) = one(json!({"kind": "redirect", "location": "http://localhost:9/elsewhere"})).await;
    assert_eq!((reply.status, reply.header("location")), (302, Some("http://localhost:9/elsewhere")));
}

#[tokio::test]
async fn bodies_are_not_what_they_say() {
    let (reply, _server) = one(json!({"kind": "invalid-json"})).await;
    assert_eq!((reply.status, reply.header("content-type")), (200, Some("application/json")));
    assert!(serde_json::from_slice::<Value>(&reply.body).is_err());
    let (reply, _server) = one(json!({"kind": "content-type", "value": "text/html"})).await;
    assert_eq!(reply.header("content-type"), Some("text/html"));
    assert_eq!(reply.json()["total"], 45);
}

/// A fault for one caller lets the others alone.
#[tokio::test]
async fn a_fault_can_be_for_one_caller() {
    let (server, ada) = faulty(&json!({"principal": BOB, "effect": {"kind": "status", "status": 503}})).await;
    let bob = crate::stage::key(server.core(), BOB);
    assert_eq!(read(&server, DEVICES, &bob).await.status, 503);
    assert_eq!(read(&server, DEVICES, &ada).await.status, 200);
    assert_eq!(read(&server, DEVICES, "nonsense").await.status, 401);
}

/// Answers that no parser should trust.
#[tokio::test]
async fn answers_are_disfigured() {
    let (server, key) = faulty(&json!({"effect": {"kind": "garbage"}})).await;
    let reply = read(&server, DEVICES, &key).await;
    assert!(reply.status == 0 && reply.head.contains("this is no HTTP"), "{reply:?}");
    let (server, key) = faulty(&json!({"effect": {"kind": "content-length", "extra": 7}})).await;
    let reply = read(&server, DEVICES, &key).await;
    assert_eq!(reply.header("content-length").unwrap().parse::<usize>().unwrap(), reply.body.len() + 7);
    let (server, key) = faulty(&json!({"effect": {"kind": "duplicate-headers"}})).await;
    let reply = read(&server, DEVICES, &key).await;
    assert_eq!(reply.head.to_lowercase().matches("content-type:").count(), 2, "{}", reply.head);
    let (server, key) = faulty(&json!({"effect": {"kind": "oversized-header", "bytes": 100_000}})).await;
    assert_eq!(read(&server, DEVICES, &key).await.header("x-padding").unwrap().len(), 100_000);
}
