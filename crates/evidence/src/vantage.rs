//! The service as a client sees it: a small HTTPS client that believes only the given authority.

mod passed;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

pub use passed::Passed;

/// A page longer than this is cut off: no check needs more.
const LONGEST_ANSWER: usize = 4 << 20;
/// Long enough for a restart behind the gateway, short enough for a round.
const PATIENCE: Duration = Duration::from_secs(15);

/// The header in which a check's request carries its mark. The gateway takes it out.
pub const MARK: &str = "avouch-mark";

/// Makes the mark of one request.
type Marker = Arc<dyn Fn() -> String + Send + Sync>;
/// Is told where a connection was made from.
type Announce = Arc<dyn Fn(SocketAddr) + Send + Sync>;

/// Where the gateway is, what it is called, and whom to believe.
#[derive(Clone)]
pub struct Gateway {
    address: SocketAddr,
    domain: String,
    tls: Arc<ClientConfig>,
    marker: Option<Marker>,
    announce: Option<Announce>,
}

/// A request to be sent.
#[derive(Debug, Clone)]
pub struct Ask {
    /// `GET`, `POST`, …
    pub method: Method,
    /// Path and query.
    pub path: String,
    /// Header fields beside `host`; names may repeat.
    pub headers: Vec<(String, String)>,
    /// Body; empty for none.
    pub body: Vec<u8>,
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The header fields.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

/// Why nothing came back.
#[derive(Debug, thiserror::Error)]
pub enum VantageError {
    /// No connection.
    #[error("cannot connect to the gateway at {0}")]
    Connect(SocketAddr, #[source] std::io::Error),
    /// No TLS session.
    #[error("the TLS handshake with {0} failed")]
    Handshake(String, #[source] std::io::Error),
    /// Not a name, or not a request.
    #[error("the request cannot be written: {0}")]
    Request(String),
    /// No answer, or not HTTP.
    #[error("no whole answer from {0}: {1}")]
    Answer(String, String),
    /// Too slow.
    #[error("no answer from {0} within {1} s")]
    Slow(String, u64),
}

impl Ask {
    /// A `GET`.
    #[must_use]
    pub fn get(path: impl Into<String>) -> Self {
        Self {
            method: Method::GET,
            path: path.into(),
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    /// A form `POST`, with the `Origin` that the page's own form would send.
    #[must_use]
    pub fn form(path: impl Into<String>, origin: &str, body: impl Into<Vec<u8>>) -> Self {
        Self {
            method: Method::POST,
            path: path.into(),
            headers: Vec::new(),
            body: body.into(),
        }
        .with("content-type", "application/x-www-form-urlencoded")
        .with("origin", origin)
    }

    /// The same with one more header field.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }
}

impl Answer {
    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// A header field as text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

impl Gateway {
    /// A client for the gateway at `address`, called `domain`, that believes only `authority` (DER).
    ///
    /// # Errors
    /// If the authority's certificate cannot be read.
    pub fn new(
        address: SocketAddr,
        domain: impl Into<String>,
        authority: &[u8],
    ) -> Result<Self, VantageError> {
        let mut roots = RootCertStore::empty();
        roots
            .add(CertificateDer::from(authority.to_vec()))
            .map_err(|error| VantageError::Request(error.to_string()))?;
        let tls = ClientConfig::builder_with_provider(Arc::new(
            rustls::crypto::aws_lc_rs::default_provider(),
        ))
        .with_safe_default_protocol_versions()
        .map_err(|error| VantageError::Request(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
        Ok(Self {
            address,
            domain: domain.into(),
            tls: Arc::new(tls),
            marker: None,
            announce: None,
        })
    }

    /// The same, with a mark in each request by which whoever made it knows it again.
    #[must_use]
    pub fn marked(mut self, marker: impl Fn() -> String + Send + Sync + 'static) -> Self {
        self.marker = Some(Arc::new(marker));
        self
    }

    /// The same, telling of each connection where it was made from before anything goes over it.
    #[must_use]
    pub fn announced(mut self, announce: impl Fn(SocketAddr) + Send + Sync + 'static) -> Self {
        self.announce = Some(Arc::new(announce));
        self
    }

    /// The address it listens on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The service's domain, without a port.
    #[must_use]
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// `label.domain`, or the domain itself for an empty label: the host without its port.
    #[must_use]
    pub fn host(&self, label: &str) -> String {
        if label.is_empty() {
            self.domain.clone()
        } else {
            format!("{label}.{}", self.domain)
        }
    }

    /// The origin of a host: `https://host:port`, without the port where it is 443.
    #[must_use]
    pub fn origin(&self, label: &str) -> String {
        match self.address.port() {
            443 => format!("https://{}", self.host(label)),
            port => format!("https://{}:{port}", self.host(label)),
        }
    }

    /// Sends one request to `label`'s host over a connection of its own, HTTP/1.1.
    ///
    /// # Errors
    /// If no whole answer came within 15 s.
    pub async fn send(&self, label: &str, ask: Ask) -> Result<Answer, VantageError> {
        let host = self.host(label);
        match tokio::time::timeout(PATIENCE, self.exchange(&host, ask)).await {
            Ok(answer) => answer,
            Err(_) => Err(VantageError::Slow(host, PATIENCE.as_secs())),
        }
    }

    /// Connects; from where, and to where in fact.
    async fn dial(&self) -> Result<(TcpStream, (SocketAddr, SocketAddr)), VantageError> {
        let failed = |error| VantageError::Connect(self.address, error);
        let socket = TcpStream::connect(self.address).await.map_err(failed)?;
        let from = socket.local_addr().map_err(failed)?;
        let to = socket.peer_addr().map_err(failed)?;
        if let Some(announce) = &self.announce {
            announce(from);
        }
        Ok((socket, (from, to)))
    }

    fn name(host: &str) -> Result<ServerName<'static>, VantageError> {
        ServerName::try_from(host.to_owned())
            .map_err(|error| VantageError::Request(error.to_string()))
    }

    async fn exchange(&self, host: &str, ask: Ask) -> Result<Answer, VantageError> {
        let (socket, _) = self.dial().await?;
        let name = Self::name(host)?;
        let stream = TlsConnector::from(self.tls.clone())
            .connect(name, socket)
            .await
            .map_err(|error| VantageError::Handshake(host.to_owned(), error))?;
        let unanswered =
            |error: hyper::Error| VantageError::Answer(host.to_owned(), error.to_string());
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(hyper_util::rt::TokioIo::new(stream))
                .await
                .map_err(unanswered)?;
        let driver = tokio::spawn(connection);
        let port = self.address.port();
        let authority = if port == 443 {
            host.to_owned()
        } else {
            format!("{host}:{port}")
        };
        let mut request = Request::builder()
            .method(ask.method)
            .uri(&ask.path)
            .header("host", authority);
        for (name, value) in &ask.headers {
            request = request.header(name, value);
        }
        if let Some(marker) = &self.marker {
            request = request.header(MARK, marker());
        }
        let request = request
            .body(Full::new(Bytes::from(ask.body)))
            .map_err(|error| VantageError::Request(error.to_string()))?;
        let answer = sender.send_request(request).await.map_err(unanswered)?;
        let (head, body) = answer.into_parts();
        let body = Limited::new(body, LONGEST_ANSWER)
            .collect()
            .await
            .map_err(|error| VantageError::Answer(host.to_owned(), error.to_string()))?
            .to_bytes();
        driver.abort();
        Ok(Answer {
            status: head.status,
            headers: head.headers,
            body,
        })
    }
}
