//! What the four systems state, as a client sees it: each statement that is not proven beside other things.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

use std::collections::BTreeSet;

use bitting::{Call, Client, Error};
use bitting_mock::{CreateKey, KeyError, MintKey, MintToken, Tamper};
use serde_json::{Value, json};

use crate::authority::browse;
use crate::reference::{ADA, System, status};

const EVE: &str = "eve@globex.example";
const DAY: i64 = 86_400;

/// The table of Artos as the packages of the other languages have it.
const TABLES: [&str; 2] = ["bindings/python/apis/artos/src/artos/_api.json", "bindings/node/apis/artos/api.json"];

/// The 19 operations of Arrow and the scope that each needs, as its own tables list them.
const ARROW: [(&str, &str); 19] = [
    ("listDevices", "devices:read"),
    ("getDevice", "devices:read"),
    ("updateDevice", "devices:write"),
    ("listDeviceRequests", "device_requests:read"),
    ("createDeviceRequest", "device_requests:write"),
    ("getDeviceRequest", "device_requests:read"),
    ("updateDeviceRequest", "device_requests:write"),
    ("markVmReturned", "device_requests:write"),
    ("listClients", "clients:read"),
    ("createClient", "clients:write"),
    ("getClient", "clients:read"),
    ("updateClient", "clients:write"),
    ("deleteClient", "clients:write"),
    ("listUsers", "users:read"),
    ("getUser", "users:read"),
    ("getMetrics", "metrics:read"),
    ("listInvoices", "billing:read"),
    ("getInvoice", "billing:read"),
    ("getCharges", "billing:read"),
];

/// A client of a key with these scopes.
fn scoped(system: &System, scopes: &[&str]) -> Client {
    let scopes = Some(scopes.iter().map(|scope| (*scope).to_owned()).collect::<BTreeSet<_>>());
    let minted = system.core.mint_key(&MintKey { user: ADA.into(), scopes, ..MintKey::default() }).unwrap();
    system.builder().api_key(minted.secret).build().unwrap()
}

/// A client of a token.
fn holder(system: &System, user: &str, tamper: Tamper) -> Client {
    let wanted = MintToken { user: user.into(), tamper, ..MintToken::default() };
    system.builder().token(system.core.mint_token(&wanted).unwrap().secret).build().unwrap()
}

async fn answer(client: &Client, call: Call) -> Value {
    serde_json::from_slice(&client.call(call).await.unwrap().body).unwrap()
}

/// The ids of the first page of a list.
async fn ids(client: &Client, operation: &str) -> BTreeSet<String> {
    let list = answer(client, Call::new(operation)).await;
    list["items"].as_array().unwrap().iter().map(|item| item["id"].to_string()).collect()
}

/// The headers of all requests that reached the server, by one name.
async fn sent(system: &System, name: &str) -> Vec<String> {
    let requests = system.server.received_requests().await.unwrap();
    let header = |request: &wiremock::Request| Some(request.headers.get(name)?.to_str().unwrap().to_owned());
    requests.iter().filter_map(header).collect()
}

/// ARROTECH-1, ARROTECH-4: a key and the JWT of a login stand in the same header, in the same form.
#[tokio::test]
async fn arrotech_takes_keys_and_logins_in_one_header() {
    let system = System::new("arrotech").await;
    let (_, key) = system.key(ADA);
    let clients = [system.builder().api_key(key), system.builder().login(ADA, "correct-horse-7")];
    for client in clients {
        assert_eq!(status(&client.build().unwrap().call(Call::new("listProviders")).await), Some(200));
    }
    let headers = sent(&system, "authorization").await;
    assert!(headers.len() == 2 && headers.iter().all(|header| header.starts_with("Bearer ")), "{}", headers.len());
    assert_eq!(system.answered("login", 200), 1);
}

/// ARROTECH-2: the client credentials are posted in the form, and the token has the scopes that were asked for.
#[tokio::test]
async fn arrotech_mints_a_token_for_an_app() {
    let system = System::new("arrotech").await;
    let scopes = ["data:read", "workflow:execute"];
    let app = system.builder().client_credentials("client-acme", "client-secret-test-acme-7", scopes).build().unwrap();
    assert_eq!(status(&app.call(Call::new("listProviders")).await), Some(200));
    assert_eq!(app.auth().explain()[0].scopes, scopes);
    let requests = system.server.received_requests().await.unwrap();
    let form: Vec<(String, String)> = form_urlencoded::parse(&requests[0].body).into_owned().collect();
    let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let expected = [
        ("grant_type", "client_credentials"),
        ("client_id", "client-acme"),
        ("client_secret", "client-secret-test-acme-7"),
        ("scope", "data:read workflow:execute"),
    ];
    assert_eq!(form, expected);
    assert!(!requests[0].headers.contains_key("authorization"));
}

/// ARROTECH-5, B10: a sandbox key at the production host gets 401, and the error says what may be wrong, not the key.
#[tokio::test]
async fn a_sandbox_key_is_told_from_a_wrong_one() {
    let system = System::new("arrotech").await;
    let wanted = MintKey { user: ADA.into(), environment: Some("sandbox".into()), ..MintKey::default() };
    let key = system.core.mint_key(&wanted).unwrap().secret;
    let client = system.builder().api_key(key.clone()).build().unwrap();
    let error = client.call(Call::new("listProviders")).await.unwrap_err();
    assert_eq!(error.status().map(|status| status.as_u16()), Some(401));
    let text = error.to_string();
    assert!(text.contains("environment") && text.contains("sandbox") && !text.contains(&key), "{text}");
    assert_eq!(system.answered("listProviders", 401), 1, "A11: a key is not renewed");
}

/// ARROTECH-6: each customer sees their own providers.
#[tokio::test]
async fn arrotech_keeps_customers_apart() {
    let system = System::new("arrotech").await;
    let client = |user| system.builder().api_key(system.key(user).1).build().unwrap();
    let (ada, eve) = (ids(&client(ADA), "listProviders").await, ids(&client(EVE), "listProviders").await);
    assert!(!ada.is_empty() && !eve.is_empty() && ada.is_disjoint(&eve));
}

/// ARROW-2, ARROW-5: a key reaches its own organization; lists have pages and filters.
#[tokio::test]
async fn a_key_reaches_its_organization() {
    let system = System::new("arrow").await;
    let client = |user| system.builder().api_key(system.key(user).1).build().unwrap();
    let (ada, eve) = (client(ADA), client(EVE));
    let foreign = answer(&eve, Call::new("listDevices")).await["items"][0]["id"].clone();
    let table = ada.api().operations.iter().find(|known| known.id == "getDevice").unwrap();
    let one = || Call::new("getDevice").argument(&table.parameters[0].name, &foreign);
    assert_eq!((status(&eve.call(one()).await), status(&ada.call(one()).await)), (Some(200), Some(404)));
    let second = Call::new("listDevices").argument("page", 2).argument("page_size", 30);
    assert_eq!(answer(&ada, second).await["items"].as_array().unwrap().len(), 15);
    let machines = Call::new("listDeviceRequests").argument("device_type", "vm").argument("page_size", 100);
    let machines = answer(&ada, machines).await["items"].clone();
    let machines = machines.as_array().unwrap();
    assert!(!machines.is_empty() && machines.iter().all(|item| item["device_type"] == "vm"));
}

/// ARROW-3, ARROW-4: the client knows the 19 operations, and of each the scope that it needs out of nine.
#[tokio::test]
async fn the_client_knows_what_each_operation_needs() {
    let system = System::new("arrow").await;
    let client = scoped(&system, &["devices:read"]);
    let table: BTreeSet<(String, Vec<String>)> = client
        .api()
        .operations
        .iter()
        .map(|operation| {
            (
                operation.id.clone(),
                operation.security.iter().flat_map(|needed| needed.values().flatten().cloned()).collect(),
            )
        })
        .collect();
    let expected: BTreeSet<(String, Vec<String>)> =
        ARROW.iter().map(|(id, scope)| ((*id).to_owned(), vec![(*scope).to_owned()])).collect();
    assert_eq!(table, expected);
    assert_eq!(ARROW.iter().map(|(_, scope)| scope).collect::<BTreeSet<_>>().len(), 9);
    let refused = client.call(Call::new("listClients")).await;
    assert_eq!((status(&refused), system.answered("listClients", 403)), (Some(403), 1));
}

/// ARROW-6, ARROW-7: a key is made with an end at most a year away, by who may; its secret is shown once, and serves.
#[tokio::test]
async fn a_key_is_made_by_the_rules() {
    let system = System::new("arrow").await;
    let wanted = |by: &str, ttl| CreateKey {
        by: by.into(),
        name: "reader".into(),
        scopes: BTreeSet::from(["devices:read".to_owned()]),
        ttl,
        ..CreateKey::default()
    };
    let make = |by, ttl| system.core.create_key("acme", &wanted(by, ttl));
    for days in [30, 90, 180, 365] {
        let made = make(ADA, Some(days * DAY)).unwrap();
        let client = system.builder().api_key(made.secret.clone()).build().unwrap();
        assert_eq!(status(&client.call(Call::new("listDevices")).await), Some(200), "{days}");
        assert!(!format!("{:?} {client:?}", system.core.keys()).contains(&made.secret), "shown once");
    }
    assert!(make(ADA, None).is_err() && make(ADA, Some(366 * DAY)).is_err(), "an end, within a year");
    assert!(matches!(make(EVE, Some(DAY)), Err(KeyError::Forbidden { .. })));
    assert!(matches!(make("bob@acme.example", Some(DAY)), Err(KeyError::Forbidden { .. })));
}

/// ARROW-8, ARROW-9: a new key serves before the old one ends; clients of both are let in until then, and none waits.
#[tokio::test]
async fn a_key_is_replaced_without_a_gap() {
    let system = System::new("arrow").await;
    let (id, key) = system.key(ADA);
    let old = system.builder().api_key(key).build().unwrap();
    let rotated = system.core.rotate_key(&id, Some(30 * DAY)).unwrap();
    let new = system.builder().api_key(rotated.secret).build().unwrap();
    let list = || Call::new("listDevices");
    assert_eq!((status(&old.call(list()).await), status(&new.call(list()).await)), (Some(200), Some(200)));
    assert!(system.core.revoke_key(&id));
    assert_eq!((status(&old.call(list()).await), status(&new.call(list()).await)), (Some(401), Some(200)));
}

/// ARROW-10: who reads the interactive documentation needs no login for it, and what it sends with a key in the
/// document's own header is what the client sends.
#[tokio::test]
async fn the_documentation_is_open_and_its_key_serves() {
    let system = System::new("arrow").await;
    let (code, _, page) = browse("GET", &format!("{}/docs", system.server.uri()), None).await;
    assert!(code == 200 && page.contains("swagger"), "{code}");
    let (_, key) = system.key(ADA);
    let client = system.builder().api_key(key.clone()).build().unwrap();
    assert_eq!(status(&client.call(Call::new("listDevices")).await), Some(200));
    assert_eq!(sent(&system, "x-api-key").await, [key]);
}

/// ARTOS-1, ARTOS-9: every operation but one needs the token, which comes from `ARTOS_TOKEN`; without it the client says
/// so and sends nothing.
#[tokio::test]
async fn artos_needs_its_token() {
    let system = System::new("artos").await;
    let token = system.core.mint_token(&MintToken { user: ADA.into(), ..MintToken::default() }).unwrap().secret;
    let held = token.clone();
    let read = move |name: &str| (name == "ARTOS_TOKEN").then(|| held.clone());
    let client = system.builder().environment(read).build().unwrap();
    assert!(!format!("{client:?} {:?}", client.auth()).contains(&token));
    let nobody = system.builder().build().unwrap();
    for operation in ["listTemplates", "listDocuments"] {
        assert_eq!(status(&client.call(Call::new(operation)).await), Some(200));
        let error = nobody.call(Call::new(operation)).await.unwrap_err();
        assert!(matches!(&error, Error::Credentials(what) if what.contains("ARTOS_TOKEN")), "{error}");
    }
    assert_eq!(sent(&system, "authorization").await, vec![format!("Bearer {token}"); 2]);
}

/// ARTOS-3, ARTOS-4, D5: the token carries the organization, so a list holds its rows alone; the client reads none of it.
#[tokio::test]
async fn artos_lists_what_belongs_to_the_token() {
    let system = System::new("artos").await;
    for operation in ["listTemplates", "listDocuments"] {
        let ada = ids(&holder(&system, ADA, Tamper::None), operation).await;
        let eve = ids(&holder(&system, EVE, Tamper::None), operation).await;
        assert!(!ada.is_empty() && !eve.is_empty() && ada.is_disjoint(&eve), "{operation}");
    }
    let reports = holder(&system, ADA, Tamper::None).auth().explain();
    assert!(reports[0].scopes.is_empty() && reports[0].expires_at.is_none(), "a token that was given is used as it is");
}

/// ARTOS-5, ARTOS-6, ARTOS-7: what the server says of a missing, a wrong and a foreign token reaches the caller in its own
/// words, after one request, and the token itself does not.
#[tokio::test]
async fn artos_says_why() {
    let system = System::new("artos").await;
    let own = bitting::CallOptions::default().header("Authorization", "Basic dGVzdA==");
    let missing = system.builder().build().unwrap().call(Call::new("listTemplates").options(own)).await.unwrap_err();
    assert!(missing.to_string().contains("Not authenticated"), "{missing}");
    for tamper in [Tamper::Garbage, Tamper::BadSignature, Tamper::OtherOrganization] {
        let before = system.answered("listTemplates", 401);
        let error = holder(&system, ADA, tamper).call(Call::new("listTemplates")).await.unwrap_err();
        assert!(error.to_string().contains("Invalid authentication credentials"), "{tamper:?}: {error}");
        assert_eq!(system.answered("listTemplates", 401), before + 1, "a token that was given is not renewed");
    }
    assert!(system.core.remove_member(ADA));
    let error = holder(&system, ADA, Tamper::None).call(Call::new("listTemplates")).await.unwrap_err();
    let code = error.status().map(|status| status.as_u16());
    assert!(matches!(code, Some(401 | 403)), "{error}");
    assert!(code == Some(401) || error.to_string().contains("no organization or not authorized"), "{error}");
}

/// ARTOS-10: one operation table serves every language, so that what holds here holds for who calls from Python or
/// JavaScript: the packages are made from the same text.
#[test]
fn every_language_calls_by_one_table() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let read = |path: &str| std::fs::read_to_string(format!("{root}/{path}")).unwrap();
    let table: Value = serde_json::from_str(&read("sdk-rust/apis/artos/api.json")).unwrap();
    assert_eq!(table["name"], json!("artos"));
    for copy in TABLES {
        assert_eq!(serde_json::from_str::<Value>(&read(copy)).unwrap(), table, "{copy}");
    }
}
