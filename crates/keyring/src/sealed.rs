//! A sealed value: version, the epoch of its key, a nonce, then AES-256-GCM ciphertext and tag.
//!
//! The header, the key's name and the caller's associated data are all authenticated. Nonces are random, so a key seals
//! at most 2^32 values (NIST SP 800-38D, 8.3); at a hundred a second that is sixteen months between rotations.

use crate::KeyringError;
use aws_lc_rs::{
    aead::{Aad, LessSafeKey, NONCE_LEN, Nonce},
    rand,
};

const VERSION: u8 = 1;
const HEADER: usize = 1 + 4;

/// Seals `plaintext` under `key`, which is the given epoch of `owner`.
pub(crate) fn seal(
    key: &LessSafeKey,
    epoch: u32,
    owner: &str,
    aad: &[u8],
    plaintext: &[u8],
) -> Result<Vec<u8>, KeyringError> {
    let mut nonce = [0; NONCE_LEN];
    rand::fill(&mut nonce).map_err(|_| KeyringError::Crypto {
        act: "make a nonce",
    })?;
    let mut body = plaintext.to_vec();
    let tag = key
        .seal_in_place_separate_tag(
            Nonce::assume_unique_for_key(nonce),
            bound(epoch, owner, aad),
            &mut body,
        )
        .map_err(|_| KeyringError::Crypto {
            act: "seal a value",
        })?;
    let mut sealed = Vec::with_capacity(HEADER + NONCE_LEN + body.len() + tag.as_ref().len());
    sealed.push(VERSION);
    sealed.extend_from_slice(&epoch.to_be_bytes());
    sealed.extend_from_slice(&nonce);
    sealed.append(&mut body);
    sealed.extend_from_slice(tag.as_ref());
    Ok(sealed)
}

/// The epoch of the key that sealed these bytes, and the nonce with all that follows.
pub(crate) fn parse(sealed: &[u8]) -> Result<(u32, &[u8]), KeyringError> {
    let (version, rest) = sealed.split_first().ok_or(KeyringError::SealShape)?;
    let (epoch, rest) = rest.split_first_chunk().ok_or(KeyringError::SealShape)?;
    if *version != VERSION {
        return Err(KeyringError::SealShape);
    }
    Ok((u32::from_be_bytes(*epoch), rest))
}

/// Opens what [`parse`] left over.
pub(crate) fn open(
    key: &LessSafeKey,
    epoch: u32,
    owner: &str,
    aad: &[u8],
    rest: &[u8],
) -> Result<Vec<u8>, KeyringError> {
    let (nonce, body) = rest
        .split_first_chunk::<NONCE_LEN>()
        .ok_or(KeyringError::SealShape)?;
    let mut body = body.to_vec();
    let length = key
        .open_in_place(
            Nonce::assume_unique_for_key(*nonce),
            bound(epoch, owner, aad),
            &mut body,
        )
        .map_err(|_| KeyringError::SealBroken {
            owner: owner.to_owned(),
        })?
        .len();
    body.truncate(length);
    Ok(body)
}

/// What is authenticated but not stored; lengths keep neighbouring parts apart.
fn bound(epoch: u32, owner: &str, aad: &[u8]) -> Aad<Vec<u8>> {
    let mut whole = Vec::with_capacity(HEADER + 8 + owner.len() + aad.len());
    whole.push(VERSION);
    whole.extend_from_slice(&epoch.to_be_bytes());
    whole.extend_from_slice(&(owner.len() as u64).to_be_bytes());
    whole.extend_from_slice(owner.as_bytes());
    whole.extend_from_slice(aad);
    Aad::from(whole)
}
