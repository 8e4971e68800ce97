//! A keeper's own files: made whole or not at all, and durable when that is said.

use std::{
    collections::HashSet,
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use avouch_statement::Slug;
use serde::{Serialize, de::DeserializeOwned};

use super::VaultError;

/// Makes a folder that nobody else may look into, and those above it.
pub(super) fn make(folder: &Path) -> Result<(), VaultError> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(VaultError::io("create", folder))
}

/// Puts a file in the place of another, durably; nobody ever sees half of it.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> Result<(), VaultError> {
    let beside = path.with_extension("new");
    let fault = VaultError::io("write", path);
    let put = || {
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&beside)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&beside, path)?;
        sync_folder(path)
    };
    put().map_err(fault)
}

pub(super) fn replace_json(path: &Path, value: &impl Serialize) -> Result<(), VaultError> {
    let text = serde_json::to_vec_pretty(value).map_err(|_| VaultError::Garbled(path.into()))?;
    replace(path, &text)
}

/// What was kept so; `None` if nothing was.
pub(super) fn read_json<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, VaultError> {
    match fs::read(path) {
        Ok(text) => serde_json::from_slice(&text)
            .map(Some)
            .map_err(|_| VaultError::Garbled(path.to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(VaultError::io("read", path)(error)),
    }
}

/// Makes the name of a new file durable.
pub(super) fn sync_folder(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

/// The folders in this one that have a name of ours, in order; none if there is no such folder.
pub(super) fn slugs(folder: &Path) -> Result<Vec<Slug>, VaultError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(VaultError::io("read", folder)(error)),
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.map_err(VaultError::io("read", folder))?;
        if entry.path().is_dir() {
            found.extend(entry.file_name().to_string_lossy().parse::<Slug>());
        }
    }
    found.sort();
    Ok(found)
}

/// All files below a folder, by their place in it, with length and number on disk; none if there is no such folder.
pub(super) fn below(folder: &Path) -> Result<Vec<(PathBuf, fs::Metadata)>, VaultError> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        let entries = match fs::read_dir(&next) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(VaultError::io("read", &next)(error)),
        };
        for entry in entries {
            let entry = entry.map_err(VaultError::io("read", &next))?;
            let about = match entry.metadata() {
                Ok(about) => about,
                // A file that was being received has its name by now.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(VaultError::io("read", &entry.path())(error)),
            };
            if about.is_dir() {
                folders.push(entry.path());
            } else if let Ok(within) = entry.path().strip_prefix(folder) {
                found.push((within.to_owned(), about));
            }
        }
    }
    Ok(found)
}

/// Bytes below a folder; a file with two names counts once.
pub(super) fn size(folder: &Path) -> Result<u64, VaultError> {
    let mut seen = HashSet::new();
    Ok(below(folder)?
        .iter()
        .filter(|(_, about)| seen.insert(about.ino()))
        .map(|(_, about)| about.len())
        .sum())
}

/// Gives a file a second name; one that has it already keeps it.
pub(super) fn link(from: &Path, to: &Path) -> Result<(), VaultError> {
    if let Some(folder) = to.parent() {
        make(folder)?;
    }
    match fs::hard_link(from, to) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(VaultError::io("keep", to)(error)),
    }
}

/// Removes a file; one that is gone is no error.
pub(super) fn remove(path: &Path) -> Result<(), VaultError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(VaultError::io("remove", path)(error))
        }
        _ => Ok(()),
    }
}
