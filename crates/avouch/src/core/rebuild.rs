//! Everything that is derived from the ledger, derived anew from the ledger alone.

use avouch_evidence::Sealed;
use avouch_ledger::Kind;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::rounds::{self, Kept};
use super::state::Core;
use crate::fail::{Fail, chain};

/// Rounds read ahead of the store.
const AHEAD: usize = 16;

impl Core {
    /// Holds the ledger's tiles to its journal, fills an empty index of events, and puts every round of checks that can be
    /// opened into the store; what was wrong is written anew.
    ///
    /// # Errors
    /// If the journal does not fit its checkpoint: nothing is derived from what was altered. Or if something cannot be read
    /// or written.
    pub async fn rebuild(&self) -> Result<Value, Fail> {
        let tiles = self
            .ledger
            .derive()
            .await
            .map_err(|error| Fail::new("the ledger's tiles are as they were").from(error))?;
        let unmade = |error| Fail::new("the index of events is not whole").from(error);
        self.index.begin_anew().await.map_err(unmade)?;
        let entries = self.index.catch_up().await.map_err(unmade)?;
        let rounds = self.rounds_anew().await?;
        Ok(json!({ "tiles": tiles, "entries": entries, "rounds": rounds }))
    }

    async fn rounds_anew(&self) -> Result<u64, Fail> {
        let (found, mut next) = mpsc::channel(AHEAD);
        let (reader, opener) = (self.reader.clone(), self.opener.clone());
        let reading = tokio::task::spawn_blocking(move || -> Result<(), String> {
            for stored in reader.scan(0) {
                let stored = stored.map_err(|error| chain(&error))?;
                if stored.leaf.kind != Kind::Round {
                    continue;
                }
                // Those past their retention cannot be opened, and are not kept in the store either.
                let Ok(opened) = opener.open(&stored) else {
                    continue;
                };
                let round = round(stored.index, &opened.payload)?;
                if found.blocking_send(round).is_err() {
                    break;
                }
            }
            Ok(())
        });
        let mut rounds = 0;
        while let Some((kept, at)) = next.recv().await {
            rounds::keep(&self.store, &kept, at).await?;
            rounds += 1;
        }
        let read = reading.await.map_err(|error| error.to_string());
        read.and_then(|read| read)
            .map_err(|why| Fail::new(format!("the rounds of checks are not whole: {why}")))?;
        Ok(rounds)
    }
}

fn round(index: u64, payload: &[u8]) -> Result<(Kept, Timestamp), String> {
    let wrong = |error: serde_json::Error| format!("entry {index} is no round of checks: {error}");
    let sealed: Sealed = serde_json::from_slice(payload).map_err(wrong)?;
    let header = sealed.round().map_err(wrong)?.header;
    let kept = Kept {
        number: header.number,
        index,
        sealed,
    };
    Ok((kept, header.at))
}
