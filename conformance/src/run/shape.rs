//! The shape of an operation's input: what is valid for each parameter and the body, compiled once.

mod unusual;

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use bitting_spec::table::Location;
use bitting_spec::{Example, MediaType, Operation, Parameter, infer};
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use super::Context;
use super::reference::referring;
use crate::credentials::Role;
use crate::error::Error;
use crate::generate::{
    ALIKE, Argument, Case, Generator, Parts, body_media, is_blank, is_form, is_multipart, of_text, pick, runner,
    sayable, text_of, violations,
};
use crate::infer::plain;

/// How many generated bodies are tried to reach an operation.
const ATTEMPTS: u32 = 6;
/// What names begin with that the suite made up, where their schema lets them: so a team tells them from its own.
const MARK: &str = "bitting-";
/// The members that people look for data by.
const NAMES: &[&str] = &["name", "title", "label", "displayname", "subject", "summary", "description"];
/// A text of fewer letters has too few left, when its first ones are the mark, to differ from others.
const LONG_ENOUGH: usize = 16;
/// Of how many short texts one stays as it is: that a server takes the shortest is checked as well.
const SHORT_ONES: usize = 4;
/// Of how many generated bodies the fullest is made.
const FULLEST_OF: u32 = 8;
/// Of how many generated bodies one without empty texts is taken.
const LIKELY_OF: u32 = 16;

/// The shapes of the operations so far.
#[derive(Default)]
pub(super) struct Shapes {
    known: Mutex<HashMap<String, Arc<Shape>>>,
}

/// What is valid for each part of an operation's input.
pub(crate) struct Shape {
    operation: String,
    parameters: Vec<(Parameter, Option<Generator>)>,
    /// The header that tells one attempt of a request from another.
    idempotency_key: Option<String>,
    body: Option<(String, MediaType, Option<Generator>)>,
    /// The parameters whose value the settings say: it is always sent.
    fixed: BTreeSet<String>,
    /// How the members of a multipart body are written.
    parts: Parts,
}

/// A case that breaks one rule of the document.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Broken {
    /// The part of the request, such as `query parameter limit` or `body /name`.
    pub(crate) place: String,
    /// The keyword of the schema.
    pub(crate) keyword: &'static str,
    pub(crate) case: Case,
}

impl Context<'_> {
    /// The shape of an operation's input.
    pub(crate) fn shape(&self, operation: &Operation) -> Arc<Shape> {
        let mut known = self.shapes.known.lock().unwrap_or_else(PoisonError::into_inner);
        let shape = known.entry(operation.id.clone()).or_insert_with(|| Arc::new(Shape::new(self, operation)));
        Arc::clone(shape)
    }
}

impl Context<'_> {
    /// Refuses bodies of the settings that the document does not allow: no answer to one would tell anything.
    pub(super) fn known_bodies(&self) -> Result<(), Error> {
        for operation in &self.document.operations {
            let Some(body) = self.options.data.body(&operation.id) else { continue };
            if let Some((media_type, _, Some(generator))) = &self.shape(operation).body
                && !generator.accepts(body)
            {
                let message = format!("the `body` is not valid by the document's schema for {media_type}");
                let remedy = "correct it, or leave it out and let the suite make one";
                return Err(Error::config(format!("[operations.{}]", operation.id), message, remedy));
            }
        }
        Ok(())
    }
}

/// Whether a header makes a request depend on what the server has (RFC 9110, 13.1).
fn is_condition(name: &str) -> bool {
    ["if-match", "if-none-match", "if-modified-since", "if-unmodified-since", "if-range"]
        .iter()
        .any(|known| name.eq_ignore_ascii_case(known))
}

impl Shape {
    fn new(context: &Context<'_>, operation: &Operation) -> Self {
        let generator = |schema: &Value| Generator::new(context.document, schema);
        // An empty list is written as nothing, which is no value of a parameter that is required.
        let is_sent = |parameter: &Parameter| !parameter.required || parameter.location == Location::Path;
        // A field holds visible ASCII (RFC 9110, 5.5), so no other text can be sent in one.
        let of = |parameter: &Parameter| match parameter.location {
            Location::Header | Location::Cookie => Generator::visible(context.document, &parameter.schema.value),
            Location::Path | Location::Query => generator(&parameter.schema.value),
        };
        let parameters = operation.parameters.iter().map(|parameter| {
            let made = of(parameter).map(|made| if is_sent(parameter) { made } else { made.filled() });
            (parameter.clone(), made)
        });
        let body = body_media(operation).map(|(media_type, media)| {
            let made = media.schema.as_ref().and_then(|schema| generator(&schema.value));
            let is_form = is_form(media_type) || is_multipart(media_type);
            let made = made.map(|made| if is_form { made.of_form() } else { made });
            let mut media = media.clone();
            if let Some(value) = context.options.data.body(&operation.id) {
                let name = "settings".to_owned();
                media.examples.insert(0, Example { name, value: value.clone(), auth_cases: Vec::new() });
            }
            (media_type.clone(), media, made)
        });
        let data = &context.options.data;
        let is_fixed = |name: &&String| data.own(&operation.id, name).is_some() || data.parameters.contains_key(*name);
        let fixed = operation.parameters.iter().map(|parameter| &parameter.name).filter(is_fixed).cloned().collect();
        let parts = body_media(operation).map(|(_, media)| Parts::of(context.document, media)).unwrap_or_default();
        let idempotency_key = context.document.idempotency_header(operation).map(str::to_owned);
        Self { operation: operation.id.clone(), parameters: parameters.collect(), idempotency_key, body, fixed, parts }
    }

    /// The least that the operation asks for, path aside: examples where the document has valid ones.
    pub(crate) fn minimal(&self, context: &Context<'_>, operation: &Operation) -> Case {
        self.candidates(context, operation).into_iter().next().unwrap_or_default()
    }

    /// A value of a path parameter that is valid and can stand in one segment; the same for the same seed.
    pub(super) fn sample(&self, operation: &Operation, name: &str, seed: u64) -> Option<Value> {
        let is_it = |parameter: &Parameter| parameter.location == Location::Path && parameter.name == name;
        let (_, generator) = self.parameters.iter().find(|(parameter, _)| is_it(parameter))?;
        let mut chance = runner(seed, &operation.path, name, 0);
        let stands = |value: &Value| match value {
            Value::String(text) => {
                !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            }
            value => value.is_number() || value.is_boolean(),
        };
        let plain = [Value::from("bitting"), Value::from(1)]
            .into_iter()
            .find(|value| generator.as_ref().is_none_or(|one| one.accepts(value)));
        plain.or_else(|| (0..8).find_map(|_| generator.as_ref()?.sample(&mut chance).filter(stands)))
    }

    /// Cases to reach the operation with, path aside: first by the document's examples, then generated.
    pub(crate) fn candidates(&self, context: &Context<'_>, operation: &Operation) -> Vec<Case> {
        let mut cases = Vec::new();
        for index in 0..=ATTEMPTS {
            let mut chance = runner(context.options.seed, &operation.id, "reach", index);
            let mut case = Case { parts: self.parts.clone(), ..Case::default() };
            let is_sent = |parameter: &Parameter| parameter.required || self.fixed.contains(&parameter.name);
            for (parameter, generator) in self.parameters.iter().filter(|(parameter, _)| is_sent(parameter)) {
                if parameter.location != Location::Path {
                    // What is said, such as the id of the principal's OAuth client, no generator guesses.
                    let given = context.given(operation, &parameter.name, Role::Valid);
                    let example = parameter.example.clone().filter(|_| index == 0);
                    let value = given.or(example);
                    let value = value.or_else(|| generator.as_ref()?.sample(&mut chance));
                    case = case.with(parameter, value.unwrap_or(Value::from("value")));
                }
            }
            // What the document shows may be the only thing that is taken: it is tried both ways.
            if let Some((media_type, body)) = self.example(context).filter(|_| index == 0) {
                case.body = Some((media_type, self.marked(body, &mut chance)));
                cases.push(case.clone());
            }
            // One of them has as much as there is: some servers ask for what the document says they can do without.
            let body = if index == 2 { self.fullest(&mut chance) } else { self.likely_body(index == 0, &mut chance) };
            case.body = body.map(|(media_type, body)| {
                // The least body is the likeliest to be taken, where the document shows none.
                let is_example = index == 0 && self.has_example();
                (media_type, if index <= 1 && !is_example { self.least(body) } else { body })
            });
            if !cases.contains(&case) {
                cases.push(case);
            }
        }
        cases
    }

    /// A body with the members of several, as far as they go together.
    fn fullest(&self, chance: &mut TestRunner) -> Option<(String, Value)> {
        let (media_type, mut body) = self.sample_body(false, chance)?;
        for _ in 1..FULLEST_OF {
            let Some((_, Value::Object(other))) = self.sample_body(false, chance) else { break };
            let Value::Object(members) = &body else { break };
            let mut more = members.clone();
            for (name, value) in other {
                more.entry(name).or_insert(value);
            }
            let more = Value::Object(more);
            if self.takes(&more) {
                body = more;
            }
        }
        Some((media_type, body))
    }

    /// The document's own body, if it shows a valid one and the settings say none.
    fn example(&self, context: &Context<'_>) -> Option<(String, Value)> {
        let (media_type, media, generator) = self.body.as_ref()?;
        let generator = generator.as_ref().filter(|_| context.options.data.body(&self.operation).is_none())?;
        let valid = media.examples.iter().find(|example| generator.accepts(&example.value))?;
        Some((media_type.clone(), valid.value.clone()))
    }

    /// The body with the mark before its names, as far as its schema allows.
    fn marked(&self, body: Value, chance: &mut TestRunner) -> Value {
        let Value::Object(mut members) = body else { return body };
        let names: Vec<String> = members.keys().filter(|name| NAMES.contains(&plain(name).as_str())).cloned().collect();
        for name in names {
            let Some(text) = members[&name].as_str().filter(|_| !is_marked(&members[&name])) else { continue };
            let is_short = text.chars().count() < MARK.len();
            if is_short && pick(chance, SHORT_ONES) == 0 {
                continue;
            }
            let rest: String = text.chars().skip(MARK.len()).collect();
            let within = (text.chars().count() >= LONG_ENOUGH).then(|| format!("{MARK}{rest}"));
            for text in [Some(format!("{MARK}{text}")), within].into_iter().flatten() {
                let former = members.insert(name.clone(), Value::from(text)).unwrap_or_default();
                if self.takes(&Value::Object(members.clone())) {
                    break;
                }
                members.insert(name.clone(), former);
            }
        }
        Value::Object(members)
    }

    /// The case with an object that is called `text`, if the document lets it be.
    pub(crate) fn named(&self, case: &Case, text: &str) -> Option<Case> {
        let (media_type, Value::Object(members)) = case.body.as_ref()? else { return None };
        let mut names = members.keys().filter(|name| NAMES.contains(&plain(name).as_str()));
        names.find_map(|name| {
            let mut members = members.clone();
            members.insert(name.clone(), Value::from(text));
            let body = Value::Object(members);
            self.takes(&body).then(|| Case { body: Some((media_type.clone(), body)), ..case.clone() })
        })
    }

    fn has_example(&self) -> bool {
        let Some((_, media, Some(generator))) = &self.body else { return false };
        media.examples.iter().any(|example| generator.accepts(&example.value))
    }

    /// The body without the members that it can do without.
    fn least(&self, body: Value) -> Value {
        let (Value::Object(mut members), Some((_, _, Some(generator)))) = (body.clone(), &self.body) else {
            return body;
        };
        for name in members.keys().cloned().collect::<Vec<_>>() {
            let mut less = members.clone();
            less.shift_remove(&name);
            let is_marked = name == "name" && is_marked(&members[&name]);
            if !is_marked && generator.accepts(&Value::Object(less.clone())) {
                members = less;
            }
        }
        Value::Object(members)
    }

    /// A body without empty texts, if one is met: servers refuse them more often than their documents.
    fn likely_body(&self, example: bool, chance: &mut TestRunner) -> Option<(String, Value)> {
        let first = self.sample_body(example, chance)?;
        if !is_blank(&first.1) {
            return Some(first);
        }
        let more = (0..LIKELY_OF).filter_map(|_| self.sample_body(false, chance));
        Some(more.into_iter().find(|(_, body)| !is_blank(body)).unwrap_or(first))
    }

    fn sample_body(&self, example: bool, chance: &mut TestRunner) -> Option<(String, Value)> {
        let (media_type, media, generator) = self.body.as_ref()?;
        let generator = generator.as_ref();
        let accepts = |value: &&Value| generator.is_none_or(|generator| generator.accepts(value));
        let examples = media.examples.iter().map(|example| &example.value).find(accepts);
        let example = examples.filter(|_| example).cloned();
        let value = example.or_else(|| match (generator, &media.schema) {
            (Some(generator), _) => generator.sample(chance).map(|value| self.marked(value, chance)),
            // Bytes of which nothing is said.
            (None, None) if !media_type.contains("json") => Some(Value::from("bitting")),
            _ => None,
        })?;
        Some((media_type.clone(), value))
    }

    /// The valid case number `index` about the object of `base`: 0 is `base`, 1 has every optional part.
    /// What is said about a parameter stays as it is: another client's id is valid and still nobody's.
    pub(crate) fn valid(
        &self,
        context: &Context<'_>,
        operation: &Operation,
        base: &Case,
        index: u32,
        chance: &mut TestRunner,
    ) -> Case {
        let mut case = base.clone();
        if index == 0 {
            return case;
        }
        for (parameter, generator) in &self.parameters {
            let coin = index == 1 || crate::generate::coin(chance);
            // A cursor is the server's own mark: any other text may be refused, whatever its schema says.
            let is_cursor = infer::is_cursor(context.document, operation, parameter);
            if parameter.location == Location::Path || is_cursor || !(parameter.required || coin) {
                continue;
            }
            // A condition that was made up never holds.
            if parameter.location == Location::Header && !parameter.required && is_condition(&parameter.name) {
                continue;
            }
            let principal = context.credentials.principal(Role::Valid);
            let is_said = principal.is_some_and(|valid| valid.parameters.contains_key(&parameter.name));
            if is_said || self.fixed.contains(&parameter.name) {
                continue;
            }
            if let Some(value) = generator.as_ref().and_then(|generator| generator.sample(chance)) {
                case.set(&parameter.name, parameter.location, value);
            }
        }
        let body = if index == 1 { self.fullest(chance) } else { self.sample_body(false, chance) };
        if let Some(body) = body {
            case.body = Some(self.told(body, base));
        }
        referring(case, &context.known_references(&self.operation), self)
    }

    /// A form without what it cannot tell: `null`, and empty texts, which many servers take for nothing. What must be
    /// there is as in `base`.
    fn told(&self, (media_type, body): (String, Value), base: &Case) -> (String, Value) {
        let Value::Object(mut members) = body else { return (media_type, body) };
        if is_form(&media_type) || is_multipart(&media_type) {
            let known = base.body.as_ref().map(|(_, body)| body);
            let is_untold = |name: &String| members.get(name).is_some_and(|value| value.is_null() || value == "");
            for name in members.keys().filter(|name| is_untold(name)).cloned().collect::<Vec<_>>() {
                members.shift_remove(&name);
                if !self.takes(&Value::Object(members.clone()))
                    && let Some(value) = known.and_then(|known| known.get(&name))
                {
                    members.insert(name, value.clone());
                }
            }
        }
        (media_type, Value::Object(members))
    }

    /// Whether a body is of its schema.
    pub(crate) fn takes(&self, body: &Value) -> bool {
        self.body
            .as_ref()
            .and_then(|(.., generator)| generator.as_ref())
            .is_none_or(|generator| generator.accepts(body))
    }

    /// Whether a value is of the schema of a query parameter.
    pub(crate) fn takes_in_query(&self, name: &str, value: &Value) -> bool {
        let is_it = |parameter: &Parameter| parameter.location == Location::Query && parameter.name == name;
        let found = self.parameters.iter().find(|(parameter, _)| is_it(parameter));
        found.and_then(|(_, generator)| generator.as_ref()).is_none_or(|generator| generator.accepts(value))
    }

    /// The case about an object that does not exist, if its path ends with the id of one.
    pub(crate) fn about_nothing(&self, context: &Context<'_>, operation: &Operation, base: &Case) -> Option<Case> {
        let last = operation.trimmed_path().strip_suffix('}')?.rsplit('{').next()?;
        let (parameter, generator) = self
            .parameters
            .iter()
            .find(|(parameter, _)| parameter.location == Location::Path && parameter.name == last)?;
        let generator = generator.as_ref()?;
        // Far from what a server counts up, and no id that a generator of such ids ever makes.
        let nowhere = [Value::from("00000000-0000-4000-8000-00000b177170"), Value::from(987_654_321)];
        let mut chance = runner(context.options.seed, &operation.id, "nothing", 0);
        let value =
            nowhere.into_iter().find(|value| generator.accepts(value)).or_else(|| generator.sample(&mut chance))?;
        Some(base.clone().with(parameter, value))
    }

    /// Cases that break one rule each, made of cases that the server has taken: if such a case is refused, it is for
    /// what was broken and nothing else.
    pub(crate) fn invalid(&self, context: &Context<'_>, operation: &Operation, taken: &[Case]) -> Vec<Broken> {
        let mut all: Vec<Broken> = Vec::new();
        for base in covering(taken) {
            let mut more = self.broken(context, operation, base);
            more.retain(|new| !all.iter().any(|known| (&known.place, known.keyword) == (&new.place, new.keyword)));
            all.append(&mut more);
        }
        all
    }

    fn broken(&self, context: &Context<'_>, operation: &Operation, base: &Case) -> Vec<Broken> {
        let mut all = Vec::new();
        for (parameter, _) in &self.parameters {
            self.break_parameter(context, parameter, base, &mut all);
        }
        if let (Some((_, media, generator)), Some((media_type, value))) = (&self.body, &base.body) {
            let is_read = media_type.contains("json") || is_form(media_type) || is_multipart(media_type);
            let schema = media.schema.as_ref().filter(|_| is_read);
            let found = schema.map(|schema| violations(context.document, &schema.value, value)).unwrap_or_default();
            // All that a form says is text.
            let is_text = !media_type.contains("json");
            for violation in found.into_iter().filter(|found| found.keyword != ALIKE || !is_text) {
                let place = format!("body {}", violation.pointer).trim_end().to_owned();
                let case = Case { body: Some((media_type.clone(), violation.value)), ..base.clone() };
                all.push(Broken { place, keyword: violation.keyword, case });
            }
            let mut chance = runner(context.options.seed, &operation.id, "opposite", 0);
            let opposite = generator.as_ref().filter(|_| is_read).and_then(|generator| generator.opposite(&mut chance));
            if let Some((keyword, value)) = opposite {
                let case = Case { body: Some((media_type.clone(), value)), ..base.clone() };
                all.push(Broken { place: "body".to_owned(), keyword, case });
            }
        }
        if operation.request_body.as_ref().is_some_and(|body| body.required) {
            all.push(Broken {
                place: "body".to_owned(),
                keyword: "required",
                case: Case { body: None, ..base.clone() },
            });
        }
        all.retain(|broken| self.is_invalid(operation, &broken.case));
        all
    }

    fn break_parameter(&self, context: &Context<'_>, parameter: &Parameter, full: &Case, all: &mut Vec<Broken>) {
        let place = format!("{} parameter {}", parameter.location.as_str(), parameter.name);
        let is_it = |argument: &&Argument| argument.name == parameter.name && argument.location == parameter.location;
        let Some(value) = full.arguments.iter().find(is_it).map(|argument| argument.value.clone()) else { return };
        let found = violations(context.document, &parameter.schema.value, &value).into_iter();
        for violation in found.filter(|found| found.keyword != ALIKE) {
            let case = full.clone().with(parameter, violation.value);
            all.push(Broken { place: place.clone(), keyword: violation.keyword, case });
        }
        // What the suite says of itself stands in every request.
        let is_own = ["accept", "user-agent"].iter().any(|own| parameter.name.eq_ignore_ascii_case(own));
        let is_own = is_own && parameter.location == Location::Header;
        if parameter.required && parameter.location != Location::Path && !is_own {
            let mut case = full.clone();
            case.arguments.retain(|argument| !is_it(&argument));
            all.push(Broken { place, keyword: "required", case });
        }
    }

    /// Whether every part of the case is valid.
    pub(crate) fn is_valid(&self, operation: &Operation, case: &Case) -> bool {
        let body = match (&self.body, &case.body) {
            (Some((media_type, _, Some(generator))), Some((_, value))) => {
                generator.accepts(&sayable(media_type, value))
            }
            (_, None) => operation.request_body.as_ref().is_none_or(|body| !body.required),
            _ => true,
        };
        body && self.parameters.iter().all(|(parameter, generator)| {
            let argument = argument(case, parameter);
            let Some(argument) = argument else { return !parameter.required };
            generator.as_ref().is_none_or(|generator| generator.accepts(&argument.value))
        })
    }

    /// Whether some part of the case is invalid for certain, in every reading of what goes out.
    pub(crate) fn is_invalid(&self, operation: &Operation, case: &Case) -> bool {
        let body = match (&self.body, &case.body) {
            (Some((media_type, _, Some(generator))), Some((_, value)))
                if is_form(media_type) || is_multipart(media_type) =>
            {
                form_is_invalid(generator, &sayable(media_type, value))
            }
            (Some((media_type, _, Some(generator))), Some((_, value))) => {
                media_type.contains("json") && !generator.accepts(value)
            }
            (_, None) => operation.request_body.as_ref().is_some_and(|body| body.required),
            _ => false,
        };
        body || self.parameters.iter().any(|(parameter, generator)| match (argument(case, parameter), generator) {
            (None, _) => parameter.required,
            // What is there and empty is not there for many servers.
            (Some(argument), _) if argument.value == "" && !parameter.required => false,
            (Some(argument), Some(generator)) => {
                // One text is a list of one too, and `a=b` an object with the member `a`, where objects are taken apart.
                let object = |value: &Value| json!({ argument.name.as_str(): value });
                let accepts = |value: &Value| {
                    let others = [Value::Array(vec![value.clone()]), object(value)];
                    generator.accepts(value) || others.iter().any(|other| generator.accepts(other))
                };
                !Case::text_is_valid(operation, argument, accepts)
            }
            (Some(_), None) => false,
        })
    }
}

fn argument<'a>(case: &'a Case, parameter: &Parameter) -> Option<&'a Argument> {
    case.arguments.iter().find(|argument| argument.name == parameter.name && argument.location == parameter.location)
}

/// Whether a form is invalid in every reading of its texts. One with lists or objects has too many readings to tell.
fn form_is_invalid(generator: &Generator, value: &Value) -> bool {
    let Some(members) = value.as_object() else { return false };
    if generator.accepts(value) || members.values().any(|member| member.is_array() || member.is_object()) {
        return false;
    }
    members.iter().all(|(name, member)| {
        let text = text_of(member);
        // One text is a list of one too.
        let lists = of_text(&text).into_iter().map(|reading| Value::Array(vec![reading]));
        of_text(&text).into_iter().chain(lists).all(|reading| {
            let mut other = members.clone();
            other.insert(name.clone(), reading);
            !generator.accepts(&Value::Object(other))
        })
    })
}

/// Cases that together have every part that any of `taken` has, the fullest first.
fn covering(taken: &[Case]) -> Vec<&Case> {
    let mut fullest: Vec<&Case> = taken.iter().collect();
    fullest.sort_by_cached_key(|case| std::cmp::Reverse(parts(case).len()));
    let mut covered = BTreeSet::new();
    fullest.retain(|case| {
        let before = covered.len();
        covered.extend(parts(case));
        covered.len() > before
    });
    if fullest.is_empty() { taken.iter().take(1).collect() } else { fullest }
}

/// The names of what a case holds: parameters, members of the body, and lists with something in them.
fn parts(case: &Case) -> BTreeSet<String> {
    let part = |place: &str, name: &String, value: &Value| match value {
        Value::Array(items) if !items.is_empty() => format!("items of {place} {name}"),
        Value::Null => format!("null {place} {name}"),
        _ => format!("{place} {name}"),
    };
    let parameters = case.arguments.iter().map(|one| part(one.location.as_str(), &one.name, &one.value));
    let members = case.body.iter().filter_map(|(_, body)| body.as_object()).flatten();
    parameters.chain(members.map(|(name, value)| part("body", name, value))).collect()
}

fn is_marked(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.starts_with(MARK))
}
