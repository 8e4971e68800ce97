//! How much room changes may take where they are followed.
//!
//! A disk that is full stops the application, so a follower stops first. What is stored elsewhere is not touched by that.

use std::{fs, io, path::Path};

use nix::sys::statvfs::statvfs;

use super::{BASE, ChangesError};

/// A twentieth of the disk is left to others, but not more than this.
const RESERVE: u64 = 1 << 30;

/// Beside five images, so much may wait to be stored elsewhere.
const BESIDE: u64 = 1 << 30;

/// Bytes of changes that may lie in a folder, for a database of this length.
pub(crate) fn most(image: u64) -> u64 {
    image.saturating_mul(5).saturating_add(BESIDE)
}

/// Refuses to write `needed` bytes more into a folder of changes where that is too much, or the disk too full. `database` is
/// how long the database is now: as much may lie here as for the longest that it was in any image that still lies here.
pub(super) fn must_have(folder: &Path, needed: u64, database: u64) -> Result<(), ChangesError> {
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
    let (held, most) = (bytes(folder)?, most(database.max(longest(folder)?)));
    if held.saturating_add(needed) > most {
        return Err(ChangesError::TooMuch {
            folder: folder.to_owned(),
            held,
            most,
        });
    }
    Ok(())
}

/// Bytes of the longest image in a folder of changes.
fn longest(folder: &Path) -> Result<u64, ChangesError> {
    let entries = fs::read_dir(folder).map_err(ChangesError::io("read", folder))?;
    let mut longest = 0;
    for entry in entries {
        let entry = entry.map_err(ChangesError::io("read", folder))?;
        // What is stored elsewhere is removed meanwhile.
        let image = fs::metadata(entry.path().join(BASE));
        longest = longest.max(image.map_or(0, |image| image.len()));
    }
    Ok(longest)
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

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    /// Lies there without taking room.
    fn lies(folder: &Path, name: &str, length: u64) {
        let at = folder.join(name);
        fs::create_dir_all(at.parent().unwrap()).unwrap();
        fs::File::create(at).unwrap().set_len(length).unwrap();
    }

    #[test]
    fn a_database_that_shrank_is_followed_on_while_its_images_of_before_lie_here() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path();
        lies(folder, "20261121T100000.000000Z/base.db", GIB);
        lies(folder, "20261121T100000.000000Z/0000000001.log", 4 * GIB);
        // A few pages are left of it.
        must_have(folder, 0, 4096).unwrap();
        lies(folder, "20261121T100000.000000Z/0000000002.log", GIB + 1);
        let refused = must_have(folder, 0, 4096).unwrap_err();
        assert!(matches!(refused, ChangesError::TooMuch { .. }), "{refused}");
        // Gone, since it is stored elsewhere: what is left counts.
        fs::remove_dir_all(folder.join("20261121T100000.000000Z")).unwrap();
        lies(folder, "20261122T100000.000000Z/base.db", 4096);
        lies(folder, "20261122T100000.000000Z/0000000001.log", GIB);
        must_have(folder, 0, 4096).unwrap();
    }
}
