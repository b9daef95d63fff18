//! The gate of one credential and rate class: who may send, and who waits in which order (C6 to C8).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

use super::flow::{Flow, Hold};
use super::quota::Quota;
use crate::clock::{Clock, within};
use crate::sync::{AtomicU64, Mutex, Ordering};

/// How many tasks may wait at one gate; the next is told so at once (C8).
const MOST_WAITERS: usize = 10_000;

/// Why a call does not get through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shut {
    /// The gate is closed for longer than the call may wait, or too many wait already.
    Closed {
        /// How long until it opens.
        retry_after: Duration,
    },
    /// The call's deadline has passed.
    Late,
}

/// How long a call waits at a gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Patience {
    /// The longest wait that a server can ask for (C4).
    pub(crate) longest: Duration,
    /// The call's end, on the monotonic clock.
    pub(crate) deadline: Option<Duration>,
}

impl Patience {
    fn allows(self, now: Duration, until: Duration) -> bool {
        until.saturating_sub(now) <= self.longest && self.deadline.is_none_or(|deadline| until < deadline)
    }
}

/// A call's place in the queue. It keeps it when it is refused, so who came first is served first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place(u64);

/// The gate itself, shared by all tasks. A task that is dropped while it waits, or while its request is on its way,
/// leaves nothing behind (C14).
#[derive(Debug, Default)]
pub(crate) struct Gate {
    state: Mutex<State>,
    places: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    flow: Flow,
    /// Who waits, in order. Only the first may go.
    queue: BTreeMap<Place, Arc<Notify>>,
}

impl State {
    fn wake_first(&self) {
        if let Some((_, first)) = self.queue.first_key_value() {
            first.notify_one();
        }
    }

    /// Whether the call at `place` may go now, and if not, until when it need not ask again.
    fn ask(&mut self, place: Place, now: Duration, patience: Patience) -> Result<u64, Wait> {
        if patience.deadline.is_some_and(|deadline| deadline <= now) {
            return Err(Wait::Never(Shut::Late));
        }
        if let Some(opens) = self.flow.closed_until(now)
            && !patience.allows(now, opens)
        {
            return Err(Wait::Never(Shut::Closed { retry_after: opens.saturating_sub(now) }));
        }
        if self.queue.first_key_value().is_some_and(|(first, _)| *first < place) {
            return Err(Wait::Called);
        }
        let waiting = self.queue.len();
        match self.flow.admit(now, waiting, false) {
            Err(Hold::Spent(until)) if !patience.allows(now, until) => {
                self.flow.admit(now, waiting, true).map_err(Wait::from)
            }
            asked => asked.map_err(Wait::from),
        }
    }
}

/// What a call waits for.
enum Wait {
    /// Its turn, or an answer to somebody else.
    Called,
    /// A moment.
    Until(Duration),
    /// Nothing: it does not get through.
    Never(Shut),
}

impl From<Hold> for Wait {
    fn from(hold: Hold) -> Self {
        match hold {
            Hold::Closed(until) | Hold::Spent(until) => Self::Until(until),
            Hold::Crowded => Self::Called,
        }
    }
}

/// A place in the queue, given back when the call goes or is dropped (C8, C14).
struct Waiter<'a> {
    gate: &'a Gate,
    place: Place,
    called: Arc<Notify>,
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        let mut state = self.gate.state.lock();
        state.queue.remove(&self.place);
        state.wake_first();
    }
}

impl Gate {
    /// A new place, behind all others.
    pub(crate) fn place(&self) -> Place {
        Place(self.places.fetch_add(1, Ordering::Relaxed))
    }

    /// Waits until the call at `place` may send.
    ///
    /// # Errors
    /// At once, without waiting, when that would take longer than the call's patience (C4), or when too many tasks wait
    /// already (C8).
    pub(crate) async fn pass(&self, clock: &dyn Clock, place: Place, patience: Patience) -> Result<Permit<'_>, Shut> {
        let mut waiter: Option<Waiter<'_>> = None;
        loop {
            let until = {
                let now = clock.now().mono;
                let mut state = self.state.lock();
                match state.ask(place, now, patience) {
                    Ok(seen) => return Ok(Permit { gate: self, seen, is_out: true }),
                    Err(Wait::Never(shut)) => return Err(shut),
                    Err(_) if waiter.is_none() && state.queue.len() >= MOST_WAITERS => {
                        let opens = state.flow.closed_until(now).unwrap_or(now);
                        return Err(Shut::Closed { retry_after: opens.saturating_sub(now) });
                    }
                    Err(wait) => {
                        waiter.get_or_insert_with(|| {
                            let called = Arc::new(Notify::new());
                            state.queue.insert(place, Arc::clone(&called));
                            Waiter { gate: self, place, called }
                        });
                        match wait {
                            Wait::Until(until) => Some(until),
                            _ => None,
                        }
                    }
                }
            };
            if let Some(waiter) = &waiter {
                let until = until.into_iter().chain(patience.deadline).min();
                within(clock, until, waiter.called.notified()).await;
            }
        }
    }

    /// How many wait, and how many are on their way.
    #[cfg(any(test, shuttle, feature = "metrics"))]
    pub(crate) fn load(&self) -> (usize, usize) {
        let state = self.state.lock();
        (state.queue.len(), state.flow.in_flight())
    }
}

/// The right to have one request on its way. It is given back when it is dropped (C8, C14).
#[derive(Debug)]
#[must_use]
pub(crate) struct Permit<'a> {
    gate: &'a Gate,
    /// How many closures the request has seen.
    seen: u64,
    is_out: bool,
}

impl Permit<'_> {
    /// Whether the gate has closed since the permit was given. What has not been sent by then waits again.
    pub(crate) fn is_stale(&self) -> bool {
        self.gate.state.lock().flow.closures() != self.seen
    }

    /// What the headers of an answer tell of the window (C7).
    pub(crate) fn observed(&self, quota: Option<Quota>) {
        self.gate.state.lock().flow.observed(quota);
    }

    /// The server took the request.
    pub(crate) fn admitted(mut self) {
        self.leave(|flow| flow.done(true));
    }

    /// The server refused the request and asks to wait: the gate closes for everybody. Answers whether that is news.
    pub(crate) fn refused(mut self, now: Duration, delay: Duration) -> bool {
        let seen = self.seen;
        let is_news = self.leave(|flow| {
            let is_news = flow.refused(seen, now, delay, fastrand::f64());
            flow.done(false);
            is_news
        });
        if is_news {
            // Whoever cannot wait for that long learns it at once.
            self.gate.state.lock().queue.values().for_each(|waiter| waiter.notify_one());
        }
        is_news
    }

    fn leave<T>(&mut self, change: impl FnOnce(&mut Flow) -> T) -> T {
        self.is_out = false;
        let mut state = self.gate.state.lock();
        let outcome = change(&mut state.flow);
        state.wake_first();
        outcome
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        if self.is_out {
            self.leave(|flow| flow.done(false));
        }
    }
}

#[cfg(test)]
mod tests;
