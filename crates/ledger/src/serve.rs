//! What the log shows to anybody, by the addresses of tlog-tiles: checkpoint, hash tiles and entry bundles.
//!
//! Leaves are salted commitments with a stream's number and a time: nothing personal is in a tile. Payloads are not
//! shown; they lie in the journal alone. Nothing beyond the checkpoint is shown either.
//!
//! Source: C2SP tlog-tiles v0.1.0.

use std::io;
use std::path::PathBuf;

use crate::checkpoint::Published;
use crate::leaf::LEAF_BYTES;
use crate::paths::{self, Row, TILE_WIDTH};
use crate::reader::Reader;

/// A resource of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// The value of `Content-Type`.
    pub content_type: &'static str,
    /// The value of `Cache-Control`.
    pub cache_control: &'static str,
}

/// Why a resource cannot be shown although the log has it.
#[derive(Debug, thiserror::Error)]
#[error("cannot read {}", file.display())]
pub struct ResourceError {
    /// The file, relative to the ledger's folder.
    file: PathBuf,
    /// The cause.
    source: io::Error,
}

/// A tile, as its address names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Address {
    row: Row,
    index: u64,
    width: u16,
}

impl Reader {
    /// The resource at a path relative to the log's prefix, such as `tile/0/x001/067`; `None` if there is none. Blocking.
    ///
    /// # Errors
    ///
    /// [`ResourceError`] when a file cannot be read.
    pub fn resource(&self, path: &str) -> Result<Option<Resource>, ResourceError> {
        let shown = self.shown();
        if path == "checkpoint" {
            return Ok(Some(Resource {
                bytes: shown.text.into_bytes(),
                content_type: "text/plain; charset=utf-8",
                cache_control: "public, max-age=1",
            }));
        }
        let Some(address) = address(path).filter(|address| address.is_under(shown.size)) else {
            return Ok(None);
        };
        Ok(self.tile(address)?.map(|bytes| Resource {
            bytes,
            content_type: "application/octet-stream",
            cache_control: "public, max-age=31536000, immutable",
        }))
    }

    /// The newest checkpoint that enough witnesses have signed, or the newest of all where none ever have.
    #[must_use]
    pub fn shown(&self) -> Published {
        self.cosigned().unwrap_or_else(|| self.checkpoint())
    }

    /// A tile cut to its width; a partial one that was superseded is read from the full one.
    fn tile(&self, address: Address) -> Result<Option<Vec<u8>>, ResourceError> {
        let Address { row, index, width } = address;
        let unit = match row {
            Row::Entries => 2 + LEAF_BYTES,
            Row::Level(_) => 32,
        };
        let bytes = usize::from(width) * unit;
        for width in [width, TILE_WIDTH] {
            let file = paths::tile(row, index, width);
            match self.files.read(&file) {
                Ok(Some(mut content)) if content.len() >= bytes => {
                    content.truncate(bytes);
                    return Ok(Some(content));
                }
                Ok(_) => {}
                Err(source) => return Err(ResourceError { file, source }),
            }
        }
        Ok(None)
    }
}

impl Address {
    /// Whether a tree of this size has all of the tile.
    fn is_under(self, size: u64) -> bool {
        let units = match self.row {
            Row::Entries => size,
            Row::Level(level) => size.checked_shr(u32::from(level) * 8).unwrap_or(0),
        };
        self.index
            .checked_mul(u64::from(TILE_WIDTH))
            .and_then(|first| first.checked_add(u64::from(self.width)))
            .is_some_and(|end| end <= units)
    }
}

/// The tile that a path names, spelt as the standard spells it.
fn address(path: &str) -> Option<Address> {
    let mut parts = path.strip_prefix("tile/")?.split('/');
    let row = match parts.next()? {
        "entries" => Row::Entries,
        level => Row::Level(level.parse().ok().filter(|level| *level < 64)?),
    };
    let mut number: Vec<&str> = parts.collect();
    let mut width = TILE_WIDTH;
    if let [.., folder, last] = number.as_slice()
        && let Some(folder) = folder.strip_suffix(".p")
    {
        width = last.parse().ok().filter(|width| (1..256).contains(width))?;
        number = [number.get(..number.len() - 2)?, &[folder]].concat();
    }
    let digits: String = number
        .iter()
        .map(|group| group.trim_start_matches('x'))
        .collect();
    let index: u64 = digits.parse().ok()?;
    let address = Address { row, index, width };
    // Any other spelling of the same numbers is not an address.
    (paths::tile(row, index, width).to_str() == Some(path)).then_some(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_standards_spelling_is_an_address() {
        let tile = |row, index, width| Some(Address { row, index, width });
        for (path, expected) in [
            ("tile/0/000", tile(Row::Level(0), 0, 256)),
            ("tile/0/x001/x234/067", tile(Row::Level(0), 1_234_067, 256)),
            ("tile/63/005.p/7", tile(Row::Level(63), 5, 7)),
            ("tile/entries/x001/000.p/255", tile(Row::Entries, 1000, 255)),
            ("tile/64/000", None),
            ("tile/00/000", None),
            ("tile/+0/000", None),
            ("tile/0/0", None),
            ("tile/0/1000", None),
            ("tile/0/001/000", None),
            ("tile/0/x000/000", None),
            ("tile/0/000.p/0", None),
            ("tile/0/000.p/256", None),
            ("tile/0/000.p/07", None),
            ("tile/0/000/", None),
            ("tile//000", None),
            ("tile/0/../../journal", None),
            ("tile/entries/%30", None),
            ("/tile/0/000", None),
            ("checkpoint/", None),
            ("journal/00000000000000000000.seg", None),
        ] {
            assert_eq!(address(path), expected, "{path}");
        }
    }

    #[test]
    fn a_tile_is_shown_only_if_the_checkpoint_covers_all_of_it() {
        for (path, size, shown) in [
            ("tile/0/000.p/7", 7, true),
            ("tile/0/000.p/8", 7, false),
            ("tile/0/000", 255, false),
            ("tile/0/000", 256, true),
            ("tile/1/000.p/1", 255, false),
            ("tile/1/000.p/1", 256, true),
            ("tile/2/000.p/1", 65_535, false),
            ("tile/2/000.p/1", 65_536, true),
            ("tile/8/000.p/1", u64::MAX, false),
            ("tile/entries/001.p/44", 300, true),
            ("tile/entries/001.p/45", 300, false),
        ] {
            assert_eq!(address(path).unwrap().is_under(size), shown, "{path}");
        }
    }
}
