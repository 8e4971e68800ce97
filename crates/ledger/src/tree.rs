//! The tree's right edge: takes leaves in order, gives the tiles that fill up, the partial ones, and the root.

use std::path::PathBuf;

use tlog_tiles::{
    Error, Hash, HashReader, node_hash, record_hash, split_stored_hash_index, stored_hashes,
    tree_hash,
};

use crate::leaf::LEAF_BYTES;
use crate::paths::{self, Row, TILE_WIDTH};

/// Tree levels in one tile level.
const TILE_HEIGHT: usize = 8;
const HASH_BYTES: usize = 32;
/// Big-endian 16-bit length and the leaf.
const BUNDLED_BYTES: usize = 2 + LEAF_BYTES;

/// A tile's or bundle's file and content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TileFile {
    pub(crate) path: PathBuf,
    pub(crate) bytes: Vec<u8>,
    /// The folder of partial files that a full one takes the place of.
    pub(crate) supersedes: Option<PathBuf>,
}

#[derive(Default)]
pub(crate) struct Tree {
    size: u64,
    edge: Edge,
    bundle: Filling,
    levels: Vec<Filling>,
}

/// The latest complete subtree of each level, with its number in that level.
#[derive(Default)]
struct Edge(Vec<(u64, Hash)>);

/// A tile that is not full yet.
#[derive(Default)]
struct Filling {
    index: u64,
    bytes: Vec<u8>,
}

impl Tree {
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// The tree of this size from its tiles, of which `read` gives the first so many hashes or entries; `None` if one is
    /// not there, or the bundle's entries are not those of the hashes. Whether these are right, the root tells.
    pub(crate) fn from_tiles<E>(
        size: u64,
        mut read: impl FnMut(Row, u64, u16) -> Result<Option<Vec<u8>>, E>,
    ) -> Result<Option<Self>, E> {
        let mut filling = |row, units: u64| {
            let (index, width) = (units / u64::from(TILE_WIDTH), units % u64::from(TILE_WIDTH));
            let width = u16::try_from(width).unwrap_or(0);
            let bytes = if width == 0 {
                Some(Vec::new())
            } else {
                read(row, index, width)?
            };
            let whole = usize::from(width) * unit_bytes(row);
            Ok(bytes
                .filter(|bytes| bytes.len() == whole)
                .map(|bytes| Filling { index, bytes }))
        };
        let Some(bundle) = filling(Row::Entries, size)? else {
            return Ok(None);
        };
        let mut levels = Vec::new();
        let mut units = size;
        while units > 0 {
            let Some(row) = filling(row_of(levels.len()), units)? else {
                return Ok(None);
            };
            levels.push(row);
            units >>= TILE_HEIGHT;
        }
        if !bundle.entries_are_hashed_in(levels.first()) {
            return Ok(None);
        }
        Ok(Some(Self {
            size,
            edge: Edge::of(size, &levels),
            bundle,
            levels,
        }))
    }

    /// Adds a leaf; gives the tiles that it fills, lowest first.
    pub(crate) fn push(&mut self, leaf: &[u8]) -> Result<Vec<TileFile>, Error> {
        let hashes = stored_hashes(self.size, leaf, &self.edge)?;
        let mut full = Vec::new();
        let mut bundled = Vec::with_capacity(BUNDLED_BYTES);
        // A leaf has 68 bytes.
        bundled.extend_from_slice(&u16::try_from(leaf.len()).unwrap_or(u16::MAX).to_be_bytes());
        bundled.extend_from_slice(leaf);
        full.extend(self.bundle.push(Row::Entries, &bundled));
        for (level, hash) in hashes.iter().enumerate() {
            self.edge.set(level, self.size >> level, *hash);
            if level.is_multiple_of(TILE_HEIGHT) {
                let row = level / TILE_HEIGHT;
                if self.levels.len() <= row {
                    self.levels.resize_with(row + 1, Filling::default);
                }
                if let Some(filling) = self.levels.get_mut(row) {
                    full.extend(filling.push(row_of(row), &hash.0));
                }
            }
        }
        self.size += 1;
        Ok(full)
    }

    /// The tiles that are not full, bundle first.
    pub(crate) fn partials(&self) -> Vec<TileFile> {
        self.edges()
            .filter(|(_, filling)| !filling.bytes.is_empty())
            .map(|(row, filling)| filling.file(row, filling.width(row)))
            .collect()
    }

    /// Of a tile that is not full, the file that a smaller tree had; `None` if the tree never was so narrow there.
    pub(crate) fn narrower(&self, row: Row, width: u16) -> Option<TileFile> {
        let (_, filling) = self.edges().find(|(edge, _)| *edge == row)?;
        (1..=filling.width(row))
            .contains(&width)
            .then(|| filling.file(row, width))
    }

    /// The row and the number of each tile at the edge.
    pub(crate) fn edge_tiles(&self) -> Vec<(Row, u64)> {
        self.edges()
            .map(|(row, filling)| (row, filling.index))
            .collect()
    }

    /// The root hash.
    pub(crate) fn root(&self) -> Result<Hash, Error> {
        tree_hash(self.size, &self.edge)
    }

    fn edges(&self) -> impl Iterator<Item = (Row, &Filling)> {
        let levels = self
            .levels
            .iter()
            .enumerate()
            .map(|(level, filling)| (row_of(level), filling));
        std::iter::once((Row::Entries, &self.bundle)).chain(levels)
    }
}

impl Edge {
    /// The edge of a tree of this size, whose tiles at the edge hold these hashes.
    fn of(size: u64, rows: &[Filling]) -> Self {
        let levels = u64::BITS - size.leading_zeros();
        let complete = (0..levels as usize).map(|level| {
            // No other subtree at the edge is asked for again.
            let absent = (u64::MAX, Hash([0; HASH_BYTES]));
            if size >> level & 1 == 0 {
                return absent;
            }
            let number = (size >> level) - 1;
            let below = level % TILE_HEIGHT;
            rows.get(level / TILE_HEIGHT)
                .and_then(|row| row.subtree(number << below, 1 << below))
                .map_or(absent, |hash| (number, hash))
        });
        Self(complete.collect())
    }

    fn set(&mut self, level: usize, number: u64, hash: Hash) {
        match self.0.get_mut(level) {
            Some(latest) => *latest = (number, hash),
            None => self.0.push((number, hash)),
        }
    }
}

impl HashReader for Edge {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<Hash>, Error> {
        let find = |index: &u64| {
            let (level, number) = split_stored_hash_index(*index);
            match self.0.get(usize::from(level)) {
                Some((latest, hash)) if *latest == number => Ok(*hash),
                _ => Err(Error::IndexesNotInTree),
            }
        };
        indexes.iter().map(find).collect()
    }
}

impl Filling {
    /// Adds one hash or entry; gives the tile when that fills it.
    fn push(&mut self, row: Row, unit: &[u8]) -> Option<TileFile> {
        self.bytes.extend_from_slice(unit);
        if self.width(row) < TILE_WIDTH {
            return None;
        }
        let full = TileFile {
            path: paths::tile(row, self.index, TILE_WIDTH),
            bytes: std::mem::take(&mut self.bytes),
            supersedes: Some(paths::partials(row, self.index)),
        };
        self.index += 1;
        Some(full)
    }

    /// Whether a bundle's entries are those whose hashes a tile holds.
    fn entries_are_hashed_in(&self, tile: Option<&Self>) -> bool {
        let hashes = tile.map(|tile| tile.bytes.as_slice()).unwrap_or_default();
        let entries = self.bytes.as_chunks::<BUNDLED_BYTES>().0;
        entries.len() == hashes.len() / HASH_BYTES
            && entries
                .iter()
                .zip(hashes.as_chunks::<HASH_BYTES>().0)
                .all(|(entry, hash)| {
                    let leaf = entry.get(2..).unwrap_or_default();
                    record_hash(leaf).0 == *hash
                })
    }

    /// The hash over so many of the tile's hashes, a power of two, from the one with this number in its row.
    fn subtree(&self, first: u64, count: usize) -> Option<Hash> {
        let first = first.checked_sub(self.index * u64::from(TILE_WIDTH))?;
        let first = usize::try_from(first).ok()? * HASH_BYTES;
        let hashes = self.bytes.get(first..first + count * HASH_BYTES)?;
        let mut hashes: Vec<Hash> = hashes
            .as_chunks::<HASH_BYTES>()
            .0
            .iter()
            .map(|hash| Hash(*hash))
            .collect();
        while hashes.len() > 1 {
            hashes = hashes
                .as_chunks::<2>()
                .0
                .iter()
                .map(|[left, right]| node_hash(*left, *right))
                .collect();
        }
        hashes.first().copied()
    }

    fn width(&self, row: Row) -> u16 {
        u16::try_from(self.bytes.len() / unit_bytes(row)).unwrap_or(TILE_WIDTH)
    }

    fn file(&self, row: Row, width: u16) -> TileFile {
        let bytes = self
            .bytes
            .get(..usize::from(width) * unit_bytes(row))
            .unwrap_or_default();
        TileFile {
            path: paths::tile(row, self.index, width),
            bytes: bytes.to_vec(),
            supersedes: None,
        }
    }
}

fn unit_bytes(row: Row) -> usize {
    match row {
        Row::Entries => BUNDLED_BYTES,
        Row::Level(_) => HASH_BYTES,
    }
}

/// A log of 2^64 entries has 8 tile levels.
fn row_of(level: usize) -> Row {
    Row::Level(u8::try_from(level).unwrap_or(u8::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(size: u64) -> (Tree, Vec<TileFile>) {
        let mut tree = Tree::default();
        let mut full = Vec::new();
        for index in 0..size {
            full.extend(
                tree.push(format!("avouch-test-entry-{index}").as_bytes())
                    .unwrap(),
            );
        }
        (tree, full)
    }

    #[test]
    fn roots_are_those_of_the_published_vectors() {
        for (size, root) in [
            (0, "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="),
            (1, "2hyvUDKpjFwphoZ/Oc6+gA7e2daD5eyBAzg5jMtobfo="),
            (7, "aYarYgxW65ZMzsFz3qDi1o1eGvCtVDKGqoYnlMOuRdU="),
            (256, "fBUHYGWu3K3aFPRg29D8XUbCGckdWWc7JUJxOdBXc88="),
            (300, "L3ZHWlngXpznHioD9Mkjh4ubuoOG5yU+X3ywJJkMRWI="),
        ] {
            assert_eq!(tree(size).0.root().unwrap().to_string(), root);
        }
    }

    fn leaf(number: u64) -> [u8; LEAF_BYTES] {
        let mut leaf = [7; LEAF_BYTES];
        leaf[..8].copy_from_slice(&number.to_be_bytes());
        leaf
    }

    #[test]
    fn a_tree_from_its_tiles_goes_on_like_the_one_that_made_them() {
        for size in [0, 1, 2, 3, 255, 256, 257, 511, 700, 65_536, 65_537, 66_000] {
            let mut made = Tree::default();
            let mut full = Vec::new();
            for index in 0..size {
                full.extend(made.push(&leaf(index)).unwrap());
            }
            let partials = made.partials();
            let tiles: std::collections::HashMap<_, _> = full
                .iter()
                .chain(&partials)
                .map(|tile| (tile.path.clone(), tile.bytes.clone()))
                .collect();
            let read = |row, index, width| {
                Ok::<_, ()>(tiles.get(&paths::tile(row, index, width)).cloned())
            };
            let mut resumed = Tree::from_tiles(size, read).unwrap().unwrap();
            assert_eq!(resumed.root().unwrap(), made.root().unwrap(), "{size}");
            assert_eq!(resumed.partials(), partials, "{size}");
            assert_eq!(resumed.edge_tiles(), made.edge_tiles(), "{size}");
            for more in 0..300 {
                let leaf = leaf(size + more);
                assert_eq!(
                    resumed.push(&leaf).unwrap(),
                    made.push(&leaf).unwrap(),
                    "{size} + {more}"
                );
            }
            assert_eq!(resumed.root().unwrap(), made.root().unwrap(), "{size}");
        }
        assert!(
            Tree::from_tiles(7, |_, _, _| Ok::<_, ()>(None))
                .unwrap()
                .is_none()
        );
    }

    #[test]
    fn a_hash_tile_is_given_when_it_fills_and_its_hash_goes_one_level_up() {
        let (tree, full) = tree(256);
        let hashes = full
            .iter()
            .find(|file| file.path == std::path::Path::new("tile/0/000"))
            .unwrap();
        assert_eq!(hashes.bytes.len(), 8192);
        assert_eq!(hashes.supersedes, Some(PathBuf::from("tile/0/000.p")));
        let above = tree.narrower(Row::Level(1), 1).unwrap();
        assert_eq!(above.path, PathBuf::from("tile/1/000.p/1"));
        assert_eq!(above.bytes, tree.root().unwrap().0);
    }
}
