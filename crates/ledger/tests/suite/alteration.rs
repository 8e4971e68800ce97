//! Altered, cut, reordered and re-signed ledgers, each told by the verifier with the entry named.

use std::fs;
use std::path::{Path, PathBuf};

use avouch_ledger::verify::{self, Fault, Report, Vkey, Why};

use crate::{draft, key, make, open, wait};

/// Length, distance, check value, leaf and a four-byte payload.
const RECORD: usize = 12 + 68 + 4;
const HEADER: usize = 24;

fn vkey() -> Vkey {
    key().vkey().parse().unwrap()
}

fn check(dir: &Path) -> Result<Report, Fault> {
    verify::directory(dir, &vkey())
}

/// Every file that is evidence, relative to the ledger's folder.
fn evidence(dir: &Path) -> Vec<PathBuf> {
    let mut found = vec![PathBuf::from("checkpoint")];
    let mut folders = vec![PathBuf::from("journal"), PathBuf::from("tile")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(dir.join(&folder)).unwrap() {
            let entry = entry.unwrap();
            let path = folder.join(entry.file_name());
            if entry.file_type().unwrap().is_dir() {
                folders.push(path)
            } else {
                found.push(path)
            }
        }
    }
    found.sort();
    found
}

/// The entry that a byte belongs to; `None` for the checkpoint, of which no entry can be told.
fn entry_at(path: &Path, offset: usize) -> Option<u64> {
    let text = path.to_str().unwrap();
    let tile = |text: &str| {
        text.split('/')
            .next()
            .unwrap()
            .trim_end_matches(".p")
            .parse::<u64>()
            .unwrap()
            * 256
    };
    if text == "checkpoint" {
        None
    } else if let Some(name) = text.strip_prefix("journal/") {
        let first: u64 = name.trim_end_matches(".seg").parse().unwrap();
        Some(first + (offset.saturating_sub(HEADER) / RECORD) as u64)
    } else if let Some(name) = text.strip_prefix("tile/entries/") {
        Some(tile(name) + (offset / 70) as u64)
    } else if let Some(name) = text.strip_prefix("tile/0/") {
        Some(tile(name) + (offset / 32) as u64)
    } else {
        Some((offset / 32) as u64 * 256)
    }
}

/// Flips a bit of every `step`th byte in turn, and expects to be told of each with its file and entry.
fn flip_each(dir: &Path, step: usize) {
    let bit = |offset: usize| 1 << (offset % 8);
    for path in evidence(dir) {
        let sound = fs::read(dir.join(&path)).unwrap();
        for offset in (0..sound.len()).step_by(step) {
            let mut altered = sound.clone();
            altered[offset] ^= bit(offset);
            fs::write(dir.join(&path), &altered).unwrap();
            let fault = check(dir).expect_err(&format!("{} byte {offset} altered", path.display()));
            assert_eq!(fault.file, path, "byte {offset}: {fault}");
            assert_eq!(
                fault.entry,
                entry_at(&path, offset),
                "{} byte {offset}: {fault}",
                path.display()
            );
        }
        fs::write(dir.join(&path), &sound).unwrap();
    }
    check(dir).unwrap();
}

#[test]
fn any_altered_byte_of_a_small_ledger_is_told_with_its_entry() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path(), 7, 3);
    let files = evidence(dir.path());
    assert!(
        files
            .iter()
            .filter(|path| path.starts_with("journal"))
            .count()
            > 1,
        "{files:?}"
    );
    flip_each(dir.path(), 1);
}

#[test]
fn an_altered_byte_of_a_ledger_with_full_tiles_is_told_with_its_entry() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path(), 270, 270);
    flip_each(dir.path(), 151);
}

#[test]
fn a_journal_cut_anywhere_is_told_with_the_first_missing_entry() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path(), 4, 4);
    let path = dir.path().join("journal/00000000000000000000.seg");
    let sound = fs::read(&path).unwrap();
    assert_eq!(sound.len(), HEADER + 4 * RECORD);
    for kept in 0..sound.len() {
        fs::write(&path, &sound[..kept]).unwrap();
        let fault = check(dir.path()).unwrap_err();
        assert_eq!(
            fault.entry,
            Some((kept.saturating_sub(HEADER) / RECORD) as u64),
            "kept {kept}: {fault}"
        );
    }
}

#[test]
fn swapped_entries_are_told_with_the_first_of_them() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path(), 4, 1);
    let path = dir.path().join("journal/00000000000000000000.seg");
    let mut bytes = fs::read(&path).unwrap();
    let (before, after) = bytes[HEADER + RECORD..].split_at_mut(RECORD);
    before.swap_with_slice(&mut after[..RECORD]);
    fs::write(&path, bytes).unwrap();
    let fault = check(dir.path()).unwrap_err();
    assert!(
        matches!((fault.entry, &fault.why), (Some(1), Why::Altered)),
        "{fault}"
    );
}

#[test]
fn a_deleted_entry_is_told() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path(), 4, 1);
    let path = dir.path().join("journal/00000000000000000000.seg");
    let mut bytes = fs::read(&path).unwrap();
    bytes.drain(HEADER + RECORD..HEADER + 2 * RECORD);
    fs::write(&path, bytes).unwrap();
    let fault = check(dir.path()).unwrap_err();
    assert!(
        matches!((fault.entry, &fault.why), (Some(1), Why::Altered)),
        "{fault}"
    );
}

#[test]
fn a_deleted_file_is_told_with_the_first_entry_it_held() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path(), 300, 10);
    for path in evidence(dir.path()) {
        let sound = fs::read(dir.path().join(&path)).unwrap();
        fs::remove_file(dir.path().join(&path)).unwrap();
        let outcome = check(dir.path());
        if let Some(width) = path.to_str().unwrap().split(".p/").nth(1) {
            // Partial tiles of earlier sizes may go; those of the checkpoint's size may not.
            assert_eq!(
                outcome.is_err(),
                width == "44" || path.starts_with("tile/1"),
                "{}",
                path.display()
            );
        } else {
            let fault = outcome.unwrap_err();
            assert_eq!(
                fault.entry,
                entry_at(&path, 0),
                "{}: {fault}",
                path.display()
            );
        }
        fs::write(dir.path().join(&path), sound).unwrap();
    }
}

#[test]
fn a_foreign_file_among_the_tiles_or_segments_is_told() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path(), 3, 3);
    for path in [
        "tile/0/1",
        "tile/note.txt",
        "journal/copy.seg",
        "journal/1.seg",
    ] {
        fs::write(dir.path().join(path), "x").unwrap();
        let fault = check(dir.path()).unwrap_err();
        assert!(matches!(fault.why, Why::Foreign), "{fault}");
        assert_eq!(fault.file, Path::new(path));
        fs::remove_file(dir.path().join(path)).unwrap();
    }
}

#[test]
fn a_checkpoint_by_another_key_is_not_believed() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path(), 3, 3);
    let other = avouch_ledger::LogKey::from_seed(key().name(), &[6; 32]).unwrap();
    let fault = verify::directory(dir.path(), &other.vkey().parse().unwrap()).unwrap_err();
    assert!(matches!(fault.why, Why::Checkpoint(_)), "{fault}");
}

#[test]
fn a_shorter_log_signed_anew_by_its_own_key_is_told_against_an_earlier_checkpoint() {
    let dir = tempfile::tempdir().unwrap();
    let earlier = make(dir.path(), 6, 6);
    let earlier = verify::checkpoint(&earlier.text, &vkey()).unwrap();

    let shorter = tempfile::tempdir().unwrap();
    make(shorter.path(), 4, 4);
    check(shorter.path()).unwrap();
    let fault = verify::directory_since(shorter.path(), &vkey(), &earlier).unwrap_err();
    assert!(
        matches!(fault.why, Why::CutBack { earlier: 6, now: 4 }),
        "{fault}"
    );
}

#[test]
fn a_rewritten_log_signed_anew_by_its_own_key_is_told_against_an_earlier_checkpoint() {
    let dir = tempfile::tempdir().unwrap();
    let earlier = make(dir.path(), 6, 6);
    let earlier = verify::checkpoint(&earlier.text, &vkey()).unwrap();
    verify::directory_since(dir.path(), &vkey(), &earlier).unwrap();

    let rewritten = tempfile::tempdir().unwrap();
    let ledger = open(rewritten.path());
    wait(ledger.append_all([0, 1, 9, 3, 4, 5, 6].map(draft).to_vec())).unwrap();
    drop(ledger);
    check(rewritten.path()).unwrap();
    let fault = verify::directory_since(rewritten.path(), &vkey(), &earlier).unwrap_err();
    assert!(matches!(fault.why, Why::Rewritten(6)), "{fault}");
}

#[test]
fn entries_behind_the_checkpoint_are_counted_and_an_unfinished_write_is_measured() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path(), 2, 2);
    let at_two = fs::read(dir.path().join("checkpoint")).unwrap();
    let ledger = open(dir.path());
    wait(ledger.append(draft(2))).unwrap();
    let report = check(dir.path()).unwrap();
    assert_eq!(
        (report.checkpoint.size, report.unpublished, report.cut_off),
        (2, 1, 0)
    );
    drop(ledger);
    fs::write(dir.path().join("checkpoint"), at_two).unwrap();
    let path = dir.path().join("journal/00000000000000000000.seg");
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() - 3]).unwrap();
    let report = check(dir.path()).unwrap();
    // The last byte that is left is a zero, like those that are written ahead.
    assert_eq!(
        (report.checkpoint.size, report.unpublished, report.cut_off),
        (2, 0, RECORD as u64 - 4)
    );
}

/// A ledger of two published entries and six behind them that no checkpoint covers; gives the path of its segment.
fn with_unpublished(dir: &Path, at_once: usize) -> PathBuf {
    let ledger =
        avouch_ledger::Ledger::open(dir, key(), &avouch_ledger::Options::default()).unwrap();
    wait(ledger.append_all([0, 1].map(draft).to_vec())).unwrap();
    let at_two = wait(ledger.publish()).unwrap();
    for numbers in [2, 3, 4, 5, 6, 7].chunks(at_once) {
        wait(ledger.append_all(numbers.iter().copied().map(draft).collect())).unwrap();
    }
    drop(ledger);
    fs::write(dir.join("checkpoint"), at_two.text).unwrap();
    assert_eq!(check(dir).unwrap().unpublished, 6);
    dir.join("journal/00000000000000000000.seg")
}

#[test]
fn an_entry_left_out_where_no_checkpoint_reaches_is_told_by_the_next_of_its_stream() {
    let dir = tempfile::tempdir().unwrap();
    let path = with_unpublished(dir.path(), 1);
    let mut bytes = fs::read(&path).unwrap();
    bytes.drain(HEADER + 2 * RECORD..HEADER + 3 * RECORD);
    fs::write(&path, bytes).unwrap();
    let fault = check(dir.path()).unwrap_err();
    assert!(
        matches!(
            (fault.entry, &fault.why),
            (
                Some(4),
                Why::Chain {
                    expected: None,
                    found: Some(2)
                }
            )
        ),
        "{fault}"
    );
}

#[test]
fn an_entry_left_out_of_a_group_is_told_by_the_next_of_the_group() {
    let dir = tempfile::tempdir().unwrap();
    let path = with_unpublished(dir.path(), 6);
    let mut bytes = fs::read(&path).unwrap();
    bytes.drain(HEADER + 3 * RECORD..HEADER + 4 * RECORD);
    fs::write(&path, bytes).unwrap();
    let fault = check(dir.path()).unwrap_err();
    assert!(
        matches!((fault.entry, &fault.why), (Some(3), Why::Group)),
        "{fault}"
    );
}

#[test]
fn an_empty_ledger_is_sound_and_a_missing_one_is_not() {
    let dir = tempfile::tempdir().unwrap();
    drop(open(dir.path()));
    assert_eq!(check(dir.path()).unwrap().checkpoint.size, 0);
    let fault = check(&dir.path().join("nowhere")).unwrap_err();
    assert!(matches!(fault.why, Why::Missing), "{fault}");
}

#[test]
fn the_report_says_what_the_ledger_holds() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path(), 8, 8);
    let report = check(dir.path()).unwrap();
    assert_eq!(report.kinds, [3, 3, 2]);
    assert_eq!(report.streams, 3);
    let second = 1_000_000;
    assert_eq!(
        report.times,
        Some((1_767_225_600 * second, 1_767_225_607 * second))
    );
}
