//! The control plane over HTTP: it does what its own document says.

use bitting_mock::RunningServer;
use bitting_spec::Document;
use serde_json::{Value, json};

use crate::stage::*;
use crate::wire::{Reply, control, read, request, send};

const DESCRIPTION: &str = include_str!("../../control.yaml");

async fn ok(server: &RunningServer, method: &str, target: &str, body: &Value) -> Value {
    let reply = control(server, method, target, body).await;
    assert!((200..300).contains(&reply.status), "{method} {target}: {} {}", reply.status, reply.json());
    reply.json()
}

/// What each operation of the control plane is called with to succeed.
fn example(id: &str, key: &str) -> (Vec<(&'static str, String)>, Value) {
    let path = |name, value: &str| vec![(name, value.to_owned())];
    match id {
        "restoreSnapshot" => (path("id", "1"), Value::Null),
        "mintKey" => (vec![], json!({"user": ADA, "ttl": 60})),
        "createKey" => (path("slug", "acme"), json!({"by": ADA, "name": "CI", "ttl": 60})),
        "rotateKey" => (path("id", key), Value::Null),
        "removeMember" | "restoreMember" => (path("email", BOB), Value::Null),
        "registerClient" => (vec![], json!({"organization": "acme"})),
        "mintCode" => (vec![], json!({"client_id": "client-acme", "redirect_uri": "http://127.0.0.1/", "user": ADA})),
        "revokeKey" | "expireKey" => (path("id", key), Value::Null),
        "mintToken" => (vec![], json!({"user": ADA, "tamper": "not-yet-valid"})),
        "revokeToken" => (path("jti", "tok_0"), Value::Null),
        "setClock" => (vec![], json!({"mode": "offset", "offset": 60})),
        "advanceClock" => (vec![], json!({"seconds": 60})),
        "addFault" => (vec![], json!({"effect": {"kind": "hold", "gate": "door"}})),
        "releaseGate" => (path("name", "door"), Value::Null),
        "setRateLimit" => (vec![], json!({"limit": 5, "window": 60})),
        "addOrganization" => (vec![], json!({"slug": "initech", "projects": ["basement"]})),
        "addUser" => (vec![], json!({"email": "ivy@initech.example", "password": "x", "organization": "initech"})),
        "revokeSession" => (path("id", "ses_0"), Value::Null),
        "verifyJournal" => (vec![], json!({"match": [{"operation": "listDevices", "status": 401}], "times": 0})),
        "skipSteps" => (vec![], json!({"skipped": ["rate-limit"]})),
        "setDefects" => (vec![], json!({"active": ["M01"]})),
        _ => (vec![], Value::Null),
    }
}

/// Every operation of `control.yaml` exists, succeeds, and answers what its schema says.
#[tokio::test]
async fn every_described_operation_answers_as_described() {
    let document = Document::parse("control.yaml", DESCRIPTION).unwrap();
    let server = running("roboticks").await;
    let key = ok(&server, "GET", "/v1/credentials", &Value::Null).await["keys"][0]["id"].as_str().unwrap().to_owned();
    // What has no end is asked for in journal.rs.
    let mut operations: Vec<_> = document.operations.iter().filter(|each| each.id != "followJournal").collect();
    operations.sort_by_key(|operation| operation.id == "shutDown");
    for operation in operations {
        let (parameters, body) = example(&operation.id, &key);
        let target = parameters
            .iter()
            .fold(operation.path.clone(), |path, (name, value)| path.replace(&format!("{{{name}}}"), value));
        let reply = control(&server, &operation.method, &target, &body).await;
        let response = operation.successes().find(|response| response.status.to_string() == reply.status.to_string());
        let response = response.unwrap_or_else(|| panic!("{}: {} {}", operation.id, reply.status, reply.json()));
        if let Some(schema) = response.content.get("application/json").and_then(|media| media.schema.as_ref()) {
            let validator = jsonschema::validator_for(&document.bundle(&schema.value)).unwrap();
            assert!(validator.is_valid(&reply.json()), "{}: {}", operation.id, reply.json());
        }
    }
    server.stopped().await;
}

/// No token, no answer: on every path.
#[tokio::test]
async fn every_operation_needs_the_token() {
    let document = Document::parse("control.yaml", DESCRIPTION).unwrap();
    let server = running("roboticks").await;
    for operation in &document.operations {
        let target = operation.path.replace(['{', '}'], "");
        let reply = send(server.control_url(), &request(&operation.method, &target, &[], "")).await;
        assert_eq!(reply.status, 401, "{}", operation.id);
    }
}

/// ARROW-6: the secret is in the answer to its making; the world shows its beginning only.
#[tokio::test]
async fn a_minted_key_works_until_it_is_revoked() {
    let server = running("roboticks").await;
    let minted = ok(&server, "POST", "/v1/keys", &json!({"user": ADA})).await;
    let (id, secret) = (minted["id"].as_str().unwrap(), minted["secret"].as_str().unwrap());
    assert_eq!(read(&server, DEVICES, secret).await.status, 200);
    let world = ok(&server, "GET", "/v1/world", &Value::Null).await.to_string();
    assert!(world.contains(id) && !world.contains(secret) && !world.contains("correct-horse"));
    ok(&server, "POST", &format!("/v1/keys/{id}/revoke"), &Value::Null).await;
    assert_eq!(read(&server, DEVICES, secret).await.status, 401);
}

/// ARROTECH-5, ARROW-6: scopes and environments that the document does not have are refused with those that it has, so
/// that a typing error is no credential that nothing lets in.
#[tokio::test]
async fn typing_errors_are_no_credentials() {
    let server = running("arrotech").await;
    for path in ["/v1/keys", "/v1/tokens"] {
        let wrong = control(&server, "POST", path, &json!({"user": ADA, "environment": "sandpit"})).await;
        let problem = wrong.json().to_string();
        assert_eq!(wrong.status, 400, "{path}");
        assert!(
            problem.contains("`sandpit` is no environment") && problem.contains("production, sandbox"),
            "{problem}"
        );
        assert_eq!(control(&server, "POST", path, &json!({"user": ADA, "environment": "sandbox"})).await.status, 201);
    }
    let server = running("arrow").await;
    let wrong = control(&server, "POST", "/v1/keys", &json!({"user": ADA, "scopes": ["devices:raed"]})).await;
    assert!(wrong.status == 400 && wrong.json().to_string().contains("devices:read"), "{}", wrong.json());
}

/// What a suite is told lets it log in and call, for every user.
#[tokio::test]
async fn the_told_credentials_work() {
    let server = running("roboticks").await;
    let told = ok(&server, "GET", "/v1/credentials", &Value::Null).await;
    assert_eq!(told["organizations"][0], json!({"slug": "acme", "projects": ["warehouse", "garage"]}));
    for user in told["users"].as_array().unwrap() {
        let (email, password) = (user["email"].as_str().unwrap(), user["password"].as_str().unwrap());
        assert_eq!(status(&login(server.core(), email, password)), 200, "{email}");
    }
    for key in told["keys"].as_array().unwrap() {
        let organization = if key["user"] == EVE { "globex" } else { "acme" };
        let target = format!("/api/v1/organizations/{organization}/devices");
        assert_eq!(read(&server, &target, key["secret"].as_str().unwrap()).await.status, 200);
        assert_eq!(key["schemes"], json!(["ApiKeyBearer", "ApiKeyHeader"]));
    }
}

#[tokio::test]
async fn tokens_are_minted_expired_and_revoked() {
    let server = running("roboticks").await;
    let mint = |body: Value| ok_value(&server, body);
    let expired = mint(json!({"user": ADA, "expired": true})).await;
    assert_eq!(read(&server, DEVICES, expired["token"].as_str().unwrap()).await.status, 401);
    let good = mint(json!({"user": ADA})).await;
    assert_eq!(read(&server, DEVICES, good["token"].as_str().unwrap()).await.status, 200);
    ok(&server, "POST", &format!("/v1/tokens/{}/revoke", good["jti"].as_str().unwrap()), &Value::Null).await;
    assert_eq!(read(&server, DEVICES, good["token"].as_str().unwrap()).await.status, 401);
}

async fn ok_value(server: &RunningServer, body: Value) -> Value {
    ok(server, "POST", "/v1/tokens", &body).await
}

/// Clock, limits and defects can be set while the server runs.
#[tokio::test]
async fn the_world_is_changed_while_it_runs() {
    let server = running("roboticks").await;
    let key = key(server.core(), ADA);
    ok(&server, "PUT", "/v1/clock", &json!({"mode": "frozen", "at": "2030-01-01T00:00:00Z"})).await;
    let clock = ok(&server, "POST", "/v1/clock/advance", &json!({"seconds": 90})).await;
    assert_eq!(clock["now"], "2030-01-01T00:01:30Z");
    ok(&server, "PUT", "/v1/rate-limits", &json!({"limit": 2, "window": 10})).await;
    let statuses = |replies: [Reply; 3]| replies.map(|reply| reply.status);
    let three = || async {
        [read(&server, DEVICES, &key).await, read(&server, DEVICES, &key).await, read(&server, DEVICES, &key).await]
    };
    assert_eq!(statuses(three().await), [200, 200, 429]);
    ok(&server, "POST", "/v1/rate-limits/reset", &Value::Null).await;
    assert_eq!(read(&server, DEVICES, &key).await.status, 200);
    ok(&server, "POST", "/v1/rate-limits/exhaust", &Value::Null).await;
    assert_eq!(read(&server, DEVICES, &key).await.status, 429);
    let header = format!("Bearer {}", server.control_token());
    let own = request("PUT", "/v1/rate-limits", &[("authorization", &header)], "null");
    assert_eq!(send(server.control_url(), &own).await.status, 204);
    assert_eq!(read(&server, DEVICES, &key).await.header("x-ratelimit-limit"), Some("1000"));
}

/// Defects go on and off while the server runs; the journal is not touched by the control plane.
#[tokio::test]
async fn defects_are_switched() {
    let server = running("roboticks").await;
    ok(&server, "PUT", "/v1/defects", &json!({"active": ["m01"]})).await;
    assert_eq!(send(server.base_url(), &request("GET", DEVICES, &[], "")).await.status, 200);
    ok(&server, "PUT", "/v1/defects", &json!({"active": []})).await;
    assert_eq!(send(server.base_url(), &request("GET", DEVICES, &[], "")).await.status, 401);
    let journal = ok(&server, "GET", "/v1/journal?status=401", &Value::Null).await;
    assert_eq!(journal["entries"].as_array().unwrap().len(), 1);
}

/// The answers on their way go out before the end.
#[tokio::test]
async fn a_shutdown_lets_answers_finish() {
    let server = running("roboticks").await;
    let key = key(server.core(), ADA);
    ok(&server, "POST", "/v1/faults", &json!({"effect": {"kind": "latency", "milliseconds": 300}})).await;
    let (url, header) = (server.base_url().to_owned(), format!("Bearer {key}"));
    let slow =
        tokio::spawn(async move { send(&url, &request("GET", DEVICES, &[("authorization", &header)], "")).await });
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    ok(&server, "POST", "/v1/shutdown", &Value::Null).await;
    server.stopped().await;
    let url = server.base_url().to_owned();
    server.shutdown().await;
    assert_eq!(slow.await.unwrap().status, 200);
    assert!(tokio::net::TcpStream::connect(url.trim_start_matches("http://")).await.is_err());
}
