//! What the server answers beside the paths of its document: what the security schemes need, and pages for people.

use http::Method;
use serde_json::json;

use super::{Call, Core};
use crate::behaviour::{DECISION, authorize, decide, fields, grant};
use crate::exchange::Answer;
use crate::scheme::Scheme;

/// Where the public keys are (RFC 8414, 2, `jwks_uri`).
const KEYS: &str = "/.well-known/jwks.json";

impl Core {
    /// The answer for a path that the document does not have.
    pub(super) fn beside(&self, call: &Call<'_>) -> Answer {
        let (request, now) = (call.request, call.now);
        let path = request.path();
        // The server as a whole is asked (RFC 9110, 9.3.7).
        if request.method == Method::OPTIONS && path == "*" {
            return Answer::empty(204);
        }
        let is_post = request.method == Method::POST;
        let is_get = matches!(request.method, Method::GET | Method::HEAD);
        let scheme = |of: fn(&Scheme) -> Option<&String>| {
            let is_here = |scheme: &&Scheme| of(scheme).is_some_and(|known| known == path.trim_end_matches('/'));
            self.plan.schemes.iter().find(is_here)
        };
        if let Some(scheme) = scheme(|scheme| scheme.token_path.as_ref()).filter(|_| is_post) {
            return grant(self, scheme, &fields(&request.body), request, now);
        }
        if let Some(scheme) = scheme(|scheme| scheme.authorize_path.as_ref()).filter(|_| is_get) {
            return authorize(self, scheme, request.query());
        }
        let asks = self.plan.schemes.iter().find(|scheme| scheme.authorize_path.is_some());
        if let Some(scheme) = asks.filter(|_| is_post && path == DECISION) {
            return decide(self, scheme, request, now);
        }
        if is_get && path == KEYS && self.plan.schemes.iter().any(|scheme| scheme.takes_tokens) {
            return Answer::json(200, self.signer.jwks());
        }
        let page =
            || crate::pages::documentation(&self.plan.document, path, self.origin.get().map_or("", String::as_str));
        if let Some(answer) = Some(()).filter(|()| is_get && self.has_docs).and_then(|()| page()) {
            return answer;
        }
        Answer::json(404, json!({"detail": "Not Found"})).because("route")
    }
}
