//! The suite against servers that were not made for it: a vendor's API in plain OpenAPI, with one defect at a time.

mod clock;
mod defects;
mod orchard;
mod schema;
mod wire;

use std::sync::Arc;

use bitting_conformance::{Credentials, Options, Report, Target, report, run};
use bitting_spec::Document;

use orchard::Orchard;
use orchard::provision::Control;

/// What a server allows each credential: requests, and the window in milliseconds.
pub(crate) const USUAL_LIMIT: (u64, i64) = (100_000, 60_000);

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

fn document(setting: Setting) -> Document {
    let document = match setting {
        Setting::Plain => Document::parse("orchard.yaml", DOCUMENT),
        _ => Document::parse_with_overlay("orchard.yaml", DOCUMENT, "orchard.overlay.yaml", OVERLAY),
    };
    document.expect("it is valid")
}

async fn check(setting: Setting, defect: Option<&'static str>, options: Options) -> Report {
    let document = document(setting);
    let few = defect.is_some_and(|id| id.starts_with("RL"));
    let (limit, window) = if few && setting != Setting::Provisioned { (60, 3_000) } else { USUAL_LIMIT };
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

/// Measures by hand: `BITTING_DEFECTS=AU01,AU02 cargo test -p bitting-conformance --test strict measure -- --nocapture`.
#[tokio::test(flavor = "multi_thread")]
async fn measure() {
    let Ok(wanted) = std::env::var("BITTING_DEFECTS") else { return };
    let setting = match std::env::var("BITTING_SETTING").as_deref() {
        Ok("plain") => Setting::Plain,
        Ok("provisioned") => Setting::Provisioned,
        _ => Setting::Described,
    };
    let cases = std::env::var("BITTING_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(40);
    let seed = std::env::var("BITTING_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(0);
    if wanted == "none" {
        let report = check(setting, None, Options { max_cases: cases, seed, ..Options::default() }).await;
        println!("{}", report::terminal(&report, false));
        for verdict in &report.verdicts {
            if let bitting_conformance::Outcome::Skip { reason } = &verdict.outcome {
                println!("SKIP {} {}: {reason}", verdict.check, verdict.operation);
            }
        }
        for operation in report.operations.iter().filter(|operation| !operation.reached) {
            println!("UNREACHED {}", operation.id);
        }
        println!("{} cases in {:?}", report.cases, report.elapsed);
        return;
    }
    for defect in defects::DEFECTS {
        if wanted != "all" && !wanted.split(',').any(|one| defect.id.starts_with(one)) {
            continue;
        }
        let only = if std::env::var("BITTING_WHOLE").is_ok() { Vec::new() } else { vec![defect.check.to_owned()] };
        let options = Options { max_cases: cases, seed, only, ..Options::default() };
        let report = check(setting, Some(defect.id), options).await;
        let found: Vec<String> = report
            .findings()
            .iter()
            .map(|one| {
                format!(
                    "{}{}:{}",
                    one.check,
                    if one.severity == bitting_conformance::Severity::Note { "(note)" } else { "" },
                    one.operation
                )
            })
            .collect();
        println!(
            "{} {} {:5.1}s {} {} -> {}",
            if found.is_empty() { "MISS" } else { "ok  " },
            defect.id,
            report.elapsed.as_secs_f64(),
            defect.requirement,
            defect.says,
            found.join(" ")
        );
        if std::env::var("BITTING_VERBOSE").is_ok() {
            println!("{}", report::terminal(&report, false));
        }
    }
}
