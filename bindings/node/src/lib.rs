//! The Node extension module of bitting: a thin shell around `bitting-ffi`.
//!
//! It moves bytes and numbers and knows neither promises nor error classes; the JavaScript beside it (`lib/`) makes
//! those. Nothing here is global: an environment (the main thread, each worker) has an [`Inbox`](inbox::Inbox) of its
//! own, and a client is a [`Session`](session::Session).

mod batch;
pub mod inbox;
pub mod session;
