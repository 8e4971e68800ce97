//! The ledger against failing files: every operation fails and crashes once, before and after it was done.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;

use crate::testing::{Fault, Left, Memory};
use crate::{
    AppendError, Draft, Kind, Ledger, LogKey, OpenError, Options, PublishError, Published, verify,
};

mod closed;
mod forgetting;
mod full_disk;

const ALL_FAULTS: [Fault; 4] = [
    Fault::ErrorBefore,
    Fault::ErrorAfter,
    Fault::CrashBefore,
    Fault::CrashAfter,
];

fn key() -> LogKey {
    LogKey::from_seed("ledger.example.test/node-1", &[5; 32]).unwrap()
}

/// Small segments, so that new ones are made too; no checkpoint by itself, so that every run does the same.
fn options() -> Options {
    Options {
        node: 1,
        segment_bytes: 700,
        publish_every: None,
    }
}

fn open(files: &Memory) -> Result<Ledger, OpenError> {
    Ledger::open_in(
        Arc::new(files.clone()),
        Path::new("ledger"),
        key(),
        &options(),
    )
}

/// A draft whose commitment is its number, so that it can be told apart.
fn draft(number: u8) -> Draft {
    Draft {
        kind: Kind::Event,
        stream: [number % 3; 16],
        time: Timestamp::from_second(1_767_225_600 + i64::from(number)).unwrap(),
        commitment: [number; 32],
        sealed: vec![number; 40],
    }
}

fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(future)
}

/// What a run was told.
#[derive(Default)]
struct Told {
    /// Numbers that were acknowledged, with the index.
    acknowledged: Vec<(u8, u64)>,
    /// Numbers whose call failed in a way that says that nothing was written.
    refused: BTreeSet<u8>,
    published: Option<Published>,
}

/// Opens, appends a few entries one by one and in groups, publishes in between; ends early if it cannot open.
fn run(files: &Memory) -> Told {
    let mut told = Told::default();
    let Ok(ledger) = open(files) else { return told };
    for step in 0..3_u8 {
        let numbers = [step * 4, step * 4 + 1, step * 4 + 2, step * 4 + 3];
        let (alone, group) = numbers.split_first().unwrap();
        let one = wait(ledger.append(draft(*alone))).map(|appended| vec![appended]);
        told.note(&[*alone], one);
        let rest = wait(ledger.append_all(group.iter().map(|number| draft(*number)).collect()));
        told.note(group, rest);
        if let Ok(published) = wait(ledger.publish()) {
            told.published = Some(published);
        }
    }
    told
}

impl Told {
    fn note(&mut self, numbers: &[u8], answer: Result<Vec<crate::Appended>, AppendError>) {
        match answer {
            Ok(appended) => {
                let indexes = appended.iter().map(|appended| appended.index);
                self.acknowledged
                    .extend(numbers.iter().copied().zip(indexes));
            }
            Err(AppendError::Uncertain(_) | AppendError::Stopped) => {}
            Err(_) => self.refused.extend(numbers),
        }
    }
}

/// What must hold of the files that a run left, whatever went wrong.
#[track_caller]
fn check(files: &Memory, told: &Told, what: &str) {
    let ledger = open(files).unwrap_or_else(|error| panic!("{what}: cannot open: {error:?}"));
    let stored: Vec<_> = ledger
        .reader()
        .scan(0)
        .map(|stored| stored.unwrap())
        .collect();
    for (number, index) in &told.acknowledged {
        let entry = stored
            .get(*index as usize)
            .unwrap_or_else(|| panic!("{what}: entry {index} is missing"));
        assert_eq!(entry.leaf.commitment, [*number; 32], "{what}");
        assert_eq!(entry.sealed, vec![*number; 40], "{what}");
    }
    let numbers: Vec<u8> = stored
        .iter()
        .map(|stored| stored.leaf.commitment[0])
        .collect();
    let distinct: BTreeSet<u8> = numbers.iter().copied().collect();
    assert_eq!(
        distinct.len(),
        numbers.len(),
        "{what}: something is there twice: {numbers:?}"
    );
    assert!(
        distinct.is_disjoint(&told.refused),
        "{what}: something that was refused is there: {numbers:?}"
    );

    let now = wait(ledger.publish()).unwrap();
    if let Some(before) = &told.published {
        let proof = ledger
            .reader()
            .consistency_proof(before.size, now.size)
            .unwrap();
        verify::consistency(before.size, &before.root, now.size, &now.root, &proof)
            .unwrap_or_else(|fault| panic!("{what}: the checkpoint was rolled back: {fault}"));
    }
    let after = wait(ledger.append(draft(255))).unwrap();
    assert_eq!(after.index, stored.len() as u64, "{what}");
    wait(ledger.publish()).unwrap();
    let vkey = ledger.vkey().parse().unwrap();
    drop(ledger);
    let dir = tempfile::tempdir().unwrap();
    files.copy_to(dir.path());
    let report =
        verify::directory(dir.path(), &vkey).unwrap_or_else(|fault| panic!("{what}: {fault}"));
    assert_eq!(report.checkpoint.size, after.index + 1, "{what}");
}

/// A checkpoint never speaks of what is not on disk, even before the ledger is opened again.
#[track_caller]
fn check_as_left(files: &Memory, what: &str) {
    let dir = tempfile::tempdir().unwrap();
    files.copy_to(dir.path());
    if dir.path().join("checkpoint").exists() {
        let vkey = key().vkey().parse().unwrap();
        verify::directory(dir.path(), &vkey)
            .unwrap_or_else(|fault| panic!("{what}: as it was left: {fault}"));
    }
}

#[test]
fn whatever_operation_fails_or_crashes_nothing_acknowledged_is_missing_and_nothing_is_there_twice()
{
    let whole = Memory::default();
    let told = run(&whole);
    assert_eq!(told.acknowledged.len(), 12);
    let operations = whole.operations();
    check(&whole, &told, "nothing failed");

    for operation in 0..operations {
        for fault in ALL_FAULTS {
            let files = Memory::default();
            files.fail_at(operation, fault);
            let told = run(&files);
            assert!(
                files.fault_came(),
                "operation {operation} did not take place"
            );
            let lefts: &[Left] = match fault {
                Fault::ErrorBefore | Fault::ErrorAfter => &[Left::Everything],
                Fault::CrashBefore | Fault::CrashAfter => {
                    &[Left::Nothing, Left::Half, Left::LaterHalf, Left::Everything]
                }
            };
            for left in lefts {
                let what = format!("operation {operation}, {fault:?}, left {left:?}");
                check_as_left(&files.after_crash(*left), &what);
                check(&files.after_crash(*left), &told, &what);
            }
        }
    }
}

#[test]
fn a_failed_write_is_taken_back_and_the_next_one_succeeds() {
    let files = Memory::default();
    let ledger = open(&files).unwrap();
    wait(ledger.append(draft(1))).unwrap();
    files.fail_next(Fault::ErrorAfter);
    assert!(matches!(
        wait(ledger.append(draft(2))),
        Err(AppendError::Write(_))
    ));
    assert_eq!(wait(ledger.append(draft(3))).unwrap().index, 1);
}

#[test]
fn after_a_failed_flush_nothing_more_is_taken() {
    let files = Memory::default();
    let ledger = open(&files).unwrap();
    wait(ledger.append(draft(1))).unwrap();
    files.fail_at(files.operations() + 1, Fault::ErrorBefore);
    assert!(matches!(
        wait(ledger.append(draft(2))),
        Err(AppendError::Uncertain(_))
    ));
    assert!(matches!(
        wait(ledger.append(draft(3))),
        Err(AppendError::Stopped)
    ));
    assert_eq!(ledger.reader().size(), 1);
}

#[test]
fn bytes_of_an_unfinished_write_are_cut_off_at_every_length() {
    let files = Memory::default();
    let ledger = open(&files).unwrap();
    wait(ledger.append(draft(1))).unwrap();
    wait(ledger.publish()).unwrap();
    wait(ledger.append_all(vec![draft(2), draft(3)])).unwrap();
    let live = files.after_crash(Left::Everything);
    drop(ledger);
    let path = crate::paths::segment(0);
    let (first, record) = (24 + 120, 12 + 68 + 40);
    for kept in 0..2 * record {
        let whole = kept / record;
        let torn = live.after_crash(Left::Everything);
        let mut left = 0;
        torn.alter(&path, |bytes| {
            let rest = &bytes[first + whole * record..first + kept];
            left = rest
                .iter()
                .rposition(|byte| *byte != 0)
                .map_or(0, |at| at + 1);
            bytes.truncate(first + kept);
        });
        let in_zeros = torn.after_crash(Left::Everything);
        in_zeros.alter(&path, |bytes| bytes.resize(first + kept + 500, 0));
        for torn in [torn, in_zeros] {
            let ledger = open(&torn).unwrap();
            assert_eq!(ledger.recovered().cut_off, left as u64, "kept {kept}");
            assert_eq!(ledger.reader().size(), 1 + whole as u64, "kept {kept}");
        }
    }
}

#[test]
fn a_write_whose_first_bytes_are_missing_is_cut_off_at_every_length() {
    let files = Memory::default();
    let ledger = open(&files).unwrap();
    wait(ledger.append(draft(1))).unwrap();
    wait(ledger.publish()).unwrap();
    wait(ledger.append_all(vec![draft(2), draft(3)])).unwrap();
    let live = files.after_crash(Left::Everything);
    drop(ledger);
    let first = 24 + 120;
    // The first three bytes are zeros in a whole record too.
    for missing in 4..120 {
        let torn = live.after_crash(Left::Everything);
        torn.alter(&crate::paths::segment(0), |bytes| {
            bytes[first..first + missing].fill(0)
        });
        let ledger = open(&torn).unwrap();
        assert_eq!(ledger.recovered().cut_off, 240, "missing {missing}");
        assert_eq!(ledger.reader().size(), 1, "missing {missing}");
    }
}

#[test]
fn zeros_written_ahead_are_gone_when_the_ledger_is_closed_and_from_every_segment_but_the_last() {
    let files = Memory::default();
    let ledger = open(&files).unwrap();
    let lengths = |files: &Memory| {
        let mut lengths: Vec<_> = crate::files::Files::names(files, Path::new("journal"))
            .unwrap()
            .iter()
            .map(|name| {
                let path = Path::new("journal").join(name);
                let bytes = crate::files::Files::read(files, &path).unwrap().unwrap();
                (name.clone(), bytes.len())
            })
            .collect();
        lengths.sort();
        lengths
            .into_iter()
            .map(|(_, length)| length)
            .collect::<Vec<_>>()
    };
    for number in 0..7 {
        wait(ledger.append(draft(number))).unwrap();
    }
    // Six entries fill a segment of 700 bytes.
    assert_eq!(lengths(&files), [24 + 6 * 120, 24 + 120 + 700]);
    drop(ledger);
    assert_eq!(lengths(&files), [24 + 6 * 120, 24 + 120]);
}

#[test]
fn damage_before_a_later_group_is_refused_with_the_file_and_the_first_bad_byte() {
    let files = Memory::default();
    let ledger = open(&files).unwrap();
    wait(ledger.append(draft(1))).unwrap();
    wait(ledger.append(draft(2))).unwrap();
    let live = files.after_crash(Left::Everything);
    drop(ledger);
    live.alter(&crate::paths::segment(0), |bytes| bytes[24 + 50] ^= 1);
    match open(&live).map(|_| ()) {
        Err(OpenError::Damaged {
            entry: 0,
            file,
            offset: 24,
            ..
        }) => assert_eq!(file, crate::paths::segment(0)),
        other => panic!("{other:?}"),
    }
}

/// A ledger of four published entries.
fn published() -> (Memory, Published) {
    let files = Memory::default();
    let ledger = open(&files).unwrap();
    wait(ledger.append_all((1..5).map(draft).collect())).unwrap();
    let published = wait(ledger.publish()).unwrap();
    drop(ledger);
    (files, published)
}

#[test]
fn a_journal_shorter_than_its_checkpoint_is_refused_and_left_as_it_is() {
    let (files, _) = published();
    files.alter(&crate::paths::segment(0), |bytes| {
        bytes.truncate(24 + 2 * 120)
    });
    for _ in 0..2 {
        let refused = open(&files).map(|_| ());
        assert!(
            matches!(
                refused,
                Err(OpenError::CheckpointAhead {
                    checkpoint: 4,
                    journal: 2
                })
            ),
            "{refused:?}"
        );
    }
}

#[test]
fn a_journal_rewritten_from_the_start_is_refused() {
    let (files, signed) = published();
    let other = Memory::default();
    let ledger = open(&other).unwrap();
    wait(ledger.append_all((11..15).map(draft).collect())).unwrap();
    wait(ledger.publish()).unwrap();
    drop(ledger);
    other.alter(Path::new("checkpoint"), |bytes| {
        *bytes = signed.text.clone().into_bytes()
    });
    assert!(matches!(
        open(&other).map(|_| ()),
        Err(OpenError::CheckpointMismatch { size: 4 })
    ));
    drop(files);
}

#[test]
fn a_lost_or_foreign_checkpoint_is_refused() {
    let (files, _) = published();
    files.alter(Path::new("checkpoint"), |bytes| bytes[0] ^= 1);
    assert!(matches!(
        open(&files).map(|_| ()),
        Err(OpenError::CheckpointInvalid(_))
    ));
    crate::files::Files::remove(&files, Path::new("checkpoint")).unwrap();
    assert!(matches!(
        open(&files).map(|_| ()),
        Err(OpenError::CheckpointMissing)
    ));
}

#[test]
fn lost_and_damaged_tiles_are_derived_from_the_journal_anew() {
    let files = Memory::default();
    let ledger = open(&files).unwrap();
    wait(ledger.append_all((0..=255).map(draft).collect())).unwrap();
    wait(ledger.append_all((0..10).map(draft).collect())).unwrap();
    wait(ledger.publish()).unwrap();
    drop(ledger);
    let paths = ["tile/0/000", "tile/entries/001.p/10", "tile/1/000.p/1"];
    let sound = files.after_crash(Left::Everything);
    for path in paths {
        files.alter(Path::new(path), |bytes| bytes[3] ^= 1);
    }
    let ledger = open(&files).unwrap();
    let rewritten: BTreeSet<_> = ledger
        .recovered()
        .rewritten
        .iter()
        .map(|path| path.to_str().unwrap())
        .collect();
    assert_eq!(rewritten, BTreeSet::from(paths));
    for path in paths {
        let read = |files: &Memory| {
            crate::files::Files::read(files, Path::new(path))
                .unwrap()
                .unwrap()
        };
        assert_eq!(read(&files), read(&sound), "{path}");
    }
}
