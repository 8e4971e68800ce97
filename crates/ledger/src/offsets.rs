//! Where entries lie: four bytes for every 32 entries of the segments that are in use.
//!
//! An entry is found by its nearest mark before it, and at most 31 records are stepped over from there. Only durable
//! entries are in here: it is what readers see of the journal. Of a segment that another follows nothing is held until
//! somebody reads from it, and a few at most are held then: memory does not grow with the ledger.

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::closed::{self, Closed, Marks};
use crate::files::Files;
use crate::journal::{HEADER_BYTES, Segment};
use crate::paths;
use crate::reader::ReadError;

/// Entries between two marks.
pub(crate) const STRIDE: u64 = 32;
/// Closed segments whose marks and file are held.
const HELD: usize = 32;

/// Shared between the writer, which adds, and the readers.
#[derive(Clone)]
pub(crate) struct Offsets {
    files: Arc<dyn Files>,
    inner: Arc<RwLock<Inner>>,
}

#[derive(Default)]
struct Inner {
    segments: Vec<Known>,
    size: u64,
    /// Counts up with each segment that is put in place of another.
    replaced: u64,
    /// Closed segments that are held, the longest held first.
    held: Vec<u64>,
}

struct Known {
    first: u64,
    /// `None` for a closed segment that nobody reads from.
    marked: Option<Marked>,
}

/// A segment with what is needed to find an entry in it.
#[derive(Clone)]
pub(crate) struct Marked {
    pub(crate) segment: Segment,
    pub(crate) marks: Marks,
}

/// Where reading for an entry starts.
pub(crate) struct Place {
    pub(crate) segment: Segment,
    /// Where the record of entry `at` starts.
    pub(crate) offset: u64,
    /// An entry at or before the one asked for.
    pub(crate) at: u64,
    /// Where reading may end.
    pub(crate) end: u64,
}

impl Offsets {
    /// Of the journal in these files; knows of no segment yet.
    pub(crate) fn new(files: Arc<dyn Files>) -> Self {
        Self {
            files,
            inner: Arc::default(),
        }
    }

    /// How many entries are durable.
    pub(crate) fn size(&self) -> u64 {
        self.shared().size
    }

    /// Adds a segment that has so many entries and that another follows; it is not read.
    pub(crate) fn add_closed(&self, first: u64, entries: u64) {
        let mut inner = self.exclusive();
        inner.segments.push(Known {
            first,
            marked: None,
        });
        inner.size = first + entries;
    }

    /// Adds an empty segment at the end.
    pub(crate) fn add_segment(&self, segment: Segment) {
        let mut inner = self.exclusive();
        let before = inner.segments.last().map(|known| known.first);
        inner.segments.push(Known {
            first: segment.first,
            marked: Some(Marked {
                segment,
                marks: Marks::default(),
            }),
        });
        if let Some(before) = before {
            inner.hold(before);
        }
    }

    /// Adds durable records to the last segment: where each starts, and when it happened if it has a payload; and where
    /// the last one ends.
    pub(crate) fn add_records(
        &self,
        records: impl IntoIterator<Item = (u64, Option<i64>)>,
        end: u64,
    ) {
        let mut inner = self.exclusive();
        let mut added = 0;
        let size = inner.size;
        let Some(last) = inner
            .segments
            .last_mut()
            .and_then(|known| known.marked.as_mut())
        else {
            return;
        };
        for (start, time) in records {
            last.marks
                .add(size + added - last.segment.first, start, time);
            added += 1;
        }
        last.segment.end = end;
        inner.size += added;
    }

    /// Where to start reading for an entry, on the way to `to`; `None` if it is not durable yet.
    pub(crate) fn place(&self, index: u64, to: u64) -> Result<Option<Place>, ReadError> {
        let Some((first, held)) = self.find(index) else {
            return Ok(None);
        };
        let Marked { segment, marks } = match held {
            Some(marked) => marked,
            None => self.load(first)?,
        };
        let mark = (index - first) / STRIDE;
        let Some(offset) = marks.at(mark) else {
            return Ok(None);
        };
        let last = (to.saturating_sub(1).max(index) - first) / STRIDE;
        Ok(Some(Place {
            offset: offset.max(HEADER_BYTES),
            at: first + mark * STRIDE,
            end: marks.at(last + 1).unwrap_or(segment.end),
            segment,
        }))
    }

    /// The first entries of all segments that another follows.
    pub(crate) fn closed(&self) -> Vec<u64> {
        let inner = self.shared();
        let closed = inner.segments.len().saturating_sub(1);
        inner
            .segments
            .iter()
            .take(closed)
            .map(|known| known.first)
            .collect()
    }

    /// The last segment as it stands.
    pub(crate) fn last(&self) -> Option<Marked> {
        self.shared().segments.last()?.marked.clone()
    }

    /// A closed segment, read if it is not held.
    pub(crate) fn load(&self, first: u64) -> Result<Marked, ReadError> {
        loop {
            let (replaced, entries, held) = {
                let inner = self.shared();
                let place = inner.segments.partition_point(|known| known.first < first);
                let next = inner.segments.get(place + 1).map(|known| known.first);
                let held = inner
                    .segments
                    .get(place)
                    .and_then(|known| known.marked.clone());
                (
                    inner.replaced,
                    next.unwrap_or(inner.size).saturating_sub(first),
                    held,
                )
            };
            if let Some(marked) = held {
                return Ok(marked);
            }
            let marked = self.read(first, entries)?;
            let mut inner = self.exclusive();
            // One that was put in its place meanwhile is read instead.
            if inner.replaced == replaced {
                inner.set(first, marked.clone());
                return Ok(marked);
            }
        }
    }

    /// Has readers use another file for a closed segment from now on.
    pub(crate) fn replace(&self, first: u64, with: Marked) {
        let mut inner = self.exclusive();
        inner.replaced += 1;
        inner.set(first, with);
    }

    fn find(&self, index: u64) -> Option<(u64, Option<Marked>)> {
        let inner = self.shared();
        if index >= inner.size {
            return None;
        }
        let after = inner.segments.partition_point(|known| known.first <= index);
        let known = inner.segments.get(after.checked_sub(1)?)?;
        Some((known.first, known.marked.clone()))
    }

    /// Reads what was written down of a closed segment, or the segment itself where that does not fit.
    fn read(&self, first: u64, entries: u64) -> Result<Marked, ReadError> {
        let path = paths::segment(first);
        let unread = |source| ReadError::Damaged {
            entry: first,
            file: path.clone(),
            offset: 0,
            source: crate::journal::Damage::Read(source),
        };
        let file: Arc<dyn crate::files::File> =
            Arc::from(self.files.open_to_read(&path).map_err(unread)?);
        let end = file.len().map_err(unread)?;
        let segment = Segment {
            first,
            path: path.clone(),
            file,
            end,
        };
        let known = closed::read(self.files.as_ref(), first)
            .filter(|known: &Closed| known.bytes == end && known.entries == entries);
        let marks = match known {
            Some(known) => known.marks,
            None => closed::marks(&segment)?,
        };
        Ok(Marked { segment, marks })
    }

    fn shared(&self) -> RwLockReadGuard<'_, Inner> {
        self.inner.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn exclusive(&self) -> RwLockWriteGuard<'_, Inner> {
        self.inner.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn set(&mut self, first: u64, marked: Marked) {
        let place = self.segments.partition_point(|known| known.first < first);
        if let Some(known) = self
            .segments
            .get_mut(place)
            .filter(|known| known.first == first)
        {
            known.marked = Some(marked);
            self.hold(first);
        }
    }

    /// Notes that a closed segment is held, and lets go of the one held longest when there are too many.
    fn hold(&mut self, first: u64) {
        self.held.retain(|held| *held != first);
        self.held.push(first);
        if self.held.len() > HELD {
            let longest = self.held.remove(0);
            let place = self.segments.partition_point(|known| known.first < longest);
            if let Some(known) = self.segments.get_mut(place) {
                known.marked = None;
            }
        }
    }
}
