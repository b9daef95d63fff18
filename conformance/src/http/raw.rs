//! What a client of HTTP does not show: the bytes behind an answer that must have no body.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{Base, Request};

/// Where the head of an answer ends (RFC 9112, 2.1).
const END: &[u8] = b"\r\n\r\n";
/// The longest head, and the most bytes behind it that are read.
const MOST: usize = 64 * 1024;
/// How long a server that does not close the connection may be silent, until it has said everything.
const SILENCE: Duration = Duration::from_millis(300);

/// The bytes that follow the head of the answer, on a connection of its own. `None` where that cannot be told: the server
/// is not spoken to in the clear, or it did not answer in time.
pub(crate) async fn bytes_behind_head(base: &Base, request: &Request, timeout: Duration) -> Option<usize> {
    let url = url::Url::parse(&base.join(&request.target)).ok().filter(|url| url.scheme() == "http")?;
    let (host, port) = (url.host_str()?, url.port_or_known_default()?);
    let stream = tokio::time::timeout(timeout, TcpStream::connect((host.trim_matches(['[', ']']), port))).await;
    let mut stream = stream.ok()?.ok()?;
    stream.write_all(&written(request, &url[url::Position::BeforePath..url::Position::AfterQuery], &url)).await.ok()?;
    let mut answer = Vec::new();
    loop {
        let end = answer.windows(END.len()).position(|bytes| bytes == END);
        let patience = if end.is_some() { SILENCE } else { timeout };
        let read = tokio::time::timeout(patience, stream.read_buf(&mut answer)).await;
        let is_over = !matches!(read, Ok(Ok(1..))) || answer.len() > MOST;
        // An interim answer is followed by another one (RFC 9110, 15.2).
        if is_over {
            return end.filter(|_| !answer.starts_with(b"HTTP/1.1 1")).map(|end| answer.len() - end - END.len());
        }
    }
}

/// The request as it goes out, on a connection that ends with its answer.
fn written(request: &Request, target: &str, url: &url::Url) -> Vec<u8> {
    let authority = &url[url::Position::BeforeHost..url::Position::AfterPort];
    let mut bytes =
        format!("{} {target} HTTP/1.1\r\nhost: {authority}\r\nconnection: close\r\n", request.method).into_bytes();
    for (name, value) in request.headers.iter().filter(|(name, _)| !matches!(name.as_str(), "host" | "connection")) {
        bytes.extend([name.as_bytes(), b": ", value, b"\r\n"].concat());
    }
    bytes.extend(b"\r\n");
    bytes
}
