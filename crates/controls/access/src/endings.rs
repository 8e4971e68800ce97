//! The ends of sessions: whatever ends one, whoever keeps something open for it is told.

use crate::{Access, AccessError, PersonId, TokenDigest};
use avouch_store::timestamp;
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use sqlx::{Row as _, Sqlite, Transaction, sqlite::SqliteRow};
use std::sync::OnceLock;

/// A session that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// Whose it was.
    pub person: PersonId,
    /// The host it was good at.
    pub host: String,
    /// When its sign-in was.
    pub created: Timestamp,
}

/// Who is told.
pub(crate) type Listener = OnceLock<Box<dyn Fn(&[Ended]) -> BoxFuture<'static, ()> + Send + Sync>>;

/// The columns that [`Ended::read`] reads, of sessions that a statement has just taken away.
macro_rules! returning {
    () => {
        " returning person, host, created"
    };
}
pub(crate) use returning;

impl Ended {
    pub(crate) fn read(row: &SqliteRow) -> Result<Self, AccessError> {
        Ok(Self {
            person: PersonId::new(row.try_get::<String, _>("person")?),
            host: row.try_get("host")?,
            created: timestamp(row.try_get("created")?)?,
        })
    }

    pub(crate) fn read_all(rows: &[SqliteRow]) -> Result<Vec<Self>, AccessError> {
        rows.iter().map(Self::read).collect()
    }
}

impl Access {
    /// Has `listener` told of every session that ends by an act or by its absolute limit, once that is on disk. Such an act
    /// is done when the listener is. The first one given stays.
    pub fn when_sessions_end(
        &self,
        listener: impl Fn(&[Ended]) -> BoxFuture<'static, ()> + Send + Sync + 'static,
    ) {
        let _ = self.listener.set(Box::new(listener));
    }

    pub(crate) async fn tell(&self, ended: &[Ended]) {
        if let Some(listener) = self.listener.get()
            && !ended.is_empty()
        {
            listener(ended).await;
        }
    }
}

/// Ends every session of the person, and every pass, code and half sign-in under way.
pub(crate) async fn of_person(
    work: &mut Transaction<'static, Sqlite>,
    id: &PersonId,
) -> Result<Vec<Ended>, AccessError> {
    let rows = sqlx::query(concat!(
        "delete from session where person = $1",
        returning!()
    ))
    .bind(id.as_str())
    .fetch_all(&mut **work)
    .await?;
    for sql in [
        "delete from code where person = $1",
        "delete from halfway where person = $1",
    ] {
        sqlx::query(sql)
            .bind(id.as_str())
            .execute(&mut **work)
            .await?;
    }
    Ended::read_all(&rows)
}

/// Ends the one session with this token at this host.
pub(crate) async fn of_token(
    work: &mut Transaction<'static, Sqlite>,
    digest: &TokenDigest,
    host: &str,
) -> Result<Vec<Ended>, AccessError> {
    let rows = sqlx::query(concat!(
        "delete from session where token_digest = $1 and host = $2",
        returning!()
    ))
    .bind(digest.0.as_slice())
    .bind(host)
    .fetch_all(&mut **work)
    .await?;
    Ended::read_all(&rows)
}
