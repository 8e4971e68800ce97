//! How events end: at the end of their retention, or with the data of the tenant whose they were.
//!
//! What ends is everything that can be read of them: payloads in the ledger, keys, and what the index made of them. What
//! stays is their leaves, which say when something happened in some stream and no more, and every proof over them.

use avouch_keyring::{Keyring, KeyringError};
use avouch_ledger::{Doomed, ForgetError, Ledger};
use avouch_statement::TenantId;
use jiff::Timestamp;

use crate::{Index, IndexError, StreamId, Streams};

/// Why something could not be ended. Asking again goes on.
#[derive(Debug, thiserror::Error)]
pub enum KeepingError {
    /// The ledger's payloads could not be taken away.
    #[error("payloads cannot be taken out of the ledger")]
    Ledger(#[from] ForgetError),
    /// The index could not be written.
    #[error("events cannot be taken out of the index")]
    Index(#[from] IndexError),
    /// The keys could not be destroyed.
    #[error("the keys cannot be destroyed")]
    Keys(#[from] KeyringError),
    /// The list of streams could not be written.
    #[error("the list of streams cannot be written")]
    Streams(#[from] std::io::Error),
}

/// What was ended with a tenant's data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erased {
    /// The stream that was its own, if it ever had an event; its leaves stay in the ledger.
    pub stream: Option<StreamId>,
    /// Payloads that were taken out of the ledger now.
    pub payloads: u64,
}

/// Ends everything that happened before; gives how many payloads were taken out of the ledger.
///
/// # Errors
/// If the index or the ledger cannot be read or written.
pub async fn forget(
    ledger: &Ledger,
    index: &Index,
    before: Timestamp,
) -> Result<u64, KeepingError> {
    // What the index has not taken in yet it would take in afterwards, unless it is gone by then.
    index.catch_up().await?;
    index.forget(before).await?;
    Ok(ledger.forget(Doomed::Before(before)).await?)
}

/// Ends everything of a tenant: its keys first, so that a crash half way leaves nothing that can be read.
///
/// # Errors
/// If a part could not be ended; what was ended stays so, and asking again goes on.
pub async fn erase(
    ledger: &Ledger,
    index: &Index,
    keyring: &Keyring,
    streams: &Streams,
    tenant: &TenantId,
) -> Result<Erased, KeepingError> {
    keyring.shred(tenant)?;
    index.begin_anew().await?;
    let stream = streams.find(tenant);
    let payloads = match stream {
        Some(stream) => ledger.forget(Doomed::Stream(stream)).await?,
        None => 0,
    };
    streams.erase(tenant)?;
    Ok(Erased { stream, payloads })
}

#[cfg(test)]
mod tests;
