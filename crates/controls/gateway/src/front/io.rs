//! The connection under the HTTP library: watches what the library does not tell (ambiguous framing, the streams it ends), puts
//! words where it has none, and cuts a client that does not read.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::late::Late;
use super::patience::Patience;
use super::unasked::{Wordless, is_wordless, last_words, poll_say};
use crate::hygiene::head_scan::HeadScan;
use crate::hygiene::reset_scan::{Fault, ResetScan};
use crate::refusal::Refusal;

/// Is told of a refusal.
pub(super) type Tell = Box<dyn Fn(&Refusal) + Send + Sync>;

/// What is watched on a connection, by its protocol.
pub(super) enum Watch {
    /// HTTP/1.1: the heads that come.
    Heads(HeadScan),
    /// HTTP/2: the streams that are ended, each of which is told.
    Resets(ResetScan, Tell),
}

/// What the connection knows of the heads that came over it.
#[derive(Debug)]
pub(super) struct Seen {
    /// Requests that were understood and begun.
    pub(super) requests: AtomicU64,
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
pub(super) struct Guarded<S> {
    inner: S,
    watch: Watch,
    seen: Arc<Seen>,
    late: Late,
    /// What is still to be written in place of an answer without words.
    instead: Option<Bytes>,
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
    /// Guards a connection. Over HTTP/1.1 a head may take as long as `head`. A write may stand still for `patience`.
    pub(super) fn new(
        inner: S,
        watch: Watch,
        head: Duration,
        patience: Duration,
    ) -> (Self, Arc<Seen>) {
        let seen = Arc::new(Seen {
            requests: AtomicU64::new(0),
            ambiguous_from: AtomicU64::new(u64::MAX),
            in_head: AtomicBool::new(false),
            late: AtomicBool::new(false),
        });
        (
            Self {
                inner,
                watch,
                seen: seen.clone(),
                late: Late::new(head),
                instead: None,
                writing: Patience::new(patience),
                linger: LINGER_BYTES,
                lingering: Patience::new(LINGER),
            },
            seen,
        )
    }

    /// What is to be said in place of these bytes, if they answer, without words, a head that nothing was asked about.
    fn instead_of(&self, bytes: &[u8]) -> Option<Refusal> {
        let Watch::Heads(scan) = &self.watch else {
            return None;
        };
        let requests = self.seen.requests.load(Ordering::Relaxed);
        if scan.begun() <= requests {
            return None;
        }
        Some(match is_wordless(bytes)? {
            Wordless::TooLarge => Refusal::LargeHead,
            Wordless::NotUnderstood if self.seen.is_ambiguous(requests) => Refusal::AmbiguousLength,
            Wordless::NotUnderstood => Refusal::Malformed,
        })
    }

    /// Tells what the bytes just written ended.
    fn tell_ended(&mut self, bytes: &[u8]) {
        let Watch::Resets(scan, tell) = &mut self.watch else {
            return;
        };
        for fault in scan.take(bytes) {
            tell(match fault {
                Fault::Broke => &Refusal::Malformed,
                Fault::TooMany => &Refusal::TooManyAtOnce,
                Fault::LargeHead => &Refusal::LargeHead,
            });
        }
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
        if let Watch::Heads(scan) = &mut this.watch {
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
        if let Some(refusal) = this.instead_of(bytes) {
            let words = this.instead.get_or_insert_with(|| last_words(&refusal));
            let polled = poll_say(&mut this.inner, words, cx).map_ok(|()| bytes.len());
            return this.wrote(polled, cx);
        }
        let polled = Pin::new(&mut this.inner).poll_write(cx, bytes);
        if let Poll::Ready(Ok(written)) = polled {
            this.tell_ended(bytes.get(..written).unwrap_or_default());
        }
        this.wrote(polled, cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if let Some(first) = parts.iter().find(|part| !part.is_empty())
            && self.instead_of(first).is_some()
        {
            return self.poll_write(cx, first);
        }
        let this = self.get_mut();
        let polled = Pin::new(&mut this.inner).poll_write_vectored(cx, parts);
        if let Poll::Ready(Ok(mut written)) = polled {
            for part in parts {
                let here = part.get(..written).unwrap_or(part);
                this.tell_ended(here);
                written -= here.len();
            }
        }
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
