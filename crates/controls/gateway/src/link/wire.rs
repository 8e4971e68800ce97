//! Frames on the socket: a length, a message; and an outbox that writes everything waiting at once.

use std::io;
use std::sync::{Mutex, PoisonError};

use bytes::{Buf, BytesMut};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::Notify;

/// The largest frame: a `Configure` with a few chains is some tens of KiB, everything else far less.
const FRAME_CAP: usize = 1024 * 1024;
/// What may wait to be written before the other side counts as stuck.
const OUTBOX_CAP: usize = 32 * 1024 * 1024;
const READ_CHUNK: usize = 64 * 1024;

/// Why the link broke.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// The socket failed.
    #[error("the link's socket failed")]
    Io(#[source] io::Error),
    /// The other side announced a frame larger than any message.
    #[error("a frame of {0} bytes is larger than any message (cap {FRAME_CAP})")]
    TooLarge(usize),
    /// A frame is no message of this version.
    #[error("a frame is no message of this version: front and core must be the same build")]
    Message(#[source] postcard::Error),
    /// The other side does not read.
    #[error("the other side does not read: {OUTBOX_CAP} bytes wait")]
    Stuck,
}

/// What waits to be written.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    waiting: Mutex<Vec<u8>>,
    wake: Notify,
}

impl Outbox {
    /// Adds one message; it is written with everything else that waits.
    ///
    /// # Errors
    /// The message is too large, or too much waits already.
    pub(super) fn push(&self, message: &impl Serialize) -> Result<(), WireError> {
        self.push_all(std::iter::once(message))
    }

    /// Adds several messages at once.
    ///
    /// # Errors
    /// As [`Outbox::push`]; those before the one at fault are sent.
    pub(super) fn push_all<T: Serialize>(
        &self,
        messages: impl IntoIterator<Item = T>,
    ) -> Result<(), WireError> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let added = messages
            .into_iter()
            .try_for_each(|message| add(&mut waiting, &message));
        drop(waiting);
        self.wake.notify_one();
        added
    }

    /// Writes for as long as the socket takes it; returns why it stopped.
    pub(super) async fn drain(&self, mut socket: impl AsyncWrite + Unpin) -> WireError {
        let mut going = Vec::new();
        loop {
            self.wake.notified().await;
            // Whatever is ready to run now may have a message too: let it join this write.
            tokio::task::yield_now().await;
            std::mem::swap(
                &mut going,
                &mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner),
            );
            if let Err(error) = socket.write_all(&going).await {
                return WireError::Io(error);
            }
            going.clear();
        }
    }
}

fn add(waiting: &mut Vec<u8>, message: &impl Serialize) -> Result<(), WireError> {
    let start = waiting.len();
    if start > OUTBOX_CAP {
        return Err(WireError::Stuck);
    }
    let written = frame(waiting, message);
    if written.is_err() {
        waiting.truncate(start);
    }
    written
}

fn frame(out: &mut Vec<u8>, message: &impl Serialize) -> Result<(), WireError> {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    postcard::to_io(message, &mut *out).map_err(WireError::Message)?;
    let length = out.len() - start - 4;
    let announced = u32::try_from(length)
        .ok()
        .filter(|_| length <= FRAME_CAP)
        .ok_or(WireError::TooLarge(length))?;
    for (place, byte) in out.iter_mut().skip(start).zip(announced.to_be_bytes()) {
        *place = byte;
    }
    Ok(())
}

/// Reads frames.
#[derive(Debug)]
pub(super) struct Inbox<R> {
    socket: R,
    buffer: BytesMut,
}

impl<R: AsyncRead + Unpin> Inbox<R> {
    pub(super) fn new(socket: R) -> Self {
        Self {
            socket,
            buffer: BytesMut::with_capacity(READ_CHUNK),
        }
    }

    /// The next message; `None` when the other side closed.
    ///
    /// # Errors
    /// The socket failed, or what came is no message.
    pub(super) async fn next<T: DeserializeOwned>(&mut self) -> Result<Option<T>, WireError> {
        loop {
            if let Some(message) = self.buffered()? {
                return Ok(Some(message));
            }
            self.buffer.reserve(READ_CHUNK);
            match self.socket.read_buf(&mut self.buffer).await {
                Ok(0) => return Ok(None),
                Ok(_) => {}
                Err(error) => return Err(WireError::Io(error)),
            }
        }
    }

    fn buffered<T: DeserializeOwned>(&mut self) -> Result<Option<T>, WireError> {
        let Some(head) = self.buffer.first_chunk::<4>() else {
            return Ok(None);
        };
        let length = usize::try_from(u32::from_be_bytes(*head)).unwrap_or(usize::MAX);
        if length > FRAME_CAP {
            return Err(WireError::TooLarge(length));
        }
        let Some(body) = self.buffer.get(4..4 + length) else {
            return Ok(None);
        };
        let message = postcard::from_bytes(body).map_err(WireError::Message)?;
        self.buffer.advance(4 + length);
        Ok(Some(message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::{Admit, ToFront};

    #[tokio::test]
    async fn many_messages_arrive_whole_and_in_order() {
        let (near, far) = tokio::io::duplex(16);
        let outbox = std::sync::Arc::new(Outbox::default());
        let writer = tokio::spawn({
            let outbox = outbox.clone();
            async move { outbox.drain(near).await }
        });
        let sent: Vec<_> = (0..100)
            .map(|id| ToFront::Begun {
                id,
                admit: Admit::SignIn {
                    location: "x".repeat(50),
                },
            })
            .collect();
        for message in &sent {
            outbox.push(message).unwrap();
        }
        let mut inbox = Inbox::new(far);
        for message in &sent {
            assert_eq!(
                inbox.next::<ToFront>().await.unwrap().as_ref(),
                Some(message)
            );
        }
        writer.abort();
    }

    #[tokio::test]
    async fn a_frame_larger_than_any_message_is_refused_before_it_is_read() {
        let mut inbox = Inbox::new(&b"\x7f\xff\xff\xff"[..]);
        assert!(matches!(
            inbox.next::<ToFront>().await,
            Err(WireError::TooLarge(0x7fff_ffff))
        ));
    }

    #[tokio::test]
    async fn bytes_that_are_no_message_break_the_link() {
        let mut inbox = Inbox::new(&b"\x00\x00\x00\x01\xff"[..]);
        assert!(matches!(
            inbox.next::<ToFront>().await,
            Err(WireError::Message(_))
        ));
    }

    #[test]
    fn a_message_that_is_too_large_leaves_the_outbox_as_it_was() {
        let outbox = Outbox::default();
        let large = ToFront::Begun {
            id: 1,
            admit: Admit::SignIn {
                location: "x".repeat(FRAME_CAP),
            },
        };
        assert!(matches!(outbox.push(&large), Err(WireError::TooLarge(_))));
        assert!(outbox.waiting.lock().unwrap().is_empty());
    }
}
