//! The world as a sequence has made it: the objects with what was last written to each, and what must be seen of them.

use std::collections::HashMap;

use bitting_spec::Operation;
use bitting_spec::table::Location;
use serde_json::{Map, Value};

use super::super::same::{differing, lost};
use super::super::state::{has_pages, is_hidden};
use super::family::{Family, Item};
use super::{Act, Step};
use crate::credentials::Role;
use crate::finding::Observation;
use crate::generate::{Case, runner, text_of};
use crate::http::Exchange;
use crate::run::{MAX_PAGES, Stop, Trial, listed_items, named_in};

/// The most steps of any sequence, for the numbers that data grow from.
const STRIDE: u32 = 64;

/// An object that the sequence has made.
struct Object<'w, 'a> {
    /// The number of the step that made it.
    number: u32,
    family: &'w Family<'a>,
    /// The step that made what it stands below.
    below: Option<u32>,
    /// The path arguments of calls about it.
    about: Case,
    /// What tells it apart.
    id: Value,
    /// The values that were written last.
    known: Map<String, Value>,
    is_there: bool,
}

/// A sequence under way.
pub(super) struct World<'w, 'a> {
    trial: &'w Trial<'a>,
    family: &'w Family<'a>,
    sequence: u32,
    objects: Vec<Object<'w, 'a>>,
    /// Changes that are not allowed, by operation.
    broken: HashMap<String, Vec<Case>>,
    /// The calls so far, for people to read.
    told: Vec<String>,
}

impl<'w, 'a> World<'w, 'a> {
    pub(super) fn new(trial: &'w Trial<'a>, family: &'w Family<'a>, sequence: u32) -> Self {
        Self { trial, family, sequence, objects: Vec::new(), broken: HashMap::new(), told: Vec::new() }
    }

    /// How many objects there were.
    pub(super) fn objects(&self) -> usize {
        self.objects.len()
    }

    /// Takes a step. One that cannot be taken, for its object was not made or is not there any more, is none.
    pub(super) async fn take(&mut self, step: Step) -> Result<(), Stop> {
        let Step { number, act } = step;
        if let Act::Create { is_parent, below } = act {
            return self.create(number, is_parent, below).await;
        }
        let about = act.about().and_then(|of| self.objects.iter().position(|object| object.number == of));
        let Some(at) = about else { return Ok(()) };
        match (act, self.is_there(at)) {
            (Act::Change(_), true) => self.change(at, number).await,
            (Act::Break(_), true) => self.break_off(at, number).await,
            (Act::Remove(_), true) => self.remove(at).await,
            (Act::List(_), _) => self.look_at_list(at).await,
            (Act::Read(_), _) => self.look_at(at).await,
            _ => Ok(()),
        }
    }

    /// Deletes what is still there, what was made last first, so that lists do not grow with each sequence. What cannot
    /// be deleted is tried again at the end of the run.
    pub(super) async fn clear(self) {
        for at in (0..self.objects.len()).rev().filter(|at| self.is_there(*at)) {
            let object = &self.objects[at];
            let Some(item) = object.family.remove else { continue };
            let case = self.trial.context.reading(item.operation, &object.about);
            drop(self.trial.context.call(item.operation, &case, Role::Valid).await);
        }
    }

    async fn create(&mut self, number: u32, is_parent: bool, below: Option<u32>) -> Result<(), Stop> {
        let (context, parent) = (self.trial.context, self.family.parent.as_deref());
        let family = if is_parent { parent.unwrap_or(self.family) } else { self.family };
        let base = context.positive(family.create, Role::Valid).await?;
        let mut about = Case::default().about(&base);
        if let Some(below) = below {
            let Some(at) = self.objects.iter().position(|object| object.number == below) else { return Ok(()) };
            if !self.is_there(at) {
                return Ok(());
            }
            about = about.about(&self.objects[at].about);
        }
        let case = self.valid(family.create, &base.about(&about), number);
        let created = self.send(family.create, &case).await?;
        // What is only accepted may be made later, or never.
        if !created.answer.is_success() || created.answer.status == 202 {
            return Ok(());
        }
        let ids: Vec<(Item<'_>, Value)> = family.items().filter_map(|item| Some((item, item.id(&created)?))).collect();
        let Some((first, id)) = ids.first().cloned() else { return Ok(()) };
        for (item, id) in &ids {
            about.set(item.name, Location::Path, id.clone());
        }
        let known = written(&case, first.name);
        self.settle(Object { number, family, below, about, id, known, is_there: true }, &case, &created)
    }

    /// Takes a new object in. One that has the id of another took its place, unless the caller chose the id.
    fn settle(&mut self, object: Object<'w, 'a>, case: &Case, created: &Exchange) -> Result<(), Stop> {
        let is_same =
            |other: &Object<'_, '_>| other.family.create.id == object.family.create.id && other.about == object.about;
        let chosen = case.body.as_ref().and_then(|(_, body)| body.as_object());
        let is_chosen =
            chosen.is_some_and(|members| members.values().any(|value| text_of(value) == text_of(&object.id)));
        let taken = self.objects.iter().position(is_same).filter(|at| self.is_there(*at));
        if let Some(at) = taken.filter(|_| !is_chosen)
            && lost(&self.objects[at].known, &Value::Object(object.known.clone())).next().is_some()
        {
            return Err(self.wrong("what was created has the id of another object", "an id of its own", created));
        }
        self.objects.retain(|other| !is_same(other));
        self.objects.push(object);
        Ok(())
    }

    async fn change(&mut self, at: usize, number: u32) -> Result<(), Stop> {
        let object = &self.objects[at];
        let Some(item) = one_of(&object.family.changes, number) else { return Ok(()) };
        let base = self.trial.context.reading(item.operation, &object.about);
        let case = unnamed(self.valid(item.operation, &base, number), item.name).about(&object.about);
        let is_allowed =
            case.body.as_ref().is_none_or(|(_, body)| self.trial.context.shape(item.operation).takes(body));
        if !is_allowed {
            return Ok(());
        }
        let changed = self.send(item.operation, &case).await?;
        let sent = written(&case, item.name);
        let known = &mut self.objects[at].known;
        match (changed.answer.is_success(), changed.answer.status, item.operation.method.as_str()) {
            (false, ..) => {}
            (true, 202, _) => known.clear(),
            (true, _, "PUT") => *known = sent,
            (true, ..) if matches!(case.body, Some((_, Value::Object(_)))) => known.extend(sent),
            (true, ..) => known.clear(),
        }
        Ok(())
    }

    /// Asks for a change that must be refused. If it is not, which another check is about, nobody knows what was made.
    async fn break_off(&mut self, at: usize, number: u32) -> Result<(), Stop> {
        let object = &self.objects[at];
        let Some(item) = one_of(&object.family.changes, number) else { return Ok(()) };
        if !self.broken.contains_key(&item.operation.id) {
            let base = self.trial.context.reading(item.operation, &object.about);
            let full = self.valid(item.operation, &base, 1);
            let broken = self.trial.context.shape(item.operation).invalid(self.trial.context, item.operation, &[full]);
            let of_body = broken.into_iter().filter(|one| one.place.starts_with("body /")).map(|one| one.case);
            self.broken.insert(item.operation.id.clone(), of_body.collect());
        }
        let broken = self.broken.get(&item.operation.id).and_then(|all| one_of(all, number));
        let Some(case) = broken.map(|case| case.about(&self.objects[at].about)) else { return Ok(()) };
        let refused = self.send(item.operation, &case).await?;
        if refused.answer.status < 400 {
            self.objects[at].known.clear();
        }
        Ok(())
    }

    async fn remove(&mut self, at: usize) -> Result<(), Stop> {
        let Some(item) = self.objects[at].family.remove else { return Ok(()) };
        let case = self.trial.context.reading(item.operation, &self.objects[at].about);
        let removed = self.send(item.operation, &case).await?;
        match removed.answer.status {
            202 => drop(self.objects.remove(at)),
            200..300 => self.objects[at].is_there = false,
            _ => {}
        }
        Ok(())
    }

    /// Reads an object: it is as it was written last, or it is gone.
    async fn look_at(&mut self, at: usize) -> Result<(), Stop> {
        let Some(item) = self.objects[at].family.read else { return Ok(()) };
        let case = self.trial.context.reading(item.operation, &self.objects[at].about);
        let read = self.send(item.operation, &case).await?;
        let (object, status) = (&self.objects[at], read.answer.status);
        match (self.is_there(at), object.is_there) {
            (true, _) if matches!(status, 404 | 410) => {
                Err(self.wrong("an object is gone that nobody deleted", "the object", &read))
            }
            (true, _) if read.answer.is_success() => {
                let seen = (self.trial.context.document, item.operation);
                match read.answer.parsed().and_then(|body| differing(seen, item.name, &object.known, body)) {
                    Some((name, value)) => {
                        let cause = format!("`{name}` reads back with another value than was written last");
                        Err(self.wrong(&cause, &format!("`{name}` is {value}"), &read))
                    }
                    None => Ok(()),
                }
            }
            (false, false) if read.answer.is_success() => {
                Err(self.wrong("what was deleted can be read", "404 or 410", &read))
            }
            (false, true) if read.answer.is_success() => {
                Err(self.wrong("what stood below a deleted object can be read", "404 or 410", &read))
            }
            _ => Ok(()),
        }
    }

    /// Reads the list of an object and its like: those that are there stand in it, and those that were deleted do not.
    async fn look_at_list(&mut self, at: usize) -> Result<(), Stop> {
        let (family, below) = (self.objects[at].family, self.objects[at].below);
        let Some(list) = family.list.filter(|_| below.is_none_or(|below| self.stands(below))) else { return Ok(()) };
        let case = self.trial.context.reading(list, &self.objects[at].about);
        let pages = self.trial.context.pages(list, &case, Role::Valid).await?;
        // One case, however many pages there are: sequences beside this one make and delete as well.
        self.trial.count(1);
        self.told.extend(pages.iter().map(said));
        let Some(last) = pages.last().filter(|page| page.answer.is_success()) else { return Ok(()) };
        let listed: Option<Vec<&[Value]>> = pages.iter().map(|page| listed_items(list, &page.answer)).collect();
        let Some(listed) = listed else { return Ok(()) };
        let items: Vec<&Value> = listed.into_iter().flatten().collect();
        // Items that do not show what tells them apart tell nothing of which are there.
        let name = family.items().next().map_or("id", |item| item.name);
        if !items.is_empty() && !items.iter().any(|item| named_in(item, name).is_some()) {
            return Ok(());
        }
        let is_whole = pages.len() < MAX_PAGES && (list.pagination.is_some() || !has_pages(list));
        let alike = |other: &&Object<'_, '_>| other.below == below && other.family.create.id == family.create.id;
        for object in self.objects.iter().filter(alike) {
            let id = text_of(&object.id);
            // Any member may show the id of what must be there; only the one that is the id tells what must not.
            let shows =
                |item: &&Value| item.as_object().is_some_and(|all| all.values().any(|value| is_text(value, &id)));
            let is = |item: &&Value| named_in(item, name).is_some_and(|(_, value)| is_text(&value, &id));
            if object.is_there
                && is_whole
                && !items.iter().any(shows)
                && !is_hidden(self.trial, list, &case, shows).await?
            {
                return Err(self.wrong("what is there is not in its list", "the list holds every object", last));
            }
            if !object.is_there && items.iter().any(is) {
                return Err(self.wrong("what was deleted is still in its list", "the list without it", last));
            }
        }
        Ok(())
    }

    /// Whether the object, and everything that it stands below, was made and not deleted.
    fn is_there(&self, at: usize) -> bool {
        let object = &self.objects[at];
        object.is_there && object.below.is_none_or(|below| self.stands(below))
    }

    fn stands(&self, number: u32) -> bool {
        self.objects.iter().position(|object| object.number == number).is_some_and(|at| self.is_there(at))
    }

    /// A valid call of the operation about what `base` is about, with data that grow from the step's number.
    fn valid(&self, operation: &Operation, base: &Case, number: u32) -> Case {
        let context = self.trial.context;
        let index = self.sequence.saturating_mul(STRIDE).saturating_add(number);
        let mut chance = runner(context.options.seed, &operation.id, "sequence", index);
        // The first two cases of a shape are not generated.
        context.shape(operation).valid(context, operation, base, index.saturating_add(2), &mut chance)
    }

    async fn send(&mut self, operation: &Operation, case: &Case) -> Result<Exchange, Stop> {
        let exchange = self.trial.call(operation, case, Role::Valid).await?;
        self.told.push(said(&exchange));
        Ok(exchange)
    }

    /// What was seen, with the calls that led to it.
    fn wrong(&self, cause: &str, expected: &str, exchange: &Exchange) -> Stop {
        let calls = self.told.iter().enumerate().map(|(at, call)| format!("\n{}. {call}", at + 1));
        let summary = format!("{cause}, after{}", calls.collect::<String>());
        Observation::error(cause, expected, exchange).saying(summary).into()
    }
}

fn said(exchange: &Exchange) -> String {
    format!("{} {} answered {}", exchange.request.method, exchange.request.path(), exchange.answer.status)
}

/// One of several, by a number.
fn one_of<T: Clone>(all: &[T], number: u32) -> Option<T> {
    let at = usize::try_from(number).ok()?.checked_rem(all.len())?;
    all.get(at).cloned()
}

/// The members of the body that say something of the object but its id, which is the server's to give.
fn written(case: &Case, name: &str) -> Map<String, Value> {
    match unnamed(case.clone(), name).body {
        Some((_, Value::Object(members))) => members,
        _ => Map::new(),
    }
}

/// The case without the member that tells objects apart: what gets another id can no longer be followed.
fn unnamed(mut case: Case, name: &str) -> Case {
    if let Some((_, body)) = &mut case.body
        && let Some((member, _)) = named_in(body, name)
        && let Value::Object(members) = body
    {
        members.shift_remove(&member);
    }
    case
}

/// Whether a value is an id that is written so.
fn is_text(value: &Value, id: &str) -> bool {
    match value {
        Value::String(text) => text == id,
        Value::Number(number) => number.to_string() == id,
        _ => false,
    }
}
