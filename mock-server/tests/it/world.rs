//! Worlds that somebody describes in a file: they are as described, and what cannot be is told with its place.

use bitting_mock::{Core, Server, StartError, WorldError};
use serde_json::json;
use std::sync::Arc;

use crate::stage::*;

const WORLD: &str = "\
organizations:
  - {slug: initech, projects: [basement]}
  - {slug: hooli}
users:
  - {email: ivy@initech.example, password: correct-horse, organization: initech}
  - {email: gus@initech.example, password: correct-horse, organization: initech, rights: []}
  - {email: hal@hooli.example, password: correct-horse, organization: hooli, permission: read-only}
keys:
  - {user: ivy@initech.example, name: CI, secret: rbtk_test_ivy_0001}
  - {user: ivy@initech.example, secret: rbtk_test_gone_0001, revoked: true}
  - {user: ivy@initech.example, secret: rbtk_test_over_0001, ttl: 60}
clients:
  - {client_id: app, client_secret: app-secret-test, organization: initech, redirect_uris: [http://127.0.0.1/done]}
objects:
  - path: /api/v1/organizations/initech/projects/basement/devices
    items:
      - {id: 11111111-1111-4111-8111-111111111111, name: Stapler, serial_number: RBT-0001}
      - {name: Printer, serial_number: RBT-0002}
";

fn start(system: &str, world: &str) -> Result<Arc<Core>, StartError> {
    let builder = Server::builder(document(system)).seed(7).clock(frozen());
    builder.world_file("world.yaml", world)?.core()
}

#[test]
fn the_world_is_as_described() {
    let core = start("roboticks", WORLD).unwrap();
    let devices = "/api/v1/organizations/initech/projects/basement/devices";
    let page = read(&core, devices, "rbtk_test_ivy_0001");
    assert_eq!((status(&page), &page.json()["total"]), (200, &json!(2)));
    assert_eq!(page.json()["items"][0]["name"], "Stapler");
    let stapler = read(&core, &format!("{devices}/11111111-1111-4111-8111-111111111111"), "rbtk_test_ivy_0001");
    assert_eq!((status(&stapler), &stapler.json()["serial_number"]), (200, &json!("RBT-0001")));
    assert_eq!(status(&read(&core, devices, "rbtk_test_gone_0001")), 401);
    assert_eq!(status(&read(&core, devices, "rbtk_test_over_0001")), 200);
    core.clock().advance(60).unwrap();
    assert_eq!(status(&read(&core, devices, "rbtk_test_over_0001")), 401);
    assert_eq!(status(&login(&core, "hal@hooli.example", "correct-horse")), 200);
    core.reset();
    assert_eq!(read(&core, devices, "rbtk_test_ivy_0001").json()["total"], 2, "the beginning is what was described");
}

/// What a document binds to the token's organization alone needs to be told whose it is.
#[test]
fn objects_say_whose_they_are() {
    let world = |more: &str| {
        format!(
            "organizations: [{{slug: acme}}, {{slug: globex}}]\nusers: [{{email: a@b.example, password: x, organization: acme}}]\n\
             keys: [{{user: a@b.example, secret: arrow_test_1}}]\nobjects:\n  - path: /api/v1/devices\n{more}    items: []\n"
        )
    };
    let core = start("arrow", &world("    organization: acme\n")).unwrap();
    let devices = core.handle(&get("/api/v1/devices").with_header("x-api-key", "arrow_test_1"));
    assert_eq!((status(&devices), &devices.json()["items"]), (200, &json!([])));
    let error = start("arrow", &world("")).err().unwrap().to_string();
    assert_eq!(error, "world.yaml:5: at /objects/0/organization: say whose they are: the path does not");
}

/// Each fault names the file, the line and the place, and never a secret.
#[test]
fn what_cannot_be_is_told_with_its_place() {
    let changed = |from: &str, to: &str| {
        assert!(WORLD.contains(from), "{from}");
        start("roboticks", &WORLD.replacen(from, to, 1)).err().unwrap().to_string()
    };
    let cases = [
        ("slug: hooli", "slug: initech", "world.yaml:3: at /organizations/1/slug: `initech` is there twice"),
        ("organization: hooli", "organization: nowhere", "world.yaml:7: at /users/2/organization"),
        ("permission: read-only", "permission: king", "world.yaml:7: at /users/2/permission"),
        ("password: correct-horse,", "passwort: secret-horse,", "world.yaml:5: at /users/0"),
        ("user: ivy@initech.example, name", "user: nobody@x, name", "world.yaml:9: at /keys/0/user: there is no user"),
        ("rbtk_test_ivy_0001", "hidden-secret", "world.yaml:9: at /keys/0/secret: a key begins with `rbtk_`"),
        ("name: CI", "scheme: Nope", "world.yaml:9: at /keys/0/scheme"),
        (
            "organization: initech, redirect_uris",
            "organization: x, redirect_uris",
            "world.yaml:13: at /clients/0/organization",
        ),
        ("/basement/devices", "/basement/desks", "world.yaml:15: at /objects/0/path: the document has no list"),
        ("/basement/devices", "/attic/devices", "world.yaml:15: at /objects/0/path: there is no `attic`"),
        ("initech/projects", "nowhere/projects", "there is no organization `nowhere`"),
        ("RBT-0002", "no", "world.yaml:18: at /objects/0/items/1: at /serial_number"),
        (
            "objects:\n",
            "objects:\n  - {path: /api/v1/organizations/initech/projects/basement/devices, items: []}\n",
            "world.yaml:16: at /objects/1/path: /objects/0 is the same list",
        ),
        (
            "objects:\n",
            "objects:\n  - {path: /api/v1/organizations/initech/projects, organization: hooli, items: []}\n",
            "world.yaml:15: at /objects/0/organization: the path says that they are of `initech`",
        ),
        ("objects:", "subjects:", "world.yaml"),
        ("organizations:", "organizations: [", "world.yaml:"),
    ];
    for (from, to, words) in cases {
        let error = changed(from, to);
        assert!(error.contains(words), "{error}\n does not say {words}");
        assert!(!error.contains("hidden-secret") && !error.contains("secret-horse"), "{error}");
    }
    let empty: WorldError = match start("roboticks", "{}") {
        Err(StartError::World(error)) => error,
        other => panic!("{:?}", other.err()),
    };
    assert_eq!((empty.file.as_deref(), empty.line), (Some("world.yaml"), Some(1)));
}

/// ARROW-7: who has been denied the right to manage keys makes none, although a member of the organization.
#[test]
fn a_member_without_the_right_makes_no_keys() {
    let world = "organizations: [{slug: acme}]\nusers:\n  - {email: a@acme.example, password: x, organization: acme, rights: []}\n  \
                 - {email: b@acme.example, password: x, organization: acme, permission: read-only, rights: [api_keys.manage]}\n";
    let core = start("arrow", world).unwrap();
    let make = |by: &str| {
        let wanted = json!({"by": by, "name": "CI", "scopes": ["devices:read"], "ttl": 86_400});
        core.create_key("acme", &serde_json::from_value(wanted).unwrap())
    };
    let refused = make("a@acme.example").unwrap_err().to_string();
    assert!(refused.contains("api_keys.manage"), "{refused}");
    assert!(make("b@acme.example").is_ok());
}

/// A test that is not asynchronous has the same server; it is gone when it is dropped.
#[test]
fn a_server_runs_beside_a_blocking_test() {
    let server = Server::builder(document("roboticks")).seed(7).clock(frozen()).start_blocking().unwrap();
    let address = server.base_url().trim_start_matches("http://").to_owned();
    let key = key(server.core(), ADA);
    let mut stream = std::net::TcpStream::connect(&address).unwrap();
    let head = format!("GET {DEVICES} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer {key}\r\n\r\n");
    std::io::Write::write_all(&mut stream, head.as_bytes()).unwrap();
    let mut answer = String::new();
    std::io::Read::read_to_string(&mut stream, &mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    drop(server);
    assert!(std::net::TcpStream::connect(&address).is_err());
}

/// Why a request was refused is told in a header only to those who ask for it.
#[test]
fn reasons_are_told_on_demand() {
    let reason = |tells: bool| {
        let core = Server::builder(document("roboticks")).reasons(tells).core().unwrap();
        core.handle(&get(DEVICES)).header("x-bitting-reason").to_owned()
    };
    assert_eq!((reason(true), reason(false)), ("missing".to_owned(), String::new()));
}
