//! The other three systems, and a document with what none of the four has.

use bitting_mock::{Core, MintKey, MintToken, Request, Server, Tamper};
use bitting_spec::Document;
use http::Method;
use serde_json::{Value, json};

use crate::stage::*;

const ARTOS_LIST: &str = "/api/v1/templates/";

pub(crate) fn form(target: &str, fields: &[(&str, &str)]) -> Request {
    let body = fields.iter().map(|(name, value)| format!("{name}={}", value.replace(':', "%3A").replace(' ', "+")));
    let body = body.collect::<Vec<_>>().join("&");
    Request { body: body.into(), ..Request::new(Method::POST, target) }
        .with_header("content-type", "application/x-www-form-urlencoded")
}

fn scoped(core: &Core, scopes: &[&str]) -> String {
    let scopes = Some(scopes.iter().map(|&scope| scope.to_owned()).collect());
    core.mint_key(&MintKey { user: ADA.into(), scopes, ..MintKey::default() }).unwrap().secret
}

fn with_key(request: Request, key: &str) -> Request {
    request.with_header("x-api-key", key)
}

/// ARROW-1, ARROW-8: the key goes in `X-API-Key` and nowhere else; a revoked one gets 401 at once.
#[test]
fn arrow_takes_its_key_in_one_header() {
    let core = core("arrow");
    let minted = core.mint_key(&MintKey { user: ADA.into(), ..MintKey::default() }).unwrap();
    assert!(minted.secret.starts_with("arrow_test_"));
    assert_eq!(status(&core.handle(&with_key(get("/api/v1/devices"), &minted.secret))), 200);
    assert_eq!(status(&read(&core, "/api/v1/devices", &minted.secret)), 401);
    let missing = core.handle(&get("/api/v1/devices"));
    assert_eq!((status(&missing), missing.header("www-authenticate")), (401, "ApiKey name=\"X-API-Key\""));
    assert!(missing.json()["detail"].is_string());
    core.revoke_key(&minted.id);
    assert_eq!(status(&core.handle(&with_key(get("/api/v1/devices"), &minted.secret))), 401);
}

/// ARROW-3, ARROW-4: each operation needs its scope; reading is not writing.
#[test]
fn arrow_checks_scopes() {
    let core = core("arrow");
    let reader = scoped(&core, &["devices:read"]);
    let list = core.handle(&with_key(get("/api/v1/devices"), &reader)).json();
    let id = list["items"][0]["id"].as_str().unwrap();
    let change = with_key(Request::new(Method::PATCH, format!("/api/v1/devices/{id}")), &reader);
    let change = change.with_json(&json!({"notes": "x"}));
    let refused = core.handle(&change);
    assert_eq!(status(&refused), 403);
    let writer = scoped(&core, &["devices:write"]);
    let change = Request { headers: with_key(Request::new(Method::GET, ""), &writer).headers, ..change };
    let change = change.with_header("content-type", "application/json");
    assert_eq!(core.handle(&change).json()["notes"], "x");
    assert_eq!(status(&core.handle(&with_key(get("/api/v1/clients"), &reader))), 403);
}

/// ARROW-2, ARROW-5: a key sees its own organization; lists have pages and filters.
#[test]
fn arrow_lists_pages_and_filters() {
    let core = core("arrow");
    let (ada, eve) = (key(&core, ADA), key(&core, EVE));
    let list = |key: &str, target: &str| core.handle(&with_key(get(target), key)).json();
    let second = list(&ada, "/api/v1/devices?page=2&page_size=30");
    assert_eq!((&second["total"], &second["page"], &second["page_size"]), (&json!(45), &json!(2), &json!(30)));
    assert_eq!(second["items"].as_array().unwrap().len(), 15);
    let foreign = list(&eve, "/api/v1/devices")["items"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!(status(&core.handle(&with_key(get(&format!("/api/v1/devices/{foreign}")), &ada))), 404);
    let machines = list(&ada, "/api/v1/device-requests?device_type=vm&page_size=100");
    let items = machines["items"].as_array().unwrap();
    assert!(!items.is_empty() && items.iter().all(|item| item["device_type"] == "vm"));
    assert!(items.len() < 45);
}

/// ARTOS-2: the status is public, with no credential and with a bad one.
#[test]
fn artos_has_one_public_operation() {
    let core = core("artos");
    assert_eq!(core.handle(&get("/api/v1/search/status")).json(), json!({"status": "ok"}));
    assert_eq!(status(&read(&core, "/api/v1/search/status", "nonsense")), 200);
}

/// ARTOS-5, ARTOS-6: the exact bodies of the two kinds of 401.
#[test]
fn artos_tells_a_missing_token_from_an_invalid_one() {
    let core = core("artos");
    let body = |request: &Request| {
        let outcome = core.handle(request);
        (status(&outcome), outcome.json()["detail"].as_str().unwrap_or_default().to_owned())
    };
    let missing = (401, "Not authenticated".to_owned());
    assert_eq!(body(&get(ARTOS_LIST)), missing);
    assert_eq!(body(&get(ARTOS_LIST).with_header("authorization", "Basic YTpi")), missing);
    let invalid = (401, "Invalid authentication credentials".to_owned());
    let tampers =
        [Tamper::BadSignature, Tamper::AlgNone, Tamper::Garbage, Tamper::OtherOrganization, Tamper::WrongAudience];
    for tamper in tampers {
        assert_eq!(body(&bearer(get(ARTOS_LIST), &token(&core, ADA, tamper))), invalid, "{tamper:?}");
    }
    let minted = core.mint_token(&MintToken { user: ADA.into(), ..MintToken::default() }).unwrap();
    assert_eq!(status(&read(&core, ARTOS_LIST, &minted.secret)), 200);
    core.revoke_token(&minted.id);
    assert_eq!(body(&bearer(get(ARTOS_LIST), &minted.secret)), invalid);
    core.clock().advance(7200).unwrap();
    let expired = core.mint_token(&MintToken { user: ADA.into(), expired: true, ..MintToken::default() }).unwrap();
    assert_eq!(body(&bearer(get(ARTOS_LIST), &expired.secret)), invalid);
}

/// ARTOS-3, ARTOS-4: the token carries the organization, and a list holds nobody else's rows.
#[test]
fn artos_lists_what_belongs_to_the_tokens_organization() {
    let core = core("artos");
    let ids = |user| {
        let list = read(&core, &format!("{ARTOS_LIST}?limit=100"), &token(&core, user, Tamper::None)).json();
        list["items"].as_array().unwrap().iter().map(|item| item["id"].to_string()).collect::<Vec<_>>()
    };
    let (ada, eve) = (ids(ADA), ids(EVE));
    assert!(!ada.is_empty() && !eve.is_empty());
    assert!(ada.iter().all(|id| !eve.contains(id)));
}

/// ARROTECH-1, ARROTECH-4: a key and the JWT of a login go in the same header.
#[test]
fn arrotech_takes_keys_and_logins() {
    let core = core("arrotech");
    assert_eq!(status(&read(&core, "/chat/providers", &key(&core, ADA))), 200);
    let body = json!({"email": ADA, "password": "correct-horse-7"});
    let token = core.handle(&post("/auth/login", &body)).json()["access_token"].as_str().unwrap().to_owned();
    assert_eq!(status(&read(&core, "/chat/providers", &token)), 200);
    let none = core.handle(&get("/chat/providers"));
    assert_eq!((status(&none), none.json()), (401, json!({"detail": "Unauthorized"})));
}

/// ARROTECH-2: client credentials, posted as a form; the token has the scopes that were asked for, and no others.
#[test]
fn arrotech_grants_client_credentials() {
    let core = core("arrotech");
    let ask = |secret: &str, scope: &str| {
        let fields = [
            ("grant_type", "client_credentials"),
            ("client_id", "client-acme"),
            ("client_secret", secret),
            ("scope", scope),
        ];
        core.handle(&form("/auth/token", &fields))
    };
    let good = ask("client-secret-test-acme-7", "data:read workflow:execute");
    assert_eq!((status(&good), good.header("cache-control")), (200, "no-store"));
    assert_eq!((&good.json()["token_type"], &good.json()["expires_in"]), (&json!("Bearer"), &json!(3600)));
    assert_eq!(good.json()["scope"], "data:read workflow:execute");
    assert_eq!(status(&read(&core, "/chat/providers", good.json()["access_token"].as_str().unwrap())), 200);
    let narrow = ask("client-secret-test-acme-7", "workflow:execute").json();
    let refused = read(&core, "/chat/providers", narrow["access_token"].as_str().unwrap());
    assert_eq!((status(&refused), refused.json()), (403, json!({"detail": "Forbidden"})));
    assert!(refused.header("www-authenticate").contains("error=\"insufficient_scope\", scope=\"data:read\""));
    let wrong = ask("wrong", "data:read");
    assert_eq!((status(&wrong), wrong.json()), (401, json!({"error": "invalid_client"})));
    assert_eq!(ask("client-secret-test-acme-7", "all").json(), json!({"error": "invalid_scope"}));
}

/// ARROTECH-5: a sandbox key at the production host gets 401. ARROTECH-6: customers do not see one another.
#[test]
fn arrotech_keeps_environments_and_customers_apart() {
    let core = core("arrotech");
    let wanted = MintKey { user: ADA.into(), environment: Some("sandbox".into()), ..MintKey::default() };
    let sandbox = core.mint_key(&wanted).unwrap().secret;
    let refused = read(&core, "/chat/providers", &sandbox);
    assert_eq!((status(&refused), refused.json()), (401, json!({"detail": "Unauthorized"})));
    let first = |user| read(&core, "/chat/providers", &key(&core, user)).json()["items"][0]["id"].clone();
    assert_ne!(first(ADA), first(EVE));
}

/// What none of the four systems has: two schemes at once, an optional one, keys in cookie and query, HTTP Basic,
/// cursors, whole numbers as ids, PUT, filters, properties of one direction, a token endpoint beside the paths.
const OTHER: &str = include_str!("other.yaml");

pub(crate) fn other() -> std::sync::Arc<Core> {
    Server::builder(Document::parse("other.yaml", OTHER).unwrap()).seed(7).clock(frozen()).core().unwrap()
}

#[test]
fn alternatives_and_conjunctions_are_judged_as_written() {
    let core = other();
    let key = key(&core, ADA);
    let basic = "Basic YWRhQGFjbWUuZXhhbXBsZTpjb3JyZWN0LWhvcnNlLTc=";
    let send = |target: &str, headers: &[(&str, &str)]| {
        let request = headers.iter().fold(get(target), |request, (name, value)| request.with_header(name, value));
        status(&core.handle(&request))
    };
    let cookie = format!("a=b; session={key}");
    assert_eq!(send("/v2/both", &[("authorization", basic), ("cookie", &cookie)]), 200);
    assert_eq!(send("/v2/both", &[("authorization", basic)]), 401);
    assert_eq!(send("/v2/both", &[("cookie", &cookie)]), 401);
    assert_eq!(
        send("/both", &[("authorization", basic), ("cookie", &cookie)]),
        200,
        "the server's path may be left out"
    );
    assert_eq!(send("/v2/optional", &[]), 204);
    assert_eq!(send("/v2/optional", &[("authorization", "Basic nonsense")]), 204);
    assert_eq!(send(&format!("/v2/query?api_key={key}"), &[]), 200);
    assert_eq!(send("/v2/query?api_key=nonsense", &[]), 401);
    assert_eq!(send("/v2/query", &[]), 401);
}

#[test]
fn a_token_endpoint_beside_the_paths_is_served() {
    let core = other();
    let fields = [
        ("grant_type", "client_credentials"),
        ("client_id", "client-acme"),
        ("client_secret", "client-secret-test-acme-7"),
    ];
    let granted = core.handle(&form("/oauth/token", &fields)).json();
    assert_eq!(granted["scope"], "notes:read notes:write");
    let token = granted["access_token"].as_str().unwrap();
    assert_eq!(status(&read(&core, "/v2/notes", token)), 200);
    assert_eq!(status(&core.handle(&get("/oauth/token"))), 404);
}

#[test]
fn cursors_lead_through_a_list_and_end() {
    let core = other();
    let token = token(&core, ADA, Tamper::None);
    let mut ids = Vec::new();
    let mut target = "/v2/notes?limit=20".to_owned();
    loop {
        let page = read(&core, &target, &token).json();
        ids.extend(page["notes"].as_array().unwrap().iter().map(|note| note["id"].as_i64().unwrap()));
        match page["next_cursor"].as_str() {
            Some(cursor) => target = format!("/v2/notes?limit=20&cursor={cursor}"),
            None => break,
        }
    }
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 45);
    assert_eq!(status(&read(&core, "/v2/notes?cursor=forged", &token)), 400);
}

#[test]
fn objects_are_replaced_and_secrets_stay_inside() {
    let core = other();
    let token = token(&core, ADA, Tamper::None);
    let send = |method: Method, target: &str, body: &Value| {
        core.handle(&bearer(Request::new(method, target).with_json(body), &token))
    };
    let created = send(Method::POST, "/v2/notes", &json!({"text": "one", "color": "red", "pin": "1234", "id": 500}));
    let note = created.json();
    assert_eq!(status(&created), 201);
    assert_ne!(note["id"], 500, "the server gives the id");
    assert!(note.get("pin").is_none(), "what is writeOnly is not shown");
    let place = created.header("location").to_owned();
    let replaced = send(Method::PUT, &place, &json!({"text": "two", "pin": "9"})).json();
    assert_eq!((&replaced["id"], &replaced["text"], replaced.get("color")), (&note["id"], &json!("two"), None));
    assert_eq!(read(&core, &place, &token).json(), replaced);
    assert_eq!(status(&send(Method::PUT, &place, &json!({"text": "two"}))), 400, "this document says 400");
    let archived = send(Method::POST, &format!("{place}/archive"), &Value::Null);
    assert_eq!((status(&archived), archived.json()), (200, replaced));
    assert_eq!(status(&send(Method::POST, "/v2/notes/1/archive", &Value::Null)), 404);
}

#[test]
fn filters_keep_what_fits() {
    let core = other();
    let token = token(&core, ADA, Tamper::None);
    let all = read(&core, "/v2/notes?limit=100&color=red&color=blue", &token).json();
    let colors: Vec<&Value> = all["notes"].as_array().unwrap().iter().map(|note| &note["color"]).collect();
    assert!(!colors.is_empty() && colors.iter().all(|color| **color == "red" || **color == "blue"));
}

/// A document without any security is served as it is.
#[test]
fn a_document_without_schemes_is_open() {
    let text = "openapi: 3.0.3\ninfo: {title: t, version: '1'}\npaths:\n  /things:\n    get:\n      responses:\n        '200': {description: x, content: {application/json: {schema: {type: array, items: {type: string}}}}}\n";
    let core = Server::builder(Document::parse("t.yaml", text).unwrap()).core().unwrap();
    assert_eq!(status(&core.handle(&get("/things"))), 200);
    assert!(core.mint_key(&MintKey { user: ADA.into(), ..MintKey::default() }).is_err());
}

/// ARROW-10: the documentation is there without login, and every address in it leads to this server.
#[tokio::test]
async fn the_documentation_shows_this_server_only() {
    let server = Server::builder(document("arrotech")).seed(7).docs(true).start().await.unwrap();
    let core = server.core();
    let page = core.handle(&get("/docs"));
    assert_eq!((status(&page), page.header("content-type")), (200, "text/html; charset=utf-8"));
    let script = core.handle(&get("/docs/swagger-ui-bundle.js"));
    assert_eq!((script.header("content-encoding"), &script.body[..2]), ("gzip", [0x1f, 0x8b].as_slice()));
    let shown = core.handle(&get("/docs/openapi.json")).json();
    assert_eq!(shown["servers"][0]["url"], server.base_url());
    let flow = &shown["components"]["securitySchemes"]["OAuth2"]["flows"]["authorizationCode"];
    assert_eq!(flow["tokenUrl"], format!("{}/auth/token", server.base_url()));
    assert_eq!(flow["authorizationUrl"], format!("{}/auth/authorize", server.base_url()));
    assert_eq!(shown["paths"]["/auth/authorize"].get("servers"), None);
    assert_eq!(status(&crate::stage::core("arrow").handle(&get("/docs"))), 404, "it is not there unasked");
}

/// ARTOS-1: every operation but one needs a token, and says so where none is sent.
#[test]
fn artos_needs_a_token_everywhere_but_once() {
    let core = core("artos");
    let document = document("artos");
    let closed: Vec<&str> = document
        .operations
        .iter()
        .filter(|operation| {
            let outcome = core.handle(&get(&operation.path));
            status(&outcome) == 401 && outcome.json() == json!({"detail": "Not authenticated"})
        })
        .map(|operation| operation.id.as_str())
        .collect();
    assert_eq!(closed.len(), document.operations.len() - 1, "{closed:?}");
    assert!(!closed.contains(&"getSearchStatus"));
}

/// What a document has at `/docs` is its own; the server then shows no pages and names none.
#[tokio::test]
async fn documentation_gives_way_to_the_document() {
    let text = "openapi: 3.1.0\ninfo: {title: t, version: '1'}\npaths:\n  /docs:\n    get:\n      responses: {'200': {description: ok}}\n";
    let shown = |text: &str| Server::builder(Document::parse("t.yaml", text).unwrap()).docs(true).start();
    let taken = shown(text).await.unwrap();
    assert_eq!(taken.docs_url(), None);
    assert_eq!(status(&taken.core().handle(&get("/docs/start.js"))), 404);
    let free = shown(&text.replace("/docs", "/documents")).await.unwrap();
    assert_eq!(free.docs_url(), Some(format!("{}/docs", free.base_url())));
    assert_eq!(status(&free.core().handle(&get("/docs/start.js"))), 200);
}

/// ARTOS-3, ARTOS-7: a token says its permissions, and whoever is of no organization has none to see.
#[test]
fn artos_lets_nobody_in_who_is_of_no_organization() {
    use base64::Engine as _;
    let core = core("artos");
    let list = |user: &str| {
        let token = core.mint_token(&MintToken { user: user.into(), ..MintToken::default() }).unwrap().secret;
        (bearer(get(ARTOS_LIST), &token), token)
    };
    let (request, token) = list(ADA);
    assert_eq!(status(&core.handle(&request)), 200);
    let payload = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    let claims: Value = serde_json::from_slice(&payload).unwrap();
    assert!(claims["permissions"].is_array() && claims["org_id"] == "acme", "{claims}");
    let nobody = bitting_mock::Person {
        email: "nobody@x.example".into(),
        password: "x".into(),
        organization: String::new(),
        permission: bitting_mock::Permission::SiteAdmin,
        rights: None,
    };
    core.add_user(&nobody).unwrap();
    let refused = core.handle(&list("nobody@x.example").0);
    assert_eq!(
        (status(&refused), &refused.json()["detail"]),
        (403, &json!("User has no organization or not authorized"))
    );
}
