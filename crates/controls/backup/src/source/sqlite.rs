//! SQLite: a copy in one statement, the database's own checks, and the digests of its tables.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use futures_util::TryStreamExt;
use serde::{Deserialize, Serialize};
use sqlx::{
    AssertSqlSafe, ConnectOptions, Connection, Row, SqliteConnection, TypeInfo, ValueRef,
    sqlite::{SqliteConnectOptions, SqliteRow},
};

use super::{Fault, SourceError};
use crate::manifest::{Database, Rows};

/// What SQLite's own checks said of a database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Damage {
    /// `PRAGMA integrity_check` said something other than `ok`; its first line.
    Integrity(String),
    /// `PRAGMA foreign_key_check` named this many rows.
    ForeignKeys(u64),
}

impl std::fmt::Display for Damage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Integrity(line) => write!(f, "its integrity check says: {line}"),
            Self::ForeignKeys(rows) => write!(f, "{rows} rows refer to a row that is not there"),
        }
    }
}

/// Copies a database as it is at one instant, while others write to it.
///
/// `VACUUM INTO` reads everything in one read transaction and writes a database of its own, so that neither a
/// half-written page nor the write-ahead log is part of the copy.
pub(super) async fn copy(from: &Path, to: &Path) -> Result<(), SourceError> {
    if !from.is_file() {
        return Err(SourceError::Absent(from.to_owned()));
    }
    if let Some(parent) = to.parent() {
        std::fs::create_dir_all(parent).map_err(SourceError::io("create", parent))?;
    }
    let fault = fault(from);
    let mut connection = open(from).await?;
    let tables: i64 = sqlx::query_scalar("select count(*) from sqlite_schema where type = 'table'")
        .fetch_one(&mut connection)
        .await
        .map_err(&fault)?;
    // A file of no bytes opens as a database too; a copy of it would be a backup that did nothing.
    if tables == 0 {
        return Err(SourceError::Empty(from.to_owned()));
    }
    let target = to.to_string_lossy().into_owned();
    sqlx::query("vacuum into ?1")
        .bind(target)
        .execute(&mut connection)
        .await
        .map_err(&fault)?;
    connection.close().await.map_err(&fault)?;
    // Restored, it is to be as accessible as it was.
    let mode = std::fs::metadata(from).map_err(SourceError::io("read", from))?;
    std::fs::set_permissions(to, mode.permissions()).map_err(SourceError::io("write", to))
}

/// Runs SQLite's own checks on a database, and records its schema and tables.
///
/// # Errors
///
/// If it cannot be read, or is damaged.
pub async fn inspect(path: &Path) -> Result<Database, SourceError> {
    let fault = fault(path);
    let mut connection = open(path).await?;
    check(path, &mut connection).await?;
    let user_version = sqlx::query_scalar("pragma user_version")
        .fetch_one(&mut connection)
        .await
        .map_err(&fault)?;
    let objects: Vec<(String, String, String)> = sqlx::query_as(
        "select type, name, sql from sqlite_schema where sql is not null and name not like 'sqlite\\_%' escape '\\' \
         order by name",
    )
    .fetch_all(&mut connection)
    .await
    .map_err(&fault)?;
    let mut tables = BTreeMap::new();
    for (kind, name, sql) in &objects {
        // The rows of a virtual table are in ordinary tables beside it.
        if kind == "table" && !sql.to_ascii_lowercase().starts_with("create virtual") {
            let quoted = name.replace('"', "\"\"");
            let mut rows = Rows::new();
            let query = sqlx::query(AssertSqlSafe(format!("select * from \"{quoted}\"")));
            let mut stream = query.fetch(&mut connection);
            while let Some(row) = stream.try_next().await.map_err(&fault)? {
                add(&mut rows, &row).map_err(&fault)?;
            }
            drop(stream);
            tables.insert(name.clone(), rows.finish());
        }
    }
    connection.close().await.map_err(&fault)?;
    let schema = objects.into_iter().map(|(_, _, sql)| sql).collect();
    Ok(Database {
        user_version,
        schema,
        tables,
        server: None,
    })
}

/// Asks a restored database one question, which must be answered by a single true value.
///
/// # Errors
///
/// If the question cannot be asked: it is not one `select`, or SQLite refuses it.
pub async fn expect(path: &Path, question: &str) -> Result<bool, SourceError> {
    let fault = fault(path);
    let mut connection = open(path).await?;
    let answers = sqlx::query(AssertSqlSafe(question.to_owned()))
        .fetch_all(&mut connection)
        .await
        .map_err(&fault)?;
    connection.close().await.map_err(&fault)?;
    let [row] = answers.as_slice() else {
        return Ok(false);
    };
    Ok(row.columns().len() == 1
        && row
            .try_get_unchecked::<i64, _>(0)
            .is_ok_and(|value| value == 1))
}

async fn check(path: &Path, connection: &mut SqliteConnection) -> Result<(), SourceError> {
    let fault = fault(path);
    let damaged = |damage| {
        Err(SourceError::Damaged {
            path: path.to_owned(),
            damage,
        })
    };
    let said: Vec<String> = sqlx::query_scalar("pragma integrity_check")
        .fetch_all(&mut *connection)
        .await
        .map_err(&fault)?;
    if said != ["ok"] {
        return damaged(Damage::Integrity(
            said.into_iter().next().unwrap_or_default(),
        ));
    }
    let orphans = sqlx::query("pragma foreign_key_check")
        .fetch_all(&mut *connection)
        .await
        .map_err(&fault)?;
    if !orphans.is_empty() {
        return damaged(Damage::ForeignKeys(orphans.len() as u64));
    }
    Ok(())
}

async fn open(path: &Path) -> Result<SqliteConnection, SourceError> {
    SqliteConnectOptions::new()
        .filename(path)
        .read_only(true)
        .disable_statement_logging()
        .connect()
        .await
        .map_err(fault(path))
}

fn fault(path: &Path) -> impl Fn(sqlx::Error) -> SourceError {
    let path: PathBuf = path.to_owned();
    move |source| {
        let error = SourceError::Sqlite {
            path: path.clone(),
            source,
        };
        match error.fault().map(|found| found.fault) {
            Some(Fault::NotADatabase) => SourceError::NotADatabase(path.clone()),
            _ => error,
        }
    }
}

/// Adds a row by the type and bytes of each value, so that `1`, `1.0` and `'1'` differ.
fn add(rows: &mut Rows, row: &SqliteRow) -> Result<(), sqlx::Error> {
    let mut bytes = Vec::new();
    let mut first = 0;
    for index in 0..row.columns().len() {
        let raw = row.try_get_raw(index)?;
        if raw.is_null() {
            bytes.push(0);
        } else {
            let kind = raw.type_info().name().to_owned();
            match kind.as_str() {
                "INTEGER" => {
                    bytes.push(1);
                    bytes.extend(row.try_get_unchecked::<i64, _>(index)?.to_le_bytes());
                }
                "REAL" => {
                    bytes.push(2);
                    bytes.extend(row.try_get_unchecked::<f64, _>(index)?.to_le_bytes());
                }
                other => {
                    bytes.push(if other == "TEXT" { 3 } else { 4 });
                    let value = row.try_get_unchecked::<&[u8], _>(index)?;
                    bytes.extend((value.len() as u64).to_le_bytes());
                    bytes.extend(value);
                }
            }
        }
        if index == 0 {
            first = bytes.len();
        }
    }
    rows.add(&bytes, bytes.get(..first).unwrap_or_default());
    Ok(())
}
