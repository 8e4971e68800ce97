//! Trying to take from a keeper what it keeps: as whoever took over the service's machine would.
//!
//! Each file is at hand before it is tried on, so that what a keeper lets go is put back at once.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{FarError, FileKind, Store};

/// What was tried on one file, and whether it was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// In words, such as `delete snapshots/7f3a9c01`.
    pub what: String,
    /// Whether the file was there afterwards as it was before.
    pub withstood: bool,
}

/// What came of trying.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Tried {
    /// Each attempt.
    pub attempts: Vec<Attempt>,
}

/// Tries to overwrite, shorten and delete one file of each kind, until one thing is not withstood.
///
/// # Errors
///
/// If the place cannot be asked, or a file that it let go could not be put back.
pub fn attempt(store: &dyn Store) -> Result<Tried, FarError> {
    let mut tried = Tried::default();
    for kind in [
        FileKind::Snapshot,
        FileKind::Index,
        FileKind::Pack,
        FileKind::Key,
        FileKind::Config,
    ] {
        // The smallest is soonest put back.
        let smallest = store.list(kind)?.into_iter().min_by_key(|(_, size)| *size);
        let Some((name, _)) = smallest else {
            continue;
        };
        let sound = store.read(kind, &name)?;
        let half = sound.slice(..sound.len() / 2);
        let other = Bytes::from(Sha256::digest(&sound).to_vec());
        let acts: [(&str, Option<Bytes>); 3] = [
            ("overwrite", Some(other)),
            ("shorten", Some(half)),
            ("delete", None),
        ];
        for (word, bytes) in acts {
            let done = match bytes {
                Some(bytes) => store.write(kind, &name, bytes),
                None => store.remove(kind, &name),
            };
            match done {
                Ok(()) | Err(FarError::Refused { .. }) => {}
                Err(error) => return Err(error),
            }
            let withstood = match store.read(kind, &name) {
                Ok(there) => there == sound,
                Err(FarError::Absent { .. }) => false,
                Err(error) => return Err(error),
            };
            tried.attempts.push(Attempt {
                what: format!("{word} {kind}/{}", name.get(..8).unwrap_or(&name)),
                withstood,
            });
            if !withstood {
                // One thing that it lets go is enough, and nothing more is put at risk.
                put_back(store, kind, &name, &sound)?;
                return Ok(tried);
            }
        }
    }
    Ok(tried)
}

/// A place that lets a file be altered may want it gone before it takes it again.
fn put_back(store: &dyn Store, kind: FileKind, name: &str, sound: &Bytes) -> Result<(), FarError> {
    match store.write(kind, name, sound.clone()) {
        Err(FarError::Refused { .. }) => {
            store.remove(kind, name)?;
            store.write(kind, name, sound.clone())
        }
        other => other,
    }
}
