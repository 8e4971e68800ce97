//! Whether an index tells the truth: each pack that it names is read, and each chunk is what its name says.
//!
//! Whoever has the repository's key can write an index that says of a good chunk that it is in a bad pack, or that good
//! packs are waiting to be deleted. Such an index is never kept.

use std::{collections::HashSet, fs, path::Path};

use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::reader::{decrypt, json, unpack};
use crate::{
    far::FileKind,
    repository::{CipherKey, remote},
};

/// An index, as far as a keeper believes in one.
#[derive(Deserialize)]
pub(super) struct Index {
    #[serde(default)]
    supersedes: Option<Vec<String>>,
    pub packs: Vec<Pack>,
    #[serde(default)]
    packs_to_delete: Vec<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
pub(super) struct Pack {
    pub id: String,
    blobs: Vec<Chunk>,
}

#[derive(Deserialize)]
struct Chunk {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    offset: usize,
    length: usize,
    uncompressed_length: Option<usize>,
}

/// Why an index is not kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Unfit {
    /// Something that it names has not come yet.
    Incomplete(String),
    /// It is false, and stays so.
    False(String),
}

/// Reads an index and everything that it names, in the folder where it was received.
pub(super) fn truthful(key: &CipherKey, received: &Path, sealed: &[u8]) -> Result<Index, Unfit> {
    let lie = |text: &str| Unfit::False(text.to_owned());
    let index: Index =
        json(key, sealed).ok_or_else(|| lie("cannot be read with the repository's key"))?;
    if index.supersedes.as_ref().is_some_and(|all| !all.is_empty()) {
        return Err(lie("declares other indices void"));
    }
    if !index.packs_to_delete.is_empty() {
        return Err(lie("declares packs void"));
    }
    for pack in &index.packs {
        if !is_name(&pack.id) {
            return Err(lie("names a pack by no name"));
        }
        let path = received.join(remote::within(FileKind::Pack, &pack.id));
        let bytes = fs::read(path).map_err(|_| {
            let short = pack.id.get(..8).unwrap_or(&pack.id);
            Unfit::Incomplete(format!("names the pack {short}, which is not here"))
        })?;
        if !holds(key, pack, &bytes) {
            let short = pack.id.get(..8).unwrap_or(&pack.id);
            return Err(Unfit::False(format!("is false about the pack {short}")));
        }
    }
    Ok(index)
}

/// Whether a name is the SHA-256 of something, in hexadecimal.
pub(super) fn is_name(text: &str) -> bool {
    text.len() == 64
        && text
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Whether a pack is what the index says: by its name, chunk by chunk, and by its own header.
fn holds(key: &CipherKey, pack: &Pack, bytes: &[u8]) -> bool {
    if hex::encode(Sha256::digest(bytes)) != pack.id {
        return false;
    }
    let Some((rest, length)) = bytes.split_last_chunk::<4>() else {
        return false;
    };
    let Ok(length) = usize::try_from(u32::from_le_bytes(*length)) else {
        return false;
    };
    let Some((body, header)) = rest
        .len()
        .checked_sub(length)
        .and_then(|at| rest.split_at_checked(at))
    else {
        return false;
    };
    let Some(header) = decrypt(key, header).and_then(|header| entries(&header)) else {
        return false;
    };
    let mut chunks: Vec<&Chunk> = pack.blobs.iter().collect();
    chunks.sort_by_key(|chunk| chunk.offset);
    let mut next = 0;
    let mut kinds = HashSet::new();
    chunks.len() == header.len()
        && chunks.iter().zip(header).all(|(chunk, entry)| {
            let at = next;
            next += chunk.length;
            kinds.insert(chunk.kind.as_str());
            let said = (
                chunk.kind.as_str(),
                chunk.length,
                chunk.uncompressed_length,
                chunk.id.as_str(),
            );
            chunk.offset == at
                && kinds.len() == 1
                && said == (entry.0, entry.1, entry.2, entry.3.as_str())
                && is_chunk(key, chunk, body)
        })
        && next == body.len()
}

fn is_chunk(key: &CipherKey, chunk: &Chunk, body: &[u8]) -> bool {
    let plain = chunk
        .offset
        .checked_add(chunk.length)
        .and_then(|end| body.get(chunk.offset..end))
        .and_then(|sealed| decrypt(key, sealed))
        .and_then(|plain| match chunk.uncompressed_length {
            Some(length) => unpack(&plain, length),
            None => Some(plain),
        });
    plain.is_some_and(|plain| hex::encode(Sha256::digest(plain)) == chunk.id)
}

/// A chunk's kind, length, length unpacked, and name.
type Entry = (&'static str, usize, Option<usize>, String);

/// What a pack's own header says.
fn entries(mut header: &[u8]) -> Option<Vec<Entry>> {
    let mut found = Vec::new();
    while let Some((kind, rest)) = header.split_first() {
        let (kind, packed) = match kind {
            0 => ("data", false),
            1 => ("tree", false),
            2 => ("data", true),
            3 => ("tree", true),
            _ => return None,
        };
        let (length, rest) = number(rest)?;
        let (plain, rest) = if packed {
            let (plain, rest) = number(rest)?;
            (Some(plain), rest)
        } else {
            (None, rest)
        };
        let (name, rest) = rest.split_at_checked(32)?;
        found.push((kind, length, plain, hex::encode(name)));
        header = rest;
    }
    Some(found)
}

fn number(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (number, rest) = bytes.split_first_chunk::<4>()?;
    Some((usize::try_from(u32::from_le_bytes(*number)).ok()?, rest))
}
