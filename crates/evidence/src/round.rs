//! A round: every finding of one run of the checks, as one leaf of the ledger.
//!
//! The leaf commits to a header; the header names every claim's verdict, the digest of each finding
//! and the round before. A finding can be withheld from a reader who may not see it, but not its
//! verdict, and not the fact that it was there.

use avouch_statement::{ClaimId, TenantId, Verdict};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{Finding, InForce};

/// What the ledger's leaf commits to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// `avouch-round/v1`
    pub format: String,
    /// Rounds are counted from 1, without a gap.
    pub number: u64,
    /// When it began, UTC.
    pub at: Timestamp,
    /// SHA-256 of the whole statement that was in force, in hex.
    pub statement: String,
    /// SHA-256 of its promise, the text that customers read, in hex; rounds from before promises were told apart have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub promise: Option<String>,
    /// The round before; `None` for the first.
    pub previous: Option<Previous>,
    /// Every finding, in order.
    pub findings: Vec<Summary>,
}

/// The round before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Previous {
    /// Its index in the ledger.
    pub index: u64,
    /// SHA-256 of its header, in hex.
    pub digest: String,
}

/// What the header says of one finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// The claim.
    pub claim: ClaimId,
    /// Whose data it was tried on, hidden from other tenants: SHA-256 of salt and name, in hex.
    pub tenant: Option<String>,
    /// What came of it.
    pub verdict: Verdict,
    /// SHA-256 of the finding's salt and text, in hex.
    pub digest: String,
}

/// A finding's text with the salt that hides it until it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opened {
    /// 32 random bytes, in hex.
    pub salt: String,
    /// The finding, as JSON text, byte for byte what the digest was made of.
    pub finding: String,
}

/// A whole round, before it is in the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Round {
    /// What the leaf commits to.
    pub header: Header,
    /// The findings, in the header's order.
    pub findings: Vec<Finding>,
    /// Their texts and salts, in the same order.
    pub opened: Vec<Opened>,
}

/// What is kept, sealed, beside the leaf.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sealed {
    /// The header as JSON text, byte for byte what the leaf commits to.
    pub header: String,
    /// The findings' texts and salts.
    pub opened: Vec<Opened>,
}

impl Round {
    /// Puts findings together. `salt` makes 32 fresh random bytes each time it is called.
    ///
    /// # Errors
    /// If a finding cannot be written as JSON.
    pub fn make(
        number: u64,
        at: Timestamp,
        in_force: &InForce,
        previous: Option<Previous>,
        findings: Vec<Finding>,
        mut salt: impl FnMut() -> [u8; 32],
    ) -> Result<Self, serde_json::Error> {
        let mut summaries = Vec::with_capacity(findings.len());
        let mut opened = Vec::with_capacity(findings.len());
        for finding in &findings {
            let salt = salt();
            let text = serde_json::to_string(finding)?;
            summaries.push(Summary {
                claim: finding.claim.clone(),
                tenant: finding.tenant.as_ref().map(|tenant| hidden(&salt, tenant)),
                verdict: finding.verdict,
                digest: digest(&salt, &text),
            });
            opened.push(Opened {
                salt: hex::encode(salt),
                finding: text,
            });
        }
        let header = Header {
            format: "avouch-round/v1".to_owned(),
            number,
            at,
            statement: in_force.statement.clone(),
            promise: Some(in_force.promise.clone()),
            previous,
            findings: summaries,
        };
        Ok(Self {
            header,
            findings,
            opened,
        })
    }

    /// The texts to be committed to and kept.
    ///
    /// # Errors
    /// If the header cannot be written as JSON.
    pub fn sealed(&self) -> Result<Sealed, serde_json::Error> {
        Ok(Sealed {
            header: serde_json::to_string(&self.header)?,
            opened: self.opened.clone(),
        })
    }
}

impl Sealed {
    /// SHA-256 of the header text, in hex: what the next round calls `previous.digest`.
    #[must_use]
    pub fn digest(&self) -> String {
        hex::encode(Sha256::digest(self.header.as_bytes()))
    }

    /// Reads the round back.
    ///
    /// # Errors
    /// If a text is not what a round writes.
    pub fn round(&self) -> Result<Round, serde_json::Error> {
        Ok(Round {
            header: serde_json::from_str(&self.header)?,
            findings: self
                .opened
                .iter()
                .map(|opened| serde_json::from_str(&opened.finding))
                .collect::<Result<_, _>>()?,
            opened: self.opened.clone(),
        })
    }
}

fn digest(salt: &[u8; 32], text: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(b"avouch-finding/v1\n");
    hash.update(salt);
    hash.update(text.as_bytes());
    hex::encode(hash.finalize())
}

fn hidden(salt: &[u8; 32], tenant: &TenantId) -> String {
    let mut hash = Sha256::new();
    hash.update(b"avouch-tenant/v1\n");
    hash.update(salt);
    hash.update(tenant.as_str().as_bytes());
    hex::encode(hash.finalize())
}
