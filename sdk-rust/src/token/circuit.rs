//! An operation that refuses tokens which others accept: it must not cost a renewal with every call (A11).

use std::time::Duration;

use crate::sync::Mutex;

/// How long an operation that refused a fresh token does not renew another; it doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_secs(30);

/// The longest such pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(1_800);

/// What the refusals of one operation amount to.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Refusals {
    /// How many fresh tokens it refused since it last accepted one.
    count: u32,
    /// The last of them, so that many tasks with one token count once.
    generation: u64,
    open_until: Duration,
}

impl Refusals {
    fn with(self, generation: u64, now: Duration) -> Self {
        if self.count > 0 && generation <= self.generation {
            return self;
        }
        let pause = FIRST_PAUSE.saturating_mul(1 << self.count.min(10)).min(LONGEST_PAUSE);
        Self { count: self.count.saturating_add(1), generation, open_until: now.saturating_add(pause) }
    }
}

/// The circuit of one operation. While it is open, a refusal by that operation renews nothing.
#[derive(Debug, Default)]
pub(crate) struct Circuit(Mutex<Refusals>);

impl Circuit {
    /// Whether renewing a token for this operation was of no use a short while ago.
    pub(crate) fn is_open(&self, now: Duration) -> bool {
        let refusals = self.0.lock();
        refusals.count > 0 && now < refusals.open_until
    }

    /// The operation refused a token of `generation` that had been renewed for it.
    pub(crate) fn refused(&self, generation: u64, now: Duration) {
        let mut refusals = self.0.lock();
        *refusals = refusals.with(generation, now);
    }

    /// The operation accepted a token.
    pub(crate) fn accepted(&self) {
        *self.0.lock() = Refusals::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// A11: the pauses double, a token counts once however many tasks carried it, and an accepted one ends it.
    #[test]
    fn the_pauses_double() {
        let circuit = Circuit::default();
        assert!(!circuit.is_open(Duration::ZERO));
        (0..50).for_each(|_| circuit.refused(2, Duration::ZERO));
        assert!(circuit.is_open(29 * SECOND) && !circuit.is_open(30 * SECOND));
        circuit.refused(3, 30 * SECOND);
        assert!(circuit.is_open(89 * SECOND) && !circuit.is_open(90 * SECOND));
        (4..60).for_each(|generation| circuit.refused(generation, 90 * SECOND));
        assert!(circuit.is_open(90 * SECOND + LONGEST_PAUSE - SECOND) && !circuit.is_open(90 * SECOND + LONGEST_PAUSE));
        circuit.accepted();
        assert!(!circuit.is_open(90 * SECOND));
    }
}
