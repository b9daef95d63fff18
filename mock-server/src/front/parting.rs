//! The last word of a connection of HTTP/2: GOAWAY with an error code (RFC 9113, 6.8), which hyper never says by itself.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::wire::Fate;

/// The frame: nine bytes of head (6.8, type 7, on the connection itself), the last stream, the code.
const LENGTH: usize = 17;
/// Any stream may have been worked on: whoever asks again may do the work twice.
const LAST_STREAM: [u8; 4] = [0x7f, 0xff, 0xff, 0xff];

/// A stream that says its last word when its fate wants that, and drops what is written after it.
#[derive(Debug)]
pub(super) struct Parting<S> {
    stream: S,
    fate: Fate,
    /// What of the frame is out.
    said: usize,
}

impl<S> Parting<S> {
    pub(super) fn new(stream: S, fate: Fate) -> Self {
        Self { stream, fate, said: 0 }
    }

    /// Whether nothing but the last word goes out any more.
    fn is_over(&self) -> bool {
        self.fate.dismissal().is_some() || self.fate.is_told()
    }
}

fn go_away(code: u32) -> [u8; LENGTH] {
    let mut frame = [0; LENGTH];
    (frame[2], frame[3]) = (8, 7);
    frame[9..13].copy_from_slice(&LAST_STREAM);
    frame[13..].copy_from_slice(&code.to_be_bytes());
    frame
}

impl<S: AsyncRead + Unpin> AsyncRead for Parting<S> {
    /// After the last word nothing that comes counts, but it is read until the client has gone: to close before that
    /// would reset the connection, and the word could be lost.
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut ignored = [0; 1024];
        while self.fate.is_told() {
            let mut ignored = ReadBuf::new(&mut ignored);
            ready!(Pin::new(&mut self.stream).poll_read(cx, &mut ignored))?;
            if ignored.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
        }
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Parting<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if self.is_over() {
            return Poll::Ready(Ok(buf.len()));
        }
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    /// Whole frames are out whenever it is called, so that the last one stands between none.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if let Some(code) = this.fate.dismissal() {
            let frame = go_away(code);
            while this.said < LENGTH {
                this.said += ready!(Pin::new(&mut this.stream).poll_write(cx, &frame[this.said..]))?;
            }
            ready!(Pin::new(&mut this.stream).poll_shutdown(cx))?;
            this.fate.tell();
        }
        if this.fate.is_told() {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut this.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
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
        if self.is_over() {
            return Poll::Ready(Ok(bufs.iter().map(|buf| buf.len()).sum()));
        }
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }
}
