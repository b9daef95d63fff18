//! How finished calls reach the other language's thread: one queue, and one wake-up for all that it holds.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crossbeam_queue::SegQueue;

use crate::outcome::{Failure, Reply};

/// Finished calls that wait to be taken over by the thread that asked for them.
///
/// Whoever finishes a call puts it in and wakes the thread only if nobody has done so since it last looked: under load
/// one wake-up serves a whole batch.
pub struct Completions {
    finished: SegQueue<(u64, Result<Reply, Failure>)>,
    is_awake: AtomicBool,
    wake: Box<dyn Fn() + Send + Sync>,
}

impl Completions {
    /// A queue that calls `wake`, from any thread, when there is something to take over.
    pub fn new(wake: impl Fn() + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self { finished: SegQueue::new(), is_awake: AtomicBool::new(false), wake: Box::new(wake) })
    }

    pub(crate) fn put(&self, ticket: u64, outcome: Result<Reply, Failure>) {
        self.finished.push((ticket, outcome));
        self.wake();
    }

    /// Hands over up to `max` finished calls, each with its ticket. If more are left the thread is woken again, so that
    /// a long batch does not keep its event loop from other work.
    pub fn drain(&self, max: usize, mut each: impl FnMut(u64, Result<Reply, Failure>)) -> bool {
        // Before the first look: what is put in from now on wakes the thread anew, so nothing is forgotten.
        self.is_awake.store(false, Ordering::SeqCst);
        for _ in 0..max {
            let Some((ticket, outcome)) = self.finished.pop() else { return false };
            each(ticket, outcome);
        }
        let is_more = !self.finished.is_empty();
        if is_more {
            self.wake();
        }
        is_more
    }

    fn wake(&self) {
        if !self.is_awake.swap(true, Ordering::SeqCst) {
            (self.wake)();
        }
    }
}

impl fmt::Debug for Completions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Completions").field("waiting", &self.finished.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    #[test]
    fn one_wake_up_serves_a_batch_and_none_is_lost() {
        let wakes = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&wakes);
        let completions = Completions::new(move || {
            counted.fetch_add(1, Ordering::SeqCst);
        });
        for ticket in 0..10 {
            completions.put(ticket, Err(Failure::interrupted()));
        }
        assert_eq!(wakes.load(Ordering::SeqCst), 1);
        let mut tickets = Vec::new();
        assert!(completions.drain(4, |ticket, _| tickets.push(ticket)));
        assert_eq!(wakes.load(Ordering::SeqCst), 2, "what is left wakes the thread again");
        assert!(!completions.drain(100, |ticket, _| tickets.push(ticket)));
        assert_eq!(tickets, (0..10).collect::<Vec<_>>());
        completions.put(10, Err(Failure::interrupted()));
        assert_eq!(wakes.load(Ordering::SeqCst), 3);
    }
}
