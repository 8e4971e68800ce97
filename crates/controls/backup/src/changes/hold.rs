//! Holding a database's write-ahead log, so that nothing leaves it unread.
//!
//! While a read transaction is open, a writer may begin the log anew only if all of the log was in the database's file when
//! the transaction began; and then only once, because nothing can be written back from the new log while such a reader is
//! there. So whoever reads the log to its end after beginning a transaction, and before ending the one before, has read
//! every frame, whether the log begins anew or not. Source: "WAL-mode File Format", section 2.3, sqlite.org/walformat.html.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use sqlx::{ConnectOptions, SqliteConnection, sqlite::SqliteConnectOptions};

use super::ChangesError;

/// How long a writer is waited for before the log is let go; the next try is soon.
const PATIENCE: Duration = Duration::from_millis(500);

/// Connections to a database, one of which has a read transaction at any time.
pub(super) struct Hold {
    path: PathBuf,
    holding: SqliteConnection,
    spare: SqliteConnection,
    writing: SqliteConnection,
}

impl Hold {
    /// Opens the database and holds its log.
    pub async fn open(path: &Path) -> Result<Self, ChangesError> {
        let mut hold = Self {
            path: path.to_owned(),
            holding: connect(path).await?,
            spare: connect(path).await?,
            writing: connect(path).await?,
        };
        let mode: String = sqlx::query_scalar("pragma journal_mode")
            .fetch_one(&mut hold.holding)
            .await
            .map_err(fault(path))?;
        if mode != "wal" {
            return Err(ChangesError::NotInWalMode {
                path: path.to_owned(),
                mode,
            });
        }
        begin(&mut hold.holding).await.map_err(fault(path))?;
        Ok(hold)
    }

    /// Begins another transaction beside the one that is held. What is published after this is to be read before
    /// [`Hold::release`].
    pub async fn renew(&mut self) -> Result<(), ChangesError> {
        begin(&mut self.spare).await.map_err(fault(&self.path))
    }

    /// Ends the older transaction.
    pub async fn release(&mut self) -> Result<(), ChangesError> {
        run(&mut self.holding, "commit")
            .await
            .map_err(fault(&self.path))?;
        std::mem::swap(&mut self.holding, &mut self.spare);
        Ok(())
    }

    /// Keeps everybody from writing until [`Hold::let_write`]; false if somebody writes all the time.
    pub async fn stop_writing(&mut self) -> Result<bool, ChangesError> {
        match run(&mut self.writing, "begin immediate").await {
            Ok(()) => Ok(true),
            Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some("5") => Ok(false),
            Err(error) => Err(fault(&self.path)(error)),
        }
    }

    /// Lets others write again; nothing was written here.
    pub async fn let_write(&mut self) -> Result<(), ChangesError> {
        run(&mut self.writing, "rollback")
            .await
            .map_err(fault(&self.path))
    }

    /// Writes back into the database's file what no reader needs in the log any more.
    pub async fn write_back(&mut self) -> Result<(), ChangesError> {
        run(&mut self.spare, "pragma wal_checkpoint(passive)")
            .await
            .map_err(fault(&self.path))
    }
}

async fn connect(path: &Path) -> Result<SqliteConnection, ChangesError> {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(false)
        .busy_timeout(PATIENCE)
        .disable_statement_logging()
        .connect()
        .await
        .map_err(fault(path))
}

async fn begin(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    run(connection, "begin").await?;
    // The transaction begins with the first thing that is read.
    run(connection, "select count(*) from sqlite_schema").await
}

async fn run(connection: &mut SqliteConnection, sql: &'static str) -> Result<(), sqlx::Error> {
    sqlx::query(sql).fetch_all(connection).await.map(drop)
}

fn fault(path: &Path) -> impl Fn(sqlx::Error) -> ChangesError {
    let path = path.to_owned();
    move |source| ChangesError::Sqlite {
        path: path.clone(),
        source,
    }
}
