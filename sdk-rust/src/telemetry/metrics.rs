//! The instruments (F2). They are made at the first use, by the meter provider that the program has set by then.

use std::sync::LazyLock;
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Gauge, Histogram, Meter};

use super::{Attempt, Sent, error_type};
use crate::limit::Gate;
use crate::plan::Plan;
use crate::retry::Budget;

struct Instruments {
    duration: Histogram<f64>,
    refreshes: Counter<u64>,
    refresh_wait: Histogram<f64>,
    auth_retries: Counter<u64>,
    ratelimit_wait: Histogram<f64>,
    closures: Counter<u64>,
    in_flight: Gauge<u64>,
    queue_depth: Gauge<u64>,
    budget_tokens: Gauge<u64>,
}

static INSTRUMENTS: LazyLock<Instruments> =
    LazyLock::new(|| Instruments::new(&opentelemetry::global::meter("bitting")));

impl Instruments {
    fn new(meter: &Meter) -> Self {
        let seconds = |name: &'static str| meter.f64_histogram(name).with_unit("s").build();
        Self {
            duration: seconds("http.client.request.duration"),
            refreshes: meter.u64_counter("bitting.token.refreshes").build(),
            refresh_wait: seconds("bitting.token.refresh_wait"),
            auth_retries: meter.u64_counter("bitting.auth.retries").build(),
            ratelimit_wait: seconds("bitting.ratelimit.wait"),
            closures: meter.u64_counter("bitting.gate.closures").build(),
            in_flight: meter.u64_gauge("bitting.gate.in_flight").build(),
            queue_depth: meter.u64_gauge("bitting.gate.queue_depth").build(),
            budget_tokens: meter.u64_gauge("bitting.budget.tokens").build(),
        }
    }
}

fn operation(plan: &Plan) -> KeyValue {
    KeyValue::new("operation_id", plan.id.to_string())
}

pub(super) fn attempt(attempt: &Attempt<'_>, sent: &Sent, took: Duration) {
    let mut attributes = vec![
        operation(attempt.plan),
        KeyValue::new("http.request.method", attempt.plan.method.to_string()),
        KeyValue::new("url.template", attempt.plan.template.to_string()),
        KeyValue::new("server.address", attempt.url.host_str().unwrap_or_default().to_owned()),
        KeyValue::new("server.port", i64::from(attempt.url.port_or_known_default().unwrap_or_default())),
    ];
    if let Some(Ok(incoming)) = sent {
        attributes.push(KeyValue::new("http.response.status_code", i64::from(incoming.status.as_u16())));
    }
    attributes.extend(error_type(sent).map(|error| KeyValue::new("error.type", error)));
    INSTRUMENTS.duration.record(took.as_secs_f64(), &attributes);
}

pub(super) fn refreshed(scheme: &str, result: &'static str) {
    let scheme = KeyValue::new("scheme", scheme.to_owned());
    INSTRUMENTS.refreshes.add(1, &[scheme, KeyValue::new("result", result)]);
}

pub(super) fn waited_for_token(plan: &Plan, wait: Duration) {
    INSTRUMENTS.refresh_wait.record(wait.as_secs_f64(), &[operation(plan)]);
}

pub(super) fn auth_retry(plan: &Plan) {
    INSTRUMENTS.auth_retries.add(1, &[operation(plan)]);
}

pub(super) fn at_gate(plan: &Plan, gate: &Gate, wait: Duration) {
    let (waiting, in_flight) = gate.load();
    let attributes = [operation(plan)];
    let count = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    INSTRUMENTS.queue_depth.record(count(waiting), &attributes);
    INSTRUMENTS.in_flight.record(count(in_flight), &attributes);
    if !wait.is_zero() {
        INSTRUMENTS.ratelimit_wait.record(wait.as_secs_f64(), &attributes);
    }
}

pub(super) fn closed(plan: &Plan, budget: &Budget) {
    INSTRUMENTS.closures.add(1, &[operation(plan)]);
    INSTRUMENTS.budget_tokens.record(u64::from(budget.left()), &[operation(plan)]);
}
