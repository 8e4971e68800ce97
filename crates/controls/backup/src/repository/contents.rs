//! Reading single files of a snapshot back.

use std::{
    collections::BTreeMap,
    io::{self, Write},
    path::{Path, PathBuf},
};

use rustic_core::{
    IndexedFullStatus, LsOptions,
    repofile::{Node, SnapshotFile},
};
use sha2::{Digest, Sha256};

use super::{Finding, ROOT, Repository, RepositoryError, Unverified, engine};
use crate::retention::SnapshotId;

/// The files at the top of a snapshot.
pub(crate) struct Contents {
    indexed: rustic_core::Repository<IndexedFullStatus>,
    files: BTreeMap<String, Node>,
    path: PathBuf,
    id: SnapshotId,
}

impl Repository {
    /// The files at the top of a snapshot.
    ///
    /// # Errors
    ///
    /// If the snapshot cannot be read.
    pub(crate) fn contents(&self, snapshot: &Unverified) -> Result<Contents, RepositoryError> {
        let fault = |act| engine(act, &self.path);
        let id = snapshot.0.id.clone();
        let file: SnapshotFile = self
            .inner
            .get_file(&id.0.parse().map_err(fault("read a name in"))?)
            .map_err(|_| RepositoryError::NoSnapshot(id.clone()))?;
        let indexed = self
            .again()?
            .to_indexed()
            .map_err(fault("read the index of"))?;
        let root = indexed
            .node_from_path(file.tree, Path::new(ROOT))
            .map_err(fault("read a tree in"))?;
        let mut files = BTreeMap::new();
        for entry in indexed
            .ls(&root, &LsOptions::default())
            .map_err(fault("list a tree in"))?
        {
            let (path, node) = entry.map_err(fault("list a tree in"))?;
            files.insert(path.to_string_lossy().into_owned(), node);
        }
        Ok(Contents {
            indexed,
            files,
            path: self.path.clone(),
            id,
        })
    }
}

impl Contents {
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(String::as_str)
    }

    /// Whether a file is here in the same chunks as in another snapshot; a chunk's name is its hash.
    pub fn has_same(&self, other: &Self, name: &str) -> bool {
        let chunks = |contents: &Self| contents.files.get(name)?.content.clone();
        chunks(self).is_some_and(|here| Some(here) == chunks(other))
    }

    /// A file's bytes.
    pub fn read(&self, name: &str) -> Result<Vec<u8>, RepositoryError> {
        let mut bytes = Vec::new();
        self.dump(name, &mut bytes)?;
        Ok(bytes)
    }

    /// SHA-256 of a file's bytes, in hexadecimal.
    pub fn digest(&self, name: &str) -> Result<String, RepositoryError> {
        let mut hash = Hashing(Sha256::new());
        self.dump(name, &mut hash)?;
        Ok(hex::encode(hash.0.finalize()))
    }

    fn dump(&self, name: &str, into: &mut impl Write) -> Result<(), RepositoryError> {
        let node = self
            .files
            .get(name)
            .ok_or_else(|| RepositoryError::Damaged {
                id: self.id.clone(),
                first: Finding(format!("it has no {name}")),
            })?;
        self.indexed
            .dump(node, into)
            .map_err(engine("read back a file of", &self.path))
    }
}

struct Hashing(Sha256);

impl Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
