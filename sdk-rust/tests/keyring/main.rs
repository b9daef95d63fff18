//! The store in the operating system's keyring (E1), against the real one. It is run by hand, since it needs one that is
//! unlocked; on Linux a keyring of its own serves:
//!
//! ```console
//! $ dbus-run-session -- sh -c 'printf test | gnome-keyring-daemon --unlock --components=secrets >/dev/null
//!     cargo test -p bitting --features keyring --test keyring'
//! ```

use std::time::Duration;

use bitting::store::{FileStore, KeyringStore, Sealed, StoreKey, Swap, TokenStore, Version};

async fn swap(store: &KeyringStore, key: &StoreKey, expected: Option<&Version>, bytes: Option<&[u8]>) -> Swap {
    let swapped = store.compare_and_swap(key, expected.cloned(), bytes.map(Sealed::new)).await;
    swapped.expect("a keyring")
}

/// E1: an entry is made once, replaced by who saw its last version, and removed; any bytes come back as they were, and a
/// second store sees them.
#[tokio::test]
async fn an_entry_lives_in_the_keyring() {
    let locks = tempfile::tempdir().expect("a folder");
    let store = || KeyringStore::new("bitting-test", FileStore::new(locks.path()));
    let (one, other) = (store(), store());
    let key = StoreKey::new("demo", "default", &[&std::process::id().to_string()]);
    assert_eq!(one.load(&key).await, Ok(None));
    let bytes: Vec<u8> = (0..=255).collect();
    let Swap::Done(Some(first)) = swap(&one, &key, None, Some(&bytes)).await else { panic!("a conflict") };
    let entry = other.load(&key).await.expect("a keyring").expect("an entry");
    assert_eq!((entry.bytes.expose(), &entry.version), (bytes.as_slice(), &first));
    assert_eq!(swap(&other, &key, None, Some(b"late")).await, Swap::Conflict);
    // A token as large as servers make them.
    let large = vec![b'x'; 20_000];
    let Swap::Done(Some(second)) = swap(&other, &key, Some(&first), Some(&large)).await else { panic!("a conflict") };
    assert_eq!(swap(&one, &key, Some(&first), None).await, Swap::Conflict);
    assert_eq!(swap(&one, &key, Some(&second), None).await, Swap::Done(None));
    assert_eq!(other.load(&key).await, Ok(None));
    let lease = one.lease(&key, Duration::ZERO).await.expect("a lock");
    assert!(lease.is_some() && other.lease(&key, Duration::ZERO).await.expect("a lock").is_none());
}
