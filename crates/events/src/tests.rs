//! From a recorded event to a search, over a real ledger, real keys and a real index.

use std::path::Path;
use std::sync::Arc;

use avouch_keyring::{Keyring, Source};
use avouch_ledger::{Ledger, LogKey, Options};
use avouch_statement::TenantId;
use jiff::Timestamp;

use crate::{Action, Actor, Event, Index, Opener, Outcome, Query, Recorder, Role, Streams};

struct Place {
    folder: tempfile::TempDir,
    ledger: Ledger,
    keyring: Arc<Keyring>,
    streams: Arc<Streams>,
    recorder: Recorder,
}

fn place() -> Place {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::create_dir_all(path("ledger")).unwrap();
    let key = LogKey::from_seed("log.test/events", &[7; 32]).unwrap();
    let ledger = Ledger::open(&path("ledger"), key, &Options::default()).unwrap();
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

fn tenant(name: &str) -> TenantId {
    name.parse().unwrap()
}

fn opened(whose: &str, subject: &str, second: i64) -> Event {
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

async fn indexed(place: &Place, name: &str) -> Index {
    let index = Index::open(&Path::new(place.folder.path()).join(name))
        .await
        .unwrap();
    let opener = Opener::new(place.keyring.clone(), place.streams.clone());
    index
        .catch_up(&place.ledger.reader(), &opener)
        .await
        .unwrap();
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
    let second_page = Query {
        skip: 3,
        limit: 3,
        ..Query::default()
    };
    let page = index.search(&second_page).await.unwrap();
    assert_eq!((page.total, page.rows.len()), (4, 1));
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
    assert_eq!(again.owner(&platform), Some(None));
    assert_eq!(again.owner(&[0; 16]), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_from_the_index_is_the_one_from_the_ledger_and_a_changed_index_is_seen() {
    use crate::report::{
        Definition, Every, Group, Measure, Period, Readers, indexed as made, recorded,
    };
    let place = place();
    for second in 0..20 {
        let mut event = opened(
            if second % 3 == 0 {
                "hillside"
            } else {
                "riverside"
            },
            "1",
            second,
        );
        event.status = Some(200);
        place.recorder.record(event).await.unwrap();
    }
    let definition = Definition {
        name: "use".parse().unwrap(),
        title: "Use".to_owned(),
        measure: Measure::Use,
        group: Group::Organisation,
        every: Every::Day,
        readers: Readers::EachOrganisation,
    };
    let now = Timestamp::from_second(1_767_225_700).unwrap();
    let period = Period::of(Every::Day, now);
    let opener = Opener::new(place.keyring.clone(), place.streams.clone());
    let reader = place.ledger.reader();
    let path = place.folder.path().join("report.db");
    let index = indexed(&place, "report.db").await;
    for tenant in [None, Some(tenant("hillside"))] {
        let tenant = tenant.as_ref();
        let from_ledger =
            recorded(&reader, &opener, &definition, period, tenant, 2..18, now).unwrap();
        let from_index = made(&index, &definition, period, tenant, Some(2..18), now)
            .await
            .unwrap();
        assert_eq!(from_index, from_ledger);
        assert_eq!(
            from_ledger.lines.len(),
            if tenant.is_some() { 1 } else { 2 }
        );
    }
    let pool = sqlx::SqlitePool::connect(&format!("sqlite:{}", path.display()))
        .await
        .unwrap();
    sqlx::query("update event set body = replace(body, 'done', 'refused') where number = 5")
        .execute(&pool)
        .await
        .unwrap();
    let from_ledger = recorded(&reader, &opener, &definition, period, None, 0..20, now).unwrap();
    let from_index = made(&index, &definition, period, None, Some(0..20), now)
        .await
        .unwrap();
    assert_ne!(from_index, from_ledger);
}
