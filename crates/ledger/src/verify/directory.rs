//! Checks a whole ledger folder: rebuilds the root from the journal's bytes and compares everything else with it.
//!
//! Reads each file once, in order. Memory does not grow with the ledger, only with the number of streams in it.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};

use super::journal::{self, Segment, Tail};
use super::leaf::{self, Leaf, LeafFault};
use super::note::{self, Checkpoint, NoteFault};
use super::tiles::{Row, check_names};
use super::tree::{Growing, Hash, leaf_hash};
use super::vkey::Vkey;

/// What was found in a ledger in which everything fits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The signed checkpoint that the entries give.
    pub checkpoint: Checkpoint,
    /// Entries that are sound but that no checkpoint covers yet.
    pub unpublished: u64,
    /// Bytes behind the last entry, of a write that was going on or was cut off; opening the ledger takes them away.
    pub cut_off: u64,
    /// Streams whose chains are whole.
    pub streams: u64,
    /// Entries under the checkpoint by kind: events, rounds, system entries.
    pub kinds: [u64; 3],
    /// The earliest and the latest time in an entry under the checkpoint, in microseconds since 1970 UTC.
    pub times: Option<(i64, i64)>,
}

/// The first thing that does not fit.
#[derive(Debug, thiserror::Error)]
#[error("{}{} byte {offset}: {why}", entry.map(|entry| format!("entry {entry}: ")).unwrap_or_default(), file.display())]
pub struct Fault {
    /// The first entry that is touched; `None` when it cannot be told.
    pub entry: Option<u64>,
    /// The file, relative to the ledger's folder.
    pub file: PathBuf,
    /// Where in the file.
    pub offset: u64,
    /// What does not fit.
    pub why: Why,
}

/// Why something does not fit.
#[derive(Debug, thiserror::Error)]
pub enum Why {
    /// The file cannot be read.
    #[error("it cannot be read: {0}")]
    Read(io::Error),
    /// The file is not there.
    #[error("the file is missing")]
    Missing,
    /// A file that does not belong here.
    #[error("the file does not belong to a ledger")]
    Foreign,
    /// The checkpoint is not believed.
    #[error("the checkpoint is not believed: {0}")]
    Checkpoint(NoteFault),
    /// The checkpoint covers less than one seen earlier.
    #[error(
        "the checkpoint covers {now} entries, an earlier one covered {earlier}: the ledger was cut back"
    )]
    CutBack {
        /// Entries under the one seen earlier.
        earlier: u64,
        /// Entries under this one.
        now: u64,
    },
    /// The entries under an earlier checkpoint are not those that it was signed for.
    #[error("the first {0} entries are not those of the earlier checkpoint: history was rewritten")]
    Rewritten(u64),
    /// The entries do not give the signed root.
    #[error("the first {0} entries do not give the signed root hash")]
    Root(u64),
    /// Entries are missing at the end.
    #[error("the journal ends here, the checkpoint covers {0} entries")]
    Short(u64),
    /// Entries are missing, or there twice, before this segment.
    #[error("the segment should start with entry {0}")]
    Gap(u64),
    /// A segment does not start as one must.
    #[error("the segment's header is wrong")]
    Header,
    /// The file ends inside a record.
    #[error("the file ends inside the record")]
    CutOff,
    /// A length that no record has.
    #[error("the record's length {0} is not possible")]
    Length(u32),
    /// The check value is wrong.
    #[error("the record's bytes do not match their check value")]
    Check,
    /// The record does not say truly where its group began.
    #[error("the record does not belong to the group that it lies in")]
    Group,
    /// The bytes are no leaf.
    #[error("{0}")]
    Leaf(LeafFault),
    /// Journal against tiles and bundles: the journal is the odd one out.
    #[error("the journal's entry is not the one in the tree")]
    Altered,
    /// The stream's chain is broken.
    #[error(
        "the stream's previous entry is {expected:?}, this entry says {found:?}: one was left out or put in"
    )]
    Chain {
        /// Where the stream's previous entry is.
        expected: Option<u64>,
        /// Where this entry says that it is.
        found: Option<u64>,
    },
    /// An entry bundle is not what the journal's entries give.
    #[error("the entry bundle does not hold the journal's entry")]
    Bundle,
    /// A hash tile is not what the journal's entries give.
    #[error("the tile does not hold the hash of the journal's entries")]
    Tile,
    /// A tile or bundle is too long or too short.
    #[error("the tile does not have the length that it should")]
    TileLength,
}

/// Checks the ledger in a folder against its public key.
///
/// The ledger may be running: what is behind its checkpoint is checked as far as it is there.
///
/// # Errors
///
/// The first [`Fault`], in the order of the log.
pub fn directory(dir: &Path, key: &Vkey) -> Result<Report, Fault> {
    check(dir, key, None)
}

/// As [`directory`], and also checks that the ledger goes on from a checkpoint seen earlier: this alone tells a ledger
/// that its own key has signed anew.
///
/// # Errors
///
/// The first [`Fault`], in the order of the log.
pub fn directory_since(dir: &Path, key: &Vkey, earlier: &Checkpoint) -> Result<Report, Fault> {
    check(dir, key, Some(earlier))
}

fn check(dir: &Path, key: &Vkey, earlier: Option<&Checkpoint>) -> Result<Report, Fault> {
    let checkpoint = read_checkpoint(dir, key)?;
    if let Some(earlier) = earlier
        && (earlier.origin != checkpoint.origin || earlier.size > checkpoint.size)
    {
        let why = if earlier.origin == checkpoint.origin {
            Why::CutBack {
                earlier: earlier.size,
                now: checkpoint.size,
            }
        } else {
            Why::Checkpoint(NoteFault::OtherLog)
        };
        return Err(at_checkpoint(why));
    }
    check_names(dir)?;
    let mut walk = Walk {
        dir,
        earlier,
        size: 0,
        tree: Growing::default(),
        bundles: Row::entries(dir, checkpoint.size),
        levels: Vec::new(),
        chains: HashMap::new(),
        end: (PathBuf::from("journal"), 0),
        report: Report {
            checkpoint,
            unpublished: 0,
            cut_off: 0,
            streams: 0,
            kinds: [0; 3],
            times: None,
        },
    };
    walk.roots()?;
    let segments = journal::segments(dir).map_err(|(file, why)| Fault {
        entry: None,
        file,
        offset: 0,
        why,
    })?;
    let last = segments.last().map(|(first, _)| *first);
    for (first, path) in segments {
        walk.segment(first, &path, last == Some(first))?;
    }
    walk.finish()
}

pub(super) fn read_checkpoint(dir: &Path, key: &Vkey) -> Result<Checkpoint, Fault> {
    let text = match std::fs::read_to_string(dir.join("checkpoint")) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(Why::Missing),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            Err(Why::Checkpoint(NoteFault::Malformed))
        }
        text => text.map_err(Why::Read),
    };
    text.and_then(|text| note::checkpoint(&text, key).map_err(Why::Checkpoint))
        .map_err(at_checkpoint)
}

fn at_checkpoint(why: Why) -> Fault {
    Fault {
        entry: None,
        file: "checkpoint".into(),
        offset: 0,
        why,
    }
}

/// The state of one pass over the log.
struct Walk<'a> {
    dir: &'a Path,
    earlier: Option<&'a Checkpoint>,
    /// Entries read so far.
    size: u64,
    tree: Growing,
    bundles: Row,
    levels: Vec<Row>,
    /// Each stream's latest entry.
    chains: HashMap<[u8; 16], u64>,
    /// Where the last sound record ends.
    end: (PathBuf, u64),
    report: Report,
}

impl Walk<'_> {
    fn segment(&mut self, first: u64, path: &Path, last: bool) -> Result<(), Fault> {
        let expected = self.size;
        let fault = |entry, offset, why| Fault {
            entry: Some(entry),
            file: path.to_owned(),
            offset,
            why,
        };
        if first != expected {
            return Err(fault(expected.min(first), 0, Why::Gap(expected)));
        }
        let full = self.dir.join(path);
        let unfinished = last && self.size >= self.report.checkpoint.size;
        let mut segment = match Segment::open(&full, first) {
            Ok(segment) => segment,
            // No entry is written before the header is durable.
            Err(why @ (Why::CutOff | Why::Header)) if unfinished => {
                let length = std::fs::metadata(&full)
                    .map_err(|error| fault(first, 0, Why::Read(error)))?
                    .len();
                if length > journal::HEADER {
                    return Err(fault(first, 0, why));
                }
                self.report.cut_off = length;
                return Ok(());
            }
            Err(why) => return Err(fault(first, 0, why)),
        };
        self.end = (path.to_owned(), segment.offset);
        loop {
            let index = self.size;
            let mut advanced = segment.advance();
            if last
                && index >= self.report.checkpoint.size
                && matches!(advanced, Err(Why::CutOff | Why::Length(_) | Why::Check))
            {
                let tail = segment.tail();
                match tail.map_err(|why| fault(index, segment.offset, why))? {
                    Tail::Unfinished(bytes) => {
                        self.report.cut_off = bytes;
                        return Ok(());
                    }
                    // A ledger that is running may have finished the write meanwhile.
                    Tail::LaterGroup => advanced = segment.again(),
                }
            }
            if !advanced.map_err(|why| fault(index, segment.offset, why))? {
                self.end = (path.to_owned(), segment.offset);
                return Ok(());
            }
            self.entry(segment.leaf(), path, segment.offset)?;
        }
    }

    /// Takes the next entry, whose record lies at this place of the journal.
    fn entry(&mut self, bytes: &[u8], path: &Path, offset: u64) -> Result<(), Fault> {
        let index = self.size;
        let fault = |why| Fault {
            entry: Some(index),
            file: path.to_owned(),
            offset,
            why,
        };
        let leaf = Leaf::parse(bytes).map_err(|why| fault(Why::Leaf(why)))?;
        let covered = index < self.report.checkpoint.size;
        if covered {
            self.compare(bytes, path, offset)?;
        }
        let expected = self.chains.insert(leaf.stream, index);
        if expected != leaf.previous {
            return Err(fault(Why::Chain {
                expected,
                found: leaf.previous,
            }));
        }
        self.size += 1;
        if covered {
            if let Some(count) = self.report.kinds.get_mut(usize::from(leaf.kind) - 1) {
                *count += 1;
            }
            let (earliest, latest) = self.report.times.unwrap_or((leaf.time, leaf.time));
            self.report.times = Some((earliest.min(leaf.time), latest.max(leaf.time)));
        }
        self.roots()
    }

    /// Adds an entry to the tree, and holds bundles and tiles to it.
    fn compare(&mut self, bytes: &[u8], path: &Path, offset: u64) -> Result<(), Fault> {
        let index = self.size;
        let mut bundle = [0; 2 + leaf::BYTES];
        bundle
            .iter_mut()
            .zip([0, 68].iter().chain(bytes))
            .for_each(|(to, from)| *to = *from);
        let bundled = self.bundles.add(&bundle)?;
        let (mut hashed, mut above) = (None, None);
        let (dir, signed, levels) = (self.dir, self.report.checkpoint.size, &mut self.levels);
        self.tree.push(leaf_hash(bytes), |height, hash: &Hash| {
            if height % 8 > 0 {
                return Ok(());
            }
            let level = height / 8;
            if levels.len() == level {
                levels.push(Row::level(dir, level, signed));
            }
            let Some(row) = levels.get_mut(level) else {
                return Ok(());
            };
            match row.add(hash)? {
                None => Ok(()),
                Some(difference) if level == 0 => {
                    hashed = Some(difference);
                    Ok(())
                }
                Some(difference) => {
                    above.get_or_insert(Fault {
                        entry: Some(row.entry()),
                        file: difference.file,
                        offset: difference.offset,
                        why: row.altered(),
                    });
                    Ok(())
                }
            }
        })?;
        let (file, offset, why) = match (bundled, hashed) {
            // The last entry under a hash alters that too: only where the entry itself fits is the hash at fault.
            (None, None) => return above.map_or(Ok(()), Err),
            (Some(bundle), None) => (bundle.file, bundle.offset, Why::Bundle),
            (None, Some(tile)) => (tile.file, tile.offset, Why::Tile),
            // Both were made from the entry that was signed for.
            (Some(_), Some(_)) => (path.to_owned(), offset, Why::Altered),
        };
        Err(Fault {
            entry: Some(index),
            file,
            offset,
            why,
        })
    }

    /// Holds the root to the checkpoints of this size.
    fn roots(&self) -> Result<(), Fault> {
        if let Some(earlier) = self.earlier
            && earlier.size == self.size
            && earlier.root != self.tree.root()
        {
            return Err(at_checkpoint(Why::Rewritten(self.size)));
        }
        let checkpoint = &self.report.checkpoint;
        if checkpoint.size == self.size && checkpoint.root != self.tree.root() {
            return Err(at_checkpoint(Why::Root(self.size)));
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Report, Fault> {
        let signed = self.report.checkpoint.size;
        if self.size < signed {
            let (file, offset) = self.end;
            return Err(Fault {
                entry: Some(self.size),
                file,
                offset,
                why: Why::Short(signed),
            });
        }
        self.bundles.finish()?;
        self.levels.iter().try_for_each(Row::finish)?;
        self.report.unpublished = self.size - signed;
        self.report.streams = self.chains.len() as u64;
        Ok(self.report)
    }
}
