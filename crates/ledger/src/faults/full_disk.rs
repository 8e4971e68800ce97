//! The ledger on a disk without room: what still goes in, and when it is full no longer.

use super::*;

#[test]
fn on_a_full_disk_the_reserve_makes_room_for_the_entry_that_says_so() {
    let files = Memory::default();
    let ledger = open(&files).unwrap();
    wait(ledger.append(draft(1))).unwrap();
    files.leave_room(Some(30));
    // What room was set aside in the journal is used up first.
    let refused = (2..100).find_map(|number| wait(ledger.append(draft(number))).err());
    assert!(matches!(refused, Some(AppendError::Full)), "{refused:?}");
    let size = ledger.reader().size();
    let system = Draft {
        kind: Kind::System,
        ..draft(3)
    };
    assert_eq!(wait(ledger.append(system)).unwrap().index, size);
    assert!(
        matches!(wait(ledger.append(draft(4))), Err(AppendError::Full)),
        "only system entries use the reserve"
    );
    wait(ledger.publish()).unwrap();

    files.leave_room(None);
    assert_eq!(
        wait(ledger.append(draft(5))).unwrap().index,
        size + 1,
        "with room again everything is taken again"
    );
}

/// As on a real disk, segments have more room than the reserve.
fn open_roomy(files: &Memory) -> Ledger {
    let options = Options {
        segment_bytes: 128 << 20,
        ..options()
    };
    Ledger::open_in(
        Arc::new(files.clone()),
        Path::new("ledger"),
        key(),
        &options,
    )
    .unwrap()
}

#[test]
fn a_disk_is_full_until_the_reserve_and_what_waits_fit_and_changes_once_each_way() {
    let files = Memory::default();
    let ledger = open_roomy(&files);
    let reserve = Path::new(crate::paths::RESERVE);
    files.leave_room(Some(30));
    let mut refusals = (1..=10).map(|number| wait(ledger.append(draft(number))).is_err());
    assert!(refusals.all(|refused| refused));
    assert_eq!(files.flushes(reserve), 1, "set aside at the start alone");
    // Room for the reserve but not for what waits is still none.
    let needed = crate::reserve::RESERVE_BYTES as usize + 60;
    files.leave_room(Some(needed));
    for number in 1..=10 {
        let refused = wait(ledger.append(draft(number)));
        assert!(matches!(refused, Err(AppendError::Full)), "{refused:?}");
    }
    assert_eq!(files.flushes(reserve), 1, "not set aside to be let go");
    files.leave_room(Some(3 * needed));
    for number in 1..=10 {
        wait(ledger.append(draft(number))).unwrap();
    }
    assert_eq!(files.flushes(reserve), 2, "set aside again, once");
}

#[test]
fn room_let_go_on_a_full_disk_is_kept_for_system_entries_whoever_else_writes() {
    let files = Memory::default();
    let ledger = open_roomy(&files);
    wait(ledger.append(draft(1))).unwrap();
    files.leave_room(Some(30));
    // A mebibyte is ahead of the first entry: a large one needs more.
    let large = Draft {
        sealed: vec![1; 1 << 20],
        ..draft(2)
    };
    assert!(matches!(wait(ledger.append(large)), Err(AppendError::Full)));
    files.leave_room(Some(0));
    for number in 3..100 {
        let system = Draft {
            kind: Kind::System,
            ..draft(number)
        };
        wait(ledger.append(system)).unwrap();
    }
}

#[test]
fn a_disk_that_is_full_at_the_start_still_opens_and_takes_system_entries() {
    let files = Memory::default();
    drop(open(&files).unwrap());
    files.alter(Path::new("reserve"), Vec::clear);
    files.leave_room(Some(4096));
    let ledger = open(&files).unwrap();
    assert!(matches!(
        wait(ledger.append(draft(1))),
        Err(AppendError::Full)
    ));
    assert_eq!(
        wait(ledger.append(Draft {
            kind: Kind::System,
            ..draft(2)
        }))
        .unwrap()
        .index,
        0
    );
}

#[test]
fn a_full_disk_holds_the_checkpoint_up_but_neither_opening_nor_what_is_durable() {
    let files = Memory::default();
    let ledger = open(&files).unwrap();
    wait(ledger.append(draft(1))).unwrap();
    let live = files.after_crash(Left::Everything);
    drop(ledger);
    live.alter(&crate::paths::segment(0), |bytes| bytes.truncate(24 + 120));
    live.leave_room(Some(0));
    let ledger = open(&live).unwrap();
    assert_eq!(
        (ledger.reader().size(), ledger.reader().checkpoint().size),
        (1, 0)
    );
    assert!(matches!(
        wait(ledger.publish()),
        Err(PublishError::Write { .. })
    ));
    live.leave_room(None);
    assert_eq!(wait(ledger.publish()).unwrap().size, 1);
}
