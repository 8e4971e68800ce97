//! The leaf: what the log is a log of. Version 1, 68 bytes, fixed for ever.
//!
//! A leaf says that something happened, when, and in which stream, and commits to what it was without showing it. The
//! layout is in the crate's `README.md`; changing it means a new version, never a new meaning for this one.

use jiff::Timestamp;
use sha2::{Digest, Sha256};

/// Bytes in a leaf of version 1.
pub const LEAF_BYTES: usize = 68;

const VERSION: u8 = 1;
/// Stands for "no previous leaf in this stream" in the bytes.
const NO_PREVIOUS: u64 = u64::MAX;

/// What a leaf commits to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// An audit event.
    Event,
    /// A round of checks.
    Round,
    /// Something that the platform says about itself, such as a full disk.
    System,
}

/// One leaf, as it is hashed into the tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leaf {
    /// What it commits to.
    pub kind: Kind,
    /// The node that wrote it.
    pub node: u16,
    /// The chain that it belongs to; leaving an entry out of a stream breaks the chain.
    pub stream: [u8; 16],
    /// The index in this log of the stream's previous leaf; `None` for its first.
    pub previous: Option<u64>,
    /// When it happened, by the writer's clock: UTC, whole microseconds.
    pub time: Timestamp,
    /// [`commit`] of the salt and the payload.
    pub commitment: [u8; 32],
}

/// Why bytes are not a leaf.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LeafError {
    /// Not 68 bytes.
    #[error("a leaf has 68 bytes, not {0}")]
    Length(usize),
    /// A version that this build does not know.
    #[error("leaf version {0} is not known to this build")]
    Version(u8),
    /// A kind that version 1 does not have.
    #[error("leaf kind {0} is not 1 (event), 2 (round) or 3 (system)")]
    Kind(u8),
    /// A time outside the years -9999 to 9999.
    #[error("leaf time {0} microseconds is out of range")]
    Time(i64),
}

/// The commitment of a payload: SHA-256 of `avouch-commit/v1`, a newline, the 32-byte salt and the payload.
///
/// The salt keeps a payload that could be guessed from being confirmed by its commitment; it is sealed with the payload.
#[must_use]
pub fn commit(salt: &[u8; 32], payload: &[u8]) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(b"avouch-commit/v1\n");
    hash.update(salt);
    hash.update(payload);
    hash.finalize().into()
}

impl Leaf {
    /// The leaf's bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(LEAF_BYTES);
        self.encode_into(&mut bytes);
        bytes
    }

    /// Appends the leaf's bytes to `out`.
    pub(crate) fn encode_into(&self, out: &mut Vec<u8>) {
        let kind = match self.kind {
            Kind::Event => 1,
            Kind::Round => 2,
            Kind::System => 3,
        };
        out.extend_from_slice(&[VERSION, kind]);
        out.extend_from_slice(&self.node.to_be_bytes());
        out.extend_from_slice(&self.stream);
        out.extend_from_slice(&self.previous.unwrap_or(NO_PREVIOUS).to_be_bytes());
        out.extend_from_slice(&self.time.as_microsecond().to_be_bytes());
        out.extend_from_slice(&self.commitment);
    }

    /// Reads a leaf back.
    ///
    /// # Errors
    ///
    /// [`LeafError`] when the bytes are not a leaf of version 1.
    pub fn decode(bytes: &[u8]) -> Result<Self, LeafError> {
        let mut rest = Fields(bytes);
        let wrong_length = || LeafError::Length(bytes.len());
        let [version, kind] = rest.take().ok_or_else(wrong_length)?;
        let node = rest.take().ok_or_else(wrong_length)?;
        let stream = rest.take().ok_or_else(wrong_length)?;
        let previous = u64::from_be_bytes(rest.take().ok_or_else(wrong_length)?);
        let time = i64::from_be_bytes(rest.take().ok_or_else(wrong_length)?);
        let commitment = rest.take().ok_or_else(wrong_length)?;
        if !rest.0.is_empty() {
            return Err(wrong_length());
        }
        if version != VERSION {
            return Err(LeafError::Version(version));
        }
        Ok(Self {
            kind: match kind {
                1 => Kind::Event,
                2 => Kind::Round,
                3 => Kind::System,
                other => return Err(LeafError::Kind(other)),
            },
            node: u16::from_be_bytes(node),
            stream,
            previous: (previous != NO_PREVIOUS).then_some(previous),
            time: Timestamp::from_microsecond(time).map_err(|_| LeafError::Time(time))?,
            commitment,
        })
    }
}

/// Takes fixed-width fields off the front of a slice.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (field, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*field)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaf() -> Leaf {
        Leaf {
            kind: Kind::Round,
            node: 0x0102,
            stream: *b"stream-of-sixtee",
            previous: Some(0x0a0b_0c0d),
            time: Timestamp::from_microsecond(1_767_225_600_000_001).unwrap(),
            commitment: commit(&[7; 32], b"payload"),
        }
    }

    #[test]
    fn a_leaf_reads_back_as_it_was_written() {
        for previous in [None, Some(0), Some(u64::MAX - 1)] {
            let leaf = Leaf { previous, ..leaf() };
            assert_eq!(Leaf::decode(&leaf.encode()), Ok(leaf));
        }
    }

    #[test]
    fn the_bytes_of_a_leaf_are_those_of_the_documented_table() {
        let bytes = leaf().encode();
        assert_eq!(bytes.len(), LEAF_BYTES);
        assert_eq!(&bytes[..4], &[1, 2, 1, 2]);
        assert_eq!(&bytes[4..20], b"stream-of-sixtee");
        assert_eq!(&bytes[20..28], &[0, 0, 0, 0, 10, 11, 12, 13]);
        assert_eq!(&bytes[28..36], &1_767_225_600_000_001_i64.to_be_bytes());
        assert_eq!(&bytes[36..], &commit(&[7; 32], b"payload"));
    }

    #[test]
    fn bytes_that_are_no_leaf_are_refused_with_the_reason() {
        let good = leaf().encode();
        let altered = |at: usize, to: u8| {
            let mut bytes = good.clone();
            bytes[at] = to;
            Leaf::decode(&bytes)
        };
        assert_eq!(altered(0, 2), Err(LeafError::Version(2)));
        assert_eq!(altered(1, 0), Err(LeafError::Kind(0)));
        assert!(matches!(altered(28, 0x7f), Err(LeafError::Time(_))));
        assert_eq!(Leaf::decode(&good[..67]), Err(LeafError::Length(67)));
        assert_eq!(
            Leaf::decode(&[good.as_slice(), &[0]].concat()),
            Err(LeafError::Length(69))
        );
    }
}
