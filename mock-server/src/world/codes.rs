//! Authorization codes (RFC 6749, 4.1): each lives for a minute, serves once, and is bound to its client, its redirect
//! URI and the challenge that it was asked for with (RFC 7636).

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};

use super::{Hash, hash};

/// How long a code lives (RFC 6749, 4.1.2, allows ten minutes and recommends less).
const LIFETIME: TimeDelta = TimeDelta::seconds(60);
/// More codes than this are swept of those that have ended.
const SWEEP: usize = 1000;

/// What an authorization code stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Code {
    pub(crate) client: String,
    pub(crate) redirect_uri: String,
    /// The user who consented, by email.
    pub(crate) user: String,
    pub(crate) scopes: Vec<String>,
    /// The SHA-256 of the code verifier, base64url.
    pub(crate) challenge: Option<String>,
    /// The session of the tokens that it is exchanged for: a second use ends it (RFC 6749, 4.1.2).
    pub(crate) session: String,
    pub(crate) issued_at: DateTime<Utc>,
    pub(crate) is_used: bool,
}

impl Code {
    /// Whether its minute is over.
    pub(crate) fn is_over(&self, now: DateTime<Utc>) -> bool {
        now >= self.issued_at + LIFETIME
    }
}

/// Authorization codes by the hash of their text.
#[derive(Debug, Clone, Default)]
pub(crate) struct Codes {
    known: HashMap<Hash, Code>,
}

impl Codes {
    pub(crate) fn insert(&mut self, text: &str, code: Code) {
        if self.known.len() > SWEEP {
            let now = code.issued_at;
            self.known.retain(|_, code| !code.is_over(now));
        }
        self.known.insert(hash(text), code);
    }

    pub(crate) fn find_mut(&mut self, text: &str) -> Option<&mut Code> {
        self.known.get_mut(&hash(text))
    }
}
