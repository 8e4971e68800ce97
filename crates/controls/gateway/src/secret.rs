//! Bytes that no log, error or `Debug` may show.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Secret bytes: a private key or a seed. `Debug` shows only that there is something.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SecretBytes(Vec<u8>);

impl SecretBytes {
    /// Takes the bytes in.
    pub const fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The bytes themselves, for the one place that needs them.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for SecretBytes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SecretBytes(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use super::SecretBytes;

    #[test]
    fn debug_output_shows_nothing_of_a_secret() {
        assert_eq!(
            format!("{:?}", SecretBytes::new(vec![7, 7, 7])),
            "SecretBytes(hidden)"
        );
    }
}
