//! What is remembered of which shelves of a repository were read, and when.

use std::collections::BTreeMap;

use avouch_store::{micros, timestamp};
use jiff::Timestamp;
use sqlx::Row;

use super::{RecordError, Records};
use crate::{repository::Shelves, rolling::Shelf};

/// This part of the schema.
pub(super) const SCHEMA: (&str, &str) = (
    "backup, readings",
    "create table backup_reading (
        owner text not null,
        destination text not null,
        shelf integer not null,
        read integer not null,
        state text not null,
        primary key (owner, destination, shelf)
    ) strict, without rowid",
);

impl Records {
    /// Notes that shelves were read, as they were then.
    pub(crate) async fn shelves_read(
        &self,
        owner: &str,
        destination: &str,
        at: Timestamp,
        shelves: &Shelves,
    ) -> Result<(), RecordError> {
        let mut write = self.store.write().await?;
        for (name, state) in shelves {
            let shelf = Shelf::from_str_radix(name, 16)
                .map_err(|_| RecordError::Form(format!("shelf {name}")))?;
            let sql = "insert into backup_reading (owner, destination, shelf, read, state) values ($1, $2, $3, $4, $5) \
                       on conflict (owner, destination, shelf) do update \
                       set read = excluded.read, state = excluded.state";
            sqlx::query(sql)
                .bind(owner)
                .bind(destination)
                .bind(i64::from(shelf))
                .bind(micros(at))
                .bind(state)
                .execute(&mut *write)
                .await?;
        }
        Ok(write.commit().await?)
    }

    /// When each shelf of a repository was last read, and how it was then.
    pub(crate) async fn readings(
        &self,
        owner: &str,
        destination: &str,
    ) -> Result<BTreeMap<Shelf, (Timestamp, String)>, RecordError> {
        let sql =
            "select shelf, read, state from backup_reading where owner = $1 and destination = $2";
        let rows = sqlx::query(sql)
            .bind(owner)
            .bind(destination)
            .fetch_all(self.store.readers())
            .await?;
        rows.iter()
            .map(|row| {
                let shelf: i64 = row.try_get("shelf")?;
                let shelf = Shelf::try_from(shelf)
                    .map_err(|_| RecordError::Form(format!("shelf {shelf}")))?;
                let read = timestamp(row.try_get("read")?)?;
                Ok((shelf, (read, row.try_get("state")?)))
            })
            .collect()
    }
}
