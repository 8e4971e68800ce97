//! Opens a ledger and holds its threads.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc as blocking;
use std::sync::{Arc, RwLock};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tlog_tiles::EMPTY_HASH;
use tokio::sync::{mpsc, oneshot};

use crate::checkpoint::{LogKey, Published};
use crate::draft::{AppendError, Appended, Draft, MAX_CALL, MAX_SEALED};
use crate::files::{Disk, Files};
use crate::forget::{Doomed, ForgetError};
use crate::journal::{Damage, HEADER_BYTES};
use crate::paths::{self, CHECKPOINT, COSIGNED, JOURNAL, LOCK};
use crate::publish::{Asked, DeriveError, PublishError, Publisher, write_checkpoint};
use crate::reader::{ReadError, Reader};
use crate::recover::{Recovered, recover};
use crate::reserve::Reserve;
use crate::writer::{Call, Message, Writer};

/// Calls that may wait before further ones are held back.
const QUEUE: usize = 4096;

/// How a ledger is kept.
#[derive(Debug, Clone)]
pub struct Options {
    /// The node's number, which each of its leaves carries.
    pub node: u16,
    /// A journal segment takes no further group beyond this many bytes; at most 1 GiB.
    pub segment_bytes: u64,
    /// How often tiles and checkpoint are brought up to date; `None`: only when asked.
    pub publish_every: Option<Duration>,
}

impl Default for Options {
    /// Node 0, segments of 128 MiB, a checkpoint each second.
    fn default() -> Self {
        Self {
            node: 0,
            segment_bytes: 128 << 20,
            publish_every: Some(Duration::from_secs(1)),
        }
    }
}

/// Why a ledger cannot be opened. Nothing was changed, except that a write cut off by a crash may be gone.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The operator's: somebody else has it open.
    #[error("the ledger in {} is open already; stop the other process first", .0.display())]
    Locked(PathBuf),
    /// The operator's: a file cannot be read or written.
    #[error("cannot use {}", file.display())]
    Io {
        /// The file or folder, relative to the ledger's folder.
        file: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// Bytes that had been made durable have changed.
    #[error("the ledger is damaged at entry {entry}, {} byte {offset}; restore it from a backup", file.display())]
    Damaged {
        /// The first entry that does not fit.
        entry: u64,
        /// Its file, relative to the ledger's folder.
        file: PathBuf,
        /// Where in the file.
        offset: u64,
        /// What does not fit.
        source: Damage,
    },
    /// The signed checkpoint covers entries that the journal does not have: the journal was rolled back.
    #[error(
        "the checkpoint covers {checkpoint} entries but the journal holds {journal}; restore the missing ones"
    )]
    CheckpointAhead {
        /// Entries under the checkpoint.
        checkpoint: u64,
        /// Entries in the journal.
        journal: u64,
    },
    /// The journal's entries do not give the signed root: some were altered.
    #[error(
        "the journal's first {size} entries are not those that the checkpoint was signed for; verify the ledger"
    )]
    CheckpointMismatch {
        /// Entries under the checkpoint.
        size: u64,
    },
    /// There are entries but no checkpoint.
    #[error(
        "the ledger has entries but its file `checkpoint` is missing; restore it from a backup"
    )]
    CheckpointMissing,
    /// The checkpoint was not signed by this key, or was altered.
    #[error("the ledger's file `checkpoint` cannot be relied on; was it opened with another key?")]
    CheckpointInvalid(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Ours: the tree's arithmetic failed.
    #[error("cannot work out the tree")]
    Tree(#[from] tlog_tiles::Error),
    /// The operator's: damaged tiles or the first checkpoint cannot be written, or the journal cannot be read again.
    #[error("cannot bring the tiles and the checkpoint up to date")]
    Publish(#[from] PublishError),
}

impl OpenError {
    /// Names the file in an error from the file system.
    pub(crate) fn io(file: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let file = file.to_owned();
        move |source| Self::Io { file, source }
    }
}

/// An open ledger. Cheap to clone; the last clone to go waits for its threads and publishes once more.
#[derive(Clone)]
pub struct Ledger(Arc<Inner>);

struct Inner {
    // Senders come before the threads that they keep alive: see `Drop`.
    calls: Option<mpsc::Sender<Message>>,
    asked: Option<blocking::Sender<Asked>>,
    writer: Option<JoinHandle<()>>,
    publisher: Option<JoinHandle<()>>,
    reader: Reader,
    recovered: Recovered,
    vkey: String,
    _lock: Box<dyn Send + Sync>,
}

impl Ledger {
    /// Opens the ledger in a folder, or starts one there. Blocking: reads the journal behind the newest closed segment,
    /// and checks it with the tiles of what is before it against the signed checkpoint. Where that does not fit, the whole
    /// journal is read.
    ///
    /// # Errors
    ///
    /// [`OpenError`]: it is open already, damaged, rolled back, altered, or its files cannot be used.
    pub fn open(dir: &Path, key: LogKey, options: &Options) -> Result<Self, OpenError> {
        let files = Disk::new(dir).map_err(OpenError::io(dir))?;
        Self::open_in(Arc::new(files), dir, key, options)
    }

    /// Opens the ledger in `files`, which lie in `dir`.
    pub(crate) fn open_in(
        files: Arc<dyn Files>,
        dir: &Path,
        key: LogKey,
        options: &Options,
    ) -> Result<Self, OpenError> {
        let lock = files
            .lock(Path::new(LOCK))
            .map_err(OpenError::io(Path::new(LOCK)))?;
        let lock = lock.ok_or_else(|| OpenError::Locked(dir.to_owned()))?;
        let journal = Path::new(JOURNAL);
        files.make_dir(journal).map_err(OpenError::io(journal))?;
        let signed = read_checkpoint(&files, &key)?;
        let state = recover(&files, &signed)?;

        let reader = Reader {
            files: Arc::clone(&files),
            offsets: state.offsets.clone(),
            cosigned: Arc::new(RwLock::new(read_cosigned(&files, &key, &signed)?)),
            published: Arc::new(RwLock::new(signed)),
        };
        let vkey = key.vkey();
        let mut publisher = Publisher::new(key, reader.clone(), state.tree);
        match publisher.publish() {
            // A full disk is no reason not to open: entries are safe, and the publisher tries again.
            Err(error @ PublishError::Write { .. }) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "the ledger's checkpoint is not up to date"
                );
            }
            published => {
                published?;
            }
        }
        let writer = Writer {
            offsets: state.offsets,
            node: options.node,
            segment_bytes: options.segment_bytes.clamp(HEADER_BYTES + 1, 1 << 30),
            reserve: Reserve::open(Arc::clone(&files)),
            files,
            // Opening has taken away what was behind the last entry.
            ahead: state.segment.as_ref().map_or(0, |segment| segment.end),
            segment: state.segment,
            streams: state.streams,
        };

        let (calls, waiting) = mpsc::channel(QUEUE);
        let (asked, asking) = blocking::channel();
        let every = options.publish_every;
        let thread_error = OpenError::io(dir);
        let writer = thread::Builder::new()
            .name("ledger-writer".into())
            .spawn(move || writer.run(waiting))
            .map_err(OpenError::io(dir))?;
        let publisher = thread::Builder::new()
            .name("ledger-publisher".into())
            .spawn(move || publisher.run(&asking, every))
            .map_err(thread_error)?;
        Ok(Self(Arc::new(Inner {
            calls: Some(calls),
            asked: Some(asked),
            writer: Some(writer),
            publisher: Some(publisher),
            reader,
            recovered: state.recovered,
            vkey,
            _lock: lock,
        })))
    }

    /// Appends one entry; returns when it is durable.
    ///
    /// A caller that stops waiting may find the entry in the ledger all the same.
    ///
    /// # Errors
    ///
    /// [`AppendError`]; only after [`AppendError::Uncertain`] may the entry be on disk.
    pub async fn append(&self, draft: Draft) -> Result<Appended, AppendError> {
        let appended = self.append_all(vec![draft]).await?;
        appended.first().copied().ok_or(AppendError::Stopped)
    }

    /// Appends entries one after another, with nothing between them, under one flush; returns when all are durable.
    ///
    /// A crash before that may leave the first few of them in the ledger.
    ///
    /// # Errors
    ///
    /// As [`Ledger::append`]; an error is for all of them.
    pub async fn append_all(&self, drafts: Vec<Draft>) -> Result<Vec<Appended>, AppendError> {
        if drafts.is_empty() {
            return Ok(Vec::new());
        }
        if let Some(long) = drafts.iter().find(|draft| draft.sealed.len() > MAX_SEALED) {
            return Err(AppendError::TooLarge(long.sealed.len()));
        }
        let total = drafts.iter().map(|draft| draft.sealed.len() + 128).sum();
        if total > MAX_CALL {
            return Err(AppendError::TooLarge(total));
        }
        let (done, answer) = oneshot::channel();
        let calls = self.0.calls.as_ref().ok_or(AppendError::Stopped)?;
        calls
            .send(Message::Append(Call { drafts, done }))
            .await
            .map_err(|_| AppendError::Stopped)?;
        answer.await.map_err(|_| AppendError::Stopped)?
    }

    /// Brings tiles and checkpoint up to every entry that is durable now.
    ///
    /// # Errors
    ///
    /// [`PublishError`]; entries stay durable, and the next attempt goes on from there.
    pub async fn publish(&self) -> Result<Published, PublishError> {
        let (answer, published) = oneshot::channel();
        let asked = self.0.asked.as_ref().ok_or(PublishError::Stopped)?;
        asked
            .send(Asked::Publish(answer))
            .map_err(|_| PublishError::Stopped)?;
        published.await.map_err(|_| PublishError::Stopped)?
    }

    /// Takes payloads away for good: leaves, tiles and every proof stay as they are. Gives how many were taken.
    ///
    /// Whole segments are written anew and put in place of the old ones, one after another; a crash leaves each as it was
    /// or as it should be, and asking again goes on.
    ///
    /// # Errors
    ///
    /// [`ForgetError`]: a segment cannot be read or written; those before it are done.
    pub async fn forget(&self, doomed: Doomed) -> Result<u64, ForgetError> {
        let offsets = &self.0.reader.offsets;
        if offsets
            .last()
            .is_some_and(|last| doomed.may_touch(&last.marks))
        {
            let (done, answer) = oneshot::channel();
            let calls = self.0.calls.as_ref().ok_or(ForgetError::Stopped)?;
            calls
                .send(Message::Close(done))
                .await
                .map_err(|_| ForgetError::Stopped)?;
            answer.await.map_err(|_| ForgetError::Stopped)??;
        }
        let mut taken = 0;
        for first in offsets.closed() {
            let (done, answer) = oneshot::channel();
            let asked = self.0.asked.as_ref().ok_or(ForgetError::Stopped)?;
            asked
                .send(Asked::Forget(first, doomed, done))
                .map_err(|_| ForgetError::Stopped)?;
            taken += answer.await.map_err(|_| ForgetError::Stopped)??;
        }
        Ok(taken)
    }

    /// Whether some payload may be left that is doomed; `false` is certain.
    ///
    /// # Errors
    ///
    /// [`ReadError`]: a segment cannot be read.
    pub fn may_hold(&self, doomed: Doomed) -> Result<bool, ReadError> {
        let offsets = &self.0.reader.offsets;
        if offsets
            .last()
            .is_some_and(|last| doomed.may_touch(&last.marks))
        {
            return Ok(true);
        }
        for first in offsets.closed() {
            if doomed.may_touch(&offsets.load(first)?.marks) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Holds every tile to the journal, and writes those anew that do not fit; gives their names. Reads the whole journal
    /// twice, and writes nothing unless it fits the checkpoint.
    ///
    /// # Errors
    ///
    /// [`DeriveError`]: the journal does not fit, or a file cannot be read or written.
    pub async fn derive(&self) -> Result<Vec<PathBuf>, DeriveError> {
        let (answer, derived) = oneshot::channel();
        let asked = self.0.asked.as_ref().ok_or(PublishError::Stopped)?;
        asked
            .send(Asked::Derive(answer))
            .map_err(|_| PublishError::Stopped)?;
        derived.await.map_err(|_| PublishError::Stopped)?
    }

    /// Reads entries and makes proofs; independent of this handle's life.
    #[must_use]
    pub fn reader(&self) -> Reader {
        self.0.reader.clone()
    }

    /// What opening had to mend.
    #[must_use]
    pub fn recovered(&self) -> &Recovered {
        &self.0.recovered
    }

    /// The public key of the log, `name+hash+base64`.
    #[must_use]
    pub fn vkey(&self) -> &str {
        &self.0.vkey
    }
}

impl Drop for Inner {
    /// The writer ends when its senders are gone; only then does the publisher, so that its last checkpoint covers all.
    fn drop(&mut self) {
        drop(self.calls.take());
        if self
            .writer
            .take()
            .is_some_and(|writer| writer.join().is_err())
        {
            tracing::error!("the ledger's writer stopped early");
        }
        drop(self.asked.take());
        if self
            .publisher
            .take()
            .is_some_and(|publisher| publisher.join().is_err())
        {
            tracing::error!("the ledger's publisher stopped early");
        }
    }
}

/// The checkpoint on disk; a new ledger gets one of size 0, so that none at all always means that it was lost.
fn read_checkpoint(files: &Arc<dyn Files>, key: &LogKey) -> Result<Published, OpenError> {
    let path = Path::new(CHECKPOINT);
    if let Some(bytes) = files.read(path).map_err(OpenError::io(path))? {
        return key
            .read(&bytes)
            .map_err(|fault| OpenError::CheckpointInvalid(Box::new(fault)));
    }
    let dir = Path::new(JOURNAL);
    let names = files.names(dir).map_err(OpenError::io(dir))?;
    if names
        .iter()
        .any(|name| paths::segment_first(name).is_some())
    {
        return Err(OpenError::CheckpointMissing);
    }
    let first = LogKey::sign(key, 0, EMPTY_HASH).map_err(PublishError::from)?;
    write_checkpoint(files.as_ref(), &first)?;
    Ok(first)
}

/// The checkpoint that witnesses have signed, if there is one that this key has signed too. They sign it anew when not.
fn read_cosigned(
    files: &Arc<dyn Files>,
    key: &LogKey,
    signed: &Published,
) -> Result<Option<Published>, OpenError> {
    let path = Path::new(COSIGNED);
    let bytes = files.read(path).map_err(OpenError::io(path))?;
    Ok(bytes
        .and_then(|bytes| key.read(&bytes).ok())
        .filter(|cosigned| cosigned.size <= signed.size))
}
