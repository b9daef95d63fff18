//! The suite is tested the way it will be used: against a server.
//!
//! - `defects`: each deliberate defect of the reference server is found, by a check that is about it.
//! - `clean`: the server without defects is never accused, whatever the seed.
//! - `liars`: answers that lie are reported, and nothing hangs or dies of them.
//! - `http2`: the same in HTTP/2, and fair servers of it.
//! - `reports`: what people and machines read, and that no secret is in it.
//! - `outputs`: what programs and browsers read, and what a run is held to.
//! - `provisioners`: programs that make credentials to order.
//! - `ordinary`: documents as the world writes them.
//! - `buggy`: faults that only generated requests meet are found and made small.
//! - `logins`: logins as plain documents have them, and a run that knows nobody.
//! - `rules`: nothing that the design asks for is lost, and every check explains itself.
//! - `sloppy`: a small server, once in order and once not.
//! - `safety`: a run leaves everything as it was.
//! - `settings`: one file that says everything.
//! - `tls`: servers behind TLS.
//! - `errors`: what keeps a run from beginning is said at once.

mod buggy;
mod clean;
mod defects;
mod errors;
mod http2;
mod liars;
mod logins;
mod ordinary;
mod outputs;
mod provisioners;
mod reports;
mod rules;
mod safety;
mod settings;
mod sloppy;
mod tls;

use std::sync::Arc;

use bitting_conformance::provision::ControlPlane;
use bitting_conformance::{Credentials, Options, Outcome, Report, Target, run};
use bitting_mock::{RunningServer, Server};
use bitting_spec::Document;

/// One of the four documents, under a name that does not depend on where the repository is.
fn document(name: &str) -> Document {
    let folder = format!("{}/../spec/openapi", env!("CARGO_MANIFEST_DIR"));
    let reader = |path: &str| std::fs::read_to_string(format!("{folder}/{}", path.rsplit('/').next().unwrap_or(path)));
    Document::load(&format!("spec/openapi/{name}.yaml"), &reader).expect("the document is valid")
}

/// A fifth document, with what none of the four has.
fn workshop() -> Document {
    Document::parse("workshop.yaml", include_str!("workshop.yaml")).expect("the document is valid")
}

/// The reference server, with a defect if one is named.
async fn server(document: &Document, defect: Option<&str>, seed: u64) -> RunningServer {
    let mut builder = Server::builder(document.clone()).seed(seed);
    if let Some(defect) = defect {
        builder = builder.defect(defect).expect("there is such a defect");
    }
    builder.start().await.expect("it starts")
}

/// The server as a target, its control plane as the provisioner.
async fn target(document: &Document, server: &RunningServer) -> Target {
    let control = ControlPlane::new(server.control_url(), server.control_token()).expect("its URL is one");
    let credentials = Credentials::provisioned(document, Arc::new(control)).await.expect("it has users");
    Target { base_url: server.base_url().to_owned(), credentials }
}

/// Runs the suite against the reference server.
async fn check(document: &Document, defect: Option<&str>, options: Options) -> Report {
    let server = server(document, defect, 7).await;
    let target = target(document, &server).await;
    let report = run(document, target, options, |_| {}).await.expect("it runs");
    server.shutdown().await;
    report
}

/// The ids of the checks that failed, notes included.
fn failed(report: &Report) -> Vec<&'static str> {
    let mut ids: Vec<&str> = report.findings().iter().map(|finding| finding.check).collect();
    ids.dedup();
    ids
}

/// What was skipped, with the reason.
fn skipped(report: &Report) -> Vec<String> {
    let skip = |verdict: &bitting_conformance::Verdict| match &verdict.outcome {
        Outcome::Skip { reason } => Some(format!("{} on {}: {reason}", verdict.check, verdict.operation)),
        _ => None,
    };
    report.verdicts.iter().filter_map(skip).collect()
}
