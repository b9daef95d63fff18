//! The life of an object: made, read, changed, replaced, deleted.

use std::borrow::Cow;
use std::sync::Arc;

use bitting_spec::Document;
use bitting_spec::infer::plain;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value};

use super::{Behaviour, Desk, body_schema};
use crate::collection::{Collection, unwrapped};
use crate::defect::Flaw;
use crate::exchange::Answer;
use crate::fake::{flatten, seed_of};
use crate::object::{Choice, Maker, NAMINGS, id_text};
use crate::validate::Mender;
use crate::world::{Row, Scope};

/// Everything but the unreserved characters of RFC 3986, 2.3.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What a PUT answers that made what was not there (RFC 9110, 9.3.4).
const CREATED: u16 = 201;
/// From which try on a number is the next one, and none at random, which are below this.
const COUNTED: (usize, i64) = (10, 1000);

impl Desk<'_> {
    /// The collection, where the object of this request lies in it, and the object's id.
    pub(super) fn place(&self, index: usize) -> (&Collection, Scope, Cow<'_, str>) {
        let collection = &self.core.plan.collections[index];
        // Each path has a name of its own for the id: `/groups/{id}`, and `/groups/{group_id}/users`.
        let below = self.plan.operation.path.strip_prefix(collection.path.as_str()).unwrap_or_default();
        let name = below.strip_prefix("/{").and_then(|rest| rest.split('}').next());
        let id = match (name, &collection.key) {
            (Some(name), _) => Cow::Borrowed(self.parameter(name)),
            (None, Some(key)) => Cow::Owned(self.sent(collection).0.get(key).map(id_text).unwrap_or_default()),
            (None, None) => Cow::Borrowed(""),
        };
        (collection, self.scope(collection, collection.parents.len()), id)
    }

    pub(super) fn maker<'m>(&'m self, collection: &'m Collection, part: &str) -> Maker<'m> {
        let seed = seed_of(self.core.seed, &[&collection.path, part]);
        Maker { document: &self.core.plan.document, collection, seed, now: self.now, number: None }
    }

    /// The object that a client sends and its schema, without a member that holds them.
    fn sent(&self, collection: &Collection) -> (Map<String, Value>, Value) {
        let document = &self.core.plan.document;
        let given = self.given.body.as_object().cloned().unwrap_or_default();
        let body = body_schema(&self.plan.operation).cloned().unwrap_or(Value::Bool(true));
        let held = unwrapped(document, &collection.name, &body);
        match held.filter(|(name, _)| given.len() == 1 && collection.property(name).is_none()) {
            Some((name, schema)) => match given.get(&name) {
                Some(Value::Object(inner)) => (inner.clone(), schema),
                _ => (given, body),
            },
            None => (given, body),
        }
    }

    /// The members of the object that a client sends, without those that the object has and the request does not: they
    /// are the server's (defect M86 takes them). And the schema of what is sent.
    fn members(&self, collection: &Collection) -> (Map<String, Value>, Value) {
        let document = &self.core.plan.document;
        let (mut members, body) = self.sent(collection);
        if !self.core.flaws.has(Flaw::M86) && !is_open(document, &body) {
            let flat = flatten(document, &body);
            let taken = flat.get("properties").and_then(Value::as_object).filter(|all| !all.is_empty());
            let is_taken = |name: &str| taken.is_none_or(|taken| taken.contains_key(name));
            members.retain(|name, _| is_taken(name) || collection.property(name).is_none());
        }
        (spelled(collection, members), body)
    }

    /// Answers an object.
    pub(super) fn read(&self, index: usize) -> Answer {
        let (collection, scope, id) = self.place(index);
        let value = {
            let world = self.core.world();
            let own = world.data.find(index, &scope, &id);
            let foreign = || self.core.flaws.has(Flaw::M35).then(|| world.data.find_anywhere(index, &id)).flatten();
            own.or_else(foreign).map(|row| Arc::clone(&row.value))
        };
        match value {
            Some(value) => match self.once_shown(index) {
                Some(schema) => self.success(self.shown_by(schema, collection, &value)),
                None => self.success(self.shown(collection, &value)),
            }
            .about(&id),
            None => self.not_found(),
        }
    }

    /// What only the answer to a creation shows, such as the secret of a key, where defect M87 shows it again.
    fn once_shown(&self, index: usize) -> Option<&Value> {
        let creates = |plan: &&crate::plan::OperationPlan| plan.behaviour == Behaviour::Create { collection: index };
        let creation = self.core.plan.operations.iter().filter(|_| self.core.flaws.has(Flaw::M87)).find(creates)?;
        creation.success.schema.as_ref()
    }

    /// Makes an object from the body.
    pub(super) fn create(&self, index: usize) -> Answer {
        let (collection, scope, _) = self.place(index);
        let (members, body) = self.members(collection);
        let choice = if self.core.flaws.has(Flaw::M86) { Choice::Everything } else { Choice::Id };
        let make = |(tries, choice): (usize, Choice)| {
            let serial = self.core.world().next_serial();
            let number = COUNTED.1.saturating_add(i64::try_from(serial).unwrap_or(i64::MAX));
            let maker = self.maker(collection, &format!("made {serial}"));
            let maker = Maker { number: (tries > COUNTED.0).then_some(number), ..maker };
            let (id, value) = maker.created(&members, &body, choice);
            (id, self.sound(collection, value))
        };
        let is_free = |(id, _): &(String, Value)| self.core.world().data.find(index, &scope, id).is_none();
        // What a client chose itself stays taken where the document says what it is told then. Any other id is ours, and a
        // short one, such as a small number, may be taken too.
        let is_chosen = self.maker(collection, "").may_choose(&body) && collection.chosen(&members).is_some();
        let is_final = is_chosen && self.plan.answers.has(409);
        let first = make((0, choice));
        let made = match is_free(&first) || is_final {
            true => first,
            false => {
                let mut others = (1..NAMINGS).map(|tries| make((tries, Choice::Nothing)));
                others.find(is_free).unwrap_or(first)
            }
        };
        // Where the document knows no conflict, and all the ids that it allows are taken, the new one takes its place.
        let replaces = !self.plan.answers.has(409) && !is_free(&made);
        let (id, value) = made;
        let told = self.echoed(collection, &value, (members, &body));
        let answer = self.telling(&id, &value, self.success(self.shown(collection, &told)), collection).about(&id);
        let row = Row { is_unlisted: self.core.flaws.has(Flaw::M83), ..Row::new(value) };
        {
            let mut world = self.core.world();
            let is_taken = !replaces && world.data.find(index, &scope, &id).is_some();
            if is_taken && self.plan.answers.has(409) {
                let key = collection.key.as_deref().unwrap_or("id");
                let refusal = self.plan.refusals.answer(409, None, None).because("conflict");
                return refusal.saying(format!("one with this `{key}` is there already"));
            }
            if is_taken {
                // Somebody was faster: the next one has another id.
                drop(world);
                return self.create(index);
            }
            world.data.insert(index, scope, id.clone(), row);
        }
        let path = self.request.path().trim_end_matches('/');
        let (path, json) = path.strip_suffix(".json").map_or((path, ""), |path| (path, ".json"));
        let location = utf8_percent_encode(&id, SEGMENT);
        let end = if collection.ends_in_slash { "/" } else { json };
        if collection.is_readable { answer.with("location", &format!("{path}/{location}{end}")) } else { answer }
    }

    /// The object with what was sent, as far as request and answer declare it and the object has no such member itself: some
    /// APIs answer more to a creation than to a read. What tells objects apart is the server's.
    fn echoed(&self, collection: &Collection, value: &Value, sent: (Map<String, Value>, &Value)) -> Value {
        let (Value::Object(object), Some(schema)) = (value, &self.plan.success.schema) else { return value.clone() };
        let document = &self.core.plan.document;
        let (answer, request) = (flatten(document, schema), flatten(document, sent.1));
        let declared = |flat: &Map<String, Value>, name: &str| flat.get("properties")?.get(name).cloned();
        let is_bound = |schema: &Value| {
            let flat = flatten(document, schema);
            ["readOnly", "writeOnly"].iter().any(|mark| flat.get(*mark) == Some(&Value::Bool(true)))
        };
        let is_id = |name: &str| {
            let item = collection.item.as_ref().is_some_and(|(item, _)| plain(item).ends_with(&plain(name)));
            item || collection.key.as_deref() == Some(name) || ["id", "uuid"].contains(&name)
        };
        let is_shown = |name: &str| {
            let answered = declared(&answer, name).filter(|schema| !is_bound(schema));
            answered.is_some() && declared(&request, name).is_some() && !object.contains_key(name) && !is_id(name)
        };
        let mut whole = object.clone();
        whole.extend(sent.0.into_iter().filter(|(name, _)| is_shown(name)));
        Value::Object(whole)
    }

    /// The object as its schema wants it: a request may take what no answer can hold, and one such object would spoil every
    /// list that it stands in. Its id stays.
    fn sound(&self, collection: &Collection, value: Value) -> Value {
        let Some(rule) = self.plan.object.as_ref().filter(|rule| rule.fault(&value).is_some()) else { return value };
        let mender = Mender { document: &self.core.plan.document, seed: self.core.seed, id: None };
        let id = |value: &Value| collection.key.as_ref().and_then(|key| value.get(key).cloned());
        let mended = mender.mended(rule, &value).filter(|mended| id(mended) == id(&value));
        mended.unwrap_or(value)
    }

    /// The answer with the id of what was made, where it is told beside the object, which does not have it itself.
    fn telling(&self, id: &str, value: &Value, answer: Answer, collection: &Collection) -> Answer {
        let Some(Value::Object(members)) = &answer.body else { return answer };
        let names = collection.item.iter().map(|(name, _)| name.as_str()).chain(["id", "uuid"]);
        let mut names = names.filter(|name| value.get(*name).is_none() && members.contains_key(*name));
        let Some(name) = names.next() else { return answer };
        let told = [id.parse().map(|number: i64| Value::from(number)).ok(), Some(Value::from(id))];
        let mut answers = told.into_iter().flatten().map(|told| {
            let mut members = members.clone();
            members.insert(name.to_owned(), told);
            Answer { body: Some(Value::Object(members)), ..answer.clone() }
        });
        answers.find(|told| self.plan.answers.fits(told)).unwrap_or(answer)
    }

    /// Changes an object, or puts another in its place.
    pub(super) fn change(&self, index: usize, is_whole: bool) -> Answer {
        let (collection, scope, id) = self.place(index);
        let maker = self.maker(collection, &id);
        let (members, body) = self.members(collection);
        let puts = is_whole && self.plan.answers.has(CREATED);
        let done = {
            // Nobody else may change it in between, or one of two changes would be lost.
            let mut world = self.core.world();
            match world.data.find_mut(index, &scope, &id) {
                Some(row) => {
                    row.value = Arc::new(match is_whole {
                        true => self.sound(collection, maker.replaced(&row.value, &members, &body)),
                        false => self.sound(collection, maker.updated(&row.value, &members)),
                    });
                    Some((None, Arc::clone(&row.value)))
                }
                None if puts => {
                    let row = Row::new(self.sound(collection, maker.put(&id, &members, &body)));
                    let new = Arc::clone(&row.value);
                    world.data.insert(index, scope, id.to_string(), row);
                    Some((Some(CREATED), new))
                }
                None => None,
            }
        };
        let Some((status, new)) = done else { return self.not_found() };
        let answer = self.success(self.shown(collection, &new)).about(&id);
        Answer { status: status.unwrap_or(answer.status), ..answer }
    }

    /// Takes an object away.
    pub(super) fn delete(&self, index: usize) -> Answer {
        let (collection, scope, id) = self.place(index);
        let gone = {
            let mut world = self.core.world();
            match world.data.find_mut(index, &scope, &id) {
                Some(row) if self.core.flaws.has(Flaw::M84) => {
                    row.is_ghost = true;
                    Some(Arc::clone(&row.value))
                }
                _ => {
                    let row = world.data.remove(index, &scope, &id);
                    if collection.is_hidden && row.is_some() {
                        world.data.bury(index, &scope, &id);
                    }
                    row.map(|row| row.value)
                }
            }
        };
        match gone {
            Some(value) => self.success(self.shown(collection, &value)),
            None => self.not_found(),
        }
    }
}

/// The members as the collection's objects spell them: some take `FriendlyName` and answer `friendly_name`.
fn spelled(collection: &Collection, members: Map<String, Value>) -> Map<String, Value> {
    let Some(own) = collection.flat.get("properties").and_then(Value::as_object) else { return members };
    let spelling =
        |name: &str| own.keys().find(|known| plain(known) == plain(name)).filter(|_| !own.contains_key(name));
    let respelled = |(name, value): (String, Value)| (spelling(&name).cloned().unwrap_or(name), value);
    members.into_iter().map(respelled).collect()
}

/// Whether a request may have more than the properties of its schema tell.
fn is_open(document: &Document, schema: &Value) -> bool {
    let schema = document.resolve(schema);
    let is_there = |keyword: &&str| schema.get(*keyword).is_some_and(|value| *value != Value::Bool(false));
    let mut parts = schema.get("allOf").and_then(Value::as_array).into_iter().flatten();
    ["oneOf", "anyOf", "additionalProperties", "patternProperties"].iter().any(is_there)
        || parts.any(|part| is_open(document, part))
}
