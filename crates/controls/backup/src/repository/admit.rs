//! What a keeper needs of an open repository: its key, and whether a snapshot is whole.

use rustic_core::CheckOptions;

use super::{Finding, Repository, RepositoryError, engine, verify};

/// The key that everything in a repository is encrypted with: 32 bytes of AES, and 32 of Poly1305-AES.
pub(crate) type CipherKey = [u8; 64];

impl Repository {
    /// Its key.
    pub(crate) fn cipher_key(&self) -> Option<CipherKey> {
        let key = self.inner.key();
        [key.encrypt, key.mac.k, key.mac.r].concat().try_into().ok()
    }

    /// What is missing of a snapshot: every folder in it is read, and every chunk of its files must be in the index.
    ///
    /// # Errors
    ///
    /// If the repository cannot be read.
    pub(crate) fn missing_of(&self, tree: &str) -> Result<Vec<Finding>, RepositoryError> {
        let fault = |act| engine(act, &self.path);
        let tree = tree.parse().map_err(fault("read a name in"))?;
        let checked = verify::patiently(|| {
            self.inner
                .check_with_trees(CheckOptions::default(), vec![tree])
        })
        .ok_or_else(|| RepositoryError::Unsettled(self.path.clone()))?;
        Ok(match checked {
            Ok(results) => verify::findings(&results),
            Err(error) => vec![Finding(super::Engine::from(error).to_string())],
        })
    }
}
