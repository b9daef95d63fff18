//! A store in the operating system's keyring: Keychain, Credential Manager, Secret Service.

use std::time::Duration;

use keyring::v1;

use super::file::{FileStore, blocking};
use super::{Entry, Lease, Sealed, StoreError, StoreKey, Swap, TokenStore, Version, disk};
use crate::clock::BoxFuture;

/// Entries in the keyring of the user who is logged in to this machine.
///
/// A keyring replaces an entry whole, and has no locks of its own: those of a [`FileStore`] keep processes apart, whose
/// files hold nothing.
#[derive(Debug, Clone)]
pub struct KeyringStore {
    service: String,
    locks: FileStore,
}

impl KeyringStore {
    /// A store under the name `service` in the keyring, with the lock files of `locks`. This does no I/O.
    pub fn new(service: impl Into<String>, locks: FileStore) -> Self {
        Self { service: service.into(), locks }
    }
}

impl TokenStore for KeyringStore {
    fn load<'a>(&'a self, key: &'a StoreKey) -> BoxFuture<'a, Result<Option<Entry>, StoreError>> {
        let (service, name) = (self.service.clone(), key.as_str().to_owned());
        blocking(move || read(&open(&service, &name)?))
    }

    fn compare_and_swap<'a>(
        &'a self,
        key: &'a StoreKey,
        expected: Option<Version>,
        bytes: Option<Sealed>,
    ) -> BoxFuture<'a, Result<Swap, StoreError>> {
        let (service, name) = (self.service.clone(), key.as_str().to_owned());
        let lock = self.locks.lock(key, "lock");
        blocking(move || {
            let _guard = disk::lock(&lock)?;
            let entry = open(&service, &name)?;
            if read(&entry)?.map(|entry| entry.version) != expected {
                return Ok(Swap::Conflict);
            }
            match &bytes {
                Some(bytes) => entry.set_secret(bytes.expose()).map_err(|error| fail(&error))?,
                None => match entry.delete_credential() {
                    Ok(()) | Err(v1::Error::NoEntry) => {}
                    Err(error) => return Err(fail(&error)),
                },
            }
            Ok(Swap::Done(bytes.as_ref().map(Version::of)))
        })
    }

    fn lease<'a>(&'a self, key: &'a StoreKey, wait: Duration) -> BoxFuture<'a, Result<Option<Lease>, StoreError>> {
        self.locks.lease(key, wait)
    }
}

fn open(service: &str, name: &str) -> Result<v1::Entry, StoreError> {
    v1::Entry::new(service, name).map_err(|error| fail(&error))
}

fn read(entry: &v1::Entry) -> Result<Option<Entry>, StoreError> {
    match entry.get_secret() {
        Ok(bytes) => {
            let bytes = Sealed::new(bytes);
            Ok(Some(Entry { version: Version::of(&bytes), bytes }))
        }
        Err(v1::Error::NoEntry) => Ok(None),
        Err(error) => Err(fail(&error)),
    }
}

fn fail(error: &v1::Error) -> StoreError {
    // Some errors carry the entry's bytes, so their own text is not shown.
    let problem = match error {
        v1::Error::NoDefaultStore => "is not there on this machine",
        v1::Error::NoStorageAccess(_) => "is locked, or refuses this program",
        v1::Error::BadEncoding(_) | v1::Error::BadDataFormat(..) => "holds what is no token",
        v1::Error::TooLong(..) => "has no room for a token of this size",
        v1::Error::Ambiguous(_) => "has several entries of this name",
        _ => "does not work",
    };
    StoreError::new("the keyring", problem, "unlock it, or use a file store")
}
