//! What a request gives: its parameters and its body, read as the document writes them and held against its schemas.

use std::sync::Arc;

use bitting_spec::style::{self, Shape};
use bitting_spec::table::{self, Location};
use bitting_spec::{Operation, infer};
use http::HeaderMap;
use serde_json::{Map, Value};

use super::{Direction, Rule, Rules, multipart};
use crate::StartError;

impl Rules<'_> {
    /// What an operation takes.
    pub(crate) fn inputs(&mut self, operation: &Operation) -> Result<Inputs, StartError> {
        let mut parameters = Vec::new();
        for parameter in &operation.parameters {
            let on_wire = table::Parameter {
                name: parameter.name.clone(),
                location: parameter.location,
                required: parameter.required,
                encoding: parameter.encoding.clone(),
            };
            let rule = self.rule(&parameter.schema, Direction::Request)?;
            // Some documents name a default that they forbid.
            let default = infer::default(self.document, parameter).filter(|value| rule.fault(value).is_none()).cloned();
            parameters.push(Input { parameter: on_wire, rule, default });
        }
        let mut body = None;
        if let Some(declared) = &operation.request_body {
            let media = declared.content.iter().map(|(name, media)| {
                let rule = media.schema.as_ref().map(|schema| self.rule(schema, Direction::Request)).transpose()?;
                Ok((name.to_ascii_lowercase(), rule))
            });
            body = Some(BodyInput { required: declared.required, media: media.collect::<Result<_, StartError>>()? });
        }
        Ok(Inputs { parameters, body })
    }
}

/// A parameter and its rule.
#[derive(Debug)]
struct Input {
    parameter: table::Parameter,
    rule: Arc<Rule>,
    /// What a query asks for that leaves it out.
    default: Option<Value>,
}

#[derive(Debug)]
struct BodyInput {
    required: bool,
    media: Vec<(String, Option<Arc<Rule>>)>,
}

/// What an operation takes.
#[derive(Debug)]
pub(crate) struct Inputs {
    parameters: Vec<Input>,
    body: Option<BodyInput>,
}

/// What a request gave, once it is read.
#[derive(Debug, Default)]
pub(crate) struct Given {
    parameters: Vec<(Location, String, Value)>,
    /// The body as a value; `null` if there was none or it is not described as data.
    pub(crate) body: Value,
}

impl Given {
    /// What a request gave that nobody has checked: its body, if it is JSON.
    pub(crate) fn unchecked(body: &[u8]) -> Self {
        Self { parameters: Vec::new(), body: serde_json::from_slice(body).unwrap_or_default() }
    }

    /// A parameter's value.
    pub(crate) fn parameter(&self, location: Location, name: &str) -> Option<&Value> {
        self.parameters.iter().find(|(place, known, _)| *place == location && known == name).map(|(_, _, value)| value)
    }

    /// A query parameter as a count, which some documents describe as a text. More than anybody counts is the most.
    pub(crate) fn count(&self, name: &str) -> Option<usize> {
        let number = match self.parameter(Location::Query, name)? {
            Value::String(text) => text.parse().ok(),
            value => value.as_f64(),
        };
        number.filter(|number: &f64| *number >= 0.0).map(|number| number as usize)
    }
}

/// Why a request is not valid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Invalid {
    /// Where and what, without any value.
    pub(crate) detail: String,
    /// Whether the media type is the reason (415).
    pub(crate) is_media_type: bool,
}

impl Invalid {
    fn new(detail: impl Into<String>) -> Self {
        Self { detail: detail.into(), is_media_type: false }
    }
}

/// The parts of a request that inputs are read from.
pub(crate) struct Parts<'r> {
    pub(crate) path: &'r [(&'r str, &'r str)],
    pub(crate) query: &'r str,
    pub(crate) headers: &'r HeaderMap,
    pub(crate) body: &'r [u8],
}

impl Inputs {
    /// Whether the path and the query are all that an answer can depend on.
    pub(crate) fn are_in_target(&self) -> bool {
        let in_target = |input: &Input| matches!(input.parameter.location, Location::Path | Location::Query);
        self.body.is_none() && self.parameters.iter().all(in_target)
    }

    /// Reads and checks the parameters and the body.
    pub(crate) fn read(&self, parts: &Parts<'_>) -> Result<Given, Invalid> {
        let mut given = Given::default();
        for input in &self.parameters {
            let parameter = &input.parameter;
            let Some(value) = input.read(parts)? else {
                if parameter.required {
                    let place = parameter.location.as_str();
                    return Err(Invalid::new(format!("{place} parameter `{}` is missing", parameter.name)));
                }
                let default = input.default.iter().cloned();
                given.parameters.extend(default.map(|value| (parameter.location, parameter.name.clone(), value)));
                continue;
            };
            if let Some(fault) = input.rule.fault(&value) {
                let place = parameter.location.as_str();
                return Err(Invalid::new(format!("{place} parameter `{}`: {fault}", parameter.name)));
            }
            given.parameters.push((parameter.location, parameter.name.clone(), value));
        }
        if let Some(body) = &self.body {
            given.body = body.read(parts)?;
        }
        Ok(given)
    }
}

impl Input {
    fn read(&self, parts: &Parts<'_>) -> Result<Option<Value>, Invalid> {
        let header = |name: &str| match parts.headers.get(name).map(http::HeaderValue::to_str) {
            None => Ok(None),
            Some(Ok(text)) => Ok(Some(text)),
            Some(Err(_)) => Err(Invalid::new(format!("header `{name}` is not ASCII"))),
        };
        let text = match self.parameter.location {
            Location::Query => Some(parts.query),
            Location::Cookie => header("cookie")?,
            Location::Header => header(&self.parameter.name)?,
            Location::Path => {
                let found = parts.path.iter().find(|(name, _)| *name == self.parameter.name);
                found.map(|(_, text)| *text)
            }
        };
        let Some(text) = text else { return Ok(None) };
        style::decode(&self.parameter, self.rule.shape(), text).map_err(|error| Invalid::new(error.to_string()))
    }
}

impl BodyInput {
    fn read(&self, parts: &Parts<'_>) -> Result<Value, Invalid> {
        if parts.body.is_empty() && !parts.headers.contains_key(http::header::CONTENT_TYPE) {
            return match self.required {
                true => Err(Invalid::new("the request body is missing")),
                false => Ok(Value::Null),
            };
        }
        let coding = parts.headers.get(http::header::CONTENT_ENCODING).and_then(|value| value.to_str().ok());
        if let Some(coding) = coding.filter(|coding| !coding.eq_ignore_ascii_case("identity")) {
            let detail = format!("the body's coding `{coding}` is not accepted here; send it without Content-Encoding");
            return Err(Invalid { detail, is_media_type: true });
        }
        let stated = parts.headers.get(http::header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let Some((name, rule)) = self.media.iter().find(|(name, _)| stated.is_none_or(|stated| suits(name, stated)))
        else {
            let names: Vec<&str> = self.media.iter().map(|(name, _)| name.as_str()).collect();
            let detail = format!("the body's media type is not accepted here; send {}", names.join(" or "));
            return Err(Invalid { detail, is_media_type: true });
        };
        let essence = stated.and_then(|stated| stated.split(';').next()).map(|name| name.trim().to_ascii_lowercase());
        // What may be anything is what the request says that it is.
        let name = essence.as_deref().filter(|_| name.contains('*')).unwrap_or(name);
        let value = parse((name, stated), rule.as_deref(), parts.body)?;
        match rule.as_ref().filter(|_| is_data(name)).and_then(|rule| rule.fault(&value)) {
            Some(fault) => Err(Invalid::new(format!("request body: {fault}"))),
            None => Ok(value),
        }
    }
}

/// Whether a body of this media type is read as data that a schema can judge.
fn is_data(media_type: &str) -> bool {
    !media_type.starts_with("multipart/") || media_type == "multipart/form-data"
}

/// Whether the media type that a request states is the declared one; parameters such as `charset` do not count.
pub(super) fn suits(declared: &str, stated: &str) -> bool {
    let stated = stated.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let declared = declared.split(';').next().unwrap_or_default().trim();
    let is_range = declared.strip_suffix('*').is_some_and(|prefix| prefix == "*/" || stated.starts_with(prefix));
    declared == stated || is_range
}

/// A body as data. Files are taken as they come: the declared media type says whether it is one.
fn parse((media_type, stated): (&str, Option<&str>), rule: Option<&Rule>, body: &[u8]) -> Result<Value, Invalid> {
    if media_type.contains("json") {
        return serde_json::from_slice(body).map_err(|error| {
            Invalid::new(format!("the request body is no JSON: line {}, column {}", error.line(), error.column()))
        });
    }
    let text = || std::str::from_utf8(body).map_err(|_| Invalid::new("the request body is no UTF-8"));
    if media_type == "application/x-www-form-urlencoded" {
        let anything = Shape::default();
        let shape = rule.map_or(&anything, Rule::shape);
        return shape.form(text()?).map_err(|problem| Invalid::new(format!("request body: {problem}")));
    }
    if media_type.starts_with("text/") {
        let text = text()?.to_owned();
        return Ok(match rule {
            Some(rule) => rule.shape().scalar(text),
            None => Value::from(text),
        });
    }
    if media_type == "multipart/form-data" {
        let anything = Shape::default();
        let shape = rule.map_or(&anything, Rule::shape);
        let value = multipart::read(stated.unwrap_or_default(), shape, body);
        return value.map_err(|problem| Invalid::new(format!("request body: {problem}")));
    }
    Ok(if media_type.starts_with("multipart/") { Value::Object(Map::new()) } else { Value::from("") })
}
