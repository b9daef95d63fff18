//! Every deliberate defect changes an answer: each row is a defect, a server, and what a caller sees without and with.

use std::sync::Arc;

use bitting_mock::{Core, MintKey, MintToken, Outcome, Request, Tamper, defects, find_defect};
use http::Method;
use serde_json::{Value, json};

use crate::documents::other;
use crate::oauth::App;
use crate::stage::*;

type Probe = fn(&Core) -> String;

struct Row {
    id: &'static str,
    server: fn() -> Arc<Core>,
    probe: Probe,
    right: &'static str,
    wrong: &'static str,
}

fn roboticks() -> Arc<Core> {
    core("roboticks")
}

fn arrow() -> Arc<Core> {
    core("arrow")
}

fn arrotech() -> Arc<Core> {
    core("arrotech")
}

fn artos() -> Arc<Core> {
    core("artos")
}

fn code(outcome: &Outcome) -> String {
    outcome.status.as_u16().to_string()
}

fn with(core: &Core, secret: &str) -> String {
    code(&read(core, DEVICES, secret))
}

fn tampered(core: &Core, tamper: Tamper) -> String {
    with(core, &token(core, ADA, tamper))
}

fn sent(core: &Core, header: &str, value: &str) -> String {
    code(&core.handle(&get(DEVICES).with_header(header, value)))
}

fn scoped(core: &Core, scope: &str, method: Method, target: &str) -> String {
    let wanted = MintKey { user: ADA.into(), scopes: Some([scope.to_owned()].into()), ..MintKey::default() };
    let secret = core.mint_key(&wanted).unwrap().secret;
    let request = Request::new(method, target).with_header("x-api-key", &secret);
    code(&core.handle(&if request.method == Method::GET { request } else { request.with_json(&json!({"notes": "x"})) }))
}

fn device(core: &Core) -> (String, Outcome) {
    let body = json!({"name": "x", "serial_number": "RBT-0001"});
    let key = key(core, ADA);
    let outcome = core.handle(&bearer(post(DEVICES, &body), &key));
    (key, outcome)
}

fn revoked(core: &Core) -> String {
    let minted = core.mint_key(&MintKey { user: ADA.into(), ..MintKey::default() }).unwrap();
    core.revoke_key(&minted.id);
    minted.secret
}

fn over_limit(core: &Core) -> (String, Outcome) {
    let key = key(core, ADA);
    (0..1000).for_each(|_| drop(read(core, DEVICES, &key)));
    let outcome = read(core, DEVICES, &key);
    (key, outcome)
}

fn arrow_device(core: &Core) -> String {
    let key = key(core, ADA);
    let list = core.handle(&get("/api/v1/devices").with_header("x-api-key", &key)).json();
    format!("/api/v1/devices/{}", list["items"][0]["id"].as_str().unwrap())
}

fn granted_scope(core: &Core) -> String {
    let body =
        "grant_type=client_credentials&client_id=client-acme&client_secret=client-secret-test-acme-7&scope=data:read";
    let request = Request { body: body.into(), ..Request::new(Method::POST, "/auth/token") };
    core.handle(&request.with_header("content-type", "application/x-www-form-urlencoded")).json()["scope"].to_string()
}

fn foreign_rows(core: &Core) -> String {
    read(core, "/api/v1/organizations/acme/devices", &key(core, ADA)).json()["total"].to_string()
}

fn row(id: &'static str, server: fn() -> Arc<Core>, right: &'static str, wrong: &'static str, probe: Probe) -> Row {
    Row { id, server, probe, right, wrong }
}

fn rows() -> Vec<Row> {
    [credentials(), permissions(), tokens(), limits(), answers()].into_iter().flatten().collect()
}

#[rustfmt::skip]
fn credentials() -> Vec<Row> {
    vec![
        row("M01", roboticks, "401", "200", |c| code(&c.handle(&get(DEVICES)))),
        row("M02", roboticks, "401", "200", |c| with(c, "nonsense")),
        row("M03", roboticks, "401", "200", |c| { let t = token(c, ADA, Tamper::None); c.clock().advance(4000).unwrap(); with(c, &t) }),
        row("M04", roboticks, "401", "200", |c| tampered(c, Tamper::NotYetValid)),
        row("M05", roboticks, "401", "200", |c| tampered(c, Tamper::BadSignature)),
        row("M06", roboticks, "401", "200", |c| tampered(c, Tamper::AlgNone)),
        row("M07", roboticks, "401", "200", |c| tampered(c, Tamper::KeyConfusion)),
        row("M08", roboticks, "401", "200", |c| tampered(c, Tamper::WrongAudience)),
        row("M09", roboticks, "401", "200", |c| tampered(c, Tamper::WrongIssuer)),
        row("M10", roboticks, "401", "200", |c| with(c, &revoked(c))),
        row("M11", roboticks, "401 401", "200 401", |c| { let s = revoked(c); let now = with(c, &s); c.clock().advance(60).unwrap(); format!("{now} {}", with(c, &s)) }),
        row("M12", arrotech, "401", "200", |c| {
            let wanted = MintKey { user: ADA.into(), environment: Some("sandbox".into()), ..MintKey::default() };
            code(&read(c, "/chat/providers", &c.mint_key(&wanted).unwrap().secret))
        }),
        row("M13", roboticks, "401", "200", |c| with(c, &format!("{}x", key(c, ADA)))),
        row("M14", roboticks, "401", "200", |c| code(&c.handle(&get(&format!("{DEVICES}?X-API-Key={}", key(c, ADA)))))),
        row("M15", roboticks, "200", "401", |c| sent(c, "authorization", &format!("bearer {}", key(c, ADA)))),
        row("M16", arrow, "401", "200", |c| code(&read(c, "/api/v1/devices", &key(c, ADA)))),
        row("M17", roboticks, "200", "401", |c| with(c, &key(c, ADA))),
        row("M18", other, "401", "200", |c| code(&c.handle(&get("/v2/both").with_header("cookie", &format!("session={}", key(c, ADA)))))),
        row("M19", roboticks, "401", "200", |c| code(&c.handle(&bearer(get(DEVICES), &key(c, ADA)).with_header("x-api-key", "rbtk_test_0")))),
        row("M20", artos, "200", "401", |c| code(&c.handle(&get("/api/v1/search/status")))),
        row("M21", roboticks, "Bearer, ApiKey name=\"X-API-Key\"", "", |c| c.handle(&get(DEVICES)).header("www-authenticate").to_owned()),
        row("M22", roboticks, "401", "500", |c| code(&c.handle(&bearer(bearer(get(DEVICES), "a"), "b")))),
    ]
}

#[rustfmt::skip]
fn permissions() -> Vec<Row> {
    vec![
        row("M30", arrow, "403", "200", |c| scoped(c, "users:read", Method::GET, "/api/v1/devices")),
        row("M31", arrow, "403", "200", |c| scoped(c, "devices:read", Method::PATCH, &arrow_device(c))),
        row("M32", arrow, "403 403", "403 200", |c| format!("{} {}", scoped(c, "users:read", Method::GET, "/api/v1/devices"), scoped(c, "users:read", Method::PATCH, &arrow_device(c)))),
        row("M33", roboticks, "401", "200", |c| code(&c.handle(&Request::new(Method::HEAD, DEVICES)))),
        row("M34", roboticks, "403", "200", |c| with(c, &key(c, EVE))),
        row("M35", roboticks, "404", "200", |c| {
            let id = first_id(c, DEVICES, &key(c, ADA));
            code(&read(c, &format!("/api/v1/organizations/globex/projects/lab/devices/{id}"), &key(c, EVE)))
        }),
        row("M36", roboticks, "49", "53", foreign_rows),
        row("M37", roboticks, "49", "4", |c| read(c, "/api/v1/organizations/acme/devices?organization=globex", &key(c, ADA)).json()["total"].to_string()),
        row("M38", roboticks, "403", "404", |c| code(&read(c, "/api/v1/organizations/nobody/devices", &key(c, ADA)))),
        row("M39", roboticks, "404", "200", |c| code(&c.handle(&get(&format!("{DEVICES}/"))))),
        row("M40", roboticks, "403 403", "200 200", |c| {
            let (key, token) = (key(c, ADA), token(c, ADA, Tamper::None));
            assert!(c.remove_member(ADA));
            format!("{} {}", with(c, &key), with(c, &token))
        }),
    ]
}

#[rustfmt::skip]
fn tokens() -> Vec<Row> {
    vec![
        row("M50", roboticks, "401", "200", |c| code(&c.handle(&bearer(Request::new(Method::POST, "/api/v1/auth/refresh"), "nonsense")))),
        row("M51", other, "400", "200", |c| { let app = App::of(c); let old = app.tokens(c); app.refresh(c, &old); code(&app.refreshed(c, &old)) }),
        row("M52", other, "401", "200", |c| {
            let app = App::of(c);
            let old = app.tokens(c);
            let new = app.refresh(c, &old);
            assert_eq!(code(&app.refreshed(c, &old)), "400");
            code(&read(c, "/v2/notes", new["access_token"].as_str().unwrap()))
        }),
        row("M53", other, "\"notes:read\"", "\"notes:read notes:write\"", |c| { let app = App::of(c); app.refresh(c, &app.tokens(c))["scope"].to_string() }),
        row("M54", other, "200 204 401", "200 204 200", |c| {
            let token = token(c, ADA, Tamper::None);
            let read = || code(&read(c, "/v2/notes", &token));
            let out = || code(&c.handle(&bearer(Request::new(Method::POST, "/v2/logout"), &token)));
            format!("{} {} {}", read(), out(), read())
        }),
        row("M55", other, "200 400", "200 200", |c| { let app = App::of(c); let at = app.code(c); format!("{} {}", code(&app.exchange(c, &at)), code(&app.exchange(c, &at))) }),
        row("M56", arrotech, "400 400", "200 200", |c| {
            let app = App::of(c);
            let (first, second) = (app.code(c), app.code(c));
            let thief = App { id: "client-globex", ..app.clone() };
            let liar = App { redirect_uri: "http://127.0.0.1/callback".into(), ..app };
            format!("{} {}", code(&thief.exchange(c, &first)), code(&liar.exchange(c, &second)))
        }),
        row("M57", arrotech, "400", "200", |c| { let app = App::of(c); let at = app.code(c); code(&App { verifier: "another-verifier-that-has-enough-letters-in-it", ..app }.exchange(c, &at)) }),
        row("M58", roboticks, "3600", "86400", |c| login(c, ADA, "correct-horse-7").json()["expires_in"].to_string()),
        row("M59", roboticks, "no-store", "", |c| login(c, ADA, "correct-horse-7").header("cache-control").to_owned()),
        row("M60", roboticks, "\"Could not validate credentials\"", "\"User not found\"", |c| login(c, "no@acme.example", "x").json()["detail"].to_string()),
        row("M61", arrotech, "\"data:read\"", "\"data:read workflow:execute\"", granted_scope),
        row("M62", arrotech, "true", "false", |c| App::of(c).consent(c).header("location").contains("state=xyz").to_string()),
        row("M63", arrotech, "400 ", "302 https://evil.example/?code", |c| {
            let back = App { redirect_uri: "https://evil.example/".into(), ..App::of(c) }.consent(c);
            format!("{} {}", code(&back), back.header("location").split('=').next().unwrap())
        }),
    ]
}

#[rustfmt::skip]
fn limits() -> Vec<Row> {
    vec![
        row("M70", roboticks, "1000", "", |c| read(c, DEVICES, &key(c, ADA)).header("x-ratelimit-limit").to_owned()),
        row("M71", roboticks, "999", "1000", |c| read(c, DEVICES, &key(c, ADA)).header("x-ratelimit-remaining").to_owned()),
        row("M72", roboticks, "1795262460", "1795258800", |c| read(c, DEVICES, &key(c, ADA)).header("x-ratelimit-reset").to_owned()),
        row("M73", roboticks, "60", "null", |c| over_limit(c).1.json()["retry_after"].to_string()),
        row("M74", roboticks, "200", "429", |c| { over_limit(c); with(c, &key(c, ADA)) }),
        row("M75", roboticks, "998", "993", |c| {
            let key = key(c, ADA);
            with(c, &key);
            (0..5).for_each(|_| drop(with(c, "rbtk_test_0")));
            read(c, DEVICES, &key).header("x-ratelimit-remaining").to_owned()
        }),
        row("M76", roboticks, "60", "90", |c| over_limit(c).1.header("retry-after").to_owned()),
        row("M77", roboticks, "200", "429", |c| { let (key, _) = over_limit(c); c.clock().advance(60).unwrap(); with(c, &key) }),
    ]
}

#[rustfmt::skip]
fn answers() -> Vec<Row> {
    vec![
        row("M80", roboticks, "true", "false", |c| read(c, DEVICES, &key(c, ADA)).json()["items"].is_array().to_string()),
        row("M81", roboticks, "200", "203", |c| with(c, &key(c, ADA))),
        row("M82", roboticks, "application/json", "text/html", |c| read(c, DEVICES, &key(c, ADA)).header("content-type").to_owned()),
        row("M83", roboticks, "46", "45", |c| { let (key, _) = device(c); read(c, DEVICES, &key).json()["total"].to_string() }),
        row("M84", roboticks, "404", "200", |c| {
            let (key, made) = device(c);
            let place = made.header("location").to_owned();
            c.handle(&bearer(Request::new(Method::DELETE, place.as_str()), &key));
            code(&read(c, &place, &key))
        }),
        row("M85", roboticks, "true", "false", |c| { let key = key(c, ADA); (read(c, DEVICES, &key).body == read(c, DEVICES, &key).body).to_string() }),
        row("M86", other, "false", "true", |c| {
            let body = json!({"id": 555, "text": "x", "pin": "1"});
            let made = c.handle(&bearer(post("/v2/notes", &body), &token(c, ADA, Tamper::None))).json();
            (made["id"] == 555).to_string()
        }),
        row("M87", other, "null", "true", |c| {
            let token = token(c, ADA, Tamper::None);
            let made = c.handle(&bearer(post("/v2/app-keys", &json!({"label": "ci"})), &token));
            let again = read(c, made.header("location"), &token).json();
            if again["secret"].is_null() { "null".to_owned() } else { (again["secret"] == made.json()["secret"]).to_string() }
        }),
        row("M88", roboticks, "false", "true", |c| String::from_utf8_lossy(&read(c, DEVICES, "my-secret").body).contains("my-secret").to_string()),
    ]
}

/// M01 to M88: without the defect the answer is right, with it it is wrong, and after it is switched off it is right.
#[test]
fn every_defect_changes_an_answer() {
    for row in rows() {
        let clean = (row.server)();
        assert_eq!((row.probe)(&clean), row.right, "{} off", row.id);
        let defective = (row.server)();
        defective.set_defect(row.id, true).unwrap();
        assert_eq!((row.probe)(&defective), row.wrong, "{} on", row.id);
        assert_eq!(defective.active_defects(), [row.id]);
        defective.set_defect(row.id, false).unwrap();
        assert_eq!(defective.active_defects(), Vec::<&str>::new());
    }
}

/// Each defect has its row, and each id is found in either case.
#[test]
fn every_defect_is_proven() {
    let rows: Vec<&str> = rows().iter().map(|row| row.id).collect();
    let all: Vec<&str> = defects().iter().map(|defect| defect.id).collect();
    assert_eq!(rows, all);
    assert_eq!(find_defect(" m03 ").map(|defect| defect.id), Ok("M03"));
    assert!(find_defect("M00").is_err());
}

/// A defect is only claimed for a document that can show it.
#[test]
fn defects_know_their_documents() {
    let applying = |name: &str| {
        let document = document(name);
        defects().iter().filter(|defect| defect.applies(&document)).map(|defect| defect.id).collect::<Vec<_>>()
    };
    let roboticks = applying("roboticks");
    assert!(roboticks.len() >= 18, "{roboticks:?}");
    for absent in ["M12", "M16", "M18", "M30", "M51", "M52", "M53", "M54", "M55", "M61", "M62", "M86", "M87"] {
        assert!(!roboticks.contains(&absent), "{absent}");
    }
    let arrow = applying("arrow");
    assert!(["M16", "M30", "M31", "M32"].iter().all(|id| arrow.contains(id)), "{arrow:?}");
    assert!(["M02", "M05", "M20", "M34", "M50", "M70"].iter().all(|id| !arrow.contains(id)), "{arrow:?}");
    assert!(applying("artos").contains(&"M20") && !applying("artos").contains(&"M13"));
    assert!(["M12", "M55", "M56", "M57", "M61", "M62", "M63"].iter().all(|id| applying("arrotech").contains(id)));
    for row in rows().iter().filter(|row| row.server as usize == roboticks_server()) {
        assert!(roboticks.contains(&row.id), "{}", row.id);
    }
}

fn roboticks_server() -> usize {
    self::roboticks as fn() -> Arc<Core> as usize
}

/// A token with less than its user's rights is refused even where a defect of another family is on.
#[test]
fn defects_do_not_touch_one_another() {
    let core = arrotech();
    core.set_defect("M03", true).unwrap();
    let narrow =
        MintToken { user: ADA.into(), scheme: Some("OAuth2".into()), scopes: Some(vec![]), ..MintToken::default() };
    let outcome = read(&core, "/chat/providers", &core.mint_token(&narrow).unwrap().secret);
    assert_eq!((code(&outcome), outcome.json()), ("403".to_owned(), json!({"detail": "Forbidden"}) as Value));
}

/// M01 to M88 by document: what each of the four can express, and the seven that none of them can, for which
/// `other.yaml` has what they need.
#[test]
fn every_defect_has_a_document() {
    let table = [
        (
            "roboticks",
            "M01 M02 M03 M04 M05 M06 M07 M08 M09 M10 M11 M13 M14 M15 M17 M19 M20 M21 M22 M33 M34 M35 M36 M37 M38 \
         M39 M40 M50 M58 M59 M60 M70 M71 M72 M73 M74 M75 M76 M77 M80 M81 M82 M83 M84 M85 M88",
        ),
        (
            "arrow",
            "M01 M03 M10 M11 M13 M14 M16 M21 M22 M30 M31 M32 M33 M35 M36 M37 M39 M40 M80 M81 M82 M83 M84 M85 M88",
        ),
        (
            "artos",
            "M01 M02 M03 M04 M05 M06 M07 M08 M09 M10 M11 M12 M14 M15 M20 M21 M22 M33 M36 M37 M39 M40 M80 M81 M82 \
         M85 M88",
        ),
        (
            "arrotech",
            "M01 M02 M03 M04 M05 M06 M07 M08 M09 M10 M11 M12 M13 M14 M15 M17 M20 M21 M22 M30 M33 M36 M37 M39 M40 \
         M55 M56 M57 M58 M59 M60 M61 M62 M63 M80 M81 M82 M85 M88",
        ),
    ];
    let mut expressed = std::collections::BTreeSet::new();
    for (name, wanted) in table {
        let document = document(name);
        let applying = defects().iter().filter(|defect| defect.applies(&document)).map(|defect| defect.id);
        let applying: Vec<&str> = applying.collect();
        assert_eq!(applying, wanted.split_whitespace().collect::<Vec<_>>(), "{name}");
        expressed.extend(applying);
    }
    let beyond: Vec<&str> = defects().iter().map(|defect| defect.id).filter(|id| !expressed.contains(id)).collect();
    assert_eq!(beyond, ["M18", "M51", "M52", "M53", "M54", "M86", "M87"]);
    let is_beyond = |row: &Row| beyond.contains(&row.id);
    assert!(rows().iter().filter(|row| is_beyond(row)).all(|row| row.server as usize == other_server()));
}

fn other_server() -> usize {
    other as fn() -> Arc<Core> as usize
}
