//! `leak.shown-again`: what is shown once is shown once.

use bitting_spec::infer::is_secret_name;
use bitting_spec::table::Location;
use bitting_spec::{Document, Operation};
use serde_json::Value;

use crate::check::{Check, CheckInfo, Need, Phase};
use crate::credentials::Role;
use crate::finding::Observation;
use crate::generate::{Case, property_names};
use crate::run::{Stop, Trial, identity, issuer, item_operation};
use crate::secret::Secret;

pub(super) const CHECKS: &[Check] = &[Check {
    info: CheckInfo {
        id: "leak.shown-again",
        title: "a secret that is shown once is not shown again",
        rule: "Where the document shows a secret in the answer that makes an object and not in the one that reads it, a read \
               does not hold the secret: a server that can still show it has not kept a hash.",
        source: "OWASP API3:2023; OWASP ASVS 5.0, 11.4.2; CWE-200",
        needs: &[Need::Valid],
        phase: Phase::Scenario,
    },
    // Of keys, `key.shown-once` looks at more.
    applies: |document, operation| {
        let makes_keys = issuer(document).is_some_and(|issuer| issuer.operation.id == operation.id);
        operation.method == "POST" && !makes_keys && !once(document, operation).is_empty()
    },
    run: |trial| Box::pin(shown_again(trial)),
}];

/// Shorter texts may stand in an answer by chance.
const LEAST: usize = 8;

/// The members with the name of a secret that the operation answers and the read of what it makes does not.
fn once(document: &Document, operation: &Operation) -> Vec<String> {
    let prefix = format!("{}/{{", operation.trimmed_path());
    let reads = |other: &&Operation| {
        let rest = other.trimmed_path().strip_prefix(&prefix);
        other.method == "GET" && rest.is_some_and(|rest| rest.ends_with('}') && !rest.contains('/'))
    };
    let Some(read) = document.operations.iter().find(reads) else { return Vec::new() };
    let read = answered(document, read);
    answered(document, operation).into_iter().filter(|name| is_secret_name(name) && !read.contains(name)).collect()
}

/// The members that the successes of an operation declare.
fn answered(document: &Document, operation: &Operation) -> Vec<String> {
    let media = operation.successes().flat_map(|response| response.content.values());
    let schemas = media.filter_map(|media| media.schema.as_ref());
    let names = schemas.filter_map(|schema| property_names(document, &schema.value));
    names.flat_map(std::collections::BTreeMap::into_keys).collect()
}

async fn shown_again(trial: &Trial<'_>) -> Result<(), Stop> {
    let (case, made) = trial.context.create(trial.operation, Role::Valid).await?;
    trial.count(1);
    let body = made.answer.json().unwrap_or(Value::Null);
    let names = once(trial.context.document, trial.operation);
    let secrets: Vec<(String, String)> = names
        .into_iter()
        .filter_map(|name| {
            Some((name.clone(), body.get(&name)?.as_str().filter(|text| text.len() >= LEAST)?.to_owned()))
        })
        .collect();
    for (name, secret) in &secrets {
        let origin = format!("`{name}` of what {} answered", trial.operation.id);
        trial.context.vault.keep(&Secret::new(secret.as_str()), "SHOWN_SECRET", &origin);
    }
    if secrets.is_empty() {
        return Err(Stop::Skip("the answer holds no secret".to_owned()));
    }
    let (read, name) = item_operation(trial.context, trial.operation, "GET")
        .ok_or_else(|| Stop::Skip("nothing reads what was made".to_owned()))?;
    let id = identity(&made.answer, name).ok_or_else(|| Stop::Skip("the answer does not tell its id".to_owned()))?;
    let mut about = Case { body: None, ..case };
    about.set(name, Location::Path, id);
    let exchange = trial.call(read, &about, Role::Valid).await?;
    let text = String::from_utf8_lossy(&exchange.answer.body).into_owned();
    for (member, secret) in secrets {
        if text.contains(&secret) {
            let cause = format!("a read shows `{member}`, which is shown once only");
            return Err(Observation::error(cause, "a read without the secret", &exchange).into());
        }
    }
    Ok(())
}
