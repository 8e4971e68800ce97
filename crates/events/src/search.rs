//! Questions put to the index.

use jiff::Timestamp;

use crate::Event;

/// What is looked for; every field that is given must match.
#[derive(Debug, Clone, Default)]
pub struct Query {
    /// Of this tenant (`Some(Some)`), of the platform (`Some(None)`), or of all.
    pub tenant: Option<Option<String>>,
    /// Part of the actor's name.
    pub who: Option<String>,
    /// The action's word.
    pub action: Option<String>,
    /// A subject, exactly.
    pub subject: Option<String>,
    /// The outcome's word.
    pub outcome: Option<String>,
    /// Part of the object or the reason.
    pub words: Option<String>,
    /// Not before.
    pub from: Option<Timestamp>,
    /// Before.
    pub until: Option<Timestamp>,
    /// Leave out what synthetic people did for checks.
    pub without_checks: bool,
    /// Pass over so many of the newest matches: the pages before.
    pub skip: u64,
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
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Page {
    /// The rows.
    pub rows: Vec<Row>,
    /// How many match in all.
    pub total: u64,
    /// Entries of the ledger that the index holds.
    pub indexed: u64,
}
