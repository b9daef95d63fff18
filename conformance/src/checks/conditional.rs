//! `http.precondition`, `http.etag`, `http.not-modified`: the tags that tell versions apart, and the conditions on them.

use bitting_spec::table::Location;
use bitting_spec::{Operation, Parameter, Status};
use serde_json::Value;

use super::change::{full, is_match, made_all_the_same, members};
use crate::check::{Check, CheckInfo, Need, Phase};
use crate::credentials::Role;
use crate::finding::Observation;
use crate::generate::{Case, runner};
use crate::run::{Stop, Trial, skip};

const NEEDS: &[Need] = &[Need::Valid];
/// A tag that nothing has.
const NOTHING: &str = "\"bitting-no-such-version\"";

pub(super) const CHECKS: &[Check] = &[
    Check {
        info: CheckInfo {
            id: "http.precondition",
            title: "a change with a wrong If-Match is refused",
            rule: "Where an operation takes If-Match and documents 412, a tag that the object does not have is refused with \
                   412, or 428, and nothing is changed; the tag that it has is not refused with 412.",
            source: "RFC 9110, 13.1.1; RFC 6585, 3",
            needs: NEEDS,
            phase: Phase::Scenario,
        },
        applies: |_, operation| condition(operation, "if-match").is_some() && documents(operation, Status::Code(412)),
        run: |trial| Box::pin(precondition(trial)),
    },
    Check {
        info: CheckInfo {
            id: "http.etag",
            title: "another version has another entity tag",
            rule: "After a change that a read shows, the strong ETag of the object is another one.",
            source: "RFC 9110, 8.8.3 and 8.8.1",
            needs: NEEDS,
            phase: Phase::Scenario,
        },
        applies: |document, operation| {
            matches!(operation.method.as_str(), "PATCH" | "PUT")
                && document
                    .reader(&operation.path)
                    .is_some_and(|read| read.successes().any(|response| response.headers.contains_key("etag")))
        },
        run: |trial| Box::pin(etag(trial)),
    },
    Check {
        info: CheckInfo {
            id: "http.not-modified",
            title: "a read that is told which version is known answers 304 for that one alone",
            rule: "Where a GET takes If-None-Match, or documents 304, the tag of another version gets the answer itself; the \
                   current one gets 304, or, where that is not documented, the answer too.",
            source: "RFC 9110, 13.1.2 and 15.4.5",
            needs: NEEDS,
            phase: Phase::Scenario,
        },
        applies: |_, operation| {
            operation.method == "GET"
                && (condition(operation, "if-none-match").is_some() || documents(operation, Status::Code(304)))
        },
        run: |trial| Box::pin(not_modified(trial)),
    },
];

/// The header parameter of a condition.
fn condition<'o>(operation: &'o Operation, name: &str) -> Option<&'o Parameter> {
    operation.parameters.iter().find(|one| one.location == Location::Header && one.name.eq_ignore_ascii_case(name))
}

fn documents(operation: &Operation, status: Status) -> bool {
    operation.responses.iter().any(|response| response.status == status)
}

async fn precondition(trial: &Trial<'_>) -> Result<(), Stop> {
    let Some(parameter) = condition(trial.operation, "if-match") else { return Ok(()) };
    let base = trial.case().await?;
    let mut chance = runner(trial.context.options.seed, &trial.operation.id, "precondition", 1);
    // What is new in it shows whether it was made all the same; what worked before is refused for nothing else.
    let new = trial.context.shape(trial.operation).valid(trial.context, trial.operation, &base, 1, &mut chance);
    let tried = refused(trial, parameter, new.about(&base)).await;
    match tried {
        Err(Stop::Skip(_)) => refused(trial, parameter, base).await,
        tried => tried,
    }
}

/// Stops unless the case is refused with the tag of nothing, and not with the tag that its object has.
async fn refused(trial: &Trial<'_>, parameter: &Parameter, case: Case) -> Result<(), Stop> {
    let case = case.with(parameter, Value::from(NOTHING));
    let read = trial.context.document.reader(&trial.operation.path);
    let before = match read {
        Some(read) => Some((read, trial.seen(read, &case).await?)),
        None => None,
    };
    let refused = trial.call(trial.operation, &case, Role::Valid).await?;
    if refused.answer.is_success() {
        let cause = format!("a wrong If-Match was answered with {}", refused.answer.status);
        return Err(Observation::error(cause, "412, and no change", &refused).into());
    }
    if !matches!(refused.answer.status, 412 | 428) {
        // It may be refused for another reason.
        return Err(Stop::Skip(format!("a wrong If-Match was answered with {}", refused.answer.status)));
    }
    let Some((read, before)) = before else { return Ok(()) };
    if let Some(member) = made_all_the_same(&case, &before, || trial.seen(read, &case)).await? {
        let cause = format!("a wrong If-Match was refused with {}, and the change made", refused.answer.status);
        let saying = format!("{member} is read otherwise than before");
        return Err(Observation::error(cause, "412, and no change", &refused).saying(saying).into());
    }
    let now = trial.seen(read, &case).await?;
    let Some(tag) = now.answer.header("etag").filter(|tag| !tag.starts_with("W/")) else { return Ok(()) };
    let right = case.with(parameter, Value::from(tag.to_string()));
    let taken = trial.call(trial.operation, &right, Role::Valid).await?;
    // Somebody else may have changed it in between.
    let is_current = trial.seen(read, &right).await?.answer.header("etag") == Some(tag);
    if taken.answer.status == 412 && is_current {
        let cause = "the tag that the object has was refused with 412";
        return Err(Observation::error(cause, "a condition that holds", &taken).into());
    }
    Ok(())
}

async fn etag(trial: &Trial<'_>) -> Result<(), Stop> {
    let (read, case, before) = full(trial).await?;
    let about = Case { body: None, ..case.clone() };
    let first = trial.call(read, &about, Role::Valid).await?;
    let shape = trial.context.shape(trial.operation);
    for index in 0..6 {
        let mut chance = runner(trial.context.options.seed, &trial.operation.id, "etag", index);
        let mut other = shape.valid(trial.context, trial.operation, &case, 2, &mut chance).about(&about);
        other.arguments.retain(|one| !is_match(one.location, &one.name));
        trial.call(trial.operation, &other, Role::Valid).await?;
        let after = trial.call(read, &about, Role::Valid).await?;
        if members(&after) == before {
            continue;
        }
        let tag = after.answer.header("etag");
        if tag.is_some() && tag == first.answer.header("etag") && !tag.unwrap_or_default().starts_with("W/") {
            let cause = "the object changed and its ETag did not";
            return Err(Observation::error(cause, "another ETag", &after).into());
        }
        return Ok(());
    }
    Err(skip("no change was taken that a read shows"))
}

async fn not_modified(trial: &Trial<'_>) -> Result<(), Stop> {
    let case = trial.case().await?;
    let asked = |tag: String| {
        let mut case = case.clone();
        case.set("If-None-Match", Location::Header, Value::from(tag));
        case
    };
    let plain = trial.call(trial.operation, &case, Role::Valid).await?;
    let tag = plain.answer.header("etag").filter(|_| plain.answer.is_success());
    let tag = tag.ok_or_else(|| skip("its answer has no ETag"))?;
    let other = trial.call(trial.operation, &asked(NOTHING.to_owned()), Role::Valid).await?;
    if other.answer.status == 304 {
        let cause = "a version that nobody has is answered with 304";
        return Err(Observation::error(cause, "the answer itself", &other).into());
    }
    let same = trial.call(trial.operation, &asked(tag.clone()), Role::Valid).await?;
    let now = trial.call(trial.operation, &case, Role::Valid).await?;
    let is_current = now.answer.header("etag").is_some_and(|now| now == tag);
    if !is_current && now.answer.is_success() && now.answer.body == plain.answer.body {
        let cause = "the same version has another ETag at each read";
        return Err(Observation::note(cause, "one tag for one version (RFC 9110, 8.8.3)", &now).into());
    }
    if same.answer.is_success() && documents(trial.operation, Status::Code(304)) && is_current {
        let cause = format!("the version that is known is answered with {}", same.answer.status);
        return Err(Observation::note(cause, "304, which the document names", &same).into());
    }
    Ok(())
}
