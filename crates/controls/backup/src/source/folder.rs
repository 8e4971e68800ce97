//! Walking and copying plain files.

use std::{
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

use super::SourceError;
use crate::manifest;

/// The first bytes of every SQLite database.
const SQLITE: &[u8; 16] = b"SQLite format 3\0";

/// What SQLite keeps beside a database; it is part of the database's own copy.
pub(super) const BESIDE: [&str; 3] = ["-wal", "-shm", "-journal"];

pub(super) fn must_be_empty(folder: &Path) -> Result<(), SourceError> {
    match fs::read_dir(folder) {
        Ok(mut entries) => match entries.next() {
            None => Ok(()),
            Some(_) => Err(SourceError::Occupied(folder.to_owned())),
        },
        Err(err) if err.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(err) => Err(SourceError::io("read", folder)(err)),
    }
}

/// Every file, link and empty folder below `root`, relative to it: those under `skip` left out, those under `last` last.
pub(super) fn ordered(
    root: &Path,
    skip: &[String],
    last: &[String],
) -> Result<Vec<PathBuf>, SourceError> {
    if !root.is_dir() {
        return Err(SourceError::Absent(root.to_owned()));
    }
    let mut found = Vec::new();
    walk(root, Path::new(""), skip, &mut found)?;
    let databases: Vec<PathBuf> = found
        .iter()
        .filter(|entry| is_database(&root.join(entry)).unwrap_or(false))
        .cloned()
        .collect();
    found.retain(|entry| !belongs_to_a_database(entry, &databases));
    found.sort_by_key(|entry| {
        (
            last.iter().any(|part| entry.starts_with(part)),
            entry.clone(),
        )
    });
    Ok(found)
}

fn walk(
    root: &Path,
    within: &Path,
    skip: &[String],
    found: &mut Vec<PathBuf>,
) -> Result<(), SourceError> {
    let folder = root.join(within);
    let mut empty = true;
    let entries = match fs::read_dir(&folder) {
        Ok(entries) => entries,
        // It went away after the folder that it was in had been listed.
        Err(error) if within != Path::new("") && error.kind() == io::ErrorKind::NotFound => {
            return Ok(());
        }
        Err(error) => return Err(SourceError::io("read", &folder)(error)),
    };
    for entry in entries {
        let entry = match entry {
            Ok(entry) => entry,
            // It went away while it was listed.
            Err(error) if within != Path::new("") && error.kind() == io::ErrorKind::NotFound => {
                return Ok(());
            }
            Err(error) => return Err(SourceError::io("read", &folder)(error)),
        };
        let path = within.join(entry.file_name());
        if skip.iter().any(|part| path.starts_with(part)) {
            continue;
        }
        empty = false;
        let kind = entry
            .file_type()
            .map_err(SourceError::io("read", &entry.path()))?;
        if kind.is_dir() {
            walk(root, &path, skip, found)?;
        } else if kind.is_file() || kind.is_symlink() {
            found.push(path);
        }
        // Sockets, pipes and devices hold nothing that could be restored.
    }
    if empty && within != Path::new("") {
        found.push(within.to_owned());
    }
    Ok(())
}

fn belongs_to_a_database(entry: &Path, databases: &[PathBuf]) -> bool {
    let text = entry.to_string_lossy();
    BESIDE
        .iter()
        .filter_map(|ending| text.strip_suffix(ending))
        .any(|name| databases.iter().any(|database| database == Path::new(name)))
}

pub(super) fn is_database(path: &Path) -> Result<bool, SourceError> {
    if !fs::symlink_metadata(path)
        .map_err(SourceError::io("read", path))?
        .is_file()
    {
        return Ok(false);
    }
    let mut start = [0; 16];
    let mut file = File::open(path).map_err(SourceError::io("open", path))?;
    match file.read_exact(&mut start) {
        Ok(()) => Ok(start == *SQLITE),
        Err(err) if err.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(err) => Err(SourceError::io("read", path)(err)),
    }
}

/// Whether nothing has that name any more.
pub(super) fn is_gone(path: &Path) -> bool {
    fs::symlink_metadata(path).is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
}

/// Copies one file up to the length it has now; a link as a link; an empty folder as one.
pub(super) fn copy(from: &Path, to: &Path) -> Result<(), SourceError> {
    if let Some(parent) = to.parent() {
        fs::create_dir_all(parent).map_err(SourceError::io("create", parent))?;
    }
    let about = fs::symlink_metadata(from).map_err(SourceError::io("read", from))?;
    if about.is_dir() {
        return fs::create_dir_all(to).map_err(SourceError::io("create", to));
    }
    if about.is_symlink() {
        let target = fs::read_link(from).map_err(SourceError::io("read", from))?;
        return std::os::unix::fs::symlink(target, to).map_err(SourceError::io("create", to));
    }
    let source = File::open(from).map_err(SourceError::io("open", from))?;
    let length = source
        .metadata()
        .map_err(SourceError::io("read", from))?
        .len();
    let mut target = File::create_new(to).map_err(SourceError::io("create", to))?;
    io::copy(&mut source.take(length), &mut target).map_err(SourceError::io("copy", from))?;
    target
        .set_permissions(about.permissions())
        .map_err(SourceError::io("write", to))?;
    if let Ok(modified) = about.modified() {
        target
            .set_modified(modified)
            .map_err(SourceError::io("write", to))?;
    }
    Ok(())
}

/// Size and digest of a file or link; `None` for a folder.
pub(super) fn describe(path: &Path) -> Result<Option<manifest::File>, SourceError> {
    let about = fs::symlink_metadata(path).map_err(SourceError::io("read", path))?;
    if about.is_dir() {
        return Ok(None);
    }
    if about.is_symlink() {
        let target = fs::read_link(path).map_err(SourceError::io("read", path))?;
        let sha256 = manifest::digest(target.as_os_str().as_encoded_bytes());
        return Ok(Some(manifest::File { bytes: 0, sha256 }));
    }
    let mut file = File::open(path).map_err(SourceError::io("open", path))?;
    let mut hash = Sha256::new();
    let bytes = io::copy(&mut file, &mut hash).map_err(SourceError::io("read", path))?;
    Ok(Some(manifest::File {
        bytes,
        sha256: hex::encode(hash.finalize()),
    }))
}
