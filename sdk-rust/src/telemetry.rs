//! What calls tell of themselves: spans of `tracing` and metrics of OpenTelemetry, each behind its feature (F1, F2).
//!
//! The names are OpenTelemetry's stable ones (semantic conventions, HTTP client). What an attribute may hold is bounded:
//! the operation, never a URL, never a key. A credential stands as 8 digits of a keyed hash (F3).

#[cfg(feature = "metrics")]
mod metrics;

use std::time::Duration;

use url::Url;

use crate::clock::Clock;
use crate::limit::Gate;
use crate::plan::Plan;
use crate::retry::Budget;
use crate::token::TokenProblem;
use crate::transport::{Fault, Incoming};

/// What an attempt comes to; `None`: no answer in time.
pub(crate) type Sent = Option<Result<Incoming, Fault>>;

/// Runs a call inside its span, `bitting.call`.
pub(crate) async fn call<T>(plan: &Plan, call: impl Future<Output = T>) -> T {
    #[cfg(feature = "tracing")]
    let call = {
        let span = tracing::info_span!("bitting.call", operation_id = &*plan.id);
        tracing::Instrument::instrument(call, span)
    };
    let _ = plan;
    call.await
}

/// One attempt of a call.
#[cfg_attr(not(any(feature = "tracing", feature = "metrics")), allow(dead_code, reason = "nobody is told"))]
pub(crate) struct Attempt<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) url: &'a Url,
    /// How many attempts came before it; one after a renewed token counts as a resend too (F1).
    pub(crate) resend: u32,
    /// The id of the credential that it carries (F3).
    pub(crate) credential: Option<String>,
}

impl Attempt<'_> {
    /// Runs the attempt inside its span, and measures it.
    pub(crate) async fn observe(self, clock: &dyn Clock, attempt: impl Future<Output = Sent>) -> Sent {
        #[cfg(feature = "tracing")]
        let (attempt, span) = {
            let span = self.span();
            (tracing::Instrument::instrument(attempt, span.clone()), span)
        };
        let start = clock.now().mono;
        let sent = attempt.await;
        let took = clock.now().mono.saturating_sub(start);
        #[cfg(feature = "tracing")]
        {
            match &sent {
                Some(Ok(incoming)) => span.record("http.response.status_code", incoming.status.as_u16()),
                _ => &span,
            };
            if let Some(error) = error_type(&sent) {
                span.record("error.type", error);
            }
        }
        #[cfg(feature = "metrics")]
        metrics::attempt(&self, &sent, took);
        let _ = (took, &self);
        sent
    }

    #[cfg(feature = "tracing")]
    fn span(&self) -> tracing::Span {
        tracing::info_span!(
            "http.client.request",
            otel.name = format!("{} {}", self.plan.method, self.plan.template),
            otel.kind = "client",
            http.request.method = self.plan.method.as_str(),
            server.address = self.url.host_str(),
            server.port = self.url.port_or_known_default(),
            url.template = &*self.plan.template,
            http.request.resend_count = (self.resend > 0).then_some(self.resend),
            http.response.status_code = tracing::field::Empty,
            "error.type" = tracing::field::Empty,
            bitting.credential = self.credential.as_deref(),
        )
    }
}

/// What OpenTelemetry calls `error.type`: the status of a refusal, or what there was in the place of an answer.
#[cfg(any(feature = "tracing", feature = "metrics"))]
fn error_type(sent: &Sent) -> Option<String> {
    match sent {
        Some(Ok(incoming)) if incoming.status.as_u16() < 400 => None,
        Some(Ok(incoming)) => Some(incoming.status.as_str().to_owned()),
        Some(Err(fault)) => Some(if fault.maybe_sent { "connection_broken" } else { "connection_failed" }.to_owned()),
        None => Some("timeout".to_owned()),
    }
}

/// A request for a token has ended.
pub(crate) fn refreshed(scheme: &str, problem: Option<&TokenProblem>) {
    let result = match problem {
        None => "ok",
        Some(problem) if problem.terminal => "refused",
        Some(_) => "failed",
    };
    #[cfg(feature = "tracing")]
    tracing::info!(scheme, result, "bitting.token.refresh");
    #[cfg(feature = "metrics")]
    metrics::refreshed(scheme, result);
    let _ = (scheme, result);
}

/// A call waited for a token.
pub(crate) fn waited_for_token(plan: &Plan, wait: Duration) {
    #[cfg(feature = "metrics")]
    metrics::waited_for_token(plan, wait);
    let _ = (plan, wait);
}

/// A call sends again with another token, after a refusal.
pub(crate) fn auth_retry(plan: &Plan) {
    #[cfg(feature = "tracing")]
    tracing::info!(operation_id = &*plan.id, "bitting.auth.retry");
    #[cfg(feature = "metrics")]
    metrics::auth_retry(plan);
    let _ = plan;
}

/// A call passed the gate, or was turned away.
pub(crate) fn at_gate(plan: &Plan, gate: &Gate, wait: Duration) {
    #[cfg(feature = "metrics")]
    metrics::at_gate(plan, gate, wait);
    let _ = (plan, gate, wait);
}

/// The server refused for too many requests, and the gate closed.
pub(crate) fn closed(plan: &Plan, budget: &Budget, delay: Duration) {
    #[cfg(feature = "tracing")]
    tracing::info!(operation_id = &*plan.id, seconds = delay.as_secs_f64(), "bitting.gate.closed");
    #[cfg(feature = "metrics")]
    metrics::closed(plan, budget);
    let _ = (plan, budget, delay);
}
