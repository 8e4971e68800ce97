//! SHA-256, by another library than the writers use.

use aws_lc_rs::digest::{Context, SHA256};

pub(super) fn of(parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Context::new(&SHA256);
    for part in parts {
        hash.update(part);
    }
    let mut out = [0; 32];
    out.copy_from_slice(hash.finish().as_ref());
    out
}

pub(super) fn hex_of(bytes: &[u8]) -> String {
    hex::encode(of(&[bytes]))
}
