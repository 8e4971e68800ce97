//! Checks what witnesses have added to a checkpoint: at such a time, this was the largest tree they had seen.
//!
//! Source: C2SP tlog-cosignature v1.0.1, "Ed25519 cosignatures".

use super::note::{self, NoteFault};
use super::vkey::WitnessKey;

/// A witness's signature that holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cosignature {
    /// The witness's name.
    pub witness: String,
    /// When it signed, by its own clock: whole seconds since 1970 UTC.
    pub time: u64,
}

/// The cosignatures of pinned witnesses on a checkpoint, one for each, the newest of its own; other lines are passed over.
///
/// The log's own signature is not looked at: see [`super::checkpoint`].
///
/// # Errors
///
/// [`NoteFault::WrongSignature`] when a line claims to be by a pinned witness and is not, or when it is not a note.
pub fn cosignatures(signed: &str, pinned: &[WitnessKey]) -> Result<Vec<Cosignature>, NoteFault> {
    let (text, lines) = note::split(signed)?;
    let mut found: Vec<Cosignature> = Vec::new();
    for line in lines {
        let Some(key) = pinned
            .iter()
            .find(|key| key.name() == line.name && key.id() == line.id)
        else {
            continue;
        };
        let (time, signature) = line
            .bytes
            .split_first_chunk::<8>()
            .ok_or(NoteFault::WrongSignature)?;
        let time = u64::from_be_bytes(*time);
        let message = format!("cosignature/v1\ntime {time}\n{text}");
        if i64::try_from(time).is_err() || !key.signed(message.as_bytes(), signature) {
            return Err(NoteFault::WrongSignature);
        }
        match found.iter_mut().find(|known| known.witness == key.name()) {
            Some(known) => known.time = known.time.max(time),
            None => found.push(Cosignature {
                witness: key.name().to_owned(),
                time,
            }),
        }
    }
    Ok(found)
}
