//! Checks proofs that were written to a file, with a policy and nothing else.
//!
//! An inclusion proof is a C2SP tlog-proof file. Its `extra` line carries the entry's leaf: whatever stands there is held
//! to the proof, so nothing is taken on trust. A consistency proof is what the standard sends to a witness, an old size,
//! hashes and the newer checkpoint; it is held to a checkpoint that its reader has kept.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::cosignature::{Cosignature, cosignatures};
use super::leaf::{Leaf, LeafFault};
use super::note::{self, Checkpoint, NoteFault};
use super::policy::Policy;
use super::tree::{self, Hash, ProofFault, leaf_hash};

const HEAD: &str = "c2sp.org/tlog-proof@v1\n";
/// A tree of 2^64 entries needs no more; the standard allows no more for a witness.
const MAX_HASHES: usize = 63;

/// An entry that is in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Included {
    /// The checkpoint that covers it.
    pub checkpoint: Checkpoint,
    /// Which witnesses have signed that.
    pub cosigned: Vec<Cosignature>,
    /// The entry's place.
    pub index: u64,
    /// What was hashed.
    pub leaf: Leaf,
}

/// A checkpoint that goes on from another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Continued {
    /// The older one.
    pub older: Checkpoint,
    /// The newer one.
    pub newer: Checkpoint,
    /// Which witnesses have signed that.
    pub cosigned: Vec<Cosignature>,
}

/// Why a file proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FileFault {
    /// Not such a file.
    #[error("it is not a proof that this build can read")]
    Form,
    /// The leaf that it is about is not in it.
    #[error("the proof does not carry the entry that it is about")]
    NoLeaf,
    /// The bytes that it carries are no leaf.
    #[error("the entry that it carries cannot be read: {0}")]
    Leaf(LeafFault),
    /// No log of the policy has signed the checkpoint.
    #[error("the checkpoint is not believed: {0}")]
    Checkpoint(NoteFault),
    /// A witness's signature is wrong.
    #[error("a cosignature is not believed: {0}")]
    Cosignature(NoteFault),
    /// Too few witnesses.
    #[error("the witnesses that the policy asks for have not signed the checkpoint: {0} have")]
    Quorum(usize),
    /// The hashes do not lead from the one to the other.
    #[error("{0}")]
    Proof(ProofFault),
    /// The older checkpoint is of another size than the proof is for.
    #[error(
        "the proof goes on from {proof} entries, and the checkpoint that you kept covers {kept}"
    )]
    OtherSize {
        /// The size that the proof starts with.
        proof: u64,
        /// The size of the one kept.
        kept: u64,
    },
    /// The older checkpoint is of another log.
    #[error("the checkpoint that you kept is of another log")]
    OtherLog,
}

/// Whether a file is meant to be an inclusion proof.
#[must_use]
pub fn is_inclusion(text: &str) -> bool {
    text.starts_with(HEAD)
}

/// Whether a file is meant to be a consistency proof.
#[must_use]
pub fn is_consistency(text: &str) -> bool {
    text.starts_with("old ")
}

/// Checks an inclusion proof.
///
/// # Errors
///
/// [`FileFault`] when it does not show that a log of the policy holds the entry.
pub fn included(text: &str, policy: &Policy) -> Result<Included, FileFault> {
    let rest = text.strip_prefix(HEAD).ok_or(FileFault::Form)?;
    let (extra, rest) = match rest.strip_prefix("extra ") {
        None => (None, rest),
        Some(rest) => {
            let (extra, rest) = rest.split_once('\n').ok_or(FileFault::Form)?;
            let extra = STANDARD.decode(extra).map_err(|_| FileFault::Form)?;
            (Some(extra), rest)
        }
    };
    let Numbered {
        number: index,
        hashes,
        checkpoint: signed,
    } = numbered("index ", rest)?;
    let (checkpoint, cosigned) = believed(signed, policy)?;
    let bytes = extra.ok_or(FileFault::NoLeaf)?;
    tree::inclusion(
        &checkpoint.root,
        checkpoint.size,
        index,
        &leaf_hash(&bytes),
        &hashes,
    )
    .map_err(FileFault::Proof)?;
    let leaf = Leaf::parse(&bytes).map_err(FileFault::Leaf)?;
    Ok(Included {
        checkpoint,
        cosigned,
        index,
        leaf,
    })
}

/// Checks that the log goes on from a checkpoint that was kept.
///
/// # Errors
///
/// [`FileFault`] when it does not show it.
pub fn continued(text: &str, kept: &str, policy: &Policy) -> Result<Continued, FileFault> {
    let Numbered {
        number: old,
        hashes,
        checkpoint: signed,
    } = numbered("old ", text)?;
    let (newer, cosigned) = believed(signed, policy)?;
    let older = log_of(kept, policy)?;
    if older.origin != newer.origin {
        return Err(FileFault::OtherLog);
    }
    if older.size != old {
        return Err(FileFault::OtherSize {
            proof: old,
            kept: older.size,
        });
    }
    tree::consistency(old, &older.root, newer.size, &newer.root, &hashes)
        .map_err(FileFault::Proof)?;
    Ok(Continued {
        older,
        newer,
        cosigned,
    })
}

/// A checkpoint that the policy accepts, and who of its witnesses has signed it.
///
/// # Errors
///
/// [`FileFault`] when no log of the policy has signed it, or too few witnesses.
pub fn believed(
    signed: &str,
    policy: &Policy,
) -> Result<(Checkpoint, Vec<Cosignature>), FileFault> {
    let checkpoint = log_of(signed, policy)?;
    let cosigned = cosignatures(signed, policy.witnesses()).map_err(FileFault::Cosignature)?;
    let names: Vec<&str> = cosigned
        .iter()
        .map(|cosigned| cosigned.witness.as_str())
        .collect();
    if policy.met_by(&names) {
        Ok((checkpoint, cosigned))
    } else {
        Err(FileFault::Quorum(cosigned.len()))
    }
}

fn log_of(signed: &str, policy: &Policy) -> Result<Checkpoint, FileFault> {
    let mut why = NoteFault::NotSigned;
    for log in policy.logs() {
        match note::checkpoint(signed, log) {
            Ok(checkpoint) => return Ok(checkpoint),
            Err(NoteFault::NotSigned) => {}
            Err(fault) => why = fault,
        }
    }
    Err(FileFault::Checkpoint(why))
}

/// A number, hashes and a checkpoint: what both files end in.
pub(crate) struct Numbered<'a> {
    pub(crate) number: u64,
    pub(crate) hashes: Vec<Hash>,
    pub(crate) checkpoint: &'a str,
}

/// Reads a line with a number behind `word`, hashes one a line, an empty line, and the rest as it is.
pub(crate) fn numbered<'a>(word: &str, text: &'a str) -> Result<Numbered<'a>, FileFault> {
    let (line, mut rest) = text
        .strip_prefix(word)
        .and_then(|text| text.split_once('\n'))
        .ok_or(FileFault::Form)?;
    let number: u64 = line.parse().map_err(|_| FileFault::Form)?;
    if number.to_string() != line {
        return Err(FileFault::Form);
    }
    let mut hashes = Vec::new();
    loop {
        let (line, after) = rest.split_once('\n').ok_or(FileFault::Form)?;
        rest = after;
        if line.is_empty() {
            return Ok(Numbered {
                number,
                hashes,
                checkpoint: rest,
            });
        }
        let hash = STANDARD
            .decode(line)
            .ok()
            .and_then(|hash| Hash::try_from(hash).ok());
        hashes.push(hash.ok_or(FileFault::Form)?);
        if hashes.len() > MAX_HASHES {
            return Err(FileFault::Form);
        }
    }
}
