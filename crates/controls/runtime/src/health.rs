//! Asks an instance whether it is well: one HTTP/1.1 GET over its Unix socket.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::time::{Instant, sleep, timeout_at};

/// Between two attempts; short beside any promise about restarts.
const PAUSE: Duration = Duration::from_millis(20);
/// One attempt may take this long, so that one that hangs does not use up the whole time.
const ATTEMPT: Duration = Duration::from_secs(2);

/// Why an instance is not known to be well.
#[derive(Debug, thiserror::Error)]
pub enum Unwell {
    /// It did not answer in time. The cause is that of the last attempt.
    #[error("nothing well answered at `{socket}` in time")]
    Late {
        /// Where it was asked.
        socket: PathBuf,
        /// What the last attempt met.
        source: std::io::Error,
    },
    /// The path asked for cannot be sent.
    #[error("the health path must begin with `/` and hold no spaces or control characters")]
    Path,
}

/// Waits until `path` is answered with a status of 200 to 299, and returns how long that took.
///
/// # Errors
/// When nothing does so before `deadline`, or `path` is no path.
pub async fn wait(socket: &Path, path: &str, deadline: Instant) -> Result<Duration, Unwell> {
    if !path.starts_with('/') || !path.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Unwell::Path);
    }
    let began = Instant::now();
    loop {
        let until = deadline.min(Instant::now() + ATTEMPT);
        let attempt = timeout_at(until, ask(socket, path)).await;
        let source = match attempt {
            Ok(Ok(())) => return Ok(began.elapsed()),
            Ok(Err(source)) => source,
            Err(_) => std::io::ErrorKind::TimedOut.into(),
        };
        if Instant::now() + PAUSE >= deadline {
            return Err(Unwell::Late {
                socket: socket.to_owned(),
                source,
            });
        }
        sleep(PAUSE).await;
    }
}

/// Reads no more than the status line.
async fn ask(socket: &Path, path: &str) -> std::io::Result<()> {
    let mut stream = UnixStream::connect(socket).await?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut status = [0; 12];
    stream.read_exact(&mut status).await?;
    match &status {
        [
            b'H',
            b'T',
            b'T',
            b'P',
            b'/',
            b'1',
            b'.',
            b'0' | b'1',
            b' ',
            b'2',
            b'0'..=b'9',
            b'0'..=b'9',
        ] => Ok(()),
        _ => Err(std::io::Error::other(
            "answered, but not with a status of 200 to 299",
        )),
    }
}
