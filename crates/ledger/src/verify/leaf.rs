//! Parses a leaf of version 1 from the table in the crate's `README.md`.

/// Bytes in a leaf.
pub(crate) const BYTES: usize = 68;

/// A leaf, as it was hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leaf {
    /// 1 for an event, 2 for a round of checks, 3 for a system entry.
    pub kind: u8,
    /// The node that wrote it.
    pub node: u16,
    /// The chain that it belongs to.
    pub stream: [u8; 16],
    /// The index of the stream's previous leaf; `None` for its first.
    pub previous: Option<u64>,
    /// When it happened, in microseconds since 1970 UTC.
    pub time: i64,
    /// SHA-256 of `avouch-commit/v1`, a newline, the 32-byte salt and the payload.
    pub commitment: [u8; 32],
}

/// Why bytes are not a leaf.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LeafFault {
    /// Not as many bytes as a leaf has.
    #[error("a leaf has {BYTES} bytes, not {0}")]
    Length(usize),
    /// Not version 1.
    #[error("it is a leaf of version {0}, and only 1 is known to this build")]
    Version(u8),
    /// Not one of the three kinds.
    #[error("a leaf's kind is 1, 2 or 3, not {0}")]
    Kind(u8),
}

impl Leaf {
    /// Reads a leaf's bytes.
    ///
    /// # Errors
    ///
    /// [`LeafFault`] when they are not a leaf of version 1.
    pub fn parse(bytes: &[u8]) -> Result<Self, LeafFault> {
        let whole: &[u8; BYTES] = bytes
            .try_into()
            .map_err(|_| LeafFault::Length(bytes.len()))?;
        let [version, kind, node_high, node_low, rest @ ..] = *whole;
        if version != 1 {
            return Err(LeafFault::Version(version));
        }
        if !(1..=3).contains(&kind) {
            return Err(LeafFault::Kind(kind));
        }
        // 64 bytes are left: 16, 8, 8, 32.
        let previous = u64::from_be_bytes(at::<16, 8>(&rest));
        Ok(Self {
            kind,
            node: u16::from_be_bytes([node_high, node_low]),
            stream: at::<0, 16>(&rest),
            previous: if previous == u64::MAX {
                None
            } else {
                Some(previous)
            },
            time: i64::from_be_bytes(at::<24, 8>(&rest)),
            commitment: at::<32, 32>(&rest),
        })
    }
}

/// `N` bytes from place `AT`.
fn at<const AT: usize, const N: usize>(bytes: &[u8; 64]) -> [u8; N] {
    const { assert!(AT + N <= 64, "the field lies within the bytes") };
    std::array::from_fn(|place| bytes.get(AT + place).copied().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_from_their_places() {
        let mut bytes = vec![1, 3, 0xab, 0xcd];
        bytes.extend(1..=64);
        let leaf = Leaf::parse(&bytes).unwrap();
        assert_eq!((leaf.kind, leaf.node), (3, 0xabcd));
        assert_eq!(leaf.stream.to_vec(), (1..=16).collect::<Vec<u8>>());
        assert_eq!(leaf.previous, Some(0x1112_1314_1516_1718));
        assert_eq!(leaf.time, 0x191a_1b1c_1d1e_1f20);
        assert_eq!(leaf.commitment.to_vec(), (33..=64).collect::<Vec<u8>>());
        bytes[20..28].fill(0xff);
        assert_eq!(Leaf::parse(&bytes).unwrap().previous, None);
    }

    #[test]
    fn other_versions_kinds_and_lengths_are_refused() {
        let mut bytes = [0; BYTES];
        assert_eq!(Leaf::parse(&bytes), Err(LeafFault::Version(0)));
        bytes[0] = 1;
        assert_eq!(Leaf::parse(&bytes), Err(LeafFault::Kind(0)));
        assert_eq!(Leaf::parse(&bytes[1..]), Err(LeafFault::Length(67)));
    }
}
