//! Who: accounts, generated passwords, sessions, one-time codes, throttling.
//!
//! A sign-in is one act of showing an email address and its password. It opens a session on another host through a pass and
//! a one-time code. Signing out ends every sign-in of the person. What each type proves:
//!
//! | value | who can make it | what it proves |
//! | --- | --- | --- |
//! | [`Session`] | [`Access::resolve`], [`Access::enter`] | a live token, bound to this host, of an account that is not disabled |
//! | [`SignedIn`] | [`Access::sign_in`] | the right password, within the limit on guesses |
//! | [`Administrator`] | [`Access::administrator`] | a session of somebody nominated, and how far they reach |
//!
//! No function takes a password that a person chose.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        reason = "a test may stop at the first surprise"
    )
)]

mod accounts;
mod cache;
pub mod checks;
mod codes;
mod email;
mod endings;
mod error;
mod password;
mod people;
mod random;
mod sessions;
mod settings;
mod sign_in;
mod synthetic;
mod throttle;

pub use accounts::{Administrator, NewPerson};
pub use codes::{Dead, StateDigest, Turned};
pub use endings::Ended;
pub use error::{AccessError, Forbidden};
pub use password::Password;
pub use people::{Person, PersonId, Role};
pub use sessions::{Fresh, Limits, NewSession, Session, TokenDigest, fresh};
pub use settings::{Settings, read};
pub use sign_in::{Refusal, SignedIn};
pub use synthetic::{Guest, Worn};
pub use throttle::Lockout;

use avouch_keyring::Secret;
use avouch_store::Store;
use cache::Cache;

/// The accounts and sessions of one service.
pub struct Access {
    store: Store,
    settings: Settings,
    hasher: password::Hasher,
    seals: people::Seals,
    cache: Cache,
    listener: endings::Listener,
}

impl Access {
    /// Takes the store, what the statement promises, and the key that seals accounts.
    ///
    /// # Errors
    /// If the system has no randomness.
    pub async fn open(
        store: Store,
        settings: Settings,
        seals: &Secret<[u8; 32]>,
    ) -> Result<Self, AccessError> {
        let hasher = password::Hasher::new(&settings).await?;
        Ok(Self {
            store,
            settings,
            hasher,
            seals: people::Seals::new(seals),
            cache: Cache::default(),
            listener: endings::Listener::new(),
        })
    }

    /// What the statement promises.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }
}

#[cfg(test)]
mod tests;
