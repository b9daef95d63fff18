//! The life of a key as ARROW-6 to ARROW-9 state it, and the VM requests of ARROW-5.

use bitting_mock::{Core, CreateKey, KeyError, Permission, Person, Population, Server};
use serde_json::{Value, json};

use crate::stage::*;

const DAY: i64 = 86_400;

fn wanted(ttl: Option<i64>) -> CreateKey {
    CreateKey {
        by: ADA.into(),
        name: "CI pipeline".into(),
        scopes: ["devices:read".to_owned()].into(),
        ttl,
        ..CreateKey::default()
    }
}

fn devices(core: &Core, secret: &str) -> u16 {
    status(&core.handle(&get("/api/v1/devices").with_header("x-api-key", secret)))
}

/// ARROW-6: a name, one or more scopes, and an end at most 365 days away.
#[test]
fn a_key_follows_the_rules_of_the_document() {
    let core = core("arrow");
    for days in [30, 90, 180, 365] {
        assert!(core.create_key("acme", &wanted(Some(days * DAY))).is_ok(), "{days}");
    }
    let rule = |wanted: &CreateKey| match core.create_key("acme", wanted) {
        Err(KeyError::Rule(words)) => words,
        other => panic!("{other:?}"),
    };
    assert!(rule(&wanted(None)).contains("must end"));
    assert_eq!(rule(&wanted(Some(365 * DAY + 1))), "a key may live for at most 365 days");
    assert!(rule(&wanted(Some(0))).contains("future"));
    assert!(rule(&CreateKey { scopes: [].into(), ..wanted(Some(DAY)) }).contains("at least one scope"));
    let unknown = core.create_key("acme", &CreateKey { scopes: ["all".to_owned()].into(), ..wanted(Some(DAY)) });
    let words = unknown.unwrap_err().to_string();
    assert!(words.starts_with("`all` is no scope of") && words.contains("devices:read"), "{words}");
    assert!(rule(&CreateKey { name: "  ".into(), ..wanted(Some(DAY)) }).contains("name"));
}

/// ARROW-6: the keys of the beginning end too, as late as they may.
#[test]
fn the_first_keys_end() {
    let core = core("arrow");
    let (_, secret) = core.first_keys().into_iter().next().unwrap();
    assert_eq!(devices(&core, &secret), 200);
    core.clock().advance(365 * DAY - 60).unwrap();
    assert_eq!(devices(&core, &secret), 200);
    core.clock().advance(120).unwrap();
    assert_eq!(devices(&core, &secret), 401);
}

/// ARROW-6, ARROW-8: the secret is shown once; a revoked key gets 401 at its next request, an ended one as well.
#[test]
fn a_key_works_until_it_ends_or_is_revoked() {
    let core = core("arrow");
    let made = core.create_key("acme", &wanted(Some(30 * DAY))).unwrap();
    let info = serde_json::to_string(&core.key(&made.id).unwrap()).unwrap();
    assert!(!info.contains(&made.secret) && !format!("{made:?}").contains(&made.secret));
    assert_eq!(devices(&core, &made.secret), 200);
    core.revoke_key(&made.id);
    assert_eq!(devices(&core, &made.secret), 401);
    let made = core.create_key("acme", &wanted(Some(30 * DAY))).unwrap();
    core.clock().advance(30 * DAY).unwrap();
    assert_eq!(devices(&core, &made.secret), 401);
}

/// ARROW-9: a warning within 14 days of the end; the new key works before the old one ends.
#[test]
fn a_key_that_ends_soon_is_replaced_without_a_gap() {
    let core = core("arrow");
    let old = core.create_key("acme", &wanted(Some(30 * DAY))).unwrap();
    let ends_soon = |id: &str| core.key(id).unwrap().ends_soon;
    core.clock().advance(16 * DAY - 1).unwrap();
    assert!(!ends_soon(&old.id));
    core.clock().advance(1).unwrap();
    assert!(ends_soon(&old.id));
    let new = core.rotate_key(&old.id, None).unwrap();
    assert_eq!((devices(&core, &old.secret), devices(&core, &new.secret)), (200, 200));
    let (before, after) = (core.key(&old.id).unwrap(), core.key(&new.id).unwrap());
    assert_eq!((&after.name, &after.scopes, &after.organization), (&before.name, &before.scopes, &before.organization));
    assert!(!after.ends_soon);
    core.clock().advance(14 * DAY).unwrap();
    assert_eq!((devices(&core, &old.secret), devices(&core, &new.secret)), (401, 200));
    assert!(!ends_soon(&old.id), "what has ended needs no warning");
    assert!(core.rotate_key(&new.id, Some(366 * DAY)).is_err() && core.rotate_key("key_0", None).is_err());
    core.revoke_key(&new.id);
    assert!(matches!(core.rotate_key(&new.id, None), Err(KeyError::UnknownKey(_))));
}

/// ARROW-7: who may manage keys, and where; a site admin without an organization acts as an admin of it.
#[test]
fn keys_are_managed_by_those_who_may() {
    let mut population = Population::seeded(7);
    let site_admin = "root@arrow.example";
    population.users.push(Person {
        email: site_admin.into(),
        password: "correct-horse-7".into(),
        organization: String::new(),
        permission: Permission::SiteAdmin,
        rights: None,
    });
    let core = Server::builder(document("arrow")).seed(7).clock(frozen()).world(population).core().unwrap();
    let make = |by: &str, impersonating: Option<&str>, organization: &str| {
        let impersonating = impersonating.map(str::to_owned);
        core.create_key(organization, &CreateKey { by: by.into(), impersonating, ..wanted(Some(DAY)) })
    };
    let is_refused = |made| matches!(made, Err(KeyError::Forbidden { .. }));
    assert!(make(ADA, None, "acme").is_ok());
    assert!(is_refused(make(BOB, None, "acme")) && is_refused(make(ADA, None, "globex")));
    assert!(is_refused(make(ADA, Some(EVE), "globex")) && is_refused(make(site_admin, None, "acme")));
    assert!(is_refused(make(site_admin, Some(BOB), "acme")) && is_refused(make(site_admin, Some(ADA), "globex")));
    assert!(matches!(make(ADA, None, "nobody"), Err(KeyError::UnknownOrganization(_))));
    let made = make(site_admin, Some(EVE), "globex").unwrap();
    let info = core.key(&made.id).unwrap();
    assert_eq!((info.user.as_str(), info.organization.as_str()), (EVE, "globex"));
    assert_eq!(devices(&core, &made.secret), 200);
}

/// ARROW-5: a VM request is marked as returned, and is so from then on; a physical device gets 409.
#[test]
fn only_vm_requests_are_marked_as_returned() {
    let core = core("arrow");
    let key = key(&core, ADA);
    let send = |target: &str, body: Option<&Value>| {
        let request = body.map_or_else(|| post(target, &Value::Null), |body| post(target, body));
        core.handle(&request.with_header("x-api-key", &key))
    };
    let made = |kind: &str| {
        let body = json!({"device_type": kind, "details": "x", "start_date": "2026-12-01", "end_date": "2026-12-31"});
        let made = send("/api/v1/device-requests", Some(&body));
        assert_eq!(status(&made), 201, "{}", made.json());
        made.header("location").to_owned()
    };
    let machine = made("vm");
    for _ in 0..2 {
        let returned = send(&format!("{machine}/mark-vm-returned"), None);
        assert_eq!((status(&returned), &returned.json()["status"]), (200, &json!("returned")));
    }
    let read = core.handle(&get(&machine).with_header("x-api-key", &key)).json();
    assert_eq!(read["status"], "returned");
    let device = made("physical");
    let refused = send(&format!("{device}/mark-vm-returned"), None);
    assert_eq!(
        (status(&refused), &refused.json()["detail"]),
        (409, &json!("Only a VM request can be marked as returned"))
    );
    assert_ne!(core.handle(&get(&device).with_header("x-api-key", &key)).json()["status"], "returned");
}
