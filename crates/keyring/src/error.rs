//! What can go wrong with keys. No message carries a byte of one.

use std::{io, path::PathBuf};

/// A key could not be had, or a sealed thing could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum KeyringError {
    /// A file or folder could not be read or written.
    #[error("cannot {act} `{}`", path.display())]
    File {
        /// What was being done: `read`, `write`, `create`, `remove`.
        act: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Keys exist, but the master key that opens them is not where the statement says.
    #[error("the master key `{}` is missing, and the keys in `{}` cannot be opened without it: put it back from escrow", path.display(), keys.display())]
    MasterMissing {
        /// Where it should be.
        path: PathBuf,
        /// The folder it opens.
        keys: PathBuf,
    },
    /// The master key's file does not hold one.
    #[error("`{}` does not hold a master key: it should be one line of 64 hexadecimal digits", path.display())]
    MasterShape {
        /// The file.
        path: PathBuf,
    },
    /// The master key did not come from where the statement says.
    #[error("the master key did not come: {why}")]
    NotGiven {
        /// Why, in a sentence.
        why: String,
    },
    /// The process that hands over the master key is not there.
    #[error("the process that hands over the master key has gone: start Avouch again")]
    HolderGone {
        /// What the system said.
        source: io::Error,
    },
    /// The master key given is a different one.
    #[error("the keys in `{}` were wrapped under another master key than the one given", folder.display())]
    WrongMaster {
        /// The keys folder.
        folder: PathBuf,
    },
    /// A wrapped key was altered, cut short, or put in another's place.
    #[error("the wrapped key `{}` has been altered or moved: restore it from a copy", path.display())]
    Tampered {
        /// The file.
        path: PathBuf,
    },
    /// A sealed thing names a key that is not here.
    #[error("the key `{}` is missing: restore it from a copy", path.display())]
    Missing {
        /// Where it should be.
        path: PathBuf,
    },
    /// The tenant's keys were destroyed on purpose; nothing sealed under them can be read again.
    #[error("the keys of `{owner}` have been destroyed")]
    Shredded {
        /// Whose keys they were.
        owner: String,
    },
    /// The bytes are not something this keyring sealed.
    #[error("not a sealed value of a known version")]
    SealShape,
    /// The sealed bytes, or what they were bound to, are not what was sealed.
    #[error(
        "a value sealed under the key of `{owner}` has been altered, or belongs somewhere else"
    )]
    SealBroken {
        /// Whose key it was.
        owner: String,
    },
    /// The cryptographic library refused; it does so only when the system has no randomness.
    #[error("the cryptographic library could not {act}")]
    Crypto {
        /// What was being done.
        act: &'static str,
    },
}

impl KeyringError {
    pub(crate) fn file(
        act: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { act, path, source }
    }
}
