//! The index: events by who, what, subject, place and time, in one SQLite file. Derived from the ledger; may be deleted.
//!
//! It follows the ledger in its order, away from those who record. What can be looked for is in one inverted index
//! (SQLite's FTS5): against one table with an index for each field it takes a tenth of the room for them, and a rare
//! word or outcome is found at once where the table must be read through. No event stands here: what is found is opened
//! from the ledger, so that what cannot be opened there any more is not shown here either.

mod file;
mod forget;
pub(crate) mod kind;
mod terms;
mod write;

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use avouch_ledger::{Kind, Reader};
use sqlx::{QueryBuilder, Sqlite, SqlitePool};

use crate::{Event, Opener, Page, Query, Row};

/// Entries taken in by one transaction at most: some 8 MiB of them.
const BATCH: usize = 8_192;
/// A search waits for the index if it is no further behind than this; otherwise the answer says how far it is.
const NEAR: u64 = 20_000;
/// Matches that are counted; of more it is said that there are more.
const COUNTED: u64 = 10_000;
/// Entries whose events are counted together: see `tally` in [`file`].
pub(crate) const BLOCK: u64 = 2_048;
/// Microseconds in an hour.
pub(crate) const HOUR: i64 = 3_600_000_000;
/// People of whom a part of the name is asked, at most.
const PEOPLE: i64 = 500;

/// The searchable index. Cheap to clone.
#[derive(Clone)]
pub struct Index(Arc<Inner>);

struct Inner {
    path: PathBuf,
    reader: Reader,
    opener: Opener,
    pool: RwLock<SqlitePool>,
    /// Held by whoever takes entries in.
    taking: tokio::sync::Mutex<()>,
}

/// What can go wrong with the index. A damaged one is made anew by itself.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// A statement failed.
    #[error("the event index cannot be read or written; look at the room on its disk")]
    Sql(#[from] sqlx::Error),
    /// An event in it is not one.
    #[error("an event in the index cannot be read")]
    Form(#[from] serde_json::Error),
    /// An event in it is of a kind that there is not.
    #[error("an event in the index is of kind {0}, which there is not")]
    Kind(i64),
    /// It was made by another version.
    #[error("the index is of version {0}")]
    Version(i64),
    /// It holds more than the ledger.
    #[error("the index is of another ledger, or of a later state of this one")]
    Ahead,
    /// A damaged file could not be taken away.
    #[error("the damaged event index cannot be removed; remove it, and it is made anew")]
    Remove(#[source] std::io::Error),
    /// The ledger could not be read.
    #[error("the ledger cannot be read")]
    Ledger(#[from] avouch_ledger::ReadError),
    /// The thread that reads the ledger ended.
    #[error("reading the ledger was given up")]
    Reading(#[from] tokio::task::JoinError),
}

impl IndexError {
    /// Whether making the file anew would mend it: SQLite's corruption, a file that is no database, a table that is
    /// gone; not a full disk or a busy file.
    fn is_damage(&self) -> bool {
        match self {
            Self::Form(_)
            | Self::Kind(_)
            | Self::Version(_)
            | Self::Ahead
            | Self::Ledger(avouch_ledger::ReadError::NotThere { .. }) => true,
            Self::Sql(sqlx::Error::Database(error)) => {
                let code = error.code().and_then(|code| code.parse::<i64>().ok());
                match code.map(|code| code & 0xff) {
                    Some(11 | 26) => true,
                    Some(1) => error.message().contains("no such"),
                    _ => false,
                }
            }
            Self::Sql(error) => matches!(
                error,
                sqlx::Error::ColumnDecode { .. } | sqlx::Error::RowNotFound
            ),
            _ => false,
        }
    }
}

impl Index {
    /// Opens the index of this ledger. One that is missing, damaged or of another version is begun anew; it then fills
    /// up as the ledger is followed.
    ///
    /// # Errors
    /// If the file can be neither opened nor made.
    pub async fn open(path: &Path, reader: Reader, opener: Opener) -> Result<Self, IndexError> {
        let pool = match file::connect(path).await {
            Err(error) if error.is_damage() => {
                tracing::warn!(%error, "the event index is made anew from the ledger");
                file::remove(path)?;
                file::connect(path).await?
            }
            opened => opened?,
        };
        Ok(Self(Arc::new(Inner {
            path: path.to_owned(),
            reader,
            opener,
            pool: RwLock::new(pool),
            taking: tokio::sync::Mutex::default(),
        })))
    }

    /// Entries of the ledger that it has taken in.
    ///
    /// # Errors
    /// If the index cannot be read.
    pub async fn next(&self) -> Result<u64, IndexError> {
        let next: i64 = sqlx::query_scalar("select next from progress")
            .fetch_one(&self.pool())
            .await?;
        Ok(u64::try_from(next).unwrap_or(0))
    }

    /// Takes in everything that the ledger has and the index has not; makes a damaged or missing file anew.
    ///
    /// Entries that are no events, or whose keys were destroyed, are passed over.
    ///
    /// # Errors
    /// If the ledger cannot be read or the index not written.
    pub async fn catch_up(&self) -> Result<u64, IndexError> {
        let _taking = self.0.taking.lock().await;
        let gone = !self.0.path.exists();
        match self.take_in().await {
            Ok(next) if !gone => Ok(next),
            Err(error) if !error.is_damage() => Err(error),
            other => {
                let why = other
                    .err()
                    .map_or("it is gone".to_owned(), |error| error.to_string());
                tracing::warn!(why, "the event index is made anew from the ledger");
                self.renew().await?;
                self.take_in().await
            }
        }
    }

    /// Follows the ledger for as long as it is polled, looking so often; what fails is tried again.
    pub async fn follow(&self, every: Duration) {
        loop {
            if let Err(error) = self.catch_up().await {
                tracing::error!(
                    error = format!("{error}: {:?}", std::error::Error::source(&error)),
                    "the event index lags behind; the ledger does not"
                );
            }
            tokio::time::sleep(every).await;
        }
    }

    /// Searches, newest first. What was recorded before is found, unless the index is far behind: see
    /// [`Page::indexed`].
    ///
    /// # Errors
    /// If the index cannot be read.
    pub async fn search(&self, query: &Query) -> Result<Page, IndexError> {
        let size = self.0.reader.size();
        self.take_in_the_newest().await?;
        match self.find(query, size).await {
            Err(error) if error.is_damage() => {
                tracing::warn!(%error, "the event index is made anew from the ledger");
                let taking = self.0.taking.lock().await;
                self.renew().await?;
                self.take_in().await?;
                drop(taking);
                self.find(query, size).await
            }
            Err(IndexError::Sql(sqlx::Error::PoolClosed)) => {
                drop(self.0.taking.lock().await);
                self.find(query, size).await
            }
            found => found,
        }
    }

    /// Takes in what was just recorded, unless the index is far behind.
    pub(crate) async fn take_in_the_newest(&self) -> Result<(), IndexError> {
        let size = self.0.reader.size();
        let far = matches!(self.next().await, Ok(next) if next < size && size - next > NEAR);
        if !far {
            self.catch_up().await?;
        }
        Ok(())
    }

    /// Where it is read.
    pub(crate) fn pool(&self) -> SqlitePool {
        self.0
            .pool
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Puts an empty file in the place of a damaged one. Only for whoever holds `taking`.
    async fn renew(&self) -> Result<(), IndexError> {
        // Whoever closes a database last takes the log beside it away by its name, which is the new one's name too: the
        // old one is closed first. Questions that meet this are asked again.
        self.pool().close().await;
        file::remove(&self.0.path)?;
        let new = file::connect(&self.0.path).await?;
        *self.0.pool.write().unwrap_or_else(PoisonError::into_inner) = new;
        Ok(())
    }

    async fn take_in(&self) -> Result<u64, IndexError> {
        let mut next = self.next().await?;
        if next > self.0.reader.size() {
            return Err(IndexError::Ahead);
        }
        while next < self.0.reader.size() {
            let inner = self.0.clone();
            let (upto, events) =
                tokio::task::spawn_blocking(move || read(&inner.reader, &inner.opener, next))
                    .await??;
            self.write(&events, upto).await?;
            next = upto;
        }
        Ok(next)
    }

    async fn find(&self, query: &Query, size: u64) -> Result<Page, IndexError> {
        let pool = self.pool();
        let mut page = Page {
            indexed: self.next().await?,
            size,
            ..Page::default()
        };
        let people = match &query.who {
            None => Vec::new(),
            Some(who) => {
                sqlx::query_scalar(
                    "select name from person where instr(lower(name), lower($1)) > 0 limit $2",
                )
                .bind(who)
                .bind(PEOPLE)
                .fetch_all(&pool)
                .await?
            }
        };
        let wanted = terms::of_query(query, &people);
        let Some(bounds) = bounds(&pool, query).await? else {
            return Ok(page);
        };
        let wanted = wanted.as_deref();
        let total: i64 = matching(
            "select count(*) from (select 1",
            wanted,
            query,
            bounds,
            COUNTED + 1,
        )
        .push(")")
        .build_query_scalar()
        .fetch_one(&pool)
        .await?;
        page.more_than_counted = u64::try_from(total).unwrap_or(0) > COUNTED;
        page.total = u64::try_from(total).unwrap_or(0).min(COUNTED);
        let limit = usize::from(query.limit.clamp(1, 1_000));
        let before = query.before.map_or(i64::MAX, number);
        let bounds = (bounds.0, bounds.1.min(before.saturating_sub(1)));
        let mut found: Vec<i64> = matching(
            "select event.number",
            wanted,
            query,
            bounds,
            limit as u64 + 1,
        )
        .build_query_scalar()
        .fetch_all(&pool)
        .await?;
        let more = found.len() > limit;
        found.truncate(limit);
        if more {
            page.next = found.last().and_then(|last| u64::try_from(*last).ok());
        }
        page.rows = self.opened(found).await?;
        Ok(page)
    }

    /// The events with these numbers, from the ledger. Those that nobody can open any more are left out.
    pub(crate) async fn opened(&self, numbers: Vec<i64>) -> Result<Vec<Row>, IndexError> {
        let inner = self.0.clone();
        tokio::task::spawn_blocking(move || {
            let mut rows = Vec::new();
            for number in numbers {
                let index = u64::try_from(number).unwrap_or(0);
                let stored = inner.reader.read(index)?;
                if let Ok(event) = inner.opener.event(&stored) {
                    rows.push(Row { index, event });
                }
            }
            Ok(rows)
        })
        .await?
    }
}

/// The events among the next entries from this one on, and where to go on.
fn read(
    reader: &Reader,
    opener: &Opener,
    from: u64,
) -> Result<(u64, Vec<(u64, Event)>), avouch_ledger::ReadError> {
    let (mut next, mut events) = (from, Vec::new());
    for stored in reader.scan(from).take(BATCH) {
        let stored = stored?;
        next = stored.index + 1;
        if stored.leaf.kind != Kind::Round
            && let Ok(event) = opener.event(&stored)
        {
            events.push((stored.index, event));
        }
    }
    Ok((next, events))
}

/// The first and the last entry that a question's times allow; `None` if no event lies between them.
async fn bounds(pool: &SqlitePool, query: &Query) -> Result<Option<(i64, i64)>, IndexError> {
    if query.from.is_none() && query.until.is_none() {
        return Ok(Some((0, i64::MAX)));
    }
    let micros =
        |time: Option<jiff::Timestamp>, none| time.map_or(none, jiff::Timestamp::as_microsecond);
    let bounds: (Option<i64>, Option<i64>) =
        sqlx::query_as("select min(number), max(number) from event where at >= $1 and at < $2")
            .bind(micros(query.from, i64::MIN))
            .bind(micros(query.until, i64::MAX))
            .fetch_one(pool)
            .await?;
    Ok(bounds.0.zip(bounds.1))
}

/// The newest events within the bounds that fit a question, at most so many.
fn matching(
    columns: &'static str,
    wanted: Option<&str>,
    query: &Query,
    bounds: (i64, i64),
    limit: u64,
) -> QueryBuilder<Sqlite> {
    let mut sql = QueryBuilder::new(columns);
    match wanted {
        Some(wanted) => {
            sql.push(" from words join event on event.number = words.rowid where words match ")
                .push_bind(wanted.to_owned())
                .push(" and words.rowid between ");
        }
        None => {
            sql.push(" from event where event.number between ");
        }
    }
    sql.push_bind(bounds.0).push(" and ").push_bind(bounds.1);
    match &query.tenant {
        None => {}
        Some(None) => {
            sql.push(" and event.tenant is null");
        }
        Some(Some(tenant)) => {
            sql.push(" and event.tenant = (select id from tenant where name = ")
                .push_bind(tenant.clone())
                .push(")");
        }
    }
    if let Some(from) = query.from {
        sql.push(" and event.at >= ")
            .push_bind(from.as_microsecond());
    }
    if let Some(until) = query.until {
        sql.push(" and event.at < ")
            .push_bind(until.as_microsecond());
    }
    let order = if wanted.is_some() {
        " order by words.rowid desc limit "
    } else {
        " order by event.number desc limit "
    };
    sql.push(order).push_bind(number(limit));
    sql
}

fn number(index: u64) -> i64 {
    i64::try_from(index).unwrap_or(i64::MAX)
}
