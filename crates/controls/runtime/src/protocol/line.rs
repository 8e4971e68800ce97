//! One message a line, with a limit on the line.

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use zeroize::Zeroizing;

/// The longest line. Holds a job's longest output in base64, and a secret or file to place.
pub const LONGEST_LINE: usize = 8 * 1024 * 1024;

/// Why a message could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum LineError {
    /// The line is too long, or ends without a line feed.
    #[error("a message is longer than {LONGEST_LINE} bytes, or was cut off")]
    Length,
    /// The line is no such message. The cause is left out: it may quote a secret.
    #[error("a message is malformed, at byte {0}")]
    Malformed(usize),
    /// The other side is gone or cannot be reached.
    #[error("cannot reach the other side")]
    Lost(#[from] std::io::Error),
}

/// Reads the next message; `None` when the other side has closed.
///
/// # Errors
/// On a line that is too long, cut off or no message, and when the other side is lost. After
/// any of them the stream must be given up.
pub async fn read<T: DeserializeOwned>(
    from: &mut (impl AsyncBufRead + Unpin),
) -> Result<Option<T>, LineError> {
    let mut line = Zeroizing::new(Vec::new());
    let most = u64::try_from(LONGEST_LINE).unwrap_or(u64::MAX);
    if from.take(most).read_until(b'\n', &mut line).await? == 0 {
        return Ok(None);
    }
    if line.last() != Some(&b'\n') {
        return Err(LineError::Length);
    }
    serde_json::from_slice(&line)
        .map(Some)
        .map_err(|error| LineError::Malformed(error.column()))
}

/// Writes one message.
///
/// # Errors
/// When it is too long, or the other side is lost.
pub async fn write<T: Serialize>(
    to: &mut (impl AsyncWrite + Unpin),
    message: &T,
) -> Result<(), LineError> {
    let mut line =
        Zeroizing::new(serde_json::to_vec(message).map_err(|_| LineError::Malformed(0))?);
    line.push(b'\n');
    if line.len() > LONGEST_LINE {
        return Err(LineError::Length);
    }
    to.write_all(&line).await?;
    Ok(to.flush().await?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{FromSupervisor, ToSupervisor};

    async fn read_from(bytes: &[u8]) -> Result<Option<ToSupervisor>, LineError> {
        read(&mut &*bytes).await
    }

    #[tokio::test]
    async fn a_message_survives_the_line() {
        let mut line = Vec::new();
        write(&mut line, &FromSupervisor::Stopping).await.unwrap();
        assert_eq!(line, b"{\"saw\":\"stopping\"}\n");
        let back: Option<FromSupervisor> = read(&mut line.as_slice()).await.unwrap();
        assert_eq!(back, Some(FromSupervisor::Stopping));
    }

    #[tokio::test]
    async fn a_closed_stream_is_the_end_and_a_cut_line_is_a_fault() {
        assert!(matches!(read_from(b"").await, Ok(None)));
        let cut = read_from(b"{\"do\":\"stop\",\"name\":\"a\"}").await;
        assert!(matches!(cut, Err(LineError::Length)));
    }

    #[tokio::test]
    async fn unknown_messages_and_fields_are_refused() {
        for line in [
            &b"{\"do\":\"reboot\"}\n"[..],
            b"{\"do\":\"stop\",\"name\":\"a\",\"force\":true}\n",
            b"{\"do\":\"stop\"}\n",
            b"\xff\n",
        ] {
            assert!(matches!(
                read_from(line).await,
                Err(LineError::Malformed(_))
            ));
        }
    }

    #[tokio::test]
    async fn an_endless_line_is_refused_at_the_limit() {
        let endless = vec![b' '; LONGEST_LINE + 1];
        assert!(matches!(read_from(&endless).await, Err(LineError::Length)));
    }
}
