//! Stores: versions, leases, private files, and clients and processes that share a session (E1, E2, A16).

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use bitting::oauth::Login;
use bitting::store::{
    Entry, FileStore, Lease, MemoryStore, Profile, Sealed, StoreError, StoreKey, Swap, TokenStore, Version,
};
use bitting::{BoxFuture, Call, Client, ClientBuilder, Credential, ManualClock};
use futures_util::future::join_all;
use proptest::prelude::*;
use tempfile::TempDir;

use crate::authority::{Authority, CANARY};

fn key() -> StoreKey {
    StoreKey::new("demo", "default", &["test"])
}

fn folder() -> TempDir {
    TempDir::new().expect("a folder")
}

async fn swap(store: &dyn TokenStore, expected: Option<&Version>, bytes: Option<&str>) -> Swap {
    let swap = store.compare_and_swap(&key(), expected.cloned(), bytes.map(Sealed::new)).await;
    swap.expect("a store")
}

async fn load(store: &dyn TokenStore) -> Option<Entry> {
    store.load(&key()).await.expect("a store")
}

/// The one file of a store's entry.
fn token_file(folder: &Path) -> PathBuf {
    folder.join(format!("{}.token", key().as_str()))
}

/// E1: an entry is made once, replaced by who saw its last version, removed, and made again.
#[tokio::test]
async fn an_entry_changes_for_who_saw_it() {
    let folder = folder();
    let stores: [Arc<dyn TokenStore>; 2] = [Arc::new(MemoryStore::new()), Arc::new(FileStore::new(folder.path()))];
    for store in stores {
        assert_eq!(load(&*store).await, None);
        let Swap::Done(Some(first)) = swap(&*store, None, Some("one")).await else { panic!("a new entry") };
        assert_eq!(load(&*store).await, Some(Entry { version: first.clone(), bytes: Sealed::new("one") }));
        assert_eq!(swap(&*store, None, Some("two")).await, Swap::Conflict);
        let Swap::Done(Some(second)) = swap(&*store, Some(&first), Some("two")).await else { panic!("a change") };
        assert_eq!(swap(&*store, Some(&first), Some("three")).await, Swap::Conflict);
        assert_eq!(swap(&*store, Some(&first), None).await, Swap::Conflict);
        assert_eq!(load(&*store).await.map(|entry| entry.bytes), Some(Sealed::new("two")));
        assert_eq!(swap(&*store, Some(&second), None).await, Swap::Done(None));
        assert_eq!(load(&*store).await, None);
        assert!(matches!(swap(&*store, None, Some("four")).await, Swap::Done(Some(_))));
    }
}

/// E1, E2: one lease at a time; whoever waits gets it when it is dropped, or is told that it was not.
#[tokio::test]
async fn a_lease_is_held_by_one() {
    let folder = folder();
    let other: Arc<dyn TokenStore> = Arc::new(FileStore::new(folder.path()));
    let memory = MemoryStore::new();
    let pairs: [(Arc<dyn TokenStore>, Arc<dyn TokenStore>); 2] =
        [(Arc::new(memory.clone()), Arc::new(memory)), (Arc::new(FileStore::new(folder.path())), other)];
    for (store, other) in pairs {
        let lease = store.lease(&key(), Duration::ZERO).await.expect("a store").expect("a lease");
        assert!(other.lease(&key(), Duration::from_millis(50)).await.expect("a store").is_none());
        let second = StoreKey::new("demo", "other", &[]);
        assert!(other.lease(&second, Duration::from_millis(50)).await.expect("a store").is_some());
        let waiting = tokio::spawn(async move { other.lease(&key(), Duration::from_secs(10)).await });
        tokio::time::sleep(Duration::from_millis(30)).await;
        drop(lease);
        assert!(waiting.await.expect("no panic").expect("a store").is_some());
    }
}

/// E2: files are for their owner alone, and the folder too if it is made here.
#[tokio::test]
async fn files_are_private() {
    let folder = folder();
    let inner = folder.path().join("inner");
    let store = FileStore::new(&inner);
    swap(&store, None, Some("one")).await;
    let mode = |path: &Path| std::fs::metadata(path).expect("a file").permissions().mode() & 0o777;
    assert_eq!(mode(&inner), 0o700);
    let files: Vec<PathBuf> =
        std::fs::read_dir(&inner).expect("a folder").map(|file| file.expect("a file").path()).collect();
    assert!(files.contains(&token_file(&inner)));
    for file in &files {
        assert_eq!(mode(file), 0o600, "{}", file.display());
    }
}

/// E2: a file that others can read, a symbolic link, a folder and a damaged file are refused with what to do, and stay as
/// they are.
#[tokio::test]
async fn what_is_not_ours_is_refused_and_kept() {
    let outer = folder();
    let store = FileStore::new(outer.path());
    let file = token_file(outer.path());
    swap(&store, None, Some("test-canary")).await;
    let whole = std::fs::read(&file).expect("a file");
    let refused = |what: &'static str, store: FileStore| async move {
        for error in [
            store.load(&key()).await.expect_err(what),
            store.compare_and_swap(&key(), None, Some(Sealed::new("new"))).await.expect_err(what),
            store.compare_and_swap(&key(), None, None).await.expect_err(what),
        ] {
            let text = error.to_string();
            assert!(text.contains(what) && text.contains(".token") && !text.contains(CANARY), "{text}");
        }
    };
    for mode in [0o640, 0o604, 0o620, 0o666] {
        std::fs::set_permissions(&file, PermissionsExt::from_mode(mode)).expect("a mode");
        refused("chmod 600", store.clone()).await;
    }
    std::fs::set_permissions(&file, PermissionsExt::from_mode(0o600)).expect("a mode");
    for damaged in [&whole[..whole.len() - 1], &[&whole[..], b"x"].concat(), b"", b"{}", b"bitting 2 x\ny"] {
        std::fs::write(&file, damaged).expect("a file");
        refused("damaged", store.clone()).await;
        assert_eq!(std::fs::read(&file).expect("a file"), damaged, "it is left as it is");
    }
    std::fs::write(&file, vec![b'x'; 2 << 20]).expect("a file");
    refused("larger", store.clone()).await;
    let real = outer.path().join("real");
    std::fs::rename(&file, &real).expect("a file");
    std::fs::write(&real, &whole).expect("a file");
    symlink(&real, &file).expect("a link");
    refused("not a plain file", store.clone()).await;
    assert_eq!(std::fs::read(&real).expect("a file"), whole);
    std::fs::remove_file(&file).expect("a link");
    std::fs::create_dir(&file).expect("a folder");
    refused("not a plain file", store.clone()).await;
}

/// E2: what a crash leaves behind, half a draft, does no harm.
#[tokio::test]
async fn a_crash_leaves_the_old_entry() {
    let outer = folder();
    let store = FileStore::new(outer.path());
    swap(&store, None, Some("one")).await;
    let draft = token_file(outer.path()).with_extension("0.draft");
    std::fs::write(&draft, b"bitting 1 half").expect("a file");
    let entry = load(&store).await.expect("an entry");
    assert_eq!(entry.bytes, Sealed::new("one"));
    assert!(matches!(swap(&store, Some(&entry.version), Some("two")).await, Swap::Done(_)));
}

/// What a writer of the property below does.
#[derive(Debug, Clone)]
enum Act {
    Write(usize),
    Remove,
    Pause(u64),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        6 => (0_usize..20_000).prop_map(Act::Write),
        1 => Just(Act::Remove),
        2 => (0_u64..300).prop_map(Act::Pause),
    ]
}

impl Act {
    /// What the entry is after it: a text of one letter, so that two texts that were mixed are told from one.
    fn text(&self, writer: usize) -> Option<String> {
        let letter = char::from(b'a' + u8::try_from(writer).expect("a few writers"));
        match self {
            Self::Write(length) => Some(std::iter::repeat_n(letter, length + 1).collect()),
            Self::Remove | Self::Pause(_) => None,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// E2: whatever writers do at the same time, a reader finds one whole entry or none, and what stays is what one of
    /// them did last.
    #[test]
    fn writers_keep_one_whole_version(writers in prop::collection::vec(prop::collection::vec(act(), 1..8), 2..5)) {
        let folder = folder();
        let path = folder.path();
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let reader = scope.spawn(|| while !done.load(Ordering::SeqCst) { read_whole(path); });
            let writers: Vec<_> = writers.iter().enumerate().map(|(writer, acts)| {
                scope.spawn(move || run(write(FileStore::new(path), writer, acts)))
            }).collect();
            writers.into_iter().for_each(|writer| writer.join().expect("no panic"));
            done.store(true, Ordering::SeqCst);
            reader.join().expect("no panic");
        });
        let last = |(writer, acts): (usize, &Vec<Act>)| {
            acts.iter().rev().find(|act| !matches!(act, Act::Pause(_))).map(|act| act.text(writer))
        };
        let possible: Vec<Option<String>> = writers.iter().enumerate().filter_map(last).collect();
        let kept = read_whole(path);
        prop_assert!(possible.contains(&kept) || (possible.is_empty() && kept.is_none()));
        let drafts = std::fs::read_dir(path).expect("a folder").filter(|file| {
            file.as_ref().is_ok_and(|file| file.path().extension().is_some_and(|end| end == "draft"))
        });
        prop_assert_eq!(drafts.count(), 0);
    }
}

fn run<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(future)
}

/// The entry, which no two writers made together.
fn read_whole(folder: &Path) -> Option<String> {
    let entry = run(async { load(&FileStore::new(folder)).await })?;
    let text = String::from_utf8(entry.bytes.expose().to_vec()).expect("text");
    assert!(text.bytes().all(|byte| byte == text.as_bytes()[0]), "a mixed entry: {text}");
    Some(text)
}

/// Does every act, again after each conflict.
async fn write(store: FileStore, writer: usize, acts: &[Act]) {
    for act in acts {
        if let Act::Pause(micros) = act {
            tokio::time::sleep(Duration::from_micros(*micros)).await;
            continue;
        }
        let bytes = act.text(writer);
        loop {
            let expected = load(&store).await.map(|entry| entry.version);
            if let Swap::Done(_) = swap(&store, expected.as_ref(), bytes.as_deref()).await {
                break;
            }
        }
    }
}

/// Begins a session whose token is over, so that the next call renews it.
async fn stale_session(authority: &Authority, store: Arc<dyn TokenStore>) -> Profile {
    let past = ManualClock::new(SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000));
    let login = Login::builder(authority.api()).environment(|_| None).store(store).clock(Arc::new(past));
    let login = login.build().expect("a login");
    login.password("ada@example.com", "test-password-canary").await.expect("a session")
}

fn builder(authority: &Authority, store: Arc<dyn TokenStore>, profile: &Profile) -> ClientBuilder {
    let builder = Client::builder(authority.api()).environment(|_| None).store(store);
    builder.credential(Credential::Profile(profile.clone()))
}

async fn herd(clients: &[Client], count: usize) {
    let calls = clients.iter().flat_map(|client| std::iter::repeat_n(client, count)).map(|client| {
        let client = client.clone();
        tokio::spawn(async move { client.call(Call::new("read")).await })
    });
    for outcome in join_all(calls.collect::<Vec<_>>()).await {
        outcome.expect("no panic").expect("an answer");
    }
}

/// A1, A16, E2: clients that share a file store, as processes do, renew a session once at its end, although its refresh
/// token serves once; the new one is in the store before any call carries it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_share_a_store_renew_once() {
    let (authority, outer) = (Authority::new().await, folder());
    let store = || -> Arc<dyn TokenStore> { Arc::new(FileStore::new(outer.path())) };
    let profile = stale_session(&authority, store()).await;
    let client = || builder(&authority, store(), &profile).build().expect("a client");
    let clients: Vec<Client> = (0..4).map(|_| client()).collect();
    herd(&clients, 25).await;
    let state = authority.state();
    assert_eq!((state.refreshes, state.issued, state.burnt), (1, 2, false));
    assert!(state.seen.iter().all(|header| header == "Bearer test-token-canary-2"), "{:?}", state.seen);
}

/// The variables by which the test below tells its children what to do.
const CHILD: [&str; 2] = ["BITTING_TEST_CHILD_URL", "BITTING_TEST_CHILD_STORE"];

/// A1, A16, E2: three processes renew a session once at its end. The test runs itself as the other two.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_that_share_a_store_renew_once() {
    if let [Ok(url), Ok(place)] = CHILD.map(std::env::var) {
        let profile = FileStore::new(&place).profile("demo", "default").expect("a store").expect("a profile");
        let authority = Authority::at(url);
        let client = builder(&authority, Arc::new(FileStore::new(&place)), &profile).build().expect("a client");
        return herd(&[client], 20).await;
    }
    let (authority, outer) = (Authority::new().await, folder());
    let store = FileStore::new(outer.path());
    let profile = stale_session(&authority, Arc::new(store.clone())).await;
    store.keep_profile(&profile).expect("a store");
    let program = std::env::current_exe().expect("this program");
    let children = (0..2).map(|_| {
        let mut child = std::process::Command::new(&program);
        child.args(["--exact", "store::processes_that_share_a_store_renew_once"]);
        child.env(CHILD[0], authority.uri()).env(CHILD[1], outer.path());
        child.stdout(std::process::Stdio::null()).spawn().expect("a process")
    });
    let children: Vec<_> = children.collect();
    let client = builder(&authority, Arc::new(store), &profile).build().expect("a client");
    herd(&[client], 20).await;
    for mut child in children {
        let status = tokio::task::spawn_blocking(move || child.wait()).await.expect("no panic").expect("an end");
        assert!(status.success(), "{status}");
    }
    let state = authority.state();
    assert_eq!((state.refreshes, state.burnt, state.seen.len()), (1, false, 60));
}

/// A store that can be told to fail, and one whose leases keep nobody apart.
#[derive(Debug, Default)]
struct Odd {
    inner: MemoryStore,
    fails_to_write: AtomicBool,
    fails_to_read: AtomicBool,
}

fn broken<T: Send + 'static>() -> BoxFuture<'static, Result<T, StoreError>> {
    Box::pin(std::future::ready(Err(StoreError::new("the disk", "is full", "make room"))))
}

impl TokenStore for Odd {
    fn load<'a>(&'a self, key: &'a StoreKey) -> BoxFuture<'a, Result<Option<Entry>, StoreError>> {
        if self.fails_to_read.load(Ordering::SeqCst) { broken() } else { self.inner.load(key) }
    }

    fn compare_and_swap<'a>(
        &'a self,
        key: &'a StoreKey,
        expected: Option<Version>,
        bytes: Option<Sealed>,
    ) -> BoxFuture<'a, Result<Swap, StoreError>> {
        let fails = self.fails_to_write.load(Ordering::SeqCst);
        if fails { broken() } else { self.inner.compare_and_swap(key, expected, bytes) }
    }

    fn lease<'a>(&'a self, _: &'a StoreKey, _: Duration) -> BoxFuture<'a, Result<Option<Lease>, StoreError>> {
        Box::pin(std::future::ready(Ok(Some(Lease::new(|| {})))))
    }
}

/// A16: who loses a race for the refresh token in spite of everything uses what the winner stored.
#[tokio::test]
async fn who_loses_the_race_reads_again() {
    let (authority, store) = (Authority::new().await, Arc::new(Odd::default()));
    let profile = stale_session(&authority, Arc::clone(&store) as Arc<dyn TokenStore>).await;
    let client = || builder(&authority, Arc::clone(&store) as Arc<dyn TokenStore>, &profile).build().expect("a client");
    let clients = [client(), client()];
    let outcomes = join_all(clients.iter().map(|client| client.call(Call::new("read")))).await;
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    let state = authority.state();
    assert_eq!((state.refreshes, state.burnt), (1, true), "both used the refresh token");
}

/// A16: a login that comes while another client renews the session before it stays in the store.
#[tokio::test]
async fn a_login_in_between_stays() {
    let (authority, store) = (Authority::new().await, Arc::new(Odd::default()));
    let profile = stale_session(&authority, Arc::clone(&store) as Arc<dyn TokenStore>).await;
    let client = builder(&authority, Arc::clone(&store) as Arc<dyn TokenStore>, &profile).build().expect("a client");
    let calling = tokio::spawn(async move { client.call(Call::new("read")).await });
    while authority.state().refreshes == 0 {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let login = Sealed::new(r#"{"access_token": "test-token-canary-new", "asked_at": 1000000000}"#);
    let key = profile.key();
    let before = store.load(&key).await.expect("a store").map(|entry| entry.version);
    let swap = store.compare_and_swap(&key, before, Some(login.clone())).await;
    assert!(matches!(swap, Ok(Swap::Done(_))), "{swap:?}");
    calling.await.expect("no panic").expect("an answer");
    assert_eq!(store.load(&key).await.expect("a store").map(|entry| entry.bytes), Some(login));
}

/// E1, A9: a store that cannot be written costs no token, one that cannot be read costs no session, and both are told
/// without a secret.
#[tokio::test]
async fn a_store_that_fails_costs_no_session() {
    let (authority, store) = (Authority::new().await, Arc::new(Odd::default()));
    let clock = ManualClock::new(SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000));
    let profile = stale_session(&authority, Arc::clone(&store) as Arc<dyn TokenStore>).await;
    let builder = builder(&authority, Arc::clone(&store) as Arc<dyn TokenStore>, &profile);
    let client = builder.clock(Arc::new(clock.clone())).build().expect("a client");
    store.fails_to_read.store(true, Ordering::SeqCst);
    let error = client.call(Call::new("read")).await.expect_err("no token");
    assert!(error.is_retryable() && error.to_string().contains("the disk is full; make room"), "{error}");
    store.fails_to_read.store(false, Ordering::SeqCst);
    store.fails_to_write.store(true, Ordering::SeqCst);
    clock.advance(Duration::from_secs(5));
    client.call(Call::new("read")).await.expect("an answer with a token that could not be stored");
    store.fails_to_write.store(false, Ordering::SeqCst);
    clock.advance(Duration::from_secs(4_000));
    client.call(Call::new("read")).await.expect("an answer: the newest refresh token was in memory");
    let state = authority.state();
    assert_eq!((state.refreshes, state.burnt), (2, false));
}

/// E1: credentials that mint tokens share them through a store too, each user's apart.
#[tokio::test]
async fn users_of_one_store_are_kept_apart() {
    let (authority, store) = (Authority::new().await, MemoryStore::new());
    let client = |name: &str| {
        let builder = Client::builder(authority.api()).environment(|_| None).store(Arc::new(store.clone()));
        builder.login(name, "test-password-canary").build().expect("a client")
    };
    client("ada@example.com").call(Call::new("read")).await.expect("an answer");
    client("ada@example.com").call(Call::new("read")).await.expect("an answer");
    assert_eq!(authority.state().issued, 1);
    client("grace@example.com").call(Call::new("read")).await.expect("an answer");
    assert_eq!(authority.state().issued, 2);
}
