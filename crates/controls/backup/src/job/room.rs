//! How much room there is for more at a place.

use std::path::Path;

use nix::sys::statvfs::statvfs;

use crate::{
    draw,
    far::{Address, Place, Site},
};

/// Bytes that can still be written at a place, if that is known: what a disk has left, or what a keeper still takes of this
/// service.
pub(super) fn free(place: &Place, site: &Site) -> Option<u64> {
    match (place, site) {
        (
            Place::Far {
                address: Address::Keeper { key, .. },
                ..
            },
            Site::Far { store, .. },
        ) => {
            let nonce = hex::encode(draw::bytes::<16>().ok()?);
            let receipt = store.receipt(&nonce).ok()??.open(key, &nonce).ok()?;
            let (used, may) = receipt.bytes;
            Some(may.saturating_sub(used))
        }
        (_, site) => left(site.path()),
    }
}

/// What the disk has left where a folder is, or the nearest above it that is there.
fn left(folder: &Path) -> Option<u64> {
    let there = folder.ancestors().find(|folder| folder.is_dir())?;
    let disk = statvfs(there).ok()?;
    disk.blocks_available().checked_mul(disk.fragment_size())
}
