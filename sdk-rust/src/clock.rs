//! Time, injected: the only file of this crate that reads a clock.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, SystemTime};

use futures_util::future::{Either, select};
use tokio::sync::watch;

/// A boxed future that can be sent between threads.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A moment on both clocks. A machine's sleep stops the monotonic clock and a step of the wall clock moves the other,
/// so a token's end is kept on both (A14).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// Time since the clock's start. It never goes back.
    pub mono: Duration,
    /// The time of day.
    pub wall: SystemTime,
}

/// What a client reads the time from and sleeps by.
pub trait Clock: Send + Sync + fmt::Debug + 'static {
    /// This moment.
    fn now(&self) -> Now;

    /// Resolves when the monotonic clock has reached `mono`, at once if it already has.
    fn sleep_until(&self, mono: Duration) -> BoxFuture<'static, ()>;
}

/// The real clock. Its monotonic side is Tokio's, so a paused test runtime pauses it too.
#[derive(Debug, Clone)]
pub struct TokioClock {
    start: tokio::time::Instant,
}

impl TokioClock {
    /// A clock that starts now.
    #[must_use]
    #[allow(clippy::disallowed_methods, reason = "this is the crate's clock")]
    pub fn new() -> Self {
        Self { start: tokio::time::Instant::now() }
    }
}

impl Default for TokioClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for TokioClock {
    #[allow(clippy::disallowed_methods, reason = "this is the crate's clock")]
    fn now(&self) -> Now {
        Now { mono: self.start.elapsed(), wall: SystemTime::now() }
    }

    fn sleep_until(&self, mono: Duration) -> BoxFuture<'static, ()> {
        match self.start.checked_add(mono) {
            Some(instant) => Box::pin(tokio::time::sleep_until(instant)),
            None => Box::pin(std::future::pending()),
        }
    }
}

/// A clock that stands still until a test moves it. Clones show the same time.
#[derive(Debug, Clone)]
pub struct ManualClock {
    now: watch::Sender<Now>,
}

impl ManualClock {
    /// A clock whose time of day is `wall`.
    #[must_use]
    pub fn new(wall: SystemTime) -> Self {
        Self { now: watch::Sender::new(Now { mono: Duration::ZERO, wall }) }
    }

    /// Moves both clocks on, and wakes who slept until then.
    pub fn advance(&self, by: Duration) {
        self.now.send_modify(|now| {
            now.mono += by;
            now.wall += by;
        });
    }

    /// Sets the time of day alone, as an operator or NTP does; the monotonic clock stays.
    pub fn set_wall(&self, wall: SystemTime) {
        self.now.send_modify(|now| now.wall = wall);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Now {
        *self.now.borrow()
    }

    fn sleep_until(&self, mono: Duration) -> BoxFuture<'static, ()> {
        let mut now = self.now.subscribe();
        Box::pin(async move {
            // An error means that the clock is gone, and then nobody can move it any more.
            if now.wait_for(|now| now.mono >= mono).await.is_err() {
                std::future::pending::<()>().await;
            }
        })
    }
}

/// `future`'s output, or `None` once the monotonic clock reaches `limit`.
pub(crate) async fn within<T>(
    clock: &dyn Clock,
    limit: Option<Duration>,
    future: impl Future<Output = T>,
) -> Option<T> {
    let Some(limit) = limit else { return Some(future.await) };
    let future = std::pin::pin!(future);
    match select(future, clock.sleep_until(limit)).await {
        Either::Left((output, _)) => Some(output),
        Either::Right(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_manual_clock_wakes_who_slept() {
        let clock = ManualClock::new(SystemTime::UNIX_EPOCH);
        let sleeper = clock.sleep_until(Duration::from_secs(5));
        clock.advance(Duration::from_secs(4));
        assert!(within(&clock, Some(Duration::from_secs(4)), std::future::pending::<()>()).await.is_none());
        clock.advance(Duration::from_secs(1));
        sleeper.await;
        assert_eq!(clock.now().wall, SystemTime::UNIX_EPOCH + Duration::from_secs(5));
    }

    #[tokio::test(start_paused = true)]
    async fn the_real_clock_honours_a_paused_runtime() {
        let clock = TokioClock::new();
        clock.sleep_until(Duration::from_secs(3600)).await;
        assert!(clock.now().mono >= Duration::from_secs(3600));
    }
}
