//! Answers of ours that broke the document when they were made: each is told once, and none is a secret.

use std::sync::{Mutex, PoisonError};

use serde::Serialize;
use tokio::sync::watch;

use super::Core;

/// How many are kept.
const KEPT: usize = 1000;

/// An answer that broke the document when it was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Misfit {
    /// The operation's id.
    pub operation: String,
    /// The status of the answer.
    pub status: u16,
    /// What broke the document, and where in the answer.
    pub fault: String,
    /// Whether another answer was found that fits. If not, the document may allow none.
    pub mended: bool,
}

#[derive(Debug, Default)]
pub(super) struct Misfits {
    known: Mutex<Vec<Misfit>>,
    /// How many there are, for those who follow.
    count: watch::Sender<usize>,
}

impl Misfits {
    pub(super) fn note(&self, operation: &str, status: u16, fault: &str, mended: bool) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let is_known = |one: &Misfit| (one.operation.as_str(), one.status, one.mended) == (operation, status, mended);
        if known.len() < KEPT && !known.iter().any(is_known) {
            known.push(Misfit { operation: operation.to_owned(), status, fault: fault.to_owned(), mended });
            self.count.send_replace(known.len());
        }
    }
}

impl Core {
    /// The answers that broke the document when they were made, one for each operation, status and outcome.
    #[must_use]
    pub fn misfits(&self) -> Vec<Misfit> {
        self.misfits.known.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Changes with every new misfit.
    #[must_use]
    pub fn follow_misfits(&self) -> watch::Receiver<usize> {
        self.misfits.count.subscribe()
    }
}
