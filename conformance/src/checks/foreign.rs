//! Objects that are known wherever they show, such as those of the other organization: in a search, an export, a list.

use bitting_spec::table::Location;
use bitting_spec::{Document, Operation, Parameter};
use serde_json::Value;

use crate::credentials::Role;
use crate::generate::{Case, text_of};
use crate::http::Exchange;
use crate::infer::plain;
use crate::run::{Stop, Trial, identity, item_operation, items};

/// The most objects that are made to be looked for.
const MOST: usize = 4;
/// A shorter id stands in many a body by chance.
const LONG_ENOUGH: usize = 8;
/// The names of parameters that take a text to look for.
const SEARCHES: [&str; 8] = ["q", "query", "search", "term", "text", "keyword", "keywords", "filter"];

/// What an object is known by.
pub(super) struct Mark {
    /// Its id, if no other text has it by chance.
    id: Option<String>,
    /// A text of nothing else, which it is called.
    text: Option<String>,
}

impl Mark {
    /// Whether a search can find it.
    pub(super) fn is_named(&self) -> bool {
        self.text.is_some()
    }

    /// Whether an answer shows it, other than by repeating the request.
    fn is_shown(&self, exchange: &Exchange) -> bool {
        let body = String::from_utf8_lossy(&exchange.answer.body);
        let shows = |text: &&String| body.contains(text.as_str()) && !exchange.request.target.contains(text.as_str());
        self.id.iter().chain(&self.text).any(|text| shows(&text))
    }
}

/// The parameter by which a text is looked for.
pub(super) fn search(operation: &Operation) -> Option<&Parameter> {
    let is_it = |one: &&Parameter| one.location == Location::Query && SEARCHES.contains(&plain(&one.name).as_str());
    operation.parameters.iter().find(is_it)
}

/// What makes objects that can be read, the nearest to `operation` first.
pub(super) fn creators<'d>(document: &'d Document, operation: &Operation) -> Vec<&'d Operation> {
    let reads = |creator: &Operation| items(document, creator, "GET").is_some();
    let makes = |one: &&Operation| one.method == "POST" && !one.is_public() && reads(one);
    let mut all: Vec<&Operation> = document.operations.iter().filter(makes).collect();
    let shared = |path: &str| path.bytes().zip(operation.path.bytes()).take_while(|(one, other)| one == other).count();
    all.sort_by_key(|one| std::cmp::Reverse(shared(&one.path)));
    all
}

/// Objects that are made for the other organization.
pub(super) async fn marks(trial: &Trial<'_>) -> Vec<Mark> {
    let mut marks = Vec::new();
    let creators = creators(trial.context.document, trial.operation).into_iter();
    for creator in creators.filter(|one| one.tenant.is_some()).take(MOST) {
        let text = trial.context.fresh_text();
        if let Ok(mark) = mark(trial, creator, Role::OtherOrganization, text).await
            && (mark.id.is_some() || mark.text.is_some())
        {
            marks.push(mark);
        }
    }
    marks
}

/// Makes an object that is called `text`, if the document lets it be.
pub(super) async fn mark(trial: &Trial<'_>, creator: &Operation, role: Role, text: String) -> Result<Mark, Stop> {
    let context = trial.context;
    let base = context.positive(creator, role).await?;
    let base = context.renewed(creator, &base, role).await;
    let named = context.shape(creator).named(&base, &text);
    let exchange = trial.call(creator, named.as_ref().unwrap_or(&base), role).await?;
    if !exchange.answer.is_success() {
        return Err(Stop::Skip(format!("nothing was made: {}", exchange.answer.status)));
    }
    let name = item_operation(context, creator, "GET").map_or("id", |(_, name)| name);
    let id = identity(&exchange.answer, name).map(|id| text_of(&id)).filter(|id| id.len() >= LONG_ENOUGH);
    Ok(Mark { id, text: named.map(|_| text) })
}

/// The first answer to the valid principal that shows one of the marks: to its own request, and to one that looks for it.
pub(super) async fn shown(trial: &Trial<'_>, own: &Case, marks: &[Mark]) -> Result<Option<Exchange>, Stop> {
    let plain = trial.call(trial.operation, own, Role::Valid).await?;
    if marks.iter().any(|mark| mark.is_shown(&plain)) {
        return Ok(Some(plain));
    }
    let Some(parameter) = search(trial.operation) else { return Ok(None) };
    for mark in marks {
        let Some(text) = &mark.text else { continue };
        // What repeats the request shows nothing that is not in it, so a part is looked for too.
        let part: String = text.chars().take(text.chars().count().saturating_sub(1)).collect();
        for looked_for in [text.clone(), part] {
            let case = own.clone().with(parameter, Value::from(looked_for));
            let exchange = trial.call(trial.operation, &case, Role::Valid).await?;
            if mark.is_shown(&exchange) {
                return Ok(Some(exchange));
            }
        }
    }
    Ok(None)
}
