//! `state.listed-as-read`: an item of a list and the read of the same object say the same.

use bitting_spec::table::Location;
use bitting_spec::{Document, Operation};
use serde_json::{Map, Value};

use super::same::{is_address, is_kept, is_same_id, is_time};
use crate::check::{Check, CheckInfo, Need, Phase};
use crate::credentials::Role;
use crate::finding::Observation;
use crate::generate::{Case, validator};
use crate::http::Exchange;
use crate::infer::answered;
use crate::run::{Stop, Trial, held, item_operation, items, listed_items, named_in, skip};

/// How many items are read, the first and the last among them.
const MOST: usize = 4;

pub(super) const CHECKS: &[Check] = &[Check {
    info: CheckInfo {
        id: "state.listed-as-read",
        title: "a list says of an object what its read says",
        rule: "Where an item of a list and the read of the same object have the same member, its value is the same, each \
               time they are asked. A text that one of them cuts off, times and addresses are not compared.",
        source: "OpenAPI 3.1, 4.8.12; RFC 9110, 9.3.1",
        needs: &[Need::Valid],
        phase: Phase::Scenario,
    },
    applies: |document, operation| operation.method == "GET" && items(document, operation, "GET").is_some(),
    run: |trial| Box::pin(listed_as_read(trial)),
}];

async fn listed_as_read(trial: &Trial<'_>) -> Result<(), Stop> {
    let context = trial.context;
    let (read, name) = item_operation(context, trial.operation, "GET").ok_or_else(|| skip("nothing reads an item"))?;
    let case = trial.case().await?;
    if let Some(creator) = context.document.creator(&trial.operation.path) {
        // Where nothing can be made there may be something all the same.
        drop(context.create(creator, Role::Valid).await);
        trial.count(1);
    }
    let mut tried = false;
    for id in some_ids(&look(trial, &case).await?, name) {
        let mut about = context.reading(read, &case);
        about.set(name, Location::Path, id.clone());
        let Some((first, _)) = compared(trial, (read, name), (&case, &about), &id).await? else { continue };
        tried = true;
        if first.is_empty() {
            continue;
        }
        // What others change in the meantime differs once, and not in the same way.
        let Some((again, exchange)) = compared(trial, (read, name), (&case, &about), &id).await? else { continue };
        let mut stays = again.into_iter().filter(|one| first.contains(one));
        if let Some((member, listed, shown)) = stays.find(|one| may_say(context.document, read, one)) {
            let cause = format!("a list says another `{member}` of an object than its read");
            let saying = format!("`{member}` is {listed} in the list, and {shown} when it is read");
            return Err(Observation::error(cause, "the same value in both", &exchange).saying(saying).into());
        }
    }
    if tried { Ok(()) } else { Err(skip("the list shows nothing that can be read")) }
}

/// The items of the list that one request gets.
async fn look(trial: &Trial<'_>, case: &Case) -> Result<Vec<Value>, Stop> {
    let page = trial.call(trial.operation, case, Role::Valid).await?;
    Ok(listed_items(trial.operation, &page.answer).unwrap_or_default().to_vec())
}

/// The ids of some items: the first ones, and the last one.
fn some_ids(items: &[Value], name: &str) -> Vec<Value> {
    let ids: Vec<Value> = items.iter().filter_map(|item| named_in(item, name).map(|(_, id)| id)).collect();
    let last = ids.last().filter(|_| ids.len() > MOST).cloned();
    ids.into_iter().take(MOST - usize::from(last.is_some())).chain(last).collect()
}

/// A member with its value in the list and in the read.
type Difference = (String, Value, Value);

/// What an item and its read say differently; nothing where one of them cannot be seen.
async fn compared(
    trial: &Trial<'_>,
    (read, name): (&Operation, &str),
    (case, about): (&Case, &Case),
    id: &Value,
) -> Result<Option<(Vec<Difference>, Exchange)>, Stop> {
    let listed = look(trial, case).await?;
    let own = |object: &Value| named_in(object, name).filter(|(_, own)| is_same_id(own, id)).map(|(member, _)| member);
    let Some(item) = listed.iter().find(|item| own(item).is_some()) else { return Ok(None) };
    let (member, item) = (own(item), item.as_object());
    let exchange = trial.call(read, about, Role::Valid).await?;
    let body = exchange.answer.parsed().filter(|_| exchange.answer.is_success());
    // The object stands in the answer, or in a member of it; what else does has names of its own.
    let shown = body.into_iter().flat_map(|body| [Some(body), held(body)]).flatten();
    let shown = shown.filter(|object| own(object) == member).find_map(Value::as_object);
    let differences = item.zip(shown).map(|(item, shown)| differences(item, shown));
    Ok(differences.map(|differences| (differences, exchange)))
}

/// Whether the read may say what the list says: a member such as `object: list_item` tells what kind of answer it stands
/// in, and the document says so.
fn may_say(document: &Document, read: &Operation, (member, listed, _): &Difference) -> bool {
    let declared = answered(document, read).into_iter().filter(|(name, _)| name == member);
    let mut validators = declared.filter_map(|(_, schema)| validator(document, schema));
    validators.all(|validator| validator.is_valid(listed))
}

fn differences(item: &Map<String, Value>, shown: &Map<String, Value>) -> Vec<Difference> {
    let both = item.iter().filter_map(|(name, listed)| Some((name, listed, shown.get(name)?)));
    let differ = both.filter(|(_, listed, shown)| is_told(listed) && is_told(shown) && !is_kept(listed, shown));
    differ
        .filter(|(_, listed, shown)| !is_cut(listed, shown))
        .map(|(name, one, other)| (name.clone(), one.clone(), other.clone()))
        .collect()
}

/// Whether a value is one that two answers write in the same way.
fn is_told(value: &Value) -> bool {
    match value {
        Value::String(text) => !is_time(text) && !is_address(text) && !text.starts_with('/'),
        Value::Number(_) | Value::Bool(_) => true,
        _ => false,
    }
}

/// Whether one text is the beginning of the other.
fn is_cut(one: &Value, other: &Value) -> bool {
    let (Some(one), Some(other)) = (one.as_str(), other.as_str()) else { return false };
    let stem = |text: &str| text.trim_end_matches(['.', '…', ' ']).to_owned();
    one.starts_with(&stem(other)) || other.starts_with(&stem(one))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_member_that_names_the_kind_of_answer_differs_by_right() {
        let text = r##"{"openapi": "3.1.0", "info": {"title": "t", "version": "1"}, "paths": {"/jobs/{id}": {"get": {
            "responses": {"200": {"description": "ok", "content": {"application/json": {"schema": {"properties": {
                "object": {"const": "job"}, "state": {"enum": ["open", "done"]}}}}}}}}}}}"##;
        let document = Document::parse("t.json", text).unwrap();
        let says = |member: &str, listed: &str| {
            may_say(&document, &document.operations[0], &(member.to_owned(), json!(listed), json!("open")))
        };
        assert!(!says("object", "job_item") && says("state", "done") && says("name", "x"));
    }

    #[test]
    fn what_is_cut_or_written_otherwise_is_no_difference() {
        let differ = |one: Value, other: Value| {
            !differences(json!({"a": one}).as_object().unwrap(), json!({"a": other}).as_object().unwrap()).is_empty()
        };
        assert!(
            differ(json!("open"), json!("closed")) && differ(json!(1), json!(2)) && differ(json!(true), json!(false))
        );
        assert!(!differ(json!("A long te..."), json!("A long text")) && !differ(json!(1), json!(1.0)));
        assert!(
            !differ(json!("/v1/things/1"), json!("https://one.example/v1/things/1")) && !differ(json!(null), json!(1))
        );
        assert!(
            !differ(json!("2026-01-02T03:04:05Z"), json!("2026-01-02T03:04:06Z")) && !differ(json!([1]), json!([2]))
        );
    }
}
