//! The keeper on another machine: it receives repositories, and whoever writes to it can take nothing away.
//!
//! Each repository stands there twice, as hard links to the same files. `received` is what the writer sees: files come,
//! and none goes or changes. `kept` is a repository of its own, of what was read back: every pack decrypted and hashed,
//! every index that names a chunk truthfully, every snapshot that is whole. Only what is in `kept` counts, is pruned, and
//! is restored from; an index that lies about where good chunks are never gets there.
//!
//! Windows run from the time at which a snapshot came, by the clock here. What the writer says of a snapshot is believed
//! in one thing only, the name of its source; so the first that came whole in a day keeps that day, whatever comes after.
//!
//! A keeper holds the password of each repository, since the format cannot be verified or pruned without it. It can read
//! what it keeps, and destroying a tenant's key does not make the copies here unreadable.
//!
//! | path | what | trusted for |
//! | --- | --- | --- |
//! | `key`, `certificate.pem` | the Ed25519 key and a certificate of it | being this keeper |
//! | `seen` | the time that it ran last | when the clock is in doubt |
//! | `services/<s>/service.json` | digest of its token, room, rules | who may write, and what goes when |
//! | `services/<s>/<r>/password` | what opens the repository | reading back |
//! | `services/<s>/<r>/received` | what came; a file's time is when | nothing |
//! | `services/<s>/<r>/kept` | what was read back | restoring |
//! | `services/<s>/<r>/records.json` | when each kept snapshot came, and its grades | what goes when |

use std::{
    collections::HashMap,
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use avouch_statement::Slug;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::{
    draw,
    far::{Credential, PublicKey, Receipt, Signed},
    repository::RepositoryError,
    retention::Rule,
    schedule::At,
};

mod files;
mod identity;
mod pack;
mod reader;
mod round;
mod serve;
mod shelf;
#[cfg(test)]
mod tests;

pub use round::Report;
pub use serve::{Line, serve};
pub use shelf::{Denied, Shelf};

use identity::Identity;

/// Why a keeper could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// A file of its own could not be read or written.
    #[error("cannot {act} {path}", path = path.display())]
    Io {
        /// What was being done.
        act: &'static str,
        /// With what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A file of its own is not what it wrote.
    #[error("{path} cannot be understood; restore it from a copy", path = .0.display())]
    Garbled(PathBuf),
    /// The system gave no random numbers, or they make no key.
    #[error("no key can be made")]
    Key(#[source] io::Error),
    /// What is no name of a host cannot be in a certificate.
    #[error("`{0}` is no name or address of a host")]
    Host(String),
    /// A kept repository could not be used.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
}

impl VaultError {
    fn io(act: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { act, path, source }
    }
}

/// A service and one of its repositories.
type Name = (Slug, Slug);
/// Held while a repository is gone through.
type Busy = Arc<Mutex<()>>;

/// What one source of a service is promised.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// The source's name.
    pub source: String,
    /// How long its snapshots are kept.
    pub rule: Rule,
    /// The schedule that days are counted by.
    pub at: At,
}

/// A service that may write here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Service {
    /// Its name.
    pub name: Slug,
    /// The SHA-256 of its token, in hexadecimal.
    token: String,
    /// How many bytes it may take up.
    pub room: u64,
    /// What is promised of each of its sources; of others, as of the first.
    pub kept: Vec<Kept>,
}

/// Everything that a keeper has.
pub struct Vault {
    folder: PathBuf,
    identity: Identity,
    /// One round, or one restoring of what the writer sees, at a time for each repository.
    busy: Mutex<HashMap<Name, Busy>>,
    /// Bytes that each service takes up, since it was last counted.
    used: Mutex<HashMap<Slug, u64>>,
}

impl Vault {
    /// Opens the keeper in this folder, and makes it and its key if they are not there.
    ///
    /// # Errors
    ///
    /// If the folder cannot be used.
    pub fn open(folder: &Path) -> Result<Self, VaultError> {
        let services = folder.join("services");
        files::make(&services)?;
        Ok(Self {
            folder: folder.to_owned(),
            identity: Identity::open(folder)?,
            busy: Mutex::default(),
            used: Mutex::default(),
        })
    }

    /// Has the certificate for stock clients be for these hosts too, from the next time that the keeper is opened.
    ///
    /// # Errors
    ///
    /// If one of them is no name of a host, or the keeper's folder cannot be written.
    pub fn name(folder: &Path, names: &[String]) -> Result<(), VaultError> {
        files::make(folder)?;
        identity::name(folder, names)
    }

    /// The key that statements pin.
    #[must_use]
    pub fn key(&self) -> PublicKey {
        self.identity.public()
    }

    /// Lets a service write here, with a new credential, which is shown once; the rules and the room of one that may
    /// already are set anew, and its credential stays.
    ///
    /// # Errors
    ///
    /// If it cannot be kept.
    pub fn add(
        &self,
        name: &Slug,
        room: u64,
        kept: Vec<Kept>,
    ) -> Result<Option<String>, VaultError> {
        let known = self.service(name)?;
        let fresh = match &known {
            Some(_) => None,
            None => Some(hex::encode(draw::bytes::<32>().map_err(VaultError::Key)?)),
        };
        let token = known.map_or_else(
            || digest(fresh.as_deref().unwrap_or_default()),
            |known| known.token,
        );
        let service = Service {
            name: name.clone(),
            token,
            room,
            kept,
        };
        files::make(&self.home(name))?;
        files::replace_json(&self.home(name).join("service.json"), &service)?;
        Ok(fresh)
    }

    /// A service, if it is known.
    ///
    /// # Errors
    ///
    /// If what is kept of it cannot be read.
    pub fn service(&self, name: &Slug) -> Result<Option<Service>, VaultError> {
        files::read_json(&self.home(name).join("service.json"))
    }

    /// Every service.
    ///
    /// # Errors
    ///
    /// If they cannot be read.
    pub fn services(&self) -> Result<Vec<Service>, VaultError> {
        let mut all = Vec::new();
        for name in files::slugs(&self.folder.join("services"))? {
            all.extend(self.service(&name)?);
        }
        Ok(all)
    }

    /// A service, if this is its credential.
    pub(crate) fn admitted(
        &self,
        name: &Slug,
        credential: &Credential,
    ) -> Result<Option<Service>, VaultError> {
        // Digests are compared, so that how long it takes says nothing of the token.
        Ok(self
            .service(name)?
            .filter(|service| service.token == digest(credential.reveal())))
    }

    /// The repositories of a service.
    ///
    /// # Errors
    ///
    /// If they cannot be listed.
    pub fn shelves(&self, service: &Service) -> Result<Vec<Shelf>, VaultError> {
        Ok(files::slugs(&self.home(&service.name))?
            .into_iter()
            .map(|repository| self.shelf(service, &repository))
            .collect())
    }

    /// One repository of a service, there or not.
    #[must_use]
    pub fn shelf(&self, service: &Service, repository: &Slug) -> Shelf {
        let mut busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        let name = (service.name.clone(), repository.clone());
        Shelf::new(
            self.home(&service.name).join(repository.as_str()),
            name.clone(),
            Arc::clone(busy.entry(name).or_default()),
        )
    }

    /// The last time at which this keeper is known to have run.
    ///
    /// # Errors
    ///
    /// If it cannot be read.
    pub fn seen(&self) -> Result<Option<Timestamp>, VaultError> {
        files::read_json(&self.folder.join("seen"))
    }

    /// Notes that it runs now.
    ///
    /// # Errors
    ///
    /// If it cannot be kept.
    pub fn see(&self, now: Timestamp) -> Result<(), VaultError> {
        files::replace_json(&self.folder.join("seen"), &now)
    }

    /// Signs a receipt.
    #[must_use]
    pub fn sign(&self, receipt: &Receipt) -> Signed {
        Signed::new(receipt, |text| self.identity.sign(text))
    }

    /// Bytes that a service takes up.
    pub(crate) fn used(&self, service: &Service) -> Result<u64, VaultError> {
        if let Some(used) = self.counted().get(&service.name) {
            return Ok(*used);
        }
        let used = files::size(&self.home(&service.name))?;
        self.counted().insert(service.name.clone(), used);
        Ok(used)
    }

    /// Notes that a service takes up more, or has to be counted anew.
    pub(crate) fn grew(&self, service: &Service, by: Option<u64>) {
        let mut counted = self.counted();
        match (by, counted.get_mut(&service.name)) {
            (Some(by), Some(used)) => *used = used.saturating_add(by),
            (None, _) => {
                counted.remove(&service.name);
            }
            (Some(_), None) => {}
        }
    }

    fn counted(&self) -> std::sync::MutexGuard<'_, HashMap<Slug, u64>> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn home(&self, service: &Slug) -> PathBuf {
        self.folder.join("services").join(service.as_str())
    }

    fn tls(&self) -> Result<rustls::ServerConfig, VaultError> {
        self.identity.tls()
    }
}

fn digest(token: &str) -> String {
    hex::encode(Sha256::digest(token))
}

/// Whether there is such a file.
fn is_there(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}
