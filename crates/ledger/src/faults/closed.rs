//! Opening: what is read of the journal and what is not, and what happens when something of that is not true.

use std::path::Path;

use super::{draft, open, wait};
use crate::files::Files;
use crate::testing::{Left, Memory};
use crate::{OpenError, ReadError, paths};

/// Four segments of six entries, all published, and a stream that only the first entry belongs to.
fn long() -> Memory {
    let files = Memory::default();
    let ledger = open(&files).unwrap();
    let mut first = draft(0);
    first.stream = [77; 16];
    wait(ledger.append(first)).unwrap();
    for number in 1..20 {
        wait(ledger.append(draft(number))).unwrap();
    }
    wait(ledger.publish()).unwrap();
    drop(ledger);
    files
}

fn alter(files: &Memory, path: &Path) {
    files.alter(path, |bytes| {
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
    });
}

#[test]
fn closed_segments_are_not_read_when_opening_and_what_is_damaged_in_them_is_told_by_who_reads_it() {
    let files = long();
    alter(&files, &paths::segment(6));
    let ledger = open(&files).unwrap();
    let read = |index| ledger.reader().read(index);
    assert_eq!(read(0).unwrap().leaf.commitment, [0; 32]);
    assert_eq!(read(19).unwrap().leaf.commitment, [19; 32]);
    let told: Vec<_> = ledger.reader().scan(0).filter_map(Result::err).collect();
    assert!(
        matches!(&told[..], [ReadError::Damaged { entry: 8, file, .. }] if *file == paths::segment(6)),
        "{told:?}"
    );
}

#[test]
fn a_stream_goes_on_from_its_latest_entry_in_whichever_segment_that_is() {
    for path in [None, Some(paths::closed(12)), Some(paths::closed(0))] {
        let files = long();
        if let Some(path) = &path {
            files.remove(path).unwrap();
        }
        let ledger = open(&files).unwrap();
        let mut next = draft(20);
        next.stream = [77; 16];
        let appended = wait(ledger.append(next)).unwrap();
        assert_eq!(appended.leaf.previous, Some(0), "without {path:?}");
        let next = wait(ledger.append(draft(21))).unwrap();
        assert_eq!(next.leaf.previous, Some(18), "without {path:?}");
    }
}

#[test]
fn whatever_is_wrong_with_what_was_written_down_the_same_entries_are_read() {
    let whole = long();
    let entries = |files: &Memory| -> Vec<_> {
        let ledger = open(files).unwrap();
        let reader = ledger.reader();
        (0..20).map(|index| reader.read(index).unwrap()).collect()
    };
    let expected = entries(&whole);
    for first in [0, 6, 12] {
        let removed = whole.after_crash(Left::Everything);
        removed.remove(&paths::closed(first)).unwrap();
        assert_eq!(entries(&removed), expected);
        let altered = whole.after_crash(Left::Everything);
        alter(&altered, &paths::closed(first));
        assert_eq!(entries(&altered), expected);
        let of_another = whole.after_crash(Left::Everything);
        let other = whole
            .read(&paths::closed((first + 6) % 18))
            .unwrap()
            .unwrap();
        of_another.alter(&paths::closed(first), |bytes| *bytes = other);
        assert_eq!(entries(&of_another), expected);
    }
}

#[test]
fn an_altered_tile_at_the_edge_has_the_whole_journal_read_and_is_written_anew() {
    let files = long();
    for path in ["tile/0/000.p/20", "tile/entries/000.p/20"] {
        let path = Path::new(path);
        let sound = files.read(path).unwrap();
        files.alter(path, |bytes| bytes[40] ^= 1);
        let ledger = open(&files).unwrap();
        assert_eq!(ledger.recovered().rewritten, [path]);
        assert_eq!(files.read(path).unwrap(), sound);
    }
}

#[test]
fn a_closed_segment_that_is_gone_is_told_when_opening() {
    for first in [0, 6, 12] {
        let files = long();
        files.remove(&paths::segment(first)).unwrap();
        let refused = open(&files).map(|_| ());
        assert!(
            matches!(&refused, Err(OpenError::Damaged { entry, .. }) if *entry == first),
            "{refused:?}"
        );
    }
}

#[test]
fn an_altered_entry_behind_the_newest_closed_segment_is_refused() {
    let files = long();
    // With its check value made right: only the tree can tell.
    files.alter(&paths::segment(18), |bytes| {
        let (head, leaf) = (24, 24 + 12);
        bytes[leaf + 40] ^= 1;
        let crc = crc::Crc::<u32>::new(&crc::CRC_32_ISCSI);
        let mut digest = crc.digest();
        digest.update(&bytes[head..head + 8]);
        digest.update(&bytes[leaf..leaf + 68 + 40]);
        let check = digest.finalize().to_be_bytes();
        bytes[head + 8..leaf].copy_from_slice(&check);
    });
    let refused = open(&files).map(|_| ());
    assert!(
        matches!(refused, Err(OpenError::CheckpointMismatch { size: 20 })),
        "{refused:?}"
    );
}

#[test]
fn tiles_that_are_wrong_are_derived_anew_on_demand_and_nothing_is_written_from_an_altered_journal()
{
    let files = Memory::default();
    let ledger = open(&files).unwrap();
    for _ in 0..2 {
        wait(ledger.append_all((0..=255).map(draft).collect())).unwrap();
    }
    wait(ledger.publish()).unwrap();
    let path = Path::new("tile/0/000");
    let sound = files.read(path).unwrap();
    files.alter(path, |bytes| bytes[3] ^= 1);
    assert_eq!(wait(ledger.derive()).unwrap(), [path]);
    assert_eq!(files.read(path).unwrap(), sound);
    assert!(wait(ledger.derive()).unwrap().is_empty());

    files.alter(path, |bytes| bytes[3] ^= 1);
    alter(&files, &paths::segment(0));
    let altered = files.read(path).unwrap();
    wait(ledger.derive()).unwrap_err();
    assert_eq!(files.read(path).unwrap(), altered);
}
