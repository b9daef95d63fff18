//! The one place of this crate that reads the clock.

use std::sync::{Mutex, PoisonError};
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

/// Requests at an even pace: each takes the next free moment.
#[derive(Debug)]
pub(crate) struct Pace {
    step: Duration,
    next: Mutex<Instant>,
}

impl Pace {
    /// So many moments in a second.
    pub(crate) fn per_second(count: u32) -> Self {
        Self { step: Duration::from_secs(1) / count.max(1), next: Mutex::new(now()) }
    }

    /// Takes the next free moment: how long it is until then.
    pub(crate) fn turn(&self) -> Duration {
        let now = now();
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let turn = (*next).max(now);
        *next = turn.checked_add(self.step).unwrap_or(turn);
        turn.saturating_duration_since(now)
    }
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
