//! Public keys as people pin them, `name+hash+base64`: a log's, and a witness's.
//!
//! Source: C2SP signed-note v1.0.0, tlog-cosignature v1.0.1.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Says that the key is Ed25519 over the note's text.
const ED25519_TYPE: u8 = 1;
/// Says that the key is Ed25519 over a checkpoint with the time of signing.
const COSIGNATURE_TYPE: u8 = 4;

/// A log's name and public key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vkey {
    name: String,
    key: [u8; 32],
}

/// A witness's name and public key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WitnessKey {
    name: String,
    key: [u8; 32],
}

/// Why text is not a public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum VkeyFault {
    /// Not of the form `name+hash+base64`.
    #[error("a public key reads `name+hash+base64`")]
    Form,
    /// A type of key that is not the one asked for.
    #[error("the key is of type {0}; a log's Ed25519 key is of type 1, a witness's of type 4")]
    Type(u8),
    /// The hash in the middle is not that of name and key: something was mistyped.
    #[error("the public key's name, hash and key do not belong together; copy it again")]
    Hash,
}

impl Vkey {
    /// A key from its parts; `None` if the name cannot stand in a note.
    #[must_use]
    pub fn new(name: &str, key: [u8; 32]) -> Option<Self> {
        is_name(name).then(|| Self {
            name: name.to_owned(),
            key,
        })
    }

    /// The log's origin.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The 32 bytes of the Ed25519 public key.
    #[must_use]
    pub fn key(&self) -> &[u8; 32] {
        &self.key
    }

    /// The four bytes that a signature line starts with.
    #[must_use]
    pub fn id(&self) -> [u8; 4] {
        key_id(&self.name, ED25519_TYPE, &self.key)
    }

    /// Whether this key made the signature over these bytes.
    pub(crate) fn signed(&self, message: &[u8], signature: &[u8]) -> bool {
        signed(&self.key, message, signature)
    }
}

impl WitnessKey {
    /// A key from its parts; `None` if the name cannot stand in a note.
    #[must_use]
    pub fn new(name: &str, key: [u8; 32]) -> Option<Self> {
        is_name(name).then(|| Self {
            name: name.to_owned(),
            key,
        })
    }

    /// The witness's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The 32 bytes of the Ed25519 public key.
    #[must_use]
    pub fn key(&self) -> &[u8; 32] {
        &self.key
    }

    /// The four bytes that its signature lines start with.
    #[must_use]
    pub fn id(&self) -> [u8; 4] {
        key_id(&self.name, COSIGNATURE_TYPE, &self.key)
    }

    /// Whether this key made the signature over these bytes.
    pub(crate) fn signed(&self, message: &[u8], signature: &[u8]) -> bool {
        signed(&self.key, message, signature)
    }
}

impl FromStr for Vkey {
    type Err = VkeyFault;

    fn from_str(text: &str) -> Result<Self, VkeyFault> {
        let (name, key) = parse(text, ED25519_TYPE)?;
        Self::new(name, key).ok_or(VkeyFault::Form)
    }
}

impl FromStr for WitnessKey {
    type Err = VkeyFault;

    fn from_str(text: &str) -> Result<Self, VkeyFault> {
        let (name, key) = parse(text, COSIGNATURE_TYPE)?;
        Self::new(name, key).ok_or(VkeyFault::Form)
    }
}

impl fmt::Display for Vkey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show(f, &self.name, ED25519_TYPE, &self.key)
    }
}

impl fmt::Display for WitnessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show(f, &self.name, COSIGNATURE_TYPE, &self.key)
    }
}

fn parse(text: &str, wanted: u8) -> Result<(&str, [u8; 32]), VkeyFault> {
    // Base64 may hold `+`, so only the first two split.
    let mut parts = text.splitn(3, '+');
    let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(VkeyFault::Form);
    };
    let typed = STANDARD.decode(key).map_err(|_| VkeyFault::Form)?;
    let (kind, key) = typed.split_first().ok_or(VkeyFault::Form)?;
    if *kind != wanted {
        return Err(VkeyFault::Type(*kind));
    }
    let key: [u8; 32] = key.try_into().map_err(|_| VkeyFault::Form)?;
    if !is_name(name) {
        Err(VkeyFault::Form)
    } else if hex(key_id(name, wanted, &key)) == id {
        Ok((name, key))
    } else {
        Err(VkeyFault::Hash)
    }
}

fn show(f: &mut fmt::Formatter<'_>, name: &str, kind: u8, key: &[u8; 32]) -> fmt::Result {
    let id = hex(key_id(name, kind, key));
    write!(f, "{name}+{id}+{}", STANDARD.encode(typed(kind, key)))
}

fn key_id(name: &str, kind: u8, key: &[u8; 32]) -> [u8; 4] {
    let hashed = [name.as_bytes(), b"\n", &typed(kind, key)].concat();
    let mut id = [0; 4];
    id.iter_mut()
        .zip(digest(&SHA256, &hashed).as_ref())
        .for_each(|(to, from)| *to = *from);
    id
}

fn typed(kind: u8, key: &[u8; 32]) -> Vec<u8> {
    [&[kind], key.as_slice()].concat()
}

fn signed(key: &[u8; 32], message: &[u8], signature: &[u8]) -> bool {
    UnparsedPublicKey::new(&ED25519, key)
        .verify(message, signature)
        .is_ok()
}

fn hex(id: [u8; 4]) -> String {
    format!("{:08x}", u32::from_be_bytes(id))
}

/// Whether a name can stand in a signature line.
pub(crate) fn is_name(name: &str) -> bool {
    !name.is_empty()
        && !name
            .chars()
            .any(|c| c.is_whitespace() || c.is_control() || c == '+')
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str =
        "log.avouch.example/tenant-a+7b62c721+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4";

    #[test]
    fn a_public_key_prints_as_it_was_read() {
        let vkey: Vkey = TEXT.parse().unwrap();
        assert_eq!(vkey.name(), "log.avouch.example/tenant-a");
        assert_eq!(vkey.to_string(), TEXT);
    }

    #[test]
    fn a_mistyped_public_key_is_refused_with_the_reason() {
        let witness = "witness.example/w1+20324abe+BCmsuuFBvMrwsi4alNNNC8c2HlJtC/4SyJeUvJMilm3X";
        for (text, fault) in [
            ("name only", VkeyFault::Form),
            ("a+b+c", VkeyFault::Form),
            ("a+00000000+AQ==", VkeyFault::Form),
            (witness, VkeyFault::Type(4)),
            (&TEXT.replace("tenant-a", "tenant-b"), VkeyFault::Hash),
            (&TEXT.replace("7b62c721", "7B62C721"), VkeyFault::Hash),
        ] {
            assert_eq!(text.parse::<Vkey>(), Err(fault), "{text}");
        }
        assert_eq!(witness.parse::<WitnessKey>().unwrap().to_string(), witness);
        assert_eq!(TEXT.parse::<WitnessKey>(), Err(VkeyFault::Type(1)));
    }
}
