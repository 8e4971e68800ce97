//! What is remembered of a segment that another follows: where its records lie, and where each stream stood at its end.
//!
//! One small file for each, derived from the journal. With it, opening a ledger reads only the segments behind the newest
//! closed one, and finding an entry reads no others. A file that is missing, torn or of another segment is passed over:
//! the segment itself is read then. The layout is in the crate's `README.md`.

use std::collections::HashMap;
use std::io;
use std::path::Path;

use crc::{CRC_32_ISCSI, Crc, Table};

use crate::files::Files;
use crate::journal::{HEADER_BYTES, Records, Segment};
use crate::offsets::STRIDE;
use crate::paths::{self, CLOSED};
use crate::reader::ReadError;

const MAGIC: &[u8; 16] = b"avouch-closed/1\n";
/// Stands for "no payload is left" in the bytes.
const NONE_LEFT: i64 = i64::MAX;

static CRC: Crc<u32, Table<16>> = Crc::<u32, Table<16>>::new(&CRC_32_ISCSI);

/// Where a segment's records lie, and how old its oldest payload is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Marks {
    /// Offsets of every 32nd record, counted from the segment's first.
    offsets: Vec<u32>,
    /// When the oldest entry happened that has its payload, in microseconds; `None` if none has.
    pub(crate) oldest: Option<i64>,
}

/// A closed segment.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Closed {
    pub(crate) first: u64,
    pub(crate) entries: u64,
    /// The length of its file: another length is another file.
    pub(crate) bytes: u64,
    pub(crate) marks: Marks,
    /// Each stream's latest entry, here or in a segment before.
    pub(crate) streams: HashMap<[u8; 16], u64>,
}

impl Marks {
    /// Adds the record of the segment's `number`th entry, with its time if it has a payload.
    pub(crate) fn add(&mut self, number: u64, start: u64, time: Option<i64>) {
        if number.is_multiple_of(STRIDE) {
            // A segment is far below 4 GiB: see `Options::segment_bytes`.
            self.offsets.push(u32::try_from(start).unwrap_or(u32::MAX));
        }
        if let Some(time) = time {
            self.oldest = Some(self.oldest.map_or(time, |oldest| oldest.min(time)));
        }
    }

    /// Where the record of a mark starts.
    pub(crate) fn at(&self, mark: u64) -> Option<u64> {
        let offset = self.offsets.get(usize::try_from(mark).ok()?)?;
        Some(u64::from(*offset))
    }
}

impl Closed {
    fn encode(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        for number in [
            self.first,
            self.entries,
            self.bytes,
            self.marks.offsets.len() as u64,
            self.streams.len() as u64,
        ] {
            bytes.extend_from_slice(&number.to_be_bytes());
        }
        bytes.extend_from_slice(&self.marks.oldest.unwrap_or(NONE_LEFT).to_be_bytes());
        for offset in &self.marks.offsets {
            bytes.extend_from_slice(&offset.to_be_bytes());
        }
        for (stream, latest) in &self.streams {
            bytes.extend_from_slice(stream);
            bytes.extend_from_slice(&latest.to_be_bytes());
        }
        let check = CRC.checksum(&bytes);
        bytes.extend_from_slice(&check.to_be_bytes());
        bytes
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (body, check) = bytes.split_last_chunk::<4>()?;
        let mut rest = body.strip_prefix(MAGIC.as_slice())?;
        if CRC.checksum(body) != u32::from_be_bytes(*check) {
            return None;
        }
        let mut number = || {
            let (field, after) = rest.split_first_chunk::<8>()?;
            rest = after;
            Some(u64::from_be_bytes(*field))
        };
        let (first, entries, bytes) = (number()?, number()?, number()?);
        let (offsets, streams) = (number()?, number()?);
        let oldest = number()?.cast_signed();
        let (marks, chains) =
            rest.split_at_checked(usize::try_from(offsets).ok()?.checked_mul(4)?)?;
        let chains = chains.as_chunks::<24>();
        if !chains.1.is_empty() || chains.0.len() as u64 != streams {
            return None;
        }
        Some(Self {
            first,
            entries,
            bytes,
            marks: Marks {
                offsets: marks
                    .as_chunks::<4>()
                    .0
                    .iter()
                    .map(|offset| u32::from_be_bytes(*offset))
                    .collect(),
                oldest: (oldest != NONE_LEFT).then_some(oldest),
            },
            streams: chains
                .0
                .iter()
                .filter_map(|chain| {
                    let (stream, latest) = chain.split_first_chunk::<16>()?;
                    Some((*stream, u64::from_be_bytes(latest.try_into().ok()?)))
                })
                .collect(),
        })
    }
}

/// What was written down of the segment with this first entry, if that can be believed.
pub(crate) fn read(files: &dyn Files, first: u64) -> Option<Closed> {
    let bytes = files.read(&paths::closed(first)).ok()??;
    Closed::decode(&bytes).filter(|closed| closed.first == first)
}

/// Writes down what is known of a segment. It is not flushed: what a crash leaves of it either fits or is passed over.
pub(crate) fn write(files: &dyn Files, closed: &Closed) {
    let path = paths::closed(closed.first);
    let write = || -> io::Result<()> {
        let bytes = closed.encode();
        files.make_dir(Path::new(CLOSED))?;
        let file = files.open(&path)?;
        file.write_at(&bytes, 0)?;
        file.truncate(bytes.len() as u64)
    };
    if let Err(error) = write() {
        tracing::warn!(%error, file = %path.display(), "the next start reads more of the ledger's journal");
    }
}

/// Reads a segment for what is not written down of it.
pub(crate) fn marks(segment: &Segment) -> Result<Marks, ReadError> {
    let mut records = Records::new(segment.file.clone(), HEADER_BYTES, segment.end);
    let mut marks = Marks::default();
    let mut number = 0;
    loop {
        match records.next() {
            Ok(None) => return Ok(marks),
            Ok(Some(record)) => marks.add(number, record.offset, record.payload_time()),
            Err(source) => {
                return Err(ReadError::Damaged {
                    entry: segment.first + number,
                    file: segment.path.clone(),
                    offset: records.offset(),
                    source,
                });
            }
        }
        number += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn closed() -> Closed {
        let mut marks = Marks::default();
        for number in 0..70 {
            marks.add(
                number,
                24 + number * 120,
                Some(9_000 - number.cast_signed()),
            );
        }
        Closed {
            first: 41,
            entries: 70,
            bytes: 24 + 70 * 120,
            marks,
            streams: HashMap::from([([1; 16], 50), ([2; 16], 110)]),
        }
    }

    #[test]
    fn what_was_written_down_reads_back() {
        for oldest in [None, Some(-1), Some(0)] {
            let mut closed = closed();
            closed.marks.oldest = oldest;
            assert_eq!(Closed::decode(&closed.encode()), Some(closed));
        }
    }

    #[test]
    fn every_mark_is_where_its_record_starts_and_the_oldest_payload_is_known() {
        let marks = closed().marks;
        assert_eq!(marks.at(2), Some(24 + 64 * 120));
        assert_eq!(marks.at(3), None);
        assert_eq!(marks.oldest, Some(9_000 - 69));
    }

    #[test]
    fn a_file_that_was_altered_or_cut_anywhere_is_passed_over() {
        let bytes = closed().encode();
        for at in 0..bytes.len() {
            let mut altered = bytes.clone();
            altered[at] ^= 1;
            assert_eq!(Closed::decode(&altered), None, "byte {at}");
            assert_eq!(Closed::decode(&bytes[..at]), None, "cut at {at}");
        }
    }
}
