//! Checks a signed note and the checkpoint in it.
//!
//! Source: C2SP signed-note v1.0.0, tlog-checkpoint v1.0.0.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::tree::Hash;
use super::vkey::{Vkey, is_name};

/// A note with more signatures than this is not read; the standard asks for at least 16.
const MAX_SIGNATURES: usize = 64;
/// Nor is one of more bytes than this.
const MAX_BYTES: usize = 1 << 20;

/// A log's size and root hash, as signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The log.
    pub origin: String,
    /// Entries that it covers.
    pub size: u64,
    /// The root hash over them.
    pub root: Hash,
}

/// Why a note or checkpoint is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoteFault {
    /// Not a signed note.
    #[error("it is not a signed note")]
    Malformed,
    /// No line is signed by the given key.
    #[error("it is not signed by the given key")]
    NotSigned,
    /// A line claims to be by the given key and is not.
    #[error("its signature by the given key is wrong: it was altered after signing")]
    WrongSignature,
    /// The text is signed but is no checkpoint.
    #[error("its text is not a checkpoint")]
    NotACheckpoint,
    /// A checkpoint of another log.
    #[error("it is a checkpoint of another log")]
    OtherLog,
}

/// One signature line, not checked yet.
pub(super) struct Signature<'a> {
    pub(super) name: &'a str,
    pub(super) id: [u8; 4],
    pub(super) bytes: Vec<u8>,
}

/// The text of a note that the key has signed.
///
/// Lines by other keys are passed over. No text of a note that is not signed is given out.
///
/// # Errors
///
/// [`NoteFault`] when it is not a note or the key has not signed it.
pub fn note<'a>(signed: &'a str, key: &Vkey) -> Result<&'a str, NoteFault> {
    let (text, signatures) = split(signed)?;
    let mut found = false;
    for line in signatures {
        if line.name == key.name() && line.id == key.id() {
            if !key.signed(text.as_bytes(), &line.bytes) {
                return Err(NoteFault::WrongSignature);
            }
            found = true;
        }
    }
    if found {
        Ok(text)
    } else {
        Err(NoteFault::NotSigned)
    }
}

/// A note's text and its signature lines. Nothing of it may be used before a signature was checked.
pub(super) fn split(signed: &str) -> Result<(&str, Vec<Signature<'_>>), NoteFault> {
    if signed.len() > MAX_BYTES || signed.chars().any(|c| c < ' ' && c != '\n') {
        return Err(NoteFault::Malformed);
    }
    let split = signed.rfind("\n\n").ok_or(NoteFault::Malformed)?;
    let text = signed.get(..=split).ok_or(NoteFault::Malformed)?;
    let lines = signed
        .get(split + 2..)
        .and_then(|lines| lines.strip_suffix('\n'))
        .ok_or(NoteFault::Malformed)?;
    let signatures: Vec<_> = lines
        .split('\n')
        .take(MAX_SIGNATURES + 1)
        .map(|line| signature(line).ok_or(NoteFault::Malformed))
        .collect::<Result<_, _>>()?;
    if signatures.len() > MAX_SIGNATURES {
        return Err(NoteFault::Malformed);
    }
    Ok((text, signatures))
}

fn signature(line: &str) -> Option<Signature<'_>> {
    let (name, blob) = line.strip_prefix("\u{2014} ")?.split_once(' ')?;
    let blob = STANDARD.decode(blob).ok()?;
    let (id, bytes) = blob.split_first_chunk::<4>()?;
    is_name(name).then(|| Signature {
        name,
        id: *id,
        bytes: bytes.to_vec(),
    })
}

/// The checkpoint that the key has signed, of the log that has the key's name.
///
/// # Errors
///
/// [`NoteFault`] when it is not signed by the key, or is no checkpoint of that log.
pub fn checkpoint(signed: &str, key: &Vkey) -> Result<Checkpoint, NoteFault> {
    let text = note(signed, key)?;
    let body = text.strip_suffix('\n').ok_or(NoteFault::NotACheckpoint)?;
    let mut lines = body.split('\n');
    let (Some(origin), Some(size), Some(root)) = (lines.next(), lines.next(), lines.next()) else {
        return Err(NoteFault::NotACheckpoint);
    };
    let number: u64 = size.parse().map_err(|_| NoteFault::NotACheckpoint)?;
    let decoded = STANDARD
        .decode(root)
        .ok()
        .and_then(|root| Hash::try_from(root).ok());
    let root = decoded.ok_or(NoteFault::NotACheckpoint)?;
    // The standard allows extension lines if they are not empty.
    if number.to_string() != size || lines.any(str::is_empty) {
        return Err(NoteFault::NotACheckpoint);
    }
    if origin != key.name() {
        return Err(NoteFault::OtherLog);
    }
    Ok(Checkpoint {
        origin: origin.to_owned(),
        size: number,
        root,
    })
}
