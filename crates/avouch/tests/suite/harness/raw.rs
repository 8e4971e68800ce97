//! A client that sends exactly the bytes it is given, for what no honest client would send.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::Service;

/// A connection over TLS to one of the service's hosts, speaking HTTP/1.1.
pub struct Raw(Tls);

/// A connection over TLS, whatever is spoken over it.
pub(super) type Tls = StreamOwned<ClientConnection, TcpStream>;

/// How long an answer, or the end of the connection, is waited for: longer than the gateway waits for anything.
const PATIENCE: Duration = Duration::from_secs(90);

impl Raw {
    pub fn connect(service: &Service, host: &str) -> Self {
        Self(tls(service, host, b"http/1.1"))
    }

    /// Where the service sees this connection come from.
    pub fn port(&self) -> u16 {
        self.0.sock.local_addr().unwrap().port()
    }

    /// Sends bytes; that the other side has hung up is seen when reading.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        let _ = self
            .0
            .write_all(bytes.as_ref())
            .and_then(|()| self.0.flush());
        self
    }

    /// The status of the answer, or `None` when the connection ended without one.
    pub fn status(&mut self) -> Option<u16> {
        let text = self.rest();
        text.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()
    }

    /// The head of an answer that has no body.
    pub fn head(&mut self) -> String {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            let byte = self.take(1);
            if byte.is_empty() {
                break;
            }
            head.push_str(&byte);
        }
        head
    }

    /// So many bytes, or as many as come before the connection ends.
    pub fn take(&mut self, count: usize) -> String {
        let mut bytes = Vec::new();
        let most = u64::try_from(count).unwrap();
        // What came before an error stays.
        let _ = (&mut self.0).take(most).read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Everything until the connection ends or a whole answer with a stated length is there.
    pub fn rest(&mut self) -> String {
        let mut all = Vec::new();
        let mut chunk = [0; 4096];
        loop {
            match self.0.read(&mut chunk) {
                Ok(0) | Err(_) => break,
                Ok(count) => all.extend_from_slice(&chunk[..count]),
            }
            if whole(&all) {
                break;
            }
        }
        String::from_utf8_lossy(&all).into_owned()
    }
}

/// Connects to one of the service's hosts, to speak `protocol`.
pub(super) fn tls(service: &Service, host: &str, protocol: &[u8]) -> Tls {
    let mut roots = RootCertStore::empty();
    roots.add(service.authority().into()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![protocol.to_vec()];
    let name = ServerName::try_from(host.to_owned()).unwrap();
    let connection = ClientConnection::new(Arc::new(config), name).unwrap();
    let socket = TcpStream::connect(service.address()).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    StreamOwned::new(connection, socket)
}

fn whole(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head.lines().find_map(|line| {
        line.to_ascii_lowercase()
            .strip_prefix("content-length:")?
            .trim()
            .parse::<usize>()
            .ok()
    });
    length.is_some_and(|length| body.len() >= length)
}
