//! Why a database could not be followed or rebuilt.

use std::{
    io,
    path::{Path, PathBuf},
};

use jiff::Timestamp;

use crate::source::SourceError;

/// Why a database could not be followed, or not be rebuilt.
#[derive(Debug, thiserror::Error)]
pub enum ChangesError {
    /// The database keeps no write-ahead log.
    #[error(
        "{path} is not in WAL mode (it is in `{mode}`), so its changes cannot be followed; let the application set \
         `pragma journal_mode = wal`, or leave `changes` out",
        path = path.display()
    )]
    NotInWalMode {
        /// The database.
        path: PathBuf,
        /// The mode that it is in.
        mode: String,
    },
    /// Another file has taken the place of the one that was followed.
    #[error("another file has taken the place of {path}", path = .0.display())]
    Replaced(PathBuf),
    /// The log does not go on where it was left, so that something may have been missed.
    #[error("the log of {path} does not go on where it was left: {why}", path = path.display())]
    Torn {
        /// The database.
        path: PathBuf,
        /// What does not fit.
        why: &'static str,
    },
    /// The clock was set.
    #[error(
        "the clock was set from {before} to {now}; the database is followed anew by the one as it is set now"
    )]
    Clock {
        /// What it would show.
        before: Timestamp,
        /// What it is.
        now: Timestamp,
    },
    /// What follows would take room that is needed for other things.
    #[error(
        "{folder} has no room for the changes: {needed} bytes are needed, {free} are free, of which {reserve} are left to \
         others; make room, or add a larger disk",
        folder = folder.display()
    )]
    NoRoom {
        /// Where.
        folder: PathBuf,
        /// Bytes that are to be written next.
        needed: u64,
        /// Bytes that can still be written there.
        free: u64,
        /// Bytes that are not taken in any case.
        reserve: u64,
    },
    /// So much has not been stored elsewhere that nothing more is taken.
    #[error(
        "{folder} holds {held} bytes of changes, and at most {most} are kept here; see why a destination does not take them",
        folder = folder.display()
    )]
    TooMuch {
        /// Where.
        folder: PathBuf,
        /// Bytes that are there.
        held: u64,
        /// Bytes that may be there.
        most: u64,
    },
    /// The database refused.
    #[error("cannot follow the database {path}", path = path.display())]
    Sqlite {
        /// Which.
        path: PathBuf,
        /// Why.
        source: sqlx::Error,
    },
    /// The server, or one of its programs, did not do what it was asked.
    #[error("cannot follow the database `{database}`")]
    Server {
        /// Which database.
        database: String,
        /// Why.
        source: SourceError,
    },
    /// The server is not one that can be followed.
    #[error("the database `{database}` is not followed: {why}")]
    Refused {
        /// Which database.
        database: String,
        /// Why not, and what is to be done.
        why: String,
    },
    /// A server's log does not go on where it was left, so that something may have been missed.
    #[error("the log of the database `{database}` does not go on where it was left: {why}")]
    Broken {
        /// Which database.
        database: String,
        /// What does not fit.
        why: String,
    },
    /// A file could not be read or written.
    #[error("cannot {act} {path}", path = path.display())]
    Io {
        /// What was being done.
        act: &'static str,
        /// With what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A stored generation is not what was written.
    #[error("{path} is not as it was written: {why}", path = path.display())]
    Altered {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        why: String,
    },
    /// The generation does not reach to that moment.
    #[error("what is stored reaches from {from} to {to}, and not to {at}")]
    Beyond {
        /// The moment.
        at: Timestamp,
        /// From when on it can be rebuilt.
        from: Timestamp,
        /// Until when.
        to: Timestamp,
    },
    /// What was rebuilt is no sound database.
    #[error("what was rebuilt is not sound")]
    Unsound(#[from] SourceError),
}

impl ChangesError {
    pub(super) fn io(act: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { act, path, source }
    }

    pub(super) fn altered(path: &Path, why: impl Into<String>) -> Self {
        Self::Altered {
            path: path.to_owned(),
            why: why.into(),
        }
    }
}
