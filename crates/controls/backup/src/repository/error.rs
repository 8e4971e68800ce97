//! Why a repository could not be used.

use std::path::{Path, PathBuf};

use rustic_core::RusticError;

use super::Finding;
use crate::{far::FarError, retention::SnapshotId};

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
    /// The place of the repository, on another machine, could not be used.
    #[error(transparent)]
    Far(#[from] FarError),
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
        if let Self::Far(error) = self {
            return error.retry_is_safe();
        }
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
