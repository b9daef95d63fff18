//! The gate of one credential and rate class: a refusal closes it for every task (C6).

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::clock::Clock;

/// How long a refusal can close the gate. A server that asks for weeks is asked again after this; who calls before
/// that is told to wait, and not left hanging.
const LONGEST_CLOSURE: Duration = Duration::from_secs(300);

/// How many tasks may wait at one gate; the next is told so at once (C8).
const MOST_WAITERS: usize = 10_000;

/// The most that is added to a wait so that a released crowd does not arrive at one moment (C5).
const LONGEST_STAGGER: Duration = Duration::from_secs(5);

/// When the gate opens, on the monotonic clock. A pure value.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Closure {
    opens_at: Duration,
}

impl Closure {
    /// The closure after a refusal that asked to wait for `delay`: never shorter than before.
    fn extended(self, now: Duration, delay: Duration) -> Self {
        Self { opens_at: self.opens_at.max(now + delay.min(LONGEST_CLOSURE)) }
    }

    /// How long until it opens.
    fn wait(self, now: Duration) -> Duration {
        self.opens_at.saturating_sub(now)
    }
}

/// What is added to a wait: at most a tenth of it. `random` is in 0..1. It never takes anything away (C5).
fn stagger(wait: Duration, random: f64) -> Duration {
    (wait / 10).min(LONGEST_STAGGER).mul_f64(random.clamp(0.0, 1.0))
}

/// A gate is closed for longer than the task may wait, or too many wait already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shut {
    /// How long until it opens.
    pub(crate) retry_after: Duration,
}

/// The gate itself: shared by all tasks, held by none. A task that is dropped while it waits leaves nothing behind.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    closure: Mutex<Closure>,
    waiting: AtomicUsize,
}

/// Counts one waiting task, also when its future is dropped (C14).
struct Waiter<'a>(&'a AtomicUsize);

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Gate {
    /// Closes the gate for `delay` from now.
    pub(crate) fn close(&self, now: Duration, delay: Duration) {
        let mut closure = self.closure.lock().unwrap_or_else(PoisonError::into_inner);
        *closure = closure.extended(now, delay);
    }

    /// How long until the gate opens.
    pub(crate) fn wait(&self, now: Duration) -> Duration {
        self.closure.lock().unwrap_or_else(PoisonError::into_inner).wait(now)
    }

    /// Waits until the gate is open.
    ///
    /// # Errors
    /// At once, without waiting, when that would take longer than `longest` or beyond `deadline` (C4), or when too many
    /// tasks wait already (C8).
    pub(crate) async fn pass(
        &self,
        clock: &dyn Clock,
        longest: Duration,
        deadline: Option<Duration>,
    ) -> Result<(), Shut> {
        loop {
            let now = clock.now().mono;
            let wait = self.wait(now);
            if wait.is_zero() {
                return Ok(());
            }
            let too_late = deadline.is_some_and(|deadline| now + wait >= deadline);
            if wait > longest || too_late {
                return Err(Shut { retry_after: wait });
            }
            let _waiter = self.enter().ok_or(Shut { retry_after: wait })?;
            let opens = now + wait + stagger(wait, fastrand::f64());
            clock.sleep_until(deadline.map_or(opens, |deadline| deadline.min(opens))).await;
        }
    }

    fn enter(&self) -> Option<Waiter<'_>> {
        let before = self.waiting.fetch_add(1, Ordering::Relaxed);
        let waiter = Waiter(&self.waiting);
        (before < MOST_WAITERS).then_some(waiter)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::SystemTime;

    use super::*;
    use crate::clock::ManualClock;

    const SECOND: Duration = Duration::from_secs(1);

    /// C6: a refusal can only make the wait longer, and a server cannot close the gate for weeks.
    #[test]
    fn a_closure_only_grows_and_is_capped() {
        let closure = Closure::default().extended(SECOND, 10 * SECOND);
        assert_eq!(closure.extended(SECOND, 3 * SECOND), closure);
        assert_eq!(closure.wait(4 * SECOND), 7 * SECOND);
        assert_eq!(closure.extended(SECOND, Duration::MAX).wait(SECOND), LONGEST_CLOSURE);
    }

    proptest::proptest! {
        /// C5: the stagger only adds, at most a tenth and at most 5 seconds.
        #[test]
        fn a_stagger_only_adds(wait in 0_u64..100_000, random in 0.0_f64..1.0) {
            let wait = Duration::from_millis(wait);
            let extra = stagger(wait, random);
            proptest::prop_assert!(extra <= wait / 10 && extra <= LONGEST_STAGGER);
        }
    }

    /// C4: a wait beyond the cap or the deadline is refused without waiting.
    #[tokio::test]
    async fn a_wait_that_is_too_long_is_refused_at_once() {
        let clock = ManualClock::new(SystemTime::UNIX_EPOCH);
        let gate = Gate::default();
        gate.close(Duration::ZERO, 61 * SECOND);
        assert_eq!(gate.pass(&clock, 60 * SECOND, None).await, Err(Shut { retry_after: 61 * SECOND }));
        assert_eq!(gate.pass(&clock, 90 * SECOND, Some(30 * SECOND)).await, Err(Shut { retry_after: 61 * SECOND }));
    }

    /// C8, C14: a dropped waiter gives its place back.
    #[tokio::test]
    async fn a_dropped_waiter_leaves_nothing() {
        let clock = ManualClock::new(SystemTime::UNIX_EPOCH);
        let gate = Arc::new(Gate::default());
        gate.close(Duration::ZERO, 10 * SECOND);
        {
            let waiting = gate.pass(&clock, 60 * SECOND, None);
            let mut waiting = std::pin::pin!(waiting);
            assert!(futures_util::poll!(waiting.as_mut()).is_pending());
            assert_eq!(gate.waiting.load(Ordering::Relaxed), 1);
        }
        assert_eq!(gate.waiting.load(Ordering::Relaxed), 0);
        clock.advance(11 * SECOND);
        assert_eq!(gate.pass(&clock, 60 * SECOND, None).await, Ok(()));
    }
}
