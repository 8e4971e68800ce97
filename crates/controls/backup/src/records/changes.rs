//! What is remembered of stored changes.

use avouch_store::micros;
use jiff::Timestamp;
use sqlx::Row;

use super::{RecordError, Records, from_json, json, time};
use crate::{
    changes::{Facts, Head, task::Shipped},
    retention::SnapshotId,
};

/// A later part of the schema: what of changes was stored and read back.
pub(super) const SCHEMA: (&str, &str) = (
    "backup, changes",
    "
create table backup_changes (
    owner text not null,
    source text not null,
    destination text not null,
    id text not null,
    generation text not null,
    segments integer not null,
    head text not null,
    facts text not null,
    verified integer not null,
    removed integer,
    primary key (owner, destination, id)
) strict;
",
);

/// A later part of the schema: what was removed is forgotten, but for how far things had come.
pub(super) const FORGOTTEN: (&str, &str) = (
    "backup, changes that were removed",
    "
create table backup_followed (
    owner text not null,
    source text not null,
    destination text not null,
    first text not null,
    last text not null,
    primary key (owner, source, destination)
) strict;
insert into backup_followed (owner, source, destination, first, last)
    select owner, source, destination, '', max(generation) from backup_changes group by owner, source, destination;
update backup_followed set first = (
    select json_extract(facts, '$.complete') from backup_changes one
    where one.owner = backup_followed.owner and one.source = backup_followed.source
        and one.destination = backup_followed.destination
    order by generation limit 1
);
delete from backup_changes where removed is not null;
alter table backup_changes drop column removed;
create index backup_changes_order on backup_changes (owner, source, destination, generation, segments);
",
);

/// A generation as it was stored at one destination and read back from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shipment {
    /// The destination.
    pub destination: String,
    /// The snapshot that holds it.
    pub id: SnapshotId,
    /// Which generation.
    pub generation: String,
    /// Files of its log.
    pub segments: u32,
    /// Where the log ends.
    pub head: Head,
    /// What is known of its image.
    pub facts: Facts,
    /// When it was read back.
    pub verified: Timestamp,
}

impl Shipment {
    /// Everything committed before this moment is in it.
    #[must_use]
    pub fn up_to(&self) -> Timestamp {
        self.head.up_to.unwrap_or(self.facts.complete)
    }
}

impl Records {
    /// Notes what was stored and read back.
    pub(crate) async fn shipped(
        &self,
        owner: &str,
        source: &str,
        destination: &str,
        shipped: &Shipped,
        verified: Timestamp,
    ) -> Result<(), RecordError> {
        let sql = "insert into backup_changes (owner, source, destination, id, generation, segments, head, facts, verified) \
                   values ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
        let mut write = self.store.write().await?;
        sqlx::query(sql)
            .bind(owner)
            .bind(source)
            .bind(destination)
            .bind(&shipped.snapshot.0)
            .bind(&shipped.generation)
            .bind(shipped.segments)
            .bind(json(&shipped.head)?)
            .bind(json(&shipped.facts)?)
            .bind(micros(verified))
            .execute(&mut *write)
            .await?;
        // The first stays what it was; names only go up.
        let sql = "insert into backup_followed (owner, source, destination, first, last) values ($1, $2, $3, $4, $5) \
                   on conflict do update set last = max(last, excluded.last)";
        sqlx::query(sql)
            .bind(owner)
            .bind(source)
            .bind(destination)
            .bind(shipped.facts.complete.to_string())
            .bind(&shipped.generation)
            .execute(&mut *write)
            .await?;
        Ok(write.commit().await?)
    }

    /// Forgets shipments that were deleted.
    pub(crate) async fn unshipped(
        &self,
        owner: &str,
        destination: &str,
        ids: &[SnapshotId],
    ) -> Result<(), RecordError> {
        let mut write = self.store.write().await?;
        for id in ids {
            sqlx::query(
                "delete from backup_changes where owner = $1 and destination = $2 and id = $3",
            )
            .bind(owner)
            .bind(destination)
            .bind(&id.0)
            .execute(&mut *write)
            .await?;
        }
        Ok(write.commit().await?)
    }

    /// The shipments of a source that should be at a destination, in the order of their generations and of time.
    ///
    /// # Errors
    ///
    /// If the store refuses.
    pub async fn shipments(
        &self,
        owner: &str,
        source: &str,
        destination: &str,
    ) -> Result<Vec<Shipment>, RecordError> {
        let sql = "select * from backup_changes where owner = $1 and source = $2 and destination = $3 \
                   order by generation, segments";
        let rows = sqlx::query(sql)
            .bind(owner)
            .bind(source)
            .bind(destination)
            .fetch_all(self.store.readers())
            .await?;
        rows.iter()
            .map(|row| {
                Ok(Shipment {
                    destination: row.try_get("destination")?,
                    id: SnapshotId(row.try_get("id")?),
                    generation: row.try_get("generation")?,
                    segments: row.try_get("segments")?,
                    head: from_json(row, "head")?,
                    facts: from_json(row, "facts")?,
                    verified: time(row, "verified")?,
                })
            })
            .collect()
    }

    /// The same, with only the last of each generation.
    ///
    /// # Errors
    ///
    /// If the store refuses.
    pub async fn generations(
        &self,
        owner: &str,
        source: &str,
        destination: &str,
    ) -> Result<Vec<Shipment>, RecordError> {
        let all = self.shipments(owner, source, destination).await?;
        Ok(last_of_each(all))
    }

    /// The name of the last generation of a source that was ever stored anywhere.
    ///
    /// # Errors
    ///
    /// If the store refuses.
    pub(crate) async fn last_generation(
        &self,
        owner: &str,
        source: &str,
    ) -> Result<Option<String>, RecordError> {
        let sql = "select max(last) from backup_followed where owner = $1 and source = $2";
        let last = sqlx::query_scalar(sql).bind(owner).bind(source);
        Ok(last.fetch_one(self.store.readers()).await?)
    }

    /// From when on the first generation ever stored at a destination showed the database.
    ///
    /// # Errors
    ///
    /// If the store refuses.
    pub(crate) async fn first_followed(
        &self,
        owner: &str,
        source: &str,
        destination: &str,
    ) -> Result<Option<Timestamp>, RecordError> {
        let sql = "select first from backup_followed where owner = $1 and source = $2 and destination = $3";
        let first: Option<String> = sqlx::query_scalar(sql)
            .bind(owner)
            .bind(source)
            .bind(destination)
            .fetch_optional(self.store.readers())
            .await?;
        first
            .map(|text| text.parse().map_err(|_| RecordError::Form(text)))
            .transpose()
    }
}

/// The longest shipment of each generation; `shipments` are in the order of both.
pub(crate) fn last_of_each(shipments: Vec<Shipment>) -> Vec<Shipment> {
    let mut last: Vec<Shipment> = Vec::new();
    for one in shipments {
        match last.last_mut() {
            Some(before) if before.generation == one.generation => *before = one,
            _ => last.push(one),
        }
    }
    last
}

#[cfg(test)]
mod tests;

#[cfg(test)]
pub(crate) mod testing {
    use super::*;

    /// A generation that shows the database between two moments.
    pub(crate) fn shipment(complete: &str, up_to: &str) -> Shipment {
        Shipment {
            destination: "local".to_owned(),
            id: SnapshotId(complete.to_owned()),
            generation: complete.to_owned(),
            segments: 1,
            head: Head {
                hash: format!("to {up_to}"),
                up_to: Some(up_to.parse().unwrap()),
                changed: Some(up_to.parse().unwrap()),
                slowest_ms: 100,
                stalls: Vec::new(),
                clocks: Vec::new(),
            },
            facts: Facts {
                database: "live.db".to_owned(),
                page_size: 4096,
                mode: 0o600,
                complete: complete.parse().unwrap(),
                follows: None,
                image: String::new(),
                cluster: None,
            },
            verified: up_to.parse().unwrap(),
        }
    }
}
