//! What is remembered of how much each backup added to a destination, and of the room that is left there.

use avouch_store::{micros, timestamp};
use jiff::Timestamp;
use sqlx::Row;

use super::{RecordError, Records};
use crate::growth::Added;

/// This part of the schema.
pub(super) const SCHEMA: (&str, &str) = (
    "backup, room",
    "create table backup_room (
        destination text primary key,
        at integer not null,
        free integer
    ) strict",
);

impl Records {
    /// Notes what room there is at a destination.
    pub(crate) async fn room_seen(
        &self,
        destination: &str,
        at: Timestamp,
        free: Option<u64>,
    ) -> Result<(), RecordError> {
        let mut write = self.store.write().await?;
        let sql = "insert into backup_room (destination, at, free) values ($1, $2, $3) \
                   on conflict (destination) do update set at = excluded.at, free = excluded.free";
        sqlx::query(sql)
            .bind(destination)
            .bind(micros(at))
            .bind(free.map(u64::cast_signed))
            .execute(&mut *write)
            .await?;
        Ok(write.commit().await?)
    }

    /// The room at a destination when it was last looked at, if it was and could be told.
    pub(crate) async fn room(&self, destination: &str) -> Result<Option<u64>, RecordError> {
        let sql = "select free from backup_room where destination = $1";
        let free: Option<Option<i64>> = sqlx::query_scalar(sql)
            .bind(destination)
            .fetch_optional(self.store.readers())
            .await?;
        Ok(free.flatten().map(i64::cast_unsigned))
    }

    /// When the first backup of a destination was taken, and what each added to it, beyond the first of its source. What was
    /// removed since counts too: growth is what is stored, not what is left.
    pub(crate) async fn added(
        &self,
        destination: &str,
    ) -> Result<(Option<Timestamp>, Vec<Added>), RecordError> {
        let sql = "select taken, added_bytes, row_number() over (partition by owner, source order by taken) as place \
                   from backup_snapshot where destination = $1 order by taken";
        let rows = sqlx::query(sql)
            .bind(destination)
            .fetch_all(self.store.readers())
            .await?;
        let mut since = None;
        let mut added = Vec::new();
        for row in rows {
            let taken = timestamp(row.try_get("taken")?)?;
            since = since.or(Some(taken));
            if row.try_get::<i64, _>("place")? > 1 {
                let bytes: i64 = row.try_get("added_bytes")?;
                added.push(Added {
                    taken,
                    bytes: bytes.cast_unsigned(),
                });
            }
        }
        Ok((since, added))
    }
}
