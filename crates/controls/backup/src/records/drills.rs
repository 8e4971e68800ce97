//! What is remembered of drills.

use avouch_store::micros;
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use super::{RecordError, Records, from_json, json, parse};
use crate::drill::{Drill, Verdict};

/// A later part of the schema: the entry that says that a drill was run.
pub(super) const SCHEMA: (&str, &str) = (
    "backup, entries of drills",
    "alter table backup_drill add column entry integer",
);

/// A drill as it is remembered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Remembered {
    pub(crate) drill: Drill,
    pub(crate) verdict: Verdict,
    /// Of the record as it stands.
    pub(crate) digest: String,
    /// The entry that it names.
    pub(crate) entry: u64,
}

impl Records {
    /// A name for a drill that begins at `started` which no other has: several may begin within a millisecond.
    pub(crate) async fn drill_name(&self, started: Timestamp) -> Result<String, RecordError> {
        let mut number = started.as_millisecond();
        loop {
            let name = format!("d{number}");
            let taken: Option<i64> = sqlx::query_scalar("select 1 from backup_drill where id = $1")
                .bind(&name)
                .fetch_optional(self.store.readers())
                .await?;
            if taken.is_none() {
                return Ok(name);
            }
            number += 1;
        }
    }

    /// Notes a drill.
    pub(crate) async fn add_drill(
        &self,
        drill: &Drill,
        verdict: &Verdict,
        entry: u64,
    ) -> Result<(), RecordError> {
        let mut write = self.store.write().await?;
        sqlx::query("insert into backup_drill (id, owner, started, verdict, record, entry) values ($1, $2, $3, $4, $5, $6)")
            .bind(&drill.id)
            .bind(&drill.owner)
            .bind(micros(drill.started))
            .bind(json(verdict)?)
            .bind(json(drill)?)
            .bind(i64::try_from(entry).unwrap_or(i64::MAX))
            .execute(&mut *write)
            .await?;
        Ok(write.commit().await?)
    }

    /// The drills of an owner, newest first.
    ///
    /// # Errors
    ///
    /// If the store refuses.
    pub async fn drills(&self, owner: &str) -> Result<Vec<(Drill, Verdict)>, RecordError> {
        let sql = "select record, verdict from backup_drill where owner = $1 order by started desc, rowid desc";
        let rows = sqlx::query(sql)
            .bind(owner)
            .fetch_all(self.store.readers())
            .await?;
        rows.iter()
            .map(|row| Ok((from_json(row, "record")?, from_json(row, "verdict")?)))
            .collect()
    }

    /// Those of an owner that name an entry, newest first. A record from before there were entries names none, and proves
    /// nothing.
    pub(crate) async fn drills_with_entries(
        &self,
        owner: &str,
    ) -> Result<Vec<Remembered>, RecordError> {
        let sql = "select record, verdict, entry from backup_drill where owner = $1 and entry is not null \
                   order by started desc, rowid desc";
        let rows: Vec<(String, String, i64)> = sqlx::query_as(sql)
            .bind(owner)
            .fetch_all(self.store.readers())
            .await?;
        let remembered = rows.into_iter().map(|(record, verdict, entry)| {
            Ok(Remembered {
                drill: parse(&record)?,
                verdict: parse(&verdict)?,
                digest: digest(&record, &verdict),
                entry: u64::try_from(entry).unwrap_or(u64::MAX),
            })
        });
        remembered.collect()
    }

    /// The digest of a drill's record.
    pub(crate) fn digest_of(drill: &Drill, verdict: &Verdict) -> Result<String, RecordError> {
        Ok(digest(&json(drill)?, &json(verdict)?))
    }
}

fn digest(record: &str, verdict: &str) -> String {
    // Neither has a line break.
    hex::encode(Sha256::digest(format!("{record}\n{verdict}")))
}
