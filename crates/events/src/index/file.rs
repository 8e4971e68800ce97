//! The index's file: its tables, and when it must be made anew.

use std::path::Path;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Connection as _, SqlitePool};

use super::IndexError;

/// Of these tables. A file of another version is made anew.
const VERSION: i64 = 5;

/// `event` has what reports count and no more: an event itself is opened from the ledger. `tally` has how many there were
/// of a kind, by one person in one hour, among the entries of one block ([`super::BLOCK`]). `words` holds no text of its
/// own, and of each term only which entries have it. From the first that are forgotten on, SQLite before 3.42 does not
/// read it: without `secure-delete` a term would stay until its page is written anew.
const SCHEMA: &str = "
create table event (
    number integer primary key,
    at integer not null,
    tenant integer,
    person integer not null,
    kind integer not null,
    session integer,
    micros integer,
    object text not null
) strict;
create index event_at on event (at);
create table tally (
    hour integer not null,
    block integer not null,
    tenant integer not null,
    person integer not null,
    kind integer not null,
    events integer not null,
    primary key (hour, block, tenant, person, kind)
) strict, without rowid;
create table person (id integer primary key, name text not null unique) strict;
create table tenant (id integer primary key, name text not null unique) strict;
create table progress (only integer primary key check (only = 1), next integer not null) strict;
insert into progress (only, next) values (1, 0);
create virtual table words using fts5
    (terms, content = '', detail = none, columnsize = 0, tokenize = \"ascii tokenchars '_'\");
insert into words (words, rank) values ('secure-delete', 1);
insert into words (words, rank) values ('hashsize', 8388608);
pragma user_version = 5;
";

/// Opens the file as it is; makes it if it is not there.
pub(super) async fn connect(path: &Path) -> Result<SqlitePool, IndexError> {
    // NORMAL: what a power cut loses here is read again from the ledger.
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        // What is taken out at the end of its retention is to be gone, not only free to be written over.
        .pragma("secure_delete", "on")
        // In KiB: pages that one transaction writes several times go to disk once.
        .pragma("cache_size", "-16384")
        .pragma("wal_autocheckpoint", "4096")
        .synchronous(SqliteSynchronous::Normal);
    let pool = SqlitePoolOptions::new()
        .max_connections(4)
        // A transaction that SQLite has ended by itself, on a full disk, is still one for the library.
        .before_acquire(|connection, _| {
            let fresh = !connection.is_in_transaction();
            Box::pin(async move { Ok(fresh) })
        })
        .connect_with(options)
        .await?;
    let version: i64 = sqlx::query_scalar("pragma user_version")
        .fetch_one(&pool)
        .await?;
    let tables: i64 = sqlx::query_scalar("select count(*) from sqlite_master")
        .fetch_one(&pool)
        .await?;
    match (version, tables) {
        (VERSION, 1..) => Ok(pool),
        (_, 0) => {
            sqlx::raw_sql(SCHEMA).execute(&pool).await?;
            Ok(pool)
        }
        _ => Err(IndexError::Version(version)),
    }
}

/// Takes the file away, with what SQLite keeps beside it.
pub(super) fn remove(path: &Path) -> Result<(), IndexError> {
    for ending in ["", "-wal", "-shm"] {
        match std::fs::remove_file(format!("{}{ending}", path.display())) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(IndexError::Remove(error));
            }
            _ => {}
        }
    }
    Ok(())
}
