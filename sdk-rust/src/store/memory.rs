//! A store that lives as long as the process: for tests, and for services that keep their sessions elsewhere.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Mutex as AsyncMutex;

use super::{Entry, Lease, Sealed, StoreError, StoreKey, Swap, TokenStore, Version};
use crate::clock::BoxFuture;

/// How many entries there are at most. A service that has more tenants than this keeps those that it last served (A20).
const MOST_ENTRIES: usize = 10_000;

/// Entries in memory. Clones share them. There are 10,000 at most: a new one takes the place of the one that nobody has
/// asked for the longest, whose session then lives in the clients that hold it, and ends with them.
#[derive(Debug, Clone, Default)]
pub struct MemoryStore {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    slots: HashMap<StoreKey, Slot>,
    /// Counts what is asked, so that no version comes back and the order of use is known.
    ticks: u64,
}

#[derive(Debug, Default)]
struct Slot {
    bytes: Option<Sealed>,
    /// When it was replaced, and when somebody last asked for it.
    version: u64,
    used: u64,
    lease: Arc<AsyncMutex<()>>,
}

impl Slot {
    fn version(&self) -> Option<Version> {
        self.bytes.is_some().then(|| Version::new(self.version.to_string()))
    }

    /// Whether nobody renews the session right now, or waits to.
    fn is_idle(&self) -> bool {
        Arc::strong_count(&self.lease) == 1
    }
}

impl State {
    /// The slot of `key`, and the number of this moment.
    fn slot(&mut self, key: &StoreKey) -> (&mut Slot, u64) {
        self.ticks += 1;
        if !self.slots.contains_key(key) && self.slots.len() >= MOST_ENTRIES {
            let idle = self.slots.iter().filter(|(_, slot)| slot.is_idle());
            if let Some(oldest) = idle.min_by_key(|(_, slot)| slot.used).map(|(key, _)| key.clone()) {
                self.slots.remove(&oldest);
            }
        }
        let slot = self.slots.entry(key.clone()).or_default();
        slot.used = self.ticks;
        (slot, self.ticks)
    }
}

impl MemoryStore {
    /// A store without entries.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn with<T>(&self, key: &StoreKey, act: impl FnOnce(&mut Slot, u64) -> T) -> T {
        // A slot is a plain value that each act leaves whole, so it is sound whoever panicked.
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (slot, now) = state.slot(key);
        act(slot, now)
    }
}

impl TokenStore for MemoryStore {
    fn load<'a>(&'a self, key: &'a StoreKey) -> BoxFuture<'a, Result<Option<Entry>, StoreError>> {
        let entry = self.with(key, |slot, _| Some(Entry { version: slot.version()?, bytes: slot.bytes.clone()? }));
        Box::pin(std::future::ready(Ok(entry)))
    }

    fn compare_and_swap<'a>(
        &'a self,
        key: &'a StoreKey,
        expected: Option<Version>,
        bytes: Option<Sealed>,
    ) -> BoxFuture<'a, Result<Swap, StoreError>> {
        let swap = self.with(key, |slot, now| {
            if slot.version() != expected {
                return Swap::Conflict;
            }
            (slot.version, slot.bytes) = (now, bytes);
            Swap::Done(slot.version())
        });
        Box::pin(std::future::ready(Ok(swap)))
    }

    fn lease<'a>(&'a self, key: &'a StoreKey, wait: Duration) -> BoxFuture<'a, Result<Option<Lease>, StoreError>> {
        let lock = self.with(key, |slot, _| Arc::clone(&slot.lease));
        Box::pin(async move {
            let guard = tokio::time::timeout(wait, lock.lock_owned()).await.ok();
            Ok(guard.map(|guard| Lease::new(move || drop(guard))))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: usize) -> StoreKey {
        StoreKey::new("demo", "default", &[&number.to_string()])
    }

    async fn put(store: &MemoryStore, number: usize) {
        let swap = store.compare_and_swap(&key(number), None, Some(Sealed::new("test"))).await;
        assert!(matches!(swap, Ok(Swap::Done(Some(_)))), "{number}: {swap:?}");
    }

    /// A20: the sessions of many tenants have an end: who was asked for last stays, and who is renewed right now.
    #[tokio::test]
    async fn the_store_is_bounded() {
        let store = MemoryStore::new();
        put(&store, 0).await;
        put(&store, 1).await;
        let lease = store.lease(&key(1), Duration::ZERO).await.expect("a store").expect("a lease");
        for number in 2..MOST_ENTRIES + 100 {
            put(&store, number).await;
            assert!(store.load(&key(0)).await.expect("a store").is_some(), "asked for before {number}");
        }
        assert_eq!(store.state.lock().expect("a lock").slots.len(), MOST_ENTRIES);
        assert!(store.load(&key(1)).await.expect("a store").is_some(), "being renewed");
        drop(lease);
        assert_eq!(store.load(&key(2)).await, Ok(None), "not asked for the longest");
    }
}
