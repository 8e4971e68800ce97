//! Payloads that are taken away: which, and what is left when an operation fails or crashes meanwhile.

use super::{ALL_FAULTS, draft, open, wait};
use crate::testing::{Fault, Left, Memory};
use crate::{Doomed, Kind, Ledger, Published, Stored, verify};

/// Three segments: numbers 0 to 17 of three streams, a second apart.
fn kept() -> (Memory, Published) {
    let files = Memory::default();
    let ledger = open(&files).unwrap();
    for number in 0..18 {
        wait(ledger.append(draft(number))).unwrap();
    }
    let published = wait(ledger.publish()).unwrap();
    drop(ledger);
    (files, published)
}

fn entries(ledger: &Ledger) -> Vec<Stored> {
    ledger
        .reader()
        .scan(0)
        .map(|stored| stored.unwrap())
        .collect()
}

/// The numbers whose payloads are left; every other entry must have none.
#[track_caller]
fn left(ledger: &Ledger, what: &str) -> Vec<u8> {
    let entries = entries(ledger);
    let mut numbers = Vec::new();
    for (number, entry) in (0..).zip(&entries) {
        assert_eq!(entry.leaf.commitment, [number; 32], "{what}");
        let alone = ledger.reader().read(entry.index).unwrap();
        assert_eq!(alone, *entry, "{what}");
        if !entry.sealed.is_empty() {
            assert_eq!(entry.sealed, [number; 40], "{what}");
            numbers.push(number);
        }
    }
    numbers
}

#[track_caller]
fn verified(files: &Memory, ledger: &Ledger, before: &Published, what: &str) {
    let dir = tempfile::tempdir().unwrap();
    files.copy_to(dir.path());
    let key = ledger.vkey().parse().unwrap();
    let earlier = verify::checkpoint(&before.text, &key).unwrap();
    verify::directory_since(dir.path(), &key, &earlier)
        .unwrap_or_else(|fault| panic!("{what}: {fault}"));
}

#[test]
fn what_is_past_its_time_or_of_one_stream_is_taken_away_and_nothing_else() {
    let time = draft(8).time;
    for (doomed, expected) in [
        (Doomed::Before(time), (8..18).collect::<Vec<u8>>()),
        (
            Doomed::Stream([1; 16]),
            (0..18).filter(|number| number % 3 != 1).collect(),
        ),
        (Doomed::Stream([9; 16]), (0..18).collect()),
    ] {
        let (files, before) = kept();
        let ledger = open(&files).unwrap();
        let taken = wait(ledger.forget(doomed)).unwrap();
        assert_eq!(taken, 18 - expected.len() as u64, "{doomed:?}");
        assert_eq!(left(&ledger, "at once"), expected, "{doomed:?}");
        assert_eq!(wait(ledger.forget(doomed)).unwrap(), 0, "{doomed:?}");
        let size = ledger.reader().checkpoint().size;
        for index in 0..18 {
            ledger.reader().inclusion_proof(index, size).unwrap();
        }
        drop(ledger);
        let ledger = open(&files).unwrap();
        assert_eq!(left(&ledger, "opened again"), expected, "{doomed:?}");
        let next = wait(ledger.append(draft(18))).unwrap();
        assert_eq!((next.index, next.leaf.previous), (18, Some(15)));
        wait(ledger.publish()).unwrap();
        verified(&files, &ledger, &before, "afterwards");
    }
}

#[test]
fn whatever_operation_fails_or_crashes_meanwhile_only_what_is_doomed_can_go_and_asking_again_takes_it()
 {
    let doomed = Doomed::Before(draft(14).time);
    let operations = {
        let (files, _) = kept();
        let ledger = open(&files).unwrap();
        let before = files.operations();
        wait(ledger.forget(doomed)).unwrap();
        before..files.operations()
    };
    assert!(operations.len() > 20, "{operations:?}");
    for operation in operations {
        for fault in ALL_FAULTS {
            let (files, before) = kept();
            let ledger = open(&files).unwrap();
            files.fail_at(operation, fault);
            let _ = wait(ledger.forget(doomed));
            assert!(files.fault_came(), "operation {operation}");
            for how in [Left::Nothing, Left::Half, Left::LaterHalf, Left::Everything] {
                if matches!(fault, Fault::ErrorBefore | Fault::ErrorAfter)
                    && how != Left::Everything
                {
                    continue;
                }
                let what = format!("operation {operation}, {fault:?}, left {how:?}");
                let files = files.after_crash(how);
                let ledger = open(&files).unwrap_or_else(|error| panic!("{what}: {error:?}"));
                let kept = left(&ledger, &what);
                assert!(kept.ends_with(&[14, 15, 16, 17]), "{what}: {kept:?}");
                wait(ledger.forget(doomed)).unwrap();
                assert_eq!(left(&ledger, &what), [14, 15, 16, 17], "{what}");
                wait(ledger.publish()).unwrap();
                verified(&files, &ledger, &before, &what);
            }
        }
    }
}

#[test]
fn a_segment_that_holds_no_doomed_payload_is_not_written_anew() {
    let (files, _) = kept();
    let ledger = open(&files).unwrap();
    wait(ledger.forget(Doomed::Before(draft(5).time))).unwrap();
    let path = crate::paths::segment(6);
    let before = crate::files::Files::read(&files, &path).unwrap();
    let operations = files.operations();
    wait(ledger.forget(Doomed::Before(draft(5).time))).unwrap();
    assert_eq!(files.operations(), operations);
    assert_eq!(crate::files::Files::read(&files, &path).unwrap(), before);
}

#[test]
fn a_scan_under_way_goes_on_where_it_was() {
    let (files, _) = kept();
    let ledger = open(&files).unwrap();
    let mut scan = ledger.reader().scan(0);
    scan.next().unwrap().unwrap();
    wait(ledger.forget(Doomed::Stream([1; 16]))).unwrap();
    let rest: Vec<_> = scan.map(|stored| stored.unwrap()).collect();
    assert_eq!(rest.len(), 17);
    assert!(rest.iter().all(|stored| stored.leaf.kind == Kind::Event));
}
