//! What the console asks about with whom an organisation shares its trail.

use jiff::Timestamp;
use jiff::civil::Date;

use super::views::Owned;
use super::{Actor, Answer};

/// With whom an organisation shares its trail.
pub struct SharingView {
    /// For how long it is shared at most; `None` where the statement promises no custody.
    pub most: Option<String>,
    /// What is shared now.
    pub rows: Vec<ShareRow>,
}

/// One person of the supplier's who may read the trail.
pub struct ShareRow {
    /// The organisation's slug.
    pub tenant: String,
    /// The email address that they sign in with, if anybody does.
    pub who: String,
    /// Since when.
    pub since: Timestamp,
    /// Until when.
    pub until: Timestamp,
}

/// A share that somebody asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShareAsk {
    /// The email address of somebody of the supplier's. Nothing says whether anybody has it.
    pub email: String,
    /// The last day, in UK time, itself included.
    pub last: Date,
    /// Why; it is written down.
    pub because: String,
}

/// Sharing, as the console sees it. Whoever implements it audits what it does, before it takes effect.
pub trait Sharing: Send + Sync + 'static {
    /// What the actor's own organisation shares.
    fn shares<'a>(&'a self, actor: &'a Actor) -> Answer<'a, SharingView>;
    /// Shares the trail of the actor's own organisation.
    fn share<'a>(&'a self, actor: &'a Actor, asked: &'a ShareAsk) -> Answer<'a, ()>;
    /// Takes a share back, whoever made it.
    fn unshare<'a>(&'a self, actor: &'a Actor, email: &'a str) -> Answer<'a, ()>;
}

impl Owned for ShareRow {
    fn tenant(&self) -> Option<&str> {
        Some(&self.tenant)
    }
}
