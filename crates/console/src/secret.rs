//! Values that must not be read by anybody but their destination.

use std::fmt;

use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

/// A password, a one-time code or a session token: no `Debug`, no `Display`, wiped when dropped.
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes the text over.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text itself, for the one place that must have it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// 128 random bits in hexadecimal; `None` if the system has no randomness.
    pub(crate) fn draw() -> Option<Self> {
        let mut bytes = Zeroizing::new([0; 16]);
        getrandom::fill(bytes.as_mut_slice()).ok()?;
        Some(Self::new(hex::encode(bytes.as_slice())))
    }

    /// SHA-256 of the text: what the store keeps in place of a session token.
    #[must_use]
    pub fn digest(&self) -> SessionDigest {
        SessionDigest(Sha256::digest(self.0.as_bytes()).into())
    }

    /// SHA-256 of the text, when it is the state that a browser was marked with.
    #[must_use]
    pub fn state_digest(&self) -> StateDigest {
        StateDigest(Sha256::digest(self.0.as_bytes()).into())
    }
}

/// SHA-256 of a session token. Knowing it does not let anybody in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SessionDigest(pub [u8; 32]);

/// SHA-256 of the state that a browser was marked with. It may stand in an address: nobody can enter with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StateDigest(pub [u8; 32]);

impl StateDigest {
    /// Reads what [`StateDigest`] displays; `None` when it is anything else.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let mut digest = Self([0; 32]);
        hex::decode_to_slice(text, &mut digest.0).ok()?;
        Some(digest)
    }
}

impl fmt::Display for StateDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}
