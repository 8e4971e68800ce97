//! Attempts to prove false that people are told.

mod faults;
mod kept;
mod notified;
mod told;

use avouch_evidence::BoxFuture;
use avouch_statement::TenantId;
use jiff::Timestamp;

pub use faults::FaultsCheck;
pub use kept::KeptCheck;
pub use notified::{NotifiedCheck, Post};
pub use told::ToldCheck;

/// Where the page is, on every host.
const PAGE: &str = "/.avouch/status";

/// A fault that is made up: an application that nobody answers for.
pub trait Rehearsals: Send + Sync {
    /// Watches it as if it were this tenant's, and tells it to that tenant's synthetic people alone, under this title.
    fn begin<'a>(
        &'a self,
        tenant: &'a TenantId,
        title: &'a str,
    ) -> BoxFuture<'a, Result<(), String>>;
    /// Says something about it, as the supplier's people do.
    fn say<'a>(&'a self, text: &'a str) -> BoxFuture<'a, Result<(), String>>;
    /// Has something answer for it.
    fn mend(&self) -> BoxFuture<'_, Result<(), String>>;
    /// Forgets it.
    fn forget(&self) -> BoxFuture<'_, ()>;
}

/// A beginning or an end of something wrong, as the trail has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its index in the ledger.
    pub index: u64,
    /// When it was written down.
    pub at: Timestamp,
    /// The incident.
    pub number: u64,
    /// When it began.
    pub began: Timestamp,
    /// When it ended, if this is the end.
    pub ended: Option<Timestamp>,
    /// Whether it was seen while it lasted, without anybody's help.
    pub seen: bool,
}

/// An incident as the store has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Its number.
    pub number: u64,
    /// When it began.
    pub began: Timestamp,
    /// When it ended.
    pub ended: Option<Timestamp>,
}

/// What was wrong so far, by the trail and by what is kept.
pub trait History: Send + Sync {
    /// The beginnings and ends since then, of tenants that are still there.
    fn entries(&self, since: Timestamp) -> BoxFuture<'_, Result<Vec<Entry>, String>>;
    /// What is kept, read anew.
    fn kept(&self) -> BoxFuture<'_, Result<Vec<Kept>, String>>;
}

/// A fault that somebody reported, as the supplier's team sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reported {
    /// Its number.
    pub number: u64,
    /// When.
    pub at: Timestamp,
    /// Whose.
    pub tenant: Option<String>,
    /// What is wrong.
    pub words: String,
}

/// The supplier's team, where faults arrive.
pub trait Helpdesk: Send + Sync {
    /// What it sees of this tenant, the newest that are open first.
    fn reported<'a>(&'a self, tenant: &'a TenantId)
    -> BoxFuture<'a, Result<Vec<Reported>, String>>;
    /// Answers one.
    fn answer<'a>(&'a self, number: u64, text: &'a str) -> BoxFuture<'a, Result<(), String>>;
    /// Takes a made-up one away.
    fn forget(&self, number: u64) -> BoxFuture<'_, Result<(), String>>;
}

/// Ten random digits, by which a check knows again what it said.
fn marker() -> Result<String, String> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(|error| error.to_string())?;
    let number = u64::from_le_bytes(bytes) % 9_000_000_000;
    Ok((1_000_000_000 + number).to_string())
}

/// An error and its causes, for a finding.
fn words(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(source) = cause {
        text = format!("{text}: {source}");
        cause = source.source();
    }
    text
}
