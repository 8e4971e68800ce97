//! What is remembered of backups: which were taken and read back, which drills were run, what examinations found.
//!
//! The repositories explain themselves by their tags; these tables add what a repository cannot say of itself (that it
//! was verified, that a run failed) and what must be seen even when a repository is gone.

use avouch_store::{Store, StoreError, micros, timestamp};
use jiff::{Timestamp, civil};
use serde::{Deserialize, Serialize};
use sqlx::{Row, sqlite::SqliteRow};

use crate::{
    manifest::Changes,
    repository::Listed,
    retention::{Grade, Snapshot, SnapshotId},
    source::SourceFault,
};

mod asides;
mod changes;
mod drills;
mod examinations;
mod lost;
mod readings;
mod room;

pub use asides::Aside;

pub use changes::Shipment;
pub(crate) use changes::last_of_each;
#[cfg(test)]
pub(crate) use changes::testing;

/// The name of this part of the schema.
pub const PART: &str = "backup";

/// This crate's tables.
pub const SCHEMA: &str = "
create table backup_run (
    id integer primary key,
    owner text not null,
    source text not null,
    day text not null,
    started integer not null,
    finished integer,
    late integer not null,
    failure text
) strict;
create index backup_run_newest on backup_run (owner, source, started);
create table backup_snapshot (
    owner text not null,
    source text not null,
    destination text not null,
    id text not null,
    run integer not null references backup_run (id),
    taken integer not null,
    day text not null,
    grades text not null,
    manifest text not null,
    total_rows integer not null,
    total_bytes integer not null,
    added_bytes integer not null,
    changed_rows integer,
    changed_files integer,
    verified integer not null,
    removed integer,
    primary key (owner, destination, id)
) strict;
create table backup_drill (
    id text primary key,
    owner text not null,
    started integer not null,
    verdict text not null,
    record text not null
) strict;
create index backup_drill_newest on backup_drill (owner, started);
create table backup_examination (
    owner text not null,
    destination text not null,
    at integer not null,
    fingerprint text not null,
    record text not null,
    primary key (owner, destination)
) strict;
";

/// A later part of the schema: what was wrong with the source of a run that failed.
const FAULTS: (&str, &str) = (
    "backup, faults of sources",
    "alter table backup_run add column fault text",
);

/// Why the records could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The store refused.
    #[error("the records of backups could not be read or written")]
    Store(#[from] StoreError),
    /// A statement failed.
    #[error("the records of backups could not be read or written")]
    Sql(#[from] sqlx::Error),
    /// A record reads as nothing that was written.
    #[error("a record of backups cannot be read: {0}")]
    Form(String),
}

/// A snapshot as it is remembered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Taken {
    /// Whose data.
    pub owner: String,
    /// Which source.
    pub source: String,
    /// In which destination.
    pub destination: String,
    /// What retention knows of it; it was verified when it was stored, or it would not be here.
    pub snapshot: Snapshot,
    /// Its manifest's digest.
    pub manifest: String,
    /// Rows in it.
    pub rows: u64,
    /// Bytes read from its source.
    pub bytes: u64,
    /// Bytes by which the repository grew.
    pub added: u64,
    /// What changed since the one before.
    pub changes: Option<Changes>,
    /// When it was read back.
    pub verified: Timestamp,
    /// When retention ended and it was deleted.
    pub removed: Option<Timestamp>,
}

/// A run as it is remembered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// The day of the slot it served.
    pub day: civil::Date,
    /// When it began.
    pub started: Timestamp,
    /// When it ended; a run that was cut off has no end.
    pub finished: Option<Timestamp>,
    /// Whether it began late.
    pub late: bool,
    /// Why it failed, if it did: one reason for each destination that has no copy.
    pub failure: Option<String>,
    /// What was wrong with the source, if that is why.
    pub fault: Option<SourceFault>,
}

/// The tables.
#[derive(Debug, Clone)]
pub struct Records {
    store: Store,
}

impl Records {
    /// Brings this crate's tables into being.
    ///
    /// # Errors
    ///
    /// If the store refuses.
    pub async fn open(store: Store) -> Result<Self, RecordError> {
        store.execute_schema(PART, SCHEMA).await?;
        let parts = [
            FAULTS,
            drills::SCHEMA,
            readings::SCHEMA,
            asides::SCHEMA,
            room::SCHEMA,
            changes::SCHEMA,
            changes::FORGOTTEN,
        ];
        for (part, sql) in parts {
            store.execute_schema(part, sql).await?;
        }
        Ok(Self { store })
    }

    /// Notes that a run begins; its number.
    pub(crate) async fn begin(
        &self,
        owner: &str,
        source: &str,
        day: civil::Date,
        started: Timestamp,
        late: bool,
    ) -> Result<i64, RecordError> {
        let mut write = self.store.write().await?;
        let sql = "insert into backup_run (owner, source, day, started, late) values ($1, $2, $3, $4, $5)";
        let done = sqlx::query(sql)
            .bind(owner)
            .bind(source)
            .bind(day.to_string())
            .bind(micros(started))
            .bind(late)
            .execute(&mut *write)
            .await?;
        write.commit().await?;
        Ok(done.last_insert_rowid())
    }

    /// Notes how a run ended.
    pub(crate) async fn end(
        &self,
        run: i64,
        at: Timestamp,
        failure: Option<&str>,
        fault: Option<&SourceFault>,
    ) -> Result<(), RecordError> {
        let fault = fault.map(json).transpose()?;
        let mut write = self.store.write().await?;
        sqlx::query("update backup_run set finished = $2, failure = $3, fault = $4 where id = $1")
            .bind(run)
            .bind(micros(at))
            .bind(failure)
            .bind(fault)
            .execute(&mut *write)
            .await?;
        Ok(write.commit().await?)
    }

    /// The newest run of a source.
    ///
    /// # Errors
    ///
    /// If the store refuses.
    pub async fn newest_run(&self, owner: &str, source: &str) -> Result<Option<Run>, RecordError> {
        let sql = "select day, started, finished, late, failure, fault from backup_run \
                   where owner = $1 and source = $2 order by started desc, id desc limit 1";
        self.one_run(sql, owner, source).await
    }

    /// The newest run of a source that came to an end: one that is under way says nothing yet.
    ///
    /// # Errors
    ///
    /// If the store refuses.
    pub async fn newest_ended_run(
        &self,
        owner: &str,
        source: &str,
    ) -> Result<Option<Run>, RecordError> {
        let sql = "select day, started, finished, late, failure, fault from backup_run \
                   where owner = $1 and source = $2 and finished is not null \
                   order by started desc, id desc limit 1";
        self.one_run(sql, owner, source).await
    }

    async fn one_run(
        &self,
        sql: &'static str,
        owner: &str,
        source: &str,
    ) -> Result<Option<Run>, RecordError> {
        let row = sqlx::query(sql)
            .bind(owner)
            .bind(source)
            .fetch_optional(self.store.readers())
            .await?;
        row.map(|row| {
            Ok(Run {
                day: date(&row, "day")?,
                started: time(&row, "started")?,
                finished: row
                    .try_get::<Option<i64>, _>("finished")?
                    .map(timestamp)
                    .transpose()?,
                late: row.try_get("late")?,
                failure: row.try_get("failure")?,
                fault: row
                    .try_get::<Option<String>, _>("fault")?
                    .map(|text| parse(&text))
                    .transpose()?,
            })
        })
        .transpose()
    }

    /// The first day that a source was ever stored for, in a destination.
    ///
    /// # Errors
    ///
    /// If the store refuses.
    pub async fn since(
        &self,
        owner: &str,
        source: &str,
        to: &str,
    ) -> Result<Option<civil::Date>, RecordError> {
        let sql = "select min(day) from backup_snapshot where owner = $1 and source = $2 and destination = $3";
        let day: Option<String> = sqlx::query_scalar(sql)
            .bind(owner)
            .bind(source)
            .bind(to)
            .fetch_one(self.store.readers())
            .await?;
        day.map(|day| day.parse().map_err(|_| RecordError::Form(day)))
            .transpose()
    }

    /// When the first snapshot of an owner's source was ever taken.
    ///
    /// # Errors
    ///
    /// If the store refuses.
    pub async fn first_taken(
        &self,
        owner: &str,
        source: &str,
    ) -> Result<Option<Timestamp>, RecordError> {
        let sql = "select min(taken) from backup_snapshot where owner = $1 and source = $2";
        let first: Option<i64> = sqlx::query_scalar(sql)
            .bind(owner)
            .bind(source)
            .fetch_one(self.store.readers())
            .await?;
        Ok(first.map(timestamp).transpose()?)
    }

    /// Notes a snapshot that has been stored and read back.
    pub(crate) async fn add(
        &self,
        run: i64,
        destination: &str,
        listed: &Listed,
        rows: u64,
        changes: Option<Changes>,
        verified: Timestamp,
    ) -> Result<(), RecordError> {
        let grades: Vec<&str> = listed
            .label
            .grades
            .iter()
            .map(|grade| grade.word())
            .collect();
        let mut write = self.store.write().await?;
        let sql = "insert into backup_snapshot (owner, source, destination, id, run, taken, day, grades, manifest, \
                   total_rows, total_bytes, added_bytes, changed_rows, changed_files, verified) \
                   values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)";
        sqlx::query(sql)
            .bind(&listed.label.owner)
            .bind(&listed.label.source)
            .bind(destination)
            .bind(&listed.id.0)
            .bind(run)
            .bind(micros(listed.label.taken))
            .bind(listed.label.day.to_string())
            .bind(grades.join(" "))
            .bind(&listed.label.manifest)
            .bind(rows.cast_signed())
            .bind(listed.bytes.cast_signed())
            .bind(listed.added.cast_signed())
            .bind(changes.map(|changes| changes.rows.cast_signed()))
            .bind(changes.map(|changes| changes.files.cast_signed()))
            .bind(micros(verified))
            .execute(&mut *write)
            .await?;
        Ok(write.commit().await?)
    }

    /// Notes that snapshots were deleted because their retention ended.
    pub(crate) async fn remove(
        &self,
        owner: &str,
        destination: &str,
        ids: &[SnapshotId],
        at: Timestamp,
    ) -> Result<(), RecordError> {
        let mut write = self.store.write().await?;
        for id in ids {
            sqlx::query("update backup_snapshot set removed = $4 where owner = $1 and destination = $2 and id = $3")
                .bind(owner)
                .bind(destination)
                .bind(&id.0)
                .bind(micros(at))
                .execute(&mut *write)
                .await?;
        }
        Ok(write.commit().await?)
    }

    /// Forgets everything of an owner.
    pub(crate) async fn erase(&self, owner: &str) -> Result<(), RecordError> {
        let mut write = self.store.write().await?;
        for statement in [
            "delete from backup_snapshot where owner = $1",
            "delete from backup_run where owner = $1",
            "delete from backup_drill where owner = $1",
            "delete from backup_examination where owner = $1",
            "delete from backup_reading where owner = $1",
            "delete from backup_aside where owner = $1",
            "delete from backup_changes where owner = $1",
            "delete from backup_followed where owner = $1",
        ] {
            sqlx::query(statement)
                .bind(owner)
                .execute(&mut *write)
                .await?;
        }
        Ok(write.commit().await?)
    }

    /// The snapshots of an owner that should be in its repositories, newest first.
    ///
    /// # Errors
    ///
    /// If the store refuses.
    pub async fn snapshots(&self, owner: &str) -> Result<Vec<Taken>, RecordError> {
        let sql = "select * from backup_snapshot where owner = $1 and removed is null order by taken desc, destination";
        let rows = sqlx::query(sql)
            .bind(owner)
            .fetch_all(self.store.readers())
            .await?;
        rows.iter().map(taken).collect()
    }
}

fn taken(row: &SqliteRow) -> Result<Taken, RecordError> {
    let words: String = row.try_get("grades")?;
    let grades = Grade::ALL
        .into_iter()
        .filter(|grade| words.split(' ').any(|word| word == grade.word()))
        .collect();
    let count = |column: &str| row.try_get::<i64, _>(column).map(i64::cast_unsigned);
    let maybe = |column: &str| {
        row.try_get::<Option<i64>, _>(column)
            .map(|n| n.map(i64::cast_unsigned))
    };
    Ok(Taken {
        owner: row.try_get("owner")?,
        source: row.try_get("source")?,
        destination: row.try_get("destination")?,
        snapshot: Snapshot {
            id: SnapshotId(row.try_get("id")?),
            taken: time(row, "taken")?,
            day: date(row, "day")?,
            grades,
            verified: true,
        },
        manifest: row.try_get("manifest")?,
        rows: count("total_rows")?,
        bytes: count("total_bytes")?,
        added: count("added_bytes")?,
        changes: maybe("changed_rows")?
            .zip(maybe("changed_files")?)
            .map(|(rows, files)| Changes { files, rows }),
        verified: time(row, "verified")?,
        removed: row
            .try_get::<Option<i64>, _>("removed")?
            .map(timestamp)
            .transpose()?,
    })
}

fn time(row: &SqliteRow, column: &str) -> Result<Timestamp, RecordError> {
    Ok(timestamp(row.try_get(column)?)?)
}

fn date(row: &SqliteRow, column: &str) -> Result<civil::Date, RecordError> {
    let text: String = row.try_get(column)?;
    text.parse().map_err(|_| RecordError::Form(text))
}

fn json<T: Serialize>(value: &T) -> Result<String, RecordError> {
    serde_json::to_string(value).map_err(|error| RecordError::Form(error.to_string()))
}

fn from_json<T: serde::de::DeserializeOwned>(
    row: &SqliteRow,
    column: &str,
) -> Result<T, RecordError> {
    let text: String = row.try_get(column)?;
    parse(&text)
}

fn parse<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, RecordError> {
    serde_json::from_str(text).map_err(|error| RecordError::Form(error.to_string()))
}
