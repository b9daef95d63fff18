//! The load: a few connections that stay open, each with one request under way, as `wrk` does it. It parses no more
//! of an answer than it needs to know where the answer ends, so that the server is what is measured.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::{Failure, PATH, clock};

/// How many connections ask at the same time.
const CONNECTIONS: usize = 16;

/// What was seen.
#[derive(Default)]
pub(crate) struct Seen {
    /// How long each answer took, in nanoseconds.
    pub(crate) latencies: Vec<u32>,
    /// How long the load lasted.
    pub(crate) elapsed: Duration,
}

/// The request for the operation, with the key.
pub(crate) fn request(address: SocketAddr, key: &str, query: &str) -> Box<[u8]> {
    let text = format!(
        "GET {PATH}{query} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {key}\r\naccept: application/json\r\n\r\n"
    );
    text.into_bytes().into()
}

/// When a load ends.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Until {
    /// After this long.
    Time(Duration),
    /// After so many requests, a few more or less.
    Requests(usize),
}

/// Sends `requests`, one after the other and over again; each connection begins with another one.
pub(crate) async fn run(address: SocketAddr, requests: &Arc<[Box<[u8]>]>, until: Until) -> Result<Seen, Failure> {
    let start = clock::now();
    let mut tasks = JoinSet::new();
    for index in 0..CONNECTIONS {
        let mut connection = Connection::open(address).await?;
        let requests = Arc::clone(requests);
        tasks.spawn(async move {
            let mut latencies = Vec::with_capacity(1 << 16);
            let mut before = clock::now();
            let is_under_way = |now: Instant, count: usize| match until {
                Until::Time(time) => now.duration_since(start) < time,
                Until::Requests(requests) => count < requests.div_ceil(CONNECTIONS),
            };
            let mut next = requests.iter().cycle().skip(index * requests.len() / CONNECTIONS);
            while is_under_way(before, latencies.len()) {
                let Some(request) = next.next() else { break };
                connection.ask(request).await?;
                let after = clock::now();
                latencies.push(u32::try_from(after.duration_since(before).as_nanos()).unwrap_or(u32::MAX));
                before = after;
            }
            Ok::<_, Failure>(latencies)
        });
    }
    let mut seen = Seen::default();
    while let Some(latencies) = tasks.join_next().await {
        seen.latencies.extend(latencies??);
    }
    seen.elapsed = clock::now().duration_since(start);
    Ok(seen)
}

/// The body of one answer.
pub(crate) async fn body(address: SocketAddr, request: &[u8]) -> Result<String, Failure> {
    let mut connection = Connection::open(address).await?;
    let body = connection.ask(request).await?;
    Ok(String::from_utf8(body.to_vec())?)
}

/// A connection that stays open, and what was read from it last.
struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    async fn open(address: SocketAddr) -> Result<Self, Failure> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::with_capacity(1 << 16) })
    }

    /// The body of the answer to `request`, which must be a 200.
    async fn ask(&mut self, request: &[u8]) -> Result<&[u8], Failure> {
        self.stream.write_all(request).await?;
        self.buffer.clear();
        let mut place = None;
        loop {
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Err("the server closed the connection before its answer was whole".into());
            }
            if place.is_none() {
                place = extent(&self.buffer)?;
            }
            if let Some((start, end)) = place
                && self.buffer.len() >= end
            {
                return Ok(&self.buffer[start..end]);
            }
        }
    }
}

/// Where the body of an answer begins and ends; `None` while its head is not whole.
fn extent(answer: &[u8]) -> Result<Option<(usize, usize)>, Failure> {
    let Some(head) = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n") else { return Ok(None) };
    let start = head + 4;
    let mut lines = answer[..head].split(|byte| *byte == b'\n');
    let status = lines.next().unwrap_or_default();
    if !status.starts_with(b"HTTP/1.1 200") {
        return Err(
            format!("the server answered `{}`", String::from_utf8_lossy(&answer[..answer.len().min(400)])).into()
        );
    }
    let length = lines.find_map(|line| {
        let (name, value) = line.split_at_checked("content-length:".len())?;
        let value = name.eq_ignore_ascii_case(b"content-length:").then_some(value)?;
        std::str::from_utf8(value).ok()?.trim().parse::<usize>().ok()
    });
    let length = length.ok_or("the answer has no Content-Length")?;
    Ok(Some((start, start + length)))
}
