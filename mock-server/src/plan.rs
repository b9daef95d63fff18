//! A document made ready to be served: everything that can be decided before the first request is decided here.

use std::ops::Deref;
use std::sync::Arc;
use std::{panic, thread};

use bitting_spec::extension::RateLimit;
use bitting_spec::{Document, Operation, Response, Status};
use http::{HeaderName, HeaderValue};
use serde_json::Value;

use crate::StartError;
use crate::authenticate::Security;
use crate::behaviour::{self, Act, Behaviour};
use crate::collection::{self, Collection, Target};
use crate::core::once;
use crate::fake::{Fake, example, flatten};
use crate::journal::mask::Secrets;
use crate::rate::StandingHeaders;
use crate::refuse::{Refusals, sent};
use crate::route::Routes;
use crate::scheme::Scheme;
use crate::validate::{Answers, Inputs, Rule, Rules};

/// A document made ready to be served.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) document: Arc<Document>,
    pub(crate) routes: Routes,
    pub(crate) operations: Vec<OperationPlan>,
    pub(crate) schemes: Vec<Scheme>,
    pub(crate) collections: Vec<Collection>,
    /// A requirement of just some credential, for public operations (defect M20).
    pub(crate) any_credential: Security,
    /// Who the tokens are for (`aud`).
    pub(crate) audience: String,
    /// What of its requests and answers nobody may see.
    pub(crate) secrets: Secrets,
}

/// An operation made ready to be served.
#[derive(Debug)]
pub(crate) struct OperationPlan {
    pub(crate) operation: Described,
    pub(crate) security: Security,
    pub(crate) inputs: Inputs,
    /// Whether its answers can be kept while the data stay the same.
    pub(crate) is_kept: bool,
    pub(crate) answers: Answers,
    pub(crate) behaviour: Behaviour,
    /// What it does to an object, where it acts on one.
    pub(crate) act: Act,
    /// What an object must be that it makes or changes.
    pub(crate) object: Option<Arc<Rule>>,
    /// What must exist on the way: a path parameter, and the collection that it chooses from.
    pub(crate) parents: Vec<(String, usize)>,
    pub(crate) refusals: Refusals,
    pub(crate) success: Success,
    /// Where the items stand in its answer, and their schema.
    pub(crate) list: Option<(String, Value)>,
    pub(crate) rate_limit: Option<RateLimit>,
    /// The headers that tell callers how they stand.
    pub(crate) standing: Option<StandingHeaders>,
    /// The path parameter that names the organization.
    pub(crate) tenant: Option<String>,
    /// The header by which a repeated request is known.
    pub(crate) repeats_by: Option<HeaderName>,
    /// Whether the document wants another organization hidden (404) rather than forbidden (403).
    pub(crate) hides: bool,
    /// The status of a request that is not valid.
    pub(crate) invalid: u16,
}

/// An operation as its document has it, which is not copied for it.
#[derive(Debug)]
pub(crate) struct Described {
    document: Arc<Document>,
    index: usize,
}

impl Deref for Described {
    type Target = Operation;

    fn deref(&self) -> &Operation {
        &self.document.operations[self.index]
    }
}

/// The documented success of an operation.
#[derive(Debug, Default)]
pub(crate) struct Success {
    pub(crate) status: u16,
    pub(crate) media: Option<String>,
    pub(crate) schema: Option<Value>,
    pub(crate) example: Option<Value>,
    /// Headers that it must have, with a value that fits.
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
}

impl Plan {
    /// Makes `document` ready, and does what needs nothing but the document and its collections at the same time, where
    /// there is a thread for it.
    ///
    /// # Errors
    /// A schema or a path that nothing can be made of, with its place in the document.
    pub(crate) fn beside<T: Send>(
        document: Document,
        work: impl Fn(&Arc<Document>, &[Collection]) -> T + Sync,
    ) -> Result<(Self, T), StartError> {
        let document = Arc::new(document);
        let collections = collection::infer(&document);
        let worked = || work(&document, &collections);
        let (plan, done) = thread::scope(|scope| {
            let beside = thread::Builder::new().spawn_scoped(scope, worked);
            let plan = Self::new(Arc::clone(&document), &collections);
            let done = match beside.map(thread::ScopedJoinHandle::join) {
                Ok(done) => done.unwrap_or_else(|panic| panic::resume_unwind(panic)),
                Err(_) => worked(),
            };
            (plan, done)
        });
        Ok((Self { collections, ..plan? }, done))
    }

    /// All but the collections, which the caller has.
    fn new(document: Arc<Document>, collections: &[Collection]) -> Result<Self, StartError> {
        let schemes: Vec<Scheme> = document.security_schemes.iter().map(|each| Scheme::new(&document, each)).collect();
        let mut rules = Rules::new(&document);
        let mut operations = Vec::with_capacity(document.operations.len());
        for (index, operation) in document.operations.iter().enumerate() {
            let behaviour = behaviour::infer(&document, collections, operation);
            let inputs = rules.inputs(operation)?;
            operations.push(OperationPlan {
                security: security(operation, &schemes),
                is_kept: operation.method == "GET" && inputs.are_in_target() && behaviour.is_read(),
                inputs,
                answers: rules.answers(operation)?,
                act: match behaviour {
                    Behaviour::Act { collection } => Act::new(&document, &collections[collection], operation),
                    _ => Act::default(),
                },
                behaviour,
                object: match behaviour.changes().and_then(|collection| collections[collection].schema.as_ref()) {
                    Some(schema) => Some(rules.data(schema)?),
                    None => None,
                },
                parents: parents(&document, collections, operation),
                refusals: Refusals::new(&document, operation),
                success: Success::new(&document, operation),
                list: collection::list_of(&document, operation).or_else(|| collection::only_list(&document, operation)),
                standing: rate_limit(&document, operation).and_then(|limit| StandingHeaders::new(&limit.headers?)),
                rate_limit: rate_limit(&document, operation),
                tenant: collection::tenant_parameter(operation).map(str::to_owned),
                repeats_by: once::header(&document, operation),
                hides: hides(&document, operation),
                invalid: invalid(operation),
                operation: Described { document: Arc::clone(&document), index },
            });
        }
        let secrets = Secrets::of(&document, &schemes);
        Ok(Self {
            routes: Routes::new(&document)?,
            any_credential: vec![(0..schemes.len().min(1)).map(|index| (index, Vec::new())).collect()],
            audience: document.api_name(),
            secrets,
            operations,
            schemes,
            collections: Vec::new(),
            document,
        })
    }
}

fn security(operation: &Operation, schemes: &[Scheme]) -> Security {
    let index = |name: &str| schemes.iter().position(|scheme| scheme.name == name);
    let alternatives = operation
        .security
        .iter()
        .map(|needs| needs.iter().filter_map(|(name, scopes)| Some((index(name)?, scopes.clone()))).collect());
    alternatives.collect()
}

fn parents(document: &Document, collections: &[Collection], operation: &Operation) -> Vec<(String, usize)> {
    let own = match collection::target(document, collections, operation) {
        Target::Item { collection } => Some(collection),
        _ => None,
    };
    let steps = collection::steps(operation).into_iter().filter(|(_, _, is_tenant)| !is_tenant);
    let place = |path: &str| collections.iter().position(|collection| collection.path == path);
    let parents = steps.filter_map(|(path, name, _)| Some((name, place(&path)?)));
    parents.filter(|(_, collection)| Some(*collection) != own).collect()
}

/// The operation's own limit over the document's: what it does not state itself it inherits.
fn rate_limit(document: &Document, operation: &Operation) -> Option<RateLimit> {
    let (Some(own), Some(shared)) = (&operation.rate_limit, &document.rate_limit) else {
        return operation.rate_limit.clone().or_else(|| document.rate_limit.clone());
    };
    Some(RateLimit {
        key: if own.key.is_empty() { shared.key.clone() } else { own.key.clone() },
        limit: own.limit.or(shared.limit),
        window: own.window.or(shared.window),
        class: own.class.clone().or_else(|| shared.class.clone()),
        headers: own.headers.clone().or_else(|| shared.headers.clone()),
        exceeded: own.exceeded.clone().or_else(|| shared.exceeded.clone()),
    })
}

/// Whether `x-auth.tenant_isolation` of a scheme of the operation allows 404, and not 403, for a foreign token.
fn hides(document: &Document, operation: &Operation) -> bool {
    let schemes = operation.security.iter().flatten().filter_map(|(name, _)| document.scheme(name));
    let mut stated = schemes.filter_map(|scheme| scheme.auth.tenant_isolation.as_ref());
    stated.any(|rule| rule.foreign_token.contains(&404) && !rule.foreign_token.contains(&403))
}

/// 422 or 400, whichever the document has.
fn invalid(operation: &Operation) -> u16 {
    let has = |status| operation.responses.iter().any(|response| response.status == Status::Code(status));
    if !has(422) && has(400) { 400 } else { 422 }
}

impl Success {
    fn new(document: &Document, operation: &Operation) -> Self {
        let exact = |response: &&Response| matches!(response.status, Status::Code(_));
        let response = operation.successes().find(exact).or_else(|| operation.successes().next());
        let redirect =
            || operation.responses.iter().find(|r| matches!(r.status, Status::Code(300..=399) | Status::Range(3)));
        let default = || operation.responses.iter().find(|response| response.status == Status::Default);
        let Some(response) = response.or_else(redirect).or_else(default) else {
            return Self { status: if operation.method == "DELETE" { 204 } else { 200 }, ..Self::default() };
        };
        let status = match response.status {
            Status::Code(status) => status,
            Status::Range(3) => 302,
            _ if operation.method == "POST" => 201,
            _ => 200,
        };
        let content =
            response.content.iter().find(|(name, _)| name.contains("json")).or(response.content.iter().next());
        let schema = content.and_then(|(_, media)| media.schema.as_ref()).map(|schema| schema.value.clone());
        let own = content.and_then(|(_, media)| media.examples.first()).map(|example| example.value.clone());
        let flat = schema.as_ref().map(|schema| flatten(document, schema)).unwrap_or_default();
        Self {
            status,
            media: content.map(|(name, _)| sent(name)),
            example: own.or_else(|| example(&flat).map(|example| example.into_owned())),
            schema,
            headers: headers(document, response),
        }
    }
}

fn headers(document: &Document, response: &Response) -> Vec<(HeaderName, HeaderValue)> {
    let required = response.headers.iter().filter(|(_, header)| header.required);
    // What no header can be, nobody can send.
    let values = required.filter_map(|(name, header)| {
        let schema = header.schema.as_ref().map_or(Value::Bool(true), |schema| schema.value.clone());
        let value = crate::object::id_text(&Fake::new(document, 0).value(name, &schema));
        Some((HeaderName::from_bytes(name.as_bytes()).ok()?, HeaderValue::from_str(&value).ok()?))
    });
    values.collect()
}
