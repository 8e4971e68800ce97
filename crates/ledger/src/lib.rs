//! The append-only ledger in the open C2SP formats, and a verifier that shares no code with its writer.
//!
//! The life of an entry: a [`Draft`] is queued, gets its index and its stream's previous index, is written to the
//! journal with everything else that waits, and is acknowledged after one flush ([`Ledger::append`]). About once a
//! second the tree is brought up to date: tiles first, then the signed checkpoint ([`Ledger::publish`]). From there
//! [`Reader`] gives entries and proofs, and [`verify`] checks them with the files and a public key alone.
//!
//! The crate's `README.md` has the layout of every file, byte by byte.

#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        reason = "a test may stop at the first surprise"
    )
)]

mod checkpoint;
mod closed;
mod draft;
mod files;
mod forget;
mod journal;
mod leaf;
mod ledger;
mod offsets;
mod paths;
mod proof;
mod publish;
mod reader;
mod recover;
mod reserve;
mod serve;
mod tree;
pub mod verify;
pub mod witness;
mod writer;

#[cfg(test)]
mod faults;
#[cfg(test)]
mod testing;

pub use checkpoint::{KeyError, LogKey, Published};
pub use draft::{AppendError, Appended, Draft, MAX_SEALED};
pub use forget::{Doomed, ForgetError};
pub use journal::Damage;
pub use leaf::{Kind, LEAF_BYTES, Leaf, LeafError, commit};
pub use ledger::{Ledger, OpenError, Options};
pub use proof::ProveError;
pub use publish::{DeriveError, PublishError};
pub use reader::{Hash, ProofError, ReadError, Reader, Scan, Stored};
pub use recover::Recovered;
pub use serve::{Resource, ResourceError};
