//! Values that must not be read by anybody but their destination.

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

    /// SHA-256 of the text: what the store keeps in place of a session token.
    #[must_use]
    pub fn digest(&self) -> SessionDigest {
        SessionDigest(Sha256::digest(self.0.as_bytes()).into())
    }
}

/// SHA-256 of a session token. Knowing it does not let anybody in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SessionDigest(pub [u8; 32]);
