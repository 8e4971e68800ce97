//! Rounds in the store, where pages and packs read them.

use avouch_evidence::Sealed;
use avouch_store::{Store, micros};
use jiff::Timestamp;

use crate::fail::Fail;

/// A round that is in the ledger.
#[derive(Debug, Clone)]
pub struct Kept {
    pub number: u64,
    pub index: u64,
    pub sealed: Sealed,
}

/// Puts a round into the store, or in the place of what stands there under its number.
///
/// # Errors
/// If the store cannot be written.
pub async fn keep(store: &Store, round: &Kept, at: Timestamp) -> Result<(), Fail> {
    let unkept = |error: sqlx::Error| Fail::new("the round cannot be kept").from(error);
    let document = serde_json::to_string(&round.sealed)
        .map_err(|error| Fail::new("the round cannot be written").from(error))?;
    let mut work = store.write().await.map_err(unkept)?;
    sqlx::query(
        "insert or replace into round (number, at, log_index, document) values ($1, $2, $3, $4)",
    )
    .bind(i64::try_from(round.number).unwrap_or(i64::MAX))
    .bind(micros(at))
    .bind(i64::try_from(round.index).unwrap_or(i64::MAX))
    .bind(document)
    .execute(&mut *work)
    .await
    .map_err(unkept)?;
    work.commit().await.map_err(unkept)
}

/// The newest rounds in the store, newest first.
///
/// # Errors
/// If the store cannot be read.
pub(super) async fn read(store: &Store, most: i64) -> Result<Vec<Kept>, Fail> {
    let rows: Vec<(i64, i64, String)> = sqlx::query_as("select number, log_index, document from round where log_index is not null order by number desc limit $1")
        .bind(most)
        .fetch_all(store.readers())
        .await
        .map_err(|error| Fail::new("the rounds cannot be read").from(error))?;
    rows.into_iter()
        .map(|(number, index, document)| {
            let sealed = serde_json::from_str(&document)
                .map_err(|error| Fail::new(format!("round {number} cannot be read")).from(error))?;
            Ok(Kept {
                number: number.unsigned_abs(),
                index: index.unsigned_abs(),
                sealed,
            })
        })
        .collect()
}
