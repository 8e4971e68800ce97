//! Encryption as anybody can try it from outside, with the files of a repository and no key.

use std::{
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::RepositoryError;

/// How a repository is encrypted; said in claims and evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CipherFacts {
    /// The cipher.
    pub cipher: &'static str,
    /// The length of its key.
    pub key_bits: u16,
    /// What notices an altered bit.
    pub authentication: &'static str,
    /// How the password guards the key.
    pub derivation: &'static str,
    /// What is not encrypted.
    pub in_clear: &'static str,
}

/// Source: restic repository format, version 2, "Keys, Encryption and MAC".
#[must_use]
pub fn cipher_facts() -> CipherFacts {
    CipherFacts {
        cipher: "AES-256 in counter mode",
        key_bits: 256,
        authentication: "Poly1305-AES over the ciphertext",
        derivation: "scrypt over 256 random bits",
        in_clear: "scrypt's parameters, file sizes and times",
    }
}

/// The first stored file in which `marker` can be read, if any: a marker that is in the source must not be.
///
/// # Errors
///
/// If the marker is empty, or a file cannot be read.
pub fn contains_marker(
    repository: &Path,
    marker: &[u8],
) -> Result<Option<PathBuf>, RepositoryError> {
    for path in files(repository)? {
        if !marker.is_empty() && holds(&path, marker).map_err(RepositoryError::io("read", &path))? {
            return Ok(Some(path));
        }
    }
    Ok(None)
}

/// Alters one bit in the middle of the largest pack of a repository: for a *copy* of one, to see that it is noticed.
///
/// # Errors
///
/// If there is no pack, or it cannot be altered.
pub fn flip_one_bit(copy: &Path) -> Result<PathBuf, RepositoryError> {
    let packs = copy.join("data");
    let largest = files(&packs)?
        .into_iter()
        .max_by_key(|path| fs::metadata(path).map_or(0, |about| about.len()))
        .ok_or_else(|| RepositoryError::Absent(copy.to_owned()))?;
    // The altered pack takes the place of the old one, so that another name for the old one keeps what it has.
    let flip = || -> io::Result<()> {
        let mut bytes = fs::read(&largest)?;
        let middle = bytes.len() / 2;
        if let Some(byte) = bytes.get_mut(middle) {
            *byte ^= 1;
        }
        let altered = largest.with_extension("altered");
        fs::write(&altered, bytes)?;
        fs::rename(&altered, &largest)
    };
    flip().map_err(RepositoryError::io("alter", &largest))?;
    Ok(largest)
}

/// All files below a folder.
pub(crate) fn files(root: &Path) -> Result<Vec<PathBuf>, RepositoryError> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).map_err(RepositoryError::io("read", &folder))? {
            let path = entry.map_err(RepositoryError::io("read", &folder))?.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push(path);
            }
        }
    }
    Ok(found)
}

/// Whether a file holds these bytes; parts of it overlap, so that none is missed between two.
fn holds(path: &Path, marker: &[u8]) -> io::Result<bool> {
    let mut file = File::open(path)?;
    let mut window: Vec<u8> = Vec::new();
    let mut part = vec![0_u8; 1 << 20];
    loop {
        let read = file.read(&mut part)?;
        if read == 0 {
            return Ok(false);
        }
        window.extend(part.iter().take(read));
        if window.windows(marker.len()).any(|bytes| bytes == marker) {
            return Ok(true);
        }
        let keep = window.len().saturating_sub(marker.len() - 1);
        window.drain(..keep);
    }
}
