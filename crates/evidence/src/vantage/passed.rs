//! Connections whose every byte the client counts, to be compared with what the gateway says of them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_util::io::{InspectReader, InspectWriter};

use super::{Gateway, LONGEST_ANSWER, PATIENCE, VantageError};

/// What passed over a connection, as its client counted it. Bytes are those of the transport, with all that TLS adds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Passed {
    /// The client's address and port.
    pub from: SocketAddr,
    /// The gateway's, as the client reached it.
    pub to: SocketAddr,
    /// Bytes sent.
    pub sent: u64,
    /// Bytes received.
    pub received: u64,
    /// Whether an HTTP answer came.
    pub answered: bool,
}

/// Bytes each way so far.
#[derive(Debug, Default)]
struct Count {
    sent: AtomicU64,
    received: AtomicU64,
}

impl Gateway {
    /// Gets one page of `label`'s host over TLS, and reads until the gateway ends the connection.
    ///
    /// # Errors
    /// If there was no connection, no handshake, or no end within 15 s.
    pub async fn pass(
        &self,
        label: &str,
        path: &str,
        cookie: &str,
    ) -> Result<Passed, VantageError> {
        let host = self.host(label);
        let head = format!(
            "GET {path} HTTP/1.1\r\nhost: {}\r\ncookie: {cookie}\r\nconnection: close\r\n\r\n",
            self.origin(label).trim_start_matches("https://")
        );
        let (socket, ends) = self.dial().await?;
        let count = Arc::new(Count::default());
        let name = Self::name(&host)?;
        let passing = async {
            let mut stream = TlsConnector::from(self.tls.clone())
                .connect(name, counted(socket, &count))
                .await
                .map_err(|error| VantageError::Handshake(host.clone(), error))?;
            stream
                .write_all(head.as_bytes())
                .await
                .map_err(|error| VantageError::Answer(host.clone(), error.to_string()))?;
            Ok(to_the_end(&mut stream).await)
        };
        let answered = within(passing, &host).await?;
        Ok(count.passed(ends, answered))
    }

    /// Says something that is no TLS, and reads until the gateway ends the connection.
    ///
    /// # Errors
    /// If there was no connection, or no end within 15 s.
    pub async fn knock(&self) -> Result<Passed, VantageError> {
        let (socket, ends) = self.dial().await?;
        let count = Arc::new(Count::default());
        let host = self.domain().to_owned();
        let passing = async {
            let mut socket = counted(socket, &count);
            socket
                .write_all(b"Is anybody there?\r\n\r\n")
                .await
                .map_err(|error| VantageError::Answer(host.clone(), error.to_string()))?;
            Ok(to_the_end(&mut socket).await)
        };
        let answered = within(passing, &host).await?;
        Ok(count.passed(ends, answered))
    }
}

impl Count {
    fn passed(&self, (from, to): (SocketAddr, SocketAddr), answered: bool) -> Passed {
        Passed {
            from,
            to,
            sent: self.sent.load(Ordering::Relaxed),
            received: self.received.load(Ordering::Relaxed),
            answered,
        }
    }
}

async fn within(
    passing: impl Future<Output = Result<bool, VantageError>>,
    host: &str,
) -> Result<bool, VantageError> {
    let slow = |_| VantageError::Slow(host.to_owned(), PATIENCE.as_secs());
    timeout(PATIENCE, passing).await.map_err(slow)?
}

fn counted(
    socket: TcpStream,
    count: &Arc<Count>,
) -> impl AsyncRead + AsyncWrite + Unpin + Send + 'static {
    let (up, down) = (count.clone(), count.clone());
    let add = |to: &AtomicU64, bytes: &[u8]| {
        to.fetch_add(
            u64::try_from(bytes.len()).unwrap_or(u64::MAX),
            Ordering::Relaxed,
        );
    };
    let reading = InspectReader::new(socket, move |bytes: &[u8]| add(&down.received, bytes));
    InspectWriter::new(reading, move |bytes: &[u8]| add(&up.sent, bytes))
}

/// Reads what comes, until the other side ends it in whatever way; whether it was an HTTP answer.
async fn to_the_end(stream: &mut (impl AsyncRead + Unpin)) -> bool {
    let mut answer = Vec::new();
    let most = u64::try_from(LONGEST_ANSWER).unwrap_or(u64::MAX);
    let _ = stream.take(most).read_to_end(&mut answer).await;
    answer.starts_with(b"HTTP/1.1 ")
}
