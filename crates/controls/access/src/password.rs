//! Passwords: made here, shown once, kept as Argon2id.
//!
//! Source: OWASP ASVS 5.0.0, appendix C (argon2id m=19456, t=2, p=1); NIST SP 800-63B-4, 3.1.1.2.

use crate::{AccessError, Settings, random};
use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{PasswordHash, PasswordHasher as _, PasswordVerifier as _, SaltString},
};
use avouch_keyring::Secret;
use std::{fmt, sync::Arc};
use tokio::sync::Semaphore;

/// Letters and digits: 62 signs, 5.95 bits each, so 71 bits in 12.
pub(crate) const ALPHABET: &[u8; 62] =
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// What the statement calls it.
pub(crate) const ALPHABET_NAME: &str = "letters-digits";

/// Memory, in KiB, for one hash.
const MEMORY: u32 = 19_456;
/// Passes over it.
const PASSES: u32 = 2;
/// Hashes under way at once: each takes 19 MiB, and a flood of sign-ins must not take them all.
const AT_ONCE: usize = 2;

/// A generated password, to be shown once to the person who hands it on.
#[derive(Clone)]
pub struct Password(Secret<String>);

impl Password {
    /// Draws each character evenly from the alphabet.
    ///
    /// # Errors
    /// If the system has no randomness.
    pub fn generate(length: usize) -> Result<Self, AccessError> {
        let mut text = String::with_capacity(length);
        while text.len() < length {
            let drawn = random::bytes::<32>()?;
            let even = drawn.iter().filter_map(|byte| sign(*byte));
            text.extend(even.take(length - text.len()));
        }
        Ok(Self(Secret::new(text)))
    }

    /// The password, for the one page or line that shows it.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(hidden)")
    }
}

/// One sign for six bits; the two values beyond the alphabet are thrown away, so that no sign is likelier.
fn sign(byte: u8) -> Option<char> {
    ALPHABET
        .get(usize::from(byte & 0x3f))
        .map(|sign| char::from(*sign))
}

/// What came of comparing a password with a stored hash.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Match {
    /// Not this one.
    No,
    /// This one.
    Yes,
    /// This one, hashed with weaker parameters than today's: here is the new hash.
    Rehashed(String),
}

/// Computes hashes, a few at a time, away from the threads that answer requests.
pub(crate) struct Hasher {
    seats: Arc<Semaphore>,
    nobody: Arc<str>,
}

impl Hasher {
    pub(crate) async fn new(settings: &Settings) -> Result<Self, AccessError> {
        let unknown = Password::generate(settings.length)?;
        let nobody = tokio::task::spawn_blocking(move || hash(unknown.expose())).await;
        let nobody = nobody.map_err(|_| AccessError::Crypto {
            act: "hash a password",
        })??;
        Ok(Self {
            seats: Arc::new(Semaphore::new(AT_ONCE)),
            nobody: nobody.into(),
        })
    }

    pub(crate) async fn hash(&self, password: &Password) -> Result<String, AccessError> {
        let password = password.clone();
        self.seated(move || hash(password.expose())).await?
    }

    /// Compares; with no stored hash, spends the same effort on one that nothing matches.
    pub(crate) async fn verify(
        &self,
        stored: Option<&str>,
        typed: &Secret<String>,
    ) -> Result<Match, AccessError> {
        let (known, stored) = (stored.is_some(), stored.unwrap_or(&self.nobody).to_owned());
        let typed = typed.clone();
        let found = self
            .seated(move || verify(&stored, typed.expose()))
            .await??;
        Ok(if known { found } else { Match::No })
    }

    async fn seated<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, AccessError> {
        let failed = || AccessError::Crypto {
            act: "hash a password",
        };
        let seat = self
            .seats
            .clone()
            .acquire_owned()
            .await
            .map_err(|_| failed())?;
        let work = move || {
            let done = work();
            drop(seat);
            done
        };
        tokio::task::spawn_blocking(work)
            .await
            .map_err(|_| failed())
    }
}

fn argon() -> Result<Argon2<'static>, AccessError> {
    let params = Params::new(MEMORY, PASSES, 1, None).map_err(|_| AccessError::Crypto {
        act: "hash a password",
    })?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn hash(password: &str) -> Result<String, AccessError> {
    let failed = |_| AccessError::Crypto {
        act: "hash a password",
    };
    let salt = SaltString::encode_b64(&random::bytes::<16>()?).map_err(failed)?;
    Ok(argon()?
        .hash_password(password.as_bytes(), &salt)
        .map_err(failed)?
        .to_string())
}

fn verify(stored: &str, typed: &str) -> Result<Match, AccessError> {
    let parsed = PasswordHash::new(stored).map_err(|_| AccessError::Corrupt {
        what: "a password hash",
    })?;
    if argon()?.verify_password(typed.as_bytes(), &parsed).is_err() {
        return Ok(Match::No);
    }
    let params = Params::try_from(&parsed).map_err(|_| AccessError::Corrupt {
        what: "a password hash",
    })?;
    if params.m_cost() < MEMORY || params.t_cost() < PASSES {
        return Ok(Match::Rehashed(hash(typed)?));
    }
    Ok(Match::Yes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_hashes_are_recognised_and_weaker_ones_made_anew() {
        const TYPED: &str = "correct horse battery staple";
        let today = "$argon2id$v=19$m=19456,t=2,p=1$AAECAwQFBgcICQoLDA0ODw$gYJZtjEAJqjg26xdLmknq8/bB7MiWPrE9hsYuA+SkIU";
        assert_eq!(verify(today, TYPED).unwrap(), Match::Yes);
        assert_eq!(
            verify(today, "Correct horse battery staple").unwrap(),
            Match::No
        );

        let weak = Argon2::new(
            Algorithm::Argon2id,
            Version::V0x13,
            Params::new(8192, 1, 1, None).unwrap(),
        );
        let salt = SaltString::encode_b64(&[0; 16]).unwrap();
        let weak = weak
            .hash_password(TYPED.as_bytes(), &salt)
            .unwrap()
            .to_string();
        let Match::Rehashed(anew) = verify(&weak, TYPED).unwrap() else {
            panic!("kept a weak hash")
        };
        assert!(
            anew.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{anew}"
        );
        assert_eq!(verify(&anew, TYPED).unwrap(), Match::Yes);
    }

    #[test]
    fn a_password_is_never_shown_by_debug() {
        let password = Password::generate(12).unwrap();
        assert_eq!(format!("{password:?}"), "Password(hidden)");
    }
}
