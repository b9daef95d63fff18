//! From an operation and arguments to a request, complete but for its credentials.

use bitting_spec::style::encode;
use bitting_spec::table::{Location, Operation, Parameter, Scheme};
use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use url::Url;

use crate::attach::{Placement, add_cookie};
use crate::body::from_json;
use crate::call::{Call, Payload};
use crate::client::Shared;
use crate::error::RequestError;
use crate::plan::{Choice, Piece, Plan};
use crate::transport::Outgoing;

/// The header by which a caller names a request.
const REQUEST_ID: &str = "x-request-id";

/// A request without credentials.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) outgoing: Outgoing,
    /// The headers by which the caller brought credentials of their own, which take the place of the client's (B11).
    pub(crate) own: Vec<HeaderName>,
    /// The key that every attempt carries (C11).
    pub(crate) idempotency_key: Option<String>,
}

impl Prepared {
    /// Whether the caller brought what this scheme asks for.
    pub(crate) fn brings(&self, scheme: &Scheme) -> bool {
        !self.own.is_empty()
            && Placement::of(&scheme.kind).and_then(|one| one.header()).is_some_and(|name| self.own.contains(&name))
    }
}

/// Makes the request of a call.
pub(crate) fn prepare(shared: &Shared, plan: &Plan, call: Call) -> Result<Prepared, RequestError> {
    let operation = &shared.api.operations[plan.operation];
    let builder = Builder { shared, plan, operation };
    builder.prepare(call).map_err(|problem| RequestError { operation: operation.id.clone(), problem })
}

struct Builder<'a> {
    shared: &'a Shared,
    plan: &'a Plan,
    operation: &'a Operation,
}

impl Builder<'_> {
    fn prepare(&self, call: Call) -> Result<Prepared, String> {
        if let Some(problem) = call.problem {
            return Err(problem);
        }
        let values = self.values(&call.arguments)?;
        let mut headers = self.headers(&values)?;
        let body = self.body(call.payload, &mut headers)?;
        let idempotency_key = self.idempotency_key(call.options.idempotency_key, &mut headers)?;
        let own = self.overlay(call.options.headers, &mut headers)?;
        let url = self.url(&values, &call.options.query)?;
        let outgoing = Outgoing { method: self.plan.method.clone(), url, headers, body };
        Ok(Prepared { outgoing, own, idempotency_key })
    }

    /// The written value of each parameter, in the operation's order.
    fn values(&self, arguments: &[(String, Value)]) -> Result<Vec<String>, String> {
        let mut values = vec![String::new(); self.operation.parameters.len()];
        for (name, value) in arguments {
            let index = self.parameter(name)?;
            values[index] = encode(&self.operation.parameters[index], value).map_err(|error| error.to_string())?;
        }
        for (parameter, value) in self.operation.parameters.iter().zip(&values) {
            let given = |(name, value): &(String, Value)| names(parameter, name) && !value.is_null();
            let is_named = parameter.location == Location::Header && parameter.name.eq_ignore_ascii_case(REQUEST_ID);
            if parameter.required && value.is_empty() && !is_named && !arguments.iter().any(given) {
                let location = parameter.location.as_str();
                return Err(format!("the {location} parameter `{}` is required and has no value", parameter.name));
            }
        }
        Ok(values)
    }

    fn parameter(&self, name: &str) -> Result<usize, String> {
        let parameters = &self.operation.parameters;
        let mut found = parameters.iter().enumerate().filter(|(_, parameter)| names(parameter, name));
        match (found.next(), found.next()) {
            (Some((index, _)), None) => Ok(index),
            (Some(_), Some(_)) => {
                Err(format!("`{name}` names several parameters; say `path:{name}`, `query:{name}`, ..."))
            }
            (None, _) => {
                let known: Vec<&str> = parameters.iter().map(|parameter| parameter.name.as_str()).collect();
                let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
                Err(format!("there is no parameter `{name}`; its parameters are: {known}"))
            }
        }
    }

    fn url(&self, values: &[String], extra: &[(String, String)]) -> Result<Url, String> {
        let mut path = String::with_capacity(64);
        for piece in &self.plan.pieces {
            match piece {
                Piece::Text(text) => path.push_str(text),
                Piece::Parameter(index) => path.push_str(&values[*index]),
            }
        }
        let escape = |text| utf8_percent_encode(text, NON_ALPHANUMERIC);
        let declared = self.located(values, Location::Query).map(|(_, value)| value.to_owned());
        let extra = extra.iter().map(|(name, value)| format!("{}={}", escape(name), escape(value)));
        let query: Vec<String> = declared.chain(extra).collect();
        let mut text = format!("{}{path}", self.plan.base);
        if !query.is_empty() {
            text.push('?');
            text.push_str(&query.join("&"));
        }
        // Reading a URL collapses dot segments, and a path that loses one is another operation's (B12).
        if path.split('/').any(is_dot_segment) {
            return Err("its path has a `.` or `..` segment, which leads to another operation".to_owned());
        }
        Url::parse(&text).map_err(|error| format!("its URL is not valid: {error}"))
    }

    fn located<'v>(
        &'v self,
        values: &'v [String],
        location: Location,
    ) -> impl Iterator<Item = (&'v Parameter, &'v str)> {
        let pairs = self.operation.parameters.iter().zip(values.iter().map(String::as_str));
        pairs.filter(move |(parameter, value)| parameter.location == location && !value.is_empty())
    }

    fn headers(&self, values: &[String]) -> Result<HeaderMap, String> {
        let mut headers = HeaderMap::with_capacity(8);
        headers.insert(USER_AGENT, self.shared.user_agent.clone());
        headers.insert(ACCEPT, self.plan.accept.clone());
        for (name, value) in &self.shared.default_headers {
            let wanted = match self.plan.choice {
                // A public operation gets no credential, not even one that was set as a default (B2).
                Choice::Public => !self.shared.may_carry_credential(name),
                // What a default header holds is not for a foreign server at all (B4).
                Choice::Withheld(_) => false,
                Choice::Schemes(_) | Choice::Missing(_) => true,
            };
            if wanted {
                headers.insert(name.clone(), value.clone());
            }
        }
        for (parameter, value) in self.located(values, Location::Header) {
            let (name, value) = header(&parameter.name, value)?;
            headers.insert(name, value);
        }
        self.name_request(values, &mut headers);
        for (_, pair) in self.located(values, Location::Cookie) {
            add_cookie(&mut headers, pair);
        }
        Ok(headers)
    }

    /// Names the request, once per call, where the operation declares `X-Request-ID` and the caller gave none (F4).
    fn name_request(&self, values: &[String], headers: &mut HeaderMap) {
        let pairs = self.operation.parameters.iter().zip(values);
        let mut unnamed = pairs.filter(|(parameter, value)| {
            parameter.location == Location::Header
                && value.is_empty()
                && parameter.name.eq_ignore_ascii_case(REQUEST_ID)
        });
        if unnamed.next().is_some()
            && let Ok(id) = HeaderValue::from_str(&uuid::Uuid::new_v4().to_string())
        {
            headers.insert(HeaderName::from_static(REQUEST_ID), id);
        }
    }

    fn body(&self, payload: Payload, headers: &mut HeaderMap) -> Result<Option<Bytes>, String> {
        let declared = self.operation.body.as_ref();
        let media_types = declared.map(|body| body.media_types.as_slice()).unwrap_or_default();
        let (media_type, body) = match payload {
            Payload::None if declared.is_some_and(|body| body.required) => {
                return Err(format!("a body is required ({})", media_types.join(" or ")));
            }
            Payload::None => return Ok(None),
            _ if declared.is_none() => return Err("the operation takes no body".to_owned()),
            Payload::Json(value) => declared.and_then(|declared| from_json(&value, declared)).ok_or_else(|| {
                format!("a JSON value cannot be written as {}; give the body itself", media_types.join(" or "))
            })?,
            Payload::Body(media_type, body) => (media_type, body),
        };
        let (media_type, bytes) = body.encode(media_type);
        if bytes.is_some() {
            let value = HeaderValue::from_str(&media_type).map_err(|_| format!("`{media_type}` is no media type"))?;
            headers.insert(CONTENT_TYPE, value);
        }
        Ok(bytes)
    }

    /// One key per call, for operations that a repeat would do twice, where the document names a header for it (C11).
    fn idempotency_key(&self, given: Option<String>, headers: &mut HeaderMap) -> Result<Option<String>, String> {
        let declared = self.shared.api.retry.as_ref().and_then(|retry| retry.idempotency_key.as_ref());
        let wanted = declared.is_some() && !self.plan.idempotent;
        let key = given.or_else(|| wanted.then(|| uuid::Uuid::new_v4().to_string()));
        if let Some(key) = &key {
            let (name, value) = header(declared.map_or("Idempotency-Key", |declared| &declared.header), key)?;
            headers.insert(name, value);
        }
        Ok(key)
    }

    /// Lays the caller's headers over the others. Answers those by which the caller brings a credential (B11).
    fn overlay(&self, given: Vec<(String, String)>, headers: &mut HeaderMap) -> Result<Vec<HeaderName>, String> {
        for (name, value) in given {
            let (name, mut value) = header(&name, &value)?;
            value.set_sensitive(self.shared.may_carry_credential(&name));
            headers.insert(name, value);
        }
        Ok(headers.keys().filter(|name| self.shared.is_credential_header(name)).cloned().collect())
    }
}

/// Whether an argument's name means this parameter: its name, or its location and name.
fn names(parameter: &Parameter, name: &str) -> bool {
    parameter.name == name
        || name
            .split_once(':')
            .is_some_and(|(location, name)| location == parameter.location.as_str() && name == parameter.name)
}

/// Whether a path segment is `.` or `..`, written plainly or escaped.
fn is_dot_segment(segment: &str) -> bool {
    let plain = segment.replace("%2e", ".").replace("%2E", ".");
    matches!(plain.as_str(), "." | "..")
}

fn header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), String> {
    let header = HeaderName::from_bytes(name.as_bytes()).map_err(|_| format!("`{name}` is no header name"))?;
    let value =
        HeaderValue::from_str(value).map_err(|_| format!("the value of header `{name}` has control characters"))?;
    Ok((header, value))
}
