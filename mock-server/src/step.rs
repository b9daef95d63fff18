//! The steps of a decision that can be left out: whoever wants only a part of a server's strictness says which. And how
//! the step of organizations says no.

use std::sync::atomic::{AtomicU8, Ordering};

use serde::{Deserialize, Serialize};

/// A step of the decision, in the order in which they are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// Who is asking (401). Without it everybody is let in as a user who is at home everywhere.
    Credential,
    /// The rate limit of the caller (429).
    RateLimit,
    /// The organization that the path names (403).
    Organization,
    /// Scopes, and whether the user may write (403).
    Scope,
    /// Parameters and body against their schemas (422 or 400).
    Validation,
    /// The server's own answer against the document (500).
    SelfCheck,
}

/// What a caller is told whose path names another organization.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tenancy {
    /// 403: it may be there.
    Forbid,
    /// 404: it is as if it were not there.
    Hide,
}

/// Every step, in the order in which they are taken.
pub(crate) const STEPS: [Step; 6] =
    [Step::Credential, Step::RateLimit, Step::Organization, Step::Scope, Step::Validation, Step::SelfCheck];

/// Which steps are left out.
#[derive(Debug, Default)]
pub(crate) struct Skipped(AtomicU8);

impl Skipped {
    pub(crate) fn has(&self, step: Step) -> bool {
        self.0.load(Ordering::Relaxed) & bit(step) != 0
    }

    /// Whether none is.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.load(Ordering::Relaxed) == 0
    }

    pub(crate) fn set(&self, steps: &[Step]) {
        self.0.store(steps.iter().fold(0, |all, step| all | bit(*step)), Ordering::Relaxed);
    }
}

fn bit(step: Step) -> u8 {
    1 << step as u8
}
