//! State that changes, in SQLite: accounts, sessions, tenants, rounds.
//!
//! The store offers connections, migrations and one way to write a time. Each control keeps its own queries beside the
//! rules they serve, and brings the schema of tables that are its alone through [`Store::execute_schema`].
//!
//! One connection writes, others read. A write transaction begins `IMMEDIATE`, so it waits its turn instead of failing half
//! way; it is flushed before `commit` returns (`synchronous = FULL`). The file is in WAL mode, so another process can take
//! a consistent copy at any time with `VACUUM INTO`.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        reason = "a test may stop at the first surprise"
    )
)]

mod migrations;
mod time;

pub use time::{micros, timestamp};

use sqlx::{
    Connection as _, Sqlite, SqlitePool, Transaction,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use std::{
    fs::OpenOptions,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

/// Readers beside the one writer; more would only queue on two cores.
const READERS: u32 = 4;

/// How long a writer waits for another process's write before it gives up.
const BUSY: Duration = Duration::from_secs(5);

/// What can go wrong with the store as a whole.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file could not be created or its mode set.
    #[error("cannot create `{}`", path.display())]
    Create {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file could not be opened as a database.
    #[error("cannot open the store `{}`", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        source: sqlx::Error,
    },
    /// A statement failed.
    #[error("the store could not be read or written")]
    Sql(#[from] sqlx::Error),
    /// The write-ahead log could not be emptied.
    #[error("somebody reads from the store for too long: try again")]
    Busy,
    /// A part of the schema could not be brought up to date; nothing of that step was kept.
    #[error("step {step} of the schema part `{part}` failed")]
    Migration {
        /// The part.
        part: String,
        /// The step, counted from 1.
        step: i64,
        /// What SQLite said.
        source: sqlx::Error,
    },
    /// The file was written by a newer version.
    #[error(
        "the store is at step {found} of its schema and this version knows {known}: use the version that wrote it, or a newer one"
    )]
    Newer {
        /// Steps in the file.
        found: i64,
        /// Steps this version knows.
        known: i64,
    },
    /// A schema part that has already been applied now reads differently.
    #[error(
        "the schema part `{part}` differs from the one this store was made with: give the change a name of its own"
    )]
    Changed {
        /// The part.
        part: String,
    },
    /// A number in the store is not a time.
    #[error("{0} is not a time in microseconds")]
    NotATime(i64),
}

/// The open database.
#[derive(Debug, Clone)]
pub struct Store {
    writer: SqlitePool,
    readers: SqlitePool,
    path: PathBuf,
}

impl Store {
    /// Opens the file, mode 0600, creating it if absent, and brings its schema up to date.
    ///
    /// # Errors
    /// If it cannot be opened, a step fails, or a newer version wrote it.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .open(path)
            .map_err(|source| StoreError::Create {
                path: path.to_owned(),
                source,
            })?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(BUSY);
        let open = |source| StoreError::Open {
            path: path.to_owned(),
            source,
        };
        let writer = SqlitePoolOptions::new()
            .max_connections(1)
            // SQLite ends a transaction by itself when the disk is full or fails. The library goes on believing in it, and
            // would begin no other on this connection ever again: it is closed, and the next begins with a new one.
            .before_acquire(|connection, _| {
                let fresh = !connection.is_in_transaction();
                Box::pin(async move { Ok(fresh) })
            })
            .connect_with(options.clone())
            .await
            .map_err(open)?;
        migrations::bring_up_to_date(&writer).await?;
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            .connect_with(options.read_only(true))
            .await
            .map_err(open)?;
        Ok(Self {
            writer,
            readers,
            path: path.to_owned(),
        })
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Connections that cannot write.
    pub fn readers(&self) -> &SqlitePool {
        &self.readers
    }

    /// A transaction that holds the one writer. What it does is durable when `commit` returns, and undone if it is dropped.
    ///
    /// # Errors
    /// If another process holds the file for longer than the busy timeout.
    pub async fn write(&self) -> Result<Transaction<'static, Sqlite>, sqlx::Error> {
        self.writer.begin_with("BEGIN IMMEDIATE").await
    }

    /// Adds a part of the schema that belongs to another crate, once: applied under its name, and kept to the letter
    /// afterwards. A later change is a part with a name of its own.
    ///
    /// # Errors
    /// If it fails, or a different text was applied under this name.
    pub async fn execute_schema(&self, part: &str, sql: &'static str) -> Result<(), StoreError> {
        migrations::apply_part(&self.writer, part, sql).await
    }

    /// Writes the file anew without the pages that hold nothing any more, and empties the write-ahead log, so that what
    /// was deleted is in neither.
    ///
    /// # Errors
    /// If the file cannot be written, or somebody reads from it for longer than the busy timeout.
    pub async fn compact(&self) -> Result<(), StoreError> {
        sqlx::query("vacuum").execute(&self.writer).await?;
        let (busy, _, _): (i64, i64, i64) = sqlx::query_as("pragma wal_checkpoint(truncate)")
            .fetch_one(&self.writer)
            .await?;
        if busy != 0 {
            return Err(StoreError::Busy);
        }
        Ok(())
    }

    /// Closes every connection; the write-ahead log is folded into the file.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

#[cfg(test)]
mod tests;
