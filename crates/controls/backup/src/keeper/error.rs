//! Why the keeper could not do what is due or asked for.

use avouch_statement::Slug;

use super::Owner;
use crate::{job::JobError, records::RecordError, source::SourceFault};

/// Why a backup, a removal or a drill could not be done.
#[derive(Debug, thiserror::Error)]
pub enum KeeperError {
    /// A job failed.
    #[error(transparent)]
    Job(#[from] JobError),
    /// The records could not be read or written.
    #[error(transparent)]
    Records(#[from] RecordError),
    /// A drill was run, and nobody could sign for it.
    #[error("the drill was run and does not count, since the ledger did not take its entry: {0}")]
    Unsigned(String),
    /// Some destination has no copy.
    #[error("no sound copy at {places}: {why}")]
    Incomplete {
        /// Which.
        places: String,
        /// Why, for the first.
        why: String,
    },
    /// Changes lie here and could not be stored; the others were.
    #[error(
        "changes are not stored at {place}: {count} generations, the first {generation}: {why}"
    )]
    Unstored {
        /// Where.
        place: Slug,
        /// How many generations.
        count: usize,
        /// The first.
        generation: String,
        /// Why that was not.
        why: String,
    },
    /// Something failed, and so did making room after it.
    #[error("what has had its time was not removed either: {also}; before that")]
    AlsoNotRemoved {
        /// What failed then, with all causes.
        also: String,
        /// What failed first.
        source: Box<Self>,
    },
    /// There is nothing to restore.
    #[error("there is no snapshot of {0} yet; `avouch backup run {0}` takes one")]
    Nothing(Owner),
    /// An owner has several sources, and none was named.
    #[error("there are several sources; name one of them with `--source`: {0}")]
    WhichSource(String),
    /// What was restored is not what was backed up.
    #[error("what was restored is not what was backed up, and was not used: {0}")]
    Differs(String),
    /// There is no such snapshot to restore.
    #[error(
        "no kept snapshot of {0} is the one that is asked for; `avouch backup list` shows those there are"
    )]
    NoSuch(Owner),
    /// No database of the owner is followed.
    #[error(
        "no changes of {0} are followed, so only whole backups can be restored; `changes` in a `[[backup.source]]` of the \
         kind `sqlite` or `postgres` has them followed"
    )]
    NotFollowed(Owner),
    /// The database cannot be restored as it was at that moment.
    #[error("that moment cannot be restored: {0}")]
    NotThen(String),
    /// That is no moment.
    #[error("`{0}` is no moment; write a date and a time, as in \"2026-11-21 14:32:07\"")]
    NoMoment(String),
    /// The system gave no random numbers to choose by.
    #[error("cannot choose at random: the system gives no random bytes")]
    Draw(#[source] std::io::Error),
    /// The statement has no such source for this owner.
    #[error("the statement backs up nothing of {0}")]
    NoSource(Owner),
    /// The statement rehearses nothing.
    #[error("the statement has no [backup.drill]")]
    NoDrill,
    /// A job answered something else than it was asked.
    #[error("a job answered what it was not asked")]
    Confused,
}

impl KeeperError {
    /// What is wrong with the source, if that is why.
    #[must_use]
    pub fn fault(&self) -> Option<SourceFault> {
        match self {
            Self::Job(error) => error.fault(),
            _ => None,
        }
    }
}
