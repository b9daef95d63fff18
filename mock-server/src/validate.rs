//! Whether requests and answers are what the document says: JSON Schema validators, each made once.

mod blame;
mod hide;
mod inputs;
mod mend;
mod multipart;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, OnceLock};

use bitting_spec::style::Shape;
use bitting_spec::{Direction, Document, Operation, Status, directed};
use http::{HeaderName, HeaderValue};
use jsonschema::{Draft, Validator};
use serde_json::{Value, json};

use self::inputs::suits;
pub(crate) use self::inputs::{Given, Inputs, Parts};
pub(crate) use self::mend::Mender;
use crate::StartError;
use crate::exchange::Answer;

/// A schema, compiled when it is needed first, with the components that it names: a large document has many that no
/// request ever meets.
pub(crate) struct Rule {
    document: Arc<Document>,
    schema: Value,
    direction: Direction,
    /// Whether any whole number that is not negative fits.
    takes_counts: bool,
    compiled: OnceLock<Compiled>,
}

/// What a schema says, ready to be asked.
struct Compiled {
    /// `None`: it cannot be used.
    validator: Option<Validator>,
    shape: Shape,
    /// Whether anything in it is written only.
    hides: bool,
}

impl std::fmt::Debug for Rule {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Rule({:?}, {})", self.direction, self.schema)
    }
}

impl Rule {
    fn new(document: &Arc<Document>, schema: Value, direction: Direction) -> Self {
        let takes_counts = takes_counts(&schema);
        Self { document: Arc::clone(document), schema, direction, takes_counts, compiled: OnceLock::new() }
    }

    fn compiled(&self) -> &Compiled {
        self.compiled.get_or_init(|| {
            let mut bundled = directed(&self.document.bundle(&self.schema), self.direction);
            if self.direction == Direction::Request {
                loosen(&mut bundled);
            }
            let hides = hide::hides(&bundled);
            Compiled { validator: compiled(&bundled).ok(), shape: Shape::of(&bundled), hides }
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

/// Whether a schema takes every whole number that is not negative, by the few keywords that it has.
fn takes_counts(schema: &Value) -> bool {
    let says_nothing = ["description", "title", "example", "examples", "default"];
    let is_wide = |(key, value): (&String, &Value)| match key.as_str() {
        "type" => value == "integer" || value == "number",
        "minimum" => value.as_f64().is_some_and(|least| least <= 0.0),
        key => says_nothing.contains(&key),
    };
    schema.get("type").is_some() && schema.as_object().is_some_and(|keywords| keywords.iter().all(is_wide))
}

/// Whether a header is a whole number as it is written in short.
fn is_count(value: &HeaderValue) -> bool {
    let digits = value.as_bytes();
    (digits.len() == 1 || !digits.starts_with(b"0"))
        && (1..16).contains(&digits.len())
        && digits.iter().all(u8::is_ascii_digit)
}

fn compiled(schema: &Value) -> Result<Validator, String> {
    let options = jsonschema::options().with_draft(Draft::Draft202012).should_validate_formats(true);
    options.build(schema).map_err(|error| error.to_string())
}

/// Makes rules of schemas, each only once, and tells at the start which schema is none.
pub(crate) struct Rules<'d> {
    document: &'d Arc<Document>,
    known: HashMap<(Direction, String), Arc<Rule>>,
    /// Components and patterns that were found to be right.
    components: HashSet<String>,
    patterns: HashSet<String>,
}

impl<'d> Rules<'d> {
    pub(crate) fn new(document: &'d Arc<Document>) -> Self {
        Self { document, known: HashMap::new(), components: HashSet::new(), patterns: HashSet::new() }
    }

    fn rule(&mut self, schema: &bitting_spec::Schema, direction: Direction) -> Result<Arc<Rule>, StartError> {
        let key = (direction, schema.value.to_string());
        if let Some(rule) = self.known.get(&key) {
            return Ok(Arc::clone(rule));
        }
        self.check(&schema.value).map_err(|message| {
            let bitting_spec::Place { file, line } = self.document.place(&schema.pointer);
            StartError::Schema { file: file.to_owned(), line, pointer: schema.pointer.clone(), message }
        })?;
        let rule = Arc::new(Rule::new(self.document, schema.value.clone(), direction));
        self.known.insert(key, Arc::clone(&rule));
        Ok(rule)
    }

    /// Whether a schema can be compiled, its components included: it is a schema (JSON Schema 2020-12, 8.1.2), and its
    /// patterns are patterns. References lead somewhere: the document could not be read otherwise.
    fn check(&mut self, schema: &Value) -> Result<(), String> {
        self.check_alone(schema)?;
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
            self.check_alone(&document.schemas[&name])?;
            self.components.insert(name);
        }
        Ok(())
    }

    fn check_alone(&mut self, schema: &Value) -> Result<(), String> {
        jsonschema::draft202012::meta::validate(schema).map_err(|error| error.to_string())?;
        let mut patterns = Vec::new();
        patterns_of(schema, &mut patterns);
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
        self.rule(&schema, Direction::Answer)
    }

    /// What an operation answers.
    pub(crate) fn answers(&mut self, operation: &Operation) -> Result<Answers, StartError> {
        let mut all = Vec::new();
        for response in &operation.responses {
            let mut documented = Documented { status: response.status, media: Vec::new(), headers: Vec::new() };
            for (name, media) in &response.content {
                let rule = media.schema.as_ref().map(|schema| self.rule(schema, Direction::Answer)).transpose()?;
                documented.media.push((name.to_ascii_lowercase(), rule));
            }
            for (name, header) in &response.headers {
                let rule = header.schema.as_ref().map(|schema| self.rule(schema, Direction::Answer)).transpose()?;
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

/// What a discriminator tells apart may be valid by several of the schemas (OpenAPI 3.1, 4.8.25).
fn loosen(schema: &mut Value) {
    match schema {
        Value::Object(keywords) => {
            if keywords.contains_key("discriminator")
                && !keywords.contains_key("anyOf")
                && let Some(schemas) = keywords.remove("oneOf")
            {
                keywords.insert("anyOf".to_owned(), schemas);
            }
            keywords.values_mut().for_each(loosen);
        }
        Value::Array(items) => items.iter_mut().for_each(loosen),
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

    /// Takes what is written only out of the body.
    pub(crate) fn hide(&self, document: &Document, answer: &mut Answer) {
        let Some(body) = &mut answer.body else { return };
        if let Some(rule) = self.rule(answer.status, &answer.media).filter(|rule| rule.compiled().hides) {
            hide::hide(document, &rule.schema, body);
        }
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
            let value = headers.get(name);
            // Most of them are counts, in every answer.
            if value.is_some_and(is_count) && rule.as_ref().is_some_and(|rule| rule.takes_counts) {
                continue;
            }
            let Some(text) = value.and_then(|value| value.to_str().ok()) else {
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

    /// What is not looked at any closer fits for certain.
    #[test]
    fn a_count_is_known_at_a_glance() {
        let takes = |schema: Value| takes_counts(&schema);
        assert!(
            takes(json!({"type": "integer", "minimum": 0, "description": "d"})) && takes(json!({"type": "number"}))
        );
        assert!(!takes(json!({"type": "integer", "minimum": 1})) && !takes(json!({"type": "integer", "enum": [1]})));
        assert!(!takes(json!({"type": "string"})) && !takes(json!({})) && !takes(json!(true)));
        let is = |text: &'static str| is_count(&HeaderValue::from_static(text));
        assert!(is("0") && is("1000") && !is("") && !is("-1") && !is("007") && !is("1.5") && !is("9999999999999999"));
    }

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
        let fault = |schema| Rule::new(&document, schema, Direction::Request).fault(&json!("text"));
        assert!(fault(json!({"pattern": "("})).is_some());
        assert_eq!(fault(json!({"type": "string"})), None);
    }
}
