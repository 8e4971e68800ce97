//! The index: events by who, what, subject and time, in SQLite. Derived from the ledger; may be deleted.

use std::path::Path;

use avouch_ledger::{Kind, Reader};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{QueryBuilder, Row as _, Sqlite, SqlitePool};
use tokio::sync::mpsc;

use crate::{Event, Opener, Page, Query, Row};

/// Events written in one transaction at most.
const BATCH: usize = 2_000;

const SCHEMA: &str = "
create table if not exists event (
    number integer primary key,
    at integer not null,
    tenant text,
    who text not null,
    action text not null,
    outcome text not null,
    synthetic integer not null,
    object text not null,
    reason text not null,
    body text not null
) strict;
create index if not exists event_tenant on event (tenant, number);
create index if not exists event_who on event (who, number);
create index if not exists event_at on event (at);
create table if not exists subject (
    subject text not null,
    number integer not null references event (number),
    primary key (subject, number)
) strict, without rowid;
create table if not exists progress (only integer primary key check (only = 1), next integer not null) strict;
insert or ignore into progress (only, next) values (1, 0);
";

/// The searchable index.
#[derive(Debug, Clone)]
pub struct Index {
    pool: SqlitePool,
}

/// What can go wrong with the index; deleting its file mends it.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// A statement failed.
    #[error(
        "the event index cannot be read or written; delete it and it is rebuilt from the ledger"
    )]
    Sql(#[from] sqlx::Error),
    /// An event in it is not one.
    #[error("an event in the index cannot be read; delete it and it is rebuilt from the ledger")]
    Form(#[from] serde_json::Error),
    /// The ledger could not be read.
    #[error("the ledger cannot be read")]
    Ledger(#[from] avouch_ledger::ReadError),
}

impl Index {
    /// Opens the index, or begins one.
    ///
    /// # Errors
    /// If the file is not a sound database.
    pub async fn open(path: &Path) -> Result<Self, IndexError> {
        // NORMAL: what a power cut loses here is read again from the ledger.
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Normal);
        let pool = SqlitePoolOptions::new()
            .max_connections(4)
            .connect_with(options)
            .await?;
        sqlx::raw_sql(SCHEMA).execute(&pool).await?;
        Ok(Self { pool })
    }

    /// Where it is read.
    pub(crate) const fn pool(&self) -> &SqlitePool {
        &self.pool
    }

    /// Entries of the ledger that it has taken in.
    ///
    /// # Errors
    /// If the index cannot be read.
    pub async fn next(&self) -> Result<u64, IndexError> {
        let next: i64 = sqlx::query_scalar("select next from progress")
            .fetch_one(&self.pool)
            .await?;
        Ok(u64::try_from(next).unwrap_or(0))
    }

    /// Takes in everything that the ledger has and the index has not.
    ///
    /// Entries that are no events, or whose keys were destroyed, are passed over.
    ///
    /// # Errors
    /// If the ledger cannot be read or the index not written.
    pub async fn catch_up(&self, reader: &Reader, opener: &Opener) -> Result<u64, IndexError> {
        let mut batch = Vec::with_capacity(BATCH);
        // Acknowledgements may have come out of order before a crash: look again at the newest ones.
        let mut next = self.next().await?.saturating_sub(BATCH as u64);
        for stored in reader.scan(next) {
            let stored = stored?;
            next = stored.index + 1;
            if stored.leaf.kind != Kind::Round
                && let Ok(event) = opener.event(&stored)
            {
                batch.push((stored.index, event));
            }
            if batch.len() >= BATCH {
                self.write(&std::mem::take(&mut batch), next).await?;
            }
        }
        self.write(&batch, next).await?;
        Ok(next)
    }

    /// Takes in events as they are recorded, until the recorder goes. Catch up first.
    ///
    /// # Errors
    /// If the index cannot be written; the ledger is not affected.
    pub async fn follow(
        &self,
        mut recorded: mpsc::UnboundedReceiver<(u64, Event)>,
    ) -> Result<(), IndexError> {
        let mut batch = Vec::new();
        while recorded.recv_many(&mut batch, BATCH).await > 0 {
            let next = batch.iter().map(|(index, _)| index + 1).max().unwrap_or(0);
            self.write(&batch, next).await?;
            batch.clear();
        }
        Ok(())
    }

    async fn write(&self, events: &[(u64, Event)], next: u64) -> Result<(), IndexError> {
        let mut transaction = self.pool.begin_with("begin immediate").await?;
        for (number, event) in events {
            let number = i64::try_from(*number).unwrap_or(i64::MAX);
            sqlx::query(
                "insert or ignore into event values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
            )
            .bind(number)
            .bind(event.at.as_microsecond())
            .bind(event.tenant.as_ref().map(ToString::to_string))
            .bind(&event.who.name)
            .bind(event.action.to_string())
            .bind(event.outcome.to_string())
            .bind(event.who.role == crate::Role::Synthetic)
            .bind(&event.object)
            .bind(&event.reason)
            .bind(serde_json::to_string(event)?)
            .execute(&mut *transaction)
            .await?;
            for subject in &event.subjects {
                sqlx::query("insert or ignore into subject values ($1, $2)")
                    .bind(subject)
                    .bind(number)
                    .execute(&mut *transaction)
                    .await?;
            }
        }
        sqlx::query("update progress set next = max(next, $1)")
            .bind(i64::try_from(next).unwrap_or(i64::MAX))
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Searches, newest first.
    ///
    /// # Errors
    /// If the index cannot be read.
    pub async fn search(&self, query: &Query) -> Result<Page, IndexError> {
        let limit = query.limit.clamp(1, 1_000);
        let total: i64 = matching("select count(*)", query)
            .build_query_scalar()
            .fetch_one(&self.pool)
            .await?;
        let mut page = matching("select number, body", query);
        page.push(" order by number desc limit ")
            .push_bind(i64::from(limit));
        page.push(" offset ")
            .push_bind(i64::try_from(query.skip).unwrap_or(i64::MAX));
        let mut rows = Vec::with_capacity(usize::from(limit));
        for row in page.build().fetch_all(&self.pool).await? {
            let number: i64 = row.try_get(0)?;
            let body: String = row.try_get(1)?;
            rows.push(Row {
                index: u64::try_from(number).unwrap_or(0),
                event: serde_json::from_str(&body)?,
            });
        }
        Ok(Page {
            rows,
            total: u64::try_from(total).unwrap_or(0),
            indexed: self.next().await?,
        })
    }
}

fn matching(columns: &'static str, query: &Query) -> QueryBuilder<Sqlite> {
    let mut sql = QueryBuilder::new(columns);
    sql.push(" from event where true");
    match &query.tenant {
        Some(Some(tenant)) => {
            sql.push(" and tenant = ").push_bind(tenant.clone());
        }
        Some(None) => {
            sql.push(" and tenant is null");
        }
        None => {}
    }
    for (text, clause) in [
        (&query.action, " and action = "),
        (&query.outcome, " and outcome = "),
    ] {
        if let Some(text) = text {
            sql.push(clause).push_bind(text.clone());
        }
    }
    if let Some(who) = &query.who {
        sql.push(" and instr(lower(who), lower(")
            .push_bind(who.clone())
            .push(")) > 0");
    }
    if let Some(words) = &query.words {
        sql.push(" and (instr(lower(object), lower(")
            .push_bind(words.clone())
            .push(")) > 0 or instr(lower(reason), lower(");
        sql.push_bind(words.clone()).push(")) > 0)");
    }
    if let Some(subject) = &query.subject {
        sql.push(" and number in (select number from subject where subject = ")
            .push_bind(subject.clone())
            .push(")");
    }
    if let Some(from) = query.from {
        sql.push(" and at >= ").push_bind(from.as_microsecond());
    }
    if let Some(until) = query.until {
        sql.push(" and at < ").push_bind(until.as_microsecond());
    }
    if query.without_checks {
        sql.push(" and synthetic = 0");
    }
    sql
}
