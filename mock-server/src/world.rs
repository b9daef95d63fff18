//! The state of the server: who there is, what they hold, and what belongs to whom.

pub(crate) mod accounts;
pub(crate) mod codes;
pub(crate) mod data;
pub(crate) mod file;
pub(crate) mod keys;
pub(crate) mod lifecycle;
mod population;
pub(crate) mod seed;

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};
use sha2::{Digest as _, Sha256};

pub use accounts::Permission;
pub(crate) use accounts::{Accounts, User};
pub(crate) use codes::{Code, Codes};
pub(crate) use data::{Data, Row, Scope};
pub use file::WorldError;
pub use keys::KeyInfo;
pub(crate) use keys::{ApiKey, Keys};
pub use population::{Organization, Person, Population, StatedClient, StatedKey, StatedObjects};

/// Everything that a request can change. A clone of it is a snapshot.
#[derive(Debug, Clone, Default)]
pub(crate) struct World {
    pub(crate) accounts: Accounts,
    pub(crate) keys: Keys,
    /// OAuth clients by their id.
    pub(crate) clients: BTreeMap<String, Client>,
    /// Authorization codes by their hash.
    pub(crate) codes: Codes,
    /// Tokens and sessions that were taken back, by `jti` and `sid`, with the time at which they were.
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
    /// Where a user who consented may be sent back to.
    pub(crate) redirect_uris: Vec<String>,
}

impl Client {
    /// Whether `uri` is one of the client's own, to the letter; of a loopback address only the port may differ
    /// (RFC 8252, 7.3).
    pub(crate) fn owns(&self, uri: &str) -> bool {
        self.redirect_uris
            .iter()
            .any(|known| known == uri || loopback(known).is_some_and(|it| Some(it) == loopback(uri)))
    }
}

/// Scheme and path of an `http` URI of a loopback address, without its port.
fn loopback(uri: &str) -> Option<(&str, &str)> {
    let hosts = ["http://127.0.0.1", "http://[::1]", "http://localhost"];
    let host = hosts.into_iter().find(|host| uri.starts_with(host))?;
    let rest = &uri[host.len()..];
    let path = rest.find('/').map_or("", |at| &rest[at..]);
    let port = rest[..rest.len() - path.len()].strip_prefix(':').unwrap_or("0");
    let is_port = rest.starts_with([':', '/']) || rest.is_empty();
    (is_port && port.bytes().all(|byte| byte.is_ascii_digit())).then_some((host, path))
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
