//! Records events: salt, commit, seal, append. Returns when the event is on disk.

use std::sync::Arc;

use avouch_keyring::{KeyId, Keyring, KeyringError};
use avouch_ledger::{AppendError, Draft, Kind, Ledger, commit};
use avouch_statement::TenantId;
use jiff::Timestamp;
use tokio::sync::mpsc;

use crate::{Event, Streams, packed};

/// Writes events and other sealed payloads to the ledger.
#[derive(Clone)]
pub struct Recorder {
    ledger: Ledger,
    keyring: Arc<Keyring>,
    streams: Arc<Streams>,
    followers: Option<mpsc::UnboundedSender<(u64, Event)>>,
}

/// Where an event went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recorded {
    /// Its index in the ledger.
    pub index: u64,
}

/// Why an event was not recorded. Nothing may happen without it.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// It could not be sealed.
    #[error("the event cannot be sealed")]
    Seal(#[from] KeyringError),
    /// It could not be written as JSON.
    #[error("the event cannot be written as JSON")]
    Form(#[from] serde_json::Error),
    /// Its stream or its salt could not be had.
    #[error("the event's stream cannot be written down")]
    Stream(#[from] std::io::Error),
    /// The ledger refused it.
    #[error("the ledger did not take the event")]
    Append(#[from] AppendError),
}

impl Recorder {
    /// Records to this ledger, sealing under these keys. `followers` hears of each event once it is on disk.
    #[must_use]
    pub fn new(
        ledger: Ledger,
        keyring: Arc<Keyring>,
        streams: Arc<Streams>,
        followers: Option<mpsc::UnboundedSender<(u64, Event)>>,
    ) -> Self {
        Self {
            ledger,
            keyring,
            streams,
            followers,
        }
    }

    /// Records an event in its tenant's stream, or the platform's.
    ///
    /// # Errors
    /// If it is not certainly on disk.
    pub async fn record(&self, event: Event) -> Result<Recorded, RecordError> {
        let payload = serde_json::to_vec(&event)?;
        let recorded = self
            .record_payload(
                kind(&event),
                event.tenant.as_ref(),
                event.at,
                &payload,
                &payload,
            )
            .await?;
        self.tell(recorded.index, event);
        Ok(recorded)
    }

    /// Records several events under one flush, one after another: all of them, or none.
    ///
    /// # Errors
    /// If they are not certainly on disk. A crash before that may leave the first few of them in the ledger.
    pub async fn record_all(&self, events: Vec<Event>) -> Result<(), (RecordError, Vec<Event>)> {
        let drafts = events.iter().map(|event| {
            let payload = serde_json::to_vec(event)?;
            let tenant = event.tenant.as_ref();
            self.draft(kind(event), tenant, event.at, &payload, &payload)
        });
        let appended = match drafts.collect::<Result<Vec<_>, RecordError>>() {
            Ok(drafts) => self.ledger.append_all(drafts).await,
            Err(error) => return Err((error, events)),
        };
        let appended = match appended {
            Ok(appended) => appended,
            Err(error) => return Err((error.into(), events)),
        };
        for (appended, event) in appended.into_iter().zip(events) {
            self.tell(appended.index, event);
        }
        Ok(())
    }

    /// Records `committed` (what a verifier is shown) and keeps `kept` sealed beside it.
    ///
    /// # Errors
    /// If it is not certainly on disk.
    pub async fn record_payload(
        &self,
        kind: Kind,
        tenant: Option<&TenantId>,
        at: Timestamp,
        committed: &[u8],
        kept: &[u8],
    ) -> Result<Recorded, RecordError> {
        let draft = self.draft(kind, tenant, at, committed, kept)?;
        let appended = self.ledger.append(draft).await?;
        Ok(Recorded {
            index: appended.index,
        })
    }

    fn draft(
        &self,
        kind: Kind,
        tenant: Option<&TenantId>,
        at: Timestamp,
        committed: &[u8],
        kept: &[u8],
    ) -> Result<Draft, RecordError> {
        let mut salt = [0; 32];
        getrandom::fill(&mut salt).map_err(std::io::Error::other)?;
        let stream = self.streams.of(tenant)?;
        let commitment = commit(&salt, committed);
        let owner = tenant.map_or(KeyId::Platform, |tenant| KeyId::Tenant(tenant.clone()));
        let mut plain = Vec::with_capacity(salt.len() + kept.len());
        plain.extend_from_slice(&salt);
        packed::pack(kept, &mut plain);
        let sealed = self.keyring.seal(&owner, &commitment, &plain)?;
        Ok(Draft {
            kind,
            stream,
            time: at,
            commitment,
            sealed,
        })
    }

    fn tell(&self, index: u64, event: Event) {
        if let Some(followers) = &self.followers {
            // A follower that has gone only means that the index lags; it catches up from the ledger.
            let _ = followers.send((index, event));
        }
    }
}

fn kind(event: &Event) -> Kind {
    if event.action == crate::Action::System {
        Kind::System
    } else {
        Kind::Event
    }
}
