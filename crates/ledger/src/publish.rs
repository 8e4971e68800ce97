//! The publisher's thread: tiles, then the checkpoint, about once a second or when asked.
//!
//! The order is what makes it safe against a crash: tiles and bundles, flushed; the folders that name them, flushed;
//! then the new checkpoint under another name, flushed; then the rename. A checkpoint on disk never speaks of a tile
//! that is not.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use signed_note::NoteError;
use tokio::sync::oneshot;

use crate::checkpoint::{LogKey, Published};
use crate::files::Files;
use crate::forget::{Doomed, ForgetError, forget};
use crate::paths::{CHECKPOINT, CHECKPOINT_NEXT, COSIGNED, COSIGNED_NEXT};
use crate::reader::{ReadError, Reader};
use crate::tree::{TileFile, Tree};

/// Why the checkpoint was not brought up to date. Entries stay durable and the next attempt goes on from there.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// The operator's: the journal cannot be read back.
    #[error("cannot read the journal to bring the tree up to date")]
    Read(#[from] ReadError),
    /// The operator's: a tile or the checkpoint cannot be written; safe to try again.
    #[error("cannot write {}", file.display())]
    Write {
        /// The file or folder, relative to the ledger's folder.
        file: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// Ours: the tree's arithmetic failed.
    #[error("cannot work out the tree")]
    Tree(#[from] tlog_tiles::Error),
    /// Ours: the checkpoint could not be signed.
    #[error("cannot sign the checkpoint")]
    Sign(#[from] NoteError),
    /// The ledger is closing.
    #[error("the ledger has stopped")]
    Stopped,
}

/// Why the tiles were not derived anew.
#[derive(Debug, thiserror::Error)]
pub enum DeriveError {
    /// Nothing was written: the journal itself was altered.
    #[error(
        "the journal's first {0} entries are not those that the checkpoint was signed for; `avouch audit verify` says which"
    )]
    Mismatch(u64),
    /// The journal could not be read, or a tile not written.
    #[error("the ledger's tiles cannot be derived from its journal")]
    Publish(#[from] PublishError),
}

/// What the publisher is asked.
pub(crate) enum Asked {
    /// To bring tiles and checkpoint up to date.
    Publish(oneshot::Sender<Result<Published, PublishError>>),
    /// To take payloads out of the closed segment with this first entry.
    Forget(u64, Doomed, oneshot::Sender<Result<u64, ForgetError>>),
    /// To hold every tile to the journal, and write those anew that do not fit.
    Derive(oneshot::Sender<Result<Vec<PathBuf>, DeriveError>>),
}

pub(crate) struct Publisher {
    files: Arc<dyn Files>,
    key: LogKey,
    reader: Reader,
    tree: Tree,
    /// Full tiles that are still to be written.
    pending: Vec<TileFile>,
    /// Folders that name new files and are still to be flushed.
    unsynced: BTreeSet<PathBuf>,
    /// Tiles whose writing failed: what is there of them must go before a checkpoint covers them.
    half_made: Vec<PathBuf>,
    /// Folders of partial tiles that a full one takes the place of, to go once the checkpoint is out.
    superseded: Vec<PathBuf>,
}

impl Publisher {
    /// Goes on from `tree`, which holds the entries up to the checkpoint, or none when tiles have to be derived anew.
    pub(crate) fn new(key: LogKey, reader: Reader, tree: Tree) -> Self {
        let files = Arc::clone(&reader.files);
        Self {
            files,
            key,
            reader,
            tree,
            pending: Vec::new(),
            unsynced: BTreeSet::new(),
            half_made: Vec::new(),
            superseded: Vec::new(),
        }
    }

    /// Runs until every sender is gone, then publishes once more.
    pub(crate) fn run(mut self, asked: &Receiver<Asked>, every: Option<Duration>) {
        loop {
            let next = match every {
                Some(every) => asked.recv_timeout(every),
                None => asked.recv().map_err(RecvTimeoutError::from),
            };
            match next {
                // A caller that stopped waiting does not need the answer.
                Ok(Asked::Publish(answer)) => {
                    let _ = answer.send(self.publish());
                }
                Ok(Asked::Forget(first, doomed, answer)) => {
                    let done = forget(self.files.as_ref(), &self.reader.offsets, first, doomed);
                    let _ = answer.send(done);
                }
                Ok(Asked::Derive(answer)) => {
                    let _ = answer.send(self.derive());
                }
                Err(RecvTimeoutError::Timeout) => self.publish_or_warn(),
                Err(RecvTimeoutError::Disconnected) => return self.publish_or_warn(),
            }
        }
    }

    fn publish_or_warn(&mut self) {
        if let Err(error) = self.publish() {
            let error: &dyn std::error::Error = &error;
            tracing::warn!(error, "the ledger's checkpoint was not brought up to date");
        }
    }

    /// Brings tiles and checkpoint up to the entries that are durable now.
    pub(crate) fn publish(&mut self) -> Result<Published, PublishError> {
        let size = self.reader.size();
        let signed = self.reader.checkpoint();
        if signed.size == size
            && self.tree.size() == size
            && self.pending.is_empty()
            && self.unsynced.is_empty()
        {
            return Ok(signed);
        }
        self.remove_half_made()?;
        self.write_pending(signed.size)?;
        for stored in self.reader.scan(self.tree.size()).up_to(size) {
            self.pending = self.tree.push(&stored?.leaf.encode())?;
            self.write_pending(signed.size)?;
        }
        if signed.size == size {
            // Full tiles were derived anew; the partial ones were made right on opening.
            self.sync_dirs()?;
            return Ok(signed);
        }
        for partial in self.tree.partials() {
            self.write(&partial)?;
        }
        self.sync_dirs()?;
        let next = LogKey::sign(&self.key, size, self.tree.root()?)?;
        write_checkpoint(self.files.as_ref(), &next)?;
        *self
            .reader
            .published
            .write()
            .unwrap_or_else(PoisonError::into_inner) = next.clone();
        for dir in self.superseded.drain(..) {
            if let Err(error) = self.files.remove_dir(&dir) {
                tracing::warn!(%error, dir = %dir.display(), "cannot remove superseded partial tiles");
            }
        }
        Ok(next)
    }

    /// Holds every tile to the journal, once the journal has been found to fit the checkpoint; gives those that were
    /// written anew.
    fn derive(&mut self) -> Result<Vec<PathBuf>, DeriveError> {
        self.publish()?;
        let signed = self.reader.checkpoint();
        if self
            .over(signed.size, |_, _| Ok(()))?
            .root()
            .map_err(PublishError::from)?
            .0
            != signed.root
        {
            return Err(DeriveError::Mismatch(signed.size));
        }
        let mut wrong = Vec::new();
        let tree = self.over(signed.size, |this, tile| {
            this.write_if_wrong(tile, &mut wrong)
        })?;
        for partial in tree.partials() {
            self.write_if_wrong(&partial, &mut wrong)?;
        }
        self.sync_dirs()?;
        Ok(wrong)
    }

    /// The tree over the journal's first entries; `filled` sees each tile that fills up.
    fn over(
        &mut self,
        size: u64,
        mut filled: impl FnMut(&mut Self, &TileFile) -> Result<(), PublishError>,
    ) -> Result<Tree, PublishError> {
        let mut tree = Tree::default();
        for stored in self.reader.scan(0).up_to(size) {
            for tile in tree.push(&stored?.leaf.encode())? {
                filled(self, &tile)?;
            }
        }
        Ok(tree)
    }

    fn write_if_wrong(
        &mut self,
        tile: &TileFile,
        wrong: &mut Vec<PathBuf>,
    ) -> Result<(), PublishError> {
        if !is_there(self.files.as_ref(), tile)? {
            self.write(tile)?;
            wrong.push(tile.path.clone());
        }
        Ok(())
    }

    /// Writes the full tiles that wait. Under the signed size they are there already, unless they were damaged.
    fn write_pending(&mut self, signed: u64) -> Result<(), PublishError> {
        while let Some(tile) = self.pending.pop() {
            let there = self.tree.size() <= signed && is_there(self.files.as_ref(), &tile)?;
            if !there && let Err(error) = self.write(&tile) {
                self.pending.push(tile);
                return Err(error);
            }
            self.superseded.extend(tile.supersedes);
        }
        Ok(())
    }

    fn write(&mut self, tile: &TileFile) -> Result<(), PublishError> {
        let dir = tile.path.parent().unwrap_or(Path::new(""));
        self.unsynced.insert(dir.to_owned());
        self.files.make_dir(dir).map_err(failed(dir))?;
        let written = write_whole(self.files.as_ref(), &tile.path, &tile.bytes);
        if written.is_err() {
            self.half_made.push(tile.path.clone());
        }
        written
    }

    fn remove_half_made(&mut self) -> Result<(), PublishError> {
        while let Some(path) = self.half_made.last() {
            self.files.remove(path).map_err(failed(path))?;
            self.half_made.pop();
        }
        Ok(())
    }

    fn sync_dirs(&mut self) -> Result<(), PublishError> {
        while let Some(dir) = self.unsynced.first() {
            self.files.sync_dir(dir).map_err(failed(dir))?;
            self.unsynced.pop_first();
        }
        Ok(())
    }
}

/// Whether a tile is on disk as it should be.
pub(crate) fn is_there(files: &dyn Files, tile: &TileFile) -> Result<bool, PublishError> {
    let content = files.read(&tile.path).map_err(failed(&tile.path))?;
    Ok(content.as_deref() == Some(&tile.bytes))
}

/// Writes a file's whole content and flushes it; the name is not flushed.
pub(crate) fn write_whole(
    files: &dyn Files,
    path: &Path,
    bytes: &[u8],
) -> Result<(), PublishError> {
    let write = || {
        let file = files.open(path)?;
        file.write_at(bytes, 0)?;
        file.truncate(bytes.len() as u64)?;
        file.sync()
    };
    write().map_err(failed(path))
}

/// Puts a new checkpoint in the place of the old one, all or nothing.
pub(crate) fn write_checkpoint(
    files: &dyn Files,
    checkpoint: &Published,
) -> Result<(), PublishError> {
    put(files, checkpoint, CHECKPOINT_NEXT, CHECKPOINT)
}

/// The same for the one that witnesses have signed.
pub(crate) fn write_cosigned(
    files: &dyn Files,
    checkpoint: &Published,
) -> Result<(), PublishError> {
    put(files, checkpoint, COSIGNED_NEXT, COSIGNED)
}

fn put(
    files: &dyn Files,
    checkpoint: &Published,
    next: &str,
    place: &str,
) -> Result<(), PublishError> {
    let (next, place) = (Path::new(next), Path::new(place));
    write_whole(files, next, checkpoint.text.as_bytes())?;
    files.rename(next, place).map_err(failed(place))?;
    files.sync_dir(Path::new("")).map_err(failed(place))
}

fn failed(file: &Path) -> impl FnOnce(io::Error) -> PublishError + use<> {
    let file = file.to_owned();
    move |source| PublishError::Write { file, source }
}
