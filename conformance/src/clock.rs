//! The one place of this crate that reads the clock.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The monotonic time, for what is measured.
#[allow(clippy::disallowed_methods, reason = "this is the crate's clock")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// The time of day in Unix seconds, for what a server says about time.
#[allow(clippy::disallowed_methods, reason = "this is the crate's clock")]
pub(crate) fn unix() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

/// When time is up, if it ever is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline(Option<Instant>);

impl Deadline {
    /// A deadline `limit` from now; none without a limit.
    pub(crate) fn after(limit: Option<Duration>) -> Self {
        Self(limit.and_then(|limit| now().checked_add(limit)))
    }

    /// Whether time is up.
    pub(crate) fn passed(self) -> bool {
        self.0.is_some_and(|end| now() >= end)
    }

    /// Whether `wait` still fits in before the end.
    pub(crate) fn allows(self, wait: Duration) -> bool {
        self.0.is_none_or(|end| now().checked_add(wait).is_some_and(|at| at < end))
    }
}
