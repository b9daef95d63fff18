//! `state.times`: the times that an object tells of itself.

use chrono::{DateTime, FixedOffset};
use serde_json::{Map, Value};

use super::change::{full_of, members};
use crate::check::{Check, CheckInfo, Need, Phase};
use crate::credentials::Role;
use crate::finding::Observation;
use crate::infer::plain;
use crate::run::{Stop, Trial, skip};

/// How members are called that tell when an object was made, and when it was changed.
const CREATED: [&str; 6] = ["createdat", "created", "createdon", "datecreated", "creationtime", "createtime"];
const CHANGED: [&str; 7] =
    ["updatedat", "updated", "updatedon", "modifiedat", "lastmodified", "dateupdated", "updatetime"];

pub(super) const CHECKS: &[Check] = &[Check {
    info: CheckInfo {
        id: "state.times",
        title: "a change leaves the time of the creation",
        rule: "After a PATCH or PUT the object tells the same time of its creation (`created_at`), and a time of its last \
               change (`updated_at`) that is not before what it told, and not before its creation.",
        source: "RFC 9110, 9.3.4 and 8.8.2; RFC 3339, 5.6",
        needs: &[Need::Valid],
        phase: Phase::Scenario,
    },
    applies: |document, operation| {
        matches!(operation.method.as_str(), "PATCH" | "PUT") && document.reader(&operation.path).is_some()
    },
    run: |trial| Box::pin(times(trial)),
}];

async fn times(trial: &Trial<'_>) -> Result<(), Stop> {
    let context = trial.context;
    let read = context.document.reader(&trial.operation.path).ok_or_else(|| skip("nothing reads it"))?;
    // An object of its own: what was changed before may have got its time of creation then.
    let about = context.arguments(trial.operation, Role::Valid, true).await?;
    let before = members(&trial.seen(read, &about).await?);
    if time(&before, &CREATED).is_none() && time(&before, &CHANGED).is_none() {
        return Err(skip("it tells no time of itself"));
    }
    let (case, changed) = full_of(trial, &about).await?;
    let after = members(&trial.seen(read, &case).await?);
    let expected = |cause: String, expected: String| Err(Observation::error(cause, expected, &changed).into());
    let created = time(&after, &CREATED);
    if let (Some((name, was)), Some((_, is))) = (time(&before, &CREATED), created)
        && was != is
    {
        return expected(format!("a change moved `{name}`"), format!("`{name}` is {}", was.to_rfc3339()));
    }
    let (Some((name, is)), earliest) = (time(&after, &CHANGED), [time(&before, &CHANGED), created]) else {
        return Ok(());
    };
    match earliest.into_iter().flatten().map(|(_, time)| time).max().filter(|earliest| is < *earliest) {
        Some(earliest) => expected(
            format!("`{name}` went back, or lies before the creation"),
            format!("`{name}` is not before {}", earliest.to_rfc3339()),
        ),
        None => Ok(()),
    }
}

/// The first time under one of the names.
fn time<'o>(object: &'o Map<String, Value>, names: &[&str]) -> Option<(&'o str, DateTime<FixedOffset>)> {
    let (name, value) = object.iter().find(|(name, _)| names.contains(&plain(name).as_str()))?;
    Some((name, DateTime::parse_from_rfc3339(value.as_str()?).ok()?))
}
