//! The promise: everything of a statement that a customer reads, without its wiring.
//!
//! The statement's ports, commands and paths are the supplier's. Every round commits to the digest of the whole statement
//! and to the digest of this text side by side, so that a customer who was given only this text still proves which statement
//! it was made from, and whoever is shown the whole can compare.

use avouch_statement::Claim;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// What is promised, by whom, and in which statement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Promise {
    /// `avouch-promise/v1`
    pub format: String,
    /// SHA-256 of the whole statement, in hex.
    pub statement: String,
    /// The service's name.
    pub service: String,
    /// The supplier's name.
    pub supplier: String,
    /// Every claim, in the statement's order.
    pub claims: Vec<Claim>,
}

/// The statement in force, as a round commits to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InForce {
    /// SHA-256 of the whole statement, in hex.
    pub statement: String,
    /// SHA-256 of the promise's text, in hex.
    pub promise: String,
}

impl Promise {
    /// The text that a pack carries byte for byte, and what a round commits to.
    ///
    /// # Errors
    /// If it cannot be written as JSON.
    pub fn text(&self) -> Result<(String, InForce), serde_json::Error> {
        let text = serde_json::to_string(self)?;
        let promise = hex::encode(Sha256::digest(text.as_bytes()));
        let statement = self.statement.clone();
        Ok((text, InForce { statement, promise }))
    }
}
