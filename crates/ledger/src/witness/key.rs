//! The key that a witness signs with.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signer as _, SigningKey};

use crate::verify::WitnessKey;

/// How the text of a private key begins, as in Go's `sumdb/note`.
const PRIVATE: &str = "PRIVATE+KEY+";
/// Ed25519 over a checkpoint with the time of signing.
const COSIGNATURE_TYPE: u8 = 4;

/// A witness's private key.
#[derive(Clone)]
pub struct WitnessSigner {
    public: WitnessKey,
    key: SigningKey,
}

/// Why a private key cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignerError {
    /// The name cannot stand in a note.
    #[error(
        "`{0}` cannot name a witness: use a host and path such as `witness.example.test/w1`, without spaces or `+`"
    )]
    Name(String),
    /// The text is not a witness's private key.
    #[error("a witness's private key reads `PRIVATE+KEY+name+hash+base64`, of key type 4")]
    Form,
}

impl WitnessSigner {
    /// The key of the witness `name`, from its 32 secret bytes.
    ///
    /// # Errors
    ///
    /// [`SignerError::Name`] when the name is empty or holds a space, a control character or `+`.
    pub fn from_seed(name: &str, seed: &[u8; 32]) -> Result<Self, SignerError> {
        let key = SigningKey::from_bytes(seed);
        let public = WitnessKey::new(name, key.verifying_key().to_bytes())
            .ok_or_else(|| SignerError::Name(name.to_owned()))?;
        Ok(Self { public, key })
    }

    /// Reads a private key's text.
    ///
    /// # Errors
    ///
    /// [`SignerError`] when it is not one, or its parts do not belong together.
    pub fn parse(text: &str) -> Result<Self, SignerError> {
        let mut parts = text
            .trim()
            .strip_prefix(PRIVATE)
            .ok_or(SignerError::Form)?
            .splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(SignerError::Form);
        };
        let typed = STANDARD.decode(key).map_err(|_| SignerError::Form)?;
        let (kind, seed) = typed.split_first().ok_or(SignerError::Form)?;
        let seed: [u8; 32] = seed.try_into().map_err(|_| SignerError::Form)?;
        let signer = Self::from_seed(name, &seed)?;
        let known = format!("{:08x}", u32::from_be_bytes(signer.public.id()));
        if *kind == COSIGNATURE_TYPE && known == id {
            Ok(signer)
        } else {
            Err(SignerError::Form)
        }
    }

    /// The private key's text, to be kept where nobody else reads it.
    #[must_use]
    pub fn secret_text(&self) -> String {
        let typed = [&[COSIGNATURE_TYPE], self.key.as_bytes().as_slice()].concat();
        let id = u32::from_be_bytes(self.public.id());
        format!(
            "{PRIVATE}{}+{id:08x}+{}\n",
            self.public.name(),
            STANDARD.encode(typed)
        )
    }

    /// The public key: what logs and readers pin.
    #[must_use]
    pub fn public(&self) -> &WitnessKey {
        &self.public
    }

    /// The signature line over a checkpoint's text, at this time in seconds since 1970 UTC.
    pub(super) fn cosign(&self, text: &str, time: u64) -> String {
        let message = format!("cosignature/v1\ntime {time}\n{text}");
        let signature = self.key.sign(message.as_bytes()).to_bytes();
        let blob = [self.public.id().as_slice(), &time.to_be_bytes(), &signature].concat();
        format!(
            "\u{2014} {} {}\n",
            self.public.name(),
            STANDARD.encode(blob)
        )
    }
}

impl fmt::Debug for WitnessSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WitnessSigner")
            .field("name", &self.public.name())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signer() -> WitnessSigner {
        let seed: Vec<u8> = (0x20..0x40).collect();
        WitnessSigner::from_seed("witness.example/w1", &seed.try_into().unwrap()).unwrap()
    }

    #[test]
    fn a_cosignature_is_that_of_the_published_vector() {
        let text =
            "log.avouch.example/tenant-a\n300\nL3ZHWlngXpznHioD9Mkjh4ubuoOG5yU+X3ywJJkMRWI=\n";
        assert_eq!(
            signer().cosign(text, 1_767_225_600),
            "\u{2014} witness.example/w1 IDJKvgAAAABpVbkA9A+baARTP/nf5Ew19OUiQjH1CW2Ve5WEjkI48ggpdCjTjhnIZPD67KaK95jcCt/73LssNx6os1KLeykHbLedDQ==\n"
        );
    }

    #[test]
    fn a_private_key_reads_back_and_an_altered_one_does_not() {
        let text = signer().secret_text();
        let again = WitnessSigner::parse(&text).unwrap();
        assert_eq!(again.public(), signer().public());
        assert_eq!(
            again.public().to_string(),
            "witness.example/w1+20324abe+BCmsuuFBvMrwsi4alNNNC8c2HlJtC/4SyJeUvJMilm3X"
        );
        for altered in [
            text.replace("w1", "w2"),
            text.replace("PRIVATE", "PUBLIC"),
            text.replace("20324abe", "20324abf"),
            text.replace("+BC", "+AC"),
        ] {
            assert_ne!(altered, text);
            assert_eq!(
                WitnessSigner::parse(&altered).unwrap_err(),
                SignerError::Form
            );
        }
    }

    #[test]
    fn the_secret_is_not_in_the_debug_text() {
        assert_eq!(
            format!("{:?}", signer()),
            "WitnessSigner { name: \"witness.example/w1\", .. }"
        );
    }
}
