//! `state.*`: what was written is there, what was deleted is not, and lists keep still.

mod singleton;

use bitting_spec::table::Location;
use bitting_spec::{Document, Operation, template_names};
use serde_json::Value;

use super::list::choices;
use super::same::{WRAPPER, differing, dropped, is_number, is_same_id, lost, unwrapped};
use crate::check::{Check, CheckInfo, Need, Phase};
use crate::credentials::Role;
use crate::finding::Observation;
use crate::generate::{Case, lists_what_is_shown, runner};
use crate::http::Exchange;
use crate::infer::{answered, plain};
use crate::run::{
    Stop, Trial, all_items, certain_identity, item_operation, listed_items, named_in, size_parameter, skip,
};

const NEEDS: &[Need] = &[Need::Valid];

pub(super) const CHECKS: &[Check] = &[
    Check {
        info: CheckInfo {
            id: "state.created-is-listed",
            title: "what was created is in the list",
            rule: "An object that was created stands in the list of its collection; where nothing else reads it, with the \
                   values that it was created with.",
            source: "RFC 9110, 9.3.3; RFC 9110, 15.3.2",
            needs: NEEDS,
            phase: Phase::Scenario,
        },
        applies: |document, operation| {
            let shows_id = || answered(document, operation).iter().any(|(name, _)| *name == "id");
            operation.method == "POST"
                && list_of(document, operation).is_some()
                && (item_of(document, operation, "GET") || shows_id())
        },
        run: |trial| Box::pin(created_is_listed(trial)),
    },
    Check {
        info: CheckInfo {
            id: "state.created-is-readable",
            title: "what was created reads back as it was sent",
            rule: "An object that was created can be read, and has the values that it was created with.",
            source: "RFC 9110, 9.3.3; RFC 9110, 15.3.2",
            needs: NEEDS,
            phase: Phase::Scenario,
        },
        applies: |document, operation| operation.method == "POST" && item_of(document, operation, "GET"),
        run: |trial| Box::pin(created_is_readable(trial)),
    },
    Check {
        info: CheckInfo {
            id: "state.deleted-is-gone",
            title: "what was deleted cannot be read",
            rule: "After a deletion a read of the object is answered with 404 or 410.",
            source: "RFC 9110, 9.3.5 and 15.5.5",
            needs: NEEDS,
            phase: Phase::Scenario,
        },
        applies: |document, operation| {
            operation.method == "DELETE" && is_object(operation) && document.reader(&operation.path).is_some()
        },
        run: |trial| Box::pin(deleted_is_gone(trial)),
    },
    Check {
        info: CheckInfo {
            id: "state.update-persists",
            title: "a change is there when it is read",
            rule: "After a successful PATCH or PUT a read shows the values that were sent. Of a thing of which there is one, \
                   such as the caller's own account, a harmless member is changed and put back.",
            source: "RFC 5789, 2; RFC 9110, 9.3.4",
            needs: NEEDS,
            phase: Phase::Scenario,
        },
        applies: |document, operation| {
            matches!(operation.method.as_str(), "PATCH" | "PUT")
                && document.reader(&operation.path).is_some()
                && (is_object(operation) || !singleton::harmless(document, operation).is_empty())
        },
        run: |trial| match is_object(trial.operation) {
            true => Box::pin(update_persists(trial)),
            false => Box::pin(singleton::persists(trial)),
        },
    },
    Check {
        info: CheckInfo {
            id: "state.pages",
            title: "pages have the size that was asked for and do not overlap",
            rule: "A page holds at most as many items as were asked for, no item stands on two pages, and none on no page. \
                   Where a page tells its size or its number, under the name of the parameter, it is the one that was asked \
                   for.",
            source: "x-pagination",
            needs: NEEDS,
            phase: Phase::Scenario,
        },
        applies: |_, operation| {
            operation.method == "GET"
                && operation.pagination.as_ref().is_some_and(|paging| size_parameter(paging).is_some())
        },
        run: |trial| Box::pin(pages(trial)),
    },
    Check {
        info: CheckInfo {
            id: "state.stable-list",
            title: "a list that nobody changes stays the same",
            rule: "Two reads of a list with nothing between them answer the same items in the same order, or no page \
                   could be relied upon.",
            source: "RFC 9110, 9.2.1",
            needs: NEEDS,
            phase: Phase::Scenario,
        },
        applies: |document, operation| {
            operation.method == "GET" && (operation.pagination.is_some() || document.creator(&operation.path).is_some())
        },
        run: |trial| Box::pin(stable_list(trial)),
    },
];

/// The operation that lists what `creator` makes, as far as the document says so: its items are of the same schema.
pub(super) fn list_of<'a>(document: &'a Document, creator: &Operation) -> Option<&'a Operation> {
    let list = document.reader(&creator.path)?;
    let prefix = format!("{}/{{", creator.trimmed_path());
    let is_item = |other: &&Operation| {
        other.method == "GET"
            && other.path.strip_prefix(&prefix).is_some_and(|rest| rest.trim_end_matches('/').ends_with('}'))
    };
    let shows = document.operations.iter().filter(is_item).chain([creator]);
    shows.into_iter().any(|shows| lists_what_is_shown(document, list, shows)).then_some(list)
}

/// Whether an operation is about one object among others.
pub(super) fn is_object(operation: &Operation) -> bool {
    operation.trimmed_path().ends_with('}')
}

/// Whether the items of a collection have an operation of this method.
fn item_of(document: &Document, collection: &Operation, method: &str) -> bool {
    let prefix = format!("{}/{{", collection.trimmed_path());
    document.operations.iter().any(|other| {
        other.method == method
            && other.trimmed_path().strip_prefix(&prefix).is_some_and(|rest| rest.ends_with('}') && !rest.contains('/'))
    })
}

async fn created_is_listed(trial: &Trial<'_>) -> Result<(), Stop> {
    let Some(list) = list_of(trial.context.document, trial.operation) else { return Ok(()) };
    if list.parameters.iter().any(|one| one.required && one.location != Location::Path) {
        return Err(skip("the list asks for a parameter that may leave the object out"));
    }
    let about = Case { body: None, ..trial.case().await? };
    let before = trial.context.pages(list, &trial.context.reading(list, &about), Role::Valid).await?;
    let (made, created, id) = made(trial).await?;
    let pages = trial.context.pages(list, &trial.context.reading(list, &made), Role::Valid).await?;
    let name = item_operation(trial.context, trial.operation, "GET").map_or("id", |(_, name)| name);
    if !pages.iter().any(|page| listed_items(list, &page.answer).is_some()) {
        return Err(skip("its answer holds no list"));
    }
    let (before, items) = (all_items(list, &before), all_items(list, &pages));
    let own = |item: &Value| named_in(item, name).map(|(_, own)| own);
    let is_it = |item: &Value| own(item).is_some_and(|own| is_same_id(&own, &id));
    // What tells an object apart in a path may stand in the items under another name.
    let holds_it = |item: &Value| {
        is_it(item) || item.as_object().is_some_and(|members| members.values().any(|value| is_same_id(value, &id)))
    };
    let is_named =
        made.body.as_ref().is_some_and(|(_, body)| named_in(body, name).is_some_and(|(_, own)| is_same_id(&own, &id)));
    if before.iter().any(is_it) && is_named {
        return Err(skip("the request names what it makes, and it was in the list before"));
    }
    if before.iter().any(is_it) {
        let cause = "what was created was in the list before";
        return Err(Observation::error(cause, "each creation makes an object of its own", &created).into());
    }
    if !items.is_empty() && !items.iter().filter_map(own).any(|own| is_number(&own) == is_number(&id)) {
        return Err(skip("the items do not show what tells them apart in a path"));
    }
    match (items.iter().any(holds_it), pages.last()) {
        (false, Some(_)) if list.pagination.is_none() && has_pages(list) => {
            Err(skip("it is not on the first page, and the document does not say how to get the others (x-pagination)"))
        }
        (false, Some(page)) if page.answer.is_success() => {
            let about = trial.context.reading(list, &made);
            if is_hidden(trial, list, &about, |item: &&Value| holds_it(item)).await? {
                return Ok(());
            }
            let expected = "the list holds what was just created";
            Err(Observation::error("what was created is not in the list", expected, page).into())
        }
        _ if item_of(trial.context.document, trial.operation, "GET") => Ok(()),
        (_, page) => match (items.iter().find(|item| is_it(item)), page) {
            (Some(item), Some(page)) => {
                same_values((trial, trial.operation), name, &made, (item, page), "what was created")
            }
            _ => Ok(()),
        },
    }
}

/// Whether a list seems to have pages that the document does not describe.
pub(super) fn has_pages(list: &Operation) -> bool {
    let words = ["page", "limit", "offset", "cursor", "size", "start", "skip", "max", "count", "after", "take", "top"];
    let mut names = list.parameters.iter().map(|parameter| parameter.name.to_lowercase());
    names.any(|name| words.iter().any(|word| name.contains(word)))
}

/// Whether an item stands in the list only if it is asked for by a flag, or by one of a fixed set of values, as what is
/// archived or drafted often does.
pub(super) async fn is_hidden(
    trial: &Trial<'_>,
    list: &Operation,
    case: &Case,
    is_it: impl Fn(&&Value) -> bool,
) -> Result<bool, Stop> {
    let shape = trial.context.shape(list);
    for parameter in list.parameters.iter().filter(|one| one.location == Location::Query) {
        let takes = |value: &Value| shape.takes_in_query(&parameter.name, value);
        let is_flag = takes(&Value::Bool(true)) && !takes(&Value::from("bitting"));
        let asked = if is_flag { vec![Value::Bool(true)] } else { choices(trial.context.document, parameter) };
        for asked in asked.into_iter().take(MAX_CHOICES) {
            let pages = trial.context.pages(list, &case.clone().with(parameter, asked), Role::Valid).await?;
            if all_items(list, &pages).iter().any(|item| is_it(&item)) {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// How many values of one parameter are tried to find what a list hides.
const MAX_CHOICES: usize = 6;

async fn created_is_readable(trial: &Trial<'_>) -> Result<(), Stop> {
    let (case, _, id) = made(trial).await?;
    let read = item_operation(trial.context, trial.operation, "GET").ok_or_else(|| skip("nothing reads it"))?;
    reads_back(trial, read, &case, id).await?;
    // What the document leaves open is sent in other ways: all members, other choices.
    for index in 1..=VARIANTS {
        let mut chance = runner(trial.context.options.seed, &trial.operation.id, "made", index);
        let base = trial.context.renewed(trial.operation, &case, Role::Valid).await;
        let shape = trial.context.shape(trial.operation);
        let case = shape.valid(trial.context, trial.operation, &base, index, &mut chance);
        let exchange = trial.call(trial.operation, &case, Role::Valid).await?;
        let id = certain_identity(&exchange.answer, read.1).filter(|_| exchange.answer.is_success());
        if let Some(id) = id {
            reads_back(trial, read, &case, id).await?;
        }
    }
    Ok(())
}

/// How many other bodies are read back.
const VARIANTS: u32 = 3;

/// Stops unless what was made with `case` can be read, with the values that it was made with.
async fn reads_back(trial: &Trial<'_>, (read, name): (&Operation, &str), case: &Case, id: Value) -> Result<(), Stop> {
    let mut about = case.clone();
    about.set(name, Location::Path, id);
    let exchange = trial.seen(read, &about).await?;
    if !exchange.answer.is_success() {
        let status = exchange.answer.status;
        let cause = format!("what was created is answered with {status}");
        // Any other refusal is about the request, not about whether the object is there.
        if !matches!(status, 404 | 410) {
            return Err(Stop::Skip(cause));
        }
        return Err(Observation::error(cause, "what was created can be read", &exchange).into());
    }
    let body = exchange.answer.json().unwrap_or(Value::Null);
    same_values((trial, read), name, case, (&body, &exchange), "what was created")?;
    let Some((_, Value::Object(sent))) = &case.body else { return Ok(()) };
    match dropped((trial.context.document, read), sent, &body) {
        Some(lost) => {
            let cause = format!("what was created reads back without `{lost}`");
            Err(Observation::note(cause, format!("`{lost}` as it was sent, or a refusal"), &exchange).into())
        }
        None => Ok(()),
    }
}

/// Makes an object, and tells its case, the answer and its id.
pub(super) async fn made(trial: &Trial<'_>) -> Result<(Case, Exchange, Value), Stop> {
    let (case, exchange) = trial.context.create(trial.operation, Role::Valid).await?;
    trial.count(1);
    let name = item_operation(trial.context, trial.operation, "GET").map_or("id", |(_, name)| name);
    let id = certain_identity(&exchange.answer, name);
    let id = id.ok_or_else(|| skip("the answer does not tell the id of what it made"))?;
    Ok((case, exchange, id))
}

/// The last parameter of a path, by which its objects are told apart.
pub(super) fn last_name(operation: &Operation) -> &str {
    template_names(&operation.path).pop().unwrap_or("id")
}

/// Stops unless the answer has each value that was sent, where it has the member at all. `name` is the path's parameter
/// that tells objects apart.
fn same_values(
    (trial, read): (&Trial<'_>, &Operation),
    name: &str,
    case: &Case,
    (body, exchange): (&Value, &Exchange),
    what: &str,
) -> Result<(), Stop> {
    let Some((_, Value::Object(sent))) = &case.body else { return Ok(()) };
    match differing((trial.context.document, read), name, sent, body) {
        Some((name, value)) => {
            let cause = format!("{what} reads back with another `{name}`");
            Err(Observation::error(cause, format!("`{name}` is {value}"), exchange).into())
        }
        None => Ok(()),
    }
}

async fn deleted_is_gone(trial: &Trial<'_>) -> Result<(), Stop> {
    let case = trial.case().await?;
    let Some(read) = trial.context.document.reader(&trial.operation.path) else { return Ok(()) };
    let gone = trial.call(trial.operation, &case, Role::Valid).await?;
    if !gone.answer.is_success() {
        return Err(Stop::Skip(format!("the deletion was answered with {}", gone.answer.status)));
    }
    let exchange = trial.seen(read, &case).await?;
    match exchange.answer.status {
        404 | 410 => Ok(()),
        200..=299 => Err(Observation::error("what was deleted can still be read", "404 or 410", &exchange).into()),
        500.. => {
            Err(Observation::error("a read of what was deleted breaks the server", "404 or 410", &exchange).into())
        }
        status => Err(Stop::Skip(format!("a read of what was deleted was answered with {status}"))),
    }
}

async fn update_persists(trial: &Trial<'_>) -> Result<(), Stop> {
    let base = trial.case().await?;
    let Some(read) = trial.context.document.reader(&trial.operation.path) else { return Ok(()) };
    let about = trial.context.arguments(trial.operation, Role::Valid, true).await?;
    let shape = trial.context.shape(trial.operation);
    let (mut taken, mut is_told) = (0, false);
    for index in 0..CHANGES {
        let mut chance = runner(trial.context.options.seed, &trial.operation.id, "update", index);
        let case = shape.valid(trial.context, trial.operation, &base, index, &mut chance).about(&about);
        let case = of_itself(trial.operation, case);
        let look = || trial.seen(read, &case);
        let before = look().await?;
        let changed = trial.call(trial.operation, &case, Role::Valid).await?;
        if !changed.answer.is_success() {
            continue;
        }
        answers_the_change(trial, &case, &changed)?;
        let exchange = look().await?;
        if exchange.answer.is_success() {
            let body = exchange.answer.json().unwrap_or(Value::Null);
            same_values((trial, read), last_name(read), &case, (&body, &exchange), "what was changed")?;
            is_told |= is_news(&case, &before);
            taken += 1;
        }
        if taken >= ENOUGH && is_told {
            return Ok(());
        }
    }
    match is_told {
        true => Ok(()),
        // What was there before would be there after a change that is lost, too.
        false => Err(skip("no change that shows was taken")),
    }
}

/// Stops if the answer to a change shows the object with another value than was sent.
fn answers_the_change(trial: &Trial<'_>, case: &Case, changed: &Exchange) -> Result<(), Stop> {
    let (Some((_, Value::Object(sent))), Some(body)) = (&case.body, changed.answer.parsed()) else { return Ok(()) };
    let (document, operation) = (trial.context.document, trial.operation);
    let is_it = |body: &Value| {
        let own = case.path().last().map(|argument| &argument.value);
        named_in(body, last_name(operation)).is_some_and(|(_, id)| own.is_some_and(|own| is_same_id(&id, own)))
    };
    // Only a 200 is about what the change has made of it.
    let seen = (changed.answer.status == 200 && is_it(body))
        .then(|| differing((document, operation), last_name(operation), sent, body))
        .flatten();
    match seen {
        Some((name, value)) => {
            let cause = format!("the answer to a change shows another `{name}`");
            Err(Observation::error(cause, format!("`{name}` is {value}"), changed).into())
        }
        None => Ok(()),
    }
}

/// How many changes are tried, and how many that are taken are enough.
const CHANGES: u32 = 8;
const ENOUGH: u32 = 3;

/// Whether a case sends anything that the object did not have.
fn is_news(case: &Case, before: &Exchange) -> bool {
    let Some((_, Value::Object(sent))) = &case.body else { return false };
    let before = before.answer.json().unwrap_or(Value::Null);
    let (sent, before) = unwrapped(sent, &before).map_or((sent, &before), |(_, sent, before)| (sent, before));
    lost(sent, before).next().is_some()
}

/// The case with the object's own id where its body holds one: another one would be another object's.
fn of_itself(operation: &Operation, mut case: Case) -> Case {
    let names = template_names(&operation.path);
    let own = names.last().and_then(|name| {
        let argument = case.path().find(|argument| argument.name == *name)?;
        Some((name.to_string(), argument.value.clone()))
    });
    let (Some((name, own)), Some((_, Value::Object(members)))) = (own, &mut case.body) else { return case };
    let only = members.keys().next().filter(|_| members.len() == 1).cloned();
    let inside = members.get_mut(only.as_deref().unwrap_or(WRAPPER)).and_then(Value::as_object_mut);
    if let Some(members) = inside.filter(|members| members.contains_key("id")) {
        members.insert("id".to_owned(), own.clone());
    }
    let named = named_in(&Value::Object(members.clone()), &name).map(|(member, _)| member);
    let unset = || members.get("id").is_some_and(Value::is_null).then(|| "id".to_owned());
    if let Some(member) = named.or_else(unset) {
        members.insert(member, own);
    }
    case
}

async fn pages(trial: &Trial<'_>) -> Result<(), Stop> {
    let case = trial.case().await?;
    if let Some(creator) = trial.context.document.creator(&trial.operation.path) {
        for _ in 0..3 {
            trial.context.create(creator, Role::Valid).await?;
            trial.count(1);
        }
    }
    let whole = trial.context.pages(trial.operation, &case, Role::Valid).await?;
    let held = whole.iter().map(|page| listed_items(trial.operation, &page.answer).unwrap_or_default());
    let held: Vec<&[Value]> = held.collect();
    if held.iter().any(|items| items.iter().enumerate().any(|(index, item)| items[..index].contains(item))) {
        return Err(skip("one page holds items that nothing tells apart"));
    }
    let all: Vec<Value> = held.concat();
    let (size, most) = (2, 3);
    let pages = trial.context.pages_of(trial.operation, &case, Role::Valid, size, most).await?;
    if pages.iter().any(|page| !page.answer.is_success()) {
        return Err(skip("small pages are refused"));
    }
    let mut seen: Vec<Value> = Vec::new();
    for page in &pages {
        trial.count(1);
        let items = listed_items(trial.operation, &page.answer).unwrap_or_default();
        if items.len() as u64 > size {
            let cause = "a page holds more items than were asked for";
            return Err(Observation::error(cause, format!("at most {size} items"), page).into());
        }
        for item in items {
            if seen.contains(item) {
                return Err(
                    Observation::error("an item stands on two pages", "each item stands on one page", page).into()
                );
            }
            seen.push(item.clone());
        }
    }
    tell_what_was_asked(trial.operation, &pages, size)?;
    // Where the pages came to their end, they show everything.
    let shown = if pages.len() < most { all.len() } else { seen.len() };
    let left_out = all.into_iter().take(shown).find(|item| !seen.contains(item));
    let (Some(left_out), Some(page)) = (left_out, pages.last()) else { return Ok(()) };
    // What is gone by now was taken away in the meantime.
    let still = trial.context.pages(trial.operation, &case, Role::Valid).await?;
    if all_items(trial.operation, &still).contains(&left_out) {
        let id = left_out.get("id").unwrap_or(&left_out).to_string();
        let saying = format!("{} small pages show nothing of {id}, which one large page does", pages.len());
        return Err(Observation::error("an item stands on no page", "each item stands on one page", page)
            .saying(saying)
            .into());
    }
    Ok(())
}

/// Where an answer tells of its page, beside its items.
const ABOUT_PAGES: [&str; 5] = ["meta", "pagination", "paging", "page", "pageinfo"];

/// Stops if a page tells another size or number of itself than was asked for. Some tell how many items there are under
/// the name of the size.
fn tell_what_was_asked(operation: &Operation, pages: &[Exchange], size: u64) -> Result<(), Stop> {
    let Some(paging) = &operation.pagination else { return Ok(()) };
    let number = paging.request.get("page").map(String::as_str);
    for (page, index) in pages.iter().zip(paging.first..) {
        let items = listed_items(operation, &page.answer).unwrap_or_default().len() as u64;
        let size = size_parameter(paging).map(|name| (name, size, items));
        // The first page is not asked for by its number.
        let number = number.filter(|_| index > paging.first).map(|name| (name, index, index));
        for (name, asked, other) in size.into_iter().chain(number) {
            if let Some(told) = told(page, name).filter(|told| ![asked, other].contains(told)) {
                let cause = format!("a page tells another `{name}` of itself than was asked for");
                let saying = format!("`{name}` of {asked} is answered with {told}");
                return Err(Observation::error(cause, format!("{asked}"), page).saying(saying).into());
            }
        }
    }
    Ok(())
}

/// The number that an answer tells under the name of a parameter: in its body, or in what tells of its page there.
fn told(page: &Exchange, parameter: &str) -> Option<u64> {
    let body = page.answer.parsed()?.as_object()?;
    let about = body.iter().filter(|(name, _)| ABOUT_PAGES.contains(&plain(name).as_str()));
    let objects = about.filter_map(|(_, value)| value.as_object()).chain([body]);
    let is_it = |(name, _): &(&String, &Value)| plain(name) == plain(parameter);
    objects.flatten().find(is_it).and_then(|(_, value)| value.as_u64())
}

async fn stable_list(trial: &Trial<'_>) -> Result<(), Stop> {
    let case = trial.case().await?;
    let list = || trial.call(trial.operation, &case, Role::Valid);
    let first = list().await?;
    for _ in 0..2 {
        let again = list().await?;
        if ids(trial.operation, &first) != ids(trial.operation, &again) {
            let cause = "the same list came in another order";
            return Err(Observation::error(cause, "the same items in the same order", &again).into());
        }
    }
    Ok(())
}

/// What tells the items of a list apart, where anything does: other members may change by themselves.
pub(super) fn ids<'e>(list: &Operation, page: &'e Exchange) -> Vec<&'e Value> {
    let items = listed_items(list, &page.answer).unwrap_or_default();
    items.iter().map(|item| item.get("id").or_else(|| item.get("uuid")).unwrap_or(item)).collect()
}
