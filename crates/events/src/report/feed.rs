//! Where the events of a report come from: the index, which is quick, or the ledger itself, which nobody can rewrite.

use std::ops::Range;

use avouch_ledger::{Kind, Reader};
use jiff::Timestamp;
use sqlx::{QueryBuilder, Sqlite};

use super::{Report, Tally, Wanted};
use crate::index::{Index, IndexError};
use crate::{Event, Opener};

/// Events read at once.
const PAGE: i64 = 5_000;

/// Makes a report from the index; `entries` keeps to a part of the ledger.
///
/// # Errors
/// If the index cannot be read.
pub async fn indexed(
    index: &Index,
    wanted: &Wanted<'_>,
    entries: Option<Range<u64>>,
    now: Timestamp,
) -> Result<Report, IndexError> {
    let mut tally = Tally::new(wanted);
    let (from, until) = wanted.period.bounds();
    let mut after = (from.as_microsecond(), -1);
    loop {
        let mut sql = QueryBuilder::<Sqlite>::new("select at, number, body from event where at < ");
        sql.push_bind(until.as_microsecond());
        sql.push(" and (at, number) > (").push_bind(after.0);
        sql.push(", ").push_bind(after.1).push(")");
        if let Some(entries) = &entries {
            sql.push(" and number >= ")
                .push_bind(i64::try_from(entries.start).unwrap_or(i64::MAX));
            sql.push(" and number < ")
                .push_bind(i64::try_from(entries.end).unwrap_or(i64::MAX));
        }
        if let Some(tenant) = wanted.tenant {
            sql.push(" and tenant = ").push_bind(tenant.to_string());
        }
        sql.push(" order by at, number limit ").push_bind(PAGE);
        let rows: Vec<(i64, i64, String)> = sql.build_query_as().fetch_all(&index.pool()).await?;
        for (at, number, body) in &rows {
            after = (*at, *number);
            tally.add(&serde_json::from_str(body)?);
        }
        if i64::try_from(rows.len()).unwrap_or(i64::MAX) < PAGE {
            return Ok(tally.finish(now));
        }
    }
}

/// Makes the same report from a part of the ledger, without the index.
///
/// # Errors
/// If the ledger cannot be read.
pub fn recorded(
    reader: &Reader,
    opener: &Opener,
    wanted: &Wanted<'_>,
    entries: Range<u64>,
    now: Timestamp,
) -> Result<Report, avouch_ledger::ReadError> {
    let mut events: Vec<(u64, Event)> = Vec::new();
    for stored in reader.scan(entries.start) {
        let stored = stored?;
        if stored.index >= entries.end {
            break;
        }
        if stored.leaf.kind != Kind::Round
            && let Ok(event) = opener.event(&stored)
        {
            events.push((stored.index, event));
        }
    }
    events.sort_by_key(|(index, event)| (event.at.as_microsecond(), *index));
    let mut tally = Tally::new(wanted);
    for (_, event) in &events {
        tally.add(event);
    }
    Ok(tally.finish(now))
}
