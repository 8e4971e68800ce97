//! How the checks of TLS speak to the gateway: raw hellos, and whole handshakes by a client of today with chosen versions
//! and key lengths.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use avouch_evidence::Ctx;
use rustls::crypto::aws_lc_rs;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::hello::{self, Reply};
use crate::link::Minimum;
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

/// A version and its name.
pub(super) type Version = (&'static str, &'static SupportedProtocolVersion);

/// The versions that a gateway with this minimum has to speak.
pub(super) fn spoken(minimum: Minimum) -> Vec<Version> {
    match minimum {
        Minimum::Tls12 => vec![("TLS 1.2", &TLS12), ("TLS 1.3", &TLS13)],
        Minimum::Tls13 => vec![("TLS 1.3", &TLS13)],
    }
}

/// Where to try, and whose certificate to trust.
#[derive(Debug, Clone, Copy)]
pub(super) struct Dial<'a> {
    pub(super) address: SocketAddr,
    pub(super) host: &'a str,
    authority: &'a [u8],
}

impl<'a> Dial<'a> {
    /// The gateway under check, at its bare domain. `authority` is a certificate (DER).
    pub(super) fn gateway(ctx: &'a Ctx, authority: &'a [u8]) -> Self {
        Self {
            address: ctx.gateway.address(),
            host: ctx.gateway.domain(),
            authority,
        }
    }

    /// Sends one raw hello of version `3.minor` with these suites.
    pub(super) async fn knock(&self, minor: u8, suites: &[u16]) -> Reply {
        hello::knock(self.address, &hello::hello(minor, suites, self.host)).await
    }

    /// Tries one handshake with this version, offering only suites that `offers` keeps.
    pub(super) async fn shake(
        &self,
        (name, version): Version,
        offers: fn(TlsUsed) -> bool,
    ) -> (&'static str, Shaken) {
        let shaken = match config(self.authority, version, offers) {
            Err(why) => Shaken::Unclear(why),
            Ok(config) => timeout(PATIENCE, exchange(self.address, self.host, config))
                .await
                .unwrap_or_else(|_| Shaken::Unclear("no answer in 10 s".to_owned())),
        };
        (name, shaken)
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
