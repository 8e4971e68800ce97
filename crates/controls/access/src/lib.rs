//! Who: accounts, generated passwords, sessions, one-time codes, throttling.
//!
//! A sign-in is one act of showing an email address and its password. It opens a session on another host through a pass and
//! a one-time code. Signing out ends every sign-in of the person. What each type proves:
//!
//! | value | who can make it | what it proves |
//! | --- | --- | --- |
//! | [`Session`] | [`Access::resolve`], [`Access::enter`] | a live token, bound to this host, of an account that is not disabled |
//! | [`SignedIn`] | [`Access::sign_in`], [`Access::finish`] | the right password, and the second factor where there is one, within the limit on guesses |
//! | [`Halfway`] | [`Access::halfway`] | the right password, of somebody who has yet to show or set up a second factor |
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
mod approvals;
mod cache;
pub mod checks;
mod codes;
mod custody;
mod email;
mod endings;
mod erasure;
mod error;
mod halfway;
mod password;
mod people;
mod random;
mod second_factor;
mod sessions;
mod settings;
mod sign_in;
mod synthetic;
mod throttle;

pub use accounts::{Administrator, NewPerson};
pub use approvals::{Request, Second};
pub use codes::{Dead, StateDigest, Turned};
pub use custody::WAIT;
pub use endings::Ended;
pub use error::{AccessError, Forbidden};
pub use halfway::{Halfway, Stopped, Wanted};
pub use password::Password;
pub use people::{Person, PersonId, Role};
pub use second_factor::{CodeRefusal, Offer, RecoveryCodes, Shown};
pub use sessions::{Fresh, Limits, NewSession, Session, TokenDigest, fresh};
pub use settings::{Reach, SecondFactor, Settings, read, read_reach};
pub use sign_in::{Refusal, SignedIn, Tried};
pub use synthetic::{Guest, Worn};
pub use throttle::Lockout;

use avouch_keyring::{Keyring, Secret};
use avouch_store::Store;
use cache::Cache;
use std::{
    collections::HashSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// The accounts and sessions of one service.
pub struct Access {
    store: Store,
    settings: Settings,
    hasher: password::Hasher,
    seals: people::Seals,
    keyring: Arc<Keyring>,
    cache: Cache,
    listener: endings::Listener,
    /// Guests of whom a second factor is demanded as it is of those whom the statement names.
    stand_ins: Mutex<HashSet<PersonId>>,
}

impl Access {
    /// Takes the store, what the statement promises, the key that seals accounts, and the keys that seal second factors.
    ///
    /// # Errors
    /// If the system has no randomness, or the tables cannot be made.
    pub async fn open(
        store: Store,
        settings: Settings,
        seals: &Secret<[u8; 32]>,
        keyring: Arc<Keyring>,
    ) -> Result<Self, AccessError> {
        store
            .execute_schema(second_factor::kept::PART, second_factor::kept::SCHEMA)
            .await?;
        store
            .execute_schema(custody::SCHEMA.0, custody::SCHEMA.1)
            .await?;
        store
            .execute_schema(approvals::SCHEMA.0, approvals::SCHEMA.1)
            .await?;
        let hasher = password::Hasher::new(&settings).await?;
        Ok(Self {
            store,
            settings,
            hasher,
            seals: people::Seals::new(seals),
            keyring,
            cache: Cache::default(),
            listener: endings::Listener::new(),
            stand_ins: Mutex::default(),
        })
    }

    /// What the statement promises.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    fn stand_ins(&self) -> MutexGuard<'_, HashSet<PersonId>> {
        self.stand_ins
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
