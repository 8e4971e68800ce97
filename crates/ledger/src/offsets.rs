//! Where entries lie: four bytes for every 32 entries, so 100 million entries take 12.5 MB of memory.
//!
//! An entry is found by its nearest mark before it, and at most 31 records are stepped over from there. Only durable
//! entries are in here: it is what readers see of the journal.

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::journal::{HEADER_BYTES, Segment};

/// Entries between two marks.
const STRIDE: u64 = 32;

/// Shared between the writer, which adds, and the readers.
#[derive(Clone, Default)]
pub(crate) struct Offsets(Arc<RwLock<Inner>>);

#[derive(Default)]
struct Inner {
    segments: Vec<Marked>,
    size: u64,
}

struct Marked {
    segment: Segment,
    /// Offsets of every 32nd record, counted from the segment's first.
    marks: Vec<u32>,
}

/// Where reading for an entry starts.
pub(crate) struct Place {
    pub(crate) segment: Segment,
    /// Where the record of entry `at` starts.
    pub(crate) offset: u64,
    /// An entry at or before the one asked for.
    pub(crate) at: u64,
}

impl Offsets {
    /// How many entries are durable.
    pub(crate) fn size(&self) -> u64 {
        self.shared().size
    }

    /// Adds an empty segment at the end.
    pub(crate) fn add_segment(&self, segment: Segment) {
        self.exclusive().segments.push(Marked {
            segment,
            marks: Vec::new(),
        });
    }

    /// Adds durable records to the last segment, given where each starts and where the last one ends.
    pub(crate) fn add_records(&self, starts: impl IntoIterator<Item = u64>, end: u64) {
        let mut inner = self.exclusive();
        let Inner { segments, size } = &mut *inner;
        let Some(last) = segments.last_mut() else {
            return;
        };
        for start in starts {
            if (*size - last.segment.first).is_multiple_of(STRIDE) {
                // A segment is far below 4 GiB: see `Options::segment_bytes`.
                last.marks.push(u32::try_from(start).unwrap_or(u32::MAX));
            }
            *size += 1;
        }
        last.segment.end = end;
    }

    /// Where to start reading for an entry; `None` if it is not durable yet.
    pub(crate) fn place(&self, index: u64) -> Option<Place> {
        let inner = self.shared();
        if index >= inner.size {
            return None;
        }
        let after = inner
            .segments
            .partition_point(|marked| marked.segment.first <= index);
        let Marked { segment, marks } = inner.segments.get(after.checked_sub(1)?)?;
        let mark = (index - segment.first) / STRIDE;
        let offset = marks.get(usize::try_from(mark).ok()?)?;
        Some(Place {
            segment: segment.clone(),
            offset: u64::from(*offset).max(HEADER_BYTES),
            at: segment.first + mark * STRIDE,
        })
    }

    fn shared(&self) -> RwLockReadGuard<'_, Inner> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn exclusive(&self) -> RwLockWriteGuard<'_, Inner> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}
