//! The server's clock: everything timed asks it, so that an hour's expiry takes no hour to test.
//!
//! A clock is one straight line: a moment of the wall clock, the moment that the server takes it for, and how fast
//! the server's time runs beside it. Frozen, offset and scaled time are all such lines.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::SystemTime;

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

/// The latest and earliest moments that a clock can be set to, so that no sum of times overflows.
const YEARS: std::ops::RangeInclusive<i64> = 0..=253_402_300_799;

/// A clock that can travel. Clones show the same time.
#[derive(Debug, Clone)]
pub struct Clock {
    line: Arc<RwLock<Line>>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Line {
    wall: DateTime<Utc>,
    shown: DateTime<Utc>,
    scale: f64,
}

/// How a clock runs; the body of `PUT /v1/clock`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "mode", rename_all = "lowercase", deny_unknown_fields)]
pub enum Setting {
    /// As the wall clock does.
    Real,
    /// Not at all: it stands at `at` (RFC 3339), or where it is.
    Frozen {
        /// The moment.
        at: Option<DateTime<Utc>>,
    },
    /// As the wall clock does, `offset` seconds ahead of it.
    Offset {
        /// Seconds; negative is behind.
        offset: i64,
    },
    /// `scale` times as fast as the wall clock, from now on.
    Scaled {
        /// Seconds of the server per second of the wall clock.
        scale: f64,
    },
}

/// What a clock shows; the answer of `GET /v1/clock`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Reading {
    /// `real`, `frozen`, `offset` or `scaled`.
    pub mode: &'static str,
    /// The server's time.
    pub now: DateTime<Utc>,
    /// How far it is ahead of the wall clock, in seconds.
    pub offset: i64,
    /// How fast it runs.
    pub scale: f64,
}

/// A time that a clock cannot be set to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ClockError {
    /// Outside of the years 1970 to 9999.
    #[error("the clock would leave the years 1970 to 9999")]
    OutOfRange,
    /// A scale that is negative, or more than a million.
    #[error("`scale` must be from 0 to 1000000")]
    Scale,
}

impl Clock {
    /// The wall clock.
    #[must_use]
    pub fn real() -> Self {
        let now = wall();
        Self::of(Line { wall: now, shown: now, scale: 1.0 })
    }

    /// A clock that stands at `at` until it is advanced.
    #[must_use]
    pub fn frozen(at: DateTime<Utc>) -> Self {
        Self::of(Line { wall: at, shown: at, scale: 0.0 })
    }

    fn of(line: Line) -> Self {
        Self { line: Arc::new(RwLock::new(line)) }
    }

    /// The server's time.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        self.line.read().unwrap_or_else(PoisonError::into_inner).now()
    }

    /// The server's time in seconds since 1970.
    #[must_use]
    pub fn unix(&self) -> i64 {
        self.now().timestamp()
    }

    /// What the clock shows and how it runs.
    #[must_use]
    pub fn read(&self) -> Reading {
        let line = self.line();
        let (now, wall) = (line.now(), wall());
        let offset = (now - wall).num_milliseconds();
        let mode = match line.scale {
            0.0 => "frozen",
            1.0 if offset.abs() < 500 => "real",
            1.0 => "offset",
            _ => "scaled",
        };
        Reading { mode, now: now.trunc_subsecs(3), offset: (offset + offset.signum() * 500) / 1000, scale: line.scale }
    }

    /// Sets how the clock runs.
    ///
    /// # Errors
    /// A time outside of the years 1970 to 9999, or a scale that no clock has.
    pub fn set(&self, setting: Setting) -> Result<(), ClockError> {
        let now = wall();
        let mut held = self.line.write().unwrap_or_else(PoisonError::into_inner);
        let line = match setting {
            Setting::Real => Line { wall: now, shown: now, scale: 1.0 },
            Setting::Frozen { at } => {
                let at = at.unwrap_or_else(|| held.now());
                Line { wall: now, shown: at, scale: 0.0 }
            }
            Setting::Offset { offset } => Line { wall: now, shown: shifted(now, offset)?, scale: 1.0 },
            Setting::Scaled { scale } if !(0.0..=1e6).contains(&scale) => return Err(ClockError::Scale),
            Setting::Scaled { scale } => Line { wall: now, shown: held.now(), scale },
        };
        if !YEARS.contains(&line.shown.timestamp()) {
            return Err(ClockError::OutOfRange);
        }
        *held = line;
        Ok(())
    }

    /// Moves the clock by `seconds`; it goes on as it did.
    ///
    /// # Errors
    /// A time outside of the years 1970 to 9999.
    pub fn advance(&self, seconds: i64) -> Result<(), ClockError> {
        // Nobody else may move it in between, or one of two moves would be lost.
        let mut line = self.line.write().unwrap_or_else(PoisonError::into_inner);
        *line = Line { shown: shifted(line.shown, seconds)?, ..*line };
        Ok(())
    }

    fn line(&self) -> Line {
        *self.line.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn replace(&self, line: Line) {
        *self.line.write().unwrap_or_else(PoisonError::into_inner) = line;
    }

    /// The line itself, to come back to.
    pub(crate) fn mark(&self) -> Mark {
        Mark(self.line())
    }

    /// Goes back to where it was marked.
    pub(crate) fn restore(&self, mark: Mark) {
        self.replace(mark.0);
    }
}

/// How a clock ran at some moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mark(Line);

impl Line {
    fn now(&self) -> DateTime<Utc> {
        if self.scale == 0.0 {
            return self.shown;
        }
        let passed = (wall() - self.wall).num_microseconds().unwrap_or(i64::MAX) as f64 * self.scale;
        let now = self.shown.checked_add_signed(TimeDelta::microseconds(passed as i64)).unwrap_or(self.shown);
        within(now)
    }
}

/// The time, or the first or the last that a clock shows: what runs fast, or on and on, comes to an end there.
fn within(time: DateTime<Utc>) -> DateTime<Utc> {
    let seconds = time.timestamp().clamp(*YEARS.start(), *YEARS.end());
    if seconds == time.timestamp() { time } else { DateTime::from_timestamp(seconds, 0).unwrap_or(time) }
}

/// A time as header fields have it (RFC 9110, 5.6.7).
pub(crate) fn http_date(time: DateTime<Utc>) -> String {
    httpdate::fmt_http_date(within(time).into())
}

fn shifted(time: DateTime<Utc>, seconds: i64) -> Result<DateTime<Utc>, ClockError> {
    let delta = TimeDelta::try_seconds(seconds).ok_or(ClockError::OutOfRange)?;
    let time = time.checked_add_signed(delta).ok_or(ClockError::OutOfRange)?;
    if YEARS.contains(&time.timestamp()) { Ok(time) } else { Err(ClockError::OutOfRange) }
}

#[allow(clippy::disallowed_methods, reason = "this is the crate's clock")]
fn wall() -> DateTime<Utc> {
    SystemTime::now().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start() -> DateTime<Utc> {
        DateTime::from_timestamp(1_767_225_600, 0).unwrap()
    }

    #[test]
    fn a_frozen_clock_moves_only_when_told() {
        let clock = Clock::frozen(start());
        assert_eq!(clock.now(), start());
        clock.advance(3600).unwrap();
        assert_eq!(clock.unix(), start().timestamp() + 3600);
        assert_eq!(clock.read().mode, "frozen");
    }

    #[test]
    fn offset_and_scaled_clocks_go_on_from_the_wall_clock() {
        let clock = Clock::real();
        assert_eq!(clock.read().mode, "real");
        clock.set(Setting::Offset { offset: -7200 }).unwrap();
        assert_eq!((clock.read().mode, clock.read().offset), ("offset", -7200));
        clock.set(Setting::Scaled { scale: 60.0 }).unwrap();
        assert_eq!(clock.read().mode, "scaled");
        clock.set(Setting::Real).unwrap();
        assert_eq!(clock.read().offset, 0);
    }

    #[test]
    fn impossible_times_are_refused_and_change_nothing() {
        let clock = Clock::frozen(start());
        assert_eq!(clock.advance(i64::MAX), Err(ClockError::OutOfRange));
        assert_eq!(clock.advance(-5_000_000_000), Err(ClockError::OutOfRange));
        assert_eq!(clock.set(Setting::Scaled { scale: f64::NAN }), Err(ClockError::Scale));
        assert_eq!(clock.now(), start());
    }
}
