//! What was asked and answered: a ring of the latest requests, with every secret masked.

pub(crate) mod mask;
pub(crate) mod record;
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
/// How much the texts grow at a time.
const STEP: usize = 64 << 10;
/// In place of the length of a text that there is not.
const NONE: u32 = u32::MAX;

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
    /// The same in words: what was wrong, and where; never a value that came.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
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

/// A request and its answer as they are noted; the texts are copied into the journal.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Note<'a> {
    pub(crate) at: DateTime<Utc>,
    pub(crate) method: &'a str,
    /// Path and query, secrets masked.
    pub(crate) target: &'a str,
    pub(crate) operation: Option<&'a str>,
    pub(crate) status: u16,
    pub(crate) reason: Option<&'static str>,
    pub(crate) detail: Option<&'a str>,
    pub(crate) credential: Option<&'a str>,
    pub(crate) user: Option<&'a str>,
}

/// The latest requests.
#[derive(Debug, Default)]
pub struct Journal {
    ring: Mutex<Ring>,
    /// The number of the latest entry, for those who follow.
    latest: watch::Sender<u64>,
}

/// The texts of all records stand in one buffer, one behind the other: to note a request takes no memory of its own,
/// and writes where it wrote last.
#[derive(Debug, Default)]
struct Ring {
    records: VecDeque<Record>,
    texts: VecDeque<u8>,
    sequence: u64,
}

/// What is kept of a request, its texts aside.
#[derive(Debug)]
struct Record {
    at: DateTime<Utc>,
    status: u16,
    reason: Option<&'static str>,
    /// The lengths of method, target, operation, detail, credential and user, or [`NONE`]; no text is as long as the journal.
    lengths: [u32; 6],
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
    /// Keeps a request and gives its number.
    pub(crate) fn note(&self, note: &Note<'_>) -> u64 {
        let texts = [Some(note.method), Some(note.target), note.operation, note.detail, note.credential, note.user];
        let lengths = texts.map(|text| text.map_or(NONE, |text| u32::try_from(text.len()).unwrap_or(NONE)));
        let record = Record { at: note.at, status: note.status, reason: note.reason, lengths };
        let size = size_of::<Record>() + record.length();
        let mut ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        ring.sequence += 1;
        while ring.records.len() >= ENTRIES || ring.size() + size > BYTES {
            if !ring.forget_oldest() {
                // It is larger than the whole journal.
                return ring.sequence;
            }
        }
        if ring.records.is_empty() {
            // As it grows by itself it would hold half as many again.
            ring.records.reserve_exact(ENTRIES);
        }
        ring.records.push_back(record);
        // As it grows by itself it would hold twice as much, all of which it writes to in turn.
        let length = size - size_of::<Record>();
        if ring.texts.capacity() - ring.texts.len() < length {
            ring.texts.reserve_exact(length.max(STEP));
        }
        texts.into_iter().flatten().for_each(|text| ring.texts.extend(text.as_bytes()));
        let sequence = ring.sequence;
        drop(ring);
        // Nobody is told where nobody listens: most servers are followed by nobody.
        if self.latest.receiver_count() > 0 {
            self.latest.send_replace(sequence);
        }
        sequence
    }

    /// Changes with every new entry.
    pub(crate) fn follow(&self) -> watch::Receiver<u64> {
        self.latest.subscribe()
    }

    /// The entries that are wanted, the oldest first.
    #[must_use]
    pub fn entries(&self, wanted: &Wanted) -> Vec<Entry> {
        let ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        let mut sequence = ring.sequence - ring.records.len() as u64;
        let mut start = 0;
        let mut entries = Vec::new();
        for record in &ring.records {
            sequence += 1;
            if sequence > wanted.since && wanted.status.is_none_or(|status| record.status == status) {
                let entry = ring.entry(sequence, record, start);
                let is_it = wanted.operation.as_ref().is_none_or(|id| entry.operation.as_ref() == Some(id))
                    && wanted.principal.as_ref().is_none_or(|principal| entry.is_of(principal));
                entries.extend(is_it.then_some(entry));
            }
            start += record.length();
        }
        entries
    }

    pub(crate) fn clear(&self) {
        let mut ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        *ring = Ring { sequence: ring.sequence, ..Ring::default() };
    }
}

impl Ring {
    fn size(&self) -> usize {
        self.records.len() * size_of::<Record>() + self.texts.len()
    }

    /// Makes room; false where there is nothing to forget.
    fn forget_oldest(&mut self) -> bool {
        let Some(oldest) = self.records.pop_front() else { return false };
        self.texts.drain(..oldest.length());
        true
    }

    /// The record whose texts begin at `start`.
    fn entry(&self, sequence: u64, record: &Record, mut start: usize) -> Entry {
        let [method, target, operation, detail, credential, user] = record.lengths.map(|length| {
            let end = start + Some(length).filter(|length| *length != NONE)? as usize;
            let text = self.texts.range(start..end).copied().collect();
            start = end;
            // It was a text when it was noted.
            String::from_utf8(text).ok()
        });
        Entry {
            sequence,
            at: record.at,
            method: method.unwrap_or_default(),
            target: target.unwrap_or_default(),
            operation,
            status: record.status,
            reason: record.reason,
            detail,
            credential,
            user,
        }
    }
}

impl Record {
    /// How many bytes its texts have.
    fn length(&self) -> usize {
        self.lengths.iter().filter(|length| **length != NONE).map(|length| *length as usize).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(target: &str) -> Note<'_> {
        let at = DateTime::default();
        let (status, operation, reason, detail) = (200, None, None, None);
        Note { at, method: "GET", target, operation, status, reason, detail, credential: None, user: None }
    }

    /// The server's memory is bounded: in the journal by the number of requests, and by their texts.
    #[test]
    fn the_journal_is_bounded_in_entries_and_bytes() {
        let journal = Journal::default();
        for _ in 0..ENTRIES + 5 {
            journal.note(&note("/"));
        }
        let entries = journal.entries(&Wanted::default());
        assert_eq!((entries.len(), entries[0].sequence), (ENTRIES, 6));
        let long = "x".repeat(1 << 20);
        for _ in 0..20 {
            journal.note(&note(&long));
        }
        assert!(journal.ring.lock().unwrap().size() <= BYTES);
        journal.note(&note(&"x".repeat(BYTES)));
        journal.note(&note("/"));
        let entries = journal.entries(&Wanted::default());
        assert_eq!((entries.len(), entries[0].sequence), (1, ENTRIES as u64 + 27));
    }

    /// What is noted comes back whole, whichever of the texts a request has and however often the ring went round.
    #[test]
    fn every_text_comes_back_to_its_own_request() {
        let journal = Journal::default();
        for number in 0..3 * ENTRIES {
            let (target, credential) = (format!("/déjà/{number}"), format!("key-{number}"));
            let operation = (number % 2 == 0).then_some("listThings");
            let credential = (number % 3 == 0).then_some(credential.as_str());
            journal.note(&Note { operation, credential, ..note(&target) });
        }
        for entry in journal.entries(&Wanted::default()) {
            let number = entry.sequence - 1;
            assert_eq!((entry.method.as_str(), entry.target), ("GET", format!("/déjà/{number}")));
            assert_eq!(entry.operation.is_some(), number % 2 == 0);
            assert_eq!(entry.credential, (number % 3 == 0).then(|| format!("key-{number}")));
        }
    }
}
