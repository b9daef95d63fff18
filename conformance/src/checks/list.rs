//! `list.*`: what a list says of itself is true: it comes in the order that was asked for, and its total is what it holds.

use bitting_spec::table::Location;
use bitting_spec::{Operation, Parameter, infer};
use chrono::{DateTime, FixedOffset};
use serde_json::Value;

use super::filter::vary;
use super::foreign::{creators, mark, search};
use crate::check::{Check, CheckInfo, Need, Phase};
use crate::credentials::Role;
use crate::finding::Observation;
use crate::generate::{Case, item_members};
use crate::http::Exchange;
use crate::infer::{answered, plain, sent};
use crate::run::{Stop, Trial, all_items, listed_items};

const NEEDS: &[Need] = &[Need::Valid];
/// The most orders of one parameter that are asked for.
const MOST_ORDERS: usize = 6;
/// The names of parameters that take an order.
const ORDERS: [&str; 6] = ["sort", "order", "orderby", "sortby", "ordering", "sorting"];
/// The most kinds of objects that are made to be looked for.
const MOST_CREATORS: usize = 4;
/// Lists of more items are not counted through.
const MAX_COUNTED: u64 = 500;

pub(super) const CHECKS: &[Check] = &[
    Check {
        info: CheckInfo {
            id: "list.order",
            title: "a list comes in the order that was asked for",
            rule: "Where a query parameter takes an order and its reverse, a list of items that differ in what it orders by \
                   is not the same both ways, and numbers, times and plain words go up or down.",
            source: "OpenAPI 3.1, 4.8.12; RFC 9110, 9.3.1",
            needs: NEEDS,
            phase: Phase::Scenario,
        },
        applies: |document, operation| {
            operation.method == "GET" && operation.parameters.iter().any(|one| is_order(document, operation, one))
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
    Check {
        info: CheckInfo {
            id: "list.limit",
            title: "a list holds no more than was asked for",
            rule: "Where a query parameter takes the most items of an answer and the list has no pages, two items or more \
                   become one with a limit of 1.",
            source: "OpenAPI 3.1, 4.8.12; OWASP API4:2023",
            needs: NEEDS,
            phase: Phase::Scenario,
        },
        applies: |document, operation| {
            operation.method == "GET"
                && operation.pagination.is_none()
                && infer::limit(document, operation).is_some()
                && has_one_list(document, operation)
        },
        run: |trial| Box::pin(limit(trial)),
    },
];

/// Whether an answer is a list, or has just one in it: of two, either may be what a limit is about.
fn has_one_list(document: &bitting_spec::Document, operation: &Operation) -> bool {
    let is_list = |schema: &Value| {
        let kind = document.resolve(schema).get("type");
        kind.is_some_and(|kind| kind == "array" || kind.as_array().is_some_and(|all| all.contains(&"array".into())))
    };
    let media = operation.successes().flat_map(|response| response.content.values());
    let is_bare = media.filter_map(|media| media.schema.as_ref()).any(|schema| is_list(&schema.value));
    is_bare || answered(document, operation).iter().filter(|(_, schema)| is_list(schema)).count() == 1
}

async fn limit(trial: &Trial<'_>) -> Result<(), Stop> {
    let Some(parameter) = infer::limit(trial.context.document, trial.operation) else { return Ok(()) };
    if !trial.context.shape(trial.operation).takes_in_query(&parameter.name, &Value::from(1)) {
        return Err(Stop::Skip(format!("`{}` may not be 1", parameter.name)));
    }
    let case = findable(trial, trial.case().await?).await?;
    let count = |page: &Exchange| listed_items(trial.operation, &page.answer).map(<[Value]>::len);
    let whole = trial.call(trial.operation, &case, Role::Valid).await?;
    if count(&whole).is_none_or(|items| items < 2) {
        return Err(Stop::Skip("the list holds fewer than two items".to_owned()));
    }
    let limited = trial.call(trial.operation, &case.with(parameter, Value::from(1)), Role::Valid).await?;
    match count(&limited).filter(|items| *items > 1) {
        Some(items) => {
            let cause = format!("`{}` of 1 is answered with {items} items", parameter.name);
            Err(Observation::error(cause, "one item", &limited).at(&parameter.pointer).into())
        }
        None => Ok(()),
    }
}

/// The case as it finds objects that are made for it, where it looks for a text, or in a list that some are added to.
async fn findable(trial: &Trial<'_>, case: Case) -> Result<Case, Stop> {
    let context = trial.context;
    let Some(looks) = search(trial.operation) else {
        for creator in context.document.creator(&trial.operation.path).into_iter().flat_map(|one| [one, one]) {
            context.create(creator, Role::Valid).await?;
            trial.count(1);
        }
        return Ok(case);
    };
    for creator in creators(context.document, trial.operation).into_iter().take(MOST_CREATORS) {
        let text = context.fresh_text();
        let first = mark(trial, creator, Role::Valid, text.clone()).await;
        let second = mark(trial, creator, Role::Valid, format!("{text} 2")).await;
        if first.is_ok_and(|mark| mark.is_named()) && second.is_ok_and(|mark| mark.is_named()) {
            let found = case.clone().with(looks, Value::from(text));
            let exchange = trial.call(trial.operation, &found, Role::Valid).await?;
            if listed_items(trial.operation, &exchange.answer).is_some_and(|items| items.len() > 1) {
                return Ok(found);
            }
        }
    }
    Ok(case)
}

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

/// Whether a parameter takes an order: two values that are each other's reverse, or by its name.
fn is_order(document: &bitting_spec::Document, operation: &Operation, parameter: &Parameter) -> bool {
    let members = item_members(document, operation);
    let is_member = |one: &Value| ordered_by(one).is_some_and(|name| members.iter().any(|member| member == name));
    let is_called_so = ORDERS.contains(&plain(&parameter.name).as_str());
    directions(document, parameter).is_some() || is_called_so && choices(document, parameter).iter().any(is_member)
}

/// The member that a value such as `-name` or `name_asc` orders by.
fn ordered_by(direction: &Value) -> Option<&str> {
    let separators: &[char] = &[':', '_', ' '];
    let name = direction.as_str()?.trim_start_matches(['-', '+']);
    let name = name.strip_suffix("desc").or(name.strip_suffix("asc")).unwrap_or(name);
    Some(name.trim_end_matches(separators))
}

async fn order(trial: &Trial<'_>) -> Result<(), Stop> {
    let case = trial.case().await?;
    let members = item_members(trial.context.document, trial.operation);
    let mut is_told = false;
    let takes = |one: &&Parameter| is_order(trial.context.document, trial.operation, one);
    for parameter in trial.operation.parameters.iter().filter(takes) {
        let directions = choices(trial.context.document, parameter);
        let known = directions.iter().filter_map(ordered_by).filter(|name| members.iter().any(|member| member == name));
        let known: Vec<(&str, Vec<Value>)> = known.map(|name| (name, words(trial, name))).collect();
        // Where nothing can be made there may be something all the same.
        drop(vary(trial, &known).await);
        for direction in
            directions.iter().filter(|one| ordered_by(one).is_some_and(|name| has(&known, name))).take(MOST_ORDERS)
        {
            let (items, page) = ordered(trial, &case, parameter, direction).await?;
            is_told |= items.len() > 1;
            if is_out_of_order(&items, direction) {
                let cause =
                    format!("`{}` asks for the order of {direction}, and the items come in none", parameter.name);
                return Err(Observation::error(cause, "the items in their order", &page).at(&parameter.pointer).into());
            }
        }
        is_told |= reversed(trial, &case, parameter).await?;
    }
    if is_told { Ok(()) } else { Err(Stop::Skip("the list has no items that could be ordered".to_owned())) }
}

fn has(known: &[(&str, Vec<Value>)], name: &str) -> bool {
    known.iter().any(|(one, _)| *one == name)
}

/// The items in an order that is asked for, and the last page of them.
async fn ordered(
    trial: &Trial<'_>,
    case: &Case,
    parameter: &Parameter,
    direction: &Value,
) -> Result<(Vec<Value>, Exchange), Stop> {
    let case = case.clone().with(parameter, direction.clone());
    let mut pages = trial.context.pages(trial.operation, &case, Role::Valid).await?;
    let items = all_items(trial.operation, &pages);
    Ok((items, pages.pop().ok_or_else(|| Stop::Skip("the list has no page".to_owned()))?))
}

/// Stops if the list is the same in an order and in its reverse. Whether there was anything to order.
async fn reversed(trial: &Trial<'_>, case: &Case, parameter: &Parameter) -> Result<bool, Stop> {
    let Some((up, down)) = directions(trial.context.document, parameter) else { return Ok(false) };
    let (rising, page) = ordered(trial, case, parameter, &up).await?;
    let (falling, _) = ordered(trial, case, parameter, &down).await?;
    let member = ordered_by(&up).unwrap_or_default();
    let values: Vec<&Value> = rising.iter().filter_map(|item| item.get(member)).collect();
    // Two that are alike in what orders them have no order; of four, two differ.
    if rising.len() >= 4 && rising == falling && values.windows(2).any(|two| two[0] != two[1]) {
        let cause = format!("`{}` asks for the reverse order and nothing changes", parameter.name);
        return Err(Observation::error(cause, "the items in the reverse order", &page).at(&parameter.pointer).into());
    }
    Ok(rising.len() > 1)
}

/// Whether what the items are ordered by goes another way than a direction says, or, where it says none, up here and
/// down there.
fn is_out_of_order(items: &[Value], direction: &Value) -> bool {
    let (member, said) = (ordered_by(direction).unwrap_or_default(), direction.as_str().unwrap_or_default());
    // An item may have nothing to order it by; it stands at an end.
    let values = items.iter().filter_map(|item| item.get(member)).filter(|value| !value.is_null());
    let (rises, falls) = ways(&values.collect::<Vec<_>>());
    match () {
        () if said.starts_with('-') || said.ends_with("desc") => !falls,
        () if said.starts_with('+') || said.ends_with("asc") => !rises,
        () => !rises && !falls,
    }
}

/// Whether values rise, and whether they fall: numbers and times, and of texts, which are ordered in many ways, the plain
/// words that were made for it.
fn ways(values: &[&Value]) -> (bool, bool) {
    let numbers: Option<Vec<f64>> = values.iter().map(|value| value.as_f64()).collect();
    let time = |value: &&Value| DateTime::parse_from_rfc3339(value.as_str()?).ok();
    let times: Option<Vec<DateTime<FixedOffset>>> = values.iter().map(time).collect();
    let words: Vec<&str> = values.iter().filter_map(|value| value.as_str()).filter(|text| is_word(text)).collect();
    match (numbers, times) {
        (Some(all), _) => (all.is_sorted(), all.iter().rev().is_sorted()),
        (_, Some(all)) => (all.is_sorted(), all.iter().rev().is_sorted()),
        _ => (words.is_sorted(), words.iter().rev().is_sorted()),
    }
}

/// How the words begin that are made to be put in order.
const WORD: &str = "bitting-";

/// Whether a text is such a word, which every collation puts in the same place among its like.
fn is_word(text: &str) -> bool {
    text.strip_prefix(WORD).is_some_and(|rest| rest.len() > 3 && rest.bytes().all(|byte| byte.is_ascii_lowercase()))
}

/// New words for a member that a creation takes as a free text; made in this order they neither rise nor fall.
fn words(trial: &Trial<'_>, member: &str) -> Vec<Value> {
    let document = trial.context.document;
    let known = document.creator(&trial.operation.path).map(|creator| sent(document, creator)).unwrap_or_default();
    let schema = known.into_iter().find(|(name, _)| *name == member).map(|(_, schema)| document.resolve(schema));
    let is_free = |schema: &&Value| {
        schema.get("type") == Some(&Value::from("string"))
            && ["enum", "format", "pattern"].iter().all(|keyword| schema.get(*keyword).is_none())
    };
    let letters = |text: String| text.bytes().filter(u8::is_ascii_digit).map(|digit| char::from(digit + 49)).collect();
    let fresh: String = letters(trial.context.fresh_text());
    let word = |first: &str| Value::from(format!("{WORD}{first}{fresh:a>3}"));
    schema.filter(is_free).map(|_| ["m", "c", "t"].map(word).to_vec()).unwrap_or_default()
}

/// The values of a filter, if it has a fixed set of them.
pub(super) fn choices(document: &bitting_spec::Document, parameter: &Parameter) -> Vec<Value> {
    let schema = document.resolve(&parameter.schema.value);
    // FastAPI writes what need not be given as one of two, of which the other is `null`.
    let parts = ["anyOf", "oneOf", "allOf"].into_iter().filter_map(|keyword| schema.get(keyword)?.as_array()).flatten();
    let all = parts.map(|part| document.resolve(part)).chain([schema]);
    let choices = all.filter_map(|schema| schema.get("enum")?.as_array()).flatten();
    // No query says `null`.
    let choices: Vec<Value> = choices.filter(|choice| !choice.is_null()).cloned().collect();
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
    let tells = |page: &Exchange| total_of(trial.operation, &page.answer.json()?);
    let Some((page, total)) = pages.last().and_then(|page| Some((page, tells(page)?))) else {
        return Err(Stop::Skip("no page tells a total".to_owned()));
    };
    let count = |page: &Exchange| listed_items(trial.operation, &page.answer).unwrap_or_default().len();
    let held: usize = pages.iter().map(count).sum();
    let held = u64::try_from(held).unwrap_or(u64::MAX);
    // The last page has nothing more, unless there were too many to ask for all.
    let is_whole = pages.last().is_some_and(|page| count(page) == 0 && page.answer.is_success()) && held <= MAX_COUNTED;
    if total < held || is_whole && total != held {
        let cause = "the total is not what the list holds";
        let saying = format!("the total is {total}, and the pages hold {held} items");
        return Err(Observation::error(cause, "a total of all items", page).saying(saying).into());
    }
    Ok(all_items(trial.operation, &pages))
}

fn total_of(operation: &Operation, body: &Value) -> Option<u64> {
    body.pointer(operation.pagination.as_ref()?.response.get("total")?)?.as_u64()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// LX07: numbers go one way, whichever it is.
    #[test]
    fn an_order_is_one_way() {
        let items = |numbers: &[u8]| numbers.iter().map(|number| json!({"size": number})).collect::<Vec<_>>();
        let is_wrong = |numbers: &[u8], direction: &str| is_out_of_order(&items(numbers), &json!(direction));
        assert!(!is_wrong(&[1, 1, 3], "size") && !is_wrong(&[3, 2, 2], "size") && !is_wrong(&[3, 2, 2], "-size"));
        let mut some = items(&[3, 1, 2]);
        some.insert(1, json!({"name": "without"}));
        assert!(is_out_of_order(&some, &json!("size")) && !is_out_of_order(&items(&[]), &json!("size")));
        assert!(is_wrong(&[1, 3, 2], "size") && is_wrong(&[1, 2], "-size") && !is_wrong(&[1, 3, 2], "name"));
        let named = |names: &[&str], direction: &str| {
            let items: Vec<Value> = names.iter().map(|name| json!({"name": name})).collect();
            is_out_of_order(&items, &json!(direction))
        };
        assert!(named(&["bitting-maab", "Zoe", "bitting-caab"], "name_asc") && !named(&["b", "a", "B"], "name_asc"));
        assert!(!named(&["bitting-caab", "Zoe", "bitting-maab"], "name_asc"));
        assert!(named(&["2026-01-02T00:00:00Z", "2026-01-01T00:00:00Z"], "+name"));
        let by = |text: &str| ordered_by(&json!(text)).map(str::to_owned);
        assert_eq!(
            (by("-size"), by("created_at:desc"), by("name_asc")),
            (Some("size".into()), Some("created_at".into()), Some("name".into()))
        );
    }
}
