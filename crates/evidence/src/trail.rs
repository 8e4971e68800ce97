//! Events that somebody takes away from the audit trail, each with its proof.
//!
//! A line of JSON that says what was asked, a line for each event, then a signed note over the digest of all of them, by
//! the ledger's key. Each event is bound to the ledger's checkpoint besides, so that a refusal can name the one that
//! does not fit.

use std::collections::BTreeMap;

use avouch_statement::TenantId;
use jiff::Timestamp;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::Entry;

/// The body of such a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Trail {
    /// `avouch-trail/v1`
    pub format: &'static str,
    /// The service's domain.
    pub service: String,
    /// Whose events they are; `None` for everybody's and the platform's.
    pub tenant: Option<TenantId>,
    /// When it was made, UTC.
    pub made: Timestamp,
    /// What was searched for, by the names of the search.
    pub asked: BTreeMap<String, String>,
    /// The ledger's public key, as vkey text: a reader who pinned a key compares, never trusts, this one.
    pub key: String,
    /// The ledger's checkpoint: a signed note, with what witnesses have added.
    pub checkpoint: String,
    /// The events' places in the log, in its order.
    pub entries: Vec<u64>,
    /// The events.
    #[serde(skip)]
    pub events: Vec<Entry>,
}

impl Trail {
    /// The format of this version.
    pub const FORMAT: &'static str = "avouch-trail/v1";

    /// The body's lines, and the text that is to be signed as a note.
    ///
    /// # Errors
    /// If it cannot be written as JSON.
    pub fn body(&self) -> Result<(String, String), serde_json::Error> {
        let mut lines = serde_json::to_string(self)? + "\n";
        for event in &self.events {
            lines.push_str(&serde_json::to_string(event)?);
            lines.push('\n');
        }
        let text = format!(
            "{}\nsha256 {}\n",
            Self::FORMAT,
            hex::encode(Sha256::digest(lines.as_bytes()))
        );
        Ok((lines, text))
    }
}
