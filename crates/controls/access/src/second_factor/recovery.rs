//! Recovery codes: ten, shown once, each good once in place of a code from the application.
//!
//! Source: OWASP ASVS 5.0.0, 6.5.1 (once), 6.5.2 (at least 112 bits, or throttled and hashed: these have 80 bits, and both).

use crate::{AccessError, random};
use avouch_keyring::Secret;

/// How many are made.
pub(crate) const COUNT: usize = 10;

/// Letters and digits without those that are taken for one another.
const SIGNS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

/// Signs in a code, and in each of its groups.
const LENGTH: usize = 16;
const GROUP: usize = 4;

/// Recovery codes that are told this once.
#[derive(Debug, Clone)]
pub struct RecoveryCodes(Vec<Secret<String>>);

impl RecoveryCodes {
    /// Draws new ones.
    pub(crate) fn draw() -> Result<Self, AccessError> {
        let codes = (0..COUNT).map(|_| one()).collect::<Result<_, _>>()?;
        Ok(Self(codes))
    }

    /// Each as a person keeps it, in groups.
    pub fn expose(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|code| code.expose().as_str())
    }

    pub(crate) fn digests(&self) -> Vec<[u8; 32]> {
        self.0
            .iter()
            .filter_map(|code| digest(code.expose()))
            .collect()
    }
}

/// The digest of what was typed, whatever stands between its signs; `None` if it has not the length of a recovery code.
pub(crate) fn digest(typed: &str) -> Option<[u8; 32]> {
    let signs: String = typed
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|sign| sign.to_ascii_lowercase())
        .collect();
    (signs.len() == LENGTH).then(|| random::digest(&signs))
}

fn one() -> Result<Secret<String>, AccessError> {
    let drawn = Secret::new(random::bytes::<LENGTH>()?);
    let mut text = String::new();
    for (place, byte) in drawn.expose().iter().enumerate() {
        if place > 0 && place % GROUP == 0 {
            text.push('-');
        }
        text.extend(
            SIGNS
                .get(usize::from(byte & 31))
                .map(|sign| char::from(*sign)),
        );
    }
    Ok(Secret::new(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recovery_code_is_known_however_its_groups_are_parted() {
        let codes = RecoveryCodes::draw().unwrap();
        let code = codes.expose().next().unwrap();
        assert_eq!(code.len(), LENGTH + LENGTH / GROUP - 1);
        let kept = digest(code).unwrap();
        for typed in [
            code.to_uppercase(),
            code.replace('-', " "),
            code.replace('-', ""),
        ] {
            assert_eq!(digest(&typed), Some(kept), "{typed}");
        }
        assert_eq!(digest(&code[1..]), None);
        assert_eq!(codes.digests().len(), COUNT);
    }
}
