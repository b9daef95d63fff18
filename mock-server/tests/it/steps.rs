//! Each step of the decision can be left out, and no other is.

use bitting_mock::{Core, MintKey, Outcome, Request, Step};
use serde_json::json;

use crate::stage::*;

const EVERY: [Step; 6] =
    [Step::Credential, Step::RateLimit, Step::Organization, Step::Scope, Step::Validation, Step::SelfCheck];

/// What each step refuses, in the order of the steps; the own answer is right and never refused.
fn refusals(core: &Core, arrow: &Core) -> Vec<u16> {
    let limited = core.mint_key(&MintKey { user: ADA.into(), ..MintKey::default() }).unwrap();
    let body = |request: Request| request.with_json(&json!({"name": 5}));
    let narrow = MintKey { user: ADA.into(), scopes: Some(["users:read".into()].into()), ..MintKey::default() };
    let narrow = arrow.mint_key(&narrow).unwrap().secret;
    (0..1000).for_each(|_| drop(read(core, DEVICES, &limited.secret)));
    let answers: [Outcome; 5] = [
        core.handle(&get(DEVICES)),
        read(core, DEVICES, &limited.secret),
        read(core, DEVICES, &key(core, EVE)),
        arrow.handle(&get("/api/v1/devices").with_header("x-api-key", &narrow)),
        core.handle(&body(bearer(Request::new(http::Method::POST, DEVICES), &key(core, ADA)))),
    ];
    answers.iter().map(status).collect()
}

#[test]
fn each_step_can_be_left_out() {
    let right = [401, 429, 403, 403, 422];
    for (index, step) in EVERY.into_iter().enumerate() {
        let (core, arrow) = (core("roboticks"), core("arrow"));
        assert_eq!(refusals(&core, &arrow), right);
        core.skip(&[step]);
        arrow.skip(&[step]);
        assert_eq!(core.skipped(), [step]);
        let seen = refusals(&core, &arrow);
        for (place, (seen, right)) in seen.into_iter().zip(right).enumerate() {
            let is_its_own = place == index;
            // Whoever is let in unseen is at home everywhere and has no limit of a key and no scopes.
            let is_let_in = step == Step::Credential;
            assert!(
                seen == right && !is_its_own || seen != right && (is_its_own || is_let_in),
                "{step:?} {place}: {seen}"
            );
        }
        core.skip(&[]);
        assert_eq!(core.skipped(), []);
    }
}

/// What was answered while a step was left out is not answered again once it is taken.
#[test]
fn a_step_that_comes_back_finds_no_old_answers() {
    let core = core("roboticks");
    let key = key(&core, ADA);
    let asked = || status(&read(&core, &format!("{DEVICES}?limit=abc"), &key));
    assert_eq!(asked(), 422);
    core.skip(&[Step::Validation]);
    assert_eq!(asked(), 200);
    core.skip(&[]);
    assert_eq!(asked(), 422);
}
