//! The Merkle tree: hashes leaves, works out roots, checks proofs.
//!
//! Source: RFC 6962 section 2.1; RFC 9162 sections 2.1.3.2 and 2.1.4.2 for the two proof checks.

use aws_lc_rs::digest::{Context, SHA256};

/// A SHA-256 hash in the tree.
pub type Hash = [u8; 32];

/// Why a proof proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProofFault {
    /// Index and sizes do not go together.
    #[error("no such proof: the entry or the older size lies beyond the tree")]
    OutOfRange,
    /// More or fewer hashes than such a proof has.
    #[error("the proof does not have the number of hashes that it should")]
    Length,
    /// It leads to another root.
    #[error("the proof does not lead to the signed root")]
    Root,
}

/// The hash of a leaf: SHA-256 of a zero byte and its bytes.
#[must_use]
pub fn leaf_hash(leaf: &[u8]) -> Hash {
    hash(&[&[0], leaf])
}

/// Checks that the tree of `size` entries with this root has this leaf hash at `index`.
///
/// # Errors
///
/// [`ProofFault`] when the proof does not show it.
pub fn inclusion(
    root: &Hash,
    size: u64,
    index: u64,
    leaf: &Hash,
    proof: &[Hash],
) -> Result<(), ProofFault> {
    if index >= size {
        return Err(ProofFault::OutOfRange);
    }
    let (mut place, mut last, mut hash) = (index, size - 1, *leaf);
    for other in proof {
        if last == 0 {
            return Err(ProofFault::Length);
        }
        if place & 1 == 1 || place == last {
            hash = node(other, &hash);
            while place & 1 == 0 && place != 0 {
                place >>= 1;
                last >>= 1;
            }
        } else {
            hash = node(&hash, other);
        }
        place >>= 1;
        last >>= 1;
    }
    match (last, hash == *root) {
        (0, true) => Ok(()),
        (0, false) => Err(ProofFault::Root),
        _ => Err(ProofFault::Length),
    }
}

/// Checks that the tree of `new` entries begins with the tree of `old` entries.
///
/// # Errors
///
/// [`ProofFault`] when the proof does not show it.
pub fn consistency(
    old: u64,
    old_root: &Hash,
    new: u64,
    new_root: &Hash,
    proof: &[Hash],
) -> Result<(), ProofFault> {
    if old > new {
        return Err(ProofFault::OutOfRange);
    }
    if old == 0 || old == new {
        let same = if old == 0 {
            *old_root == root_of_nothing()
        } else {
            old_root == new_root
        };
        return match (proof.is_empty(), same) {
            (false, _) => Err(ProofFault::Length),
            (true, false) => Err(ProofFault::Root),
            (true, true) => Ok(()),
        };
    }
    // A tree of a power of two is its own first hash, which the proof leaves out.
    let (start, rest) = if old.is_power_of_two() {
        (old_root, proof)
    } else {
        proof.split_first().ok_or(ProofFault::Length)?
    };
    let shift = (old - 1).trailing_ones();
    let (mut place, mut last) = ((old - 1) >> shift, (new - 1) >> shift);
    let (mut of_old, mut of_new) = (*start, *start);
    for other in rest {
        if last == 0 {
            return Err(ProofFault::Length);
        }
        if place & 1 == 1 || place == last {
            of_old = node(other, &of_old);
            of_new = node(other, &of_new);
            while place & 1 == 0 && place != 0 {
                place >>= 1;
                last >>= 1;
            }
        } else {
            of_new = node(&of_new, other);
        }
        place >>= 1;
        last >>= 1;
    }
    if last != 0 {
        Err(ProofFault::Length)
    } else if of_old == *old_root && of_new == *new_root {
        Ok(())
    } else {
        Err(ProofFault::Root)
    }
}

/// The tree as it grows: one hash for each complete subtree at its right edge, so its memory is flat.
#[derive(Default)]
pub(crate) struct Growing {
    /// By height; `None` where the size has a zero bit.
    subtrees: Vec<Option<Hash>>,
}

impl Growing {
    /// Adds a leaf's hash; `complete` is shown each subtree that it completes, with its height, the leaf first.
    pub(crate) fn push<E>(
        &mut self,
        leaf: Hash,
        mut complete: impl FnMut(usize, &Hash) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut hash = leaf;
        complete(0, &hash)?;
        let mut height = 0;
        loop {
            match self.subtrees.get_mut(height) {
                None => {
                    self.subtrees.push(Some(hash));
                    return Ok(());
                }
                Some(slot) => match slot.take() {
                    None => {
                        *slot = Some(hash);
                        return Ok(());
                    }
                    Some(left) => hash = node(&left, &hash),
                },
            }
            height += 1;
            complete(height, &hash)?;
        }
    }

    /// The root of what was added so far.
    pub(crate) fn root(&self) -> Hash {
        let mut subtrees = self.subtrees.iter().flatten();
        match subtrees.next() {
            None => root_of_nothing(),
            Some(smallest) => subtrees.fold(*smallest, |right, left| node(left, &right)),
        }
    }
}

fn root_of_nothing() -> Hash {
    hash(&[])
}

/// The hash of two subtrees.
pub(super) fn node(left: &Hash, right: &Hash) -> Hash {
    hash(&[&[1], left, right])
}

/// One pass, without putting the parts together in memory first: a ledger of years is all such hashes.
fn hash(parts: &[&[u8]]) -> Hash {
    let mut context = Context::new(&SHA256);
    parts.iter().for_each(|part| context.update(part));
    let mut hash = [0; 32];
    hash.iter_mut()
        .zip(context.finish().as_ref())
        .for_each(|(to, from)| *to = *from);
    hash
}
