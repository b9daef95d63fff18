//! A client that hides nothing: it sends bytes as they are and shows how the connection ended.

use std::time::Duration;

use bitting_mock::RunningServer;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// What came back.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
    /// How the connection ended: an error is a reset.
    pub(crate) end: std::io::Result<()>,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.filter(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value).next()
    }
}

/// Sends `bytes` and reads until the connection ends, for at most ten seconds.
pub(crate) async fn send(url: &str, bytes: &[u8]) -> Reply {
    let mut stream = TcpStream::connect(url.trim_start_matches("http://")).await.unwrap();
    // The server may answer and close before it has read everything.
    let _ = stream.write_all(bytes).await;
    let mut all = Vec::new();
    let end = tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut all)).await;
    let end = end.unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into())).map(|_| ());
    let at = all.windows(4).position(|part| part == b"\r\n\r\n");
    let (head, body) = at.map_or((all.as_slice(), [].as_slice()), |at| (&all[..at], &all[at + 4..]));
    let head = String::from_utf8_lossy(head).into_owned();
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    Reply { status, head, body: body.to_vec(), end }
}

/// A request as bytes.
pub(crate) fn request(method: &str, target: &str, headers: &[(&str, &str)], body: &str) -> Vec<u8> {
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let length = body.len();
    format!("{method} {target} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n{headers}content-length: {length}\r\n\r\n{body}")
        .into_bytes()
}

/// A `GET` with a bearer credential.
pub(crate) async fn read(server: &RunningServer, target: &str, secret: &str) -> Reply {
    let header = format!("Bearer {secret}");
    send(server.base_url(), &request("GET", target, &[("authorization", &header)], "")).await
}

/// A call of the control plane.
pub(crate) async fn control(server: &RunningServer, method: &str, target: &str, body: &Value) -> Reply {
    let header = format!("Bearer {}", server.control_token());
    let text = if body.is_null() { String::new() } else { body.to_string() };
    send(server.control_url(), &request(method, target, &[("authorization", &header)], &text)).await
}
