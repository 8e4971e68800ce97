//! Where the statement says that the master key comes from.

use crate::{Asker, Source};
use avouch_statement::Length;
use serde::{Deserialize, Serialize};
use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

/// Where the master key comes from at boot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// A file on this machine, for demonstrations.
    File {
        /// The file; a relative path starts at `keys` in the data folder.
        path: PathBuf,
    },
    /// A file that the service manager puts into `$CREDENTIALS_DIRECTORY`.
    Credential {
        /// Its name there.
        name: String,
    },
    /// What a command prints.
    Command {
        /// The program, by its whole path, and its arguments.
        command: Vec<String>,
        /// How long it may take.
        within: Length,
    },
    /// A passphrase that whoever starts the service gives.
    Passphrase,
}

impl Origin {
    /// Where the core gets it, given the folder that relative paths start at.
    ///
    /// # Errors
    /// If the key holder is to be asked, and there is no descriptor to ask it over.
    pub fn source(&self, folder: &Path) -> io::Result<Source> {
        Ok(match self {
            Self::File { path } => Source::File {
                path: folder.join(path),
            },
            _ => Source::Holder(Arc::new(Asker::on_standard_output(self)?)),
        })
    }
}
