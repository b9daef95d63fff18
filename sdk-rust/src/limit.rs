//! Rate limits: what a server says about them, and how every task of a credential heeds it.

mod gate;
mod headers;
mod number;

use std::time::SystemTime;

pub(crate) use gate::{Gate, Shut};
pub(crate) use headers::{Answer, Dialect};

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
