//! Posts to a witness over HTTP/1.1, with TLS for `https` addresses.
//!
//! What goes either way is signed, so a plain `http` address gives nothing away but that the log is witnessed; TLS keeps
//! somebody in between from holding answers back unseen.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use http::header::{CONTENT_TYPE, HOST};
use http::{Request, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::client::{Post, PostFuture, Reply};

/// A witness that has not answered by then is away.
const PATIENCE: Duration = Duration::from_secs(10);
/// An answer is a few signature lines.
const MAX_ANSWER: usize = 64 << 10;

/// Reaches witnesses.
pub struct Http {
    tls: Option<TlsConnector>,
}

/// Why the authorities cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The operator's: the file cannot be read.
    #[error("cannot read the certificates of authorities in {0}")]
    Read(String, #[source] rustls::pki_types::pem::Error),
    /// The operator's: there is none in it that can be used.
    #[error("there is no authority's certificate in {0}")]
    None(String),
    /// Ours: TLS cannot be set up.
    #[error("TLS cannot be set up")]
    Tls(#[from] rustls::Error),
}

impl Http {
    /// Reaches `https` witnesses whose certificates come from these authorities (PEM), and `http` ones; without a file,
    /// `http` ones alone.
    ///
    /// # Errors
    ///
    /// [`HttpError`] when the file cannot be read or holds no certificate.
    pub fn new(authorities: Option<&Path>) -> Result<Self, HttpError> {
        let tls = authorities.map(connector).transpose()?;
        Ok(Self { tls })
    }

    async fn exchange(&self, url: &str, body: String) -> io::Result<Reply> {
        let uri: Uri = url.parse().map_err(io::Error::other)?;
        let unfit = || io::Error::other(format!("`{url}` is not an address of a witness"));
        let host = uri.host().ok_or_else(unfit)?;
        let secure = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(unfit()),
        };
        let port = uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
        // An IPv6 address stands in brackets.
        let name = host.trim_start_matches('[').trim_end_matches(']');
        let socket = TcpStream::connect((name, port)).await?;
        let request = Request::post(uri.path())
            .header(HOST, uri.authority().ok_or_else(unfit)?.as_str())
            .header(CONTENT_TYPE, "text/plain; charset=utf-8")
            .body(Full::new(Bytes::from(body)))
            .map_err(io::Error::other)?;
        if !secure {
            return send(socket, request).await;
        }
        let tls = self.tls.as_ref().ok_or_else(|| {
            io::Error::other("an `https` witness needs certificates of authorities")
        })?;
        let name = ServerName::try_from(name.to_owned()).map_err(io::Error::other)?;
        send(tls.connect(name, socket).await?, request).await
    }
}

impl Post for Http {
    fn post<'a>(&'a self, url: &'a str, body: String) -> PostFuture<'a> {
        Box::pin(async move {
            tokio::time::timeout(PATIENCE, self.exchange(url, body))
                .await
                .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
        })
    }
}

async fn send(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: Request<Full<Bytes>>,
) -> io::Result<Reply> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(io::Error::other)?;
    let driving = tokio::spawn(connection);
    let answer = async {
        let response = sender
            .send_request(request)
            .await
            .map_err(io::Error::other)?;
        let status = response.status().as_u16();
        let body = Limited::new(response.into_body(), MAX_ANSWER)
            .collect()
            .await
            .map_err(io::Error::other)?
            .to_bytes()
            .to_vec();
        Ok(Reply { status, body })
    };
    let answer = answer.await;
    driving.abort();
    answer
}

/// Sets up TLS to somebody whose certificate comes from one of these authorities (PEM).
///
/// # Errors
/// [`HttpError`] when the file cannot be read or holds no certificate.
pub fn connector(authorities: &Path) -> Result<TlsConnector, HttpError> {
    let file = authorities.display().to_string();
    let mut roots = RootCertStore::empty();
    let unread = |error| HttpError::Read(file.clone(), error);
    for certificate in CertificateDer::pem_file_iter(authorities).map_err(unread)? {
        // A machine's bundle may hold one that is of no use to us.
        let _ = roots.add(certificate.map_err(unread)?);
    }
    if roots.is_empty() {
        return Err(HttpError::None(file));
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}
