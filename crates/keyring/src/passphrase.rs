//! A master key made from a passphrase.
//!
//! Source: RFC 9106, 4 (the second recommended choice); OWASP Password Storage (the least that is taken back from disk);
//! NIST SP 800-63B-4 (15 characters where a passphrase is the only factor).

use crate::{KeyringError, Secret};
use argon2::{Algorithm, Argon2, Params, Version};
use aws_lc_rs::rand;
use std::{fmt, str::FromStr};

/// The fewest characters of a passphrase.
pub const LEAST_CHARACTERS: usize = 15;

/// 64 MiB.
const MEMORY: u32 = 65_536;
const PASSES: u32 = 3;
const LANES: u32 = 4;
/// 1 GiB: whoever writes to the keys folder must not be able to ask for all of this machine's memory.
const MOST_MEMORY: u32 = 1 << 20;

/// How a passphrase becomes a key: Argon2id, with these parameters and this salt. Not secret; kept in `root.key`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stretch {
    memory: u32,
    passes: u32,
    lanes: u32,
    salt: [u8; 16],
}

impl Stretch {
    /// The parameters for a new passphrase, with a fresh salt.
    pub(crate) fn fresh() -> Result<Self, KeyringError> {
        let mut salt = [0; 16];
        rand::fill(&mut salt).map_err(|_| KeyringError::Crypto { act: "make a salt" })?;
        Ok(Self {
            memory: MEMORY,
            passes: PASSES,
            lanes: LANES,
            salt,
        })
    }

    /// The 256-bit key that this passphrase stands for.
    pub(crate) fn key(
        &self,
        passphrase: &Secret<String>,
    ) -> Result<Secret<[u8; 32]>, KeyringError> {
        let refused = |_| KeyringError::Crypto {
            act: "make a key from a passphrase",
        };
        let parameters =
            Params::new(self.memory, self.passes, self.lanes, Some(32)).map_err(refused)?;
        let mut key = [0; 32];
        Argon2::new(Algorithm::Argon2id, Version::V0x13, parameters)
            .hash_password_into(passphrase.expose().as_bytes(), &self.salt, &mut key)
            .map_err(refused)?;
        Ok(Secret::new(key))
    }
}

impl fmt::Display for Stretch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            memory,
            passes,
            lanes,
            ..
        } = self;
        let salt = hex::encode(self.salt);
        write!(f, "argon2id,{memory},{passes},{lanes},{salt}")
    }
}

impl FromStr for Stretch {
    type Err = ();

    /// Reads what `Display` writes. Weaker than a passphrase may be stretched, or costlier than this machine should pay, is
    /// refused.
    fn from_str(text: &str) -> Result<Self, ()> {
        let mut parts = text.split(',');
        let mut next = || parts.next().ok_or(());
        if next()? != "argon2id" {
            return Err(());
        }
        let mut number = || next()?.parse::<u32>().map_err(|_| ());
        let (memory, passes, lanes) = (number()?, number()?, number()?);
        let mut salt = [0; 16];
        hex::decode_to_slice(next()?, &mut salt).map_err(|_| ())?;
        let sound = (MEMORY..=MOST_MEMORY).contains(&memory)
            && (PASSES..=16).contains(&passes)
            && (1..=16).contains(&lanes)
            && parts.next().is_none();
        sound
            .then_some(Self {
                memory,
                passes,
                lanes,
                salt,
            })
            .ok_or(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};

    #[test]
    fn a_passphrase_gives_the_key_that_another_argon2id_gives() {
        let stretch = Stretch {
            memory: 19_456,
            passes: 2,
            lanes: 1,
            salt: std::array::from_fn(|at| u8::try_from(at).unwrap()),
        };
        let key = stretch.key(&Secret::new("correct horse battery staple".to_owned()));
        assert_eq!(
            STANDARD_NO_PAD.encode(key.unwrap().expose()),
            "gYJZtjEAJqjg26xdLmknq8/bB7MiWPrE9hsYuA+SkIU"
        );
    }

    #[test]
    fn parameters_that_were_weakened_on_disk_are_refused() {
        let fresh = Stretch::fresh().unwrap();
        assert_eq!(fresh.to_string().parse(), Ok(fresh.clone()));
        for (from, to) in [
            (",65536,", ",8,"),
            (",65536,", ",4294967295,"),
            (",3,", ",1,"),
            ("argon2id", "argon2i"),
            (",4,", ",4,4,"),
        ] {
            let text = fresh.to_string().replacen(from, to, 1);
            assert_eq!(text.parse::<Stretch>(), Err(()), "{text}");
        }
    }
}
