//! Roboticks, statement by statement.

use bitting_mock::{MintToken, Request, Tamper};
use http::Method;
use serde_json::{Value, json};

use crate::stage::*;

fn body_of_401() -> Value {
    json!({"detail": "Could not validate credentials"})
}

fn body_of_403() -> Value {
    json!({"detail": "Not enough permissions"})
}

/// ROBOTICKS-1: the same key works as bearer token and in `X-API-Key`; the scheme's name is taken in any case.
#[test]
fn one_key_works_in_both_headers() {
    let core = core("roboticks");
    let key = key(&core, ADA);
    assert!(key.starts_with("rbtk_test_"));
    for (name, value) in
        [("authorization", format!("Bearer {key}")), ("authorization", format!("bearer {key}")), ("x-api-key", key)]
    {
        assert_eq!(status(&core.handle(&get(DEVICES).with_header(name, &value))), 200, "{name}");
    }
}

/// ROBOTICKS-2: a login answers exactly these members; the token works.
#[test]
fn a_login_answers_a_token_for_an_hour() {
    let core = core("roboticks");
    let outcome = login(&core, ADA, "correct-horse-7");
    let body = outcome.json();
    assert_eq!(status(&outcome), 200);
    assert_eq!(body["token_type"], "bearer");
    assert_eq!(body["expires_in"], 3600);
    assert_eq!(body.as_object().unwrap().len(), 3);
    assert_eq!(outcome.header("cache-control"), "no-store");
    assert_eq!(status(&read(&core, DEVICES, body["access_token"].as_str().unwrap())), 200);
}

/// ROBOTICKS-2, ROBOTICKS-6: a wrong password and an unknown user cannot be told apart.
#[test]
fn a_wrong_login_tells_nothing() {
    let core = core("roboticks");
    let wrong = login(&core, ADA, "wrong-password");
    let unknown = login(&core, "nobody@acme.example", "correct-horse-7");
    assert_eq!((status(&wrong), wrong.json()), (401, body_of_401()));
    assert_eq!((unknown.status, &unknown.body, &unknown.headers), (wrong.status, &wrong.body, &wrong.headers));
}

/// ROBOTICKS-3: the current token is changed for a new one with a life of its own; an expired one is refused.
#[test]
fn a_token_is_refreshed_before_it_expires_and_not_after() {
    let core = core("roboticks");
    let refresh = |token: &str| core.handle(&bearer(Request::new(Method::POST, "/api/v1/auth/refresh"), token));
    let first = login(&core, ADA, "correct-horse-7").json()["access_token"].as_str().unwrap().to_owned();
    core.clock().advance(3000).unwrap();
    let outcome = refresh(&first);
    let second = outcome.json()["access_token"].as_str().unwrap().to_owned();
    assert_eq!((status(&outcome), outcome.json()["expires_in"].clone()), (200, json!(3600)));
    assert_ne!(first, second);
    core.clock().advance(601).unwrap();
    assert_eq!((status(&refresh(&first)), refresh(&first).json()), (401, body_of_401()));
    assert_eq!(status(&read(&core, DEVICES, &first)), 401);
    assert_eq!(status(&read(&core, DEVICES, &second)), 200);
    assert_eq!(status(&refresh(&key(&core, ADA))), 401, "a key is not refreshed");
}

/// ROBOTICKS-4: devices of a project and of the whole organization; the latter holds every project's.
#[test]
fn resources_live_under_organization_and_project() {
    let core = core("roboticks");
    let key = key(&core, ADA);
    let total = |target: &str| read(&core, target, &key).json()["total"].as_u64().unwrap();
    let garage = total("/api/v1/organizations/acme/projects/garage/devices");
    assert_eq!(total(DEVICES), 45);
    assert_eq!(total("/api/v1/organizations/acme/devices"), 45 + garage);
    let none = read(&core, "/api/v1/organizations/acme/projects/nowhere/devices", &key);
    assert_eq!((status(&none), none.json()), (404, json!({"detail": "Not found"})));
}

/// ROBOTICKS-4: pages do not overlap and end.
#[test]
fn lists_have_pages() {
    let core = core("roboticks");
    let key = key(&core, ADA);
    let mut ids = Vec::new();
    for offset in [0, 20, 40, 60] {
        let page = read(&core, &format!("{DEVICES}?limit=20&offset={offset}"), &key).json();
        assert_eq!((&page["total"], &page["limit"], &page["offset"]), (&json!(45), &json!(20), &json!(offset)));
        ids.extend(page["items"].as_array().unwrap().iter().map(|item| item["id"].to_string()));
    }
    assert_eq!(ids.len(), 45);
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 45);
    let default = read(&core, DEVICES, &key).json();
    assert_eq!(default["items"].as_array().unwrap().len(), 20);
}

/// ROBOTICKS-5: the headers count down within a window, and the window ends when they say.
#[test]
fn the_rate_limit_counts_down_and_begins_anew() {
    let core = core("roboticks");
    let key = key(&core, ADA);
    let headers = || {
        let outcome = read(&core, DEVICES, &key);
        ["x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"].map(|name| outcome.header(name).to_owned())
    };
    let reset = (NOW + 60).to_string();
    assert_eq!(headers(), ["1000".to_owned(), "999".to_owned(), reset.clone()]);
    assert_eq!(headers(), ["1000".to_owned(), "998".to_owned(), reset]);
    core.clock().advance(60).unwrap();
    assert_eq!(headers(), ["1000".to_owned(), "999".to_owned(), (NOW + 120).to_string()]);
}

/// ROBOTICKS-5: the 429 says how long to wait, in three places, and it is true.
#[test]
fn the_429_tells_the_truth() {
    let core = core("roboticks");
    let (ada, other) = (key(&core, ADA), key(&core, ADA));
    for _ in 0..1000 {
        assert_eq!(status(&read(&core, DEVICES, &ada)), 200);
    }
    core.clock().advance(17).unwrap();
    let outcome = read(&core, DEVICES, &ada);
    let body = json!({"detail": "Rate limit exceeded. Try again in 43 seconds.", "retry_after": 43});
    assert_eq!((status(&outcome), outcome.json()), (429, body));
    assert_eq!(outcome.header("retry-after"), "43");
    assert_eq!(outcome.header("x-ratelimit-remaining"), "0");
    assert_eq!(status(&read(&core, DEVICES, &other)), 200, "each key has a limit of its own");
    core.clock().advance(42).unwrap();
    assert_eq!(status(&read(&core, DEVICES, &ada)), 429);
    core.clock().advance(1).unwrap();
    assert_eq!(status(&read(&core, DEVICES, &ada)), 200);
}

/// ROBOTICKS-5: tokens count by their user, whichever token it is.
#[test]
fn tokens_share_the_limit_of_their_user() {
    let core = core("roboticks");
    let remaining = |user| {
        read(&core, "/api/v1/organizations/acme/devices", &token(&core, user, Tamper::None))
            .header("x-ratelimit-remaining")
            .to_owned()
    };
    assert_eq!(remaining(ADA), "999");
    assert_eq!(remaining(ADA), "998");
    assert_eq!(remaining(BOB), "999");
}

/// ROBOTICKS-6: every kind of wrong credential gets the same 401, with a challenge (RFC 9110, 15.5.2).
#[test]
fn wrong_credentials_get_401() {
    let core = core("roboticks");
    let good = key(&core, ADA);
    let mut wrong = vec![
        ("nothing", get(DEVICES)),
        ("an unknown key", bearer(get(DEVICES), "rbtk_test_00000000000000000000000000000000")),
        ("an unknown key in its header", get(DEVICES).with_header("x-api-key", "rbtk_test_0")),
        ("a changed key", bearer(get(DEVICES), &format!("{good}0"))),
        ("an empty bearer", get(DEVICES).with_header("authorization", "Bearer")),
        ("another scheme", get(DEVICES).with_header("authorization", "Basic YTpi")),
        ("two headers", bearer(bearer(get(DEVICES), &good), &good)),
        ("a key in the query", get(&format!("{DEVICES}?X-API-Key={good}"))),
        ("a wrong key beside a good one", bearer(get(DEVICES), &good).with_header("x-api-key", "rbtk_test_0")),
    ];
    let tampers = [
        Tamper::BadSignature,
        Tamper::AlgNone,
        Tamper::WrongAudience,
        Tamper::WrongIssuer,
        Tamper::NotYetValid,
        Tamper::Garbage,
    ];
    wrong.extend(tampers.map(|tamper| ("a tampered token", bearer(get(DEVICES), &token(&core, ADA, tamper)))));
    let expired = MintToken { user: ADA.into(), expired: true, ..MintToken::default() };
    wrong.push(("an expired token", bearer(get(DEVICES), &core.mint_token(&expired).unwrap().secret)));
    for (what, request) in wrong {
        let outcome = core.handle(&request);
        assert_eq!((status(&outcome), outcome.json()), (401, body_of_401()), "{what}");
        assert!(outcome.header("www-authenticate").starts_with("Bearer"), "{what}");
    }
}

/// ROBOTICKS-6: revocation is immediate, for keys and for tokens.
#[test]
fn revoked_credentials_get_401() {
    let core = core("roboticks");
    let key = core.mint_key(&bitting_mock::MintKey { user: ADA.into(), ..Default::default() }).unwrap();
    let token = core.mint_token(&MintToken { user: ADA.into(), ..MintToken::default() }).unwrap();
    assert_eq!(status(&read(&core, DEVICES, &key.secret)), 200);
    assert_eq!(status(&read(&core, DEVICES, &token.secret)), 200);
    assert!(core.revoke_key(&key.id));
    core.revoke_token(&token.id);
    assert_eq!(read(&core, DEVICES, &key.secret).json(), body_of_401());
    assert_eq!(read(&core, DEVICES, &token.secret).json(), body_of_401());
}

/// ROBOTICKS-6, ROBOTICKS-7: another organization gets 403, and so does one that does not exist: nothing is told.
#[test]
fn a_foreign_organization_gets_403() {
    let core = core("roboticks");
    let eve = key(&core, EVE);
    for organization in ["acme", "nobody"] {
        for request in [
            get(&format!("/api/v1/organizations/{organization}/devices")),
            get(&format!("/api/v1/organizations/{organization}/projects/warehouse/devices")),
            post(&format!("/api/v1/organizations/{organization}/projects/warehouse/devices"), &json!({})),
            Request::new(Method::DELETE, format!("/api/v1/organizations/{organization}/projects/warehouse/devices/x")),
        ] {
            let outcome = core.handle(&bearer(request, &eve));
            assert_eq!((status(&outcome), outcome.json()), (403, body_of_403()));
        }
    }
    let foreign = first_id(&core, DEVICES, &key(&core, ADA));
    let hidden = read(&core, &format!("/api/v1/organizations/globex/projects/lab/devices/{foreign}"), &eve);
    assert_eq!(status(&hidden), 404, "a foreign object under one's own path is not there");
}

/// ROBOTICKS-7: a key may do what its creator may: bob only reads.
#[test]
fn a_key_has_its_creators_permissions() {
    let core = core("roboticks");
    let bob = key(&core, BOB);
    assert_eq!(status(&read(&core, DEVICES, &bob)), 200);
    let device = json!({"name": "Picker", "serial_number": "RBT-0001"});
    let outcome = core.handle(&bearer(post(DEVICES, &device), &bob));
    assert_eq!((status(&outcome), outcome.json()), (403, body_of_403()));
}

/// ROBOTICKS-9: a device is created, read, listed, updated and deleted.
#[test]
fn a_device_lives_its_life() {
    let core = core("roboticks");
    let key = key(&core, ADA);
    let send = |method: Method, target: &str, body: &Value| {
        core.handle(&bearer(Request::new(method, target).with_json(body), &key))
    };
    let created = send(Method::POST, DEVICES, &json!({"name": "Picker 7", "serial_number": "RBT-0007", "tags": ["a"]}));
    let device = created.json();
    assert_eq!(status(&created), 201);
    assert_eq!(
        (&device["name"], &device["status"], &device["tags"]),
        (&json!("Picker 7"), &json!("offline"), &json!(["a"]))
    );
    assert_eq!(device["created_at"], "2026-11-21T12:00:00Z");
    let place = created.header("location").to_owned();
    assert_eq!(place, format!("{DEVICES}/{}", device["id"].as_str().unwrap()));
    assert_eq!(read(&core, &place, &key).json(), device);
    let all = read(&core, &format!("{DEVICES}?limit=100"), &key).json();
    assert!(all["items"].as_array().unwrap().contains(&device));

    core.clock().advance(1800).unwrap();
    let updated = send(Method::PATCH, &place, &json!({"status": "maintenance"}));
    let mut expected = device;
    expected["status"] = json!("maintenance");
    expected["updated_at"] = json!("2026-11-21T12:30:00Z");
    assert_eq!((status(&updated), updated.json()), (200, expected.clone()));
    assert_eq!(read(&core, &place, &key).json(), expected);

    let deleted = send(Method::DELETE, &place, &Value::Null);
    assert_eq!((status(&deleted), deleted.body.len()), (204, 0));
    assert_eq!(status(&read(&core, &place, &key)), 404);
    assert_eq!(status(&send(Method::DELETE, &place, &Value::Null)), 404);
}

/// ROBOTICKS-9: what does not fit the schema is refused with 422 and changes nothing.
#[test]
fn invalid_requests_get_422() {
    let core = core("roboticks");
    let key = key(&core, ADA);
    let device = |body: Value| bearer(post(DEVICES, &body), &key);
    let serial = "RBT-0001";
    let invalid = [
        ("a missing member", device(json!({"name": "x"}))),
        ("an unknown member", device(json!({"name": "x", "serial_number": serial, "id": "mine"}))),
        ("a wrong type", device(json!({"name": 7, "serial_number": serial}))),
        ("a broken pattern", device(json!({"name": "x", "serial_number": "no"}))),
        ("a limit below the least", bearer(get(&format!("{DEVICES}?limit=0")), &key)),
        ("a limit that is no number", bearer(get(&format!("{DEVICES}?limit=many")), &key)),
        ("an id that is no UUID", bearer(get(&format!("{DEVICES}/seven")), &key)),
        (
            "an empty change",
            bearer(Request::new(Method::PATCH, format!("{DEVICES}/{}", first_id(&core, DEVICES, &key))), &key)
                .with_json(&json!({})),
        ),
        ("no JSON", bearer(Request { body: "{".into(), ..post(DEVICES, &Value::Null) }, &key)),
        ("no body", bearer(Request::new(Method::POST, DEVICES), &key)),
        (
            "another media type",
            bearer(Request::new(Method::POST, DEVICES).with_header("content-type", "text/plain"), &key),
        ),
    ];
    for (what, request) in invalid {
        let outcome = core.handle(&request);
        assert_eq!(status(&outcome), 422, "{what}");
        assert!(outcome.json()["detail"].as_str().unwrap().starts_with("The request is not valid: "), "{what}");
    }
    assert_eq!(read(&core, DEVICES, &key).json()["total"], 45);
    let secret = login(&core, "no email", "my-secret-password");
    assert_eq!(status(&secret), 422);
    assert!(!String::from_utf8_lossy(&secret.body).contains("my-secret-password"));
}

/// The decision order: 404 and 405 before 401, 401 before 422, 429 before 403.
#[test]
fn decisions_have_a_fixed_order() {
    let core = core("roboticks");
    assert_eq!(status(&core.handle(&get("/api/v1/nothing"))), 404);
    let wrong = core.handle(&Request::new(Method::PUT, DEVICES));
    assert_eq!((status(&wrong), wrong.header("allow")), (405, "GET, POST, HEAD, OPTIONS"));
    assert_eq!(status(&core.handle(&get(&format!("{DEVICES}?limit=0")))), 401);
    let key = key(&core, EVE);
    for _ in 0..1000 {
        assert_eq!(status(&read(&core, DEVICES, &key)), 403);
    }
    assert_eq!(status(&read(&core, DEVICES, &key)), 429);
}

/// RFC 9110, 9.3.2 and 9.3.7: HEAD is GET without a body, OPTIONS tells the methods.
#[test]
fn head_and_options_are_answered() {
    let core = core("roboticks");
    let key = key(&core, ADA);
    let head = core.handle(&bearer(Request::new(Method::HEAD, DEVICES), &key));
    assert_eq!((status(&head), head.header("content-type")), (200, "application/json"));
    assert_eq!(status(&core.handle(&Request::new(Method::HEAD, DEVICES))), 401);
    let options = core.handle(&Request::new(Method::OPTIONS, DEVICES));
    assert_eq!((status(&options), options.header("allow")), (204, "GET, POST, HEAD, OPTIONS"));
}

/// ROBOTICKS-6: the key that a world begins with is told to suites, and the world keeps only its hash.
#[test]
fn only_hashes_are_kept() {
    let core = core("roboticks");
    let key = core.mint_key(&bitting_mock::MintKey { user: ADA.into(), ..Default::default() }).unwrap();
    let info = core.keys().into_iter().find(|info| info.id == key.id).unwrap();
    assert!(key.secret.starts_with(&info.shown) && info.shown.len() == "rbtk_test_".len() + 6);
    assert!(!format!("{key:?}{info:?}").contains(&key.secret));
}

/// ROBOTICKS-8: the token of one login, kept and renewed, serves call after call for a day without another login.
#[test]
fn a_kept_token_is_renewed_without_a_login() {
    let core = core("roboticks");
    let mut token = login(&core, ADA, "correct-horse-7").json()["access_token"].as_str().unwrap().to_owned();
    for hour in 0..24 {
        assert_eq!(status(&read(&core, DEVICES, &token)), 200, "hour {hour}");
        core.clock().advance(3500).unwrap();
        let renewed = core.handle(&bearer(Request::new(Method::POST, "/api/v1/auth/refresh"), &token));
        assert_eq!(status(&renewed), 200, "hour {hour}");
        token = renewed.json()["access_token"].as_str().unwrap().to_owned();
    }
}
