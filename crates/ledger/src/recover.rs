//! Reads a ledger back when it is opened: what was cut off is taken away, what is damaged is refused.
//!
//! Nothing is changed before the journal has been found to fit the signed checkpoint, so that a ledger which was
//! tampered with is left as it was found.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::checkpoint::Published;
use crate::files::Files;
use crate::journal::{self, Damage, HEADER_BYTES, Records, Segment, Tail};
use crate::ledger::OpenError;
use crate::offsets::Offsets;
use crate::paths::{self, JOURNAL};
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

/// Reads everything under a ledger's folder.
pub(crate) fn recover(files: &Arc<dyn Files>, signed: &Published) -> Result<State, OpenError> {
    let mut reading = Reading {
        files: Arc::clone(files),
        signed_size: signed.size,
        offsets: Offsets::default(),
        streams: HashMap::new(),
        tree: Tree::default(),
        wrong: Vec::new(),
    };
    let dir = Path::new(JOURNAL);
    let names = files.names(dir).map_err(OpenError::io(dir))?;
    let mut firsts: Vec<u64> = names
        .iter()
        .filter_map(|name| paths::segment_first(name))
        .collect();
    firsts.sort_unstable();
    let last = firsts.last().copied();
    let mut segment = None;
    let mut cut_off = None;
    for first in firsts {
        cut_off = reading.segment(first, last == Some(first), &mut segment)?;
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
                    self.offsets.add_records([record.offset], segment.end);
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
        *current = Some(segment);
        Ok(cut_off)
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
