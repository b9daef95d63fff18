//! Checks any server against its OpenAPI document, above all who gets in and who must not.
//!
//! [`plan`] says what can be checked with the credentials at hand and what cannot, and why. [`run`] does it against a
//! [`Target`] and gives a [`Report`]: one [`Verdict`] for every check and operation. The suite speaks HTTP by itself and
//! never uses the client runtime, so that it is free to send wrong credentials and no fault of the client hides one of
//! the server.

mod baseline;
mod check;
mod checks;
mod clock;
mod credentials;
mod error;
mod finding;
mod generate;
mod http;
mod options;
mod plan;
pub mod provision;
pub mod report;
mod run;
mod secret;
mod verdict;

pub use baseline::Baseline;
pub use check::{CheckInfo, Need, Phase};
pub use checks::checks;
pub use credentials::{Credentials, Login, OAuthClient, Principal, Role, Target};
pub use error::Error;
pub use finding::{Finding, Got, Severity};
pub use options::{Interrupt, Options};
pub use plan::{Plan, Planned, plan};
pub use provision::Provisioner;
pub use run::{Progress, run};
pub use secret::Secret;
pub use verdict::{Covered, Outcome, Report, Unmet, Verdict};
