//! A call as the user states it: an operation, arguments, a body, options.

use std::fmt;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use crate::body::Body;

/// A call of one operation. Nothing is checked until it is sent.
#[derive(Clone)]
pub struct Call {
    pub(crate) operation: String,
    pub(crate) arguments: Vec<(String, Value)>,
    pub(crate) payload: Payload,
    pub(crate) options: CallOptions,
    /// The first thing that was wrong with an argument, kept until the call is sent.
    pub(crate) problem: Option<String>,
}

/// What the call's body is made of.
#[derive(Clone, Default)]
pub(crate) enum Payload {
    #[default]
    None,
    /// A value, written in whichever of the operation's media types can hold it.
    Json(Value),
    /// A body in a media type of the caller's choice.
    Body(String, Body),
}

impl fmt::Debug for Call {
    /// Arguments by name, and no body: a password may stand in either (B8).
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&String> = self.arguments.iter().map(|(name, _)| name).collect();
        let mut debug = formatter.debug_struct("Call");
        debug.field("operation", &self.operation).field("arguments", &names).field("options", &self.options);
        debug.finish_non_exhaustive()
    }
}

impl Call {
    /// A call of the operation with this id.
    #[must_use]
    pub fn new(operation_id: &str) -> Self {
        Self {
            operation: operation_id.to_owned(),
            arguments: Vec::new(),
            payload: Payload::None,
            options: CallOptions::default(),
            problem: None,
        }
    }

    /// Sets the parameter `name` to `value`. Where two parameters share a name, `path:name`, `query:name`,
    /// `header:name` or `cookie:name` tells them apart. A value that is `null` leaves an optional parameter out; a
    /// second value replaces the first.
    #[must_use]
    pub fn argument(mut self, name: &str, value: impl Serialize) -> Self {
        self.set(name, &value);
        self
    }

    /// Sets the body to `value`, written as the operation asks: JSON where it takes JSON, else a form.
    #[must_use]
    pub fn json(mut self, value: &impl Serialize) -> Self {
        self.set_json(value);
        self
    }

    /// Sets the body, with its media type.
    #[must_use]
    pub fn body(mut self, media_type: impl Into<String>, body: Body) -> Self {
        self.payload = Payload::Body(media_type.into(), body);
        self
    }

    /// Sets what holds for this call alone.
    #[must_use]
    pub fn options(mut self, options: CallOptions) -> Self {
        self.options = options;
        self
    }

    pub(crate) fn set(&mut self, name: &str, value: &impl Serialize) {
        match serde_json::to_value(value) {
            Ok(value) => {
                self.arguments.retain(|(known, _)| known != name);
                self.arguments.push((name.to_owned(), value));
            }
            Err(error) => self.note(format!("argument `{name}` cannot be written: {error}")),
        }
    }

    pub(crate) fn set_json(&mut self, value: &impl Serialize) {
        match serde_json::to_value(value) {
            Ok(value) => self.payload = Payload::Json(value),
            Err(error) => self.note(format!("the body cannot be written as JSON: {error}")),
        }
    }

    fn note(&mut self, problem: String) {
        self.problem.get_or_insert(problem);
    }
}

/// What holds for one call alone. What is not set is as the client has it.
#[derive(Clone, Default)]
#[non_exhaustive]
pub struct CallOptions {
    /// The limit of one attempt.
    pub timeout: Option<Duration>,
    /// The limit of the whole call, waits and refreshes included (C13).
    pub deadline: Option<Duration>,
    /// How often the call is sent again at most.
    pub max_retries: Option<u32>,
    /// The longest wait that a server can ask for; beyond it the call fails at once (C4).
    pub max_wait: Option<Duration>,
    /// What tells a repeat of this call from another one (C11). To go on with a call that failed, give the key of its
    /// [`Meta`](crate::Meta).
    pub idempotency_key: Option<String>,
    /// Headers of this call. An `Authorization` or credential header among them takes the place of the client's
    /// credentials, and nothing is refreshed then (B11).
    pub headers: Vec<(String, String)>,
    /// Query parameters that the operation does not declare.
    pub query: Vec<(String, String)>,
}

impl fmt::Debug for CallOptions {
    /// Headers and query parameters by name: their values may be secret (B8).
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = |pairs: &[(String, String)]| pairs.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
        let mut debug = formatter.debug_struct("CallOptions");
        debug.field("timeout", &self.timeout).field("deadline", &self.deadline).field("max_wait", &self.max_wait);
        debug.field("max_retries", &self.max_retries).field("idempotency_key", &self.idempotency_key);
        debug.field("headers", &names(&self.headers)).field("query", &names(&self.query)).finish()
    }
}

impl CallOptions {
    /// Sets the limit of one attempt.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Sets the limit of the whole call.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// Sets how often the call is sent again at most.
    #[must_use]
    pub fn max_retries(mut self, max_retries: u32) -> Self {
        self.max_retries = Some(max_retries);
        self
    }

    /// Sets the longest wait that a server can ask for.
    #[must_use]
    pub fn max_wait(mut self, max_wait: Duration) -> Self {
        self.max_wait = Some(max_wait);
        self
    }

    /// Sets the idempotency key.
    #[must_use]
    pub fn idempotency_key(mut self, key: impl Into<String>) -> Self {
        self.idempotency_key = Some(key.into());
        self
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Adds a query parameter.
    #[must_use]
    pub fn query(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.query.push((name.into(), value.into()));
        self
    }
}
