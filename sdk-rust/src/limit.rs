//! Rate limits: what a server says about them, and how every task of a credential heeds it.

mod flow;
mod gate;
mod headers;
mod number;
mod quota;

use std::time::SystemTime;

pub(crate) use gate::{Gate, Patience, Permit, Place, Shut};
pub(crate) use headers::{Answer, Dialect};
#[cfg(feature = "inside")]
pub(crate) use number::{LARGEST, http_date, seconds};
pub(crate) use quota::Quota;

/// What a server's answer says about its rate limit (ROBOTICKS-5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct RateLimitState {
    /// Requests per window.
    pub limit: Option<u64>,
    /// Requests left in this window.
    pub remaining: Option<u64>,
    /// When the window ends, by this machine's clock.
    pub reset_at: Option<SystemTime>,
}
