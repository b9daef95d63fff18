//! The suite against servers that were not made for it: APIs as vendors write them, strict and in order, and then with
//! one defect at a time.
//!
//! - `orchard`: OpenAPI 3.1, JWT with refresh tokens, API keys, organizations in the path and by the credential.
//! - `parcel`: OpenAPI 3.0, a key of its own header or a client's token, numbered pages, ids that are numbers.
//! - `bills`: objects with states, in which one action needs another before it.
//! - `sequences`: a library whose faults show in a sequence of calls alone.
//! - `life`: tokens that end while the suite watches.
//!
//! None of them knows the suite, and the suite knows none of them: what is missed here is made up for by rules about every
//! server, never by one about these.

mod bills;
mod clock;
mod defects;
mod life;
mod orchard;
mod parcel;
mod schema;
mod sequences;
mod wire;

use std::collections::BTreeSet;
use std::sync::Arc;

use bitting_conformance::{Credentials, Options, Report, Severity, Target, report, run};
use bitting_spec::Document;
use tokio::task::JoinSet;

use defects::{DEFECTS, Defect, PARCEL_DEFECTS};
use orchard::Orchard;
use orchard::provision::Control;
use parcel::Parcel;

/// What a server allows each credential: requests, and the window in milliseconds.
pub(crate) const USUAL_LIMIT: (u64, i64) = (100_000, 60_000);
/// A limit that can be reached.
const LOW_LIMIT: (u64, i64) = (60, 3_000);
/// How many servers are checked at one time.
const AT_ONCE: usize = 4;

const DOCUMENT: &str = include_str!("orchard.yaml");
const OVERLAY: &str = include_str!("orchard.overlay.yaml");

/// How the suite gets to know the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Setting {
    /// The vendor's document and a file of principals.
    Plain,
    /// The document with an overlay, and a file of principals.
    Described,
    /// The document with an overlay, and a provisioner.
    Provisioned,
}

/// What no check can tell, and why.
const UNSEEN: &[(&str, &[Setting], &str)] = &[
    ("AU07", &[Setting::Plain, Setting::Described], "nobody makes a token whose life has not begun"),
    ("AU08", &[Setting::Plain, Setting::Described], "nobody makes a token for another audience"),
    ("AU32", &[Setting::Plain], "the document does not say in a field that refresh tokens rotate"),
    ("AU40", &[Setting::Provisioned], "the provisioner names nobody who may do less and logs in"),
    ("RL16", &[Setting::Plain], "the document does not say in a field what Reset counts in"),
    ("ST17", &[Setting::Plain, Setting::Described], "a reading has no id to look for"),
];

fn document(setting: Setting) -> Document {
    let document = match setting {
        Setting::Plain => Document::parse("orchard.yaml", DOCUMENT),
        _ => Document::parse_with_overlay("orchard.yaml", DOCUMENT, "orchard.overlay.yaml", OVERLAY),
    };
    document.expect("it is valid")
}

async fn check(setting: Setting, defect: Option<&'static str>, options: Options) -> Report {
    let document = document(setting);
    let is_limit = defect.is_some_and(|id| id.starts_with("RL"));
    let (limit, window) = if is_limit && setting != Setting::Provisioned { LOW_LIMIT } else { USUAL_LIMIT };
    let orchard = Arc::new(Orchard::new(document.clone(), defect, limit, window));
    let origin = wire::serve(Arc::clone(&orchard)).await;
    let credentials = match setting {
        Setting::Provisioned => {
            Credentials::provisioned(&document, Arc::new(Control(orchard))).await.expect("it has users")
        }
        _ => orchard.principals(),
    };
    let target = Target { base_url: format!("{origin}/v1"), credentials };
    run(&document, target, options, |_| {}).await.expect("it runs")
}

/// The defects that are tried in a setting: a provisioner changes what there is to know about credentials and limits.
fn tried(setting: Setting) -> impl Iterator<Item = &'static Defect> {
    let families: &[&str] = if setting == Setting::Provisioned { &["AU", "SC", "RL"] } else { &[""] };
    DEFECTS.iter().filter(|defect| families.iter().any(|family| defect.id.starts_with(family)))
}

/// Every defect that its own check finds in this setting, four servers at a time.
async fn found(setting: Setting) -> BTreeSet<&'static str> {
    let (mut waiting, mut found) = (tried(setting), BTreeSet::new());
    let mut under_way: JoinSet<Option<&'static str>> = JoinSet::new();
    loop {
        while under_way.len() < AT_ONCE
            && let Some(defect) = waiting.next()
        {
            under_way.spawn(try_one(setting, defect));
        }
        match under_way.join_next().await {
            Some(id) => found.extend(id.expect("no check panics")),
            None => return found,
        }
    }
}

async fn try_one(setting: Setting, defect: &'static Defect) -> Option<&'static str> {
    let is_generated = ["input.", "response.", "leak."].iter().any(|family| defect.check.starts_with(family));
    let max_cases = if is_generated { 60 } else { 4 };
    let options = Options { only: vec![defect.check.to_owned()], max_cases, ..Options::default() };
    let report = check(setting, Some(defect.id), options).await;
    report.findings().iter().any(|finding| finding.check == defect.check).then_some(defect.id)
}

async fn exactly_what_can_be_told_is_found(setting: Setting) {
    let found = found(setting).await;
    let unseen = |id: &str| UNSEEN.iter().any(|(known, settings, _)| *known == id && settings.contains(&setting));
    let missed: Vec<String> = tried(setting)
        .filter(|defect| !found.contains(defect.id) && !unseen(defect.id))
        .map(|defect| format!("{} ({}) {}: {} is silent", defect.id, defect.requirement, defect.says, defect.check))
        .collect();
    assert_eq!(missed, Vec::<String>::new());
    let surprising: Vec<&str> = found.into_iter().filter(|id| unseen(id)).collect();
    assert_eq!(surprising, Vec::<&str>::new(), "these are found now: take them out of the list");
}

/// LA01 to LX08, from the vendor's own document: names and shapes have to tell logins, limits and organizations.
#[tokio::test(flavor = "multi_thread")]
async fn plain_openapi_and_a_file_of_principals_are_enough() {
    exactly_what_can_be_told_is_found(Setting::Plain).await;
}

/// LA01 to LX08, with what the extensions say and tokens that only a provisioner makes.
#[tokio::test(flavor = "multi_thread")]
async fn a_provisioner_shows_the_rest() {
    exactly_what_can_be_told_is_found(Setting::Provisioned).await;
}

/// What the overlay adds to the file of principals.
#[tokio::test(flavor = "multi_thread")]
async fn an_overlay_says_what_names_do_not() {
    for id in ["AU32", "RL16", "TE05", "AU33"] {
        let defect = DEFECTS.iter().find(|defect| defect.id == id).expect("it is in the table");
        assert_eq!(try_one(Setting::Described, defect).await, Some(id), "{}", defect.says);
    }
}

/// Whatever the seed and the setting, the server in order is not accused and every operation is reached.
#[tokio::test(flavor = "multi_thread")]
async fn the_server_in_order_is_not_accused() {
    let seeds = std::env::var("BITTING_SEEDS").ok().map_or(1, |text| text.parse().expect("BITTING_SEEDS is a number"));
    for seed in 0..seeds {
        for setting in [Setting::Plain, Setting::Described, Setting::Provisioned] {
            let report = check(setting, None, Options { seed, ..Options::default() }).await;
            let findings = report.findings();
            assert!(findings.is_empty(), "{setting:?}, seed {seed}\n{}", report::terminal(&report, false));
            let unreached: Vec<&str> =
                report.operations.iter().filter(|one| !one.reached).map(|one| one.id.as_str()).collect();
            assert_eq!(unreached, Vec::<&str>::new(), "{setting:?}, seed {seed}");
        }
    }
}

async fn check_parcel(defect: Option<&'static str>, options: Options) -> Report {
    let document = Document::parse("parcel.yaml", include_str!("parcel.yaml")).expect("it is valid");
    let base_url = wire::serve(Arc::new(Parcel::new(&document, defect))).await;
    let target = Target { base_url, credentials: parcel::principals() };
    run(&document, target, options, |_| {}).await.expect("it runs")
}

/// LA01 to LX08 in another style: what was learnt from one vendor holds for the next.
#[tokio::test(flavor = "multi_thread")]
async fn another_style_is_understood_as_well() {
    let mut missed = Vec::new();
    for defect in PARCEL_DEFECTS {
        let options = Options { only: vec![defect.check.to_owned()], max_cases: 30, ..Options::default() };
        let report = check_parcel(Some(defect.id), options).await;
        if !report.findings().iter().any(|finding| finding.check == defect.check) {
            missed.push(format!("{} ({}) {}: {} is silent", defect.id, defect.requirement, defect.says, defect.check));
        }
    }
    assert_eq!(missed, Vec::<String>::new());
    for seed in 0..2 {
        let report = check_parcel(None, Options { seed, ..Options::default() }).await;
        // That its token endpoint does not name its errors as RFC 6749 has them is noted.
        assert!(!report.failed(), "seed {seed}\n{}", report::terminal(&report, false));
        assert!(report.operations.iter().all(|one| one.reached), "seed {seed}: {:?}", report.operations);
    }
}

/// Each defect of the table stands in the server, once by its id and nowhere without.
#[test]
fn the_table_is_complete() {
    let mut source = [
        include_str!("orchard.rs"),
        include_str!("orchard/auth.rs"),
        include_str!("orchard/handlers.rs"),
        include_str!("orchard/handlers/alerts.rs"),
        include_str!("orchard/handlers/sensors.rs"),
        include_str!("orchard/keys.rs"),
        include_str!("orchard/limits.rs"),
        include_str!("orchard/session.rs"),
    ]
    .concat();
    source.push_str(include_str!("defects.rs").split("fn ignored_keyword").nth(1).expect("it is there"));
    let unknown: Vec<&str> =
        DEFECTS.iter().map(|defect| defect.id).filter(|id| !source.contains(&format!("\"{id}\""))).collect();
    assert_eq!(unknown, Vec::<&str>::new());
    let ids: BTreeSet<&str> = DEFECTS.iter().map(|defect| defect.id).collect();
    assert_eq!(ids.len(), DEFECTS.len());
}

/// What the whole suite says of one defect, for whoever looks into it:
/// `BITTING_DEFECTS=AU01,AU02 cargo test -p bitting-conformance --test strict shown -- --nocapture`.
#[tokio::test(flavor = "multi_thread")]
async fn defects_that_are_asked_for_are_shown() {
    let Ok(wanted) = std::env::var("BITTING_DEFECTS") else { return };
    for defect in DEFECTS.iter().filter(|defect| wanted.split(',').any(|one| defect.id.starts_with(one))) {
        let report = check(Setting::Plain, Some(defect.id), Options::default()).await;
        println!("{}: {}\n{}", defect.id, defect.says, report::terminal(&report, false));
        assert!(report.findings().iter().any(|finding| finding.severity >= Severity::Note), "{}", defect.id);
    }
}
