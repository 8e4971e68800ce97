//! A pack: what a customer takes away to verify without trusting the supplier.
//!
//! One line of JSON, then a signed note over its digest, by the ledger's key. Everything in it is
//! bound to the ledger's checkpoint besides, so that a refusal can say what does not fit.

use avouch_statement::TenantId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::Opened;

/// The body of a pack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pack {
    /// `avouch-pack/v2`
    pub format: String,
    /// For whom.
    pub tenant: TenantId,
    /// When it was made, UTC.
    pub made: Timestamp,
    /// The promise in force: the text of a [`crate::Promise`], byte for byte what rounds commit to.
    pub promise: String,
    /// The ledger's public key, as vkey text: a reader who pinned a key compares, never trusts, this one.
    pub key: String,
    /// The ledger's checkpoint: a signed note.
    pub checkpoint: String,
    /// Every round from the first carried to the newest, in order.
    pub rounds: Vec<PackRound>,
    /// The tenant's stream: its id in hex.
    pub stream: String,
    /// Every entry of the tenant's stream from the first carried to the newest, in order.
    pub events: Vec<Entry>,
}

/// One entry of the ledger with the proof that it is in the checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Its index.
    pub index: u64,
    /// The leaf, in hex.
    pub leaf: String,
    /// The salt of its commitment, in hex.
    pub salt: String,
    /// What it commits to, byte for byte.
    pub payload: String,
    /// Inclusion proof, sibling first, in base64.
    pub proof: Vec<String>,
}

/// One round, with the findings that this tenant may read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PackRound {
    /// The leaf; its payload is the round's header.
    pub entry: Entry,
    /// For each finding in the header: its text and salt, or nothing where it is withheld.
    pub findings: Vec<Option<Opened>>,
}

impl Pack {
    /// The body's line, and the text that is to be signed as a note.
    ///
    /// # Errors
    /// If it cannot be written as JSON.
    pub fn body(&self) -> Result<(String, String), serde_json::Error> {
        let line = serde_json::to_string(self)?;
        let text = format!(
            "avouch-pack/v2\nsha256 {}\n",
            hex::encode(Sha256::digest(line.as_bytes()))
        );
        Ok((line, text))
    }
}
