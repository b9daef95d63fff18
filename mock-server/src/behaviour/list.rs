//! Lists: filtered by the query parameters that name a property, cut into pages, put into the document's envelope.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::mem::discriminant;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bitting_spec::extension::PaginationStyle;
use bitting_spec::infer::{self, Asks};
use bitting_spec::table::Location;
use chrono::DateTime;
use serde_json::{Map, Value};

use super::Desk;
use crate::collection::Collection;
use crate::defect::Flaw;
use crate::exchange::Answer;
use crate::fake::{Fake, flatten, flatten_at};
use crate::object;
use crate::token::put;
use crate::validate::allows_null;

/// The size of a page where neither the client nor the document states one.
const PAGE: usize = 20;

/// Which part of a list is answered.
struct Page {
    start: usize,
    size: usize,
}

impl Desk<'_> {
    /// Answers the objects under the first `depth` parents.
    pub(super) fn list(&self, index: usize, depth: usize) -> Answer {
        let collection = &self.core.plan.collections[index];
        let prefix = self.scope(collection, depth);
        let mut rows = {
            let mut world = self.core.world();
            let is_leaking = self.core.flaws.has(Flaw::M36);
            let mut rows = world.data.list(index, if is_leaking { &[] } else { &prefix });
            if is_leaking {
                // Own rows last: what leaks shows on the first page.
                rows.reverse();
            }
            if self.core.flaws.has(Flaw::M85) && !rows.is_empty() {
                let turn = usize::try_from(world.next_serial()).unwrap_or(0) % rows.len();
                rows.rotate_left(turn);
            }
            if self.lists_names() {
                rows = world.data.names(index, &prefix).into_iter().map(Arc::new).collect();
            }
            rows
        };
        self.filter(&collection.flat, &mut rows);
        self.order(&collection.flat, &mut rows);
        let total = rows.len();
        let Some(page) = self.page(&rows, collection.key.as_deref()) else { return self.no_page() };
        let items = rows.into_iter().skip(page.start).take(page.size);
        let items = items.map(|row| self.item(collection, &row)).collect();
        self.success(self.envelope(items, total, &page))
    }

    /// Whether the list holds the objects' names alone.
    fn lists_names(&self) -> bool {
        let schema = self.plan.list.as_ref().map(|(_, schema)| flatten(&self.core.plan.document, schema));
        schema.is_some_and(|schema| schema.get("type") == Some(&"string".into()))
    }

    fn item(&self, collection: &Collection, row: &Value) -> Value {
        match &self.plan.list {
            Some((_, schema)) if Some(schema) != collection.schema.as_ref() => {
                object::shown(&self.core.plan.document, schema, row, self.core.seed)
            }
            _ => row.clone(),
        }
    }

    /// Keeps the rows whose properties have the values of the query parameters of their names, or lie within the bounds.
    fn filter(&self, schema: &Map<String, Value>, rows: &mut Vec<Arc<Value>>) {
        let paging = self.plan.operation.pagination.iter().flat_map(|paging| paging.request.values());
        let paging: Vec<&String> = paging.collect();
        for parameter in &self.plan.operation.parameters {
            let name = &parameter.name;
            let is_filter = parameter.location == Location::Query && !paging.contains(&name);
            let Some(wanted) = self.given.parameter(Location::Query, name).filter(|_| is_filter) else { continue };
            // Whoever wants all of them wants no part.
            if wanted.as_str().is_some_and(|word| ["all", "any", "*"].contains(&word)) {
                continue;
            }
            let members = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
            let members: Vec<&str> = members.map(|(member, _)| member.as_str()).collect();
            match infer::filter(&members, name) {
                Some((member, Asks::Same)) => {
                    rows.retain(|row| row.get(member).is_some_and(|value| fits(value, wanted)));
                }
                Some((member, bound)) => {
                    rows.retain(|row| row.get(member).is_some_and(|value| lies(value, bound, wanted)));
                }
                None => {}
            }
        }
    }

    /// Puts the rows into the order of a property that a query parameter asks for: `name`, or `-name` for its reverse.
    fn order(&self, schema: &Map<String, Value>, rows: &mut [Arc<Value>]) {
        let has = |name: &str| schema.get("properties").is_some_and(|properties| properties.get(name).is_some());
        for parameter in self.plan.operation.parameters.iter().filter(|one| one.location == Location::Query) {
            let asked = self.given.parameter(Location::Query, &parameter.name).and_then(Value::as_str);
            let Some((member, is_falling)) = asked.map(direction) else { continue };
            if has(&parameter.name) || !has(member) {
                continue;
            }
            rows.sort_by(|left, right| {
                let order = compared(left.get(member), right.get(member));
                if is_falling { order.reverse() } else { order }
            });
        }
    }

    /// The part of a made-up list that was asked for: filtered, in order, and cut into the page, with what is around it told
    /// of the whole. `schema` is that of the items.
    pub(super) fn part_of(&self, answer: Answer, pointer: &str, schema: &Value) -> Answer {
        let list = answer.body.as_ref().and_then(|body| body.pointer(pointer)?.as_array());
        let Some(list) = list else { return answer };
        let mut list: Vec<Arc<Value>> = list.iter().map(|item| Arc::new(item.clone())).collect();
        let schema = flatten(&self.core.plan.document, schema);
        self.filter(&schema, &mut list);
        self.order(&schema, &mut list);
        let total = list.len();
        let Some(page) = self.page(&list, Some("id")) else { return self.no_page() };
        let items = list.into_iter().skip(page.start).take(page.size).map(Arc::unwrap_or_clone).collect();
        let mut body = answer.body.clone().unwrap_or_default();
        self.tell(&mut body, items, total, &page);
        let cut = Answer { body: Some(body), ..answer.clone() };
        // A list that has to hold more than a page does stays whole.
        if self.plan.answers.fits(&cut) { cut } else { answer }
    }

    /// `None`: the cursor is none of ours, nor the id of one of the rows.
    fn page(&self, rows: &[Arc<Value>], key: Option<&str>) -> Option<Page> {
        let Some(paging) = &self.plan.operation.pagination else { return Some(self.part(rows, key)) };
        let size_name = paging.request.get("limit").or(paging.request.get("size"));
        let size = size_name.and_then(|name| self.given.count(name).or_else(|| self.default(name)));
        let size = size.unwrap_or(PAGE);
        let asked = |part: &str| paging.request.get(part).and_then(|name| self.given.count(name));
        let start = match paging.style {
            PaginationStyle::Offset => asked("offset").unwrap_or(0),
            PaginationStyle::Page => {
                let first = usize::try_from(paging.first).unwrap_or(1);
                asked("page").unwrap_or(first).saturating_sub(first).saturating_mul(size)
            }
            PaginationStyle::Cursor => {
                let name = paging.request.get("cursor")?;
                match self
                    .given
                    .parameter(Location::Query, name)
                    .and_then(Value::as_str)
                    .filter(|text| !text.is_empty())
                {
                    Some(cursor) => read_cursor(cursor).or_else(|| behind(rows, key?, cursor))?,
                    None => 0,
                }
            }
        };
        Some(Page { start, size })
    }

    /// The part that is asked for where the document has no more than names for it.
    fn part(&self, rows: &[Arc<Value>], key: Option<&str>) -> Page {
        let most = infer::limit(&self.core.plan.document, &self.plan.operation);
        let size = most.and_then(|most| self.given.count(&most.name)).unwrap_or(rows.len());
        let last = BEHIND.iter().find_map(|name| self.given.parameter(Location::Query, name)?.as_str());
        let start = match (self.given.count("page"), self.given.count("offset").or(self.given.count("skip"))) {
            (Some(page), _) => page.saturating_sub(1).saturating_mul(size),
            (None, Some(start)) => start,
            (None, None) => last.zip(key).and_then(|(id, key)| behind(rows, key, id)).unwrap_or(0),
        };
        Page { start, size }
    }

    fn default(&self, name: &str) -> Option<usize> {
        let schema = self.query_schema(name)?;
        let number =
            |key: &str| schema.get(key).and_then(Value::as_u64).and_then(|number| usize::try_from(number).ok());
        number("default").or_else(|| number("maximum").map(|most| most.min(PAGE)))
    }

    fn query_schema(&self, name: &str) -> Option<Cow<'_, Map<String, Value>>> {
        let mut parameters = self.plan.operation.parameters.iter();
        let parameter = parameters.find(|parameter| parameter.location == Location::Query && parameter.name == name)?;
        Some(flatten(&self.core.plan.document, &parameter.schema.value))
    }

    fn no_page(&self) -> Answer {
        let refusal = self.plan.refusals.answer(self.plan.invalid, None, None).because("invalid");
        refusal.saying("the cursor is none that this server gave")
    }

    /// The answer around the items.
    fn envelope(&self, items: Vec<Value>, total: usize, page: &Page) -> Value {
        let pointer = self.plan.list.as_ref().map_or("", |(pointer, _)| pointer.as_str());
        let (true, Some(schema)) = (!pointer.is_empty(), &self.plan.success.schema) else { return Value::Array(items) };
        let mut envelope = Value::Object(Fake::new(&self.core.plan.document, self.core.seed).required(schema));
        self.tell(&mut envelope, items, total, page);
        envelope
    }

    /// Puts the items into an answer, and beside them what it says of the whole list.
    fn tell(&self, envelope: &mut Value, items: Vec<Value>, total: usize, page: &Page) {
        let pointer = self.plan.list.as_ref().map_or("", |(pointer, _)| pointer.as_str());
        let (false, Some(schema)) = (pointer.is_empty(), &self.plan.success.schema) else {
            *envelope = Value::Array(items);
            return;
        };
        let document = &self.core.plan.document;
        let flat = flatten(document, schema);
        let next = page.start.saturating_add(items.len());
        let has_more = next < total;
        let no_properties = Map::new();
        let properties = flat.get("properties").and_then(Value::as_object).unwrap_or(&no_properties);
        for (name, schema) in properties {
            if let Some(value) = self.told(name, total, page, has_more) {
                put(envelope, &format!("/{name}"), value);
            } else if name == "count"
                && properties.contains_key("total")
                && flatten(document, schema).get("type").is_some_and(|kind| kind == "integer" || kind == "number")
            {
                // Beside the total, what is counted is the page.
                put(envelope, &format!("/{name}"), Value::from(items.len()));
            } else if let Some(item) = outermost(name, &items) {
                put(envelope, &format!("/{name}"), item);
            } else if is_next(name) && self.plan.operation.pagination.is_none() && allows_null(document, schema) {
                put(envelope, &format!("/{name}"), Value::Null);
            }
            // What tells of the page may stand together in a member of its own.
            let together = envelope.get_mut(name).and_then(Value::as_object_mut).into_iter().flatten();
            for (inner, value) in together.filter(|(inner, _)| pointer != format!("/{name}/{inner}")) {
                let told = self.told(inner, total, page, has_more);
                if let Some(told) = told.filter(|told| discriminant(told) == discriminant(value)) {
                    *value = told;
                }
            }
        }
        put(envelope, pointer, Value::Array(items));
        let parts = self.plan.operation.pagination.iter().flat_map(|paging| &paging.response);
        for (part, pointer) in parts {
            match part.as_str() {
                "total" => put(envelope, pointer, Value::from(total)),
                "next" => self.put_next(envelope, pointer, has_more.then_some(next)),
                _ => {}
            }
        }
    }

    /// The cursor of the next page: `null`, or nothing at all, where there is none.
    fn put_next(&self, envelope: &mut Value, pointer: &str, next: Option<usize>) {
        if let Some(next) = next {
            return put(envelope, pointer, Value::from(cursor(next)));
        }
        let (above, name) = pointer.rsplit_once('/').unwrap_or(("", pointer));
        if self.holds_null(above, name) {
            return put(envelope, pointer, Value::Null);
        }
        if let Some(object) = envelope.pointer_mut(above).and_then(Value::as_object_mut) {
            object.shift_remove(name);
        }
    }

    /// Whether the member `name` of what stands at `above` in the answer may be `null`.
    fn holds_null(&self, above: &str, name: &str) -> bool {
        let document = &self.core.plan.document;
        let Some(schema) = &self.plan.success.schema else { return false };
        let around = flatten_at(document, schema, above);
        let property = around.as_ref().and_then(|flat| flat.get("properties")?.get(name));
        property.is_some_and(|schema| allows_null(document, schema))
    }

    /// What a member of the envelope says, as far as its name tells.
    fn told(&self, name: &str, total: usize, page: &Page, has_more: bool) -> Option<Value> {
        let paging = self.plan.operation.pagination.as_ref();
        let is = |part: &str| paging.is_some_and(|paging| paging.request.get(part).is_some_and(|known| known == name));
        match name {
            _ if is("limit") || is("size") => Some(Value::from(page.size)),
            _ if is("offset") => Some(Value::from(page.start)),
            _ if is("page") => {
                let passed = u64::try_from(page.start / page.size.max(1)).unwrap_or(u64::MAX);
                Some(Value::from(paging.map_or(1, |paging| paging.first).saturating_add(passed)))
            }
            "current_page" | "currentPage" if page.size > 0 => Some(Value::from(page.start / page.size + 1)),
            "per_page" | "perPage" | "page_size" | "pageSize" => Some(Value::from(page.size)),
            "total" | "total_count" | "totalCount" => Some(Value::from(total)),
            "pages" | "total_pages" | "totalPages" => Some(Value::from(total.div_ceil(page.size.max(1)))),
            "has_more" | "hasMore" | "has_next" => Some(Value::from(has_more)),
            _ => None,
        }
    }
}

/// The id of the first or the last item, where a member is called so.
fn outermost(name: &str, items: &[Value]) -> Option<Value> {
    let item = match name {
        "first_id" | "firstId" => items.first(),
        "last_id" | "lastId" => items.last(),
        _ => None,
    };
    item?.get("id").cloned()
}

/// Parameters that name the last object that was seen, by its id.
const BEHIND: [&str; 5] = ["starting_after", "startingAfter", "after", "after_id", "since_id"];

/// Where the rows behind the one of this id begin.
fn behind(rows: &[Arc<Value>], key: &str, id: &str) -> Option<usize> {
    Some(rows.iter().position(|row| row.get(key).is_some_and(|value| object::id_text(value) == id))? + 1)
}

/// The property that an order is by, and whether it falls.
fn direction(asked: &str) -> (&str, bool) {
    const FALLING: [&str; 3] = ["_desc", ":desc", " desc"];
    let falling = asked.strip_prefix('-').or_else(|| FALLING.iter().find_map(|end| asked.strip_suffix(end)));
    falling.map_or((asked, false), |member| (member, true))
}

/// The order of two values of one property.
fn compared(left: Option<&Value>, right: Option<&Value>) -> Ordering {
    match (left, right) {
        (Some(Value::String(left)), Some(Value::String(right))) => left.cmp(right),
        (Some(Value::Number(left)), Some(Value::Number(right))) => {
            left.as_f64().unwrap_or(f64::NAN).total_cmp(&right.as_f64().unwrap_or(f64::NAN))
        }
        (left, right) => rank(left).cmp(&rank(right)),
    }
}

/// Where a value stands among those of other kinds: what is not there comes first.
fn rank(value: Option<&Value>) -> u8 {
    match value {
        None => 0,
        Some(Value::Null) => 1,
        Some(Value::Bool(false)) => 2,
        Some(Value::Bool(true)) => 3,
        Some(Value::Number(_)) => 4,
        Some(Value::String(_)) => 5,
        Some(Value::Array(_) | Value::Object(_)) => 6,
    }
}

fn is_next(name: &str) -> bool {
    name.starts_with("next") || name.starts_with("prev")
}

/// Whether a property has the wanted value, or one of several.
fn fits(value: &Value, wanted: &Value) -> bool {
    match (value, wanted) {
        (_, Value::Array(wanted)) => wanted.iter().any(|wanted| fits(value, wanted)),
        (Value::Array(values), wanted) => values.contains(wanted),
        (value, wanted) => value == wanted,
    }
}

/// Whether a value lies on the side of a bound that is asked for. What cannot be compared is bounded by nothing.
fn lies(value: &Value, asks: Asks, bound: &Value) -> bool {
    let time = |value: &Value| DateTime::parse_from_rfc3339(value.as_str()?).ok();
    let order = match (value, bound) {
        (Value::Number(value), Value::Number(bound)) => value.as_f64().partial_cmp(&bound.as_f64()),
        (Value::String(left), Value::String(right)) => match (time(value), time(bound)) {
            (Some(value), Some(bound)) => Some(value.cmp(&bound)),
            // Dates, and a date beside a time of the day, are compared as they are written.
            _ => left.get(..10).zip(right.get(..10)).map(|(left, right)| left.cmp(right)),
        },
        _ => None,
    };
    order.is_none_or(|order| if asks == Asks::Least { order.is_ge() } else { order.is_le() })
}

/// An opaque mark of the place `start`.
fn cursor(start: usize) -> String {
    URL_SAFE_NO_PAD.encode(format!("at {start}"))
}

fn read_cursor(text: &str) -> Option<usize> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    std::str::from_utf8(&bytes).ok()?.strip_prefix("at ")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A sort whose order is none ends the server's work on a request.
    #[test]
    fn any_values_have_one_order() {
        let values =
            [json!(null), json!(true), json!(1), json!(1.5), json!("a"), json!("b"), json!([1]), json!({"a": 1})];
        let all: Vec<Option<&Value>> = std::iter::once(None).chain(values.iter().map(Some)).collect();
        for (one, a) in all.iter().enumerate() {
            for (other, b) in all.iter().enumerate() {
                assert_eq!(compared(*a, *b), compared(*b, *a).reverse());
                assert!(compared(*a, *b) == one.cmp(&other) || one.min(other) >= 7, "{a:?} {b:?}");
            }
        }
    }
}
