//! Where the events of a report come from: the index, which is quick, or the ledger itself, which nobody can rewrite.

use std::ops::Range;

use avouch_ledger::{Kind, Reader};
use jiff::Timestamp;
use sqlx::{QueryBuilder, Sqlite};

use super::{Fact, Group, Report, START, Tally, Wanted};
use crate::index::{BLOCK, HOUR, Index, IndexError};
use crate::{Action, Event, Opener, Query};

/// Rows read at once.
const PAGE: i64 = 20_000;

/// Makes a report from the index; `entries` keeps to a part of the ledger.
///
/// What is only counted comes from the counts of whole blocks of entries, and from the events at the edges of the part.
///
/// # Errors
/// If the index cannot be read.
pub async fn indexed(
    index: &Index,
    wanted: &Wanted<'_>,
    entries: Option<Range<u64>>,
    now: Timestamp,
) -> Result<Report, IndexError> {
    index.take_in_the_newest().await?;
    let mut tally = Tally::new(wanted);
    let whole = 0..u64::MAX;
    let entries = entries.unwrap_or(whole);
    let blocks = entries.start.div_ceil(BLOCK)..entries.end / BLOCK;
    if wanted.needs_whole_events() {
        open_events(index, wanted, &entries, &mut tally).await?;
    } else if wanted.definition.measure.is_count() && blocks.start < blocks.end {
        count_blocks(index, wanted, &blocks, &mut tally).await?;
        let before = entries.start..blocks.start * BLOCK;
        let after = blocks.end.saturating_mul(BLOCK)..entries.end;
        for edge in [before, after] {
            count_events(index, wanted, &edge, &mut tally).await?;
        }
    } else {
        count_events(index, wanted, &entries, &mut tally).await?;
    }
    Ok(tally.finish(now))
}

/// Counts what was counted when the index took it in.
async fn count_blocks(
    index: &Index,
    wanted: &Wanted<'_>,
    blocks: &Range<u64>,
    tally: &mut Tally<'_>,
) -> Result<(), IndexError> {
    let (from, until) = wanted.period.bounds();
    // Grouped by hour only where the lines are: a month has some hundred hours, and the same people in each. Names come to
    // what is counted, and not to each count.
    let by_hour = wanted.definition.group.is_time();
    let mut sql = QueryBuilder::<Sqlite>::new(
        "select counted.hour, person.name, tenant.name, counted.kind, counted.events from (select ",
    );
    sql.push(if by_hour { "hour" } else { "min(hour)" });
    sql.push(" as hour, tenant, person, kind, sum(events) as events from tally where hour >= ");
    sql.push_bind(from.as_microsecond().div_euclid(HOUR));
    sql.push(" and hour < ")
        .push_bind(until.as_microsecond().div_euclid(HOUR));
    if *blocks != (0..u64::MAX / BLOCK) {
        sql.push(" and block >= ").push_bind(signed(blocks.start));
        sql.push(" and block < ").push_bind(signed(blocks.end));
    }
    if let Some(tenant) = wanted.tenant {
        sql.push(" and tenant = (select id from tenant where name = ")
            .push_bind(tenant.to_string())
            .push(")");
    }
    sql.push(" group by tenant, person, kind");
    if by_hour {
        sql.push(", hour");
    }
    sql.push(
        ") as counted join person on person.id = counted.person \
         left join tenant on tenant.id = counted.tenant",
    );
    let rows: Vec<(i64, String, Option<String>, i64, i64)> =
        sql.build_query_as().fetch_all(&index.pool()).await?;
    for (hour, who, tenant, kind, events) in &rows {
        let at = Timestamp::from_microsecond(hour.saturating_mul(HOUR)).unwrap_or(from);
        let events = u64::try_from(*events).unwrap_or(0);
        let fact = Fact::counted(at, who, tenant.as_deref(), *kind, events);
        tally.add(&fact.ok_or(IndexError::Kind(*kind))?);
    }
    Ok(())
}

/// Counts what the index has no column for: each event is opened from the ledger, the platform's with the tenant's.
async fn open_events(
    index: &Index,
    wanted: &Wanted<'_>,
    entries: &Range<u64>,
    tally: &mut Tally<'_>,
) -> Result<(), IndexError> {
    let (from, until) = wanted.period.bounds();
    let mut after = (from.as_microsecond(), -1);
    loop {
        let mut sql = QueryBuilder::<Sqlite>::new(
            "select at, number from event left join tenant on tenant.id = event.tenant where at < ",
        );
        sql.push_bind(until.as_microsecond());
        sql.push(" and (at, number) > (").push_bind(after.0);
        sql.push(", ").push_bind(after.1).push(")");
        sql.push(" and number >= ").push_bind(signed(entries.start));
        sql.push(" and number < ").push_bind(signed(entries.end));
        if let Some(tenant) = wanted.tenant {
            sql.push(" and (tenant.name = ")
                .push_bind(tenant.to_string());
            sql.push(" or event.tenant is null)");
        }
        sql.push(" order by at, number limit ").push_bind(PAGE);
        let rows: Vec<(i64, i64)> = sql.build_query_as().fetch_all(&index.pool()).await?;
        after = rows.last().copied().unwrap_or(after);
        let more = i64::try_from(rows.len()).unwrap_or(i64::MAX) == PAGE;
        let numbers = rows.into_iter().map(|(_, number)| number).collect();
        for row in index.opened(numbers).await? {
            tally.add(&Fact::of(&row.event));
        }
        if !more {
            break;
        }
    }
    if wanted.definition.measure.counts_stops() {
        for start in starts_since(index, until).await? {
            tally.add(&Fact::of(&start));
        }
    }
    Ok(())
}

/// The platform's starts from then on: one of them may say that nothing ran before.
async fn starts_since(index: &Index, from: Timestamp) -> Result<Vec<Event>, IndexError> {
    let mut query = Query {
        tenant: Some(None),
        action: Some(Action::System.to_string()),
        words: Some(START.to_owned()),
        from: Some(from),
        limit: 1_000,
        ..Query::default()
    };
    let mut starts = Vec::new();
    loop {
        let page = index.search(&query).await?;
        let events = page.rows.into_iter().map(|row| row.event);
        starts.extend(events.filter(|event| event.object == START));
        query.before = page.next;
        if query.before.is_none() {
            return Ok(starts);
        }
    }
}

impl Wanted<'_> {
    /// Whether more of an event is needed than the index has.
    fn needs_whole_events(&self) -> bool {
        self.definition.group == Group::Locality || self.definition.measure.counts_stops()
    }
}

type Row = (
    i64,
    i64,
    String,
    Option<String>,
    i64,
    Option<i64>,
    Option<i64>,
    String,
);

/// Counts event by event, in the order in which they happened.
async fn count_events(
    index: &Index,
    wanted: &Wanted<'_>,
    entries: &Range<u64>,
    tally: &mut Tally<'_>,
) -> Result<(), IndexError> {
    if entries.is_empty() {
        return Ok(());
    }
    let (from, until) = wanted.period.bounds();
    let mut after = (from.as_microsecond(), -1);
    loop {
        let mut sql = QueryBuilder::<Sqlite>::new(
            "select at, number, person.name, tenant.name, kind, session, micros, object from event \
             join person on person.id = event.person left join tenant on tenant.id = event.tenant where at < ",
        );
        sql.push_bind(until.as_microsecond());
        sql.push(" and (at, number) > (").push_bind(after.0);
        sql.push(", ").push_bind(after.1).push(")");
        sql.push(" and number >= ").push_bind(signed(entries.start));
        sql.push(" and number < ").push_bind(signed(entries.end));
        if let Some(tenant) = wanted.tenant {
            sql.push(" and tenant.name = ")
                .push_bind(tenant.to_string());
        }
        sql.push(" order by at, number limit ").push_bind(PAGE);
        let rows: Vec<Row> = sql.build_query_as().fetch_all(&index.pool()).await?;
        for (at, number, who, tenant, kind, session, micros, object) in &rows {
            after = (*at, *number);
            let at = Timestamp::from_microsecond(*at).map_err(|_| IndexError::Kind(*kind))?;
            let fact = Fact::counted(at, who, tenant.as_deref(), *kind, 1)
                .ok_or(IndexError::Kind(*kind))?;
            tally.add(&Fact {
                object,
                session: *session,
                micros: micros.and_then(|micros| u64::try_from(micros).ok()),
                ..fact
            });
        }
        if i64::try_from(rows.len()).unwrap_or(i64::MAX) < PAGE {
            return Ok(());
        }
    }
}

/// Makes the same of several reports from a part of the ledger, without the index, all in one reading.
///
/// # Errors
/// If the ledger cannot be read.
pub fn recorded(
    reader: &Reader,
    opener: &Opener,
    wanted: &[Wanted<'_>],
    entries: Range<u64>,
    now: Timestamp,
) -> Result<Vec<Report>, avouch_ledger::ReadError> {
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
    let count = |wanted| {
        let mut tally = Tally::new(wanted);
        for (_, event) in &events {
            tally.add(&Fact::of(event));
        }
        tally.finish(now)
    };
    Ok(wanted.iter().map(count).collect())
}

fn signed(entry: u64) -> i64 {
    i64::try_from(entry).unwrap_or(i64::MAX)
}
