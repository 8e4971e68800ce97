//! Whole handshakes by a client of today, with chosen versions and key lengths.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::tls::{self, TlsUsed};

const PATIENCE: Duration = Duration::from_secs(10);

/// How a handshake went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Shaken {
    /// It was agreed.
    Agreed(TlsUsed),
    /// The server turned it away, in so many words.
    TurnedAway(String),
    /// Nothing could be learnt, and why.
    Unclear(String),
}

/// Tries one handshake with this version, offering only suites that `offers` keeps.
pub(super) async fn shake(
    address: SocketAddr,
    host: &str,
    authority: &[u8],
    version: &'static SupportedProtocolVersion,
    offers: fn(TlsUsed) -> bool,
) -> Shaken {
    let config = match config(authority, version, offers) {
        Ok(config) => config,
        Err(why) => return Shaken::Unclear(why),
    };
    match timeout(PATIENCE, exchange(address, host, config)).await {
        Ok(shaken) => shaken,
        Err(_) => Shaken::Unclear("no answer in 10 s".to_owned()),
    }
}

async fn exchange(address: SocketAddr, host: &str, config: ClientConfig) -> Shaken {
    let socket = match TcpStream::connect(address).await {
        Ok(socket) => socket,
        Err(error) => return Shaken::Unclear(error.to_string()),
    };
    let Ok(name) = host.to_owned().try_into() else {
        return Shaken::Unclear(format!("`{host}` is no name"));
    };
    match TlsConnector::from(Arc::new(config))
        .connect(name, socket)
        .await
    {
        Ok(stream) => {
            let session = stream.get_ref().1;
            Shaken::Agreed(tls::used(
                session.protocol_version(),
                session.negotiated_cipher_suite(),
            ))
        }
        Err(error) => {
            let alert = error
                .get_ref()
                .and_then(|inner| inner.downcast_ref::<rustls::Error>());
            match alert {
                Some(rustls::Error::AlertReceived(alert)) => {
                    Shaken::TurnedAway(format!("{alert:?}"))
                }
                _ => Shaken::Unclear(error.to_string()),
            }
        }
    }
}

fn config(
    authority: &[u8],
    version: &'static SupportedProtocolVersion,
    offers: fn(TlsUsed) -> bool,
) -> Result<ClientConfig, String> {
    let mut roots = RootCertStore::empty();
    roots
        .add(authority.to_vec().into())
        .map_err(|error| error.to_string())?;
    let mut provider = aws_lc_rs::default_provider();
    provider.cipher_suites.retain(|suite| {
        offers(TlsUsed {
            version: u16::from(version.version),
            suite: u16::from(suite.suite()),
        })
    });
    let config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[version])
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(config)
}
