//! `response.*`: every answer to the generated requests is what the document promises.

use bitting_spec::table::Location;
use bitting_spec::{MediaType, Response, Status};
use serde_json::Value;

use crate::check::{Check, CheckInfo, Need, Phase};
use crate::finding::{Observation, Severity};
use crate::generate::{Case, of_text};
use crate::http::{Broken, Exchange};
use crate::run::{Judge, Judging, Sign, Stop, Trial};

/// The media type of a problem (RFC 9457, 3).
const PROBLEM: &str = "application/problem+json";
const NEEDS: &[Need] = &[Need::Valid];

pub(super) const CHECKS: &[Check] = &[
    Check {
        info: CheckInfo {
            id: "response.readable",
            title: "every answer can be read",
            rule: "An answer is whole, of a length that agrees with what it says, bounded, and comes in time.",
            source: "RFC 9112, 6 and 8",
            needs: &[],
            phase: Phase::Generated,
        },
        applies: |_, _| true,
        run: |trial| Box::pin(trial.readable(unreadable)),
    },
    Check {
        info: CheckInfo {
            id: "response.status",
            title: "every status is documented",
            rule: "An operation answers with the statuses that the document lists for it.",
            source: "OpenAPI 3.1, 4.8.16",
            needs: NEEDS,
            phase: Phase::Generated,
        },
        applies: |_, operation| !operation.responses.is_empty(),
        run: |trial| Box::pin(trial.exercised("response.status")),
    },
    Check {
        info: CheckInfo {
            id: "response.content-type",
            title: "every body is of a documented media type",
            rule: "The media type of a body is one that the document lists for its status.",
            source: "OpenAPI 3.1, 4.8.17; RFC 9110, 8.3",
            needs: NEEDS,
            phase: Phase::Generated,
        },
        applies: |_, _| true,
        run: |trial| Box::pin(trial.exercised("response.content-type")),
    },
    Check {
        info: CheckInfo {
            id: "response.schema",
            title: "every body is of its schema",
            rule: "A body is valid against the schema that the document gives for its status and media type.",
            source: "OpenAPI 3.1, 4.8.14; JSON Schema 2020-12",
            needs: NEEDS,
            phase: Phase::Generated,
        },
        applies: |_, _| true,
        run: |trial| Box::pin(trial.exercised("response.schema")),
    },
    Check {
        info: CheckInfo {
            id: "response.headers",
            title: "every documented header is there and of its schema",
            rule: "A header that the document requires is there; one that it describes is of its schema.",
            source: "OpenAPI 3.1, 4.8.17 and 4.8.21",
            needs: NEEDS,
            phase: Phase::Generated,
        },
        applies: |_, operation| operation.responses.iter().any(|response| !response.headers.is_empty()),
        run: |trial| Box::pin(trial.exercised("response.headers")),
    },
    Check {
        info: CheckInfo {
            id: "response.no-5xx",
            title: "no request breaks the server",
            rule: "No request, valid or not, is answered with a server error.",
            source: "RFC 9110, 15.6; OWASP API8:2023",
            needs: NEEDS,
            phase: Phase::Generated,
        },
        applies: |_, _| true,
        run: |trial| Box::pin(no_request_breaks_it(trial)),
    },
    Check {
        info: CheckInfo {
            id: "response.problem",
            title: "a problem names the status that it comes with",
            rule: "The `status` of a body of application/problem+json is the status of the answer.",
            source: "RFC 9457, 3.1.2",
            needs: &[],
            phase: Phase::Generated,
        },
        applies: |_, operation| {
            let mut media = operation.responses.iter().flat_map(|response| response.content.keys());
            media.any(|name| name.starts_with(PROBLEM))
        },
        run: |trial| Box::pin(trial.exercised("response.problem")),
    },
];

pub(super) const JUDGES: &[Judge] = &[
    Judge { check: "response.status", sees: status },
    Judge { check: "response.content-type", sees: content_type },
    Judge { check: "response.schema", sees: schema },
    Judge { check: "response.headers", sees: headers },
    Judge { check: "response.no-5xx", sees: no_5xx },
    Judge { check: "response.problem", sees: problem },
];

/// Stops unless status, media type, header fields and body of the refusal are what the document says.
pub(super) fn as_documented(trial: &Trial<'_>, exchange: &Exchange) -> Result<(), Stop> {
    let (context, operation, case) = (trial.context, trial.operation, &Case::default());
    let judging = Judging { context, operation, case, sign: &Sign::Valid, exchange };
    // A status that the document does not list is no surprise here: 403 and 429 stand in few documents.
    let judges = JUDGES.iter().filter(|judge| judge.check != "response.status");
    match judges.filter_map(|judge| (judge.sees)(&judging)).next() {
        Some(seen) => Err(seen.into()),
        None => Ok(()),
    }
}

async fn no_request_breaks_it(trial: &Trial<'_>) -> Result<(), Stop> {
    let (context, operation, case) = (trial.context, trial.operation, &Case::default());
    let ended = trial.exercised("response.no-5xx").await;
    // What breaks by each valid request is never exercised.
    match (&ended, context.broke(operation)) {
        (Err(Stop::Skip(_)), Some(exchange)) => {
            let judging = Judging { context, operation, case, sign: &Sign::Valid, exchange: &exchange };
            no_5xx(&judging).map_or(ended, |seen| Err(seen.into()))
        }
        _ => ended,
    }
}

fn unreadable(broken: &Broken) -> Observation {
    let cause = match broken {
        Broken::Connect(_) => "there was no connection",
        Broken::Silent(_) | Broken::Timeout(_) => "the answer did not come in time",
        Broken::TooLong(_) => "the body has no end",
        Broken::Protocol(_) | Broken::Request(_) | Broken::Limited => "the answer breaks HTTP",
    };
    Observation {
        severity: Severity::Error,
        cause: cause.to_owned(),
        expected: "an answer that can be read".to_owned(),
        summary: broken.to_string(),
        exchange: None,
        pointer: None,
    }
}

fn documented<'a>(judging: &Judging<'a>) -> Option<&'a Response> {
    judging.operation.response(judging.exchange.answer.status)
}

/// A status that is not documented is an error where it is a success; a refusal may well go without saying, and where the
/// document says nothing but refusals, no success can be of it.
fn status(judging: &Judging<'_>) -> Option<Observation> {
    let status = judging.exchange.answer.status;
    if documented(judging).is_some() || status >= 500 || status == 429 {
        return None;
    }
    let known: Vec<String> = judging.operation.responses.iter().map(|response| response.status.to_string()).collect();
    let cause = format!("the status {status} is not documented");
    let expected = format!("one of {}", known.join(", "));
    let says_success = judging.operation.responses.iter().any(|response| match response.status {
        Status::Code(status) => (200..400).contains(&status),
        Status::Range(first) => first == 2 || first == 3,
        Status::Default => true,
    });
    let make = if status < 400 && says_success { Observation::error } else { Observation::note };
    Some(make(cause, expected, judging.exchange).at(&format!("{}/responses", judging.operation.pointer)))
}

fn content_type(judging: &Judging<'_>) -> Option<Observation> {
    let response = documented(judging)?;
    let answer = &judging.exchange.answer;
    if answer.body.is_empty() || response.content.is_empty() {
        return None;
    }
    let given = answer.media_type();
    if given.as_deref().is_some_and(|given| media(response, given).is_some()) {
        return None;
    }
    let known: Vec<&str> = response.content.keys().map(String::as_str).collect();
    let cause = match given {
        Some(given) => format!("the media type {given} is not documented for {}", answer.status),
        None => "the answer has a body and no Content-Type".to_owned(),
    };
    Some(Observation::error(cause, known.join(" or "), judging.exchange).at(&response.pointer))
}

/// What the document says of a media type, ranges included.
fn media<'a>(response: &'a Response, given: &str) -> Option<&'a MediaType> {
    let fits = |declared: &str| {
        let declared = declared.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        declared == given
            || declared == "*/*"
            || declared.strip_suffix("/*").is_some_and(|kind| given.split('/').next() == Some(kind))
    };
    response.content.iter().find(|(declared, _)| fits(declared)).map(|(_, media)| media)
}

fn schema(judging: &Judging<'_>) -> Option<Observation> {
    let answer = &judging.exchange.answer;
    // These have no body, whatever their fields say of one (RFC 9110, 9.3.2, 15.3.5 and 15.4.5).
    let is_empty = judging.operation.method == "HEAD" || matches!(answer.status, 204 | 304);
    let response = documented(judging).filter(|_| !is_empty)?;
    let given = answer.media_type()?;
    let schema = media(response, &given)?.schema.as_ref()?;
    if !(given == "application/json" || given.ends_with("+json")) {
        return None;
    }
    let expected = || format!("a body of the schema for {}", answer.status);
    let Some(body) = answer.parsed() else {
        let error = serde_json::from_slice::<Value>(&answer.body).err()?;
        let seen = Observation::error("the body is no JSON", expected(), judging.exchange).at(&schema.pointer);
        return Some(seen.saying(error.to_string()));
    };
    let validator = judging.context.validator(schema)?;
    if validator.is_valid(body) {
        return None;
    }
    let error = validator.iter_errors(body).next()?;
    let place = error.instance_path().to_string();
    let keyword = error.schema_path().to_string();
    let keyword = keyword.rsplit('/').next().unwrap_or_default();
    let at = |place: &str| if place.is_empty() { String::new() } else { format!(" at `{place}`") };
    let cause = format!("the body breaks `{keyword}` of its schema{}", at(&general(&place)));
    let saying = format!("the body{}: {}", at(&place), error.masked());
    Some(Observation::error(cause, expected(), judging.exchange).at(&schema.pointer).saying(saying))
}

/// A place without the numbers of its items, so that the same failure has the same name wherever it shows.
fn general(place: &str) -> String {
    let is_index = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    place.split('/').map(|part| if is_index(part) { "*" } else { part }).collect::<Vec<_>>().join("/")
}

fn headers(judging: &Judging<'_>) -> Option<Observation> {
    let response = documented(judging)?;
    response.headers.iter().find_map(|(name, header)| {
        let Some(text) = judging.exchange.answer.header(name) else {
            let missing = || {
                Observation::error(
                    format!("the header {name} is missing"),
                    format!("the header {name}"),
                    judging.exchange,
                )
            };
            return header.required.then(|| missing().at(&response.pointer));
        };
        let schema = header.schema.as_ref()?;
        let validator = judging.context.validator(schema)?;
        // Lists and objects are written in too many ways to be judged here.
        let kind = judging.context.document.resolve(&schema.value).get("type").and_then(Value::as_str);
        if matches!(kind, Some("array" | "object")) || of_text(&text).iter().any(|value| validator.is_valid(value)) {
            return None;
        }
        let cause = format!("the header {name} is not of its schema");
        Some(
            Observation::error(cause, format!("a {name} of its schema"), judging.exchange)
                .at(&schema.pointer)
                .saying(format!("{name}: {text}")),
        )
    })
}

fn problem(judging: &Judging<'_>) -> Option<Observation> {
    let answer = &judging.exchange.answer;
    let stated =
        answer.parsed().filter(|_| answer.media_type().as_deref() == Some(PROBLEM))?.get("status")?.as_u64()?;
    let cause = format!("a problem says the status {stated} and comes with {}", answer.status);
    let expected = format!("`status` is {}", answer.status);
    (stated != u64::from(answer.status)).then(|| Observation::error(cause, expected, judging.exchange))
}

fn no_5xx(judging: &Judging<'_>) -> Option<Observation> {
    let status = judging.exchange.answer.status;
    if status < 500 || judging.operation.responses.iter().any(|response| response.status == Status::Code(status)) {
        return None;
    }
    let what = match judging.sign {
        Sign::Valid => "a valid request".to_owned(),
        Sign::Anonymous => "a request without a credential".to_owned(),
        Sign::Unknown => "a valid request with a value that nobody has".to_owned(),
        Sign::Invalid { place, keyword } => format!("a request that breaks `{keyword}` of the {place}"),
    };
    Some(Observation::error(format!("{what} was answered with {status}"), "no server error", judging.exchange))
}

/// The name that reports use for where a parameter stands.
pub(super) fn location(place: &str) -> Option<Location> {
    match place.split(' ').next()? {
        "path" => Some(Location::Path),
        "query" => Some(Location::Query),
        "header" => Some(Location::Header),
        "cookie" => Some(Location::Cookie),
        _ => None,
    }
}
