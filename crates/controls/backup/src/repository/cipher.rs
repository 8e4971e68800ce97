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

/// The first of these files in which one of the markers can be read, if any: what is in the source must be in none.
///
/// # Errors
///
/// If a file cannot be read.
pub fn readable<'f>(
    paths: &'f [PathBuf],
    markers: &[Vec<u8>],
) -> Result<Option<&'f Path>, RepositoryError> {
    for path in paths {
        if holds(path, markers).map_err(RepositoryError::io("read", path))? {
            return Ok(Some(path));
        }
    }
    Ok(None)
}

/// All files below a folder.
///
/// # Errors
///
/// If a folder cannot be read.
pub fn files(root: &Path) -> Result<Vec<PathBuf>, RepositoryError> {
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

/// Whether a file holds one of these texts; parts of it overlap, so that none is missed between two.
fn holds(path: &Path, markers: &[Vec<u8>]) -> io::Result<bool> {
    let overlap = markers.iter().map(Vec::len).max().unwrap_or(0);
    let mut file = File::open(path)?;
    let mut window: Vec<u8> = Vec::new();
    let mut part = vec![0_u8; 1 << 20];
    loop {
        let read = file.read(&mut part)?;
        if read == 0 {
            return Ok(false);
        }
        window.extend(part.iter().take(read));
        let held = |marker: &Vec<u8>| window.windows(marker.len()).any(|bytes| bytes == marker);
        if markers.iter().filter(|marker| !marker.is_empty()).any(held) {
            return Ok(true);
        }
        let keep = window.len().saturating_sub(overlap.saturating_sub(1));
        window.drain(..keep);
    }
}
