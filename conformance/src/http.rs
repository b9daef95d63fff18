//! The suite's own HTTP: requests as they are meant, answers as they came, no redirect followed, nothing unbounded.

mod answer;
mod client;
mod curl;
mod raw;
mod request;
mod vault;

pub(crate) use answer::{Answer, Broken};
pub use client::fetch;
pub(crate) use client::{Base, Client};
pub(crate) use curl::{curl, taken};
pub(crate) use raw::bytes_behind_head;
pub(crate) use request::Request;
pub(crate) use vault::{Variable, Vault, cut};

/// A request with what came back.
#[derive(Debug, Clone)]
pub(crate) struct Exchange {
    pub(crate) request: Request,
    pub(crate) answer: Answer,
}
