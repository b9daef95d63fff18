//! `input.*`: what the document allows is taken, what it forbids is not.

use std::collections::HashMap;

use bitting_spec::table::Location;
use bitting_spec::{Document, Operation, infer};
use bytes::Bytes;
use chrono::{DateTime, NaiveDate};
use serde_json::Value;

use super::response::location;
use crate::check::{Check, CheckInfo, Need, Phase};
use crate::clock;
use crate::credentials::Role;
use crate::finding::Observation;
use crate::generate::{ALIKE, NULL};
use crate::run::{Judge, Judging, Sign, Stop, Trial, granting};

/// Words in the names of members whose times are yet to come.
const ENDS: [&str; 8] = ["expir", "until", "end", "due", "deadline", "schedul", "valid_to", "validto"];

/// How deep members are looked for.
const DEEPEST: usize = 3;

const NEEDS: &[Need] = &[Need::Valid];

pub(super) const CHECKS: &[Check] = &[
    Check {
        info: CheckInfo {
            id: "input.positive-accepted",
            title: "what the document allows is not refused as invalid",
            rule: "A request whose every part is of its schema is not answered with 400, 415 or 422.",
            source: "OpenAPI 3.1, 4.8.12 and 4.8.13",
            needs: NEEDS,
            phase: Phase::Generated,
        },
        applies: |_, operation| !operation.parameters.is_empty() || operation.request_body.is_some(),
        run: |trial| Box::pin(trial.exercised("input.positive-accepted")),
    },
    Check {
        info: CheckInfo {
            id: "input.negative-refused",
            title: "what the document forbids is refused",
            rule: "A request that breaks one keyword of a schema is refused. Where only a `format` is broken, which \
                   JSON Schema leaves to each reader, a success is a note.",
            source: "OpenAPI 3.1, 4.8.12 and 4.8.13; JSON Schema 2020-12; OWASP API8:2023",
            needs: NEEDS,
            phase: Phase::Generated,
        },
        applies: |_, operation| !operation.parameters.is_empty() || operation.request_body.is_some(),
        run: |trial| Box::pin(trial.exercised("input.negative-refused")),
    },
    Check {
        info: CheckInfo {
            id: "input.malformed-json",
            title: "a body that is no JSON is refused",
            rule: "A body that says it is JSON and is none is refused, and breaks nothing.",
            source: "RFC 8259, 2; RFC 9110, 15.5.1",
            needs: NEEDS,
            phase: Phase::Generated,
        },
        applies: |_, operation| takes_json(operation),
        run: |trial| Box::pin(malformed_json(trial)),
    },
    Check {
        info: CheckInfo {
            id: "input.media-type",
            title: "a body of another media type is refused",
            rule: "A body of a media type that the document does not list is refused, best with 415.",
            source: "RFC 9110, 15.5.16",
            needs: NEEDS,
            phase: Phase::Generated,
        },
        applies: |_, operation| takes_json(operation),
        run: |trial| Box::pin(media_type(trial)),
    },
];

pub(super) const JUDGES: &[Judge] = &[
    Judge { check: "input.positive-accepted", sees: positive_accepted },
    Judge { check: "input.negative-refused", sees: negative_refused },
];

fn takes_json(operation: &Operation) -> bool {
    let content = operation.request_body.as_ref().map(|body| &body.content);
    content.is_some_and(|content| content.keys().any(|name| name.starts_with("application/json")))
}

fn positive_accepted(judging: &Judging<'_>) -> Option<Observation> {
    let status = judging.exchange.answer.status;
    if *judging.sign != Sign::Valid || !matches!(status, 400 | 415 | 422) {
        return None;
    }
    // A token endpoint refuses a wrong code or client with 400, however well it is written (RFC 6749, 5.2).
    if granting(judging.context.document, judging.operation).is_some() {
        return None;
    }
    // And many a login does the same with a wrong password.
    if status == 400 && takes_secret(judging.context.document, judging.operation) {
        return None;
    }
    let expected = "a request that the document allows is not refused as invalid";
    // Few documents say `minLength: 1` where they mean it.
    if judging.case.is_blank() {
        let cause = format!("a valid request with an empty text was refused with {status}");
        return Some(Observation::note(cause, expected, judging.exchange));
    }
    // That somebody is there by the name of an id no schema can say.
    if let Some(name) = named_nobody(judging) {
        let cause = format!("a valid request with a made-up `{name}` was refused with {status}");
        return Some(Observation::note(cause, expected, judging.exchange));
    }
    // Nor that a time must be yet to come.
    if let Some(name) = judging.case.body.as_ref().and_then(|(_, body)| gone_by(body)) {
        let cause = format!("a valid request with a past `{name}` was refused with {status}");
        return Some(Observation::note(cause, expected, judging.exchange));
    }
    let cause = format!("a valid request was refused with {status}");
    Some(Observation::error(cause, expected, judging.exchange))
}

/// A member of the body that names an object which the suite did not find: it is made up.
fn named_nobody(judging: &Judging<'_>) -> Option<String> {
    let (_, body) = judging.case.body.as_ref()?;
    let known = judging.context.known_references(&judging.operation.id);
    let is_known = |name: &str| known.iter().any(|(known, value)| known == name && value.is_some());
    let is_id = |name: &str| ["_id", "_ids", "Id", "Ids", "-id", "_uuid", "Uuid"].iter().any(|end| name.ends_with(end));
    let ids = id_patterns(judging.context.document);
    let sent = infer::sent(judging.context.document, judging.operation);
    let mut patterns = HashMap::new();
    patterns_of(judging.context.document, &sent, 0, &mut patterns);
    let looks_like_one = |name: &str| patterns.get(name).is_some_and(|pattern| ids.contains(pattern));
    member(body, &|name, value| !value.is_null() && (is_id(name) || looks_like_one(name)) && !is_known(name))
}

/// The pattern of each member that has one, however deep it stands.
fn patterns_of<'d>(
    document: &'d Document,
    members: &[(&'d str, &'d Value)],
    depth: usize,
    found: &mut HashMap<&'d str, &'d str>,
) {
    for (name, schema) in members {
        found.extend(pattern(schema).map(|pattern| (*name, pattern)));
        let inner = schema.get("items").map_or(*schema, |items| document.resolve(items));
        if depth < DEEPEST {
            patterns_of(document, &infer::properties(document, inner), depth + 1, found);
        }
    }
}

/// The patterns that the parameters of paths have, where they tell one kind of object from another.
fn id_patterns(document: &Document) -> Vec<&str> {
    let parameters = document.operations.iter().flat_map(|operation| &operation.parameters);
    let in_path = parameters.filter(|parameter| parameter.location == Location::Path);
    in_path.filter_map(|parameter| pattern(document.resolve(&parameter.schema.value))).collect()
}

fn pattern(schema: &Value) -> Option<&str> {
    schema.get("pattern").and_then(Value::as_str)
}

/// A member of the body that says when something ends or is due, and is a time gone by.
fn gone_by(body: &Value) -> Option<String> {
    let time = |text: &str| match DateTime::parse_from_rfc3339(text) {
        Ok(time) => Some(time.timestamp()),
        Err(_) => Some(text.parse::<NaiveDate>().ok()?.and_hms_opt(0, 0, 0)?.and_utc().timestamp()),
    };
    let is_past = |text: &str| time(text).is_some_and(|time| time < clock::unix());
    let is_end = |name: &str| ENDS.iter().any(|word| name.to_ascii_lowercase().contains(word));
    member(body, &|name, value| is_end(name) && value.as_str().is_some_and(is_past))
}

/// The first member of `value` that `is_it`, however deep it stands.
fn member(value: &Value, is_it: &dyn Fn(&str, &Value) -> bool) -> Option<String> {
    match value {
        Value::Object(members) => {
            let found = members.iter().find(|(name, value)| is_it(name, value)).map(|(name, _)| name.clone());
            found.or_else(|| members.values().find_map(|value| member(value, is_it)))
        }
        Value::Array(items) => items.iter().find_map(|item| member(item, is_it)),
        _ => None,
    }
}

/// Whether a body of the operation holds a password or a refresh token, which a valid text seldom is.
fn takes_secret(document: &Document, operation: &Operation) -> bool {
    document.security_schemes.iter().any(|scheme| {
        let acquire = scheme.auth.acquire.as_ref().map(|acquire| &acquire.operation_id);
        let refresh = scheme.auth.refresh.as_ref().and_then(|refresh| refresh.operation_id.as_ref());
        acquire == Some(&operation.id) || refresh == Some(&operation.id)
    })
}

fn negative_refused(judging: &Judging<'_>) -> Option<Observation> {
    let Sign::Invalid { place, keyword } = judging.sign else { return None };
    let status = judging.exchange.answer.status;
    if !(200..400).contains(&status) || judging.exchange.answer.is_sent_back() {
        return None;
    }
    let what = match *keyword {
        NULL => "has null in the place".to_owned(),
        ALIKE => "has what looks alike, and is of another type, in the place".to_owned(),
        keyword => format!("breaks `{keyword}`"),
    };
    let cause = format!("a request that {what} of the {place} was answered with {status}");
    let parameter = location(place).and_then(|location| {
        let name = place.rsplit(' ').next()?;
        judging.operation.parameters.iter().find(|parameter| parameter.name == name && parameter.location == location)
    });
    let body = judging.operation.request_body.as_ref().map(|body| &body.pointer);
    let pointer = parameter.map(|parameter| &parameter.pointer).or(body).unwrap_or(&judging.operation.pointer);
    let make = if *keyword == "format" { Observation::note } else { Observation::error };
    Some(make(cause, "an invalid request is refused", judging.exchange).at(pointer))
}

async fn malformed_json(trial: &Trial<'_>) -> Result<(), Stop> {
    let deep = "[".repeat(50_000);
    let right = trial.request().await?.body.unwrap_or_default();
    let right = String::from_utf8_lossy(&right).into_owned();
    let (cut, more) = (right.strip_suffix('}').unwrap_or("{"), format!("{right} bitting"));
    for (who, body) in [
        ("a body that ends too soon", "{\"bitting\":"),
        ("a body that is no JSON", "bitting"),
        ("a body of deep brackets", &deep),
        ("a valid body without its last brace", cut),
        ("a valid body with a word after it", &more),
    ] {
        let request = trial.request().await?.body(Bytes::from(body.to_owned()));
        let request = trial.context.authorized(trial.operation, Role::Valid, request).await?;
        let exchange = trial.send(request).await?;
        let status = exchange.answer.status;
        if !(400..500).contains(&status) {
            let cause = format!("{who} was answered with {status}");
            return Err(Observation::error(cause, "a body that is no JSON is refused", &exchange).into());
        }
    }
    Ok(())
}

async fn media_type(trial: &Trial<'_>) -> Result<(), Stop> {
    let request = trial.request().await?.with_header("content-type", "application/x-bitting");
    let request = trial.context.authorized(trial.operation, Role::Valid, request).await?;
    let exchange = trial.send(request).await?;
    let status = exchange.answer.status;
    if status >= 500 {
        let cause = format!("an unknown media type was answered with {status}");
        return Err(Observation::error(cause, "a refusal with 415", &exchange).into());
    }
    if status < 400 {
        let cause = format!("an unknown media type was answered with {status}");
        return Err(Observation::note(cause, "a refusal with 415", &exchange).into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// No schema can say that a time is yet to come.
    #[test]
    fn a_time_that_must_come_is_told_from_others() {
        let of = |body: Value| gone_by(&body);
        assert_eq!(of(json!({"name": "a", "expires_at": "2004-07-28T21:03:19.789Z"})), Some("expires_at".to_owned()));
        assert_eq!(of(json!({"lines": [{"dueDate": "2004-07-28"}]})), Some("dueDate".to_owned()));
        assert_eq!(of(json!({"created_at": "2004-07-28T21:03:19Z", "expires_at": "9999-01-01T00:00:00Z"})), None);
        assert_eq!(of(json!({"due": "soon", "ends": 5})), None);
    }
}
