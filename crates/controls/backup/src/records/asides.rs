//! What is remembered of data that a restore took the place of.

use avouch_store::{micros, timestamp};
use jiff::Timestamp;
use serde::Serialize;
use sqlx::Row;

use super::{RecordError, Records};

/// This part of the schema.
pub(super) const SCHEMA: (&str, &str) = (
    "backup, data aside",
    "create table backup_aside (
        path text primary key,
        owner text not null,
        since integer not null,
        removed integer
    ) strict",
);

/// Data that a restore took the place of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Aside {
    /// Whose.
    pub owner: String,
    /// The folder.
    pub path: String,
    /// Since when it stands aside.
    pub since: Timestamp,
}

impl Records {
    /// Notes that data are about to be put aside.
    ///
    /// # Errors
    ///
    /// If the store refuses.
    pub async fn put_aside(&self, aside: &Aside) -> Result<(), RecordError> {
        let mut write = self.store.write().await?;
        sqlx::query("insert into backup_aside (path, owner, since) values ($1, $2, $3)")
            .bind(&aside.path)
            .bind(&aside.owner)
            .bind(micros(aside.since))
            .execute(&mut *write)
            .await?;
        Ok(write.commit().await?)
    }

    /// Notes that data which stood aside are gone.
    ///
    /// # Errors
    ///
    /// If the store refuses.
    pub async fn aside_gone(&self, path: &str, at: Timestamp) -> Result<(), RecordError> {
        let mut write = self.store.write().await?;
        sqlx::query("update backup_aside set removed = $2 where path = $1")
            .bind(path)
            .bind(micros(at))
            .execute(&mut *write)
            .await?;
        Ok(write.commit().await?)
    }

    /// What stands aside, or was about to, longest first.
    ///
    /// # Errors
    ///
    /// If the store refuses.
    pub async fn asides(&self) -> Result<Vec<Aside>, RecordError> {
        let sql =
            "select owner, path, since from backup_aside where removed is null order by since";
        let rows = sqlx::query(sql).fetch_all(self.store.readers()).await?;
        rows.iter()
            .map(|row| {
                Ok(Aside {
                    owner: row.try_get("owner")?,
                    path: row.try_get("path")?,
                    since: timestamp(row.try_get("since")?)?,
                })
            })
            .collect()
    }
}
