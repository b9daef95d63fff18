//! Methods: one per operation, its parameters and the members of its body as arguments.

use super::annotation::{self, BUILTINS, output};
use super::answer::{Answers, is_paged};
use super::text::{docstring, kept_free, listed, literal};
use super::{Package, docs};
use crate::rust::secret;
use crate::surface::{Answer, Argument, Body, Method};
use crate::types::{TypeRef, Types};
use crate::{Language, names};

/// The names that a method's own parameters may not have.
const TAKEN: [&str; 10] = [
    "self",
    "options",
    "body",
    "timeout",
    "deadline",
    "max_retries",
    "idempotency_key",
    "extra_headers",
    "extra_query",
    "media_type",
];
/// The names of a resource that no method may have.
const MEMBERS: [&str; 2] = ["explain", "with_raw_response"];

/// Every parameter of `method`.
pub(super) fn arguments<'m, 'a>(method: &'m Method<'a>) -> impl Iterator<Item = &'m Argument<'a>> {
    method.required.iter().chain(&method.optional)
}

/// The type that `method` answers, if it is JSON.
pub(super) fn answered<'m>(method: &'m Method<'_>) -> Option<&'m TypeRef> {
    match &method.answer {
        Answer::Json(kind) => Some(kind),
        _ => None,
    }
}

/// The types that `method` is given: its parameters' and its body's, or those of the members of a flat body.
pub(super) fn inputs(types: &Types, method: &Method<'_>) -> Vec<TypeRef> {
    let mut kinds: Vec<TypeRef> = arguments(method).map(|argument| argument.kind.clone()).collect();
    if let Some(body) = &method.body {
        match types.fields(&body.kind).filter(|_| body.flat) {
            Some(fields) => {
                kinds.extend(fields.iter().filter(|field| !field.read_only).map(|field| field.kind.clone()));
            }
            None => kinds.push(body.kind.clone()),
        }
    }
    kinds
}

/// Whether the body of `method` is a form that may hold files: bytes that are given for a field of any type are one.
fn is_form(method: &Method<'_>) -> bool {
    method.body.as_ref().is_some_and(|body| body.media_type.starts_with("multipart/"))
}

/// How a field of a form is annotated that takes files; `None` for another one.
fn upload(types: &Types, kind: &TypeRef) -> Option<String> {
    match types.resolved(kind) {
        TypeRef::Binary => Some("Upload".to_owned()),
        TypeRef::List(items) if types.resolved(&items) == TypeRef::Binary => Some("Sequence[Upload]".to_owned()),
        TypeRef::Nullable(inner) => upload(types, &inner),
        _ => None,
    }
}

/// The name of `method` in Python.
pub(super) fn name(method: &Method<'_>) -> String {
    let hidden: Vec<&str> = BUILTINS.into_iter().filter(|name| *name != "list").chain(MEMBERS).collect();
    kept_free(Language::Python.value(&method.name), &hidden)
}

/// A parameter of the Python function.
struct Parameter {
    name: String,
    annotation: String,
    is_required: bool,
    is_positional: bool,
    about: Option<String>,
    /// Its key among the arguments, or the member of the body that it is.
    key: String,
    is_member: bool,
    is_secret: bool,
}

/// The source of `method`, synchronous or asynchronous. `list` is how lists are called in its class.
pub(super) fn source(
    package: &Package<'_>,
    method: &Method<'_>,
    list: &str,
    answers: &mut Answers,
    is_async: bool,
) -> String {
    let parameters = parameters(package, method);
    let paged = method.items.as_ref().filter(|_| is_paged(method));
    let answer = match (paged, is_async) {
        (Some(items), false) => format!("SyncPage[{}]", output(items, list)),
        (Some(items), true) => format!("AsyncPaginator[{}]", output(items, list)),
        (None, _) => answer(method, list),
    };
    let word = if is_async && paged.is_none() { "async def" } else { "def" };
    let mut source =
        listed(4, &format!("{word} {}(", name(method)), &signature(&parameters), &format!(") -> {answer}:"));
    source.push_str(&docstring(8, &about(method, &parameters, paged.is_some())));
    let value = match paged {
        Some(items) => answers.pages(package.surface, method, items, list),
        None => answers.of(method, list),
    };
    let call = match (paged, is_async) {
        (Some(_), _) => "return self._list(",
        (None, true) => "return await self._call(",
        (None, false) => "return self._call(",
    };
    let secrets: Vec<&str> = parameters.iter().filter(|one| one.is_secret).map(|one| one.name.as_str()).collect();
    let column = if secrets.is_empty() { 8 } else { 12 };
    let arguments = dictionary(column + 4, "", &parameters, false);
    let mut crossing = vec![method.index.to_string(), arguments, value, "options".to_owned()];
    crossing.extend(body(column + 4, method, &parameters));
    let call = listed(column, call, &crossing, ")");
    if secrets.is_empty() {
        return source + &call;
    }
    // A traceback that shows variables must show no secret, so the frame keeps none.
    source + &format!("        try:\n{call}        finally:\n            del {}\n", secrets.join(", "))
}

fn answer(method: &Method<'_>, list: &str) -> String {
    match &method.answer {
        Answer::Json(kind) => output(kind, list),
        Answer::Text => "str".to_owned(),
        Answer::Binary => "bytes".to_owned(),
        Answer::Empty => "None".to_owned(),
    }
}

/// Path parameters by position; everything else by name, what is required first.
fn parameters(package: &Package<'_>, method: &Method<'_>) -> Vec<Parameter> {
    let mut taken: Vec<String> = TAKEN.map(str::to_owned).into();
    let mut free = |name: &str| names::distinct(kept_free(Language::Python.value(name), &TAKEN), &mut taken);
    let annotate = |kind: &TypeRef| annotation::input(kind, &package.surface.types, &|name| package.inputs.param(name));
    let mut parameters: Vec<Parameter> = arguments(method)
        .map(|argument| Parameter {
            name: free(&argument.name),
            annotation: annotate(&argument.kind),
            is_required: argument.parameter.required,
            is_positional: argument.parameter.location == bitting_spec::table::Location::Path,
            about: argument.parameter.description.clone(),
            key: argument.key.clone(),
            is_member: false,
            is_secret: secret::is_named(&argument.name),
        })
        .collect();
    if let Some(body) = &method.body {
        parameters.extend(members(package, body, &mut free, &annotate));
    }
    // A stable sort: inside each group the document's order stays.
    parameters.sort_by_key(|parameter| (!parameter.is_positional, !parameter.is_required));
    parameters
}

/// The members of a flat body, or the body as one parameter.
fn members(
    package: &Package<'_>,
    body: &Body,
    free: &mut dyn FnMut(&str) -> String,
    annotate: &dyn Fn(&TypeRef) -> String,
) -> Vec<Parameter> {
    let Some(fields) = package.surface.types.fields(&body.kind).filter(|_| body.flat) else {
        let annotation = match &body.kind {
            TypeRef::Binary => "bytes | bytearray | memoryview | IO[bytes]".to_owned(),
            kind => annotate(kind),
        };
        return vec![Parameter {
            name: "body".to_owned(),
            annotation,
            is_required: body.required,
            is_positional: false,
            about: Some(format!("The request body, sent as {}.", body.media_type)),
            key: String::new(),
            is_member: true,
            // What it holds is not known.
            is_secret: true,
        }];
    };
    let types = &package.surface.types;
    let def = match types.resolved(&body.kind) {
        TypeRef::Named(name) => types.get(&name),
        _ => None,
    };
    let secrets = def.map(|def| secret::members(types, def)).unwrap_or_default();
    let fields = fields.iter().filter(|field| !field.read_only);
    let is_form = body.media_type.starts_with("multipart/");
    let file = |kind: &TypeRef| upload(types, kind).filter(|_| is_form);
    let member = |field: &crate::types::Field| Parameter {
        name: free(&field.name),
        annotation: file(&field.kind).unwrap_or_else(|| annotate(&field.kind)),
        is_required: field.required && body.required,
        is_positional: false,
        about: field.description.clone(),
        key: field.name.clone(),
        is_member: true,
        is_secret: secrets.contains(&field.name),
    };
    fields.map(member).collect()
}

fn signature(parameters: &[Parameter]) -> Vec<String> {
    let mut items = vec!["self".to_owned()];
    let mut is_named = false;
    for parameter in parameters {
        if !parameter.is_positional && !is_named {
            is_named = true;
            items.push("*".to_owned());
        }
        let Parameter { name, annotation, .. } = parameter;
        items.push(match parameter.is_required {
            true => format!("{name}: {annotation}"),
            false => format!("{name}: {annotation} | NotGiven = NOT_GIVEN"),
        });
    }
    items.push("**options: Unpack[RequestOptions]".to_owned());
    items
}

fn about(method: &Method<'_>, parameters: &[Parameter], is_paged: bool) -> Vec<String> {
    let mut paragraphs = docs::about(method.operation);
    if is_paged {
        paragraphs.push("The answer is a page; iterating over it goes on through the pages that follow.".to_owned());
    }
    let described = |parameter: &Parameter| {
        let about = docs::sentence(&docs::one_line(parameter.about.as_deref()?));
        Some(format!("    {}: {about}", parameter.name))
    };
    let described: Vec<String> = parameters.iter().filter_map(described).collect();
    if !described.is_empty() {
        paragraphs.push(format!("Args:\n{}", described.join("\n")));
    }
    paragraphs.extend(docs::raises(method.operation));
    paragraphs
}

/// The arguments, or the members of the body, by their keys; as an argument of the call, behind `head`.
fn dictionary(column: usize, head: &str, parameters: &[Parameter], of_members: bool) -> String {
    let chosen = parameters.iter().filter(|parameter| parameter.is_member == of_members);
    let entries: Vec<String> =
        chosen.map(|parameter| format!("{}: {}", literal(&parameter.key), parameter.name)).collect();
    // Where it stands in a call, a comma is behind it.
    listed(column, &format!("{head}{{"), &entries, "}").trim().to_owned()
}

/// The arguments of the call that carry the body. Bytes and text name their media type; the core writes the others.
fn body(column: usize, method: &Method<'_>, parameters: &[Parameter]) -> Vec<String> {
    let Some(body) = &method.body else { return Vec::new() };
    let form = is_form(method).then(|| "media_type=\"multipart/form-data\"".to_owned());
    if body.flat {
        let members = match body.required {
            true => dictionary(column, "body=", parameters, true),
            false => format!("body=given({}) or NOT_GIVEN", dictionary(column, "", parameters, true)),
        };
        return std::iter::once(members).chain(form).collect();
    }
    let mut arguments: Vec<String> = std::iter::once("body=body".to_owned()).chain(form).collect();
    let is_text = body.kind == TypeRef::String && body.media_type.starts_with("text/");
    if body.kind == TypeRef::Binary || is_text {
        arguments.push(format!("media_type={}", literal(&body.media_type)));
    }
    arguments
}
