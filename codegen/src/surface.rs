//! What a generated client offers, free of any language: resources, methods, arguments, answers.

use bitting_spec::table::{Api, Location};
use bitting_spec::{Document, Operation, Parameter, Status};
use heck::ToSnakeCase;
use serde_json::{Value, json};

use crate::names;
use crate::types::{TypeKind, TypeRef, Types};

/// Everything that a client of one document offers.
#[derive(Debug)]
pub struct Surface<'a> {
    /// The document.
    pub document: &'a Document,
    /// The API's name in kebab case.
    pub name: String,
    /// Its resources: `client.devices`.
    pub resources: Vec<Resource<'a>>,
    /// Its types.
    pub types: Types,
    /// The operation table, which a client carries.
    pub table: Api,
}

/// A group of methods, named by the first tag of their operations.
#[derive(Debug)]
pub struct Resource<'a> {
    /// Its name as the tag has it; each language gives it its own case.
    pub name: String,
    /// Its methods, in the order of the document.
    pub methods: Vec<Method<'a>>,
}

/// A method: one operation.
#[derive(Debug)]
pub struct Method<'a> {
    /// The operation that it calls.
    pub operation: &'a Operation,
    /// Where the operation stands in the operation table.
    pub index: usize,
    /// Its name as words (`list organization`); each language gives it its own case.
    pub name: String,
    /// The arguments that must be given, path parameters first, in the order of the path.
    pub required: Vec<Argument<'a>>,
    /// The arguments that may be left out.
    pub optional: Vec<Argument<'a>>,
    /// The request body.
    pub body: Option<Body>,
    /// What it answers.
    pub answer: Answer,
    /// The type of the items, if its pages can be walked.
    pub items: Option<TypeRef>,
}

/// An argument: one parameter.
#[derive(Debug)]
pub struct Argument<'a> {
    /// The parameter.
    pub parameter: &'a Parameter,
    /// What the runtime knows it by: its name, with the place before it (`query:id`) where the name stands twice.
    pub key: String,
    /// Its name as words, unlike any other argument's of the method.
    pub name: String,
    /// Its type.
    pub kind: TypeRef,
}

/// A request body.
#[derive(Debug)]
pub struct Body {
    /// Whether it must be given.
    pub required: bool,
    /// The media type in which it is sent, JSON if it may be.
    pub media_type: String,
    /// Its type.
    pub kind: TypeRef,
    /// Whether its members can stand beside the arguments: it is an object, and no name stands twice.
    pub flat: bool,
}

/// What a method answers.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// JSON of a type.
    Json(TypeRef),
    /// Text.
    Text,
    /// Bytes.
    Binary,
    /// Nothing.
    Empty,
}

impl<'a> Surface<'a> {
    /// The surface of `document` for an API called `name`.
    #[must_use]
    pub fn of(document: &'a Document, name: &str) -> Self {
        let (types, table) = (Types::of(document), document.table(name));
        let mut surface = Self { document, name: name.to_owned(), resources: Vec::new(), types, table };
        for (index, operation) in document.operations.iter().enumerate() {
            let resource = operation.tags.first().map_or("default", String::as_str).to_owned();
            let method = surface.method(index, operation, &resource);
            match surface.resources.iter_mut().find(|other| other.name == resource) {
                Some(resource) => resource.methods.push(method),
                None => surface.resources.push(Resource { name: resource, methods: vec![method] }),
            }
        }
        surface.resources.iter_mut().for_each(Resource::tell_apart);
        surface
    }

    fn method(&mut self, index: usize, operation: &'a Operation, resource: &str) -> Method<'a> {
        let mut arguments = self.arguments(operation);
        let path = &operation.path;
        arguments.sort_by_key(|argument| match argument.parameter.location {
            Location::Path => path.find(&format!("{{{}}}", argument.parameter.name)).unwrap_or(usize::MAX - 1),
            _ => usize::MAX,
        });
        let (required, optional): (Vec<_>, Vec<_>) =
            arguments.into_iter().partition(|argument| argument.parameter.required);
        let body = self.body(operation, required.iter().chain(&optional));
        let answer = self.answer(operation);
        let items = self.items(operation, &answer);
        Method {
            operation,
            index,
            name: method_name(own_name(operation), &operation.path, resource),
            required,
            optional,
            body,
            answer,
            items,
        }
    }

    fn arguments(&mut self, operation: &'a Operation) -> Vec<Argument<'a>> {
        let mut taken = Vec::new();
        let parameters = operation.parameters.iter();
        parameters
            .map(|parameter| {
                let twice = operation.parameters.iter().filter(|other| other.name == parameter.name).count() > 1;
                let key = if twice {
                    format!("{}:{}", parameter.location.as_str(), parameter.name)
                } else {
                    parameter.name.clone()
                };
                let hint = format!("{} {}", operation.id, parameter.name);
                let kind = self.types.read(self.document, &parameter.schema.value, &hint);
                let name = names::distinct(parameter.name.to_snake_case(), &mut taken);
                Argument { parameter, key, name, kind }
            })
            .collect()
    }

    fn body<'b>(&mut self, operation: &Operation, arguments: impl Iterator<Item = &'b Argument<'a>>) -> Option<Body>
    where
        'a: 'b,
    {
        let request = operation.request_body.as_ref()?;
        let media_types = || request.content.iter();
        let (media_type, media) = media_types().find(|(name, _)| is_json(name)).or_else(|| media_types().next())?;
        let hint = format!("{} body", operation.id);
        let kind = match &media.schema {
            Some(schema) if is_structured(media_type) => self.types.read(self.document, &schema.value, &hint),
            _ if media_type.starts_with("text/") => TypeRef::String,
            _ => TypeRef::Binary,
        };
        // A form has fields, whatever else the document says of it.
        let is_form = is_structured(media_type) && !is_json(media_type);
        let has_none = matches!(self.types.resolved(&kind), TypeRef::String | TypeRef::Binary | TypeRef::Any);
        let kind = if is_form && has_none { TypeRef::Map(Box::new(TypeRef::Any)) } else { kind };
        let names: Vec<&str> = arguments.map(|argument| argument.name.as_str()).collect();
        // What only the server sets is no argument, so it is in nobody's way.
        let flat = self.types.fields(&kind).is_some_and(|fields| {
            let mut sent = fields.iter().filter(|field| !field.read_only);
            sent.all(|field| !names.contains(&field.name.to_snake_case().as_str()))
        });
        Some(Body { required: request.required, media_type: media_type.clone(), kind, flat })
    }

    fn answer(&mut self, operation: &Operation) -> Answer {
        let mut schemas: Vec<&Value> = Vec::new();
        let (mut empty, mut other) = (false, None);
        for response in operation.successes() {
            // Such an answer never has a body, whatever the document says (RFC 9110, 15.3.5 and 15.3.6).
            if response.content.is_empty() || matches!(response.status, Status::Code(204 | 205)) {
                empty = true;
                continue;
            }
            for (media_type, media) in &response.content {
                match &media.schema {
                    Some(schema) if is_json(media_type) || media_type == "*/*" && self.is_object(&schema.value) => {
                        if !schemas.contains(&&schema.value) {
                            schemas.push(&schema.value);
                        }
                    }
                    None if is_json(media_type) => schemas.push(&Value::Bool(true)),
                    _ if media_type.starts_with("text/") => other = other.or(Some(Answer::Text)),
                    _ => other = other.or(Some(Answer::Binary)),
                }
            }
        }
        let hint = format!("{} response", operation.id);
        let kind = match schemas.as_slice() {
            [] => return other.unwrap_or(Answer::Empty),
            [one] => self.types.read(self.document, one, &hint),
            many => self.types.read(self.document, &json!({"anyOf": many}), &hint),
        };
        Answer::Json(if empty { kind.or_null() } else { kind })
    }

    /// Whether a schema is of an object or a list, which no text and no bytes are: `*/*`, as springdoc writes it, means
    /// JSON then.
    fn is_object(&self, schema: &Value) -> bool {
        let schema = self.document.resolve(schema);
        let is_kind = |kind: &str| schema.get("type").is_some_and(|known| known == kind);
        is_kind("object") || is_kind("array") || schema.get("properties").is_some()
    }

    /// The type of the items of a page, found where the paging says that they stand.
    fn items(&self, operation: &Operation, answer: &Answer) -> Option<TypeRef> {
        let pointer = operation.pagination.as_ref()?.response.get("items")?;
        let Answer::Json(mut kind) = answer.clone() else { return None };
        for segment in pointer.split('/').skip(1) {
            let fields = self.types.fields(&kind)?;
            kind = fields.iter().find(|field| field.name == segment)?.kind.clone();
        }
        match self.types.resolved(&kind) {
            TypeRef::List(items) => Some(*items),
            _ => None,
        }
    }

    /// The places of the resource and of the method that a readme shows: one that reads and needs little, and that walks
    /// through pages rather than not.
    pub fn showcase(&self, fits: &dyn Fn(&Method<'_>) -> bool) -> Option<(usize, usize)> {
        let places = self.resources.iter().enumerate().flat_map(|(place, resource)| {
            resource.methods.iter().enumerate().map(move |(index, method)| (place, index, method))
        });
        let needs_body = |method: &Method<'_>| method.body.as_ref().is_some_and(|body| body.required);
        let shown = places.filter(|(.., method)| fits(method) && !needs_body(method)).min_by_key(|(.., method)| {
            let operation = method.operation;
            let cost = method.required.len() + if method.items.is_some() { 0 } else { 2 };
            (operation.method != "GET", operation.deprecated, cost)
        });
        shown.map(|(place, index, _)| (place, index))
    }

    /// A value for an argument of a readme's call.
    pub fn sample(&self, argument: &Argument<'_>) -> Value {
        let stated = argument.parameter.example.as_ref().filter(|value| value.is_string() || value.is_number());
        stated.cloned().unwrap_or_else(|| match self.types.resolved(&argument.kind) {
            TypeRef::Integer | TypeRef::Number => json!(1),
            TypeRef::Boolean => json!(true),
            TypeRef::Named(name) => match self.types.get(&name).map(|def| &def.kind) {
                Some(TypeKind::Enum(values)) => json!(values.first()),
                _ => json!(argument.parameter.name),
            },
            TypeRef::List(_) => json!([argument.parameter.name]),
            _ => json!(argument.parameter.name),
        })
    }

    /// The union types that are told apart by nothing: languages differ in what they can do with them.
    pub fn untagged_unions(&self) -> impl Iterator<Item = &str> {
        self.types.defs.iter().filter_map(|def| match &def.kind {
            TypeKind::Union { discriminator: None, .. } => Some(def.name.as_str()),
            _ => None,
        })
    }
}

impl Resource<'_> {
    /// Where shortening made two names one, the operations' full names stay.
    fn tell_apart(&mut self) {
        let names: Vec<String> = self.methods.iter().map(|method| method.name.clone()).collect();
        for method in &mut self.methods {
            if names.iter().filter(|name| **name == method.name).count() > 1 {
                method.name = method.operation.id.to_snake_case().replace('_', " ");
            }
        }
        // Two ids may differ in what no language keeps: `a-b` and `a_b`.
        let mut taken = Vec::new();
        for method in &mut self.methods {
            method.name = names::distinct_words(std::mem::take(&mut method.name), " ", &mut taken);
        }
    }
}

/// The name that an operation was given: without its path and method, which FastAPI writes behind it
/// (`list_notes_notes__id__get` of `GET /notes/{id}` is `list_notes`), and without the class that NestJS writes before it
/// (`NotesController_list`).
fn own_name(operation: &Operation) -> &str {
    let path: String =
        operation.path.chars().map(|letter| if letter.is_alphanumeric() { letter } else { '_' }).collect();
    let place = format!("{path}_{}", operation.method.to_lowercase());
    let name = operation.id.strip_suffix(&place).filter(|name| !name.is_empty()).unwrap_or(&operation.id);
    let class = name.split_once("Controller_").filter(|(class, rest)| !class.contains('_') && !rest.is_empty());
    class.map_or(name, |(_, rest)| rest)
}

/// The name of a method: its operation's, without the resource that it stands under. `listDevices` of `devices` is
/// `list`, `listOrganizationDevices` is `list organization`, `devices/list` is `list`.
fn method_name(operation_id: &str, path: &str, resource: &str) -> String {
    let resource = words_of(resource);
    let cuts = operation_id.match_indices(['/', ':', '.', '_', '-']);
    let mut behind = cuts.map(|(at, mark)| (&operation_id[..at], &operation_id[at + mark.len()..]));
    let own = behind.find(|(before, rest)| words_of(before) == resource && !rest.is_empty());
    let words = words_of(own.map_or(operation_id, |(_, rest)| rest));
    shorter(&words, &resource, path).unwrap_or(words.as_slice()).join(" ")
}

/// Words without the resource at their end, if what is left says the same under it.
fn shorter<'w>(words: &'w [String], resource: &[String], path: &str) -> Option<&'w [String]> {
    const ARTICLES: [&str; 3] = ["a", "an", "the"];
    const LINKING: [&str; 14] =
        ["and", "as", "at", "by", "for", "from", "in", "of", "on", "or", "per", "to", "via", "with"];
    let kept = words.len().checked_sub(resource.len()).filter(|kept| *kept > 0)?;
    let singular = |word: &str| word.trim_end_matches('s').to_owned();
    let is_same = |(word, other): (&String, &String)| singular(word) == singular(other);
    if !words[kept..].iter().zip(resource).all(is_same) {
        return None;
    }
    let kept = &words[..kept];
    let kept = kept.split_last().filter(|(last, _)| ARTICLES.contains(&last.as_str())).map_or(kept, |(_, rest)| rest);
    let (verb, last) = (kept.first()?, kept.last()?);
    // `list tags for` leads nowhere, and to create the payment of a booking is not to create a booking.
    let names_a_parent = || {
        let mut segments = path.split('/').flat_map(words_of);
        kept.len() > 1 && verb != "list" && segments.any(|segment| singular(&segment) == singular(last))
    };
    (!LINKING.contains(&last.as_str()) && !names_a_parent()).then_some(kept)
}

fn words_of(name: &str) -> Vec<String> {
    name.to_snake_case().split('_').map(str::to_owned).collect()
}

/// Whether a media type is JSON (RFC 6839, 3.1).
pub(crate) fn is_json(media_type: &str) -> bool {
    let essence = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || essence.ends_with("+json")
}

/// Whether a body of this media type is written from members.
pub(crate) fn is_structured(media_type: &str) -> bool {
    is_json(media_type)
        || media_type.starts_with("application/x-www-form-urlencoded")
        || media_type.starts_with("multipart/")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a framework writes behind a name is no part of it.
    #[test]
    fn a_name_is_what_somebody_wrote() {
        let text = "openapi: 3.1.0\ninfo: {title: t, version: '1'}\npaths:\n  /notes/{note_id}:\n    get: {operationId: \
                    read_note_notes__note_id__get, parameters: [{name: note_id, in: path, required: true, schema: {}}], \
                    responses: {'200': {description: d}}}\n  /a: {get: {operationId: _a_get, responses: {'200': \
                    {description: d}}}}";
        let document = Document::parse("notes.yaml", text).expect("it is valid");
        let names: Vec<&str> = document.operations.iter().map(own_name).collect();
        assert_eq!(names, ["read_note", "_a_get"]);
    }

    /// What documents leave to be understood: `default` alone is what comes, springdoc's `*/*` is JSON where an object is
    /// meant, a 204 has no body; and ids that differ in nothing that a language keeps are still different methods.
    #[test]
    fn answers_and_names_are_understood() {
        let content = |kind: &str| {
            format!("{{description: d, content: {{'{kind}': {{schema: {{type: object, properties: {{a: {{}}}}}}}}}}}}")
        };
        let operation = |id: &str, responses: String| {
            format!("  /{id}: {{get: {{operationId: {id}, tags: [t], responses: {{{responses}}}}}}}\n")
        };
        let paths = [
            operation("a-b", format!("default: {}", content("application/json"))),
            operation("a_b", format!("'200': {}", content("*/*"))),
            operation("aB", format!("'200': {0}, '204': {0}", content("application/json"))),
            operation("bytes", format!("'200': {}, default: {}", content("image/png"), content("application/json"))),
        ];
        let text = format!("openapi: 3.1.0\ninfo: {{title: t, version: '1'}}\npaths:\n{}", paths.concat());
        let document = Document::parse("answers.yaml", &text).expect("it is valid");
        let surface = Surface::of(&document, "answers");
        let methods = &surface.resources[0].methods;
        let told: Vec<(&str, String)> =
            methods.iter().map(|one| (one.name.as_str(), format!("{:?}", one.answer))).collect();
        let starts = ["Json(Named", "Json(Named", "Json(Nullable", "Binary"];
        assert!(told.iter().zip(starts).all(|((_, answer), start)| answer.starts_with(start)), "{told:?}");
        assert_eq!(told.iter().map(|(name, _)| *name).collect::<Vec<_>>(), ["a b", "a b 2", "a b 3", "bytes"]);
    }

    #[test]
    fn methods_do_not_repeat_their_resource() {
        let table = [
            ("listDevices", "devices", "list"),
            ("getDevice", "devices", "get"),
            ("listOrganizationDevices", "devices", "list organization"),
            ("login", "auth", "login"),
            ("markVmReturned", "device-requests", "mark vm returned"),
            ("listDeviceRequests", "device-requests", "list"),
            ("devices", "devices", "devices"),
            ("apps/get-authenticated", "apps", "get authenticated"),
            ("code-scanning/list-alerts", "code-scanning", "list alerts"),
            ("users:list", "Users", "list"),
            ("device_types_list", "devices", "device types list"),
            ("get-an-album", "Albums", "get"),
            ("listTagsForAContact", "Contacts", "list tags for a contact"),
            ("createBookingPayment", "Payments", "create booking payment"),
        ];
        for (operation, resource, name) in table {
            assert_eq!(method_name(operation, "/bookings/{id}/payment", resource), name);
        }
    }
}
