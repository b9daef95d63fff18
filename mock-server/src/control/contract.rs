//! What the control plane takes, by its own description: every request is read against `control.yaml` before anything
//! answers it, so that what it says of itself is what it does.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use bitting_spec::Document;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method};

use super::{DESCRIPTION, Problem};
use crate::exchange::Request;
use crate::validate::{Inputs, Parts, Rules};

/// What each operation takes, by method and path; made when the first request comes.
static CONTRACT: LazyLock<HashMap<(Method, String), Inputs>> = LazyLock::new(|| {
    // A test reads it and finds every route in it.
    let Ok(document) = Document::parse("control.yaml", DESCRIPTION) else { return HashMap::new() };
    let document = Arc::new(document);
    let mut rules = Rules::new(&document);
    let operations = document.operations.iter().filter_map(|operation| {
        let method = Method::from_bytes(operation.method.as_bytes()).ok()?;
        Some(((method, operation.path.clone()), rules.inputs(operation).ok()?))
    });
    operations.collect()
});

/// Whether a request to the operation of `path` is as it is described.
pub(super) fn check(request: &Request, path: &str, parameters: &[(&str, &str)]) -> Result<(), Problem> {
    let problem = |error: String| Problem::new(400, error, "GET /v1/openapi.yaml describes what it may be");
    let Some(inputs) = CONTRACT.get(&(request.method.clone(), path.to_owned())) else {
        return Err(problem(format!("{path} is not described")));
    };
    let mut headers = request.headers.clone();
    match request.body.is_empty() {
        true => drop(headers.remove(CONTENT_TYPE)),
        // Whoever calls it from a shell need not say that it is JSON.
        false => drop(headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"))),
    }
    let parts = Parts { path: parameters, query: request.query(), headers: &headers, body: &request.body };
    inputs.read(&parts).map(drop).map_err(|invalid| problem(invalid.detail))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::routes::ROUTES;

    #[test]
    fn every_route_is_described() {
        for (method, path, _) in ROUTES {
            assert!(CONTRACT.contains_key(&(method.clone(), (*path).to_owned())), "{method} {path}");
        }
        assert_eq!(CONTRACT.len(), ROUTES.len());
    }
}
