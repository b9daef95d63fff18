//! `state.defaults`: what a client leaves out is what the document says it is.

use bitting_spec::{Document, Operation};
use serde_json::{Map, Value};

use super::same::lost;
use crate::check::{Check, CheckInfo, Need, Phase};
use crate::credentials::Role;
use crate::finding::Observation;
use crate::generate::{Case, validator};
use crate::infer::{answered, named, sent};
use crate::run::{Stop, Trial};

pub(super) const CHECKS: &[Check] = &[Check {
    info: CheckInfo {
        id: "state.defaults",
        title: "what is left out has its default",
        rule: "An object that is created without a member that has a `default` is answered with that default, where the \
               answer shows the member at all.",
        source: "OpenAPI 3.0, 4.7.24.1; JSON Schema Validation 2020-12, 9.2",
        needs: &[Need::Valid],
        phase: Phase::Scenario,
    },
    // A token endpoint makes no object: what it answers is what was granted (RFC 6749, 5.1).
    applies: |document, operation| {
        let grants = named(&answered(document, operation), &["accesstoken", "token"]).is_some();
        operation.method == "POST" && !grants && !defaults(document, operation).is_empty()
    },
    run: |trial| Box::pin(defaulted(trial)),
}];

/// The members of the body that have one default, and that the answer shows, with that default. What an answer may not
/// say (`auto` where it names what was chosen) is not expected of it.
fn defaults(document: &Document, operation: &Operation) -> Map<String, Value> {
    let shown = answered(document, operation);
    let says = |name: &str, default: &Value| {
        let mut schemas = shown.iter().filter(|(known, _)| *known == name);
        schemas.any(|(_, schema)| validator(document, schema).is_some_and(|shown| shown.is_valid(default)))
    };
    let default = |schema: &Value| schema.get("default").or_else(|| document.resolve(schema).get("default")).cloned();
    let members = sent(document, operation);
    let is_only = |name: &str, default_of: &Option<Value>| {
        members.iter().all(|(other, schema)| *other != name || default(schema) == *default_of)
    };
    let told = members.iter().map(|(name, schema)| (*name, default(schema)));
    let told = told.filter(|(name, found)| is_only(name, found));
    told.filter_map(|(name, found)| Some((name.to_owned(), found.filter(|value| says(name, value))?))).collect()
}

async fn defaulted(trial: &Trial<'_>) -> Result<(), Stop> {
    let (context, operation) = (trial.context, trial.operation);
    let base = trial.case().await?;
    let case = context.renewed(operation, &base, Role::Valid).await;
    let Some((media_type, Value::Object(mut members))) = case.body.clone() else {
        return Err(Stop::Skip("its body has no members".to_owned()));
    };
    let shape = context.shape(operation);
    let mut left_out = Map::new();
    for (name, default) in defaults(context.document, operation) {
        let mut less = members.clone();
        less.shift_remove(&name);
        if shape.takes(&Value::Object(less.clone())) {
            members = less;
            left_out.insert(name, default);
        }
    }
    let case = Case { body: Some((media_type, Value::Object(members))), ..case };
    let exchange = trial.call(operation, &case, Role::Valid).await?;
    if left_out.is_empty() || !exchange.answer.is_success() {
        return Err(Stop::Skip("no request without such a member was taken".to_owned()));
    }
    let body = exchange.answer.json().unwrap_or(Value::Null);
    // `null` may stand for nothing, as many servers show what was not said.
    let shown = |name: &String| body.get(name).is_some_and(|value| !value.is_null());
    match lost(&left_out, &body).find(|(name, _)| shown(name)) {
        Some((name, default)) => {
            let cause = format!("`{name}` was left out, and is not its default");
            Err(Observation::error(cause, format!("`{name}` is {default}, as the document says"), &exchange).into())
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_default_that_an_answer_cannot_say_is_not_expected_of_it() {
        let text = r##"{"openapi": "3.1.0", "info": {"title": "t", "version": "1"}, "paths": {"/jobs": {"post": {
            "requestBody": {"content": {"application/json": {"schema": {"properties": {
                "size": {"default": 1}, "place": {"default": "auto"}, "note": {"default": ""}}}}}},
            "responses": {"201": {"description": "made", "content": {"application/json": {"schema": {"properties": {
                "size": {"type": "integer"}, "place": {"enum": ["east", "west"]}}}}}}}}}}}"##;
        let document = Document::parse("t.json", text).expect("it is valid");
        let told = defaults(&document, &document.operations[0]);
        assert_eq!(Value::Object(told), json!({"size": 1}));
    }
}
