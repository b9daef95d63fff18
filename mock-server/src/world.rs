//! The state of the server: who there is, what they hold, and what belongs to whom.

pub(crate) mod accounts;
pub(crate) mod data;
pub(crate) mod keys;
pub(crate) mod seed;

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};
use sha2::{Digest as _, Sha256};

pub(crate) use accounts::Accounts;
pub use accounts::{Organization, Permission, Person, Population};
pub(crate) use data::{Data, Row, Scope};
pub use keys::KeyInfo;
pub(crate) use keys::{ApiKey, Keys};

/// Everything that a request can change. A clone of it is a snapshot.
#[derive(Debug, Clone, Default)]
pub(crate) struct World {
    pub(crate) accounts: Accounts,
    pub(crate) keys: Keys,
    /// OAuth clients by their id.
    pub(crate) clients: BTreeMap<String, Client>,
    /// Tokens that were taken back, by `jti`, with the time at which they were.
    pub(crate) revoked: HashMap<String, DateTime<Utc>>,
    pub(crate) data: Data,
    /// Counts whatever is made, so that ids and secrets made later differ and are the same in every run.
    serial: u64,
}

/// An OAuth client (RFC 6749, 2).
#[derive(Debug, Clone)]
pub(crate) struct Client {
    pub(crate) secret: Hash,
    pub(crate) organization: String,
}

impl World {
    /// A number that was not given before.
    pub(crate) fn next_serial(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }
}

/// The SHA-256 of a secret: all that the server keeps of it (ARROW-6).
pub(crate) type Hash = [u8; 32];

/// The hash of a secret.
pub(crate) fn hash(secret: &str) -> Hash {
    Sha256::digest(secret.as_bytes()).into()
}

/// The hash of a user's password. The email is its salt.
pub(crate) fn password_hash(email: &str, password: &str) -> Hash {
    hash(&format!("{email}\n{password}"))
}

/// `bytes` as lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
