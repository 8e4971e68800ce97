//! Scratch copies of a part of the ledger, and harm done to them.
//!
//! A copy has the checkpoint, one journal segment cut down to the part, and the live ledger's tiles by a link: what it
//! takes does not grow with the ledger.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, BufReader, ErrorKind, Read, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};

use avouch_audit::checks::Harm;

/// Bytes before the first record of a segment, as the ledger's README lays it out.
const SEGMENT_HEAD: usize = 24;
/// Bytes of a record before its leaf: length, bytes back to the group's first record, check value.
const RECORD_HEAD: usize = 12;
/// Entries of the part, at most, and what its first entry is a multiple of: whole bundles.
const PART: u64 = 4 * BUNDLE;
const BUNDLE: u64 = 256;
/// Entries that it takes to do every harm in the middle of them.
const FEWEST: u64 = 4;

/// A copy of a part.
#[derive(Debug)]
pub struct Copy {
    pub folder: PathBuf,
    /// The entries to be verified.
    pub part: Range<u64>,
    segment: PathBuf,
    /// The first entry of the segment.
    first: u64,
    /// Where each record of the segment starts, and where the last one ends.
    starts: Vec<usize>,
}

/// Copies a part of the ledger in `from` to the empty folder `to`; `pick` chooses the part.
///
/// # Errors
/// If it cannot be read or written, or the ledger holds too few entries.
pub fn copy(from: &Path, to: &Path, pick: u64) -> Result<Copy, String> {
    let failed = |error: io::Error| format!("the ledger cannot be copied: {error}");
    let checkpoint = fs::read_to_string(from.join("checkpoint")).map_err(failed)?;
    let covered: u64 = checkpoint
        .lines()
        .nth(1)
        .and_then(|size| size.parse().ok())
        .ok_or("the checkpoint names no size")?;
    if covered < FEWEST {
        return Err("the ledger holds too few entries to try".to_owned());
    }
    let start = pick % (covered - FEWEST + 1) / BUNDLE * BUNDLE;
    let part = start..start.saturating_add(PART).min(covered);
    fs::create_dir_all(to.join("journal")).map_err(failed)?;
    fs::write(to.join("checkpoint"), checkpoint).map_err(failed)?;
    std::os::unix::fs::symlink(from.join("tile"), to.join("tile")).map_err(failed)?;
    let (first, records) = records(&from.join("journal"), &part).map_err(failed)?;
    let segment = to.join(format!("journal/{first:020}.seg"));
    let mut file = File::create(&segment).map_err(failed)?;
    file.write_all(b"avouch-journal/1").map_err(failed)?;
    file.write_all(&first.to_be_bytes()).map_err(failed)?;
    let mut starts = vec![SEGMENT_HEAD];
    let mut end = SEGMENT_HEAD;
    for record in &records {
        file.write_all(record).map_err(failed)?;
        end += record.len();
        starts.push(end);
    }
    Ok(Copy {
        folder: to.to_owned(),
        part,
        segment,
        first,
        starts,
    })
}

impl Copy {
    /// Does this harm in the middle of the part: the first entry that no longer fits.
    ///
    /// # Errors
    /// If the copy cannot be written, or is shorter than it should be.
    pub fn harm(&self, harm: Harm) -> Result<u64, String> {
        let io = |error: io::Error| format!("the copy cannot be damaged: {error}");
        let short = || "the copy's journal is shorter than it says".to_owned();
        let at = self.part.start + (self.part.end - self.part.start) / 2;
        let place = usize::try_from(at - self.first).unwrap_or(usize::MAX);
        let mut bytes = fs::read(&self.segment).map_err(io)?;
        let [start, next, after] = self
            .starts
            .get(place..)
            .and_then(<[usize]>::first_chunk::<3>)
            .copied()
            .ok_or_else(short)?;
        match harm {
            Harm::Altered => {
                let byte = bytes.get_mut(start + RECORD_HEAD + 40).ok_or_else(short)?;
                *byte ^= 1;
            }
            Harm::Removed => drop(bytes.drain(start..next)),
            Harm::Swapped => bytes
                .get_mut(start..after)
                .ok_or_else(short)?
                .rotate_left(next - start),
            Harm::Truncated => bytes.truncate(start),
        }
        fs::write(&self.segment, bytes).map_err(io)?;
        Ok(at)
    }
}

/// The records of the entries of a part, from the start of the group that the first lies in; which entry that is.
fn records(journal: &Path, part: &Range<u64>) -> io::Result<(u64, VecDeque<Vec<u8>>)> {
    let mut segments = Vec::new();
    for entry in fs::read_dir(journal)? {
        let path = entry?.path();
        let first = path
            .file_stem()
            .and_then(|name| name.to_str()?.parse::<u64>().ok());
        segments.extend(first.map(|first| (first, path)));
    }
    segments.sort();
    let begin = segments
        .partition_point(|(first, _)| *first <= part.start)
        .saturating_sub(1);
    let (mut first, mut kept) = (0, VecDeque::new());
    for (mut index, path) in segments.into_iter().skip(begin) {
        let mut file = BufReader::with_capacity(1 << 20, File::open(path)?);
        io::copy(
            &mut file.by_ref().take(SEGMENT_HEAD as u64),
            &mut io::sink(),
        )?;
        while index < part.end {
            let Some(record) = record(&mut file)? else {
                break;
            };
            if index <= part.start && starts_group(&record) {
                kept.clear();
                first = index;
            }
            kept.push_back(record);
            index += 1;
        }
        if index >= part.end {
            break;
        }
    }
    Ok((first, kept))
}

/// The next record with its head; `None` at the end of the segment.
fn record(file: &mut impl Read) -> io::Result<Option<Vec<u8>>> {
    let mut record = vec![0; RECORD_HEAD];
    match file.read_exact(&mut record) {
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(None),
        read => read?,
    }
    let length = record.first_chunk::<4>().copied().unwrap_or_default();
    let body = u64::from(u32::from_be_bytes(length));
    if file.take(body).read_to_end(&mut record)? as u64 != body {
        return Err(ErrorKind::UnexpectedEof.into());
    }
    Ok(Some(record))
}

/// Does a record lie at the start of what one flush made durable?
fn starts_group(record: &[u8]) -> bool {
    record.get(4..8) == Some(&[0; 4])
}
