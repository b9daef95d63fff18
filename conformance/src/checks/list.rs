//! `list.*`: what a list says of itself is true: it comes in the order that was asked for, and its total is what it holds.

use bitting_spec::table::Location;
use bitting_spec::{Operation, Parameter};
use serde_json::Value;

use crate::check::{Check, CheckInfo, Need, Phase};
use crate::credentials::Role;
use crate::finding::Observation;
use crate::generate::Case;
use crate::run::{Stop, Trial, listed_items};

const NEEDS: &[Need] = &[Need::Valid];
/// Lists of more items are not counted through.
const MAX_COUNTED: u64 = 500;

pub(super) const CHECKS: &[Check] = &[
    Check {
        info: CheckInfo {
            id: "list.order",
            title: "a list comes in the order that was asked for",
            rule: "Where a query parameter takes an order and its reverse, a list of items that differ in what it orders by \
                   is not the same both ways, and numbers go up or down.",
            source: "OpenAPI 3.1, 4.8.12; RFC 9110, 9.3.1",
            needs: NEEDS,
            phase: Phase::Scenario,
        },
        applies: |document, operation| {
            operation.method == "GET" && operation.parameters.iter().any(|one| directions(document, one).is_some())
        },
        run: |trial| Box::pin(order(trial)),
    },
    Check {
        info: CheckInfo {
            id: "list.total",
            title: "the total is what the list holds",
            rule: "The total that a page tells is the number of items on all pages together.",
            source: "x-pagination",
            needs: NEEDS,
            phase: Phase::Scenario,
        },
        applies: |_, operation| {
            operation.method == "GET"
                && operation.pagination.as_ref().is_some_and(|paging| paging.response.contains_key("total"))
        },
        run: |trial| Box::pin(total(trial)),
    },
];

/// Two values of one parameter that ask for the same order and its reverse: `name` and `-name`, `asc` and `desc`.
fn directions(document: &bitting_spec::Document, parameter: &Parameter) -> Option<(Value, Value)> {
    let choices = choices(document, parameter);
    let texts: Vec<&str> = choices.iter().filter_map(Value::as_str).collect();
    let pair = |up: &str| {
        let downs = [
            format!("-{up}"),
            up.replace("asc", "desc"),
            up.replace("ASC", "DESC"),
            format!("{up}_desc"),
            format!("{up}:desc"),
        ];
        downs.into_iter().find(|down| down != up && texts.contains(&down.as_str()))
    };
    texts.iter().find_map(|up| Some((Value::from(*up), Value::from(pair(up)?))))
}

async fn order(trial: &Trial<'_>) -> Result<(), Stop> {
    let case = trial.case().await?;
    let mut operations = trial.context.document.operations.iter();
    if let Some(creator) = operations.find(|other| other.method == "POST" && other.path == trial.operation.path) {
        for _ in 0..4 {
            trial.context.create(creator, Role::Valid).await?;
            trial.count(1);
        }
    }
    let mut told = None;
    for parameter in &trial.operation.parameters {
        let Some((up, down)) = directions(trial.context.document, parameter) else { continue };
        let mut lists = Vec::new();
        for direction in [up, down] {
            let case = case.clone().with(parameter, direction);
            let pages = trial.context.pages(trial.operation, &case, Role::Valid).await?;
            let items: Vec<Value> = pages
                .iter()
                .flat_map(|page| listed_items(trial.operation, &page.answer).unwrap_or_default())
                .cloned()
                .collect();
            lists.push((items, pages));
        }
        let [(rising, pages), (falling, _)] = lists.as_slice() else { continue };
        let wrong = || out_of_order(parameter, trial, rising) && out_of_order(parameter, trial, falling);
        if let Some(page) = pages.last().filter(|_| wrong()) {
            let cause = format!("`{}` asks for an order, and the items come in none", parameter.name);
            return Err(Observation::error(cause, "the items in their order", page).at(&parameter.pointer).into());
        }
        // Two that are alike in what orders them have no order; of four, two differ.
        if rising.len() >= 4 && rising == falling && differ(parameter, trial, rising) {
            let cause = format!("`{}` asks for the reverse order and nothing changes", parameter.name);
            let page = pages.last().ok_or_else(|| Stop::Skip("the list has no page".to_owned()))?;
            return Err(Observation::error(cause, "the items in the reverse order", page)
                .at(&parameter.pointer)
                .into());
        }
        told = Some(());
    }
    told.ok_or_else(|| Stop::Skip("the list has no items that could be ordered".to_owned()))
}

/// What the items have of the member that the order is by. None, where it is not known.
fn ordered<'i>(parameter: &Parameter, trial: &Trial<'_>, items: &'i [Value]) -> Vec<&'i Value> {
    let Some((Value::String(up), _)) = directions(trial.context.document, parameter) else { return Vec::new() };
    let member = up.trim_end_matches([':', '_', ' ']).trim_end_matches("asc").trim_end_matches([':', '_', ' ']);
    items.iter().filter_map(|item| item.get(member)).collect()
}

/// Whether the items differ in the member that the order is by.
fn differ(parameter: &Parameter, trial: &Trial<'_>, items: &[Value]) -> bool {
    ordered(parameter, trial, items).windows(2).any(|two| two[0] != two[1])
}

/// Whether what the items are ordered by goes up here and down there. Only numbers are looked at: texts are ordered in
/// many ways.
fn out_of_order(parameter: &Parameter, trial: &Trial<'_>, items: &[Value]) -> bool {
    let numbers: Option<Vec<f64>> = ordered(parameter, trial, items).into_iter().map(Value::as_f64).collect();
    let numbers = numbers.filter(|numbers| numbers.len() == items.len()).unwrap_or_default();
    !numbers.is_sorted() && !numbers.iter().rev().is_sorted()
}

/// The values of a filter, if it has a fixed set of them.
pub(super) fn choices(document: &bitting_spec::Document, parameter: &Parameter) -> Vec<Value> {
    let schema = document.resolve(&parameter.schema.value);
    // No query says `null`.
    let choices = schema.get("enum").and_then(Value::as_array).into_iter().flatten().filter(|choice| !choice.is_null());
    let choices: Vec<Value> = choices.cloned().collect();
    if parameter.location == Location::Query { choices } else { Vec::new() }
}

async fn total(trial: &Trial<'_>) -> Result<(), Stop> {
    let case = trial.case().await?;
    let items = total_of_list(trial, &case).await?;
    // What a filter leaves out is not counted either.
    let member = |parameter: &&Parameter| items.iter().any(|item| item.get(&parameter.name).is_some());
    for parameter in trial.operation.parameters.iter().filter(member) {
        let held = |choice: &Value| items.iter().any(|item| item.get(&parameter.name) == Some(choice));
        if let Some(choice) = choices(trial.context.document, parameter).into_iter().find(held) {
            total_of_list(trial, &case.clone().with(parameter, choice)).await?;
        }
    }
    Ok(())
}

/// The items of a list that tells their number.
async fn total_of_list(trial: &Trial<'_>, case: &Case) -> Result<Vec<Value>, Stop> {
    let pages = trial.context.pages(trial.operation, case, Role::Valid).await?;
    trial.count(u32::try_from(pages.len()).unwrap_or(u32::MAX));
    let tells = |page: &crate::http::Exchange| total_of(trial.operation, &page.answer.json()?);
    let Some((page, total)) = pages.last().and_then(|page| Some((page, tells(page)?))) else {
        return Err(Stop::Skip("no page tells a total".to_owned()));
    };
    let count = |page: &crate::http::Exchange| listed_items(trial.operation, &page.answer).unwrap_or_default().len();
    let held: usize = pages.iter().map(count).sum();
    let held = u64::try_from(held).unwrap_or(u64::MAX);
    // The last page has nothing more, unless there were too many to ask for all.
    let is_whole = pages.last().is_some_and(|page| count(page) == 0 && page.answer.is_success()) && held <= MAX_COUNTED;
    if total < held || is_whole && total != held {
        let cause = "the total is not what the list holds";
        let saying = format!("the total is {total}, and the pages hold {held} items");
        return Err(Observation::error(cause, "a total of all items", page).saying(saying).into());
    }
    let items = pages.iter().flat_map(|page| listed_items(trial.operation, &page.answer).unwrap_or_default());
    Ok(items.cloned().collect())
}

fn total_of(operation: &Operation, body: &Value) -> Option<u64> {
    body.pointer(operation.pagination.as_ref()?.response.get("total")?)?.as_u64()
}
