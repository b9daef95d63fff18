//! `tenancy.foreign-reference`: what a body points at is looked up in one's own organization.

use bitting_spec::{Document, Operation};
use serde_json::Value;

use super::is_protected;
use crate::check::{Check, CheckInfo, Need, Phase};
use crate::credentials::Role;
use crate::finding::Observation;
use crate::generate::{body_media, property_names};
use crate::run::{Stop, Trial, identity, item_operation};

pub(super) const CHECKS: &[Check] = &[Check {
    info: CheckInfo {
        id: "tenancy.foreign-reference",
        title: "a body cannot point at an object of another organization",
        rule: "A request whose body names an object of another organization (`project_id`, `owner`) is refused: else one's own \
               object becomes a window into the other organization.",
        source: "OWASP API1:2023; CWE-639",
        needs: &[Need::Valid, Need::OtherOrganization],
        phase: Phase::Scenario,
    },
    applies: |document, operation| {
        let writes = matches!(operation.method.as_str(), "POST" | "PUT" | "PATCH");
        writes
            && operation.tenant.is_some()
            && is_protected(document, operation)
            && !references(document, operation).is_empty()
    },
    run: |trial| Box::pin(foreign_reference(trial)),
}];

/// The members of a body that name an object of a collection, each with the operation that makes such objects.
fn references<'a>(document: &'a Document, operation: &Operation) -> Vec<(String, &'a Operation)> {
    let schema = body_media(operation).and_then(|(_, media)| media.schema.as_ref());
    let Some(names) = schema.and_then(|schema| property_names(document, &schema.value)) else { return Vec::new() };
    let maker = |name: &String| document.operations.iter().find(|other| other.id != operation.id && makes(other, name));
    names.into_keys().filter_map(|name| maker(&name).map(|maker| (name, maker))).collect()
}

/// Whether the operation makes what a member called `name` points at: `project_id` at an object of `/projects`.
fn makes(operation: &Operation, name: &str) -> bool {
    let stem = name.strip_suffix("_id").or_else(|| name.strip_suffix("Id")).or_else(|| name.strip_suffix("_slug"));
    let Some(stem) = stem.filter(|stem| stem.len() > 2) else { return false };
    let plain = |text: &str| text.to_ascii_lowercase().replace(['-', '_'], "");
    let (stem, last) =
        (plain(stem), plain(operation.path.trim_end_matches('/').rsplit('/').next().unwrap_or_default()));
    let plurals = [format!("{stem}s"), format!("{stem}es"), format!("{}ies", stem.trim_end_matches('y'))];
    operation.method == "POST" && operation.tenant.is_some() && plurals.contains(&last)
}

async fn foreign_reference(trial: &Trial<'_>) -> Result<(), Stop> {
    let case = trial.case().await?;
    for (name, maker) in references(trial.context.document, trial.operation) {
        let (_, made) = trial.context.create(maker, Role::OtherOrganization).await?;
        trial.count(1);
        let parameter = item_operation(trial.context, maker, "GET").map_or("id", |(_, parameter)| parameter);
        let Some(id) = identity(&made.answer, parameter) else { continue };
        let mut pointing = case.clone();
        let Some((_, Value::Object(members))) = &mut pointing.body else { continue };
        members.insert(name.clone(), id);
        let exchange = trial.call(trial.operation, &pointing, Role::Valid).await?;
        trial.met(exchange.answer.status);
        if exchange.answer.is_success() {
            let cause = format!("`{name}` of a body was let point at an object of another organization");
            return Err(Observation::error(cause, "a refusal", &exchange).into());
        }
    }
    Ok(())
}
