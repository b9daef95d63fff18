//! The defects of answers: what was right until here goes out wrong.

use bytes::Bytes;
use http::header::CONTENT_ENCODING;
use http::{HeaderValue, Method};
use serde_json::Value;

use super::{Call, Core};
use crate::defect::Flaw;
use crate::exchange::{Answer, Outcome};
use crate::fake::flatten;
use crate::fault::Effect;
use crate::plan::OperationPlan;

/// Does to a finished answer what a fault says.
pub(super) fn disfigure(effect: &Effect, outcome: &mut Outcome) {
    match effect {
        Effect::BadGzip => {
            outcome.headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            // The ten bytes that every gzip file begins with (RFC 1952, 2.3), and then nothing of the kind.
            outcome.body = Bytes::from_static(b"\x1f\x8b\x08\0\0\0\0\0\0\xffthis is not compressed");
        }
        Effect::InvalidJson => outcome.body = Bytes::from_static(b"{\"broken\": "),
        Effect::DuplicateHeaders => {
            for (name, value) in outcome.headers.clone() {
                // A header of several values has its name with the first only; there are none here.
                if let Some(name) = name {
                    outcome.headers.append(name, value);
                }
            }
        }
        Effect::OversizedHeader { bytes } => {
            if let Ok(value) = HeaderValue::from_str(&"x".repeat(*bytes)) {
                outcome.headers.insert("x-padding", value);
            }
        }
        _ => {}
    }
}

impl Core {
    /// Spoils a successful answer to a read as the defects say.
    pub(super) fn spoil(&self, call: &Call<'_>, plan: &OperationPlan, answer: &mut Answer) {
        let is_read = matches!(call.request.method, Method::GET | Method::HEAD);
        if !is_read || answer.status != plan.success.status || answer.body.is_none() {
            return;
        }
        if self.flaws.has(Flaw::M80)
            && let (Some(schema), Some(body)) = (&plan.success.schema, answer.body.as_mut())
        {
            let flat = flatten(&self.plan.document, schema);
            let first = flat.get("required").and_then(|required| required.get(0)?.as_str());
            match (first, body) {
                (Some(name), Value::Object(object)) => drop(object.shift_remove(name)),
                (_, body) => *body = Value::Bool(false),
            }
        }
        if self.flaws.has(Flaw::M81) {
            answer.status = [203, 206, 226].into_iter().find(|status| !plan.answers.has(*status)).unwrap_or(299);
        }
        if self.flaws.has(Flaw::M82) {
            answer.media = "text/html".to_owned();
        }
    }
}
