//! The reference server: it behaves as an OpenAPI document says, credentials included.
//!
//! It keeps state, knows which keys are revoked and which tokens have expired, keeps organizations apart, limits
//! rates, travels in time, and breaks on purpose. [`Core`] is the server without any network; the fronts carry its
//! answers: [`Server`] over HTTP, `Responder` inside a wiremock server (feature `wiremock`).
//!
//! ```no_run
//! # async fn example(document: bitting_spec::Document) -> Result<(), Box<dyn std::error::Error>> {
//! use bitting_mock::{Clock, Server};
//!
//! let server = Server::builder(document).seed(7).clock(Clock::real()).start().await?;
//! println!("{} is controlled at {}", server.base_url(), server.control_url());
//! server.core().clock().advance(3600)?; // every token that was issued so far has expired
//! server.shutdown().await;
//! # Ok(())
//! # }
//! ```
//!
//! It trusts no client, and only [`Clock`] reads the wall clock.

mod authenticate;
mod behaviour;
mod cache;
mod clock;
mod collection;
mod control;
mod core;
mod defect;
mod exchange;
mod fake;
mod fault;
mod front;
mod journal;
mod object;
mod pages;
mod plan;
mod rate;
mod refuse;
#[cfg(feature = "wiremock")]
mod respond;
mod route;
mod scheme;
mod server;
mod step;
mod token;
mod validate;
mod world;

pub use self::core::misfit::Misfit;
pub use self::core::{Core, CreateKey, KeyError, MintError, MintKey, MintToken, Minted, Tamper};
pub use clock::{Clock, ClockError, Reading, Setting};
pub use defect::{Defect, UnknownDefect, defects, find as find_defect};
pub use exchange::{Delivery, Manner, Outcome, Request};
pub use fault::{Effect, Fault, Gates, Plan as FaultPlan, RetryAfter, Stage};
pub use journal::{Difference, Entry, Expectation, Journal, Match, Miss, Times, Verdict, Wanted};
pub use rate::{Algorithm as RateAlgorithm, Headers as RateHeaders, Policy, Scope as RateScope};
#[cfg(feature = "wiremock")]
pub use respond::Responder;
pub use server::{BlockingServer, Builder, RunningServer, Server, StartError};
pub use step::{Step, Tenancy};
pub use token::Algorithm;
pub use world::{
    KeyInfo, Organization, Permission, Person, Population, StatedClient, StatedKey, StatedObjects, WorldError,
};
