//! A whole document: read, checked, and given as the model that everything else works on.

mod direction;
mod error;
mod files;
mod halves;
mod node;
mod operation;
mod overlay;
pub(crate) mod pagination;
pub(crate) mod schema;
mod security;
mod server;
mod source;
mod table;

use std::io;

use indexmap::IndexMap;
use serde_json::Value;

pub use direction::{Direction, directed};
pub use error::{Error, ErrorKind, Warning};
pub use operation::{
    Example, Header, METHODS, MediaType, Operation, Parameter, RequestBody, Response, Status, template_names, trimmed,
};
pub use schema::{Schema, component_name, component_names};
pub use security::SecurityScheme;
pub use server::{Server, path_of};

use crate::extension::{RateLimit, Retry};
use crate::infer::plain;
use crate::table::Location;
use error::Fault;
use files::Files;
use node::Node;
use source::Source;

/// Where documents come from; the model itself does no I/O.
pub trait Reader {
    /// The text of the file `name`.
    ///
    /// # Errors
    /// Whatever keeps it from being read; [`io::ErrorKind::NotFound`] if there is none.
    fn read(&self, name: &str) -> io::Result<String>;
}

impl<F: Fn(&str) -> io::Result<String>> Reader for F {
    fn read(&self, name: &str) -> io::Result<String> {
        self(name)
    }
}

/// An OpenAPI document.
#[derive(Debug, Clone)]
pub struct Document {
    /// The version of OpenAPI that it is written in, such as `3.1.0`.
    pub openapi: String,
    /// The API's title (`info.title`).
    pub title: String,
    /// The API's version (`info.version`).
    pub version: String,
    /// About the API, in CommonMark.
    pub description: Option<String>,
    /// Its servers.
    pub servers: Vec<Server>,
    /// Its operations.
    pub operations: Vec<Operation>,
    /// Its security schemes.
    pub security_schemes: Vec<SecurityScheme>,
    /// Its schemas by name, as JSON Schema 2020-12.
    pub schemas: IndexMap<String, Value>,
    /// What its server limits (`x-rate-limit`).
    pub rate_limit: Option<RateLimit>,
    /// What may be tried again (`x-retry`).
    pub retry: Option<Retry>,
    /// What was found that is worth knowing.
    pub warnings: Vec<Warning>,
    /// The document as one JSON value, overlay applied.
    pub value: Value,
    files: Files,
    /// The places of the operations, by their paths.
    by_path: Vec<usize>,
}

/// Where something of a document was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place<'a> {
    /// The file's name.
    pub file: &'a str,
    /// The line, counted from 1, where it is known.
    pub line: Option<usize>,
}

/// Reads YAML or JSON as one plain value, with the care that documents are read with; `name` is what errors call it.
///
/// # Errors
/// What is wrong, and on which line.
pub fn read_value(name: &str, text: &str) -> Result<Value, Error> {
    value_of(&Source::new(name, text))
}

/// The line in `text` (YAML or JSON) of the place that `pointer` (RFC 6901) names, or of the nearest place above it,
/// counted from 1.
#[must_use]
pub fn line_of(text: &str, pointer: &str) -> Option<usize> {
    Source::new("", text).line(pointer)
}

impl Document {
    /// Reads the document `name`, the files that its relative references lead to, and the overlay beside it:
    /// `arrow.overlay.yaml` for `arrow.yaml`.
    ///
    /// # Errors
    /// What is wrong, in which file, on which line and at which place.
    pub fn load(name: &str, reader: &dyn Reader) -> Result<Self, Error> {
        let text = reader.read(name).map_err(|error| unreadable(name, &error))?;
        let beside = overlay_name(name);
        let overlay = match reader.read(&beside) {
            Ok(overlay) => Some(Source::new(&beside, &overlay)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(unreadable(&beside, &error)),
        };
        let source = Source::new(name, &text);
        let value = value_of(&source)?;
        let (value, files) = files::gather(source, value, reader)?;
        Self::build(files, value, overlay.as_ref())
    }

    /// Reads a document from its text; `name` is what errors call it.
    ///
    /// # Errors
    /// What is wrong, on which line and at which place.
    pub fn parse(name: &str, text: &str) -> Result<Self, Error> {
        let source = Source::new(name, text);
        let value = value_of(&source)?;
        Self::build(Files::one(source), value, None)
    }

    /// Reads a document from its text and applies an overlay to it.
    ///
    /// # Errors
    /// What is wrong, in which of the two, on which line and at which place.
    pub fn parse_with_overlay(name: &str, text: &str, overlay_name: &str, overlay: &str) -> Result<Self, Error> {
        let source = Source::new(name, text);
        let value = value_of(&source)?;
        Self::build(Files::one(source), value, Some(&Source::new(overlay_name, overlay)))
    }

    fn build(files: Files, mut value: Value, overlay: Option<&Source>) -> Result<Self, Error> {
        let mut warnings = Vec::new();
        if let Some(overlay) = overlay {
            let actions = value_of(overlay)?;
            warnings = overlay::apply(&actions, &mut value).map_err(|fault| {
                let line = overlay.line(&fault.pointer);
                fault.at(&overlay.name, line)
            })?;
        }
        match read(&value, warnings) {
            Ok(document) => Ok(Self { files, value, ..document }),
            // What is missing can be added where the document itself is somebody else's.
            Err(fault) if fault.kind == ErrorKind::Reference && !files.name().contains("://") => {
                let beside = overlay_name(files.name());
                Err(files
                    .error(fault.or_else(&format!("or change it in {beside}, an OpenAPI Overlay beside the document"))))
            }
            Err(fault) => Err(files.error(fault)),
        }
    }

    /// The operation called `id`.
    #[must_use]
    pub fn operation(&self, id: &str) -> Option<&Operation> {
        self.operations.iter().find(|operation| operation.id == id)
    }

    /// The operations whose path begins with `prefix`, in the document's order.
    pub fn operations_below<'a>(&'a self, prefix: &str) -> impl Iterator<Item = &'a Operation> {
        let at = |&index: &usize| self.operations.get(index);
        let first = self.by_path.partition_point(|index| at(index).is_some_and(|one| one.path.as_str() < prefix));
        let is_below = |index: &&usize| at(index).is_some_and(|one| one.path.starts_with(prefix));
        let mut below: Vec<usize> = self.by_path[first..].iter().take_while(is_below).copied().collect();
        below.sort_unstable();
        below.into_iter().filter_map(|index| self.operations.get(index))
    }

    /// The operation that makes the objects of the collection at `path`: the POST there. A slash, or `.json`, at the end of
    /// either path does not matter.
    #[must_use]
    pub fn creator(&self, path: &str) -> Option<&Operation> {
        self.at("POST", path)
    }

    /// The operation that reads what `path` leads to, an object or a list: the GET there.
    #[must_use]
    pub fn reader(&self, path: &str) -> Option<&Operation> {
        self.at("GET", path)
    }

    fn at(&self, method: &str, path: &str) -> Option<&Operation> {
        let path = trimmed(path);
        self.operations_below(path).find(|other| other.method == method && other.trimmed_path() == path)
    }

    /// The operation that a URL in the document leads to, such as an OAuth 2.0 endpoint: by its path, with or without the
    /// path of a server before it. A whole URL is often written for a server that the document does not name: there the
    /// end of its path is enough.
    #[must_use]
    pub fn operation_at(&self, method: &str, url: &str) -> Option<&Operation> {
        let wanted = path_of(url);
        let own = |operation: &Operation| path_of(&operation.path);
        let all = || self.operations.iter().filter(|operation| operation.method == method && operation.path.len() > 1);
        let is_served = |operation: &&Operation| {
            let path = own(operation);
            self.servers.iter().any(|server| wanted == format!("{}{path}", path_of(&server.url)))
        };
        let ends_so = |operation: &&Operation| url.contains("://") && wanted.ends_with(&own(operation));
        let exact = all().find(|operation| own(operation) == wanted);
        exact.or_else(|| all().find(is_served)).or_else(|| all().find(ends_so))
    }

    /// The header by which a server tells that a write is repeated: the document's own (`x-retry`), else the parameter that
    /// is commonly called so (draft-ietf-httpapi-idempotency-key-header).
    #[must_use]
    pub fn idempotency_header<'a>(&'a self, operation: &'a Operation) -> Option<&'a str> {
        const NAMES: [&str; 4] = ["idempotencykey", "xidempotencykey", "idempotencytoken", "xidempotencytoken"];
        let stated = self.retry.as_ref().and_then(|retry| retry.idempotency_key.as_ref());
        let is_it = |one: &&Parameter| one.location == Location::Header && NAMES.contains(&plain(&one.name).as_str());
        let common = || operation.parameters.iter().find(is_it).map(|parameter| parameter.name.as_str());
        stated.map(|stated| stated.header.as_str()).or_else(common)
    }

    /// The security scheme called `name`.
    #[must_use]
    pub fn scheme(&self, name: &str) -> Option<&SecurityScheme> {
        self.security_schemes.iter().find(|scheme| scheme.name == name)
    }

    /// The name by which errors call the document.
    #[must_use]
    pub fn file(&self) -> &str {
        self.files.name()
    }

    /// Where the place that `pointer` (RFC 6901) names was written, or the nearest place above it. A document may be in
    /// several files.
    #[must_use]
    pub fn place(&self, pointer: &str) -> Place<'_> {
        self.files.place(pointer)
    }

    /// `schema` with every component that it names beside it, so that a validator takes it as it is.
    #[must_use]
    pub fn bundle(&self, schema: &Value) -> Value {
        schema::bundle(&self.schemas, schema)
    }

    /// `schema` itself with references to components followed, until it is none.
    #[must_use]
    pub fn resolve<'a>(&'a self, schema: &'a Value) -> &'a Value {
        schema::resolve(&self.schemas, schema)
    }
}

/// Where the overlay of the document `name` stands.
fn overlay_name(name: &str) -> String {
    let (directory, file) = name.rsplit_once('/').map_or(("", name), |(directory, file)| (directory, file));
    let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
    let separator = if directory.is_empty() && !name.starts_with('/') { "" } else { "/" };
    format!("{directory}{separator}{stem}.overlay.yaml")
}

fn unreadable(name: &str, error: &io::Error) -> Error {
    Fault::new(ErrorKind::Unreadable, "", format!("cannot be read: {error}"))
        .remedy("check the path and the file's permissions")
        .at(name, None)
}

fn value_of(source: &Source) -> Result<Value, Error> {
    source.value().map_err(|(fault, line)| fault.at(&source.name, line))
}

/// Reads the model from the document's value. `files` and `value` are filled in by the caller.
fn read(value: &Value, mut warnings: Vec<Warning>) -> Result<Document, Fault> {
    let root = Node::root(value);
    let openapi = version(&root)?;
    let info = root.get("info")?.ok_or_else(|| Fault::new(ErrorKind::Structure, "", "`info` is missing"))?;
    info.object()?;
    let mut schemas = schema::Schemas::read(&root, openapi.starts_with("3.0"))?;
    let security_schemes = security::schemes(&root)?;
    let scheme_names: Vec<String> = security_schemes.iter().map(|scheme| scheme.name.clone()).collect();
    let mut operations = match root.get("paths")? {
        Some(paths) => operation::Reader {
            schemas: &mut schemas,
            warnings: &mut warnings,
            security: security::requirements(&root, &scheme_names)?.unwrap_or_default(),
            scheme_names,
            tenant: root.extension("x-tenant")?,
        }
        .operations(&paths)?,
        None => Vec::new(),
    };
    if operations.is_empty() {
        let message = "the document describes no operation, so there is nothing to call, serve or check".to_owned();
        warnings.push(Warning { pointer: "/paths".to_owned(), message });
    }
    let (schemas, ignored) = schemas.finish();
    warnings.extend(ignored);
    warnings.extend(schema::circles(&schemas));
    for operation in &mut operations {
        operation.pagination = operation.pagination.take().or_else(|| pagination::infer(operation, &schemas));
    }
    let mut by_path: Vec<usize> = (0..operations.len()).collect();
    by_path.sort_by_key(|&index| &operations[index].path);
    Ok(Document {
        title: info.text("title")?.unwrap_or_default(),
        version: info.text("version")?.unwrap_or_default(),
        description: info.text("description")?,
        servers: server::read(&root)?,
        rate_limit: root.extension("x-rate-limit")?,
        retry: root.extension("x-retry")?,
        value: Value::Null,
        files: Files::one(Source::new("", "")),
        by_path,
        openapi,
        operations,
        security_schemes,
        schemas,
        warnings,
    })
}

fn version(root: &Node<'_>) -> Result<String, Fault> {
    if let Some(swagger) = root.text("swagger")? {
        return Err(Fault::new(ErrorKind::Version, "/swagger", format!("this is Swagger {swagger}, not OpenAPI 3"))
            .remedy("convert it to OpenAPI 3.0 or 3.1 first, for example with `npx swagger2openapi`"));
    }
    root.object()?;
    let version = root.text("openapi")?.ok_or_else(|| {
        Fault::new(ErrorKind::Version, "", "this is no OpenAPI document: `openapi` is missing")
            .remedy("the document begins with `openapi: 3.1.0`")
    })?;
    if version.starts_with("3.0") || version.starts_with("3.1") {
        return Ok(version);
    }
    Err(Fault::new(ErrorKind::Version, "/openapi", format!("OpenAPI {version} is not supported"))
        .remedy("write the document in OpenAPI 3.0 or 3.1"))
}
