//! The schema, step by step. Each step is one transaction with the row that says it was done.

use crate::StoreError;
use sqlx::SqlitePool;

/// The steps of the store's own part, in order. A step is never edited once released; a change is a new step.
const STEPS: &[&str] = &[
    include_str!("../migrations/1-accounts.sql"),
    include_str!("../migrations/2-browsers.sql"),
];

const OWN: &str = "store";

const TABLE: &str = "create table if not exists migration (
    part text not null, step integer not null, sql text not null, primary key (part, step)) strict";

/// Applies the steps that the file does not have yet.
pub(crate) async fn bring_up_to_date(writer: &SqlitePool) -> Result<(), StoreError> {
    sqlx::query(TABLE).execute(writer).await?;
    let found: i64 = sqlx::query_scalar("select count(*) from migration where part = $1")
        .bind(OWN)
        .fetch_one(writer)
        .await?;
    let known = STEPS.len() as i64;
    if found > known {
        return Err(StoreError::Newer { found, known });
    }
    for (step, sql) in (1..).zip(STEPS) {
        apply(writer, OWN, step, sql).await?;
    }
    Ok(())
}

/// Applies another crate's part, which has one step.
pub(crate) async fn apply_part(
    writer: &SqlitePool,
    part: &str,
    sql: &'static str,
) -> Result<(), StoreError> {
    apply(writer, &format!("part/{part}"), 1, sql).await
}

async fn apply(
    writer: &SqlitePool,
    part: &str,
    step: i64,
    sql: &'static str,
) -> Result<(), StoreError> {
    let mut work = writer.begin_with("BEGIN IMMEDIATE").await?;
    let done: Option<String> =
        sqlx::query_scalar("select sql from migration where part = $1 and step = $2")
            .bind(part)
            .bind(step)
            .fetch_optional(&mut *work)
            .await?;
    match done {
        Some(done) if done == sql => return Ok(()),
        Some(_) => {
            return Err(StoreError::Changed {
                part: part.to_owned(),
            });
        }
        None => {}
    }
    sqlx::raw_sql(sql)
        .execute(&mut *work)
        .await
        .map_err(|source| StoreError::Migration {
            part: part.to_owned(),
            step,
            source,
        })?;
    sqlx::query("insert into migration (part, step, sql) values ($1, $2, $3)")
        .bind(part)
        .bind(step)
        .bind(sql)
        .execute(&mut *work)
        .await?;
    work.commit().await?;
    Ok(())
}
