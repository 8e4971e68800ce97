//! Trying to prove a repository unsound, or readable without its key.

use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{JobError, first, list};
use crate::repository::{
    Finding, Listed, Password, Repository, RepositoryError, contains_marker, files, flip_one_bit,
};

/// What the examination of one repository found.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Examination {
    /// Every snapshot in it, oldest first.
    pub snapshots: Vec<Listed>,
    /// What is wrong with what is stored, every byte of it read; the first fifty.
    pub findings: Vec<Finding>,
    /// How many stored files were searched.
    pub objects: u64,
    /// What was searched for: texts known to be in the newest snapshot.
    pub markers: u64,
    /// The stored file in which one of them could be read, if any.
    pub readable: Option<String>,
    /// Whether another key was refused.
    pub other_key_refused: bool,
    /// Whether a copy with one flipped bit was refused; `None` if there was nothing to copy yet.
    pub flip_noticed: Option<bool>,
}

/// Examines a repository; the copy that is damaged for it is made in `scratch`, which must be empty.
pub(super) fn examine(
    path: &Path,
    scratch: &Path,
    password: &Password,
) -> Result<Examination, JobError> {
    let mut seen = Examination::default();
    let repository = match Repository::open(path, password) {
        Ok(repository) => repository,
        Err(busy @ RepositoryError::Busy(_)) => return Err(busy.into()),
        // That it cannot be opened with its own key is damage found, and the rest cannot be tried.
        Err(error) => {
            seen.findings.push(Finding(error.to_string()));
            return Ok(seen);
        }
    };
    seen.findings = first(repository.verify_all()?);
    seen.objects = files(path)?.len() as u64;
    // A snapshot that cannot be read is among the findings already; it must not hide the rest.
    seen.snapshots = list(&repository, None).unwrap_or_default();
    for marker in markers(&repository, &seen.snapshots) {
        seen.markers += 1;
        if let Some(found) = contains_marker(path, marker.as_bytes())? {
            seen.readable = Some(name_in(path, &found));
        }
    }
    drop(repository);

    let other = Password::new("00".repeat(32));
    seen.other_key_refused = matches!(
        Repository::open(path, &other),
        Err(RepositoryError::WrongKey(_))
    );

    if !seen.findings.is_empty() {
        // Damage in the repository itself was noticed already.
        seen.flip_noticed = Some(true);
    } else if !seen.snapshots.is_empty() {
        let copy = scratch.join("flipped");
        copy_for_damage(path, &copy)?;
        flip_one_bit(&copy)?;
        let noticed = Repository::open(&copy, password)?.verify_all()?;
        seen.flip_noticed = Some(!noticed.is_empty());
    }
    Ok(seen)
}

/// The state of a repository's files by name, size, time and place on disk, and their size together; `absent` if there
/// is no such folder. Reads no content.
///
/// # Errors
///
/// If the folder cannot be read.
pub fn fingerprint(repository: &Path) -> Result<(String, u64), RepositoryError> {
    if !repository.is_dir() {
        return Ok(("absent".to_owned(), 0));
    }
    let mut paths = files(repository)?;
    paths.sort();
    let mut hash = Sha256::new();
    let mut bytes = 0;
    for path in paths {
        let about = fs::symlink_metadata(&path).map_err(RepositoryError::io("read", &path))?;
        bytes += about.len();
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
    Ok((hex::encode(hash.finalize()), bytes))
}

/// Texts that are certainly in the newest snapshot, or in what describes it.
fn markers(repository: &Repository, snapshots: &[Listed]) -> Vec<String> {
    let Some(newest) = snapshots.last() else {
        return Vec::new();
    };
    let mut markers = vec![
        format!("owner={}", newest.label.owner),
        "\"sha256\":\"".to_owned(),
    ];
    let manifest = repository
        .find(&newest.id)
        .and_then(|snapshot| repository.manifest(&snapshot));
    if let Ok(manifest) = manifest {
        markers.extend(
            manifest
                .databases
                .values()
                .filter_map(|database| database.schema.first().cloned()),
        );
        if !manifest.databases.is_empty() {
            markers.push("SQLite format 3\0".to_owned());
        }
    }
    markers
}

/// A whole copy: what is damaged in it must never be the original. Second names would be cheaper, but giving a file one
/// changes its times, and the examination would see its own traces as a change.
fn copy_for_damage(from: &Path, to: &Path) -> Result<(), RepositoryError> {
    for path in files(from)? {
        let target: PathBuf = to.join(path.strip_prefix(from).unwrap_or(&path));
        if let Some(parent) = target.parent() {
            fs::create_dir_all(parent).map_err(RepositoryError::io("create", parent))?;
        }
        fs::copy(&path, &target).map_err(RepositoryError::io("copy", &path))?;
    }
    Ok(())
}

fn name_in(root: &Path, path: &Path) -> String {
    path.strip_prefix(root)
        .unwrap_or(path)
        .to_string_lossy()
        .into_owned()
}
