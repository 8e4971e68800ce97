//! How the service is, and what people have reported.

use jiff::Timestamp;

use super::{Counts, Owned};

/// What somebody sees who wants to know how the service is.
pub struct SupportView {
    /// The claims' counts.
    pub counts: Counts,
    /// When the last round of checks ended.
    pub last_round: Option<Timestamp>,
    /// Whether the application of the asker's organisation answers; `None` for the supplier's people.
    pub answers: Option<bool>,
    /// A page of the faults that the asker may see: open ones first, and of each organisation its newest before anybody's
    /// older.
    pub faults: Vec<FaultRow>,
    /// Whether there is a page after it.
    pub more: bool,
    /// Administrators of the asker's organisation into whose accounts the supplier made a way, by their email addresses, and
    /// until when each opens no trail.
    pub entrusted: Vec<(String, Timestamp)>,
}

/// Which faults somebody asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FaultsAsk {
    /// The organisation's slug, for the supplier's people; empty for every one.
    pub of: String,
    /// The page, from 0.
    pub page: u64,
}

/// A fault that somebody reported.
#[derive(Debug, Clone)]
pub struct FaultRow {
    /// Its number.
    pub number: u64,
    /// When it was reported.
    pub at: Timestamp,
    /// Who reported it: the account's id, for whom it is their own.
    pub person: String,
    /// Who reported it: the email address.
    pub who: String,
    /// Their tenant's slug; `None` for the supplier's people.
    pub tenant: Option<String>,
    /// What is wrong, in their words.
    pub words: String,
    /// What the supplier's team said to it, if it has.
    pub answer: Option<AnswerRow>,
}

/// What the supplier's team said to a fault.
#[derive(Debug, Clone)]
pub struct AnswerRow {
    /// When.
    pub at: Timestamp,
    /// What.
    pub words: String,
    /// Whether nothing is left to be done.
    pub closed: bool,
}

/// What came of a report of a fault.
pub enum Filed {
    /// It is kept under this number.
    As(u64),
    /// This person has reported as many today as one may.
    TooMany,
}

impl Owned for FaultRow {
    fn tenant(&self) -> Option<&str> {
        self.tenant.as_deref()
    }
}
