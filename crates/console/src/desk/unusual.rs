//! What the console asks about unusual access to records, and of whoever looks at it.

use std::ops::RangeInclusive;

use jiff::Timestamp;

use super::views::Owned;
use super::{Actor, Answer};

/// Unusual access in one organisation.
pub struct UnusualView {
    /// What the reviews find, in words; empty where the statement promises no review.
    pub rules: Vec<String>,
    /// When a review is made each day.
    pub at: String,
    /// How soon each finding is looked at.
    pub within: String,
    /// Up to when was reviewed.
    pub until: Option<Timestamp>,
    /// What was found, newest first.
    pub rows: Vec<UnusualRow>,
}

/// What a review found of one person.
pub struct UnusualRow {
    /// Its number.
    pub number: u64,
    /// The organisation's slug.
    pub tenant: String,
    /// What they did, in words.
    pub what: String,
    /// The id of their account.
    pub person: String,
    /// Their email address.
    pub who: String,
    /// Where they belong; empty if nobody said.
    pub unit: String,
    /// Whose records.
    pub subjects: Vec<String>,
    /// The entries in the ledger.
    pub entries: Vec<u64>,
    /// When they opened the first and the last of them.
    pub when: RangeInclusive<Timestamp>,
    /// When somebody should have looked at it.
    pub due: Timestamp,
    /// Whether that is past, and nobody has.
    pub late: bool,
    /// Who looked at it.
    pub answer: Option<AnswerRow>,
}

/// What somebody made of a finding.
pub struct AnswerRow {
    /// When.
    pub at: Timestamp,
    /// Their email address.
    pub who: String,
    /// What they made of it.
    pub looked: Looked,
    /// Why.
    pub because: String,
}

/// What somebody makes of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Looked {
    /// There was a good reason.
    Explained,
    /// It is taken further.
    FollowUp,
}

/// Unusual access, as the console sees it. Whoever implements it audits each reading and each answer.
pub trait UnusualAccess: Send + Sync + 'static {
    /// What was found in the actor's own organisation.
    fn unusual<'a>(&'a self, actor: &'a Actor) -> Answer<'a, UnusualView>;
    /// One finding, with whose records were opened; the console checks the scope.
    fn finding<'a>(&'a self, actor: &'a Actor, number: u64) -> Answer<'a, Option<UnusualRow>>;
    /// Keeps what the actor makes of a finding, and why.
    fn look<'a>(
        &'a self,
        actor: &'a Actor,
        number: u64,
        looked: Looked,
        because: &'a str,
    ) -> Answer<'a, ()>;
}

impl Owned for UnusualRow {
    fn tenant(&self) -> Option<&str> {
        Some(&self.tenant)
    }
}
