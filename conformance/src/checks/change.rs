//! `state.*`, beyond one object: what a replacement drops, what a partial change keeps, what a refused creation leaves
//! behind, and what an action changes.

use bitting_spec::table::Location;
use bitting_spec::{Document, Operation, infer};
use serde_json::{Map, Value};

use super::same::{changed, differing, is_same_id, is_time, lost};
use super::state::{is_object, last_name};
use crate::check::{Check, CheckInfo, Need, Phase};
use crate::credentials::Role;
use crate::finding::Observation;
use crate::generate::{Case, lists_what_is_shown, runner};
use crate::http::Exchange;
use crate::infer::sent;
use crate::run::{Stop, Trial, listed_items, named_in, reference_names, skip};

const NEEDS: &[Need] = &[Need::Valid];

pub(super) const CHECKS: &[Check] = &[
    Check {
        info: CheckInfo {
            id: "state.failed-update",
            title: "a change that is refused changes nothing",
            rule: "After a PATCH or PUT that was refused, for its schema or for an object that it names and nobody has, a \
                   read shows the object as it was.",
            source: "RFC 9110, 15.5; RFC 5789, 2",
            needs: NEEDS,
            phase: Phase::Scenario,
        },
        applies: |document, operation| {
            matches!(operation.method.as_str(), "PATCH" | "PUT") && document.reader(&operation.path).is_some()
        },
        run: |trial| Box::pin(failed_update(trial)),
    },
    Check {
        info: CheckInfo {
            id: "state.replaces",
            title: "a PUT replaces the whole object",
            rule: "After a PUT without an optional member that the object had, a read does not show its old \
                   value. Many frameworks keep it, and the document leaves it open: a note. Where no member is required and \
                   there is no PATCH, a PUT is taken to change a part.",
            source: "RFC 9110, 9.3.4",
            needs: NEEDS,
            phase: Phase::Scenario,
        },
        applies: |document, operation| {
            infer::replaces(document, operation) && document.reader(&operation.path).is_some()
        },
        run: |trial| Box::pin(replaces(trial)),
    },
    Check {
        info: CheckInfo {
            id: "state.partial-update",
            title: "a PATCH changes what it names alone",
            rule: "After a PATCH a read shows the members that it did not name as they were.",
            source: "RFC 5789, 2; RFC 7396, 1",
            needs: NEEDS,
            phase: Phase::Scenario,
        },
        applies: |document, operation| operation.method == "PATCH" && document.reader(&operation.path).is_some(),
        run: |trial| Box::pin(partial(trial)),
    },
    Check {
        info: CheckInfo {
            id: "state.failed-create",
            title: "a creation that is refused creates nothing",
            rule: "After creations that were refused as invalid the list holds as many objects as before.",
            source: "RFC 9110, 15.5",
            needs: NEEDS,
            phase: Phase::Scenario,
        },
        applies: |document, operation| {
            operation.method == "POST" && operation.request_body.is_some() && document.reader(&operation.path).is_some()
        },
        run: |trial| Box::pin(failed_create(trial)),
    },
    Check {
        info: CheckInfo {
            id: "state.action-persists",
            title: "what an action changed is there when it is read",
            rule: "Where a POST to an object answers the object with a member changed, a read shows the change; and what was \
                   deleted and restored can be read.",
            source: "RFC 9110, 9.3.3",
            needs: NEEDS,
            phase: Phase::Scenario,
        },
        applies: |document, operation| acted_on(document, operation).is_some(),
        run: |trial| Box::pin(action_persists(trial)),
    },
    Check {
        info: CheckInfo {
            id: "state.deleted-is-unlisted",
            title: "what was deleted stands in no list",
            rule: "After a deletion the list of the collection does not hold the object.",
            source: "RFC 9110, 9.3.5",
            needs: NEEDS,
            phase: Phase::Scenario,
        },
        applies: |document, operation| {
            operation.method == "DELETE" && operation.collection().is_some_and(|path| document.reader(path).is_some())
        },
        run: |trial| Box::pin(deleted_is_unlisted(trial)),
    },
    Check {
        info: CheckInfo {
            id: "state.update-is-listed",
            title: "a change is there in the list too",
            rule: "After a successful PATCH or PUT the list of the collection shows the object with the values that were \
                   sent.",
            source: "RFC 5789, 2; RFC 9110, 9.3.4",
            needs: NEEDS,
            phase: Phase::Scenario,
        },
        applies: |document, operation| {
            matches!(operation.method.as_str(), "PATCH" | "PUT")
                && listing(document, operation).is_some()
                && document.reader(&operation.path).is_some()
        },
        run: |trial| Box::pin(update_is_listed(trial)),
    },
];

pub(super) fn is_match(location: Location, name: &str) -> bool {
    location == Location::Header && name.eq_ignore_ascii_case("if-match")
}

/// The operation that reads what a POST such as `/devices/{id}/restart` is done to.
pub(super) fn acted_on<'a>(document: &'a Document, operation: &Operation) -> Option<&'a Operation> {
    let (object, word) = operation.trimmed_path().rsplit_once('/')?;
    let is_action = operation.method == "POST" && object.ends_with('}') && !word.contains('{');
    document.reader(object).filter(|_| is_action && document.reader(&operation.path).is_none())
}

pub(super) fn members(exchange: &Exchange) -> Map<String, Value> {
    match exchange.answer.json() {
        Some(Value::Object(members)) => members,
        _ => Map::new(),
    }
}

/// The object that a changing operation is about, with everything set that a request can set; and the case that set it.
pub(super) async fn full<'a>(trial: &Trial<'a>) -> Result<(&'a Operation, Case, Map<String, Value>), Stop> {
    let context = trial.context;
    let read = context.document.reader(&trial.operation.path).ok_or_else(|| skip("nothing reads it"))?;
    let about = context.arguments(trial.operation, Role::Valid, true).await?;
    let (case, _) = full_of(trial, &about).await?;
    let seen = trial.call(read, &Case { body: None, ..case.clone() }, Role::Valid).await?;
    Ok((read, case, members(&seen)))
}

/// A change of the object that `about` names with everything set that a request can set, and what came of it.
pub(super) async fn full_of(trial: &Trial<'_>, about: &Case) -> Result<(Case, Exchange), Stop> {
    let context = trial.context;
    let base = trial.case().await?;
    let shape = context.shape(trial.operation);
    for index in 0..6 {
        let mut chance = runner(context.options.seed, &trial.operation.id, "full", index);
        let mut case = shape.valid(context, trial.operation, &base, 1, &mut chance).about(about);
        case.arguments.retain(|one| !is_match(one.location, &one.name));
        let changed = trial.call(trial.operation, &case, Role::Valid).await?;
        if changed.answer.is_success() {
            return Ok((case, changed));
        }
    }
    Err(skip("no change with every member was taken"))
}

pub(super) fn sent_members(case: &Case) -> Map<String, Value> {
    match &case.body {
        Some((_, Value::Object(members))) => members.clone(),
        _ => Map::new(),
    }
}

pub(super) fn with_members(case: &Case, members: Map<String, Value>) -> Case {
    let media_type = case.body.as_ref().map_or_else(|| "application/json".to_owned(), |(name, _)| name.clone());
    Case { body: Some((media_type, Value::Object(members))), ..case.clone() }
}

async fn replaces(trial: &Trial<'_>) -> Result<(), Stop> {
    let (read, case, before) = full(trial).await?;
    let shape = trial.context.shape(trial.operation);
    let known = sent(trial.context.document, trial.operation);
    let mut tried = false;
    for (name, value) in sent_members(&case) {
        let mut less = sent_members(&case);
        less.shift_remove(&name);
        let has_default = known.iter().any(|(known, schema)| *known == name && schema.get("default") == Some(&value));
        let is_optional = shape.takes(&Value::Object(less.clone()));
        if !is_optional || has_default || value.is_null() || before.get(&name) != Some(&value) {
            continue;
        }
        let put = trial.call(trial.operation, &with_members(&case, less), Role::Valid).await?;
        if !put.answer.is_success() {
            continue;
        }
        tried = true;
        let after = trial.call(read, &Case { body: None, ..case.clone() }, Role::Valid).await?;
        if members(&after).get(&name) == Some(&value) {
            let cause = format!("a PUT without `{name}` left its old value");
            return Err(Observation::note(cause, format!("no `{name}`, or another value"), &after).into());
        }
        trial.call(trial.operation, &case, Role::Valid).await?;
    }
    if tried { Ok(()) } else { Err(skip("it has no optional member that a read shows")) }
}

async fn partial(trial: &Trial<'_>) -> Result<(), Stop> {
    let (read, case, before) = full(trial).await?;
    let shape = trial.context.shape(trial.operation);
    let all = sent_members(&case);
    let mut tried = false;
    for (name, value) in &all {
        let one: Map<String, Value> = [(name.clone(), value.clone())].into_iter().collect();
        if !shape.takes(&Value::Object(one.clone())) {
            continue;
        }
        let patch = trial.call(trial.operation, &with_members(&case, one.clone()), Role::Valid).await?;
        if !patch.answer.is_success() {
            continue;
        }
        tried = true;
        let exchange = trial.call(read, &Case { body: None, ..case.clone() }, Role::Valid).await?;
        let after = members(&exchange);
        let shown = exchange.answer.json().unwrap_or(Value::Null);
        let differs = || differing((trial.context.document, read), last_name(read), &one, &shown).is_some();
        if is_object(trial.operation) && differs() {
            let cause = format!("a PATCH of `{name}` alone did not change it");
            return Err(Observation::error(cause, format!("`{name}` is {value}"), &exchange).into());
        }
        let lost = all
            .keys()
            .find(|other| *other != name && before.contains_key(*other) && after.get(*other) != before.get(*other));
        if let Some(lost) = lost {
            let cause = format!("a PATCH of another member changed `{lost}`");
            return Err(Observation::error(cause, format!("`{lost}` as it was"), &patch).into());
        }
    }
    if !tried {
        return Err(skip("no change of one member alone was taken"));
    }
    emptied(trial, read, &case).await
}

/// Stops if a PATCH does not take `false`, or an empty list, for a member that has something else: many a server takes
/// them for nothing.
async fn emptied(trial: &Trial<'_>, read: &Operation, case: &Case) -> Result<(), Stop> {
    let shape = trial.context.shape(trial.operation);
    // No form says an empty list.
    let is_json = case.body.as_ref().is_some_and(|(media, _)| media.contains("json"));
    for (name, value) in sent_members(case).into_iter().filter(|_| is_json) {
        let empty = match &value {
            Value::Bool(_) => Value::Bool(false),
            Value::Array(items) if !items.is_empty() => Value::Array(Vec::new()),
            _ => continue,
        };
        let with = |value: Value| Map::from_iter([(name.clone(), value)]);
        let full = if value.is_boolean() { Value::Bool(true) } else { value };
        let wanted = with(empty);
        if !shape.takes(&Value::Object(wanted.clone())) || !shape.takes(&Value::Object(with(full.clone()))) {
            continue;
        }
        let set = trial.call(trial.operation, &with_members(case, with(full)), Role::Valid).await?;
        let patch = trial.call(trial.operation, &with_members(case, wanted.clone()), Role::Valid).await?;
        if !set.answer.is_success() || !patch.answer.is_success() || !is_object(trial.operation) {
            continue;
        }
        let exchange = trial.call(read, &Case { body: None, ..case.clone() }, Role::Valid).await?;
        let shown = exchange.answer.json().unwrap_or(Value::Null);
        if let Some((name, value)) = differing((trial.context.document, read), last_name(read), &wanted, &shown) {
            let cause = format!("a PATCH of `{name}` to {value} did not change it");
            return Err(Observation::error(cause, format!("`{name}` is {value}"), &exchange).into());
        }
    }
    Ok(())
}

/// How many items the list at `path` holds.
async fn count(trial: &Trial<'_>, list: &Operation, about: &Case) -> Result<usize, Stop> {
    let pages = trial.context.pages(list, about, Role::Valid).await?;
    Ok(pages.iter().map(|page| listed_items(list, &page.answer).unwrap_or_default().len()).sum())
}

/// What a change that was refused has made all the same, if anything: `look` reads the object, once more where it is not
/// as before, since it may change by itself.
pub(super) async fn made_all_the_same<F: Future<Output = Result<Exchange, Stop>>>(
    case: &Case,
    before: &Exchange,
    look: impl Fn() -> F,
) -> Result<Option<String>, Stop> {
    let body = |exchange: &Exchange| exchange.answer.json().unwrap_or(Value::Null);
    let (before, after) = (body(before), body(&look().await?));
    if before == after {
        return Ok(None);
    }
    Ok(changed(&sent_members(case), &before, &after, &body(&look().await?)))
}

async fn failed_update(trial: &Trial<'_>) -> Result<(), Stop> {
    let base = trial.case().await?;
    let read = trial.context.document.reader(&trial.operation.path).ok_or_else(|| skip("nothing reads it"))?;
    let shape = trial.context.shape(trial.operation);
    let mut chance = runner(trial.context.options.seed, &trial.operation.id, "failed-update", 1);
    // Every optional part is there and new, and one of them is broken: what is taken of the others shows.
    let full = shape.valid(trial.context, trial.operation, &base, 1, &mut chance).about(&base);
    let broken = shape.invalid(trial.context, trial.operation, std::slice::from_ref(&full));
    let broken: Vec<_> = broken.into_iter().filter(|broken| broken.place.starts_with("body /")).collect();
    let look = || trial.seen(read, &base);
    let (step, mut tried) = (broken.len().div_ceil(6).max(1), false);
    let by_schema = broken.into_iter().step_by(step).map(|one| (one.case, true));
    for (case, is_invalid) in by_schema.chain(naming_nobody(trial, &full).map(|case| (case, false))) {
        let before = look().await?;
        let refused = trial.call(trial.operation, &case, Role::Valid).await?;
        if refused.answer.status < 400 && is_invalid {
            return Err(skip(
                "a change that breaks its schema is not refused, which `input.negative-refused` is about",
            ));
        }
        tried |= refused.answer.status >= 400;
        if refused.answer.status < 400 {
            continue;
        }
        if let Some(member) = made_all_the_same(&case, &before, look).await? {
            let cause = format!("a change was refused with {} and made all the same", refused.answer.status);
            let saying = format!("{member} is read otherwise than before");
            return Err(Observation::error(cause, "the object as it was", &refused).saying(saying).into());
        }
    }
    if tried { Ok(()) } else { Err(skip("no change was refused")) }
}

/// The case with an id that nobody has in the place of each reference, one by one.
fn naming_nobody<'c>(trial: &Trial<'_>, case: &'c Case) -> impl Iterator<Item = Case> + use<'c> {
    const NOBODY: &str = "b1771960-0000-4000-8000-0123456789ab";
    let (shape, references) =
        (trial.context.shape(trial.operation), reference_names(trial.context.document, trial.operation));
    let document = trial.context.document;
    let is_id = |name: &str, schema: &Value| {
        let is_uuid = || document.resolve(schema).get("format").is_some_and(|format| format == "uuid");
        references.iter().any(|known| known == name) || is_uuid()
    };
    let members = sent(document, trial.operation).into_iter();
    let ids = members.filter(|(name, schema)| is_id(name, schema)).map(|(name, _)| name.to_owned());
    let ids: Vec<String> = ids.take(3).collect();
    ids.into_iter().filter_map(move |name| {
        let mut members = sent_members(case);
        members.insert(name, Value::from(NOBODY));
        shape.takes(&Value::Object(members.clone())).then(|| with_members(case, members))
    })
}

async fn failed_create(trial: &Trial<'_>) -> Result<(), Stop> {
    let context = trial.context;
    let base = trial.case().await?;
    let list = context.document.reader(&trial.operation.path).ok_or_else(|| skip("nothing lists it"))?;
    let about = context.positive(list, Role::Valid).await?.about(&base);
    let broken = context.shape(trial.operation).invalid(context, trial.operation, std::slice::from_ref(&base));
    let broken: Vec<_> = broken.into_iter().filter(|broken| broken.place.starts_with("body /")).collect();
    let before = count(trial, list, &about).await?;
    let (mut refused, mut made) = (None, 0);
    let mut chance = runner(context.options.seed, &trial.operation.id, "failed-create", 1);
    let full = context.shape(trial.operation).valid(context, trial.operation, &base, 1, &mut chance);
    let step = broken.len().div_ceil(4).max(1);
    let by_schema = broken.into_iter().step_by(step).map(|one| (one.case, true));
    for (case, is_invalid) in by_schema.chain(naming_nobody(trial, &full).map(|case| (case, false))) {
        let exchange = trial.call(trial.operation, &case, Role::Valid).await?;
        if exchange.answer.is_success() && !is_invalid {
            // A server need not look for what is named.
            made += 1;
            continue;
        }
        if exchange.answer.is_success() {
            return Err(skip(
                "a creation that breaks its schema is not refused, which `input.negative-refused` is about",
            ));
        }
        refused = Some(exchange);
    }
    let Some(refused) = refused else { return Err(skip("no creation could be made that breaks its schema")) };
    if count(trial, list, &about).await? > before + made {
        let cause = format!("a creation was refused with {} and made all the same", refused.answer.status);
        return Err(Observation::error(cause, "the list as it was", &refused).into());
    }
    Ok(())
}

async fn action_persists(trial: &Trial<'_>) -> Result<(), Stop> {
    let context = trial.context;
    let read = acted_on(context.document, trial.operation).ok_or_else(|| skip("nothing reads it"))?;
    let case = trial.case().await?.about(&context.arguments(trial.operation, Role::Valid, true).await?);
    let about = Case { body: None, ..case.clone() };
    let before = members(&trial.call(read, &about, Role::Valid).await?);
    let done = trial.call(trial.operation, &case, Role::Valid).await?;
    let told = members(&done);
    if done.answer.is_success() && context.brings_back(trial.operation) {
        return brought_back(trial, read, &about, &told).await;
    }
    let same = ["id", "uuid"].iter().any(|id| told.contains_key(*id) && told.get(*id) == before.get(*id));
    if !done.answer.is_success() || !same {
        return Err(skip("the action does not answer the object that it is done to"));
    }
    let after = members(&trial.call(read, &about, Role::Valid).await?);
    let lost = told.iter().find(|(name, value)| {
        before.contains_key(*name)
            && before.get(*name) != Some(value)
            && after.get(*name) != Some(value)
            // A server may keep times up to date by itself.
            && !value.as_str().is_some_and(is_time)
    });
    if let Some((name, _)) = lost {
        let cause = format!("what the action told of `{name}` is not what is read");
        return Err(Observation::error(cause, "the object as the action answered it", &done).into());
    }
    Ok(())
}

/// Stops unless what was deleted, and is said to be restored, can be read again, as it was told.
async fn brought_back(
    trial: &Trial<'_>,
    read: &Operation,
    about: &Case,
    told: &Map<String, Value>,
) -> Result<(), Stop> {
    let expected = "what was restored can be read, as it was told";
    let exchange = trial.call(read, about, Role::Valid).await?;
    if !exchange.answer.is_success() {
        let cause = format!("what was restored is answered with {}", exchange.answer.status);
        return Err(Observation::error(cause, expected, &exchange).into());
    }
    match lost(told, &exchange.answer.json().unwrap_or_default())
        .find(|(_, value)| !value.as_str().is_some_and(is_time))
    {
        Some((name, _)) => {
            let cause = format!("what the restoration told of `{name}` is not what is read");
            Err(Observation::error(cause, expected, &exchange).into())
        }
        None => Ok(()),
    }
}

/// The operation that lists the objects that `operation` changes, with no parameter that may leave one out.
fn listing<'a>(document: &'a Document, operation: &Operation) -> Option<&'a Operation> {
    let list = document.reader(operation.collection()?)?;
    let shows = lists_what_is_shown(document, list, document.reader(&operation.path)?);
    let asks = list.parameters.iter().any(|one| one.required && one.location != Location::Path);
    (shows && !asks).then_some(list)
}

async fn update_is_listed(trial: &Trial<'_>) -> Result<(), Stop> {
    let document = trial.context.document;
    let list = listing(document, trial.operation).ok_or_else(|| skip("nothing lists it"))?;
    let (read, case, before) = full(trial).await?;
    let about = Case { body: None, ..case.clone() };
    let id = case.path().last().map(|argument| argument.value.clone()).unwrap_or_default();
    let name = last_name(read);
    let pages = trial.context.pages(list, &trial.context.reading(list, &about), Role::Valid).await?;
    let is_it = |item: &&Value| named_in(item, name).is_some_and(|(_, own)| is_same_id(&own, &id));
    let mut found = pages.iter().filter_map(|page| Some((listed_items(list, &page.answer)?.iter().find(is_it)?, page)));
    let Some((item, page)) = found.next() else { return Err(skip("the list does not show it")) };
    let sent: Map<String, Value> =
        sent_members(&case).into_iter().filter(|(name, value)| before.get(name) == Some(value)).collect();
    match differing((document, read), name, &sent, item) {
        Some((name, value)) => {
            let cause = format!("what was changed is listed with another `{name}`");
            Err(Observation::error(cause, format!("`{name}` is {value}, as it is read alone"), page).into())
        }
        None => Ok(()),
    }
}

async fn deleted_is_unlisted(trial: &Trial<'_>) -> Result<(), Stop> {
    let context = trial.context;
    let list = trial.operation.collection().and_then(|path| context.document.reader(path));
    let list = list.ok_or_else(|| skip("nothing lists it"))?;
    let case = trial.case().await?;
    let id = case.path().last().map(|argument| argument.value.clone()).unwrap_or_default();
    let about = context.positive(list, Role::Valid).await?.about(&case);
    let name = last_name(trial.operation);
    let is_it = |item: &Value| named_in(item, name).is_some_and(|(_, own)| is_same_id(&own, &id));
    let shows = |page: &Exchange| listed_items(list, &page.answer).is_some_and(|items| items.iter().any(is_it));
    // A list that never held it would prove nothing.
    if !context.pages(list, &about, Role::Valid).await?.iter().any(shows) {
        return Err(skip("the list does not show what is to be deleted"));
    }
    let deleted = trial.call(trial.operation, &case, Role::Valid).await?;
    if !deleted.answer.is_success() {
        return Err(skip("it was not deleted"));
    }
    let pages = context.pages(list, &about, Role::Valid).await?;
    if let Some(page) = pages.iter().find(|page| shows(page)) {
        let cause = "what was deleted is still in the list";
        return Err(Observation::error(cause, "a list without it", page).into());
    }
    match pages.iter().find(|page| !page.answer.is_success()) {
        Some(page) => Err(Stop::Skip(format!("the list was then answered with {}", page.answer.status))),
        None => Ok(()),
    }
}
