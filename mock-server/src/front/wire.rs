//! A connection that ends as a fault wants it, and a body that can be cut off, dripped, or go on.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::Sleep;

use super::PATIENCE;
use crate::exchange::Manner;

/// How long the bytes before a cut have to go out.
const FLUSH: Duration = Duration::from_millis(20);

/// The end of an answer that was cut off on purpose.
#[derive(Debug, Default, thiserror::Error)]
#[error("cut off by a fault")]
pub(super) struct Cut {
    /// What a stream of HTTP/2 is reset with; hyper looks for it here.
    #[source]
    reason: Option<h2::Error>,
}

impl Cut {
    /// Resets a stream of HTTP/2 with this error code (RFC 9113, 7).
    pub(super) fn with(code: u32) -> Self {
        Self { reason: Some(h2::Reason::from(code).into()) }
    }
}

/// What is sent in place of an answer that is no HTTP.
const GARBAGE: &[u8] = b"\x00\xff\x13garbage\r\n\x07this is no HTTP\r\n\r\n";
const RESET: u8 = 1;
const GARBLED: u8 = 2;
const LEAVING: u8 = 3;
const CLOSING: u8 = 4;
const DISMISSED: u8 = 5;
const GONE: u8 = 6;

/// How a connection ends: as usual, or as a fault wants it.
#[derive(Debug, Clone, Default)]
pub(super) struct Fate(Arc<End>);

#[derive(Debug, Default)]
struct End {
    manner: AtomicU8,
    /// How long a closing connection stays open, in milliseconds; the error code of a dismissed one.
    detail: AtomicU64,
}

impl Fate {
    /// Lets the connection end with a reset.
    pub(super) fn reset(&self) {
        self.0.manner.store(RESET, Ordering::Relaxed);
    }

    /// Lets the connection end with bytes that are no HTTP.
    pub(super) fn garble(&self) {
        self.0.manner.store(GARBLED, Ordering::Relaxed);
    }

    /// Lets the connection say that it takes no more requests, and end when those that it has are answered.
    pub(super) fn leave(&self) {
        self.0.manner.store(LEAVING, Ordering::Relaxed);
    }

    /// Lets the connection end without a word, so long after what is being answered.
    pub(super) fn close(&self, pause: Duration) {
        self.0.detail.store(u64::try_from(pause.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
        self.0.manner.store(CLOSING, Ordering::Release);
    }

    /// Lets a connection of HTTP/2 end with this error code, and with nothing after it.
    pub(super) fn dismiss(&self, code: u32) {
        self.0.detail.store(code.into(), Ordering::Relaxed);
        self.0.manner.store(DISMISSED, Ordering::Release);
    }

    /// The error code that a dismissed connection is still to be told.
    pub(super) fn dismissal(&self) -> Option<u32> {
        let is_dismissed = self.0.manner.load(Ordering::Acquire) == DISMISSED;
        is_dismissed.then(|| u32::try_from(self.0.detail.load(Ordering::Relaxed)).unwrap_or_default())
    }

    /// Notes that a dismissed connection was told so.
    pub(super) fn tell(&self) {
        self.0.manner.store(GONE, Ordering::Release);
    }

    /// Whether a dismissed connection was told so.
    pub(super) fn is_told(&self) -> bool {
        self.is(GONE)
    }

    /// Whether it is to leave; the second time it is asked it no longer is.
    pub(super) fn is_leaving(&self) -> bool {
        self.is(LEAVING) && self.0.manner.swap(0, Ordering::Relaxed) == LEAVING
    }

    /// Whether nothing more must go out.
    pub(super) fn is_sealed(&self) -> bool {
        self.is(RESET) || self.is(GARBLED)
    }

    fn is(&self, manner: u8) -> bool {
        self.0.manner.load(Ordering::Relaxed) == manner
    }

    /// How long the connection stays open, if it is to be closed.
    fn closing(&self) -> Option<Duration> {
        let is_closing = self.0.manner.load(Ordering::Acquire) == CLOSING;
        is_closing.then(|| Duration::from_millis(self.0.detail.load(Ordering::Relaxed)))
    }
}

/// A TCP stream that ends as its fate says.
#[derive(Debug)]
pub(super) struct FaultyStream {
    stream: TcpStream,
    fate: Fate,
    /// Until when a closing connection stays open.
    pause: Option<Pin<Box<Sleep>>>,
    /// Until when a client that does not read is waited for.
    stuck: Option<Pin<Box<Sleep>>>,
    /// What was read to tell the version, and is to be read again.
    head: Vec<u8>,
}

impl FaultyStream {
    pub(super) fn new(stream: TcpStream, fate: Fate) -> Self {
        Self { stream, fate, pause: None, stuck: None, head: Vec::new() }
    }

    /// What came of a write, or an error where the client has read nothing for too long.
    fn in_time(&mut self, cx: &mut Context<'_>, polled: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if polled.is_ready() {
            self.stuck = None;
            return polled;
        }
        let stuck = self.stuck.get_or_insert_with(|| Box::pin(tokio::time::sleep(PATIENCE)));
        stuck.as_mut().poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }

    /// Whether the connection begins as HTTP/2 does (RFC 9113, 3.4). What was read to tell that is read again.
    pub(super) async fn begins_with_h2(&mut self) -> io::Result<bool> {
        const PREFACE: &[u8] = b"PRI ";
        while self.head.len() < PREFACE.len() {
            let mut next = [0; PREFACE.len()];
            let length = self.stream.read(&mut next[..PREFACE.len() - self.head.len()]).await?;
            self.head.extend(&next[..length]);
            if length == 0 || !PREFACE.starts_with(&self.head) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

impl Drop for FaultyStream {
    fn drop(&mut self) {
        if self.fate.is(GARBLED) {
            // What a full buffer does not take, the client does not get: there is no answer either way.
            let _ = self.stream.try_write(GARBAGE);
        }
        if self.fate.is(RESET) {
            // Without lingering, closing sends RST. If it cannot be set, the client sees an ordinary end.
            let _ = self.stream.set_zero_linger();
        }
    }
}

impl AsyncRead for FaultyStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if !self.head.is_empty() {
            let length = self.head.len().min(buf.remaining());
            self.head.drain(..length).for_each(|byte| buf.put_slice(&[byte]));
            return Poll::Ready(Ok(()));
        }
        if let Some(pause) = self.fate.closing() {
            let sleep = self.pause.get_or_insert_with(|| Box::pin(tokio::time::sleep(pause)));
            // Nothing more is read: for whoever reads here, the client has gone.
            return sleep.as_mut().poll(cx).map(Ok);
        }
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for FaultyStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.in_time(cx, polled)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.fate.is(RESET) {
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
        let polled = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.in_time(cx, polled)
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
    /// What comes bit by bit, in a body whose length nobody knows.
    stream: Option<mpsc::Receiver<Bytes>>,
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
        Self { rest, length, manner, pause: None, stream: None }
    }

    /// A body that goes on until nobody sends any more.
    pub(super) fn stream(bytes: mpsc::Receiver<Bytes>) -> Self {
        Self { stream: Some(bytes), ..Self::new(Bytes::new(), Manner::Whole) }
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
        if let Some(stream) = &mut self.stream {
            return stream.poll_recv(cx).map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes))));
        }
        let whole = |body: &mut Self| std::mem::take(&mut body.rest);
        match self.manner {
            Manner::Cut { .. } | Manner::Promise { .. } if self.rest.is_empty() => {
                self.wait(cx, FLUSH).map(|()| Some(Err(Cut::default())))
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
        let is_cut = matches!(self.manner, Manner::Cut { .. } | Manner::Promise { .. });
        self.rest.is_empty() && !is_cut && self.stream.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        if self.stream.is_some() {
            return SizeHint::default();
        }
        let is_cut = matches!(self.manner, Manner::Cut { .. } | Manner::Promise { .. });
        SizeHint::with_exact(if is_cut { self.length } else { self.rest.len() as u64 })
    }
}
