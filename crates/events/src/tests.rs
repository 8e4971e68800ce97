//! From a recorded event to a search, over a real ledger, real keys and a real index.

mod reports;
mod searches;

use std::path::Path;
use std::sync::Arc;

use avouch_keyring::{KeyId, Keyring, Source};
use avouch_ledger::{Draft, Kind, Ledger, LogKey, Options};
use avouch_statement::TenantId;
use jiff::Timestamp;

use searches::various;

use crate::{Action, Actor, Event, Index, Opener, Outcome, Query, Recorder, Role, Streams};

pub(crate) struct Place {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) ledger: Ledger,
    pub(crate) keyring: Arc<Keyring>,
    pub(crate) streams: Arc<Streams>,
    pub(crate) recorder: Recorder,
}

impl Place {
    pub(crate) fn opener(&self) -> Opener {
        Opener::new(self.keyring.clone(), self.streams.clone())
    }
}

fn place() -> Place {
    place_of_small_segments(Options::default().segment_bytes)
}

/// A ledger that begins another segment after so many bytes.
pub(crate) fn place_of_small_segments(segment_bytes: u64) -> Place {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::create_dir_all(path("ledger")).unwrap();
    let key = LogKey::from_seed("log.test/events", &[7; 32]).unwrap();
    let options = Options {
        segment_bytes,
        ..Options::default()
    };
    let ledger = Ledger::open(&path("ledger"), key, &options).unwrap();
    let source = Source::File {
        path: path("master.key"),
    };
    let keyring = Arc::new(Keyring::unlock(&path("keys"), &source).unwrap());
    let streams = Arc::new(Streams::open(&path("streams")).unwrap());
    let recorder = Recorder::new(ledger.clone(), keyring.clone(), streams.clone(), None);
    Place {
        folder,
        ledger,
        keyring,
        streams,
        recorder,
    }
}

pub(crate) fn tenant(name: &str) -> TenantId {
    name.parse().unwrap()
}

pub(crate) fn opened(whose: &str, subject: &str, second: i64) -> Event {
    let who = Actor {
        id: "p1".into(),
        name: format!("ann@{whose}.test"),
        role: Role::Member,
    };
    let at = Timestamp::from_second(1_767_225_600 + second).unwrap();
    let mut event = Event::new(at, who, Action::RecordOpened, "GET /wards/1", Outcome::Done)
        .of(Some(&tenant(whose)));
    event.subjects = vec![subject.to_owned()];
    event
}

pub(crate) async fn indexed(place: &Place, name: &str) -> Index {
    let path = Path::new(place.folder.path()).join(name);
    let index = Index::open(&path, place.ledger.reader(), place.opener())
        .await
        .unwrap();
    index.catch_up().await.unwrap();
    index
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_found_by_its_tenant_person_and_subject_newest_first() {
    let place = place();
    for (whose, subject, second) in [
        ("riverside", "17", 1),
        ("hillside", "17", 2),
        ("riverside", "17", 3),
        ("riverside", "18", 4),
    ] {
        place
            .recorder
            .record(opened(whose, subject, second))
            .await
            .unwrap();
    }
    let index = indexed(&place, "events.db").await;
    let query = Query {
        tenant: Some(Some("riverside".into())),
        subject: Some("17".into()),
        limit: 10,
        ..Query::default()
    };
    let page = index.search(&query).await.unwrap();
    let found: Vec<u64> = page.rows.iter().map(|row| row.index).collect();
    assert_eq!((page.total, found), (2, vec![2, 0]));
    let by_person = Query {
        who: Some("HILLSIDE".into()),
        limit: 10,
        ..Query::default()
    };
    assert_eq!(index.search(&by_person).await.unwrap().total, 1);
    let (mut before, mut found) = (None, Vec::new());
    loop {
        let query = Query {
            before,
            limit: 3,
            ..Query::default()
        };
        let page = index.search(&query).await.unwrap();
        assert_eq!(page.total, 4);
        found.extend(page.rows.iter().map(|row| row.index));
        before = page.next;
        if before.is_none() {
            break;
        }
    }
    assert_eq!(found, vec![3, 2, 1, 0]);
}

/// Events that differ in everything that can be looked for.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_just_recorded_is_found() {
    let place = place();
    let index = indexed(&place, "events.db").await;
    for second in 0..5 {
        let recorded = place
            .recorder
            .record(opened("riverside", "17", second))
            .await
            .unwrap();
        let query = Query {
            limit: 1,
            ..Query::default()
        };
        let page = index.search(&query).await.unwrap();
        assert_eq!(page.rows[0].index, recorded.index);
        assert_eq!((page.indexed, page.size), (page.total, page.total));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_name_that_somebody_has_keeps_the_index_from_going_on() {
    let place = place();
    let index = indexed(&place, "events.db").await;
    let names = [
        "",
        "\0",
        "a\0b",
        "a",
        "\"'\\",
        "[1]",
        "null",
        "\u{1f600}",
        "ß",
    ];
    for name in names {
        let mut event = opened("riverside", "17", 0);
        event.who.name = name.to_owned();
        place.recorder.record(event).await.unwrap();
    }
    let query = Query {
        subject: Some("17".to_owned()),
        limit: 100,
        ..Query::default()
    };
    let page = index.search(&query).await.unwrap();
    let found: Vec<&str> = page
        .rows
        .iter()
        .map(|row| row.event.who.name.as_str())
        .collect();
    let newest_first: Vec<&str> = names.into_iter().rev().collect();
    assert_eq!(found, newest_first);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_or_damaged_index_is_made_anew_by_itself() {
    let place = place();
    various(&place).await;
    let path = place.folder.path().join("events.db");
    let everything = Query {
        limit: 10,
        ..Query::default()
    };
    let sound = indexed(&place, "events.db")
        .await
        .search(&everything)
        .await
        .unwrap();
    assert_eq!(sound.total, 3);
    // While it is open: gone, without its tables, and overwritten.
    let index = indexed(&place, "events.db").await;
    std::fs::remove_file(&path).unwrap();
    assert_eq!(index.search(&everything).await.unwrap(), sound);
    assert!(path.exists());
    for statement in [
        "drop table words",
        "drop table event",
        "drop table progress",
        "delete from progress",
        "update progress set next = 99",
        "update words_data set block = x'00'",
    ] {
        let pool = sqlx::SqlitePool::connect(&format!("sqlite:{}", path.display()))
            .await
            .unwrap();
        sqlx::query(statement).execute(&pool).await.unwrap();
        pool.close().await;
        assert_eq!(
            index.search(&everything).await.unwrap(),
            sound,
            "{statement}"
        );
    }
    drop(index);
    // While nobody has it open.
    for wrong in [
        &b"not a database at all, but long enough to look like one to who does not look twice"[..],
        &[0; 4096],
    ] {
        std::fs::write(&path, wrong).unwrap();
        for ending in ["-wal", "-shm"] {
            let _ = std::fs::remove_file(format!("{}{ending}", path.display()));
        }
        let index = indexed(&place, "events.db").await;
        assert_eq!(index.search(&everything).await.unwrap(), sound);
    }
    // Made by another version.
    let pool = sqlx::SqlitePool::connect(&format!("sqlite:{}", path.display()))
        .await
        .unwrap();
    sqlx::query("pragma user_version = 1")
        .execute(&pool)
        .await
        .unwrap();
    pool.close().await;
    let index = indexed(&place, "events.db").await;
    assert_eq!(index.search(&everything).await.unwrap(), sound);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_made_anew_from_the_ledger_says_the_same() {
    let place = place();
    for second in 0..50 {
        place
            .recorder
            .record(opened("riverside", &second.to_string(), second))
            .await
            .unwrap();
    }
    let everything = Query {
        limit: 1_000,
        ..Query::default()
    };
    let first = indexed(&place, "first.db")
        .await
        .search(&everything)
        .await
        .unwrap();
    let second = indexed(&place, "second.db")
        .await
        .search(&everything)
        .await
        .unwrap();
    assert_eq!(first, second);
    assert_eq!(first.total, 50);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_an_event_can_be_read_in_the_ledgers_files() {
    let place = place();
    place
        .recorder
        .record(opened("riverside", "subject-4242", 1))
        .await
        .unwrap();
    place.ledger.publish().await.unwrap();
    let mut folders = vec![place.folder.path().join("ledger")];
    let mut read = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let bytes = std::fs::read(&path).unwrap();
            read += bytes.len();
            for marker in ["riverside", "subject-4242", "ann@", "wards"] {
                assert!(
                    !bytes
                        .windows(marker.len())
                        .any(|part| part == marker.as_bytes()),
                    "{marker} in {}",
                    path.display()
                );
            }
        }
    }
    assert!(read > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn destroying_a_tenants_keys_hides_its_events_and_no_others() {
    let place = place();
    place
        .recorder
        .record(opened("riverside", "17", 1))
        .await
        .unwrap();
    place
        .recorder
        .record(opened("hillside", "18", 2))
        .await
        .unwrap();
    place.keyring.shred(&tenant("riverside")).unwrap();
    let index = indexed(&place, "events.db").await;
    let page = index
        .search(&Query {
            limit: 10,
            ..Query::default()
        })
        .await
        .unwrap();
    let found: Vec<u64> = page.rows.iter().map(|row| row.index).collect();
    assert_eq!(found, vec![1]);
}

#[test]
fn a_tenants_stream_stays_its_own_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("streams");
    let first = Streams::open(&path).unwrap();
    let riverside = first.of(Some(&tenant("riverside"))).unwrap();
    let platform = first.of(None).unwrap();
    assert_ne!(riverside, platform);
    let again = Streams::open(&path).unwrap();
    assert_eq!(again.of(Some(&tenant("riverside"))).unwrap(), riverside);
    assert_eq!(again.owner(&platform), Some(crate::Owner::Platform));
    assert_eq!(again.owner(&[0; 16]), None);
}

/// What builds before packing wrote: salt and payload, sealed as they are.
async fn recorded_unpacked(place: &Place, event: &Event) {
    let whose = event.tenant.as_ref().unwrap();
    let payload = serde_json::to_vec(event).unwrap();
    let commitment = avouch_ledger::commit(&[9; 32], &payload);
    let plain = [&[9; 32], payload.as_slice()].concat();
    let owner = KeyId::Tenant(whose.clone());
    let draft = Draft {
        kind: Kind::Event,
        stream: place.streams.of(Some(whose)).unwrap(),
        time: event.at,
        commitment,
        sealed: place.keyring.seal(&owner, &commitment, &plain).unwrap(),
    };
    place.ledger.append(draft).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payload_kept_before_there_was_packing_is_opened_found_and_forgotten_like_any_other() {
    let place = place_of_small_segments(40_000);
    let index = indexed(&place, "events.db").await;
    for second in 0..40 {
        let event = opened("riverside", "17", second);
        if second < 20 {
            recorded_unpacked(&place, &event).await;
        } else {
            place.recorder.record(event).await.unwrap();
        }
    }
    let opener = place.opener();
    let stored: Vec<_> = place.ledger.reader().scan(0).map(Result::unwrap).collect();
    for (second, stored) in (0..).zip(&stored) {
        let kept = opener.open(stored).unwrap();
        let event = opened("riverside", "17", second);
        assert_eq!(kept.payload, serde_json::to_vec(&event).unwrap());
        let commitment = avouch_ledger::commit(&kept.salt, &kept.payload);
        assert_eq!(commitment, stored.leaf.commitment);
    }
    assert!(stored[39].sealed.len() < stored[0].sealed.len() * 3 / 4);
    let query = Query {
        subject: Some("17".to_owned()),
        limit: 100,
        ..Query::default()
    };
    assert_eq!(index.search(&query).await.unwrap().total, 40);
    let cutoff = opened("riverside", "17", 30).at;
    crate::forget(&place.ledger, &index, cutoff).await.unwrap();
    assert_eq!(index.search(&query).await.unwrap().total, 10);
}

#[test]
fn an_event_of_an_earlier_build_is_read_and_written_as_it_was() {
    let text = r#"{"version":1,"at":"2026-01-01T00:00:00Z","who":{"id":"p1","name":"ann@riverside.test","role":"member"},"tenant":"riverside","action":"record-opened","object":"GET /wards/1","subjects":["17"],"outcome":"done","parameters":{"a":"b"},"source":"10.0.0.1","session":"5e55","status":200,"micros":12,"correlation":"c-1"}"#;
    let event: Event = serde_json::from_str(text).unwrap();
    assert_eq!(
        (
            event.release.as_str(),
            event.locality.as_str(),
            event.behalf.as_str()
        ),
        ("", "", "")
    );
    assert_eq!(serde_json::to_string(&event).unwrap(), text);
}
