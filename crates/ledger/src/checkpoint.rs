//! Signs and reads checkpoints: the log's size and root hash, as a C2SP signed note.
//!
//! Source: C2SP tlog-checkpoint v1.0.0, signed-note v1.0.0.

use std::fmt;

use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};
use signed_note::{
    Note, NoteError, Signer, StandardVerifier, VerifierError, VerifierList,
    new_ed25519_verifier_key,
};
use tlog_tiles::{Checkpoint, Hash};

/// The key that signs a log's checkpoints; its name is the log's origin.
#[derive(Clone)]
pub struct LogKey {
    name: String,
    key: SigningKey,
}

/// Why a key cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The name cannot stand in a note.
    #[error(
        "`{0}` cannot name a log: use a host and path such as `ledger.example.test/node-1`, without spaces or `+`"
    )]
    Name(String),
    /// The text cannot be signed as a note.
    #[error("a note's text ends in a newline, holds no control characters, and is no checkpoint")]
    Text,
}

/// A checkpoint that was signed.
#[derive(Clone, PartialEq, Eq)]
pub struct Published {
    /// Entries that it covers.
    pub size: u64,
    /// The root hash over them.
    pub root: [u8; 32],
    /// The signed note.
    pub text: String,
}

/// Why a checkpoint on disk cannot be relied on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CheckpointFault {
    #[error("it is not a signed note that this ledger's key made")]
    Note(#[from] NoteError),
    #[error("the ledger's public key cannot be used")]
    Key(#[from] VerifierError),
    #[error("its text is not a checkpoint of `{0}`")]
    Text(String),
}

impl LogKey {
    /// The key of the log `name`, from its 32 secret bytes.
    ///
    /// # Errors
    ///
    /// [`KeyError::Name`] when the name is empty or holds a space, a control character or `+`.
    pub fn from_seed(name: &str, seed: &[u8; 32]) -> Result<Self, KeyError> {
        if !signed_note::is_key_name_valid(name) || name.chars().any(char::is_control) {
            return Err(KeyError::Name(name.to_owned()));
        }
        Ok(Self {
            name: name.to_owned(),
            key: SigningKey::from_bytes(seed),
        })
    }

    /// The log's origin.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The public key as text, `name+hash+base64`: what a reader pins.
    #[must_use]
    pub fn vkey(&self) -> String {
        new_ed25519_verifier_key(&self.name, &self.public())
    }

    /// Signs another text than a checkpoint, such as a pack's digest, as a note. Returns the whole note.
    ///
    /// # Errors
    ///
    /// [`KeyError::Text`] when it cannot be a note's text, or could be taken for a checkpoint.
    pub fn sign_text(&self, text: &str) -> Result<String, KeyError> {
        if text.starts_with(&format!("{}\n", self.name)) {
            return Err(KeyError::Text);
        }
        let mut note = Note::new(text.as_bytes(), &[]).map_err(|_| KeyError::Text)?;
        note.add_sigs(&[self]).map_err(|_| KeyError::Text)?;
        String::from_utf8(note.to_bytes()).map_err(|_| KeyError::Text)
    }

    /// Signs the log's state.
    pub(crate) fn sign(&self, size: u64, root: Hash) -> Result<Published, NoteError> {
        let checkpoint =
            Checkpoint::new(&self.name, size, root, "").map_err(|_| NoteError::MalformedNote)?;
        let mut note = Note::new(&checkpoint.to_bytes(), &[])?;
        note.add_sigs(&[self])?;
        let text = String::from_utf8(note.to_bytes()).map_err(|_| NoteError::MalformedNote)?;
        Ok(Published {
            size,
            root: root.0,
            text,
        })
    }

    /// Reads back a checkpoint that this key must have signed.
    pub(crate) fn read(&self, bytes: &[u8]) -> Result<Published, CheckpointFault> {
        let note = Note::from_bytes(bytes)?;
        let own: Box<dyn signed_note::Verifier> = Box::new(StandardVerifier::new(&self.vkey())?);
        note.verify(&VerifierList::new(vec![own]))?;
        let other = || CheckpointFault::Text(self.name.clone());
        let checkpoint = Checkpoint::from_reader(&mut note.text(), false).map_err(|_| other())?;
        if checkpoint.origin() != self.name || checkpoint.to_bytes() != note.text() {
            return Err(other());
        }
        let text = String::from_utf8(bytes.to_vec()).map_err(|_| other())?;
        Ok(Published {
            size: checkpoint.size(),
            root: checkpoint.hash().0,
            text,
        })
    }

    fn public(&self) -> VerifyingKey {
        self.key.verifying_key()
    }
}

impl Signer for LogKey {
    fn name(&self) -> &str {
        &self.name
    }

    fn key_id(&self) -> u32 {
        let mut typed = vec![1];
        typed.extend_from_slice(self.public().as_bytes());
        signed_note::key_id(&self.name, &typed)
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, ed25519_dalek::SignatureError> {
        Ok(self.key.try_sign(message)?.to_bytes().to_vec())
    }
}

impl fmt::Debug for LogKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogKey")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Published {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Published")
            .field("size", &self.size)
            .field("text", &self.text)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    use super::*;
    use crate::verify;

    fn key() -> LogKey {
        LogKey::from_seed("log.example.test/node-1", &[9; 32]).unwrap()
    }

    #[test]
    fn a_signed_checkpoint_reads_back_and_an_altered_one_does_not() {
        let signed = LogKey::sign(&key(), 7, Hash([3; 32])).unwrap();
        assert_eq!(key().read(signed.text.as_bytes()).unwrap(), signed);
        let altered = signed.text.replacen("\n7\n", "\n8\n", 1);
        assert!(matches!(
            key().read(altered.as_bytes()),
            Err(CheckpointFault::Note(_))
        ));
    }

    #[test]
    fn another_logs_checkpoint_is_not_ours() {
        let other = LogKey::from_seed("log.example.test/node-2", &[9; 32]).unwrap();
        let signed = LogKey::sign(&other, 7, Hash([3; 32])).unwrap();
        assert!(key().read(signed.text.as_bytes()).is_err());
    }

    /// As a key of another kind would sign it: the log's name, another number, the length of an ML-DSA-44 signature.
    #[test]
    fn a_second_signature_of_a_kind_that_is_not_known_here_is_passed_over_and_does_not_stand_for_the_first()
     {
        let signed = LogKey::sign(&key(), 7, Hash([3; 32])).unwrap();
        let blob = [[0, 1, 2, 9].as_slice(), &[7; 2428]].concat();
        let second = format!("\u{2014} {} {}\n", key().name(), STANDARD.encode(blob));
        let vkey = key().vkey().parse().unwrap();
        let both = format!("{}{second}", signed.text);
        assert_eq!(key().read(both.as_bytes()).unwrap().root, signed.root);
        assert_eq!(verify::checkpoint(&both, &vkey).unwrap().root, signed.root);
        let (body, _) = signed.text.rsplit_once("\u{2014} ").unwrap();
        let alone = format!("{body}{second}");
        assert!(key().read(alone.as_bytes()).is_err());
        assert!(verify::checkpoint(&alone, &vkey).is_err());
    }

    #[test]
    fn the_secret_is_not_in_the_debug_text() {
        assert_eq!(
            format!("{:?}", key()),
            "LogKey { name: \"log.example.test/node-1\", .. }"
        );
    }

    #[test]
    fn a_name_that_cannot_stand_in_a_note_is_refused() {
        for name in ["", "two words", "a+b", "line\nbreak", "bell\u{7}"] {
            assert_eq!(
                LogKey::from_seed(name, &[0; 32]).unwrap_err(),
                KeyError::Name(name.to_owned())
            );
        }
    }
}
