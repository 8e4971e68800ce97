//! What a keeper signs: which snapshots it has, when they came by its own clock, and which it has read back.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::PublicKey;
use crate::retention::SnapshotId;

/// What stands before the text that is signed, so that nothing else signed with the key can be taken for a receipt.
const CONTEXT: &str = "avouch keeper receipt v1\n";

/// What a keeper says of one repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Receipt {
    /// The service's name at the keeper.
    pub service: String,
    /// The repository's.
    pub repository: String,
    /// The number that it was asked with.
    pub nonce: String,
    /// When it was given, by the keeper's clock.
    pub at: Timestamp,
    /// Every snapshot that the keeper has.
    pub snapshots: Vec<Received>,
    /// What is wrong with what it keeps, or was refused of what came.
    pub findings: Vec<String>,
    /// When everything kept was last read and hashed.
    pub read_through: Option<Timestamp>,
    /// Bytes that the service takes up, and may.
    pub bytes: (u64, u64),
}

/// A snapshot at a keeper.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Received {
    /// Its name.
    pub id: SnapshotId,
    /// When it came, by the keeper's clock.
    pub received: Timestamp,
    /// When all its data had been read back, if they have.
    pub verified: Option<Timestamp>,
}

/// A receipt and its signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signed {
    /// The receipt's text, as it was signed.
    pub receipt: String,
    /// The signature, in hexadecimal.
    pub signature: String,
}

/// A receipt that is not the keeper's word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unsigned {
    /// The signature is not by the pinned key.
    #[error("its receipt is not signed by the key that the statement pins")]
    Key,
    /// It is another receipt than was asked for.
    #[error("its receipt is an older one, or another repository's")]
    Other,
}

impl Signed {
    /// Signs a receipt with `sign`.
    pub fn new(receipt: &Receipt, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> Self {
        let receipt = serde_json::to_string(receipt).unwrap_or_default();
        let signature = hex::encode(sign(format!("{CONTEXT}{receipt}").as_bytes()));
        Self { receipt, signature }
    }

    /// The receipt, if the holder of `key` signed it for whoever asked with `nonce`.
    ///
    /// # Errors
    ///
    /// If it is not.
    pub fn open(&self, key: &PublicKey, nonce: &str) -> Result<Receipt, Unsigned> {
        let signature = hex::decode(&self.signature).map_err(|_| Unsigned::Key)?;
        if !key.signed(format!("{CONTEXT}{}", self.receipt).as_bytes(), &signature) {
            return Err(Unsigned::Key);
        }
        let receipt: Receipt = serde_json::from_str(&self.receipt).map_err(|_| Unsigned::Other)?;
        if receipt.nonce == nonce {
            Ok(receipt)
        } else {
            Err(Unsigned::Other)
        }
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};

    use super::*;

    #[test]
    fn a_receipt_is_believed_from_the_pinned_key_for_the_one_who_asked_and_unaltered() {
        let pair = |seed| Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap();
        let public =
            |pair: &Ed25519KeyPair| PublicKey::new(pair.public_key().as_ref().try_into().unwrap());
        let (ours, other) = (pair(1), pair(2));
        let receipt = Receipt {
            service: "acuity".to_owned(),
            repository: "riverside".to_owned(),
            nonce: "7f".to_owned(),
            at: "2026-01-05T04:00:00Z".parse().unwrap(),
            snapshots: vec![],
            findings: vec![],
            read_through: None,
            bytes: (1, 2),
        };
        let signed = Signed::new(&receipt, |text| ours.sign(text).as_ref().to_vec());
        assert_eq!(signed.open(&public(&ours), "7f"), Ok(receipt));
        assert_eq!(signed.open(&public(&other), "7f"), Err(Unsigned::Key));
        assert_eq!(signed.open(&public(&ours), "80"), Err(Unsigned::Other));
        let altered = Signed {
            receipt: signed.receipt.replace("riverside", "northgate"),
            ..signed
        };
        assert_eq!(altered.open(&public(&ours), "7f"), Err(Unsigned::Key));
    }
}
