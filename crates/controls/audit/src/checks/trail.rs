//! The ledger as the checks see it.

use std::collections::BTreeMap;
use std::ops::Range;

use avouch_evidence::BoxFuture;
use avouch_statement::TenantId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Reads the ledger, and damages copies of it. Every error says why nothing could be seen, without a secret.
pub trait Trail: Send + Sync {
    /// How many entries are on disk.
    fn size(&self) -> BoxFuture<'_, Result<u64, String>>;

    /// The entries on disk from this index on, in order.
    fn since(&self, index: u64) -> BoxFuture<'_, Result<Vec<Line>, String>>;

    /// Opens these entries, each of them: what can be read, and what cannot.
    fn contents<'a>(&'a self, parts: &'a [Range<u64>]) -> BoxFuture<'a, Result<Contents, String>>;

    /// Verifies these entries against the signed checkpoint, and that the ledger goes on from an earlier one:
    /// the checkpoint that they fit, or what does not fit.
    fn verify<'a>(
        &'a self,
        parts: &'a [Range<u64>],
        earlier: Option<&'a Mark>,
    ) -> BoxFuture<'a, Result<Result<Mark, String>, String>>;

    /// Damages a scratch copy of a part in each way of [`Harm`], verifies each, and says what came of it.
    fn damaged_copies(&self) -> BoxFuture<'_, Result<Vec<Damage>, String>>;
}

/// What came of opening entries.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Contents {
    /// When the first of them happened.
    pub since: Option<Timestamp>,
    /// The newest that cannot be opened, with why; those of organisations whose data were erased do not count.
    pub lost: Option<(u64, Timestamp, String)>,
    /// The oldest that can be opened.
    pub oldest: Option<(u64, Timestamp)>,
    /// When the oldest event happened that a search finds.
    pub found: Option<Timestamp>,
}

/// A signed checkpoint that was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Entries under it.
    pub size: u64,
    /// The root hash over them.
    pub root: [u8; 32],
}

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Where it is in the ledger.
    pub index: u64,
    /// When, UTC.
    pub at: Timestamp,
    /// Who; `None` for nobody who signed in.
    pub who: Option<String>,
    /// Whose data it is about.
    pub tenant: Option<TenantId>,
    /// What was done.
    pub action: String,
    /// On what; of a request, at least its path.
    pub object: String,
    /// How far it had got.
    pub stage: Stage,
    /// The answer's HTTP status.
    pub status: Option<u16>,
    /// What was answered, in words.
    pub response: String,
    /// The address it came from.
    pub source: String,
    /// With what parameters.
    pub parameters: BTreeMap<String, String>,
    /// What ties an intent to its outcome.
    pub correlation: String,
}

/// How far an act had got when its entry was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// About to be done.
    Intended,
    /// Done.
    Done,
    /// Not allowed.
    Refused,
    /// Allowed, and did not work.
    Failed,
}

/// One way to harm a ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Harm {
    /// One byte of one entry is changed.
    Altered,
    /// One entry is taken out.
    Removed,
    /// Two neighbouring entries change places.
    Swapped,
    /// The end is cut off.
    Truncated,
}

impl Harm {
    /// Every way.
    pub const ALL: [Self; 4] = [Self::Altered, Self::Removed, Self::Swapped, Self::Truncated];

    /// In words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Altered => "one byte changed",
            Self::Removed => "one entry taken out",
            Self::Swapped => "two entries swapped",
            Self::Truncated => "the end cut off",
        }
    }
}

/// What came of harming a copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// What was done to the copy.
    pub harm: Harm,
    /// The index of the first entry that no longer fits.
    pub at: u64,
    /// What the verifier said; `None` if it found nothing wrong.
    pub told: Option<String>,
    /// The index that the verifier named.
    pub named: Option<u64>,
}

#[cfg(test)]
pub mod testing {
    //! Entries for tables.

    use super::{BTreeMap, Line, Stage, Timestamp};

    /// So many seconds into the test's day.
    pub fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_767_225_600 + second).unwrap()
    }

    /// A whole entry, written 15 seconds into the test's day.
    pub fn line(index: u64, stage: Stage) -> Line {
        Line {
            index,
            at: at(15),
            who: Some("p1".to_owned()),
            tenant: Some("riverside".parse().unwrap()),
            action: "request".to_owned(),
            object: "GET /other".to_owned(),
            stage,
            status: Some(404),
            response: "not found".to_owned(),
            source: "127.0.0.1".to_owned(),
            parameters: BTreeMap::new(),
            correlation: "c1".to_owned(),
        }
    }
}
