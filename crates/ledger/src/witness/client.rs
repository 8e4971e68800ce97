//! The log's side: asks its witnesses to sign the newest checkpoint, and keeps what they signed beside it.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::checkpoint::Published;
use crate::publish::PublishError;
use crate::reader::{ProofError, Reader};
use crate::verify::{self, Cosignature, WitnessKey};

/// A witness that does not answer is asked again after a second, then after two, up to this.
const LONGEST_WAIT: Duration = Duration::from_secs(300);
/// A log that stands still has its checkpoint signed anew this often, so that the signatures stay fresh.
const REFRESH: Duration = Duration::from_secs(300);

/// A witness that the log asks.
#[derive(Debug, Clone)]
pub struct Named {
    /// What the statement calls it.
    pub name: String,
    /// Its submission prefix, such as `https://witness.example.test`.
    pub url: String,
    /// Its public key.
    pub key: WitnessKey,
}

/// An HTTP answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
}

/// An answer that comes later.
pub type PostFuture<'a> = Pin<Box<dyn Future<Output = io::Result<Reply>> + Send + 'a>>;

/// Sends a body to an address and brings the answer back; gives up on its own after some seconds.
pub trait Post: Send + Sync {
    /// Posts `body` to `url`.
    fn post<'a>(&'a self, url: &'a str, body: String) -> PostFuture<'a>;
}

/// What came of asking one witness.
#[derive(Debug)]
pub struct Asked {
    /// What the statement calls it.
    pub witness: String,
    /// Its signature, or why there is none.
    pub outcome: Result<Cosignature, AskError>,
}

/// Why a witness has not signed.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// The operator's: it cannot be reached. It is asked again.
    #[error("the witness cannot be reached")]
    Unreachable(#[source] io::Error),
    /// It has signed another history: this log was rewritten, or the witness is deceived.
    #[error(
        "the witness refuses: this log does not go on from what it signed; compare with the checkpoint that it keeps"
    )]
    Fork,
    /// It has signed more entries than this log has: this log was cut back.
    #[error(
        "the witness has signed {theirs} entries and this log's checkpoint covers {ours}: the log was cut back"
    )]
    Ahead {
        /// What the witness has signed.
        theirs: u64,
        /// What the log has.
        ours: u64,
    },
    /// The operator's: it does not know this log, or not this key.
    #[error("the witness answers {0}: give it this log's public key")]
    Unknown(u16),
    /// It answers what the protocol does not have.
    #[error("the witness answers {0}, which it should not")]
    Protocol(u16),
    /// It answers with signatures that are not by the pinned key.
    #[error("the witness's answer is not signed by the key that was pinned for it")]
    OtherKey,
    /// The operator's: the log's tiles cannot be read.
    #[error("the proof for the witness cannot be made")]
    Proof(#[from] ProofError),
    /// The operator's: what was signed cannot be kept.
    #[error("what the witness signed cannot be kept")]
    Keep(#[from] PublishError),
}

/// Asks a log's witnesses.
pub struct Client {
    reader: Reader,
    post: Arc<dyn Post>,
    witnesses: Vec<Arc<Named>>,
    /// So many signatures make a checkpoint worth showing.
    wanted: usize,
    turns: Mutex<Vec<Turn>>,
}

/// Where the client is with one witness.
#[derive(Clone, Copy)]
struct Turn {
    /// The size that it signed last, as far as is known.
    theirs: u64,
    due: Instant,
    failures: u32,
    /// The size that it signed for us last, and when.
    signed: Option<(u64, Instant)>,
}

impl Client {
    /// A client for these witnesses, of whom `wanted` should sign each checkpoint that is shown.
    #[must_use]
    pub fn new(reader: Reader, witnesses: Vec<Named>, wanted: usize, post: Arc<dyn Post>) -> Self {
        let turn = Turn {
            theirs: 0,
            due: Instant::now(),
            failures: 0,
            signed: None,
        };
        Self {
            reader,
            post,
            turns: Mutex::new(vec![turn; witnesses.len()]),
            witnesses: witnesses.into_iter().map(Arc::new).collect(),
            wanted,
        }
    }

    /// Asks for ever: each witness `every` so often when there is something new, and more seldom while it fails.
    pub async fn run(&self, every: Duration) {
        let mut beat = tokio::time::interval(every);
        beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            beat.tick().await;
            for asked in self.ask_those(&self.due()).await {
                if let Err(error) = asked.outcome {
                    let error: &dyn std::error::Error = &error;
                    tracing::warn!(
                        witness = asked.witness,
                        error,
                        "a witness has not signed the ledger's checkpoint"
                    );
                }
            }
        }
    }

    /// Asks every witness now.
    pub async fn ask(&self) -> Vec<Asked> {
        let all: Vec<usize> = (0..self.witnesses.len()).collect();
        self.ask_those(&all).await
    }

    /// The places of the witnesses whose turn it is.
    fn due(&self) -> Vec<usize> {
        let (now, size) = (Instant::now(), self.reader.checkpoint().size);
        let turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        let due = |turn: &Turn| {
            turn.due <= now
                && turn
                    .signed
                    .is_none_or(|(signed, at)| signed != size || now - at >= REFRESH)
        };
        turns
            .iter()
            .enumerate()
            .filter(|(_, turn)| due(turn))
            .map(|(place, _)| place)
            .collect()
    }

    async fn ask_those(&self, places: &[usize]) -> Vec<Asked> {
        let published = self.reader.checkpoint();
        let mut asking = JoinSet::new();
        for &place in places {
            let Some(witness) = self.witnesses.get(place) else {
                continue;
            };
            let (witness, post) = (Arc::clone(witness), Arc::clone(&self.post));
            let (reader, published) = (self.reader.clone(), published.clone());
            let theirs = self.turn(place, |turn| turn.theirs).unwrap_or(0);
            asking.spawn(async move {
                let outcome = ask(&reader, &published, &witness, post.as_ref(), theirs).await;
                (place, witness.name.clone(), outcome)
            });
        }
        let (mut lines, mut answers) = (Vec::new(), Vec::new());
        while let Some(answered) = asking.join_next().await {
            let Ok((place, witness, outcome)) = answered else {
                continue;
            };
            self.turn(place, |turn| turn.note(&outcome, published.size));
            let outcome = outcome.map(|(line, cosignature)| {
                lines.push(line);
                cosignature
            });
            answers.push(Asked { witness, outcome });
        }
        if let Err(error) = self.keep(&published, &lines).await {
            answers.push(Asked {
                witness: "all".to_owned(),
                outcome: Err(error.into()),
            });
        }
        answers
    }

    fn turn<T>(&self, place: usize, with: impl FnOnce(&mut Turn) -> T) -> Option<T> {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        turns.get_mut(place).map(with)
    }

    /// Keeps the checkpoint with what was signed, unless that would show fewer signatures than are wanted and were shown.
    async fn keep(&self, published: &Published, lines: &[String]) -> Result<(), PublishError> {
        if lines.is_empty() {
            return Ok(());
        }
        let before = self.reader.cosigned();
        let same = before
            .as_ref()
            .filter(|before| (before.size, before.root) == (published.size, published.root));
        let mut note = published.text.clone();
        note.extend(lines.iter().map(String::as_str));
        if let Some(before) = same {
            // Others have signed this one earlier.
            let signed = |line: &&str| !lines.iter().any(|new| signer(new) == signer(line));
            let older = before.text.get(published.text.len()..).unwrap_or_default();
            note.extend(older.split_inclusive('\n').filter(signed));
        }
        let count = |note: &str| self.count(note);
        let (now, earlier) = (count(&note), before.as_ref().map_or(0, |b| count(&b.text)));
        if now < self.wanted && now < earlier {
            return Ok(());
        }
        let next = Published {
            text: note,
            ..published.clone()
        };
        let reader = self.reader.clone();
        tokio::task::spawn_blocking(move || reader.keep_cosigned(next))
            .await
            .map_err(|_| PublishError::Stopped)?
    }

    /// How many of the witnesses have signed a note.
    fn count(&self, note: &str) -> usize {
        let keys: Vec<WitnessKey> = self.witnesses.iter().map(|w| w.key.clone()).collect();
        verify::cosignatures(note, &keys).map_or(0, |signed| signed.len())
    }
}

impl Turn {
    fn note(&mut self, outcome: &Result<(String, Cosignature), AskError>, size: u64) {
        let now = Instant::now();
        match outcome {
            Ok(_) => {
                self.theirs = size;
                self.failures = 0;
                self.due = now;
                self.signed = Some((size, now));
            }
            Err(error) => {
                if let AskError::Ahead { theirs, .. } = error {
                    self.theirs = *theirs;
                }
                let wait = Duration::from_secs(1 << self.failures.min(16));
                self.failures += 1;
                self.due = now + wait.min(LONGEST_WAIT);
            }
        }
    }
}

/// Asks one witness; once more when it says that it has signed another size than was thought.
async fn ask(
    reader: &Reader,
    published: &Published,
    witness: &Named,
    post: &dyn Post,
    mut theirs: u64,
) -> Result<(String, Cosignature), AskError> {
    let url = format!("{}/add-checkpoint", witness.url.trim_end_matches('/'));
    for last in [false, true] {
        if theirs > published.size {
            return Err(AskError::Ahead {
                theirs,
                ours: published.size,
            });
        }
        let (of, size) = (reader.clone(), published.size);
        let proof = tokio::task::spawn_blocking(move || of.consistency_proof(theirs, size))
            .await
            .map_err(|_| PublishError::Stopped)??;
        let body = crate::proof::continuing(theirs, &proof, &published.text);
        let reply = post.post(&url, body).await.map_err(AskError::Unreachable)?;
        match reply.status {
            200 => return signed(published, witness, &reply.body),
            409 if !last => {
                theirs = std::str::from_utf8(&reply.body)
                    .ok()
                    .and_then(|body| body.trim_end().parse().ok())
                    .ok_or(AskError::Protocol(409))?;
            }
            // Some answer so where others answer 422.
            409 | 422 => return Err(AskError::Fork),
            status @ (403 | 404) => return Err(AskError::Unknown(status)),
            status => return Err(AskError::Protocol(status)),
        }
    }
    Err(AskError::Fork)
}

/// The witness's line in an answer, checked with its pinned key.
fn signed(
    published: &Published,
    witness: &Named,
    body: &[u8],
) -> Result<(String, Cosignature), AskError> {
    let body = std::str::from_utf8(body).map_err(|_| AskError::OtherKey)?;
    let pinned = std::slice::from_ref(&witness.key);
    for line in body.split_inclusive('\n') {
        let note = format!("{}{line}", published.text);
        if let Ok(found) = verify::cosignatures(&note, pinned)
            && let [cosignature] = found.as_slice()
        {
            return Ok((line.to_owned(), cosignature.clone()));
        }
    }
    Err(AskError::OtherKey)
}

/// The name in a signature line.
fn signer(line: &str) -> Option<&str> {
    line.split(' ').nth(1)
}
