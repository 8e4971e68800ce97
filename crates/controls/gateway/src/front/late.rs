//! The last word on a connection whose head does not come to an end: the HTTP library closes it without one.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::AsyncWrite;

use super::patience::Patience;
use super::unasked::{last_words, poll_say};
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
        let answer = self
            .answer
            .get_or_insert_with(|| last_words(&Refusal::SlowHead));
        ready!(poll_say(stream, answer, cx))?;
        Pin::new(stream).poll_flush(cx)
    }
}
