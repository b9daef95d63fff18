//! Walking a list page by page, as the document says that it is paged.

use bitting_spec::Operation;
use bitting_spec::extension::{Pagination, PaginationStyle};
use bitting_spec::table::Location;
use serde_json::Value;

use super::stage::listed_items;
use super::{Context, Stop};
use crate::credentials::Role;
use crate::generate::Case;
use crate::http::Exchange;

/// The most pages that are asked for.
pub(crate) const MAX_PAGES: usize = 20;
/// The size that is asked for where the document names no largest one.
const USUAL_SIZE: u64 = 100;

impl Context<'_> {
    /// The pages of a list, as large as they get.
    pub(crate) async fn pages(&self, operation: &Operation, case: &Case, role: Role) -> Result<Vec<Exchange>, Stop> {
        let size = operation.pagination.as_ref().map_or(USUAL_SIZE, |paging| largest(operation, paging));
        self.pages_of(operation, case, role, size, MAX_PAGES).await
    }

    /// The first `most` pages of `size` items each.
    pub(crate) async fn pages_of(
        &self,
        operation: &Operation,
        case: &Case,
        role: Role,
        size: u64,
        most: usize,
    ) -> Result<Vec<Exchange>, Stop> {
        let Some(paging) = &operation.pagination else { return Ok(vec![self.call(operation, case, role).await?]) };
        let mut case = case.clone();
        if let Some(name) = size_parameter(paging) {
            case.set(name, Location::Query, Value::from(size));
        }
        let mut pages = Vec::new();
        let mut passed = 0;
        while pages.len() < most {
            let page = self.call(operation, &case, role).await?;
            let items = listed_items(operation, &page.answer).unwrap_or_default();
            let next = next(paging, &page, passed + items.len(), paging.first + pages.len() as u64 + 1);
            passed += items.len();
            let is_last = items.is_empty() || !page.answer.is_success();
            pages.push(page);
            match next {
                Some((name, value)) if !is_last => case.set(&name, Location::Query, value),
                _ => break,
            }
        }
        Ok(pages)
    }
}

/// The items of all pages.
pub(crate) fn all_items(operation: &Operation, pages: &[Exchange]) -> Vec<Value> {
    pages.iter().flat_map(|page| listed_items(operation, &page.answer).unwrap_or_default()).cloned().collect()
}

/// The query parameter for the page's size.
pub(crate) fn size_parameter(paging: &Pagination) -> Option<&str> {
    paging.request.get("limit").or_else(|| paging.request.get("size")).map(String::as_str)
}

fn largest(operation: &Operation, paging: &Pagination) -> u64 {
    let name = size_parameter(paging);
    let parameter = operation.parameters.iter().find(|parameter| Some(parameter.name.as_str()) == name);
    parameter.and_then(|parameter| parameter.schema.value.get("maximum")?.as_u64()).unwrap_or(USUAL_SIZE)
}

/// The parameter that asks for the page after `page`, when so many items and pages have passed.
fn next(paging: &Pagination, page: &Exchange, items: usize, number: u64) -> Option<(String, Value)> {
    match paging.style {
        PaginationStyle::Offset => Some((paging.request.get("offset")?.clone(), Value::from(items))),
        PaginationStyle::Page => Some((paging.request.get("page")?.clone(), Value::from(number))),
        PaginationStyle::Cursor => {
            let cursor = page.answer.parsed()?.pointer(paging.response.get("next")?)?.clone();
            (!cursor.is_null() && cursor != "").then_some((paging.request.get("cursor")?.clone(), cursor))
        }
    }
}
