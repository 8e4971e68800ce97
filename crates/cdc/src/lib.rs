//! The rolling hash by which large files are cut into chunks, in place of the published crate of this name.
//!
//! `rustic_core` makes a new hash for every file, however small. The published crate works out each of its 512 table
//! entries by itself then, which took longer than everything else about a small file. Both tables are of linear maps, so
//! here the eight entries of single bits are worked out, and every other is a sum of these. The hashes are the same.
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

mod polynom;
mod rabin;

pub use polynom::{Polynom, Polynom64};
pub use rabin::{Rabin64, RollingHash64};
