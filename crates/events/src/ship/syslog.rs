//! Syslog over TLS (RFC 5425): each message with its length in front, and word from the receiver that it has them all.
//!
//! The protocol has no acknowledgement. But a receiver that ends the connection after we have closed our side of it has
//! read everything before that, and one that goes away with something unread breaks it off. So each batch has a
//! connection of its own, and counts once the receiver has ended it.

mod message;

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use self::message::message;
use super::{Delivered, ShipError, Wire};
use crate::Row;
use crate::export::Origin;

/// A receiver that has not taken a batch by then is away.
const PATIENCE: Duration = Duration::from_secs(30);

/// A syslog receiver.
pub struct Syslog {
    wire: Wire,
    origin: Origin,
}

impl Syslog {
    /// Sends over this wire.
    #[must_use]
    pub fn new(wire: Wire, origin: Origin) -> Self {
        Self { wire, origin }
    }

    pub(super) async fn deliver(&self, rows: &[Row]) -> Result<Delivered, ShipError> {
        let frames: String = rows
            .iter()
            .map(|row| framed(&message(row, &self.origin)))
            .collect();
        tokio::time::timeout(PATIENCE, self.send(frames.as_bytes()))
            .await
            .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
            .map_err(ShipError::Unreachable)?;
        Ok(Delivered::default())
    }

    async fn send(&self, frames: &[u8]) -> io::Result<()> {
        let mut stream = self.wire.connect().await?;
        stream.write_all(frames).await?;
        stream.shutdown().await?;
        // Until it ends the connection, too; it has nothing to say. Some do so without TLS's own word for it.
        let mut said = [0; 512];
        loop {
            match stream.read(&mut said).await {
                Ok(0) => return Ok(()),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }
}

/// A message with its length in bytes in front.
fn framed(message: &str) -> String {
    format!("{} {message}", message.len())
}
