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

/// Unix seconds as RFC 3339 writes them. From days to a date: Howard Hinnant's `civil_from_days`, for years after 0.
pub(crate) fn rfc3339(unix: i64) -> String {
    let (days, seconds) = (unix.div_euclid(86_400).saturating_add(719_468), unix.rem_euclid(86_400));
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year + era * 400 + i64::from(month <= 2);
    let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// Measures how long something takes.
#[derive(Debug, Clone, Copy)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Begins to measure.
    #[must_use]
    pub fn start() -> Self {
        Self(now())
    }

    /// The time since it was started.
    #[must_use]
    pub fn elapsed(self) -> Duration {
        now().saturating_duration_since(self.0)
    }
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

    /// How long it is until then; `None` for ever.
    pub(crate) fn left(self) -> Option<Duration> {
        self.0.map(|end| end.saturating_duration_since(now()))
    }

    /// Ends when time is up.
    pub(crate) async fn reached(self) {
        match self.left() {
            Some(left) => tokio::time::sleep(left).await,
            None => std::future::pending().await,
        }
    }

    /// Whether `wait` still fits in before the end.
    pub(crate) fn allows(self, wait: Duration) -> bool {
        self.0.is_none_or(|end| now().checked_add(wait).is_some_and(|at| at < end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_written_as_people_count_them() {
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00Z");
        assert_eq!(rfc3339(951_782_399), "2000-02-28T23:59:59Z");
        assert_eq!(rfc3339(951_782_400), "2000-02-29T00:00:00Z");
        assert_eq!(rfc3339(1_798_761_599), "2026-12-31T23:59:59Z");
    }
}
