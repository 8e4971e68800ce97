//! What a destination on the network must be able to do for a repository.

use std::fmt;

use bytes::Bytes;

use super::{FarError, Signed};
use crate::repository::Password;

/// The kinds of files that a repository is made of.
///
/// Source: restic repository format, "Repository Layout".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// How the repository is made; there is one.
    Config,
    /// Keys, each wrapped by a password.
    Key,
    /// Snapshots.
    Snapshot,
    /// Which chunk is in which pack.
    Index,
    /// Packs of chunks.
    Pack,
}

impl FileKind {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Config,
        Self::Key,
        Self::Snapshot,
        Self::Index,
        Self::Pack,
    ];

    /// All but the one `config`: files that have the SHA-256 of their bytes as their name.
    pub const NAMED: [Self; 4] = [Self::Key, Self::Snapshot, Self::Index, Self::Pack];

    /// The folder in a repository.
    #[must_use]
    pub fn folder(self) -> &'static str {
        match self {
            Self::Config => "config",
            Self::Key => "keys",
            Self::Snapshot => "snapshots",
            Self::Index => "index",
            Self::Pack => "data",
        }
    }
}

impl fmt::Display for FileKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.folder())
    }
}

/// One repository on another machine. Everything here blocks, and may be called from any thread.
pub trait Store: Send + Sync {
    /// Every file of a kind, with its size; nothing where there is no repository yet.
    ///
    /// # Errors
    ///
    /// If the place cannot be asked.
    fn list(&self, kind: FileKind) -> Result<Vec<(String, u64)>, FarError>;
    /// A whole file.
    ///
    /// # Errors
    ///
    /// If it is not there or cannot be read.
    fn read(&self, kind: FileKind, name: &str) -> Result<Bytes, FarError>;
    /// A part of a file.
    ///
    /// # Errors
    ///
    /// If it is not there, shorter, or cannot be read.
    fn part(&self, kind: FileKind, name: &str, from: u32, length: u32) -> Result<Bytes, FarError>;
    /// Keeps a file for good before it returns.
    ///
    /// # Errors
    ///
    /// If it is not certain to be kept.
    fn write(&self, kind: FileKind, name: &str, bytes: Bytes) -> Result<(), FarError>;
    /// Removes a file.
    ///
    /// # Errors
    ///
    /// If it may not be, or cannot be.
    fn remove(&self, kind: FileKind, name: &str) -> Result<(), FarError>;
    /// Makes an empty place for a repository; nothing changes where there is one.
    ///
    /// # Errors
    ///
    /// If it cannot be made.
    fn create(&self) -> Result<(), FarError>;
    /// Leaves the repository's password with a keeper, which verifies with it. Others have no use for it.
    ///
    /// # Errors
    ///
    /// If the keeper has another one.
    fn entrust(&self, password: &Password) -> Result<(), FarError>;
    /// What a keeper says of the repository, signed, with this number in it; `None` where nobody keeps it.
    ///
    /// # Errors
    ///
    /// If it cannot be asked.
    fn receipt(&self, nonce: &str) -> Result<Option<Signed>, FarError>;
}
