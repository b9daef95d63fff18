//! What an operation does: a login, a refresh, a step in the life of an object, or an answer made from its schema.

mod act;
mod consent;
mod crud;
mod generate;
mod grant;
mod hidden;
mod list;
mod token;

use bitting_spec::extension::RefreshStyle;
use bitting_spec::infer::{is_logout, replaces};
use bitting_spec::{Document, Operation, SecurityScheme};
use chrono::{DateTime, Utc};
use serde_json::Value;

pub(crate) use act::Act;
pub(crate) use consent::{DECISION, authorize, decide, misasked};
pub(crate) use grant::{error as grant_error, fields, grant, renews};
pub(crate) use token::{Holder, TokenKind, claims, scopes_of};

use crate::authenticate::Principal;
use crate::collection::{Collection, Target, target, trimmed, unwrapped};
use crate::core::Core;
use crate::defect::Flaw;
use crate::exchange::{Answer, Request};
use crate::fake::{Fake, flatten, seed_of};
use crate::plan::OperationPlan;
use crate::scheme::{self, Scheme};
use crate::validate::Given;
use crate::world::Scope;

/// What an operation does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Behaviour {
    /// Answers a token for a user's name and password.
    Login { scheme: usize },
    /// Answers a new token for a current one.
    Refresh { scheme: usize },
    /// The token endpoint of OAuth 2.0 (RFC 6749, 3.2).
    Token { scheme: usize },
    /// The authorization endpoint of OAuth 2.0 (RFC 6749, 3.1).
    Authorize { scheme: usize },
    /// Ends the session of the caller.
    Logout,
    /// Answers the objects under the first `depth` parents.
    List { collection: usize, depth: usize },
    /// Makes an object.
    Create { collection: usize },
    /// Answers an object.
    Read { collection: usize },
    /// Changes parts of an object.
    Update { collection: usize },
    /// Puts another object in the place of one.
    Replace { collection: usize },
    /// Takes an object away.
    Delete { collection: usize },
    /// Does something with an object, and answers it.
    Act { collection: usize },
    /// Answers what fits the schema, the same for the same path.
    Generate,
}

impl Behaviour {
    /// Whether it changes nothing and depends on nothing but its target and the data.
    pub(crate) fn is_read(self) -> bool {
        matches!(self, Self::List { .. } | Self::Read { .. } | Self::Generate)
    }
}

/// The scheme whose tokens `operation` issues for a name and a password.
pub(crate) fn is_login<'d>(document: &'d Document, operation: &Operation) -> Option<&'d SecurityScheme> {
    let issues =
        |scheme: &&SecurityScheme| scheme.auth.acquire.as_ref().is_some_and(|by| by.operation_id == operation.id);
    document.security_schemes.iter().find(issues)
}

/// The scheme whose tokens `operation` renews.
pub(crate) fn is_refresh<'d>(document: &'d Document, operation: &Operation) -> Option<&'d SecurityScheme> {
    let renews = |scheme: &&SecurityScheme| {
        let refresh = scheme.auth.refresh.as_ref();
        refresh.is_some_and(|refresh| {
            refresh.operation_id.as_deref() == Some(&operation.id) && refresh.style != RefreshStyle::Oauth2
        })
    };
    document.security_schemes.iter().find(renews)
}

/// The scheme whose token endpoint `operation` is.
pub(crate) fn is_token<'d>(document: &'d Document, operation: &Operation) -> Option<&'d SecurityScheme> {
    endpoint_of(document, "POST", operation, |scheme| scheme.token_path)
}

/// The scheme whose authorization endpoint `operation` is.
pub(crate) fn is_authorize<'d>(document: &'d Document, operation: &Operation) -> Option<&'d SecurityScheme> {
    endpoint_of(document, "GET", operation, |scheme| scheme.authorize_path)
}

fn endpoint_of<'d>(
    document: &'d Document,
    method: &str,
    operation: &Operation,
    path: fn(Scheme) -> Option<String>,
) -> Option<&'d SecurityScheme> {
    let mut schemes = document.security_schemes.iter().filter(|_| operation.method == method);
    schemes.find(|scheme| {
        let path = path(Scheme::new(document, scheme));
        let found = path.and_then(|path| document.operation_at(method, &path));
        found.is_some_and(|found| found.id == operation.id)
    })
}

/// The schema of a request body as data.
pub(crate) fn body_schema(operation: &Operation) -> Option<&Value> {
    let content = &operation.request_body.as_ref()?.content;
    let json = content.iter().find(|(name, _)| name.contains("json")).or(content.iter().next());
    Some(&json?.1.schema.as_ref()?.value)
}

/// What `operation` does, as its document lets one see.
pub(crate) fn infer(document: &Document, collections: &[Collection], operation: &Operation) -> Behaviour {
    let place = |scheme: &SecurityScheme| document.security_schemes.iter().position(|other| other.name == scheme.name);
    let issues = is_login(document, operation).and_then(place).map(|scheme| Behaviour::Login { scheme });
    let renews = || is_refresh(document, operation).and_then(place).map(|scheme| Behaviour::Refresh { scheme });
    let grants = || is_token(document, operation).and_then(place).map(|scheme| Behaviour::Token { scheme });
    let asks = || is_authorize(document, operation).and_then(place).map(|scheme| Behaviour::Authorize { scheme });
    let ends = || is_logout(operation).then_some(Behaviour::Logout);
    if let Some(behaviour) = issues.or_else(renews).or_else(grants).or_else(asks).or_else(ends) {
        return behaviour;
    }
    match (operation.method.as_str(), target(document, collections, operation)) {
        ("GET", Target::List { collection, depth }) if crate::collection::list_of(document, operation).is_some() => {
            Behaviour::List { collection, depth }
        }
        ("POST", Target::List { collection, .. }) if collections[collection].schema.is_some() => {
            Behaviour::Create { collection }
        }
        // What comes in pages is a list, whatever its path ends with.
        ("GET", Target::Item { .. })
            if operation.pagination.is_some() && crate::collection::list_of(document, operation).is_some() =>
        {
            Behaviour::Generate
        }
        ("GET", Target::Item { collection } | Target::Single { collection }) => Behaviour::Read { collection },
        ("PATCH", Target::Item { collection } | Target::Single { collection }) => Behaviour::Update { collection },
        ("PUT", Target::Item { collection } | Target::Single { collection }) => match replaces(document, operation) {
            true => Behaviour::Replace { collection },
            false => Behaviour::Update { collection },
        },
        ("DELETE", Target::Item { collection }) => Behaviour::Delete { collection },
        // Many a vendor changes an object by a POST to it.
        ("POST", Target::Item { collection }) if answers_it(document, &collections[collection], operation) => {
            Behaviour::Update { collection }
        }
        // The object is the one that the body names.
        ("PUT", Target::List { collection, .. }) if collections[collection].is_named_in(document, operation) => {
            Behaviour::Replace { collection }
        }
        ("PATCH", Target::List { collection, .. }) if collections[collection].is_named_in(document, operation) => {
            Behaviour::Update { collection }
        }
        ("POST" | "PUT" | "PATCH", Target::Other) => acted_on(document, collections, operation),
        _ => Behaviour::Generate,
    }
}

impl Behaviour {
    /// The collection whose objects it makes or changes by what a client sends.
    pub(crate) fn changes(self) -> Option<usize> {
        match self {
            Self::Create { collection } | Self::Update { collection } | Self::Replace { collection } => {
                Some(collection)
            }
            _ => None,
        }
    }
}

/// `POST /things/{id}/verb` does something with the thing, if it answers one.
fn acted_on(document: &Document, collections: &[Collection], operation: &Operation) -> Behaviour {
    let path = trimmed(&operation.path).rsplit_once('/').map_or("", |(before, _)| before);
    let item =
        |collection: &Collection| collection.item.as_ref().map(|(name, _)| format!("{}/{{{name}}}", collection.path));
    let found = collections.iter().position(|collection| item(collection).as_deref() == Some(path));
    let answers = |collection: &usize| answers_it(document, &collections[*collection], operation);
    found.filter(answers).map_or(Behaviour::Generate, |collection| Behaviour::Act { collection })
}

/// Whether an operation answers an object of the collection, be it with something around it.
fn answers_it(document: &Document, collection: &Collection, operation: &Operation) -> bool {
    let (Some(answered), Some(own)) = (crate::collection::answer(operation), &collection.schema) else { return false };
    let bare = unwrapped(document, &collection.name, answered).map(|(_, inner)| inner);
    document.resolve(bare.as_ref().unwrap_or(answered)) == document.resolve(own)
}

/// One request on its way through the operation that it is for.
pub(crate) struct Desk<'a> {
    pub(crate) core: &'a Core,
    pub(crate) plan: &'a OperationPlan,
    pub(crate) request: &'a Request,
    pub(crate) principal: Option<&'a Principal>,
    /// The path parameters without their percent-encoding.
    pub(crate) path: &'a [(String, String)],
    pub(crate) given: &'a Given,
    pub(crate) now: DateTime<Utc>,
}

impl Desk<'_> {
    /// Does what the operation does.
    pub(crate) fn perform(&self) -> Answer {
        if let Some(answer) = self.missing_parent() {
            return answer;
        }
        self.settle();
        match self.plan.behaviour {
            Behaviour::Login { scheme } => self.login(&self.core.plan.schemes[scheme]),
            Behaviour::Refresh { scheme } => self.refresh(&self.core.plan.schemes[scheme]),
            Behaviour::Token { scheme } => self.token(&self.core.plan.schemes[scheme]),
            Behaviour::Authorize { scheme } => self.authorize(&self.core.plan.schemes[scheme]),
            Behaviour::Logout => self.logout(),
            Behaviour::List { collection, depth } => self.list(collection, depth),
            Behaviour::Create { collection } => self.create(collection),
            Behaviour::Read { collection } => self.asked_part(self.read(collection)),
            Behaviour::Act { collection } => self.act(collection),
            Behaviour::Update { collection } => self.change(collection, false),
            Behaviour::Replace { collection } => self.change(collection, true),
            Behaviour::Delete { collection } => self.delete(collection),
            Behaviour::Generate => self.generate(),
        }
    }

    fn parameter(&self, name: &str) -> &str {
        self.path.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    /// The organization that the request concerns; empty where there is none.
    fn organization(&self) -> String {
        if let Some(stated) = self.stated_organization() {
            return stated;
        }
        match crate::collection::tenant_parameter(&self.plan.operation) {
            Some(name) => self.parameter(name).to_owned(),
            None => self.principal.map(|principal| principal.organization.clone()).unwrap_or_default(),
        }
    }

    /// The organization that a query parameter names, which nobody should listen to (defect M37).
    fn stated_organization(&self) -> Option<String> {
        const NAMES: [&str; 6] = ["organization", "organization_id", "org", "org_id", "org_slug", "tenant"];
        if !self.core.flaws.has(Flaw::M37) || !matches!(self.plan.behaviour, Behaviour::List { .. }) {
            return None;
        }
        let mut pairs = form_urlencoded::parse(self.request.query().as_bytes());
        let (_, stated) = pairs.find(|(name, _)| NAMES.contains(&name.as_ref()))?;
        let is_known = |stated: &String| self.core.population.organizations.iter().any(|known| known.slug == *stated);
        Some(stated.into_owned()).filter(is_known)
    }

    /// Where the objects of a collection lie for this request, under its first `depth` parents.
    fn scope(&self, collection: &Collection, depth: usize) -> Scope {
        let organization = if collection.is_shared { String::new() } else { self.organization() };
        let parents = collection.parents.iter().take(depth).map(|(name, _)| self.parameter(name).to_owned());
        std::iter::once(organization).chain(parents).collect()
    }

    /// 404 where something on the way to the object does not exist.
    fn missing_parent(&self) -> Option<Answer> {
        let world = self.core.world();
        for (name, index) in &self.plan.parents {
            let collection = &self.core.plan.collections[*index];
            if collection.is_hidden {
                continue;
            }
            let scope = self.scope(collection, collection.parents.len());
            if world.data.find(*index, &scope, self.parameter(name)).is_none() {
                return Some(self.not_found());
            }
        }
        None
    }

    fn not_found(&self) -> Answer {
        self.plan.refusals.answer(404, None, None).because("not-found")
    }

    /// The documented success, with `body` where it has one.
    fn success(&self, body: Value) -> Answer {
        let success = &self.plan.success;
        match &success.media {
            Some(media) => Answer { media: media.clone(), ..Answer::json(success.status, body) },
            None => Answer::empty(success.status),
        }
    }

    /// `value` as the answer of this operation shows it.
    fn shown(&self, collection: &Collection, value: &Value) -> Value {
        match &self.plan.success.schema {
            Some(schema) if Some(schema) != collection.schema.as_ref() => self.shown_as(schema, collection, value),
            _ => value.clone(),
        }
    }

    /// `value` by another schema than its own: within something else, alone in a list, or with other properties.
    fn shown_as(&self, schema: &Value, collection: &Collection, value: &Value) -> Value {
        let document = &self.core.plan.document;
        if let Some(name) = collection.wrapper(document, schema) {
            let mut whole = Fake::new(document, self.core.seed).required(schema);
            whole.insert(name, value.clone());
            return Value::Object(whole);
        }
        let flat = flatten(document, schema);
        match flat.get("type").and_then(Value::as_str) {
            Some("array") => {
                let items = flat.get("items").unwrap_or(&Value::Bool(true));
                Value::Array(vec![self.shown_by(items, collection, value)])
            }
            Some("object") | None => match unwrapped(document, &collection.name, schema) {
                Some((name, inner)) if collection.property(&name).is_none() => {
                    let mut whole = Fake::new(document, self.core.seed).required(schema);
                    whole.insert(name, self.shown_by(&inner, collection, value));
                    Value::Object(whole)
                }
                _ => self.shown_by(schema, collection, value),
            },
            // It is no object at all: what it is follows from the schema alone.
            Some(_) => Fake::new(document, self.core.seed).value("", schema),
        }
    }

    /// `value` as `schema` shows it; what is made up follows from the object.
    fn shown_by(&self, schema: &Value, collection: &Collection, value: &Value) -> Value {
        let id = collection.key.as_ref().and_then(|key| value.get(key)).map(crate::object::id_text).unwrap_or_default();
        crate::object::shown(&self.core.plan.document, schema, value, seed_of(self.core.seed, &[&collection.path, &id]))
    }
}

/// Where the schemes of an operation stand among those of the plan.
pub(crate) fn schemes_of<'p>(plan: &'p [Scheme], operation: &OperationPlan) -> Vec<&'p scheme::Scheme> {
    let mut indices: Vec<usize> = operation.security.iter().flatten().map(|(scheme, _)| *scheme).collect();
    indices.sort_unstable();
    indices.dedup();
    indices.into_iter().filter_map(|index| plan.get(index)).collect()
}
