//! Writes over connections that break: none is done twice, and none is acknowledged that was not done.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bitting::{Call, Client, Error, ManualClock};
use futures_util::StreamExt;
use futures_util::stream;
use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use crate::api::{api, table};

/// What the server has done: how often by call, and under which keys.
#[derive(Default)]
struct Ledger {
    done: HashMap<u64, usize>,
    keys: HashMap<String, u64>,
    cut: usize,
    requests: u64,
}

/// A server that breaks every sixth request in one of three ways: before it reads it, after it did it, and with a 503
/// after it did it.
struct Server {
    address: SocketAddr,
    ledger: Arc<Mutex<Ledger>>,
    task: tokio::task::JoinHandle<()>,
}

impl Server {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let ledger = Arc::new(Mutex::new(Ledger::default()));
        let shared = Arc::clone(&ledger);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&shared)));
            }
        });
        Self { address, ledger, task }
    }
}

/// The number of the next request, which decides what becomes of it.
fn number(ledger: &Mutex<Ledger>) -> u64 {
    let mut ledger = ledger.lock().expect("a lock");
    ledger.requests += 1;
    // A multiplicative hash, so that neighbours do not share their fate.
    ledger.requests.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40
}

async fn serve(stream: TcpStream, ledger: Arc<Mutex<Ledger>>) -> Option<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let fate = number(&ledger) % 18;
        if fate == 0 {
            // Cut before the request is read, if there will be one.
            stream.fill_buf().await.ok().filter(|bytes| !bytes.is_empty())?;
            ledger.lock().expect("a lock").cut += 1;
            return None;
        }
        let (key, body) = read(&mut stream).await?;
        let id = serde_json::from_slice::<serde_json::Value>(&body).ok()?["id"].as_u64()?;
        {
            let mut ledger = ledger.lock().expect("a lock");
            let is_repeat = key.is_some_and(|key| ledger.keys.insert(key, id).is_some());
            if !is_repeat {
                *ledger.done.entry(id).or_default() += 1;
            }
            ledger.cut += usize::from(matches!(fate, 1 | 2));
        }
        match fate {
            1 => return None,
            2 => stream.write_all(b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n").await.ok()?,
            _ => stream.write_all(b"HTTP/1.1 201 Created\r\ncontent-length: 2\r\n\r\n{}").await.ok()?,
        }
    }
}

/// The idempotency key and the body of one request.
async fn read(stream: &mut BufReader<TcpStream>) -> Option<(Option<String>, Vec<u8>)> {
    let (mut length, mut key) = (0, None);
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.ok()? == 0 {
            return None;
        }
        match line.trim_end().split_once(": ") {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => length = value.parse().ok()?,
            Some((name, value)) if name.eq_ignore_ascii_case("idempotency-key") => key = Some(value.to_owned()),
            None if line.trim().is_empty() => break,
            _ => {}
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    Some((key, body))
}

/// Makes `count` writes, 64 at a time, while time passes quickly.
async fn write(server: &Server, count: u64, is_keyed: bool) -> Vec<(u64, Result<(), Error>)> {
    let mut table = table();
    if is_keyed {
        table["retry"] = json!({"idempotency_key": {"header": "Idempotency-Key"}});
    }
    let clock = ManualClock::new(std::time::UNIX_EPOCH);
    let ticking = clock.clone();
    let ticker = tokio::spawn(async move {
        loop {
            tokio::time::sleep(Duration::from_millis(1)).await;
            ticking.advance(Duration::from_secs(1));
        }
    });
    let builder = Client::builder(api(table)).environment(|_| None).base_url(format!("http://{}", server.address));
    let builder = builder.clock(Arc::new(clock)).timeout(Duration::from_secs(86_400)).max_retries(20);
    let client = builder.api_key("rbtk_test_1").build().expect("a client");
    let calls = (0..count).map(|id| {
        let client = client.clone();
        let call = Call::new("createDevice").argument("org_slug", "acme").json(&json!({"id": id}));
        async move { (id, client.call(call).await.map(|_| ())) }
    });
    let outcomes = stream::iter(calls).buffer_unordered(64).collect().await;
    ticker.abort();
    outcomes
}

/// C10, C11: of 10,000 writes with a key, over connections that break before and after the work, each is done exactly
/// once and acknowledged: 0 duplicates, 0 lost acknowledgements.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes_with_a_key_are_done_once() {
    let server = Server::start().await;
    let outcomes = write(&server, 10_000, true).await;
    let ledger = server.ledger.lock().expect("a lock");
    assert!(ledger.cut > 1_000, "{} requests were cut", ledger.cut);
    for (id, outcome) in &outcomes {
        assert!(outcome.is_ok(), "{id}: {outcome:?}");
        assert_eq!(ledger.done.get(id), Some(&1), "write {id}");
    }
    assert_eq!((outcomes.len(), ledger.keys.len()), (10_000, 10_000));
    server.task.abort();
}

/// C10: of 10,000 writes without a key none is done twice; what is acknowledged was done, and an error never says of a
/// write that may have been done that it was not sent.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes_without_a_key_are_never_done_twice() {
    let server = Server::start().await;
    let outcomes = write(&server, 10_000, false).await;
    let ledger = server.ledger.lock().expect("a lock");
    for (id, outcome) in &outcomes {
        let done = ledger.done.get(id).copied().unwrap_or_default();
        assert!(done <= 1, "write {id} was done {done} times");
        match outcome {
            Ok(()) => assert_eq!(done, 1, "write {id} was acknowledged"),
            Err(Error::Connect(error)) => assert!(error.maybe_sent || done == 0, "write {id}: {error}"),
            Err(error) => assert_eq!(error.status().map(|status| status.as_u16()), Some(503), "write {id}: {error}"),
        }
    }
    let failed = outcomes.iter().filter(|(_, outcome)| outcome.is_err()).count();
    assert!(failed > 1_000, "{failed} writes failed");
    server.task.abort();
}
