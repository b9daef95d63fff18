//! `rate-limit.*`: the limit is told truly, holds, ends, and counts for each caller alone. One operation stands for all,
//! with keys of its own, after everything else. Where nobody can set a limit the server's own is reached, if it is low
//! enough (`reach`).

mod reach;

use std::time::Duration;

use bitting_spec::extension::{RateLimit, RateLimitExceeded, RateLimitHeaders, ResetFormat};
use bitting_spec::{Document, Operation, Response, SecurityScheme, Status};
use serde_json::Value;

use super::response::as_documented;
use crate::check::{Check, CheckInfo, Need, Phase};
use crate::clock;
use crate::credentials::{Nature, Role};
use crate::finding::Observation;
use crate::generate::{Case, validator};
use crate::http::Exchange;
use crate::provision::KeyOrder;
use crate::run::{NO_LIMIT, Stop, Trial, apply};
use crate::secret::Secret;

/// The limit that is set for the checks that reach it.
const LIMIT: u64 = 5;
/// The window of that limit.
const WINDOW: Duration = Duration::from_secs(60);
/// How many seconds a server's clock may be off by.
const SLACK: i64 = 5;
/// The farthest end of a window that is believed where the window is not known, in seconds.
const LONGEST: i64 = 32 * 24 * 3600;
/// The longest real wait of a run whose time is bounded, and of one that nobody gave a bound.
const PATIENCE: (Duration, Duration) = (Duration::from_secs(120), Duration::from_secs(5));

pub(super) const CHECKS: &[Check] = &[
    Check {
        info: CheckInfo {
            id: "rate-limit.headers",
            title: "every answer tells the state of the limit",
            rule: "A successful answer to a caller who is limited carries the headers that the document names, each a \
                   whole number that is not negative.",
            source: "x-rate-limit.headers; draft-ietf-httpapi-ratelimit-headers",
            needs: &[Need::Valid],
            phase: Phase::Rate,
        },
        applies: tells,
        run: |trial| Box::pin(headers(trial)),
    },
    Check {
        info: CheckInfo {
            id: "rate-limit.remaining",
            title: "the remaining requests fall",
            rule: "Within one window the number of remaining requests falls as requests are made.",
            source: "x-rate-limit.headers; draft-ietf-httpapi-ratelimit-headers",
            needs: &[Need::Valid],
            phase: Phase::Rate,
        },
        applies: tells,
        run: |trial| Box::pin(remaining(trial)),
    },
    Check {
        info: CheckInfo {
            id: "rate-limit.reset",
            title: "the window ends in the future, and not later than it lasts",
            rule: "The reset header, read as the document says, names a time after now and within one window.",
            source: "x-rate-limit.headers; RFC 9110, 10.2.3",
            needs: &[Need::Valid],
            phase: Phase::Rate,
        },
        applies: tells,
        run: |trial| Box::pin(reset(trial)),
    },
    Check {
        info: CheckInfo {
            id: "rate-limit.exceeded",
            title: "the limit holds, and the refusal is as documented",
            rule: "As many requests as the limit allows succeed; the next is answered with 429, with the documented body \
                   and the time to wait, which is the same wherever it stands; no other address or user agent gets past it.",
            source: "RFC 6585, 4; RFC 9110, 10.2.3; x-rate-limit.exceeded",
            needs: &[Need::Valid],
            phase: Phase::Rate,
        },
        applies: limits,
        run: |trial| Box::pin(exceeded(trial)),
    },
    Check {
        info: CheckInfo {
            id: "rate-limit.retry-after",
            title: "after the time to wait, requests succeed",
            rule: "A request that is sent after the time that a 429 names succeeds.",
            source: "RFC 9110, 10.2.3",
            needs: &[Need::Valid],
            phase: Phase::Rate,
        },
        applies: limits,
        run: |trial| Box::pin(retry_after_is_true(trial)),
    },
    Check {
        info: CheckInfo {
            id: "rate-limit.per-credential",
            title: "nobody uses up the limit of another",
            rule: "When one caller has used up the limit, a caller with a credential of another user is still served.",
            source: "x-rate-limit.key; OWASP API4:2023",
            needs: &[Need::Valid, Need::OtherOrganization],
            phase: Phase::Rate,
        },
        applies: limits,
        run: |trial| Box::pin(per_credential(trial)),
    },
    Check {
        info: CheckInfo {
            id: "rate-limit.lock-out",
            title: "nobody locks others out by being refused",
            rule: "Requests with wrong credentials, however many, use up the limit of no caller whose credential is right.",
            source: "x-rate-limit.key; OWASP API4:2023; CWE-645",
            needs: &[Need::Valid, Need::RateLimits],
            phase: Phase::Rate,
        },
        applies: limits,
        run: |trial| Box::pin(lock_out(trial)),
    },
];

fn rule<'a>(document: &'a Document, operation: &'a Operation) -> Option<&'a RateLimit> {
    operation.rate_limit.as_ref().or(document.rate_limit.as_ref())
}

/// Whether the operation stands for the limits of the document: the first list that needs a credential, of those that
/// document their limit if any does.
fn limits(document: &Document, operation: &Operation) -> bool {
    let is_list =
        |other: &&Operation| other.method == "GET" && !other.is_public() && !other.trimmed_path().ends_with('}');
    let is_told = |other: &&Operation| other.rate_limit.is_some() || other.response(429).is_some_and(is_about_limits);
    let mut lists = document.operations.iter().filter(is_list);
    let chosen = lists.clone().find(is_told).or_else(|| lists.next());
    rule(document, operation).is_some() && chosen.is_some_and(|chosen| chosen.id == operation.id)
}

/// Whether an answer is documented for itself: what stands for everything else says nothing of limits.
fn is_about_limits(response: &Response) -> bool {
    matches!(response.status, Status::Code(_))
}

fn tells(document: &Document, operation: &Operation) -> bool {
    limits(document, operation) && rule(document, operation).is_some_and(|rule| rule.headers.is_some())
}

fn names<'a>(trial: &Trial<'a>) -> Result<&'a RateLimitHeaders, Stop> {
    let rule = rule(trial.context.document, trial.operation);
    rule.and_then(|rule| rule.headers.as_ref()).ok_or_else(|| Stop::Skip("the document names no headers".to_owned()))
}

/// A credential to be limited by.
struct Own<'a> {
    scheme: &'a SecurityScheme,
    secret: Secret,
    /// The requests that it has been used for, where nobody else uses it.
    used: Option<u64>,
}

/// A credential whose count nothing else has touched, where somebody can make one.
async fn own_key<'a>(trial: &Trial<'a>) -> Result<Own<'a>, Stop> {
    let schemes = [trial.schemes(Nature::Key), trial.schemes(Nature::Token)].concat();
    let context = trial.context;
    for scheme in &schemes {
        let is_key = crate::credentials::nature(scheme) == Nature::Key;
        let login = context.credentials.principal(Role::Valid).and_then(|principal| principal.login.as_ref());
        if let (Some(provisioner), Some(login), true) = (context.credentials.provisioner(), login, is_key) {
            let order =
                KeyOrder { user: login.username.clone(), scheme: Some(scheme.name.clone()), ..KeyOrder::default() };
            if let Ok(minted) = provisioner.mint_key(order).await {
                context.vault.keep(&minted.secret, "OWN_KEY", &format!("a new key for {}", scheme.name));
                return Ok(Own { scheme, secret: minted.secret, used: Some(0) });
            }
        }
        if is_key && let Ok(issued) = context.issue(Role::Valid, None, None).await {
            let exchange = trial.with_secret(scheme, &issued.secret).await?;
            if exchange.answer.is_success() {
                return Ok(Own { scheme, secret: issued.secret, used: Some(1) });
            }
        }
        if let Ok(secret) = context.secret(Role::Valid, scheme).await {
            return Ok(Own { scheme, secret, used: None });
        }
    }
    Err(Stop::Skip("the valid principal has no credential for it".to_owned()))
}

fn number(exchange: &Exchange, name: &str) -> Option<i64> {
    exchange.answer.header(name)?.parse().ok()
}

async fn headers(trial: &Trial<'_>) -> Result<(), Stop> {
    let names = names(trial)?;
    let own = own_key(trial).await?;
    let exchange = trial.with_secret(own.scheme, &own.secret).await?;
    let mut wanted = vec![&names.limit, &names.remaining];
    let is_number =
        matches!(names.reset.format, ResetFormat::UnixSeconds | ResetFormat::UnixMillis | ResetFormat::DeltaSeconds);
    wanted.extend(is_number.then_some(&names.reset.name));
    for name in wanted {
        if number(&exchange, name).is_none_or(|value| value < 0) {
            let cause = match exchange.answer.header(name) {
                Some(_) => format!("{name} is no whole number"),
                None => format!("{name} is missing"),
            };
            return Err(Observation::error(cause, format!("{name} with a whole number"), &exchange).into());
        }
    }
    Ok(())
}

async fn remaining(trial: &Trial<'_>) -> Result<(), Stop> {
    let names = names(trial)?;
    let own = own_key(trial).await?;
    let mut first = None;
    for _ in 0..4 {
        let exchange = trial.with_secret(own.scheme, &own.secret).await?;
        if exchange.answer.status == 429 {
            return Err(Stop::Skip("the limit was used up before".to_owned()));
        }
        let state = number(&exchange, &names.remaining).zip(exchange.answer.header(&names.reset.name));
        let Some((left, window)) = state else {
            return Err(Stop::Skip(format!("the answer has no {} and {}", names.remaining, names.reset.name)));
        };
        match &first {
            None => first = Some((left, window, exchange)),
            Some((earlier, same, _)) if left < *earlier || *same != window => return Ok(()),
            Some(_) => {}
        }
    }
    let Some((left, _, exchange)) = first else { return Ok(()) };
    let saying = format!("{}: {left} after each of four requests", names.remaining);
    let cause = format!("{} does not fall", names.remaining);
    Err(Observation::error(cause, "requests count", &exchange).saying(saying).into())
}

async fn reset(trial: &Trial<'_>) -> Result<(), Stop> {
    let names = names(trial)?;
    let limited = trial.context.limit_rate(1_000, WINDOW).await;
    let own = own_key(trial).await?;
    let exchange = trial.with_secret(own.scheme, &own.secret).await?;
    let date = exchange.answer.header("date").and_then(|date| httpdate::parse_http_date(&date).ok());
    let date = date.and_then(|date| date.duration_since(std::time::UNIX_EPOCH).ok());
    let now = date.and_then(|date| i64::try_from(date.as_secs()).ok()).unwrap_or_else(clock::unix);
    let Some(text) = exchange.answer.header(&names.reset.name) else {
        return Err(Stop::Skip(format!("the answer has no {}", names.reset.name)));
    };
    let Some(format) = format_of(trial, names, &text) else { return Ok(()) };
    let Some(left) = seconds_left(format, &text, now) else {
        return Err(Stop::Skip(format!("the suite cannot read {} as {:?}", names.reset.name, names.reset.format)));
    };
    let window = rule(trial.context.document, trial.operation).and_then(|rule| rule.window);
    let window = if limited {
        i64::try_from(WINDOW.as_secs()).ok()
    } else {
        window.and_then(|window| i64::try_from(window).ok())
    };
    let expected = "a time after now and within the window";
    let fail = |cause: &str| {
        let saying = format!("{}: {text}, which is {left} seconds from now", names.reset.name);
        Stop::from(Observation::error(format!("{} {cause}", names.reset.name), expected, &exchange).saying(saying))
    };
    if left < -1 {
        return Err(fail("is in the past"));
    }
    if left > window.unwrap_or(LONGEST) + SLACK {
        return Err(fail("is later than the window lasts"));
    }
    Ok(())
}

/// What the value means. Where the document does not say, a small number is one of seconds, and one too large for
/// seconds is not judged.
fn format_of(trial: &Trial<'_>, names: &RateLimitHeaders, text: &str) -> Option<ResetFormat> {
    let number = text.parse::<i64>().ok();
    match (is_stated(trial), names.reset.format, number) {
        (false, ResetFormat::UnixSeconds, Some(number)) if number < 100_000_000 => Some(ResetFormat::DeltaSeconds),
        (false, ResetFormat::UnixSeconds, Some(number)) if number > 100_000_000_000 => None,
        (_, format, _) => Some(format),
    }
}

/// Whether the document says itself how its limits are told, and the names of header fields are not all there is.
fn is_stated(trial: &Trial<'_>) -> bool {
    let document = &trial.context.document.value;
    let own = document.pointer(&trial.operation.pointer).and_then(|operation| operation.get("x-rate-limit"));
    own.or(document.get("x-rate-limit")).is_some()
}

/// How many seconds are left until the time that a reset header names.
fn seconds_left(format: ResetFormat, text: &str, now: i64) -> Option<i64> {
    match format {
        ResetFormat::UnixSeconds => text.parse::<i64>().ok()?.checked_sub(now),
        ResetFormat::UnixMillis => (text.parse::<i64>().ok()? / 1000).checked_sub(now),
        ResetFormat::DeltaSeconds => text.parse().ok(),
        ResetFormat::HttpDate => {
            let at = httpdate::parse_http_date(text).ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
            i64::try_from(at.as_secs()).ok()?.checked_sub(now)
        }
        ResetFormat::Duration | ResetFormat::Rfc3339 => None,
    }
}

/// Sets the limit to [`LIMIT`] where somebody can; whether it is set.
async fn begin(trial: &Trial<'_>) -> Result<bool, Stop> {
    trial.case().await?;
    let set = trial.context.limit_rate(LIMIT, WINDOW).await;
    trial.context.forget_requests().await;
    trial.context.limits_matter(true);
    Ok(set)
}

/// Takes away what [`begin`] set.
async fn end(trial: &Trial<'_>, set: bool) {
    trial.context.limits_matter(false);
    if set {
        trial.context.limit_rate(NO_LIMIT, WINDOW).await;
    }
    trial.context.forget_requests().await;
}

/// Sends as many requests as are allowed, and the one that is too many: its answer.
async fn exhaust(trial: &Trial<'_>, own: &Own<'_>, set: bool) -> Result<Exchange, Stop> {
    if !set {
        return reach::limit(trial, own).await;
    }
    let refused = refusals(trial);
    for number in 1..=LIMIT {
        let exchange = trial.with_secret(own.scheme, &own.secret).await?;
        if refused.contains(&exchange.answer.status) {
            let cause = "a request within the limit was refused";
            let saying = format!("request {number} of {LIMIT}: {}", exchange.answer.status);
            return Err(Observation::error(cause, format!("{LIMIT} requests are served"), &exchange)
                .saying(saying)
                .into());
        }
    }
    let exchange = trial.with_secret(own.scheme, &own.secret).await?;
    if refused.contains(&exchange.answer.status) {
        let names = rule(trial.context.document, trial.operation).and_then(|rule| rule.headers.as_ref());
        let told = names.and_then(|names| number(&exchange, &names.limit));
        if told.is_some_and(|told| u64::try_from(told) != Ok(LIMIT)) {
            let cause = "the limit is another than the answers tell";
            return Err(Observation::error(cause, format!("a limit of {LIMIT}"), &exchange).into());
        }
        return Ok(exchange);
    }
    let cause = "the limit does not hold";
    let saying = format!("request {} of {LIMIT}: {}", LIMIT + 1, exchange.answer.status);
    Err(Observation::error(cause, format!("{} after {LIMIT} requests", crate::run::listed(&refused)), &exchange)
        .saying(saying)
        .into())
}

fn refusals(trial: &Trial<'_>) -> Vec<u16> {
    exceeded_rule(trial.context.document, trial.operation).status
}

fn exceeded_rule(document: &Document, operation: &Operation) -> RateLimitExceeded {
    rule(document, operation).and_then(|rule| rule.exceeded.clone()).unwrap_or_default()
}

async fn exceeded(trial: &Trial<'_>) -> Result<(), Stop> {
    let set = begin(trial).await?;
    let ended = refusal(trial, set).await;
    end(trial, set).await;
    ended
}

async fn refusal(trial: &Trial<'_>, set: bool) -> Result<(), Stop> {
    let own = own_key(trial).await?;
    let exchange = exhaust(trial, &own, set).await?;
    as_documented(trial, &exchange)?;
    let waits = waits(&exceeded_rule(trial.context.document, trial.operation), &exchange);
    let fail = |cause: &str, expected: &str| Err(Observation::error(cause, expected, &exchange).into());
    let has_to_say = is_stated(trial)
        || trial.operation.response(429).is_some_and(|response| response.headers.contains_key("retry-after"));
    match waits.as_slice() {
        // RFC 6585, 4: a refusal may say it.
        [] if !has_to_say => {
            let cause = "the refusal does not say when to try again";
            return Err(Observation::note(cause, "the time to wait in seconds", &exchange).into());
        }
        [] => return fail("the refusal does not say when to try again", "the time to wait in seconds"),
        waits if waits.iter().any(|wait| *wait < 1) => {
            return fail("the time to wait is less than a second", "at least 1");
        }
        [first, rest @ ..] if rest.iter().any(|wait| wait != first) => {
            return fail("the header and the body name different times to wait", "the same time in both");
        }
        _ => {}
    }
    refusal_body(trial, &exchange, waits[0])?;
    disguised(trial, &own).await
}

/// Stops if a caller who has used up the limit is served in the disguise of another one, and still refused without.
async fn disguised(trial: &Trial<'_>, own: &Own<'_>) -> Result<(), Stop> {
    const DISGUISES: [(&str, &str); 3] =
        [("x-forwarded-for", "203.0.113.7"), ("forwarded", "for=203.0.113.7"), ("user-agent", "another/1.0")];
    for (name, value) in DISGUISES {
        let request = trial.request().await?.with_header(name, value);
        let served = trial.send(apply(own.scheme, &own.secret, request)).await?;
        if served.answer.is_success()
            && refusals(trial).contains(&trial.with_secret(own.scheme, &own.secret).await?.answer.status)
        {
            let cause = format!("another `{name}` gets past the limit");
            return Err(Observation::error(cause, "a limit by the credential", &served).into());
        }
    }
    Ok(())
}

/// Stops unless the body is of its schema, and equals the document's example but for the time to wait.
fn refusal_body(trial: &Trial<'_>, exchange: &Exchange, wait: i64) -> Result<(), Stop> {
    let Some(response) = trial.operation.response(exchange.answer.status) else { return Ok(()) };
    let media = exchange.answer.media_type().and_then(|name| response.content.get(&name));
    let Some(media) = media else { return Ok(()) };
    let body = exchange.answer.json().unwrap_or(Value::Null);
    let validator = media.schema.as_ref().and_then(|schema| validator(trial.context.document, &schema.value));
    if validator.is_some_and(|validator| !validator.is_valid(&body)) {
        let cause = "the body of the refusal is not of its schema";
        return Err(Observation::error(cause, "the documented body", exchange).at(&response.pointer).into());
    }
    let expected: Vec<Value> = media.examples.iter().map(|example| retimed(trial, &example.value, wait)).collect();
    if expected.is_empty() || expected.contains(&body) {
        return Ok(());
    }
    let cause = "the body of the refusal is not the documented one";
    Err(Observation::error(cause, format!("the body {}", expected[0]), exchange).at(&response.pointer).into())
}

/// The example with its time to wait replaced by the actual one, in texts too.
fn retimed(trial: &Trial<'_>, example: &Value, wait: i64) -> Value {
    let rule = exceeded_rule(trial.context.document, trial.operation);
    let pointers = rule.retry_after.iter().filter_map(|place| place.strip_prefix("body:"));
    let Some(usual) = pointers.into_iter().find_map(|pointer| example.pointer(pointer)?.as_i64()) else {
        return example.clone();
    };
    replaced(example, usual, wait)
}

fn replaced(value: &Value, from: i64, to: i64) -> Value {
    match value {
        Value::Number(number) if number.as_i64() == Some(from) => Value::from(to),
        Value::String(text) => {
            let words =
                text.split(' ').map(|word| if word == from.to_string() { to.to_string() } else { word.to_owned() });
            Value::from(words.collect::<Vec<_>>().join(" "))
        }
        Value::Object(members) => {
            members.iter().map(|(name, value)| (name.clone(), replaced(value, from, to))).collect()
        }
        other => other.clone(),
    }
}

/// The times to wait that a refusal names, in the places that the document lists.
fn waits(rule: &RateLimitExceeded, exchange: &Exchange) -> Vec<i64> {
    let read = |place: &String| match place.split_once(':')? {
        ("header", name) => seconds(&exchange.answer.header(name)?),
        ("body", pointer) => exchange.answer.json()?.pointer(pointer)?.as_i64(),
        _ => None,
    };
    rule.retry_after.iter().filter_map(read).collect()
}

/// A time to wait as a number of seconds, or as a date (RFC 9110, 10.2.3).
fn seconds(text: &str) -> Option<i64> {
    text.parse().ok().or_else(|| seconds_left(ResetFormat::HttpDate, text, clock::unix()))
}

/// How many seconds to wait, if the answer says that there were too many requests: with 429 (RFC 6585, 4), or with another
/// status that the document gives such refusals and a time to wait.
pub(crate) fn refused_for(document: &Document, exchange: &Exchange) -> Option<u64> {
    let limits = document.operations.iter().filter_map(|operation| operation.rate_limit.as_ref());
    let rules = limits.chain(&document.rate_limit).filter_map(|limit| limit.exceeded.as_ref());
    let status = exchange.answer.status;
    let mut told = rules.filter(|rule| rule.status.contains(&status)).flat_map(|rule| waits(rule, exchange));
    let told = match told.next() {
        None if status == 429 => waits(&RateLimitExceeded::default(), exchange).into_iter().max(),
        first => first.map(|first| told.fold(first, i64::max)),
    };
    let wait = told.and_then(|wait| u64::try_from(wait).ok()).map(|wait| wait.max(1));
    wait.or((status == 429).then_some(1))
}

async fn retry_after_is_true(trial: &Trial<'_>) -> Result<(), Stop> {
    let set = begin(trial).await?;
    let ended = waited(trial, set).await;
    end(trial, set).await;
    ended
}

async fn waited(trial: &Trial<'_>, set: bool) -> Result<(), Stop> {
    let own = own_key(trial).await?;
    let refused = exhaust(trial, &own, set).await?;
    let rule = exceeded_rule(trial.context.document, trial.operation);
    let wait = waits(&rule, &refused).into_iter().max().unwrap_or(60).max(1);
    let wait = Duration::from_secs(u64::try_from(wait).unwrap_or(1));
    let patience = if trial.context.options.max_time.is_some() { PATIENCE.0 } else { PATIENCE.1 };
    if !trial.context.pass_time(wait, patience).await {
        let remedy = "give --max-time, or a provisioner that moves the clock";
        return Err(Stop::Skip(format!("nobody could let {} seconds pass: {remedy}", wait.as_secs())));
    }
    let exchange = trial.with_secret(own.scheme, &own.secret).await?;
    if rule.status.contains(&exchange.answer.status) {
        let cause = "the request was refused again after the time to wait";
        let saying = format!("{} after {} seconds", exchange.answer.status, wait.as_secs());
        return Err(Observation::error(cause, "the request is served", &exchange).saying(saying).into());
    }
    Ok(())
}

async fn per_credential(trial: &Trial<'_>) -> Result<(), Stop> {
    let theirs = trial.context.positive(trial.operation, Role::OtherOrganization).await?;
    let set = begin(trial).await?;
    let ended = others_are_served(trial, &theirs, set).await;
    end(trial, set).await;
    ended
}

async fn others_are_served(trial: &Trial<'_>, theirs: &Case, set: bool) -> Result<(), Stop> {
    let own = own_key(trial).await?;
    exhaust(trial, &own, set).await?;
    let exchange = trial.call(trial.operation, theirs, Role::OtherOrganization).await?;
    if refusals(trial).contains(&exchange.answer.status) {
        let cause = "a caller was refused for the requests of another";
        return Err(Observation::error(cause, "each caller has a limit of its own", &exchange).into());
    }
    Ok(())
}

async fn lock_out(trial: &Trial<'_>) -> Result<(), Stop> {
    let set = begin(trial).await?;
    let ended = wrong_ones_cost_nothing(trial).await;
    end(trial, set).await;
    ended
}

async fn wrong_ones_cost_nothing(trial: &Trial<'_>) -> Result<(), Stop> {
    let own = own_key(trial).await?;
    // The caller is known to the limit before anybody is refused.
    let before = trial.with_secret(own.scheme, &own.secret).await?;
    if !before.answer.is_success() {
        return Err(Stop::Skip(format!("the caller's own call was answered with {} before", before.answer.status)));
    }
    let wrong = Secret::new("not-a-credential");
    for _ in 0..2 * LIMIT {
        let exchange = trial.with_secret(own.scheme, &wrong).await?;
        trial.met(exchange.answer.status);
    }
    let exchange = trial.with_secret(own.scheme, &own.secret).await?;
    if refusals(trial).contains(&exchange.answer.status) {
        let cause = "a caller was refused for the wrong credentials of others";
        return Err(Observation::error(cause, "refused requests use up nobody's limit", &exchange).into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// ROBOTICKS-5: the text and the number of the refusal go together.
    #[test]
    fn the_example_follows_the_time_to_wait() {
        let example = json!({"detail": "Rate limit exceeded. Try again in 60 seconds.", "retry_after": 60});
        let expected = json!({"detail": "Rate limit exceeded. Try again in 41 seconds.", "retry_after": 41});
        assert_eq!(replaced(&example, 60, 41), expected);
    }

    #[test]
    fn reset_headers_are_read_in_their_format() {
        assert_eq!(seconds_left(ResetFormat::UnixSeconds, "1060", 1000), Some(60));
        assert_eq!(seconds_left(ResetFormat::UnixMillis, "1060000", 1000), Some(60));
        assert_eq!(seconds_left(ResetFormat::DeltaSeconds, "60", 1000), Some(60));
        assert_eq!(seconds_left(ResetFormat::HttpDate, "Thu, 01 Jan 1970 00:17:40 GMT", 1000), Some(60));
    }
}
