//! What people are told of how the service is: the core says it, and the front shows it whether or not the core is there.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// All that the page of the service's status shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// The service's name.
    pub service: String,
    /// Who offers it.
    pub supplier: String,
    /// Whom to write to.
    pub support: String,
    /// What is wrong, and what was, newest first.
    pub notices: Vec<Notice>,
}

/// Something that is wrong, or was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// Its number.
    pub number: u64,
    /// For whom.
    pub about: About,
    /// What is wrong, in a few words.
    pub title: String,
    /// Since when.
    pub began: Timestamp,
    /// Until when; `None` while it lasts.
    pub ended: Option<Timestamp>,
    /// What was said of it since, oldest first.
    pub updates: Vec<Said>,
}

/// For whom something is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum About {
    /// For everybody.
    Everybody,
    /// For this tenant; nobody else is told more than that one organisation is affected.
    Tenant(String),
    /// For nobody: a check's rehearsal, shown to this tenant's synthetic people alone.
    Rehearsal(String),
}

/// Something that was said of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    /// When.
    pub at: Timestamp,
    /// What.
    pub text: String,
}
