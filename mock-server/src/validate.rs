//! Whether requests and answers are what the document says: JSON Schema validators, each made once.

mod blame;
mod mend;
mod multipart;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, OnceLock};

use bitting_spec::style::{self, Shape};
use bitting_spec::table::{self, Location};
use bitting_spec::{Document, Operation, Status};
use http::{HeaderMap, HeaderName};
use jsonschema::{Draft, Validator};
use serde_json::{Map, Value, json};

pub(crate) use self::mend::Mender;
use crate::StartError;
use crate::exchange::Answer;
use crate::fake::flatten;

/// Which way a value goes: `readOnly` properties are not asked of a client, `writeOnly` ones not of the server
/// (OpenAPI 3.1, 4.8.24.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Side {
    Request,
    Answer,
}

/// A schema, compiled when it is needed first, with the components that it names: a large document has many that no
/// request ever meets.
pub(crate) struct Rule {
    document: Arc<Document>,
    schema: Value,
    side: Side,
    compiled: OnceLock<Compiled>,
}

/// What a schema says, ready to be asked.
struct Compiled {
    /// `None`: it cannot be used.
    validator: Option<Validator>,
    shape: Shape,
}

impl std::fmt::Debug for Rule {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Rule({:?}, {})", self.side, self.schema)
    }
}

impl Rule {
    fn new(document: &Arc<Document>, schema: Value, side: Side) -> Self {
        Self { document: Arc::clone(document), schema, side, compiled: OnceLock::new() }
    }

    fn compiled(&self) -> &Compiled {
        self.compiled.get_or_init(|| {
            let mut bundled = self.document.bundle(&self.schema);
            relax(&self.document, &mut bundled, self.side);
            Compiled { validator: compiled(&bundled).ok(), shape: Shape::of(&bundled) }
        })
    }

    fn validator(&self) -> Option<&Validator> {
        self.compiled().validator.as_ref()
    }

    fn shape(&self) -> &Shape {
        &self.compiled().shape
    }

    /// What is wrong with `value`: where, and what; never the value itself, which may be a secret.
    pub(crate) fn fault(&self, value: &Value) -> Option<String> {
        let Some(validator) = self.validator() else { return Some("its schema cannot be used".to_owned()) };
        if validator.is_valid(value) {
            return None;
        }
        validator.iter_errors(value).next().map(|error| blame::told(&error))
    }
}

fn compiled(schema: &Value) -> Result<Validator, String> {
    let options = jsonschema::options().with_draft(Draft::Draft202012).should_validate_formats(true);
    options.build(schema).map_err(|error| error.to_string())
}

/// Makes rules of schemas, each only once, and tells at the start which schema is none.
pub(crate) struct Rules<'d> {
    document: &'d Arc<Document>,
    known: HashMap<(Side, String), Arc<Rule>>,
    /// Components and patterns that were found to be right.
    components: HashSet<String>,
    patterns: HashSet<String>,
}

impl<'d> Rules<'d> {
    pub(crate) fn new(document: &'d Arc<Document>) -> Self {
        Self { document, known: HashMap::new(), components: HashSet::new(), patterns: HashSet::new() }
    }

    fn rule(&mut self, schema: &bitting_spec::Schema, side: Side) -> Result<Arc<Rule>, StartError> {
        let key = (side, schema.value.to_string());
        if let Some(rule) = self.known.get(&key) {
            return Ok(Arc::clone(rule));
        }
        self.check(&schema.value, side).map_err(|message| StartError::Schema {
            file: self.document.file().to_owned(),
            line: self.document.line(&schema.pointer),
            pointer: schema.pointer.clone(),
            message,
        })?;
        let rule = Arc::new(Rule::new(self.document, schema.value.clone(), side));
        self.known.insert(key, Arc::clone(&rule));
        Ok(rule)
    }

    /// Whether a schema can be compiled, its components included: it is a schema (JSON Schema 2020-12, 8.1.2), and its
    /// patterns are patterns. References lead somewhere: the document could not be read otherwise.
    fn check(&mut self, schema: &Value, side: Side) -> Result<(), String> {
        self.check_alone(schema, side)?;
        let document = self.document;
        let (mut new, mut open) = (BTreeSet::new(), bitting_spec::component_names(schema));
        while let Some(name) = open.pop() {
            let component = document.schemas.get(&name).filter(|_| !self.components.contains(&name));
            if let Some(component) = component
                && new.insert(name)
            {
                open.extend(bitting_spec::component_names(component));
            }
        }
        for name in new {
            self.check_alone(&document.schemas[&name], side)?;
            self.components.insert(name);
        }
        Ok(())
    }

    fn check_alone(&mut self, schema: &Value, side: Side) -> Result<(), String> {
        let mut schema = schema.clone();
        relax(self.document, &mut schema, side);
        jsonschema::draft202012::meta::validate(&schema).map_err(|error| error.to_string())?;
        let mut patterns = Vec::new();
        patterns_of(&schema, &mut patterns);
        for pattern in patterns {
            if !self.patterns.contains(pattern) {
                compiled(&json!({"pattern": pattern}))?;
                self.patterns.insert(pattern.to_owned());
            }
        }
        Ok(())
    }

    /// What an object of this schema looks like when it is answered.
    pub(crate) fn data(&mut self, schema: &Value) -> Result<Arc<Rule>, StartError> {
        let schema = bitting_spec::Schema { value: schema.clone(), pointer: String::new() };
        self.rule(&schema, Side::Answer)
    }

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
            let rule = self.rule(&parameter.schema, Side::Request)?;
            let default = self.document.resolve(&parameter.schema.value).get("default");
            // An empty text asks for nothing, and some documents name a default that they forbid.
            let default = default.filter(|value| parameter.location == Location::Query && is_said(value));
            let default = default.filter(|value| rule.fault(value).is_none()).cloned();
            parameters.push(Input { parameter: on_wire, rule, default });
        }
        let mut body = None;
        if let Some(declared) = &operation.request_body {
            let media = declared.content.iter().map(|(name, media)| {
                let rule = media.schema.as_ref().map(|schema| self.rule(schema, Side::Request)).transpose()?;
                Ok((name.to_ascii_lowercase(), rule))
            });
            body = Some(BodyInput { required: declared.required, media: media.collect::<Result<_, StartError>>()? });
        }
        Ok(Inputs { parameters, body })
    }

    /// What an operation answers.
    pub(crate) fn answers(&mut self, operation: &Operation) -> Result<Answers, StartError> {
        let mut all = Vec::new();
        for response in &operation.responses {
            let mut documented = Documented { status: response.status, media: Vec::new(), headers: Vec::new() };
            for (name, media) in &response.content {
                let rule = media.schema.as_ref().map(|schema| self.rule(schema, Side::Answer)).transpose()?;
                documented.media.push((name.to_ascii_lowercase(), rule));
            }
            for (name, header) in &response.headers {
                let rule = header.schema.as_ref().map(|schema| self.rule(schema, Side::Answer)).transpose()?;
                // What no header can be called is never sent.
                if let Ok(name) = HeaderName::from_bytes(name.as_bytes()) {
                    documented.headers.push((name, header.required, rule));
                }
            }
            all.push(documented);
        }
        Ok(Answers { all })
    }
}

/// The patterns in a schema; not those of its components.
fn patterns_of<'s>(schema: &'s Value, patterns: &mut Vec<&'s str>) {
    match schema {
        Value::Object(keywords) => {
            for (keyword, value) in keywords {
                match (keyword.as_str(), value) {
                    ("pattern", Value::String(pattern)) => patterns.push(pattern),
                    // These hold values, in which a word is no keyword.
                    ("components" | "example" | "examples" | "default" | "const" | "enum", _) => {}
                    ("patternProperties", Value::Object(properties)) => {
                        patterns.extend(properties.keys().map(String::as_str));
                        properties.values().for_each(|schema| patterns_of(schema, patterns));
                    }
                    // Names of properties are no keywords either.
                    ("properties" | "$defs" | "dependentSchemas", Value::Object(schemas)) => {
                        schemas.values().for_each(|schema| patterns_of(schema, patterns));
                    }
                    (_, value) => patterns_of(value, patterns),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| patterns_of(item, patterns)),
        _ => {}
    }
}

/// Keywords that bring more keywords with them.
const PARTS: [&str; 4] = ["$ref", "allOf", "oneOf", "anyOf"];

/// Takes from every `required` what this side need not send.
fn relax(document: &Document, schema: &mut Value, side: Side) {
    let mark = if side == Side::Request { "readOnly" } else { "writeOnly" };
    match schema {
        Value::Object(keywords) => {
            let properties = keywords.get("properties").and_then(Value::as_object);
            let is_whole = |schema: &Value| PARTS.iter().all(|part| schema.get(*part).is_none());
            let is_marked = |schema: &Value| match is_whole(schema) {
                true => schema.get(mark) == Some(&Value::Bool(true)),
                false => flatten(document, schema).get(mark) == Some(&Value::Bool(true)),
            };
            let marked = properties.into_iter().flatten().filter(|(_, schema)| is_marked(schema));
            let spared: Vec<String> = marked.map(|(name, _)| name.clone()).collect();
            if let Some(Value::Array(required)) = keywords.get_mut("required") {
                required.retain(|name| !spared.iter().any(|spared| name == spared));
            }
            // What a discriminator tells apart may be valid by several of the schemas (OpenAPI 3.1, 4.8.25).
            if side == Side::Request
                && keywords.contains_key("discriminator")
                && !keywords.contains_key("anyOf")
                && let Some(schemas) = keywords.remove("oneOf")
            {
                keywords.insert("anyOf".to_owned(), schemas);
            }
            keywords.values_mut().for_each(|value| relax(document, value, side));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| relax(document, item, side)),
        _ => {}
    }
}

/// Whether a schema takes `null`.
pub(crate) fn allows_null(document: &Document, schema: &Value) -> bool {
    let schema = document.resolve(schema);
    let is_null = |kind: &Value| kind == "null";
    match schema.get("type") {
        Some(Value::Array(types)) => types.iter().any(is_null),
        Some(kind) => is_null(kind),
        None => ["anyOf", "oneOf"].iter().any(|key| {
            let parts = schema.get(*key).and_then(Value::as_array);
            parts.is_some_and(|parts| parts.iter().any(|part| allows_null(document, part)))
        }),
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

/// Whether a default asks for anything.
fn is_said(value: &Value) -> bool {
    !value.is_null() && !value.is_array() && !value.is_object() && *value != ""
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
fn suits(declared: &str, stated: &str) -> bool {
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
        return Ok(Value::from(text()?));
    }
    if media_type == "multipart/form-data" {
        let anything = Shape::default();
        let shape = rule.map_or(&anything, Rule::shape);
        let value = multipart::read(stated.unwrap_or_default(), shape, body);
        return value.map_err(|problem| Invalid::new(format!("request body: {problem}")));
    }
    Ok(if media_type.starts_with("multipart/") { Value::Object(Map::new()) } else { Value::from("") })
}

#[derive(Debug)]
struct Documented {
    status: Status,
    media: Vec<(String, Option<Arc<Rule>>)>,
    headers: Vec<(HeaderName, bool, Option<Arc<Rule>>)>,
}

/// What an operation answers.
#[derive(Debug)]
pub(crate) struct Answers {
    all: Vec<Documented>,
}

impl Answers {
    fn of(&self, status: u16) -> Option<&Documented> {
        let find = |wanted: Status| self.all.iter().find(|documented| documented.status == wanted);
        find(Status::Code(status)).or_else(|| find(Status::Range(status / 100))).or_else(|| find(Status::Default))
    }

    /// Whether the document knows `status` for this operation by its code.
    pub(crate) fn has(&self, status: u16) -> bool {
        self.all.iter().any(|documented| documented.status == Status::Code(status))
    }

    /// Whether the body of an answer is what the document says, whatever its headers are.
    pub(crate) fn fits(&self, answer: &Answer) -> bool {
        let rule = self.rule(answer.status, &answer.media);
        rule.zip(answer.body.as_ref()).is_none_or(|(rule, body)| rule.fault(body).is_none())
    }

    fn rule(&self, status: u16, media: &str) -> Option<&Rule> {
        let mut known = self.of(status)?.media.iter();
        known.find(|(name, _)| suits(name, media)).and_then(|(_, rule)| rule.as_deref())
    }

    /// The body with what breaks the document made anew. `None`: no body was found that does not.
    pub(crate) fn mended(&self, answer: &Answer, mender: &Mender<'_>) -> Option<Value> {
        mender.mended(self.rule(answer.status, &answer.media)?, answer.body.as_ref()?)
    }

    /// What in an answer breaks the document. Refusals that the document does not mention break nothing.
    pub(crate) fn fault(&self, answer: &Answer) -> Option<String> {
        let Answer { status, headers, media, body, .. } = answer;
        let status = *status;
        let Some(documented) = self.of(status) else {
            // A document that names no success at all leaves it open.
            let is_closed = self.all.iter().any(|documented| documented.status.is_success());
            return (status < 400 && is_closed).then(|| format!("status {status} is not documented"));
        };
        for (name, required, rule) in &documented.headers {
            let Some(text) = headers.get(name).and_then(|value| value.to_str().ok()) else {
                if *required {
                    return Some(format!("header `{name}` is missing"));
                }
                continue;
            };
            if let Some(fault) = rule.as_ref().and_then(|rule| rule.fault(&rule.shape().scalar(text.to_owned()))) {
                return Some(format!("header `{name}`: {fault}"));
            }
        }
        if answer.is_checked {
            return None;
        }
        let Some(body) = body else {
            return (!documented.media.is_empty() && status < 400).then(|| "the body is missing".to_owned());
        };
        if documented.media.is_empty() {
            return None;
        }
        match documented.media.iter().find(|(name, _)| suits(name, media)) {
            None => Some(format!("the media type {media} is not documented for status {status}")),
            Some((_, rule)) => rule.as_ref()?.fault(body),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the rules of a document with this schema as its component say at the start.
    fn started(component: &Value) -> Result<(), String> {
        let text = json!({"openapi": "3.1.0", "info": {"title": "t", "version": "1"}, "components": {"schemas": {"A": component}},
            "paths": {"/a": {"post": {"requestBody": {"content": {"application/json": {"schema": {"type": "array", "items":
            {"$ref": "#/components/schemas/A"}}}}}, "responses": {}}}}});
        let document = Arc::new(Document::parse("t.json", &text.to_string()).unwrap());
        let mut rules = Rules::new(&document);
        rules.inputs(&document.operations[0]).map(drop).map_err(|error| error.to_string())
    }

    /// Issue 4, "Bad input": a document is refused at the start, though its rules are compiled later.
    #[test]
    fn what_is_no_schema_is_said_at_the_start() {
        for wrong in [
            json!({"type": "nothing"}),
            json!({"properties": {"name": {"minLength": -1}}}),
            json!({"properties": {"name": {"pattern": "("}}}),
            json!({"patternProperties": {"[": true}}),
            json!({"$defs": {"name": {"anyOf": [{"pattern": "("}]}}}),
        ] {
            assert!(started(&wrong).is_err_and(|error| error.contains("t.json:1")), "{wrong}");
        }
    }

    #[test]
    fn a_word_is_a_pattern_only_where_it_is_a_keyword() {
        let right = json!({"properties": {"pattern": {"type": "string", "examples": [{"pattern": "("}], "default": "("}},
            "enum": [{"pattern": "("}], "example": {"pattern": "("}});
        assert_eq!(started(&right), Ok(()));
    }

    #[test]
    fn a_rule_that_cannot_be_compiled_lets_nothing_pass() {
        let text = r#"{"openapi": "3.1.0", "info": {"title": "t", "version": "1"}, "paths": {}}"#;
        let document = Arc::new(Document::parse("t.json", text).unwrap());
        let fault = |schema| Rule::new(&document, schema, Side::Request).fault(&json!("text"));
        assert!(fault(json!({"pattern": "("})).is_some());
        assert_eq!(fault(json!({"type": "string"})), None);
    }
}
