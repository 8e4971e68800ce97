//! The database: wards and assessments, integers only.

use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use sqlx::SqlitePool;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

use crate::entry::Entry;
use crate::period::{self, Period};
use crate::staffing::Counts;

/// The version of the schema that this program makes and reads.
pub const SCHEMA_VERSION: i64 = 1;

const SCHEMA: &str = include_str!("schema.sql");

/// A ward's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ward(pub u16);

/// An assessment's number: random, so that nobody finds another by counting, and small enough for any JSON reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Id(i64);

/// One assessment as it is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Assessment {
    /// Its number.
    pub id: Id,
    /// When the women were counted.
    pub period: Period,
    /// What was counted.
    pub counts: Counts,
    /// When it was first entered: whole minutes UTC.
    pub entered: i64,
    /// When it was last corrected, if ever: whole minutes UTC.
    pub corrected: Option<i64>,
}

/// What came of entering or correcting an assessment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// It is on disk under this number.
    As(Id),
    /// The ward already has another for that period; nothing changed.
    AlreadyThere(Id),
    /// There is no such ward, or no such assessment on it; nothing changed.
    Absent,
}

/// Sums over everything kept. Says nothing about any one assessment.
#[derive(Debug, PartialEq, Eq, serde::Serialize, sqlx::FromRow)]
pub struct Totals {
    wards: i64,
    assessments: i64,
    women: i64,
    midwives: i64,
}

/// Why the database could not be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database belongs to something else.
    #[error("{} is not a database of ours: move it away, or name another data folder", .0.display())]
    Foreign(PathBuf),
    /// A newer program made it.
    #[error("{} has schema {found}, and this program knows {SCHEMA_VERSION}: start the program that made it", path.display())]
    Newer {
        /// The database file.
        path: PathBuf,
        /// The version it says it has.
        found: i64,
    },
    /// There is no opening it, or making it.
    #[error("{} cannot be opened: its folder must exist and be writable", path.display())]
    Unopened {
        /// The database file.
        path: PathBuf,
        /// What SQLite said.
        source: sqlx::Error,
    },
    /// SQLite failed.
    #[error("the database failed")]
    Sqlite(#[from] sqlx::Error),
    /// The system gave no random bytes for a new number.
    #[error("the system gave no random bytes")]
    Random(#[from] getrandom::Error),
    /// A time or a row lies outside what the schema allows.
    #[error("a number lies outside what the schema allows")]
    OutOfRange,
}

impl Ward {
    /// Reads a ward's number from an address: plain digits, no leading zero.
    pub fn parse(text: &str) -> Option<Self> {
        plain_number(text)
            .and_then(|number| u16::try_from(number).ok())
            .map(Self)
    }
}

impl Id {
    /// Reads an assessment's number from an address: plain digits, no leading zero.
    pub fn parse(text: &str) -> Option<Self> {
        plain_number(text)
            .filter(|number| (1..=MOST_ID).contains(number))
            .map(Self)
    }

    fn random() -> Result<Self, StoreError> {
        loop {
            let mut bytes = [0; 8];
            getrandom::fill(&mut bytes)?;
            let number = i64::from_be_bytes(bytes) & MOST_ID;
            if number != 0 {
                return Ok(Self(number));
            }
        }
    }
}

/// The largest number of 53 bits.
const MOST_ID: i64 = (1 << 53) - 1;

fn plain_number(text: &str) -> Option<i64> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
    if plain { text.parse().ok() } else { None }
}

impl std::fmt::Display for Ward {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::fmt::Display for Id {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// The open database. One connection writes; a few only read.
#[derive(Clone, Debug)]
pub struct Store {
    writer: SqlitePool,
    readers: SqlitePool,
}

impl Store {
    /// Opens `folder`/acuity.db, and makes it with wards 1 to `wards` when it is not there yet.
    ///
    /// # Errors
    ///
    /// When the file is not a database of this program, or of a newer one, or SQLite fails.
    pub async fn open(folder: &Path, wards: u16) -> Result<Self, StoreError> {
        let path = folder.join("acuity.db");
        let options = SqliteConnectOptions::new()
            .filename(&path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(Duration::from_secs(5));
        let readers = options
            .clone()
            .create_if_missing(false)
            .pragma("query_only", "on");
        let writer = SqlitePoolOptions::new()
            .max_connections(1)
            .connect_with(options)
            .await
            .map_err(|source| StoreError::Unopened {
                path: path.clone(),
                source,
            })?;
        prepare(&writer, &path, wards).await?;
        let readers = SqlitePoolOptions::new()
            .max_connections(4)
            .connect_with(readers)
            .await?;
        Ok(Self { writer, readers })
    }

    /// Asks the database for an answer, so that "healthy" is something seen.
    pub async fn answers(&self) -> Result<(), StoreError> {
        sqlx::query_scalar::<_, i64>("select 1")
            .fetch_one(&self.readers)
            .await?;
        Ok(())
    }

    /// Every ward's number, in order.
    pub async fn wards(&self) -> Result<Vec<Ward>, StoreError> {
        let numbers = sqlx::query_scalar("select number from ward order by number")
            .fetch_all(&self.readers)
            .await?;
        Ok(numbers.into_iter().map(Ward).collect())
    }

    /// Whether there is such a ward.
    pub async fn has(&self, ward: Ward) -> Result<bool, StoreError> {
        let found = sqlx::query_scalar::<_, i64>("select count(*) from ward where number = $1")
            .bind(ward.0);
        Ok(found.fetch_one(&self.readers).await? == 1)
    }

    /// A ward's latest assessments by period, newest first, at most `most`.
    pub async fn latest(&self, ward: Ward, most: u16) -> Result<Vec<Assessment>, StoreError> {
        let sql = "select * from assessment where ward = $1 order by starts desc limit $2";
        let rows: Vec<Row> = sqlx::query_as(sql)
            .bind(ward.0)
            .bind(most)
            .fetch_all(&self.readers)
            .await?;
        rows.into_iter().map(Row::read).collect()
    }

    /// One assessment of a ward; `None` when the ward has no such one, whoever else may.
    pub async fn assessment(&self, ward: Ward, id: Id) -> Result<Option<Assessment>, StoreError> {
        let sql = "select * from assessment where id = $1 and ward = $2";
        let row: Option<Row> = sqlx::query_as(sql)
            .bind(id.0)
            .bind(ward.0)
            .fetch_optional(&self.readers)
            .await?;
        row.map(Row::read).transpose()
    }

    /// Sums over everything kept.
    pub async fn totals(&self) -> Result<Totals, StoreError> {
        let sql = "select (select count(*) from ward) as wards, count(*) as assessments, coalesce(sum(category_1 + \
                   category_2 + category_3 + category_4 + category_5), 0) as women, coalesce(sum(midwives), 0) as \
                   midwives from assessment";
        Ok(sqlx::query_as(sql).fetch_one(&self.readers).await?)
    }

    /// Enters an assessment. It is on disk when this returns.
    pub async fn enter(
        &self,
        ward: Ward,
        entry: &Entry,
        now: Timestamp,
    ) -> Result<Kept, StoreError> {
        if !self.has(ward).await? {
            return Ok(Kept::Absent);
        }
        let starts = entry.period.starts().ok_or(StoreError::OutOfRange)?;
        let sql = "insert into assessment (id, ward, starts, category_1, category_2, category_3, category_4, \
                   category_5, midwives, entered) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) \
                   on conflict do nothing";
        let [one, two, three, four, five] = entry.counts.women;
        loop {
            let id = Id::random()?;
            let query = sqlx::query(sql).bind(id.0).bind(ward.0).bind(starts);
            let query = query
                .bind(one)
                .bind(two)
                .bind(three)
                .bind(four)
                .bind(five)
                .bind(entry.counts.midwives);
            if query
                .bind(period::minute_of(now))
                .execute(&self.writer)
                .await?
                .rows_affected()
                == 1
            {
                return Ok(Kept::As(id));
            }
            if let Some(there) = self.holder(ward, starts).await? {
                return Ok(Kept::AlreadyThere(there));
            }
        }
    }

    /// Puts `entry` in place of what an assessment said. It is on disk when this returns.
    pub async fn correct(
        &self,
        ward: Ward,
        id: Id,
        entry: &Entry,
        now: Timestamp,
    ) -> Result<Kept, StoreError> {
        let starts = entry.period.starts().ok_or(StoreError::OutOfRange)?;
        let sql = "update or ignore assessment set starts = $3, category_1 = $4, category_2 = $5, category_3 = $6, \
                   category_4 = $7, category_5 = $8, midwives = $9, corrected = $10 where id = $1 and ward = $2";
        let [one, two, three, four, five] = entry.counts.women;
        let query = sqlx::query(sql).bind(id.0).bind(ward.0).bind(starts);
        let query = query
            .bind(one)
            .bind(two)
            .bind(three)
            .bind(four)
            .bind(five)
            .bind(entry.counts.midwives);
        if query
            .bind(period::minute_of(now))
            .execute(&self.writer)
            .await?
            .rows_affected()
            == 1
        {
            return Ok(Kept::As(id));
        }
        if self.assessment(ward, id).await?.is_none() {
            return Ok(Kept::Absent);
        }
        let there = self
            .holder(ward, starts)
            .await?
            .ok_or(StoreError::OutOfRange)?;
        Ok(Kept::AlreadyThere(there))
    }

    /// Closes the database: what the journal holds is folded into the file.
    pub async fn close(self) {
        self.readers.close().await;
        self.writer.close().await;
    }

    /// The assessment that a ward already has for the period that starts then.
    async fn holder(&self, ward: Ward, starts: i64) -> Result<Option<Id>, StoreError> {
        let sql = "select id from assessment where ward = $1 and starts = $2";
        let id = sqlx::query_scalar(sql)
            .bind(ward.0)
            .bind(starts)
            .fetch_optional(&self.readers)
            .await?;
        Ok(id.map(Id))
    }
}

/// Makes the tables in an empty database, and refuses one that is not ours.
async fn prepare(writer: &SqlitePool, path: &Path, wards: u16) -> Result<(), StoreError> {
    let mut transaction = writer.begin().await?;
    let found: i64 = sqlx::query_scalar("pragma user_version")
        .fetch_one(&mut *transaction)
        .await?;
    let tables: i64 = sqlx::query_scalar("select count(*) from sqlite_schema")
        .fetch_one(&mut *transaction)
        .await?;
    match (found, tables) {
        (0, 0) => {
            sqlx::raw_sql(SCHEMA).execute(&mut *transaction).await?;
            for number in 1..=wards {
                sqlx::query("insert into ward (number) values ($1)")
                    .bind(number)
                    .execute(&mut *transaction)
                    .await?;
            }
            sqlx::raw_sql("pragma user_version = 1")
                .execute(&mut *transaction)
                .await?;
        }
        (SCHEMA_VERSION, _) => {}
        (newer, _) if newer > SCHEMA_VERSION => {
            return Err(StoreError::Newer {
                path: path.to_owned(),
                found: newer,
            });
        }
        _ => return Err(StoreError::Foreign(path.to_owned())),
    }
    transaction.commit().await?;
    Ok(())
}

/// A row as the database gives it.
#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    starts: i64,
    category_1: u8,
    category_2: u8,
    category_3: u8,
    category_4: u8,
    category_5: u8,
    midwives: u8,
    entered: i64,
    corrected: Option<i64>,
}

impl Row {
    fn read(self) -> Result<Assessment, StoreError> {
        let women = [
            self.category_1,
            self.category_2,
            self.category_3,
            self.category_4,
            self.category_5,
        ];
        Ok(Assessment {
            id: Id(self.id),
            period: Period::starting(self.starts).ok_or(StoreError::OutOfRange)?,
            counts: Counts {
                women,
                midwives: self.midwives,
            },
            entered: self.entered,
            corrected: self.corrected,
        })
    }
}

#[cfg(test)]
mod tests;
