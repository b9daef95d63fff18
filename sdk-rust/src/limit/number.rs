//! Numbers, durations and dates as they stand in headers (C2, C3). Total: any text gives a value or none, never a panic.

use std::time::{Duration, SystemTime};

use bitting_spec::extension::ResetFormat;

/// The largest number that is told apart; anything above counts as this much. Unix time in milliseconds fits.
pub(crate) const LARGEST: Duration = Duration::from_secs(1 << 42);

/// A value above this is Unix time, not seconds from now, where nobody has declared which (C2).
const UNIX_FROM: Duration = Duration::from_secs(1_000_000_000);

/// A value above this is Unix time in milliseconds, where nobody has declared which.
const UNIX_MILLIS_FROM: Duration = Duration::from_secs(100_000_000_000);

/// A decimal number of seconds: `60`, `1.5`, `-3` (which counts as 0). No exponent, no other digits than ASCII's.
pub(crate) fn seconds(text: &str) -> Option<Duration> {
    let text = text.trim_matches([' ', '\t']);
    let (negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) {
        return None;
    }
    if negative {
        return Some(Duration::ZERO);
    }
    // The text is digits only, so a failure to parse is an overflow.
    let whole = whole.parse().map_or(LARGEST, Duration::from_secs);
    let nanos = format!("{:0<9.9}", fraction).parse().unwrap_or(0);
    Some(whole.saturating_add(Duration::from_nanos(nanos)).min(LARGEST))
}

/// A duration with units: `6m0s`, `1h2m3.5s`, `250ms`.
pub(crate) fn duration(text: &str) -> Option<Duration> {
    let mut rest = text.trim_matches([' ', '\t']);
    if rest.is_empty() {
        return None;
    }
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let number = rest.find(|char: char| !char.is_ascii_digit() && char != '.')?;
        let (value, tail) = rest.split_at(number);
        let unit = tail.find(|char: char| !char.is_ascii_alphabetic()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit);
        let value = seconds(value)?;
        let part = match unit {
            "d" => value.saturating_mul(86_400),
            "h" => value.saturating_mul(3_600),
            "m" => value.saturating_mul(60),
            "s" => value,
            "ms" => value / 1_000,
            "us" => value / 1_000_000,
            _ => return None,
        };
        total = total.saturating_add(part).min(LARGEST);
        rest = tail;
    }
    Some(total)
}

/// A date: HTTP's (RFC 9110, 5.6.7) in any of its three forms.
pub(crate) fn http_date(text: &str) -> Option<SystemTime> {
    httpdate::parse_http_date(text.trim()).ok()
}

/// A date and time of RFC 3339. Times before 1970 count as 1970.
fn rfc3339(text: &str) -> Option<SystemTime> {
    let date = chrono::DateTime::parse_from_rfc3339(text.trim()).ok()?;
    let since = Duration::new(u64::try_from(date.timestamp()).unwrap_or(0), 0);
    SystemTime::UNIX_EPOCH.checked_add(since)
}

/// How long from `now` until the moment that `text` names in `format`; 0 if it is past.
pub(crate) fn until(text: &str, format: Option<ResetFormat>, now: SystemTime) -> Option<Duration> {
    let from = |moment: Option<SystemTime>| moment.map(|moment| moment.duration_since(now).unwrap_or(Duration::ZERO));
    let unix = |since: Duration| from(SystemTime::UNIX_EPOCH.checked_add(since)).or(Some(LARGEST));
    match format {
        Some(ResetFormat::UnixSeconds) => unix(seconds(text)?),
        Some(ResetFormat::UnixMillis) => unix(seconds(text)? / 1_000),
        Some(ResetFormat::DeltaSeconds) => seconds(text),
        Some(ResetFormat::Duration) => duration(text),
        Some(ResetFormat::Rfc3339) => from(rfc3339(text)),
        Some(ResetFormat::HttpDate) => from(http_date(text)),
        None => match seconds(text) {
            Some(value) if value > UNIX_MILLIS_FROM => unix(value / 1_000),
            Some(value) if value > UNIX_FROM => unix(value),
            Some(value) => Some(value),
            None => duration(text).or_else(|| from(http_date(text).or_else(|| rfc3339(text)))),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(1_800_000_000);

    fn now() -> SystemTime {
        SystemTime::UNIX_EPOCH + NOW
    }

    /// C3: negative is 0, fractions count, too much is very much, and what is no number is none.
    #[test]
    fn seconds_are_total() {
        assert_eq!(seconds("60"), Some(Duration::from_secs(60)));
        assert_eq!(seconds(" 1.5 "), Some(Duration::from_millis(1_500)));
        assert_eq!(seconds("0.0000000019"), Some(Duration::from_nanos(1)));
        assert_eq!(seconds("-5"), Some(Duration::ZERO));
        assert_eq!(seconds("99999999999999999999999999"), Some(LARGEST));
        for nonsense in ["", "-", ".", ".5", "²", "inf", "NaN", "1e3", "1,5", "0x10", "1 2", "--1"] {
            assert_eq!(seconds(nonsense), None, "{nonsense}");
        }
    }

    /// C2: the dialects of a reset header.
    #[test]
    fn reset_dialects() {
        let in_a_minute = Some(Duration::from_secs(60));
        let cases = [
            ("1800000060", ResetFormat::UnixSeconds),
            ("1800000060000", ResetFormat::UnixMillis),
            ("60", ResetFormat::DeltaSeconds),
            ("1m0s", ResetFormat::Duration),
            ("2027-01-15T08:01:00Z", ResetFormat::Rfc3339),
            ("Fri, 15 Jan 2027 08:01:00 GMT", ResetFormat::HttpDate),
        ];
        for (text, format) in cases {
            assert_eq!(until(text, Some(format), now()), in_a_minute, "{text} as {format:?}");
            assert_eq!(until(text, None, now()), in_a_minute, "{text}, guessed");
        }
        assert_eq!(until("1700000000", Some(ResetFormat::UnixSeconds), now()), Some(Duration::ZERO));
        assert_eq!(duration("1h2m3.5s"), Some(Duration::from_millis(3_723_500)));
        assert_eq!(duration("250ms"), Some(Duration::from_millis(250)));
        assert_eq!(duration("5 parsecs"), None);
    }

    proptest::proptest! {
        /// C3: no text makes a parser panic or answer more than the cap.
        #[test]
        fn no_text_is_too_strange(text in "\\PC{0,40}|[0-9.:+\\-TZGMTmsh ]{0,40}", format in 0_usize..7) {
            use ResetFormat::{DeltaSeconds, Duration, HttpDate, Rfc3339, UnixMillis, UnixSeconds};
            let formats = [UnixSeconds, UnixMillis, DeltaSeconds, Duration, Rfc3339, HttpDate].map(Some);
            let format = formats.get(format).copied().flatten();
            let longest = std::time::Duration::from_secs(1 << 43);
            proptest::prop_assert!(until(&text, format, now()).is_none_or(|value| value <= longest));
        }
    }
}
