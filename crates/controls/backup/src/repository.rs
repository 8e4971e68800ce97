//! Repositories in the restic format: the one place that speaks to `rustic_core`.
//!
//! Everything here blocks. One process at a time holds a repository: `rustic_core` takes no locks, so the folder itself
//! is locked for as long as a [`Repository`] lives.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    sync::Arc,
};

use jiff::tz::TimeZone;
use rustic_backend::BackendOptions;
use rustic_core::{
    BackupOptions, ConfigOptions, Credentials, KeyOptions, OpenStatus, PathList, RepositoryOptions,
    RusticError, SnapshotOptions, repofile::SnapshotFile,
};
use serde::{Deserialize, Serialize};

use crate::{
    far::{self, FileKind, Site},
    manifest::{self, Manifest},
    retention::{Removable, SnapshotId},
};

mod admit;
mod cipher;
mod contents;
mod error;
mod label;
mod recent;
pub(crate) mod remote;
mod restore;
mod sample;
mod shelves;
mod single;
mod verify;
mod whole;

pub(crate) use admit::CipherKey;
pub use cipher::{CipherFacts, cipher_facts, files, readable};
pub(crate) use contents::Contents;
pub use error::{Engine, RepositoryError};
pub use label::{Label, Listed};
pub use restore::Restored;
pub use sample::{BOUND, Flips, Sample};
pub use shelves::Shelves;
pub(crate) use shelves::{listing, state};
pub use verify::{Finding, Through, Unverified, Verified};

use label::{listed, name};

/// Within a snapshot, the folder that holds what was staged.
pub(crate) const ROOT: &str = "/backup";

/// Packs are kept at restic's size rather than the library's 32 MiB, because memory is taken by the pack.
const PACK: &str = "16MiB";

/// The password of one repository. It opens everything in it, and is never shown.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Password(String);

impl Password {
    /// Takes a password; 256 random bits from the keyring, in hexadecimal.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(text)
    }

    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Password(…)")
    }
}

/// An open repository.
#[derive(Debug)]
pub struct Repository {
    inner: rustic_core::Repository<OpenStatus>,
    /// Where it is, for messages as well.
    path: PathBuf,
    site: Site,
    /// A folder is held while it is worked at. At another machine nothing can be: one run at a time is the keeper's care.
    _lock: Option<File>,
}

impl Repository {
    /// Opens the repository at this place.
    ///
    /// # Errors
    ///
    /// If there is none, it is in use, or the password does not open it.
    pub fn open(site: impl Into<Site>, password: &Password) -> Result<Self, RepositoryError> {
        let site = site.into();
        let path = site.path().to_owned();
        let held = hold(&site)?;
        if !has_config(&site)? {
            return Err(if has_data(&site)? {
                RepositoryError::Headless(path)
            } else {
                RepositoryError::Absent(path)
            });
        }
        let inner = attach(&site)?
            .open(&Credentials::password(&password.0))
            .map_err(|error| {
                if error.is_incorrect_password() {
                    RepositoryError::WrongKey(path.clone())
                } else {
                    engine("open", &path)(error)
                }
            })?;
        Ok(Self {
            inner,
            path,
            site,
            _lock: held,
        })
    }

    /// Opens the repository at this place, or makes one there if there is none.
    ///
    /// # Errors
    ///
    /// As for [`Repository::open`], and if it cannot be made.
    pub fn open_or_init(
        site: impl Into<Site>,
        password: &Password,
    ) -> Result<Self, RepositoryError> {
        let site = site.into();
        let path = site.path().to_owned();
        if let Site::Folder(path) = &site {
            fs::create_dir_all(path).map_err(RepositoryError::io("create", path))?;
        }
        let held = hold(&site)?;
        if has_config(&site)? || has_data(&site)? {
            drop(held);
            return Self::open(&site, password);
        }
        clear_start(&site)?;
        let mut config = ConfigOptions::default().set_version(2_u32);
        config.set_datapack_size = PACK.parse().ok();
        // What is stored is read back whole before it counts, so it is not decrypted once more while it is written.
        config.set_extra_verify = Some(false);
        let inner = attach(&site)?
            .init(
                &Credentials::password(&password.0),
                &KeyOptions::default(),
                &config,
            )
            .map_err(engine("make", &path))?;
        Ok(Self {
            inner,
            path,
            site,
            _lock: held,
        })
    }

    /// Stores a folder, and says under which name. It is not sound until it has been read back: see
    /// [`Repository::verify`].
    ///
    /// # Errors
    ///
    /// If the folder cannot be read or the repository cannot be written. Nothing is listed then.
    pub fn store(&self, folder: &Path, label: &Label) -> Result<Unverified, RepositoryError> {
        let fault = |act| engine(act, &self.path);
        let indexed = self
            .again()?
            .to_indexed_ids()
            .map_err(fault("read the index of"))?;
        let source = PathList::from_iter([folder]);
        let mut options = SnapshotOptions::default()
            .host(Some("avouch".to_owned()))
            .time(Some(label.taken.to_zoned(TimeZone::UTC)));
        for tag in label.tags() {
            options = options
                .add_tags(&tag)
                .map_err(fault("label a snapshot in"))?;
        }
        let snapshot = options
            .to_snapshot()
            .map_err(fault("label a snapshot in"))?;
        // Nobody watches it being counted.
        let options = BackupOptions::default()
            .as_path(Some(PathBuf::from(ROOT)))
            .no_scan(true);
        let stored = indexed
            .backup(&options, &source, snapshot)
            .map_err(fault("write to"))?;
        Ok(Unverified(listed(&stored).unwrap_or_else(|| Listed {
            id: name(&stored.id),
            label: label.clone(),
            bytes: 0,
            added: 0,
        })))
    }

    /// Another handle on the same repository, by its master key: without deriving it from the password again.
    fn again(&self) -> Result<rustic_core::Repository<OpenStatus>, RepositoryError> {
        attach(&self.site)?
            .open(&Credentials::Masterkey(self.inner.key()))
            .map_err(engine("open", &self.path))
    }

    /// Every snapshot that Avouch made, oldest first.
    ///
    /// # Errors
    ///
    /// If one cannot be read.
    pub fn list(&self) -> Result<Vec<Unverified>, RepositoryError> {
        let all = self
            .inner
            .get_all_snapshots()
            .map_err(engine("list", &self.path))?;
        let mut found: Vec<Unverified> = all.iter().filter_map(listed).map(Unverified).collect();
        found.sort_by(|a, b| (a.0.label.taken, &a.0.id).cmp(&(b.0.label.taken, &b.0.id)));
        Ok(found)
    }

    /// One snapshot by its whole name or its beginning.
    ///
    /// # Errors
    ///
    /// If there is none, or several that begin so.
    pub fn find(&self, id: &SnapshotId) -> Result<Unverified, RepositoryError> {
        let mut found: Vec<_> = self
            .list()?
            .into_iter()
            .filter(|s| s.0.id.0.starts_with(&id.0))
            .collect();
        match (found.pop(), found.is_empty()) {
            (Some(only), true) => Ok(only),
            _ => Err(RepositoryError::NoSnapshot(id.clone())),
        }
    }

    /// Reads the manifest in a snapshot, and checks it against the digest that the snapshot is tagged with.
    ///
    /// # Errors
    ///
    /// If it cannot be read, or is another one.
    pub fn manifest(&self, snapshot: &Unverified) -> Result<Manifest, RepositoryError> {
        let fault = |act| engine(act, &self.path);
        let id = snapshot.0.id.0.parse().map_err(fault("read a name in"))?;
        let file: SnapshotFile = self
            .inner
            .get_file(&id)
            .map_err(|_| RepositoryError::NoSnapshot(snapshot.0.id.clone()))?;
        let indexed = self
            .again()?
            .to_indexed()
            .map_err(fault("read the index of"))?;
        let path = Path::new(ROOT).join(manifest::FILE);
        let node = indexed
            .node_from_path(file.tree, &path)
            .map_err(fault("read a tree in"))?;
        let mut bytes = Vec::new();
        indexed
            .dump(&node, &mut bytes)
            .map_err(fault("read a manifest in"))?;
        serde_json::from_slice(&bytes)
            .ok()
            .filter(|_| manifest::digest(&bytes) == snapshot.0.label.manifest)
            .ok_or_else(|| RepositoryError::Damaged {
                id: snapshot.0.id.clone(),
                first: Finding("its manifest is not the one it was labelled with".to_owned()),
            })
    }

    /// Deletes snapshots whose retention has ended, and the data that only they used.
    ///
    /// # Errors
    ///
    /// If the repository cannot be written; what was not deleted is still listed.
    pub fn remove(&self, proofs: &[Removable]) -> Result<(), RepositoryError> {
        let fault = |act| engine(act, &self.path);
        if proofs.is_empty() {
            return Ok(());
        }
        let ids = proofs
            .iter()
            .map(|proof| proof.id().0.parse().map_err(fault("read a name in")))
            .collect::<Result<Vec<_>, RepositoryError>>()?;
        self.inner
            .delete_snapshots(&ids)
            .map_err(fault("delete from"))?;
        // Nothing else writes here while the folder is locked, so packs may go at once.
        let options = rustic_core::PruneOptions::default().instant_delete(true);
        let plan = self
            .inner
            .prune_plan(&options)
            .map_err(fault("plan the pruning of"))?;
        self.inner.prune(&options, plan).map_err(fault("prune"))
    }
}

fn attach(site: &Site) -> Result<rustic_core::Repository<()>, RepositoryError> {
    let path = site.path();
    let backends = match site {
        Site::Folder(path) => BackendOptions::default()
            .repository(path.to_string_lossy().into_owned())
            .to_backends()
            .map_err(engine("reach", path))?,
        Site::Far { shown, store } => far::backends(shown.display().to_string(), Arc::clone(store)),
    };
    rustic_core::Repository::new(&RepositoryOptions::default().no_cache(true), &backends)
        .map_err(engine("reach", path))
}

/// Holds a folder; another machine is not held.
fn hold(site: &Site) -> Result<Option<File>, RepositoryError> {
    match site {
        Site::Folder(path) => lock(path).map(Some),
        Site::Far { .. } => Ok(None),
    }
}

fn has_config(site: &Site) -> Result<bool, RepositoryError> {
    match site {
        Site::Folder(path) => Ok(path.join("config").is_file()),
        Site::Far { store, .. } => Ok(!store.list(FileKind::Config)?.is_empty()),
    }
}

/// A key without `config` is what an interrupted start leaves; a second one beside it could not be told apart. A keeper
/// clears it away by itself, when the place is made.
fn clear_start(site: &Site) -> Result<(), RepositoryError> {
    match site {
        Site::Folder(path) => {
            let keys = path.join("keys");
            if keys.is_dir() {
                fs::remove_dir_all(&keys).map_err(RepositoryError::io("remove", &keys))?;
            }
            Ok(())
        }
        Site::Far { store, .. } => Ok(store.create()?),
    }
}

fn lock(path: &Path) -> Result<File, RepositoryError> {
    let folder = File::open(path).map_err(|source| {
        if source.kind() == std::io::ErrorKind::NotFound {
            RepositoryError::Absent(path.to_owned())
        } else {
            RepositoryError::Io {
                act: "open",
                path: path.to_owned(),
                source,
            }
        }
    })?;
    match folder.try_lock() {
        Ok(()) => Ok(folder),
        Err(fs::TryLockError::WouldBlock) => Err(RepositoryError::Busy(path.to_owned())),
        Err(fs::TryLockError::Error(source)) => Err(RepositoryError::Io {
            act: "lock",
            path: path.to_owned(),
            source,
        }),
    }
}

fn has_data(site: &Site) -> Result<bool, RepositoryError> {
    let folder = match site {
        Site::Folder(path) => path.join("snapshots"),
        Site::Far { store, .. } => return Ok(!store.list(FileKind::Snapshot)?.is_empty()),
    };
    match fs::read_dir(&folder) {
        Ok(mut entries) => Ok(entries.next().is_some()),
        Err(err) if err.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(err) => Err(RepositoryError::io("read", &folder)(err)),
    }
}

pub(crate) fn engine(
    act: &'static str,
    path: &Path,
) -> impl Fn(Box<RusticError>) -> RepositoryError {
    let path = path.to_owned();
    move |error| RepositoryError::Engine {
        act,
        path: path.clone(),
        source: error.into(),
    }
}
