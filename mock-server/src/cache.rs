//! Answers to reads, kept as bytes: an object or a page that nobody has changed is made, checked against the document
//! and written once.
//!
//! A kept answer is right for as long as the data have the same revision, for the same operation, the same path and
//! query, and the same organization. With any defect switched on nothing is kept or taken.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;

use crate::exchange::Answer;

/// How many answers are kept, and how many bytes of them.
const ANSWERS: usize = 1024;
const BYTES: usize = 1 << 20;
/// Longer targets are not kept.
const TARGET: usize = 512;

/// What an answer was made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Asked<'a> {
    /// The revision of the data.
    pub(crate) revision: u64,
    pub(crate) operation: usize,
    /// Path and query.
    pub(crate) target: &'a str,
    /// The caller's; empty where nobody is known.
    pub(crate) organization: &'a str,
}

#[derive(Debug)]
struct Kept {
    operation: usize,
    organization: Box<str>,
    status: u16,
    media: String,
    body: Bytes,
}

/// Kept answers, by their target.
#[derive(Debug, Default)]
pub(crate) struct Cache {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    revision: u64,
    bytes: usize,
    by_target: HashMap<Box<str>, Vec<Kept>>,
}

impl Cache {
    /// The answer that was kept for just this.
    pub(crate) fn get(&self, asked: Asked<'_>) -> Option<Answer> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.revision != asked.revision {
            return None;
        }
        let is_it = |kept: &&Kept| kept.operation == asked.operation && *kept.organization == *asked.organization;
        let kept = state.by_target.get(asked.target)?.iter().find(is_it)?;
        let body = kept.body.clone();
        Some(Answer { media: kept.media.clone(), raw: Some(body), is_checked: true, ..Answer::empty(kept.status) })
    }

    /// Writes an answer that was found to be right, and keeps it.
    pub(crate) fn keep(&self, asked: Asked<'_>, answer: &mut Answer) {
        let Some(body) = answer.body.take_if(|_| answer.media.contains("json")) else { return };
        let bytes = Bytes::from(body.to_string());
        answer.raw = Some(bytes.clone());
        if asked.target.len() > TARGET || bytes.len() > BYTES / 4 {
            return;
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.revision != asked.revision || state.by_target.len() >= ANSWERS || state.bytes + bytes.len() > BYTES {
            *state = State { revision: asked.revision, ..State::default() };
        }
        state.bytes += bytes.len();
        state.by_target.entry(asked.target.into()).or_default().push(Kept {
            operation: asked.operation,
            organization: asked.organization.into(),
            status: answer.status,
            media: answer.media.clone(),
            body: bytes,
        });
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn asked<'a>(revision: u64, target: &'a str, organization: &'a str) -> Asked<'a> {
        Asked { revision, operation: 1, target, organization }
    }

    #[test]
    fn an_answer_is_kept_for_just_what_it_was_made_for() {
        let cache = Cache::default();
        let mut answer = Answer::json(200, json!([1]));
        cache.keep(asked(7, "/a", "acme"), &mut answer);
        let found = |asked| cache.get(asked).and_then(|answer| answer.raw);
        assert_eq!(found(asked(7, "/a", "acme")).as_deref(), Some(b"[1]".as_slice()));
        assert_eq!(answer.raw, found(asked(7, "/a", "acme")));
        assert_eq!(found(asked(8, "/a", "acme")), None);
        assert_eq!(found(asked(7, "/a?b", "acme")), None);
        assert_eq!(found(asked(7, "/a", "globex")), None);
        assert_eq!(found(Asked { operation: 2, ..asked(7, "/a", "acme") }), None);
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let cache = Cache::default();
        for number in 0..3 * ANSWERS {
            cache.keep(asked(1, &format!("/{number}"), ""), &mut Answer::json(200, json!("x".repeat(3000))));
        }
        let state = cache.state.lock().unwrap();
        assert!(state.by_target.len() <= ANSWERS && state.bytes <= BYTES);
    }
}
