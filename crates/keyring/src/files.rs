//! Files that are there whole or not at all, readable by their owner only.

use crate::KeyringError;
use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

/// Writes a temporary file, flushes it, renames it into place and flushes the folder.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), KeyringError> {
    let parent = path.parent().unwrap_or(Path::new("."));
    folder(parent)?;
    let temporary = beside(path, "new");
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&temporary)
        .map_err(KeyringError::file("create", &temporary))?;
    file.write_all(bytes)
        .and_then(|()| file.sync_all())
        .map_err(KeyringError::file("write", &temporary))?;
    rename(&temporary, path)
}

/// Renames and makes the rename last.
pub(crate) fn rename(from: &Path, to: &Path) -> Result<(), KeyringError> {
    fs::rename(from, to).map_err(KeyringError::file("write", to))?;
    sync_folder(to.parent().unwrap_or(Path::new(".")))
}

/// The file's text, or `None` if there is no such file.
pub(crate) fn read(path: &Path) -> Result<Option<String>, KeyringError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => Ok(Some(String::new())),
        Err(error) => Err(KeyringError::file("read", path)(error)),
    }
}

/// Creates the folder, and those above it, for its owner only.
pub(crate) fn folder(path: &Path) -> Result<(), KeyringError> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
    {
        folder(parent)?;
    }
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            Err(KeyringError::file("create", path)(error))
        }
        _ => sync_folder(path.parent().unwrap_or(Path::new("."))),
    }
}

/// Overwrites the file's bytes where they lie, then removes it. Flash and copy-on-write file systems may keep the old
/// bytes elsewhere: they are wrapped, and worth nothing without the root key.
pub(crate) fn destroy(path: &Path) -> Result<(), KeyringError> {
    let length = fs::metadata(path)
        .map_err(KeyringError::file("read", path))?
        .len();
    let mut file = OpenOptions::new()
        .write(true)
        .open(path)
        .map_err(KeyringError::file("write", path))?;
    let zeros = vec![0; usize::try_from(length).unwrap_or(0)];
    file.write_all(&zeros)
        .and_then(|()| file.sync_all())
        .map_err(KeyringError::file("write", path))?;
    fs::remove_file(path).map_err(KeyringError::file("remove", path))?;
    sync_folder(path.parent().unwrap_or(Path::new(".")))
}

/// The files directly in a folder; none if it does not exist.
pub(crate) fn list(path: &Path) -> Result<Vec<PathBuf>, KeyringError> {
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(KeyringError::file("read", path)(error)),
    };
    entries
        .map(|entry| {
            entry
                .map(|entry| entry.path())
                .map_err(KeyringError::file("read", path))
        })
        .collect()
}

/// `name.suffix` in the same folder.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(".");
    name.push(suffix);
    path.with_file_name(name)
}

fn sync_folder(path: &Path) -> Result<(), KeyringError> {
    let path = if path.as_os_str().is_empty() {
        Path::new(".")
    } else {
        path
    };
    File::open(path)
        .and_then(|folder| folder.sync_all())
        .map_err(KeyringError::file("write", path))
}
