//! The journal shows what was asked and why it was refused, and no secret.

use bitting_mock::Wanted;

use crate::stage::*;

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
    let wanted = Wanted { since: 1, operation: Some("listDevices".into()), status: Some(401) };
    assert_eq!(core.journal().entries(&wanted).len(), 2);
}
