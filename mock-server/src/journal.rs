//! What was asked and answered: a ring of the latest requests, with every secret masked.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, Utc};
use serde::Serialize;

/// How many entries are kept.
const ENTRIES: usize = 10_000;
/// How many bytes of text are kept.
const BYTES: usize = 16 << 20;
/// Query parameters whose values are never kept, besides those of the document's own keys.
const SECRETS: [&str; 9] =
    ["access_token", "api_key", "apikey", "client_secret", "code", "key", "password", "secret", "token"];

/// One request and its answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// Its number, counted from 1; it goes on over resets.
    pub sequence: u64,
    /// The server's time.
    pub at: DateTime<Utc>,
    /// The request's method.
    pub method: String,
    /// Path and query, secrets masked.
    pub target: String,
    /// The operation, if the path led to one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// The status of the answer.
    pub status: u16,
    /// Why it was refused: `missing`, `expired`, `wrong-organization`, `rate-limit`, `invalid`…
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'static str>,
    /// The id of the credential that was accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
}

/// The latest requests.
#[derive(Debug, Default)]
pub struct Journal {
    ring: Mutex<Ring>,
}

#[derive(Debug, Default)]
struct Ring {
    entries: VecDeque<Entry>,
    bytes: usize,
    sequence: u64,
}

/// Which entries are wanted; all that is stated must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Only entries after this number.
    pub since: u64,
    /// Only requests to this operation.
    pub operation: Option<String>,
    /// Only answers of this status.
    pub status: Option<u16>,
}

impl Journal {
    pub(crate) fn push(&self, mut entry: Entry) {
        let mut ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        ring.sequence += 1;
        entry.sequence = ring.sequence;
        ring.bytes += size(&entry);
        ring.entries.push_back(entry);
        while ring.entries.len() > ENTRIES || ring.bytes > BYTES {
            let Some(oldest) = ring.entries.pop_front() else { break };
            ring.bytes -= size(&oldest);
        }
    }

    /// The entries that are wanted, the oldest first.
    #[must_use]
    pub fn entries(&self, wanted: &Wanted) -> Vec<Entry> {
        let ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = |entry: &&Entry| {
            entry.sequence > wanted.since
                && wanted.status.is_none_or(|status| entry.status == status)
                && wanted.operation.as_ref().is_none_or(|id| entry.operation.as_ref() == Some(id))
        };
        ring.entries.iter().filter(fits).cloned().collect()
    }

    pub(crate) fn clear(&self) {
        let mut ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        (ring.entries, ring.bytes) = (VecDeque::new(), 0);
    }
}

fn size(entry: &Entry) -> usize {
    size_of::<Entry>() + entry.target.len() + entry.method.len()
}

/// `target` with the values of secret query parameters masked; `own` are the document's own keys in the query.
pub(crate) fn masked(target: &str, own: &[String]) -> String {
    let Some((path, query)) = target.split_once('?') else { return target.to_owned() };
    let pairs = query.split('&').map(|pair| {
        let name = pair.split('=').next().unwrap_or_default();
        let is_secret = SECRETS.iter().any(|secret| name.eq_ignore_ascii_case(secret))
            || own.iter().any(|secret| name.eq_ignore_ascii_case(secret));
        if is_secret { format!("{name}=***") } else { pair.to_owned() }
    });
    format!("{path}?{}", pairs.collect::<Vec<_>>().join("&"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(target: &str) -> Entry {
        Entry {
            sequence: 0,
            at: DateTime::default(),
            method: "GET".into(),
            target: target.into(),
            operation: None,
            status: 200,
            reason: None,
            credential: None,
        }
    }

    #[test]
    fn the_journal_is_bounded_in_entries_and_bytes() {
        let journal = Journal::default();
        for _ in 0..ENTRIES + 5 {
            journal.push(entry("/"));
        }
        let entries = journal.entries(&Wanted::default());
        assert_eq!((entries.len(), entries[0].sequence), (ENTRIES, 6));
        for _ in 0..20 {
            journal.push(entry(&"x".repeat(1 << 20)));
        }
        assert!(journal.ring.lock().unwrap().bytes <= BYTES);
    }

    #[test]
    fn secrets_in_the_query_are_masked() {
        let own = ["X-API-Key".to_owned()];
        let target = masked("/a?x-api-key=rbtk_test_1&limit=2&access_token=eyJ&code", &own);
        assert_eq!(target, "/a?x-api-key=***&limit=2&access_token=***&code=***");
    }
}
