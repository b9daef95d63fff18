//! Every schedule that shuttle tries must keep what the sources promise. `cargo test -p bitting-schedules` tries 200,000
//! random ones in all, and 40,000 that look for rare faults (PCT); `BITTING_SCHEDULES` says another number per scene.

use bitting_schedules::schedules;

/// How many schedules of each scene are tried.
fn count() -> usize {
    std::env::var("BITTING_SCHEDULES").ok().and_then(|text| text.parse().ok()).unwrap_or(40_000)
}

/// A1, A2: one request for a token at a time, whoever is dropped; nobody is forgotten, and generations only grow.
#[test]
fn a_crowd_shares_one_token() {
    schedules::crowd(count());
}

/// A10: late refusals of one generation renew it once.
#[test]
fn late_refusals_renew_once() {
    schedules::refusals(count());
}

/// C6, C8, C14: permits are conserved and nobody at the gate is forgotten, with refusals and with callers who go away.
#[test]
fn the_gate_forgets_nobody() {
    schedules::gate(count());
}

/// C6: a probe goes alone.
#[test]
fn the_probe_goes_alone() {
    schedules::probe(count());
}

/// C9: a budget never holds more than it began with, and never pays what it does not have.
#[test]
fn the_budget_is_conserved() {
    schedules::budget(count());
}
