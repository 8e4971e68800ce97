//! Checks a ledger with nothing but its files and a public key.
//!
//! No code is shared with the writer, so that one mistake cannot hide in both: hashing and signatures are those of
//! `aws-lc-rs` where the writer uses `sha2` and `ed25519-dalek`, and notes, leaves, journal and tiles are parsed anew
//! from the layout in the crate's `README.md`. A test holds this module to it.

mod cosignature;
mod directory;
mod journal;
mod leaf;
mod note;
mod part;
mod policy;
mod proof;
mod tiles;
mod tree;
mod vkey;

pub use cosignature::{Cosignature, cosignatures};
pub use directory::{Fault, Report, Why, directory, directory_since};
pub use leaf::{Leaf, LeafFault};
pub use note::{Checkpoint, NoteFault, checkpoint, note};
pub use part::{Part, part};
pub use policy::{Policy, PolicyFault, PolicyWhy};
pub use proof::{
    Continued, FileFault, Included, believed, continued, included, is_consistency, is_inclusion,
};
pub(crate) use proof::{Numbered, numbered};
pub use tree::{Hash, ProofFault, consistency, inclusion, leaf_hash};
pub use vkey::{Vkey, VkeyFault, WitnessKey};
