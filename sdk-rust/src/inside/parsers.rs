//! The parsers of what servers send, as fuzz targets call them: none of them may panic, whatever comes (C3, A15).

use std::time::{Duration, SystemTime};

use bitting_spec::extension::{
    RateLimit, RateLimitExceeded, RateLimitHeaders, ResetFormat, ResetHeader, TokenPointers,
};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode};

use crate::clock::Now;
use crate::limit::{Answer, Dialect, LARGEST, http_date, seconds};
use crate::token::read;
use crate::transport::Incoming;

/// This moment, for a parser: any will do.
const WALL: Duration = Duration::from_secs(1_800_000_000);

/// The longest time that any header may stand for (C3).
const LONGEST: Duration = Duration::from_secs(1 << 43);

fn headers(name: &'static str, value: &[u8]) -> HeaderMap {
    let value = HeaderValue::from_bytes(value).ok();
    value.into_iter().map(|value| (http::HeaderName::from_static(name), value)).collect()
}

/// Reads `value` as each of the headers that say how long to wait, in each dialect. Answers whether all readings are
/// within bounds.
#[must_use]
pub fn rate_limit(value: &[u8]) -> bool {
    use ResetFormat::{DeltaSeconds, Duration as Units, HttpDate, Rfc3339, UnixMillis, UnixSeconds};
    let formats = [UnixSeconds, UnixMillis, DeltaSeconds, Units, Rfc3339, HttpDate];
    let names = ["retry-after", "retry-after-ms", "ratelimit", "x-ratelimit-reset", "x-ratelimit-remaining", "date"];
    let wall = SystemTime::UNIX_EPOCH + WALL;
    formats.into_iter().all(|format| {
        let dialect = Dialect::new(Some(&declared(format)));
        names.into_iter().all(|name| {
            let mut headers = headers(name, value);
            headers.entry("x-ratelimit-remaining").or_insert(HeaderValue::from_static("0"));
            let answer = Answer { headers: &headers, body: value, wall };
            let _ = dialect.state(&answer);
            dialect.delay(&answer).is_none_or(|delay| delay <= LONGEST + Duration::from_secs(1))
        })
    })
}

fn declared(format: ResetFormat) -> RateLimit {
    let reset = ResetHeader { name: "X-RateLimit-Reset".to_owned(), format };
    let (limit, remaining) = ("X-RateLimit-Limit".to_owned(), "X-RateLimit-Remaining".to_owned());
    let sources = ["header:Retry-After-Ms", "header:Retry-After", "body:/retry_after"].map(str::to_owned).to_vec();
    RateLimit {
        headers: Some(RateLimitHeaders { limit, remaining, reset }),
        exceeded: Some(RateLimitExceeded { status: vec![429], retry_after: sources }),
        ..RateLimit::default()
    }
}

/// Reads `value` as a number and as a date, and compares with who reads the same elsewhere: the standard library's
/// numbers, and chrono's dates of RFC 2822, which is what a date of HTTP looks like. Answers whether they agree wherever
/// both read something.
#[must_use]
pub fn agrees(value: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(value) else { return true };
    let text = text.trim_matches([' ', '\t']);
    let is_near = |ours: Duration, theirs: f64| {
        let theirs = theirs.clamp(0.0, LARGEST.as_secs_f64());
        (ours.as_secs_f64() - theirs).abs() <= 1e-9 + theirs * 1e-9
    };
    let number = seconds(text).is_none_or(|ours| text.parse().is_ok_and(|theirs| is_near(ours, theirs)));
    let date = match (http_date(text), chrono::DateTime::parse_from_rfc2822(text)) {
        (Some(ours), Ok(theirs)) => ours == SystemTime::from(theirs),
        _ => true,
    };
    number && date
}

/// The same for a moment written as a date of HTTP, with `byte` in the place of one of its letters: nearly a date, as no
/// random text is.
#[must_use]
pub fn agrees_near_a_date(moment: u32, at: u8, byte: u8) -> bool {
    let moment = SystemTime::UNIX_EPOCH + Duration::from_secs(u64::from(moment));
    let mut text = httpdate::fmt_http_date(moment).into_bytes();
    let is_whole = http_date(&String::from_utf8_lossy(&text)) == Some(moment) && agrees(&text);
    let at = usize::from(at) % text.len();
    text[at] = byte;
    is_whole && agrees(&text)
}

/// Reads `value` as a challenge (RFC 6750, 3). Answers how many scopes it names.
#[must_use]
pub fn challenge(value: &[u8]) -> usize {
    crate::pipeline::missing_scopes(&headers("www-authenticate", value)).map_or(0, |scopes| scopes.len())
}

/// Reads `body` as what a token endpoint answers. Answers whether there is a token in it.
#[must_use]
pub fn token(status: u16, body: &[u8]) -> bool {
    let now = Now { mono: Duration::ZERO, wall: SystemTime::UNIX_EPOCH + WALL };
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    let incoming = Incoming { status, headers: headers("retry-after", body), body: Bytes::copy_from_slice(body) };
    read(&incoming, &TokenPointers::default(), now, now, &[]).is_ok()
}

/// Reads `value` as a cookie that is set. Answers whether it is kept.
#[must_use]
pub fn cookie(value: &[u8]) -> bool {
    crate::token::cookies::after(None, &headers("set-cookie", value)).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// C3, A15: what the targets do holds for a handful of strange texts, so that they themselves are right.
    #[test]
    fn strange_texts_are_within_bounds() {
        for text in
            ["", "60", "-1", "1e308", "99999999999999999999", "inf", "²", "6m0s", "Fri, 99 Foo", "2027-01-15T08:00:00Z"]
        {
            assert!(rate_limit(text.as_bytes()) && agrees(text.as_bytes()), "{text}");
        }
        assert!((0..=255).all(|byte| agrees_near_a_date(1_800_000_000, byte, b'0') && agrees_near_a_date(0, 5, byte)));
        assert_eq!(challenge(b"Bearer error=\"insufficient_scope\", scope=\"a b\""), 2);
        assert!(token(200, br#"{"access_token": "t"}"#) && !token(200, b"\xff") && !token(401, b"{}"));
        assert!(cookie(b"a=b") && !cookie(b"\xff=;;;="));
    }
}
