//! Checks any server against its OpenAPI document, above all who gets in and who must not.
//!
//! [`plan`] says what can be checked with the credentials at hand and what cannot, and why. [`run`] does it against a
//! [`Target`] and gives a [`Report`]: one [`Verdict`] for every check and operation. The suite speaks HTTP by itself and
//! never uses the client runtime, so that it is free to send wrong credentials and no fault of the client hides one of
//! the server.
//!
//! In a test of one's own server (here the reference server stands for it):
//!
//! ```
//! use bitting_conformance::{Credentials, Options, Principal, Role, Target, report, run};
//! # use bitting_mock::{MintKey, Server};
//! use bitting_spec::Document;
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../spec/openapi/arrow.yaml");
//! let document = Document::parse("arrow.yaml", &std::fs::read_to_string(file)?)?;
//! # let server = Server::builder(document.clone()).start().await?;
//! # let order = MintKey { user: "ada@acme.example".to_owned(), ..MintKey::default() };
//! # let key = server.core().mint_key(&order)?.secret;
//! let valid = Principal {
//!     organization: Some("acme".to_owned()),
//!     secrets: [("ArrowKey".to_owned(), key.as_str().into())].into(),
//!     ..Principal::default()
//! };
//! let target = Target {
//!     base_url: server.base_url().to_owned(),
//!     credentials: Credentials::default().with(Role::Valid, valid),
//! };
//! let options = Options {
//!     operations: vec!["listDevices".to_owned()],
//!     // What has to be checked for the test to mean anything: else it fails, and says what to give.
//!     require: vec!["credentials.*".to_owned(), "response.*".to_owned()],
//!     ..Options::default()
//! };
//! let report = run(&document, target, options, |_| {}).await?;
//! assert_eq!(report.exit_code(), 0, "{}", report::terminal(&report, false));
//! # Ok(())
//! # }
//! ```

mod baseline;
mod check;
mod checks;
mod clock;
mod credentials;
mod error;
mod finding;
mod generate;
mod http;
mod infer;
mod jwk;
mod options;
mod plan;
pub mod provision;
pub mod report;
mod run;
mod secret;
mod settings;
mod verdict;

pub use baseline::Baseline;
pub use check::{CheckInfo, Need, Phase};
pub use checks::{checks, shortened};
pub use clock::Stopwatch;
pub use credentials::{Credentials, Login, OAuthClient, Principal, Role, Target};
pub use error::Error;
pub use finding::{Finding, Got, Sent, Severity};
pub use http::fetch;
pub use options::{Data, Fixture, Interrupt, Level, Options, Rule};
pub use plan::{Plan, Planned, plan};
pub use provision::Provisioner;
pub use run::{Progress, run};
pub use secret::Secret;
pub use settings::{Settings, duration, starter};
pub use verdict::{Covered, Outcome, Report, Shortfall, Unmet, Verdict};
