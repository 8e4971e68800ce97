//! Our words where the HTTP library has none: what it cannot read over HTTP/1.1 it answers by itself, with a status alone.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes, BytesMut};
use tokio::io::AsyncWrite;

use crate::refusal::Refusal;

/// A refusal's page as it goes over HTTP/1.1, as the last thing on its connection.
pub(super) fn last_words(refusal: &Refusal) -> Bytes {
    let page = refusal.page(None);
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

/// Writes all of `words`, and takes out of them what is written.
pub(super) fn poll_say<S: AsyncWrite + Unpin>(
    stream: &mut S,
    words: &mut Bytes,
    cx: &mut Context<'_>,
) -> Poll<io::Result<()>> {
    while words.has_remaining() {
        let written = ready!(Pin::new(&mut *stream).poll_write(cx, words))?;
        if written == 0 {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        words.advance(written);
    }
    Poll::Ready(Ok(()))
}

/// Whether these bytes are an answer of the library's own: one of its three statuses and an empty body.
pub(super) fn is_wordless(bytes: &[u8]) -> Option<Wordless> {
    let status = bytes.strip_prefix(b"HTTP/1.")?.get(1..6)?;
    let wordless = match status {
        b" 400 " => Wordless::NotUnderstood,
        b" 414 " | b" 431 " => Wordless::TooLarge,
        _ => return None,
    };
    let empty = b"\r\ncontent-length: 0\r\n";
    let whole = bytes.ends_with(b"\r\n\r\n") && bytes.windows(empty.len()).any(|it| it == empty);
    whole.then_some(wordless)
}

/// What the library says by a status alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wordless {
    NotUnderstood,
    TooLarge,
}
