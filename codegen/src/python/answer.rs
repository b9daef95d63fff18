//! The constants of a resource module: how each method's answer is read, and how its pages are walked.

use bitting_spec::extension::{Pagination, PaginationStyle};
use heck::ToShoutySnakeCase;

use super::annotation::output;
use super::method;
use super::model::attribute_name;
use super::text::{listed, tuple};
use crate::names;
use crate::surface::{Answer, Method, Surface};
use crate::types::TypeRef;

/// The constants of one module, each written once.
#[derive(Debug, Default)]
pub(super) struct Answers {
    /// Their source.
    pub(super) source: String,
    taken: Vec<String>,
    known: Vec<(TypeRef, String)>,
    paged: Vec<(String, String)>,
}

impl Answers {
    /// The expression for the answer of `method`.
    pub(super) fn of(&mut self, method: &Method<'_>, list: &str) -> String {
        match &method.answer {
            Answer::Json(kind) => self.json(kind, list),
            Answer::Text => "TEXT".to_owned(),
            Answer::Binary => "BINARY".to_owned(),
            Answer::Empty => "EMPTY".to_owned(),
        }
    }

    /// The expression for the pages of `method`, whose items are `items`.
    pub(super) fn pages(&mut self, surface: &Surface<'_>, method: &Method<'_>, items: &TypeRef, list: &str) -> String {
        let Some(pagination) = &method.operation.pagination else { return self.of(method, list) };
        let mut arguments = vec![self.of(method, list)];
        arguments.extend(parts(surface, method, pagination));
        let items = output(items, list);
        let head = format!("Pages[{items}] = Pages(");
        let value = listed(0, &head, &arguments, ")");
        if let Some((_, name)) = self.paged.iter().find(|(known, _)| *known == value) {
            return name.clone();
        }
        let name = self.name(&format!("{} pages", items.replace("builtins.", "")));
        self.source.push_str(&listed(0, &format!("{name}: {head}"), &arguments, ")"));
        self.paged.push((value, name.clone()));
        name
    }

    fn json(&mut self, kind: &TypeRef, list: &str) -> String {
        if let Some((_, name)) = self.known.iter().find(|(known, _)| known == kind) {
            return name.clone();
        }
        let text = output(kind, list);
        let name = self.name(&text.replace("builtins.", ""));
        let empty = if matches!(kind, TypeRef::Nullable(_)) { ", may_be_empty=True" } else { "" };
        self.source.push_str(&format!("{name}: Json[{text}] = Json({text}{empty})\n"));
        self.known.push((kind.clone(), name.clone()));
        name
    }

    fn name(&mut self, words: &str) -> String {
        names::distinct(format!("_{}", words.to_shouty_snake_case()), &mut self.taken)
    }
}

fn style(pagination: &Pagination) -> &'static str {
    match pagination.style {
        PaginationStyle::Offset => "offset",
        PaginationStyle::Page => "page",
        PaginationStyle::Cursor => "cursor",
    }
}

/// The attributes that lead to the parts of a page.
fn parts(surface: &Surface<'_>, method: &Method<'_>, pagination: &Pagination) -> Vec<String> {
    let path = |part| pagination.response.get(part).and_then(|pointer| path(surface, method, pointer));
    ["items", "total"].into_iter().filter_map(|part| Some(format!("{part}={}", tuple(&path(part)?)))).collect()
}

/// The attributes that a JSON pointer into the answer passes; `None` where the type does not know them.
fn path(surface: &Surface<'_>, method: &Method<'_>, pointer: &str) -> Option<Vec<String>> {
    let mut kind = method::answered(method)?.clone();
    let mut path = Vec::new();
    for segment in pointer.split('/').skip(1) {
        let segment = segment.replace("~1", "/").replace("~0", "~");
        if let TypeRef::Nullable(inner) = kind {
            kind = *inner;
        }
        kind = surface.types.fields(&kind)?.iter().find(|field| field.name == segment)?.kind.clone();
        path.push(attribute_name(&segment));
    }
    Some(path)
}

/// Whether the pages of `method` can be walked in Python: there is an argument that asks for the next one, and nothing
/// but arguments makes up the request.
pub(super) fn is_paged(method: &Method<'_>) -> bool {
    let pagination = method.operation.pagination.as_ref();
    let position = pagination.and_then(|pagination| pagination.request.get(style(pagination)));
    let is_asked =
        position.is_some_and(|name| method::arguments(method).any(|argument| argument.parameter.name == *name));
    method.items.is_some() && method.body.is_none() && is_asked
}
