//! Walking the pages of a list. Each page is a call of its own, so a token that ends in between is renewed like any.

use std::collections::VecDeque;

use bitting_spec::extension::{Pagination, PaginationStyle};
use bitting_spec::table::Operation;
use futures_util::stream::{Stream, try_unfold};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::Error;
use crate::response::Response;
use crate::typed::{Decode, Request, Success, undecodable};

/// The pages of a list, fetched one by one.
#[derive(Debug)]
pub struct Pages<T> {
    request: Request<T>,
    pagination: Option<Pagination>,
    /// The items of the page before.
    before: Vec<Value>,
    done: bool,
}

impl<T> Pages<T> {
    pub(crate) fn new(request: Request<T>) -> Self {
        let operations = &request.client.api().operations;
        let operation = operations.iter().find(|operation| operation.id == request.call.operation);
        let pagination = operation.and_then(|operation| operation.pagination.clone());
        Self { request, pagination, before: Vec::new(), done: false }
    }

    async fn fetch(&mut self) -> Option<Result<(Response, Page), Error>> {
        if self.done {
            return None;
        }
        let response = match self.request.client.call(self.request.call.clone()).await {
            Ok(response) => response,
            Err(error) => {
                // The page stays the next one: who asks again goes on where the error came.
                return Some(Err(error));
            }
        };
        let Some(pagination) = &self.pagination else {
            self.done = true;
            return Some(Ok((response, Page::default())));
        };
        match Page::read(&response.body, pagination) {
            Ok(page) if page.repeats(&self.before) => {
                self.done = true;
                None
            }
            Ok(page) => {
                self.before.clone_from(&page.items);
                self.done = !advance(&mut self.request.call.arguments, pagination, &page);
                Some(Ok((response, page)))
            }
            Err(problem) => Some(Err(undecodable(&response, problem))),
        }
    }

    /// The items of all pages, one by one, as values of `I`. After an error the stream ends.
    pub fn items<I: DeserializeOwned>(self) -> impl Stream<Item = Result<I, Error>>
    where
        T: 'static,
    {
        let state = (self, VecDeque::new());
        try_unfold(state, |(mut pages, mut items): (Self, VecDeque<I>)| async move {
            loop {
                if let Some(item) = items.pop_front() {
                    return Ok(Some((item, (pages, items))));
                }
                let Some(page) = pages.fetch().await else { return Ok(None) };
                let (response, page) = page?;
                for item in page.items {
                    let item = serde_json::from_value(item);
                    items.push_back(item.map_err(|error| undecodable(&response, format!("an item: {error}")))?);
                }
            }
        })
    }
}

impl<T: Decode> Pages<T> {
    /// The next page; `None` after the last. After an error the same page is asked for again.
    pub async fn next(&mut self) -> Option<Result<Success<T>, Error>> {
        let page = self.fetch().await?;
        Some(page.and_then(|(response, _)| Success::decode(response)))
    }
}

/// The arguments of the page after the one that `arguments` asked for, by what `answer`, the body of that page, says;
/// `None` after the last one. For those who make the calls themselves, as other languages do.
///
/// # Errors
/// What keeps `answer` from being a page of `operation`.
pub fn next_page(
    operation: &Operation,
    mut arguments: Vec<(String, Value)>,
    answer: &[u8],
) -> Result<Option<Vec<(String, Value)>>, String> {
    let Some(pagination) = &operation.pagination else { return Ok(None) };
    let page = Page::read(answer, pagination)?;
    Ok(advance(&mut arguments, pagination, &page).then_some(arguments))
}

/// What a page says about itself.
#[derive(Debug, Default, PartialEq)]
struct Page {
    items: Vec<Value>,
    total: Option<u64>,
    next: Option<Value>,
}

impl Page {
    /// Whether this is the page before once more: some servers do not know what asks for the next one, others give the
    /// last one for whatever lies behind it. Where the total is known, that tells the end.
    fn repeats(&self, before: &[Value]) -> bool {
        self.total.is_none() && self.items.first().is_some_and(Value::is_object) && self.items == before
    }

    /// Reads the body of a page; an error says what is wrong with it.
    fn read(body: &[u8], pagination: &Pagination) -> Result<Self, String> {
        let mut body: Value = serde_json::from_slice(body).map_err(|error| error.to_string())?;
        let part = |name: &str| pagination.response.get(name).and_then(|pointer| body.pointer(pointer));
        let is_mark = |value: &&Value| !value.is_null() && value.as_str() != Some("");
        let (total, next) = (part("total").and_then(Value::as_u64), part("next").filter(is_mark).cloned());
        let pointer = pagination.response.get("items").map_or("", String::as_str);
        match body.pointer_mut(pointer).map(Value::take) {
            Some(Value::Array(items)) => Ok(Self { items, total, next }),
            _ => Err(format!("there is no list of items at `{pointer}`")),
        }
    }
}

/// Turns the arguments of a page into those of the next one; `false` if it was the last.
fn advance(arguments: &mut Vec<(String, Value)>, pagination: &Pagination, page: &Page) -> bool {
    let name = |part: &str| pagination.request.get(part).map_or_else(|| part.to_owned(), Clone::clone);
    let number = |name: &str| find(arguments, name).and_then(Value::as_u64);
    let count = page.items.len() as u64;
    match pagination.style {
        PaginationStyle::Offset => {
            let offset = number(&name("offset")).unwrap_or(0).saturating_add(count);
            let full = number(&name("limit")).is_none_or(|limit| count >= limit);
            let more = count > 0 && page.total.map_or(full, |total| offset < total);
            replace(arguments, &name("offset"), Value::from(offset));
            more
        }
        PaginationStyle::Page => {
            let current = number(&name("page")).unwrap_or(pagination.first);
            let size = number(&name("size"));
            let pages = current.saturating_sub(pagination.first).saturating_add(1);
            let seen = pages.saturating_mul(size.unwrap_or(count));
            let full = size.is_none_or(|size| count >= size);
            let more = count > 0 && page.total.map_or(full, |total| seen < total);
            replace(arguments, &name("page"), Value::from(current.saturating_add(1)));
            more
        }
        PaginationStyle::Cursor => {
            let cursor = name("cursor");
            let before = find(arguments, &cursor).cloned();
            // A server that answers the same mark for ever must not be asked for ever.
            let Some(next) = page.next.clone().filter(|next| Some(next) != before.as_ref()) else { return false };
            replace(arguments, &cursor, next);
            true
        }
    }
}

/// The value of an argument, which may stand under its location and name.
fn find<'a>(arguments: &'a [(String, Value)], name: &str) -> Option<&'a Value> {
    arguments.iter().find(|(known, _)| is(known, name)).map(|(_, value)| value)
}

fn replace(arguments: &mut Vec<(String, Value)>, name: &str, value: Value) {
    match arguments.iter_mut().find(|(known, _)| is(known, name)) {
        Some((_, old)) => *old = value,
        None => arguments.push((name.to_owned(), value)),
    }
}

fn is(known: &str, name: &str) -> bool {
    known == name || known.strip_prefix("query:") == Some(name)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::call::Call;

    fn pagination(style: PaginationStyle) -> Pagination {
        let response = [("items", "/items"), ("total", "/total"), ("next", "/next")];
        let response = response.map(|(part, pointer)| (part.to_owned(), pointer.to_owned())).into();
        Pagination { style, request: [].into(), response, first: 1 }
    }

    fn page(count: usize, total: Option<u64>, next: Option<&str>) -> Page {
        Page { items: vec![json!({}); count], total, next: next.map(Value::from) }
    }

    fn argument<'a>(call: &'a Call, name: &str) -> Option<&'a Value> {
        call.arguments.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// ARROW-5, ROBOTICKS-4: by offset, until the total is reached or a page is not full.
    #[test]
    fn offsets_advance_until_the_total() {
        let pagination = pagination(PaginationStyle::Offset);
        let mut call = Call::new("list").argument("limit", 2);
        assert!(advance(&mut call.arguments, &pagination, &page(2, Some(3), None)));
        assert_eq!(argument(&call, "offset"), Some(&json!(2)));
        assert!(!advance(&mut call.arguments, &pagination, &page(1, Some(3), None)));
        let mut call = Call::new("list").argument("limit", 2);
        assert!(advance(&mut call.arguments, &pagination, &page(2, None, None)));
        assert!(!advance(&mut call.arguments, &pagination, &page(1, None, None)));
        assert!(!advance(&mut call.arguments, &pagination, &page(0, Some(99), None)));
    }

    #[test]
    fn page_numbers_and_cursors_advance() {
        let mut call = Call::new("list").argument("size", 2);
        assert!(advance(&mut call.arguments, &pagination(PaginationStyle::Page), &page(2, Some(3), None)));
        assert_eq!(argument(&call, "page"), Some(&json!(2)));
        assert!(!advance(&mut call.arguments, &pagination(PaginationStyle::Page), &page(1, Some(3), None)));
        let from_zero = Pagination { first: 0, ..pagination(PaginationStyle::Page) };
        let mut call = Call::new("list").argument("size", 2);
        assert!(advance(&mut call.arguments, &from_zero, &page(2, Some(3), None)));
        assert_eq!(argument(&call, "page"), Some(&json!(1)));
        assert!(!advance(&mut call.arguments, &from_zero, &page(1, Some(3), None)));
        let cursor = pagination(PaginationStyle::Cursor);
        let mut call = Call::new("list");
        assert!(advance(&mut call.arguments, &cursor, &page(2, None, Some("abc"))));
        assert_eq!(argument(&call, "cursor"), Some(&json!("abc")));
        assert!(!advance(&mut call.arguments, &cursor, &page(2, None, Some("abc"))));
        assert!(!advance(&mut call.arguments, &cursor, &page(2, None, None)));
    }

    /// A mark that is empty or no mark is none, and an argument may stand under its location.
    #[test]
    fn the_next_page_is_asked_for_by_the_arguments_alone() {
        let operation = |pagination| {
            let operation = json!({"id": "list", "method": "GET", "path": "/x"});
            let operation: Operation = serde_json::from_value(operation).expect("an operation");
            Operation { pagination: Some(pagination), ..operation }
        };
        let asked = vec![("query:cursor".to_owned(), json!("a")), ("q".to_owned(), json!(1))];
        let cursor = operation(pagination(PaginationStyle::Cursor));
        let next = |body: &str| next_page(&cursor, asked.clone(), body.as_bytes());
        let following = next(r#"{"items": [1], "next": "b"}"#).expect("a page").expect("another one");
        assert_eq!(following, [("query:cursor".to_owned(), json!("b")), ("q".to_owned(), json!(1))]);
        for last in [r#"{"items": [1], "next": ""}"#, r#"{"items": []}"#, r#"{"items": [1], "next": "a"}"#] {
            assert_eq!(next(last), Ok(None), "{last}");
        }
        assert_eq!(next("{}"), Err("there is no list of items at `/items`".to_owned()));
        assert!(next("<html>").is_err());
    }
}
