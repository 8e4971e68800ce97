//! The master key, and where it comes from at boot.

use crate::{Asker, KeyringError, Secret, files, passphrase::Stretch, root};
use aws_lc_rs::{
    hkdf::{HKDF_SHA256, KeyType, Salt},
    rand,
};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

/// Where the core gets the master key.
#[derive(Debug, Clone)]
pub enum Source {
    /// One line of 64 hexadecimal digits in a file of mode 0600, which is made if there are no keys yet.
    File {
        /// The file.
        path: PathBuf,
    },
    /// The key holder, which reads it from outside.
    Holder(Arc<Asker>),
}

impl Source {
    /// The file that holds it, if one does.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::File { path } => Some(path),
            Self::Holder(_) => None,
        }
    }

    /// The master, once more.
    pub(crate) fn again(&self, folder: &Path) -> Result<Master, KeyringError> {
        match self {
            Self::File { path } => {
                Master::from_file(path)?.ok_or_else(|| KeyringError::MasterMissing {
                    path: path.clone(),
                    keys: folder.to_owned(),
                })
            }
            Self::Holder(asker) => Ok(root::ask_again(asker, folder)?.master),
        }
    }
}

/// The key that opens the root key. 256 bits.
#[derive(Debug, Clone)]
pub struct Master {
    key: Secret<[u8; 32]>,
    /// How it was made, if from a passphrase.
    stretch: Option<Stretch>,
}

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
        Ok(Self::new(Secret::new(key), None))
    }

    pub(crate) fn new(key: Secret<[u8; 32]>, stretch: Option<Stretch>) -> Self {
        Self { key, stretch }
    }

    /// The key that these 64 hexadecimal digits are.
    pub(crate) fn from_text(text: &str) -> Option<Self> {
        let mut key = [0; 32];
        hex::decode_to_slice(text.trim(), &mut key).ok()?;
        Some(Self::new(Secret::new(key), None))
    }

    /// The master key in `path`.
    ///
    /// # Errors
    /// If the file cannot be read, or holds something else. `Ok(None)` says that there is no such file.
    pub fn from_file(path: &Path) -> Result<Option<Self>, KeyringError> {
        let Some(text) = files::read(path)?.map(Secret::new) else {
            return Ok(None);
        };
        match Self::from_text(text.expose()) {
            Some(master) => Ok(Some(master)),
            None => Err(KeyringError::MasterShape {
                path: path.to_owned(),
            }),
        }
    }

    /// Writes the key to `path`, whole and flushed, mode 0600.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), KeyringError> {
        let text = Secret::new(format!("{}\n", hex::encode(self.key.expose())));
        files::write(path, text.expose().as_bytes())
    }

    /// How it was made, if from a passphrase.
    pub(crate) fn stretch(&self) -> Option<&Stretch> {
        self.stretch.as_ref()
    }

    /// The key itself, to look for it where it should not be.
    pub(crate) fn bytes(&self) -> &[u8; 32] {
        self.key.expose()
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
            .extract(self.key.expose())
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
