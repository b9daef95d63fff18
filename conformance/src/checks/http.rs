//! `http.*`: the protocol itself.

use std::collections::BTreeSet;

use bitting_spec::table::Location;
use bitting_spec::{Document, Operation, Status};

use crate::check::{Check, CheckInfo, Need, Phase};
use crate::credentials::Role;
use crate::finding::Observation;
use crate::http::{Exchange, Request};
use crate::run::{Judge, Judging, Stop, Trial, identity, is_path_of, item_operation};

const NEEDS: &[Need] = &[Need::Valid];

pub(super) const CHECKS: &[Check] = &[METHOD, OPTIONS, HEAD, LOCATION, NAMED, NO_CONTENT, REPEATED_DELETE];

const METHOD: Check = Check {
    info: CheckInfo {
        id: "http.method-not-allowed",
        title: "a method that the document does not name is refused",
        rule: "A method that a path does not have is answered with 405 and an Allow field.",
        source: "RFC 9110, 15.5.6 and 10.2.1",
        needs: &[Need::Valid],
        phase: Phase::Generated,
    },
    applies: is_first_of_path,
    run: |trial| Box::pin(method_not_allowed(trial)),
};

const OPTIONS: Check = Check {
    info: CheckInfo {
        id: "http.options",
        title: "an Allow field names every method of the path",
        rule: "Where OPTIONS is answered with an Allow field, it names the methods that the document has for the path. \
               Where OPTIONS is refused as any other method, `http.method-not-allowed` looks at the field.",
        source: "RFC 9110, 9.3.7 and 10.2.1",
        needs: NEEDS,
        phase: Phase::Generated,
    },
    applies: is_first_of_path,
    run: |trial| Box::pin(options(trial)),
};

const HEAD: Check = Check {
    info: CheckInfo {
        id: "http.head",
        title: "HEAD is answered as GET, without the body",
        rule: "Where HEAD is answered, it has the status and the Content-Type of GET, and no body. A body is looked for where \
               the server is spoken to in the clear.",
        source: "RFC 9110, 9.3.2",
        needs: NEEDS,
        phase: Phase::Generated,
    },
    applies: |document, operation| {
        let declared = |other: &Operation| other.method == "HEAD" && other.path == operation.path;
        operation.method == "GET" && !document.operations.iter().any(declared)
    },
    run: |trial| Box::pin(head(trial)),
};

const LOCATION: Check = Check {
    info: CheckInfo {
        id: "http.location",
        title: "the Location of what was created leads to it",
        rule: "Where a 201, or a 202, has a Location field on the same server, a GET of it succeeds.",
        source: "RFC 9110, 10.2.2, 15.3.2 and 15.3.3",
        needs: NEEDS,
        phase: Phase::Scenario,
    },
    applies: |_, operation| {
        let has = |status| operation.response(status).is_some_and(|response| response.status == Status::Code(status));
        operation.method == "POST" && (has(201) || has(202))
    },
    run: |trial| Box::pin(location(trial)),
};

const NAMED: Check = Check {
    info: CheckInfo {
        id: "http.created-is-named",
        title: "a 201 says what was created",
        rule: "Where a collection has operations on its items, a 201 names the new one by a Location field or in its body: \
               else nobody can come back to it.",
        source: "RFC 9110, 15.3.2 and 10.2.2",
        needs: NEEDS,
        phase: Phase::Scenario,
    },
    applies: |document, operation| {
        let prefix = format!("{}/{{", operation.trimmed_path());
        let is_item = |other: &Operation| other.path.strip_prefix(&prefix).is_some_and(|rest| !rest.contains('/'));
        operation.method == "POST" && document.operations.iter().any(is_item)
    },
    run: |trial| Box::pin(named(trial)),
};

const NO_CONTENT: Check = Check {
    info: CheckInfo {
        id: "http.no-content",
        title: "a 204 has no body",
        rule: "An answer with the status 204 says of no body that it has one: neither Transfer-Encoding nor a \
               Content-Length other than 0.",
        source: "RFC 9110, 8.6 and 15.3.5",
        needs: NEEDS,
        phase: Phase::Generated,
    },
    applies: |_, operation| operation.response(204).is_some_and(|response| response.status == Status::Code(204)),
    run: |trial| Box::pin(trial.exercised("http.no-content")),
};

const REPEATED_DELETE: Check = Check {
    info: CheckInfo {
        id: "http.repeated-delete",
        title: "a second deletion breaks nothing",
        rule: "A deletion of what is already deleted is answered with a success, 404 or 410, and with no server error.",
        source: "RFC 9110, 9.2.2 and 9.3.5",
        needs: NEEDS,
        phase: Phase::Scenario,
    },
    applies: |_, operation| operation.method == "DELETE" && operation.trimmed_path().ends_with('}'),
    run: |trial| Box::pin(repeated_delete(trial)),
};

pub(super) const JUDGES: &[Judge] = &[Judge { check: "http.no-content", sees: no_content }];

/// Methods that do no harm where a server does have them: the suite never sends a DELETE that nobody documented.
const TRIED: [&str; 3] = ["PUT", "PATCH", "POST"];

/// One operation stands for its path.
fn is_first_of_path(document: &Document, operation: &Operation) -> bool {
    let first = document.operations.iter().find(|other| other.path == operation.path);
    first.is_some_and(|first| first.id == operation.id) && undeclared(document, operation).is_some()
}

fn undeclared(document: &Document, operation: &Operation) -> Option<&'static str> {
    let declared =
        |method: &str| document.operations.iter().any(|other| other.path == operation.path && other.method == method);
    TRIED.into_iter().find(|method| !declared(method))
}

async fn method_not_allowed(trial: &Trial<'_>) -> Result<(), Stop> {
    let Some(method) = undeclared(trial.context.document, trial.operation) else { return Ok(()) };
    let request = trial.request().await?;
    let request = trial.context.authorized(trial.operation, Role::Valid, request).await?;
    let mut bare = Request { method: method.to_owned(), body: None, ..request };
    let also = trial.context.document.operations.iter().find(|other| {
        other.path != trial.operation.path && other.method == method && is_path_of(&other.path, bare.path())
    });
    if let Some(other) = also {
        return Err(Stop::Skip(format!("{method} to its path reaches {}", other.id)));
    }
    bare.headers.retain(|(name, _)| name != "content-type");
    let exchange = trial.send(bare).await?;
    let answer = &exchange.answer;
    let expected = "405 with an Allow field";
    if answer.status < 400 || answer.status >= 500 && answer.status != 501 {
        let cause = format!("{method}, which the path does not have, was answered with {}", answer.status);
        return Err(Observation::error(cause, expected, &exchange).into());
    }
    if answer.status != 405 {
        let cause = format!("{method}, which the path does not have, was refused with {}", answer.status);
        return Err(Observation::note(cause, expected, &exchange).into());
    }
    match answer.header("allow") {
        None => Err(Observation::error("the 405 has no Allow", expected, &exchange).into()),
        Some(allow) => names_every_method(trial, &allow, &exchange),
    }
}

/// Stops unless an Allow field names each method that the document has for the path.
fn names_every_method(trial: &Trial<'_>, allow: &str, exchange: &Exchange) -> Result<(), Stop> {
    let allowed: BTreeSet<String> = allow.split(',').map(|method| method.trim().to_ascii_uppercase()).collect();
    let same_path = trial.context.document.operations.iter().filter(|other| other.path == trial.operation.path);
    let missing: Vec<&str> =
        same_path.map(|other| other.method.as_str()).filter(|method| !allowed.contains(*method)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let cause = format!("Allow does not name {}", missing.join(", "));
    let expected = "an Allow that names every method of the path";
    Err(Observation::note(cause, expected, exchange).saying(format!("Allow: {allow}")).into())
}

async fn options(trial: &Trial<'_>) -> Result<(), Stop> {
    let request = trial.request().await?;
    let request = trial.context.authorized(trial.operation, Role::Valid, request).await?;
    let mut bare = Request { method: "OPTIONS".to_owned(), body: None, ..request };
    bare.headers.retain(|(name, _)| name != "content-type");
    let exchange = trial.send(bare).await?;
    if exchange.answer.status >= 500 && exchange.answer.status != 501 {
        let cause = format!("OPTIONS was answered with {}", exchange.answer.status);
        return Err(Observation::error(cause, "no server error", &exchange).into());
    }
    let allow = exchange.answer.header("allow").filter(|_| exchange.answer.status != 405);
    allow.map_or(Ok(()), |allow| names_every_method(trial, &allow, &exchange))
}

async fn head(trial: &Trial<'_>) -> Result<(), Stop> {
    let case = trial.case().await?;
    let get = trial.call(trial.operation, &case, Role::Valid).await?;
    let request = Request { method: "HEAD".to_owned(), ..get.request.clone() };
    let head = trial.send(request).await?;
    let (status, wanted) = (head.answer.status, get.answer.status);
    // A server need not have it, unless it says that it has.
    if matches!(status, 405 | 501) {
        let says = |allow: String| allow.split(',').any(|method| method.trim().eq_ignore_ascii_case("HEAD"));
        if head.answer.header("allow").is_some_and(says) {
            let cause = format!("HEAD, which Allow names, was answered with {status}");
            return Err(Observation::note(cause, "an answer as to GET", &head).into());
        }
        return Ok(());
    }
    let expected = format!("{wanted}, as for GET");
    if status != wanted {
        let cause = format!("HEAD was answered with {status} where GET is with {wanted}");
        let make = if status >= 500 { Observation::error } else { Observation::note };
        return Err(make(cause, expected, &head).into());
    }
    trial.count(1);
    if let Some(bytes @ 1..) = trial.context.bytes_behind_head(&head.request).await {
        let cause = format!("HEAD was answered with {bytes} bytes of a body");
        return Err(Observation::error(cause, "no body: the next answer would be taken for it", &head).into());
    }
    let (given, wanted) = (head.answer.media_type(), get.answer.media_type());
    if given != wanted {
        let cause = "HEAD has another Content-Type than GET, or none";
        return Err(Observation::note(cause, wanted.unwrap_or_default(), &head).into());
    }
    Ok(())
}

async fn location(trial: &Trial<'_>) -> Result<(), Stop> {
    let (_, made) = trial.context.create(trial.operation, Role::Valid).await?;
    trial.count(1);
    let is_told = matches!(made.answer.status, 201 | 202);
    let Some(location) = made.answer.header("location").filter(|_| is_told) else { return Ok(()) };
    let base = &trial.context.base;
    let target = base.target(&made.request.target, &location);
    let target = target.or_else(|| base.beside(&made.request.target, &location));
    let Some(target) = target else {
        return Err(Stop::Skip(format!("the Location leads to another server: {location}")));
    };
    if asks_for_more(trial.context.document, trial.operation) {
        return Err(Stop::Skip("what was created is read with parameters that a Location does not have".to_owned()));
    }
    let request = Request::new("GET", &target).header("accept", "*/*");
    let request = trial.context.authorized(trial.operation, Role::Valid, request).await?;
    let exchange = trial.send(request).await?;
    if exchange.answer.is_success() {
        return Ok(());
    }
    let status = exchange.answer.status;
    let cause = format!("the Location of what was created is answered with {status}");
    // Any other refusal is about the request, not about whether the object is there.
    if !matches!(status, 404 | 410 | 500..) {
        return Err(Stop::Skip(cause));
    }
    Err(Observation::error(cause, "what was created stands at its Location", &exchange).into())
}

/// Whether the operation that reads what `creator` makes has required parameters beside its path.
fn asks_for_more(document: &Document, creator: &Operation) -> bool {
    let prefix = format!("{}/{{", creator.trimmed_path());
    let reads = |other: &&Operation| {
        other.method == "GET" && other.path.starts_with(&prefix) && other.trimmed_path().ends_with('}')
    };
    let asks = |read: &Operation| read.parameters.iter().any(|one| one.required && one.location != Location::Path);
    document.operations.iter().filter(reads).any(asks)
}

async fn named(trial: &Trial<'_>) -> Result<(), Stop> {
    let (_, made) = trial.context.create(trial.operation, Role::Valid).await?;
    trial.count(1);
    let items = ["GET", "PATCH", "PUT", "DELETE"];
    let name = items.iter().find_map(|method| item_operation(trial.context, trial.operation, method));
    let name = name.map_or("id", |(_, name)| name);
    if made.answer.status == 201 && identity(&made.answer, name).is_none() {
        let cause = "a 201 does not say what was created";
        return Err(Observation::note(cause, "a Location, or the id in the body", &made).into());
    }
    Ok(())
}

fn no_content(judging: &Judging<'_>) -> Option<Observation> {
    let answer = &judging.exchange.answer;
    let length = answer.header("content-length").filter(|length| length != "0");
    if answer.status != 204 || length.is_none() && answer.header("transfer-encoding").is_none() {
        return None;
    }
    Some(Observation::error(
        "a 204 says that it has a body",
        "no body, and no field that tells of one",
        judging.exchange,
    ))
}

async fn repeated_delete(trial: &Trial<'_>) -> Result<(), Stop> {
    let case = trial.case().await?;
    trial.call(trial.operation, &case, Role::Valid).await?;
    let again = trial.call(trial.operation, &case, Role::Valid).await?;
    let status = again.answer.status;
    if status >= 500 {
        let cause = format!("a second deletion was answered with {status}");
        return Err(Observation::error(cause, "404, 410 or a success", &again).into());
    }
    Ok(())
}
