//! The last word on a connection whose head does not come to an end: the HTTP library closes it without one.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf as _, Bytes, BytesMut};
use tokio::io::AsyncWrite;

use super::patience::Patience;
use crate::refusal::Refusal;

/// Waits for the end of a head, and answers when it did not come.
#[derive(Debug)]
pub(super) struct Late {
    waiting: Patience,
    /// What is still to be written.
    answer: Option<Bytes>,
}

impl Late {
    /// A head may take so long from its first byte.
    pub(super) const fn new(patience: Duration) -> Self {
        Self {
            waiting: Patience::new(patience),
            answer: None,
        }
    }

    /// No head has begun, or it has ended.
    pub(super) fn rest(&mut self) {
        self.waiting.rest();
    }

    /// Ready once the head has taken too long, and the client was told so.
    pub(super) fn poll<S: AsyncWrite + Unpin>(
        &mut self,
        stream: &mut S,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        if self.answer.is_none() {
            ready!(self.waiting.poll(cx));
        }
        let answer = self.answer.get_or_insert_with(answer);
        while answer.has_remaining() {
            let written = ready!(Pin::new(&mut *stream).poll_write(cx, answer))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            answer.advance(written);
        }
        Pin::new(stream).poll_flush(cx)
    }
}

/// The page as it goes over HTTP/1.1.
fn answer() -> Bytes {
    let page = Refusal::SlowHead.page(None);
    let mut bytes = BytesMut::new();
    bytes.extend_from_slice(format!("HTTP/1.1 {}\r\n", page.status()).as_bytes());
    for (name, value) in page.headers() {
        bytes.extend_from_slice(name.as_str().as_bytes());
        bytes.extend_from_slice(b": ");
        bytes.extend_from_slice(value.as_bytes());
        bytes.extend_from_slice(b"\r\n");
    }
    let end = format!(
        "content-length: {}\r\nconnection: close\r\n\r\n",
        page.body().len()
    );
    bytes.extend_from_slice(end.as_bytes());
    bytes.extend_from_slice(page.body());
    bytes.freeze()
}
