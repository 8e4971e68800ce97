//! What is remembered of reading repositories through.

use avouch_store::micros;
use jiff::Timestamp;
use sqlx::Row;

use super::{RecordError, Records, from_json, json, time};
use crate::job::Examination;

impl Records {
    /// Notes what an examination found; only the newest is kept.
    pub(crate) async fn examined(
        &self,
        owner: &str,
        destination: &str,
        at: Timestamp,
        fingerprint: &str,
        seen: &Examination,
    ) -> Result<(), RecordError> {
        let mut write = self.store.write().await?;
        let sql = "insert into backup_examination (owner, destination, at, fingerprint, record) \
                   values ($1, $2, $3, $4, $5) on conflict (owner, destination) do update \
                   set at = excluded.at, fingerprint = excluded.fingerprint, record = excluded.record";
        sqlx::query(sql)
            .bind(owner)
            .bind(destination)
            .bind(micros(at))
            .bind(fingerprint)
            .bind(json(seen)?)
            .execute(&mut *write)
            .await?;
        Ok(write.commit().await?)
    }

    /// The newest examination of a repository: when, of which state of its files, and what it found.
    pub(crate) async fn examination(
        &self,
        owner: &str,
        destination: &str,
    ) -> Result<Option<(Timestamp, String, Examination)>, RecordError> {
        let sql = "select at, fingerprint, record from backup_examination where owner = $1 and destination = $2";
        let row = sqlx::query(sql)
            .bind(owner)
            .bind(destination)
            .fetch_optional(self.store.readers())
            .await?;
        row.map(|row| {
            Ok((
                time(&row, "at")?,
                row.try_get("fingerprint")?,
                from_json(&row, "record")?,
            ))
        })
        .transpose()
    }
}
