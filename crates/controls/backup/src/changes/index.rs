//! What the writers of a database have published: the head of the index of its write-ahead log.
//!
//! A frame in the log counts only once its writer has published it here; one that a killed writer left behind is written
//! over. Source: "WAL-mode File Format", section 2, sqlite.org/walformat.html.

use std::{fs::File, io, os::unix::fs::FileExt};

use super::wal::{Order, Sums, sums};

/// The length of the head; a second copy of it follows.
const HEAD: usize = 48;

/// How often a head that is being written is read again: a writer needs some hundred nanoseconds for it.
const ATTEMPTS: usize = 1000;

/// How far a log has been published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Published {
    /// How many transactions there have been, since the index was made.
    pub changes: u32,
    /// The last frame of a committed transaction; none if this is nought.
    pub frames: u32,
    /// Pages of the database then.
    pub pages: u32,
    /// The log's checksum over everything up to that frame.
    pub sums: Sums,
    /// What tells this log from the one before it in the same file.
    pub salts: [u8; 8],
}

/// A place in a log: everything up to there has been read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(super) salts: [u8; 8],
    pub(super) frames: u32,
    pub(super) sums: Sums,
}

impl Published {
    /// The end of what is published.
    pub fn mark(&self) -> Mark {
        Mark {
            salts: self.salts,
            frames: self.frames,
            sums: self.sums,
        }
    }
}

impl Mark {
    pub(super) fn to_bytes(self) -> Vec<u8> {
        let sums = [self.sums.a.to_be_bytes(), self.sums.b.to_be_bytes()];
        [
            self.salts.as_slice(),
            &self.frames.to_be_bytes(),
            &sums.concat(),
        ]
        .concat()
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; 20] = bytes.try_into().ok()?;
        let (salts, rest) = bytes.split_first_chunk::<8>()?;
        let (frames, rest) = rest.split_first_chunk::<4>()?;
        let (a, rest) = rest.split_first_chunk::<4>()?;
        let (b, _) = rest.split_first_chunk::<4>()?;
        Some(Self {
            salts: *salts,
            frames: u32::from_be_bytes(*frames),
            sums: Sums {
                a: u32::from_be_bytes(*a),
                b: u32::from_be_bytes(*b),
            },
        })
    }
}

/// Reads the head; `None` if it was being written all the time.
pub(super) fn published(index: &File) -> io::Result<Option<Published>> {
    for _ in 0..ATTEMPTS {
        let mut both = [0; 2 * HEAD];
        index.read_exact_at(&mut both, 0)?;
        let (head, copy) = both.split_at(HEAD);
        if head != copy {
            std::hint::spin_loop();
            continue;
        }
        let (body, sum) = head.split_at(HEAD - 8);
        if sums(Order::HERE, Sums::default(), body)
            == (Sums {
                a: word(sum, 0),
                b: word(sum, 4),
            })
        {
            return Ok(Some(Published {
                changes: word(head, 8),
                frames: word(head, 16),
                pages: word(head, 20),
                sums: Sums {
                    a: word(head, 24),
                    b: word(head, 28),
                },
                salts: head
                    .get(32..40)
                    .and_then(|salts| salts.try_into().ok())
                    .unwrap_or_default(),
            }));
        }
    }
    Ok(None)
}

/// The index is read where it is made, so it is in this machine's order.
fn word(bytes: &[u8], at: usize) -> u32 {
    bytes
        .get(at..at + 4)
        .and_then(|word| word.try_into().ok())
        .map_or(0, u32::from_ne_bytes)
}
