//! TLS: which versions, which suites, which certificate; and a count of what was in fact negotiated.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{CipherSuite, ProtocolVersion, ServerConfig, SupportedCipherSuite};
use serde::{Deserialize, Serialize};

use crate::link::{CertifiedHost, Ciphers, Minimum, SuiteCount, TlsRules};

/// What a connection negotiated, by the registered numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TlsUsed {
    /// The version: 0x0303 is TLS 1.2, 0x0304 TLS 1.3.
    pub version: u16,
    /// The cipher suite.
    pub suite: u16,
}

impl TlsUsed {
    /// For example `TLSv1_3`.
    pub const fn version_name(self) -> &'static str {
        match self.version {
            0x0303 => "TLSv1_2",
            0x0304 => "TLSv1_3",
            _ => "unknown",
        }
    }

    /// The registered name, for example `TLS_AES_256_GCM_SHA384`.
    pub const fn suite_name(self) -> &'static str {
        match self.suite {
            0x1301 => "TLS_AES_128_GCM_SHA256",
            0x1302 => "TLS_AES_256_GCM_SHA384",
            0x1303 => "TLS_CHACHA20_POLY1305_SHA256",
            0xc02b => "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
            0xc02c => "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
            0xc02f => "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
            0xc030 => "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
            0xcca8 => "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
            0xcca9 => "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
            _ => "unknown",
        }
    }

    /// The cipher's key length in bits; 0 for a suite that this build does not know.
    pub const fn bits(self) -> u16 {
        match self.suite {
            0x1301 | 0xc02b | 0xc02f => 128,
            0x1302 | 0x1303 | 0xc02c | 0xc030 | 0xcca8 | 0xcca9 => 256,
            _ => 0,
        }
    }
}

/// Why TLS cannot be served by these rules.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// No certificate was given.
    #[error("no certificate was given: the core must send at least one")]
    NoCertificate,
    /// A certificate and its key do not go together, or one cannot be read.
    #[error("the certificate for `{name}` cannot be used with its key")]
    Certificate {
        /// The first of its names.
        name: String,
        /// What the TLS library said.
        #[source]
        source: rustls::Error,
    },
    /// The library refuses the combination of versions and suites.
    #[error("these versions and suites cannot be served together")]
    Rules(#[source] rustls::Error),
}

/// The configuration that keeps these rules. Names without a certificate, and clients that send no name, are refused.
///
/// # Errors
/// There is no usable certificate, or the rules contradict each other.
pub fn server_config(rules: &TlsRules) -> Result<ServerConfig, TlsError> {
    let provider = provider(rules.ciphers);
    let certificates = Certificates::read(&rules.certificates, &provider)?;
    let versions: &[&rustls::SupportedProtocolVersion] = match rules.minimum {
        Minimum::Tls12 => &[&rustls::version::TLS13, &rustls::version::TLS12],
        Minimum::Tls13 => &[&rustls::version::TLS13],
    };
    let mut config = ServerConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(versions)
        .map_err(TlsError::Rules)?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(certificates));
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config.ignore_client_order = true;
    Ok(config)
}

fn provider(ciphers: Ciphers) -> CryptoProvider {
    let mut provider = aws_lc_rs::default_provider();
    if ciphers == Ciphers::Bits256 {
        provider
            .cipher_suites
            .retain(|suite| bits(suite.suite()) >= 256);
    }
    provider
}

fn bits(suite: CipherSuite) -> u16 {
    TlsUsed {
        version: 0,
        suite: u16::from(suite),
    }
    .bits()
}

/// What this finished handshake negotiated.
pub(crate) fn used(
    version: Option<ProtocolVersion>,
    suite: Option<SupportedCipherSuite>,
) -> TlsUsed {
    TlsUsed {
        version: version.map_or(0, u16::from),
        suite: suite.map_or(0, |suite| u16::from(suite.suite())),
    }
}

#[derive(Debug)]
struct Certificates {
    by_name: HashMap<String, Arc<CertifiedKey>>,
}

impl Certificates {
    fn read(hosts: &[CertifiedHost], provider: &CryptoProvider) -> Result<Self, TlsError> {
        let mut by_name = HashMap::new();
        for host in hosts {
            let chain = host
                .chain
                .iter()
                .map(|der| CertificateDer::from(der.clone()))
                .collect();
            let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(host.key.expose().to_vec()));
            let certified = CertifiedKey::from_der(chain, key, provider).map_err(|source| {
                TlsError::Certificate {
                    name: host.names.first().cloned().unwrap_or_default(),
                    source,
                }
            })?;
            let certified = Arc::new(certified);
            by_name.extend(
                host.names
                    .iter()
                    .map(|name| (name.to_ascii_lowercase(), certified.clone())),
            );
        }
        if by_name.is_empty() {
            return Err(TlsError::NoCertificate);
        }
        Ok(Self { by_name })
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = hello.server_name()?.to_ascii_lowercase();
        let exact = self.by_name.get(&name);
        let found = exact.or_else(|| self.by_name.get(&format!("*.{}", name.split_once('.')?.1)));
        found.cloned()
    }
}

/// How many connections negotiated what, until it is reported.
#[derive(Debug, Default)]
pub(crate) struct SuiteCounts(Mutex<HashMap<TlsUsed, u64>>);

impl SuiteCounts {
    pub(crate) fn count(&self, tls: TlsUsed) {
        *self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entry(tls)
            .or_default() += 1;
    }

    pub(crate) fn take(&self) -> Vec<SuiteCount> {
        let taken = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        taken
            .into_iter()
            .map(|(tls, count)| SuiteCount { tls, count })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_suite_below_two_hundred_and_fifty_six_bits_is_left_when_the_rule_says_so() {
        let strict = provider(Ciphers::Bits256);
        assert!(
            strict
                .cipher_suites
                .iter()
                .all(|suite| bits(suite.suite()) >= 256)
        );
        assert!(strict.cipher_suites.len() >= 4);
        assert!(
            provider(Ciphers::Bits128AndAbove).cipher_suites.len() > strict.cipher_suites.len()
        );
    }

    #[test]
    fn every_suite_of_this_build_has_a_name_and_a_length() {
        for suite in provider(Ciphers::Bits128AndAbove).cipher_suites {
            let used = TlsUsed {
                version: 0x0304,
                suite: u16::from(suite.suite()),
            };
            assert_ne!(used.suite_name(), "unknown", "{suite:?}");
            assert_ne!(used.bits(), 0, "{suite:?}");
        }
    }

    #[test]
    fn rules_without_a_certificate_are_refused() {
        let rules = TlsRules {
            minimum: Minimum::Tls12,
            ciphers: Ciphers::Bits256,
            certificates: Vec::new(),
        };
        assert!(matches!(
            server_config(&rules),
            Err(TlsError::NoCertificate)
        ));
    }
}
