//! A TLS connection to a receiver.

use std::io;
use std::path::Path;

use avouch_ledger::witness::{HttpError, connector};
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Where a receiver is, and whose certificate it must show.
#[derive(Clone)]
pub struct Wire {
    host: String,
    port: u16,
    tls: TlsConnector,
}

impl Wire {
    /// Reaches this host and port; its certificate must come from one of these authorities (PEM).
    ///
    /// # Errors
    /// If the authorities cannot be read.
    pub fn new(host: &str, port: u16, authorities: &Path) -> Result<Self, HttpError> {
        // An IPv6 address stands in brackets.
        let host = host
            .trim_start_matches('[')
            .trim_end_matches(']')
            .to_owned();
        Ok(Self {
            host,
            port,
            tls: connector(authorities)?,
        })
    }

    /// `host:port`, as a request names it.
    pub(super) fn authority(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    pub(super) async fn connect(&self) -> io::Result<TlsStream<TcpStream>> {
        let socket = TcpStream::connect((self.host.as_str(), self.port)).await?;
        let name = ServerName::try_from(self.host.clone()).map_err(io::Error::other)?;
        self.tls.connect(name, socket).await
    }
}
