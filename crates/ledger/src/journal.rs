//! The journal's bytes: segments of records. The layout is in the crate's `README.md`.
//!
//! Each record says how far back its group began, where a group is what one flush made durable. A group is written only
//! after the one before it is durable, so bad bytes with a later group behind them are damage, and bad bytes with
//! nothing behind them are a write that was cut off. Behind the last record of the last segment there may be zeros,
//! which the writer puts there to write over.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use crc::{CRC_32_ISCSI, Crc, Table};

use crate::draft::MAX_SEALED;
use crate::files::File;
use crate::leaf::{LEAF_BYTES, Leaf, LeafError};

const MAGIC: &[u8; 16] = b"avouch-journal/1";
/// Magic and the index of the first entry.
pub(crate) const HEADER_BYTES: u64 = 24;
/// Length, distance to the group's start, check value.
pub(crate) const PREFIX_BYTES: usize = 12;
/// Read this much at once.
const CHUNK: usize = 256 * 1024;

/// CRC-32C: finds what disks do; what people do is found by the tree.
static CRC: Crc<u32, Table<16>> = Crc::<u32, Table<16>>::new(&CRC_32_ISCSI);

/// What is wrong with a record's bytes.
#[derive(Debug, thiserror::Error)]
pub enum Damage {
    /// The file ends inside the record.
    #[error("the file ends inside a record")]
    CutOff,
    /// The length is not one that a record can have.
    #[error("the record's length {0} is not possible")]
    Length(u32),
    /// The check value does not match the bytes.
    #[error("the record's bytes do not match their check value")]
    Check,
    /// The bytes are sound but hold no leaf.
    #[error("the record does not hold a leaf")]
    Leaf(#[source] LeafError),
    /// The stream's chain does not continue.
    #[error("the record's stream does not continue from its previous entry")]
    Chain,
    /// The segment does not start as one must.
    #[error("the segment's header is wrong")]
    Header,
    /// The segment before does not end where this one starts.
    #[error("the segment should start with entry {0}")]
    Gap(u64),
    /// The file could not be read.
    #[error("cannot read the file")]
    Read(#[source] io::Error),
}

/// A segment's first bytes.
pub(crate) fn header(first: u64) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&first.to_be_bytes());
    bytes
}

/// Appends one record to `out`, whose group began `back` bytes before it.
pub(crate) fn encode(leaf: &Leaf, sealed: &[u8], back: u32, out: &mut Vec<u8>) {
    let mut body = Vec::with_capacity(LEAF_BYTES + sealed.len());
    leaf.encode_into(&mut body);
    body.extend_from_slice(sealed);
    // The caller has checked the payload's length, which leaves room to spare in 32 bits.
    let length = u32::try_from(body.len()).unwrap_or(u32::MAX).to_be_bytes();
    let back = back.to_be_bytes();
    out.extend_from_slice(&length);
    out.extend_from_slice(&back);
    out.extend_from_slice(&check(length, back, &body).to_be_bytes());
    out.extend_from_slice(&body);
}

/// One record, read back.
#[derive(Debug)]
pub(crate) struct Record {
    /// Where it lies in its segment.
    pub(crate) offset: u64,
    pub(crate) leaf: Leaf,
    pub(crate) sealed: Vec<u8>,
    /// Whether what one flush made durable begins with it.
    pub(crate) starts_group: bool,
}

impl Record {
    /// When it happened, in microseconds, if it has its payload.
    pub(crate) fn payload_time(&self) -> Option<i64> {
        (!self.sealed.is_empty()).then(|| self.leaf.time.as_microsecond())
    }
}

/// Reads a segment's records one after another, holding one chunk or one record, whichever is larger.
pub(crate) struct Records {
    file: Arc<dyn File>,
    /// Where the next record starts.
    offset: u64,
    /// Where reading stops: a record's end, or the file's.
    end: u64,
    chunk: Vec<u8>,
    used: usize,
}

impl Records {
    /// Reads from the record at `offset` up to `end`.
    pub(crate) fn new(file: Arc<dyn File>, offset: u64, end: u64) -> Self {
        Self {
            file,
            offset,
            end,
            chunk: Vec::new(),
            used: 0,
        }
    }

    /// Where the next record starts: after an error, where the bad one does.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// Whether nothing more is to be read.
    pub(crate) fn is_at_end(&self) -> bool {
        self.offset >= self.end
    }

    /// The next record; `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<Record>, Damage> {
        if self.is_at_end() {
            return Ok(None);
        }
        let offset = self.offset;
        let (length, back, crc) = split_prefix(self.peek(PREFIX_BYTES)?).ok_or(Damage::CutOff)?;
        let body_bytes = body_bytes(length).ok_or(Damage::Length(u32::from_be_bytes(length)))?;
        let record_bytes = PREFIX_BYTES + body_bytes;
        let body = self
            .peek(record_bytes)?
            .get(PREFIX_BYTES..)
            .ok_or(Damage::CutOff)?;
        if check(length, back, body) != crc {
            return Err(Damage::Check);
        }
        let (leaf, sealed) = body.split_at_checked(LEAF_BYTES).ok_or(Damage::CutOff)?;
        let record = Record {
            offset,
            leaf: Leaf::decode(leaf).map_err(Damage::Leaf)?,
            sealed: sealed.to_vec(),
            starts_group: back == [0; 4],
        };
        self.offset += record_bytes as u64;
        self.used += record_bytes;
        Ok(Some(record))
    }

    /// The next `wanted` bytes, without stepping over them.
    fn peek(&mut self, wanted: usize) -> Result<&[u8], Damage> {
        if self.offset + wanted as u64 > self.end {
            return Err(Damage::CutOff);
        }
        let held = self.chunk.len() - self.used;
        if held < wanted {
            self.chunk.drain(..self.used);
            self.used = 0;
            let left = usize::try_from(self.end - self.offset).unwrap_or(usize::MAX);
            self.chunk.resize(wanted.max(CHUNK).min(left), 0);
            let tail = self.chunk.get_mut(held..).unwrap_or_default();
            fill(self.file.as_ref(), tail, self.offset + held as u64)?;
        }
        self.chunk
            .get(self.used..self.used + wanted)
            .ok_or(Damage::CutOff)
    }
}

/// Checks a segment's header.
pub(crate) fn check_header(file: &dyn File, first: u64) -> Result<(), Damage> {
    let mut bytes = vec![0; header(first).len()];
    fill(file, &mut bytes, 0)?;
    if bytes == header(first) {
        Ok(())
    } else {
        Err(Damage::Header)
    }
}

/// What lies behind the last sound record of the last segment.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Tail {
    /// A write that was cut off, of so many bytes; none if there is nothing but zeros written ahead.
    CutOff(u64),
    /// A sound record of a group that began later: then the bad bytes had been made durable.
    LaterGroup,
}

/// Tells a write that was cut off at `bad` from damage. Holds one window and one record, whichever is larger.
pub(crate) fn tail(file: &dyn File, bad: u64, end: u64) -> Result<Tail, Damage> {
    const LONGEST: u64 = (PREFIX_BYTES + LEAF_BYTES + MAX_SEALED) as u64;
    let mut last = 0;
    let mut from = bad;
    while from < end {
        let starts = end.min(from + CHUNK as u64) - from;
        let read = end.min(from + starts + LONGEST) - from;
        let mut bytes = vec![0; usize::try_from(read).unwrap_or(0)];
        fill(file, &mut bytes, from)?;
        for at in 0..usize::try_from(starts).unwrap_or(0) {
            let rest = bytes.get(at..).unwrap_or_default();
            if rest.first().is_some_and(|byte| *byte != 0) {
                last = from + at as u64 + 1 - bad;
            }
            if group_began_within(rest, from + at as u64 - bad) {
                return Ok(Tail::LaterGroup);
            }
        }
        from += starts;
    }
    Ok(Tail::CutOff(last))
}

/// Whether these bytes start with a sound record whose group began in the last `distance` bytes.
fn group_began_within(bytes: &[u8], distance: u64) -> bool {
    let Some((length, back, crc)) = split_prefix(bytes) else {
        return false;
    };
    body_bytes(length)
        .and_then(|body_bytes| bytes.get(PREFIX_BYTES..PREFIX_BYTES + body_bytes))
        .is_some_and(|body| {
            u64::from(u32::from_be_bytes(back)) < distance && check(length, back, body) == crc
        })
}

type Prefix = ([u8; 4], [u8; 4], u32);

fn split_prefix(bytes: &[u8]) -> Option<Prefix> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let (back, rest) = rest.split_first_chunk::<4>()?;
    let (crc, _) = rest.split_first_chunk::<4>()?;
    Some((*length, *back, u32::from_be_bytes(*crc)))
}

fn body_bytes(length: [u8; 4]) -> Option<usize> {
    let bytes = usize::try_from(u32::from_be_bytes(length)).ok()?;
    (LEAF_BYTES..=LEAF_BYTES + MAX_SEALED)
        .contains(&bytes)
        .then_some(bytes)
}

fn check(length: [u8; 4], back: [u8; 4], body: &[u8]) -> u32 {
    let mut digest = CRC.digest();
    digest.update(&length);
    digest.update(&back);
    digest.update(body);
    digest.finalize()
}

/// Fills `buf` from `offset`; a file that ends before is cut off.
fn fill(file: &dyn File, mut buf: &mut [u8], mut offset: u64) -> Result<(), Damage> {
    while !buf.is_empty() {
        match file.read_at(buf, offset) {
            Ok(0) => return Err(Damage::CutOff),
            Ok(read) => {
                buf = buf.get_mut(read..).unwrap_or_default();
                offset += read as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Damage::Read(error)),
        }
    }
    Ok(())
}

/// One segment file, open.
#[derive(Clone)]
pub(crate) struct Segment {
    /// The index of its first entry.
    pub(crate) first: u64,
    pub(crate) path: PathBuf,
    pub(crate) file: Arc<dyn File>,
    /// Where its last durable record ends.
    pub(crate) end: u64,
}
