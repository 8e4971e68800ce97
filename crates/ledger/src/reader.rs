//! Reads durable entries and makes proofs. Blocking: call it from a thread that may wait.

use std::cell::RefCell;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use tlog_tiles::{Tile, TileHashReader, TileReader, prove_record, prove_tree};

use crate::checkpoint::Published;
use crate::files::Files;
use crate::journal::{Damage, Records, Segment};
use crate::leaf::Leaf;
use crate::offsets::Offsets;
use crate::paths::{self, Row, TILE_WIDTH};
use crate::publish::{PublishError, write_cosigned};

/// A SHA-256 hash in the tree.
pub type Hash = [u8; 32];

/// An entry, read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Its place in the log.
    pub index: u64,
    /// What was hashed.
    pub leaf: Leaf,
    /// The payload, sealed as it was handed in; empty once it was taken away ([`crate::Ledger::forget`]).
    pub sealed: Vec<u8>,
}

/// Why an entry cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The caller's: there is no such entry yet.
    #[error("entry {index} is not in the ledger, which has {size}")]
    NotThere {
        /// The entry asked for.
        index: u64,
        /// Durable entries.
        size: u64,
    },
    /// The operator's: the journal was altered under the running ledger, or the disk failed.
    #[error("entry {entry} cannot be read from {} at byte {offset}; verify the ledger", file.display())]
    Damaged {
        /// The first entry that cannot be read.
        entry: u64,
        /// Its journal file, relative to the ledger's folder.
        file: PathBuf,
        /// Where its record starts.
        offset: u64,
        /// What is wrong with it.
        source: Damage,
    },
}

/// Why a proof cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum ProofError {
    /// The caller's: the size is larger than the latest checkpoint's, or the index is not below it.
    #[error(
        "no proof for {asked}: the latest checkpoint covers {published} entries; publish first"
    )]
    OutOfRange {
        /// The index or size asked for.
        asked: u64,
        /// What the latest checkpoint covers.
        published: u64,
    },
    /// The operator's: a tile is missing or cannot be read.
    #[error("cannot read {}; opening the ledger again derives it anew", file.display())]
    Tile {
        /// The tile, relative to the ledger's folder.
        file: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The operator's: the tiles on disk do not give the signed root.
    #[error(
        "the tiles on disk do not fit the signed checkpoint; opening the ledger again derives them anew"
    )]
    Tiles(#[source] tlog_tiles::Error),
}

/// Reads a ledger that is open. Cheap to clone.
#[derive(Clone)]
pub struct Reader {
    pub(crate) files: Arc<dyn Files>,
    pub(crate) offsets: Offsets,
    pub(crate) published: Arc<RwLock<Published>>,
    pub(crate) cosigned: Arc<RwLock<Option<Published>>>,
}

impl Reader {
    /// How many entries are durable.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.offsets.size()
    }

    /// The latest signed checkpoint.
    #[must_use]
    pub fn checkpoint(&self) -> Published {
        self.published
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The newest checkpoint that witnesses have signed, with their signatures; `None` if none ever have.
    #[must_use]
    pub fn cosigned(&self) -> Option<Published> {
        self.cosigned
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Keeps a checkpoint that witnesses have signed.
    pub(crate) fn keep_cosigned(&self, next: Published) -> Result<(), PublishError> {
        write_cosigned(self.files.as_ref(), &next)?;
        *self
            .cosigned
            .write()
            .unwrap_or_else(PoisonError::into_inner) = Some(next);
        Ok(())
    }

    /// One entry. Steps over at most 31 others to find it.
    ///
    /// # Errors
    ///
    /// [`ReadError::NotThere`] for an entry that is not durable yet, [`ReadError::Damaged`] when its bytes are bad.
    pub fn read(&self, index: u64) -> Result<Stored, ReadError> {
        let not_there = || ReadError::NotThere {
            index,
            size: self.size(),
        };
        self.between(index, index.saturating_add(1))
            .next()
            .unwrap_or_else(|| Err(not_there()))
    }

    /// Every entry from `from` to the last one that is durable now, in order, with flat memory.
    #[must_use]
    pub fn scan(&self, from: u64) -> Scan {
        self.between(from, self.size())
    }

    fn between(&self, from: u64, to: u64) -> Scan {
        Scan {
            offsets: self.offsets.clone(),
            next: from,
            to,
            at: None,
        }
    }

    /// Proves that the tree of `size` entries holds entry `index`: hashes, the leaf's sibling first.
    ///
    /// # Errors
    ///
    /// [`ProofError::OutOfRange`] when no checkpoint covers that size or the entry is not below it; the other
    /// causes are damage.
    pub fn inclusion_proof(&self, index: u64, size: u64) -> Result<Vec<Hash>, ProofError> {
        self.prove(size, index.saturating_add(1), |tiles| {
            prove_record(size, index, tiles)
        })
    }

    /// Proves that the tree of `new` entries begins with the tree of `old` entries.
    ///
    /// # Errors
    ///
    /// [`ProofError::OutOfRange`] when no checkpoint covers `new` or `old` is larger; the other causes are damage.
    pub fn consistency_proof(&self, old: u64, new: u64) -> Result<Vec<Hash>, ProofError> {
        self.prove(new, old, |tiles| {
            if old == 0 {
                Ok(Vec::new())
            } else {
                prove_tree(new, old, tiles)
            }
        })
    }

    /// Runs a prover over the published tiles, for sizes with `inner <= size`.
    fn prove(
        &self,
        size: u64,
        inner: u64,
        prover: impl FnOnce(&TileHashReader<'_>) -> Result<Vec<tlog_tiles::Hash>, tlog_tiles::Error>,
    ) -> Result<Vec<Hash>, ProofError> {
        let Published {
            size: published,
            root,
            ..
        } = self.checkpoint();
        if size > published || inner > size {
            return Err(ProofError::OutOfRange {
                asked: size.max(inner),
                published,
            });
        }
        let tiles = Tiles {
            files: self.files.as_ref(),
            failed: RefCell::new(None),
        };
        let proof = prover(&TileHashReader::new(
            published,
            tlog_tiles::Hash(root),
            &tiles,
        ));
        match (proof, tiles.failed.into_inner()) {
            (Ok(proof), _) => Ok(proof.into_iter().map(|hash| hash.0).collect()),
            (Err(_), Some((file, source))) => Err(ProofError::Tile { file, source }),
            (Err(error), None) => Err(ProofError::Tiles(error)),
        }
    }
}

/// Entries in order; see [`Reader::scan`]. Ends after the first error.
pub struct Scan {
    offsets: Offsets,
    next: u64,
    to: u64,
    at: Option<(Segment, Records)>,
}

impl Scan {
    /// Up to and without entry `to`.
    pub(crate) fn up_to(mut self, to: u64) -> Self {
        self.to = self.to.min(to);
        self
    }

    fn step(&mut self) -> Result<Option<Stored>, ReadError> {
        loop {
            let Some((segment, records)) = &mut self.at else {
                let Some(place) = self.offsets.place(self.next, self.to)? else {
                    return Ok(None);
                };
                let mut records =
                    Records::new(Arc::clone(&place.segment.file), place.offset, place.end);
                for entry in place.at..self.next {
                    next_record(&mut records, &place.segment, entry)?;
                }
                if records.is_at_end() {
                    // It should have been here: what was written down of the segment is not true.
                    return Err(ReadError::Damaged {
                        entry: self.next,
                        file: place.segment.path,
                        offset: records.offset(),
                        source: Damage::CutOff,
                    });
                }
                self.at = Some((place.segment, records));
                continue;
            };
            let index = self.next;
            if let Some(record) = next_record(records, segment, index)? {
                self.next += 1;
                return Ok(Some(Stored {
                    index,
                    leaf: record.leaf,
                    sealed: record.sealed,
                }));
            }
            self.at = None;
        }
    }
}

impl Iterator for Scan {
    type Item = Result<Stored, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.next >= self.to {
            return None;
        }
        let stored = self.step();
        if stored.is_err() {
            self.to = 0;
        }
        stored.transpose()
    }
}

fn next_record(
    records: &mut Records,
    segment: &Segment,
    entry: u64,
) -> Result<Option<crate::journal::Record>, ReadError> {
    records.next().map_err(|source| ReadError::Damaged {
        entry,
        file: segment.path.clone(),
        offset: records.offset(),
        source,
    })
}

/// Tiles from disk, for the prover.
struct Tiles<'a> {
    files: &'a dyn Files,
    /// What the prover's own error type has no place for.
    failed: RefCell<Option<(PathBuf, io::Error)>>,
}

impl Tiles<'_> {
    /// A tile cut to its width; a partial one that was superseded is read from the full one.
    fn load(&self, tile: Tile) -> Result<Vec<u8>, (PathBuf, io::Error)> {
        let row = Row::Level(tile.level());
        let width = u16::try_from(tile.width()).unwrap_or(TILE_WIDTH);
        let bytes = tile.width() as usize * 32;
        let exact = paths::tile(row, tile.level_index(), width);
        let full = paths::tile(row, tile.level_index(), TILE_WIDTH);
        for path in [&exact, &full] {
            match self.files.read(path) {
                Ok(Some(mut content)) if content.len() >= bytes => {
                    content.truncate(bytes);
                    return Ok(content);
                }
                Ok(_) => {}
                Err(error) => return Err((path.clone(), error)),
            }
        }
        Err((exact, io::Error::from(io::ErrorKind::NotFound)))
    }
}

impl TileReader for Tiles<'_> {
    fn height(&self) -> u8 {
        8
    }

    fn read_tiles(&self, tiles: &[Tile]) -> Result<Vec<Vec<u8>>, tlog_tiles::Error> {
        let load = |tile: &Tile| {
            self.load(*tile).map_err(|failed| {
                self.failed.replace(Some(failed));
                tlog_tiles::Error::InvalidTile
            })
        };
        tiles.iter().map(load).collect()
    }

    fn save_tiles(&self, _tiles: &[Tile], _data: &[Vec<u8>]) {}
}
