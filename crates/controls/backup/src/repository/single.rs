//! One file of a snapshot, without the rest.

use std::path::Path;

use rustic_core::repofile::SnapshotFile;

use super::{ROOT, Repository, RepositoryError, Unverified, engine};

impl Repository {
    /// The bytes of one file that was staged, by its path in the snapshot; `None` if there is no such file.
    ///
    /// # Errors
    ///
    /// If the snapshot cannot be read, or what it has of the file is damaged.
    pub fn file(
        &self,
        snapshot: &Unverified,
        path: &Path,
    ) -> Result<Option<Vec<u8>>, RepositoryError> {
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
        let Ok(node) = indexed.node_from_path(file.tree, &Path::new(ROOT).join(path)) else {
            return Ok(None);
        };
        let mut bytes = Vec::new();
        indexed
            .dump(&node, &mut bytes)
            .map_err(fault("read a file in"))?;
        Ok(Some(bytes))
    }
}
