//! A case: the arguments and the body of one call, before they become a request.

use std::borrow::Cow;

use bitting_spec::table::{self, Location};
use bitting_spec::{MediaType, Operation, Parameter, style};
use bytes::Bytes;
use serde_json::Value;

use super::multipart::{self, Parts};
use super::reading::readings;
use crate::http::Request;

/// A parameter's value.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Argument {
    pub(crate) name: String,
    pub(crate) location: Location,
    pub(crate) value: Value,
}

/// What one call is made of.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct Case {
    pub(crate) arguments: Vec<Argument>,
    /// The media type and the value that is written in it.
    pub(crate) body: Option<(String, Value)>,
    /// How the members of a multipart body are written.
    pub(crate) parts: Parts,
}

impl Case {
    /// The same, with `value` for the parameter.
    pub(crate) fn with(mut self, parameter: &Parameter, value: Value) -> Self {
        self.set(&parameter.name, parameter.location, value);
        self
    }

    pub(crate) fn set(&mut self, name: &str, location: Location, value: Value) {
        self.arguments.retain(|argument| (argument.name.as_str(), argument.location) != (name, location));
        self.arguments.push(Argument { name: name.to_owned(), location, value });
    }

    /// The value of an argument.
    pub(crate) fn value(&self, name: &str, location: Location) -> Option<&Value> {
        let mut arguments = self.arguments.iter();
        arguments.find(|argument| (argument.name.as_str(), argument.location) == (name, location)).map(|one| &one.value)
    }

    /// Whether it holds a text of nothing but spaces, which many servers take for none at all.
    pub(crate) fn is_blank(&self) -> bool {
        let body = self.body.as_ref().map(|(_, body)| body);
        self.arguments.iter().map(|argument| &argument.value).chain(body).any(is_blank)
    }

    /// The path arguments, which say what the call is about.
    pub(crate) fn path(&self) -> impl Iterator<Item = &Argument> {
        self.arguments.iter().filter(|argument| argument.location == Location::Path)
    }

    /// The same call about something else.
    pub(crate) fn about(mut self, other: &Self) -> Self {
        for argument in other.path() {
            self.set(&argument.name, argument.location, argument.value.clone());
        }
        self
    }

    /// The request, without credentials.
    pub(crate) fn request(&self, operation: &Operation) -> Result<Request, String> {
        self.request_to(&operation.method, &operation.path, &operation.parameters)
    }

    /// The request to a path or URL that need not be an operation of the document.
    pub(crate) fn request_to(&self, method: &str, path: &str, parameters: &[Parameter]) -> Result<Request, String> {
        let mut target = path.to_owned();
        let mut query = Vec::new();
        let mut cookies = Vec::new();
        let mut request = Request::new(method, "");
        for argument in &self.arguments {
            let Some(parameter) = parameter(parameters, argument) else { continue };
            let text = style::encode(&parameter, &argument.value).map_err(|error| error.to_string())?;
            match argument.location {
                Location::Path => target = target.replace(&format!("{{{}}}", argument.name), &text),
                Location::Query if !text.is_empty() => query.push(text),
                Location::Cookie if !text.is_empty() => cookies.push(text),
                // A list or an object of nothing is written as nothing; only a text can be empty.
                Location::Header if !text.is_empty() || argument.value.is_string() => {
                    request = request.header(&argument.name, &text);
                }
                _ => {}
            }
        }
        if target.contains('{') {
            return Err(format!("{target} has a path parameter without a value"));
        }
        if !query.is_empty() {
            target = format!("{target}?{}", query.join("&"));
        }
        if !cookies.is_empty() {
            request = request.cookie(&cookies.join("; "));
        }
        request.target = target;
        request = request.header("accept", "*/*").header("user-agent", concat!("bitting/", env!("CARGO_PKG_VERSION")));
        let Some((media_type, value)) = &self.body else { return Ok(request) };
        let body = written(media_type, value, &self.parts)?;
        let boundary =
            if is_multipart(media_type) { format!("; boundary={}", multipart::BOUNDARY) } else { String::new() };
        Ok(request.header("content-type", &format!("{media_type}{boundary}")).body(body))
    }

    /// Whether the request as it goes out says a value of `accepts`, in any reading of its text. What has more readings
    /// than can be told counts as valid: nobody is accused for it.
    pub(crate) fn text_is_valid(operation: &Operation, argument: &Argument, accepts: impl Fn(&Value) -> bool) -> bool {
        let Some(parameter) = parameter(&operation.parameters, argument) else { return true };
        readings(&parameter.encoding, &argument.value).is_none_or(|readings| readings.iter().any(accepts))
    }
}

fn parameter(parameters: &[Parameter], argument: &Argument) -> Option<table::Parameter> {
    let same =
        |parameter: &&Parameter| (parameter.name.as_str(), parameter.location) == (&argument.name, argument.location);
    parameters.iter().find(same).map(|parameter| table::Parameter {
        name: parameter.name.clone(),
        location: parameter.location,
        required: parameter.required,
        encoding: parameter.encoding.clone(),
    })
}

/// The media type that a body of the operation is written in: JSON before a form before text before bytes.
pub(crate) fn body_media(operation: &Operation) -> Option<(&String, &MediaType)> {
    let content = &operation.request_body.as_ref()?.content;
    let find = |wanted: fn(&str) -> bool| content.iter().find(|(name, _)| wanted(name));
    find(is_json)
        .or_else(|| find(is_form))
        .or_else(|| find(is_multipart))
        .or_else(|| find(|name| name.starts_with("text/")))
        .or_else(|| find(is_bytes))
}

/// Media types whose body is any bytes, as far as a document says.
fn is_bytes(media_type: &str) -> bool {
    ["application/octet-stream", "application/pdf", "application/zip", "application/gzip", "image/", "audio/", "video/"]
        .iter()
        .any(|name| media_type.starts_with(name))
}

fn is_json(media_type: &str) -> bool {
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    essence == "application/json" || essence.ends_with("+json")
}

pub(crate) fn is_form(media_type: &str) -> bool {
    media_type.starts_with("application/x-www-form-urlencoded")
}

pub(crate) fn is_multipart(media_type: &str) -> bool {
    media_type.starts_with("multipart/form-data")
}

/// A value as text: a text as it is, anything else as JSON.
pub(crate) fn text_of(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Whether a value is, or holds, a text of nothing but spaces.
pub(crate) fn is_blank(value: &Value) -> bool {
    match value {
        Value::String(text) => text.trim().is_empty(),
        Value::Array(items) => items.iter().any(is_blank),
        Value::Object(members) => members.values().any(is_blank),
        _ => false,
    }
}

/// What of a body can be said in its media type: a form has no `null`, so a member that is one is left out.
pub(crate) fn sayable<'v>(media_type: &str, value: &'v Value) -> Cow<'v, Value> {
    match value {
        Value::Object(members)
            if (is_form(media_type) || is_multipart(media_type)) && members.values().any(Value::is_null) =>
        {
            let said = members.iter().filter(|(_, member)| !member.is_null());
            Cow::Owned(said.map(|(name, member)| (name.clone(), member.clone())).collect())
        }
        _ => Cow::Borrowed(value),
    }
}

fn written(media_type: &str, value: &Value, parts: &Parts) -> Result<Bytes, String> {
    if is_json(media_type) {
        return Ok(Bytes::from(value.to_string()));
    }
    match &*sayable(media_type, value) {
        Value::String(text) => Ok(Bytes::from(text.clone())),
        Value::Object(members) if is_form(media_type) => {
            let mut form = form_urlencoded::Serializer::new(String::new());
            for (name, value) in members {
                if parts.deep.contains(name) {
                    form.extend_pairs(style::deep(name, value));
                    continue;
                }
                // A list is written as its items, as `explode` has it by default (OpenAPI 3.1, 4.8.15).
                let items = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
                for item in items {
                    form.append_pair(name, &text_of(item));
                }
            }
            Ok(Bytes::from(form.finish()))
        }
        Value::Object(members) if is_multipart(media_type) => Ok(Bytes::from(multipart::body(members, parts))),
        _ => Err(format!("the suite cannot write a body as {media_type}")),
    }
}
