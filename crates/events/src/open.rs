//! Opens what the recorder sealed.

use std::sync::Arc;

use avouch_keyring::{KeyId, Keyring, KeyringError};
use avouch_ledger::Stored;
use avouch_statement::TenantId;

use crate::{Event, Owner, Streams, packed};

/// Opens sealed payloads of the ledger.
#[derive(Debug, Clone)]
pub struct Opener {
    keyring: Arc<Keyring>,
    streams: Arc<Streams>,
}

/// A payload with the salt of its commitment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// Whose it is; `None` for the platform's.
    pub tenant: Option<TenantId>,
    /// The salt.
    pub salt: [u8; 32],
    /// What was kept.
    pub payload: Vec<u8>,
}

/// Why an entry's payload cannot be read. Its leaf and proofs stay valid.
#[derive(Debug, thiserror::Error)]
pub enum UnreadableEvent {
    /// The stream is nobody's that is known here.
    #[error("its stream is not known here")]
    Stream,
    /// The data of whoever it was about were erased.
    #[error("it is of an organisation whose data were erased")]
    Erased,
    /// Its payload was taken away at the end of its retention.
    #[error("its payload was taken away")]
    Forgotten,
    /// The key is gone, or the bytes were altered.
    #[error("its payload cannot be opened")]
    Sealed(#[from] KeyringError),
    /// It is not what a recorder writes.
    #[error("its payload is not an event")]
    Form(#[from] serde_json::Error),
    /// It is packed in a way that this build does not know.
    #[error("its payload is packed in a way that this version does not know")]
    Packed,
    /// Too short to hold a salt.
    #[error("its payload holds no salt")]
    Salt,
}

impl Opener {
    /// Opens with these keys.
    #[must_use]
    pub fn new(keyring: Arc<Keyring>, streams: Arc<Streams>) -> Self {
        Self { keyring, streams }
    }

    /// Opens an entry's payload.
    ///
    /// # Errors
    /// If its key was destroyed, or it was altered.
    pub fn open(&self, stored: &Stored) -> Result<Opened, UnreadableEvent> {
        let tenant = match self.streams.owner(&stored.leaf.stream) {
            None => return Err(UnreadableEvent::Stream),
            Some(Owner::Erased) => return Err(UnreadableEvent::Erased),
            Some(_) if stored.sealed.is_empty() => return Err(UnreadableEvent::Forgotten),
            Some(Owner::Platform) => None,
            Some(Owner::Tenant(tenant)) => Some(tenant),
        };
        let owner = tenant.clone().map_or(KeyId::Platform, KeyId::Tenant);
        let plain = self
            .keyring
            .open_sealed(&owner, &stored.leaf.commitment, &stored.sealed)?;
        let (salt, payload) = plain
            .split_first_chunk::<32>()
            .ok_or(UnreadableEvent::Salt)?;
        Ok(Opened {
            tenant,
            salt: *salt,
            payload: packed::unpack(payload).ok_or(UnreadableEvent::Packed)?,
        })
    }

    /// Opens an entry that holds an event.
    ///
    /// # Errors
    /// As [`Opener::open`], or if it holds something else.
    pub fn event(&self, stored: &Stored) -> Result<Event, UnreadableEvent> {
        Ok(serde_json::from_slice(&self.open(stored)?.payload)?)
    }
}
