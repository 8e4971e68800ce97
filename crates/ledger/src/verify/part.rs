//! Checks a part of a ledger folder: the entries of some bundles, held to the signed root.
//!
//! What is read grows with the part and with one journal segment, not with the ledger: the hashes of everything outside
//! the part are taken from the tiles, and the root that both give together must be the signed one.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::directory::{Fault, Why, read_checkpoint};
use super::journal::{self, Segment};
use super::leaf::Leaf;
use super::note::Checkpoint;
use super::tiles::Row;
use super::tree::{Hash, leaf_hash, node};

/// Entries in a bundle, and hashes in a tile.
const BUNDLE: u64 = 256;
const HASH: usize = 32;

/// A part of a ledger in which everything fits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The signed checkpoint that the part is held to.
    pub checkpoint: Checkpoint,
    /// The first entry of the part.
    pub from: u64,
    /// The first entry behind it.
    pub to: u64,
}

/// Checks the entries from `from` to before `to`, widened to whole bundles and cut off at the checkpoint's size.
///
/// Journal, bundles and hash tiles of the part must agree, the streams' chains must be whole within it, and its hashes
/// must lead to the signed root. What lies outside the part is not looked at.
///
/// # Errors
///
/// The first [`Fault`], in the order of the log.
pub fn part(dir: &Path, key: &super::Vkey, from: u64, to: u64) -> Result<Part, Fault> {
    let checkpoint = read_checkpoint(dir, key)?;
    let size = checkpoint.size;
    let from = from.min(size) / BUNDLE * BUNDLE;
    let to = to.div_ceil(BUNDLE).saturating_mul(BUNDLE).min(size);
    let part = Part {
        checkpoint,
        from,
        to: to.max(from),
    };
    let mut walk = Walk {
        dir,
        part: &part,
        next: from,
        bundles: Row::entries(dir, size).begun_at(from / BUNDLE),
        hashes: Row::level(dir, 0, size).begun_at(from / BUNDLE),
        leaves: Vec::new(),
        chains: HashMap::new(),
    };
    walk.journal()?;
    walk.bundles.finish()?;
    walk.hashes.finish()?;
    let tree = Tree {
        dir,
        part: &part,
        leaves: walk.leaves,
    };
    if size > 0 && tree.root(0, size, &mut Tiles::default())? != part.checkpoint.root {
        return Err(tree.fault()?);
    }
    Ok(part)
}

/// One pass over the part's entries.
struct Walk<'a> {
    dir: &'a Path,
    part: &'a Part,
    /// The entry that is read next.
    next: u64,
    bundles: Row,
    hashes: Row,
    /// The hashes of the part's leaves.
    leaves: Vec<Hash>,
    /// Each stream's latest entry within the part.
    chains: HashMap<[u8; 16], u64>,
}

impl Walk<'_> {
    fn journal(&mut self) -> Result<(), Fault> {
        let Part { from, to, .. } = *self.part;
        let segments = journal::segments(self.dir).map_err(|(file, why)| Fault {
            entry: None,
            file,
            offset: 0,
            why,
        })?;
        let start = segments
            .partition_point(|(first, _)| *first <= from)
            .saturating_sub(1);
        let mut end = (PathBuf::from("journal"), 0);
        self.next = segments
            .get(start)
            .map_or(from, |(first, _)| (*first).min(from));
        for (first, path) in segments.iter().skip(start) {
            if self.next >= to {
                break;
            }
            if *first != self.next {
                return Err(Fault {
                    entry: Some(self.next.min(*first)),
                    file: path.clone(),
                    offset: 0,
                    why: Why::Gap(self.next),
                });
            }
            end = (path.clone(), self.segment(*first, path)?);
        }
        if self.next < to {
            return Err(Fault {
                entry: Some(self.next),
                file: end.0,
                offset: end.1,
                why: Why::Short(self.part.checkpoint.size),
            });
        }
        Ok(())
    }

    /// Reads a segment as far as the part needs it; where reading stopped.
    fn segment(&mut self, first: u64, path: &Path) -> Result<u64, Fault> {
        let fault = |entry, offset, why| Fault {
            entry: Some(entry),
            file: path.to_owned(),
            offset,
            why,
        };
        let mut segment =
            Segment::open(&self.dir.join(path), first).map_err(|why| fault(first, 0, why))?;
        while self.next < self.part.to {
            let advanced = segment.advance();
            if !advanced.map_err(|why| fault(self.next, segment.offset, why))? {
                break;
            }
            if self.next >= self.part.from {
                self.entry(segment.leaf(), path, segment.offset)
                    .map_err(|wrong| {
                        wrong.unwrap_or_else(|why| fault(self.next, segment.offset, why))
                    })?;
            }
            self.next += 1;
        }
        Ok(segment.offset)
    }

    /// Takes the next entry of the part; what is wrong with the record itself comes back without its place.
    fn entry(&mut self, bytes: &[u8], path: &Path, offset: u64) -> Result<(), Result<Fault, Why>> {
        let leaf = Leaf::parse(bytes).map_err(|why| Err(Why::Leaf(why)))?;
        let hash = leaf_hash(bytes);
        let bundled = self.bundles.add(&[&[0, 68], bytes].concat()).map_err(Ok)?;
        let hashed = self.hashes.add(&hash).map_err(Ok)?;
        let (file, offset, why) = match (bundled, hashed) {
            (None, None) => return self.chain(&leaf, hash).map_err(Err),
            (Some(bundle), None) => (bundle.file, bundle.offset, Why::Bundle),
            (None, Some(tile)) => (tile.file, tile.offset, Why::Tile),
            // Both were made from the entry that was signed for.
            (Some(_), Some(_)) => (path.to_owned(), offset, Why::Altered),
        };
        Err(Ok(Fault {
            entry: Some(self.next),
            file,
            offset,
            why,
        }))
    }

    /// A stream's second and later entries in the part follow on its first; that one points to before the part.
    fn chain(&mut self, leaf: &Leaf, hash: Hash) -> Result<(), Why> {
        self.leaves.push(hash);
        let expected = self.chains.insert(leaf.stream, self.next);
        let fits = match expected {
            Some(_) => leaf.previous == expected,
            None => leaf
                .previous
                .is_none_or(|previous| previous < self.part.from),
        };
        if fits {
            Ok(())
        } else {
            Err(Why::Chain {
                expected,
                found: leaf.previous,
            })
        }
    }
}

/// The whole tree: the part's hashes from the journal, all others from the tiles.
struct Tree<'a> {
    dir: &'a Path,
    part: &'a Part,
    leaves: Vec<Hash>,
}

/// Tiles that were read, by level and place.
type Tiles = HashMap<(u32, u64), Vec<u8>>;

impl Tree<'_> {
    /// The hash over the entries from `low` to before `high`.
    fn root(&self, low: u64, high: u64, tiles: &mut Tiles) -> Result<Hash, Fault> {
        let span = high - low;
        let apart = high <= self.part.from || low >= self.part.to;
        if apart && span.is_power_of_two() {
            return self.stored(span.trailing_zeros(), low / span, tiles);
        }
        if let (1, Some(leaf)) = (span, self.leaf(low)) {
            return Ok(leaf);
        }
        // The largest power of two below the span: what RFC 6962 puts on the left.
        let left = low + span.next_power_of_two() / 2;
        Ok(node(
            &self.root(low, left, tiles)?,
            &self.root(left, high, tiles)?,
        ))
    }

    fn leaf(&self, index: u64) -> Option<Hash> {
        let place = usize::try_from(index.checked_sub(self.part.from)?).ok()?;
        self.leaves.get(place).copied()
    }

    /// The hash of a complete subtree as the tiles have it.
    fn stored(&self, height: u32, place: u64, tiles: &mut Tiles) -> Result<Hash, Fault> {
        let level = height / 8;
        let units = 1_u64 << (height % 8);
        let first = place * units;
        let (tile, start) = (first / BUNDLE, first % BUNDLE);
        let row = Row::level(self.dir, level as usize, self.part.checkpoint.size).begun_at(tile);
        let bytes = match tiles.entry((level, tile)) {
            std::collections::hash_map::Entry::Occupied(known) => known.into_mut(),
            std::collections::hash_map::Entry::Vacant(free) => free.insert(row.stored()?),
        };
        let mut hashes: Vec<Hash> = bytes
            .chunks_exact(HASH)
            .skip(usize::try_from(start).unwrap_or(usize::MAX))
            .take(usize::try_from(units).unwrap_or(usize::MAX))
            .filter_map(|hash| hash.try_into().ok())
            .collect();
        while hashes.len() > 1 {
            hashes = hashes
                .chunks(2)
                .map(|pair| match pair {
                    [left, right] => node(left, right),
                    rest => rest.first().copied().unwrap_or_default(),
                })
                .collect();
        }
        Ok(hashes.first().copied().unwrap_or_default())
    }

    /// Where the tree leaves the signed root: the first bundle of the part whose hash is not the one in the tile above
    /// it, or else the checkpoint.
    fn fault(&self) -> Result<Fault, Fault> {
        let size = self.part.checkpoint.size;
        let mut tiles = Tiles::default();
        for bundle in self.part.from / BUNDLE..self.part.to / BUNDLE {
            let (low, high) = (bundle * BUNDLE, (bundle + 1) * BUNDLE);
            if self.root(low, high, &mut tiles)? != self.stored(8, bundle, &mut tiles)? {
                return Ok(Row::level(self.dir, 1, size)
                    .begun_at(bundle / BUNDLE)
                    .differs(bundle % BUNDLE));
            }
        }
        Ok(Fault {
            entry: None,
            file: "checkpoint".into(),
            offset: 0,
            why: Why::Root(size),
        })
    }
}
