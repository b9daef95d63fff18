//! The journal shows what was asked and why it was refused, and no secret; it is searched, verified, archived and
//! followed.

use bitting_mock::{Core, Expectation, Match, Server, Times, Wanted};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::stage::*;
use crate::wire::{control, read as ask, request};

#[test]
fn the_journal_gives_reasons_and_no_secrets() {
    let core = core("roboticks");
    let key = key(&core, ADA);
    read(&core, DEVICES, &key);
    core.handle(&get(DEVICES));
    core.handle(&get(&format!("{DEVICES}?x-api-key={key}")));
    read(&core, "/api/v1/organizations/globex/devices", &key);
    let entries = core.journal().entries(&Wanted::default());
    let reasons: Vec<_> = entries.iter().map(|entry| (entry.status, entry.reason)).collect();
    let missing = (401, Some("missing"));
    assert_eq!(reasons, [(200, None), missing, missing, (403, Some("wrong-organization"))]);
    assert!(entries[0].credential.as_ref().is_some_and(|id| id.starts_with("key_")));
    assert!(!format!("{entries:?}").contains(&key));
    let wanted = Wanted { since: 1, operation: Some("listDevices".into()), status: Some(401), principal: None };
    assert_eq!(core.journal().entries(&wanted).len(), 2);
}

/// What was wrong is told in words and with the place, and no value that came is repeated: it may be a secret.
#[test]
fn the_journal_tells_in_words_what_was_wrong() {
    let core = core("roboticks");
    let key = key(&core, ADA);
    read(&core, &format!("{DEVICES}?limit=hunter2"), &key);
    let body = json!({"email": ADA, "password": {"hunter2": "hunter2"}});
    core.handle(&post("/api/v1/auth/login", &body));
    let entries = core.journal().entries(&Wanted::default());
    let details: Vec<_> = entries.iter().map(|entry| entry.detail.as_deref().unwrap_or_default()).collect();
    assert!(details[0].starts_with("query parameter `limit`"), "{details:?}");
    assert!(details[1].starts_with("request body: at /password"), "{details:?}");
    assert!(!format!("{entries:?}").replace("limit=hunter2", "").contains("hunter2"), "{entries:?}");
}

/// A journal with a list, a refusal and a login.
fn asked() -> std::sync::Arc<Core> {
    let core = core("roboticks");
    let key = key(&core, ADA);
    login(&core, ADA, "correct-horse-7");
    read(&core, &format!("{DEVICES}?limit=5"), &key);
    read(&core, "/api/v1/organizations/globex/devices", &key);
    core
}

fn expected(matches: Value, more: Value) -> Expectation {
    let Value::Object(mut expected) = more else { panic!("{more}") };
    expected.insert("match".to_owned(), matches);
    serde_json::from_value(Value::Object(expected)).unwrap()
}

#[test]
fn what_was_asked_is_verified() {
    let core = asked();
    let holds = |matches: Value, more: Value| core.journal().verify(&expected(matches, more)).holds;
    let list = json!({"method": "get", "path": DEVICES, "query": {"limit": "5"}, "status": 200, "principal": ADA});
    assert!(holds(json!([list]), json!({})) && holds(json!([list]), json!({"times": 1})));
    assert!(!holds(json!([list]), json!({"times": 2})) && !holds(json!([list]), json!({"times": 0})));
    assert!(holds(json!([{"status": 200}]), json!({"times": {"at_least": 2, "at_most": 2}})));
    assert!(!holds(json!([{"status": 200}]), json!({"times": {"at_most": 1}})));
    assert!(!holds(json!([{"status": 200}]), json!({"times": 2, "since": 1})));
    assert!(holds(json!([{"operation": "login"}, {"reason": "wrong-organization"}]), json!({"order": true})));
    assert!(!holds(json!([{"reason": "wrong-organization"}, {"operation": "login"}]), json!({"order": true})));
    let at_least_once = Expectation { matches: vec![Match::default()], times: None, order: false, since: 0 };
    assert_eq!(Times::default(), Times::Between { at_least: 1, at_most: None });
    assert_eq!(core.journal().verify(&at_least_once).counts, [3]);
}

/// The nearest miss says in what it differs, and in nothing else.
#[test]
fn the_nearest_miss_is_told() {
    let core = asked();
    let verdict = core
        .journal()
        .verify(&expected(json!([{"operation": "listDevices", "query": {"limit": "6"}, "status": 200}]), json!({})));
    assert_eq!((verdict.holds, verdict.failed, verdict.counts), (false, Some(0), vec![0]));
    let nearest = serde_json::to_value(verdict.nearest.unwrap()).unwrap();
    assert_eq!(nearest["differences"], json!([{"member": "query.limit", "wanted": "6", "seen": "5"}]));
    assert_eq!(nearest["entry"]["operation"], "listDevices");
    let too_many = core.journal().verify(&expected(json!([{"status": 200}]), json!({"times": 1})));
    assert_eq!((too_many.holds, too_many.nearest), (false, None), "there is nothing to look for");
    let nothing = crate::stage::core("roboticks").journal().verify(&expected(json!([{"status": 200}]), json!({})));
    assert_eq!((nothing.holds, nothing.nearest), (false, None));
}

#[tokio::test]
async fn the_control_plane_verifies_and_archives() {
    let server = running("roboticks").await;
    let key = key(server.core(), ADA);
    ask(&server, &format!("{DEVICES}?limit=5&api_key=hidden"), &key).await;
    let reply = control(&server, "POST", "/v1/journal/verify", &json!({"match": [{"operation": "listDevices"}]})).await;
    assert_eq!((reply.status, &reply.json()["holds"]), (200, &json!(true)));
    for wrong in
        [json!({"match": []}), json!({"match": [{}], "order": true, "times": 1}), json!({"match": [{"verb": "x"}]})]
    {
        assert_eq!(control(&server, "POST", "/v1/journal/verify", &wrong).await.status, 400, "{wrong}");
    }
    let archive = control(&server, "GET", "/v1/journal.har", &Value::Null).await.json();
    let entry = &archive["log"]["entries"][0];
    assert_eq!(archive["log"]["version"], "1.2");
    assert!(entry["request"]["url"].as_str().unwrap().starts_with(server.base_url()));
    let query = json!([{"name": "limit", "value": "5"}, {"name": "api_key", "value": "***"}]);
    assert_eq!((&entry["request"]["queryString"], &entry["response"]["status"]), (&query, &json!(200)));
    assert!(!archive.to_string().contains("hidden") && !archive.to_string().contains(&key));
    let of_ada = control(&server, "GET", &format!("/v1/journal?principal={ADA}"), &Value::Null).await.json();
    let of_bob = control(&server, "GET", &format!("/v1/journal?principal={BOB}"), &Value::Null).await.json();
    assert_eq!((of_ada["entries"].as_array().unwrap().len(), &of_bob["entries"]), (1, &json!([])));
}

/// Where they are recorded, the archive has headers and bodies, and no secret of either side in any place.
#[tokio::test]
async fn headers_and_bodies_are_archived_without_secrets() {
    let server = Server::builder(document("roboticks")).seed(7).clock(frozen()).record(true).start().await.unwrap();
    let core = server.core();
    let (secret, password) = (key(core, ADA), "correct-horse-7");
    let token = login(core, ADA, password).json()["access_token"].as_str().unwrap().to_owned();
    let device = json!({"name": format!("named {secret}"), "serial_number": "RBT-0001"});
    assert_eq!(status(&core.handle(&bearer(post(DEVICES, &device), &secret))), 201);
    core.handle(&bearer(get(DEVICES), &token).with_header("cookie", "session=hidden-session"));
    core.handle(&get(DEVICES).with_header("x-api-key", "rbtk_test_wrong_0001"));
    let archive = control(&server, "GET", "/v1/journal.har", &Value::Null).await.json();
    let entries = archive["log"]["entries"].as_array().unwrap();
    let body = |entry: &Value, pointer: &str| -> Value {
        serde_json::from_str(entry.pointer(pointer).and_then(Value::as_str).unwrap_or_default()).unwrap_or_default()
    };
    assert_eq!(body(&entries[0], "/request/postData/text"), json!({"email": ADA, "password": "***"}));
    assert_eq!(body(&entries[0], "/response/content/text")["access_token"], "***");
    assert_eq!(body(&entries[1], "/request/postData/text")["name"], "named ***", "wherever it stands");
    assert_eq!(body(&entries[2], "/response/content/text")["total"], 46);
    let header = |entry: &Value, name: &str| {
        let mut all = entry["request"]["headers"].as_array().unwrap().iter();
        all.find(|one| one["name"] == name).map(|one| one["value"].clone())
    };
    assert_eq!(header(&entries[1], "authorization"), Some("***".into()));
    assert_eq!(header(&entries[1], "content-type"), Some("application/json".into()));
    let text = archive.to_string();
    for hidden in [&secret, &token, password, "hidden-session", "rbtk_test_wrong_0001"] {
        assert!(!text.contains(hidden), "{hidden}");
    }
}

/// A form is archived without its secrets (ARROTECH-2).
#[tokio::test]
async fn forms_are_archived_without_secrets() {
    let server = Server::builder(document("arrotech")).seed(7).clock(frozen()).record(true).start().await.unwrap();
    let secret = "client-secret-test-acme-7";
    let fields = [("grant_type", "client_credentials"), ("client_id", "client-acme"), ("client_secret", secret)];
    let granted = server.core().handle(&crate::documents::form("/auth/token", &fields));
    assert_eq!(status(&granted), 200);
    let archive = control(&server, "GET", "/v1/journal.har", &Value::Null).await.json();
    let text = "grant_type=client_credentials&client_id=client-acme&client_secret=***";
    assert_eq!(archive["log"]["entries"][0]["request"]["postData"]["text"], text);
    let token = granted.json()["access_token"].as_str().unwrap().to_owned();
    assert!(!archive.to_string().contains(&token) && !archive.to_string().contains(secret));
}

/// Whoever follows sees what was and what comes, each entry once, and does not keep the server from ending.
#[tokio::test]
async fn the_journal_is_followed() {
    let server = running("roboticks").await;
    let key = key(server.core(), ADA);
    ask(&server, DEVICES, &key).await;
    let mut stream = tokio::net::TcpStream::connect(server.control_url().trim_start_matches("http://")).await.unwrap();
    let token = format!("Bearer {}", server.control_token());
    let head = request("GET", "/v1/journal/stream", &[("authorization", &token)], "");
    stream.write_all(&head).await.unwrap();
    let mut seen = String::new();
    until(&mut stream, &mut seen, "\"sequence\":1").await;
    assert!(seen.to_lowercase().contains("content-type: text/event-stream"), "{seen}");
    ask(&server, DEVICES, "rbtk_test_0").await;
    until(&mut stream, &mut seen, "\"reason\":\"unknown\"").await;
    assert_eq!((seen.matches("id: 1\n").count(), seen.matches("id: 2\n").count()), (1, 1), "{seen}");
    let refused = crate::wire::send(server.control_url(), &request("GET", "/v1/journal/stream", &[], "")).await;
    assert_eq!(refused.status, 401);
    tokio::time::timeout(std::time::Duration::from_secs(3), server.shutdown()).await.unwrap();
}

/// Reads until `wanted` has come.
async fn until(stream: &mut tokio::net::TcpStream, seen: &mut String, wanted: &str) {
    let mut buffer = [0; 4096];
    while !seen.contains(wanted) {
        let read = tokio::time::timeout(std::time::Duration::from_secs(5), stream.read(&mut buffer)).await;
        let count = read.unwrap_or_else(|_| panic!("{wanted} does not come: {seen}")).unwrap();
        assert!(count > 0, "it ends: {seen}");
        seen.push_str(&String::from_utf8_lossy(&buffer[..count]));
    }
}
