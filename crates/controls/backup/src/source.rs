//! Reading a source: a copy that is consistent at one instant, and a manifest of it.

use std::{
    io,
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    manifest::{DATA, Database, FILE, Manifest, VERSION},
    settings::{Command, Server},
};

pub(crate) mod child;
mod credentials;
mod fault;
mod folder;
mod gather;
mod mariadb;
mod output;
pub(crate) mod postgres;
mod reach;
mod sqlite;
mod trial;

pub use fault::{Fault, SourceFault};
pub(crate) use gather::{beside, gather};
pub use reach::Reach;
pub(crate) use reach::TAR;
pub use sqlite::{Damage, expect, inspect};
pub(crate) use trial::try_out;

/// What is read, and where it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Source {
    /// One SQLite database, read in a single statement while others write to it.
    Sqlite {
        /// The database file.
        path: PathBuf,
    },
    /// A folder. SQLite databases in it are each read in a single statement; every other file is read up to the length
    /// it has when it is opened, which is consistent for files that only grow.
    Files {
        /// The folder.
        path: PathBuf,
        /// Paths within it that are left out, with all that is below.
        #[serde(default)]
        skip: Vec<String>,
        /// Paths within it that are read after all others, because the others refer to what is in them.
        #[serde(default)]
        last: Vec<String>,
    },
    /// Whatever a command prints.
    Command {
        /// The name of the file that keeps it.
        file: String,
        /// The command.
        command: Command,
    },
    /// A database of a PostgreSQL server.
    Postgres {
        /// Which, and how it is reached.
        server: Server,
    },
    /// A database of a MariaDB server.
    Mariadb {
        /// Which, and how it is reached.
        server: Server,
    },
}

impl Source {
    /// Where it is, in words that say what a restore takes the place of.
    #[must_use]
    pub fn place(&self) -> String {
        match self {
            Self::Sqlite { path } | Self::Files { path, .. } => path.display().to_string(),
            Self::Command { command, .. } => {
                format!("what `{}` reads", command.words.join(" "))
            }
            Self::Postgres { server } | Self::Mariadb { server } => {
                format!(
                    "database `{}` at {}",
                    server.database,
                    server.socket.display()
                )
            }
        }
    }

    /// Whether a file or folder belongs to it, with all that is in it.
    pub(crate) fn holds(&self, found: &Path) -> bool {
        match self {
            Self::Sqlite { path } => {
                let of_it = |ending: &str| {
                    let mut name = path.as_os_str().to_owned();
                    name.push(ending);
                    found.as_os_str() == name
                };
                found == path || folder::BESIDE.into_iter().any(of_it)
            }
            Self::Files { path, .. } => found.starts_with(path),
            Self::Command { .. } | Self::Postgres { .. } | Self::Mariadb { .. } => false,
        }
    }
}

/// Why a source could not be read.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The source is not there.
    #[error("there is nothing to back up at {path}; check `path` in its [[backup.source]]", path = .0.display())]
    Absent(PathBuf),
    /// The folder for the copy is not empty.
    #[error("{path} is not empty; a backup is staged in an empty folder", path = .0.display())]
    Occupied(PathBuf),
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
    /// What should be a database is something else.
    #[error("{path} is not a SQLite database; check `path` and `kind` in its [[backup.source]]", path = .0.display())]
    NotADatabase(PathBuf),
    /// The database has no table: nothing in it could be restored.
    #[error("the database {path} is empty: it has no table", path = .0.display())]
    Empty(PathBuf),
    /// SQLite could not read the database.
    #[error("cannot read the database {path}", path = path.display())]
    Sqlite {
        /// Which.
        path: PathBuf,
        /// Why not.
        source: sqlx::Error,
    },
    /// The database is damaged: what was copied must not pass for a backup.
    #[error("the database {path} is damaged: {damage}", path = path.display())]
    Damaged {
        /// Which.
        path: PathBuf,
        /// What SQLite said.
        damage: Damage,
    },
    /// A program that reads the source is not there.
    #[error("{program} is not installed here")]
    NotInstalled {
        /// Which.
        program: String,
    },
    /// A program that reads the source did not do it.
    #[error("{program} did not get through `{of}`: {said}")]
    Program {
        /// Which.
        program: String,
        /// The source, by its name.
        of: String,
        /// How it ended, and what it said.
        said: String,
    },
    /// A server's database has no table: nothing in it could be restored.
    #[error("the database `{0}` is empty: it has no table")]
    NoTable(String),
    /// The file with a server's password cannot be used.
    #[error("the credentials `{path}` cannot be used: {why}", path = path.display())]
    Credentials {
        /// Which.
        path: PathBuf,
        /// Why not.
        why: String,
    },
    /// The fresh server for restored data did not start.
    #[error("no fresh server for the restored data: {0}")]
    Fence(String),
    /// A server's socket would have a longer name than one can have.
    #[error("`{path}` is too long a path for a server's socket; choose a data folder with a shorter one", path = .0.display())]
    TooDeep(PathBuf),
    /// A manifest could not be read.
    #[error("{path} is not a manifest that this build reads", path = path.display())]
    Manifest {
        /// Which.
        path: PathBuf,
        /// Why not.
        source: serde_json::Error,
    },
}

impl SourceError {
    pub(crate) fn io(act: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { act, path, source }
    }
}

/// Copies the source into the empty folder `into` (as `data/` with `manifest.json` beside it) and records what it holds.
///
/// The manifest is written last: a folder without one is not a finished backup.
///
/// # Errors
///
/// If the source is absent, cannot be read, or is damaged, or `into` is not empty.
pub async fn stage(
    source: &Source,
    into: &Path,
    taken: Timestamp,
) -> Result<Manifest, SourceError> {
    folder::must_be_empty(into)?;
    let data = into.join(DATA);
    std::fs::create_dir_all(&data).map_err(SourceError::io("create", &data))?;
    // What a server's database holds is read with its dump, at the same instant.
    let mut dumped: Option<(String, Database)> = None;
    match source {
        Source::Sqlite { path } => {
            let name = path
                .file_name()
                .ok_or_else(|| SourceError::Absent(path.clone()))?;
            sqlite::copy(path, &data.join(name)).await?;
        }
        Source::Files { path, skip, last } => {
            for entry in folder::ordered(path, skip, last)? {
                let (from, to) = (path.join(&entry), data.join(&entry));
                let copied = match folder::is_database(&from) {
                    Ok(true) => sqlite::copy(&from, &to).await,
                    Ok(false) => folder::copy(&from, &to),
                    Err(error) => Err(error),
                };
                // A file that was removed after the list was made was never part of this moment.
                if !folder::is_gone(&from) {
                    copied?;
                }
            }
        }
        Source::Command { file, command } => {
            output::keep(command, file, &data.join(file)).await?;
        }
        Source::Postgres { server } => {
            let database = postgres::copy(server, &data).await?;
            dumped = Some((postgres::file(&server.database), database));
        }
        Source::Mariadb { server } => {
            let database = mariadb::copy(server, &data).await?;
            dumped = Some((mariadb::file(&server.database), database));
        }
    }
    let mut manifest = survey(&data, taken).await?;
    manifest.databases.extend(dumped);
    write(&into.join(FILE), &manifest)?;
    Ok(manifest)
}

/// Records what a folder of staged or restored data holds, running SQLite's own checks over every database in it.
///
/// # Errors
///
/// If a file cannot be read, or a database is damaged.
pub async fn survey(data: &Path, taken: Timestamp) -> Result<Manifest, SourceError> {
    let mut manifest = Manifest {
        version: VERSION,
        taken,
        files: std::collections::BTreeMap::new(),
        databases: std::collections::BTreeMap::new(),
    };
    for entry in folder::ordered(data, &[], &[])? {
        let path = data.join(&entry);
        // Of a directory that is empty only its name is kept, by the repository itself.
        let Some(file) = folder::describe(&path)? else {
            continue;
        };
        let name = entry.to_string_lossy().into_owned();
        if folder::is_database(&path)? {
            manifest
                .databases
                .insert(name.clone(), inspect(&path).await?);
        }
        manifest.files.insert(name, file);
    }
    Ok(manifest)
}

/// Reads the manifest beside restored data.
///
/// # Errors
///
/// If it is not there or cannot be read.
pub fn read(path: &Path) -> Result<Manifest, SourceError> {
    let bytes = std::fs::read(path).map_err(SourceError::io("read", path))?;
    serde_json::from_slice(&bytes).map_err(|source| SourceError::Manifest {
        path: path.to_owned(),
        source,
    })
}

pub(crate) fn write(path: &Path, manifest: &Manifest) -> Result<(), SourceError> {
    let partial = path.with_extension("partial");
    std::fs::write(&partial, manifest.to_bytes()).map_err(SourceError::io("write", &partial))?;
    std::fs::rename(&partial, path).map_err(SourceError::io("write", path))
}
