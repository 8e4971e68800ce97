//! Whether a snapshot holds all that was staged: the library leaves out a file that it cannot read, with no more than a
//! line in its log.

use std::{collections::BTreeMap, path::Path};

use rustic_core::{
    LsOptions,
    repofile::{NodeType, SnapshotFile},
};

use super::{Finding, ROOT, Repository, RepositoryError, Verified, engine};
use crate::manifest::{DATA, Manifest};

/// What a snapshot says of a file.
struct Stored {
    bytes: u64,
    /// The digest of its content, where that is a single chunk.
    sha256: Option<String>,
}

impl Repository {
    /// Compares the names, sizes and, of all but large files, digests of what is in a snapshot with its manifest.
    ///
    /// # Errors
    ///
    /// If a file is not in it or is another, or the snapshot cannot be read.
    pub fn must_hold(
        &self,
        snapshot: &Verified,
        manifest: &Manifest,
    ) -> Result<(), RepositoryError> {
        let stored = self.stored(snapshot)?;
        let wrong = manifest.files.iter().find_map(|(name, file)| {
            let Some(found) = stored.get(name) else {
                return Some(format!("`{name}` was staged and is not in it"));
            };
            let same = found.bytes == file.bytes
                && found
                    .sha256
                    .as_ref()
                    .is_none_or(|sha256| *sha256 == file.sha256);
            (!same).then(|| format!("`{name}` is not in it as it was staged"))
        });
        match wrong {
            None => Ok(()),
            Some(wrong) => Err(RepositoryError::Damaged {
                id: snapshot.listed().id.clone(),
                first: Finding(wrong),
            }),
        }
    }

    /// Everything in a snapshot that is no folder, by its path within the staged data.
    fn stored(&self, snapshot: &Verified) -> Result<BTreeMap<String, Stored>, RepositoryError> {
        let fault = |act| engine(act, &self.path);
        let id = &snapshot.listed().id;
        let file: SnapshotFile = self
            .inner
            .get_file(&id.0.parse().map_err(fault("read a name in"))?)
            .map_err(|_| RepositoryError::NoSnapshot(id.clone()))?;
        let indexed = self
            .again()?
            .to_indexed()
            .map_err(fault("read the index of"))?;
        let root = indexed
            .node_from_path(file.tree, &Path::new(ROOT).join(DATA))
            .map_err(fault("read a tree in"))?;
        let nodes = indexed
            .ls(&root, &LsOptions::default())
            .map_err(fault("list a tree in"))?;
        let mut stored = BTreeMap::new();
        for node in nodes {
            let (path, node) = node.map_err(fault("list a tree in"))?;
            let about = match node.node_type {
                NodeType::Dir => continue,
                NodeType::File => Stored {
                    bytes: node.meta.size,
                    sha256: match node.content.as_deref() {
                        Some([only]) => Some(only.to_hex().as_str().to_owned()),
                        _ => None,
                    },
                },
                // Of a link the manifest has the target, which is in the tree itself.
                _ => Stored {
                    bytes: 0,
                    sha256: None,
                },
            };
            stored.insert(path.to_string_lossy().into_owned(), about);
        }
        Ok(stored)
    }
}
