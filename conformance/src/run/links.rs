//! Links of the document: where a value for a parameter stands in the answer of another operation (OpenAPI 3.1, 4.8.20).

use bitting_spec::{Operation, Response};
use serde_json::Value;

use super::{Context, Stop};
use crate::credentials::Role;
use crate::http::Exchange;

impl Context<'_> {
    /// The value of the parameter `name` of `operation` that a link leads to; `None` where no link does.
    pub(super) async fn linked(&self, operation: &Operation, name: &str, role: Role) -> Result<Option<Value>, Stop> {
        for other in self.document.operations.iter().filter(|other| other.id != operation.id) {
            let Some(expression) = other.responses.iter().find_map(|response| linking(response, operation, name))
            else {
                continue;
            };
            // An operation whose own object is used up gives no lasting value.
            if other.method == "DELETE" || !self.needs().is_free_of(other, operation) {
                continue;
            }
            let case = Box::pin(self.positive(other, role)).await?;
            let exchange = Box::pin(self.call(other, &case, role)).await?;
            if let Some(value) = found(expression, &exchange).filter(|_| exchange.answer.is_success()) {
                return Ok(Some(value));
            }
        }
        Ok(None)
    }
}

/// Whether an answer of `other` may hold the parameter.
pub(super) fn leads(other: &Operation, operation: &Operation, name: &str) -> bool {
    other.responses.iter().any(|response| linking(response, operation, name).is_some())
}

/// The runtime expression by which a link of `response` gives the parameter.
pub(crate) fn linking<'a>(response: &'a Response, operation: &Operation, name: &str) -> Option<&'a str> {
    response.links.values().find_map(|link| {
        let by_id = link.get("operationId").and_then(Value::as_str) == Some(&operation.id);
        let reference = link.get("operationRef").and_then(Value::as_str).and_then(|text| text.strip_prefix('#'));
        if !by_id && reference != Some(&operation.pointer) {
            return None;
        }
        let parameters = link.get("parameters")?;
        let qualified = format!("path.{name}");
        parameters.get(name).or_else(|| parameters.get(&qualified))?.as_str()
    })
}

/// What a runtime expression finds in an answer.
pub(crate) fn found(expression: &str, exchange: &Exchange) -> Option<Value> {
    if let Some(pointer) = expression.strip_prefix("$response.body#") {
        return exchange
            .answer
            .json()?
            .pointer(pointer)
            .filter(|value| value.is_string() || value.is_number())
            .cloned();
    }
    let header = expression.strip_prefix("$response.header.")?;
    exchange.answer.header(header).map(Value::from)
}
