//! Repositories in the restic format: the one place that speaks to `rustic_core`.
//!
//! Everything here blocks. One process at a time holds a repository: `rustic_core` takes no locks, so the folder itself
//! is locked for as long as a [`Repository`] lives.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

use jiff::{Timestamp, civil, tz::TimeZone};
use rustic_backend::BackendOptions;
use rustic_core::{
    BackupOptions, ConfigOptions, Credentials, KeyOptions, OpenStatus, PathList, RepositoryOptions,
    RusticError, SnapshotOptions, repofile::SnapshotFile,
};
use serde::{Deserialize, Serialize};

use crate::{
    manifest::{self, Manifest},
    retention::{Grade, Removable, SnapshotId},
};

mod cipher;
mod restore;
mod sample;
mod verify;

pub use cipher::{CipherFacts, cipher_facts, files, readable};
pub use restore::Restored;
pub use sample::{BOUND, Flips, Sample};
pub use verify::{Finding, Unverified, Verified};

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
}

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Password(…)")
    }
}

/// What the repository library said, in a line.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Engine(String);

impl From<Box<RusticError>> for Engine {
    fn from(error: Box<RusticError>) -> Self {
        let text = error.display_log();
        Self(text.strip_prefix("Error: ").unwrap_or(&text).to_owned())
    }
}

/// Why a repository could not be used.
#[derive(Debug, thiserror::Error)]
pub enum RepositoryError {
    /// There is none in this folder.
    #[error("there is no repository at {path}", path = .0.display())]
    Absent(PathBuf),
    /// Its `config` is gone while data is still there.
    #[error(
        "the repository at {path} has lost its `config`; restore it from the other destination, do not start afresh",
        path = .0.display()
    )]
    Headless(PathBuf),
    /// Another process holds it.
    #[error("the repository at {path} is in use by another run; try again when that has ended", path = .0.display())]
    Busy(PathBuf),
    /// The password does not open it.
    #[error("the key that was given does not open the repository at {path}", path = .0.display())]
    WrongKey(PathBuf),
    /// Reading back was given up each time it was tried.
    #[error("reading back the repository at {path} did not come to an end; try again when the machine is less busy", path = .0.display())]
    Unsettled(PathBuf),
    /// A file of ours could not be read or written.
    #[error("cannot {act} {path}", path = path.display())]
    Io {
        /// What was being done.
        act: &'static str,
        /// With what.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The system gave no random numbers.
    #[error("cannot choose at random: the system gives no random bytes")]
    Draw(#[source] std::io::Error),
    /// The library refused.
    #[error("cannot {act} the repository at {path}", path = path.display())]
    Engine {
        /// What was being done.
        act: &'static str,
        /// The repository.
        path: PathBuf,
        /// Why not.
        source: Engine,
    },
    /// There is no such snapshot.
    #[error(
        "there is no snapshot {0} in this repository; `avouch backup list` shows those there are"
    )]
    NoSnapshot(SnapshotId),
    /// Its data was read and is not sound.
    #[error("snapshot {id} is damaged: {first}")]
    Damaged {
        /// Which.
        id: SnapshotId,
        /// The first finding.
        first: Finding,
    },
    /// The folder to restore into is not empty.
    #[error("{path} is not empty; restore into an empty folder", path = .0.display())]
    Occupied(PathBuf),
}

impl RepositoryError {
    /// Whether the same may succeed later without anybody doing anything.
    #[must_use]
    pub fn retry_is_safe(&self) -> bool {
        matches!(
            self,
            Self::Busy(_)
                | Self::Unsettled(_)
                | Self::Draw(_)
                | Self::Io { .. }
                | Self::Engine { .. }
        )
    }

    pub(crate) fn io(act: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { act, path, source }
    }
}

/// What a snapshot is of, kept in its tags so that a repository explains itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Label {
    /// The tenant's short name, or `platform`.
    pub owner: String,
    /// The name of the source in the statement.
    pub source: String,
    /// When reading the source began.
    pub taken: Timestamp,
    /// The civil day of the slot it serves.
    pub day: civil::Date,
    /// The grades it was given.
    pub grades: Vec<Grade>,
    /// SHA-256 of its manifest, in hexadecimal.
    pub manifest: String,
}

/// A snapshot as the repository lists it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    /// Its name.
    pub id: SnapshotId,
    /// What it is of.
    pub label: Label,
    /// Bytes that were read from the staged copy.
    pub bytes: u64,
    /// Bytes by which the repository grew.
    pub added: u64,
}

/// An open repository.
#[derive(Debug)]
pub struct Repository {
    inner: rustic_core::Repository<OpenStatus>,
    path: PathBuf,
    _lock: File,
}

impl Repository {
    /// Opens the repository in this folder.
    ///
    /// # Errors
    ///
    /// If there is none, it is in use, or the password does not open it.
    pub fn open(path: &Path, password: &Password) -> Result<Self, RepositoryError> {
        let lock = lock(path)?;
        if !path.join("config").is_file() {
            let path_owned = path.to_owned();
            return Err(if has_data(path)? {
                RepositoryError::Headless(path_owned)
            } else {
                RepositoryError::Absent(path_owned)
            });
        }
        let inner = attach(path)?
            .open(&Credentials::password(&password.0))
            .map_err(|error| {
                if error.is_incorrect_password() {
                    RepositoryError::WrongKey(path.to_owned())
                } else {
                    engine("open", path)(error)
                }
            })?;
        Ok(Self {
            inner,
            path: path.to_owned(),
            _lock: lock,
        })
    }

    /// Opens the repository in this folder, or makes one there if there is none.
    ///
    /// # Errors
    ///
    /// As for [`Repository::open`], and if it cannot be made.
    pub fn open_or_init(path: &Path, password: &Password) -> Result<Self, RepositoryError> {
        fs::create_dir_all(path).map_err(RepositoryError::io("create", path))?;
        let held = lock(path)?;
        if path.join("config").is_file() || has_data(path)? {
            drop(held);
            return Self::open(path, password);
        }
        // A key without `config` is what an interrupted start leaves; a second one beside it could not be told apart.
        let keys = path.join("keys");
        if keys.is_dir() {
            fs::remove_dir_all(&keys).map_err(RepositoryError::io("remove", &keys))?;
        }
        let mut config = ConfigOptions::default().set_version(2_u32);
        config.set_datapack_size = PACK.parse().ok();
        let inner = attach(path)?
            .init(
                &Credentials::password(&password.0),
                &KeyOptions::default(),
                &config,
            )
            .map_err(engine("make", path))?;
        Ok(Self {
            inner,
            path: path.to_owned(),
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
        let options = BackupOptions::default().as_path(Some(PathBuf::from(ROOT)));
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
        attach(&self.path)?
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

impl Label {
    fn tags(&self) -> Vec<String> {
        let mut tags = vec![
            "avouch".to_owned(),
            format!("owner={}", self.owner),
            format!("source={}", self.source),
            format!("day={}", self.day),
            format!("manifest={}", self.manifest),
        ];
        tags.extend(
            self.grades
                .iter()
                .map(|grade| format!("grade={}", grade.word())),
        );
        tags
    }
}

/// Reads a snapshot's tags back; `None` for one that somebody else made.
fn listed(file: &SnapshotFile) -> Option<Listed> {
    let tags: Vec<&str> = (&file.tags).into_iter().map(String::as_str).collect();
    if !tags.contains(&"avouch") {
        return None;
    }
    let value = |key: &str| {
        tags.iter()
            .find_map(|tag| tag.strip_prefix(key)?.strip_prefix('='))
    };
    let label = Label {
        owner: value("owner")?.to_owned(),
        source: value("source")?.to_owned(),
        taken: file.time.timestamp(),
        day: value("day")?.parse().ok()?,
        grades: Grade::ALL
            .into_iter()
            .filter(|g| tags.contains(&format!("grade={}", g.word()).as_str()))
            .collect(),
        manifest: value("manifest")?.to_owned(),
    };
    let (bytes, added) = file.summary.as_ref().map_or((0, 0), |summary| {
        (summary.total_bytes_processed, summary.data_added_packed)
    });
    Some(Listed {
        id: name(&file.id),
        label,
        bytes,
        added,
    })
}

/// The whole name: the library's own text form is cut to eight digits.
fn name(id: &rustic_core::repofile::SnapshotId) -> SnapshotId {
    SnapshotId(id.to_hex().as_str().to_owned())
}

fn attach(path: &Path) -> Result<rustic_core::Repository<()>, RepositoryError> {
    let backends = BackendOptions::default()
        .repository(path.to_string_lossy().into_owned())
        .to_backends()
        .map_err(engine("reach", path))?;
    rustic_core::Repository::new(&RepositoryOptions::default().no_cache(true), &backends)
        .map_err(engine("reach", path))
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

fn has_data(path: &Path) -> Result<bool, RepositoryError> {
    let folder = path.join("snapshots");
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
