//! `unauthenticated.*` and `forbidden.*`: a refusal says what the document says it says.

use bitting_spec::extension::{AuthCase, Tenant};
use bitting_spec::table::Location;
use bitting_spec::{Document, Operation};
use bytes::Bytes;
use serde_json::Value;

use super::is_protected;
use crate::check::{Check, CheckInfo, Need, Phase};
use crate::credentials::{Nature, Role};
use crate::finding::Observation;
use crate::generate::validator;
use crate::http::{Exchange, Request};
use crate::run::{Stop, Trial, Wrong, apply};
use crate::secret::Secret;

pub(super) const CHECKS: &[Check] = &[
    Check {
        info: CheckInfo {
            id: "unauthenticated.body",
            title: "a refusal has exactly the body that the document gives it",
            rule: "The body of a refusal equals the document's example for its case (`x-auth-case`); where there is \
                   none it is of the documented schema; where the document is silent it may be anything.",
            source: "OpenAPI 3.1, 4.8.16; x-auth-case",
            needs: &[],
            phase: Phase::Auth,
        },
        applies: is_protected,
        run: |trial| Box::pin(body(trial)),
    },
    Check {
        info: CheckInfo {
            id: "unauthenticated.challenge",
            title: "a 401 says how to authenticate",
            rule: "A 401 carries WWW-Authenticate with at least one challenge, and where the operation takes a bearer token \
                   one of them is of that scheme.",
            source: "RFC 9110, 11.6.1 and 15.5.2; RFC 6750, 3",
            needs: &[],
            phase: Phase::Auth,
        },
        applies: is_protected,
        run: |trial| Box::pin(challenge(trial)),
    },
    Check {
        info: CheckInfo {
            id: "unauthenticated.first",
            title: "strangers learn nothing",
            rule: "Without a credential the answer is the same whatever else is wrong: that an object does not exist, or \
                   that a body is invalid, is told to nobody who may not know.",
            source: "RFC 9110, 15.5.2; OWASP API8:2023; CWE-204",
            needs: &[Need::Valid],
            phase: Phase::Auth,
        },
        applies: is_protected,
        run: |trial| Box::pin(first(trial)),
    },
    Check {
        info: CheckInfo {
            id: "forbidden.body",
            title: "a 403 has exactly the body that the document gives it",
            rule: "The body of the answer to a principal of another organization equals the document's example for that \
                   case (`x-auth-case: wrong-organization`).",
            source: "OpenAPI 3.1, 4.8.16; x-auth-case",
            needs: &[Need::Valid, Need::OtherOrganization],
            phase: Phase::Auth,
        },
        applies: has_forbidden_example,
        run: |trial| Box::pin(forbidden(trial)),
    },
];

fn has_forbidden_example(document: &Document, operation: &Operation) -> bool {
    let examples =
        operation.responses.iter().flat_map(|response| response.content.values()).flat_map(|media| &media.examples);
    let mut cases = examples.flat_map(|example| &example.auth_cases);
    is_protected(document, operation)
        && matches!(operation.tenant, Some(Tenant::Path(_)))
        && cases.any(|case| *case == AuthCase::WrongOrganization)
}

async fn body(trial: &Trial<'_>) -> Result<(), Stop> {
    let exchange = trial.send(trial.request().await?).await?;
    says(trial, &exchange, &[AuthCase::Missing])?;
    for (kind, wrongs) in
        [(Nature::Key, [Wrong::Expired, Wrong::Revoked]), (Nature::Token, [Wrong::Expired, Wrong::Revoked])]
    {
        let Some(scheme) = trial.schemes(kind).first().copied() else { continue };
        let prefix = scheme.auth.key.as_ref().and_then(|key| key.prefix.clone()).unwrap_or_default();
        let unknown = Secret::new(format!("{prefix}nobodys-credential"));
        let exchange = trial.with_secret(scheme, &unknown).await?;
        says(trial, &exchange, &[AuthCase::Unknown, AuthCase::Malformed])?;
        for wrong in wrongs {
            let case = if wrong == Wrong::Expired { AuthCase::Expired } else { AuthCase::Revoked };
            // Whoever cannot make such a credential has the other cases checked all the same.
            let Ok(secret) = trial.context.wrong(&wrong, scheme).await else { continue };
            let exchange = trial.with_secret(scheme, &secret).await?;
            says(trial, &exchange, &[case])?;
        }
    }
    Ok(())
}

async fn forbidden(trial: &Trial<'_>) -> Result<(), Stop> {
    let case = trial.context.positive(trial.operation, Role::OtherOrganization).await?;
    let exchange = trial.call(trial.operation, &case, Role::Valid).await?;
    says(trial, &exchange, &[AuthCase::WrongOrganization])
}

/// Stops unless a refusal has the body that the document gives to one of `cases`.
fn says(trial: &Trial<'_>, exchange: &Exchange, cases: &[AuthCase]) -> Result<(), Stop> {
    let answer = &exchange.answer;
    // Whether it is refused, and how, is what other checks say.
    if !(400..500).contains(&answer.status) {
        return Ok(());
    }
    let body = answer.json();
    let examples: Vec<&Value> = trial
        .examples(cases)
        .into_iter()
        .filter(|(status, _)| *status == answer.status)
        .map(|(_, value)| value)
        .collect();
    if let Some(example) = examples.first() {
        let is_one = body.as_ref().is_some_and(|body| examples.contains(&body));
        let cause = "the body of the refusal is not the documented one";
        let wrong = || Observation::error(cause, format!("the body {example}"), exchange).into();
        return if is_one { Ok(()) } else { Err(wrong()) };
    }
    let Some(response) = trial.operation.response(answer.status) else { return Ok(()) };
    let media = answer.media_type().and_then(|name| response.content.get(&name));
    let Some(schema) = media.and_then(|media| media.schema.as_ref()) else { return Ok(()) };
    let valid = validator(trial.context.document, &schema.value);
    match (valid, body) {
        (Some(valid), Some(body)) if !valid.is_valid(&body) => {
            let expected = "a body of the documented schema";
            Err(Observation::error("the body of the refusal is not of its schema", expected, exchange)
                .at(&schema.pointer)
                .into())
        }
        _ => Ok(()),
    }
}

async fn challenge(trial: &Trial<'_>) -> Result<(), Stop> {
    let exchange = trial.send(trial.request().await?).await?;
    let fields = exchange.answer.headers.get_all("www-authenticate").iter();
    let challenges: Vec<String> =
        fields.map(|field| String::from_utf8_lossy(field.as_bytes()).to_lowercase()).collect();
    let takes_bearer = super::credentials::takes_bearer(trial.context.document, trial.operation);
    let names_it = challenges.iter().any(|challenge| !takes_bearer || challenge.contains("bearer"));
    if exchange.answer.status != 401 || names_it {
        return Ok(());
    }
    let documented =
        trial.operation.response(401).is_some_and(|response| response.headers.contains_key("www-authenticate"));
    let expected = "a WWW-Authenticate field with a challenge of the scheme that the operation takes";
    let cause = match challenges.first() {
        Some(_) => "the WWW-Authenticate of the 401 names another scheme than the document",
        None => "the 401 has no WWW-Authenticate",
    };
    let seen = if documented {
        Observation::error(cause, expected, &exchange)
    } else {
        Observation::note(cause, expected, &exchange)
    };
    Err(seen.into())
}

async fn first(trial: &Trial<'_>) -> Result<(), Stop> {
    let plain = trial.send(trial.request().await?).await?;
    if !matches!(plain.answer.status, 401 | 403) {
        // A bad credential that is not refused at all is what `credentials.missing` finds.
        return Ok(());
    }
    for (who, request) in wrong_besides(trial, &plain.request) {
        let exchange = trial.send(request).await?;
        if exchange.answer.status != plain.answer.status {
            let expected = format!("{}, whatever else is wrong with the request", plain.answer.status);
            let cause = format!("without a credential, {who} is answered with {}", exchange.answer.status);
            return Err(Observation::note(cause, expected, &exchange).into());
        }
    }
    Ok(())
}

/// The request with something else wrong besides.
fn wrong_besides(trial: &Trial<'_>, request: &Request) -> Vec<(&'static str, Request)> {
    let mut all = Vec::new();
    if request.body.is_some() {
        all.push(("an invalid body", request.clone().body(Bytes::from_static(b"{\"bitting\":"))));
        all.push(("an unknown media type", request.clone().with_header("content-type", "application/x-bitting")));
    }
    let object = trial.operation.trimmed_path().rsplit('/').next().filter(|last| last.starts_with('{'));
    if object.is_some()
        && let Some((prefix, _)) = request.path().trim_end_matches('/').rsplit_once('/')
    {
        let end = if trial.operation.path.ends_with('/') { "/" } else { "" };
        let target = format!("{prefix}/00000000-0000-4000-8000-000000000000{end}");
        all.push(("an object that does not exist", Request { target, ..request.clone() }));
    }
    let number = trial.operation.parameters.iter().find(|parameter| {
        parameter.location == Location::Query && parameter.schema.value.get("type") == Some(&Value::from("integer"))
    });
    if let Some(parameter) = number {
        all.push(("an invalid query parameter", request.clone().query(&parameter.name, "bitting")));
    }
    if let Some(scheme) = trial.schemes(Nature::Key).first() {
        let garbage = Secret::new("not-a-credential");
        let wrong = apply(scheme, &garbage, request.clone());
        all.push(("a wrong credential", wrong));
    }
    all
}
