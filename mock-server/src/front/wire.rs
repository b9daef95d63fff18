//! A connection that can be reset, and a body that can be cut off or dripped.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Sleep;

use crate::exchange::Manner;

/// How long the bytes before a cut have to go out.
const FLUSH: Duration = Duration::from_millis(20);

/// The end of an answer that was cut off on purpose.
#[derive(Debug, thiserror::Error)]
#[error("cut off by a fault")]
pub(super) struct Cut;

/// What is sent in place of an answer that is no HTTP.
const GARBAGE: &[u8] = b"\x00\xff\x13garbage\r\n\x07this is no HTTP\r\n\r\n";
const RESET: u8 = 1;
const GARBLED: u8 = 2;

/// How a connection ends: as usual, with a reset, or with bytes that are no HTTP.
#[derive(Debug, Clone, Default)]
pub(super) struct Fate(Arc<AtomicU8>);

impl Fate {
    /// Lets the connection end with a reset.
    pub(super) fn reset(&self) {
        self.0.store(RESET, Ordering::Relaxed);
    }

    /// Lets the connection end with bytes that are no HTTP.
    pub(super) fn garble(&self) {
        self.0.store(GARBLED, Ordering::Relaxed);
    }

    fn is_reset(&self) -> bool {
        self.0.load(Ordering::Relaxed) == RESET
    }
}

/// A TCP stream that ends as its fate says.
#[derive(Debug)]
pub(super) struct FaultyStream {
    stream: TcpStream,
    fate: Fate,
}

impl FaultyStream {
    pub(super) fn new(stream: TcpStream, fate: Fate) -> Self {
        Self { stream, fate }
    }
}

impl Drop for FaultyStream {
    fn drop(&mut self) {
        if self.fate.0.load(Ordering::Relaxed) == GARBLED {
            // What a full buffer does not take, the client does not get: there is no answer either way.
            let _ = self.stream.try_write(GARBAGE);
        }
        if self.fate.is_reset() {
            // Without lingering, closing sends RST. If it cannot be set, the client sees an ordinary end.
            let _ = self.stream.set_zero_linger();
        }
    }
}

impl AsyncRead for FaultyStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for FaultyStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.fate.is_reset() {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }
}

/// The body of an answer, going out as its manner says.
#[derive(Debug)]
pub(super) struct OutBody {
    rest: Bytes,
    /// What its header says of its length; a cut does not change it.
    length: u64,
    manner: Manner,
    pause: Option<Pin<Box<Sleep>>>,
}

impl OutBody {
    pub(super) fn new(bytes: Bytes, manner: Manner) -> Self {
        let length = bytes.len() as u64;
        let rest = match manner {
            Manner::Cut { bytes: kept, .. } => bytes.slice(..kept.min(bytes.len())),
            _ => bytes,
        };
        // An empty body cannot be cut short: it then promises a byte that never comes.
        let length = match manner {
            Manner::Cut { .. } => length.max(1),
            Manner::Promise { extra } => length.saturating_add(extra),
            _ => length,
        };
        Self { rest, length, manner, pause: None }
    }

    /// Waits for `pause`, then calls back.
    fn wait(&mut self, cx: &mut Context<'_>, pause: Duration) -> Poll<()> {
        let sleep = self.pause.get_or_insert_with(|| Box::pin(tokio::time::sleep(pause)));
        let done = sleep.as_mut().poll(cx);
        if done.is_ready() {
            self.pause = None;
        }
        done
    }
}

impl Body for OutBody {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        let whole = |body: &mut Self| std::mem::take(&mut body.rest);
        match self.manner {
            Manner::Cut { .. } | Manner::Promise { .. } if self.rest.is_empty() => {
                self.wait(cx, FLUSH).map(|()| Some(Err(Cut)))
            }
            _ if self.rest.is_empty() => Poll::Ready(None),
            Manner::Drip { bytes, pause } => {
                if self.wait(cx, pause).is_pending() {
                    return Poll::Pending;
                }
                let count = bytes.min(self.rest.len());
                Poll::Ready(Some(Ok(Frame::data(self.rest.split_to(count)))))
            }
            _ => Poll::Ready(Some(Ok(Frame::data(whole(&mut self))))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && !matches!(self.manner, Manner::Cut { .. } | Manner::Promise { .. })
    }

    fn size_hint(&self) -> SizeHint {
        let is_cut = matches!(self.manner, Manner::Cut { .. } | Manner::Promise { .. });
        SizeHint::with_exact(if is_cut { self.length } else { self.rest.len() as u64 })
    }
}
