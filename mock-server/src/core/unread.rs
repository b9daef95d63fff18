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
        let answer = Answer::json(unread.status, json!({"detail": unread.detail})).with("connection", "close");
        let mut answer = answer.because(unread.reason).saying(unread.detail.as_str());
        answer.headers.insert(DATE, self.date(now));
        self.tell_why(&mut answer);
        self.journal.note(&Note {
            at: now,
            method: &unread.method,
            target: &self.plan.secrets.masked(&unread.target),
            operation: None,
            status: unread.status,
            reason: Some(unread.reason),
            detail: Some(&unread.detail),
            credential: None,
            user: None,
        });
        answer.outcome(Delivery::default())
    }
}
