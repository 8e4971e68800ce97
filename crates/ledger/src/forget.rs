//! Takes payloads out of closed segments: at the end of retention, or when somebody's data are erased.
//!
//! The segment is written anew beside the journal, with an empty payload in each doomed record, flushed, and put in place
//! of the old one by a rename. A leaf commits to its payload by a digest, so leaves, tiles, checkpoints and proofs stay as
//! they are, and no reader or verifier need know.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;

use crate::closed::{self, Closed, Marks};
use crate::draft::AppendError;
use crate::files::{File, Files};
use crate::journal::{self, HEADER_BYTES, Record, Records, Segment};
use crate::leaf::Leaf;
use crate::offsets::{Marked, Offsets};
use crate::paths::{JOURNAL, SEGMENT_NEXT};
use crate::reader::ReadError;

/// Written at once.
const CHUNK: usize = 1 << 20;

/// Whose payloads are taken away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doomed {
    /// Of everything that happened before.
    Before(Timestamp),
    /// Of one stream.
    Stream([u8; 16]),
}

/// Why payloads were not taken away. Those of the segments before the one that failed are gone; asking again goes on.
#[derive(Debug, thiserror::Error)]
pub enum ForgetError {
    /// The operator's: a segment cannot be read.
    #[error("payloads cannot be taken out of the ledger")]
    Read(#[from] ReadError),
    /// The operator's: the last segment could not be closed.
    #[error("the ledger's newest segment cannot be closed")]
    Close(#[from] AppendError),
    /// The operator's: the new segment cannot be written or put in place. The old one is as it was.
    #[error("cannot write {}", file.display())]
    Write {
        /// The file or folder, relative to the ledger's folder.
        file: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The ledger is closing.
    #[error("the ledger has stopped")]
    Stopped,
}

impl Doomed {
    /// Whether a segment with these marks can hold any.
    pub(crate) fn may_touch(self, marks: &Marks) -> bool {
        match (self, marks.oldest) {
            (_, None) => false,
            (Self::Before(time), Some(oldest)) => oldest < time.as_microsecond(),
            (Self::Stream(_), Some(_)) => true,
        }
    }

    fn takes(self, leaf: &Leaf) -> bool {
        match self {
            Self::Before(time) => leaf.time < time,
            Self::Stream(stream) => leaf.stream == stream,
        }
    }

    fn dooms(self, record: &Record) -> bool {
        !record.sealed.is_empty() && self.takes(&record.leaf)
    }
}

/// Takes doomed payloads out of the closed segment with this first entry; gives how many.
pub(crate) fn forget(
    files: &dyn Files,
    offsets: &Offsets,
    first: u64,
    doomed: Doomed,
) -> Result<u64, ForgetError> {
    let old = offsets.load(first)?;
    if !doomed.may_touch(&old.marks) {
        return Ok(0);
    }
    let mut taken = 0;
    each(&old.segment, |record| {
        taken += u64::from(doomed.dooms(&record));
        Ok(())
    })?;
    if taken == 0 {
        return Ok(0);
    }
    let written = write(files, &old.segment, doomed).and_then(|(file, marks, end)| {
        put_in_place(files, &old.segment.path)?;
        Ok((file, marks, end))
    });
    let (file, marks, end) = match written {
        Ok(written) => written,
        Err(error) => {
            // What is left of it is written over the next time, if it cannot be removed now.
            let _ = files.remove(Path::new(SEGMENT_NEXT));
            return Err(error);
        }
    };
    let known = closed::read(files, first).filter(|known| known.bytes == old.segment.end);
    if let Some(known) = known {
        let now = Closed {
            bytes: end,
            marks: marks.clone(),
            ..known
        };
        closed::write(files, &now);
    }
    let segment = Segment {
        file,
        end,
        ..old.segment
    };
    offsets.replace(first, Marked { segment, marks });
    Ok(taken)
}

/// Writes the segment without the doomed payloads; gives the file, where its records lie, and its length.
fn write(
    files: &dyn Files,
    old: &Segment,
    doomed: Doomed,
) -> Result<(Arc<dyn File>, Marks, u64), ForgetError> {
    let path = Path::new(SEGMENT_NEXT);
    let file: Arc<dyn File> = Arc::from(files.open(path).map_err(failed(path))?);
    file.truncate(0).map_err(failed(path))?;
    let mut bytes = journal::header(old.first);
    let (mut written, mut group, mut number) = (0, HEADER_BYTES, 0);
    let mut marks = Marks::default();
    each(old, |mut record| {
        if doomed.dooms(&record) {
            record.sealed = Vec::new();
        }
        let start = written + bytes.len() as u64;
        if record.starts_group {
            group = start;
        }
        // A group is at most some 70 MB.
        let back = u32::try_from(start - group).unwrap_or(u32::MAX);
        marks.add(number, start, record.payload_time());
        number += 1;
        journal::encode(&record.leaf, &record.sealed, back, &mut bytes);
        if bytes.len() >= CHUNK {
            file.write_at(&bytes, written).map_err(failed(path))?;
            written += bytes.len() as u64;
            bytes.clear();
        }
        Ok(())
    })?;
    file.write_at(&bytes, written).map_err(failed(path))?;
    file.sync().map_err(failed(path))?;
    Ok((file, marks, written + bytes.len() as u64))
}

fn put_in_place(files: &dyn Files, place: &Path) -> Result<(), ForgetError> {
    files
        .rename(Path::new(SEGMENT_NEXT), place)
        .map_err(failed(place))?;
    for dir in [Path::new(JOURNAL), Path::new("")] {
        files.sync_dir(dir).map_err(failed(dir))?;
    }
    Ok(())
}

fn each(
    segment: &Segment,
    mut see: impl FnMut(Record) -> Result<(), ForgetError>,
) -> Result<(), ForgetError> {
    let mut records = Records::new(Arc::clone(&segment.file), HEADER_BYTES, segment.end);
    let mut entry = segment.first;
    loop {
        let record = records.next().map_err(|source| ReadError::Damaged {
            entry,
            file: segment.path.clone(),
            offset: records.offset(),
            source,
        })?;
        let Some(record) = record else {
            return Ok(());
        };
        see(record)?;
        entry += 1;
    }
}

fn failed(file: &Path) -> impl FnOnce(io::Error) -> ForgetError + use<> {
    let file = file.to_owned();
    move |source| ForgetError::Write { file, source }
}
