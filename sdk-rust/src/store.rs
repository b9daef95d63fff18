//! Where tokens outlive a client: one entry per session, replaced whole, and only by whoever saw the last version (E1).
//!
//! A store holds bytes that it does not read. What is in them, and when they are renewed, is the token cache's business;
//! which session belongs to which [`Profile`] is decided at login.

mod disk;
mod file;
#[cfg(feature = "keyring")]
mod keyring;
mod memory;
mod profile;

use std::fmt;
use std::time::Duration;

use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

pub use file::FileStore;
#[cfg(feature = "keyring")]
pub use keyring::KeyringStore;
pub use memory::MemoryStore;
pub use profile::{LoginKind, Profile};

pub(crate) use file::folder;

use crate::clock::BoxFuture;

/// Which session an entry belongs to. It holds no secret, and is fit for the name of a file.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct StoreKey(String);

impl StoreKey {
    /// The key of a session of `profile` at `api`. `parts` tell sessions of one profile apart; they go into a hash
    /// (E6), so that a user's name is not in the key.
    #[must_use]
    pub fn new(api: &str, profile: &str, parts: &[&str]) -> Self {
        let mut hash = Sha256::new();
        for part in [api, profile].iter().chain(parts) {
            // The length keeps `ab` + `c` and `a` + `bc` apart.
            hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            hash.update(part.as_bytes());
        }
        let plain = |text: &str| {
            let word = text.chars().take(40);
            word.map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' }).collect::<String>()
        };
        Self(format!("{}.{}.{}", plain(api), plain(profile), &hex(&hash.finalize())[..16]))
    }

    /// The key as text: letters, digits, `-`, `_` and `.` only.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The bytes of an entry: redacted in `Debug`, wiped when dropped (B7).
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed(Zeroizing<Vec<u8>>);

impl Sealed {
    /// Wraps `bytes`.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(Zeroizing::new(bytes.into()))
    }

    /// The bytes. Whoever asks for them must not print them.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(crate::secret::REDACTED)
    }
}

/// Which of an entry's states somebody saw. Two versions are equal only if nobody replaced the entry in between, or
/// only by the same bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version(String);

impl Version {
    /// A version by the name that the store gives it.
    pub fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// The name that the store gave it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The version that a store without counters uses: the hash of the bytes.
    fn of(bytes: &Sealed) -> Self {
        Self(hex(&Sha256::digest(bytes.expose())))
    }
}

/// An entry as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Which state of the entry this is.
    pub version: Version,
    /// What it holds.
    pub bytes: Sealed,
}

/// What became of a [`TokenStore::compare_and_swap`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Swap {
    /// It was done; the entry has this version now, or is gone if it was removed.
    Done(Option<Version>),
    /// The entry was not what the caller expected, and is as it was.
    Conflict,
}

/// The right to renew a session, held by one process at a time. It ends when this is dropped.
pub struct Lease(Option<Box<dyn FnOnce() + Send>>);

impl Lease {
    /// A lease that `release` ends.
    pub fn new(release: impl FnOnce() + Send + 'static) -> Self {
        Self(Some(Box::new(release)))
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(release) = self.0.take() {
            release();
        }
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Lease")
    }
}

/// Why a store could not do what it was asked. It never shows what an entry holds.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place} {problem}; {remedy}")]
pub struct StoreError {
    /// What the problem is with: a file, a keyring.
    pub place: String,
    /// What is wrong with it.
    pub problem: String,
    /// What to do.
    pub remedy: String,
}

impl StoreError {
    /// An error of `place`.
    pub fn new(place: impl Into<String>, problem: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { place: place.into(), problem: problem.into(), remedy: remedy.into() }
    }
}

/// Where tokens outlive a client (E1). Every method is told its key; a store keeps no other state about it.
pub trait TokenStore: Send + Sync + fmt::Debug {
    /// The entry; `None` if there is none.
    ///
    /// # Errors
    /// When the store is out of reach, or holds what it did not write. Nothing is ever removed for that.
    fn load<'a>(&'a self, key: &'a StoreKey) -> BoxFuture<'a, Result<Option<Entry>, StoreError>>;

    /// Replaces the entry by `bytes`, or removes it (`None`), if it is still the one of `expected` (`None`: none yet).
    /// When this answers, the entry is safe: a crash right after it finds the new bytes, a crash before it the old.
    ///
    /// # Errors
    /// When the store is out of reach. The entry is then one of the two, whole.
    fn compare_and_swap<'a>(
        &'a self,
        key: &'a StoreKey,
        expected: Option<Version>,
        bytes: Option<Sealed>,
    ) -> BoxFuture<'a, Result<Swap, StoreError>>;

    /// Waits, at most for `wait`, until nobody else holds the right to renew; `None` if somebody still does.
    ///
    /// # Errors
    /// When the store is out of reach.
    fn lease<'a>(&'a self, key: &'a StoreKey, wait: Duration) -> BoxFuture<'a, Result<Option<Lease>, StoreError>>;
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// E6: a key names API and profile, hashes the rest, and is fit for a file's name.
    #[test]
    fn a_key_tells_sessions_apart() {
        let key = |parts: &[&str]| StoreKey::new("arrotech", "../work", parts).as_str().to_owned();
        assert!(key(&["ada@example.com"]).starts_with("arrotech.___work."), "{}", key(&["ada@example.com"]));
        assert!(!key(&["ada@example.com"]).contains("ada"));
        assert_ne!(key(&["ab", "c"]), key(&["a", "bc"]));
        assert_eq!(key(&["a"]), key(&["a"]));
    }

    /// B7: neither an entry nor an error about it shows its bytes.
    #[test]
    fn an_entry_is_redacted() {
        let bytes = Sealed::new("test-canary");
        let entry = Entry { version: Version::of(&bytes), bytes };
        assert!(!format!("{entry:?}").contains("canary"));
    }
}
