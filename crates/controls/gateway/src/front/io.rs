//! The connection under the HTTP library: watches heads for ambiguous framing, and cuts a client that does not read.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::late::Late;
use super::patience::Patience;
use crate::hygiene::head_scan::HeadScan;

/// What the connection knows of the heads that came over it.
#[derive(Debug)]
pub(super) struct Seen {
    ambiguous_from: AtomicU64,
    in_head: AtomicBool,
    late: AtomicBool,
}

impl Seen {
    /// Whether the request of this number, or one before it, was framed ambiguously.
    pub(super) fn is_ambiguous(&self, number: u64) -> bool {
        number >= self.ambiguous_from.load(Ordering::Relaxed)
    }

    /// Whether a head has begun and not ended.
    pub(super) fn in_head(&self) -> bool {
        self.in_head.load(Ordering::Relaxed)
    }

    /// Whether a head took too long and was answered.
    pub(super) fn late(&self) -> bool {
        self.late.load(Ordering::Relaxed)
    }
}

/// A guarded connection.
#[derive(Debug)]
pub(super) struct Guarded<S> {
    inner: S,
    scan: Option<HeadScan>,
    seen: Arc<Seen>,
    late: Late,
    writing: Patience,
    /// What may still be read and thrown away before the socket closes.
    linger: usize,
    lingering: Patience,
}

/// Closing with bytes unread makes the system reset the connection, and the client loses the answer that says why. So
/// what still comes is read and thrown away, this much and this long.
const LINGER_BYTES: usize = 256 * 1024;
const LINGER: Duration = Duration::from_secs(1);

impl<S> Guarded<S> {
    /// Guards a connection; `scan` for HTTP/1.1 only, where a head may take as long as `head`. A write may stand still
    /// for `patience`.
    pub(super) fn new(
        inner: S,
        scan: Option<HeadScan>,
        head: Duration,
        patience: Duration,
    ) -> (Self, Arc<Seen>) {
        let seen = Arc::new(Seen {
            ambiguous_from: AtomicU64::new(u64::MAX),
            in_head: AtomicBool::new(false),
            late: AtomicBool::new(false),
        });
        (
            Self {
                inner,
                scan,
                seen: seen.clone(),
                late: Late::new(head),
                writing: Patience::new(patience),
                linger: LINGER_BYTES,
                lingering: Patience::new(LINGER),
            },
            seen,
        )
    }

    fn wrote(
        &mut self,
        polled: Poll<io::Result<usize>>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        match polled {
            Poll::Ready(result) => {
                self.writing.rest();
                Poll::Ready(result)
            }
            Poll::Pending => {
                ready!(self.writing.poll(cx));
                Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Guarded<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        let Poll::Ready(read) = Pin::new(&mut this.inner).poll_read(cx, buffer) else {
            if !this.seen.in_head() {
                return Poll::Pending;
            }
            let told = ready!(this.late.poll(&mut this.inner, cx));
            this.seen.late.store(true, Ordering::Relaxed);
            told?;
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        };
        read?;
        if let Some(scan) = &mut this.scan {
            if let Some(number) = scan.take(buffer.filled().get(before..).unwrap_or_default()) {
                this.seen.ambiguous_from.store(number, Ordering::Relaxed);
            }
            this.seen.in_head.store(scan.in_head(), Ordering::Relaxed);
            if !scan.in_head() {
                this.late.rest();
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Guarded<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.inner).poll_write(cx, bytes);
        this.wrote(polled, cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.inner).poll_write_vectored(cx, parts);
        this.wrote(polled, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.inner).poll_flush(cx).map_ok(|()| 0);
        this.wrote(polled, cx).map_ok(|_| ())
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.inner).poll_shutdown(cx).map_ok(|()| 0);
        ready!(this.wrote(polled, cx))?;
        let mut space = [0; 8 * 1024];
        while this.linger > 0 {
            let mut buffer = ReadBuf::new(&mut space);
            match Pin::new(&mut this.inner).poll_read(cx, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                    this.linger = this.linger.saturating_sub(buffer.filled().len());
                }
                Poll::Ready(_) => break,
                Poll::Pending => {
                    ready!(this.lingering.poll(cx));
                    break;
                }
            }
        }
        Poll::Ready(Ok(()))
    }
}
