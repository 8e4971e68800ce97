//! Writes proofs as text: inclusion as a C2SP tlog-proof file, consistency as it is sent to a witness.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::reader::{Hash, ProofError, ReadError, Reader};

/// Why a proof was not written.
#[derive(Debug, thiserror::Error)]
pub enum ProveError {
    /// The entry cannot be read.
    #[error("the entry cannot be read")]
    Read(#[from] ReadError),
    /// Its proof cannot be made.
    #[error("the proof cannot be made")]
    Proof(#[from] ProofError),
}

impl Reader {
    /// An inclusion proof of an entry as a tlog-proof file, under the newest checkpoint that shows it, with what
    /// witnesses have signed if that covers it. The `extra` line carries the leaf.
    ///
    /// # Errors
    ///
    /// [`ProveError`] when the entry or its proof cannot be had: no checkpoint may cover it yet.
    pub fn inclusion_file(&self, index: u64) -> Result<String, ProveError> {
        let shown = self.shown();
        let checkpoint = if index < shown.size {
            shown
        } else {
            self.checkpoint()
        };
        let leaf = self.read(index)?.leaf.encode();
        let proof = self.inclusion_proof(index, checkpoint.size)?;
        Ok(format!(
            "c2sp.org/tlog-proof@v1\nextra {}\nindex {index}\n{}\n{}",
            STANDARD.encode(leaf),
            lines(&proof),
            checkpoint.text
        ))
    }

    /// A proof that the newest checkpoint goes on from the one of `old` entries, in the form of a witness's request.
    ///
    /// # Errors
    ///
    /// [`ProofError`] when there is no such checkpoint, or the tiles cannot be read.
    pub fn consistency_file(&self, old: u64) -> Result<String, ProofError> {
        let shown = self.shown();
        let checkpoint = if old <= shown.size {
            shown
        } else {
            self.checkpoint()
        };
        let proof = self.consistency_proof(old, checkpoint.size)?;
        Ok(continuing(old, &proof, &checkpoint.text))
    }
}

/// The body of a witness's `add-checkpoint`.
pub(crate) fn continuing(old: u64, proof: &[Hash], checkpoint: &str) -> String {
    format!("old {old}\n{}\n{checkpoint}", lines(proof))
}

fn lines(hashes: &[Hash]) -> String {
    hashes.iter().fold(String::new(), |mut text, hash| {
        text.push_str(&STANDARD.encode(hash));
        text.push('\n');
        text
    })
}
