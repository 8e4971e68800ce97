//! The witness itself: what it answers to `add-checkpoint`, and why.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::key::WitnessSigner;
use super::state::{Kept, Refused, State, StateError, origin_hash};
use crate::files::{Disk, Files};
use crate::verify::{self, Checkpoint, Hash, NoteFault, Numbered, ProofFault, Vkey, WitnessKey};

/// Bytes of a request that are read at most; 63 hashes and a checkpoint with many signatures have room.
pub(crate) const MAX_REQUEST: usize = 64 << 10;

/// The root of the tree without entries: SHA-256 of nothing.
const EMPTY: Hash = [
    0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24,
    0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
];

/// What a witness answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body's type.
    pub content_type: &'static str,
    /// The body.
    pub body: String,
}

impl Answer {
    fn new(status: u16, body: impl Into<String>) -> Self {
        Self {
            status,
            content_type: "text/plain; charset=utf-8",
            body: body.into(),
        }
    }
}

/// Signs checkpoints of the logs that it knows, each only if it goes on from the one before.
pub struct Witness {
    logs: Vec<Vkey>,
    signer: WitnessSigner,
    /// What was signed last, by origin. Held from the comparison until the new one is durable.
    latest: Mutex<HashMap<String, Kept>>,
    state: State,
}

/// A request whose checkpoint the log has signed.
struct Request<'a> {
    old: u64,
    proof: Vec<Hash>,
    note: &'a str,
    checkpoint: Checkpoint,
}

impl Witness {
    /// Opens a witness on its state's folder, which is made if it is not there.
    ///
    /// # Errors
    ///
    /// [`StateError`] when the state is in use, cannot be read, or is not what this witness signed.
    pub fn open(dir: &Path, signer: WitnessSigner, logs: Vec<Vkey>) -> Result<Self, StateError> {
        let files = Disk::new(dir).map_err(StateError::io(dir))?;
        Self::open_in(Arc::new(files), dir, signer, logs)
    }

    pub(crate) fn open_in(
        files: Arc<dyn Files>,
        dir: &Path,
        signer: WitnessSigner,
        logs: Vec<Vkey>,
    ) -> Result<Self, StateError> {
        let state = State::open(files, dir)?;
        let mut latest = HashMap::new();
        for log in &logs {
            if let Some(kept) = state.read(log, signer.public())? {
                latest.insert(log.name().to_owned(), kept);
            }
        }
        Ok(Self {
            logs,
            signer,
            latest: Mutex::new(latest),
            state,
        })
    }

    /// The public key: what logs and readers pin.
    #[must_use]
    pub fn public(&self) -> &WitnessKey {
        self.signer.public()
    }

    /// Checkpoints that the logs' keys had signed and that this witness refused: evidence.
    ///
    /// # Errors
    ///
    /// [`StateError::Io`] when they cannot be listed.
    pub fn refused(&self) -> Result<Vec<Refused>, StateError> {
        let mut all = Vec::new();
        for log in &self.logs {
            all.extend(self.state.refused(log.name())?);
        }
        Ok(all)
    }

    /// The checkpoint signed last of the log whose origin has this hash in hex, with the log's and our signature.
    #[must_use]
    pub fn latest(&self, origin: &str) -> Option<String> {
        self.kept()
            .iter()
            .find(|(name, _)| origin_hash(name) == origin)
            .map(|(_, kept)| kept.note.clone())
    }

    /// Answers `POST …/add-checkpoint`, at this time in seconds since 1970 UTC. Blocking.
    ///
    /// A 200 is given only when the new checkpoint is durable.
    pub fn add_checkpoint(&self, body: &[u8], now: u64) -> Answer {
        let request = match self.read(body) {
            Ok(request) => request,
            Err(answer) => return answer,
        };
        let mut latest = self.kept();
        let origin = request.checkpoint.origin.clone();
        let (size, root) = latest.get(&origin).map_or((0, EMPTY), |kept| {
            (kept.checkpoint.size, kept.checkpoint.root)
        });
        if request.old != size {
            return Answer {
                content_type: "text/x.tlog.size",
                ..Answer::new(409, format!("{size}\n"))
            };
        }
        if let Err(fault) = follows(&request, &root) {
            let kept = latest.get(&origin).map_or("", |kept| kept.note.as_str());
            return self.refuse(&request, kept, fault);
        }
        // Text and signature of the log; lines of others are none of ours to keep.
        let Ok((text, own)) = self.own_part(&request) else {
            return Answer::new(400, "the checkpoint cannot be read\n");
        };
        let line = self.signer.cosign(text, now);
        let note = format!("{own}{line}");
        if let Err(error) = self.state.keep(&origin, &note) {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "a checkpoint cannot be kept, so it is not signed"
            );
            return Answer::new(500, "the witness cannot keep the checkpoint just now\n");
        }
        let checkpoint = request.checkpoint;
        latest.insert(origin, Kept { checkpoint, note });
        Answer::new(200, line)
    }

    fn kept(&self) -> MutexGuard<'_, HashMap<String, Kept>> {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads a request as far as it can be judged without the state.
    fn read<'a>(&self, body: &'a [u8]) -> Result<Request<'a>, Answer> {
        let malformed = || {
            Answer::new(
                400,
                "write `old SIZE`, up to 63 hashes one a line, an empty line, and a signed checkpoint\n",
            )
        };
        let text = std::str::from_utf8(body).map_err(|_| malformed())?;
        let Numbered {
            number: old,
            hashes: proof,
            checkpoint: note,
        } = verify::numbered("old ", text).map_err(|_| malformed())?;
        if text.len() > MAX_REQUEST {
            return Err(malformed());
        }
        let origin = note.split('\n').next().unwrap_or_default();
        let known: Vec<&Vkey> = self
            .logs
            .iter()
            .filter(|log| log.name() == origin)
            .collect();
        if known.is_empty() {
            return Err(Answer::new(404, "this witness does not know that log\n"));
        }
        let mut why = NoteFault::NotSigned;
        for log in known {
            match verify::checkpoint(note, log) {
                Ok(checkpoint) if old > checkpoint.size => {
                    return Err(Answer::new(
                        400,
                        "the old size is greater than the checkpoint's\n",
                    ));
                }
                Ok(checkpoint) => {
                    return Ok(Request {
                        old,
                        proof,
                        note,
                        checkpoint,
                    });
                }
                Err(NoteFault::NotSigned) => {}
                Err(fault) => why = fault,
            }
        }
        match why {
            NoteFault::NotSigned | NoteFault::WrongSignature => Err(Answer::new(
                403,
                "no key that is trusted for that log has signed the checkpoint\n",
            )),
            NoteFault::Malformed | NoteFault::NotACheckpoint | NoteFault::OtherLog => {
                Err(malformed())
            }
        }
    }

    /// The checkpoint's text, and the note with the log's own signature alone.
    fn own_part<'a>(&self, request: &Request<'a>) -> Result<(&'a str, String), NoteFault> {
        for log in &self.logs {
            if log.name() == request.checkpoint.origin
                && let Ok(text) = verify::note(request.note, log)
            {
                let lines = request.note.get(text.len() + 1..).unwrap_or_default();
                let own: String = lines
                    .split_inclusive('\n')
                    .filter(|line| line.split(' ').nth(1) == Some(log.name()))
                    .collect();
                return Ok((text, format!("{text}\n{own}")));
            }
        }
        Err(NoteFault::NotSigned)
    }

    fn refuse(&self, request: &Request<'_>, kept: &str, fault: ProofFault) -> Answer {
        match self.state.refuse(&request.checkpoint, request.note, kept) {
            Ok(refused) => tracing::warn!(
                origin = refused.origin,
                size = refused.size,
                evidence = %refused.file.display(),
                "the log has signed a checkpoint that does not go on from the one that was signed here"
            ),
            Err(error) => tracing::error!(
                error = &error as &dyn std::error::Error,
                "a refused checkpoint cannot be kept as evidence"
            ),
        }
        Answer::new(422, format!("{fault}\n"))
    }
}

/// Whether the checkpoint goes on from the tree of the old size that has this root.
fn follows(request: &Request<'_>, root: &Hash) -> Result<(), ProofFault> {
    let new = &request.checkpoint;
    if new.size == 0 && new.root != EMPTY {
        return Err(ProofFault::Root);
    }
    verify::consistency(request.old, root, new.size, &new.root, &request.proof)
}
