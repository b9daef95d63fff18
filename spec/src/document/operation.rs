//! Operations: parameters, bodies, answers and what protects them.

use std::collections::HashSet;

use indexmap::IndexMap;
use serde_json::Value;

use super::error::{ErrorKind, Fault, Warning};
use super::node::Node;
use super::schema::{Schema, Schemas};
use super::security;
use super::server::{self, Server};
use crate::extension::{AuthCase, Pagination, RateLimit, Retry, Tenant};
use crate::table::{Encoding, Location, Requirement, Style};

/// The methods that a Path Item can have (OpenAPI 3.1, 4.8.9).
pub const METHODS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];

/// One operation of the document.
#[derive(Debug, Clone, PartialEq)]
pub struct Operation {
    /// Its `operationId`, or a name made from method and path if it has none.
    pub id: String,
    /// Its method in upper case.
    pub method: String,
    /// Its path template, such as `/devices/{id}`.
    pub path: String,
    /// Its tags; the first one names the resource that it belongs to.
    pub tags: Vec<String>,
    /// One line about it.
    pub summary: Option<String>,
    /// More about it, in CommonMark.
    pub description: Option<String>,
    /// Whether it should not be used any more.
    pub deprecated: bool,
    /// Its parameters, those of its path included.
    pub parameters: Vec<Parameter>,
    /// Its request body.
    pub request_body: Option<RequestBody>,
    /// Its answers.
    pub responses: Vec<Response>,
    /// What it needs: OR between the entries, AND inside one. No entry: public. An empty entry: a credential is
    /// optional. The document's own requirement is already applied, and so is `x-required-scopes`.
    pub security: Vec<Requirement>,
    /// Servers of its own.
    pub servers: Vec<Server>,
    /// What binds it to an organization.
    pub tenant: Option<Tenant>,
    /// Its rate limit, where it has one of its own.
    pub rate_limit: Option<RateLimit>,
    /// What may be tried again, where it says so itself.
    pub retry: Option<Retry>,
    /// `x-idempotent`: whether a repeat does no harm.
    pub idempotent: Option<bool>,
    /// How its pages are walked.
    pub pagination: Option<Pagination>,
    /// Where it stands in the document (RFC 6901).
    pub pointer: String,
}

impl Operation {
    /// Its path without the slash, or the `.json`, at its end that some frameworks write: `/items/{id}` of `/items/{id}/`
    /// and of `/items/{id}.json`.
    #[must_use]
    pub fn trimmed_path(&self) -> &str {
        trimmed(&self.path)
    }

    /// The path of the collection that its object stands in: `/items` of `/items/{id}`; none where its path does not end
    /// with a parameter.
    #[must_use]
    pub fn collection(&self) -> Option<&str> {
        let (collection, last) = self.trimmed_path().rsplit_once('/')?;
        (last.starts_with('{') && last.ends_with('}')).then_some(collection)
    }

    /// Whether it can be called without a credential.
    #[must_use]
    pub fn is_public(&self) -> bool {
        self.security.is_empty() || self.security.iter().any(Requirement::is_empty)
    }

    /// The answer that is documented for `status`: the exact code, else its range, else the default
    /// (OpenAPI 3.1, 4.8.16).
    #[must_use]
    pub fn response(&self, status: u16) -> Option<&Response> {
        let exact = self.responses.iter().find(|response| response.status == Status::Code(status));
        let ranged = || self.responses.iter().find(|response| response.status == Status::Range(status / 100));
        let default = || self.responses.iter().find(|response| response.status == Status::Default);
        exact.or_else(ranged).or_else(default)
    }

    /// The documented successful answers, exact codes first. Where no code stands for one, it is the `default`.
    pub fn successes(&self) -> impl Iterator<Item = &Response> {
        let is_told = self.responses.iter().any(|response| !response.status.is_error());
        let is_it = move |status: Status| status.is_success() || !is_told && status == Status::Default;
        self.responses.iter().filter(move |response| is_it(response.status))
    }
}

/// A parameter.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameter {
    /// Its name on the wire.
    pub name: String,
    /// Where it stands.
    pub location: Location,
    /// Whether it must be given.
    pub required: bool,
    /// How its value is written.
    pub encoding: Encoding,
    /// What its value may be.
    pub schema: Schema,
    /// An example of its value.
    pub example: Option<Value>,
    /// About it, in CommonMark.
    pub description: Option<String>,
    /// Whether it should not be used any more.
    pub deprecated: bool,
    /// Where it stands in the document.
    pub pointer: String,
}

/// A request body.
#[derive(Debug, Clone, PartialEq)]
pub struct RequestBody {
    /// Whether it must be given.
    pub required: bool,
    /// What it may be, by media type.
    pub content: IndexMap<String, MediaType>,
    /// About it, in CommonMark.
    pub description: Option<String>,
    /// Where it stands in the document.
    pub pointer: String,
}

/// A path without the slash, or the `.json`, at its end.
#[must_use]
pub fn trimmed(path: &str) -> &str {
    let path = path.trim_end_matches('/');
    path.strip_suffix(".json").unwrap_or(path)
}

impl MediaType {
    /// The fields of a form whose Encoding Object says `deepObject`.
    pub fn deep(&self) -> impl Iterator<Item = &str> {
        let is_deep = |encoding: &Value| encoding.get("style").is_some_and(|style| style == "deepObject");
        self.encoding.iter().filter(move |(_, encoding)| is_deep(encoding)).map(|(name, _)| name.as_str())
    }
}

/// A body of one media type.
#[derive(Debug, Clone, PartialEq)]
pub struct MediaType {
    /// What it may be.
    pub schema: Option<Schema>,
    /// Examples of it.
    pub examples: Vec<Example>,
    /// The Encoding Objects of a form or multipart body, by property, as they stand.
    pub encoding: IndexMap<String, Value>,
}

/// An example of a body.
#[derive(Debug, Clone, PartialEq)]
pub struct Example {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: Value,
    /// Which refusals have exactly this body (`x-auth-case`).
    pub auth_cases: Vec<AuthCase>,
}

/// The statuses that an answer is documented for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    /// One code.
    Code(u16),
    /// A range: 4 for `4XX`.
    Range(u16),
    /// Everything that is not documented.
    Default,
}

impl Status {
    /// Whether it is a success for certain: a 2xx code or the range of them.
    #[must_use]
    pub fn is_success(self) -> bool {
        matches!(self, Self::Code(200..=299) | Self::Range(2))
    }

    /// Whether it is a refusal or a failure, or whatever is not documented.
    fn is_error(self) -> bool {
        matches!(self, Self::Code(400..) | Self::Range(4..) | Self::Default)
    }

    fn parse(text: &str) -> Option<Self> {
        let upper = text.to_ascii_uppercase();
        match upper.as_str() {
            "DEFAULT" => Some(Self::Default),
            _ => match upper.strip_suffix("XX") {
                Some(range) => range.parse().ok().filter(|range| (1..=5).contains(range)).map(Self::Range),
                None => upper.parse().ok().filter(|code| (100..=599).contains(code)).map(Self::Code),
            },
        }
    }
}

impl std::fmt::Display for Status {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Code(code) => write!(formatter, "{code}"),
            Self::Range(range) => write!(formatter, "{range}XX"),
            Self::Default => formatter.write_str("default"),
        }
    }
}

/// An answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Response {
    /// What it is documented for.
    pub status: Status,
    /// About it, in CommonMark.
    pub description: Option<String>,
    /// Its headers, by name in lower case.
    pub headers: IndexMap<String, Header>,
    /// Its bodies, by media type.
    pub content: IndexMap<String, MediaType>,
    /// Its links, as they stand.
    pub links: IndexMap<String, Value>,
    /// Where it stands in the document.
    pub pointer: String,
}

/// A header of an answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Header {
    /// Whether it must be there.
    pub required: bool,
    /// What its value may be.
    pub schema: Option<Schema>,
}

/// Reads the operations of a document, with what they take from its root.
pub(super) struct Reader<'a> {
    pub(super) schemas: &'a mut Schemas,
    pub(super) warnings: &'a mut Vec<Warning>,
    pub(super) scheme_names: Vec<String>,
    pub(super) security: Vec<Requirement>,
    pub(super) tenant: Option<Tenant>,
}

impl Reader<'_> {
    /// Every operation under `paths`.
    pub(super) fn operations(&mut self, paths: &Node<'_>) -> Result<Vec<Operation>, Fault> {
        let mut operations: Vec<Operation> = Vec::new();
        let mut known = HashSet::new();
        for (path, item) in paths.members()? {
            for method in METHODS {
                let Some(node) = item.get(method)? else { continue };
                let mut operation = self.operation(path, method, &item, &node)?;
                while !known.insert(operation.id.clone()) {
                    operation.id.push('_');
                    self.warn(&node, format!("the operationId stands twice; here it is called `{}`", operation.id));
                }
                operations.push(operation);
            }
        }
        Ok(operations)
    }

    fn operation(&mut self, path: &str, method: &str, item: &Node<'_>, node: &Node<'_>) -> Result<Operation, Fault> {
        let id = node.text("operationId")?.filter(|id| !id.is_empty());
        let servers = server::read(node)?;
        Ok(Operation {
            id: id.unwrap_or_else(|| generated_id(method, path)),
            method: method.to_ascii_uppercase(),
            path: path.to_owned(),
            tags: self.tags(node)?,
            summary: node.text("summary")?,
            description: node.text("description")?,
            deprecated: node.flag("deprecated")?,
            parameters: self.parameters(path, item, node)?,
            request_body: node.get("requestBody")?.map(|body| self.request_body(&body)).transpose()?,
            responses: self.responses(node)?,
            security: security::effective(node, &self.security, &self.scheme_names)?,
            servers: if servers.is_empty() { server::read(item)? } else { servers },
            tenant: self.tenant(path, node)?,
            rate_limit: node.extension("x-rate-limit")?,
            retry: node.extension("x-retry")?,
            idempotent: node.optional_flag("x-idempotent")?,
            pagination: node.extension("x-pagination")?,
            pointer: node.pointer.clone(),
        })
    }

    /// What binds the operation to an organization. A parameter that its path does not have binds it to none: login
    /// stands under the same root as everything else.
    fn tenant(&self, path: &str, node: &Node<'_>) -> Result<Option<Tenant>, Fault> {
        let tenant = node.extension("x-tenant")?.or_else(|| self.tenant.clone());
        Ok(tenant.filter(|tenant| match tenant {
            Tenant::Path(parameter) => template_names(path).contains(&parameter.as_str()),
            Tenant::Token => true,
        }))
    }

    fn tags(&self, node: &Node<'_>) -> Result<Vec<String>, Fault> {
        let Some(tags) = node.raw("tags") else { return Ok(Vec::new()) };
        Ok(tags.items()?.iter().filter_map(|tag| tag.value.as_str().map(str::to_owned)).collect())
    }

    /// The parameters of the path and of the operation; the operation's replace those of equal name and place.
    fn parameters(&mut self, path: &str, item: &Node<'_>, node: &Node<'_>) -> Result<Vec<Parameter>, Fault> {
        let mut parameters: Vec<Parameter> = Vec::new();
        for list in [item.raw("parameters"), node.raw("parameters")].into_iter().flatten() {
            for place in list.items()? {
                let Some(parameter) = self.parameter(&place)? else { continue };
                parameters.retain(|other| (&other.name, other.location) != (&parameter.name, parameter.location));
                parameters.push(parameter);
            }
        }
        for name in template_names(path) {
            if !parameters.iter().any(|other| other.location == Location::Path && other.name == name) {
                self.warn(node, format!("the path parameter `{name}` is not declared; it is taken as a string"));
                parameters.push(undeclared(name, &node.pointer));
            }
        }
        Ok(parameters)
    }

    fn parameter(&mut self, node: &Node<'_>) -> Result<Option<Parameter>, Fault> {
        let name = node.required_text("name")?;
        let location = match node.required_text("in")?.as_str() {
            "path" => Location::Path,
            "query" => Location::Query,
            "header" => Location::Header,
            "cookie" => Location::Cookie,
            other => {
                return Err(Fault::new(
                    ErrorKind::Structure,
                    format!("{}/in", node.pointer),
                    format!("`{other}` is no place for a parameter"),
                )
                .remedy("write `path`, `query`, `header` or `cookie`"));
            }
        };
        let reserved = ["accept", "content-type", "authorization"];
        if location == Location::Header && reserved.contains(&name.to_ascii_lowercase().as_str()) {
            // OpenAPI 3.1, 4.8.12.2.1: such a definition is ignored.
            self.warn(node, format!("the header parameter `{name}` is ignored, as OpenAPI says"));
            return Ok(None);
        }
        let framing = ["content-length", "transfer-encoding", "connection", "host"];
        if location == Location::Header && framing.contains(&name.to_ascii_lowercase().as_str()) {
            self.warn(node, format!("the header parameter `{name}` is ignored: HTTP itself says it of each message"));
            return Ok(None);
        }
        let (encoding, schema, example) = self.encoding(node, location)?;
        let required = location == Location::Path || node.flag("required")?;
        let (description, deprecated) = (node.text("description")?, node.flag("deprecated")?);
        let pointer = node.pointer.clone();
        Ok(Some(Parameter { name, location, required, encoding, schema, example, description, deprecated, pointer }))
    }

    fn encoding(&mut self, node: &Node<'_>, location: Location) -> Result<(Encoding, Schema, Option<Value>), Fault> {
        if let Some(content) = node.get("content")?
            && let Some((media_type, media)) = content.members()?.into_iter().next()
        {
            let media = self.media_type(&media)?;
            let example = media.examples.into_iter().next().map(|example| example.value);
            let schema = media.schema.unwrap_or_else(|| any(&node.pointer));
            return Ok((Encoding::Content(media_type.to_owned()), schema, example));
        }
        let style = match node.text("style")?.as_deref() {
            None if matches!(location, Location::Query | Location::Cookie) => Style::Form,
            None => Style::Simple,
            Some(text) => serde_json::from_value(Value::from(text)).map_err(|_| {
                Fault::new(ErrorKind::Structure, format!("{}/style", node.pointer), format!("`{text}` is no style"))
                    .remedy("OpenAPI 3.1, 4.8.12.3 lists the styles")
            })?,
        };
        let explode = node.optional_flag("explode")?.unwrap_or(style == Style::Form);
        let allow_reserved = node.flag("allowReserved")?;
        let schema = match node.raw("schema") {
            Some(schema) => self.schemas.schema(&schema)?,
            None => any(&node.pointer),
        };
        let example = self.examples(node)?.into_iter().next().map(|example| example.value);
        Ok((Encoding::Style { style, explode, allow_reserved }, schema, example))
    }

    fn request_body(&mut self, node: &Node<'_>) -> Result<RequestBody, Fault> {
        Ok(RequestBody {
            required: node.flag("required")?,
            content: self.content(node)?,
            description: node.text("description")?,
            pointer: node.pointer.clone(),
        })
    }

    fn responses(&mut self, node: &Node<'_>) -> Result<Vec<Response>, Fault> {
        let Some(responses) = node.get("responses")? else { return Ok(Vec::new()) };
        let mut all = Vec::new();
        for (key, place) in responses.members()? {
            let status = Status::parse(key).ok_or_else(|| {
                Fault::new(ErrorKind::Structure, &place.pointer, format!("`{key}` is no status"))
                    .remedy("write a code such as '200', a range such as '4XX', or `default`")
            })?;
            all.push(self.response(status, &place)?);
        }
        Ok(all)
    }

    fn response(&mut self, status: Status, node: &Node<'_>) -> Result<Response, Fault> {
        let mut headers = IndexMap::new();
        if let Some(declared) = node.get("headers")? {
            for (name, header) in declared.members()? {
                let schema = header.raw("schema").map(|schema| self.schemas.schema(&schema)).transpose()?;
                headers.insert(name.to_ascii_lowercase(), Header { required: header.flag("required")?, schema });
            }
        }
        let mut links = IndexMap::new();
        if let Some(declared) = node.get("links")? {
            links.extend(declared.members()?.into_iter().map(|(name, link)| (name.to_owned(), link.value.clone())));
        }
        let (description, content) = (node.text("description")?, self.content(node)?);
        Ok(Response { status, description, headers, content, links, pointer: node.pointer.clone() })
    }

    fn content(&mut self, node: &Node<'_>) -> Result<IndexMap<String, MediaType>, Fault> {
        let Some(content) = node.get("content")? else { return Ok(IndexMap::new()) };
        content.members()?.into_iter().map(|(name, media)| Ok((name.to_owned(), self.media_type(&media)?))).collect()
    }

    fn media_type(&mut self, node: &Node<'_>) -> Result<MediaType, Fault> {
        let mut encoding = IndexMap::new();
        if let Some(declared) = node.get("encoding")? {
            encoding.extend(declared.members()?.into_iter().map(|(name, part)| (name.to_owned(), part.value.clone())));
        }
        let schema = node.raw("schema").map(|schema| self.schemas.schema(&schema)).transpose()?;
        Ok(MediaType { schema, examples: self.examples(node)?, encoding })
    }

    fn examples(&self, node: &Node<'_>) -> Result<Vec<Example>, Fault> {
        let mut all = Vec::new();
        if let Some(examples) = node.get("examples")?.filter(|examples| examples.value.is_object()) {
            for (name, example) in examples.members()? {
                let Some(value) = example.value.get("value") else { continue };
                let auth_cases = match example.raw("x-auth-case") {
                    Some(cases) if cases.value.is_string() => example.extension("x-auth-case")?.into_iter().collect(),
                    _ => example.extension("x-auth-case")?.unwrap_or_default(),
                };
                all.push(Example { name: name.to_owned(), value: value.clone(), auth_cases });
            }
        }
        if let Some(value) = node.value.get("example") {
            all.push(Example { name: "example".to_owned(), value: value.clone(), auth_cases: Vec::new() });
        }
        Ok(all)
    }

    fn warn(&mut self, node: &Node<'_>, message: String) {
        self.warnings.push(Warning { pointer: node.pointer.clone(), message });
    }
}

/// The names in a path template, in order.
#[must_use]
pub fn template_names(path: &str) -> Vec<&str> {
    path.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name).collect()
}

fn any(pointer: &str) -> Schema {
    Schema { value: Value::Bool(true), pointer: pointer.to_owned() }
}

fn undeclared(name: &str, pointer: &str) -> Parameter {
    Parameter {
        name: name.to_owned(),
        location: Location::Path,
        required: true,
        encoding: Encoding::Style { style: Style::Simple, explode: false, allow_reserved: false },
        schema: Schema { value: serde_json::json!({"type": "string"}), pointer: pointer.to_owned() },
        example: None,
        description: None,
        deprecated: false,
        pointer: pointer.to_owned(),
    }
}

/// A name for an operation without one: `getDevicesById` for `GET /devices/{id}`.
fn generated_id(method: &str, path: &str) -> String {
    let mut id = method.to_owned();
    for segment in path.split(['/', '.', ':', '?', '&', '=', '#']).filter(|segment| !segment.is_empty()) {
        let (by, words) = match segment.split_once('{') {
            Some((before, rest)) => (format!("{before} By"), rest.replace(['{', '}'], " ")),
            None => (String::new(), segment.to_owned()),
        };
        for word in format!("{by} {words}").split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
            let mut letters = word.chars();
            id.extend(letters.next().into_iter().flat_map(char::to_uppercase));
            id.extend(letters);
        }
    }
    id
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_without_a_name_get_a_readable_one() {
        assert_eq!(generated_id("get", "/devices/{id}"), "getDevicesById");
        assert_eq!(generated_id("post", "/a-b/{x_y}/c.{format}"), "postABByXYCByFormat");
        assert_eq!(generated_id("get", "/"), "get");
    }

    #[test]
    fn statuses_are_codes_ranges_or_default() {
        assert_eq!(Status::parse("200"), Some(Status::Code(200)));
        assert_eq!(Status::parse("4xx"), Some(Status::Range(4)));
        assert_eq!(Status::parse("default"), Some(Status::Default));
        assert_eq!(Status::parse("9XX"), None);
        assert_eq!(Status::parse("ok"), None);
    }
}
