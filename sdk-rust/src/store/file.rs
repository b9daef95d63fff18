//! A store of files that only their owner can read, replaced whole or not at all (E2).

use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::{Entry, Lease, Sealed, StoreError, StoreKey, Swap, TokenStore, Version, disk, hex};
use crate::clock::BoxFuture;

/// How often a lease that somebody else holds is asked for again.
const POLL: Duration = Duration::from_millis(20);

/// What an entry's file begins with; the hash of the rest follows, so that a damaged file is told from a whole one.
const HEAD: &[u8] = b"bitting 1 ";

/// Entries as files of one folder, for every process of this user.
///
/// A file has mode 0600 and is replaced by renaming a new one onto it, so a reader sees the old entry or the new one. A
/// file that others can read, a symbolic link and a damaged file are refused with what to do, and never removed. Where
/// there are no modes (Windows), the folder's own access rights count.
#[derive(Debug, Clone)]
pub struct FileStore {
    folder: PathBuf,
}

impl FileStore {
    /// A store in `folder`, which is made (0700) when the first entry is written. This does no I/O.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// The store in the user's own place: `$BITTING_CONFIG_DIR`, else `bitting` in `$XDG_CONFIG_HOME`, in
    /// `$HOME/.config`, or in `%APPDATA%`.
    ///
    /// # Errors
    /// When none of these variables is set.
    pub fn for_user() -> Result<Self, StoreError> {
        let folder = folder(&|name| std::env::var(name).ok()).ok_or_else(|| {
            let problem = "has no place: neither HOME nor BITTING_CONFIG_DIR is set";
            StoreError::new("the store of tokens", problem, "set BITTING_CONFIG_DIR to a folder of your own")
        })?;
        Ok(Self::new(folder))
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    fn entry(&self, key: &StoreKey) -> PathBuf {
        self.folder.join(format!("{}.token", key.as_str()))
    }

    /// The lock of one purpose: `lease` is held through a renewal, `lock` through a replacement.
    pub(super) fn lock(&self, key: &StoreKey, purpose: &str) -> PathBuf {
        self.folder.join(format!("{}.{purpose}", key.as_str()))
    }
}

/// The user's folder, by the environment.
pub(crate) fn folder(read: &crate::credentials::environment::Read) -> Option<PathBuf> {
    let set = |name| crate::credentials::environment::variable(read, name).map(PathBuf::from);
    let shared = || set("XDG_CONFIG_HOME").or_else(|| Some(set("HOME")?.join(".config"))).or_else(|| set("APPDATA"));
    set("BITTING_CONFIG_DIR").or_else(|| Some(shared()?.join("bitting")))
}

impl TokenStore for FileStore {
    fn load<'a>(&'a self, key: &'a StoreKey) -> BoxFuture<'a, Result<Option<Entry>, StoreError>> {
        let path = self.entry(key);
        blocking(move || read(&path))
    }

    fn compare_and_swap<'a>(
        &'a self,
        key: &'a StoreKey,
        expected: Option<Version>,
        bytes: Option<Sealed>,
    ) -> BoxFuture<'a, Result<Swap, StoreError>> {
        let (path, lock) = (self.entry(key), self.lock(key, "lock"));
        blocking(move || {
            let _guard = disk::lock(&lock)?;
            if read(&path)?.map(|entry| entry.version) != expected {
                return Ok(Swap::Conflict);
            }
            match &bytes {
                Some(bytes) => disk::write(&path, &framed(bytes))?,
                None => disk::remove(&path)?,
            }
            Ok(Swap::Done(bytes.as_ref().map(Version::of)))
        })
    }

    fn lease<'a>(&'a self, key: &'a StoreKey, wait: Duration) -> BoxFuture<'a, Result<Option<Lease>, StoreError>> {
        let path = self.lock(key, "lease");
        Box::pin(async move {
            let asked = wait.as_millis() / POLL.as_millis();
            for _ in 0..=asked {
                let path = path.clone();
                if let Some(guard) = blocking(move || disk::try_lock(&path)).await? {
                    return Ok(Some(Lease::new(move || drop(guard))));
                }
                tokio::time::sleep(POLL).await;
            }
            Ok(None)
        })
    }
}

/// Runs what waits for a disk where that holds up no other task.
pub(super) fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> BoxFuture<'static, Result<T, StoreError>> {
    Box::pin(async move {
        let done = tokio::task::spawn_blocking(work).await;
        done.unwrap_or_else(|_| {
            let remedy = "give the client a runtime that runs";
            Err(StoreError::new("the store of tokens", "was interrupted by the end of its runtime", remedy))
        })
    })
}

fn framed(bytes: &Sealed) -> Sealed {
    let version = Version::of(bytes);
    let mut file = Vec::with_capacity(HEAD.len() + version.as_str().len() + 1 + bytes.expose().len());
    file.extend_from_slice(HEAD);
    file.extend_from_slice(version.as_str().as_bytes());
    file.push(b'\n');
    file.extend_from_slice(bytes.expose());
    Sealed::new(file)
}

fn read(path: &Path) -> Result<Option<Entry>, StoreError> {
    let Some(file) = disk::read(path)? else { return Ok(None) };
    let entry = file.expose().strip_prefix(HEAD).and_then(|rest| {
        let end = rest.iter().position(|byte| *byte == b'\n')?;
        let (named, bytes) = (&rest[..end], &rest[end + 1..]);
        let version = hex(&Sha256::digest(bytes));
        (version.as_bytes() == named).then(|| Entry { version: Version::new(version), bytes: Sealed::new(bytes) })
    });
    let damaged = || {
        let remedy = "move it away, then log in again; it was left as it is";
        StoreError::new(format!("the token file {}", path.display()), "is damaged or of another version", remedy)
    };
    entry.map(Some).ok_or_else(damaged)
}
