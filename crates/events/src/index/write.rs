//! Taking events in: their rows, their counts and their terms, all in one transaction.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use sqlx::query_builder::Separated;
use sqlx::{QueryBuilder, Sqlite, SqliteConnection};

use super::{BLOCK, HOUR, Index, IndexError, kind, number, terms};
use crate::Event;

/// Rows that one statement takes in: a call for each would cost more than the writing.
const ROWS: usize = 64;

/// What is counted together: hour, block, tenant (0 for none), person and kind.
type Alike = [i64; 5];

/// How names of a sort get their numbers, and how these are read.
struct Names {
    add: &'static str,
    read: &'static str,
}

const PEOPLE: Names = Names {
    add: "insert or ignore into person (name) select value from json_each($1)",
    read: "select key, person.id from json_each($1) join person on name = value",
};

const TENANTS: Names = Names {
    add: "insert or ignore into tenant (name) select value from json_each($1)",
    read: "select key, tenant.id from json_each($1) join tenant on name = value",
};

/// An event with the numbers of what it names.
struct Numbered<'a> {
    number: i64,
    at: i64,
    tenant: Option<i64>,
    person: i64,
    kind: i64,
    event: &'a Event,
}

impl Index {
    /// Takes these events in, and notes that everything before `upto` is.
    pub(super) async fn write(&self, events: &[(u64, Event)], upto: u64) -> Result<(), IndexError> {
        let mut transaction = self.pool().begin_with("begin immediate").await?;
        let rows = numbered(&mut transaction, events).await?;
        let mut counts: BTreeMap<Alike, i64> = BTreeMap::new();
        for row in &rows {
            *counts.entry(row.alike()).or_default() += 1;
        }
        let counts: Vec<(Alike, i64)> = counts.into_iter().collect();
        insert(
            &mut transaction,
            "insert into event (number, at, tenant, person, kind, session, micros, object) ",
            "",
            &rows,
            |to, row| {
                to.push_bind(row.number);
                to.push_bind(row.at);
                to.push_bind(row.tenant);
                to.push_bind(row.person);
                to.push_bind(row.kind);
                to.push_bind(kind::session(row.event));
                to.push_bind(row.event.micros.map(number));
                to.push_bind(row.event.object.as_str());
            },
        )
        .await?;
        insert(
            &mut transaction,
            "insert into words (rowid, terms) ",
            "",
            &rows,
            |to, row| {
                to.push_bind(row.number);
                to.push_bind(terms::of_event(row.event));
            },
        )
        .await?;
        insert(
            &mut transaction,
            "insert into tally (hour, block, tenant, person, kind, events) ",
            " on conflict (hour, block, tenant, person, kind) do update set events = events + excluded.events",
            &counts,
            |to, (alike, events)| {
                for part in alike {
                    to.push_bind(*part);
                }
                to.push_bind(*events);
            },
        )
        .await?;
        sqlx::query("update progress set next = $1")
            .bind(number(upto))
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(())
    }
}

impl Numbered<'_> {
    fn alike(&self) -> Alike {
        let block = self.number / number(BLOCK);
        let tenant = self.tenant.unwrap_or(0);
        [self.at / HOUR, block, tenant, self.person, self.kind]
    }
}

async fn numbered<'a>(
    connection: &mut SqliteConnection,
    events: &'a [(u64, Event)],
) -> Result<Vec<Numbered<'a>>, IndexError> {
    let name = |event: &'a Event| event.tenant.as_ref().map(|tenant| tenant.as_str());
    let people = events.iter().map(|(_, event)| event.who.name.as_str());
    let people = numbers(connection, &PEOPLE, people.collect()).await?;
    let tenants = events.iter().filter_map(|(_, event)| name(event));
    let tenants = numbers(connection, &TENANTS, tenants.collect()).await?;
    let find = |numbers: &HashMap<&str, i64>, name: &str| {
        numbers.get(name).copied().ok_or(sqlx::Error::RowNotFound)
    };
    let numbered = events.iter().map(|(index, event)| {
        Ok(Numbered {
            number: number(*index),
            at: event.at.as_microsecond(),
            tenant: name(event).map(|name| find(&tenants, name)).transpose()?,
            person: find(&people, &event.who.name)?,
            kind: kind::of_event(event),
            event,
        })
    });
    numbered.collect()
}

/// The numbers of these names; a name that has none gets one.
async fn numbers<'a>(
    connection: &mut SqliteConnection,
    of: &Names,
    names: BTreeSet<&'a str>,
) -> Result<HashMap<&'a str, i64>, IndexError> {
    let list = serde_json::to_string(&names)?;
    sqlx::query(of.add)
        .bind(&list)
        .execute(&mut *connection)
        .await?;
    // By their places: SQLite's JSON cuts a name off at a zero byte, and what it gives back would not be the name asked for.
    let numbers: Vec<(i64, i64)> = sqlx::query_as(of.read)
        .bind(&list)
        .fetch_all(&mut *connection)
        .await?;
    let numbers: HashMap<i64, i64> = numbers.into_iter().collect();
    let numbered = (0..).zip(names);
    Ok(numbered
        .filter_map(|(place, name)| Some((name, *numbers.get(&place)?)))
        .collect())
}

/// Inserts so many rows at a time; `bind` gives the values of one.
async fn insert<T>(
    connection: &mut SqliteConnection,
    into: &str,
    then: &str,
    rows: &[T],
    bind: impl Fn(&mut Separated<'_, Sqlite, &'static str>, &T),
) -> Result<(), IndexError> {
    for rows in rows.chunks(ROWS) {
        let mut statement = QueryBuilder::new(into);
        statement.push_values(rows, |mut to, row| bind(&mut to, row));
        statement.push(then);
        // Whole pieces have one text, which is worth keeping prepared.
        let statement = statement.build().persistent(rows.len() == ROWS);
        statement.execute(&mut *connection).await?;
    }
    Ok(())
}
