//! The master key, and where it comes from at boot.

use crate::{KeyringError, Secret, files};
use aws_lc_rs::{
    hkdf::{HKDF_SHA256, KeyType, Salt},
    rand,
};
use std::path::{Path, PathBuf};

/// Where the master key comes from. One source so far; the others a statement may one day name are refused there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// One line of 64 hexadecimal digits in a file of mode 0600.
    File {
        /// The file.
        path: PathBuf,
    },
}

impl Source {
    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        let Self::File { path } = self;
        path
    }
}

/// The key that opens the root key. 256 random bits.
#[derive(Debug, Clone)]
pub struct Master(Secret<[u8; 32]>);

impl Master {
    /// A fresh one.
    ///
    /// # Errors
    /// If the system has no randomness.
    pub fn generate() -> Result<Self, KeyringError> {
        let mut key = [0; 32];
        rand::fill(&mut key).map_err(|_| KeyringError::Crypto {
            act: "make a master key",
        })?;
        Ok(Self(Secret::new(key)))
    }

    /// The master key in `path`.
    ///
    /// # Errors
    /// If the file cannot be read, or holds something else. `Ok(None)` says that there is no such file.
    pub fn from_file(path: &Path) -> Result<Option<Self>, KeyringError> {
        let Some(text) = files::read(path)?.map(Secret::new) else {
            return Ok(None);
        };
        let mut key = [0; 32];
        hex::decode_to_slice(text.expose().trim(), &mut key).map_err(|_| {
            KeyringError::MasterShape {
                path: path.to_owned(),
            }
        })?;
        Ok(Some(Self(Secret::new(key))))
    }

    /// Writes the key to `path`, whole and flushed, mode 0600.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), KeyringError> {
        let text = Secret::new(format!("{}\n", hex::encode(self.0.expose())));
        files::write(path, text.expose().as_bytes())
    }

    /// The key under which the root key is wrapped.
    pub(crate) fn wrapping(&self) -> Result<Secret<[u8; 32]>, KeyringError> {
        self.derive(b"avouch/master/wrapping/1").map(Secret::new)
    }

    /// Tells one master from another without telling anything about either.
    pub(crate) fn fingerprint(&self) -> Result<String, KeyringError> {
        let whole = self.derive(b"avouch/master/fingerprint/1")?;
        Ok(hex::encode(whole).split_at(16).0.to_owned())
    }

    fn derive(&self, purpose: &[u8]) -> Result<[u8; 32], KeyringError> {
        let mut out = [0; 32];
        Salt::new(HKDF_SHA256, &[])
            .extract(self.0.expose())
            .expand(&[purpose], Key)
            .and_then(|okm| okm.fill(&mut out))
            .map_err(|_| KeyringError::Crypto {
                act: "derive a key",
            })?;
        Ok(out)
    }
}

struct Key;

impl KeyType for Key {
    fn len(&self) -> usize {
        32
    }
}
