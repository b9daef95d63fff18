//! The control plane: what a test does to the server, over HTTP on a port and with a token of its own.
//!
//! `control.yaml` describes it. Faults, limits and the journal do not apply to it.

mod contract;
mod follow;
mod routes;
mod shared;

use std::sync::Arc;

use http::Method;
use matchit::Router;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use subtle::ConstantTimeEq as _;
use tokio::sync::watch;

pub(crate) use self::shared::{Both, PREFIX, is_free};
use crate::core::Core;
use crate::exchange::{Answer, Delivery, Outcome, Request};
use crate::fault::Gates;
use crate::front::{Service, Stream, Unread};
use crate::route::decoded;

/// The description of the control plane.
pub(crate) const DESCRIPTION: &str = include_str!("../control.yaml");

const CONSOLE: &str = include_str!("../assets/console.html");

/// The control plane.
pub(crate) struct Control {
    pub(crate) core: Arc<Core>,
    token: String,
    pub(crate) stop: watch::Sender<bool>,
    router: Router<Place>,
}

/// A path of the control plane, and what answers each of its methods.
struct Place {
    path: &'static str,
    handlers: Vec<(Method, Handler)>,
}

/// What answers a route.
type Handler = fn(&Control, &Input<'_>) -> Result<Answer, Problem>;

/// What a request to the control plane holds.
pub(crate) struct Input<'r> {
    parameter: String,
    query: &'r str,
    body: &'r [u8],
}

/// Why a request to the control plane is refused.
#[derive(Debug)]
pub(crate) struct Problem {
    status: u16,
    error: String,
    help: &'static str,
}

impl Problem {
    pub(crate) fn new(status: u16, error: impl Into<String>, help: &'static str) -> Self {
        Self { status, error: error.into(), help }
    }

    fn answer(self) -> Answer {
        Answer::json(self.status, json!({"error": self.error, "help": self.help}))
    }
}

impl Input<'_> {
    /// The part of the path that names something.
    pub(crate) fn parameter(&self) -> &str {
        &self.parameter
    }

    /// A query parameter.
    pub(crate) fn query(&self, name: &str) -> Option<String> {
        let mut pairs = form_urlencoded::parse(self.query.as_bytes());
        pairs.find(|(known, _)| known == name).map(|(_, value)| value.into_owned())
    }

    /// The body, which is as it is described.
    pub(crate) fn body<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        serde_json::from_slice(self.body).map_err(|error| {
            Problem::new(
                400,
                format!("the body cannot be read: {error}"),
                "GET /v1/openapi.yaml describes what it may be",
            )
        })
    }

    /// The body, or what stands for none.
    pub(crate) fn optional_body<T: DeserializeOwned + Default>(&self) -> Result<T, Problem> {
        if self.body.is_empty() { Ok(T::default()) } else { self.body() }
    }
}

impl Control {
    pub(crate) fn new(core: Arc<Core>, token: String, stop: watch::Sender<bool>) -> Self {
        let mut router: Router<Place> = Router::new();
        for (method, path, handler) in routes::ROUTES {
            match router.at_mut(path) {
                Ok(found) => found.value.handlers.push((method.clone(), *handler)),
                // The paths are ours, and a test asks for each of them.
                Err(_) => drop(router.insert(*path, Place { path, handlers: vec![(method.clone(), *handler)] })),
            }
        }
        Self { core, token, stop, router }
    }

    fn handle(&self, request: &Request) -> Answer {
        if request.path() == "/" && request.method == Method::GET {
            return console();
        }
        let Ok(found) = self.router.at(request.path()) else {
            let help = "GET /v1/openapi.yaml lists the paths";
            return Problem::new(404, format!("there is no {} here", request.path()), help).answer();
        };
        if !self.is_allowed(request) {
            let error = "the control token is missing or wrong";
            let help = "send `Authorization: Bearer TOKEN` with the token that the server printed when it was ready";
            return Problem::new(401, error, help).answer().with("www-authenticate", "Bearer realm=\"control\"");
        }
        let handler = found.value.handlers.iter().find(|(method, _)| *method == request.method);
        let Some((_, handler)) = handler else {
            let allowed: Vec<&str> = found.value.handlers.iter().map(|(method, _)| method.as_str()).collect();
            let error = format!("{} is not answered here", request.method);
            let answer = Problem::new(405, error, "the Allow header lists the methods").answer();
            return answer.with("allow", &allowed.join(", "));
        };
        let parameters: Vec<_> = found.params.iter().collect();
        if let Err(problem) = contract::check(request, found.value.path, &parameters) {
            return problem.answer();
        }
        let parameter = parameters.first().map(|(_, value)| decoded(value).into_owned()).unwrap_or_default();
        let input = Input { parameter, query: request.query(), body: &request.body };
        handler(self, &input).unwrap_or_else(Problem::answer)
    }

    fn is_allowed(&self, request: &Request) -> bool {
        let header = request.headers.get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
        let token = header.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        token.is_some_and(|(_, token)| bool::from(token.trim().as_bytes().ct_eq(self.token.as_bytes())))
    }
}

/// The console: a page that asks for the token, or has it behind the `#` of its address, which is sent nowhere.
fn console() -> Answer {
    const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; \
                          frame-ancestors 'none'; base-uri 'none'; form-action 'none'";
    crate::pages::page(CONSOLE.to_owned(), POLICY).with("referrer-policy", "no-referrer")
}

impl Service for Control {
    fn answer(&self, request: Request) -> Outcome {
        self.handle(&request).outcome(Delivery::default())
    }

    /// What is asked of the control plane is in no journal.
    fn refuse(&self, unread: &Unread) -> Outcome {
        let help = "GET /v1/openapi.yaml describes what a request may be";
        let answer = Problem::new(unread.status, unread.detail.clone(), help).answer();
        answer.with("connection", "close").outcome(Delivery::default())
    }

    fn gates(&self) -> &Gates {
        self.core.gates()
    }

    fn stream(&self, request: &Request) -> Option<Stream> {
        let is_asked = request.method == Method::GET && request.path() == "/v1/journal/stream";
        if !is_asked || !self.is_allowed(request) {
            return None;
        }
        let input = Input { parameter: String::new(), query: request.query(), body: &request.body };
        let last = request.headers.get("last-event-id").and_then(|value| value.to_str().ok()?.parse().ok());
        let stated = input.query("since").map_or(Some(0), |since| since.parse().ok());
        // What is no number is refused by the route.
        let since = last.or(stated)?;
        Some(Stream {
            media: follow::MEDIA,
            bytes: follow::start(Arc::clone(&self.core), since, self.stop.subscribe()),
        })
    }
}

/// `204 No Content`.
pub(crate) fn done() -> Result<Answer, Problem> {
    Ok(Answer::empty(204))
}

/// `200 OK` with a value.
pub(crate) fn told(value: &impl serde::Serialize) -> Result<Answer, Problem> {
    let value = serde_json::to_value(value).map_err(|error| {
        Problem::new(
            500,
            format!("the answer cannot be written: {error}"),
            "this is a fault of bitting; please report it",
        )
    })?;
    Ok(Answer::json(200, value))
}

/// `201 Created` with a value.
pub(crate) fn made(value: Value) -> Result<Answer, Problem> {
    Ok(Answer::json(201, value))
}
