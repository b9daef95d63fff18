//! The life of an API key as its scheme's `x-auth.key` states it: whether it must end, how far away, and from when on
//! the end is near enough to warn of (ARROW-6, ARROW-9).

use bitting_spec::extension::KeyRules;
use chrono::{DateTime, TimeDelta, Utc};

/// From when on the end of a key is near, where the document does not say: 14 days (ARROW-9).
const WARNING: TimeDelta = TimeDelta::days(14);

/// What a document demands of the life of its keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lifecycle {
    /// Whether a key must have an end.
    pub(crate) must_end: bool,
    /// The longest life.
    pub(crate) longest: Option<TimeDelta>,
    /// How long before the end there is a warning.
    warning: TimeDelta,
}

impl Lifecycle {
    /// The rules as a scheme states them.
    pub(crate) fn new(rules: Option<&KeyRules>) -> Self {
        let of = |part: fn(&KeyRules) -> Option<&String>| rules.and_then(part).and_then(|text| duration(text));
        Self {
            must_end: rules.and_then(|rules| rules.expires.as_deref()) == Some("required"),
            longest: of(|rules| rules.max_lifetime.as_ref()),
            warning: of(|rules| rules.warn_before.as_ref()).unwrap_or(WARNING),
        }
    }

    /// Whether a key that ends at `end` and has not ended yet is near its end.
    pub(crate) fn is_ending(&self, end: Option<DateTime<Utc>>, now: DateTime<Utc>) -> bool {
        end.is_some_and(|end| end > now && end - now <= self.warning)
    }
}

/// An ISO 8601 duration such as `P365D`, `P2W` or `PT12H`. A year has 365 days and a month 30: these are limits, not
/// calendars. `None`: it is none.
fn duration(text: &str) -> Option<TimeDelta> {
    let mut rest = text.strip_prefix('P')?;
    let (mut seconds, mut is_time) = (0_i64, false);
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix('T') {
            (is_time, rest) = (true, after);
            continue;
        }
        let digits = rest.find(|character: char| !character.is_ascii_digit())?;
        let number: i64 = rest[..digits].parse().ok()?;
        let unit = match (rest.as_bytes().get(digits)?, is_time) {
            (b'Y', false) => 365 * 86_400,
            (b'M', false) => 30 * 86_400,
            (b'W', false) => 7 * 86_400,
            (b'D', false) => 86_400,
            (b'H', true) => 3600,
            (b'M', true) => 60,
            (b'S', true) => 1,
            _ => return None,
        };
        seconds = number.checked_mul(unit)?.checked_add(seconds)?;
        rest = &rest[digits + 1..];
    }
    TimeDelta::try_seconds(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read() {
        assert_eq!(duration("P365D"), Some(TimeDelta::days(365)));
        assert_eq!(duration("P1Y2W"), Some(TimeDelta::days(379)));
        assert_eq!(duration("P1DT2H3M4S"), Some(TimeDelta::seconds(86_400 + 7384)));
        for nonsense in ["", "365D", "P3", "PD", "P1H", "PT1D", "P99999999999999999999D", "P9223372036854775807D"] {
            assert_eq!(duration(nonsense), None, "{nonsense}");
        }
    }

    /// ARROW-9: a key that ends within 14 days shows a warning, one that has ended none.
    #[test]
    fn the_end_is_near_within_fourteen_days() {
        let now = DateTime::from_timestamp(0, 0).unwrap();
        let rules = Lifecycle::new(None);
        let is_ending = |days| rules.is_ending(Some(now + TimeDelta::days(days)), now);
        assert_eq!([is_ending(15), is_ending(14), is_ending(1), is_ending(0)], [false, true, true, false]);
        assert!(!rules.is_ending(None, now));
    }
}
