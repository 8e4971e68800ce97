//! What a witness keeps: for each log the checkpoint that it signed last, and what it refused.
//!
//! | file | holds | what somebody who can change it gains |
//! | --- | --- | --- |
//! | `<origin>.checkpoint` | the checkpoint signed last, with the log's and the witness's signature | without the keys: nothing, it is refused at the start. By deleting it: a witness that begins anew |
//! | `<origin>.next` | one being written | nothing |
//! | `refused/<origin>/<size>-<root>` | a checkpoint of the log that was not signed, and behind a line of `=` the one that was | nothing: both are signed by the log |
//! | `lock` | nothing; locked while open | two witnesses on one state |
//!
//! `<origin>` is the SHA-256 of the log's origin in hex.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use crate::files::Files;
use crate::verify::{self, Checkpoint, NoteFault, Vkey, WitnessKey};

/// Refused checkpoints that are kept for one log; the first ones tell the most.
const MOST_REFUSED: usize = 16;
const LOCK: &str = "lock";

/// A checkpoint of a log that was refused although its key had signed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The log.
    pub origin: String,
    /// What it said of itself.
    pub size: u64,
    /// The file that holds it and the one that it contradicts, relative to the state's folder.
    pub file: PathBuf,
}

/// Why the state cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The operator's: somebody else has it open.
    #[error("the witness's state in {} is in use; stop the other witness first", .0.display())]
    Locked(PathBuf),
    /// The operator's: a file cannot be read or written.
    #[error("cannot use {}", file.display())]
    Io {
        /// The file or folder, relative to the state's folder.
        file: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// What is kept for a log was not signed by it and by this witness.
    #[error("{} is not what this witness signed for `{origin}`; restore it, as a witness that forgets can be deceived", file.display())]
    Altered {
        /// The log.
        origin: String,
        /// The file.
        file: PathBuf,
        /// What does not fit.
        source: NoteFault,
    },
}

impl StateError {
    pub(super) fn io(file: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let file = file.to_owned();
        move |source| Self::Io { file, source }
    }
}

/// The files.
pub(super) struct State {
    files: Arc<dyn Files>,
    _lock: Box<dyn Send + Sync>,
}

/// The checkpoint that was signed last, and the note it stands in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Kept {
    pub(super) checkpoint: Checkpoint,
    pub(super) note: String,
}

impl State {
    pub(super) fn open(files: Arc<dyn Files>, dir: &Path) -> Result<Self, StateError> {
        let lock = files
            .lock(Path::new(LOCK))
            .map_err(StateError::io(Path::new(LOCK)))?
            .ok_or_else(|| StateError::Locked(dir.to_owned()))?;
        Ok(Self { files, _lock: lock })
    }

    /// What was signed last for a log; `None` if nothing was.
    pub(super) fn read(&self, log: &Vkey, own: &WitnessKey) -> Result<Option<Kept>, StateError> {
        let file = checkpoint_file(log.name());
        let Some(bytes) = self.files.read(&file).map_err(StateError::io(&file))? else {
            return Ok(None);
        };
        let altered = |source| StateError::Altered {
            origin: log.name().to_owned(),
            file: file.clone(),
            source,
        };
        let note = String::from_utf8(bytes).map_err(|_| altered(NoteFault::Malformed))?;
        let checkpoint = verify::checkpoint(&note, log).map_err(altered)?;
        let signed = verify::cosignatures(&note, std::slice::from_ref(own)).map_err(altered)?;
        if signed.is_empty() {
            return Err(altered(NoteFault::NotSigned));
        }
        Ok(Some(Kept { checkpoint, note }))
    }

    /// Puts a checkpoint in the place of the last one, all or nothing; it is durable when this returns.
    pub(super) fn keep(&self, origin: &str, note: &str) -> Result<(), StateError> {
        let (place, next) = (checkpoint_file(origin), name(origin, "next"));
        self.write(&next, note.as_bytes())?;
        self.files
            .rename(&next, &place)
            .and_then(|()| self.files.sync_dir(Path::new("")))
            .map_err(StateError::io(&place))
    }

    /// Keeps a checkpoint that was refused beside the one that it contradicts.
    pub(super) fn refuse(
        &self,
        refused: &Checkpoint,
        note: &str,
        kept: &str,
    ) -> Result<Refused, StateError> {
        let dir = refused_dir(&refused.origin);
        let root = hex_text(refused.root.get(..8).unwrap_or_default());
        let file = dir.join(format!("{}-{root}", refused.size));
        let names = self.files.names(&dir).map_err(StateError::io(&dir))?;
        if names.len() < MOST_REFUSED {
            self.files.make_dir(&dir).map_err(StateError::io(&dir))?;
            self.write(&file, format!("{note}\n====\n\n{kept}").as_bytes())?;
            self.files.sync_dir(&dir).map_err(StateError::io(&dir))?;
        }
        Ok(Refused {
            origin: refused.origin.clone(),
            size: refused.size,
            file,
        })
    }

    /// What was refused of a log, smallest first.
    pub(super) fn refused(&self, origin: &str) -> Result<Vec<Refused>, StateError> {
        let dir = refused_dir(origin);
        let names = self.files.names(&dir).map_err(StateError::io(&dir))?;
        let mut refused: Vec<Refused> = names
            .into_iter()
            .filter_map(|name| {
                Some(Refused {
                    origin: origin.to_owned(),
                    size: name.split_once('-')?.0.parse().ok()?,
                    file: dir.join(&name),
                })
            })
            .collect();
        refused.sort_by(|a, b| (a.size, &a.file).cmp(&(b.size, &b.file)));
        Ok(refused)
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> Result<(), StateError> {
        let write = || {
            let file = self.files.open(path)?;
            file.write_at(bytes, 0)?;
            file.truncate(bytes.len() as u64)?;
            file.sync()
        };
        write().map_err(StateError::io(path))
    }
}

/// The hash that names a log in files and addresses.
pub(super) fn origin_hash(origin: &str) -> String {
    hex_text(&Sha256::digest(origin.as_bytes()))
}

fn checkpoint_file(origin: &str) -> PathBuf {
    name(origin, "checkpoint")
}

fn name(origin: &str, ending: &str) -> PathBuf {
    format!("{}.{ending}", origin_hash(origin)).into()
}

fn refused_dir(origin: &str) -> PathBuf {
    Path::new("refused").join(origin_hash(origin))
}

fn hex_text(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        text.push_str(&format!("{byte:02x}"));
        text
    })
}
