//! What is remembered of changes over weeks, and what is forgotten.

use avouch_statement::{Length, Unit};
use avouch_store::Store;
use jiff::SignedDuration;

use super::*;
use crate::{
    repository::{Label, Listed},
    retention::changes::{ended, needed},
    schedule::At,
    settings::Changes,
};

const PLACE: (&str, &str, &str) = ("riverside", "data", "local");

async fn records(home: &std::path::Path) -> Records {
    let store = Store::open(&home.join("store.db")).await.unwrap();
    Records::open(store).await.unwrap()
}

async fn rows(records: &Records) -> i64 {
    let count = sqlx::query_scalar("select count(*) from backup_changes");
    count.fetch_one(records.store.readers()).await.unwrap()
}

/// The generation of a day, as long as so many files.
fn shipped(day: u32, segments: u32, began: Timestamp, up_to: Timestamp) -> Shipped {
    let generation = began.strftime("%Y%m%dT%H%M%S.%6fZ").to_string();
    let one = testing::shipment(&began.to_string(), &up_to.to_string());
    Shipped {
        snapshot: SnapshotId(format!("{day}-{segments}")),
        generation,
        segments,
        head: one.head,
        facts: one.facts,
    }
}

fn listed(shipped: &Shipped, taken: Timestamp) -> Listed {
    Listed {
        id: shipped.snapshot.clone(),
        label: Label {
            owner: PLACE.0.to_owned(),
            source: format!("{}.{}", PLACE.1, shipped.generation),
            taken,
            day: "2026-01-01".parse().unwrap(),
            grades: vec![],
            manifest: String::new(),
        },
        bytes: u64::from(shipped.segments),
        added: 1,
    }
}

#[tokio::test]
async fn over_weeks_of_shipments_the_rows_are_no_more_than_the_days_of_the_window_and_one() {
    let home = tempfile::tempdir().unwrap();
    let records = records(home.path()).await;
    let changes = Changes {
        within: Length::new(14, Unit::Day),
        lose_at_most: Length::new(5, Unit::Minute),
    };
    let at = At::parse("04:00 UTC").unwrap();
    let (owner, source, place) = PLACE;
    let first: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    let mut there: Vec<Listed> = Vec::new();
    let mut most = 0;
    for day in 0..56 {
        let began = first + SignedDuration::from_hours(24 * i64::from(day));
        for hour in 1..=24 {
            let now = began + SignedDuration::from_hours(hour.into());
            let one = shipped(day, hour, began, now);
            records
                .shipped(owner, source, place, &one, now)
                .await
                .unwrap();
            there.push(listed(&one, now));
        }
        let now = began + SignedDuration::from_hours(24);
        let all = records.shipments(owner, source, place).await.unwrap();
        let generations = last_of_each(all.clone());
        let needed = needed(&generations, changes.since(&at, now), None);
        let verified: Vec<_> = all.iter().map(|one| one.id.clone()).collect();
        let gone = ended(&there, &verified, source, &needed[0].generation, now);
        there.retain(|one| gone.iter().all(|proof| *proof.id() != one.id));
        let gone: Vec<_> = gone.iter().map(|proof| proof.id().clone()).collect();
        records.unshipped(owner, place, &gone).await.unwrap();
        most = most.max(rows(&records).await);
    }
    assert_eq!(most, 15, "one for each day, with those at both ends");
    // What was first and last is known all the same.
    let known = records.first_followed(owner, source, place).await.unwrap();
    assert_eq!(known, Some(first));
    let last = records.last_generation(owner, source).await.unwrap();
    assert_eq!(last.as_deref(), Some("20260225T000000.000000Z"));
}

#[tokio::test]
async fn what_was_removed_before_is_forgotten_once_and_what_it_told_is_kept() {
    let home = tempfile::tempdir().unwrap();
    let store = Store::open(&home.path().join("store.db")).await.unwrap();
    store.execute_schema(SCHEMA.0, SCHEMA.1).await.unwrap();
    let at = |hour: i64| Timestamp::UNIX_EPOCH + SignedDuration::from_hours(hour);
    let mut write = store.write().await.unwrap();
    for (hour, removed) in [(2, None), (1, Some(9)), (3, None), (4, Some(9))] {
        let one = testing::shipment(&at(hour).to_string(), &at(hour + 1).to_string());
        let sql = "insert into backup_changes values ('riverside', 'data', 'local', $1, $1, 1, $2, $3, 0, $4)";
        sqlx::query(sql)
            .bind(format!("g{hour}"))
            .bind(json(&one.head).unwrap())
            .bind(json(&one.facts).unwrap())
            .bind(removed)
            .execute(&mut *write)
            .await
            .unwrap();
    }
    write.commit().await.unwrap();
    let records = Records::open(store).await.unwrap();
    assert_eq!(rows(&records).await, 2);
    let (owner, source, place) = PLACE;
    let known = records.first_followed(owner, source, place).await.unwrap();
    assert_eq!(known, Some(at(1)));
    let last = records.last_generation(owner, source).await.unwrap();
    assert_eq!(last.as_deref(), Some("g4"));
}

#[tokio::test]
async fn a_destination_that_is_no_more_is_forgotten_with_its_changes() {
    let home = tempfile::tempdir().unwrap();
    let records = records(home.path()).await;
    let (owner, source, place) = PLACE;
    let now = Timestamp::UNIX_EPOCH;
    let one = shipped(1, 1, now, now);
    for place in [place, "offsite"] {
        records
            .shipped(owner, source, place, &one, now)
            .await
            .unwrap();
    }
    records.lost(place).await.unwrap();
    assert_eq!(records.shipments(owner, source, place).await.unwrap(), []);
    assert_eq!(
        records.first_followed(owner, source, place).await.unwrap(),
        None
    );
    assert_eq!(
        records
            .shipments(owner, source, "offsite")
            .await
            .unwrap()
            .len(),
        1
    );
    let last = records.last_generation(owner, source).await.unwrap();
    assert_eq!(last, Some(one.generation), "names go up all the same");
}
