//! A part of a ledger, verified without reading the rest.

use std::fs;
use std::path::Path;

use avouch_ledger::verify::{self, Fault, Part, Vkey, Why};
use avouch_ledger::{Ledger, Options};

use crate::{draft, key, make, options, wait};

/// Length, distance, check value, leaf and a four-byte payload.
const RECORD: usize = 12 + 68 + 4;
const HEADER: usize = 24;

fn part(dir: &Path, from: u64, to: u64) -> Result<Part, Fault> {
    let key: Vkey = key().vkey().parse().unwrap();
    verify::part(dir, &key, from, to)
}

/// A folder in which the whole ledger lies in few segments.
fn ledger(size: u32) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path(), size, 300);
    dir
}

/// The segment that holds an entry, and where in it the entry's record starts.
fn record_of(dir: &Path, entry: u64) -> (std::path::PathBuf, usize) {
    let mut segments: Vec<(u64, std::path::PathBuf)> = fs::read_dir(dir.join("journal"))
        .unwrap()
        .map(|found| found.unwrap().path())
        .map(|path| {
            (
                path.file_stem().unwrap().to_str().unwrap().parse().unwrap(),
                path,
            )
        })
        .collect();
    segments.sort();
    let (first, path) = segments
        .into_iter()
        .rfind(|(first, _)| *first <= entry)
        .unwrap();
    (path, HEADER + (entry - first) as usize * RECORD)
}

#[test]
fn every_part_of_a_sound_ledger_leads_to_the_signed_root() {
    for size in [1, 255, 256, 257, 700, 1_100] {
        let dir = ledger(size);
        let size = u64::from(size);
        for from in (0..size).step_by(256) {
            for to in [from + 1, from + 256, from + 600, size] {
                let found = part(dir.path(), from, to)
                    .unwrap_or_else(|fault| panic!("{from} to {to} of {size}: {fault}"));
                assert_eq!(found.from, from);
                assert_eq!(
                    found.to,
                    to.max(from + 1).div_ceil(256).saturating_mul(256).min(size)
                );
            }
        }
    }
}

#[test]
fn an_altered_entry_is_named_by_the_part_that_holds_it_and_by_no_other() {
    let dir = ledger(1_100);
    for entry in [0, 255, 256, 600, 1_023, 1_024, 1_099] {
        let (path, start) = record_of(dir.path(), entry);
        let sound = fs::read(&path).unwrap();
        for offset in [0, 4, 8, 12, 40, RECORD - 1] {
            let mut altered = sound.clone();
            altered[start + offset] ^= 1;
            fs::write(&path, &altered).unwrap();
            let fault = part(dir.path(), entry, entry + 1).unwrap_err();
            assert_eq!(fault.entry, Some(entry), "{fault}");
        }
        fs::write(&path, &sound).unwrap();
    }
    let (path, start) = record_of(dir.path(), 600);
    let mut altered = fs::read(&path).unwrap();
    altered[start + 30] ^= 1;
    fs::write(&path, &altered).unwrap();
    part(dir.path(), 0, 256).unwrap();
}

#[test]
fn an_altered_bundle_or_tile_of_the_part_is_named() {
    let dir = ledger(1_100);
    for (file, offset, entry) in [
        ("tile/entries/002", 70 * 5 + 3, 517),
        ("tile/0/002", 32 * 5 + 3, 517),
        ("tile/entries/004.p/76", 70 * 5 + 3, 1_029),
        ("tile/0/004.p/76", 32 * 5 + 3, 1_029),
    ] {
        let path = dir.path().join(file);
        let sound = fs::read(&path).unwrap();
        let mut altered = sound.clone();
        altered[offset] ^= 1;
        fs::write(&path, &altered).unwrap();
        let fault = part(dir.path(), entry, entry + 1).unwrap_err();
        assert_eq!((fault.entry, fault.file), (Some(entry), file.into()));
        fs::write(&path, &sound).unwrap();
    }
}

#[test]
fn an_altered_tile_on_the_way_to_the_root_is_told() {
    let dir = ledger(1_100);
    let path = dir.path().join("tile/1/000.p/4");
    let sound = fs::read(&path).unwrap();
    for place in 0..4 {
        let mut altered = sound.clone();
        altered[place * 32] ^= 1;
        fs::write(&path, &altered).unwrap();
        // Its own bundle's hash is worked out from the journal; every other is taken from the tile.
        let other = if place == 1 { 2 } else { 1 };
        let fault = part(dir.path(), other * 256, other * 256 + 1).unwrap_err();
        assert!(matches!(fault.why, Why::Root(1_100)), "{fault}");
    }
}

#[test]
fn an_entry_rewritten_together_with_its_bundle_and_tile_is_told() {
    let dir = ledger(1_100);
    let (path, start) = record_of(dir.path(), 300);
    let mut bytes = fs::read(&path).unwrap();
    // Another leaf, with a right check value: journal, bundle and tile will agree, and only the tree above does not.
    bytes[start + 12 + 40] ^= 1;
    let check = crc::Crc::<u32>::new(&crc::CRC_32_ISCSI);
    let mut digest = check.digest();
    digest.update(&bytes[start..start + 8]);
    digest.update(&bytes[start + 12..start + RECORD]);
    let value = digest.finalize().to_be_bytes();
    bytes[start + 8..start + 12].copy_from_slice(&value);
    let leaf = bytes[start + 12..start + 80].to_vec();
    fs::write(&path, &bytes).unwrap();
    let place = 300 - 256;
    splice(&dir.path().join("tile/entries/001"), place * 70 + 2, &leaf);
    splice(
        &dir.path().join("tile/0/001"),
        place * 32,
        &verify::leaf_hash(&leaf),
    );
    let fault = part(dir.path(), 300, 301).unwrap_err();
    assert_eq!(
        (fault.entry, fault.file),
        (Some(256), "tile/1/000.p/4".into())
    );
}

fn splice(path: &Path, at: usize, bytes: &[u8]) {
    let mut whole = fs::read(path).unwrap();
    whole[at..at + bytes.len()].copy_from_slice(bytes);
    fs::write(path, whole).unwrap();
}

#[test]
fn a_missing_segment_is_told_with_its_first_entry() {
    let dir = ledger(1_100);
    let (path, _) = record_of(dir.path(), 700);
    let first: u64 = path.file_stem().unwrap().to_str().unwrap().parse().unwrap();
    fs::remove_file(path).unwrap();
    let fault = part(dir.path(), 512, 1_024).unwrap_err();
    assert!(fault.entry <= Some(first), "{fault}");
    assert!(fault.entry >= Some(512), "{fault}");
}

/// The four harms that a journal of one segment can come to, at this entry; `None` where there is no next to swap with.
fn harmed(sound: &[u8], at: u64) -> [(&'static str, Option<Vec<u8>>); 4] {
    let start = HEADER + at as usize * RECORD;
    let changed = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = sound.to_vec();
        change(&mut bytes);
        bytes
    };
    let altered = changed(&|bytes| bytes[start + 12 + 40] ^= 1);
    let removed = changed(&|bytes| drop(bytes.drain(start..start + RECORD)));
    let swapped = (start + 2 * RECORD <= sound.len())
        .then(|| changed(&|bytes| bytes[start..start + 2 * RECORD].rotate_left(RECORD)));
    let cut_off = changed(&|bytes| bytes.truncate(start));
    [
        ("altered", Some(altered)),
        ("taken out", Some(removed)),
        ("swapped with the next", swapped),
        ("cut off", Some(cut_off)),
    ]
}

#[test]
fn an_entry_harmed_at_the_edge_of_a_tile_a_part_or_the_log_is_named_and_not_its_neighbour() {
    for (size, at_once) in [(513, 1), (767, 7), (768, 300)] {
        let dir = tempfile::tempdir().unwrap();
        let options = Options {
            segment_bytes: 1 << 20,
            ..options()
        };
        let ledger = Ledger::open(dir.path(), key(), &options).unwrap();
        for first in (0..size).step_by(at_once as usize) {
            let numbers = first..(first + at_once).min(size);
            wait(ledger.append_all(numbers.map(draft).collect())).unwrap();
        }
        wait(ledger.publish()).unwrap();
        drop(ledger);
        let path = dir.path().join("journal/00000000000000000000.seg");
        let sound = fs::read(&path).unwrap();
        let size = u64::from(size);
        let edges = [0, 256, 512, size];
        for at in edges
            .into_iter()
            .flat_map(|edge| edge.saturating_sub(2)..(edge + 2).min(size))
        {
            for (harm, bytes) in harmed(&sound, at) {
                let Some(bytes) = bytes else { continue };
                fs::write(&path, bytes).unwrap();
                let whole = verify::directory(dir.path(), &key().vkey().parse().unwrap()).err();
                let own = part(dir.path(), at, at + 1).err();
                let wider = part(dir.path(), 0, size).err();
                for (read, told) in [("all", whole), ("own part", own), ("wider part", wider)] {
                    let named = told.as_ref().and_then(|fault| fault.entry);
                    assert_eq!(
                        named,
                        Some(at),
                        "{at} of {size} {harm}, {read} read: {told:?}"
                    );
                }
            }
        }
    }
}
