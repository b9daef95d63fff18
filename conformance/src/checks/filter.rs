//! `list.filter`: what is asked for is all that comes.

use bitting_spec::infer::{self, Asks};
use bitting_spec::table::Location;
use bitting_spec::{Document, Operation, Parameter};
use serde_json::{Value, json};

use super::list::choices;
use super::same::is_uuid;
use crate::check::{Check, CheckInfo, Need, Phase};
use crate::credentials::Role;
use crate::finding::Observation;
use crate::generate::{Case, item_members, runner, text_of};
use crate::http::Exchange;
use crate::infer::sent;
use crate::run::{Stop, Trial, all_items, listed_items};

/// The most values of one filter that are tried.
const MAX_VALUES: usize = 4;
/// How many objects of other values are made, where a filter takes any.
const VARIED: u32 = 3;

pub(super) const CHECKS: &[Check] = &[Check {
    info: CheckInfo {
        id: "list.filter",
        title: "a filter filters",
        rule: "Where a query parameter has the name of a member of the items (`status`, `label` for `labels`), a list that is \
               asked for a value holds no item with another; where it bounds one (`created_after`, `min_price`), none \
               beyond the bound; and where the value is one of a fixed set, a flag, a number or a UUID, each item that has \
               it. A free text may be a part of what it is compared with, and is a note.",
        source: "OpenAPI 3.1, 4.8.12; RFC 9110, 9.3.1",
        needs: &[Need::Valid],
        phase: Phase::Scenario,
    },
    applies: |document, operation| operation.method == "GET" && !filters(document, operation).is_empty(),
    run: |trial| Box::pin(filter(trial)),
}];

/// A query parameter and the member that it is about.
struct Filter<'a> {
    parameter: &'a Parameter,
    member: String,
    asks: Asks,
    /// Whether it takes one of a fixed set of values.
    has_choices: bool,
}

fn filters<'a>(document: &Document, operation: &'a Operation) -> Vec<Filter<'a>> {
    let members = item_members(document, operation);
    let members: Vec<&str> = members.iter().map(String::as_str).collect();
    let paging: Vec<&String> = operation.pagination.iter().flat_map(|paging| paging.request.values()).collect();
    let of = |parameter: &'a Parameter| {
        if paging.contains(&&parameter.name) {
            return None;
        }
        let (member, asks) = infer::filter(&members, &parameter.name)?;
        let has_choices = !choices(document, parameter).is_empty();
        Some(Filter { parameter, member: member.to_owned(), asks, has_choices })
    };
    operation.parameters.iter().filter(|one| one.location == Location::Query).filter_map(of).collect()
}

impl Filter<'_> {
    /// What is asked for: each value of a fixed set, else some that the items have; of a bound, one beyond everything.
    fn values(&self, trial: &Trial<'_>, items: &[Value]) -> Vec<Value> {
        let choices = choices(trial.context.document, self.parameter);
        let shape = trial.context.shape(trial.operation);
        let takes = |value: &Value| shape.takes_in_query(&self.parameter.name, value);
        let texts: [Value; 3] = match self.asks {
            // A choice that no item has, such as `all`, may ask for something else.
            Asks::Same if !choices.is_empty() => {
                let is_held = |choice: &Value| {
                    items.iter().any(|item| item.get(&self.member).is_some() && self.lets(choice, item))
                };
                return choices.into_iter().filter(is_held).take(MAX_VALUES).collect();
            }
            Asks::Same => {
                let is_taken = |value: &Value| takes(value) || takes(&json!([value]));
                return some(items, &self.member).into_iter().filter(is_taken).collect();
            }
            Asks::Least => [json!("2200-01-01T00:00:00Z"), json!("2200-01-01"), json!(i32::MAX)],
            Asks::Most => [json!("1971-01-01T00:00:00Z"), json!("1971-01-01"), json!(i32::MIN)],
        };
        // What takes any text is no bound that could be told.
        if takes(&json!("bitting")) {
            return Vec::new();
        }
        texts.into_iter().find(takes).into_iter().collect()
    }

    /// The value as the parameter takes it: alone, or as the only one of a list.
    fn written(&self, trial: &Trial<'_>, asked: &Value) -> Value {
        let is_taken = trial.context.shape(trial.operation).takes_in_query(&self.parameter.name, asked);
        if is_taken { asked.clone() } else { json!([asked]) }
    }

    /// Whether an item may stand in a list that was asked for `asked`.
    fn lets(&self, asked: &Value, item: &Value) -> bool {
        let Some(value) = item.get(&self.member) else { return true };
        let is_it = |value: &Value| if self.is_exact(asked) { is_same(asked, value) } else { is_like(asked, value) };
        match (self.asks, value) {
            (Asks::Same, Value::Array(items)) => items.iter().any(is_it),
            (Asks::Same, value) => is_it(value),
            (Asks::Least, value) => order(value, asked).is_none_or(|order| order.is_ge()),
            (Asks::Most, value) => order(value, asked).is_none_or(|order| order.is_le()),
        }
    }

    /// Whether what it compares is the whole value for certain.
    fn is_exact(&self, asked: &Value) -> bool {
        self.asks != Asks::Same
            || asked.is_number()
            || asked.is_boolean()
            || self.has_choices
            || asked.as_str().is_some_and(is_uuid)
    }
}

/// The case with each filter of the list in turn, asked for what one of `items` has.
pub(super) fn narrowed(trial: &Trial<'_>, case: &Case, items: &[Value]) -> Vec<Case> {
    let filters = filters(trial.context.document, trial.operation);
    let same = filters.iter().filter(|filter| filter.asks == Asks::Same);
    let asked = same.filter_map(|filter| Some((filter, filter.values(trial, items).into_iter().next()?)));
    asked.map(|(filter, asked)| case.clone().with(filter.parameter, filter.written(trial, &asked))).collect()
}

/// How two numbers or two times stand to each other.
fn order(value: &Value, asked: &Value) -> Option<std::cmp::Ordering> {
    match (value, asked) {
        (Value::Number(value), Value::Number(asked)) => value.as_f64()?.partial_cmp(&asked.as_f64()?),
        (Value::String(value), Value::String(asked)) => Some(value.get(..4)?.cmp(asked.get(..4)?)),
        _ => None,
    }
}

fn is_same(asked: &Value, value: &Value) -> bool {
    match (asked, value) {
        (Value::Number(asked), Value::Number(value)) => asked.as_f64() == value.as_f64(),
        (Value::String(asked), Value::String(value)) => asked.eq_ignore_ascii_case(value),
        (asked, value) => asked == value,
    }
}

/// The same, where a text may be any part of the value.
fn is_like(asked: &Value, value: &Value) -> bool {
    match (asked, value) {
        (Value::String(asked), Value::String(value)) => value.to_lowercase().contains(&asked.to_lowercase()),
        _ => is_same(asked, value),
    }
}

/// Some of the values that items have for a member, or in it, no two alike, where not all items have the same.
fn some(items: &[Value], member: &str) -> Vec<Value> {
    let mut all: Vec<Value> = Vec::new();
    for value in items.iter().filter_map(|item| item.get(member)) {
        let values = value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
        for value in values {
            let is_plain = matches!(value, Value::Number(_) | Value::Bool(_))
                || value.as_str().is_some_and(|text| !text.is_empty());
            if is_plain && !all.contains(&value) {
                all.push(value);
            }
        }
    }
    all.truncate(MAX_VALUES);
    all
}

/// Makes objects with several values for each member: those that are named, else some that the document allows. So there
/// is something to let through and something not, and something to put in order.
pub(super) async fn vary(trial: &Trial<'_>, members: &[(&str, Vec<Value>)]) -> Result<(), Stop> {
    let context = trial.context;
    let Some(creator) = context.document.creator(&trial.operation.path) else { return Ok(()) };
    let shape = context.shape(creator);
    let base = context.positive(creator, Role::Valid).await?;
    // A name that the body does not know, such as `sort`, would be a member of nothing.
    let known = sent(context.document, creator);
    for (member, values) in members.iter().filter(|(member, _)| known.iter().any(|(name, _)| name == member)) {
        let allowed = |index| {
            let mut chance = runner(context.options.seed, &creator.id, member, index);
            let (_, body) = shape.valid(context, creator, &base, 1, &mut chance).body?;
            body.get(*member).filter(|value| !value.is_null()).cloned()
        };
        let values = if values.is_empty() { (1..=VARIED).filter_map(allowed).collect() } else { values.clone() };
        for value in values.into_iter().take(MAX_VALUES) {
            let mut case = context.renewed(creator, &base, Role::Valid).await;
            let Some((_, Value::Object(body))) = &mut case.body else { return Ok(()) };
            body.insert((*member).to_owned(), value);
            if shape.takes(&Value::Object(body.clone())) {
                // Whether it was made is what others ask.
                trial.call(creator, &case, Role::Valid).await?;
            }
        }
    }
    Ok(())
}

/// Stops if an item that has the value stands in the whole list, before and after, and not in the filtered one.
async fn leaves_none_out(
    trial: &Trial<'_>,
    filter: &Filter<'_>,
    asked: &Value,
    all: &[Value],
    (whole, pages): (&Case, &[Exchange]),
) -> Result<(), Stop> {
    let (context, operation) = (trial.context, trial.operation);
    let has_it =
        |item: &&Value| item.get(&filter.member).is_some_and(|value| !value.is_null()) && filter.lets(asked, item);
    let shown = all_items(operation, pages);
    let Some(left_out) = all.iter().filter(has_it).find(|item| !shown.contains(item)) else { return Ok(()) };
    // Somebody else may have changed it, or taken it away.
    let still = context.pages(operation, whole, Role::Valid).await?;
    match pages.last().filter(|_| all_items(operation, &still).contains(left_out)) {
        Some(page) => {
            let cause = format!("the filter `{}` leaves out what has the value", filter.parameter.name);
            let expected = format!("every item whose `{}` is {}", filter.member, text_of(asked));
            Err(Observation::error(cause, expected, page).at(&filter.parameter.pointer).into())
        }
        None => Ok(()),
    }
}

async fn filter(trial: &Trial<'_>) -> Result<(), Stop> {
    let case = trial.case().await?;
    let filters = filters(trial.context.document, trial.operation);
    let wanted = |one: &Filter<'_>| choices(trial.context.document, one.parameter);
    let members: Vec<(&str, Vec<Value>)> = filters.iter().map(|one| (one.member.as_str(), wanted(one))).collect();
    // Where nothing can be made there may be something all the same.
    drop(vary(trial, &members).await);
    let pages = trial.context.pages(trial.operation, &case, Role::Valid).await?;
    let all = all_items(trial.operation, &pages);
    let (whole, mut tried) = (case, false);
    for filter in &filters {
        for asked in filter.values(trial, &all) {
            let is_exact = filter.is_exact(&asked);
            let is_whole = filter.asks == Asks::Same && is_exact;
            // Where all items are let through, nothing is told but that they are.
            if !is_whole && all.iter().all(|item| filter.lets(&asked, item)) {
                continue;
            }
            tried = true;
            let case = whole.clone().with(filter.parameter, filter.written(trial, &asked));
            let pages = trial.context.pages(trial.operation, &case, Role::Valid).await?;
            let lets_others = |page: &&Exchange| {
                let mut items = listed_items(trial.operation, &page.answer).unwrap_or_default().iter();
                page.answer.is_success() && items.any(|item| !filter.lets(&asked, item))
            };
            if let Some(page) = pages.iter().find(lets_others) {
                let name = &filter.parameter.name;
                let cause = format!("the filter `{name}` lets other values through");
                let within = match filter.asks {
                    Asks::Same => "is",
                    Asks::Least => "is not below",
                    Asks::Most => "is not above",
                };
                let expected = format!("only items whose `{}` {within} {}", filter.member, text_of(&asked));
                let make = if is_exact { Observation::error } else { Observation::note };
                return Err(make(cause, expected, page).at(&filter.parameter.pointer).into());
            }
            if is_whole && pages.iter().all(|page| page.answer.is_success()) {
                leaves_none_out(trial, filter, &asked, &all, (&whole, &pages)).await?;
            }
        }
    }
    if tried { Ok(()) } else { Err(Stop::Skip("no two items differ in what a filter asks for".to_owned())) }
}
