//! The core as a `wiremock::Respond`, for Rust tests that have a wiremock server already.
//!
//! What wiremock cannot do, this front cannot either: it delays answers, but it does not hold, reset, truncate or drip
//! them, and wiremock keeps every request that it gets.

use std::sync::Arc;

use crate::core::Core;
use crate::exchange::Request;

/// Answers for a `wiremock::MockServer`: mount it with `Mock::given(any())`.
#[derive(Clone)]
pub struct Responder {
    core: Arc<Core>,
}

impl Responder {
    /// Answers as `core` does.
    #[must_use]
    pub fn new(core: Arc<Core>) -> Self {
        Self { core }
    }
}

impl std::fmt::Debug for Responder {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Responder")
    }
}

impl wiremock::Respond for Responder {
    fn respond(&self, request: &wiremock::Request) -> wiremock::ResponseTemplate {
        let query = request.url.query().map(|query| format!("?{query}")).unwrap_or_default();
        let outcome = self.core.handle(&Request {
            method: request.method.clone(),
            target: format!("{}{query}", request.url.path()),
            headers: request.headers.clone(),
            body: request.body.clone().into(),
        });
        let mut template = wiremock::ResponseTemplate::new(outcome.status).set_delay(outcome.delivery.delay);
        let media = outcome.header("content-type").to_owned();
        template = template.set_body_raw(outcome.body.to_vec(), &media);
        for (name, value) in &outcome.headers {
            template = template.append_header(name, value);
        }
        template
    }
}
