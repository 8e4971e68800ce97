//! Reading what a repository's writer encrypted, without believing a word of it.
//!
//! Source: restic repository format, version 2, "Pack Format", "Indexing", "Snapshots".

use aes256ctr_poly1305aes::{Aes256CtrPoly1305Aes, Nonce, aead::Aead as _};
use serde::de::DeserializeOwned;

use crate::repository::CipherKey;

/// A nonce, and the bytes of authentication at the end.
const NONCE: usize = 16;
/// A chunk is at most 8 MiB, an index or a snapshot a few: what unpacks to more is no work of an honest writer.
const LARGEST: usize = 64 << 20;
/// What a packed file of JSON begins with.
const PACKED: u8 = 2;

/// Opens what was encrypted in one piece; `None` if one bit of it is another.
pub(super) fn decrypt(key: &CipherKey, sealed: &[u8]) -> Option<Vec<u8>> {
    let (nonce, sealed) = sealed.split_at_checked(NONCE)?;
    Aes256CtrPoly1305Aes::new(key.into())
        .decrypt(Nonce::from_slice(nonce), sealed)
        .ok()
}

/// Unpacks what has this length unpacked.
pub(super) fn unpack(packed: &[u8], length: usize) -> Option<Vec<u8>> {
    let plain = zstd::bulk::decompress(packed, length.min(LARGEST)).ok()?;
    (plain.len() == length).then_some(plain)
}

/// An encrypted file of JSON.
pub(super) fn json<T: DeserializeOwned>(key: &CipherKey, sealed: &[u8]) -> Option<T> {
    let plain = decrypt(key, sealed)?;
    match plain.split_first()? {
        (&PACKED, packed) => {
            let plain = zstd::bulk::decompress(packed, LARGEST).ok()?;
            serde_json::from_slice(&plain).ok()
        }
        _ => serde_json::from_slice(&plain).ok(),
    }
}
