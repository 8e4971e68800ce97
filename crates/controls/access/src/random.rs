//! Tokens: 256 random bits as text, and the digest that is stored in their place.

use crate::AccessError;
use avouch_keyring::Secret;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest as _, Sha256};

/// Fills with bytes from the system.
pub(crate) fn bytes<const N: usize>() -> Result<[u8; N], AccessError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| AccessError::Crypto {
        act: "draw random bytes",
    })?;
    Ok(bytes)
}

/// 256 random bits, in 43 characters that are safe in a cookie and an address.
pub(crate) fn token() -> Result<Secret<String>, AccessError> {
    Ok(Secret::new(URL_SAFE_NO_PAD.encode(bytes::<32>()?)))
}

/// SHA-256; enough for what has 256 bits of its own (OWASP ASVS 5.0.0, 6.5.2).
pub(crate) fn digest(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}
