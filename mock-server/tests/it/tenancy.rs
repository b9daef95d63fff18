//! What a caller is told whose path names another organization: 403, or 404 where it is hidden (ROBOTICKS-6).

use std::sync::Arc;

use bitting_mock::{Core, Server, Tenancy};
use bitting_spec::Document;

use crate::stage::*;

const FOREIGN: [&str; 2] = ["/api/v1/organizations/globex/devices", "/api/v1/organizations/nowhere/devices"];

fn told(core: &Core) -> [u16; 2] {
    let key = key(core, ADA);
    FOREIGN.map(|target| status(&read(core, target, &key)))
}

fn with(tenancy: Tenancy) -> Arc<Core> {
    Server::builder(document("roboticks")).seed(7).clock(frozen()).tenancy(tenancy).core().unwrap()
}

/// Either policy tells the same of an organization that is there and of one that is not.
#[test]
fn a_foreign_organization_is_forbidden_or_hidden() {
    assert_eq!(told(&with(Tenancy::Forbid)), [403, 403]);
    let hiding = with(Tenancy::Hide);
    assert_eq!(told(&hiding), [404, 404]);
    let reasons: Vec<_> = hiding.journal().entries(&Default::default()).iter().map(|entry| entry.reason).collect();
    assert_eq!(reasons, [Some("wrong-organization"); 2], "the journal knows better");
}

/// The document may say it: `x-auth.tenant_isolation` with 404 and without 403.
#[test]
fn the_document_says_whether_it_is_hidden() {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../spec/openapi/roboticks.yaml")).unwrap();
    let hiding = text.replace("foreign_token: [403]", "foreign_token: [404]");
    assert_ne!(text, hiding);
    for (text, expected) in [(text, [403, 403]), (hiding, [404, 404])] {
        let core = Server::builder(Document::parse("t.yaml", &text).unwrap()).seed(7).clock(frozen()).core().unwrap();
        assert_eq!(told(&core), expected);
    }
}

/// M38: under either policy the defect tells which organizations there are.
#[test]
fn the_defect_tells_which_there_are() {
    for tenancy in [Tenancy::Forbid, Tenancy::Hide] {
        let core = with(tenancy);
        core.set_defect("M38", true).unwrap();
        assert_eq!(told(&core), [403, 404], "{tenancy:?}");
    }
}
