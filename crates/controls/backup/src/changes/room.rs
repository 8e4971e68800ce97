//! How much room changes may take where they are followed.
//!
//! A disk that is full stops the application, so a follower stops first. What is stored elsewhere is not touched by that.

use std::{fs, io, path::Path};

use nix::sys::statvfs::statvfs;

use super::ChangesError;

/// A twentieth of the disk is left to others, but not more than this.
const RESERVE: u64 = 1 << 30;

/// Beside five images, so much may wait to be stored elsewhere.
const BESIDE: u64 = 1 << 30;

/// Bytes of changes that may lie in a folder, for a database of this length.
pub(crate) fn most(image: u64) -> u64 {
    image.saturating_mul(5).saturating_add(BESIDE)
}

/// Refuses to write `needed` bytes more into a folder of changes where that is too much, or the disk too full.
pub(super) fn must_have(folder: &Path, needed: u64, image: u64) -> Result<(), ChangesError> {
    let disk = statvfs(folder)
        .map_err(|error| ChangesError::io("see the room of", folder)(error.into()))?;
    let free = disk.blocks_available().saturating_mul(disk.fragment_size());
    let whole = disk.blocks().saturating_mul(disk.fragment_size());
    let reserve = (whole / 20).min(RESERVE);
    if free < needed.saturating_add(reserve) {
        return Err(ChangesError::NoRoom {
            folder: folder.to_owned(),
            needed,
            free,
            reserve,
        });
    }
    let (held, most) = (bytes(folder)?, most(image));
    if held.saturating_add(needed) > most {
        return Err(ChangesError::TooMuch {
            folder: folder.to_owned(),
            held,
            most,
        });
    }
    Ok(())
}

/// Bytes in a folder and the folders in it.
pub(super) fn bytes(folder: &Path) -> Result<u64, ChangesError> {
    let mut sum = 0;
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        // What is stored elsewhere is removed meanwhile.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(ChangesError::io("read", folder)(error)),
    };
    for entry in entries {
        let entry = entry.map_err(ChangesError::io("read", folder))?;
        sum += match entry.metadata() {
            Ok(found) if found.is_dir() => bytes(&entry.path())?,
            Ok(found) => found.len(),
            // It was moved to its place, or removed, meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
            Err(error) => return Err(ChangesError::io("read", &entry.path())(error)),
        };
    }
    Ok(sum)
}
