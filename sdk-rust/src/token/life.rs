//! The life of a token as pure functions: when it is served, when renewed, what a refusal or failure changes.
//!
//! [`step`] takes a state, an event and the time, and answers the next state and what to do. The shell around it
//! ([`super::TokenCache`]) only carries out the reply.

use std::time::{Duration, SystemTime};

use crate::clock::Now;

/// How long before its end a token is renewed, at most (A5).
const WINDOW: Duration = Duration::from_secs(300);

/// How long before its end a token is no longer served, at most: it might expire on its way.
const MARGIN: Duration = Duration::from_secs(10);

/// No token is believed to live longer (A15).
pub(crate) const LONGEST_LIFE: Duration = Duration::from_secs(10 * 365 * 86_400);

/// The first pause after a failed request for a token; it doubles with each further failure (A8).
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// The longest pause of our own choosing, and the pause after credentials were refused for good (A9).
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// The longest pause that a token endpoint can ask for.
const LONGEST_ASKED_PAUSE: Duration = Duration::from_secs(3_600);

/// How long no token is renewed after two fresh ones in a row were refused (A11).
const CIRCUIT: Duration = Duration::from_secs(30);

/// What an answer says about a token's life (A15).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lifetime {
    /// Nothing: the token is used until it is refused.
    Unknown,
    /// Zero or less: whoever waited for it uses it once.
    Once,
    /// This long.
    For(Duration),
}

/// When a token is due and when it ends, on both clocks (A14).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Timing {
    lifetime: Lifetime,
    asked: Now,
    /// The part of the life after which it is renewed.
    due: Duration,
    /// The part of the life after which it is no longer served.
    stale: Duration,
}

/// Where in its life a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Served as it is.
    Fresh,
    /// Served, and renewed in the background (A6).
    Due,
    /// Not served any more.
    Over,
}

impl Timing {
    /// The timing of a token that was asked for at `asked`: its life is counted from before the request was sent (A14).
    /// `random` in 0..1 spreads renewals; it only ever makes them earlier (A5).
    pub(crate) fn new(asked: Now, lifetime: Lifetime, random: f64) -> Self {
        let (lifetime, life) = match lifetime {
            Lifetime::For(life) => (Lifetime::For(life.min(LONGEST_LIFE)), life.min(LONGEST_LIFE)),
            Lifetime::Unknown | Lifetime::Once => (lifetime, Duration::ZERO),
        };
        let window = WINDOW.min(life / 2);
        let jitter = (window / 10).mul_f64(random.clamp(0.0, 1.0));
        Self { lifetime, asked, due: life - window - jitter, stale: life - MARGIN.min(life / 10) }
    }

    /// How much of its life has passed, by the clock that says more: one stops while the machine sleeps, and the other
    /// may be set back.
    fn age(&self, now: Now) -> Duration {
        let mono = now.mono.saturating_sub(self.asked.mono);
        let wall = now.wall.duration_since(self.asked.wall).unwrap_or(Duration::ZERO);
        mono.max(wall)
    }

    /// Where in its life the token is.
    pub(crate) fn phase(&self, now: Now) -> Phase {
        match self.lifetime {
            Lifetime::Unknown => Phase::Fresh,
            Lifetime::Once => Phase::Over,
            Lifetime::For(_) => match self.age(now) {
                age if age < self.due => Phase::Fresh,
                age if age < self.stale => Phase::Due,
                _ => Phase::Over,
            },
        }
    }

    /// Whether the server still takes the token, margin or not: what a renewal by the token itself needs (ROBOTICKS-3).
    pub(crate) fn is_alive(&self, now: Now) -> bool {
        match self.lifetime {
            Lifetime::Unknown => true,
            Lifetime::Once => false,
            Lifetime::For(life) => self.age(now) < life,
        }
    }

    /// When the token ends by this machine's time of day.
    pub(crate) fn expires_at(&self) -> Option<SystemTime> {
        match self.lifetime {
            Lifetime::For(life) => self.asked.wall.checked_add(life),
            Lifetime::Unknown | Lifetime::Once => None,
        }
    }
}

/// What is known of one credential's tokens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct State {
    /// The number of the current token; 0 before the first.
    pub(crate) generation: u64,
    timing: Option<Timing>,
    /// The current token was refused and is not served.
    condemned: bool,
    /// A request for a token is under way (A1).
    in_flight: bool,
    /// Failed requests since the last success, and until when there is no other (A8).
    failures: u32,
    quiet_until: Duration,
    /// The last generation that an API answer accepted.
    accepted: u64,
    /// The last generation that was refused, and how many were in a row (A11).
    refused: u64,
    refusals: u32,
    circuit_until: Option<Duration>,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    /// A caller needs a token.
    Wanted,
    /// The API took this generation.
    Accepted(u64),
    /// The API refused this generation, and the caller can send again (A10).
    Refused(u64),
    /// The API refused this generation to a caller who has already renewed once.
    RefusedAgain(u64),
    /// A request for a token succeeded.
    Landed(Timing),
    /// A request for a token failed.
    Failed {
        /// The credentials themselves were refused (A9).
        terminal: bool,
        /// The pause that the token endpoint asked for.
        retry_after: Option<Duration>,
    },
    /// A request for a token ended without a result: its runtime is gone (A3).
    Lost,
}

/// What the shell does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reply {
    /// Nothing.
    Noted,
    /// The current token is served.
    Serve,
    /// The current token is served, and a request for the next one starts (A6).
    ServeAndStart,
    /// A request for a token starts, and the caller waits for it.
    Start,
    /// The caller waits for the request that is under way.
    Join,
    /// The caller gets the last failure: it is too early to ask again (A8).
    Fail,
    /// The caller keeps its refusal: another token would be refused too (A11).
    GiveUp,
}

/// One step of a token's life.
pub(crate) fn step(mut state: State, event: Event, now: Now) -> (State, Reply) {
    let reply = match event {
        Event::Wanted => state.wanted(now),
        Event::Accepted(generation) => {
            state.accepted = state.accepted.max(generation);
            Reply::Noted
        }
        Event::Refused(generation) => state.refused(generation, now),
        Event::RefusedAgain(generation) => {
            if generation == state.generation && !state.condemned && state.count_refusal(generation) >= 2 {
                state.circuit_until = Some(now.mono + CIRCUIT);
            }
            Reply::Noted
        }
        Event::Landed(timing) => {
            let generation = state.generation + 1;
            state = State { generation, timing: Some(timing), condemned: false, in_flight: false, ..state };
            (state.failures, state.quiet_until) = (0, Duration::ZERO);
            Reply::Noted
        }
        Event::Failed { terminal, retry_after } => {
            state.failed(terminal, retry_after, now);
            Reply::Noted
        }
        Event::Lost => {
            state.in_flight = false;
            Reply::Noted
        }
    };
    (state, reply)
}

impl State {
    fn phase(&self, now: Now) -> Phase {
        match &self.timing {
            Some(timing) if !self.condemned => timing.phase(now),
            _ => Phase::Over,
        }
    }

    fn wanted(&mut self, now: Now) -> Reply {
        match self.phase(now) {
            Phase::Fresh => Reply::Serve,
            Phase::Due if self.in_flight || now.mono < self.quiet_until => Reply::Serve,
            Phase::Due => {
                self.in_flight = true;
                Reply::ServeAndStart
            }
            Phase::Over if self.in_flight => Reply::Join,
            Phase::Over if now.mono < self.quiet_until => Reply::Fail,
            Phase::Over => {
                self.in_flight = true;
                Reply::Start
            }
        }
    }

    fn refused(&mut self, generation: u64, now: Now) -> Reply {
        if generation != self.generation || self.condemned {
            return self.wanted(now);
        }
        let refusals = self.count_refusal(generation);
        match self.circuit_until {
            Some(until) if now.mono < until => return Reply::GiveUp,
            // The pause is over: one more token is tried.
            Some(_) => (self.circuit_until, self.refusals) = (None, 1),
            None if refusals >= 2 => {
                self.circuit_until = Some(now.mono + CIRCUIT);
                return Reply::GiveUp;
            }
            None => {}
        }
        self.condemned = true;
        self.wanted(now)
    }

    /// Counts each generation once, and from the start again if it was accepted before.
    fn count_refusal(&mut self, generation: u64) -> u32 {
        if self.accepted == generation {
            self.refusals = 1;
        } else if self.refused != generation {
            self.refusals = self.refusals.saturating_add(1);
        }
        self.refused = generation;
        self.refusals
    }

    fn failed(&mut self, terminal: bool, retry_after: Option<Duration>, now: Now) {
        let own = FIRST_PAUSE.saturating_mul(1 << self.failures.min(10)).min(LONGEST_PAUSE);
        let own = if terminal { LONGEST_PAUSE } else { own };
        let asked = retry_after.unwrap_or_default().min(LONGEST_ASKED_PAUSE);
        self.in_flight = false;
        self.failures = self.failures.saturating_add(1);
        self.quiet_until = now.mono + own.max(asked);
    }
}

#[cfg(test)]
mod tests;
