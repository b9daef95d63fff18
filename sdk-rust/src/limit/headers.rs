//! What an answer says about its rate limit, read in the dialect that the document declares (C1 to C3).

use std::time::{Duration, SystemTime};

use bitting_spec::extension::{RateLimit, RateLimitExceeded, ResetFormat};
use http::{HeaderMap, HeaderName};
use serde_json::Value;

use super::RateLimitState;
use super::number::{self, LARGEST};

/// An answer, as far as a rate limit is concerned.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Answer<'a> {
    pub(crate) headers: &'a HeaderMap,
    pub(crate) body: &'a [u8],
    /// When it arrived, by this machine's clock.
    pub(crate) wall: SystemTime,
}

impl Answer<'_> {
    /// The server's own time, by which its dates are meant (C1).
    pub(crate) fn server_time(&self) -> SystemTime {
        self.texts(&http::header::DATE).find_map(number::http_date).unwrap_or(self.wall)
    }

    fn texts(&self, name: &HeaderName) -> impl Iterator<Item = &str> {
        self.headers.get_all(name).iter().filter_map(|value| value.to_str().ok())
    }

    /// The longest of the values that a header's lines stand for (C3: duplicates count as the largest).
    fn longest(&self, name: &HeaderName, read: impl Fn(&str) -> Option<Duration>) -> Option<Duration> {
        self.texts(name).filter_map(read).max()
    }
}

/// Where the time to wait stands in a refusal.
#[derive(Debug, Clone)]
enum Source {
    Header(HeaderName),
    Body(String),
}

impl Source {
    fn parse(text: &str) -> Option<Self> {
        match text.split_once(':')? {
            ("header", name) => HeaderName::from_bytes(name.trim().as_bytes()).ok().map(Self::Header),
            ("body", pointer) => Some(Self::Body(pointer.trim().to_owned())),
            _ => None,
        }
    }

    fn is_in_millis(&self) -> bool {
        matches!(self, Self::Header(name) if name.as_str().ends_with("-ms"))
    }

    fn read(&self, answer: &Answer<'_>) -> Option<Duration> {
        match self {
            Self::Header(name) if self.is_in_millis() => {
                answer.longest(name, number::seconds).map(|millis| millis / 1_000)
            }
            Self::Header(name) => answer.longest(name, |text| {
                let past = Duration::ZERO;
                let date = || Some(number::http_date(text)?.duration_since(answer.server_time()).unwrap_or(past));
                number::seconds(text).or_else(date)
            }),
            Self::Body(pointer) => {
                let body: Value = serde_json::from_slice(answer.body).ok()?;
                match body.pointer(pointer)? {
                    Value::Number(value) => number::seconds(&value.to_string()).or(Some(LARGEST)),
                    Value::String(text) => number::seconds(text),
                    _ => None,
                }
            }
        }
    }
}

/// How an API tells of its rate limit: declared by `x-rate-limit`, or the usual names.
#[derive(Debug, Clone)]
pub(crate) struct Dialect {
    limit: HeaderName,
    remaining: HeaderName,
    reset: HeaderName,
    format: Option<ResetFormat>,
    sources: Vec<Source>,
    statuses: Vec<u16>,
}

impl Dialect {
    /// The dialect that `declared` describes.
    pub(crate) fn new(declared: Option<&RateLimit>) -> Self {
        let headers = declared.and_then(|declared| declared.headers.as_ref());
        let name = |declared: Option<&String>, usual: &'static str| {
            let declared = declared.and_then(|name| HeaderName::from_bytes(name.as_bytes()).ok());
            declared.unwrap_or(HeaderName::from_static(usual))
        };
        let exceeded = declared.and_then(|declared| declared.exceeded.clone());
        let RateLimitExceeded { status, retry_after } = exceeded.unwrap_or_default();
        let mut sources: Vec<Source> = retry_after.iter().filter_map(|text| Source::parse(text)).collect();
        let named = |source: &Source| matches!(source, Source::Header(name) if *name == http::header::RETRY_AFTER);
        if !sources.iter().any(named) {
            // Milliseconds say more than seconds, so a header of those comes first where one is declared (C1).
            let first = sources.iter().take_while(|source| source.is_in_millis()).count();
            sources.insert(first, Source::Header(http::header::RETRY_AFTER));
        }
        Self {
            limit: name(headers.map(|headers| &headers.limit), "x-ratelimit-limit"),
            remaining: name(headers.map(|headers| &headers.remaining), "x-ratelimit-remaining"),
            reset: name(headers.map(|headers| &headers.reset.name), "x-ratelimit-reset"),
            format: headers.map(|headers| headers.reset.format),
            sources,
            statuses: status,
        }
    }

    /// Whether `status` says that there were too many requests.
    pub(crate) fn refuses(&self, status: u16) -> bool {
        self.statuses.contains(&status)
    }

    /// How long a refusal asks to wait, by the first source that says so (C1).
    pub(crate) fn delay(&self, answer: &Answer<'_>) -> Option<Duration> {
        let declared = || self.sources.iter().find_map(|source| source.read(answer));
        declared().or_else(|| draft_reset(answer)).or_else(|| self.reset_if_spent(answer))
    }

    /// The state of the limit after any answer; `None` if it says nothing.
    pub(crate) fn state(&self, answer: &Answer<'_>) -> Option<RateLimitState> {
        let count = |name: &HeaderName| answer.longest(name, number::seconds).map(|count| count.as_secs());
        let reset = self.reset(answer).and_then(|reset| answer.wall.checked_add(reset));
        let state = RateLimitState { limit: count(&self.limit), remaining: count(&self.remaining), reset_at: reset };
        let said = state.limit.is_some() || state.remaining.is_some() || state.reset_at.is_some();
        said.then_some(state)
    }

    fn reset(&self, answer: &Answer<'_>) -> Option<Duration> {
        let now = answer.server_time();
        answer.longest(&self.reset, |text| number::until(text, self.format, now))
    }

    /// A window's end counts only where the window is used up, and one second is added because servers round down.
    fn reset_if_spent(&self, answer: &Answer<'_>) -> Option<Duration> {
        let remaining = answer.longest(&self.remaining, number::seconds)?;
        if !remaining.is_zero() {
            return None;
        }
        self.reset(answer).map(|reset| reset + Duration::from_secs(1))
    }
}

/// `RateLimit: "default";r=0;t=30` (draft-ietf-httpapi-ratelimit-headers): the seconds of the `t` parameter.
fn draft_reset(answer: &Answer<'_>) -> Option<Duration> {
    answer.longest(&HeaderName::from_static("ratelimit"), |text| {
        let policies = text
            .split(',')
            .filter_map(|policy| policy.split(';').find_map(|part| number::seconds(part.trim().strip_prefix("t=")?)));
        policies.max()
    })
}

#[cfg(test)]
mod tests {
    use bitting_spec::extension::{RateLimitHeaders, ResetHeader};
    use http::HeaderValue;

    use super::*;

    fn roboticks() -> RateLimit {
        let reset = ResetHeader { name: "X-RateLimit-Reset".to_owned(), format: ResetFormat::UnixSeconds };
        let headers = RateLimitHeaders {
            limit: "X-RateLimit-Limit".to_owned(),
            remaining: "X-RateLimit-Remaining".to_owned(),
            reset,
        };
        let sources = ["header:Retry-After", "body:/retry_after"].map(str::to_owned).to_vec();
        let exceeded = RateLimitExceeded { status: vec![429], retry_after: sources };
        RateLimit { headers: Some(headers), exceeded: Some(exceeded), ..RateLimit::default() }
    }

    fn delay(headers: &[(&'static str, &'static str)], body: &str) -> Option<u64> {
        let headers: HeaderMap = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect();
        let wall = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        let answer = Answer { headers: &headers, body: body.as_bytes(), wall };
        Dialect::new(Some(&roboticks())).delay(&answer).map(|delay| delay.as_secs())
    }

    /// C1: milliseconds come before seconds where they are declared, and count for nothing where they are not.
    #[test]
    fn milliseconds_come_first() {
        let headers = [("retry-after-ms", "1500"), ("retry-after", "9")];
        let headers: HeaderMap = headers
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .into_iter()
            .collect();
        let answer = Answer { headers: &headers, body: &[], wall: SystemTime::UNIX_EPOCH };
        let sources = vec!["header:Retry-After-Ms".to_owned()];
        let exceeded = Some(RateLimitExceeded { status: vec![429], retry_after: sources });
        let declared = RateLimit { exceeded, ..RateLimit::default() };
        assert_eq!(Dialect::new(Some(&declared)).delay(&answer), Some(Duration::from_millis(1_500)));
        assert_eq!(Dialect::new(None).delay(&answer), Some(Duration::from_secs(9)));
    }

    /// C1: Retry-After, then the declared body pointer, then the draft's header, then a spent window's end.
    #[test]
    fn the_first_source_that_speaks_counts() {
        let reset = [("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1800000030")];
        let body = r#"{"detail": "Rate limit exceeded. Try again in 60 seconds.", "retry_after": 60}"#;
        let draft = ("ratelimit", "\"burst\";r=3;t=5, \"default\";r=0;t=20");
        assert_eq!(delay(&[("retry-after", "7"), reset[0], reset[1]], body), Some(7));
        assert_eq!(delay(&[reset[0], reset[1]], body), Some(60));
        assert_eq!(delay(&[reset[0], reset[1], draft], "{}"), Some(20));
        assert_eq!(delay(&reset, "not JSON"), Some(31));
        assert_eq!(delay(&[("x-ratelimit-remaining", "1"), reset[1]], ""), None);
    }

    /// C1: a date counts by the server's own clock, not by this machine's.
    #[test]
    fn a_date_is_measured_by_the_servers_clock() {
        let date = ("date", "Fri, 15 Jan 2027 09:00:00 GMT");
        assert_eq!(delay(&[("retry-after", "Fri, 15 Jan 2027 09:00:10 GMT"), date], ""), Some(10));
        assert_eq!(delay(&[("retry-after", "Fri, 15 Jan 2027 08:00:00 GMT"), date], ""), Some(0));
    }

    /// C3: of two headers of one name, the longer wait counts.
    #[test]
    fn duplicates_count_as_the_largest() {
        let mut headers = HeaderMap::new();
        headers.append("retry-after", HeaderValue::from_static("3"));
        headers.append("retry-after", HeaderValue::from_static("9"));
        let answer = Answer { headers: &headers, body: b"", wall: SystemTime::UNIX_EPOCH };
        assert_eq!(Dialect::new(None).delay(&answer), Some(Duration::from_secs(9)));
    }

    proptest::proptest! {
        /// C3: no body makes the reader panic.
        #[test]
        fn no_body_is_too_strange(body in "\\{\"retry_after\": (-?[0-9]{1,30}|\"\\PC{0,9}\"|null|\\[\\]|1e99)\\}") {
            delay(&[], &body);
        }
    }
}
