//! The server of `orchard.yaml`: strict, in memory, and with any one of the [defects](crate::defects).

mod auth;
mod handlers;
mod keys;
mod limits;
pub(crate) mod provision;
mod session;
mod store;

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use bitting_spec::table::Location;
use bitting_spec::{Document, Operation, Parameter};
use serde_json::{Value, json};

use crate::clock::Clock;
use crate::schema::Schemas;
use crate::wire::{Answer, Request, Service};
use auth::Caller;
use limits::Limits;
use store::Store;

/// The values of an operation's parameters, and its body.
pub(crate) type Given = BTreeMap<String, Value>;

/// The server.
pub(crate) struct Orchard {
    document: Document,
    schemas: Schemas,
    defect: Option<&'static str>,
    pub(crate) clock: Clock,
    pub(crate) store: Mutex<Store>,
    pub(crate) limits: Mutex<Limits>,
}

/// An error answer.
pub(crate) fn problem(status: u16, title: &str) -> Answer {
    let body = json!({"type": "about:blank", "title": title, "status": status});
    Answer::json(status, "application/problem+json", &body)
}

impl Orchard {
    /// A server with at most one defect, that allows `limit` requests in `window` milliseconds to each credential.
    pub(crate) fn new(document: Document, defect: Option<&'static str>, limit: u64, window: i64) -> Self {
        let ignored = defect.and_then(crate::defects::ignored_keyword);
        let schemas = Schemas::of(&document.value, ignored);
        let clock = Clock::default();
        let store = Mutex::new(Store::seeded(clock.now()));
        Self { document, schemas, defect, clock, store, limits: Mutex::new(Limits::new(limit, window)) }
    }

    /// Whether the server has this defect.
    fn bad(&self, id: &str) -> bool {
        self.defect == Some(id)
    }

    fn store(&self) -> std::sync::MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The operations of a path, and the texts of its parameters.
    fn at(&self, path: &[String]) -> (Vec<&Operation>, BTreeMap<String, String>) {
        let mut values = BTreeMap::new();
        let Some(("v1", rest)) = path.split_first().map(|(first, rest)| (first.as_str(), rest)) else {
            return (Vec::new(), values);
        };
        let fits = |operation: &&Operation| {
            let template: Vec<&str> = operation.path.split('/').skip(1).collect();
            template.len() == rest.len()
                && template
                    .iter()
                    .zip(rest)
                    .all(|(name, text)| name.starts_with('{') && !text.is_empty() || name == text)
        };
        let found: Vec<&Operation> = self.document.operations.iter().filter(fits).collect();
        if let Some(first) = found.first() {
            for (name, text) in first.path.split('/').skip(1).zip(rest) {
                if let Some(name) = name.strip_prefix('{').and_then(|name| name.strip_suffix('}')) {
                    values.insert(name.to_owned(), text.clone());
                }
            }
        }
        (found, values)
    }

    fn allow(&self, found: &[&Operation], wrong: bool) -> String {
        let mut methods: Vec<&str> = found.iter().map(|operation| operation.method.as_str()).collect();
        if methods.contains(&"GET") {
            methods.push("HEAD");
        }
        methods.push("OPTIONS");
        if wrong {
            methods.retain(|method| !["POST", "DELETE"].contains(method));
        }
        methods.join(", ")
    }

    fn respond(&self, request: &Request) -> Answer {
        let (found, path) = self.at(&request.path);
        if found.is_empty() {
            return problem(404, "No such resource");
        }
        let method = match request.method.as_str() {
            "OPTIONS" => return Answer::new(204).with("Allow", self.allow(&found, self.bad("HT09"))),
            "HEAD" if !self.bad("HT07") => "GET",
            "TRACE" | "PUT" | "PATCH" | "DELETE" if self.bad("HT02") && found[0].method == "GET" => {
                let declared = found.iter().any(|operation| operation.method == request.method);
                if declared { request.method.as_str() } else { "GET" }
            }
            other => other,
        };
        let Some(operation) = found.iter().find(|operation| operation.method == method) else {
            if self.bad("HT13") {
                return problem(500, "Unexpected");
            }
            let refusal = problem(405, "Method not allowed");
            let allow = self.allow(&found, self.bad("HT10"));
            return if self.bad("HT01") { refusal } else { refusal.with("Allow", allow) };
        };
        let wanted = request.header("x-http-method-override").filter(|_| self.bad("SC05") && method == "GET");
        let overridden = wanted.and_then(|wanted| found.iter().find(|operation| operation.method == wanted));
        self.guarded(operation, overridden.unwrap_or(operation), request, &path)
    }

    /// Everything before the handler: who, how often, what for, where, and with what.
    fn guarded(
        &self,
        asked: &Operation,
        run: &Operation,
        request: &Request,
        path: &BTreeMap<String, String>,
    ) -> Answer {
        if let Some(early) = self.before_auth(run, request, path) {
            return early;
        }
        let caller = match self.authenticate(asked, request, path) {
            Ok(caller) => caller,
            Err(refusal) => return refusal,
        };
        let Some(caller) = caller else { return self.checked(run, request, path, &Caller::nobody()) };
        let is_another = self.bad("RL18") && request.header("x-forwarded-for").is_some();
        let state = if is_another { Ok(limits::State::default()) } else { self.count(&caller) };
        let answer = match &state {
            Err(refusal) => refusal.clone(),
            Ok(_) => match self.forbids(asked, &caller, path) {
                Some(refusal) => refusal,
                None => self.checked(run, request, path, &caller),
            },
        };
        match state {
            Ok(state) => state.dress(answer),
            Err(_) => answer,
        }
    }

    fn before_auth(&self, run: &Operation, request: &Request, path: &BTreeMap<String, String>) -> Option<Answer> {
        if self.bad("AU23")
            && let Err(refusal) = self.given(run, request, path)
        {
            return Some(refusal);
        }
        let unknown = |id: &String| !self.store().sites.iter().any(|site| site.id == *id);
        (self.bad("AU22") && path.get("site_id").is_some_and(unknown)).then(|| problem(404, "No such site"))
    }

    fn checked(&self, run: &Operation, request: &Request, path: &BTreeMap<String, String>, caller: &Caller) -> Answer {
        match self.given(run, request, path) {
            Ok(given) => self.handle(run, &given, caller),
            Err(refusal) => self.after_refusal(run, request, path, refusal),
        }
    }

    /// Parameters and body, valid; or the refusal.
    fn given(&self, run: &Operation, request: &Request, path: &BTreeMap<String, String>) -> Result<Given, Answer> {
        let mut given = Given::new();
        for parameter in &run.parameters {
            if let Some(value) = self.parameter(parameter, request, path)? {
                given.insert(parameter.name.clone(), value);
            }
        }
        if let Some(body) = &run.request_body {
            let media_type = request.media_type();
            let forgiven = self.bad("IN17") && !request.body.is_empty();
            if media_type != "application/json" && !forgiven {
                return Err(problem(415, "Only application/json is understood"));
            }
            let value: Value = match serde_json::from_slice(&request.body) {
                Ok(value) => value,
                Err(_) if self.bad("IN18") => return Err(problem(500, "Unexpected")),
                Err(_) if self.bad("IN19") => repaired(&request.body),
                Err(_) => return Err(problem(400, "The body is not JSON")),
            };
            let value = self.lenient(run, value);
            let schema = body.content.values().next().and_then(|media| media.schema.as_ref());
            if let Some(fault) = schema.and_then(|schema| self.schemas.fault(&schema.value, &value)) {
                return Err(self.invalid(&fault));
            }
            self.too_strict(&value)?;
            given.insert("body".to_owned(), value);
        }
        Ok(given)
    }

    fn parameter(
        &self,
        parameter: &Parameter,
        request: &Request,
        path: &BTreeMap<String, String>,
    ) -> Result<Option<Value>, Answer> {
        let name = parameter.name.as_str();
        let lower = name.to_ascii_lowercase();
        let text = match parameter.location {
            Location::Path => path.get(name).map(String::as_str),
            Location::Query => request.query(name),
            _ => request.header(&lower),
        };
        let is_query = parameter.location == Location::Query;
        let Some(text) = text else {
            let forgiven = is_query && self.bad("IN15") || parameter.location == Location::Header && self.bad("IN16");
            return if parameter.required && !forgiven {
                Err(self.invalid(&format!("/{name} (required)")))
            } else {
                Ok(None)
            };
        };
        if parameter.location == Location::Path
            && self.bad("IN21")
            && text.len() < 30
            && name != "org"
            && name != "alert_id"
        {
            return Err(problem(500, "Unexpected"));
        }
        if parameter.location == Location::Path && self.bad("HT14") && text.contains('\u{fffd}') {
            return Err(problem(500, "Unexpected"));
        }
        let value = self.schemas.read(&parameter.schema.value, text);
        match self.schemas.fault(&parameter.schema.value, &value) {
            Some(_) if is_query && self.bad("IN20") && value.is_number() => Ok(Some(json!(1))),
            Some(_) if is_query && self.bad("IN28") => Ok(None),
            Some(fault) => Err(self.invalid(&format!("/{name}{fault}"))),
            None => Ok(Some(value)),
        }
    }

    fn invalid(&self, fault: &str) -> Answer {
        if self.bad("RE08") {
            return Answer::json(422, "application/json", &json!({"detail": [{"loc": fault}]}));
        }
        let body = json!({"type": "about:blank", "title": "Invalid", "status": 422, "detail": "a value is not allowed", "pointer": fault});
        Answer::json(422, "application/problem+json", &body)
    }

    /// What some frameworks forgive in a body, as defects.
    fn lenient(&self, run: &Operation, mut value: Value) -> Value {
        let Some(members) = value.as_object_mut() else { return value };
        if let Some(number) = members.get_mut("interval").filter(|_| self.bad("IN32"))
            && let Some(read) = number.as_str().and_then(|text| text.parse::<i64>().ok())
        {
            *number = json!(read);
        }
        if self.bad("IN23") {
            members.retain(|_, value| !value.is_null());
        }
        if self.bad("IN27") {
            members.remove("thresholds");
        }
        if ["DA01", "DA02", "DA05", "TE24"].iter().any(|id| self.bad(id)) {
            // They are taken from the raw body by the handler.
            let all = ["id", "created_at", "status", "site_id", "acknowledged", "raised_at"];
            let names = if self.bad("TE24") { &["org"][..] } else { &all };
            let taken: Vec<(String, Value)> = names
                .iter()
                .filter_map(|name| members.remove(*name).map(|value| (format!("mass:{name}"), value)))
                .collect();
            self.store().mass = taken.into_iter().filter(|_| run.method != "DELETE").collect();
        }
        value
    }

    /// Valid values that are refused, as defects.
    fn too_strict(&self, value: &Value) -> Result<(), Answer> {
        let long = |name: &str, size: usize| value[name].as_str().is_some_and(|text| text.chars().count() >= size);
        let refused = self.bad("IN22") && long("name", 80)
            || self.bad("IN30") && value.get("code").is_some() && value.get("tags").is_none()
            || self.bad("IN31") && value.get("firmware").is_some_and(Value::is_null);
        if self.bad("IN25") && (long("message", 150) || value["message"].as_str().is_some_and(|text| !text.is_ascii()))
        {
            return Err(problem(500, "Unexpected"));
        }
        if refused { Err(self.invalid("/ (strict)")) } else { Ok(()) }
    }
}

/// The members before the first that cannot be read.
fn repaired(body: &[u8]) -> Value {
    let text = String::from_utf8_lossy(body);
    let cuts = text.char_indices().rev().filter(|(_, letter)| [',', '}', '{'].contains(letter)).map(|(at, _)| at);
    let mut tries = cuts.filter_map(|at| serde_json::from_str(&format!("{}}}", text.get(..at)?)).ok());
    tries.next().unwrap_or_else(|| json!({}))
}

impl Service for Orchard {
    fn has_body_of_head(&self) -> bool {
        self.bad("HT15")
    }

    fn answer(&self, request: &Request) -> Answer {
        let answer = self.respond(request);
        let answer = match request.header("origin").filter(|_| self.bad("AU52")) {
            Some(origin) => {
                answer.with("Access-Control-Allow-Origin", origin).with("Access-Control-Allow-Credentials", "true")
            }
            None => answer,
        };
        let answer = if request.method == "HEAD" && self.bad("HT06") {
            Answer { body: Vec::new(), ..answer.without("content-type") }
        } else {
            answer
        };
        match answer.status {
            401 if self.bad("AU43") => {
                let challenge = answer.headers.iter().find(|(name, _)| name == "WWW-Authenticate").cloned();
                let plain = Answer::json(401, "application/json", &json!({"error": "unauthorized"}));
                challenge.into_iter().fold(plain, |plain, (name, value)| plain.with(&name, value))
            }
            404 if self.bad("RE11") => {
                Answer { body: b"<h1>Not found</h1>".to_vec(), ..Answer::new(404).with("content-type", "text/html") }
            }
            404 if self.bad("RE12") => problem(500, "Unexpected"),
            404 if self.bad("RE14") => Answer { status: 404, ..problem(400, "No such thing") },
            403 if self.bad("SC11") => Answer::json(403, "application/problem+json", &json!({"message": "no"})),
            204 if self.bad("HT05") && request.method == "DELETE" => Answer { body: b"{}".to_vec(), ..answer },
            200 if self.bad("RE02") && request.method == "GET" && request.path.len() == 5 => {
                answer.without("content-type").with("content-type", "text/html")
            }
            _ => answer,
        }
    }
}
