//! Reach: how the suite gets a success from an operation before it judges it, with objects that it makes itself.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use bitting_spec::infer::is_wrapper;
use bitting_spec::table::Location;
use bitting_spec::{Document, Operation, Parameter, template_names};
use serde_json::Value;
use tokio::sync::OnceCell;

use super::grant::{grant_case, granting};
use super::keep::Leavings;
use super::reference::{References, referring};
use super::renewal::renewing;
use super::{Context, Stop};
use crate::credentials::Role;
use crate::finding::place;
use crate::generate::{Case, runner};
use crate::http::{Answer, Exchange};

/// A case that succeeded, or why there is none.
type Reached = Arc<OnceCell<Result<Case, String>>>;
/// The id of an object, or why there is none.
type Found = Arc<OnceCell<Result<Value, String>>>;

/// How many new objects are tried on an operation that takes each only once.
const MAX_NEW: u32 = 12;

/// What an operation's members may name, found once.
type Named = Arc<OnceCell<References>>;

/// What was reached and made so far.
#[derive(Debug, Default)]
pub(super) struct Stage {
    reached: Mutex<HashMap<(String, Role), Reached>>,
    /// What an operation answered to the valid principal in place of a success.
    refused: Mutex<HashMap<String, String>>,
    /// What operations that were never reached answered last, if it was an error of the server.
    broken: Mutex<HashMap<String, Exchange>>,
    objects: Mutex<HashMap<(String, Role), Found>>,
    pub(super) leavings: Leavings,
    pub(super) references: Mutex<HashMap<(String, Role), Named>>,
    /// What is done to each new object before an operation, by its id.
    before: Mutex<HashMap<String, Vec<String>>>,
    /// What takes each object only once, with how many new ones were thought up for it.
    picky: Mutex<HashMap<String, u32>>,
}

impl Context<'_> {
    /// A case that the operation answers with a success for this principal. An operation that uses its object up gets a
    /// new object each time.
    pub(crate) async fn positive(&self, operation: &Operation, role: Role) -> Result<Case, Stop> {
        let case = self.reached(operation, role).await?;
        if let Some((scheme, refresh)) = renewing(self.document, operation) {
            return self.renewal_case(&case, scheme, refresh, role).await;
        }
        if operation.method == "POST" && self.is_picky(operation) {
            let case = self.another(operation, &case, role).await;
            return Ok(if self.is_done_once(operation) {
                case.about(&self.arguments(operation, role, true).await?)
            } else {
                case
            });
        }
        if operation.method != "DELETE" {
            return Ok(case);
        }
        Ok(case.about(&self.arguments(operation, role, true).await?))
    }

    /// The case that the operation has answered with a success, object and refresh token included.
    pub(crate) async fn reached(&self, operation: &Operation, role: Role) -> Result<Case, Stop> {
        let cell = {
            let mut reached = self.stage.reached.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(reached.entry((operation.id.clone(), role)).or_default())
        };
        let reached = cell.get_or_init(|| async { self.reach(operation, role).await.map_err(Stop::reason) }).await;
        reached.clone().map_err(Stop::Skip)
    }

    /// Whether the operation was seen to succeed for the valid principal.
    pub(super) fn was_reached(&self, operation: &Operation) -> bool {
        let reached = self.stage.reached.lock().unwrap_or_else(PoisonError::into_inner);
        let cell = reached.get(&(operation.id.clone(), Role::Valid));
        cell.and_then(|cell| cell.get()).is_some_and(Result::is_ok)
    }

    /// What the operation answered to the valid principal in place of a success, if it was asked and never gave one.
    pub(super) fn refused(&self, operation: &Operation) -> Option<String> {
        self.stage.refused.lock().unwrap_or_else(PoisonError::into_inner).get(&operation.id).cloned()
    }

    /// The error of the server that was the answer to the last valid request of an operation that was never reached.
    pub(crate) fn broke(&self, operation: &Operation) -> Option<Exchange> {
        self.stage.broken.lock().unwrap_or_else(PoisonError::into_inner).get(&operation.id).cloned()
    }

    async fn reach(&self, operation: &Operation, role: Role) -> Result<Case, Stop> {
        // What an action is done to may be good for nothing else, such as a cancelled order.
        let is_fresh = operation.method == "DELETE" || self.is_mere_action(operation);
        let arguments = self.arguments(operation, role, is_fresh).await?;
        self.remember(operation, &arguments, role).await?;
        let references = self.references(operation, role).await;
        let shape = self.shape(operation);
        let (mut last, mut broke) = (None, None);
        for candidate in self.candidates(operation, role)? {
            let mut case = referring(candidate.about(&arguments), &references, &shape);
            if let Some((scheme, refresh)) = renewing(self.document, operation) {
                case = self.renewal_case(&case, scheme, refresh, role).await?;
            }
            let exchange = self.call(operation, &case, role).await?;
            if exchange.answer.is_success() {
                self.learn_pickiness(operation, &case, role).await?;
                return Ok(case);
            }
            last = last.or_else(|| Some(exchange.answer.clone()));
            broke = Some(exchange).filter(|exchange| exchange.answer.status >= 500);
        }
        let is_stuck = |answer: &Answer| matches!(answer.status, 400 | 403 | 404 | 409 | 410 | 412 | 422);
        if self.is_mere_action(operation)
            && last.as_ref().is_some_and(is_stuck)
            && let Some(case) = self.unlocked(operation, role).await?
        {
            self.learn_pickiness(operation, &case, role).await?;
            return Ok(case);
        }
        let answer = last.map_or_else(|| "no request could be made for it".to_owned(), |answer| self.said(&answer));
        let reason = format!("{} was not reached as `{role}`: {answer}", place(operation));
        if role == Role::Valid {
            let mut refused = self.stage.refused.lock().unwrap_or_else(PoisonError::into_inner);
            refused.insert(operation.id.clone(), reason.clone());
            let mut broken = self.stage.broken.lock().unwrap_or_else(PoisonError::into_inner);
            broken.extend(broke.map(|exchange| (operation.id.clone(), exchange)));
        }
        Err(Stop::Skip(reason))
    }

    /// What an operation says that was not reached, in few words.
    fn said(&self, answer: &Answer) -> String {
        format!("it answered {} to a valid request: {}", answer.status, self.vault.excerpt(answer, 160))
    }

    /// The case that is likeliest to succeed, not tried yet.
    pub(crate) async fn likeliest(&self, operation: &Operation, role: Role) -> Result<Case, Stop> {
        let arguments = self.arguments(operation, role, operation.method == "DELETE").await?;
        self.likeliest_about(operation, &arguments, role).await
    }

    /// The same about the object of `about`.
    pub(super) async fn likeliest_about(&self, operation: &Operation, about: &Case, role: Role) -> Result<Case, Stop> {
        let case = self.candidates(operation, role)?.into_iter().next().unwrap_or_default();
        Ok(self.completed(operation, case.about(about), role).await)
    }

    /// The case with objects that there are in the members that name others.
    pub(super) async fn completed(&self, operation: &Operation, case: Case, role: Role) -> Case {
        let references = self.references(operation, role).await;
        referring(case, &references, &self.shape(operation))
    }

    /// What is done to each new object before the operation.
    pub(super) fn prepared_by(&self, operation: &Operation) -> Vec<String> {
        let before = self.stage.before.lock().unwrap_or_else(PoisonError::into_inner);
        before.get(&operation.id).cloned().unwrap_or_default()
    }

    /// From now on `steps` are.
    pub(super) fn prepare_by(&self, operation: &Operation, steps: &[String]) {
        let mut before = self.stage.before.lock().unwrap_or_else(PoisonError::into_inner);
        before.insert(operation.id.clone(), steps.to_vec());
    }

    /// The least call of an operation that reads, about the object of `about`.
    pub(crate) fn reading(&self, read: &Operation, about: &Case) -> Case {
        self.shape(read).minimal(self, read).about(about)
    }

    /// Cases to try, the likeliest first.
    pub(super) fn candidates(&self, operation: &Operation, role: Role) -> Result<Vec<Case>, Stop> {
        if let Some((scheme, scopes)) = granting(self.document, operation) {
            let client = self.credentials.principal(role).and_then(|principal| principal.client.as_ref());
            let client = client.ok_or_else(|| {
                Stop::Skip(format!("a token endpoint needs a client: give `client` for [credentials.{role}]"))
            })?;
            return Ok(vec![grant_case(scheme, client, &scopes)]);
        }
        let acquire = self.document.security_schemes.iter().filter_map(|scheme| scheme.auth.acquire.as_ref());
        let Some(acquire) = acquire.into_iter().find(|acquire| acquire.operation_id == operation.id) else {
            return Ok(self.shape(operation).candidates(self, operation));
        };
        let login = self.credentials.principal(role).and_then(|principal| principal.login.as_ref());
        let login = login.ok_or_else(|| {
            Stop::Skip(format!("a login needs a name and a password: give `login` for [credentials.{role}]"))
        })?;
        Ok(vec![self.login_case(operation, acquire, login)])
    }

    /// The path arguments of a call: the principal's parameters, objects that are made for it, or what a list shows.
    /// With `fresh` the last one is an object that nothing else uses.
    pub(crate) async fn arguments(&self, operation: &Operation, role: Role, fresh: bool) -> Result<Case, Stop> {
        let names = template_names(&operation.path);
        let mut case = Case::default();
        for (index, name) in names.iter().enumerate() {
            let stands_last = operation.trimmed_path().ends_with('}') || self.is_action(operation);
            let fresh = fresh && index + 1 == names.len() && stands_last;
            let value = self.argument(operation, name, role, fresh).await?;
            case.set(name, Location::Path, value);
        }
        if fresh {
            Box::pin(self.prepare(operation, &case, role)).await?;
        }
        Ok(case)
    }

    async fn argument(&self, operation: &Operation, name: &str, role: Role, fresh: bool) -> Result<Value, Stop> {
        let prefix = operation.path.split(&format!("{{{name}}}")).next().unwrap_or_default();
        let creator = self.document.creator(prefix);
        let given = self.given(operation, name, role);
        // A choice among few, such as a format, is no object.
        let choice = path_parameter(operation, name).and_then(|one| first_choice(self.document, one));
        match (given, creator) {
            (Some(given), _) if !fresh || self.options.data.own(&operation.id, name).is_some() => Ok(given),
            (_, None) if choice.is_some() => Ok(choice.unwrap_or_default()),
            (_, Some(creator)) if fresh => Box::pin(self.new_object(creator, name, role)).await,
            (_, Some(creator)) => self.shared_object(creator, name, role).await,
            _ if fresh && operation.method == "DELETE" => {
                Err(Stop::Skip(format!("{} deletes, and nothing in the document makes its object", place(operation))))
            }
            _ => match Box::pin(self.linked(operation, name, role)).await? {
                Some(value) => Ok(value),
                None => Box::pin(self.found_object(operation, prefix, name, role)).await,
            },
        }
    }

    /// One object for all that only look at it or change it.
    async fn shared_object(&self, creator: &Operation, name: &str, role: Role) -> Result<Value, Stop> {
        let cell = {
            let mut objects = self.stage.objects.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(objects.entry((creator.id.clone(), role)).or_default())
        };
        let make = || async { Box::pin(self.new_object(creator, name, role)).await.map_err(Stop::reason) };
        cell.get_or_init(make).await.clone().map_err(Stop::Skip)
    }

    async fn new_object(&self, creator: &Operation, name: &str, role: Role) -> Result<Value, Stop> {
        let (_, exchange) = self.create(creator, role).await?;
        identity(&exchange.answer, name).ok_or_else(|| {
            Stop::Skip(format!("the answer of {} does not tell the `{name}` of what it made", place(creator)))
        })
    }

    /// Makes an object: with the body that was seen to work, or, where a server takes each only once, with new ones.
    pub(crate) async fn create(&self, creator: &Operation, role: Role) -> Result<(Case, Exchange), Stop> {
        let base = self.positive(creator, role).await?;
        let mut last = None;
        if !self.is_picky(creator) {
            let exchange = self.call(creator, &base, role).await?;
            if exchange.answer.is_success() {
                return Ok((base, exchange));
            }
            last = Some(exchange.answer);
        }
        for _ in 0..MAX_NEW {
            let case = self.another(creator, &base, role).await;
            let exchange = self.call(creator, &case, role).await?;
            if exchange.answer.is_success() {
                return Ok((case, exchange));
            }
            last = last.or(Some(exchange.answer));
        }
        let answer = last.map(|answer| self.said(&answer)).unwrap_or_default();
        Err(Stop::Skip(format!("{} made nothing more: {answer}", place(creator))))
    }

    /// Sends what a POST has taken once more: whether it takes each body, or is done to each object, only once.
    async fn learn_pickiness(&self, operation: &Operation, case: &Case, role: Role) -> Result<(), Stop> {
        let makes = item_operation(self, operation, "GET").is_some();
        if operation.method != "POST" || self.is_picky(operation) || !(makes || self.is_action(operation)) {
            return Ok(());
        }
        if (400..500).contains(&self.call(operation, case, role).await?.answer.status) {
            self.next_new(operation);
        }
        Ok(())
    }

    /// Whether an action was seen to be done to each object only once.
    pub(super) fn is_done_once(&self, operation: &Operation) -> bool {
        self.is_picky(operation) && self.is_action(operation) && item_operation(self, operation, "GET").is_none()
    }

    /// Whether it is an action that makes nothing below its object.
    fn is_mere_action(&self, operation: &Operation) -> bool {
        let makes = self.document.reader(&operation.path).is_some() || item_operation(self, operation, "GET").is_some();
        self.is_action(operation) && !makes
    }

    /// Whether a POST is done to an object that can be read, such as `/devices/{id}/restart`.
    fn is_action(&self, operation: &Operation) -> bool {
        let object = operation.trimmed_path().rsplit_once('/').map(|(object, _)| object);
        let object = object.filter(|object| operation.method == "POST" && object.ends_with('}'));
        object.is_some_and(|object| self.document.reader(object).is_some())
    }

    /// A case that may be sent once more: with a new body, where each is taken only once.
    pub(crate) async fn renewed(&self, creator: &Operation, base: &Case, role: Role) -> Case {
        if self.is_picky(creator) { self.another(creator, base, role).await } else { base.clone() }
    }

    /// A case about the same place with a body that was not sent yet.
    async fn another(&self, creator: &Operation, base: &Case, role: Role) -> Case {
        let (shape, references) = (self.shape(creator), self.references(creator, role).await);
        let index = self.next_new(creator);
        let mut chance = runner(self.options.seed, &creator.id, "new", index);
        let case = shape.valid(self, creator, base, index.saturating_add(2), &mut chance);
        referring(case, &references, &shape)
    }

    /// Whether the operation was seen to refuse what it had taken before.
    fn is_picky(&self, creator: &Operation) -> bool {
        self.stage.picky.lock().unwrap_or_else(PoisonError::into_inner).contains_key(&creator.id)
    }

    /// The number of the next new object for an operation that takes each only once.
    fn next_new(&self, creator: &Operation) -> u32 {
        let mut picky = self.stage.picky.lock().unwrap_or_else(PoisonError::into_inner);
        let count = picky.entry(creator.id.clone()).or_default();
        *count = count.saturating_add(1);
        *count
    }

    /// An object that a list shows. The suite did not make it, so on a server that is not there to be tested it is
    /// good for reading only.
    async fn found_object(&self, operation: &Operation, prefix: &str, name: &str, role: Role) -> Result<Value, Stop> {
        let unknown = || {
            Stop::Skip(format!(
                "nothing tells a value of `{name}` for {}: give it under `parameters` of [credentials.{role}]",
                place(operation)
            ))
        };
        // A server that somebody makes credentials for to order is there to be tested: what it lists may be changed.
        let changeable = self.credentials.provisioner().is_some();
        if !matches!(operation.method.as_str(), "GET" | "HEAD") && !changeable {
            return Err(unknown());
        }
        let Some(lister) = self.document.reader(prefix) else {
            return self.told(operation, name, changeable).ok_or_else(unknown);
        };
        let case = self.positive(lister, role).await?;
        let exchange = self.call(lister, &case, role).await?;
        let items = listed_items(lister, &exchange.answer).ok_or_else(unknown)?;
        items.first().and_then(|item| identity_in(item, name)).ok_or_else(|| {
            Stop::Skip(format!("{} lists nothing that {} could be called for", place(lister), place(operation)))
        })
    }

    /// A value of a path parameter that nothing makes or lists: the document's example, or, on a server that is there to
    /// be tested, any that is valid.
    fn told(&self, operation: &Operation, name: &str, any: bool) -> Option<Value> {
        let parameter = path_parameter(operation, name)?;
        let schema = self.document.resolve(&parameter.schema.value);
        let listed = schema.get("examples").and_then(|examples| examples.get(0));
        let example = parameter.example.as_ref().or(listed).or(schema.get("default"));
        let sample = || self.shape(operation).sample(operation, name, self.options.seed).filter(|_| any);
        example.cloned().or_else(sample)
    }
}

fn path_parameter<'o>(operation: &'o Operation, name: &str) -> Option<&'o Parameter> {
    operation.parameters.iter().find(|one| one.location == Location::Path && one.name == name)
}

/// The first of the few values that a parameter can have.
fn first_choice(document: &Document, parameter: &Parameter) -> Option<Value> {
    let schema = document.resolve(&parameter.schema.value);
    schema.get("const").or_else(|| schema.get("enum")?.get(0)).filter(|choice| !choice.is_null()).cloned()
}

/// Whether two paths are the same but for a slash at the end.
pub(super) fn same_path(left: &str, right: &str) -> bool {
    left.trim_end_matches('/') == right.trim_end_matches('/')
}

/// The operation of `method` on the items of a collection, with the name of the parameter that tells them apart.
pub(crate) fn item_operation<'a>(
    context: &Context<'a>,
    collection: &Operation,
    method: &str,
) -> Option<(&'a Operation, &'a str)> {
    items(context.document, collection, method)
}

/// The same, as far as the document tells.
pub(crate) fn items<'a>(
    document: &'a Document,
    collection: &Operation,
    method: &str,
) -> Option<(&'a Operation, &'a str)> {
    document.operations.iter().filter(|other| other.method == method).find_map(|other| {
        let (prefix, last) = other.trimmed_path().rsplit_once('/')?;
        let name = last.strip_prefix('{')?.strip_suffix('}')?;
        same_path(prefix, &collection.path).then_some((other, name))
    })
}

/// The values of a path's parameters in a path that was made from its template.
/// Whether a path is one of those that a template stands for.
pub(crate) fn is_path_of(template: &str, path: &str) -> bool {
    path_arguments(template, path).is_some()
}

pub(super) fn path_arguments(template: &str, path: &str) -> Option<Case> {
    let mut case = Case::default();
    let (template, path) = match (template.strip_suffix(".json"), path.strip_suffix(".json")) {
        (Some(template), Some(path)) => (template, path),
        _ => (template, path),
    };
    let (names, values): (Vec<&str>, Vec<&str>) = (template.split('/').collect(), path.split('/').collect());
    if names.len() != values.len() {
        return None;
    }
    for (name, value) in names.into_iter().zip(values) {
        match name.strip_prefix('{').and_then(|name| name.strip_suffix('}')) {
            Some(name) => {
                let value = percent_encoding::percent_decode_str(value).decode_utf8().ok()?;
                case.set(name, Location::Path, Value::from(value.as_ref()));
            }
            None if name == value => {}
            None => return None,
        }
    }
    Some(case)
}

/// What tells an object apart, from the answer that it was made with: a member of the body, or the end of `Location`.
pub(crate) fn identity(answer: &Answer, name: &str) -> Option<Value> {
    let body = answer.parsed();
    let guess = || {
        let body = body?;
        identity_in(body, name).or_else(|| identity_in(held(body)?, name))
    };
    certain_identity(answer, name).or_else(guess)
}

/// The same, only where the answer leaves no doubt: the member that the parameter names, or the end of `Location`.
pub(crate) fn certain_identity(answer: &Answer, name: &str) -> Option<Value> {
    let body = answer.parsed();
    let named = body.and_then(|body| named_in(body, name).or_else(|| named_in(held(body)?, name)));
    named.map(|(_, id)| id).or_else(|| {
        let location = answer.header("location")?;
        let path = location.split(['?', '#']).next().unwrap_or_default();
        let last = path.trim_end_matches('/').rsplit('/').next().filter(|last| !last.is_empty())?;
        // In a path it is percent-encoded (RFC 3986, 3.3), and will be again.
        percent_encoding::percent_decode_str(last).decode_utf8().ok().map(|id| Value::from(id.into_owned()))
    })
}

/// The object in an answer that has it in a member of its own: `data`, or whatever stands there alone.
pub(crate) fn held(body: &Value) -> Option<&Value> {
    let members = body.as_object()?;
    let only = || members.values().next().filter(|value| members.len() == 1 && value.is_object());
    members.get("data").or_else(only)
}

/// The member that a path parameter such as `device_id`, `deviceId` or `org_slug` names.
pub(crate) fn named_in(object: &Value, name: &str) -> Option<(String, Value)> {
    let tail = name.rsplit(['_', '-']).next().unwrap_or(name);
    let hump = name.rfind(char::is_uppercase).map(|at| name[at..].to_lowercase());
    let member = [Some(name), Some(tail), hump.as_deref(), Some("id")].into_iter().flatten();
    let (name, member) = member.filter_map(|name| Some((name, object.get(name)?))).next()?;
    matches!(member, Value::String(_) | Value::Number(_)).then(|| (name.to_owned(), member.clone()))
}

/// The member of an object that a path parameter called `name` stands for: `device_id`, else `id`.
pub(crate) fn identity_in(object: &Value, name: &str) -> Option<Value> {
    named_in(object, name).map(|(_, id)| id).or_else(|| {
        let member = ["uuid", "slug", "key", "name"].iter().find_map(|name| object.get(*name))?;
        matches!(member, Value::String(_) | Value::Number(_)).then(|| member.clone())
    })
}

/// The items of a list: where the paging says, the body itself, or its list, be it in a member that wraps the answer.
pub(crate) fn listed_items<'a>(operation: &Operation, answer: &'a Answer) -> Option<&'a [Value]> {
    let body = answer.parsed()?;
    let paged =
        operation.pagination.as_ref().and_then(|paging| body.pointer(paging.response.get("items")?)?.as_array());
    let only = match body {
        Value::Array(items) => Some(items),
        Value::Object(members) => members.values().find_map(Value::as_array).or_else(|| {
            let mut wrapped =
                members.iter().filter(|(name, _)| is_wrapper(name)).filter_map(|(_, value)| value.as_object());
            wrapped.find_map(|members| members.values().find_map(Value::as_array))
        }),
        _ => None,
    };
    paged.or(only).map(Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_object_is_told_apart_by_the_likeliest_member() {
        assert_eq!(identity_in(&json!({"id": 5, "device_id": "d"}), "device_id"), Some(json!("d")));
        assert_eq!(identity_in(&json!({"id": 5}), "device_id"), Some(json!(5)));
        assert_eq!(identity_in(&json!({"slug": "acme"}), "org_slug"), Some(json!("acme")));
        assert_eq!(identity_in(&json!({"items": []}), "id"), None);
    }

    #[test]
    fn the_arguments_of_a_path_can_be_read_back() {
        let case = path_arguments("/o/{org}/devices", "/o/acme%20x/devices").expect("it is of the template");
        assert_eq!(case.path().map(|argument| argument.value.clone()).collect::<Vec<_>>(), [json!("acme x")]);
        assert_eq!(path_arguments("/o/{org}/devices", "/o/acme/other"), None);
    }
}
