//! Repositories on other machines: reached over a line that somebody else connects, and trusted for as little as can be.
//!
//! A job has no network. It is given a [`Dial`], by which it gets connections to the one place that its destination
//! names, and speaks over them from end to end encrypted to whoever holds the key that the statement pins.

use std::{io, os::unix::net::UnixStream, path::PathBuf, sync::Arc};

use avouch_statement::Slug;
use serde::{Deserialize, Serialize};

mod backend;
mod error;
mod http;
mod key;
mod receipt;
mod rest;
mod store;
mod trial;

pub use error::FarError;
pub use key::{BadKey, PublicKey};
pub use receipt::{Receipt, Received, Signed, Unsigned};
pub use store::{FileKind, Store};
pub use trial::{Attempt, Tried, attempt};

pub(crate) use backend::backends;

/// Makes a new connection to the place that a job may reach.
pub type Dial = Arc<dyn Fn() -> io::Result<UnixStream> + Send + Sync>;

/// Where a destination on the network is, and whom to trust to be it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "far", rename_all = "kebab-case")]
pub enum Address {
    /// An `avouch keeper`: receives repositories and lets nobody who writes take anything away.
    Keeper {
        /// Its host.
        host: String,
        /// Its port.
        port: u16,
        /// The name that this service has there.
        service: String,
        /// The key that it proves to hold, and signs its receipts with.
        key: PublicKey,
    },
}

impl Address {
    /// The host.
    #[must_use]
    pub fn host(&self) -> &str {
        let Self::Keeper { host, .. } = self;
        host
    }

    /// The port.
    #[must_use]
    pub fn port(&self) -> u16 {
        let Self::Keeper { port, .. } = self;
        *port
    }

    /// Whether whoever writes there can take nothing away, so that removing is done there.
    #[must_use]
    pub fn prunes_by_itself(&self) -> bool {
        matches!(self, Self::Keeper { .. })
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self::Keeper {
            host,
            port,
            service,
            ..
        } = self;
        write!(f, "keeper://{host}:{port}/{service}")
    }
}

/// What lets a service write at a destination. Never shown.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Credential(String);

impl Credential {
    /// Takes a credential, without the line feed that a file ends with.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text.trim().to_owned())
    }

    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Credential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Credential(…)")
    }
}

/// Where one repository is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Place {
    /// A folder of this machine.
    Folder(PathBuf),
    /// Another machine.
    Far {
        /// What the statement calls it.
        destination: Slug,
        /// Which, and as whom it is trusted.
        address: Address,
        /// The repository's name there.
        repository: String,
        /// What lets this service in.
        credential: Credential,
    },
}

impl From<PathBuf> for Place {
    fn from(path: PathBuf) -> Self {
        Self::Folder(path)
    }
}

/// A place that a process can work at.
#[derive(Clone)]
pub enum Site {
    /// A folder.
    Folder(PathBuf),
    /// Another machine.
    Far {
        /// How it is called in messages.
        shown: PathBuf,
        /// It.
        store: Arc<dyn Store>,
    },
}

impl Place {
    /// The folder that a job which works there writes; none for another machine.
    #[must_use]
    pub fn folders(&self) -> Vec<PathBuf> {
        match self {
            Self::Folder(path) => vec![path.clone()],
            Self::Far { .. } => Vec::new(),
        }
    }

    /// The destination that a job which works there must be carried to; none for a folder.
    #[must_use]
    pub fn carried_to(&self) -> Option<&Slug> {
        match self {
            Self::Folder(_) => None,
            Self::Far { destination, .. } => Some(destination),
        }
    }

    /// The place as this process can work at it.
    ///
    /// # Errors
    ///
    /// When it is on another machine and this process was given no line to it.
    pub fn site(&self, dial: Option<&Dial>) -> Result<Site, FarError> {
        match self {
            Self::Folder(path) => Ok(Site::Folder(path.clone())),
            Self::Far {
                address,
                repository,
                credential,
                ..
            } => {
                let dial = dial.ok_or_else(|| FarError::NoLine(address.to_string()))?;
                let Address::Keeper { service, key, .. } = address;
                let store = rest::Keeper::new(
                    Arc::clone(dial),
                    address,
                    (service, repository),
                    key,
                    credential,
                )?;
                Ok(Site::Far {
                    shown: format!("{address}/{repository}").into(),
                    store: Arc::new(store),
                })
            }
        }
    }
}

impl From<&std::path::Path> for Site {
    fn from(path: &std::path::Path) -> Self {
        Self::Folder(path.to_owned())
    }
}

impl From<&PathBuf> for Site {
    fn from(path: &PathBuf) -> Self {
        Self::Folder(path.clone())
    }
}

impl From<&Site> for Site {
    fn from(site: &Site) -> Self {
        site.clone()
    }
}

impl std::fmt::Debug for Site {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (Self::Folder(path) | Self::Far { shown: path, .. }) = self;
        write!(f, "Site({})", path.display())
    }
}
