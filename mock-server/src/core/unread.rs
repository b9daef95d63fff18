//! What came and never became a request: it is answered and noted all the same.

use http::header::DATE;
use serde_json::json;

use super::Core;
use crate::exchange::{Answer, Delivery, Outcome};
use crate::front::Unread;
use crate::journal::Note;

impl Core {
    /// The answer to what never became a request, which is noted as every other is.
    pub(crate) fn refuse(&self, unread: &Unread) -> Outcome {
        let now = self.clock.now();
        let mut answer = Answer::json(unread.status, json!({"detail": unread.detail})).with("connection", "close");
        answer.headers.insert(DATE, self.date(now));
        if self.tells_reasons {
            answer.set("x-bitting-reason", unread.reason);
        }
        self.journal.note(&Note {
            at: now,
            method: &unread.method,
            target: &self.plan.secrets.masked(&unread.target),
            operation: None,
            status: unread.status,
            reason: Some(unread.reason),
            credential: None,
            user: None,
        });
        answer.outcome(Delivery::default())
    }
}
