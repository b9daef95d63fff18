//! API clients whose authentication is right under concurrency.
//!
//! An operation table (written by the generator from an OpenAPI document, see [`table`]) and a set of credentials make a
//! [`Client`]. Every call takes one way: operation table and arguments, request, authorize, send, refresh or retry,
//! response. The generated crates add types on top of it; the Python and Node packages run on the same pipeline.
//!
//! ```no_run
//! # async fn example(table: &str) -> Result<(), Box<dyn std::error::Error>> {
//! use std::sync::Arc;
//!
//! use bitting::{Call, Client, table};
//!
//! let api: table::Api = serde_json::from_str(table)?;
//! let client = Client::builder(Arc::new(api)).login("ada@example.com", "a password").build()?;
//! let call = Call::new("listDevices").argument("org_slug", "acme").argument("limit", 10);
//! let response = client.call(call).await?; // logs in, refreshes, waits out a 429
//! println!("{} after {} attempts", response.status, response.meta.attempts);
//! # Ok(())
//! # }
//! ```
//!
//! What holds, in short (the ids stand in the tests): one refresh in flight per credential, whoever is cancelled (A1,
//! A2); a token that is still valid is served while its successor is fetched (A6); a 401 renews once, and only the
//! token that was refused (A10); a 429 holds back every task of the credential (C6); nothing is sent twice that might
//! have been done (C10); a credential goes to the API's own origins only, over https or loopback (B4, B5), and is never
//! printed (B7, B8).

mod assemble;
mod attach;
mod body;
mod builder;
mod call;
mod client;
mod clock;
mod credentials;
mod error;
#[cfg(feature = "inside")]
#[doc(hidden)]
pub mod inside;
mod limit;
pub mod oauth;
mod open_enum;
mod origin;
mod pages;
mod pipeline;
mod plan;
#[cfg(test)]
mod proof;
mod request;
mod response;
mod retry;
#[cfg(shuttle)]
pub mod schedules;
mod secret;
pub mod store;
mod sync;
mod telemetry;
mod token;
mod transport;
mod typed;

pub use bitting_spec::{extension, table};
pub use body::{Body, Part};
pub use builder::ClientBuilder;
pub use call::{Call, CallOptions};
pub use client::{AuthView, Background, Client};
pub use clock::{BoxFuture, Clock, ManualClock, Now, TokioClock};
pub use credentials::{Credential, CredentialReport, CredentialSource};
pub use error::{
    ApiError, DecodeError, Error, ErrorKind, Problem, RequestError, ScopeError, TokenError, TransportError,
};
pub use futures_util::Stream;
pub use limit::RateLimitState;
pub use pages::{Pages, next_page};
pub use response::{Meta, Response};
pub use secret::Secret;
#[doc(hidden)]
pub use serde;
pub use typed::{Decode, Json, Request, Success};
