//! Many writers and readers at once, and who may open.

use std::collections::BTreeMap;
use std::time::Duration;

use avouch_ledger::{AppendError, Kind, Ledger, MAX_SEALED, OpenError, Options, ReadError, verify};

use crate::{draft, key, open, options, wait};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn entries_of_many_writers_get_one_index_each_and_whole_chains() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options {
        segment_bytes: 20_000,
        publish_every: Some(Duration::from_millis(1)),
        ..options()
    };
    let ledger = Ledger::open(dir.path(), key(), &options).unwrap();
    let writers: Vec<_> = (0..64)
        .map(|writer| {
            let ledger = ledger.clone();
            tokio::spawn(async move {
                let mut own = Vec::new();
                for step in 0..10 {
                    let number = writer * 10 + step;
                    let appended = ledger.append(draft(number)).await.unwrap();
                    let stored = ledger.reader().read(appended.index).unwrap();
                    assert_eq!(
                        stored.leaf, appended.leaf,
                        "an acknowledged entry can be read at once"
                    );
                    assert!(ledger.reader().checkpoint().size <= ledger.reader().size());
                    own.push((appended.index, number));
                }
                assert!(own.is_sorted(), "a writer's entries keep their order");
                own
            })
        })
        .collect();
    let mut indexes = BTreeMap::new();
    for writer in writers {
        for (index, number) in writer.await.unwrap() {
            assert_eq!(indexes.insert(index, number), None);
        }
    }
    assert_eq!(
        indexes.keys().copied().collect::<Vec<_>>(),
        (0..640).collect::<Vec<_>>()
    );
    for stored in ledger.reader().scan(0) {
        let stored = stored.unwrap();
        assert_eq!(stored.sealed, indexes[&stored.index].to_be_bytes());
    }
    let vkey = ledger.vkey().parse().unwrap();
    drop(ledger);
    let report = verify::directory(dir.path(), &vkey).unwrap();
    assert_eq!(
        (report.checkpoint.size, report.unpublished, report.streams),
        (640, 0, 3)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_with_several_entries_is_never_interleaved() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(dir.path(), key(), &Options::default()).unwrap();
    let calls: Vec<_> = (0..40)
        .map(|call| {
            let ledger = ledger.clone();
            tokio::spawn(async move {
                ledger
                    .append_all((call * 5..call * 5 + 5).map(draft).collect())
                    .await
            })
        })
        .collect();
    for call in calls {
        let appended = call.await.unwrap().unwrap();
        let first = appended[0].index;
        let indexes: Vec<u64> = appended.iter().map(|appended| appended.index).collect();
        assert_eq!(indexes, (first..first + 5).collect::<Vec<_>>());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_verifier_passes_a_ledger_that_is_being_written() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options {
        segment_bytes: 50_000,
        publish_every: Some(Duration::from_millis(1)),
        ..options()
    };
    let ledger = Ledger::open(dir.path(), key(), &options).unwrap();
    let vkey: verify::Vkey = ledger.vkey().parse().unwrap();
    let writer = tokio::spawn({
        let ledger = ledger.clone();
        async move {
            for number in 0..600 {
                ledger.append(draft(number)).await.unwrap();
            }
        }
    });
    let mut covered = 0;
    while !writer.is_finished() {
        let before = ledger.reader().checkpoint().size;
        let report = verify::directory(dir.path(), &vkey).unwrap_or_else(|fault| panic!("{fault}"));
        assert!(
            report.checkpoint.size >= before.max(covered),
            "a checkpoint never goes back"
        );
        covered = report.checkpoint.size;
        tokio::task::yield_now().await;
    }
    writer.await.unwrap();
}

#[test]
fn a_second_opener_is_refused_until_the_first_has_closed() {
    let dir = tempfile::tempdir().unwrap();
    let first = open(dir.path());
    let second = Ledger::open(dir.path(), key(), &options());
    assert!(matches!(second.map(|_| ()), Err(OpenError::Locked(path)) if path == dir.path()));
    drop(first);
    drop(open(dir.path()));
}

#[test]
fn a_reopened_ledger_goes_on_where_it_stopped() {
    let dir = tempfile::tempdir().unwrap();
    for round in 0..4 {
        let ledger = open(dir.path());
        assert_eq!(ledger.recovered(), &Default::default());
        let appended =
            wait(ledger.append_all((round * 5..round * 5 + 5).map(draft).collect())).unwrap();
        assert_eq!(appended[0].index, u64::from(round) * 5);
        let previous = appended[0].leaf.previous;
        assert_eq!(previous.is_none(), round == 0);
    }
    let ledger = open(dir.path());
    assert_eq!(
        ledger.reader().checkpoint().size,
        20,
        "closing publishes what was appended"
    );
    let numbers: Vec<Vec<u8>> = ledger
        .reader()
        .scan(3)
        .map(|stored| stored.unwrap().sealed)
        .collect();
    assert_eq!(
        numbers,
        (3_u32..20)
            .map(|number| number.to_be_bytes().to_vec())
            .collect::<Vec<_>>()
    );
}

#[test]
fn another_key_does_not_open_the_ledger() {
    let dir = tempfile::tempdir().unwrap();
    drop(open(dir.path()));
    let other = avouch_ledger::LogKey::from_seed(key().name(), &[6; 32]).unwrap();
    let refused = Ledger::open(dir.path(), other, &options());
    assert!(matches!(
        refused.map(|_| ()),
        Err(OpenError::CheckpointInvalid(_))
    ));
}

#[test]
fn a_payload_that_is_too_long_is_refused_and_an_entry_that_is_not_there_is_not_read() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(dir.path());
    let mut long = draft(0);
    long.sealed = vec![0; MAX_SEALED + 1];
    assert!(matches!(
        wait(ledger.append(long.clone())),
        Err(AppendError::TooLarge(_))
    ));
    long.sealed.pop();
    long.kind = Kind::Round;
    assert_eq!(wait(ledger.append(long.clone())).unwrap().index, 0);
    assert_eq!(ledger.reader().read(0).unwrap().sealed, long.sealed);
    assert!(matches!(
        ledger.reader().read(1),
        Err(ReadError::NotThere { index: 1, size: 1 })
    ));
}
