//! What answers say about the requests that are left in a window, put together although they come late and out of
//! order (C7).

use std::time::Duration;

/// Ends of one window that differ by less are the same end: servers round, and a delta counts from each answer anew.
const TOLERANCE: Duration = Duration::from_secs(2);

/// Servers round the end of a window down, so a little is added to it (C1).
const ROUNDING: Duration = Duration::from_secs(1);

/// How many requests are left until when, on the monotonic clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Quota {
    pub(crate) remaining: u64,
    pub(crate) resets_at: Duration,
}

impl Quota {
    /// What an answer at `now` says: so many requests are left for `reset` from now.
    pub(crate) fn new(remaining: u64, reset: Duration, now: Duration) -> Self {
        Self { remaining, resets_at: now.saturating_add(reset).saturating_add(ROUNDING) }
    }

    /// Both together: the later window counts, and of one window the smaller number. So it does not matter in which
    /// order the answers arrive.
    pub(crate) fn merged(self, other: Self) -> Self {
        let (early, late) = if self.resets_at <= other.resets_at { (self, other) } else { (other, self) };
        if late.resets_at - early.resets_at > TOLERANCE {
            return late;
        }
        Self { remaining: early.remaining.min(late.remaining), resets_at: late.resets_at }
    }

    /// Whether another request, beside `in_flight` that may not have been counted yet, would be one too many.
    pub(crate) fn is_spent(self, in_flight: usize, now: Duration) -> bool {
        now < self.resets_at && u64::try_from(in_flight).is_ok_and(|in_flight| self.remaining <= in_flight)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// C7: headers that come late change nothing for the worse: not a window that is over, not a number that fell.
    #[test]
    fn late_headers_are_merged() {
        let at = |remaining, reset| Quota::new(remaining, reset * SECOND, Duration::ZERO);
        assert_eq!(at(8, 60).merged(at(9, 60)), at(8, 60));
        assert_eq!(at(8, 60).merged(at(7, 61)), at(7, 61));
        assert_eq!(at(0, 60).merged(at(100, 120)), at(100, 120));
        assert_eq!(at(100, 120).merged(at(0, 60)), at(100, 120));
    }

    proptest::proptest! {
        /// C7: of two answers, it does not matter which comes first.
        #[test]
        fn the_order_of_two_answers_does_not_matter(a in 0_u64..50, b in 0_u64..50, x in 0_u32..90, y in 0_u32..90) {
            let (one, other) = (Quota::new(a, SECOND * x, SECOND), Quota::new(b, SECOND * y, SECOND));
            proptest::prop_assert_eq!(one.merged(other), other.merged(one));
        }

        /// C7: nobody is told that a window is spent which is over.
        #[test]
        fn a_window_ends(remaining in 0_u64..5, reset in 0_u32..90, in_flight in 0_usize..9) {
            let quota = Quota::new(remaining, SECOND * reset, Duration::ZERO);
            proptest::prop_assert!(!quota.is_spent(in_flight, SECOND * reset + ROUNDING));
        }
    }
}
