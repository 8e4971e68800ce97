//! Reads a ledger back when it is opened: what was cut off is taken away, what is damaged is refused. Of closed segments
//! it takes what was written down when they were closed, and their hashes from the tiles, which the root confirms.
//!
//! Nothing is changed before the journal has been found to fit the signed checkpoint, so that a ledger which was
//! tampered with is left as it was found.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::checkpoint::Published;
use crate::closed::{self, Closed};
use crate::files::Files;
use crate::journal::{self, Damage, HEADER_BYTES, Records, Segment, Tail};
use crate::leaf::LEAF_BYTES;
use crate::ledger::OpenError;
use crate::offsets::Offsets;
use crate::paths::{self, CLOSED, JOURNAL, Row, TILE_WIDTH};
use crate::publish::{is_there, write_whole};
use crate::tree::Tree;

/// What opening had to mend. Worth a system entry when it is not all nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Bytes of a write that a crash cut off, never acknowledged, taken off the journal's end.
    pub cut_off: u64,
    /// Tiles and bundles that were missing or wrong and were derived from the journal anew.
    pub rewritten: Vec<PathBuf>,
}

/// A ledger's state, as its files have it.
pub(crate) struct State {
    pub(crate) offsets: Offsets,
    pub(crate) streams: HashMap<[u8; 16], u64>,
    /// The segment to go on with.
    pub(crate) segment: Option<Segment>,
    /// The tree of the signed size; empty when full tiles have to be derived anew.
    pub(crate) tree: Tree,
    pub(crate) recovered: Recovered,
}

/// What a crash left at the journal's end.
enum CutOff {
    /// A segment whose making was cut off.
    Segment(PathBuf, u64),
    /// Bytes of a write behind the last sound record of the last segment.
    Bytes(u64),
}

/// Where reading begins.
#[derive(Default)]
struct Start {
    /// Segments before, whose first entries these are, with how many entries each has; they are not read.
    closed: Vec<(u64, u64)>,
    /// Each stream's latest entry in them.
    streams: HashMap<[u8; 16], u64>,
    /// The tree over them.
    tree: Tree,
}

/// Reads what is behind the newest closed segment under a ledger's folder; everything, where that does not fit the signed
/// checkpoint or what is needed for it is not there.
pub(crate) fn recover(files: &Arc<dyn Files>, signed: &Published) -> Result<State, OpenError> {
    let dir = Path::new(JOURNAL);
    let names = files.names(dir).map_err(OpenError::io(dir))?;
    let mut firsts: Vec<u64> = names
        .iter()
        .filter_map(|name| paths::segment_first(name))
        .collect();
    firsts.sort_unstable();
    if let Some(start) = remembered(files.as_ref(), signed, &firsts)? {
        match read(files, signed, &firsts, start) {
            Err(OpenError::CheckpointMismatch { .. }) => {
                tracing::warn!(
                    "the ledger's tiles do not fit its checkpoint; its whole journal is read"
                );
            }
            read => return read,
        }
    }
    read(files, signed, &firsts, Start::default())
}

/// The newest closed segment of which everything is known that opening needs; `None` if there is none, or a closed
/// segment has gone.
fn remembered(
    files: &dyn Files,
    signed: &Published,
    firsts: &[u64],
) -> Result<Option<Start>, OpenError> {
    let dir = Path::new(CLOSED);
    let names = files.names(dir).map_err(OpenError::io(dir))?;
    let all_there = names
        .iter()
        .filter_map(|name| name.parse().ok())
        .all(|first| firsts.binary_search(&first).is_ok());
    if !all_there || firsts.first() != Some(&0) {
        return Ok(None);
    }
    // What a crash left of the making of a segment follows none.
    let firsts = match firsts.split_last() {
        Some((last, before)) if !has_header(files, *last)? => before,
        _ => firsts,
    };
    let pairs = firsts.array_windows::<2>().enumerate().rev();
    for (place, [first, next]) in pairs {
        let Some(closed) = closed::read(files, *first) else {
            continue;
        };
        let path = paths::segment(*first);
        let bytes = files
            .open_to_read(&path)
            .and_then(|file| file.len())
            .map_err(OpenError::io(&path))?;
        if closed.bytes != bytes || first + closed.entries != *next || *next > signed.size {
            continue;
        }
        let tree = Tree::from_tiles(*next, |row, index, width| {
            tile(files, row, index, width, signed.size)
        })?;
        let Some(tree) = tree else {
            return Ok(None);
        };
        let closed_ones = firsts.array_windows::<2>().take(place + 1);
        return Ok(Some(Start {
            closed: closed_ones
                .map(|[first, next]| (*first, next - first))
                .collect(),
            streams: closed.streams,
            tree,
        }));
    }
    Ok(None)
}

fn has_header(files: &dyn Files, first: u64) -> Result<bool, OpenError> {
    let path = paths::segment(first);
    let file = files.open_to_read(&path).map_err(OpenError::io(&path))?;
    Ok(journal::check_header(file.as_ref(), first).is_ok())
}

/// The first hashes or entries of a tile, from the full one or from the partial one of the signed size.
fn tile(
    files: &dyn Files,
    row: Row,
    index: u64,
    width: u16,
    signed: u64,
) -> Result<Option<Vec<u8>>, OpenError> {
    let (units, unit) = match row {
        Row::Entries => (signed, 2 + LEAF_BYTES),
        Row::Level(level) => (signed >> (8 * u32::from(level)), 32),
    };
    let partial = u16::try_from(units % u64::from(TILE_WIDTH)).unwrap_or(TILE_WIDTH);
    for whole in [TILE_WIDTH, partial] {
        let path = paths::tile(row, index, whole);
        if let Some(mut bytes) = files.read(&path).map_err(OpenError::io(&path))?
            && bytes.len() >= usize::from(width) * unit
        {
            bytes.truncate(usize::from(width) * unit);
            return Ok(Some(bytes));
        }
    }
    Ok(None)
}

fn read(
    files: &Arc<dyn Files>,
    signed: &Published,
    firsts: &[u64],
    start: Start,
) -> Result<State, OpenError> {
    let mut reading = Reading {
        files: Arc::clone(files),
        signed_size: signed.size,
        offsets: Offsets::new(Arc::clone(files)),
        streams: start.streams,
        tree: start.tree,
        wrong: Vec::new(),
        closed: None,
    };
    for (first, entries) in &start.closed {
        reading.offsets.add_closed(*first, *entries);
    }
    let last = firsts.last().copied();
    let mut segment = None;
    let mut cut_off = None;
    for first in firsts.iter().skip(start.closed.len()) {
        cut_off = reading.segment(*first, last == Some(*first), &mut segment)?;
    }

    let size = reading.offsets.size();
    if size < signed.size {
        return Err(OpenError::CheckpointAhead {
            checkpoint: signed.size,
            journal: size,
        });
    }
    if reading.tree.root()?.0 != signed.root {
        return Err(OpenError::CheckpointMismatch { size: signed.size });
    }
    if let Some(closed) = &reading.closed {
        closed::write(files.as_ref(), closed);
    }
    let cut_off = mend_journal(files.as_ref(), cut_off, segment.as_ref())?;
    mend_partials(files.as_ref(), &reading.tree, &mut reading.wrong)?;
    let full_ones_wrong = reading.wrong.iter().any(|path| !is_partial(path));
    Ok(State {
        offsets: reading.offsets,
        streams: reading.streams,
        segment,
        tree: if full_ones_wrong {
            Tree::default()
        } else {
            reading.tree
        },
        recovered: Recovered {
            cut_off,
            rewritten: reading.wrong,
        },
    })
}

struct Reading {
    files: Arc<dyn Files>,
    signed_size: u64,
    offsets: Offsets,
    streams: HashMap<[u8; 16], u64>,
    tree: Tree,
    /// Tiles under the signed size that are missing or wrong.
    wrong: Vec<PathBuf>,
    /// The newest segment that was read and that another follows, if nothing is written down of it.
    closed: Option<Closed>,
}

impl Reading {
    /// Reads one segment into `current`; tells what was cut off at its end.
    fn segment(
        &mut self,
        first: u64,
        last: bool,
        current: &mut Option<Segment>,
    ) -> Result<Option<CutOff>, OpenError> {
        let path = paths::segment(first);
        let expected = self.offsets.size();
        let damaged = |entry, offset, source| OpenError::Damaged {
            entry,
            file: path.clone(),
            offset,
            source,
        };
        if first != expected {
            return Err(damaged(expected, 0, Damage::Gap(expected)));
        }
        let file: Arc<dyn crate::files::File> =
            Arc::from(self.files.open(&path).map_err(OpenError::io(&path))?);
        let len = file.len().map_err(OpenError::io(&path))?;
        match journal::check_header(file.as_ref(), first) {
            Err(Damage::CutOff | Damage::Header) if last && len <= HEADER_BYTES => {
                return Ok(Some(CutOff::Segment(path, len)));
            }
            header => header.map_err(|source| damaged(first, 0, source))?,
        }
        let mut segment = Segment {
            first,
            path: path.clone(),
            file: Arc::clone(&file),
            end: HEADER_BYTES,
        };
        self.offsets.add_segment(segment.clone());
        let mut records = Records::new(Arc::clone(&file), HEADER_BYTES, len);
        let cut_off = loop {
            let index = self.offsets.size();
            match records.next() {
                Ok(None) => break None,
                Ok(Some(record)) => {
                    if record.leaf.previous != self.streams.insert(record.leaf.stream, index) {
                        return Err(damaged(index, record.offset, Damage::Chain));
                    }
                    self.derive(index, &record.leaf.encode())?;
                    segment.end = records.offset();
                    self.offsets
                        .add_records([(record.offset, record.payload_time())], segment.end);
                }
                Err(source @ (Damage::CutOff | Damage::Length(_) | Damage::Check))
                    if last && index >= self.signed_size =>
                {
                    let bad = records.offset();
                    match journal::tail(file.as_ref(), bad, len)
                        .map_err(|error| damaged(index, bad, error))?
                    {
                        Tail::CutOff(bytes) => break Some(CutOff::Bytes(bytes)),
                        Tail::LaterGroup => return Err(damaged(index, bad, source)),
                    }
                }
                Err(source) => return Err(damaged(index, records.offset(), source)),
            }
        };
        if !last {
            self.remember(&segment);
        }
        *current = Some(segment);
        Ok(cut_off)
    }

    /// Notes what is known of a segment that another follows.
    fn remember(&mut self, segment: &Segment) {
        self.closed = self.offsets.last().map(|marked| Closed {
            first: segment.first,
            entries: self.offsets.size() - segment.first,
            bytes: segment.end,
            marks: marked.marks,
            streams: self.streams.clone(),
        });
    }

    /// Brings the tree up to the signed size and notes which full tiles are not as they should be.
    fn derive(&mut self, index: u64, leaf: &[u8]) -> Result<(), OpenError> {
        if index < self.signed_size {
            for tile in self.tree.push(leaf)? {
                if !is_there(self.files.as_ref(), &tile)? {
                    self.wrong.push(tile.path);
                }
            }
        }
        Ok(())
    }
}

/// Takes away what a crash cut off, and makes sure that what was read is durable; gives the bytes taken away.
fn mend_journal(
    files: &dyn Files,
    cut_off: Option<CutOff>,
    segment: Option<&Segment>,
) -> Result<u64, OpenError> {
    let bytes = match cut_off {
        None => 0,
        Some(CutOff::Segment(path, bytes)) => {
            files.remove(&path).map_err(OpenError::io(&path))?;
            bytes
        }
        Some(CutOff::Bytes(bytes)) => bytes,
    };
    if let Some(segment) = segment {
        let mend = || {
            segment.file.truncate(segment.end)?;
            segment.file.sync()?;
            files.sync_dir(Path::new(JOURNAL))
        };
        mend().map_err(OpenError::io(&segment.path))?;
    }
    Ok(bytes)
}

/// Makes the partial tiles at the edge right: those of signed sizes as they were, none beyond.
fn mend_partials(
    files: &dyn Files,
    tree: &Tree,
    wrong: &mut Vec<PathBuf>,
) -> Result<(), OpenError> {
    for (row, index) in tree.edge_tiles() {
        if let Some(full) = index.checked_sub(1) {
            let superseded = paths::partials(row, full);
            files
                .remove_dir(&superseded)
                .map_err(OpenError::io(&superseded))?;
        }
        let dir = paths::partials(row, index);
        for name in files.names(&dir).map_err(OpenError::io(&dir))? {
            let path = dir.join(&name);
            match name
                .parse()
                .ok()
                .and_then(|width| tree.narrower(row, width))
            {
                Some(tile) if is_there(files, &tile)? => {}
                Some(tile) => {
                    write_whole(files, &tile.path, &tile.bytes)?;
                    wrong.push(tile.path);
                }
                None => files.remove(&path).map_err(OpenError::io(&path))?,
            }
        }
    }
    for tile in tree.partials() {
        if !is_there(files, &tile)? {
            let dir = tile.path.parent().unwrap_or(Path::new(""));
            files.make_dir(dir).map_err(OpenError::io(dir))?;
            write_whole(files, &tile.path, &tile.bytes)?;
            files.sync_dir(dir).map_err(OpenError::io(dir))?;
            wrong.push(tile.path);
        }
    }
    Ok(())
}

fn is_partial(path: &Path) -> bool {
    path.parent()
        .and_then(Path::extension)
        .is_some_and(|extension| extension == "p")
}
