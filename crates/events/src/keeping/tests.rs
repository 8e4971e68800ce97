use std::path::{Path, PathBuf};

use avouch_ledger::{Kind, verify};
use avouch_statement::Length;
use jiff::tz::TimeZone;

use super::*;
use crate::tests::{Place, indexed, opened, place_of_small_segments, tenant};
use crate::{Outcome, Query, UnreadableEvent};

const SECRET: &str = "zebra-quartz-77";

fn verified(place: &Place) {
    let key = place.ledger.vkey().parse().unwrap();
    verify::directory(&place.folder.path().join("ledger"), &key).unwrap();
}

/// Whether a text stands in any file under a folder.
fn holds(folder: &Path, text: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(holds(&path, text));
        } else {
            let bytes = std::fs::read(&path).unwrap();
            if bytes
                .windows(text.len())
                .any(|window| window.eq_ignore_ascii_case(text.as_bytes()))
            {
                found.push(path);
            }
        }
    }
    found
}

/// Ten years of an event a day, looked after each week by a clock that goes as time passes.
#[tokio::test(flavor = "multi_thread")]
async fn over_ten_years_nothing_goes_before_its_time_and_nothing_stays_a_week_beyond_it() {
    let place = place_of_small_segments(40_000);
    let index = indexed(&place, "events.db").await;
    let keep: Length = "8 years".parse().unwrap();
    let first = opened("riverside", "17", 0).at;
    let due = |at: Timestamp| {
        let at = at.to_zoned(TimeZone::UTC);
        at.checked_add(keep.span()).unwrap().timestamp()
    };
    let day = jiff::SignedDuration::from_hours(24);
    let opener = place.opener();
    for week in 0..530 {
        let mut now = first;
        for of_week in 0..7 {
            now = first + day * (week * 7 + of_week);
            let mut event = opened("riverside", "17", 0);
            event.at = now;
            place.recorder.record(event).await.unwrap();
        }
        let cutoff = now.to_zoned(TimeZone::UTC);
        let cutoff = cutoff.checked_sub(keep.span()).unwrap().timestamp();
        forget(&place.ledger, &index, cutoff).await.unwrap();
        if week % 50 != 0 && week < 525 {
            continue;
        }
        let mut left = 0;
        for stored in place.ledger.reader().scan(0) {
            let stored = stored.unwrap();
            match opener.event(&stored) {
                Ok(event) => {
                    assert!(now <= due(event.at), "{} stayed until {now}", event.at);
                    left += 1;
                }
                Err(why) => {
                    assert!(matches!(why, UnreadableEvent::Forgotten), "{why}");
                    assert!(
                        now > due(stored.leaf.time),
                        "{} went at {now}",
                        stored.leaf.time
                    );
                }
            }
        }
        let everything = Query {
            subject: Some("17".to_owned()),
            limit: 1,
            ..Query::default()
        };
        assert_eq!(index.search(&everything).await.unwrap().total, left);
        let oldest = index.oldest().await.unwrap().unwrap();
        assert!(now <= due(oldest), "{oldest} is in the index at {now}");
    }
    place.ledger.publish().await.unwrap();
    verified(&place);
    assert_eq!(place.ledger.reader().size(), 530 * 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_forgotten_leaves_no_word_in_the_index() {
    let place = place_of_small_segments(40_000);
    let index = indexed(&place, "events.db").await;
    for second in 0..300 {
        let mut event = opened("riverside", "17", second);
        if second < 20 {
            event.object = format!("GET /{SECRET}{second}");
            event.who.name = format!("{SECRET}@riverside.test");
        }
        place.recorder.record(event).await.unwrap();
    }
    index.catch_up().await.unwrap();
    let folder = place.folder.path();
    assert!(!holds(folder, SECRET).is_empty(), "nothing to be forgotten");
    let cutoff = opened("riverside", "17", 20).at;
    let taken = forget(&place.ledger, &index, cutoff).await.unwrap();
    assert_eq!(taken, 20);
    for part in [SECRET, "zebra", "quartz"] {
        assert_eq!(holds(folder, part), Vec::<PathBuf>::new(), "{part}");
    }
    assert_eq!(index.next().await.unwrap(), 300);
    let page = index
        .search(&Query {
            words: Some("wards".to_owned()),
            limit: 1_000,
            ..Query::default()
        })
        .await
        .unwrap();
    assert_eq!((page.total, page.rows.len()), (280, 280));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_an_erased_tenant_no_word_is_left_and_the_others_lose_nothing() {
    let place = place_of_small_segments(40_000);
    let index = indexed(&place, "events.db").await;
    for second in 0..200 {
        let mut event = opened(
            if second % 2 == 0 {
                "riverside"
            } else {
                "hillside"
            },
            "17",
            second,
        );
        if second % 2 == 0 {
            event.object = format!("GET /{SECRET}");
            event.who.name = format!("{SECRET}@riverside.test");
            event.session = SECRET.to_owned();
        }
        place.recorder.record(event).await.unwrap();
    }
    index.catch_up().await.unwrap();
    place.ledger.publish().await.unwrap();
    let folder = place.folder.path();
    assert!(!holds(folder, SECRET).is_empty(), "nothing to be erased");
    let of = |name: &str| place.streams.find(&tenant(name));
    let stream = of("riverside");
    for payloads in [100, 0] {
        let erased = erase(
            &place.ledger,
            &index,
            &place.keyring,
            &place.streams,
            &tenant("riverside"),
        )
        .await
        .unwrap();
        let stream = stream.filter(|_| payloads > 0);
        assert_eq!(erased, Erased { stream, payloads });
    }
    for part in [SECRET, "zebra", "riverside.test"] {
        assert_eq!(holds(folder, part), Vec::<PathBuf>::new(), "{part}");
    }
    verified(&place);
    let opener = place.opener();
    for stored in place.ledger.reader().scan(0) {
        let stored = stored.unwrap();
        assert_eq!(stored.leaf.kind, Kind::Event);
        match opener.event(&stored) {
            Ok(event) => {
                assert_eq!(event.tenant, Some(tenant("hillside")));
                assert_eq!(event.outcome, Outcome::Done);
            }
            Err(why) => assert!(matches!(why, UnreadableEvent::Erased), "{why}"),
        }
    }
    let everything = Query {
        limit: 1_000,
        ..Query::default()
    };
    let page = index.search(&everything).await.unwrap();
    assert_eq!((page.total, page.rows.len()), (100, 100));
    place
        .recorder
        .record(opened("riverside", "17", 900))
        .await
        .unwrap_err();
}
