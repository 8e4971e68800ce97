//! Incidents in the store, so that they are history after a restart; and when the service last ran.

use avouch_statement::TenantId;
use avouch_store::{Store, StoreError, micros, timestamp};
use jiff::Timestamp;

use crate::book::{About, Incident};
use crate::letters::{LetterId, Letters};

/// This part of the schema, and its name.
const SCHEMA: (&str, &str) = (
    "status",
    "create table incident (
    number integer primary key,
    tenant text not null,
    seen integer not null,
    title text not null,
    began integer not null,
    told integer not null,
    ended integer,
    updates text not null
) strict;
create table service_beat (id integer primary key check (id = 1), last integer not null, at integer not null) strict;",
);

/// The letters that were taken.
const MAIL: (&str, &str) = (
    "status-mail",
    "create table status_mail (number integer not null, over integer not null, primary key (number, over)) strict;",
);

/// The letters that were given up, and since when letters are written at all.
const LOST_MAIL: (&str, &str) = (
    "status-mail-given-up",
    "create table status_mail_given_up (
    number integer not null,
    over integer not null,
    at integer not null,
    primary key (number, over)
) strict;
create table status_mail_since (id integer primary key check (id = 1), at integer not null) strict;",
);

/// Why incidents cannot be kept or read.
#[derive(Debug, thiserror::Error)]
pub enum RecordsError {
    /// The store refused.
    #[error("the store does not take or give incidents")]
    Store(#[from] sqlx::Error),
    /// Its schema, or a time in it, is not ours.
    #[error("the store's incidents are not as this build writes them")]
    Schema(#[from] StoreError),
    /// Its updates are not ours.
    #[error("the updates of incident {number} cannot be read")]
    Updates {
        /// Which.
        number: u64,
        /// Why.
        source: serde_json::Error,
    },
}

/// What a start finds.
pub struct Found {
    /// Every incident that is kept.
    pub incidents: Vec<Incident>,
    /// The last number that was given, and when the service last said that it runs.
    pub beat: Option<(u64, Timestamp)>,
}

type Row = (i64, String, bool, String, i64, i64, Option<i64>, String);

/// Opens this part of the store.
///
/// # Errors
/// If it cannot be read.
pub async fn open(store: &Store) -> Result<Found, RecordsError> {
    for (part, sql) in [SCHEMA, MAIL, LOST_MAIL] {
        store.execute_schema(part, sql).await?;
    }
    let beat: Option<(i64, i64)> = sqlx::query_as("select last, at from service_beat")
        .fetch_optional(store.readers())
        .await?;
    let beat = beat
        .map(|(last, at)| Ok::<_, StoreError>((last.unsigned_abs(), timestamp(at)?)))
        .transpose()?;
    let incidents = all(store).await?;
    Ok(Found { incidents, beat })
}

/// Every incident that is kept.
///
/// # Errors
/// If one cannot be read.
pub async fn all(store: &Store) -> Result<Vec<Incident>, RecordsError> {
    let rows: Vec<Row> = sqlx::query_as(
        "select number, tenant, seen, title, began, told, ended, updates from incident order by number",
    )
    .fetch_all(store.readers())
    .await?;
    rows.into_iter().map(read).collect()
}

fn read(
    (number, tenant, seen, title, began, told, ended, updates): Row,
) -> Result<Incident, RecordsError> {
    let number = number.unsigned_abs();
    let tenant: Option<TenantId> = tenant.parse().ok();
    Ok(Incident {
        number,
        about: tenant.map_or(About::Everybody, About::Tenant),
        seen,
        title,
        began: timestamp(began)?,
        told: timestamp(told)?,
        ended: ended.map(timestamp).transpose()?,
        updates: serde_json::from_str(&updates)
            .map_err(|source| RecordsError::Updates { number, source })?,
    })
}

/// Keeps an incident, or its newer form. A rehearsal is not kept.
///
/// # Errors
/// If the store does not take it.
pub async fn keep(store: &Store, incident: &Incident) -> Result<(), RecordsError> {
    let tenant = match &incident.about {
        About::Everybody => "",
        About::Tenant(tenant) => tenant.as_str(),
        About::Rehearsal(_) => return Ok(()),
    };
    let number = incident.number;
    let updates = serde_json::to_string(&incident.updates)
        .map_err(|source| RecordsError::Updates { number, source })?;
    let mut work = store.write().await?;
    sqlx::query(
        "insert into incident (number, tenant, seen, title, began, told, ended, updates)
         values ($1, $2, $3, $4, $5, $6, $7, $8)
         on conflict (number) do update set ended = excluded.ended, updates = excluded.updates",
    )
    .bind(number.cast_signed())
    .bind(tenant)
    .bind(incident.seen)
    .bind(&incident.title)
    .bind(micros(incident.began))
    .bind(micros(incident.told))
    .bind(incident.ended.map(micros))
    .bind(updates)
    .execute(&mut *work)
    .await?;
    Ok(work.commit().await?)
}

/// Takes incidents away.
///
/// # Errors
/// If the store does not do it.
pub async fn forget(store: &Store, numbers: &[u64]) -> Result<(), RecordsError> {
    let mut work = store.write().await?;
    for number in numbers {
        for gone in [
            "delete from status_mail where number = $1",
            "delete from status_mail_given_up where number = $1",
            "delete from incident where number = $1",
        ] {
            sqlx::query(gone)
                .bind(number.cast_signed())
                .execute(&mut *work)
                .await?;
        }
    }
    Ok(work.commit().await?)
}

/// What became of the letters. Letters are written of what is told from now on, unless they were before, too.
///
/// # Errors
/// If the store cannot be read, or does not take since when.
pub async fn letters(store: &Store, now: Timestamp) -> Result<Letters, RecordsError> {
    let mut work = store.write().await?;
    sqlx::query("insert or ignore into status_mail_since (id, at) values (1, $1)")
        .bind(micros(now))
        .execute(&mut *work)
        .await?;
    work.commit().await?;
    let since: i64 = sqlx::query_scalar("select at from status_mail_since")
        .fetch_one(store.readers())
        .await?;
    let taken: Vec<(i64, bool)> = sqlx::query_as("select number, over from status_mail")
        .fetch_all(store.readers())
        .await?;
    let given_up: Vec<(i64, bool, i64)> =
        sqlx::query_as("select number, over, at from status_mail_given_up")
            .fetch_all(store.readers())
            .await?;
    let id = |number: i64, over| LetterId {
        number: number.unsigned_abs(),
        over,
    };
    let given_up = given_up.into_iter();
    let given_up = given_up.map(|(number, over, at)| Ok((id(number, over), timestamp(at)?)));
    let given_up = given_up.collect::<Result<Vec<_>, StoreError>>()?;
    let taken = taken.into_iter().map(|(number, over)| id(number, over));
    Ok(Letters::new(timestamp(since)?, taken, given_up))
}

/// No letters are written: once they are again, what is told in between is no news.
///
/// # Errors
/// If the store does not take it.
pub async fn no_letters(store: &Store) -> Result<(), RecordsError> {
    let mut work = store.write().await?;
    sqlx::query("delete from status_mail_since")
        .execute(&mut *work)
        .await?;
    Ok(work.commit().await?)
}

/// Keeps that a letter was taken, or given up then.
///
/// # Errors
/// If the store does not take it.
pub async fn mail(
    store: &Store,
    id: LetterId,
    given_up: Option<Timestamp>,
) -> Result<(), RecordsError> {
    let mut work = store.write().await?;
    let query = match given_up {
        None => sqlx::query("insert or ignore into status_mail (number, over) values ($1, $2)"),
        Some(_) => sqlx::query(
            "insert or ignore into status_mail_given_up (number, over, at) values ($1, $2, $3)",
        ),
    };
    let query = query.bind(id.number.cast_signed()).bind(id.over);
    let query = match given_up {
        None => query,
        Some(at) => query.bind(micros(at)),
    };
    query.execute(&mut *work).await?;
    Ok(work.commit().await?)
}

/// Says that the service runs, and which number was given last.
///
/// # Errors
/// If the store does not take it.
pub async fn beat(store: &Store, last: u64, now: Timestamp) -> Result<(), RecordsError> {
    let mut work = store.write().await?;
    sqlx::query(
        "insert into service_beat (id, last, at) values (1, $1, $2)
         on conflict (id) do update set last = excluded.last, at = excluded.at",
    )
    .bind(last.cast_signed())
    .bind(micros(now))
    .execute(&mut *work)
    .await?;
    Ok(work.commit().await?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::book::Update;
    use crate::letters::Stands;

    #[tokio::test]
    async fn what_is_kept_is_read_back_whole_and_a_rehearsal_is_not_kept() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("store.db")).await.unwrap();
        assert!(open(&store).await.unwrap().beat.is_none());
        let at = |second| Timestamp::from_second(second).unwrap();
        let mut incident = Incident {
            number: 3,
            about: About::Tenant("riverside".parse().unwrap()),
            seen: true,
            title: "does not answer".to_owned(),
            began: at(10),
            told: at(12),
            ended: None,
            updates: Vec::new(),
        };
        keep(&store, &incident).await.unwrap();
        incident.ended = Some(at(20));
        incident.updates.push(Update {
            at: at(15),
            text: "found".to_owned(),
        });
        keep(&store, &incident).await.unwrap();
        let rehearsal = Incident {
            number: 4,
            about: About::Rehearsal("riverside".parse().unwrap()),
            ..incident.clone()
        };
        keep(&store, &rehearsal).await.unwrap();
        beat(&store, 4, at(30)).await.unwrap();
        let found = open(&store).await.unwrap();
        assert_eq!(found.incidents, std::slice::from_ref(&incident));
        assert_eq!(found.beat, Some((4, at(30))));
        let letter = |over| LetterId { number: 3, over };
        letters(&store, at(5)).await.unwrap();
        mail(&store, letter(false), None).await.unwrap();
        mail(&store, letter(true), Some(at(40))).await.unwrap();
        let stand = async || {
            let letters = letters(&store, at(50)).await.unwrap();
            let of = letters.of(&found.incidents[0]).into_iter();
            of.map(|(_, stands)| stands).collect::<Vec<_>>()
        };
        assert_eq!(stand().await, [Stands::Taken, Stands::GivenUp(at(40))]);
        no_letters(&store).await.unwrap();
        assert_eq!(
            stand().await,
            [],
            "it was told before letters are written again"
        );
        forget(&store, &[3]).await.unwrap();
        let left = letters(&store, at(50)).await.unwrap();
        assert_eq!(left.last_given_up(), None);
        assert_eq!(all(&store).await.unwrap(), []);
    }
}
