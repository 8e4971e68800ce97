//! Compares tiles and entry bundles on disk with what the journal's entries give.
//!
//! Source: C2SP tlog-tiles v0.1.0. Only what the checkpoint covers is compared: beyond it, a running ledger is writing.

use std::ffi::OsStr;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::directory::{Fault, Why};
use super::leaf;

/// One row of tiles, left to right.
pub(super) struct Row {
    dir: PathBuf,
    /// As in the path: `entries` or the level.
    name: String,
    /// Entries under one unit: 1, 256, 65,536 and so on.
    under: u64,
    unit_bytes: usize,
    /// Units that the checkpoint covers.
    signed: u64,
    /// The tile that is being filled.
    tile: u64,
    derived: Vec<u8>,
    on_disk: OnDisk,
}

/// A tile's file, as far as the checkpoint needs it.
#[derive(Default)]
struct OnDisk {
    path: PathBuf,
    bytes: Vec<u8>,
}

/// Where a file differs from what was derived.
pub(super) struct Difference {
    pub(super) file: PathBuf,
    pub(super) offset: u64,
}

impl Row {
    /// The row of entry bundles: each entry with a 16-bit length before it.
    pub(super) fn entries(dir: &Path, signed: u64) -> Self {
        Self::new(dir, "entries".to_owned(), 1, 2 + leaf::BYTES, signed)
    }

    /// The row of hash tiles of one level.
    pub(super) fn level(dir: &Path, level: usize, signed: u64) -> Self {
        let shift = u32::try_from(level * 8).unwrap_or(u32::MAX);
        let under = 1_u64.checked_shl(shift).unwrap_or(u64::MAX);
        Self::new(dir, level.to_string(), under, 32, signed / under)
    }

    fn new(dir: &Path, name: String, under: u64, unit_bytes: usize, signed: u64) -> Self {
        let (derived, on_disk) = (Vec::new(), OnDisk::default());
        Self {
            dir: dir.to_owned(),
            name,
            under,
            unit_bytes,
            signed,
            tile: 0,
            derived,
            on_disk,
        }
    }

    /// The same row, begun at this tile.
    pub(super) fn begun_at(mut self, tile: u64) -> Self {
        self.tile = tile;
        self
    }

    /// The current tile's units on disk, as far as the checkpoint covers them.
    pub(super) fn stored(&self) -> Result<Vec<u8>, Fault> {
        Ok(self.load()?.bytes)
    }

    /// The fault of a unit of the current tile that is not what the entries give.
    pub(super) fn differs(&self, unit: u64) -> Fault {
        let path = self.load().map(|on_disk| on_disk.path);
        let offset = usize::try_from(unit).unwrap_or_default() * self.unit_bytes;
        self.fault(&path.unwrap_or_default(), offset, self.altered())
    }

    /// Adds the next hash or entry; tells where the file on disk differs.
    pub(super) fn add(&mut self, unit: &[u8]) -> Result<Option<Difference>, Fault> {
        if self.derived.is_empty() {
            self.on_disk = self.load()?;
        }
        let start = self.derived.len();
        self.derived.extend_from_slice(unit);
        let theirs = self
            .on_disk
            .bytes
            .get(start..self.derived.len())
            .unwrap_or_default();
        let difference = (theirs != unit).then(|| Difference {
            file: self.on_disk.path.clone(),
            offset: (start + first_difference(theirs, unit)) as u64,
        });
        if difference.is_none() && self.derived.len() == 256 * self.unit_bytes {
            self.check_partials()?;
            self.derived.clear();
            self.tile += 1;
        }
        Ok(difference)
    }

    /// Checks what is left when every entry under the checkpoint was added.
    pub(super) fn finish(&self) -> Result<(), Fault> {
        if self.derived.is_empty() {
            Ok(())
        } else {
            self.check_partials()
        }
    }

    /// The first entry under the unit that was added last.
    pub(super) fn entry(&self) -> u64 {
        let units = (self.derived.len() / self.unit_bytes) as u64;
        (self.tile * 256 + units.saturating_sub(1)).saturating_mul(self.under)
    }

    /// Reads the tile that the checkpoint needs: the full one, or the partial one of its size, or the full one in
    /// its place.
    fn load(&self) -> Result<OnDisk, Fault> {
        let width = (self.signed - self.tile * 256).min(256);
        let full = PathBuf::from(full_path(&self.name, self.tile));
        let mut candidates = vec![(full.clone(), 256)];
        if width < 256 {
            candidates.insert(
                0,
                (
                    partials_path(&self.name, self.tile).join(width.to_string()),
                    width,
                ),
            );
        }
        for (path, width) in &candidates {
            let bytes = match fs::read(self.dir.join(path)) {
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                bytes => bytes.map_err(|error| self.fault(path, 0, Why::Read(error)))?,
            };
            let wanted = usize::try_from(*width).unwrap_or(256) * self.unit_bytes;
            if bytes.len() != wanted {
                return Err(self.fault(path, bytes.len().min(wanted), Why::TileLength));
            }
            return Ok(OnDisk {
                path: path.clone(),
                bytes,
            });
        }
        let wanted = candidates.into_iter().next().map_or(full, |(path, _)| path);
        Err(self.fault(&wanted, 0, Why::Missing))
    }

    /// Checks the partial files that earlier checkpoints left beside this tile.
    fn check_partials(&self) -> Result<(), Fault> {
        let folder = partials_path(&self.name, self.tile);
        let Ok(entries) = fs::read_dir(self.dir.join(&folder)) else {
            return Ok(());
        };
        for name in entries.filter_map(|entry| entry.ok().map(|entry| entry.file_name())) {
            let width = name
                .to_str()
                .and_then(|name| name.parse::<usize>().ok())
                .unwrap_or(0);
            let Some(wanted) = self.derived.get(..width * self.unit_bytes) else {
                continue;
            };
            let path = folder.join(&name);
            let bytes = match fs::read(self.dir.join(&path)) {
                // A running ledger removes them when the tile is full.
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                bytes => bytes.map_err(|error| self.fault(&path, 0, Why::Read(error)))?,
            };
            if bytes != wanted {
                let offset = first_difference(&bytes, wanted);
                let why = if bytes.len() == wanted.len() {
                    self.altered()
                } else {
                    Why::TileLength
                };
                return Err(self.fault(&path, offset, why));
            }
        }
        Ok(())
    }

    /// What an altered file of this row is called.
    pub(super) fn altered(&self) -> Why {
        if self.name == "entries" {
            Why::Bundle
        } else {
            Why::Tile
        }
    }

    /// A fault at this byte of one of the current tile's files.
    fn fault(&self, file: &Path, offset: usize, why: Why) -> Fault {
        let unit = self.tile * 256 + (offset / self.unit_bytes) as u64;
        Fault {
            entry: Some(unit.saturating_mul(self.under)),
            file: file.to_owned(),
            offset: offset as u64,
            why,
        }
    }
}

/// Checks that everything under `tile/` is named as a tile is.
pub(super) fn check_names(dir: &Path) -> Result<(), Fault> {
    let mut folders = vec![PathBuf::from("tile")];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(dir.join(&folder)) else {
            continue;
        };
        for entry in entries.filter_map(Result::ok) {
            let path = folder.join(entry.file_name());
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                folders.push(path);
            } else if !is_tile(&path) {
                return Err(Fault {
                    entry: None,
                    file: path,
                    offset: 0,
                    why: Why::Foreign,
                });
            }
        }
    }
    Ok(())
}

/// Whether a path is that of a tile, spelt as the standard spells it.
fn is_tile(path: &Path) -> bool {
    let parts: Option<Vec<&str>> = path.iter().map(OsStr::to_str).collect();
    let Some(["tile", row, number @ ..]) = parts.as_deref() else {
        return false;
    };
    let (number, width) = match number {
        [number @ .., width] if number.last().is_some_and(|last| last.ends_with(".p")) => {
            (number, Some(*width))
        }
        number => (number, None),
    };
    let digits: String = number
        .iter()
        .map(|part| part.trim_start_matches('x').trim_end_matches(".p"))
        .collect();
    let Ok(tile) = digits.parse::<u64>() else {
        return false;
    };
    let known_row = *row == "entries"
        || row
            .parse::<u8>()
            .is_ok_and(|level| level < 8 && level.to_string() == *row);
    let canonical = match width {
        None => PathBuf::from(full_path(row, tile)),
        Some(width) => partials_path(row, tile).join(width),
    };
    let known_width = width.is_none_or(|width| {
        width
            .parse::<u8>()
            .is_ok_and(|w| w > 0 && w.to_string() == width)
    });
    known_row && known_width && canonical == path
}

fn full_path(row: &str, tile: u64) -> String {
    let digits = tile.to_string();
    let digits = format!("{}{digits}", "0".repeat((3 - digits.len() % 3) % 3));
    let groups = digits.len() / 3;
    let spelt = (0..groups).map(|group| {
        let three = digits.get(group * 3..group * 3 + 3).unwrap_or_default();
        if group + 1 < groups {
            format!("/x{three}")
        } else {
            format!("/{three}")
        }
    });
    format!("tile/{row}{}", spelt.collect::<String>())
}

fn partials_path(row: &str, tile: u64) -> PathBuf {
    PathBuf::from(full_path(row, tile) + ".p")
}

fn first_difference(a: &[u8], b: &[u8]) -> usize {
    a.iter()
        .zip(b)
        .position(|(a, b)| a != b)
        .unwrap_or(a.len().min(b.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_spelt_as_the_standard_spells_them() {
        for (row, tile, path) in [
            ("0", 0, "tile/0/000"),
            ("0", 999, "tile/0/999"),
            ("0", 1000, "tile/0/x001/000"),
            ("0", 1_234_067, "tile/0/x001/x234/067"),
            ("entries", 1_000_000, "tile/entries/x001/x000/000"),
        ] {
            assert_eq!(full_path(row, tile), path);
            assert!(is_tile(Path::new(path)));
        }
    }

    #[test]
    fn other_spellings_are_foreign() {
        for path in [
            "tile/0/0",
            "tile/00/000",
            "tile/9/000",
            "tile/0/x000/000",
            "tile/0/001/000",
            "tile/0/000.p/0",
            "tile/0/000.p/256",
            "tile/0/000.p/07",
            "tile/other/000",
            "tile/0/000.tmp",
        ] {
            assert!(!is_tile(Path::new(path)), "{path}");
        }
        assert!(is_tile(Path::new("tile/0/000.p/7")));
    }
}
