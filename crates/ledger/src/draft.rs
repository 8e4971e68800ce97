//! What is handed in for appending, what comes back, and why it can fail.

use std::io;
use std::sync::Arc;

use jiff::Timestamp;

use crate::leaf::{Kind, Leaf};

/// The most bytes one sealed payload may have: 1 MiB. Larger evidence is kept elsewhere and its digest is logged.
pub const MAX_SEALED: usize = 1 << 20;

/// The most bytes that one call of [`crate::Ledger::append_all`] may hold: 64 MiB, so that one group stays one write.
pub(crate) const MAX_CALL: usize = 64 << 20;

/// An entry to be appended; the ledger adds node, index and the stream's previous index.
#[derive(Debug, Clone)]
pub struct Draft {
    /// What it commits to.
    pub kind: Kind,
    /// The chain that it belongs to.
    pub stream: [u8; 16],
    /// When it happened; kept to the microsecond, what is finer is cut off.
    pub time: Timestamp,
    /// [`crate::commit`] of the salt and the payload.
    pub commitment: [u8; 32],
    /// Salt and payload, sealed under the tenant's key; the ledger does not look inside.
    pub sealed: Vec<u8>,
}

/// An entry that is on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// Its place in the log.
    pub index: u64,
    /// What was hashed.
    pub leaf: Leaf,
}

/// Why an entry was not acknowledged.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AppendError {
    /// The caller's: the payload is too long. Nothing was written.
    #[error("a payload of {0} bytes is more than one append may hold; log its digest instead")]
    TooLarge(usize),
    /// The operator's: no room. Nothing was written. System entries still fit in the reserve; everything else is
    /// refused until there is room again.
    #[error("the disk that holds the ledger is full; free some space, nothing was written")]
    Full,
    /// The operator's: the write failed and was taken back. Nothing was written; safe to try again.
    #[error("cannot write to the ledger's journal; nothing was written")]
    Write(#[source] Arc<io::Error>),
    /// The operator's: whether the entry is on disk is not known, now or until the ledger is opened again. The ledger
    /// takes nothing more: after a failed flush only reading the files back can tell what they hold.
    #[error("a flush of the ledger's journal failed; restart to read back what is on disk")]
    Uncertain(#[source] Arc<io::Error>),
    /// The ledger stopped before it took the entry, after an earlier [`AppendError::Uncertain`] or because it closes.
    #[error("the ledger has stopped taking entries; restart it")]
    Stopped,
}
