//! What was asked and answered: a ring of the latest requests, with every secret masked.

mod verify;

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, Utc};
use serde::Serialize;
use tokio::sync::watch;

pub use verify::{Difference, Expectation, Match, Miss, Times, Verdict};

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
    /// Whom it speaks for: a user's email, or an OAuth client's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
}

impl Entry {
    /// Whether it was asked by this user, or with this credential.
    fn is_of(&self, principal: &str) -> bool {
        [&self.user, &self.credential].into_iter().flatten().any(|known| known == principal)
    }
}

/// The latest requests.
#[derive(Debug, Default)]
pub struct Journal {
    ring: Mutex<Ring>,
    /// The number of the latest entry, for those who follow.
    latest: watch::Sender<u64>,
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
    /// Only requests of this user (by email) or credential (by id).
    pub principal: Option<String>,
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
        let sequence = ring.sequence;
        drop(ring);
        // Nobody is told where nobody listens: most servers are followed by nobody.
        if self.latest.receiver_count() > 0 {
            self.latest.send_replace(sequence);
        }
    }

    /// Changes with every new entry.
    pub(crate) fn follow(&self) -> watch::Receiver<u64> {
        self.latest.subscribe()
    }

    /// The entries that are wanted, the oldest first.
    #[must_use]
    pub fn entries(&self, wanted: &Wanted) -> Vec<Entry> {
        let ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = |entry: &&Entry| {
            entry.sequence > wanted.since
                && wanted.status.is_none_or(|status| entry.status == status)
                && wanted.operation.as_ref().is_none_or(|id| entry.operation.as_ref() == Some(id))
                && wanted.principal.as_ref().is_none_or(|principal| entry.is_of(principal))
        };
        ring.entries.iter().filter(fits).cloned().collect()
    }

    pub(crate) fn clear(&self) {
        let mut ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        (ring.entries, ring.bytes) = (VecDeque::new(), 0);
    }
}

fn size(entry: &Entry) -> usize {
    let texts =
        [&entry.operation, &entry.credential, &entry.user].into_iter().flatten().map(String::len).sum::<usize>();
    size_of::<Entry>() + entry.target.len() + entry.method.len() + texts
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
            user: None,
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
