//! Rate limits as a test sets them: what is counted by, how a window moves, which headers tell of it.

use bitting_mock::{Core, MintKey, Outcome, RunningServer};
use serde_json::{Value, json};

use crate::stage::*;
use crate::wire::{Reply, control, read};

async fn limited(policy: &Value) -> RunningServer {
    let server = running("roboticks").await;
    assert_eq!(control(&server, "PUT", "/v1/rate-limits", policy).await.status, 204);
    server
}

fn statuses(core: &Core, secrets: &[&str]) -> Vec<u16> {
    let own = |secret: &&str| {
        let organization = if secret.starts_with("globex ") { "globex" } else { "acme" };
        let secret = secret.trim_start_matches("globex ");
        status(&crate::stage::read(core, &format!("/api/v1/organizations/{organization}/devices"), secret))
    };
    secrets.iter().map(own).collect()
}

/// ROBOTICKS-5: each scope counts by what it is called, and by nothing else.
#[tokio::test]
async fn each_scope_counts_by_its_own() {
    for (scope, expected) in [
        // ada's first key twice, her second key, bob's key, eve's key of another organization.
        ("credential", [200, 429, 200, 200, 200]),
        ("user", [200, 429, 429, 200, 200]),
        ("organization", [200, 429, 429, 429, 200]),
        ("address", [200, 429, 429, 429, 429]),
    ] {
        let server = limited(&json!({"limit": 1, "window": 60, "scope": scope})).await;
        let core = server.core();
        let (first, second, bob) = (key(core, ADA), key(core, ADA), key(core, BOB));
        let eve = format!("globex {}", key(core, EVE));
        assert_eq!(statuses(core, &[&first, &first, &second, &bob, &eve]), expected, "{scope}");
    }
}

/// ROBOTICKS-5: what is counted by the address is counted before anybody is asked who they are: logins, and whoever is
/// refused. Nobody's password can be guessed for ever.
#[tokio::test]
async fn an_address_is_counted_before_anybody_is_known() {
    let server = limited(&json!({"limit": 3, "window": 60, "scope": "address"})).await;
    let core = server.core();
    let guess = || core.handle(&post("/api/v1/auth/login", &json!({"email": ADA, "password": "a-wrong-guess"})));
    assert_eq!([guess(), guess(), guess()].map(|answer| status(&answer)), [401, 401, 401]);
    let refused = guess();
    assert_eq!((status(&refused), refused.header("retry-after")), (429, "60"));
    assert_eq!(status(&crate::stage::read(core, DEVICES, "no-key-at-all")), 429);
    let limited = crate::stage::read(core, DEVICES, &key(core, ADA));
    assert_eq!((status(&limited), limited.header("x-ratelimit-remaining")), (429, "0"));
    core.clock().advance(60).unwrap();
    assert_eq!(status(&guess()), 401);
}

/// A fixed window gives everything back at its end; a bucket gives requests back one by one.
#[tokio::test]
async fn windows_and_buckets_refill_differently() {
    for (algorithm, after_10, after_60) in
        [("fixed-window", [429, 429], [200, 200]), ("token-bucket", [200, 429], [200, 200])]
    {
        let server = limited(&json!({"limit": 6, "window": 60, "algorithm": algorithm})).await;
        let core = server.core();
        let key = key(core, ADA);
        assert_eq!(statuses(core, &[key.as_str(); 7]), [200, 200, 200, 200, 200, 200, 429], "{algorithm}");
        core.clock().advance(10).unwrap();
        assert_eq!(statuses(core, &[key.as_str(); 2]), after_10, "{algorithm}");
        core.clock().advance(50).unwrap();
        assert_eq!(statuses(core, &[key.as_str(); 2]), after_60, "{algorithm}");
    }
}

/// What a refused caller is told is true: waiting for just so long is enough, and a second less is not.
#[tokio::test]
async fn the_told_wait_is_enough_and_not_more() {
    for algorithm in ["fixed-window", "token-bucket"] {
        let server = limited(&json!({"limit": 2, "window": 60, "algorithm": algorithm})).await;
        let core = server.core();
        let key = key(core, ADA);
        statuses(core, &[key.as_str(); 2]);
        core.clock().advance(7).unwrap();
        let refused: Outcome = crate::stage::read(core, DEVICES, &key);
        let wait: i64 = refused.header("retry-after").parse().unwrap();
        assert_eq!((status(&refused), &refused.json()["retry_after"]), (429, &json!(wait)), "{algorithm}");
        core.clock().advance(wait - 1).unwrap();
        assert_eq!(statuses(core, &[&key]), [429], "{algorithm}");
        core.clock().advance(1).unwrap();
        assert_eq!(statuses(core, &[&key]), [200], "{algorithm}");
    }
}

/// The headers are those that were asked for, and no others.
#[tokio::test]
async fn headers_are_as_asked() {
    let told = |reply: &Reply| {
        let names =
            ["x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset", "ratelimit", "ratelimit-policy"];
        names.map(|name| reply.header(name).map(str::to_owned))
    };
    let text = |texts: [&str; 5]| texts.map(|text| (!text.is_empty()).then(|| text.to_owned()));
    let reset = (NOW + 60).to_string();
    for (headers, expected) in [
        ("x", ["5", "4", &reset, "", ""]),
        ("ietf", ["", "", "", "\"default\";r=4;t=60", "\"default\";q=5;w=60"]),
        ("none", ["", "", "", "", ""]),
    ] {
        let server = limited(&json!({"limit": 5, "window": 60, "headers": headers})).await;
        let key = key(server.core(), ADA);
        assert_eq!(told(&read(&server, DEVICES, &key).await), text(expected), "{headers}");
    }
}

/// A window is used up for one caller, for everybody, and until it ends or is begun anew.
#[tokio::test]
async fn a_window_is_used_up_on_demand() {
    let server = limited(&json!({"limit": 5, "window": 60})).await;
    let core = server.core();
    let minted = core.mint_key(&MintKey { user: ADA.into(), ..MintKey::default() }).unwrap();
    let bob = key(core, BOB);
    let both = || statuses(core, &[&minted.secret, &bob]);
    for (body, expected) in [(json!({"credential": minted.id}), [429, 200]), (Value::Null, [429, 429])] {
        assert_eq!(control(&server, "POST", "/v1/rate-limits/exhaust", &body).await.status, 204);
        assert_eq!(both(), expected, "{body}");
    }
    core.clock().advance(60).unwrap();
    assert_eq!(both(), [200, 200]);
    assert_eq!(control(&server, "POST", "/v1/rate-limits/exhaust", &Value::Null).await.status, 204);
    assert_eq!(both(), [429, 429]);
    assert_eq!(control(&server, "POST", "/v1/rate-limits/reset", &Value::Null).await.status, 204);
    assert_eq!(both(), [200, 200]);
}

/// A clock that goes back leaves the window: nobody waits for longer than it is.
#[tokio::test]
async fn a_clock_that_goes_back_locks_nobody_out() {
    let server = limited(&json!({"limit": 1, "window": 60})).await;
    let key = key(server.core(), ADA);
    server.core().clock().advance(86_400).unwrap();
    assert_eq!(statuses(server.core(), &[&key, &key]), [200, 429]);
    server.core().clock().advance(-86_400).unwrap();
    assert_eq!(statuses(server.core(), &[&key, &key]), [200, 429]);
}
