//! A store that lives as long as the process: for tests, and for services that keep their sessions elsewhere.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Mutex as AsyncMutex;

use super::{Entry, Lease, Sealed, StoreError, StoreKey, Swap, TokenStore, Version};
use crate::clock::BoxFuture;

/// Entries in memory. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct MemoryStore {
    slots: Arc<Mutex<HashMap<StoreKey, Slot>>>,
}

#[derive(Debug, Default)]
struct Slot {
    bytes: Option<Sealed>,
    /// Counts replacements, so that a removed entry does not come back as the same version.
    version: u64,
    lease: Arc<AsyncMutex<()>>,
}

impl Slot {
    fn version(&self) -> Option<Version> {
        self.bytes.is_some().then(|| Version::new(self.version.to_string()))
    }
}

impl MemoryStore {
    /// A store without entries.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn with<T>(&self, key: &StoreKey, act: impl FnOnce(&mut Slot) -> T) -> T {
        // A slot is a plain value that each act leaves whole, so it is sound whoever panicked.
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        act(slots.entry(key.clone()).or_default())
    }
}

impl TokenStore for MemoryStore {
    fn load<'a>(&'a self, key: &'a StoreKey) -> BoxFuture<'a, Result<Option<Entry>, StoreError>> {
        let entry = self.with(key, |slot| Some(Entry { version: slot.version()?, bytes: slot.bytes.clone()? }));
        Box::pin(std::future::ready(Ok(entry)))
    }

    fn compare_and_swap<'a>(
        &'a self,
        key: &'a StoreKey,
        expected: Option<Version>,
        bytes: Option<Sealed>,
    ) -> BoxFuture<'a, Result<Swap, StoreError>> {
        let swap = self.with(key, |slot| {
            if slot.version() != expected {
                return Swap::Conflict;
            }
            slot.version += 1;
            slot.bytes = bytes;
            Swap::Done(slot.version())
        });
        Box::pin(std::future::ready(Ok(swap)))
    }

    fn lease<'a>(&'a self, key: &'a StoreKey, wait: Duration) -> BoxFuture<'a, Result<Option<Lease>, StoreError>> {
        let lock = self.with(key, |slot| Arc::clone(&slot.lease));
        Box::pin(async move {
            let guard = tokio::time::timeout(wait, lock.lock_owned()).await.ok();
            Ok(guard.map(|guard| Lease::new(move || drop(guard))))
        })
    }
}
