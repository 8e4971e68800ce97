//! The shelves that packs lie on, and whether anything about them changed.

use std::{collections::BTreeMap, fs, os::unix::fs::MetadataExt, path::Path};

use sha2::{Digest, Sha256};

use super::{RepositoryError, files, remote};
use crate::{
    far::{FileKind, Site, Store},
    rolling::Shelf,
};

/// The state of shelves that were read, by the names of their folders: two digits each.
pub type Shelves = BTreeMap<String, String>;

/// The state of a shelf on which nothing is.
const ABSENT: &str = "absent";

/// The state of every shelf, by the names and sizes of the files on it, and in a folder also by their times and places on
/// disk: those of another machine are not ours to see.
///
/// # Errors
///
/// If the place cannot be read.
pub(super) fn shelves(site: &Site) -> Result<Shelves, RepositoryError> {
    let names = (0..=Shelf::MAX).map(|shelf| hex::encode([shelf]));
    match site {
        Site::Folder(repository) => {
            let data = repository.join("data");
            names
                .map(|shelf| {
                    let folder = data.join(&shelf);
                    let state = if folder.is_dir() {
                        state(&folder)?
                    } else {
                        ABSENT.to_owned()
                    };
                    Ok((shelf, state))
                })
                .collect()
        }
        Site::Far { store, .. } => {
            let mut packs: BTreeMap<String, Vec<(String, u64)>> = BTreeMap::new();
            for (name, size) in store.list(FileKind::Pack)? {
                if let Some(shelf) = on_shelf(&name).map(str::to_owned) {
                    packs.entry(shelf).or_default().push((name, size));
                }
            }
            Ok(names
                .map(|shelf| {
                    let state = packs
                        .remove(&shelf)
                        .map_or_else(|| ABSENT.to_owned(), digest);
                    (shelf, state)
                })
                .collect())
        }
    }
}

/// The shelf that a pack of this name belongs on, if it is a name for a pack.
pub(super) fn on_shelf(name: &str) -> Option<&str> {
    let shelf = name.get(..2)?;
    let digit = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    shelf.as_bytes().iter().all(digit).then_some(shelf)
}

/// The state of all that is stored on another machine, and its size; nothing where nothing is.
///
/// # Errors
///
/// If it cannot be asked.
pub(crate) fn listing(store: &dyn Store) -> Result<Option<(String, u64)>, RepositoryError> {
    let listed: Vec<_> = remote::sizes(store)?
        .into_iter()
        .map(|((kind, name), size)| (format!("{kind}/{name}"), size))
        .collect();
    let bytes = listed.iter().map(|(_, size)| size).sum();
    Ok((!listed.is_empty()).then(|| (digest(listed), bytes)))
}

/// A digest of names and sizes.
fn digest(mut listed: Vec<(String, u64)>) -> String {
    listed.sort();
    let mut hash = Sha256::new();
    for (name, size) in &listed {
        hash.update(name);
        hash.update(size.to_le_bytes());
    }
    short(hash)
}

/// A digest of all that can be seen of the files in a folder without reading them.
///
/// # Errors
///
/// If the folder cannot be read.
pub(crate) fn state(folder: &Path) -> Result<String, RepositoryError> {
    let mut paths = files(folder)?;
    paths.sort();
    let mut hash = Sha256::new();
    for path in paths {
        let about = fs::symlink_metadata(&path).map_err(RepositoryError::io("read", &path))?;
        hash.update(path.as_os_str().as_encoded_bytes());
        for number in [
            about.len(),
            about.ino(),
            about.ctime().cast_unsigned(),
            about.ctime_nsec().cast_unsigned(),
        ] {
            hash.update(number.to_le_bytes());
        }
    }
    Ok(short(hash))
}

/// As much of a digest as tells states apart: 256 of them must fit a message.
fn short(hash: Sha256) -> String {
    let digest = hash.finalize();
    hex::encode(digest.first_chunk::<16>().unwrap_or(&[0; 16]))
}
