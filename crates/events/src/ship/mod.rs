//! The trail sent on to somebody else's system as it grows.
//!
//! The ledger is the queue: what has not been taken yet is read from it, however long the receiver was away, so nothing
//! is lost and nothing piles up in memory. A [`Cursor`] on disk says how far the receiver has taken it. It is moved after
//! the receiver's word, so a crash in between sends some entries twice and none never.

mod batch;
mod bulk;
mod cursor;
mod syslog;
mod wire;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use avouch_ledger::{ReadError, Reader};
use avouch_statement::TenantId;
use jiff::Timestamp;
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::Instant;

use self::batch::Batch;
pub use self::bulk::{Bulk, ReadBack};
use self::cursor::Cursor;
pub use self::syslog::Syslog;
pub use self::wire::Wire;
use crate::{Action, Opener, Row};

/// How often a trail that has grown is sent on.
const EVERY: Duration = Duration::from_secs(2);
/// A receiver that is away is tried again after a second, then after two, up to this.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// How often the receiver is offered again what it refused.
const OFFERED_AGAIN: Duration = Duration::from_secs(600);
/// So many refused entries are set aside; with more, nothing is sent until somebody has looked.
const MOST_ASIDE: usize = 10_000;

/// Who receives, and how it is spoken to.
pub enum Target {
    /// Elasticsearch or OpenSearch, by `_bulk` over HTTPS.
    Bulk(Bulk),
    /// A syslog receiver over TLS.
    Syslog(Syslog),
}

/// What became of the events that a receiver answered for. Those that are not named were taken.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Delivered {
    /// Entries that it will not take as they are, and its word for why.
    pub refused: Vec<(u64, String)>,
    /// Whether it was too busy for some of them: all are sent again, and those that it has are counted once.
    pub busy: bool,
}

/// Why events could not be delivered. They are tried again.
#[derive(Debug, thiserror::Error)]
pub enum ShipError {
    /// The operator's: it cannot be reached, or went away.
    #[error("the receiver cannot be reached")]
    Unreachable(#[source] std::io::Error),
    /// The operator's: the file with the secret cannot be read.
    #[error("the secret in `{0}` cannot be read; the service's own user must be able to")]
    Secret(String, #[source] std::io::Error),
    /// The operator's: the file with the secret is not one line for a header.
    #[error("the secret in `{0}` is not one line, such as `ApiKey …`")]
    Unfit(String),
    /// The receiver's: it refuses everything.
    #[error("the receiver answers {0}{explained}", explained = explained(*.0))]
    Status(u16),
    /// The receiver's: its answer is about something else than was sent.
    #[error("the receiver's answer does not fit what was sent to it")]
    Answer,
    /// The receiver's: it wants less at a time, or later.
    #[error("the receiver is busy")]
    Busy,
    /// The receiver's: too much was refused to go on.
    #[error("the receiver has refused {0} entries, and no more are set aside")]
    Aside(usize),
    /// An event cannot be written in the format.
    #[error("an event cannot be written")]
    Form(#[from] serde_json::Error),
    /// The operator's: the ledger cannot be read.
    #[error("the ledger cannot be read")]
    Ledger(#[from] ReadError),
    /// The thread that reads the ledger ended.
    #[error("reading the ledger was given up")]
    Reading(#[from] tokio::task::JoinError),
}

fn explained(status: u16) -> &'static str {
    match status {
        401 | 403 => ": it does not take the secret that it was given",
        404 => ": nothing there takes what is sent",
        _ => "",
    }
}

/// Something that whoever answers for the trail should know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// The receiver takes nothing any more, and why.
    Away(String),
    /// It takes events again.
    Back,
    /// These entries were refused, for such a reason, and are set aside.
    Refused(Vec<u64>, String),
    /// The ledger ends before what was sent: it was put back to an earlier state.
    Shorter {
        /// Entries that were sent.
        sent: u64,
        /// Entries that it has.
        has: u64,
    },
}

/// How far a receiver has got.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Progress {
    /// Entries of the ledger that it has been given, or that are none of its business.
    pub done: u64,
    /// Entries that the ledger has.
    pub size: u64,
    /// When the oldest that it has not been given was recorded.
    pub oldest: Option<Timestamp>,
    /// Entries that it refused.
    pub aside: Vec<u64>,
    /// Why it takes nothing just now.
    pub trouble: Option<String>,
    /// The newest event that it took since the start.
    pub newest: Option<u64>,
}

/// Sends the trail to one receiver.
pub struct Shipper {
    /// The name in the statement.
    name: String,
    reader: Reader,
    opener: Opener,
    /// Whose events; of everybody and the platform itself if empty.
    tenants: Vec<TenantId>,
    target: Target,
    file: PathBuf,
    state: Mutex<State>,
}

struct State {
    cursor: Cursor,
    /// What is on disk.
    kept: Cursor,
    trouble: Option<String>,
    newest: Option<u64>,
    offered: Instant,
}

/// What one step came to.
struct Step {
    /// Whether there may be more to send at once.
    more: bool,
    refused: Vec<(u64, String)>,
    shorter: Option<News>,
}

impl Shipper {
    /// Goes on where the cursor in `file` says, or begins with the ledger's first entry.
    ///
    /// # Errors
    /// If the cursor's file is there and cannot be read.
    pub fn open(
        name: &str,
        (reader, opener): (Reader, Opener),
        tenants: Vec<TenantId>,
        target: Target,
        file: PathBuf,
    ) -> std::io::Result<Self> {
        let cursor = Cursor::load(&file)?;
        Ok(Self {
            name: name.to_owned(),
            reader,
            opener,
            tenants,
            target,
            file,
            state: Mutex::new(State {
                kept: cursor.clone(),
                cursor,
                trouble: None,
                newest: None,
                offered: Instant::now(),
            }),
        })
    }

    /// The name in the statement.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How far the receiver has got.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn progress(&self) -> Result<Progress, ReadError> {
        let mut progress = {
            let state = self.held();
            Progress {
                done: state.cursor.next,
                size: self.reader.size(),
                oldest: None,
                aside: state.cursor.aside.iter().copied().collect(),
                trouble: state.trouble.clone(),
                newest: state.newest,
            }
        };
        if progress.done < progress.size {
            progress.oldest = Some(self.reader.read(progress.done)?.leaf.time);
        }
        Ok(progress)
    }

    /// Asks the receiver for the newest event that it took.
    ///
    /// # Errors
    /// If it cannot be asked.
    pub async fn read_back(&self) -> Result<Option<(u64, ReadBack)>, ShipError> {
        let newest = self.held().newest;
        match (&self.target, newest) {
            (Target::Bulk(bulk), Some(index)) => Ok(Some((index, bulk.read_back(index).await?))),
            _ => Ok(None),
        }
    }

    /// Sends for as long as it is polled; `tell` hears what somebody should know.
    pub async fn run(&self, tell: &UnboundedSender<News>) {
        let mut failures = 0_u32;
        loop {
            let wait = match self.step().await {
                Ok(step) => {
                    failures = 0;
                    if self.held().trouble.take().is_some() {
                        let _ = tell.send(News::Back);
                    }
                    let mut news: Vec<News> = step.shorter.into_iter().collect();
                    if let Some((_, why)) = step.refused.first() {
                        let entries = step.refused.iter().map(|(index, _)| *index).collect();
                        news.push(News::Refused(entries, why.clone()));
                    }
                    // Nobody listens any more only when everything ends.
                    news.into_iter().for_each(|news| _ = tell.send(news));
                    if step.more { Duration::ZERO } else { EVERY }
                }
                Err(error) => {
                    let why = words(&error);
                    if self.held().trouble.replace(why.clone()).is_none() {
                        let _ = tell.send(News::Away(why));
                    }
                    failures += 1;
                    Duration::from_secs(1 << (failures - 1).min(16)).min(LONGEST_WAIT)
                }
            };
            tokio::time::sleep(wait).await;
        }
    }

    /// Sends the next entries.
    async fn step(&self) -> Result<Step, ShipError> {
        self.offer_again().await?;
        let shorter = self.shortened();
        let from = self.held().cursor.next;
        let batch = self.read(from).await?;
        self.held().cursor.next = batch.first;
        let mut delivered = self.deliver(&batch.rows).await?;
        let refused: BTreeSet<u64> = delivered.refused.iter().map(|(index, _)| *index).collect();
        {
            let mut state = self.held();
            let aside = state.cursor.aside.len() + refused.len();
            if aside > MOST_ASIDE {
                return Err(ShipError::Aside(aside));
            }
            let taken = batch.rows.iter().rev().map(|row| row.index);
            state.newest = taken
                .into_iter()
                .find(|index| !refused.contains(index))
                .or(state.newest);
            state.cursor.aside.extend(refused);
            state.cursor.next = batch.next;
        }
        self.keep();
        // That something was refused is an event, too: to say that this one was refused would go on for ever.
        delivered.refused.retain(|(index, _)| {
            !batch
                .rows
                .iter()
                .any(|row| row.index == *index && self.is_our_own(row))
        });
        Ok(Step {
            more: batch.next < self.reader.size(),
            refused: delivered.refused,
            shorter,
        })
    }

    /// Whether this event says something of this very export.
    fn is_our_own(&self, row: &Row) -> bool {
        row.event.action == Action::System && row.event.object == format!("export {}", self.name)
    }

    /// Offers again what was refused: somebody may have mended the receiver.
    async fn offer_again(&self) -> Result<(), ShipError> {
        let aside: Vec<u64> = {
            let mut state = self.held();
            if state.cursor.aside.is_empty() || state.offered.elapsed() < OFFERED_AGAIN {
                return Ok(());
            }
            state.offered = Instant::now();
            state.cursor.aside.iter().copied().collect()
        };
        for part in aside.chunks(batch::MOST) {
            let (reader, opener) = (self.reader.clone(), self.opener.clone());
            let indices = part.to_vec();
            let rows =
                tokio::task::spawn_blocking(move || batch::these(&reader, &opener, &indices))
                    .await??;
            let delivered = self.deliver(&rows).await?;
            let mut state = self.held();
            for index in part {
                if !delivered.refused.iter().any(|(still, _)| still == index) {
                    state.cursor.aside.remove(index);
                }
            }
        }
        self.keep();
        Ok(())
    }

    async fn deliver(&self, rows: &[Row]) -> Result<Delivered, ShipError> {
        if rows.is_empty() {
            return Ok(Delivered::default());
        }
        let delivered = match &self.target {
            Target::Bulk(bulk) => bulk.deliver(rows).await?,
            Target::Syslog(syslog) => syslog.deliver(rows).await?,
        };
        if delivered.busy {
            return Err(ShipError::Busy);
        }
        Ok(delivered)
    }

    async fn read(&self, from: u64) -> Result<Batch, ShipError> {
        let (reader, opener) = (self.reader.clone(), self.opener.clone());
        let tenants = self.tenants.clone();
        let read = move || batch::next(&reader, &opener, &tenants, from);
        Ok(tokio::task::spawn_blocking(read).await??)
    }

    /// Puts the cursor back if the ledger was put back.
    fn shortened(&self) -> Option<News> {
        let (mut state, has) = (self.held(), self.reader.size());
        let sent = state.cursor.next;
        if sent <= has {
            return None;
        }
        state.cursor.next = has;
        state.cursor.aside.retain(|index| *index < has);
        Some(News::Shorter { sent, has })
    }

    /// Writes the cursor, if it moved. A disk that does not take it costs repeats after a crash, and no event.
    fn keep(&self) {
        let cursor = self.held().cursor.clone();
        if cursor == self.held().kept {
            return;
        }
        match cursor.keep(&self.file) {
            Ok(()) => self.held().kept = cursor,
            Err(error) => {
                tracing::warn!(export = self.name, %error, "how far an export has got could not be written down");
            }
        }
    }

    fn held(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An error and its causes in one line.
fn words(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
