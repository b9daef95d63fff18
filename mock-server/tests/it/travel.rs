//! Time travel that really expires tokens: everything timed obeys the server's clock.

use bitting_mock::{MintKey, MintToken, Server, Setting, Tamper};

use crate::stage::*;

/// ROBOTICKS-2, LA05: a token of an hour lives for an hour, to the second.
#[test]
fn tokens_expire_when_the_clock_says_so() {
    let core = core("roboticks");
    let token = token(&core, ADA, Tamper::None);
    core.clock().advance(3599).unwrap();
    assert_eq!(status(&read(&core, DEVICES, &token)), 200);
    core.clock().advance(1).unwrap();
    assert_eq!(status(&read(&core, DEVICES, &token)), 401);
    core.clock().advance(-2).unwrap();
    assert_eq!(status(&read(&core, DEVICES, &token)), 200, "back in its life");
}

/// A clock that runs into the end of the year 9999 stays there, and everything is answered.
#[test]
fn a_clock_at_the_end_of_time_breaks_nothing() {
    let core = core("roboticks");
    let key = key(&core, ADA);
    core.clock().set(Setting::Frozen { at: Some("9999-12-31T23:59:59Z".parse().unwrap()) }).unwrap();
    core.clock().set(Setting::Scaled { scale: 1e6 }).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(20));
    let answer = read(&core, DEVICES, &key);
    assert_eq!((status(&answer), answer.header("date")), (200, "Fri, 31 Dec 9999 23:59:59 GMT"));
}

#[test]
fn keys_expire_and_early_tokens_become_valid() {
    let core = core("roboticks");
    let wanted = MintKey { user: ADA.into(), ttl: Some(60), ..MintKey::default() };
    let key = core.mint_key(&wanted).unwrap().secret;
    let early = token(&core, ADA, Tamper::NotYetValid);
    assert_eq!((status(&read(&core, DEVICES, &key)), status(&read(&core, DEVICES, &early))), (200, 401));
    core.clock().advance(3600).unwrap();
    assert_eq!((status(&read(&core, DEVICES, &key)), status(&read(&core, DEVICES, &early))), (401, 200));
}

#[test]
fn a_life_of_ones_own_is_kept() {
    let core = core("roboticks");
    let wanted = MintToken { user: ADA.into(), ttl: Some(5), ..MintToken::default() };
    let token = core.mint_token(&wanted).unwrap().secret;
    assert_eq!(status(&read(&core, DEVICES, &token)), 200);
    core.clock().advance(5).unwrap();
    assert_eq!(status(&read(&core, DEVICES, &token)), 401);
}

/// The `Date` header is the server's time, so that a client can see how far the clocks are apart.
#[test]
fn the_date_header_is_the_servers_time() {
    let core = core("roboticks");
    assert_eq!(core.handle(&get("/")).header("date"), "Sat, 21 Nov 2026 12:00:00 GMT");
    core.clock().advance(86_400).unwrap();
    assert_eq!(core.handle(&get("/")).header("date"), "Sun, 22 Nov 2026 12:00:00 GMT");
}

/// Real and scaled time go on; frozen time does not.
#[test]
fn the_modes_run_as_they_say() {
    let core = Server::builder(document("roboticks")).core().unwrap();
    let token = token(&core, ADA, Tamper::None);
    assert_eq!(status(&read(&core, DEVICES, &token)), 200);
    core.clock().set(Setting::Offset { offset: 7200 }).unwrap();
    assert_eq!(status(&read(&core, DEVICES, &token)), 401);
    core.clock().set(Setting::Frozen { at: None }).unwrap();
    let (first, second) = (core.clock().now(), core.clock().now());
    assert_eq!(first, second);
    core.clock().set(Setting::Scaled { scale: 1e6 }).unwrap();
    let start = core.clock().unix();
    std::thread::sleep(std::time::Duration::from_millis(20));
    assert!(core.clock().unix() - start >= 20_000);
}

/// A snapshot brings back the world, the rate limits and the clock.
#[test]
fn a_snapshot_is_come_back_to() {
    let core = core("roboticks");
    let key = key(&core, ADA);
    let id = first_id(&core, DEVICES, &key);
    let snapshot = core.snapshot();
    let delete = bitting_mock::Request::new(http::Method::DELETE, format!("{DEVICES}/{id}"));
    assert_eq!(status(&core.handle(&bearer(delete, &key))), 204);
    core.clock().advance(10).unwrap();
    assert!(core.restore(snapshot) && core.restore(snapshot));
    let page = read(&core, DEVICES, &key);
    assert_eq!((page.json()["total"].clone(), page.header("x-ratelimit-remaining")), (45.into(), "998"));
    assert_eq!(core.clock().unix(), NOW);
    assert!(!core.restore(99));
    core.reset();
    assert_eq!(status(&read(&core, DEVICES, &key)), 401, "a minted key is gone after a reset");
}
