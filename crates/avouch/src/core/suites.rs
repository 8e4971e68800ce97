//! What connections negotiated, by day: kept in the store, so that a restart forgets none of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use avouch_gateway::checks::{Agreed, SuiteLog, first_day};
use avouch_gateway::link::SuiteCount;
use avouch_gateway::tls::TlsUsed;
use avouch_store::Store;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::fail::Fail;

const PART: &str = "suites";
const SCHEMA: &str = "create table agreed (day text not null, version integer not null, suite integer not null, count integer not null, primary key (day, version, suite)) strict, without rowid";

/// A day (UTC), and the numbers of a version and a suite.
type Key = (Date, u16, u16);

/// The counts, and which of them the store does not have yet.
pub struct Suites(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    counts: BTreeMap<Key, u64>,
    unwritten: BTreeSet<Key>,
}

impl Suites {
    /// Reads what was counted before.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn open(store: &Store) -> Result<Self, Fail> {
        let unread = || Fail::new("what connections negotiated cannot be read");
        store
            .execute_schema(PART, SCHEMA)
            .await
            .map_err(|error| unread().from(error))?;
        let rows: Vec<(String, u16, u16, i64)> =
            sqlx::query_as("select day, version, suite, count from agreed")
                .fetch_all(store.readers())
                .await
                .map_err(|error| unread().from(error))?;
        let mut kept = Kept::default();
        for (day, version, suite, count) in rows {
            let day = day.parse().map_err(|error| unread().from(error))?;
            let count = u64::try_from(count).map_err(|error| unread().from(error))?;
            kept.counts.insert((day, version, suite), count);
        }
        Ok(Self(Mutex::new(kept)))
    }

    /// Counts what was negotiated just now; whether a suite was among it that was not on this day before.
    pub fn add(&self, counts: &[SuiteCount], now: Timestamp) -> bool {
        let day = now.to_zoned(TimeZone::UTC).date();
        let mut kept = self.kept();
        let mut new = false;
        for count in counts {
            let key = (day, count.tls.version, count.tls.suite);
            let counted = kept.counts.entry(key).or_insert_with(|| {
                new = true;
                0
            });
            *counted = counted.saturating_add(count.count);
            kept.unwritten.insert(key);
        }
        new
    }

    /// Writes what the store does not have yet.
    ///
    /// # Errors
    /// If the store does not take it; it is written with the next.
    pub async fn keep(&self, store: &Store) -> Result<(), sqlx::Error> {
        let taken: Vec<(Key, u64)> = {
            let mut kept = self.kept();
            let unwritten = std::mem::take(&mut kept.unwritten).into_iter();
            unwritten
                .filter_map(|key| Some((key, *kept.counts.get(&key)?)))
                .collect()
        };
        if taken.is_empty() {
            return Ok(());
        }
        let written = write(store, &taken).await;
        if written.is_err() {
            let keys = taken.into_iter().map(|(key, _)| key);
            self.kept().unwritten.extend(keys);
        }
        written
    }

    /// Forgets the days that nothing is promised about any more.
    ///
    /// # Errors
    /// If the store does not take it.
    pub async fn tidy(&self, store: &Store, now: Timestamp) -> Result<(), sqlx::Error> {
        let first = first_day(now);
        let before = self.kept().counts.len();
        self.kept().counts.retain(|(day, ..), _| *day >= first);
        if self.kept().counts.len() == before {
            return Ok(());
        }
        let mut work = store.write().await?;
        sqlx::query("delete from agreed where day < $1")
            .bind(first.to_string())
            .execute(&mut *work)
            .await?;
        work.commit().await
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SuiteLog for Suites {
    fn counts(&self) -> Vec<Agreed> {
        let kept = self.kept();
        let counts = kept.counts.iter();
        counts
            .map(|((day, version, suite), count)| Agreed {
                day: *day,
                suite: SuiteCount {
                    tls: TlsUsed {
                        version: *version,
                        suite: *suite,
                    },
                    count: *count,
                },
            })
            .collect()
    }
}

async fn write(store: &Store, counts: &[(Key, u64)]) -> Result<(), sqlx::Error> {
    let mut work = store.write().await?;
    for ((day, version, suite), count) in counts {
        // Who took a count first may write it last.
        sqlx::query("insert into agreed (day, version, suite, count) values ($1, $2, $3, $4) on conflict (day, version, suite) do update set count = max(count, excluded.count)")
            .bind(day.to_string())
            .bind(version)
            .bind(suite)
            .bind(i64::try_from(*count).unwrap_or(i64::MAX))
            .execute(&mut *work)
            .await?;
    }
    work.commit().await
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: TlsUsed = TlsUsed {
        version: 0x0304,
        suite: 0x1302,
    };
    const SHORT: TlsUsed = TlsUsed {
        version: 0x0303,
        suite: 0xc02b,
    };

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn told(suites: &Suites) -> Vec<(String, u16, u64)> {
        let counts = suites.counts().into_iter();
        counts
            .map(|agreed| {
                let SuiteCount { tls, count } = agreed.suite;
                (agreed.day.to_string(), tls.bits(), count)
            })
            .collect()
    }

    #[tokio::test]
    async fn what_was_negotiated_outlives_a_restart_by_its_day_until_nothing_is_promised_about_it()
    {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("store.db")).await.unwrap();
        let suites = Suites::open(&store).await.unwrap();
        let add = |tls, count, when| suites.add(&[SuiteCount { tls, count }], at(when));
        assert!(add(LONG, 3, "2026-11-21T23:59:59Z"));
        assert!(!add(LONG, 4, "2026-11-21T23:59:59Z"));
        suites.keep(&store).await.unwrap();
        assert!(add(LONG, 5, "2026-11-22T00:00:00Z"));
        assert!(add(SHORT, 1, "2026-11-22T00:00:00Z"));
        suites.keep(&store).await.unwrap();
        assert!(!add(SHORT, 1, "2026-11-22T00:00:01Z"));

        let again = Suites::open(&store).await.unwrap();
        let row = |day: &str, bits, count| (format!("2026-11-{day}"), bits, count);
        let all = [row("21", 256, 7), row("22", 128, 1), row("22", 256, 5)];
        assert_eq!(told(&again), all, "what was not kept is lost, and no more");

        again
            .tidy(&store, at("2026-12-21T23:59:59Z"))
            .await
            .unwrap();
        assert_eq!(told(&again), all);
        again
            .tidy(&store, at("2026-12-22T00:00:00Z"))
            .await
            .unwrap();
        let left = Suites::open(&store).await.unwrap();
        assert_eq!(told(&left), all[1..]);
        assert_eq!(told(&again), all[1..]);
    }

    #[tokio::test]
    async fn counts_that_the_store_did_not_take_are_written_with_the_next() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("store.db")).await.unwrap();
        let suites = Suites::open(&store).await.unwrap();
        let count = SuiteCount {
            tls: LONG,
            count: 3,
        };
        suites.add(&[count], at("2026-11-21T12:00:00Z"));
        let other = Store::open(&folder.path().join("other.db")).await.unwrap();
        suites.keep(&other).await.unwrap_err();
        suites.keep(&store).await.unwrap();
        assert_eq!(told(&Suites::open(&store).await.unwrap()).len(), 1);
    }
}
