//! How many requests of one credential may be on their way, as a pure value: none while the server has closed, one to
//! see whether it has opened, then more with every answer (C6); and no more than the window has left (C7).

use std::time::Duration;

use super::quota::Quota;

/// How long a refusal can close the gate. A server that asks for weeks is asked again after this; who calls before
/// that is told to wait, and not left hanging.
pub(crate) const LONGEST_CLOSURE: Duration = Duration::from_secs(300);

/// The most that is added to a closure, so that the clients of many machines do not come back at one moment (C5).
const LONGEST_STAGGER: Duration = Duration::from_secs(5);

/// Up to here the way back is quick, however few were on their way when the server refused.
const SLOW_START: usize = 16;

/// What is added to a wait: at most a tenth of it. `random` is in 0..1. It never takes anything away (C5).
fn stagger(wait: Duration, random: f64) -> Duration {
    (wait / 10).min(LONGEST_STAGGER).mul_f64(random.clamp(0.0, 1.0))
}

/// The way back after a refusal: how many requests may be on their way, growing with every answer that is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Ramp {
    window: usize,
    /// Up to here the window grows by one per answer, so it doubles per round; from here on by one per round.
    threshold: usize,
    /// How many were on their way when the server refused.
    peak: usize,
    /// The answers of this round.
    answers: usize,
}

impl Ramp {
    /// One request, to see whether the server has opened.
    fn probe(peak: usize) -> Self {
        Self { window: 1, threshold: (peak / 2).max(SLOW_START), peak, answers: 0 }
    }

    fn grow(&mut self) {
        if self.window < self.threshold {
            self.window += 1;
            return;
        }
        self.answers += 1;
        if self.answers >= self.window {
            (self.window, self.answers) = (self.window + 1, 0);
        }
    }
}

/// What holds a request back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hold {
    /// The server closed, and this is when we come back.
    Closed(Duration),
    /// As many are on their way as may be.
    Crowded,
    /// The window is used up until this moment, as far as its headers say.
    Spent(Duration),
}

/// The flow of one credential and rate class.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Flow {
    /// When the server opens again, on the monotonic clock, and how much later we come.
    opens_at: Duration,
    stagger: Duration,
    /// How often it has closed.
    closures: u64,
    in_flight: usize,
    ramp: Option<Ramp>,
    /// What the headers say; `None` until there are any (C7).
    quota: Option<Quota>,
}

impl Flow {
    /// Lets one request out and answers the number of closures that it has seen. `waiting` says how many others want
    /// out. An `impatient` request, which cannot wait for the end of a window, goes out alone: headers are a hint, and
    /// only a refusal is a fact.
    pub(crate) fn admit(&mut self, now: Duration, waiting: usize, impatient: bool) -> Result<u64, Hold> {
        if now < self.opens_at + self.stagger {
            return Err(Hold::Closed(self.opens_at + self.stagger));
        }
        self.settle(now, waiting);
        if self.ramp.is_some_and(|ramp| self.in_flight >= ramp.window) {
            return Err(Hold::Crowded);
        }
        if let Some(quota) = self.quota.filter(|quota| quota.is_spent(self.in_flight, now))
            && (self.in_flight > 0 || !impatient)
        {
            return Err(Hold::Spent(quota.resets_at));
        }
        self.in_flight += 1;
        Ok(self.closures)
    }

    /// Forgets a window that is over and a ramp that has arrived.
    fn settle(&mut self, now: Duration, waiting: usize) {
        if let Some(quota) = self.quota.filter(|quota| quota.resets_at <= now) {
            self.quota = None;
            // Whoever waited for the new window does not know how large it is.
            if quota.remaining == 0 && self.ramp.is_none() {
                self.ramp = Some(Ramp::probe(self.in_flight.max(1)));
            }
        }
        let arrived =
            |ramp: &Ramp| ramp.window > 1 && ramp.window >= ramp.peak && ramp.window > self.in_flight + waiting;
        if self.ramp.as_ref().is_some_and(arrived) {
            self.ramp = None;
        }
    }

    /// Until when the server is closed; `None` if it is open.
    pub(crate) fn closed_until(&self, now: Duration) -> Option<Duration> {
        (now < self.opens_at).then_some(self.opens_at)
    }

    /// How often the server has closed.
    pub(crate) fn closures(&self) -> u64 {
        self.closures
    }

    /// How many requests are on their way.
    #[cfg(any(test, shuttle, feature = "metrics"))]
    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// A request is done. `admitted`: the server took it, whatever it answered.
    pub(crate) fn done(&mut self, admitted: bool) {
        self.in_flight = self.in_flight.saturating_sub(1);
        if let Some(ramp) = self.ramp.as_mut().filter(|_| admitted) {
            ramp.grow();
        }
    }

    /// The server refused a request that had seen `seen` closures, and asks to wait for `delay`. Answers whether that is
    /// news: of a crowd that is refused together, only the first tells something.
    pub(crate) fn refused(&mut self, seen: u64, now: Duration, delay: Duration, random: f64) -> bool {
        let delay = delay.min(LONGEST_CLOSURE);
        let opens_at = now.saturating_add(delay);
        if opens_at > self.opens_at {
            (self.opens_at, self.stagger) = (opens_at, stagger(delay, random));
        }
        let is_news = seen == self.closures;
        if is_news {
            self.closures += 1;
            let peak = self.ramp.map_or(self.in_flight, |ramp| ramp.peak.max(self.in_flight));
            self.ramp = Some(Ramp::probe(peak.max(1)));
        }
        is_news
    }

    /// An answer's headers tell of the window; `None`: they tell nothing, so the request counts as one of those left.
    pub(crate) fn observed(&mut self, quota: Option<Quota>) {
        self.quota = match (self.quota, quota) {
            (Some(known), Some(told)) => Some(known.merged(told)),
            (Some(known), None) => Some(Quota { remaining: known.remaining.saturating_sub(1), ..known }),
            (None, told) => told,
        };
    }
}

#[cfg(test)]
mod tests;
