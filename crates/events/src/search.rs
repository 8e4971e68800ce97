//! Questions put to the index.

use jiff::Timestamp;

use crate::Event;

/// What is looked for; every field that is given must match.
#[derive(Debug, Clone, Default)]
pub struct Query {
    /// Of this tenant (`Some(Some)`), of the platform (`Some(None)`), or of all.
    pub tenant: Option<Option<String>>,
    /// Part of the actor's name, or the whole of their id.
    pub who: Option<String>,
    /// The action's word.
    pub action: Option<String>,
    /// A subject, exactly.
    pub subject: Option<String>,
    /// The outcome's word.
    pub outcome: Option<String>,
    /// The address it came from, exactly.
    pub source: Option<String>,
    /// The locality, exactly.
    pub locality: Option<String>,
    /// The session's tag, exactly.
    pub session: Option<String>,
    /// Words, or starts of words, that stand in the object, the reason or the parameters: all of them.
    pub words: Option<String>,
    /// Not before.
    pub from: Option<Timestamp>,
    /// Before.
    pub until: Option<Timestamp>,
    /// Leave out what synthetic people did for checks.
    pub without_checks: bool,
    /// Only entries before this one: where the page before ended.
    pub before: Option<u64>,
    /// At most so many, 1 to 1,000.
    pub limit: u16,
}

/// One event that was found.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Row {
    /// Its index in the ledger.
    pub index: u64,
    /// The event.
    pub event: Event,
}

/// What was found, newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Page {
    /// The rows.
    pub rows: Vec<Row>,
    /// How many match, on all pages.
    pub total: u64,
    /// More match than `total`, which is as far as was counted.
    pub more_than_counted: bool,
    /// What to give as [`Query::before`] for the next page; `None` on the last.
    pub next: Option<u64>,
    /// Entries of the ledger that the index holds.
    pub indexed: u64,
    /// Entries that the ledger had when it was asked: those after `indexed` are not found yet.
    pub size: u64,
}
