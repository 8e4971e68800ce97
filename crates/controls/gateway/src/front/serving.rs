//! What one configuration comes to: rules compiled, keys loaded, everything a request needs in one place.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::Shared;
use super::flow::Flow;
use crate::assertion::{BadSeed, Signer};
use crate::hygiene::response::SUBJECT_LENGTH;
use crate::link::{Configure, EntryRule, RecordRule};
use crate::refusal::Refusal;
use crate::tls::{self, TlsError};
use avouch_statement::{Pattern, PatternError};

/// Why a configuration cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum ServingError {
    /// TLS cannot be set up.
    #[error("TLS cannot be set up")]
    Tls(#[source] TlsError),
    /// The assertion key is none.
    #[error("assertions cannot be signed")]
    Key(#[source] BadSeed),
    /// A path pattern is none.
    #[error("`{name}` has a path that is no pattern")]
    Path {
        /// The rule.
        name: String,
        /// What is wrong with it.
        #[source]
        source: PatternError,
    },
}

/// One configuration, ready.
pub(super) struct Serving {
    pub(super) configure: Configure,
    pub(super) acceptor: TlsAcceptor,
    pub(super) signer: Signer,
    /// What follows a host in our own addresses: nothing, or `:` and the port.
    pub(super) port_suffix: String,
    pub(super) shared: Arc<Shared>,
    /// Cancelled when another configuration takes over, or at shutdown: connections finish what they do and close.
    pub(super) closing: CancellationToken,
    entries: Vec<(EntryRule, Pattern)>,
    records: Vec<(RecordRule, Pattern)>,
}

impl Serving {
    /// Compiles a configuration. `bound` is the port in fact bound, for a configuration that leaves it open.
    pub(super) fn new(
        configure: Configure,
        bound: u16,
        shared: Arc<Shared>,
        closing: CancellationToken,
    ) -> Result<Self, ServingError> {
        let tls = tls::server_config(&configure.tls).map_err(ServingError::Tls)?;
        let signer = Signer::new(
            &configure.assertion_seed,
            &configure.assertion_kid,
            &configure.domain,
        )
        .map_err(ServingError::Key)?;
        let compile = |name: &str, path: &str| {
            Pattern::parse(path).map_err(|source| ServingError::Path {
                name: name.to_owned(),
                source,
            })
        };
        let entries = configure
            .entries
            .iter()
            .map(|rule| Ok((rule.clone(), compile(&rule.name, &rule.path)?)));
        let entries = entries.collect::<Result<_, _>>()?;
        let records = configure
            .records
            .iter()
            .map(|rule| Ok((rule.clone(), compile(&rule.name, &rule.path)?)));
        let records = records.collect::<Result<_, _>>()?;
        let port = if configure.port == 0 {
            bound
        } else {
            configure.port
        };
        let port_suffix = if port == 443 {
            String::new()
        } else {
            format!(":{port}")
        };
        Ok(Self {
            acceptor: TlsAcceptor::from(Arc::new(tls)),
            signer,
            port_suffix,
            shared,
            closing,
            entries,
            records,
            configure,
        })
    }

    /// Begins to count what passes over a connection, which is told where the statement promises it.
    pub(super) fn flow(&self, socket: &TcpStream, client: SocketAddr) -> Arc<Flow> {
        let told_to = self.configure.flows.then(|| self.shared.flows.clone());
        Flow::new(told_to, socket, client)
    }

    /// Whose host this is; `None` when it is not ours.
    pub(super) fn place(&self, host: &str) -> Option<Place> {
        if host == self.configure.domain {
            return Some(Place::Core);
        }
        let label = host
            .strip_suffix(self.configure.domain.as_str())?
            .strip_suffix('.')?;
        match label {
            "" => None,
            "signin" | "console" => Some(Place::Core),
            label if label.contains('.') => None,
            _ => Some(Place::Tenant),
        }
    }

    /// The entry rule that a request falls under.
    pub(super) fn entry(&self, method: &str, path: &str) -> Option<&EntryRule> {
        self.entries
            .iter()
            .find(|(rule, pattern)| rule.method == method && pattern.matches(path).is_some())
            .map(|(rule, _)| rule)
    }

    /// The record rule that a path falls under, and the subject it names.
    ///
    /// Events list subjects whole, so one that is too long for them is refused, and is not cut to somebody else's.
    pub(super) fn record(&self, path: &str) -> Result<Option<(&str, String)>, Refusal> {
        let named = self.records.iter().find_map(|(rule, pattern)| {
            Some((
                rule.name.as_str(),
                pattern.matches(path)?.fill(&rule.subject)?,
            ))
        });
        match named {
            Some((_, subject)) if subject.chars().count() > SUBJECT_LENGTH => {
                Err(Refusal::LongSubject)
            }
            named => Ok(named),
        }
    }

    pub(super) fn header_bytes(&self) -> usize {
        usize::try_from(self.configure.limits.header_bytes).unwrap_or(usize::MAX)
    }

    pub(super) fn header_time(&self) -> Duration {
        Duration::from_millis(self.configure.limits.header_ms.into())
    }

    pub(super) fn idle_time(&self) -> Duration {
        Duration::from_millis(self.configure.limits.idle_ms.into())
    }
}

/// Who answers for a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// The core: statement, sign-in, console.
    Core,
    /// A tenant, known or not: from outside they look the same.
    Tenant,
}
